# SPDX-License-Identifier: MIT
"""Readers for the reference decoder: section 1 of docs/format.md, and its errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from reference_wavefront import WavefrontError


class FormatError(ValueError):
    """The stream breaks the specification; `place` is "header", "frame 3 strip 1" and so on."""

    def __init__(self, reason: str, place: str = "") -> None:
        super().__init__(f"{place}: {reason}" if place else reason)
        self.reason, self.place = reason, place


def require(condition: bool, reason: str) -> None:
    """Reject the stream unless the condition holds."""
    if not condition:
        raise FormatError(reason)


@contextlib.contextmanager
def at(place: str) -> Iterator[None]:
    """Name the place of every error raised inside the `with` block."""
    try:
        yield
    except FormatError as error:
        raise FormatError(error.reason, place) from None
    except WavefrontError as error:
        raise FormatError(str(error), place) from None


# Section 1: conventions
def depth(value: int) -> int:
    """Bits needed for a value, 0 for 0."""
    return value.bit_length()


def crc32c(data: bytes) -> int:
    """CRC-32C, bit by bit (82F63B78 is 1EDC6F41 reflected)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0x82F63B78 if crc & 1 else crc >> 1
    return crc ^ 0xFFFFFFFF


class Items:
    """Takes items off the front of data[pos:end]."""

    def __init__(self, data: Sequence[int], pos: int, end: int) -> None:
        self.data, self.pos, self.end = data, pos, end

    def left(self) -> int:
        return self.end - self.pos

    def take(self, count: int) -> Sequence[int]:
        require(count <= self.left(), "the data end too early")
        self.pos += count
        return self.data[self.pos - count : self.pos]


class Bytes(Items):
    """Takes fields off the front of bytes."""

    def uint(self, size: int) -> int:
        """A u8, u16, u32 or u64, of `size` bytes."""
        return int.from_bytes(self.take(size), "little")

    def varint(self) -> int:
        value = 0
        for number in range(5):
            byte = self.uint(1)
            value |= (byte & 0x7F) << (7 * number)
            if byte < 0x80:
                require(byte != 0 or number == 0, "a varint has a surplus zero byte")
                require(value < 1 << 32, "a varint is 2^32 or more")
                return value
        raise FormatError("a varint has more than five bytes")

    def check_crc(self, start: int) -> None:
        """Read a u32 that must be the CRC of everything since `start`."""
        covered = self.data[start : self.pos]
        require(self.uint(4) == crc32c(covered), "the CRC does not match")


class Bits(Items):
    """Takes fields off the front of a list of bits."""

    def high_first(self, count: int) -> int:
        """A field whose first bit is its highest."""
        return sum(bit << (count - 1 - i) for i, bit in enumerate(self.take(count)))

    def low_first(self, count: int) -> int:
        """A field whose first bit is its lowest."""
        return sum(bit << i for i, bit in enumerate(self.take(count)))


# Section 2: stream
