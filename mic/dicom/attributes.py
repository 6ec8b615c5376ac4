# SPDX-License-Identifier: MIT
"""The attributes of one frame, from the data set or its functional groups; the Modality LUT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..codec.arrays import check_number
from ..errors import Argument, CorruptDataError, LimitError, Remedy
from .pixels import attribute_number, frame_count
from .tables import LookupTable, is_empty

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.tag import BaseTag


IMAGE_KEYWORDS = (
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "RescaleSlope",
    "RescaleIntercept",
    "DoseGridScaling",
    "ModalityLUTSequence",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
)
"""The attributes in the header that decoding and rescaling need."""


class FrameAttributes(Mapping[str, Any]):
    """The attributes of one frame by keyword, wherever the file keeps them.

    Enhanced multi-frame files give the position, the spacing, the window and the
    rescaling of a frame in items of functional groups (PS3.3, C.7.6.16.2).  Groups of
    the frame itself take precedence over groups shared by all frames, and these over
    the top level of the data set.  Only standard attributes in standard groups count:
    private ones may repeat their keywords with other values, such as Philips's
    (2005,140F), whose Image Position (Patient) is half a voxel off.

    Parameters
    ----------
    ds : pydicom Dataset
    frame : int
        Frame of the file, from 0.
    shared : mapping, optional
        `shared_attributes` of the data set, to avoid computing them for every frame.
    """

    def __init__(
        self, ds: Dataset, frame: int = 0, shared: Mapping[str, Any] | None = None
    ) -> None:
        self.dataset = ds
        own = ds.get("PerFrameFunctionalGroupsSequence")
        self._grouped = dict(shared_attributes(ds) if shared is None else shared)
        if own and frame < len(own):
            self._grouped.update(_flattened(own[frame]))

    def __getitem__(self, keyword: str) -> Any:
        if keyword in self._grouped:
            return self._grouped[keyword]
        if keyword in self.dataset:
            return _value_of(self.dataset, keyword)
        raise KeyError(keyword)

    def __iter__(self) -> Iterator[str]:
        yield from self._grouped
        yield from (element.keyword for element in self.dataset if element.keyword)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def number(self, keyword: str) -> float | None:
        """Return a single finite number, or None if it is missing or empty."""
        numbers = self.numbers(keyword, 1)
        return None if numbers is None else numbers[0]

    def numbers(self, keyword: str, count: int) -> tuple[float, ...] | None:
        """Return `count` finite numbers, or None if they are missing or empty.

        Raises
        ------
        CorruptDataError
            The attribute holds something else.
        """
        value = self.get(keyword)
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        values = [value] if isinstance(value, (str, int, float)) else list(value)
        if not values:
            return None
        try:
            numbers = tuple(float(part) for part in values)
        except (TypeError, ValueError):
            numbers = ()
        if len(numbers) != count or not np.isfinite(numbers).all():
            shown = ", ".join(map(str, values))
            raise CorruptDataError(
                f"{keyword} is {shown!r}, {count} finite number{'s' if count > 1 else ''} "
                f"{'are' if count > 1 else 'is'} expected; correct the file's header"
            )
        return numbers


def shared_attributes(ds: Dataset) -> dict[str, Any]:
    """Return the attributes, by keyword, in the functional groups that all frames share."""
    groups = ds.get("SharedFunctionalGroupsSequence")
    return _flattened(groups[0]) if groups else {}


def _flattened(groups: Dataset) -> dict[str, Any]:
    """Return the standard attributes of the first item of each standard functional group."""
    from pydicom.datadict import keyword_for_tag

    return {
        keyword: _value_of(group.value[0], tag)
        for group in map(groups.__getitem__, _standard_tags(groups))
        if group.VR == "SQ" and group.value
        for tag in _standard_tags(group.value[0])
        if (keyword := keyword_for_tag(tag))
    }


def _standard_tags(item: Dataset) -> Iterator[BaseTag]:
    return (tag for tag in sorted(item.keys()) if not tag.is_private)


def _value_of(ds: Dataset, tag: Any) -> Any:
    """Return the value, or the text of the file if pydicom makes no number of it."""
    try:
        return ds[tag].value
    except (TypeError, ValueError, OverflowError):
        raw = ds.get_item(tag).value
        return raw.decode("latin-1").strip() if isinstance(raw, bytes) else raw


def image_shape(header: Dataset, name: str = "") -> tuple[int, int, int, int]:
    """Return the numbers of frames, rows, columns and samples per pixel.

    Parameters
    ----------
    header : pydicom Dataset
    name : str
        Name of the file, for messages.

    Raises
    ------
    UnsupportedError
        An attribute is no number.
    CorruptDataError
        The attributes announce no sample at all.
    """
    rows = attribute_number(header, "rows", name) or 0
    columns = attribute_number(header, "columns", name) or 0
    samples = attribute_number(header, "samples_per_pixel", name) or 1
    n_frames = frame_count(header, name)
    if min(rows, columns, samples) < 1:
        raise CorruptDataError(
            f"{name or 'the header'} says {n_frames} frames of {rows} x {columns}, at least one "
            "sample is expected; correct the file's header"
        )
    return n_frames, rows, columns, samples


def check_announced(n_samples: int, max_pixels: int) -> None:
    """Refuse a file that announces more samples than the caller allows."""
    check_number(max_pixels)
    if not n_samples <= max_pixels:  # refuses NaN too
        raise LimitError(
            f"the header announces {n_samples} samples, ",
            Argument("max_pixels"),
            f" allows {max_pixels}; ",
            Remedy("limit_file"),
        )


def rescaling(attributes: FrameAttributes) -> tuple[float, float]:
    """Return Rescale Slope and Intercept, or (1, 0) if the frame has none.

    For a dose grid, the slope is its Dose Grid Scaling.
    """
    slope = attributes.number("RescaleSlope")
    if slope is None:
        slope = attributes.number("DoseGridScaling")
    intercept = attributes.number("RescaleIntercept")
    return 1.0 if slope is None else slope, 0.0 if intercept is None else intercept


def modality_values(stored: NDArray[Any], attributes: FrameAttributes) -> NDArray[Any]:
    """Apply the Modality LUT, or Rescale Slope and Intercept, to stored values.

    The results are those of `pydicom.pixels.apply_rescale`.

    Parameters
    ----------
    stored : ndarray of any number type
    attributes : FrameAttributes

    Returns
    -------
    ndarray
        The array itself if there is nothing to apply; unsigned integers from a table;
        float64 otherwise.
    """
    tables = attributes.get("ModalityLUTSequence")
    if tables and not is_empty(tables[0]):
        return LookupTable(tables[0], attributes.dataset).check_complete().apply(stored)
    slope, intercept = rescaling(attributes)
    if (slope, intercept) == (1.0, 0.0):
        return stored
    # Two roundings as in pydicom: first the product, then the sum.
    values: NDArray[Any] = stored.astype(np.float64) * slope + intercept
    return values


def rescaled_dtype(types: Iterable[np.dtype[Any]]) -> np.dtype[Any]:
    """Return the type of values after the Modality LUT, given the types of the stored ones."""
    widest = max(dtype.itemsize for dtype in types)
    return np.dtype(np.float32 if widest <= 2 else np.float64)


def may_overflow(
    slope: float, intercept: float, types: Iterable[np.dtype[Any]], into: np.dtype[Any]
) -> bool:
    """Whether rescaling can make values of the types infinite in the type `into`."""
    largest = max(
        float(np.finfo(dtype).max) if dtype.kind == "f" else 2.0 ** (8 * dtype.itemsize)
        for dtype in types
    )
    return abs(slope) * largest + abs(intercept) > float(np.finfo(into).max)
