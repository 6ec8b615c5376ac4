# SPDX-License-Identifier: MIT
"""Optional blocks in the header of a native stream (docs/format.md, 2.1)."""

from __future__ import annotations

import struct
from typing import Any

from .. import _mic
from .streams import MemoryBytes, Stream

_LAYOUT_AT = 5
_HAS_FRAMES, _HAS_BLOCKS = 8, 16
_CRC_BYTES = 4


def add_block(stream: bytes, kind: bytes, content: bytes) -> bytes:
    """Return a native stream with one more block.

    Parameters
    ----------
    stream : bytes
        Result of `mic.encode`.
    kind : bytes
        Four letters.  Readers that do not know the kind skip the block if the first
        letter is lower-case.
    content : bytes
        Content of the block.
    """
    parsed = Stream(MemoryBytes(stream))
    layout = parsed.layout
    end = layout.header_bytes - layout.shared_bytes
    present = read_blocks(stream)
    added = {**present, kind: content}
    blocks = _written(added)
    head = bytearray(stream[: end - _CRC_BYTES - len(_written(present))])
    frames = stream[end : int(parsed.offsets[-1])]
    longer = len(blocks) - len(_written(present))
    head[_LAYOUT_AT] |= _HAS_BLOCKS
    index = b""
    if layout.axes:
        struct.pack_into("<Q", head, len(head) - 8, layout.index_offset + longer)
        index = _mic.write_index(parsed.offsets[:-1] + longer)
    head += blocks
    return bytes(head) + struct.pack("<I", crc32c(head)) + frames + index


def _written(blocks: dict[bytes, bytes]) -> bytes:
    """Encode blocks as in a header; empty if there are none."""
    listed = b"".join(
        struct.pack("<4sI", kind, len(content)) + content for kind, content in blocks.items()
    )
    return struct.pack("<I", len(listed)) + listed if blocks else b""


def read_blocks(stream: Any) -> dict[bytes, bytes]:
    """Return the optional blocks of a native stream, by kind.

    Call it only for streams that were parsed: the parser finds errors in the header.
    """
    head = memoryview(stream).cast("B")
    if len(head) <= _LAYOUT_AT or not head[_LAYOUT_AT] & _HAS_BLOCKS:
        return {}
    at = 8
    for _ in range(3):  # varints: rows, columns, rows per strip
        while head[at] & 0x80:
            at += 1
        at += 1
    if head[_LAYOUT_AT] & _HAS_FRAMES:
        at += 1 + 4 * head[at] + 8
    end = at + 4 + struct.unpack_from("<I", head, at)[0]
    blocks, at = {}, at + 4
    while at < end:
        kind, size = struct.unpack_from("<4sI", head, at)
        blocks[kind] = bytes(head[at + 8 : at + 8 + size])
        at += 8 + size
    return blocks


def crc32c(data: bytes | bytearray) -> int:
    """CRC-32C of a few bytes; the core has a fast one for many."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
