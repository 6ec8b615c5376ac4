# SPDX-License-Identifier: MIT
"""Buffers and arrays of every kind, in and out."""

import array
import mmap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zoo

import mic

IMAGE = zoo.smooth((30, 40), "uint16")
STREAM = mic.encode(IMAGE)


def mapped(stream: bytes) -> mmap.mmap:
    mapping = mmap.mmap(-1, len(stream))
    mapping[:] = stream
    return mapping


BUFFERS: dict[str, Callable[[bytes], object]] = {
    "bytes": bytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "slice of a memoryview": lambda stream: memoryview(b"xy" + stream)[2:],
    "mmap": mapped,
    "uint8 array": lambda stream: np.frombuffer(stream, "uint8"),
    "writable array": lambda stream: np.frombuffer(stream, "uint8").copy(),
    "array.array": lambda stream: array.array("B", stream),
    "signed chars": lambda stream: np.frombuffer(stream, "int8"),
    "two axes": lambda stream: np.frombuffer(stream + bytes(-len(stream) % 2), "u1").reshape(2, -1),
    "words": lambda stream: np.frombuffer(stream + bytes(-len(stream) % 2), "uint16"),
}


@pytest.mark.parametrize("kind", BUFFERS)
def test_streams(kind: str) -> None:
    buffer = BUFFERS[kind](STREAM)
    assert np.array_equal(mic.decode(buffer), IMAGE)
    assert mic.info(buffer) == mic.info(STREAM)
    with mic.open(buffer) as file:
        assert np.array_equal(file[3:9], IMAGE[3:9])
    assert np.array_equal(mic.decode_batch([buffer, STREAM])[0], IMAGE)


@pytest.mark.parametrize("wrong", [None, 7, "text", [1, 2], object()])
def test_no_buffer(wrong: object) -> None:
    for call in (mic.decode, mic.info):
        with pytest.raises(mic.UnsupportedError, match="bytes-like"):
            call(wrong)


def test_strided_stream() -> None:
    with pytest.raises(mic.UnsupportedError, match="contiguous"):
        mic.decode(np.frombuffer(STREAM, "uint8").repeat(2)[::2])


def test_the_stream_is_not_kept() -> None:
    """A buffer is released as soon as the call or the file ends."""
    buffer = bytearray(STREAM)
    mic.decode(buffer)
    with mic.open(buffer) as file:
        file[0]
    buffer.clear()


# ---- arrays to encode ----------------------------------------------------------

ARRAYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "little-endian": lambda a: a.astype(a.dtype.newbyteorder("<")),
    "fortran": np.asfortranarray,
    "reversed": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    "every other": lambda a: np.repeat(np.repeat(a, 2, 0), 3, 1)[::2, ::3],
    "transposed": lambda a: a.T.copy().T,
    "part of a larger": lambda a: np.pad(a, 3)[3:-3, 3:-3],
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
    "big-endian strided": lambda a: np.repeat(a.astype(a.dtype.newbyteorder(">")), 2, 1)[:, ::2],
    "unaligned": lambda a: np.frombuffer(b"x" + a.tobytes(), a.dtype, offset=1).reshape(a.shape),
    "memory-mapped": lambda a: a.view(np.memmap),
    "list": lambda a: a,
}


@pytest.mark.parametrize("dtype", zoo.DTYPES)
@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays(kind: str, dtype: str) -> None:
    """The same array gives the same bytes, whatever its memory layout."""
    image = zoo.escapes((30, 40), dtype)
    laid_out = ARRAYS[kind](image)
    before = laid_out.tobytes()
    assert mic.encode(laid_out) == mic.encode(image)
    assert laid_out.tobytes() == before
    stack = np.stack([laid_out, laid_out])
    assert np.array_equal(mic.decode(mic.encode(stack)), stack)


def test_broadcast_array() -> None:
    stack = np.broadcast_to(IMAGE, (5, *IMAGE.shape))
    assert np.array_equal(mic.decode(mic.encode(stack)), stack)


def test_lists() -> None:
    with pytest.raises(mic.UnsupportedError, match="int64"):
        mic.encode([[1, 2], [3, 4]])
    rows = [np.array([1, 2], "uint8"), np.array([3, 4], "uint8")]
    assert mic.decode(mic.encode(rows)).tolist() == [[1, 2], [3, 4]]


# ---- encode(out=) --------------------------------------------------------------


@pytest.mark.parametrize("make", [bytearray, mmap.mmap, np.zeros])
def test_encode_into(make: Callable[..., object]) -> None:
    room = len(STREAM) + 10
    if make is mmap.mmap:
        out = mmap.mmap(-1, room)
    else:
        out = np.zeros(room, "uint8") if make is np.zeros else bytearray(room)
    n = mic.encode(IMAGE, out=out)
    assert n == len(STREAM)
    assert bytes(memoryview(out)[:n]) == STREAM
    assert not any(memoryview(out)[n:])


def test_encode_into_too_little() -> None:
    short = bytearray(len(STREAM) - 1)
    with pytest.raises(mic.UnsupportedError, match=str(len(STREAM))):
        mic.encode(IMAGE, out=short)
    assert not any(short)
    for wrong in (bytes(9999), np.zeros((200, 200), "uint8")[:, ::2]):
        with pytest.raises(mic.UnsupportedError, match="writable"):
            mic.encode(IMAGE, out=wrong)


# ---- decode(out=) --------------------------------------------------------------


def outs(shape: tuple[int, ...], dtype: str) -> dict[str, np.ndarray]:
    """Arrays of one shape in all memory layouts; each is a view of `.base` or `.base` itself."""
    rows, columns = shape[:2]
    big = np.dtype(dtype).newbyteorder(">")
    unaligned = np.zeros(np.prod(shape) * np.dtype(dtype).itemsize + 1, "uint8")[1:]
    return {
        "plain": np.zeros(shape, dtype),
        "big-endian": np.zeros(shape, big),
        "fortran": np.zeros(shape, dtype, order="F"),
        "slice of a volume": np.zeros((5, *shape), dtype)[3],
        "part of a larger": np.zeros((rows + 9, columns + 8, *shape[2:]), dtype)[4:-5, 6:-2],
        "every other row": np.zeros((2 * rows, *shape[1:]), dtype)[::2],
        "every other column": np.zeros((rows, 2 * columns, *shape[2:]), dtype)[:, ::2],
        "upside down": np.zeros(shape, dtype)[::-1],
        "mirrored": np.zeros(shape, dtype)[:, ::-1],
        "big-endian mirrored": np.zeros(shape, big)[:, ::-1],
        "unaligned": unaligned.view(dtype).reshape(shape),
    }


@pytest.mark.parametrize("shape", [(30, 40), (30, 40, 3)])
@pytest.mark.parametrize("dtype", zoo.DTYPES)
def test_decode_into(dtype: str, shape: tuple[int, ...]) -> None:
    image = zoo.escapes(shape, dtype)
    stream = mic.encode(image)
    for name, out in outs(shape, dtype).items():
        around = out.base if out.base is not None else out
        assert mic.decode(stream, out=out, threads=2) is out
        assert np.array_equal(out, image), name
        written = np.count_nonzero(around)
        out[...] = 0
        assert written >= np.count_nonzero(around) == 0, f"{name}: bytes around out were written"


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_decode_frames_into_a_volume(axis: int, volume: zoo.Sample) -> None:
    """Decode frames and rows directly into any part of a larger array."""
    larger = np.full([n + 2 for n in volume.array.shape], -9, "int16")
    inner = larger[1:-1, 1:-1, 1:-1, 1:-1]
    np.flip(inner, axis)[...] = 0
    mic.decode(volume.stream, out=np.flip(inner, axis))
    assert np.array_equal(np.flip(inner, axis), volume.array)
    inner[...] = -9
    assert (larger == -9).all()


def test_decode_parts_into(volume: zoo.Sample) -> None:
    out = np.zeros((3, 4, 20), "int16")
    mic.decode(volume.stream, out=out, frames=[1, 5, 2], rows=(6, 10))
    assert np.array_equal(out, volume.array.reshape(12, 24, 20)[[1, 5, 2], 6:10])


@pytest.mark.parametrize(
    "out",
    [
        np.zeros((30, 39), "uint16"),
        np.zeros((40, 30), "uint16"),
        np.zeros(1200, "uint16"),
        np.zeros((1, 30, 40), "uint16"),
        np.zeros((30, 40), "int16"),
        np.zeros((30, 40), "uint8"),
        np.zeros((30, 40), "float64"),
        bytearray(2400),
        np.frombuffer(bytes(2400), "uint16").reshape(30, 40),
        np.broadcast_to(np.zeros(40, "uint16"), (30, 40)),
    ],
)
def test_wrong_out(out: object) -> None:
    with pytest.raises(mic.UnsupportedError, match="out"):
        mic.decode(STREAM, out=out)
    if getattr(out, "shape", None) != (1, 30, 40):
        with pytest.raises(mic.UnsupportedError, match="out"):
            mic.decode_batch([STREAM], out=out)


# ---- decode_batch --------------------------------------------------------------


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_batch(threads: int) -> None:
    stack = zoo.volume((7,), 20, 30)
    streams = [mic.encode(image, zoo.CODECS[i % 2]) for i, image in enumerate(stack)]
    assert np.array_equal(mic.decode_batch(streams, threads=threads), stack)
    out = np.zeros((9, 20, 30), "int16")
    assert mic.decode_batch(streams, out=out[1:8], threads=threads).base is out
    assert np.array_equal(out[1:8], stack)
    assert not out[[0, 8]].any()


def test_batch_of_containers() -> None:
    """Containers may be mixed if shape and dtype agree."""
    image = zoo.smooth((40, 50), "uint16") // 16
    streams = [
        mic.encode(image),
        mic.encode(image, "fse", container="mic1"),
        mic.encode(image[None]),
    ]
    assert (mic.decode_batch(streams) == image).all()


def test_batch_of_colour() -> None:
    image = zoo.smooth((9, 8, 3), "uint8")
    assert mic.decode_batch([mic.encode(image)] * 2).shape == (2, 9, 8, 3)


@pytest.mark.parametrize(
    ("streams", "match"),
    [
        ([], "no streams"),
        ([STREAM, mic.encode(IMAGE[1:])], "stream 1"),
        ([STREAM, mic.encode(IMAGE.astype("int16"))], "stream 1"),
        ([STREAM, STREAM, mic.encode(np.stack([IMAGE, IMAGE]))], "stream 2"),
    ],
)
def test_wrong_batch(streams: list[bytes], match: str) -> None:
    with pytest.raises(mic.UnsupportedError, match=match):
        mic.decode_batch(streams)


def test_damaged_batch() -> None:
    """The message names the stream, for damage to its header and to its content."""
    for bit in (60, 8 * len(STREAM) - 5):
        with pytest.raises(mic.CorruptDataError, match=r"(stream|frame) 2") as caught:
            mic.decode_batch([STREAM, STREAM, zoo.flip(STREAM, bit), STREAM], threads=1)
        assert caught.value.frame == 2


def test_batch_limit() -> None:
    with pytest.raises(mic.LimitError):
        mic.decode_batch([STREAM] * 3, max_pixels=3 * IMAGE.size - 1)


def test_saved_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "image.mic"
    path.write_bytes(STREAM)
    assert np.array_equal(mic.decode(np.memmap(path)), IMAGE)


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_mask_of_frames(kind: Callable[[list[bool]], Any]) -> None:
    """Booleans are a mask, as in numpy, and not frames 0 and 1."""
    stack = zoo.volume((2, 3), 8, 9)
    stream, frames = mic.encode(stack), stack.reshape(6, 8, 9)
    for mask in ([True] * 6, [False] * 6, [False, True, False, False, True, True]):
        assert np.array_equal(mic.decode(stream, frames=kind(mask)), frames[np.array(mask)])
    for wrong in ([True], [True] * 7):
        with pytest.raises(mic.UnsupportedError, match="mask"):
            mic.decode(stream, frames=kind(wrong))
    for wrong in (True, np.False_, [1, True]):
        with pytest.raises(mic.UnsupportedError, match="frames"):
            mic.decode(stream, frames=wrong)
