# SPDX-License-Identifier: MIT
"""The tiles of a slide: how each level is divided into a grid."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

from .._mic import Layout
from ..errors import MicError

MAX_LEVELS = 32

MAX_SIDE = 2**32 - 1


class Grid(NamedTuple):
    """A level and the tiles that it is divided into."""

    level: int
    rows: int
    columns: int
    tile_rows: int
    tile_columns: int
    first_tile: int

    @property
    def down(self) -> int:
        """Number of tiles from top to bottom."""
        return -(-self.rows // self.tile_rows)

    @property
    def across(self) -> int:
        """Number of tiles from left to right."""
        return -(-self.columns // self.tile_columns)

    @property
    def n_tiles(self) -> int:
        """Number of tiles in the level."""
        return self.down * self.across

    def size_of(self, row: int, column: int) -> tuple[int, int]:
        """Return the rows and columns of a tile that lie within the level."""
        top, left = row * self.tile_rows, column * self.tile_columns
        return min(self.tile_rows, self.rows - top), min(self.tile_columns, self.columns - left)


def grids_of(
    levels: list[tuple[int, int]] | tuple[tuple[int, int], ...], tile_rows: int, tile_columns: int
) -> list[Grid]:
    """Lay out the tiles of all levels, the largest first."""
    grids: list[Grid] = []
    first = 0
    for number, (rows, columns) in enumerate(levels):
        grids.append(Grid(number, rows, columns, tile_rows, tile_columns, first))
        first += grids[-1].n_tiles
    return grids


def grids_in(layout: Layout) -> list[Grid]:
    """Return the levels of an opened slide; an empty list for other streams."""
    return grids_of(layout.levels, layout.rows, layout.columns)


def halvings(rows: int, columns: int) -> list[tuple[int, int]]:
    """Return every level that a slide can have: sizes are halved, rounded down, while not 0."""
    sizes: list[tuple[int, int]] = []
    while rows and columns and len(sizes) < MAX_LEVELS:
        sizes.append((rows, columns))
        rows, columns = rows // 2, columns // 2
    return sizes


@contextlib.contextmanager
def naming_tiles(layout: Layout) -> Iterator[None]:
    """Turn errors of a frame into errors of a level and its tile."""
    try:
        yield
    except MicError as error:
        if error.frame is not None and layout.levels:
            _name_tile(error, grids_in(layout))
        raise


def _name_tile(error: MicError, grids: list[Grid]) -> None:
    assert error.frame is not None
    grid = next(g for g in reversed(grids) if g.first_tile <= error.frame)
    error.level = grid.level
    error.tile = divmod(error.frame - grid.first_tile, grid.across)
    place = f"level {error.level}, tile {error.tile}"
    frame = f"frame {error.frame}"
    first, *rest = error.parts
    begun = first.startswith(frame)
    error.reword(f"{place}{first[len(frame) :]}" if begun else f"{place}: {first}", *rest)
