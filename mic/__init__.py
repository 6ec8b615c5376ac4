# SPDX-License-Identifier: MIT
"""Lossless coding of 8- to 16-bit medical images.

>>> import mic, numpy as np
>>> image = np.arange(65536, dtype=np.uint16).reshape(256, 256)
>>> stream = mic.encode(image)
>>> bool((mic.decode(stream) == image).all())
True
"""

from . import api, stages
from ._version import __version__
from .api import (
    CODECS,
    CONTAINERS,
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

api.check_forced_isa()

__all__ = [
    "CODECS",
    "CONTAINERS",
    "DEFAULT_CODEC",
    "MAX_PIXELS",
    "CorruptDataError",
    "LimitError",
    "MicError",
    "MicFile",
    "MicWriter",
    "StreamInfo",
    "UnsupportedError",
    "VerifyError",
    "__version__",
    "cpu_info",
    "create",
    "decode",
    "decode_batch",
    "encode",
    "info",
    "open",
    "stages",
]
