# SPDX-License-Identifier: MIT
"""The functions that replace those of imagecodecs behave in the same way."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import zoo

import mic
from mic.imagecodecs import MIC, MicError, mic_check, mic_decode, mic_encode, mic_version

IMAGE = zoo.volume((), 40, 30)
STREAM = mic.encode(IMAGE)
SIZE = len(STREAM)


@pytest.fixture(params=["mic", "imagecodecs"])
def face(request: pytest.FixtureRequest) -> tuple[Callable[..., Any], Callable[..., Any], Any]:
    """Encoder, decoder and an image, ours and one to compare with."""
    if request.param == "mic":
        return mic_encode, mic_decode, IMAGE.view("uint16")
    imagecodecs = pytest.importorskip("imagecodecs")
    return imagecodecs.png_encode, imagecodecs.png_decode, IMAGE.view("uint16")


def test_results_have_the_same_types(face: Any) -> None:
    encode, decode, image = face
    stream = encode(image)
    size = len(stream)
    assert type(stream) is bytes
    assert (decode(stream) == image).all()
    assert type(encode(image, out=bytearray)) is bytearray
    assert type(encode(image, out=bytes)) is bytes
    assert type(encode(image, out=10 * size)) is bytes
    assert type(encode(image, out=bytearray(size))) is bytearray
    longer = encode(image, out=bytearray(size + 9))
    assert type(longer) is memoryview
    assert bytes(longer) == stream
    array = encode(image, out=np.zeros(size + 9, "uint8"))
    assert type(array) is np.ndarray
    assert array.tobytes() == stream


def test_results_go_where_they_should(face: Any) -> None:
    encode, decode, image = face
    stream = encode(image)
    for out in (
        np.zeros(image.shape, image.dtype),
        np.zeros((1, *image.shape), image.dtype),
        np.zeros(image.shape, "int16"),
    ):
        decoded = decode(stream, out=out)
        assert np.shares_memory(decoded, out)
        assert (np.squeeze(out).view("uint16") == image).all()
    buffer = bytearray(image.nbytes)
    assert (decode(stream, out=buffer) == image).all()
    assert buffer == image.tobytes()
    assert (decode(stream, out=image.nbytes) == image).all()


def test_what_does_not_fit_is_an_error(face: Any) -> None:
    encode, decode, image = face
    stream = encode(image)
    for out in (np.zeros(image.size, image.dtype), np.zeros((99, 30), image.dtype)):
        with pytest.raises(ValueError, match="shape"):
            decode(stream, out=out)
    with pytest.raises(ValueError, match="dtype"):
        decode(stream, out=np.zeros(image.shape, "uint8"))
    with pytest.raises(ValueError):
        decode(stream, out=bytearray(5))
    for wrong in (image.astype("float32"), image.reshape(-1)):
        with pytest.raises(ValueError):
            encode(wrong)
    with pytest.raises(TypeError):
        encode(image, level="x")


@pytest.mark.parametrize("out", [5, bytearray(5), np.zeros(5, "uint8")], ids=repr)
def test_small_output_of_the_encoder(out: Any) -> None:
    with pytest.raises(MicError, match=f"5.*the stream needs {SIZE}"):
        mic_encode(IMAGE, out=out)


def test_levels_are_efforts_and_clamped() -> None:
    assert mic_encode(IMAGE) == mic_encode(IMAGE, 5) == STREAM
    assert mic_encode(IMAGE, -3) == mic_encode(IMAGE, level=1) == mic.encode(IMAGE, effort=1)
    assert mic_encode(IMAGE, 99) == mic.encode(IMAGE, effort=9)
    assert mic_encode(IMAGE, numthreads=0) == STREAM


def test_frames() -> None:
    scan = zoo.volume((5,), 24, 20)
    stream = mic_encode(scan)
    assert (mic_decode(stream) == scan).all()
    assert (mic_decode(stream, 2) == scan[2]).all()
    assert (mic_decode(stream, 2, out=np.empty_like(scan[2])) == scan[2]).all()


def test_other_memory_layouts_of_out() -> None:
    for out in (np.zeros((40, 60), "int16")[:, ::2], np.zeros((40, 30), ">i2")):
        assert mic_decode(STREAM, out=out) is out
        assert (out == IMAGE).all()


def test_check() -> None:
    assert mic_check(STREAM)
    assert mic_check(np.frombuffer(STREAM, "uint8"))
    assert mic_check(STREAM[:4])
    assert not mic_check(b"")
    assert not mic_check(b"\x89PNG\r\n\x1a\n")


def test_the_rest() -> None:
    assert MIC.available is True
    assert mic_version() == f"mic {mic.__version__}"
    assert MicError is mic.MicError
    with pytest.raises(MicError):
        mic_decode(STREAM[:50])
