# SPDX-License-Identifier: MIT
"""`to_uint8`: all steps from stored values to a picture, in order."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..api import MAX_PIXELS
from ..dicom.attributes import FrameAttributes, check_announced, image_shape, modality_values
from ..dicom.decoding import iter_frames
from ..dicom.failures import reading
from ..dicom.reading import Image, read_image
from ..errors import UnsupportedError, located
from ..images.samples import as_frames
from .colour import paint_overlays, palette_to_rgb, samples_to_uint8
from .window import Mapping, choose_mapping, rounded

Window = str | Sequence[float]
WINDOWS = ("auto", "dicom", "minmax", "percentile")


def to_uint8(
    ds_or_array: Any,
    window: Window = "auto",
    frame: int = 0,
    *,
    overlays: bool = False,
    view: int = 0,
) -> NDArray[np.uint8]:
    """Convert an image to contiguous uint8, ready for OpenCV, matplotlib, Pillow or PNG.

    Parameters
    ----------
    ds_or_array : pydicom Dataset, path of a DICOM file, or array
        Arrays are (rows, columns) or (frames, rows, columns), with a trailing 3 for
        colour; no Modality LUT is applied to them.
    window : str or (centre, width)
        ``"dicom"``: the VOI LUT or the window of the file.
        ``"auto"``: the same if the file has one; otherwise the full range for samples
        of up to 8 bits, and "percentile" for others.
        ``"minmax"``: the range of the frame.
        ``"percentile"``: from the 0.5th to the 99.5th percentile of the frame.
        The last two ignore Pixel Padding.
        (centre, width) is in modality units (Hounsfield units for CT) and follows the
        VOI LUT Function of the file; without one it is LINEAR, or LINEAR_EXACT for a
        width below 1.
    frame : int
        Frame of the file or the array, from 0.
    overlays : bool
        Paint the overlay planes of the file in white.
    view : int
        Number of the window or VOI LUT, from 0, if the file has several.

    Returns
    -------
    ndarray of uint8, (rows, columns) or (rows, columns, 3)
        Grey with 0 as black, MONOCHROME1 inverted; colour as RGB (for OpenCV's BGR use
        ``image[..., ::-1]``).

    Raises
    ------
    UnsupportedError
        The window is invalid, or is "dicom" and the file has none; the frame does not
        exist; there are no pixels.
    CorruptDataError
        The pixel data cannot be decoded, or attributes contradict each other.
    LimitError
        The frame has more samples than the default `max_pixels`.
    """
    window = _check_window(window)
    if not isinstance(frame, (int, np.integer)):
        raise UnsupportedError(f"frame is {frame!r}, a whole number from 0 on is expected")
    if isinstance(ds_or_array, (str, os.PathLike)):
        image = read_image(Path(ds_or_array))
    elif _is_data_set(ds_or_array):
        image = read_image(ds_or_array)
    else:
        return np.array(_array_to_uint8(np.asarray(ds_or_array), window, frame), order="C")
    with located(image.name), reading(image.name):
        shown = _frame_to_uint8(image, window, frame, view)
        if overlays:
            shown = paint_overlays(shown, image, frame)
    return np.ascontiguousarray(shown)


def _is_data_set(value: Any) -> bool:
    from pydicom.dataset import Dataset

    return isinstance(value, Dataset)


def _check_window(window: Any) -> str | tuple[float, float]:
    if isinstance(window, str):
        if window in WINDOWS:
            return window
    else:
        try:
            centre, width = (float(part) for part in window)
        except (TypeError, ValueError):
            centre = width = np.nan
        if np.isfinite(centre) and np.isfinite(width) and width > 0:
            return centre, width
    listed = ", ".join(map(repr, WINDOWS))
    raise UnsupportedError(
        f"window is {window!r}, one of {listed} or (centre, width) with a width above 0 is expected"
    )


def _frame_to_uint8(
    image: Image, window: str | tuple[float, float], frame: int, view: int
) -> NDArray[Any]:
    header = image.header
    if not image.has_pixels:
        raise UnsupportedError(image.why_no_pixels)
    n_frames, rows, columns, samples = image_shape(header, image.name)
    check_announced(rows * columns * samples, MAX_PIXELS)
    if not 0 <= frame < n_frames:
        raise UnsupportedError(
            f"{image.name}: frame {frame} is asked for, it has frames 0 to {n_frames - 1}"
        )
    (stored,) = iter_frames(image, [frame])
    if stored.ndim == 3:
        _check_colour_window(window)
        # Floating-point pixels have no Bits Stored; they are refused for their type.
        return samples_to_uint8(stored, int(header.get("BitsStored") or 8 * stored.itemsize))
    attributes = FrameAttributes(header, frame)
    if header.get("PhotometricInterpretation") == "PALETTE COLOR":
        _check_colour_window(window)
        return palette_to_rgb(stored, header)
    return _through_table(stored, _grey_mapping(stored, attributes, window, view))


def _check_colour_window(window: str | tuple[float, float]) -> None:
    if window not in ("auto", "dicom"):
        raise UnsupportedError(
            f"window is {window!r}, but a window applies to grey images only; leave it out"
        )


def _grey_mapping(
    stored: NDArray[Any],
    attributes: FrameAttributes,
    window: str | tuple[float, float],
    view: int,
) -> Mapping:
    """Return the mapping from stored values to grey."""
    voi = choose_mapping(stored, attributes, window, view)
    shape = str(attributes.get("PresentationLUTShape") or "").strip().upper()
    photometric = attributes.get("PhotometricInterpretation")
    # MONOCHROME1 files also have the shape INVERSE; the two together mean one inversion, not two.
    inverted = photometric == "MONOCHROME1" or shape == "INVERSE"

    def mapping(values: NDArray[Any]) -> NDArray[Any]:
        grey = rounded(voi(modality_values(values, attributes)))
        return 255 - grey if inverted else grey

    return mapping


def _through_table(stored: NDArray[Any], mapping: Mapping) -> NDArray[Any]:
    """Apply a mapping to every sample.

    A mapping looks at one sample at a time, and 16-bit samples have at most 65536
    values.  So it is computed once for each value between the frame's extremes, and the
    samples are looked up in that table.  The result is exactly the same.
    """
    if stored.dtype.kind not in "iu" or stored.dtype.itemsize > 2 or stored.size < 1 << 12:
        return mapping(stored)
    native = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    low, high = int(native.min()), int(native.max())
    table = mapping(np.arange(low, high + 1, dtype=np.int32))
    # The difference may overflow the signed type; it is correct modulo 2^16.
    unsigned = np.dtype(f"u{native.dtype.itemsize}")
    places = native.view(unsigned) - np.array(low & (2 ** (8 * unsigned.itemsize) - 1), unsigned)
    image: NDArray[np.uint8] = table[places]
    return image


def _array_to_uint8(
    array: NDArray[Any], window: str | tuple[float, float], frame: int
) -> NDArray[Any]:
    if array.dtype.kind == "b":
        array = array.view(np.uint8) * np.uint8(255)
    if array.dtype.kind not in "iuf" or array.ndim < 2 or array.size == 0:
        raise UnsupportedError(
            f"the array has dtype {array.dtype} and shape {array.shape}, numbers with rows and "
            "columns are expected"
        )
    frames = as_frames(array)
    if not 0 <= frame < len(frames):
        raise UnsupportedError(
            f"frame {frame} is asked for, the array has frames 0 to {len(frames) - 1}"
        )
    image: NDArray[Any] = frames[frame]
    if window == "dicom":
        raise UnsupportedError('window is "dicom", but an array has none; pass (centre, width)')
    if image.ndim == 3:
        _check_colour_window(window)
        return samples_to_uint8(image, 8 * image.dtype.itemsize)
    if window == "auto" and image.dtype == np.uint8:
        return image
    mapping = choose_mapping(image, None, "percentile" if window == "auto" else window, 0)
    return _through_table(image, lambda values: rounded(mapping(values)))
