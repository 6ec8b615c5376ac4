# SPDX-License-Identifier: MIT
"""JPEG-LS in DICOM data sets: lossless and near-lossless encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .arguments import whole_number
from .dicom.source import check_dataset
from .dicom.syntaxes import find_syntax
from .transcode.file import change_syntax

# Imported "as" itself: a name that 0.1.0 had here without documenting it.
from .transcode.jpegls import PROFILES as PROFILES
from .transcode.jpegls import check as check
from .transcode.jpegls import encode_frames as encode_frames
from .transcode.jpegls import largest_near as largest_near

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["compress"]


def compress(ds: Dataset, near: int = 0, *, verify: bool = True) -> Dataset:
    """Compress a data set with JPEG-LS, in place.

    Parameters
    ----------
    ds : pydicom.Dataset
        In any transfer syntax that can be decoded.
    near : int
        Largest error of a sample value. 0 makes JPEG-LS Lossless.  A larger value makes
        JPEG-LS Near-Lossless with the attributes of a lossy image: Lossy Image
        Compression with ratio and method, Derivation Description and Code Sequence,
        Source Image Sequence, Image Type DERIVED and a new SOP Instance UID.
    verify : bool
        Decode and compare each frame; the error of each sample must be at most `near`.

    Returns
    -------
    pydicom.Dataset
        `ds` itself.

    Raises
    ------
    UnsupportedError
        JPEG-LS may not hold these pixels, or pyjpegls is not installed.
    CorruptDataError
        The pixels of `ds` cannot be decoded.
    VerifyError
        The decoded frames differ by more than `near`; `ds` is unchanged.
    """
    check_dataset(ds)
    near = whole_number("near", near)
    change_syntax(ds, find_syntax("jpegls-near" if near else "jpegls"), near=near, verify=verify)
    return ds
