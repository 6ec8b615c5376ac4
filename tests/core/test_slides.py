# SPDX-License-Identifier: MIT
"""Slides: reading levels, regions and tiles of both containers that hold them."""

from __future__ import annotations

import pickle
import struct
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import handmade
import handmade_mic3
import numpy as np
import pytest
import zoo
from handmade_mic3 import pyramid
from hypothesis import given
from hypothesis import strategies as st

import mic

CONTAINERS = ("native", "mic3")
IMAGE = zoo.smooth((150, 203, 3), "uint8")
LEVELS = pyramid(IMAGE, 3)
STREAMS = {name: mic.encode(IMAGE, container=name, tile=64, levels=3) for name in CONTAINERS}


@pytest.fixture(params=CONTAINERS)
def slide(request: pytest.FixtureRequest) -> mic.MicFile:
    """150 x 203 pixels of colour in tiles of 64 x 64, three levels."""
    return mic.open(STREAMS[request.param])


# ---- what a slide says ------------------------------------------------------------


def test_description(slide: mic.MicFile) -> None:
    assert slide.shape == (150, 203, 3)
    assert slide.chunks == (64, 64, 3)
    assert [level.shape for level in slide.levels] == [image.shape for image in LEVELS]
    assert [level.tiles for level in slide.levels] == [(3, 4), (2, 2), (1, 1)]
    assert [level.number for level in slide.levels] == [0, 1, 2]
    level = slide.level(1)
    assert (len(level), level.ndim, level.size) == (75, 3, 75 * 101 * 3)
    assert (level.dtype, level.chunks) == (np.uint8, (64, 64, 3))
    info = slide.info
    assert (info.shape, info.frames, info.rows, info.columns) == (IMAGE.shape, 17, 64, 64)
    assert [level.first_tile for level in info.levels] == [0, 12, 16]
    sizes = [(level.rows, level.tiles_across) for level in info.levels]
    assert sizes == [(150, 4), (75, 2), (37, 1)]
    assert info.decoded_bytes == sum(image.nbytes for image in LEVELS)
    assert sum(level.encoded_bytes for level in info.levels) < info.encoded_bytes


def test_other_files_have_no_levels() -> None:
    with mic.open(mic.encode(IMAGE)) as file:
        assert file.levels == ()
        assert file.info.levels == ()
        with pytest.raises(mic.UnsupportedError, match="no slide"):
            file.level(0)
        with pytest.raises(mic.UnsupportedError, match="no slide"):
            file.tile(0, 0, 0)


def test_a_closed_file(slide: mic.MicFile) -> None:
    level = slide.level(0)
    slide.close()
    for read in (lambda: slide.levels, lambda: slide[0], lambda: level.region(0, 0, 1, 1)):
        with pytest.raises(ValueError, match="closed"):
            read()


# ---- parts ------------------------------------------------------------------------

KEYS = [
    np.s_[...],
    np.s_[0],
    np.s_[-1],
    np.s_[3, 4],
    np.s_[3, 4, 2],
    np.s_[3, 4, 2, ...],
    np.s_[10:70, 20:30],
    np.s_[..., 1],
    np.s_[:, 5],
    np.s_[30:10:-3, ::7],
    np.s_[::-1, ::-1, ::-1],
    np.s_[5:5],
    np.s_[:, 9:3],
    np.s_[20:21, 20:21, 0:2],
    np.s_[np.int64(1), np.uint8(2)],
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_indexing(slide: mic.MicFile, key: object) -> None:
    """Every level gives what numpy would give; the file itself is its largest level."""
    assert np.array_equal(slide[key], IMAGE[key])
    for level, image in zip(slide.levels, LEVELS, strict=True):
        assert level[key].shape == image[key].shape
        assert np.array_equal(level[key], image[key])
    assert np.array_equal(np.asarray(slide.level(2)), LEVELS[2])


@given(st.data())
def test_any_region(data: st.DataObject) -> None:
    """Any rectangle of any level, into any memory layout, on any number of threads."""
    name = data.draw(st.sampled_from(CONTAINERS))
    number = data.draw(st.integers(0, 2))
    image = LEVELS[number]
    y, x = (data.draw(st.integers(0, side - 1)) for side in image.shape[:2])
    height = data.draw(st.integers(1, image.shape[0] - y))
    width = data.draw(st.integers(1, image.shape[1] - x))
    expected = image[y : y + height, x : x + width]
    level = mic.open(STREAMS[name], threads=data.draw(st.integers(1, 3))).level(number)
    assert np.array_equal(level.region(x, y, width, height), expected)
    rooms = [
        np.empty((height, width, 3), "u1"),
        np.empty((height + 3, width + 5, 3), "u1")[2:-1, 1:-4],
        np.empty((height, width, 3), "u1")[::-1],
        np.empty((width, height, 3), "u1").transpose(1, 0, 2),
    ]
    for out in rooms:
        assert level.region(x, y, width, height, out=out) is out
        assert np.array_equal(out, expected)


def test_tiles(slide: mic.MicFile) -> None:
    """Tiles are cut at the edges."""
    for number, (level, image) in enumerate(zip(slide.levels, LEVELS, strict=True)):
        for row in range(level.tiles[0]):
            for column in range(level.tiles[1]):
                expected = image[row * 64 : row * 64 + 64, column * 64 : column * 64 + 64]
                assert np.array_equal(level.tile(row, column), expected)
                assert np.array_equal(slide.tile(number, row, column), expected)


OUTSIDE = [(-1, 0, 5, 5), (0, -1, 5, 5), (0, 0, 0, 5), (0, 0, 5, -5), (200, 0, 4, 1)]
OUTSIDE += [(0, 150, 1, 1), (2**63, 0, 1, 1), (0, 0, 2**63, 2**63)]


@pytest.mark.parametrize("region", OUTSIDE)
def test_regions_outside(slide: mic.MicFile, region: tuple[int, int, int, int]) -> None:
    with pytest.raises(mic.UnsupportedError, match="203 x 150 pixels of level 0"):
        slide.level(0).region(*region)


def test_wrong_questions(slide: mic.MicFile) -> None:
    level = slide.level(0)
    for number in (-1, 3):
        with pytest.raises(mic.UnsupportedError, match="levels 0 to 2"):
            slide.level(number)
    for place in ((3, 0), (0, 4), (-1, 0)):
        with pytest.raises(mic.UnsupportedError, match=r"0 to 2 and columns 0 to 3"):
            level.tile(*place)
    with pytest.raises(IndexError):
        level[150]
    with pytest.raises(mic.UnsupportedError, match=r"x is 0\.5, a whole number is expected"):
        level.region(0.5, 0, 1, 1)  # type: ignore[arg-type]
    for out in (np.empty((5, 5), "u1"), np.empty((5, 5, 3), "u2")):
        with pytest.raises(mic.UnsupportedError, match="out has"):
            level.region(0, 0, 5, 5, out=out)
    with pytest.raises(mic.UnsupportedError, match="slide"):
        slide.frames(0, 2)
    with pytest.raises(mic.UnsupportedError, match="slide"):
        mic.decode(STREAMS["native"], frames=0)
    one_tile = mic.encode(IMAGE, tile=300, levels=1)
    with pytest.raises(mic.UnsupportedError, match="stream 0 is a slide"):
        mic.decode_batch([one_tile])


def test_limits() -> None:
    for name in CONTAINERS:
        with mic.open(STREAMS[name], max_pixels=64 * 64 * 3) as file:
            assert file.level(2)[...].shape == (37, 50, 3)
            with pytest.raises(mic.LimitError):
                file.level(0)[...]
        file = mic.open(STREAMS[name], max_pixels=64 * 64 * 3 - 1)
        with pytest.raises(mic.LimitError):  # a tile is decoded whole
            file.level(0).region(0, 0, 1, 1)
        with pytest.raises(mic.LimitError):
            mic.decode(STREAMS[name], max_pixels=IMAGE.size - 1)


@pytest.mark.parametrize("name", CONTAINERS)
def test_decode(name: str) -> None:
    """`mic.decode` returns the largest level."""
    assert np.array_equal(mic.decode(STREAMS[name], threads=2), IMAGE)
    assert np.array_equal(mic.decode(STREAMS[name], rows=slice(60, 70)), IMAGE[60:70])
    out = np.empty(IMAGE.shape[::-1], "u1").T
    assert mic.decode(STREAMS[name], out=out) is out
    assert np.array_equal(out, IMAGE)


# ---- reading no more than is needed --------------------------------------------------


@pytest.mark.parametrize("name", CONTAINERS)
def test_only_touched_tiles_are_read(name: str) -> None:
    """A region reads the tiles under it, each once, and nothing else."""
    source = zoo.RecordingFile(STREAMS[name])
    file = mic.open(source)
    bounds = file.info.frame_offsets
    regions = [
        (0, (0, 0, 1, 1), [0]),
        (0, (63, 63, 2, 2), [0, 1, 4, 5]),
        (0, (64, 64, 64, 64), [5]),
        (0, (0, 128, 203, 22), [8, 9, 10, 11]),
        (1, (70, 0, 20, 75), [13, 15]),
        (2, (0, 0, 50, 37), [16]),
    ]
    for number, region, tiles in regions:
        source.spans.clear()
        file.level(number).region(*region)
        assert source.spans == [(bounds[tile], bounds[tile + 1]) for tile in tiles]


def repeated_tile(container: str, side: int) -> bytes:
    """Make a slide of `side` x `side` pixels whose tiles are all the same, coded once."""
    tile = zoo.ramp((256, 256, 3), "uint8", 1) // 3
    sizes = [(side >> i, side >> i) for i in range(7)]
    n_tiles = sum((-(-rows // 256)) ** 2 for rows, _ in sizes)
    one = mic.encode(tile[None] if container == "native" else tile, container=container)
    blob = one[slice(*mic.info(one).frame_offsets[:2])]
    if container == "mic3":
        return handmade_mic3.repeated(tile, sizes, blob)
    shape = {"colour": True, "axes": [n_tiles], "blocks": tile_block(*sizes)}
    shape["strip_rows"] = mic.info(one).strip_rows
    start = handmade.header(256, 256, "uint8", **shape)
    end = len(start) + n_tiles * len(blob)
    listed = range(len(start), end, len(blob))
    start = handmade.header(256, 256, "uint8", index_offset=end, **shape)
    return start + blob * n_tiles + handmade.index(listed)


# ru_maxrss would include the parent's memory at the time of the fork.
MEMORY = """
import mic
mic.open  # which imports numpy and the core
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")][0]
before = peak()
with mic.open(PATH) as slide:
    for x, y in ((0, 0), (9999, 12345), (19488, 19488)):
        part = slide.level(0).region(x, y, 512, 512)
    print(slide.shape[0], part.shape[0], peak(), peak() - before)
"""


@pytest.mark.no_asan
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("name", CONTAINERS)
def test_memory(name: str, run_python: Callable[[str], str], tmp_path: Path) -> None:
    """Read 512 x 512 pixels of 20000 x 20000 with less than 64 MB for the whole process."""
    path = tmp_path / "large.mic"
    path.write_bytes(repeated_tile(name, 20000))
    side, height, total, grown = run_python(MEMORY.replace("PATH", repr(str(path)))).split()
    assert (side, height) == ("20000", "512")
    assert float(total) < 64
    assert float(grown) < 24


# ---- sharing -------------------------------------------------------------------------


def test_levels_are_pickled_with_their_file(tmp_path: Path) -> None:
    path = tmp_path / "slide.mic"
    path.write_bytes(STREAMS["native"])
    with mic.open(path) as file:
        again = pickle.loads(pickle.dumps(file.level(1)))
    assert np.array_equal(again[...], LEVELS[1])


def test_threads_share_a_slide(slide: mic.MicFile) -> None:
    level = slide.level(0)
    barrier = threading.Barrier(4)

    def read(column: int) -> bool:
        barrier.wait()
        return all(
            np.array_equal(level.region(column, y, 40, 9), IMAGE[y : y + 9, column : column + 40])
            for y in range(0, 140, 11)
        )

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(read, (0, 50, 100, 160)))


# ---- the native block ------------------------------------------------------------------


def renamed(stream: bytes, kind: bytes) -> bytes:
    """A native slide whose block has another type, as an older reader sees it."""
    at = stream.index(b"tile")
    length = struct.unpack_from("<I", stream, at + 4)[0]
    header = stream[:at] + kind + stream[at + 4 : at + 8 + length]
    return handmade.with_crc(header) + stream[at + 12 + length :]


def test_older_readers_see_a_stack_of_tiles() -> None:
    stack = mic.decode(renamed(STREAMS["native"], b"note"))
    assert stack.shape == (17, 64, 64, 3)
    assert np.array_equal(stack[0], IMAGE[:64, :64])
    last = np.pad(LEVELS[2], ((0, 27), (0, 14), (0, 0)), mode="edge")  # padded by repetition
    assert np.array_equal(stack[16], last)


def tile_block(*levels: tuple[int, int], count: int | None = None) -> bytes:
    sizes = b"".join(struct.pack("<2I", *level) for level in levels)
    content = bytes([len(levels) if count is None else count]) + sizes
    return handmade.block(b"tile", content)


TILES = zoo.volume((5,), 8, 6, "int16")


def test_blocks_made_by_hand() -> None:
    """Tiles of 8 x 6: level 0 has two by two, level 1 has one."""
    stream = handmade.frames_stream(TILES, blocks=tile_block((12, 10), (8, 1)))
    with mic.open(stream) as file:
        assert [level.shape for level in file.levels] == [(12, 10), (8, 1)]
        assert np.array_equal(file.tile(0, 1, 1), TILES[3][:4, :4])
        assert np.array_equal(file.level(1)[...], TILES[4][:, :1])
        whole = np.block([[TILES[0], TILES[1]], [TILES[2], TILES[3]]])
        assert np.array_equal(file[...], whole[:12, :10])


WRONG_BLOCKS = {
    "no level": tile_block(),
    "33 levels": tile_block(*[(40, 6)] * 33),
    "too short": tile_block((40, 6), count=2),
    "too long": tile_block((40, 6), (1, 1), count=1),
    "empty": handmade.block(b"tile", b""),
    "twice": tile_block((40, 6)) * 2,
    "no rows": tile_block((0, 6)),
    "no columns": tile_block((40, 0)),
    "growing": tile_block((16, 6), (17, 6)),
    "a tile too few": tile_block((41, 6)),
    "a tile too many": tile_block((32, 6)),
    "huge": tile_block((2**32 - 1, 2**32 - 1)),
}


@pytest.mark.parametrize("name", WRONG_BLOCKS)
def test_wrong_blocks(name: str) -> None:
    stream = handmade.frames_stream(TILES, blocks=WRONG_BLOCKS[name])
    with pytest.raises(mic.CorruptDataError, match=r"level|tiles") as caught:
        mic.open(stream)
    assert caught.value.stage == "header"


def test_a_block_needs_a_stack() -> None:
    with pytest.raises(mic.CorruptDataError, match="axes"):
        mic.open(handmade.stream(TILES[0], blocks=tile_block((8, 6))))


# ---- damage ------------------------------------------------------------------------------


def damaged_native() -> tuple[bytes, int]:
    """The native slide with a changed byte in tile (1, 1) of level 0."""
    stream = STREAMS["native"]
    place = mic.info(stream).frame_offsets[6] - 9
    return zoo.flip(stream, 8 * place), place


def test_errors_name_level_and_tile() -> None:
    stream, place = damaged_native()
    with mic.open(stream) as file:
        assert np.array_equal(file.tile(0, 0, 0), IMAGE[:64, :64])
        with pytest.raises(
            mic.CorruptDataError, match=r"^level 0, tile \(1, 1\), strip 0"
        ) as caught:
            file.level(0)[...]
    assert (caught.value.level, caught.value.tile, caught.value.frame) == (0, (1, 1), 5)
    assert (pickle.loads(pickle.dumps(caught.value))).tile == (1, 1)
    assert caught.value.offset is not None
    assert caught.value.offset <= place


def test_rescue() -> None:
    """Lost pixels are 0 and marked; all others are restored."""
    stream, _ = damaged_native()
    expected = np.ones(IMAGE.shape[:2], bool)
    expected[64:128, 64:128] = False
    array, intact = mic.decode(stream, partial=True)
    assert np.array_equal(intact, expected)
    assert np.array_equal(array, IMAGE * expected[..., None])
    array, intact = mic.decode(stream, partial=True, rows=slice(100, 140), threads=2)
    assert np.array_equal(intact, expected[100:140])
    assert np.array_equal(array, IMAGE[100:140] * intact[..., None])


def test_rescue_of_mic3() -> None:
    bounds = mic.info(STREAMS["mic3"]).frame_offsets
    stream = bytearray(STREAMS["mic3"])
    stream[bounds[3] + 12] = 9  # the mode of a plane of tile (0, 3)
    array, intact = mic.decode(bytes(stream), partial=True)
    expected = np.ones(IMAGE.shape[:2], bool)
    expected[:64, 192:] = False
    assert np.array_equal(intact, expected)
    assert np.array_equal(array, IMAGE * expected[..., None])


def test_every_flip_of_a_native_slide_is_found() -> None:
    image = zoo.smooth((9, 10), "uint8")
    stream = mic.encode(image, tile=6)
    for bit in range(8 * len(stream)):
        with pytest.raises(mic.CorruptDataError):
            file = mic.open(zoo.flip(stream, bit))
            for level in file.levels or file:
                level[...]
            mic.decode(zoo.flip(stream, bit))
    for n in range(len(stream)):
        with pytest.raises(mic.CorruptDataError):
            mic.open(stream[:n])
