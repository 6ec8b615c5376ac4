# SPDX-License-Identifier: MIT
"""The available means of decoding: the library and its devices."""

from __future__ import annotations

from dataclasses import dataclass

from .decoder import gpu_names, import_nvimgcodec

_INSTALL = 'pip install "mic-codec[gpu]" (CUDA 13) or "mic-codec[gpu-cu12]"'


@dataclass(frozen=True)
class Status:
    """Whether nvImageCodec decodes frames, or could.

    Attributes
    ----------
    ok : bool
        It is registered (from `register`), or could be (from `status`).
    reason : str
        One sentence.
    nvimgcodec : str or None
        Version of the library.
    devices : tuple of str
        Names of the GPUs that the driver offers.
    backend : {"gpu", "cpu"} or None
        Where registered frames are decoded.
    """

    ok: bool
    reason: str
    nvimgcodec: str | None = None
    devices: tuple[str, ...] = ()
    backend: str | None = None

    def __bool__(self) -> bool:
        return self.ok


def examine(cpu: bool, device: int = 0) -> Status:
    """Check whether nvImageCodec could decode on a GPU, or with its CPU decoders."""
    nvimgcodec = import_nvimgcodec()
    devices, driver = gpu_names()
    if nvimgcodec is None:
        return Status(False, f"nvImageCodec is not installed; {_INSTALL}", None, devices)
    version = str(nvimgcodec.__version__)
    if cpu:
        return Status(True, "nvImageCodec's CPU decoders can be used", version, devices)
    if not devices:
        reason = f"{driver}; mic.gpu.register(cpu=True) uses nvImageCodec without a GPU"
        return Status(False, reason, version)
    if not 0 <= device < len(devices):
        reason = f"GPU {device} does not exist, 0 to {len(devices) - 1} are expected"
        return Status(False, reason, version, devices)
    return Status(True, f"{devices[device]} can be used", version, devices)


def has_device() -> bool:
    """Whether there is a GPU that nvImageCodec could use."""
    return examine(cpu=False).ok
