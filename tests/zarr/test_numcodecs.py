# SPDX-License-Identifier: MIT
"""The codec for numcodecs: its contract, and arrays of Zarr 2.

The checks are those of `numcodecs.tests.common`, which not every build of
numcodecs brings, on arrays that mic takes.
"""

import array
import json
import pickle
from typing import Any

import numpy as np
import pytest
import zoo

import mic
from mic.codec.blocks import add_block, crc32c, read_blocks

numcodecs = pytest.importorskip("numcodecs")
from numcodecs.compat import ensure_ndarray  # noqa: E402

from mic.numcodecs import Mic  # noqa: E402


def arrays() -> list[np.ndarray]:
    scan = zoo.volume((2, 3), 40, 30)
    return [
        scan,
        scan[0].astype(">i2"),
        np.asfortranarray(scan[0].astype(">u2")),
        np.asfortranarray(scan[0, 0].astype("uint8")),
        scan.astype("uint16", order="F"),
        np.arange(1000, dtype=">u2"),
        np.arange(100, dtype="int8"),
        np.zeros((7, 5), "uint16"),
    ]


KEPT = (
    "894d69630113010b030200090000006d656d6f01000000035d2f5c16de32432d01fc7f5c02000ded77c99f8070c9"
    "9a00050000000600090007005c02"
)
CODECS = [Mic(), Mic(effort=1), Mic(codec="fse"), Mic(rgb=False, threads=2)]


@pytest.fixture(params=arrays(), ids=lambda a: f"{a.dtype.str}{a.shape}")
def samples(request: pytest.FixtureRequest) -> np.ndarray:
    return request.param


def assert_same_bytes(original: np.ndarray, decoded: Any) -> None:
    """Compare as numcodecs does: by memory, in the original's order."""
    order = "F" if original.flags.f_contiguous else "C"
    restored = ensure_ndarray(decoded).reshape(-1, order="A").view(original.dtype)
    assert (restored.reshape(original.shape, order=order) == original).all()


@pytest.mark.parametrize("codec", CODECS, ids=repr)
def test_any_buffer_is_encoded(samples: np.ndarray, codec: Mic) -> None:
    data = samples.tobytes(order="A")
    for buffer in (samples, data, bytearray(data), array.array("b", data), memoryview(data)):
        assert_same_bytes(samples, codec.decode(codec.encode(buffer)))


def test_any_buffer_is_decoded(samples: np.ndarray) -> None:
    stream = bytes(Mic().encode(samples))
    flat = np.frombuffer(stream, "u1")
    for buffer in (stream, bytearray(stream), array.array("b", stream), flat, memoryview(stream)):
        assert_same_bytes(samples, Mic().decode(buffer))


def test_decode_into(samples: np.ndarray) -> None:
    stream = Mic().encode(samples)
    for out in (np.empty_like(samples), bytearray(samples.nbytes)):
        assert Mic().decode(stream, out=out) is out
        assert_same_bytes(samples, out)


def test_shape_dtype_and_order_come_back(samples: np.ndarray) -> None:
    decoded = Mic().decode(Mic().encode(samples))
    assert (decoded.shape, decoded.dtype) == (samples.shape, samples.dtype)
    assert decoded.flags.f_contiguous == samples.flags.f_contiguous
    assert (decoded == samples).all()


def test_chunks_are_streams(samples: np.ndarray) -> None:
    """`mic.decode` reads what numcodecs wrote, in its own memory order."""
    assert sorted(mic.decode(Mic().encode(samples)).reshape(-1)) == sorted(samples.reshape(-1))
    if samples.ndim > 1 and samples.flags.c_contiguous and samples.dtype.isnative:
        assert Mic().encode(samples) == mic.encode(samples)


def test_strided_arrays() -> None:
    strided = zoo.volume((4,), 40, 30)[::2, ::-1, ::3]
    assert (Mic().decode(Mic().encode(strided)) == strided).all()


@pytest.mark.parametrize("codec", CODECS, ids=repr)
def test_configuration(codec: Mic) -> None:
    config = json.loads(json.dumps(codec.get_config()))
    assert numcodecs.get_codec(config) == codec
    assert pickle.loads(pickle.dumps(codec)) == codec
    assert eval(repr(codec)) == codec
    assert Mic(effort=7) != Mic(effort=6)
    assert numcodecs.get_codec({"id": "mic"}) == Mic()


def test_streams_of_this_version_stay_readable() -> None:
    """Bytes from the first release: a native stream with its block for memory order."""
    stream = bytes.fromhex(KEPT)
    decoded = Mic().decode(stream)
    assert decoded.dtype == np.dtype(">i2")
    assert decoded.flags.f_contiguous
    assert decoded.tolist() == [[1, 2, 3], [-4, 5, 600]]


def test_objects_are_refused() -> None:
    with pytest.raises(TypeError, match="Python objects"):
        Mic().encode(np.array(["foo", "bar"], dtype=object))
    with pytest.raises(TypeError, match="Python objects"):
        Mic().decode(Mic().encode(np.arange(10, dtype="int16")), out=np.empty(10, dtype=object))


@pytest.mark.parametrize("dtype", ["int32", "float32", "bool", "M8[s]"])
def test_other_dtypes_are_refused(dtype: str) -> None:
    with pytest.raises(mic.UnsupportedError, match="convert the data"):
        Mic().encode(np.zeros((4, 4), dtype))


def test_out_must_fit() -> None:
    stream = Mic().encode(np.zeros((8, 8), "int16"))
    for out in (bytearray(127), np.empty((8, 8), "uint8"), bytes(128)):
        with pytest.raises(mic.UnsupportedError, match="128 writable bytes are expected"):
            Mic().decode(stream, out=out)


@pytest.mark.parametrize("at", [3, 5, 9, 12, 20, 25, -3])
def test_flipped_bits_are_found(at: int) -> None:
    """Damage in the block too: the checksum of the header covers it."""
    stream = bytearray(Mic().encode(np.asfortranarray(zoo.volume((), 40, 30).astype(">i2"))))
    stream[at] ^= 1
    with pytest.raises(mic.MicError):
        Mic().decode(stream)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "<i2", ">i2", "<u2", ">u2"])
def test_zarr_2(dtype: str, order: str) -> None:
    zarr = pytest.importorskip("zarr", minversion="3")
    scan = zoo.volume((6,), 40, 30).astype(dtype)
    store: dict[str, Any] = {}
    written = zarr.create_array(
        store,
        shape=scan.shape,
        chunks=(2, 20, 30),
        dtype=dtype,
        zarr_format=2,
        order=order,
        compressors=Mic(),
        fill_value=3,
    )
    written[:5] = scan[:5]
    opened = zarr.open_array(store)
    assert opened.dtype == np.dtype(dtype)
    assert (opened[:5] == scan[:5]).all()
    assert (opened[5] == 3).all()
    assert opened.metadata.compressor == Mic()


def test_blocks() -> None:
    """A block is added to streams of one frame and of many, and changes nothing else."""
    for samples in (np.arange(64, dtype="uint16").reshape(8, 8), zoo.volume((2, 3), 24, 20)):
        plain = mic.encode(samples)
        stream = add_block(plain, b"note", b"hello")
        assert read_blocks(stream) == {**read_blocks(plain), b"note": b"hello"}
        assert b"note" not in read_blocks(plain)
        assert (mic.decode(stream) == samples).all()
        with mic.open(stream) as opened:
            assert (opened[-1] == samples[-1]).all()


def test_blocks_that_must_be_understood() -> None:
    stream = add_block(mic.encode(np.zeros((8, 8), "uint16")), b"Tile", b"")
    with pytest.raises(mic.UnsupportedError, match="install a newer"):
        mic.decode(stream)


def test_checksum() -> None:
    assert crc32c(b"123456789") == 0xE3069283
