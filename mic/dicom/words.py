# SPDX-License-Identifier: MIT
"""Samples and the words that hold them, bit by bit.

A word has Bits Allocated.  Its sample is the Bits Stored from High Bit down
(`mic.dicom.pixels.samples_of`); the other bits are unused, but some syntaxes keep them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnsupportedError
from .pixels import PixelDescription, attribute, samples_of
from .syntaxes import JPEG, title_of


def words_of(samples: NDArray[Any], description: PixelDescription) -> NDArray[Any]:
    """Return the words of samples, unsigned, with the sign in the bits above High Bit.

    Examples
    --------
    >>> import numpy as np
    >>> from mic.dicom.pixels import PixelDescription
    >>> from mic.dicom.words import words_of
    >>> options = dict(rows=1, columns=2, samples_per_pixel=1, bits_allocated=16, bits_stored=12)
    >>> options |= dict(high_bit=13, pixel_representation=1)
    >>> options |= dict(photometric_interpretation="MONOCHROME2")
    >>> description = PixelDescription.from_options(options, "the file")
    >>> [hex(word) for word in words_of(np.array([1, -1], np.int16), description)]
    ['0x4', '0xfffc']
    """
    lowest = description.high_bit - description.bits_stored + 1
    words: NDArray[Any] = np.left_shift(samples, lowest)
    return words.view(unsigned(words.dtype))


def unsigned(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the unsigned type of the same width and byte order."""
    return np.dtype(dtype.str.replace("i", "u"))


def sample_mask(description: PixelDescription) -> int:
    """Return a word in which the bits of the sample are set, and no others."""
    lowest = description.high_bit - description.bits_stored + 1
    return ((1 << description.bits_stored) - 1) << lowest


def is_plain(words: NDArray[Any], description: PixelDescription) -> bool:
    """Whether the unused bits of all words are clear, or all of them hold the sign."""
    if description.bits_stored == description.bits_allocated:
        return True
    bits = words.view(unsigned(words.dtype))
    if np.array_equal(bits & bits.dtype.type(sample_mask(description)), bits):
        return True
    return np.array_equal(words_of(samples_of(words, description), description), bits)


def words_of_decoded(
    decoded: NDArray[Any], description: PixelDescription, uid: str, name: str
) -> NDArray[Any]:
    """Return the words of a frame from a syntax that keeps samples only, such as JPEG 2000.

    Decoders put the sample into the lowest bits, with or without its sign.  A lossy codec
    may decode above Bits Stored.  Readers take such values of JPEG 2000 and JPEG-LS as
    they are, but would cut them in words, so the words would be other pixels.

    Parameters
    ----------
    decoded : ndarray
        As wide as Bits Allocated.
    description : PixelDescription
    uid : str
        Transfer syntax.
    name : str
        Name of the data set in messages.

    Raises
    ------
    UnsupportedError
        The frame needs more than Bits Stored, and readers do not cut it in this syntax,
        or the samples would have to be shifted.
    """
    lowest = replace(description, high_bit=description.bits_stored - 1)
    if is_plain(decoded, lowest):
        return words_of(samples_of(decoded, lowest), description)
    if description.is_shifted or uid not in JPEG:
        signed, stored = description.pixel_representation, description.bits_stored
        top = 1 << (stored - signed)
        raise UnsupportedError(
            f"{name}: samples decode to {decoded.min()} to {decoded.max()}, {-top * signed} to "
            f"{top - 1} are expected from {attribute('bits_stored')} {stored}; as native words "
            f"they would be other pixels, so leave the file in {title_of(uid)}, or correct Bits "
            "Stored and High Bit"
        )
    return decoded.view(unsigned(decoded.dtype))
