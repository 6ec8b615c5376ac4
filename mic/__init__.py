# SPDX-License-Identifier: MIT
"""Lossless coding of 8- to 16-bit medical images.

>>> import mic, numpy as np
>>> image = np.arange(65536, dtype=np.uint16).reshape(256, 256)
>>> stream = mic.encode(image)
>>> bool((mic.decode(stream) == image).all())
True
"""

import importlib
from typing import TYPE_CHECKING, Any

from . import api, stages
from ._version import __version__
from .api import (
    CODECS,
    DEFAULT_CODEC,
    MAX_PIXELS,
    StreamInfo,
    cpu_info,
    decode,
    decode_batch,
    encode,
    info,
)
from .errors import CorruptDataError, LimitError, MicError, UnsupportedError, VerifyError
from .files import MicFile, MicWriter, create, open
from .published import CONTAINERS, StreamPart
from .slides import Level, SlideWriter, create_slide

if TYPE_CHECKING:
    from . import archive as archive
    from . import dicom, display, gpu, jpegls, transcode, volume
    from . import imagecodecs as imagecodecs
    from . import numcodecs as numcodecs
    from . import torch as torch
    from . import zarr as zarr
    from .dicom_pixels import MICLossless
    from .pydicom_plugin import register, unregister

api.check_forced_isa()

__all__ = [
    "CODECS",
    "CONTAINERS",
    "DEFAULT_CODEC",
    "MAX_PIXELS",
    "CorruptDataError",
    "Level",
    "LimitError",
    "MICLossless",
    "MicError",
    "MicFile",
    "MicWriter",
    "SlideWriter",
    "StreamInfo",
    "StreamPart",
    "UnsupportedError",
    "VerifyError",
    "__version__",
    "cpu_info",
    "create",
    "create_slide",
    "decode",
    "decode_batch",
    "dicom",
    "display",
    "encode",
    "gpu",
    "info",
    "jpegls",
    "open",
    "register",
    "stages",
    "transcode",
    "unregister",
    "volume",
]

# What needs pydicom is imported when it is first asked for.
_LAZY = {
    "dicom": (".dicom", None),
    "display": (".display", None),
    "gpu": (".gpu", None),
    "volume": (".volume", None),
    # Each needs an extra of its own, so `from mic import *` leaves them out.
    "archive": (".archive", None),
    "imagecodecs": (".imagecodecs", None),
    "numcodecs": (".numcodecs", None),
    "torch": (".torch", None),
    "zarr": (".zarr", None),
    "jpegls": (".jpegls", None),
    "MICLossless": (".dicom_pixels", "MICLossless"),
    "register": (".pydicom_plugin", "register"),
    "transcode": (".transcode", None),
    "unregister": (".pydicom_plugin", "unregister"),
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module_name, attribute = _LAZY[name]
    module = importlib.import_module(module_name, __name__)
    value = module if attribute is None else getattr(module, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
