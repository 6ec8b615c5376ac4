# SPDX-License-Identifier: MIT
"""Chunks of arrays that are stored as streams: the common part of the Zarr codecs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._mic import Layout
from ..arguments import choose
from ..errors import CorruptDataError, UnsupportedError
from .arrays import SAMPLE_TYPES, dtype_of, full_shape, thread_count
from .info import CODECS
from .streams import Bytes, MemoryBytes, Stream, decode_into, empty_frames


def check_options(effort: int, codec: str, rgb: bool | None, threads: int) -> None:
    """Refuse options that `mic.encode` would refuse, before there is a chunk to encode."""
    choose("effort", effort, range(1, 10))
    choose("codec", codec, CODECS)
    choose("rgb", rgb, (None, False, True))
    thread_count(threads)


def check_chunk_type(dtype: np.dtype[Any], n_axes: int) -> None:
    """Refuse arrays whose chunks cannot be coded."""
    if dtype.newbyteorder("=") not in SAMPLE_TYPES:
        raise UnsupportedError(
            f"the array has dtype {dtype}, the codec mic takes uint8, int8, uint16 and int16; "
            "convert the data, or leave the codec out for this array"
        )
    if n_axes == 0:
        raise UnsupportedError(
            "the array has no axes, the codec mic takes one or more; leave the codec out"
        )


def image_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return `shape` with rows and columns: a single axis is one row."""
    return (1, *shape) if len(shape) == 1 else shape


@dataclass(frozen=True)
class Box:
    """A part of a chunk: one range of indices for each axis."""

    ranges: tuple[range, ...]

    @classmethod
    def whole(cls, shape: Sequence[int]) -> Box:
        """Return the box that is the whole chunk."""
        return cls(tuple(range(length) for length in shape))

    @classmethod
    def around(cls, selection: Any, shape: Sequence[int]) -> Box:
        """Return the smallest box around a NumPy selection of integers, slices and arrays."""
        return cls(
            tuple(
                _bounds(item, length)
                for item, length in zip(_per_axis(selection, len(shape)), shape, strict=True)
            )
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of indices on each axis."""
        return tuple(len(indices) for indices in self.ranges)

    @property
    def size(self) -> int:
        """Number of samples."""
        return math.prod(self.shape)

    def within(self, selection: Any) -> tuple[Any, ...]:
        """Return the selection that the box was made for, relative to the box's corner."""
        return tuple(
            _shifted(item, indices.start)
            for item, indices in zip(
                _per_axis(selection, len(self.ranges)), self.ranges, strict=True
            )
        )


def _per_axis(selection: Any, n_axes: int) -> tuple[Any, ...]:
    items = selection if isinstance(selection, tuple) else (selection,)
    return items + (slice(None),) * (n_axes - len(items))


def _bounds(item: Any, length: int) -> range:
    """Return the range that an index touches, at least one index: an empty box decodes nothing."""
    if isinstance(item, slice):
        touched = range(length)[item]
        low, high = (min(touched), max(touched)) if len(touched) else (0, 0)
    else:
        indices = np.asarray(item)
        if indices.dtype == bool:
            return range(length)
        low, high = (int(indices.min()), int(indices.max())) if indices.size else (0, 0)
    return range(low, high + 1) if 0 <= low <= high < length else range(length)


def _shifted(item: Any, start: int) -> Any:
    if start == 0:
        return item
    if not isinstance(item, slice):
        return item - start
    return slice(
        None if item.start is None else item.start - start,
        None if item.stop is None else item.stop - start,
        item.step,
    )


class SparseBytes:
    """A stream of which only some byte ranges have been fetched."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._pieces: dict[int, MemoryBytes] = {}

    def add(self, start: int, piece: Any) -> None:
        """Add the bytes from `start` on."""
        self._pieces[start] = MemoryBytes(piece)

    def read(self, start: int, stop: int) -> memoryview | bytes:
        """Return bytes [start, stop), or fewer if some were not fetched or do not exist."""
        parts = [
            piece.read(start - first, stop - first)
            for first, piece in self._pieces.items()
            if first <= start < first + piece.size
        ]
        return max(parts, key=len, default=b"")  # the first frame overlaps the head


def check_chunk(layout: Layout, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse a stream that is not the chunk announced by the array's metadata."""
    stored = full_shape(layout), dtype_of(layout)
    expected = image_shape(shape), dtype.newbyteorder("=")
    if stored != expected:
        raise CorruptDataError(
            f"the chunk holds shape {stored[0]} of {stored[1]}, {expected[0]} of {expected[1]} is "
            "expected (chunk of another array, or metadata changed?)",
            stage="header",
        )


def frames_in(box: Box, layout: Layout) -> NDArray[np.intp]:
    """Return the numbers of the frames that a box touches, in the shape of its leading axes."""
    axes = layout.axes
    kept = tuple(slice(indices.start, indices.stop) for indices in box.ranges[: len(axes)])
    frames: NDArray[np.intp] = np.arange(layout.n_frames).reshape(axes)[kept]
    return frames


def decode_box(
    data: Bytes, box: Box, shape: tuple[int, ...], dtype: np.dtype[Any], threads: int
) -> NDArray[Any]:
    """Decode the samples of a box in a chunk of `shape` and `dtype`.

    Only the frames and strips that the box touches are decoded.
    """
    n_samples = math.prod(shape)
    stream = Stream(data, max_pixels=n_samples)
    layout = stream.layout
    check_chunk(layout, shape, dtype)
    if len(shape) == 1:
        row = decode_box(data, Box((range(1), *box.ranges)), (1, *shape), dtype, threads)
        return row.reshape(-1)
    frames = frames_in(box, layout)
    rows, *columns = box.ranges[len(layout.axes) :]
    decoded = empty_frames(stream, frames.size, len(rows))
    jobs = [(stream, int(frame)) for frame in frames.reshape(-1)]
    decode_into(jobs, rows.start, len(rows), decoded, thread_count(threads))
    part: tuple[Any, ...] = (..., *(slice(indices.start, indices.stop) for indices in columns))
    samples = decoded.reshape(*frames.shape, *decoded.shape[1:])[part]
    converted: NDArray[Any] = samples.astype(dtype, copy=False)
    return converted
