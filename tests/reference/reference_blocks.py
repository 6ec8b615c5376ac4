# SPDX-License-Identifier: MIT
"""Optional blocks of a header, as in docs/format.md: part of reference_decoder.py."""

from __future__ import annotations

from reference_bits import Bytes, require


def read_blocks(content: bytes) -> tuple[list[tuple[int, int]], int]:
    """Section 2.1: from the optional blocks, return the levels and the bytes of shared models."""
    source, shared_bytes = Bytes(content, 0, len(content)), 0
    levels: list[tuple[int, int]] = []
    while source.left() > 0:
        block_type, n_bytes = source.take(4), source.uint(4)
        if block_type == b"Modl":
            require(n_bytes == 4 and shared_bytes == 0, "the block Modl is wrong")
            shared_bytes = source.uint(4)
            require(shared_bytes > 0, "the block Modl announces no shared models")
            continue
        require(not 0x41 <= block_type[0] <= 0x5A, f"the block {block_type!r} is not known")
        block = source.take(n_bytes)
        if block_type == b"tile":
            require(not levels, "there are two blocks of levels")
            levels = read_levels(block)
    return levels, shared_bytes


def read_levels(block: bytes) -> list[tuple[int, int]]:
    """Section 2.3: rows and columns of each level."""
    source = Bytes(block, 0, len(block))
    count = source.uint(1)
    require(1 <= count <= 32, "the number of levels is not 1 to 32")
    levels = [(source.uint(4), source.uint(4)) for _ in range(count)]
    require(source.left() == 0, "the block of levels is too long")
    return levels
