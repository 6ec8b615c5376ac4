# SPDX-License-Identifier: MIT
"""Take frames of native streams apart, change them, and join them with correct checksums."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import handmade

import mic


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number and the offset of its end."""
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def map_end(data: bytes, at: int) -> int:
    """Return the end of the sample map that begins at `at`."""
    if data[at] < 2:
        return at + (3, 5)[data[at]]
    n_table, behind = read_varint(data, read_varint(data, at + 3)[1])
    return behind + n_table


@dataclass
class Frame:
    """Section 3 of docs/format.md; every field may be changed."""

    header: bytes  # the bytes before the frame
    samples_crc: int
    colour: int
    maps: list[bytes]
    models: list[bytes]  # of the planes that are not constant
    strips: list[list[bytes]]
    model_offset: int  # of the first byte of the first model, in the stream
    strip_offsets: list[int]  # of the first piece of each strip, in the stream
    tail: bytes  # the bytes after the frame

    def stream(self) -> bytes:
        """Join everything; offsets in index and header are not corrected."""
        listed = [
            ([*map(len, pieces)], handmade.crc32c(b"".join(pieces))) for pieces in self.strips
        ]
        head = handmade.head(self.samples_crc, self.maps, listed, self.models, self.colour)
        pieces = b"".join(b"".join(strip) for strip in self.strips)
        return self.header + head + pieces + self.tail


def take_apart(stream: bytes, frame: int = 0) -> Frame:
    info = mic.info(stream)
    start, end = info.frame_offsets[frame : frame + 2]
    (samples_crc,) = struct.unpack_from("<I", stream, start)
    at = start + 4 + (info.channels == 3)
    colour = stream[start + 4] if info.channels == 3 else 0
    maps, models = [], []
    for _ in range(info.channels):
        maps.append(stream[at : map_end(stream, at)])
        at += len(maps[-1])
    model_offset = 0
    for made in maps:
        if made[0] != 0:
            n, at = read_varint(stream, at)
            model_offset = model_offset or at
            models.append(stream[at : at + n])
            at += n
    lengths: list[list[int]] = []
    for _ in range(info.strips if models else 0):
        lengths.append([])
        for _ in models:
            n, at = read_varint(stream, at)
            lengths[-1].append(n)
        at += 4
    at += 4
    strips: list[list[bytes]] = []
    offsets = []
    for counts in lengths:
        offsets.append(at)
        strips.append([])
        for n in counts:
            strips[-1].append(stream[at : at + n])
            at += n
    assert at == end
    parts = (stream[:start], samples_crc, colour, maps, models, strips)
    return Frame(*parts, model_offset, offsets, stream[end:])
