# SPDX-License-Identifier: MIT
"""Slides: their levels, and reading parts of them.

A slide is a pyramid of images, each about half the size of the previous one and divided
into tiles of one size.  Its tiles are the frames of its stream, row by row and level by
level.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _mic
from .._mic import Layout
from ..errors import UnsupportedError
from ..faces import public
from .arrays import byte_rows, check_limit, check_out, dtype_of
from .grids import Grid, grids_in, halvings, naming_tiles
from .streams import Stream

DEFAULT_TILE = 256


@public("mic.slides")
class LevelInfo(NamedTuple):
    """One level of a slide.

    Attributes
    ----------
    rows, columns : int
        Size in pixels.
    tiles_down, tiles_across : int
        Number of tiles; those in the last row and column may extend beyond the edge.
    first_tile : int
        Number of its first tile among the tiles (frames) of the stream.
    encoded_bytes : int
        Coded size of its tiles.
    """

    rows: int
    columns: int
    tiles_down: int
    tiles_across: int
    first_tile: int
    encoded_bytes: int


def default_levels(rows: int, columns: int, tile_rows: int, tile_columns: int) -> int:
    """Number of levels until one fits into a tile, as the published writer counts them."""
    sizes = halvings(rows, columns)
    fits = (i for i, size in enumerate(sizes) if size[0] <= tile_rows and size[1] <= tile_columns)
    return next(fits, len(sizes) - 1) + 1


def check_region(grid: Grid, top: int, left: int, n_rows: int, n_columns: int) -> None:
    """Refuse a region that is not inside the level."""
    inside = (
        0 <= top <= grid.rows - n_rows
        and 0 <= left <= grid.columns - n_columns
        and n_rows > 0
        and n_columns > 0
    )
    if not inside:
        raise UnsupportedError(
            f"the region x={left}, y={top} of {n_columns} x {n_rows} pixels (width x height) is "
            f"asked for, a part of the {grid.columns} x {grid.rows} pixels of level {grid.level} "
            "is expected"
        )


def _boxes(
    grid: Grid, top: int, left: int, n_rows: int, n_columns: int, pixel_bytes: int
) -> tuple[list[int], NDArray[np.int64]]:
    """Return the numbers of the tiles under a region, and a `_mic.decode_tiles` box for each."""
    numbers, boxes = [], []
    bottom, right = top + n_rows, left + n_columns
    for row in range(top // grid.tile_rows, -(-bottom // grid.tile_rows)):
        tile_top = row * grid.tile_rows
        first = max(top, tile_top)
        height = min(bottom, tile_top + grid.tile_rows) - first
        for column in range(left // grid.tile_columns, -(-right // grid.tile_columns)):
            tile_left = column * grid.tile_columns
            start = max(left, tile_left)
            width = min(right, tile_left + grid.tile_columns) - start
            numbers.append(grid.first_tile + row * grid.across + column)
            part = (first - tile_top, height, start - tile_left, width)
            boxes.append((*part, first - top, (start - left) * pixel_bytes))
    return numbers, np.array(boxes, np.int64)


def read_region(
    stream: Stream,
    grid: Grid,
    region: tuple[int, int, int, int],
    max_pixels: int,
    threads: int,
    out: NDArray[Any] | None = None,
    intact: NDArray[np.bool_] | None = None,
) -> NDArray[Any]:
    """Decode a region (top, left, rows, columns) of a level; only its tiles are read.

    Passing `intact` (rows x columns) requests rescue: it is set where samples are
    correct; damaged samples are 0.
    """
    layout = stream.layout
    top, left, n_rows, n_columns = region
    check_region(grid, top, left, n_rows, n_columns)
    colour = (layout.channels,) if layout.channels > 1 else ()
    shape = (n_rows, n_columns, *colour)
    check_limit(shape, max_pixels)
    check_limit((layout.rows, layout.columns, *colour), max_pixels)  # a tile is decoded whole
    dtype = dtype_of(layout)
    if out is None:
        out = np.empty(shape, dtype)
    else:
        check_out(out, shape, dtype)
    view = byte_rows(out, 1, n_rows)
    if view is None:
        out[...] = read_region(stream, grid, region, max_pixels, threads, None, intact)
        return out
    pixel_bytes = dtype.itemsize * layout.channels
    numbers, boxes = _boxes(grid, top, left, n_rows, n_columns, pixel_bytes)
    flags = None if intact is None else np.zeros((len(numbers), layout.rows), np.uint8)
    with naming_tiles(layout):
        _mic.decode_tiles(
            layout,
            [stream.frame(number) for number in numbers],
            numbers,
            [int(stream.offsets[number]) for number in numbers],
            boxes,
            view[0],
            flags,
            threads,
        )
    if intact is not None and flags is not None:
        _spread(flags, boxes, pixel_bytes, intact)
    return out


def _spread(
    flags: NDArray[np.uint8],
    boxes: NDArray[np.int64],
    pixel_bytes: int,
    intact: NDArray[np.bool_],
) -> None:
    """Turn flags for the rows of each tile into flags for pixels."""
    for rows, (_, height, _, width, y, byte) in zip(flags, boxes.tolist(), strict=True):
        x = byte // pixel_bytes
        intact[y : y + height, x : x + width] = rows[:height, None]


def decode_slide(
    stream: Stream,
    rows: range,
    out: NDArray[Any] | None,
    max_pixels: int,
    threads: int,
    partial: bool,
) -> NDArray[Any] | tuple[NDArray[Any], NDArray[np.bool_]]:
    """Decode rows of the largest level, all columns."""
    grid = grids_in(stream.layout)[0]
    region = (rows.start, 0, len(rows), grid.columns)
    if not partial:
        return read_region(stream, grid, region, max_pixels, threads, out)
    check_limit((len(rows), grid.columns), max_pixels)
    intact = np.zeros((len(rows), grid.columns), np.bool_)
    return read_region(stream, grid, region, max_pixels, threads, out, intact), intact


def describe_levels(stream: Stream) -> tuple[LevelInfo, ...]:
    """Return the `LevelInfo` of each level of a slide."""
    offsets = stream.offsets
    return tuple(
        LevelInfo(
            rows=grid.rows,
            columns=grid.columns,
            tiles_down=grid.down,
            tiles_across=grid.across,
            first_tile=grid.first_tile,
            encoded_bytes=int(offsets[grid.first_tile + grid.n_tiles] - offsets[grid.first_tile]),
        )
        for grid in grids_in(stream.layout)
    )


def slide_samples(layout: Layout) -> int:
    """Number of samples in all levels together, without the padding of tiles."""
    return sum(math.prod(size) for size in layout.levels) * layout.channels
