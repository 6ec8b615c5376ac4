# SPDX-License-Identifier: MIT
"""GPU decoding of the standard DICOM transfer syntaxes, with nvImageCodec.

Needs the extra ``gpu`` (CUDA 13) or ``gpu-cu12``.  Without it, or without a
GPU, nothing is registered, and `Status.reason` says why.

Examples
--------
>>> import mic.gpu
>>> status = mic.gpu.register()        # JPEG, JPEG lossless, JPEG 2000 and HTJ2K
>>> print(status.ok or status.reason)  # doctest: +SKIP
True
>>> # ds.pixel_array now decodes on the GPU where it can, otherwise as before
"""

from __future__ import annotations

from ..faces import publish

# Imported "as" itself: a name that 0.1.0 had here without documenting it.
from .batch import Batch, decode_batch
from .registration import register, status, unregister
from .state import Status
from .state import has_device as has_device

__all__ = ["Batch", "Status", "decode_batch", "register", "status", "unregister"]

publish(__name__)
