# SPDX-License-Identifier: MIT
"""Lossless coding of 8- to 16-bit medical images.

Examples
--------
>>> import mic, numpy as np
>>> image = np.arange(65536, dtype=np.uint16).reshape(256, 256)
>>> stream = mic.encode(image)
>>> bool((mic.decode(stream) == image).all())
True
"""

import os
from typing import TYPE_CHECKING

from ._version import __version__
from .errors import CorruptDataError, LimitError, MicError, UnsupportedError, VerifyError
from .faces import former, lazy

if TYPE_CHECKING:
    from . import api as api
    from . import archive as archive
    from . import dicom, display, gpu, jpegls, stages, transcode, volume
    from . import files as files
    from . import imagecodecs as imagecodecs
    from . import numcodecs as numcodecs
    from . import slides as slides
    from . import torch as torch
    from . import zarr as zarr
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
    from .codec.published import CONTAINERS, StreamPart
    from .dicom.pixels import MICLossless
    from .dicom.plugin import register, unregister
    from .files import MicFile, MicWriter, create, open
    from .slides import Level, SlideWriter, create_slide

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

# Everything is imported on first use: `mic --help` does not even need numpy, and few programs
# need both slides and volumes.
_HOMES = {
    "CODECS": ".api",
    "CONTAINERS": ".codec.published",
    "DEFAULT_CODEC": ".api",
    "Level": ".slides",
    "MAX_PIXELS": ".api",
    "MICLossless": ".dicom.pixels",
    "MicFile": ".files",
    "MicWriter": ".files",
    "SlideWriter": ".slides",
    "StreamInfo": ".api",
    "StreamPart": ".codec.published",
    "api": ".api",
    "cpu_info": ".api",
    "create": ".files",
    "create_slide": ".slides",
    "decode": ".api",
    "decode_batch": ".api",
    "dicom": ".dicom",
    "display": ".display",
    "encode": ".api",
    "files": ".files",
    "gpu": ".gpu",
    "info": ".api",
    "jpegls": ".jpegls",
    "open": ".files",
    "register": ".dicom.plugin",
    "slides": ".slides",
    "stages": ".stages",
    "transcode": ".transcode",
    "unregister": ".dicom.plugin",
    "volume": ".volume",
    # Each of these needs an extra of its own, so `from mic import *` leaves them out.
    "archive": ".archive",
    "imagecodecs": ".imagecodecs",
    "numcodecs": ".numcodecs",
    "torch": ".torch",
    "zarr": ".zarr",
}

if not TYPE_CHECKING:  # a checker finds the names above, and names that do not exist
    __getattr__ = lazy(__name__, _HOMES)

# Modules of 0.1.0 with classes that existing pickles may name.
former(
    __name__,
    {
        "archive_report": ".archive.report",
        "dicom_index": ".dicom.index",
        "dicom_pixels": ".dicom.pixels",
        "gpu_batch": ".gpu.batch",
        "imagefiles": ".dicom.reading",
        "published": ".codec.published",
        "stream_info": ".codec.info",
        "tiles": ".codec.tiles",
        "torch_series": ".torch.series",
        "torch_tensors": ".torch.tensors",
        "transcode_syntaxes": ".dicom.syntaxes",
    },
)

if os.environ.get("MIC_CPU"):
    from .api import check_forced_isa as _check_forced_isa

    _check_forced_isa()


def __dir__() -> list[str]:
    return sorted({*__all__, *_HOMES})
