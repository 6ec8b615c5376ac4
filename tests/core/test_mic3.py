# SPDX-License-Identifier: MIT
"""The published container of slides: golden vectors, files made by hand, damage."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import handmade_mic3 as handmade
import numpy as np
import pytest
import zoo
from hypothesis import given, settings
from hypothesis import strategies as st

import mic

PART = Path(__file__).parents[1] / "data" / "mic3"
WHOLE = Path(__file__).parents[3] / "shared" / "vectors"
CASES = [
    pytest.param(folder, entry, path, facts, id=f"{folder.name}-{entry['name']}-{path}")
    for folder in (PART, WHOLE)
    if (folder / "manifest.json").exists()
    for entry in json.loads((folder / "manifest.json").read_text())["inputs"]
    for path, facts in entry["paths"].items()
    if path.startswith("mic3")
]
FIRST_LEVEL, COUNT = 48, 32


def image_of(folder: Path, entry: dict[str, Any], path: str) -> np.ndarray:
    """Return frame 0 of an input, in the form that the path takes."""
    dtype = "u1" if entry["kind"] == "rgb" else "<u2"
    if "file" in entry:
        samples = np.fromfile(folder / entry["file"], dtype)
    elif entry["name"] == "XA1_full":
        from pydicom import dcmread

        samples = np.frombuffer(dcmread(folder.parent / "corpus" / "XA1.dcm").PixelData, dtype)
    else:
        samples = np.load(folder / "large_inputs.npz")[entry["name"]].reshape(-1)
    assert hashlib.sha256(samples.tobytes()).hexdigest() == entry["sha256"]
    shape = [entry["height"], entry["width"], entry["channels"]]
    image = samples[: np.prod(shape)].reshape(shape[: 3 if dtype == "u1" else 2])
    return (
        image.astype("u1") if path == "mic3_grey8" else image.astype(image.dtype.newbyteorder("="))
    )


@pytest.mark.parametrize(("folder", "entry", "path", "facts"), CASES)
def test_vectors(folder: Path, entry: dict[str, Any], path: str, facts: dict[str, Any]) -> None:
    """Both directions agree bit for bit; where the published encoder fails, ours does not."""
    image = image_of(folder, entry, path)
    ours = mic.encode(image, container="mic3", rgb=image.ndim == 3)
    assert np.array_equal(mic.decode(ours), image)
    if "sha256" in facts:
        assert len(ours) == facts["size"]
        assert hashlib.sha256(ours).hexdigest() == facts["sha256"]
    if "file" in facts:
        decoded = mic.decode((folder / facts["file"]).read_bytes())
        assert decoded.dtype == image.dtype
        assert np.array_equal(decoded, image)


def test_vectors_are_covered() -> None:
    seen = {case.values[2] for case in CASES if case.values[3].get("decode") == "ok"}
    assert seen == {"mic3_rgb", "mic3_grey8", "mic3_grey16"}
    assert any("file" in case.values[3] for case in CASES if case.values[2] == "mic3_rgb")


# ---- files made by hand ---------------------------------------------------------

CONTENTS = (zoo.noise, zoo.smooth, zoo.ramp, zoo.runs, zoo.flat, zoo.escapes)


@st.composite
def slides(draw: st.DrawFn) -> tuple[np.ndarray, tuple[int, int], int | None]:
    """Draw any image that MIC3 takes, any tile, any number of levels."""
    shape = draw(st.tuples(st.integers(1, 60), st.integers(1, 60)))
    dtype, colour = draw(st.sampled_from([("uint8", ()), ("uint16", ()), ("uint8", (3,))]))
    tile = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    most = min(shape).bit_length()
    levels = draw(st.none() | st.integers(1, most))
    content = draw(st.sampled_from(CONTENTS))
    return content((*shape, *colour), dtype, draw(st.integers(0, 50))), tile, levels


@settings(max_examples=150)
@given(slides())
def test_any_slide(slide: tuple[np.ndarray, tuple[int, int], int | None]) -> None:
    """The bytes follow the specification, and every level is restored."""
    image, tile, levels = slide
    colour = image.ndim == 3
    stream = mic.encode(image, container="mic3", tile=tile, levels=levels, rgb=colour, threads=2)
    expected = handmade.default_levels(*image.shape[:2], *tile) if levels is None else levels
    images = handmade.pyramid(image, expected)
    assert stream == handmade.stream(images, *tile)
    with mic.open(stream) as file:
        assert [level.shape for level in file.levels] == [level.shape for level in images]
        for level, wanted in zip(file.levels, images, strict=True):
            assert level.dtype == image.dtype
            assert np.array_equal(level[...], wanted)
    assert np.array_equal(mic.decode(stream, threads=2), image)


def test_levels_need_not_be_halves() -> None:
    """Other writers may produce levels of other sizes."""
    images = [zoo.smooth(size, "uint16") for size in ((90, 70), (80, 20), (80, 20), (1, 1))]
    file = mic.open(handmade.stream(images, 32, 16))
    for level, image in zip(file.levels, images, strict=True):
        assert np.array_equal(level[...], image)


# ---- damage ----------------------------------------------------------------------

IMAGE = zoo.smooth((50, 40), "uint16") // 16
COLOUR = zoo.smooth((30, 20, 3), "uint8")
GOOD = handmade.stream(handmade.pyramid(IMAGE, 3), 16, 16)
GOOD_COLOUR = handmade.stream(handmade.pyramid(COLOUR, 2), 16, 16)
TABLE = FIRST_LEVEL + 3 * 20


def everything(stream: bytes, max_pixels: int = 10**6) -> list[np.ndarray]:
    with mic.open(stream, max_pixels=max_pixels) as file:
        return [level[...] for level in file.levels]


def patched(form: str, *places: tuple[int, int], stream: bytes = GOOD) -> bytes:
    damaged = bytearray(stream)
    for at, value in places:
        struct.pack_into(form, damaged, at, value)
    return bytes(damaged)


@pytest.mark.parametrize("stream", [GOOD, GOOD_COLOUR], ids=["grey", "colour"])
def test_truncation(stream: bytes) -> None:
    """Truncation at any byte gives an error that says what is missing."""
    for n in range(len(stream)):
        with pytest.raises(mic.CorruptDataError) as caught:
            mic.open(stream[:n])
        if n >= len(stream) - 20:
            assert "level" in str(caught.value)
            assert caught.value.tile is not None


@pytest.mark.parametrize("stream", [GOOD, GOOD_COLOUR], ids=["grey", "colour"])
def test_flips(stream: bytes) -> None:
    """Without a checksum, damage gives an error or goes unnoticed, but nothing worse."""
    images = everything(stream)
    n_errors = 0
    for bit in range(0, 8 * len(stream), 3):
        try:
            again = everything(zoo.flip(stream, bit))
        except mic.MicError as error:
            n_errors += 1
            assert str(error)
            if error.stage in ("fse", "rle", "plane"):
                assert error.level is not None
        else:
            assert all(image.dtype == images[0].dtype for image in again)
    assert n_errors > len(stream)  # most of them are found


HEADERS = {
    "version": (patched("<I", (4, 2)), "version 2"),
    "width": (patched("<I", (8, 41)), "40"),
    "height": (patched("<I", (12, 2**31)), "level 0"),
    "no width": (patched("<I", (8, 0), (FIRST_LEVEL, 0)), "level 0"),
    "tile width 0": (patched("<I", (16, 0)), "0 columns"),
    "tile height 0": (patched("<I", (20, 0)), "0 rows"),
    "huge tile": (patched("<I", (16, 2**32 - 1), (20, 2**32 - 1)), "2\\^31"),
    "two channels": (patched("<H", (24, 2)), "2 channels"),
    "colour of 16 bits": (patched("<H", (24, 3)), "3 channels of 16 bits"),
    "12 bits": (patched("<B", (26, 12)), "12 bits"),
    "flags": (patched("<B", (27, 0)), "flags 00"),
    "grey with a transform": (patched("<B", (27, 3)), "flags 03"),
    "no levels": (patched("<H", (28, 0)), "0 levels"),
    "many levels": (patched("<H", (28, 65535)), "65535 levels"),
    "a level too many": (patched("<H", (28, 4)), "level 3"),
    "reserved": (patched("<H", (30, 1)), "reserved"),
    "reserved at the end": (patched("<Q", (40, 2**63)), "reserved"),
    "no tiles": (patched("<Q", (COUNT, 0)), "axis 0 has length 0"),
    "a tile too few": (patched("<Q", (COUNT, 16)), "announces 16 tiles"),
    "a tile too many": (patched("<Q", (COUNT, 18)), "announces 18 tiles"),
    "tiles that wrap": (patched("<Q", (COUNT, 2**60 + 17)), "tiles"),
    "tiles past 2^63": (patched("<Q", (COUNT, 2**64 - 1)), "tiles"),
    "a huge level": (
        patched("<I", (8, 2**32 - 1), (12, 2**32 - 1), (48, 2**32 - 1), (52, 2**32 - 1)),
        "or more are expected",
    ),
    "a level of no height": (patched("<I", (FIRST_LEVEL + 24, 0)), "level 1"),
    "a growing level": (patched("<I", (FIRST_LEVEL + 20, 50)), "level 1"),
    "tiles across": (patched("<I", (FIRST_LEVEL + 8, 4)), "level 0 has 4 x 4 tiles"),
    "tiles down": (patched("<I", (FIRST_LEVEL + 32, 1)), "level 1"),
    "first tile": (patched("<I", (FIRST_LEVEL + 36, 3)), "level 1"),
    "first tile of all": (patched("<I", (FIRST_LEVEL + 16, 2**32 - 1)), "level 0"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers(name: str) -> None:
    stream, message = HEADERS[name]
    for read in (mic.info, mic.decode, mic.open):
        with pytest.raises((mic.CorruptDataError, mic.UnsupportedError), match=message) as caught:
            read(stream)
        assert caught.value.stage == "header"


TABLES = {
    "before the one ahead": (patched("<Q", (TABLE + 5 * 16, 0)), 5),
    "overlapping": (patched("<Q", (TABLE + 16, 1)), 1),
    "the same tile twice": (patched("<Q", (TABLE + 8, 2**40)), 0),
    "a gap": (patched("<Q", (TABLE, 1)), 0),
    "outside": (patched("<Q", (TABLE + 16 * 16 + 8, 2**40)), 16),
    "wrapping": (patched("<Q", (TABLE + 3 * 16 + 8, 2**64 - 1)), 3),
    "past 2^63": (patched("<Q", (TABLE + 3 * 16 + 8, 2**63 - 1)), 3),
    "without bytes": (patched("<Q", (TABLE + 2 * 16 + 8, 0)), 2),
    "offset past 2^63": (patched("<Q", (TABLE + 2 * 16, 2**64 - 5)), 2),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables(name: str) -> None:
    """Entries outside the file, overlapping or wrapping: the message names the tile."""
    stream, tile = TABLES[name]
    level, first, across = (0, 0, 3) if tile < 12 else (1, 12, 2) if tile < 16 else (2, 16, 1)
    with pytest.raises(mic.CorruptDataError) as caught:
        mic.decode(stream)
    error = caught.value
    if name not in ("the same tile twice", "outside"):  # there the next entry contradicts
        assert (error.level, error.tile) == (level, divmod(tile - first, across))
    assert error.stage == "index"
    assert str(error).startswith(f"level {error.level}, tile {error.tile}: ")


def blob_stream(blob: bytes, image: np.ndarray = IMAGE[:16, :16]) -> bytes:
    return handmade.stream([image], 16, 16, [blob])


BLOBS = {
    "unknown mode": (b"\4", IMAGE),
    "zero with more": (b"\0\0", IMAGE),
    "short constant": (b"\1\7", IMAGE),
    "long constant": (b"\1\7\7\7", IMAGE),
    "short raw": (b"\3" + bytes(511), IMAGE),
    "long raw": (b"\3" + bytes(513), IMAGE),
    "no stream": (b"\2", IMAGE),
    "constant over a byte": (b"\1" + struct.pack("<H", 256), COLOUR[..., 0]),
    "raw over a byte": (b"\3" + bytes(510) + b"\0\1", COLOUR[..., 0]),
    "no planes": (b"\0" * 11, COLOUR),
    "planes past the end": (struct.pack("<3I", 1, 1, 2) + bytes(3), COLOUR),
    "planes that wrap": (struct.pack("<3I", 2**32 - 1, 1, 3) + bytes(3), COLOUR),
    "a plane too short": (struct.pack("<3I", 1, 1, 1) + bytes(4), COLOUR),
    "an empty plane": (struct.pack("<3I", 1, 0, 2) + bytes(3), COLOUR),
    "colour out of range": (struct.pack("<3I", 3, 1, 1) + b"\1\0\1\0\0", COLOUR),
}


@pytest.mark.parametrize("name", BLOBS)
def test_blobs(name: str) -> None:
    blob, image = BLOBS[name]
    with pytest.raises(mic.CorruptDataError, match=r"^level 0, tile \(0, 0\): ") as caught:
        mic.decode(blob_stream(blob, image[:16, :16]))
    assert (caught.value.level, caught.value.tile) == (0, (0, 0))


def test_raw_tile() -> None:
    """Mode 3, which the published encoder falls back to."""
    image = zoo.noise((16, 16), "uint16")
    raw = blob_stream(b"\3" + image.astype("<u2").tobytes())
    assert np.array_equal(mic.decode(raw), image)


@pytest.mark.parametrize("side", [2**14, 2**15, 2**16, 2**31])
def test_bombs(side: int) -> None:
    """A few bytes that announce gigapixels are refused before memory is sized by them."""
    column = np.broadcast_to(np.uint16(0), (side, 1))
    start = handmade.header(column, side, 2**15, 1, 1)
    stream = start + struct.pack("<5I", 1, side, 1, 1, 0) + handmade.table([b"\1\7\0"])
    assert len(stream) < 100
    with pytest.raises((mic.LimitError, mic.CorruptDataError)):
        mic.decode(stream, max_pixels=10**6)
    with pytest.raises((mic.LimitError, mic.CorruptDataError)):
        mic.open(stream, max_pixels=10**6).level(0).region(0, 0, 1, 1)


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    """Any bytes after a magic number, or in place of the end of a file."""
    for stream in (b"MIC3" + data, GOOD[:48] + data, GOOD[: TABLE + 100] + data):
        try:
            everything(stream)
        except mic.MicError as error:
            assert str(error)


# ---- what it cannot hold ------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_signed(dtype: str) -> None:
    image = zoo.smooth((20, 20), dtype)
    with pytest.raises(mic.UnsupportedError, match="view"):
        mic.encode(image, container="mic3")
    kept = mic.decode(mic.encode(image.view(f"u{dtype}"), container="mic3"))
    assert np.array_equal(kept.view(dtype), image)


def test_refusals() -> None:
    with pytest.raises(mic.UnsupportedError, match="native"):
        mic.encode(zoo.smooth((20, 20, 3), "uint16"), container="mic3")
    with pytest.raises(mic.UnsupportedError, match="codec"):
        mic.encode(IMAGE, "wavefront", container="mic3")
    with pytest.raises(mic.UnsupportedError, match="shape"):
        mic.encode(zoo.volume((2,), 20, 20, "uint16"), container="mic3")
