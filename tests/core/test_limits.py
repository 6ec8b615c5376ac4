# SPDX-License-Identifier: MIT
"""Small data that announce much are refused before memory is sized by their claims."""

import struct
import sys
from collections.abc import Callable

import handmade
import numpy as np
import pytest
import zoo
from handmade import constant_map, frame, head, header, offset_map, packed_map, varint

import mic

FLAT = frame(b"", [constant_map()], [])


def bare_count(codec: str, count: int) -> bytes:
    """Make a published stream of few bytes that claims to hold `count` words."""
    pixels = (zoo.smooth((12, 14), "uint16") // 64).reshape(-1)
    stream = bytearray(mic.stages.encode_stream(codec, pixels, 14, 12, states=4))
    if codec == "fse":
        struct.pack_into("<I", stream, 2, count)
    else:
        struct.pack_into(">I", stream, 0, count)
    return bytes(stream)


def piece_bomb(codec: str, count: int) -> bytes:
    piece = bytes([handmade.METHODS.index(codec)]) + bare_count(codec, count)
    return header(12, 14) + frame(b"", [offset_map(0, 63)], [[piece]])


def mic1_bomb(rows: int, columns: int) -> bytes:
    stream = bare_count("fse", min(rows * columns, 2**31))
    return b"MIC1" + struct.pack("<4I", columns, rows, 1, len(stream)) + stream


WAVES = frame(b"", [offset_map(0, 8)], [[handmade.TINY_STRIP]], [handmade.TINY_MODEL])
ONE_STRIP = [([2**31], 0)]
BOMBS = {
    "flat gigapixel": header(2**15, 2**15) + FLAT,
    "flat gigapixel colour": header(2**14, 2**15, colour=True)
    + frame(b"", [constant_map()] * 3, []),
    "a row": header(1, 2**31 - 1) + FLAT,
    "a column": header(2**31 - 1, 1) + FLAT,
    "as many strips as rows": header(2**30, 1, strip_rows=1) + FLAT,
    "as many pieces": header(2**30, 1, strip_rows=1) + head(0, [offset_map(0, 9)], ONE_STRIP),
    "a long piece": header(2**10, 2**10) + head(0, [offset_map(0, 9)], ONE_STRIP),
    "a raw gigapixel": header(2**15, 2**15) + frame(b"", [offset_map(0, 9)], [[b"\0" * 64]]),
    "packed": header(2**10, 2**10) + frame(b"", [packed_map(0, [1, 5], 2**32 - 1)], [[b"\0"]]),
    "a frame too many": header(64, 64, axes=[2**31 - 1], index_offset=100) + FLAT + bytes(200),
    "many axes": header(64, 64, axes=[2] * 29, index_offset=300) + FLAT + bytes(300),
    "far index": header(64, 64, axes=[9], index_offset=2**63) + FLAT + bytes(300),
    "fse words": piece_bomb("fse", 2**31 - 1),
    "fse words again": piece_bomb("fse", 2**32 - 1),
    "huffman words": piece_bomb("huffman", 2**32 - 1),
    "wavefront gigapixel": header(2**15, 2**15) + WAVES,
    "wavefront row": header(1, 2**31 - 1) + WAVES,
    "wavefront column": header(2**31 - 1, 1) + WAVES,
    "a long model": header(2**10, 2**10) + b"\0" * 4 + offset_map(0, 8) + varint(2**31),
    "mic1": mic1_bomb(2**15, 2**15),
    "mic1 row": mic1_bomb(1, 2**31 - 1),
}
SMALL_LIMIT = 10**6


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name: str) -> None:
    """Every way in refuses them; if a limit is exceeded, the message has both numbers."""
    bomb = BOMBS[name]
    assert len(bomb) < 1000
    for read in (
        lambda: mic.decode(bomb, max_pixels=SMALL_LIMIT),
        lambda: mic.decode(bomb, max_pixels=SMALL_LIMIT, threads=2),
        lambda: mic.decode_batch([bomb], max_pixels=SMALL_LIMIT),
        lambda: mic.open(bomb, max_pixels=SMALL_LIMIT)[...],
        lambda: mic.open(bomb, max_pixels=SMALL_LIMIT).frames(0, 1),
    ):
        with pytest.raises((mic.LimitError, mic.CorruptDataError, mic.UnsupportedError)) as caught:
            read()
        if isinstance(caught.value, mic.LimitError):
            assert str(SMALL_LIMIT) in str(caught.value)


IN_LITTLE_MEMORY = """
import resource
import mic, test_limits
for _ in range(2): mic.decode(mic.encode(test_limits.np.zeros((9, 9), "uint8")), threads=2)
in_use = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (in_use + (64 << 20),) * 2)
limit = test_limits.SMALL_LIMIT
for name, bomb in test_limits.BOMBS.items():
    for way, read in dict(
        info=lambda: mic.info(bomb),
        decode=lambda: mic.decode(bomb, max_pixels=limit),
        rescue=lambda: mic.decode(bomb, max_pixels=limit, partial=True),
        rescue_frame=lambda: mic.decode(bomb, max_pixels=limit, partial=True, frames=0),
        frame=lambda: mic.decode(bomb, max_pixels=limit, frames=0),
        rows=lambda: mic.decode(bomb, max_pixels=limit, frames=0, rows=(0, 1)),
        corner=lambda: mic.open(bomb, max_pixels=limit)[..., :1, :1],
        first=lambda: mic.open(bomb, max_pixels=limit)[0],
    ).items():
        try:
            read()
        except (mic.MicError, IndexError):
            pass
        except MemoryError as error:
            print(f"{way} of {name}: {error}")
"""


@pytest.mark.no_asan  # its shadow memory exceeds any limit
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc and RLIMIT_AS")
def test_bombs_in_little_memory(run_python: Callable[[str], str]) -> None:
    """64 MB of spare memory suffice: limits are checked before allocations."""
    assert run_python(IN_LITTLE_MEMORY) == ""


@pytest.mark.parametrize("shape", [(9, 11), (4, 9, 11), (9, 11, 3)])
def test_limit_is_exact(shape: tuple[int, ...]) -> None:
    array = zoo.smooth(shape, "int16")
    stream = mic.encode(array)
    assert np.array_equal(mic.decode(stream, max_pixels=array.size), array)
    with pytest.raises(mic.LimitError, match=str(array.size)):
        mic.decode(stream, max_pixels=array.size - 1)
    assert mic.info(stream).shape == shape


def test_limit_counts_what_is_decoded(volume: zoo.Sample) -> None:
    """Some frames of a large volume are within a limit that the whole exceeds."""
    assert mic.decode(volume.stream, frames=[1, 2], max_pixels=960).shape == (2, 24, 20)
    with pytest.raises(mic.LimitError):
        mic.decode(volume.stream, frames=[1, 2, 3], max_pixels=960)
    with pytest.raises(mic.LimitError):
        mic.decode(volume.stream, frames=[5] * 3, max_pixels=960)


def test_limit_of_many_frames() -> None:
    """The product of many axes does not wrap around."""
    made = header(2**15, 2**15, axes=[2**10] * 3, index_offset=2**40)
    with pytest.raises((mic.LimitError, mic.CorruptDataError)):
        mic.decode(made + FLAT)


def test_default_limit() -> None:
    assert mic.MAX_PIXELS == 2**30
    with pytest.raises(mic.LimitError, match=str(mic.MAX_PIXELS)):
        mic.decode(header(2**15, 2**15 + 1) + FLAT)


def test_work_is_bounded_by_the_data() -> None:
    """A word count that no image of the size can need is refused, not decoded."""
    for codec in ("fse", "huffman"):
        stream = bare_count(codec, 2**24)
        with pytest.raises(mic.CorruptDataError):
            mic.stages.decode_stream(codec, stream, 14, 12)
