# SPDX-License-Identifier: MIT
"""Write slides from top to bottom, and make the smaller levels on the way.

When rows of the largest level arrive and complete a band of tiles, the band is coded,
halved and handed to the next level, which does the same.  So memory holds one band of
each level, whatever the size of the slide.  The tiles of the smaller levels, which come
later in the file, wait in temporary files in coded form.
"""

from __future__ import annotations

import contextlib
import io
import math
import operator
from collections.abc import Iterable
from itertools import accumulate
from typing import IO, TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _mic
from .._mic import Layout
from ..arguments import shown, whole_number
from ..errors import Argument, Remedy, UnsupportedError, VerifyError
from .arrays import (
    MAX_FRAME_SAMPLES,
    check_dtype,
    dtype_of,
    frame_shape,
    layout_of,
    prepare,
    thread_count,
)
from .grids import MAX_SIDE, Grid, grids_of, halvings
from .options import EncodeOptions, TileSize
from .tiles import default_levels

if TYPE_CHECKING:
    from pathlib import Path

Array = NDArray[Any]

_TILES_AT_A_TIME = 64
_IN_MEMORY = 1 << 24  # coded bytes that a temporary file keeps in memory


def plan_slide(
    shape: tuple[int, ...], dtype: np.dtype[Any], options: EncodeOptions
) -> tuple[Layout, list[Grid]]:
    """Return the layout of a slide to write, and its levels."""
    rows, columns, *colour = _image_shape(shape, options.rgb)
    dtype = check_dtype(dtype)
    if options.container == "mic3":
        _check_mic3(dtype, bool(colour))
    tile_rows, tile_columns = tile_shape(options.tile_size, len(colour))
    sizes = halvings(rows, columns)
    levels = options.levels
    if levels is None:
        levels = default_levels(rows, columns, tile_rows, tile_columns)
    if not 1 <= whole_number("levels", levels) <= len(sizes):
        raise UnsupportedError(
            Argument("levels"),
            f" is {levels}, 1 to {len(sizes)} are expected for {rows} x {columns} pixels",
        )
    grids = grids_of(sizes[:levels], tile_rows, tile_columns)
    n_tiles = grids[-1].first_tile + grids[-1].n_tiles
    if n_tiles > MAX_FRAME_SAMPLES:
        raise UnsupportedError(
            f"{rows} x {columns} pixels in tiles of {tile_rows} x {tile_columns} are {n_tiles} "
            f"tiles, at most {MAX_FRAME_SAMPLES} are expected; use larger tiles"
        )
    stack = (n_tiles, tile_rows, tile_columns, *colour)
    layout = layout_of(stack, dtype, options.container_number, bool(colour))
    layout.set_levels([(grid.rows, grid.columns) for grid in grids])
    return layout, grids


def _image_shape(shape: tuple[int, ...], rgb: bool | None) -> tuple[int, ...]:
    try:
        sizes = tuple(operator.index(size) for size in shape)
    except TypeError:
        sizes = ()
    colour = len(sizes) == 3 and sizes[-1] == 3 if rgb is None else bool(rgb)
    if len(sizes) != 2 + colour or (colour and sizes[-1] != 3):
        raise UnsupportedError(
            f"a slide has shape {shown(shape)}, (rows, columns) or (rows, columns, 3) is expected"
        )
    if not all(1 <= size <= MAX_SIDE for size in sizes):
        raise UnsupportedError(f"a slide has shape {sizes}, sizes of 1 to {MAX_SIDE} are expected")
    return sizes


def tile_shape(tile: TileSize, n_colour: int) -> tuple[int, int]:
    """Rows and columns of a tile of a size that was given."""
    try:
        sides = (tile, tile) if isinstance(tile, (int, np.integer)) else tuple(tile)
    except TypeError:
        sides = ()
    are_whole = all(isinstance(side, (int, np.integer)) and side > 0 for side in sides)
    n_samples = math.prod(sides) * (3 if n_colour else 1) if are_whole else 0
    if len(sides) != 2 or not 0 < n_samples <= MAX_FRAME_SAMPLES:
        raise UnsupportedError(
            Argument("tile"),
            f" is {shown(tile)}, a size such as 256 or (rows, columns) of 1 to "
            f"{MAX_FRAME_SAMPLES} samples is expected",
        )
    return int(sides[0]), int(sides[1])


def _check_mic3(dtype: np.dtype[Any], colour: bool) -> None:
    if dtype == np.uint8 or (dtype == np.uint16 and not colour):
        return
    view = "" if colour else f'pass arr.view("u{dtype.name}") or '
    raise UnsupportedError(
        f"a MIC3 file holds uint8, or uint16 of one channel, not {dtype}"
        f"{' colour' if colour else ''}; {view}",
        Remedy("native"),
    )


class _LevelWriter:
    """One level: collects rows, codes bands of tiles, feeds the next smaller level."""

    def __init__(self, grid: Grid, layout: Layout, options: EncodeOptions, file: IO[bytes]) -> None:
        self.grid = grid
        self.file = file
        self.sizes: list[int] = []  # bytes of the coded tiles, in order
        self.bits_used = 0
        self.next: _LevelWriter | None = None
        self._layout = layout
        self._options = options
        self._threads = thread_count(options.threads)
        self._colour = frame_shape(layout)[2:]
        self._band: Array | None = None
        self._filled = 0  # rows in the band
        self._rows_in = 0
        self._odd_row: Array | None = None  # waits for the row it is averaged with

    @property
    def rows_left(self) -> int:
        return self.grid.rows - self._rows_in - self._filled

    @property
    def is_between_bands(self) -> bool:
        return self._filled == 0

    @property
    def band_rows(self) -> int:
        """Number of rows in the band of tiles that is being filled."""
        return min(self.grid.tile_rows, self.grid.rows - self._rows_in)

    def band(self, dtype: np.dtype[Any]) -> Array:
        """Return memory for a band of tiles."""
        if self._band is None:
            self._band = np.empty((self.grid.tile_rows, self.grid.columns, *self._colour), dtype)
        return self._band

    def feed(self, rows: Array) -> None:
        """Take any number of rows."""
        while len(rows):
            n = min(len(rows), self.band_rows - self._filled)
            self.band(rows.dtype)[self._filled : self._filled + n] = rows[:n]
            self._filled += n
            rows = rows[n:]
            if self._filled == self.band_rows:
                self.flush()

    def flush(self) -> None:
        """Code the band, which is full."""
        assert self._band is not None
        band = self._band[: self.band_rows]
        for first in range(0, self.grid.across, _TILES_AT_A_TIME):
            self._code(self._cut(band, first, min(first + _TILES_AT_A_TIME, self.grid.across)))
        self._rows_in += len(band)
        self._filled = 0
        if self.next is not None:
            self._halve(band)
        if self._rows_in == self.grid.rows:
            self._band = self._odd_row = None

    def _cut(self, band: Array, first: int, stop: int) -> Array:
        """Cut tiles [first, stop) from a band, padded at the edges of the level."""
        height, width = self.grid.tile_rows, self.grid.tile_columns
        tiles = np.zeros((stop - first, height, width, *self._colour), band.dtype)
        n_rows = len(band)
        for tile, number in zip(tiles, range(first, stop), strict=True):
            part = band[:, number * width : (number + 1) * width]
            n_columns = part.shape[1]
            tile[:n_rows, :n_columns] = part
            if self._options.container == "native":  # the published container wants zeros
                tile[:n_rows, n_columns:] = tile[:n_rows, n_columns - 1 : n_columns]
                tile[n_rows:] = tile[n_rows - 1]
        return tiles

    def _code(self, tiles: Array) -> None:
        options = self._options
        samples = tiles.reshape(-1).view(np.uint8)
        coded, bits_used = _mic.encode_frames(
            self._layout, samples, len(tiles), options.n_states, options.effort, self._threads
        )
        if options.verify:
            self._check(coded, tiles)
        self.bits_used = max(self.bits_used, bits_used)
        for blob in coded:
            self.sizes.append(self.file.write(blob))

    def _check(self, coded: list[bytes], tiles: Array) -> None:
        n = len(tiles)
        out = np.empty_like(tiles)
        rows = out.reshape(n, self.grid.tile_rows, -1).view(np.uint8)
        numbers = [self.grid.first_tile + len(self.sizes) + i for i in range(n)]
        layouts = [self._layout] * n
        _mic.decode_frames(layouts, coded, numbers, [0] * n, 0, rows, None, self._threads)
        if not np.array_equal(out, tiles):
            first = int(np.argwhere(out != tiles)[0][0])
            row, column = divmod(len(self.sizes) + first, self.grid.across)
            raise VerifyError(
                f"level {self.grid.level}, tile ({row}, {column}) does not decode to what it was; "
                "please report it",
                frame=numbers[first],
            )

    def _halve(self, band: Array) -> None:
        assert self.next is not None
        if self._odd_row is not None:
            band = np.concatenate([self._odd_row, band])
        even = len(band) // 2 * 2
        self._odd_row = band[even:].copy() if even < len(band) else None
        samples = np.ascontiguousarray(band[:even]).reshape(-1).view(np.uint8)
        layout, columns = self._layout, self.grid.columns
        half = _mic.halve(layout.sample_type, layout.channels, samples, even, columns)
        self.next.feed(half.view(band.dtype).reshape(even // 2, columns // 2, *self._colour))


class SlideEncoder:
    """Writes a slide to a binary file, from rows or from tiles of its largest level."""

    def __init__(
        self,
        file: BinaryIO,
        layout: Layout,
        grids: list[Grid],
        options: EncodeOptions,
        folder: Path | None = None,
    ) -> None:
        layout.plan(options.codec_number)
        self._file = file
        self._layout = layout
        self._header_bytes = len(layout.header())
        self._is_mic3 = options.container == "mic3"
        self._start = self._header_bytes + (layout.index_bytes if self._is_mic3 else 0)
        file.write(bytes(self._start))
        self._temporary = contextlib.ExitStack()
        self._levels = [
            _LevelWriter(
                grid, layout, options, self._temporary_file(folder) if grid.level else file
            )
            for grid in grids
        ]
        for level, below in zip(self._levels, self._levels[1:], strict=False):
            level.next = below
        self._column = 0  # of the next tile, if tiles are appended
        image = frame_shape(layout)
        self.grid = grids[0]
        self.dtype = dtype_of(layout)
        self.shape = (self.grid.rows, self.grid.columns, *image[2:])

    def _temporary_file(self, folder: Path | None) -> IO[bytes]:
        import tempfile  # only slides need it, and `import mic` should be quick

        where = None if folder is None else str(folder)
        return self._temporary.enter_context(tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=where))

    def append_rows(self, rows: ArrayLike) -> None:
        """Add the next rows of the largest level."""
        array = prepare(rows)
        level = self._levels[0]
        fits = array.shape[1:] == self.shape[1:] and array.ndim == len(self.shape)
        if not fits or array.dtype != self.dtype or self._column:
            where = f"behind tile {self._column} of its row" if self._column else "as rows"
            raise UnsupportedError(
                f"an array of shape {array.shape} and dtype {array.dtype} came {where}, whole rows "
                f"of shape {('n', *self.shape[1:])} and dtype {self.dtype} are expected"
            )
        if len(array) > level.rows_left:
            raise UnsupportedError(
                f"{len(array)} rows came, {level.rows_left} are left of the {self.grid.rows} of "
                "the slide"
            )
        level.feed(array)

    def append_tile(self, tile: ArrayLike) -> None:
        """Add the next tile of the largest level, row by row and from left to right."""
        array = prepare(tile)
        level, grid = self._levels[0], self.grid
        left = self._column * grid.tile_columns
        n_rows, n_columns = level.band_rows, min(grid.tile_columns, grid.columns - left)
        whole = (grid.tile_rows, grid.tile_columns, *self.shape[2:])
        cut = (n_rows, n_columns, *self.shape[2:])
        if level.rows_left == 0 or not level.is_between_bands:
            raise UnsupportedError(
                f"a tile came with {level.rows_left} of {grid.rows} rows left, where no tile begins"
            )
        if array.shape not in (whole, cut) or array.dtype != self.dtype:
            raise UnsupportedError(
                f"a tile of shape {array.shape} and dtype {array.dtype} came, {cut} and "
                f"{self.dtype} are expected"
            )
        band = level.band(array.dtype)
        band[:n_rows, left : left + n_columns] = array[:n_rows, :n_columns]
        self._column += 1
        if self._column == grid.across:
            self._column = 0
            level.flush()

    def write(self, source: Any) -> None:
        """Add all of an array-like, band by band, or the tiles from an iterable."""
        if not hasattr(source, "shape"):
            if not isinstance(source, Iterable):
                raise UnsupportedError(
                    f"the source is {shown(source)}, an array or an iterable of tiles is expected"
                )
            for tile in source:
                self.append_tile(tile)
            return
        dtype = np.dtype(source.dtype).newbyteorder("=")
        if tuple(source.shape) != self.shape or dtype != self.dtype:
            raise UnsupportedError(
                f"the source has shape {tuple(source.shape)} and dtype {source.dtype}, "
                f"{self.shape} and {self.dtype} are expected"
            )
        step = self.grid.tile_rows
        for top in range(0, self.grid.rows, step):
            self.append_rows(np.asarray(source[top : top + step]))

    def finish(self) -> int:
        """Write the smaller levels, the index and the header; return the size of the file."""
        import shutil

        left = self._levels[0].rows_left
        if left or self._column:
            raise UnsupportedError(
                f"{left} rows of the {self.grid.rows} of the slide are missing; the file was not "
                "written"
            )
        file = self._file
        for level in self._levels[1:]:
            level.file.seek(0)
            shutil.copyfileobj(level.file, file, 1 << 20)
        sizes = [size for level in self._levels for size in level.sizes]
        # Summed by Python: NumPy 1 has integers of 32 bits on Windows, and slides are larger.
        offsets = np.array([*accumulate(sizes, initial=self._start)], np.uint64)
        bits_used = max(level.bits_used for level in self._levels)
        end = int(offsets[-1])
        if self._is_mic3:
            self._layout.finish((len(sizes),), bits_used, self._header_bytes)
            file.seek(self._header_bytes)
            file.write(_mic.write_tile_table(offsets))
        else:
            self._layout.finish((len(sizes),), bits_used, end)
            end += file.write(_mic.write_index(offsets[:-1]))
        file.seek(0)
        file.write(self._layout.header())
        return end

    def release(self) -> None:
        """Remove the temporary files."""
        self._temporary.close()


def encode_slide(array: Array, options: EncodeOptions) -> bytes:
    """Encode a whole slide in memory."""
    layout, grids = plan_slide(array.shape, array.dtype, options)
    file = io.BytesIO()
    encoder = SlideEncoder(file, layout, grids, options)
    try:
        encoder.append_rows(array)
        encoder.finish()
    finally:
        encoder.release()
    return file.getvalue()
