# SPDX-License-Identifier: MIT
"""Reading parts of files, writing files frame by frame."""

import contextlib
import io
import mmap
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zoo
from hypothesis import given
from hypothesis import strategies as st
from taken_apart import take_apart

import mic
from mic import files

OPEN_FILES = Path("/proc/self/fd")
SOURCES: dict[str, Callable[[Path], object]] = {
    "path": lambda path: path,
    "text path": str,
    "bytes": lambda path: path.read_bytes(),
    "bytearray": lambda path: bytearray(path.read_bytes()),
    "memory file": lambda path: io.BytesIO(path.read_bytes()),
    "file": lambda path: path.open("rb"),
    "raw file": lambda path: path.open("rb", buffering=0),
}


@pytest.fixture
def path(volume: zoo.Sample, tmp_path: Path) -> Path:
    """The volume, written to a file."""
    path = tmp_path / "volume.mic"
    path.write_bytes(volume.stream)
    return path


KEYS = [
    np.s_[0],
    np.s_[-1],
    np.s_[1, 2],
    np.s_[1, 2, 5],
    np.s_[1, 2, 5, 6],
    np.s_[...],
    np.s_[:],
    np.s_[:, 1],
    np.s_[::-1, ::2],
    np.s_[2, ..., 3],
    np.s_[..., 4:9, :],
    np.s_[..., 20:2:-3, ::-1],
    np.s_[1:1],
    np.s_[:, :, 5:5],
    np.s_[0, 0, 30:],
    np.s_[-2:, -1, -3, -4],
    np.s_[0:2, 1:3, 3:4, 5:6],
    np.s_[np.int64(1), np.uint8(2)],
    np.s_[()],
    np.s_[0, 1, 2, 3, ...],
]


@pytest.mark.parametrize("kind", SOURCES)
def test_indexing(kind: str, path: Path, volume: zoo.Sample) -> None:
    """Every kind of source gives what numpy would give."""
    with contextlib.ExitStack() as stack:
        source = SOURCES[kind](path)
        if hasattr(source, "close"):
            stack.enter_context(source)
        file = stack.enter_context(mic.open(source))
        for key in KEYS:
            expected = volume.array[key]
            part = file[key]
            assert part.dtype == expected.dtype
            assert part.shape == expected.shape, key
            assert np.array_equal(part, expected), key


@given(st.data())
def test_any_index(volume: zoo.Sample, data: st.DataObject) -> None:
    file = mic.open(volume.stream, threads=2)
    key = tuple(
        data.draw(st.one_of(st.integers(-n, n - 1), st.slices(n))) for n in volume.array.shape
    )
    key = key[: data.draw(st.integers(0, len(key)))]
    assert np.array_equal(file[key], volume.array[key])


def test_strips(large: zoo.Sample) -> None:
    """Read rows across the borders of strips."""
    with mic.open(large.stream, threads=2) as file:
        border = mic.info(large.stream).strip_rows
        for key in (np.s_[border - 2 : border + 3], border, -1, np.s_[::400, ::99], np.s_[5:0:-1]):
            assert np.array_equal(file[key], large.array[key])
        assert file.chunks == (border, 1250)


def test_colour() -> None:
    array = zoo.smooth((2, 9, 8, 3), "uint8")
    file = mic.open(mic.encode(array))
    for key in (
        0,
        np.s_[1, 2:5, :, 1],
        np.s_[..., 2],
        np.s_[:, ::2, ::-1, ::-1],
        np.s_[0, 1, 2, 0],
    ):
        assert np.array_equal(file[key], array[key])


@pytest.mark.parametrize(
    ("key", "error"),
    [
        (3, IndexError),
        (-4, IndexError),
        (np.s_[0, 4], IndexError),
        (np.s_[0, 0, 24], IndexError),
        (np.s_[0, 0, 0, 20], IndexError),
        (np.s_[0, 0, 0, 0, 0], IndexError),
        (np.s_[..., ...], IndexError),
        ([0, 1], TypeError),
        ("name", TypeError),
        (1.0, TypeError),
        (True, TypeError),
        (None, TypeError),
        (np.array([True, False, True]), TypeError),
    ],
)
def test_wrong_index(key: object, error: type[Exception], volume: zoo.Sample) -> None:
    with pytest.raises(error):
        mic.open(volume.stream)[key]


def test_properties(path: Path, volume: zoo.Sample) -> None:
    with mic.open(path) as file:
        assert (file.shape, file.dtype, file.ndim, file.size) == ((3, 4, 24, 20), np.int16, 4, 5760)
        assert len(file) == 3
        assert file.chunks == (1, 1, 24, 20)
        assert file.info == mic.info(volume.stream)
        assert "(3, 4, 24, 20)" in repr(file)
        assert np.array_equal(np.asarray(file), volume.array)
        assert np.asarray(file, dtype="float32").dtype == np.float32
        assert sum(1 for _ in file) == 3


def test_frames(path: Path, volume: zoo.Sample) -> None:
    """Ranges are half-open and count over all leading axes."""
    stack = volume.array.reshape(12, 24, 20)
    with mic.open(path) as file:
        for start, stop in ((2, 9), (0, 12), (11, 12), (-3, 12), (5, 5), (10, 99)):
            part = file.frames(start, stop)
            assert part.shape == stack[start:stop].shape
            assert np.array_equal(part, stack[start:stop])


@pytest.mark.parametrize(
    "frames", [0, -1, 11, slice(2, 7), slice(None, None, -3), [3, 3, 0], (5,), []]
)
@pytest.mark.parametrize("rows", [None, (3, 9), slice(20, None), slice(-4, -1)])
def test_decode_parts(frames: object, rows: object, volume: zoo.Sample) -> None:
    selected = slice(*rows) if isinstance(rows, tuple) else rows or slice(None)
    stack = volume.array.reshape(12, 24, 20)
    key = list(frames) if isinstance(frames, tuple) else frames
    part = mic.decode(volume.stream, frames=frames, rows=rows, threads=2)
    expected = stack[key][..., selected, :]
    assert part.shape == expected.shape
    assert np.array_equal(part, expected)


def test_rows_of_everything(volume: zoo.Sample) -> None:
    assert np.array_equal(mic.decode(volume.stream, rows=(2, 5)), volume.array[:, :, 2:5])


@pytest.mark.parametrize("frames", [12, -13, [0, 12]])
def test_frames_that_are_not_there(frames: object, volume: zoo.Sample) -> None:
    with pytest.raises(mic.UnsupportedError, match="0 to 11"):
        mic.decode(volume.stream, frames=frames)


@pytest.mark.parametrize("rows", [(5, 5), (9, 3), (24, 30), slice(0, 9, 2), slice(9, 0, -1)])
def test_rows_that_are_not_there(rows: object, volume: zoo.Sample) -> None:
    with pytest.raises(mic.UnsupportedError, match="rows 0 to 23"):
        mic.decode(volume.stream, rows=rows)


def test_reads_only_what_it_needs(large: zoo.Sample) -> None:
    """A row of one strip and one frame of many decode although everything else is damaged."""
    info = mic.info(large.stream)
    starts = [*take_apart(large.stream).strip_offsets, len(large.stream)]
    for strip in range(info.strips):
        damaged = bytearray(large.stream)
        for other in {*range(info.strips)} - {strip}:
            damaged[starts[other] : starts[other + 1]] = bytes(starts[other + 1] - starts[other])
        first = strip * info.strip_rows
        last = min(first + info.strip_rows, info.rows)
        for rows in ((first, last), (first, first + 1), (first + 7, last - 1)):
            part = mic.decode(bytes(damaged), rows=slice(*rows))
            assert np.array_equal(part, large.array[slice(*rows)])
        beyond = (first - 1, first) if strip else (last, last + 1)
        with pytest.raises(mic.CorruptDataError) as caught:
            mic.decode(bytes(damaged), rows=beyond)
        assert caught.value.strip == (strip - 1 if strip else 1)


def test_pickle(path: Path, volume: zoo.Sample) -> None:
    file = mic.open(path, threads=2, max_pixels=10**4)
    again = pickle.loads(pickle.dumps(file))
    assert np.array_equal(again[1, 2], volume.array[1, 2])
    for other in (mic.open(volume.stream), mic.open(io.BytesIO(volume.stream))):
        with pytest.raises(TypeError, match="path"):
            pickle.dumps(other)


def test_closed(path: Path) -> None:
    file = mic.open(path)
    file.close()
    file.close()
    assert "closed" in repr(file)
    for read in (lambda: file[0], lambda: file.shape, lambda: file.info, lambda: file.frames(0, 1)):
        with pytest.raises(ValueError, match="closed"):
            read()


def test_limit(path: Path) -> None:
    with mic.open(path, max_pixels=480) as file:
        assert file[0, 0].size == 480
        with pytest.raises(mic.LimitError, match="480"):
            file[0, :2]


@pytest.mark.parametrize("content", [b"", b"\x89Mic", b"no stream at all"])
def test_no_stream(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "wrong.mic"
    path.write_bytes(content)
    for source in (path, content, io.BytesIO(content)):
        with pytest.raises(mic.CorruptDataError):
            mic.open(source)
    with pytest.raises(FileNotFoundError):
        mic.open(tmp_path / "missing.mic")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc")
def test_no_file_stays_open(path: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.mic"
    wrong.write_bytes(b"no stream at all")
    before = len(list(OPEN_FILES.iterdir()))
    for _ in range(20):
        with mic.open(path) as file:
            file[0]
        with pytest.raises(mic.CorruptDataError):
            mic.open(wrong)
    assert len(list(OPEN_FILES.iterdir())) <= before


# ---- writing -----------------------------------------------------------------------


def names_in(folder: Path) -> list[str]:
    """List a folder, in which leftover temporary files would show."""
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("n_frames", [1, 2, 17])
@pytest.mark.parametrize("dtype", zoo.DTYPES)
def test_any_number_of_frames(n_frames: int, dtype: str, tmp_path: Path) -> None:
    stack = zoo.volume((n_frames,), 20, 30, dtype)
    path = tmp_path / "scan.mic"
    with mic.create(path, shape=(..., 20, 30), dtype=dtype) as writer:
        for frame in stack:
            writer.append(frame)
            assert not path.exists()
    assert names_in(tmp_path) == ["scan.mic"]
    assert path.read_bytes() == mic.encode(stack)
    with mic.open(path) as file:
        assert np.array_equal(file[...], stack)


def test_full_shape(volume: zoo.Sample, tmp_path: Path) -> None:
    path = tmp_path / "scan.mic"
    with mic.create(str(path), shape=volume.array.shape, dtype="int16", threads=2) as writer:
        for frame in volume.array.reshape(12, 24, 20):
            writer.append(frame)
    assert path.read_bytes() == volume.stream


def test_big_endian_frames(tmp_path: Path) -> None:
    stack = zoo.volume((2,), 6, 5, "uint16")
    with mic.create(tmp_path / "scan.mic", shape=(..., 6, 5), dtype=">u2") as writer:
        writer.append(stack[0].astype(">u2"))
        writer.append(np.asfortranarray(stack[1]))
    assert np.array_equal(mic.open(tmp_path / "scan.mic"), stack)


@pytest.mark.parametrize("n_frames", [0, 11, 13])
def test_wrong_number_of_frames(n_frames: int, tmp_path: Path) -> None:
    with (
        pytest.raises(mic.UnsupportedError, match="12"),
        mic.create(tmp_path / "scan.mic", shape=(3, 4, 6, 5), dtype="uint8") as writer,
    ):
        for _ in range(n_frames):
            writer.append(np.zeros((6, 5), "uint8"))
    assert names_in(tmp_path) == []


def test_no_frames(tmp_path: Path) -> None:
    with (
        pytest.raises(mic.UnsupportedError, match="at least one"),
        mic.create(tmp_path / "scan.mic", shape=(..., 6, 5), dtype="uint8"),
    ):
        pass
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    "options",
    [{"codec": "huffman"}, {"codec": "fse", "states": 8}, {"verify": False}, {"effort": 9}],
)
def test_options(options: dict[str, object], tmp_path: Path) -> None:
    stack = zoo.volume((3,), 60, 50)
    path = tmp_path / "scan.mic"
    with mic.create(path, shape=(..., 60, 50), dtype="int16", **options) as writer:
        for frame in stack:
            writer.append(frame)
    assert np.array_equal(mic.decode(path.read_bytes()), stack)
    assert mic.info(path.read_bytes()).codec == options.get("codec", mic.DEFAULT_CODEC)


@pytest.mark.parametrize("shape", [(..., 9, 8, 3), (2, 9, 8, 3)])
def test_colour_frames(shape: tuple[object, ...], tmp_path: Path) -> None:
    stack = zoo.smooth((2, 9, 8, 3), "uint8")
    with mic.create(tmp_path / "scan.mic", shape=shape, dtype="uint8") as writer:
        for frame in stack:
            writer.append(frame)
    file = mic.open(tmp_path / "scan.mic")
    assert np.array_equal(file[...], stack)
    assert file.info.channels == 3


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((5, 6), "uint8"),
        np.zeros((6, 5), "uint16"),
        np.zeros((1, 6, 5), "uint8"),
        np.zeros((6, 5, 3), "uint8"),
        np.zeros((6, 5), "float32"),
        np.zeros((0, 5), "uint8"),
    ],
)
def test_wrong_frame(frame: np.ndarray, tmp_path: Path) -> None:
    """A refused frame does not harm the frames before and after it."""
    path = tmp_path / "scan.mic"
    with mic.create(path, shape=(..., 6, 5), dtype="uint8") as writer:
        writer.append(np.ones((6, 5), "uint8"))
        with pytest.raises(mic.UnsupportedError):
            writer.append(frame)
        writer.append(np.ones((6, 5), "uint8"))
    assert mic.decode(path.read_bytes()).shape == (2, 6, 5)


@pytest.mark.parametrize("how", ["abort", "exception"])
def test_abort(how: str, tmp_path: Path) -> None:
    """No file appears, and an existing one stays."""
    path = tmp_path / "scan.mic"
    for old in (None, b"the old file"):
        if old is not None:
            path.write_bytes(old)
        with (
            contextlib.suppress(ZeroDivisionError),
            mic.create(path, shape=(..., 6, 5), dtype="uint8") as writer,
        ):
            writer.append(np.ones((6, 5), "uint8"))
            if how == "exception":
                raise ZeroDivisionError
            writer.abort()
            writer.abort()
        assert names_in(tmp_path) == ([] if old is None else ["scan.mic"])
        assert old is None or path.read_bytes() == old


def test_the_old_file_is_replaced_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "scan.mic"
    path.write_bytes(b"the old file")
    with mic.create(path, shape=(..., 6, 5), dtype="uint8") as writer:
        writer.append(np.ones((6, 5), "uint8"))
        assert path.read_bytes() == b"the old file"
    assert mic.open(path).shape == (1, 6, 5)
    assert names_in(tmp_path) == ["scan.mic"]


def test_closed_writer(tmp_path: Path) -> None:
    writer = mic.create(tmp_path / "scan.mic", shape=(..., 6, 5), dtype="uint8")
    writer.append(np.ones((6, 5), "uint8"))
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.append(np.ones((6, 5), "uint8"))


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((5,), "uint8"),
        ((..., 5), "uint8"),
        ((..., 4, 6, 5), "uint8"),
        ((4, ..., 6, 5), "uint8"),
        ((..., ..., 6, 5), "uint8"),
        ((..., 0, 5), "uint8"),
        ((0, 6, 5), "uint8"),
        ((..., 6, 5), "float32"),
        ((..., 2**20, 2**20), "uint8"),
    ],
)
def test_wrong_shape_or_dtype(shape: tuple[object, ...], dtype: str, tmp_path: Path) -> None:
    with pytest.raises(mic.UnsupportedError):
        mic.create(tmp_path / "scan.mic", shape=shape, dtype=dtype)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("tile", [None, 32])
def test_a_file_that_is_refused_is_not_mapped_any_more(tmp_path, monkeypatch, tile):
    """Windows neither replaces nor removes a file that is mapped."""
    mapped = []

    class Recorded(mmap.mmap):
        def __init__(self, *_, **__):
            mapped.append(self)

    monkeypatch.setattr(files.mmap, "mmap", Recorded)
    path = tmp_path / "x.mic"
    stream = mic.encode(np.random.default_rng(0).integers(0, 4096, (64, 96), "uint16"), tile=tile)
    for length in (1, 20, len(stream) // 2, len(stream) - 1):
        path.write_bytes(stream[:length])
        with pytest.raises(mic.CorruptDataError):
            try:
                mic.open(path)
            except mic.MicError:
                assert mapped[-1].closed  # although the error and its traceback exist
                path.unlink()
                raise
    assert len(mapped) == 4


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        mic.create(tmp_path / "missing" / "scan.mic", shape=(..., 6, 5), dtype="uint8")


def test_a_mapped_file_that_is_cut_off(tmp_path: Path) -> None:
    """The error is about the file, not about the map that its traceback still holds."""
    path = tmp_path / "short.mic"
    path.write_bytes(mic.encode(zoo.volume((3,), 20, 20))[:-9])
    with pytest.raises(mic.CorruptDataError, match="truncated file"):
        mic.open(path)
