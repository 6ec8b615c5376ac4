# SPDX-License-Identifier: MIT
"""A second decoder, written from docs/format.md alone, agrees with mic."""

import hashlib
import json
from pathlib import Path

import handmade
import numpy as np
import pytest
import reference_decoder
import zoo

import mic

FROZEN = Path(__file__).parents[1] / "data" / "native"
FILES = json.loads((FROZEN / "manifest.json").read_text())


def assert_agree(stream: bytes, array: np.ndarray) -> None:
    decoded = reference_decoder.decode(stream)
    assert decoded.dtype == array.dtype
    assert decoded.shape == array.shape
    assert np.array_equal(decoded, array)


@pytest.mark.parametrize("codec", zoo.CODECS)
@pytest.mark.parametrize("dtype", zoo.DTYPES)
def test_zoo(dtype: str, codec: str) -> None:
    for image in zoo.images(dtype).values():
        assert_agree(mic.encode(image, codec), image)


@pytest.mark.parametrize("states", zoo.STATES)
def test_states(states: int) -> None:
    image = zoo.smooth((48, 50), "uint16") // 8
    assert_agree(mic.encode(image, "fse", states=states), image)


@pytest.mark.parametrize("shape", [(1, 9, 8), (2, 3, 9, 8), (9, 8, 3), (2, 9, 8, 3)])
def test_shapes(shape: tuple[int, ...]) -> None:
    array = zoo.smooth(shape, "int16") // 4
    assert_agree(mic.encode(array), array)


@pytest.mark.parametrize("method", handmade.METHODS)
def test_strips(method: str) -> None:
    array = zoo.smooth((40, 30, 3), "uint8") // 16
    assert_agree(handmade.stream(array, 13, method), array)


@pytest.mark.parametrize("sample", zoo.small_streams().values(), ids=zoo.small_streams().keys())
def test_small_streams(sample: zoo.Sample) -> None:
    """Compare whole streams, and streams with one bit flipped in every byte."""
    assert_agree(sample.stream, sample.array)
    for byte in range(len(sample.stream)):
        with pytest.raises(reference_decoder.FormatError):
            reference_decoder.decode(zoo.flip(sample.stream, 8 * byte + byte % 8))


@pytest.mark.parametrize("name", FILES)
def test_frozen_files(name: str) -> None:
    """Files of every released version of the format decode forever."""
    stream, facts = (FROZEN / name).read_bytes(), FILES[name]
    assert hashlib.sha256(stream).hexdigest() == facts["stream_sha256"]
    for array in (mic.decode(stream), reference_decoder.decode(stream)):
        assert list(array.shape) == facts["shape"]
        assert array.dtype.name == facts["dtype"]
        assert hash_of(array) == facts["samples_sha256"]
    if "levels_sha256" in facts:
        levels = [level[...] for level in mic.open(stream).levels]
        for images in (levels, reference_decoder.decode_levels(stream)):
            assert [hash_of(image) for image in images] == facts["levels_sha256"]


def hash_of(array: np.ndarray) -> str:
    little = array.astype(array.dtype.newbyteorder("<"))
    return hashlib.sha256(little.tobytes()).hexdigest()


@pytest.mark.parametrize("dtype", zoo.DTYPES)
@pytest.mark.parametrize("shape", [(40, 31), (17, 40, 3)])
def test_slides(shape: tuple[int, ...], dtype: str) -> None:
    image = zoo.smooth(shape, dtype) // 4
    stream = mic.encode(image, tile=(12, 15), levels=4)
    levels = mic.open(stream).levels
    for level, expected in zip(levels, reference_decoder.decode_levels(stream), strict=True):
        assert np.array_equal(level[...], expected)
    assert_agree(stream, image)


@pytest.mark.parametrize(("word", "fits"), [(4, True), (5, False), (7, False)])
def test_huffman_words_behind_an_escape(word: int, fits: bool) -> None:
    """Only the listed escape, 7 of 3 bits, may exceed the maximum of 4."""
    fields = [(1, 32), (4, 16), (0, 8), (1, 16), (7, 3), (word, 3), (0, 3)]
    bits = "".join(f"{value:0{width}b}" for value, width in fields)
    stream = int(bits.ljust(88, "0"), 2).to_bytes(11, "big")
    for decode in (mic.stages.huffman_decode, reference_decoder.huffman):
        if fits:
            assert list(decode(stream, 1)) == [word]
            continue
        with pytest.raises((mic.CorruptDataError, reference_decoder.FormatError)):
            decode(stream, 1)


def test_rans_in_place_of_fse() -> None:
    """Published streams may hold it; strips of the native format may not."""
    image = np.arange(64, dtype="u1").reshape(8, 8)
    coded = mic.stages.encode_stream("rans", image.astype("u2"), 8, 8, 63)
    assert coded[:2] == b"\xff\x08"
    maps = [handmade.offset_map(0, 63)]
    frame = handmade.frame(image.tobytes(), maps, [[b"\1" + coded]])
    stream = handmade.header(8, 8, "uint8") + frame
    with pytest.raises(mic.CorruptDataError, match=r"FF 08 \(rANS\), FSE .* is expected"):
        mic.decode(stream)
    with pytest.raises(reference_decoder.FormatError):
        reference_decoder.decode(stream)
