# SPDX-License-Identifier: MIT
"""The published container of one image."""

import struct

import numpy as np
import pytest
import zoo

import mic

IMAGE = zoo.smooth((40, 50), "uint16") // 16


def test_header() -> None:
    """20 bytes: magic, width, height, pipeline, length; then the bare stream."""
    stream = mic.encode(IMAGE, "fse", container="mic1", states=2)
    bare = mic.stages.encode_stream("fse", IMAGE.reshape(-1), 50, 40)
    assert stream == b"MIC1" + struct.pack("<4I", 50, 40, 1, len(bare)) + bare


def test_default_codec() -> None:
    """The container has a single codec, whatever the default of the others is."""
    assert mic.encode(IMAGE, container="mic1") == mic.encode(IMAGE, "fse", container="mic1")
    with pytest.raises(mic.UnsupportedError, match="wavefront"):
        mic.encode(IMAGE, "wavefront", container="mic1")


@pytest.mark.parametrize("states", zoo.STATES)
def test_round_trip(states: int) -> None:
    stream = mic.encode(IMAGE, "fse", container="mic1", states=states)
    decoded = mic.decode(stream)
    assert decoded.dtype == np.uint16
    assert np.array_equal(decoded, IMAGE)
    info = mic.info(stream)
    assert (info.container, info.codec, info.shape) == ("mic1", "fse", (40, 50))
    assert (info.encoded_bytes, info.strips, info.frame_checksums) == (len(stream), 1, ())


@pytest.mark.parametrize("max_value", [8, 255, 256, 4095, 65535])
def test_max_value(max_value: int) -> None:
    """Any maximum from 8 on is lossless, even one that the image exceeds."""
    image = zoo.smooth((90, 110), "uint16") // 16
    stream = mic.encode(image, "fse", container="mic1", max_value=max_value)
    assert np.array_equal(mic.decode(stream), image)


@pytest.mark.parametrize("max_value", [0, -1, 65536])
def test_max_value_out_of_range(max_value: int) -> None:
    with pytest.raises(mic.UnsupportedError, match="1 to 65535"):
        mic.encode(IMAGE, "fse", container="mic1", max_value=max_value)


@pytest.mark.parametrize(
    ("array", "remedy"),
    [
        (IMAGE.astype("int16"), 'arr.view("uint16")'),
        (IMAGE.astype("int8"), 'arr.astype("uint16")'),
        (IMAGE.astype("uint8"), 'arr.astype("uint16")'),
        (IMAGE[None], 'container="native"'),
        (IMAGE.reshape(5, 8, 50), 'container="native"'),
    ],
)
def test_what_it_cannot_hold(array: np.ndarray, remedy: str) -> None:
    with pytest.raises(mic.UnsupportedError) as caught:
        mic.encode(array, "fse", container="mic1")
    assert remedy in str(caught.value)


def test_huffman_is_refused() -> None:
    with pytest.raises(mic.UnsupportedError, match="huffman"):
        mic.encode(IMAGE, "huffman", container="mic1")


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((16, 16), "uint16"),
        np.ones((16, 16), "uint16"),
        np.full((16, 16), 300, "uint16"),
        np.array([[5]], "uint16"),
        zoo.noise((64, 64), "uint16"),
        zoo.noise((64, 64), "uint16") >> 15,
        zoo.noise((64, 64), "uint16") >> 13,
    ],
)
def test_where_the_published_encoder_fails(image: np.ndarray) -> None:
    """There is a clear error, while the native container simply works."""
    with pytest.raises(mic.UnsupportedError) as caught:
        mic.encode(image, "fse", container="mic1")
    assert "\n" not in str(caught.value)
    assert np.array_equal(mic.decode(mic.encode(image)), image)


def test_parts() -> None:
    stream = mic.encode(IMAGE, "fse", container="mic1")
    assert np.array_equal(mic.decode(stream, rows=(7, 20)), IMAGE[7:20])
    assert np.array_equal(mic.decode(stream, frames=0), IMAGE)
    assert np.array_equal(mic.decode(stream, frames=[0, 0]), np.stack([IMAGE, IMAGE]))
    with mic.open(stream) as file:
        assert np.array_equal(file[3:9, ::-1], IMAGE[3:9, ::-1])
        assert file.shape == IMAGE.shape


FORGED = {4: [0, 2**31, 51], 8: [0, 2**32 - 1, 39], 12: [0, 2], 16: [0, 2**32 - 1, 30]}


@pytest.mark.parametrize(
    ("at", "value"), [(at, value) for at, values in FORGED.items() for value in values]
)
def test_absurd_headers(at: int, value: int) -> None:
    stream = bytearray(mic.encode(IMAGE, "fse", container="mic1"))
    struct.pack_into("<I", stream, at, value)
    with pytest.raises(mic.CorruptDataError) as caught:
        mic.decode(bytes(stream))
    assert caught.value.stage is not None


def test_limit_counts_the_whole_image() -> None:
    """A stream without strips costs the whole image, whatever part is requested."""
    stream = mic.encode(IMAGE, "fse", container="mic1")
    for part in ({}, {"rows": (0, 1)}, {"frames": 0}):
        with pytest.raises(mic.LimitError):
            mic.decode(stream, max_pixels=1999, **part)
    assert mic.decode(stream, max_pixels=2000).size == 2000
    with pytest.raises(mic.LimitError):
        mic.open(stream, max_pixels=1999)[0]
