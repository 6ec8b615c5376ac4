# SPDX-License-Identifier: MIT
"""MIC3 files made by hand from the published specification.

numpy makes the pyramid, the tiles and the colour planes; `mic.stages` makes the
streams.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

import mic
from mic import stages


def halve(image: np.ndarray) -> np.ndarray:
    """Return the means of 2 x 2 boxes; odd last rows and columns are dropped."""
    rows, columns = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    boxes = image[:rows, :columns].astype("i8")
    sums = boxes[::2, ::2] + boxes[1::2, ::2] + boxes[::2, 1::2] + boxes[1::2, 1::2]
    return ((sums + 2) >> 2).astype(image.dtype)


def pyramid(image: np.ndarray, n_levels: int) -> list[np.ndarray]:
    images = [image]
    while len(images) < n_levels:
        images.append(halve(images[-1]))
    return images


def default_levels(rows: int, columns: int, tile_rows: int, tile_columns: int) -> int:
    """Apply the published rule: halve both sides while one exceeds the tile; drop empty levels."""
    levels, cut = 1, 0
    while rows > tile_rows or columns > tile_columns:
        rows, columns = rows // 2, columns // 2
        levels += 1
        if cut == 0 and (rows == 0 or columns == 0):
            cut = levels - 1
        if rows <= 1 and columns <= 1:
            break
    return cut or levels


def tiles(image: np.ndarray, tile_rows: int, tile_columns: int) -> list[np.ndarray]:
    """Cut tiles, row by row, and pad them with zeros."""
    cut = []
    for top in range(0, image.shape[0], tile_rows):
        for left in range(0, image.shape[1], tile_columns):
            tile = np.zeros((tile_rows, tile_columns, *image.shape[2:]), image.dtype)
            part = image[top : top + tile_rows, left : left + tile_columns]
            tile[: part.shape[0], : part.shape[1]] = part
            cut.append(tile)
    return cut


def plane_blob(plane: np.ndarray) -> bytes:
    words = plane.astype("uint16").reshape(-1)
    if not words.any():
        return b"\0"
    if (words == words[0]).all():
        return b"\1" + struct.pack("<H", words[0])
    height, width = plane.shape
    try:
        maximum = max(255, int(words.max()))
        return b"\2" + stages.encode_stream("fse", words, width, height, maximum, 2)
    except mic.UnsupportedError:
        return b"\3" + words.astype("<u2").tobytes()


def tile_blob(tile: np.ndarray) -> bytes:
    if tile.ndim == 2:
        return plane_blob(tile)
    r, g, b = np.moveaxis(tile.astype(int), -1, 0)
    co = r - b
    t = b + (co >> 1)
    cg = g - t
    y = t + (cg >> 1)
    folded = [np.where(v < 0, -2 * v - 1, 2 * v) for v in (co, cg)]
    blobs = [plane_blob(plane) for plane in (y, *folded)]
    return struct.pack("<3I", *map(len, blobs)) + b"".join(blobs)


def stream(
    images: Sequence[np.ndarray],
    tile_rows: int,
    tile_columns: int,
    blobs: Sequence[bytes] | None = None,
) -> bytes:
    """Make a file of these levels; `blobs` replaces their tiles."""
    first = 0
    levels, coded = b"", []
    for image in images:
        cut = tiles(image, tile_rows, tile_columns)
        rows, columns = image.shape[:2]
        across, down = -(-columns // tile_columns), -(-rows // tile_rows)
        levels += struct.pack("<5I", columns, rows, across, down, first)
        first += len(cut)
        coded += [tile_blob(tile) for tile in cut]
    return (
        header(images[0], tile_rows, tile_columns, len(images), first)
        + levels
        + table(blobs or coded)
    )


def header(
    image: np.ndarray, tile_rows: int, tile_columns: int, n_levels: int, n_tiles: int
) -> bytes:
    rows, columns = image.shape[:2]
    channels = image.shape[2] if image.ndim == 3 else 1
    start = struct.pack("<4s5I", b"MIC3", 1, columns, rows, tile_columns, tile_rows)
    bits, flags = 8 * image.dtype.itemsize, 3 if channels == 3 else 1
    return start + struct.pack("<HBBHHQQ", channels, bits, flags, n_levels, 0, n_tiles, 0)


def table(blobs: Sequence[bytes]) -> bytes:
    entries, offset = b"", 0
    for blob in blobs:
        entries += struct.pack("<2Q", offset, len(blob))
        offset += len(blob)
    return entries + b"".join(blobs)


def repeated(tile: np.ndarray, sizes: Sequence[tuple[int, int]], blob: bytes) -> bytes:
    """Make a slide whose tiles are all the same."""
    levels, first = b"", 0
    for rows, columns in sizes:
        down, across = -(-rows // tile.shape[0]), -(-columns // tile.shape[1])
        levels += struct.pack("<5I", columns, rows, across, down, first)
        first += down * across
    channels = tile.shape[2:]
    image = np.broadcast_to(tile.reshape(-1)[0], (*sizes[0], *channels))
    return header(image, *tile.shape[:2], len(sizes), first) + levels + table([blob] * first)
