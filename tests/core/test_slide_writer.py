# SPDX-License-Identifier: MIT
"""Writing slides that are larger than memory."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zoo
from handmade_mic3 import pyramid
from hypothesis import given
from hypothesis import strategies as st

import mic
from mic import _mic
from mic.codec.options import EncodeOptions
from mic.codec.slide_writer import SlideEncoder, plan_slide

CONTAINERS = ("native", "mic3")
IMAGE = zoo.smooth((150, 203, 3), "uint8")


def tiles_of(image: np.ndarray, size: int, padded: bool) -> Iterator[np.ndarray]:
    for top in range(0, image.shape[0], size):
        for left in range(0, image.shape[1], size):
            part = image[top : top + size, left : left + size]
            missing = [(0, size - side) for side in part.shape[:2]] + [(0, 0)] * (part.ndim - 2)
            yield np.pad(part, missing) if padded else part


def by_rows(writer: mic.SlideWriter, image: np.ndarray) -> None:
    for top in itertools.chain([0], range(1, 150, 7)):
        writer.append_rows(image[top : 1 if top == 0 else top + 7])


def by_tiles(writer: mic.SlideWriter, image: np.ndarray) -> None:
    for tile in tiles_of(image, 64, padded=False):
        writer.append(tile)


def mixed(writer: mic.SlideWriter, image: np.ndarray) -> None:
    writer.append_rows(image[:64])
    for tile in itertools.islice(tiles_of(image, 64, padded=True), 4, 8):
        writer.append(tile)
    writer.append_rows(image[128:])


WAYS: dict[str, Callable[[mic.SlideWriter, np.ndarray], None]] = {
    "array": lambda writer, image: writer.write(image),
    "big-endian array": lambda writer, image: writer.write(image.astype(">u1")),
    "rows": by_rows,
    "tiles": by_tiles,
    "cut tiles from an iterator": lambda w, image: w.write(tiles_of(image, 64, padded=False)),
    "whole tiles from an iterator": lambda w, image: w.write(tiles_of(image, 64, padded=True)),
    "a level": lambda w, image: w.write(mic.open(mic.encode(image, tile=50)).level(0)),
    "rows and tiles": mixed,
}


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("way", WAYS)
def test_every_way_in(way: str, name: str, tmp_path: Path) -> None:
    """All ways give the bytes of `mic.encode`."""
    path = tmp_path / "slide.mic"
    options: dict[str, Any] = {"tile": 64, "levels": 4, "container": name}
    with mic.create_slide(path, IMAGE.shape, "uint8", **options) as writer:
        WAYS[way](writer, IMAGE)
    assert path.read_bytes() == mic.encode(IMAGE, **options)
    assert list(tmp_path.iterdir()) == [path]
    with mic.open(path) as slide:
        for level, image in zip(slide.levels, pyramid(IMAGE, 4), strict=True):
            assert np.array_equal(level[...], image)


def test_a_memory_map(tmp_path: Path) -> None:
    np.save(tmp_path / "image.npy", zoo.smooth((300, 200), "int16").astype(">i2"))
    source = np.load(tmp_path / "image.npy", mmap_mode="r")
    with mic.create_slide(tmp_path / "slide.mic", source.shape, source.dtype, tile=100) as writer:
        writer.write(source)
    with mic.open(tmp_path / "slide.mic") as slide:
        assert slide.dtype == np.int16
        assert np.array_equal(slide[...], source)


@st.composite
def slides(draw: st.DrawFn) -> tuple[np.ndarray, dict[str, Any]]:
    """Any image in tiles of any size, native."""
    shape = draw(st.tuples(st.integers(1, 50), st.integers(1, 50)))
    colour = draw(st.sampled_from([(), (3,)]))
    content = draw(st.sampled_from(zoo.CONTENTS))
    image = content((*shape, *colour), draw(st.sampled_from(zoo.DTYPES)), draw(st.integers(0, 50)))
    options = {
        "tile": draw(st.tuples(st.integers(1, 40), st.integers(1, 40))),
        "levels": draw(st.none() | st.integers(1, min(shape).bit_length())),
        "codec": draw(st.sampled_from(zoo.CODECS)),
        "rgb": bool(colour),
        "threads": draw(st.integers(1, 3)),
    }
    return image, options


@given(slides())
def test_any_native_slide(slide: tuple[np.ndarray, dict[str, Any]]) -> None:
    image, options = slide
    stream = mic.encode(image, **options)
    assert stream == mic.encode(image, **options | {"threads": 1})
    with mic.open(stream) as file:
        images = pyramid(image, len(file.levels))
        assert options["levels"] in (None, len(images))
        for level, wanted in zip(file.levels, images, strict=True):
            assert level.dtype == image.dtype
            assert np.array_equal(level[...], wanted)
    assert np.array_equal(mic.decode(stream), image)


@pytest.mark.parametrize(
    ("shape", "tile", "levels"),
    [
        ((256, 256), 256, 1),
        ((256, 257), 256, 2),
        ((20000, 20000), 256, 8),
        ((10000, 1), 256, 1),  # half of one column is nothing
        ((10000, 3), 256, 2),
        ((1, 1), 1, 1),
        ((8, 8), 1, 4),
    ],
)
def test_default_levels(shape: tuple[int, int], tile: int, levels: int) -> None:
    """Levels end when one fits into a tile, or the next would be empty."""
    if shape[0] < 20000:
        assert len(mic.open(mic.encode(np.zeros(shape, "u1"), tile=tile)).levels) == levels
    from mic.codec.tiles import default_levels

    assert default_levels(*shape, tile, tile) == levels


# ---- refusals ----------------------------------------------------------------------


@pytest.mark.parametrize("tile", [0, -1, (0, 5), (5, 0), 2**16, (2**31, 1)])
def test_tile_sizes(tile: Any) -> None:
    with pytest.raises(mic.UnsupportedError, match="tile is"):
        mic.encode(IMAGE, tile=tile)


@pytest.mark.parametrize("levels", [0, -1, 9, 2**40])
def test_level_counts(levels: int) -> None:
    with pytest.raises(mic.UnsupportedError, match="1 to 8 are expected"):
        mic.encode(IMAGE, tile=64, levels=levels)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5,), "shape"),
        ((2, 5, 5), "shape"),
        ((2, 5, 5, 3), "shape"),
        ((0, 5), "sizes of 1"),
        ((5, 2**32), "sizes of 1"),
        ((2**32 - 1, 2**32 - 1), "tiles"),
        ((2**40, 2**40), "sizes of 1"),
    ],
)
def test_shapes(shape: tuple[int, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(mic.UnsupportedError, match=message):
        mic.create_slide(tmp_path / "slide.mic", shape, "uint8")
    assert not list(tmp_path.iterdir())


def test_options() -> None:
    with pytest.raises(mic.UnsupportedError, match="pass tile=256"):
        mic.encode(IMAGE, levels=3)
    with pytest.raises(mic.UnsupportedError, match="container"):
        mic.encode(IMAGE[..., 0], tile=64, container="mic1")
    for wrong in ({"strips": 3}, {"temporal": True}, {"max_value": 255}):
        for name in CONTAINERS:
            with pytest.raises(mic.UnsupportedError, match=f'container="{name}" takes none'):
                mic.encode(IMAGE, tile=64, container=name, **wrong)
    with pytest.raises(mic.UnsupportedError, match="states"):
        mic.encode(IMAGE, container="mic3", states=4)
    with pytest.raises(mic.UnsupportedError, match="float32"):
        mic.create_slide("x.mic", (5, 5), "float32")


WRONG_PARTS: dict[str, Callable[[mic.SlideWriter], None]] = {
    "rows of another width": lambda w: w.append_rows(IMAGE[:, :200]),
    "rows of another type": lambda w: w.append_rows(IMAGE.astype("u2")),
    "grey rows": lambda w: w.append_rows(IMAGE[..., 0]),
    "too many rows": lambda w: w.append_rows(np.concatenate([IMAGE, IMAGE[:1]])),
    "a small tile": lambda w: w.append(IMAGE[:64, :63]),
    "a cut tile in the middle": lambda w: w.append(IMAGE[:22, :64]),
    "a tile of another type": lambda w: w.append(IMAGE[:64, :64].astype("i1")),
    "an array of another shape": lambda w: w.write(IMAGE[:149]),
    "an array of another type": lambda w: w.write(IMAGE.astype("u2")),
    "a tile between rows": lambda w: (w.append_rows(IMAGE[:5]), w.append(IMAGE[:64, :64])),
    "rows between tiles": lambda w: (w.append(IMAGE[:64, :64]), w.append_rows(IMAGE[64:])),
    "a tile too many": lambda w: (w.write(IMAGE), w.append(IMAGE[:64, :64])),
}


@pytest.mark.parametrize("wrong", WRONG_PARTS)
def test_wrong_parts(wrong: str, tmp_path: Path) -> None:
    """Wrong parts are refused, and no file appears."""
    path = tmp_path / "slide.mic"
    with (
        pytest.raises(mic.UnsupportedError, match=r"expected|left|begins"),
        mic.create_slide(path, IMAGE.shape, "uint8", tile=64) as writer,
    ):
        WRONG_PARTS[wrong](writer)
    assert not list(tmp_path.iterdir())


def test_too_little(tmp_path: Path) -> None:
    path = tmp_path / "slide.mic"
    path.write_bytes(b"before")
    for part in (IMAGE[:0], IMAGE[:100], IMAGE[:149]):
        writer = mic.create_slide(path, IMAGE.shape, "uint8", tile=64)
        writer.append_rows(part)
        with pytest.raises(mic.UnsupportedError, match="missing"):
            writer.close()
    writer = mic.create_slide(path, IMAGE.shape, "uint8", tile=64)
    writer.append(IMAGE[:64, :64])
    with pytest.raises(mic.UnsupportedError, match="missing"):
        writer.close()
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_abort(tmp_path: Path) -> None:
    writer = mic.create_slide(tmp_path / "slide.mic", IMAGE.shape, "uint8", tile=64)
    writer.append_rows(IMAGE[:100])
    writer.abort()
    writer.abort()
    writer.close()
    assert not list(tmp_path.iterdir())
    for write in (writer.append, writer.append_rows, writer.write):
        with pytest.raises(ValueError, match="closed"):
            write(IMAGE)


def test_tiles_are_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A coder that makes a mistake is found before the file appears."""
    encode = _mic.encode_frames

    def wrong(layout: Any, samples: np.ndarray, *rest: Any) -> Any:
        samples = samples.copy()
        samples[samples.size // 4 * 3] ^= 1
        return encode(layout, samples, *rest)

    monkeypatch.setattr(_mic, "encode_frames", wrong)
    path = tmp_path / "slide.mic"
    with (
        pytest.raises(mic.VerifyError, match=r"level 0, tile \(0, 3\)"),
        mic.create_slide(path, IMAGE.shape, "uint8", tile=64) as writer,
    ):
        writer.write(IMAGE)
    assert not list(tmp_path.iterdir())


MEMORY = """
import numpy, mic
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")][0]
band = numpy.broadcast_to(numpy.uint8(7), (256, 20000))
before = peak()
options = dict(tile=256, container=NAME, verify=False, effort=1)
with mic.create_slide(PATH, (20000, 20000), "uint8", **options) as writer:
    for top in range(0, 20000, 256):
        writer.append_rows(band[: 20000 - top])
print(peak() - before)
"""


@pytest.mark.no_asan
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("name", CONTAINERS)
def test_memory(name: str, run_python: Callable[[str], str], tmp_path: Path) -> None:
    """400 MB are written in the memory of a few rows of tiles (5 MB each)."""
    path = tmp_path / "large.mic"
    grown = run_python(MEMORY.replace("PATH", repr(str(path))).replace("NAME", repr(name)))
    assert float(grown) < 60
    with mic.open(path) as slide:
        assert (slide.shape, len(slide.levels)) == ((20000, 20000), 8)
        assert (slide.level(7)[...] == 7).all()


def test_offsets_beyond_the_integers_of_numpy_1_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """They have 32 bits there, and sums of them wrap without a word."""
    written: list[list[int]] = []
    monkeypatch.setattr(_mic, "write_index", lambda offsets: written.append(list(offsets)) or b"")
    options = EncodeOptions(tile=64, levels=1)
    encoder = SlideEncoder(
        io.BytesIO(), *plan_slide((64, 192), np.dtype("uint8"), options), options
    )
    encoder.append_rows(np.zeros((64, 192), "uint8"))
    encoder._levels[0].sizes[:] = [2**31 - 1] * 3
    end = encoder.finish()
    ((first, *others),) = written
    assert others == [first + 2**31 - 1, first + 2**32 - 2]
    assert end == first + 3 * (2**31 - 1)
