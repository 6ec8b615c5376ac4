# SPDX-License-Identifier: MIT
"""The stages of the published codec, one by one."""

import contextlib
import struct

import numpy as np
import pytest
import zoo
from hypothesis import given
from hypothesis import strategies as st

import mic
from mic import stages

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))
KINDS = stages.STREAM_KINDS


@st.composite
def word_arrays(draw: st.DrawFn) -> np.ndarray:
    """Draw words of any number and spread, with runs."""
    top = draw(st.sampled_from([1, 3, 8, 255, 4095, 65535]))
    n = draw(st.integers(1, 300))
    generator = np.random.default_rng(draw(st.integers(0, 1000)))
    words = generator.integers(0, top + 1, n)
    lengths = generator.integers(1, draw(st.sampled_from([2, 9, 400])), n)
    return np.repeat(words, lengths).astype("uint16")


@given(st.sampled_from(stages.PREDICTORS), SIZES, st.integers(1, 65535), st.integers(0, 99))
def test_prediction_round_trip(
    predictor: str, size: tuple[int, int], max_value: int, seed: int
) -> None:
    """Any maximum is lossless in a single stage, even one that the pixels exceed."""
    height, width = size
    pixels = zoo.escapes(size, "uint16", seed).reshape(-1)
    try:
        words = stages.delta_encode(pixels, width, height, max_value, predictor)
    except mic.UnsupportedError:
        assert predictor == "zigzag"  # it has no form for an image of only escapes
        return
    assert words[0] == max_value
    assert np.array_equal(stages.delta_decode(words, width, height, predictor), pixels)


def test_prediction_by_hand() -> None:
    """The example of docs/format.md, 6.1."""
    words = np.array([15, 11, 8, 7, 15, 15, 15, 2], "uint16")
    assert stages.delta_decode(words, 5, 1).tolist() == [4, 5, 5, 15, 2]
    assert (
        stages.delta_encode(np.array([4, 5, 5, 15, 2], "u2"), 5, 1, 15).tolist() == words.tolist()
    )


@pytest.mark.parametrize("surplus", [-2, -1, 1, 5])
def test_prediction_needs_the_right_number_of_words(surplus: int) -> None:
    words = stages.delta_encode(np.arange(12, dtype="uint16"), 4, 3, 4095)
    changed = np.resize(words, len(words) + surplus)
    with pytest.raises(mic.CorruptDataError):
        stages.delta_decode(changed, 4, 3)


@given(word_arrays(), st.integers(8, 65535), st.booleans())
def test_runs_round_trip(words: np.ndarray, initial: int, with_length: bool) -> None:
    out = stages.rle_encode(words, initial, with_length)
    assert out[0] == initial
    assert np.array_equal(stages.rle_decode(out, with_length), words)


@pytest.mark.parametrize("initial", [8, 255, 4095, 65535])
@pytest.mark.parametrize("length", [2**15 - 2, 2**15 - 1, 2**15, 2**15 + 1, 2**16 + 3, 200_000])
def test_long_runs(initial: int, length: int) -> None:
    """Runs and literals longer than a block can express."""
    same = np.full(length, 5, "uint16")
    different = (np.arange(length) % 251).astype("uint16")
    for words in (same, different, np.concatenate([different, same, different])):
        runs = stages.rle_encode(words, initial)
        assert np.array_equal(stages.rle_decode(runs), words)


def test_runs_by_hand() -> None:
    """The example of docs/format.md, 6.2."""
    runs = np.array([15, 4, 5, 9, 1, 2], "uint16")
    assert stages.rle_decode(runs, with_length=False).tolist() == [5, 5, 5, 5, 1, 2]


@pytest.mark.parametrize(
    "runs",
    [
        [15, 0, 5],  # an empty block
        [15, 4],  # a run without its word
        [15, 10, 1, 2],  # three literals announced, two present
    ],
)
def test_bad_runs(runs: list[int]) -> None:
    with pytest.raises(mic.CorruptDataError):
        stages.rle_decode(np.array(runs, "uint16"), with_length=False)


@given(word_arrays(), st.sampled_from(zoo.STATES))
def test_fse_round_trip(words: np.ndarray, states: int) -> None:
    try:
        stream = stages.fse_encode(words, states)
    except mic.UnsupportedError:
        return
    assert np.array_equal(stages.fse_decode(stream), words)
    prefixes = {1: b"", 2: b"\xff\x02", 4: b"\xff\x04", 8: b"\xff\x84"}
    assert stream.startswith(prefixes[states])


@pytest.mark.parametrize("states", zoo.STATES)
@pytest.mark.parametrize(
    ("symbols", "n"), [(2, 400), (200, 5000), (3000, 60_000), (40_000, 400_000)]
)
def test_fse_table_logs(symbols: int, n: int, states: int) -> None:
    """From the smallest table to the largest, 2^5 to 2^16 states."""
    ranks = np.random.default_rng(1).zipf(1.2, n) % symbols
    words = ranks.astype("uint16")
    words[:4] = symbols - 1
    stream = stages.fse_encode(words, states)
    assert np.array_equal(stages.fse_decode(stream), words)


@pytest.mark.parametrize("words", [[], [1], [7] * 500, list(range(500))])
def test_fse_refuses(words: list[int]) -> None:
    """The published coder refuses nothing at all, one value, and all different values."""
    with pytest.raises(mic.UnsupportedError) as caught:
        stages.fse_encode(np.array(words, "uint16"))
    assert caught.value.stage == "fse"


@given(word_arrays())
def test_huffman_round_trip(words: np.ndarray) -> None:
    assert np.array_equal(stages.huffman_decode(stages.huffman_encode(words)), words)


def test_huffman_rare_symbols_are_escaped() -> None:
    """Counts like Fibonacci numbers make a tree deeper than 14, which is cut."""
    counts = [1, 1]
    while len(counts) < 24:
        counts.append(counts[-1] + counts[-2])
    words = np.repeat(np.arange(24), counts).astype("uint16")
    words = np.random.default_rng(0).permutation(words)
    assert np.array_equal(stages.huffman_decode(stages.huffman_encode(words)), words)


@given(st.sampled_from(KINDS), SIZES, st.sampled_from(zoo.CONTENTS), st.sampled_from(zoo.STATES))
def test_stream_round_trip(kind: str, size: tuple[int, int], content: object, states: int) -> None:
    height, width = size
    pixels = content(size, "uint16", 2).reshape(-1)
    try:
        stream = stages.encode_stream(kind, pixels, width, height, states=states)
    except mic.UnsupportedError:
        return
    assert np.array_equal(stages.decode_stream(kind, stream, width, height), pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_stream_of_another_size_or_kind(kind: str) -> None:
    """A stream that is read as something else fails or gives a whole image."""
    pixels = (zoo.smooth((20, 30), "uint16") // 64).reshape(-1)
    stream = stages.encode_stream(kind, pixels, 30, 20)
    for width, height in ((30, 21), (31, 20), (1, 1), (30, 19)):
        with pytest.raises(mic.CorruptDataError):
            stages.decode_stream(kind, stream, width, height)
    for other in set(KINDS) - {kind}:
        with contextlib.suppress(mic.CorruptDataError):
            assert stages.decode_stream(other, stream, 30, 20).size == 600


def bare_streams() -> dict[str, tuple[str, bytes]]:
    pixels = (zoo.smooth((12, 14), "uint16") // 256).reshape(-1)
    streams = {kind: (kind, stages.encode_stream(kind, pixels, 14, 12)) for kind in KINDS}
    for states in zoo.STATES:
        coded = stages.encode_stream("fse", pixels, 14, 12, states=states)
        streams[f"fse{states}"] = ("fse", coded)
    return streams


BARE = bare_streams()


def decode_bounded(kind: str, stream: bytes) -> None:
    """This is all that a stream without a checksum can guarantee."""
    try:
        assert stages.decode_stream(kind, stream, 14, 12).shape == (168,)
    except mic.MicError as error:
        assert error.stage is not None


@pytest.mark.parametrize("name", BARE)
def test_damaged_bare_streams(name: str) -> None:
    """Test every flipped bit and every truncation of a stream without checksum."""
    kind, stream = BARE[name]
    for bit in range(8 * len(stream)):
        decode_bounded(kind, zoo.flip(stream, bit))
    for length in range(len(stream)):
        decode_bounded(kind, stream[:length])


@pytest.mark.parametrize("name", BARE)
def test_most_damage_is_found(name: str) -> None:
    """Most damage shows because all bits must be used and all states must end at 0."""
    kind, stream = BARE[name]
    original = stages.decode_stream(kind, stream, 14, 12)
    missed = 0
    for bit in range(8 * len(stream)):
        try:
            decoded = stages.decode_stream(kind, zoo.flip(stream, bit), 14, 12)
            missed += not np.array_equal(decoded, original)
        except mic.MicError:
            pass
    assert missed < 8 * len(stream) * 0.25


@given(st.binary(max_size=200), st.sampled_from(KINDS))
def test_arbitrary_bytes(data: bytes, kind: str) -> None:
    decode_bounded(kind, data)


@given(
    st.binary(max_size=120), st.sampled_from([b"\xff\x02", b"\xff\x04", b"\xff\x84", b"", b"\0"])
)
def test_arbitrary_entropy_streams(data: bytes, prefix: bytes) -> None:
    """The caller bounds the number of words, whatever the count says."""
    for decode in (stages.fse_decode, stages.huffman_decode):
        try:
            assert len(decode(prefix + data, max_words=1000)) <= 1000
        except mic.MicError as error:
            assert error.stage is not None


@pytest.mark.parametrize("states", [2, 4, 8])
@pytest.mark.parametrize("change", [-200, -1, 1, 1000])
def test_wrong_count(states: int, change: int) -> None:
    """The count of an FSE block is checked against its bits and its last states."""
    words = zoo.smooth((30, 30), "uint16").reshape(-1) // 32
    stream = bytearray(stages.fse_encode(words, states))
    struct.pack_into("<I", stream, 2, 900 + change)
    with pytest.raises(mic.CorruptDataError):
        stages.fse_decode(bytes(stream))


@pytest.mark.parametrize("count", [10**6, 2**31 - 1, 2**32 - 1])
def test_announced_words_are_limited(count: int) -> None:
    """Counts above the limit are refused before they size memory."""
    words = np.arange(400, dtype="uint16") % 5
    fse = bytearray(stages.fse_encode(words, 4))
    struct.pack_into("<I", fse, 2, count)
    huffman = bytearray(stages.huffman_encode(words))
    struct.pack_into(">I", huffman, 0, count)
    runs = stages.rle_encode(words, 8)
    runs[1:3] = count >> 16, count & 65535
    for decode, stream in (
        (stages.fse_decode, bytes(fse)),
        (stages.huffman_decode, bytes(huffman)),
        (stages.rle_decode, runs),
    ):
        with pytest.raises((mic.LimitError, mic.CorruptDataError)):
            decode(stream, max_words=10_000)


@pytest.mark.parametrize(
    "call",
    [
        lambda: stages.delta_encode(np.zeros(4, "uint16"), 3, 2),
        lambda: stages.delta_encode(np.zeros(0, "uint16"), 0, 0),
        lambda: stages.delta_encode(np.zeros(4, "int16"), 2, 2),
        lambda: stages.delta_encode(np.zeros(4, "uint16"), 2, 2, 0),
        lambda: stages.delta_encode(np.zeros(4, "uint16"), 2, 2, 65536),
        lambda: stages.delta_encode(np.zeros(4, "uint16"), 2, 2, 9, "paeth"),
        lambda: stages.delta_decode(np.zeros(4, "uint16"), 0, 2),
        lambda: stages.delta_decode(np.zeros(4, "uint16"), 2**20, 2**20),
        lambda: stages.fse_encode(np.zeros(4, "uint16"), 3),
        lambda: stages.fse_encode(np.zeros(4, "float32")),
        lambda: stages.encode_stream("lzw", np.zeros(4, "uint16"), 2, 2),
        lambda: stages.decode_stream("fse", b"", 0, 2),
    ],
)
def test_wrong_arguments(call: object) -> None:
    with pytest.raises((mic.UnsupportedError, mic.LimitError)):
        call()


@pytest.mark.parametrize(
    ("kind", "decode"), [("fse", stages.fse_decode), ("huffman", stages.huffman_decode)]
)
def test_empty_stream(kind: str, decode: object) -> None:
    with pytest.raises(mic.CorruptDataError):
        decode(b"")
    with pytest.raises(mic.CorruptDataError):
        stages.decode_stream(kind, b"", 2, 2)


def test_words_of_any_layout() -> None:
    """Accept big-endian and strided words, and buffers of all kinds for streams."""
    words = (np.arange(800, dtype="uint16") % 40).astype(">u2")
    stream = stages.fse_encode(words[::2], 4)
    assert np.array_equal(stages.fse_decode(memoryview(stream)), words[::2])
    assert np.array_equal(stages.fse_decode(bytearray(stream)), words[::2])
    unaligned = np.frombuffer(b"x" + words.tobytes(), ">u2", offset=1)
    native = np.frombuffer(b"x" + words.astype("uint16").tobytes(), "uint16", offset=1)
    for other in (unaligned, native, words.astype("uint16")):
        assert stages.huffman_encode(other) == stages.huffman_encode(words)
