# SPDX-License-Identifier: MIT
"""VOI LUT: which values become black, which white, and what lies between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dicom.attributes import FrameAttributes, modality_values
from ..dicom.tables import LookupTable, grey_bits, is_table, label
from ..errors import CorruptDataError, UnsupportedError

Mapping = Callable[[NDArray[Any]], NDArray[Any]]
"""Function from modality values to 0 ... 255."""

PERCENTILES = (0.5, 99.5)
_PADDING_ENDS = ("Value", "RangeLimit")
FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
_SMALLEST_LINEAR_WIDTH = 1.0


def choose_mapping(
    stored: NDArray[Any],
    attributes: FrameAttributes | None,
    window: str | tuple[float, float],
    view: int,
) -> Mapping:
    """Choose the mapping that the arguments of `to_uint8` ask for.

    Parameters
    ----------
    stored : ndarray
        The samples of the frame.
    attributes : FrameAttributes, optional
        None for plain arrays.
    window : str or (centre, width)
        See `to_uint8`.
    view : int
        See `to_uint8`.
    """
    if not isinstance(window, str):
        return _windowed(*window, _function_of(attributes))
    if attributes is not None and window in ("auto", "dicom"):
        mapping = _of_file(attributes, view, tolerant=window == "auto")
        if mapping is not None:
            return mapping
        if window == "dicom":
            raise UnsupportedError(
                'window is "dicom", but the file has neither a VOI LUT nor a window; '
                'pass "auto" or (centre, width)'
            )
        if stored.dtype.kind != "f" and int(attributes["BitsStored"]) <= 8:
            return _between(*_full_range(attributes))
    share = (0.0, 100.0) if window == "minmax" else PERCENTILES
    return _between(*_range_of(stored, attributes, share))


def _of_file(attributes: FrameAttributes, view: int, tolerant: bool) -> Mapping | None:
    """Return the mapping of the file's VOI LUT, or else of its window; None if it has neither."""
    # An incomplete table says nothing; a window beside it still does.
    tables = [item for item in attributes.get("VOILUTSequence") or () if is_table(item)]
    centres = _listed(attributes.get("WindowCenter"))
    widths = _listed(attributes.get("WindowWidth"))
    n_views = len(tables) if tables else min(len(centres), len(widths))
    if n_views == 0:
        return None
    if not 0 <= view < n_views:
        raise UnsupportedError(f"view {view} is asked for, the file has views 0 to {n_views - 1}")
    if tables:
        table = LookupTable(tables[view], attributes.dataset, signed=_may_be_negative(attributes))
        white = 2 ** grey_bits(table) - 1
        return lambda values: table.apply(values) * 255.0 / white
    try:
        centre, width = float(centres[view]), float(widths[view])
        usable = np.isfinite(centre) and np.isfinite(width) and width > 0
    except (TypeError, ValueError):
        usable = False
    if usable:
        return _windowed(centre, width, _function_of(attributes))
    if tolerant:  # some devices write 0 to mean none
        return None
    raise CorruptDataError(
        f"the file's window is centre {centres[view]}, width {widths[view]}, a width above 0 is "
        'expected; pass "auto" or (centre, width)'
    )


def _listed(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return [value] if isinstance(value, (str, int, float)) else list(value)


def _function_of(attributes: FrameAttributes | None) -> str:
    text = attributes.get("VOILUTFunction") if attributes is not None else None
    function = str(text or "LINEAR").strip().upper()
    if function not in FUNCTIONS:
        raise UnsupportedError(
            f"VOI LUT Function is {text!r}, one of {', '.join(FUNCTIONS)} is expected; "
            'pass window="minmax" or "percentile"'
        )
    return function


def _windowed(centre: float, width: float, function: str) -> Mapping:
    """Apply a window with pydicom, mapping to 8 bits.

    LINEAR is not defined for widths below 1.  Images in floating-point units (SUV) have
    such windows and mean LINEAR_EXACT.
    """
    from pydicom.dataset import Dataset
    from pydicom.pixels.processing import apply_windowing
    from pydicom.valuerep import DSfloat

    if function == "LINEAR" and width < _SMALLEST_LINEAR_WIDTH:
        function = "LINEAR_EXACT"
    window = Dataset()
    # pydicom maps to the range of the stored bits, which here is 0 ... 255.
    window.BitsStored, window.PixelRepresentation = 8, 0
    window.PhotometricInterpretation = "MONOCHROME2"
    window.WindowCenter = DSfloat(centre, auto_format=True)
    window.WindowWidth = DSfloat(width, auto_format=True)
    window.VOILUTFunction = function

    def mapping(values: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(over="ignore"):  # far below a sigmoid's centre exp is rightly infinite
            grey: NDArray[Any] = apply_windowing(values, window)
        return grey

    return mapping


def _between(low: float, high: float) -> Mapping:
    """Map linearly from `low` (black) to `high` (white); an empty range becomes black."""
    if not high > low:
        return lambda values: np.zeros(values.shape)
    # This order of operations keeps halves exact.
    return lambda values: (np.asarray(values, np.float64) - low) * 255 / (high - low)


def rounded(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Round to the nearest integer in 0 ... 255, halves up."""
    if values.dtype == np.uint8:
        return values
    grey: NDArray[Any] = np.floor(np.clip(values, 0, 255) + 0.5)
    # What is no number (NaN) is black.
    shown: NDArray[np.uint8] = np.nan_to_num(grey, copy=False).astype(np.uint8)
    return shown


def _full_range(attributes: FrameAttributes) -> tuple[float, float]:
    """Modality values of the smallest and largest values that Bits Stored allows."""
    bits = int(attributes["BitsStored"])
    low = -(2 ** (bits - 1)) if attributes.get("PixelRepresentation") == 1 else 0
    ends = modality_values(np.array([low, low + 2**bits - 1]), attributes)
    return float(ends.min()), float(ends.max())


def _may_be_negative(attributes: FrameAttributes) -> bool:
    """Whether modality values can be negative, which makes the first value of a VOI LUT signed."""
    return "BitsStored" not in attributes or _full_range(attributes)[0] < 0


def _range_of(
    stored: NDArray[Any], attributes: FrameAttributes | None, share: tuple[float, float]
) -> tuple[float, float]:
    """Percentiles of the modality values, without padding."""
    values, counts = _histogram(stored)
    padding = _padding(attributes)
    if padding is not None:
        inside = (values < padding[0]) | (values > padding[1])
        if inside.any():
            values, counts = values[inside], counts[inside]
    if attributes is not None:
        values = modality_values(values, attributes)
    order = np.argsort(values, kind="stable")
    below = np.cumsum(counts[order])
    ranks = [share[0] / 100 * below[-1], share[1] / 100 * below[-1]]
    # The smallest value with at least this share of the samples at or below it.
    places = np.searchsorted(below, ranks, side="left")
    low, high = values[order[np.minimum(places, len(order) - 1)]]
    return float(low), float(high)


def _histogram(stored: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the values that occur, ascending, and their counts."""
    if stored.dtype.kind == "f":
        stored = stored[np.isfinite(stored)]
        if stored.size == 0:
            return np.zeros(1), np.ones(1, np.int64)
    if stored.dtype.kind == "f" or stored.dtype.itemsize > 2:
        return np.unique(stored, return_counts=True)
    low = int(stored.min())
    counts = np.bincount(stored.ravel().astype(np.int64) - low)
    (places,) = np.nonzero(counts)
    return places + low, counts[places]


def _padding(attributes: FrameAttributes | None) -> tuple[float, float] | None:
    """Return the first and last stored value that means padding."""
    if attributes is None:
        return None
    for kind in ("", "Float", "DoubleFloat"):
        limits = [_one_number(attributes, f"{kind}PixelPadding{end}") for end in _PADDING_ENDS]
        if limits[0] is None:
            continue
        numbers = [limit for limit in limits if limit is not None]
        if not kind and attributes.get("PixelRepresentation") == 1:
            # Some devices write them with the wrong VR.
            numbers = [n - 65536 if n > 32767 else n for n in numbers]
        return min(numbers), max(numbers)
    return None


def _one_number(attributes: FrameAttributes, keyword: str) -> float | None:
    """Return a number of the file, or refuse what is there instead."""
    value = attributes.get(keyword)
    if isinstance(value, bytes):  # an element whose type pydicom cannot tell
        raise CorruptDataError(
            f"{label(keyword)} has no type that says what its {len(value)} bytes mean, one number "
            "is expected; correct the file's header"
        )
    return attributes.number(keyword)
