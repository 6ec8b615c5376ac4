# SPDX-License-Identifier: MIT
"""Convert big-endian data sets to little-endian ones, in every element."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

# Value representations that pydicom keeps as bytes, with their bytes per word.
_WORD_BYTES = {"OW": 2, "OL": 4, "OF": 4, "OD": 8, "OV": 8}


def has_word_pixels(ds: Dataset) -> bool:
    """Whether the native pixel data are 16-bit words, into which 8-bit samples may be packed."""
    return int(ds.BitsAllocated) > 8 or ds["PixelData"].VR == "OW"


def swap_words(data: Any, word_bytes: int = 2) -> bytes:
    """Reverse the bytes of each word; an incomplete word at the end stays."""
    whole = len(data) // word_bytes * word_bytes
    words = np.frombuffer(data, f"u{word_bytes}", whole // word_bytes)
    return words.byteswap().tobytes() + bytes(data[whole:])


def to_little_endian(ds: Dataset) -> None:
    """Convert a data set that was read as big-endian to little-endian, in place.

    Native pixel data are swapped too, and the Transfer Syntax UID becomes Explicit VR
    Little Endian.  Values of unknown representation (UN) keep their bytes.
    Little-endian data sets stay as they are.
    """
    meta = getattr(ds, "file_meta", Dataset())
    syntax = meta.get("TransferSyntaxUID")
    if ds.original_encoding[1] is not False and syntax != ExplicitVRBigEndian:
        return
    _swap_elements(ds)
    if syntax == ExplicitVRBigEndian:
        meta.TransferSyntaxUID = ExplicitVRLittleEndian


def _swap_elements(ds: Dataset) -> None:
    # Reading an element decodes it in the byte order that it was read in.
    for element in ds:
        if element.VR == "SQ":
            for item in element.value:
                _swap_elements(item)
        elif element.VR in _WORD_BYTES and isinstance(element.value, bytes):
            element.value = swap_words(element.value, _WORD_BYTES[element.VR])
    ds.set_original_encoding(False, True)
