# SPDX-License-Identifier: MIT
"""nvImageCodec's decoder, silenced and used only for what it decodes exactly."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import importlib.util
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .codestream import Codestream
from .probe import probe_frames

_NAME = "nvidia.nvimgcodec"

# The decoders that need no GPU. Without a GPU the others only print to stderr that they lack
# libraries.
_CPU_EXTENSIONS = ("libjpeg_turbo_ext", "libopencv_ext")


def import_nvimgcodec() -> Any:
    """Return the module, or None if it is not installed or cannot be loaded."""
    if _NAME not in sys.modules:
        with _quiet_start():
            try:
                importlib.import_module(_NAME)
            except ImportError:
                return None
    return sys.modules[_NAME]


def gpu_names() -> tuple[tuple[str, ...], str]:
    """Return the names of the GPUs, and the reason if there are none.

    Asks the driver directly, which needs neither a CUDA runtime nor a Python package.
    """
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError:
        return (), f"there is no NVIDIA driver ({name} cannot be loaded)"
    count = ctypes.c_int()
    code = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    if code:
        return (), f"the NVIDIA driver answers with error {code}"
    names = []
    for index in range(count.value):
        handle, text = ctypes.c_int(), ctypes.create_string_buffer(128)
        if driver.cuDeviceGet(ctypes.byref(handle), index) == 0:
            driver.cuDeviceGetName(text, len(text), handle)
        names.append(text.value.decode(errors="replace") or f"GPU {index}")
    return tuple(names), "the NVIDIA driver finds no GPU"


@functools.cache
def decoder_for(device: int | None) -> NvimgcodecDecoder:
    """Return the decoder of a device, created once; see `NvimgcodecDecoder`."""
    return NvimgcodecDecoder(device)


class NvimgcodecDecoder:
    """A decoder on one GPU, or on the CPU.

    Several threads may use one object: a lock serialises its calls.

    Parameters
    ----------
    device : int or None
        Number of the GPU; None for the CPU.

    Raises
    ------
    RuntimeError
        nvImageCodec cannot work here; the message is its own.
    """

    def __init__(self, device: int | None) -> None:
        nvimgcodec = import_nvimgcodec()
        if nvimgcodec is None:
            raise RuntimeError("nvImageCodec is not installed")
        self.device = device
        self._lock = threading.Lock()
        self._library = nvimgcodec
        if device is None:
            backend = nvimgcodec.Backend(nvimgcodec.BackendKind.CPU_ONLY)
            cpu = nvimgcodec.NVIMGCODEC_DEVICE_CPU_ONLY
            self._decoder = nvimgcodec.Decoder(device_id=cpu, backends=[backend])
        else:
            self._decoder = nvimgcodec.Decoder(device_id=device)
        self.exact = frozenset(self._probe())

    def _probe(self) -> Iterator[tuple[str, int, bool]]:
        for coding, precision, signed, frame, samples in probe_frames():
            decoded = self.decode([frame])[0]
            if decoded is not None and np.array_equal(to_numpy(decoded), samples):
                yield coding, precision, signed

    def takes(self, codestream: Codestream) -> bool:
        """Whether this kind of frame is decoded and, if it is lossless, decoded exactly."""
        if codestream.coding == "jpeg":
            return codestream.precision == 8
        return any(
            codestream.coding == coding
            and codestream.signed == signed
            and codestream.precision <= 16
            # The 12-bit probe stands for 9 to 15 bits; JPEG 2000 has one path for all depths.
            and (codestream.coding != "jpeg-lossless" or _depth(codestream.precision) == precision)
            for coding, precision, signed in self.exact
        )

    def decode(self, frames: Sequence[bytes], colour: str = "stored") -> list[Any]:
        """Decode frames of one kind; the result of a frame that fails is None.

        Parameters
        ----------
        frames : sequence of bytes
            Encoded frames.
        colour : {"stored", "luma-chroma", "rgb"}
            The components as they are stored (in JPEG: if decoders take them as RGB),
            the Y, Cb and Cr of a JPEG, or RGB.

        Returns
        -------
        list
            nvImageCodec images, on the device of this decoder.
        """
        spec, layout = self._library.ColorSpec, self._library.SampleFormat
        colour_spec, sample_format = {
            "stored": (spec.UNCHANGED, layout.I_UNCHANGED),
            "luma-chroma": (spec.SYCC, layout.I_YCC),
            "rgb": (spec.SRGB, layout.I_RGB),
        }[colour]
        parameters = self._library.DecodeParams(
            apply_exif_orientation=False,
            color_spec=colour_spec,
            allow_any_depth=True,
            sample_format=sample_format,
        )
        with self._lock:
            return list(self._decoder.decode(list(frames), params=parameters))

    def upload(self, samples: NDArray[Any]) -> Any:
        """Copy samples (rows, columns[, samples]) to the GPU of this decoder."""
        planes = np.ascontiguousarray(samples if samples.ndim == 3 else samples[..., None])
        with self._lock:
            return self._library.as_image(planes).cuda()


def to_numpy(image: Any) -> NDArray[Any]:
    """Copy the samples of a decoded image to host memory: (rows, columns[, samples])."""
    host = image if str(image.buffer_kind).endswith("HOST") else image.cpu()
    samples = np.asarray(host)
    return samples[..., 0] if samples.ndim == 3 and samples.shape[2] == 1 else samples


def _depth(precision: int) -> int:
    return 8 if precision <= 8 else 12 if precision < 16 else 16


@contextlib.contextmanager
def _quiet_start() -> Iterator[None]:
    """Set environment variables that the library reads when it is loaded.

    Otherwise it would print to stderr what mic reports in a `Status`, and again for
    every frame that it cannot decode.  Variables that the user has set are left alone.
    """
    wanted = {"PYNVIMGCODEC_VERBOSITY": "0", "OPENCV_LOG_LEVEL": "SILENT"}
    with contextlib.ExitStack() as stack:
        if not gpu_names()[0]:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            if _link_cpu_extensions(folder):
                wanted["NVIMGCODEC_EXTENSIONS_PATH"] = str(folder)
        added = [name for name in wanted if name not in os.environ]
        os.environ.update({name: wanted[name] for name in added})
        try:
            yield
        finally:
            for name in added:
                del os.environ[name]


def _link_cpu_extensions(folder: Path) -> bool:
    package = importlib.util.find_spec(_NAME) if importlib.util.find_spec("nvidia") else None
    if package is None or package.origin is None:
        return False
    for extension in (Path(package.origin).parent / "extensions").glob("*"):
        if extension.name.startswith(_CPU_EXTENSIONS):
            (folder / extension.name).symlink_to(extension)
    return any(folder.iterdir())
