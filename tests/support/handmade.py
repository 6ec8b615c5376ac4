# SPDX-License-Identifier: MIT
"""Native streams made by hand from docs/format.md: valid ones, and absurd ones.

The absurd streams have valid checksums.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import handmade_wavefront as wavefront
import numpy as np

from mic import stages

METHODS = ("raw", "fse", "huffman", "wavefront")
# Example 7.6 of docs/format.md: words, model and the piece of its only strip.
TINY_WORDS = ((0, 2, 3, 3), (1, 2, 4, 5), (1, 3, 5, 6), (2, 4, 5, 8))
TINY_MODEL = bytes.fromhex("A0 52 08 00 01 00 00 00 03 04 00 00 11")
TINY_STRIP = b"\3" + bytes.fromhex("00947100 80621500 00651500 00765500")
SAMPLE_TYPES = ("uint8", "int8", "uint16", "int16")


def crc_table(polynomial: int = 0x82F63B78) -> list[int]:
    """Remainders of all bytes, reflected."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)
        table.append(value)
    return table


_TABLE = crc_table()


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def with_crc(data: bytes) -> bytes:
    return data + struct.pack("<I", crc32c(data))


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def block(kind: bytes, content: bytes) -> bytes:
    """An optional block of the header."""
    return kind + struct.pack("<I", len(content)) + content


def header(
    rows: int,
    columns: int,
    dtype: str = "uint16",
    *,
    colour: bool = False,
    strip_rows: int = 0,
    axes: Sequence[int] = (),
    index_offset: int = 0,
    blocks: bytes | None = None,
    codec: int = 1,
    bits: int = 16,
    version: int = 1,
    reserved: int = 0,
) -> bytes:
    """Section 2.1; nothing is checked."""
    layout = SAMPLE_TYPES.index(dtype) | colour << 2 | bool(axes) << 3 | reserved
    layout |= (blocks is not None) << 4
    out = b"\x89Mic" + bytes([version, layout, codec, bits])
    out += varint(rows) + varint(columns) + varint(strip_rows)
    if axes:
        out += bytes([len(axes)]) + struct.pack(f"<{len(axes)}I", *axes)
        out += struct.pack("<Q", index_offset)
    if blocks is not None:
        out += struct.pack("<I", len(blocks)) + blocks
    return with_crc(out)


def models_block(n_bytes: int) -> bytes:
    """The block of the header that announces shared models."""
    return block(b"Modl", struct.pack("<I", n_bytes))


def shared_models(models: Sequence[bytes]) -> bytes:
    """Section 2.3; empty bytes for a plane without a model."""
    return with_crc(b"".join(varint(len(model)) + model for model in models))


def index(offsets: Sequence[int]) -> bytes:
    """Section 2.2."""
    return with_crc(struct.pack(f"<{len(offsets)}Q", *offsets))


def constant_map(minimum: int = 0) -> bytes:
    return b"\0" + struct.pack("<H", minimum)


def offset_map(minimum: int, span: int) -> bytes:
    return b"\1" + struct.pack("<HH", minimum, span)


def packed_map(minimum: int, gaps: Sequence[int], n_values: int | None = None) -> bytes:
    """Section 4; pass `n_values` only to make it wrong."""
    words = np.array(gaps, "uint16")
    runs = stages.rle_encode(words, max(8, int(words.max())), with_length=False)
    table = stages.huffman_encode(runs)
    n_values = len(gaps) + 1 if n_values is None else n_values
    return b"\2" + struct.pack("<H", minimum) + varint(n_values) + varint(len(table)) + table


def head(
    samples_crc: int,
    maps: Sequence[bytes],
    strips: Sequence[tuple[Sequence[int], int]],
    models: Sequence[bytes] = (),
    colour: int = 0,
) -> bytes:
    """Section 3: a strip is given by the lengths of its pieces and their checksum.

    Three maps mean colour.  `models` are those of the planes that are not constant; by
    default there are none.
    """
    out = struct.pack("<I", samples_crc) + bytes([colour] if len(maps) == 3 else [])
    out += b"".join(maps)
    moving = sum(made[:1] != b"\0" for made in maps)
    for model in models or [b""] * moving:
        out += varint(len(model)) + model
    for lengths, crc in strips:
        out += b"".join(map(varint, lengths)) + struct.pack("<I", crc)
    return with_crc(out)


def frame(
    samples: bytes,
    maps: Sequence[bytes],
    strips: Sequence[Sequence[bytes]],
    models: Sequence[bytes] = (),
    colour: int = 0,
) -> bytes:
    """Make a frame whose checksums are right for `samples` and the pieces of each strip."""
    joined = [b"".join(pieces) for pieces in strips]
    listed = [([*map(len, pieces)], crc32c(j)) for pieces, j in zip(strips, joined, strict=True)]
    return head(crc32c(samples), maps, listed, models, colour) + b"".join(joined)


def piece(
    words: np.ndarray, method: str, n_values: int, model: wavefront.Model | None = None
) -> bytes:
    """Section 5; a model is needed for "wavefront"."""
    height, width = words.shape
    if model is not None:
        return b"\3" + wavefront.strip(words, model)
    if method == "raw":
        return b"\0" + words.astype("u1" if n_values <= 256 else "<u2").tobytes()
    kind = METHODS.index(method)
    maximum = max(8, n_values - 1)
    return bytes([kind]) + stages.encode_stream(method, words.reshape(-1), width, height, maximum)


def planes_of(array: np.ndarray, colour: int = 0) -> np.ndarray:
    """Return the values of the planes of a frame, by section 4 and the transform of section 4.1."""
    planes = np.atleast_3d(array).transpose(2, 0, 1).astype(np.int64) - np.iinfo(array.dtype).min
    if colour == 0:
        return planes
    r, g, b = planes
    if colour == 1:
        return np.stack([r - g + 32768, g, b - g + 32768]) & 65535

    def half(x: np.ndarray) -> np.ndarray:
        return (x & 65535).astype("uint16").view("int16").astype(np.int64) >> 1

    t = b + half(r - b)
    return np.stack([t + half(g - t), r - b + 32768, g - t + 32768]) & 65535


def plane_words(values: np.ndarray) -> tuple[bytes, np.ndarray, int]:
    """Return the map of a plane, its words, and how many values they may have."""
    low, span = int(values.min()), int(values.max() - values.min())
    made = offset_map(low, span) if span else constant_map(low)
    return made, (values - low).astype("uint16"), span + 1


def array_frame(
    array: np.ndarray, strip_rows: int, method: str, colour: int = 0, **model: Any
) -> bytes:
    """Make one frame, (rows, columns) or (rows, columns, 3).

    `model` holds the fields of a wavefront model other than the frequencies.
    """
    planes = [plane_words(plane) for plane in planes_of(array, colour)]
    tops = range(0, len(array), strip_rows)
    moving = []
    for _, words, n_values in planes:
        if n_values == 1:
            continue
        strips = [words[top : top + strip_rows] for top in tops]
        made = wavefront.Model(n_values - 1, **model) if method == "wavefront" else None
        made = wavefront.fitted(strips, made) if made else None
        moving.append((strips, n_values, made))
    pieces = [
        [piece(strips[i], method, n_values, made) for strips, n_values, made in moving]
        for i in range(len(tops) if moving else 0)
    ]
    little = array.astype(array.dtype.newbyteorder("<")).tobytes()
    models = [made.bytes() if made else b"" for _, _, made in moving]
    return frame(little, [made for made, _, _ in planes], pieces, models, colour)


def stream(
    array: np.ndarray,
    strip_rows: int | None = None,
    method: str = "raw",
    blocks: bytes | None = None,
    **model: Any,
) -> bytes:
    """Make a whole stream of a single frame."""
    rows, columns = array.shape[:2]
    strips = rows if strip_rows is None else strip_rows
    start = header(
        rows,
        columns,
        array.dtype.name,
        colour=array.ndim == 3,
        strip_rows=0 if strips == rows else strips,
        blocks=blocks,
    )
    return start + array_frame(array, strips, method, **model)


def frames_stream(
    array: np.ndarray, offsets: Sequence[int] | None = None, blocks: bytes | None = None
) -> bytes:
    """Make a stack of frames with its index; pass `offsets` only to make it wrong."""
    rows, columns = array.shape[1:3]

    def start(index_offset: int) -> bytes:
        return header(
            rows,
            columns,
            array.dtype.name,
            axes=array.shape[:1],
            index_offset=index_offset,
            blocks=blocks,
        )

    coded = [array_frame(image, rows, "raw") for image in array]
    ends = np.cumsum([len(start(0)), *map(len, coded)]).tolist()
    listed = ends[:-1] if offsets is None else offsets
    return start(ends[-1]) + b"".join(coded) + index(listed)
