# SPDX-License-Identifier: MIT
"""Uncompressed pixel data and the attributes that describe them.

`NativeImage` is the common form between two transfer syntaxes: every allocated bit of
every sample, and what DICOM says about them.  A `Profile` says which images a
compressed syntax may hold (PS3.5, tables of section 8.2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptDataError, UnsupportedError
from ..images.samples import sample_bytes

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Words = NDArray[Any]

_CONTAINERS = (8, 16, 32, 64)


@dataclass(frozen=True)
class NativeImage:
    """Uncompressed pixel data.

    Attributes
    ----------
    words : ndarray of unsigned little-endian integers
        (frames, rows, columns) or (frames, rows, columns, samples): every
        allocated bit, colour by pixel.
    photometric : str
        Photometric Interpretation.
    stored : int
        Bits Stored.
    high_bit : int
    signed : bool
        Pixel Representation.
    planar : int or None
        Planar Configuration in the data set.
    """

    words: Words = field(repr=False)
    photometric: str
    stored: int
    high_bit: int
    signed: bool
    planar: int | None

    @property
    def frames(self) -> int:
        """Number of Frames."""
        return int(self.words.shape[0])

    @property
    def rows(self) -> int:
        """Rows."""
        return int(self.words.shape[1])

    @property
    def columns(self) -> int:
        """Columns."""
        return int(self.words.shape[2])

    @property
    def samples(self) -> int:
        """Samples per Pixel."""
        return int(self.words.shape[3]) if self.words.ndim == 4 else 1

    @property
    def allocated(self) -> int:
        """Bits Allocated."""
        return 8 * self.words.dtype.itemsize

    def values(self, frame: int) -> Words:
        """Return the sample values of a frame: the Bits Stored of each word, with its sign."""
        return stored_values(self.words[frame], self.stored, self.signed)

    def has_unused_bits(self) -> bool:
        """Whether bits above Bits Stored hold more than the sign (old overlays, noise)."""
        unused = self.allocated - self.stored
        if not unused:
            return False
        mask = np.array((1 << self.stored) - 1, self.words.dtype)
        clear = extended = True
        for number in range(self.frames):
            word = self.words[number]
            clear = clear and not (word & ~mask).any()
            extended = extended and np.array_equal(self.values(number).view(self.words.dtype), word)
            if not (clear or extended):
                return True
        return False


def stored_values(words: Words, stored: int, signed: bool) -> Words:
    """Return the sample values of words: bits above Bits Stored are cleared or get the sign.

    Examples
    --------
    >>> import numpy as np
    >>> stored_values(np.array([0x0FFF, 0xF001], np.uint16), 12, True)
    array([-1,  1], dtype=int16)
    """
    unused = 8 * words.dtype.itemsize - stored
    typed = words.view(words.dtype.str.replace("u", "i")) if signed else words
    if not unused:
        return typed
    values: Words = np.right_shift(np.left_shift(typed, unused), unused)
    return values


def sha256_of(frames: Iterable[Words]) -> str:
    """Return the SHA-256 of sample values.

    They are hashed as little-endian words of Bits Allocated, colour by pixel, so that
    the digest is the same in every transfer syntax.

    Parameters
    ----------
    frames : iterable of ndarray, (rows, columns[, samples])
        Sample values of each frame.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for frame in frames:
        digest.update(sample_bytes(frame))
    return digest.hexdigest()


def image_of(part: Dataset) -> NativeImage | None:
    """View the pixel data of an uncompressed little-endian data set.

    Returns
    -------
    NativeImage or None
        None if the samples are not whole words: 1 bit allocated, or YBR_FULL_422, whose
        chrominance is subsampled.

    Raises
    ------
    CorruptDataError
        Pixel Data does not fit the attributes.
    UnsupportedError
        An attribute is missing or has a value that DICOM does not define.
    """
    allocated = attribute_number(part, "BitsAllocated")
    photometric = str(part.get("PhotometricInterpretation") or "")
    if allocated == 1 or photometric == "YBR_FULL_422":
        return None
    if allocated not in _CONTAINERS:
        raise UnsupportedError(
            f"Bits Allocated (0028,0100) is {allocated}; 1, 8, 16, 32 or 64 is expected"
        )
    samples = attribute_number(part, "SamplesPerPixel")
    planar = attribute_number(part, "PlanarConfiguration") if samples > 1 else None
    frames = frame_count(part)
    shape = (frames, attribute_number(part, "Rows"), attribute_number(part, "Columns"))
    dtype = np.dtype(f"<u{allocated // 8}")
    frame_bytes = int(np.prod(shape[1:], dtype=object)) * samples * dtype.itemsize
    data = _exact_bytes(part, frames, frame_bytes)
    words = np.frombuffer(data, dtype, count=frames * frame_bytes // dtype.itemsize)
    if samples > 1 and planar == 1:
        words = np.moveaxis(words.reshape(frames, samples, *shape[1:]), 1, -1)
    elif samples > 1:
        words = words.reshape(*shape, samples)
    else:
        words = words.reshape(shape)
    stored = attribute_number(part, "BitsStored")
    if not 1 <= stored <= allocated:
        raise UnsupportedError(f"Bits Stored (0028,0101) is {stored}, 1 to {allocated} is expected")
    return NativeImage(
        words,
        photometric,
        stored,
        int(part.get("HighBit", stored - 1)),
        bool(attribute_number(part, "PixelRepresentation")),
        planar,
    )


def frame_count(part: Dataset) -> int:
    """Return Number of Frames, as every other reader of mic counts."""
    from ..dicom.pixels import frame_count as count  # it imports pydicom

    return count(part)


def attribute_number(part: Dataset, keyword: str) -> int:
    """Return a required attribute as a number.

    Raises
    ------
    UnsupportedError
        It is missing, or is not a number.
    """
    from pydicom.datadict import dictionary_description, tag_for_keyword

    tag = tag_for_keyword(keyword) or 0
    name = f"{dictionary_description(tag)} ({tag >> 16:04X},{tag & 0xFFFF:04X})"
    try:
        value = part.get(keyword)
        if value is not None:
            return int(value)
    except (TypeError, ValueError) as error:
        raise UnsupportedError(f"{name} is no number ({error}); correct the attribute") from error
    raise UnsupportedError(
        f"{name} is missing; without it the pixel data have no meaning, so add it to the file"
    )


def _exact_bytes(part: Dataset, frames: int, frame_bytes: int) -> bytes:
    """Return Pixel Data, which must have the length of the attributes or only padding after it."""
    data: bytes = part.PixelData or b""
    expected = frames * frame_bytes
    if len(data) < expected:
        raise CorruptDataError(
            f"Pixel Data (7FE0,0010) have {len(data)} bytes, {frames} frames of {frame_bytes} need "
            f"{expected} (a truncated file?)"
        )
    if frame_bytes and len(data) - expected >= frame_bytes:
        raise CorruptDataError(
            f"Pixel Data (7FE0,0010) hold {len(data) // frame_bytes} frames of {frame_bytes} bytes,"
            f" Number of Frames (0028,0008) is {frames}; correct one of them"
        )
    return data


@dataclass(frozen=True)
class Profile:
    """Images that a compressed syntax may hold; one row of a table in PS3.5, section 8.2."""

    photometric: tuple[str, ...]
    samples: int
    signs: tuple[int, ...]
    allocated: tuple[int, ...]
    stored: range


_REMEDIES = {
    "Photometric Interpretation": (
        "convert the pixels first (pydicom.pixels.convert_color_space), or choose a syntax that "
        "keeps them as they are, such as explicit or deflated"
    ),
    "Samples per Pixel": "correct the attribute",
    "Planar Configuration": "correct the attribute",
    "High Bit": "correct the attribute, or choose explicit or deflated, which keep every bit",
    "Pixel Representation": "choose explicit or deflated, which keep every bit",
    "Bits Allocated": "choose explicit or deflated, which keep every bit",
    "Bits Stored": "correct the attribute, or choose explicit or deflated, which keep every bit",
}
_TAGS = {
    "Photometric Interpretation": "0028,0004",
    "Samples per Pixel": "0028,0002",
    "Planar Configuration": "0028,0006",
    "Bits Allocated": "0028,0100",
    "Bits Stored": "0028,0101",
    "High Bit": "0028,0102",
    "Pixel Representation": "0028,0103",
}


def check_profile(image: NativeImage, profiles: Sequence[Profile], title: str) -> None:
    """Refuse an image that a syntax may not hold.

    Raises
    ------
    UnsupportedError
        It names the attribute, its value, the allowed values and the remedy.
    """
    rows = [row for row in profiles if image.photometric in row.photometric]
    if not rows:
        names = [name for row in profiles for name in row.photometric]
        raise _refusal("Photometric Interpretation", image.photometric, names, title)
    (row,) = rows
    stored = [bits for bits in row.stored if bits <= image.allocated]
    checks: tuple[tuple[str, int | None, Sequence[int | None]], ...] = (
        ("Samples per Pixel", image.samples, (row.samples,)),
        ("Planar Configuration", image.planar, (0, 1) if row.samples > 1 else (None,)),
        ("Bits Allocated", image.allocated, row.allocated),
        ("Bits Stored", image.stored, stored),
        ("High Bit", image.high_bit, (image.stored - 1,)),
        ("Pixel Representation", int(image.signed), row.signs),
    )
    for name, value, allowed in checks:
        if value not in allowed:
            raise _refusal(name, value, list(allowed), f"{title} of {image.photometric}")


def check_unused_bits(image: NativeImage, title: str) -> None:
    """Refuse an image with bits that a coder of sample values would lose."""
    if image.has_unused_bits():
        raise UnsupportedError(
            f"the words of {image.allocated} bits have bits set above Bits Stored (0028,0101), "
            f"which is {image.stored} (an old overlay?), and {title} keeps {image.stored} bits; "
            "choose mic, rle or deflated, which keep every bit"
        )


def _refusal(name: str, value: Any, allowed: list[Any], title: str) -> UnsupportedError:
    return UnsupportedError(
        f"{name} ({_TAGS[name]}) is {value}, {title} takes {_listed(allowed)}; {_REMEDIES[name]}"
    )


def _listed(values: list[Any]) -> str:
    """Format such as ``8 or 16``, ``2 to 16``."""
    numbers = all(isinstance(value, int) for value in values)
    if numbers and len(values) > 2 and values[-1] - values[0] == len(values) - 1:
        return f"{values[0]} to {values[-1]}"
    texts = [str(value) for value in values]
    return " or ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def value_frames(image: NativeImage) -> Iterator[Words]:
    """Return the sample values of each frame in turn."""
    return (image.values(number) for number in range(image.frames))
