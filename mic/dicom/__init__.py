# SPDX-License-Identifier: MIT
"""DICOM data sets in the private transfer syntax MIC Lossless.

These functions need no registration with pydicom.  They also guarantee what pydicom's
own ``ds.compress`` and ``ds.decompress`` do not: every bit of the native pixel data is
kept, several threads can work, and single frames can be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..faces import lazy

if TYPE_CHECKING:
    from ..volume.multiframe import to_multiframe
    from .dataset import compress, decode_frames, decompress, mark
    from .pixels import MICLossless

__all__ = ["MICLossless", "compress", "decode_frames", "decompress", "mark", "to_multiframe"]

# Imported on first use: comparing UIDs needs no pydicom, and multi-frame files need volumes, which
# in turn need this package.
__getattr__ = lazy(
    __name__,
    {
        "MICLossless": ".pixels",
        "compress": ".dataset",
        "decode_frames": ".dataset",
        "decompress": ".dataset",
        "mark": ".dataset",
        "to_multiframe": "..volume.multiframe",
    },
)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
