# SPDX-License-Identifier: MIT
"""Colour and overlays for display."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..arguments import shown
from ..dicom.decoding import describe, iter_frames
from ..dicom.reading import Image
from ..dicom.tables import LookupTable, descriptor, is_table, missing, palette_bits
from ..errors import CorruptDataError, UnsupportedError
from .window import rounded

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_OVERLAY_GROUPS = range(0x6000, 0x6020, 2)
_OVERLAY_NUMBERS = {
    0x0010: "Overlay Rows",
    0x0011: "Overlay Columns",
    0x0100: "Overlay Bits Allocated",
}


def samples_to_uint8(samples: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    """Scale RGB samples from `bits` bits to 8."""
    if samples.shape[-1] != 3 or samples.dtype.kind != "u":
        raise UnsupportedError(
            f"the colour image has {samples.shape[-1]} samples per pixel of {samples.dtype}, "
            "3 of unsigned integers are expected"
        )
    return rounded(samples if bits == 8 else samples * 255.0 / (2**bits - 1))


def palette_to_rgb(stored: NDArray[Any], ds: Dataset) -> NDArray[np.uint8]:
    """Convert PALETTE COLOR to RGB."""
    names = [f"{colour}PaletteColorLookupTable" for colour in ("Red", "Green", "Blue")]
    if not is_table(ds, names[0]) and f"Segmented{names[0]}Data" in ds:
        return _by_segments(stored, ds, names)
    tables = [LookupTable(ds, ds, name) for name in names]
    bits = palette_bits(tables)
    return samples_to_uint8(np.stack([table.apply(stored) for table in tables], axis=-1), bits)


def _by_segments(stored: NDArray[Any], ds: Dataset, names: list[str]) -> NDArray[np.uint8]:
    """Apply a palette whose tables are runs and ramps, which pydicom expands."""
    from pydicom.pixels.processing import apply_color_lut

    for name in names:
        descriptor(ds, f"{name}Descriptor")
        if not ds.get(f"Segmented{name}Data"):
            raise missing(f"Segmented{name}Data")
    try:
        rgb = apply_color_lut(stored, ds)[..., :3]
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise CorruptDataError(f"the colour palette cannot be applied: {error}") from error
    return samples_to_uint8(rgb, 8 * rgb.dtype.itemsize)


def paint_overlays(grey: NDArray[Any], image: Image, frame: int) -> NDArray[np.uint8]:
    """Copy a picture and paint the overlay planes of its frame in white."""
    painted: NDArray[np.uint8] = grey.copy()
    ds = image.header
    for group in _OVERLAY_GROUPS:
        plane = _overlay(image, group, frame)
        if plane is None:
            continue
        # The origin counts from 1\1, the image's first pixel, and may lie outside the image.
        top, left = (number - 1 for number in _origin(ds, group))
        rows, columns = plane.shape
        y, x = max(top, 0), max(left, 0)
        target = painted[y : max(top + rows, 0), x : max(left + columns, 0)]
        part = plane[y - top :, x - left :][: target.shape[0], : target.shape[1]]
        target[part != 0] = 255
    return painted


def _overlay(image: Image, group: int, frame: int) -> NDArray[Any] | None:
    """Return the overlay plane of a frame, or None if there is none."""
    ds = image.header
    if not _origin(ds, group):
        return None
    if (group, 0x3000) not in ds:
        return _embedded_overlay(image, group, frame)
    _check_overlay(ds, group)
    try:
        planes: NDArray[Any] = ds.overlay_array(group)
    except Exception as error:  # pydicom may raise anything
        raise CorruptDataError(f"overlay {group:04X} cannot be read: {error}") from error
    if planes.ndim == 2:
        planes = planes[np.newaxis]
    origin = _numbers(ds, group, 0x0051, "Image Frame Origin", 1)
    first = origin[0] - 1 if origin else 0
    if (group, 0x0051) not in ds and len(planes) == 1:
        first = frame  # a single plane applies to all frames
    if not 0 <= frame - first < len(planes):
        return None
    plane: NDArray[Any] = planes[frame - first]
    return plane


def _check_overlay(ds: Dataset, group: int) -> None:
    """Refuse an overlay without the numbers that describe its plane."""
    _numbers(ds, group, 0x0015, "Number of Frames in Overlay", 1)
    for element, title in _OVERLAY_NUMBERS.items():
        if not _numbers(ds, group, element, title, 1):
            raise CorruptDataError(
                f"{title} ({group:04X},{element:04X}) is missing, 1 number is expected; correct "
                "the file's header, or leave the overlays out"
            )


def _embedded_overlay(image: Image, group: int, frame: int) -> NDArray[Any] | None:
    """Extract a plane as old files store it: in a bit of the words beside those of the samples."""
    description = describe(image)
    position = _numbers(image.header, group, 0x0102, "Overlay Bit Position", 1)
    lowest = description.high_bit - description.bits_stored + 1
    if not position or not 0 <= position[0] < description.bits_allocated:
        return None
    if description.is_float or lowest <= position[0] <= description.high_bit:
        return None
    (words,) = iter_frames(image, [frame], raw=True, correct_unused_bits=False)
    return words.astype(np.int64) >> position[0] & 1


def _origin(ds: Dataset, group: int) -> list[int]:
    return _numbers(ds, group, 0x0050, "Overlay Origin", 2)


def _numbers(ds: Dataset, group: int, element: int, title: str, count: int) -> list[int]:
    """Return `count` numbers of an overlay, or none if they are missing or empty."""
    value = ds[group, element].value if (group, element) in ds else None
    if value is None or value == "":
        return []
    try:
        numbers = [int(number) for number in ([value] if isinstance(value, int) else value)]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != count:
        raise CorruptDataError(
            f"{title} ({group:04X},{element:04X}) is {shown(value)}, {count} "
            f"number{'s are' if count > 1 else ' is'} expected; correct the file's header, or "
            "leave the overlays out"
        )
    return numbers
