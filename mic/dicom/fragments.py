# SPDX-License-Identifier: MIT
"""The codestream of each frame in encapsulated pixel data, whatever its fragments are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._mic import dicom_frames
from ..codec.streams import Bytes
from ..errors import located

if TYPE_CHECKING:
    from .reading import Image

_HEAD_BYTES = 8


def one_fragment_each(value: Any, offsets: bytes, n_frames: int) -> bytes:
    """Return encapsulated pixel data with one fragment for each frame, and a right table."""
    from pydicom.encaps import encapsulate

    fragments = Fragments(value, offsets, n_frames)
    return encapsulate([fragments.frame(index) for index in range(n_frames)])


class Fragments:
    """Encapsulated pixel data in memory, divided into frames.

    Parameters
    ----------
    value : bytes-like
        Value of Pixel Data.
    offsets : bytes
        Extended Offset Table; empty if there is none.
    n_frames : int
        Number of Frames.

    Raises
    ------
    CorruptDataError
        The fragments cannot be told apart, or are not as many as the frames.
    """

    def __init__(self, value: Any, offsets: bytes, n_frames: int) -> None:
        self._value = memoryview(value)
        self._frames: NDArray[np.uint64] = dicom_frames(value, offsets, n_frames)

    @classmethod
    def of(cls, image: Image, data: Bytes, n_frames: int) -> Fragments:
        """Read the pixel data of an image."""
        assert image.pixels is not None
        begin = image.pixels.begin
        value = data.read(begin, begin + image.pixels.n_bytes)
        offsets = image.header.get("ExtendedOffsetTable") or b""
        with located(f"{image.name}: {image.pixels.label}"):
            return cls(value, offsets, n_frames)

    def frame(self, index: int) -> bytes:
        """Return the codestream of a frame, with a padding byte if there is one."""
        begin, _, n_fragments = (int(number) for number in self._frames[index])
        parts = []
        for _ in range(n_fragments):
            first = begin + _HEAD_BYTES
            length = int.from_bytes(self._value[begin + 4 : first], "little")
            parts.append(self._value[first : first + length])
            begin = first + length
        return b"".join(parts)
