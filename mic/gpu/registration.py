# SPDX-License-Identifier: MIT
"""Put nvImageCodec in front of pydicom's decoders, and take it out again."""

from __future__ import annotations

from typing import Any

from .decoder import decoder_for
from .state import Status, examine

_registered: Status | None = None


def status() -> Status:
    """Report what `register` would find or, once registered, what it did.

    Changes nothing and raises nothing.

    Returns
    -------
    Status
    """
    return _registered or examine(cpu=False)


def register(cpu: bool = False, device: int = 0) -> Status:
    """Put nvImageCodec before pydicom's other decoders.

    It is registered for JPEG baseline, JPEG lossless (both), JPEG 2000 (both) and HTJ2K
    (all three).  The existing plugins stay, in their order, and get the frames that
    nvImageCodec does not decode exactly: each kind of lossless frame is first tried on
    a tiny image.

    Parameters
    ----------
    cpu : bool
        Use nvImageCodec's CPU decoders: no GPU is needed.  They decode neither signed
        JPEG 2000 nor JPEG lossless of more than 8 bits.
    device : int
        Number of the GPU.

    Returns
    -------
    Status
        If not ``ok``, nothing was registered, and ``reason`` says why.  Call again to
        change the device or backend.
    """
    global _registered
    found = examine(cpu, device)
    if not found.ok:
        return found
    from ..dicom.internals import put_first
    from . import plugin as gpu_plugin

    try:
        decoder = decoder_for(None if cpu else device)
    except RuntimeError as error:
        return Status(
            False,
            f"nvImageCodec cannot make a decoder: {error}; install the libraries it names",
            found.nvimgcodec,
            found.devices,
        )
    unregister()
    gpu_plugin.use_decoder(decoder)
    for pydicom_decoder in _pydicom_decoders():
        pydicom_decoder.add_plugin(gpu_plugin.LABEL, (gpu_plugin.__name__, "decode_frame"))
        put_first(pydicom_decoder, gpu_plugin.LABEL)
    where = "its CPU decoders" if cpu else found.devices[device]
    _registered = Status(
        True,
        f"nvImageCodec {found.nvimgcodec} decodes on {where}",
        found.nvimgcodec,
        found.devices,
        "cpu" if cpu else "gpu",
    )
    return _registered


def unregister() -> bool:
    """Remove nvImageCodec from pydicom's decoders; the others keep their order.

    Returns
    -------
    bool
        Whether it was registered.
    """
    global _registered
    if _registered is None:
        return False
    from . import plugin as gpu_plugin

    for pydicom_decoder in _pydicom_decoders():
        if gpu_plugin.LABEL in pydicom_decoder.available_plugins:
            pydicom_decoder.remove_plugin(gpu_plugin.LABEL)
    gpu_plugin.use_decoder(None)
    _registered = None
    return True


def _pydicom_decoders() -> list[Any]:
    from pydicom.pixels.decoders.base import get_decoder

    from .plugin import SYNTAXES

    return [get_decoder(syntax) for syntax in SYNTAXES]
