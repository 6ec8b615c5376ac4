# SPDX-License-Identifier: MIT
"""The wavefront codec: round trips of every kind, sizes, instruction sets, parts."""

from collections.abc import Callable
from pathlib import Path

import handmade
import numpy as np
import pytest
import zoo
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.data import get_testdata_file
from taken_apart import take_apart

import mic
from mic import _mic

ISAS = zoo.available_isas()
EDGES = (1, 2, 31, 32, 33, 63, 64, 65)
WAVEFRONT = 3
pytestmark = pytest.mark.usefixtures("restore_isa")


def on_each_isa(call: Callable[[], object]) -> list[object]:
    results = []
    for isa in ISAS:
        _mic.use_isa(isa)
        results.append(call())
    return results


def methods(stream: bytes) -> set[int]:
    """Return the methods of the pieces of the first frame."""
    return {piece[0] for strip in take_apart(stream).strips for piece in strip}


def size_bound(array: np.ndarray, stream: bytes) -> float:
    info = mic.info(stream)
    return array.nbytes * 1.001 + 64 + 24 * info.frames * (1 + info.strips)


# ---- round trips -----------------------------------------------------------------


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray:
    """Any dtype and content; sizes near those of lanes and registers, and others."""
    side = st.one_of(st.sampled_from(EDGES), st.integers(1, 140))
    axes = draw(st.sampled_from([(), (), (), (1,), (3,)]))
    colour = draw(st.sampled_from([(), (), (3,)]))
    content = draw(st.sampled_from(zoo.CONTENTS))
    shape = (*axes, draw(side), draw(side), *colour)
    array = content(shape, draw(st.sampled_from(zoo.DTYPES)), draw(st.integers(0, 50)))
    return array // draw(st.sampled_from([1, 1, 3, 16]))


@given(arrays(), st.integers(1, 9), st.integers(1, 4))
def test_any_array(array: np.ndarray, effort: int, threads: int) -> None:
    stream = mic.encode(array, effort=effort, threads=threads)
    decoded = mic.decode(stream, threads=threads)
    assert decoded.dtype == array.dtype
    assert np.array_equal(decoded, array)
    assert len(stream) <= size_bound(array, stream)
    streams = on_each_isa(lambda: mic.encode(array, effort=effort))
    assert set(streams) == {stream}
    assert all(np.array_equal(other, array) for other in on_each_isa(lambda: mic.decode(stream)))


@pytest.mark.parametrize("columns", EDGES)
@pytest.mark.parametrize("rows", EDGES)
def test_sizes_around_the_lanes(rows: int, columns: int) -> None:
    for effort, content in ((1, zoo.smooth), (5, zoo.escapes), (5, zoo.smooth), (9, zoo.smooth)):
        image = content((rows, columns), "uint16", rows + columns)
        stream = mic.encode(image, effort=effort)
        for decoded in on_each_isa(lambda stream=stream: mic.decode(stream)):
            assert np.array_equal(decoded, image)


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm"])
def test_the_highest_efforts_are_smaller(name: str) -> None:
    image = dcmread(get_testdata_file(name)).pixel_array
    sizes = [len(mic.encode(image, effort=effort)) for effort in (5, 8, 9)]
    assert sizes[0] > sizes[1] > sizes[2]


@pytest.mark.parametrize("dtype", zoo.DTYPES)
@pytest.mark.parametrize("effort", range(1, 10))
def test_efforts(effort: int, dtype: str) -> None:
    """With one model or another, the same on every instruction set and number of threads."""
    image = zoo.smooth((150, 131), dtype, effort) // 2
    streams = on_each_isa(lambda: mic.encode(image, effort=effort))
    streams += [mic.encode(image, effort=effort, threads=threads) for threads in (2, 3, 4)]
    assert len(set(streams)) == 1
    assert methods(streams[0]) == {WAVEFRONT}
    assert all(np.array_equal(d, image) for d in on_each_isa(lambda: mic.decode(streams[0])))


def test_effort_pays() -> None:
    image = zoo.smooth((300, 320), "uint16") // 2
    sizes = [len(mic.encode(image, effort=effort)) for effort in (1, 5, 9)]
    assert sizes[2] <= sizes[1] <= sizes[0]


@pytest.mark.parametrize("span", [1, 2, 255, 511, 512, 16383, 16384, 32767, 32768, 65534, 65535])
def test_every_range(span: int) -> None:
    """Values are scaled by 2^6 to 2^0, and centred if 15 bits cannot hold them."""
    slope = np.add.outer(np.arange(70) * 7, np.arange(90) * 11)
    image = (slope * (1 + span // 1500) + zoo.noise(slope.shape, "uint8") // 40) % (span + 1)
    image[0, :2] = 0, span
    for array in (image.astype("uint16"), (image - 32768).astype("int16")):
        stream = mic.encode(array)
        for decoded in on_each_isa(lambda stream=stream: mic.decode(stream)):
            assert np.array_equal(decoded, array)


def test_strips_and_threads(large: zoo.Sample) -> None:
    assert methods(large.stream) == {WAVEFRONT}
    for threads in (2, 3, 4):
        assert mic.encode(large.array, threads=threads) == large.stream
    for isa in ISAS:
        _mic.use_isa(isa)
        assert mic.encode(large.array, threads=2) == large.stream
        for threads in (1, 2, 3, 4):
            assert np.array_equal(mic.decode(large.stream, threads=threads), large.array)


COLOURS = {
    "none": [(60, 1), (60, 2), (60, 3)],
    "green": [(4, 1), (4, 1), (40, 2)],
    "ycocg": [(30, 1), (30, 1), (30, 1)],
}


@pytest.mark.parametrize("dtype", zoo.DTYPES)
@pytest.mark.parametrize("name", COLOURS)
def test_colour(name: str, dtype: str) -> None:
    """Channels equal or not, planes constant or not, on each instruction set."""
    channels = [zoo.smooth((70, 66), dtype, seed) // 2 + noise for noise, seed in COLOURS[name]]
    array = np.stack(channels, -1).astype(dtype)
    for image in (array, np.concatenate([array] * 2)[None], array * [1, 0, 1]):
        made = image.astype(dtype)
        streams = on_each_isa(lambda made=made: mic.encode(made))
        assert len(set(streams)) == 1
        for decoded in on_each_isa(lambda stream=streams[0]: mic.decode(stream)):
            assert np.array_equal(decoded, made)


@pytest.mark.parametrize("dtype", zoo.DTYPES)
@pytest.mark.parametrize("transform", range(3))
def test_transforms_by_hand(transform: int, dtype: str) -> None:
    """Section 4.1: extreme pixels wrap around and are restored, whole or in part."""
    info = np.iinfo(dtype)
    corners = np.array([info.min, info.min + 1, -1 if info.min else 127, info.max - 1, info.max])
    cube = np.stack(np.meshgrid(corners, corners, corners), -1).reshape(5, 25, 3)
    array = np.concatenate([cube.astype(dtype), zoo.noise((6, 25, 3), dtype)])
    for method, model in (("raw", {}), ("wavefront", {"table_log": 12, "direct_log": 2})):
        stream = handmade.stream(array, 4, method, colour=transform, **model)
        assert np.array_equal(mic.decode(stream), array)
        assert np.array_equal(mic.decode(stream, rows=(3, 9)), array[3:9])


def test_unknown_transform() -> None:
    stream = take_apart(handmade.stream(zoo.smooth((6, 5, 3), "uint8")))
    for transform in (3, 4, 255):
        stream.colour = transform
        with pytest.raises(mic.CorruptDataError, match="colour transform") as caught:
            mic.decode(stream.stream())
        assert caught.value.stage == "frame head"


# ---- sizes -----------------------------------------------------------------------


@pytest.mark.parametrize("effort", [1, 5, 9])
@pytest.mark.parametrize("shape", [(1, 1), (700, 600), (1300, 1250), (3, 50, 60, 3)])
def test_constant_and_noise(shape: tuple[int, ...], effort: int) -> None:
    for dtype in ("uint8", "int16"):
        flat = np.full(shape, 77, dtype)
        info = mic.info(mic.encode(flat, effort=effort))
        assert info.encoded_bytes < 100 * info.frames
        noise = zoo.noise(shape, dtype)
        stream = mic.encode(noise, effort=effort)
        assert len(stream) <= size_bound(noise, stream)
        assert np.array_equal(mic.decode(stream), noise)


def test_colour_noise() -> None:
    """A colour transform widens noise, so its result must not be stored raw."""
    failures = []
    for dtype in ("uint8", "int8"):
        for shape in ((2, 31, 3), (8, 8, 3), (40, 50, 3), (300, 200, 3)):
            for seed in range(4):
                noise = zoo.noise(shape, dtype, seed)
                stream = mic.encode(noise)
                assert np.array_equal(mic.decode(stream), noise)
                if len(stream) > size_bound(noise, stream):
                    failures.append((dtype, shape, seed, noise.nbytes, len(stream)))
    assert failures == []


@pytest.mark.parametrize("name", ["MR_small.dcm", "CT_small.dcm", "emri_small.dcm"])
def test_small_real_images(name: str) -> None:
    """64 x 64 and 128 x 128: the model must save more bytes than it takes, or be omitted."""
    pydicom = pytest.importorskip("pydicom")
    pixels = pydicom.dcmread(pydicom.data.get_testdata_file(name)).pixel_array
    for image in (pixels, pixels[0]) if pixels.ndim == 3 else (pixels,):
        classic = min(len(mic.encode(image, codec)) for codec in ("fse", "huffman"))
        for effort in (1, 5, 9):
            stream = mic.encode(image, effort=effort)
            assert len(stream) <= 1.02 * classic
            assert np.array_equal(mic.decode(stream), image)


@pytest.mark.parametrize("side", [1, 2, 4, 8, 16, 24, 32, 48, 64])
def test_thumbnails_are_not_bloated(side: int) -> None:
    for dtype in zoo.DTYPES:
        for divisor in (1, 16, 64):
            image = zoo.smooth((side, side), dtype) // divisor
            classic = min(len(mic.encode(image, codec)) for codec in ("fse", "huffman"))
            assert len(mic.encode(image)) <= 1.02 * classic + 1


def test_beats_the_classic_codecs() -> None:
    image = zoo.smooth((400, 380), "uint16") // 2
    assert len(mic.encode(image)) < 0.95 * len(mic.encode(image, "fse"))


# ---- parts -----------------------------------------------------------------------


@pytest.fixture
def made() -> zoo.Sample:
    """A colour image of six strips."""
    array = zoo.smooth((70, 40, 3), "uint8") // 4
    return zoo.Sample(handmade.stream(array, 13, "wavefront", colour=2, starts=0x01010101), array)


def spoil_strips(stream: bytes, spared: int) -> bytes:
    """Set every strip but one to 0xFF."""
    parts = take_apart(stream)
    ends = [*parts.strip_offsets[1:], len(stream)]
    damaged = bytearray(stream)
    for strip, (start, end) in enumerate(zip(parts.strip_offsets, ends, strict=True)):
        if strip != spared:
            damaged[start:end] = b"\xff" * (end - start)
    return bytes(damaged)


@pytest.mark.parametrize("strip", range(6))
def test_rows_need_their_strips_only(made: zoo.Sample, strip: int, tmp_path: Path) -> None:
    damaged = spoil_strips(made.stream, strip)
    path = tmp_path / "scan.mic"
    path.write_bytes(damaged)
    first, last = 13 * strip, min(70, 13 * strip + 13)
    for rows in ((first, last), (first, first + 1), (last - 1, last), (first + 2, last - 1)):
        part = mic.decode(damaged, rows=slice(*rows))
        assert np.array_equal(part, made.array[slice(*rows)])
        with mic.open(path) as file:
            assert np.array_equal(file[slice(*rows)], made.array[slice(*rows)])
    for rows, bad in (((first - 1, last), strip - 1), ((first, last + 1), strip + 1)):
        if 0 <= bad < 6:
            with pytest.raises(mic.CorruptDataError) as caught:
                mic.decode(damaged, rows=rows)
            assert (caught.value.frame, caught.value.strip) == (0, bad)


def test_rows_of_a_frame(tmp_path: Path) -> None:
    """`mic.open(path)[frame, row0:row1]` needs only that strip of that frame."""
    stack = np.stack([zoo.large_image("uint8") // 2, zoo.large_image("uint8") // 3])
    stream = mic.encode(stack, effort=1)
    parts = take_apart(stream, 1)
    damaged = bytearray(stream)
    start, end = mic.info(stream).frame_offsets[:2]
    damaged[start:end] = b"\xff" * (end - start)
    n_rest = len(stream) - len(parts.tail) - parts.strip_offsets[2]
    damaged[parts.strip_offsets[2] :] = bytes(n_rest) + parts.tail
    (tmp_path / "scan.mic").write_bytes(damaged)
    height = mic.info(stream).strip_rows
    with mic.open(tmp_path / "scan.mic") as file:
        assert np.array_equal(file[1, 5 : height - 3], stack[1, 5 : height - 3])
        assert np.array_equal(file[1, height - 3 : height + 4], stack[1, height - 3 : height + 4])
        for frame, rows in ((0, slice(5, 9)), (1, slice(2 * height - 1, 2 * height + 1))):
            with pytest.raises(mic.CorruptDataError) as caught:
                file[frame, rows]
            assert caught.value.frame == frame
