# SPDX-License-Identifier: MIT
"""Colour and overlays for display."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..dicom.decoding import iter_frames
from ..dicom.reading import Image
from ..errors import CorruptDataError, UnsupportedError
from .window import rounded

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_OVERLAY_GROUPS = range(0x6000, 0x6020, 2)


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
    from pydicom.pixels.processing import apply_color_lut

    try:
        descriptor = [int(number) for number in ds.RedPaletteColorLookupTableDescriptor]
        n_entries, first, bits = descriptor
    except (AttributeError, TypeError, ValueError):
        raise CorruptDataError(
            "a PALETTE COLOR image has no Palette Color Lookup Table Descriptor of three numbers; "
            "correct the file's header"
        ) from None
    n_entries = n_entries or 1 << 16
    if bits == 8 and n_entries > 256:
        rgb = _long_palette(stored, ds, n_entries, first)
    else:
        try:
            rgb = apply_color_lut(stored, ds)[..., :3]
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise CorruptDataError(f"the colour palette cannot be applied: {error}") from error
    return samples_to_uint8(rgb, bits)


def _long_palette(
    stored: NDArray[Any], ds: Dataset, n_entries: int, first: int
) -> NDArray[np.uint8]:
    """Apply a palette of more than 256 8-bit entries, whose indices wrap in pydicom's function."""
    places = np.clip(stored.astype(np.int64) - first, 0, n_entries - 1)
    planes = []
    for colour in ("Red", "Green", "Blue"):
        data = ds.get(f"{colour}PaletteColorLookupTableData")
        if not isinstance(data, bytes) or len(data) < n_entries:
            raise UnsupportedError(
                f"the palette has {n_entries} entries of 8 bits that are not plain table data "
                f"({colour.lower()}); convert the file to RGB"
            )
        wide = len(data) >= 2 * n_entries
        table = np.frombuffer(data, "<u2" if wide else "u1", n_entries)
        planes.append(table[places].astype(np.uint8))
    return np.stack(planes, axis=-1)


def paint_overlays(grey: NDArray[Any], image: Image, frame: int) -> NDArray[np.uint8]:
    """Copy a picture and paint the overlay planes of its frame in white."""
    painted: NDArray[np.uint8] = grey.copy()
    ds = image.header
    for group in _OVERLAY_GROUPS:
        plane = _overlay(image, group, frame)
        if plane is None:
            continue
        # The origin counts from 1\1, the image's first pixel, and may lie outside the image.
        top, left = (int(number) - 1 for number in ds[group, 0x0050].value)
        rows, columns = plane.shape
        y, x = max(top, 0), max(left, 0)
        target = painted[y : max(top + rows, 0), x : max(left + columns, 0)]
        part = plane[y - top :, x - left :][: target.shape[0], : target.shape[1]]
        target[part != 0] = 255
    return painted


def _overlay(image: Image, group: int, frame: int) -> NDArray[Any] | None:
    """Return the overlay plane of a frame, or None if there is none."""
    ds = image.header
    if (group, 0x0050) not in ds:
        return None
    if (group, 0x3000) not in ds:
        return _embedded_overlay(image, group, frame)
    try:
        planes: NDArray[Any] = ds.overlay_array(group)
    except Exception as error:  # pydicom may raise anything
        raise CorruptDataError(f"overlay {group:04X} cannot be read: {error}") from error
    if planes.ndim == 2:
        planes = planes[np.newaxis]
    origin = ds.get((group, 0x0051))
    first = int(origin.value) - 1 if origin is not None and origin.value else 0
    if origin is None and len(planes) == 1:
        return planes[0]  # a single plane applies to all frames
    return planes[frame - first] if 0 <= frame - first < len(planes) else None


def _embedded_overlay(image: Image, group: int, frame: int) -> NDArray[Any] | None:
    """Extract a plane as old files store it: in a bit of the pixel data above Bits Stored."""
    position = image.header.get((group, 0x0102))
    if position is None or not int(image.header.BitsStored) <= int(position.value) < 16:
        return None
    (words,) = iter_frames(image, [frame], raw=True, correct_unused_bits=False)
    return words.astype(np.int64) >> int(position.value) & 1
