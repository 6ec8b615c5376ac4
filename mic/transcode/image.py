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

from numpy.typing import NDArray

from ..errors import CorruptDataError, UnsupportedError
from ..images.samples import sample_bytes

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ..dicom.pixels import PixelDescription

Words = NDArray[Any]


@dataclass(frozen=True)
class NativeImage:
    """Uncompressed pixel data.

    Attributes
    ----------
    words : ndarray of unsigned little-endian integers
        (frames, rows, columns) or (frames, rows, columns, samples): every
        allocated bit, colour by pixel.
    description : PixelDescription
        What the data set says about them.
    """

    words: Words = field(repr=False)
    description: PixelDescription

    @property
    def photometric(self) -> str:
        """Photometric Interpretation."""
        return self.description.photometric_interpretation

    @property
    def stored(self) -> int:
        """Bits Stored."""
        return self.description.bits_stored

    @property
    def signed(self) -> bool:
        """Pixel Representation."""
        return self.description.pixel_representation == 1

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
        return self.description.samples_per_pixel

    @property
    def allocated(self) -> int:
        """Bits Allocated."""
        return self.description.bits_allocated

    def values(self, frame: int) -> Words:
        """Return the samples of a frame: of each word the bits from High Bit down, signed."""
        from ..dicom.pixels import samples_of

        return samples_of(self.words[frame], self.description)

    def has_unused_bits(self) -> bool:
        """Whether bits outside the samples hold more than the sign (old overlays, noise)."""
        from ..dicom.words import is_plain

        return not all(is_plain(frame, self.description) for frame in self.words)


def sha256_of(frames: Iterable[Words]) -> str:
    """Return the SHA-256 of samples, the numbers that a reader sees.

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
    from ..dicom.pixels import PixelDescription, attribute, native_frames
    from ..dicom.source import name_of
    from ..dicom.words import unsigned

    name = name_of(part)
    description = PixelDescription.of(part, name)
    if description.bits_allocated == 1 or description.may_be_subsampled:
        return None
    data = part.PixelData or b""
    n_frames = len(data) // description.frame_bytes
    if n_frames > description.number_of_frames:
        raise CorruptDataError(
            f"{name}: Pixel Data (7FE0,0010) hold {n_frames} frames of {description.frame_bytes} "
            f"bytes, {attribute('number_of_frames')} is {description.number_of_frames}; correct "
            "one of them"
        )
    frames = native_frames(data, description, name, drop_excess=True)
    return NativeImage(frames.view(unsigned(frames.dtype)), description)


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
    "High Bit": "correct the attribute, or choose explicit or deflated, which keep every bit",
    "Pixel Representation": "choose explicit or deflated, which keep every bit",
    "Bits Allocated": "choose explicit or deflated, which keep every bit",
    "Bits Stored": "correct the attribute, or choose explicit or deflated, which keep every bit",
}
_TAGS = {
    "Photometric Interpretation": "0028,0004",
    "Samples per Pixel": "0028,0002",
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
    checks: tuple[tuple[str, int, Sequence[int]], ...] = (
        ("Samples per Pixel", image.samples, (row.samples,)),
        ("Bits Allocated", image.allocated, row.allocated),
        ("Bits Stored", image.stored, stored),
        ("High Bit", image.description.high_bit, (image.stored - 1,)),
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
