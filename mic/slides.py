# SPDX-License-Identifier: MIT
"""Whole-slide images: levels to read from, and writing slides piece by piece."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .arguments import choose, dtype_of_name, new_file, whole_number
from .atomic import AtomicWriter
from .codec.grids import Grid
from .codec.indexing import normalize_key, span
from .codec.options import SLIDE_CONTAINERS, EncodeOptions, TileSize
from .codec.slide_writer import SlideEncoder, plan_slide, tile_shape
from .codec.tiles import DEFAULT_TILE
from .codec.tiles import LevelInfo as LevelInfo
from .errors import UnsupportedError

Read = Callable[[Grid, tuple[int, int, int, int], NDArray[Any] | None], NDArray[Any]]


class Level:
    """One image in a slide's pyramid; only the tiles that are requested are read.

    Index it as in numpy: ``level[y0:y1, x0:x1]``.  `numpy.asarray` and
    ``dask.array.from_array`` accept it.  It is valid while its file is open.

    Attributes
    ----------
    number : int
        Its place in the pyramid; 0 is the largest.
    tiles : (int, int)
        Number of tiles from top to bottom and from left to right.
    shape : tuple of int
        (rows, columns) or (rows, columns, 3).
    dtype : numpy.dtype
        Sample type.
    ndim : int
        Number of axes.
    """

    def __init__(
        self, grid: Grid, dtype: np.dtype[Any], colour: tuple[int, ...], read: Read
    ) -> None:
        self._grid = grid
        self._colour = colour
        self._read = read
        self.number = grid.level
        self.tiles = (grid.down, grid.across)
        self.dtype = dtype
        self.shape = (grid.rows, grid.columns, *colour)
        self.ndim = len(self.shape)

    @property
    def size(self) -> int:
        """Number of samples."""
        return math.prod(self.shape)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of a tile, the smallest unit that is decoded."""
        return (self._grid.tile_rows, self._grid.tile_columns, *self._colour)

    def region(
        self, x: int, y: int, width: int, height: int, out: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """Decode a rectangle.

        Parameters
        ----------
        x, y : int
            Left column and top row, in pixels of this level.
        width, height : int
            Size in pixels of this level.
        out : ndarray, optional
            Array of (height, width[, 3]) to fill, with any strides.

        Returns
        -------
        ndarray, (height, width[, 3])

        Raises
        ------
        UnsupportedError
            A part of the rectangle lies outside the level.
        CorruptDataError
            A tile is damaged; `.level` and `.tile` say which.
        LimitError
            There are more samples than the file was opened for.
        """
        x, y = whole_number("x", x), whole_number("y", y)
        width, height = whole_number("width", width), whole_number("height", height)
        return self._read(self._grid, (y, x, height, width), out)

    def tile(self, row: int, column: int) -> NDArray[Any]:
        """Decode one tile, cut at the edges of the level.

        Parameters
        ----------
        row, column : int
            Its place among the `tiles`, from the top and from the left.

        Returns
        -------
        ndarray, (rows, columns[, 3])

        Raises
        ------
        UnsupportedError
            The level has no such tile.
        CorruptDataError
            The tile is damaged; `.level` and `.tile` say which.
        """
        row, column = whole_number("row", row), whole_number("column", column)
        down, across = self.tiles
        if not (0 <= row < down and 0 <= column < across):
            raise UnsupportedError(
                f"tile ({row}, {column}) of level {self.number} is asked for, rows 0 to "
                f"{down - 1} and columns 0 to {across - 1} of tiles are expected"
            )
        n_rows, n_columns = self._grid.size_of(row, column)
        top, left = row * self._grid.tile_rows, column * self._grid.tile_columns
        return self._read(self._grid, (top, left, n_rows, n_columns), None)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        in_rows, in_columns, *in_colour = normalize_key(key, self.shape)
        top, n_rows, rows = span(in_rows, self._grid.rows)
        left, n_columns, columns = span(in_columns, self._grid.columns)
        if n_rows and n_columns:
            decoded = self._read(self._grid, (top, left, n_rows, n_columns), None)
        else:
            decoded = np.empty((n_rows, n_columns, *self._colour), self.dtype)
        return decoded[(rows, columns, *in_colour)]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a compressed image cannot be an array without a copy")
        array = self[...]
        return array if dtype is None else array.astype(dtype, copy=False)

    def __repr__(self) -> str:
        return f"<mic.Level {self.number} {self.shape} {self.dtype} in {self.tiles} tiles>"


def create_slide(
    path: str | os.PathLike[str],
    shape: tuple[int, ...],
    dtype: DTypeLike,
    *,
    tile: TileSize = DEFAULT_TILE,
    levels: int | None = None,
    container: str = "native",
    codec: str | None = None,
    effort: int = 5,
    states: int | None = None,
    threads: int = 1,
    rgb: bool | None = None,
    verify: bool = True,
) -> SlideWriter:
    """Write a slide that need not fit into memory.

    Memory holds one row of tiles of each level, about ``4 * tile * columns`` samples in
    all; the coded tiles of the smaller levels wait in temporary files next to the file.

    Parameters
    ----------
    path : path-like
        The file; it appears when the writer is closed without an error.
    shape : tuple
        (rows, columns) or (rows, columns, 3) of the largest level.
    dtype : uint8, int8, uint16 or int16
        Sample type.  "mic3" takes uint8, or uint16 of one channel.
    tile : int or (rows, columns)
        Size of a tile, the smallest unit that is decoded.
    levels : int, optional
        Images of the pyramid, each half the size of the one before (rounded down; the
        mean of 2 x 2 pixels, ``(a + b + c + d + 2) >> 2``).  Default: until one fits
        into a tile. 1 writes the image alone.
    container : {"native", "mic3"}
        "mic3" is the published container for slides.
    codec, effort, states, threads, rgb
        See `mic.encode`.
    verify : bool
        Decode each tile and compare it before it is written.

    Returns
    -------
    SlideWriter

    Raises
    ------
    UnsupportedError
        A slide or its container does not support the shape, dtype or an option.

    Examples
    --------
    >>> import mic, numpy as np, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "slide.mic"
    >>> image = np.zeros((1000, 1500, 3), "uint8")  # or a np.memmap
    >>> with mic.create_slide(path, image.shape, "uint8") as writer:
    ...     writer.write(image)
    >>> with mic.open(path) as slide:
    ...     [level.shape for level in slide.levels], slide.level(1).region(700, 0, 50, 20).shape
    ([(1000, 1500, 3), (500, 750, 3), (250, 375, 3), (125, 187, 3)], (20, 50, 3))
    """
    choose("container", container, SLIDE_CONTAINERS)
    tile_shape(tile, 0)
    options = EncodeOptions(
        codec=codec,
        effort=effort,
        threads=threads,
        rgb=rgb,
        states=states,
        container=container,
        tile=tile,
        levels=levels,
        verify=verify,
    )
    return SlideWriter(path, shape, dtype_of_name(dtype), options)


class SlideWriter(AtomicWriter):
    """A slide that is being written; see `mic.create_slide`.

    Pixels arrive from top to bottom, as whole rows (`append_rows`), as tiles
    (`append`), or all at once from a source that may be larger than memory (`write`).
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        options: EncodeOptions,
    ) -> None:
        options.check()
        layout, grids = plan_slide(shape, dtype, options)
        file = new_file("path", path)
        super().__init__(file)
        assert self._file is not None
        self._encoder = SlideEncoder(self._file, layout, grids, options, file.parent)

    @property
    def _open_encoder(self) -> SlideEncoder:
        if self._file is None:
            raise ValueError("the writer is closed")
        return self._encoder

    def append(self, tile: ArrayLike) -> None:
        """Write the next tile of the largest level, row by row and from left to right.

        Parameters
        ----------
        tile : array_like
            (rows, columns[, 3]) of a tile.  At the right and lower edges it may be cut;
            otherwise, the part beyond the edge is dropped.

        Raises
        ------
        UnsupportedError
            The tile has another shape or dtype, or the slide is complete.
        VerifyError
            A tile does not decode to its input (a fault of mic or of the memory).
        """
        self._open_encoder.append_tile(tile)

    def append_rows(self, rows: ArrayLike) -> None:
        """Write the next rows of the largest level.

        Parameters
        ----------
        rows : array_like, (n, columns[, 3])
            Any number of rows.

        Raises
        ------
        UnsupportedError, VerifyError
            See `append`.
        """
        self._open_encoder.append_rows(rows)

    def write(self, source: Any) -> None:
        """Write the whole largest level.

        Parameters
        ----------
        source : array-like or iterable of tiles
            An object with the slide's shape and dtype that gives rows when it is sliced
            (an array, `numpy.memmap`, zarr, h5py, a level of another slide); one row of
            tiles is held at a time.  Or an iterable of tiles, as for `append`.

        Raises
        ------
        UnsupportedError, VerifyError
            See `append`.
        """
        self._open_encoder.write(source)

    def _finish(self, file: BinaryIO) -> None:
        self._encoder.finish()

    def _release(self) -> None:
        self._encoder.release()
