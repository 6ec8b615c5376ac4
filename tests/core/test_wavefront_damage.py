# SPDX-License-Identifier: MIT
"""Wavefront streams that are damaged, or absurd under valid checksums.

They are refused with their place on every instruction set.
"""

import struct
from collections.abc import Callable
from dataclasses import replace

import handmade
import numpy as np
import pytest
import zoo
from handmade_wavefront import Bits, Model, fitted, strip
from taken_apart import Frame, take_apart

import mic
from mic import _mic

ISAS = zoo.available_isas()
pytestmark = pytest.mark.usefixtures("restore_isa")

STRIP_ROWS = 33
IMAGE = zoo.smooth((70, 20), "uint16") // 64
WORDS = IMAGE - IMAGE.min()
MAX_VALUE = int(WORDS.max())
STRIPS = [WORDS[top : top + STRIP_ROWS] for top in range(0, 70, STRIP_ROWS)]
GOOD = fitted(STRIPS, Model(MAX_VALUE, starts=0x10001))
STREAM = handmade.stream(IMAGE, STRIP_ROWS, "wavefront", starts=0x10001)


def refused(stream: bytes) -> mic.MicError:
    """Return the error, which is the same on every instruction set; rescue cannot avoid it."""
    errors = []
    for isa in ISAS:
        _mic.use_isa(isa)
        for threads in (1, 3):
            with pytest.raises(mic.CorruptDataError) as caught:
                mic.decode(stream, threads=threads)
            errors.append(caught.value)
        rescued, intact = mic.decode(stream, partial=True)
        assert not intact.all()
        rows = rescued.reshape(*intact.shape, -1)
        assert not rows[~intact].any()
        assert np.array_equal(rows[intact], IMAGE.reshape(rows.shape)[intact])
    first = errors[0]
    assert first.stage is not None
    for error in errors:
        assert (str(error), vars(error)) == (str(first), vars(first))
    return first


def with_model(model: bytes) -> bytes:
    parts = take_apart(STREAM)
    parts.models = [model]
    return parts.stream()


def with_strip(index: int, payload: bytes) -> bytes:
    parts = take_apart(STREAM)
    parts.strips[index] = [b"\3" + payload]
    return parts.stream()


def test_the_stream_is_good() -> None:
    assert take_apart(STREAM).stream() == STREAM
    assert take_apart(STREAM).models == [GOOD.bytes()]
    assert with_strip(1, strip(STRIPS[1], GOOD)) == STREAM
    for isa in ISAS:
        _mic.use_isa(isa)
        assert np.array_equal(mic.decode(STREAM), IMAGE)


def test_the_example_of_the_format() -> None:
    """Example 7.6, in both directions."""
    words = np.array(handmade.TINY_WORDS, "uint16")
    model = Model(8, precision=2, frequencies=[[384, 512, 0, 128]])
    assert model.bytes() == handmade.TINY_MODEL
    assert b"\3" + strip(words, model) == handmade.TINY_STRIP
    pieces, models = [[handmade.TINY_STRIP]], [handmade.TINY_MODEL]
    maps = [handmade.offset_map(0, 8)]
    stream = handmade.header(4, 4) + handmade.frame(words.tobytes(), maps, pieces, models)
    for isa in ISAS:
        _mic.use_isa(isa)
        assert np.array_equal(mic.decode(stream), words)


@pytest.mark.parametrize("predictor", [0, 1])
@pytest.mark.parametrize("direct_log", range(2, 7))
@pytest.mark.parametrize("table_log", range(8, 13))
def test_models_that_the_encoder_never_makes(
    table_log: int, direct_log: int, predictor: int
) -> None:
    """Every size of table and alphabet, extreme weights, a context for every bucket."""
    image = zoo.escapes((35, 18), "uint16", table_log) >> (direct_log + 12 - table_log)
    weights = [(127, -127, 127, -127, 127, -127), (-1, 1, 0, 5, -5, 7)][direct_log % 2]
    options = {"table_log": table_log, "direct_log": direct_log, "predictor": predictor}
    starts = (0xFFFFFFFF, 1, 0x80000001)[table_log % 3]
    stream = handmade.stream(image, 34, "wavefront", weights=weights, starts=starts, **options)
    for isa in ISAS:
        _mic.use_isa(isa)
        assert np.array_equal(mic.decode(stream, threads=2), image)
        assert np.array_equal(mic.decode(stream, rows=(33, 35)), image[33:])


# ---- models under right checksums -------------------------------------------------


def frequencies(*values: int) -> list[list[int]]:
    """Frequencies for both contexts of GOOD."""
    return [list(values), list(GOOD.frequencies[1])]


def raw_bits(*zeros: int) -> bytes:
    """GOOD with runs of zero bits, of these lengths, in place of the frequencies."""
    start = replace(GOOD, frequencies=[])
    out = Bits()
    out.bits = [byte >> i & 1 for byte in start.bytes() for i in range(8)]
    out.put(100, 8)
    for n in zeros:
        out.put(1 << n, n + 1)
    return out.bytes() + bytes(200)


TABLE = 1 << GOOD.table_log
MODELS: dict[str, bytes] = {
    "unknown predictor": replace(GOOD, predictor=2).bytes(),
    "last predictor": replace(GOOD, predictor=15).bytes(),
    "table log 7": replace(GOOD, table_log=7).bytes(),
    "table log 13": replace(GOOD, table_log=13).bytes(),
    "table log 0": replace(GOOD, table_log=0).bytes(),
    "direct log 1": replace(GOOD, direct_log=1).bytes(),
    "direct log 7": replace(GOOD, direct_log=7).bytes(),
    "direct log 15": replace(GOOD, direct_log=15).bytes(),
    "largest word 0": replace(GOOD, max_value=0).bytes(),
    "a word less": replace(GOOD, max_value=MAX_VALUE - 1).bytes(),
    "a word more": replace(GOOD, max_value=MAX_VALUE + 1).bytes(),
    "all words": replace(GOOD, max_value=65535).bytes(),
    "no contexts": replace(GOOD, starts=0).bytes(),
    "bucket 0 without context": replace(GOOD, starts=0x10002).bytes(),
    "more contexts than frequencies": replace(GOOD, starts=0xFFFFFFFF).bytes(),
    "fewer contexts than frequencies": replace(GOOD, starts=1).bytes(),
    "weight -128": replace(GOOD, predictor=1, weights=(0, 0, -128, 0, 0, 0)).bytes(),
    "last symbol 0": replace(GOOD, frequencies=frequencies(TABLE)).bytes(),
    "last symbol too large": replace(GOOD, frequencies=frequencies(1, *[1] * 151)).bytes(),
    "last symbol 255": replace(GOOD, frequencies=frequencies(1, *[1] * 255)).bytes(),
    "sum of 0": replace(GOOD, frequencies=frequencies(TABLE, 0)).bytes(),
    "sum of all": replace(GOOD, frequencies=frequencies(0, 512, 512)).bytes(),
    "sum of more": replace(GOOD, frequencies=frequencies(0, 600, 700, 800)).bytes(),
    "a frequency of all": replace(GOOD, frequencies=frequencies(0, TABLE)).bytes(),
    "a frequency of eleven bits": replace(GOOD, frequencies=frequencies(0, 2047)).bytes(),
    "25 zeros": raw_bits(25),
    "60 zeros": raw_bits(60),
    "all zeros": raw_bits(),
    "bits below 0": raw_bits(19),
    "bits above the table": raw_bits(6),
    "a byte less": GOOD.bytes()[:-1],
    "eight bytes": GOOD.bytes()[:8],
    "a byte": GOOD.bytes()[:1],
    "a byte more": GOOD.bytes() + b"\0",
    "many bytes more": GOOD.bytes() + bytes(1000),
    "none": b"",
    "ones": b"\xff" * 100,
    "zeros": bytes(100),
}


@pytest.mark.parametrize("name", MODELS)
def test_absurd_models(name: str) -> None:
    stream = with_model(MODELS[name])
    error = refused(stream)
    assert error.frame == 0
    assert error.stage == ("strip" if name == "none" else "wavefront")
    assert error.strip == (0 if name == "none" else None)
    assert not mic.decode(stream, partial=True)[1].any()


def test_padding_of_a_model() -> None:
    """Bits after the last frequency are 0."""
    n_tried = 0
    for starts in (1, 0x10001, 0x1010001, 0x11110001):
        model = fitted(STRIPS, Model(MAX_VALUE, starts=starts))
        out = Bits()
        for made in model.frequencies:
            model.put_frequencies(out, made)
        data = model.bytes()
        parts = take_apart(handmade.stream(IMAGE, STRIP_ROWS, "wavefront", starts=starts))
        for bit in range(8 - -len(out.bits) % 8, 8):
            n_tried += 1
            parts.models = [data[:-1] + bytes([data[-1] | 1 << bit])]
            assert "not 0" in str(refused(parts.stream()))
    assert n_tried > 3


def test_models_of_other_planes() -> None:
    """A model of a plane with other words, and one with the same range and other frequencies."""
    array = np.stack([IMAGE, IMAGE[::-1] * 2, IMAGE[:, ::-1]], -1)
    parts = take_apart(handmade.stream(array, STRIP_ROWS, "wavefront"))
    for order in ((1, 0, 2), (0, 0, 2), (2, 1, 0)):
        changed = replace(parts, models=[parts.models[i] for i in order])
        for isa in ISAS:
            _mic.use_isa(isa)
            if changed.models == parts.models:
                continue
            with pytest.raises(mic.CorruptDataError) as caught:
                mic.decode(changed.stream())
            assert caught.value.frame == 0


def test_every_bit_of_a_model() -> None:
    """Under valid checksums, a change is refused, unless it means the same."""
    model, n_same = GOOD.bytes(), 0
    for bit in range(8 * len(model)):
        try:
            decoded = mic.decode(with_model(zoo.flip(model, bit)))
        except mic.CorruptDataError:
            continue
        assert np.array_equal(decoded, IMAGE)
        n_same += 1
    assert n_same < 8  # bits of the precision, and starts of buckets that do not occur


def test_model_without_need() -> None:
    """A plane whose pieces are all raw may have a model; it is read and must be valid."""
    parts = take_apart(handmade.stream(IMAGE, STRIP_ROWS, "raw"))
    parts.models = [GOOD.bytes()]
    assert np.array_equal(mic.decode(parts.stream()), IMAGE)
    parts.models = [GOOD.bytes()[:-1]]
    with pytest.raises(mic.CorruptDataError):
        mic.decode(parts.stream())


# ---- strips under right checksums --------------------------------------------------

PAYLOADS = [strip(words, GOOD) for words in STRIPS]
N_STATES = [4 * min(32, len(words)) for words in STRIPS]
STRIP_DAMAGE: dict[str, Callable[[bytes, int], bytes]] = {
    "empty": lambda payload, states: b"",
    "a byte": lambda payload, states: payload[:1],
    "a state less": lambda payload, states: payload[: states - 4],
    "half a state less": lambda payload, states: payload[: states - 2],
    "states only": lambda payload, states: payload[:states],
    "a word less": lambda payload, states: payload[:-2],
    "many words less": lambda payload, states: payload[: (states + len(payload)) // 4 * 2],
    "a byte less": lambda payload, states: payload[:-1],
    "a byte more": lambda payload, states: payload + b"\0",
    "a word more": lambda payload, states: payload + b"\0\0",
    "a hundred words more": lambda payload, states: payload + bytes(200),
    "all ones": lambda payload, states: b"\xff" * len(payload),
    "all zeros": lambda payload, states: bytes(len(payload)),
    "no words but ones": lambda payload, states: payload[:states] + b"\xff" * 400,
    "the words twice": lambda payload, states: payload + payload[states:],
}


@pytest.mark.parametrize("index", range(3))
@pytest.mark.parametrize("name", STRIP_DAMAGE)
def test_absurd_strips(name: str, index: int) -> None:
    """The strip is named, and rescue restores the others."""
    stream = with_strip(index, STRIP_DAMAGE[name](PAYLOADS[index], N_STATES[index]))
    error = refused(stream)
    assert (error.frame, error.strip, error.stage) == (0, index, "wavefront")
    rescued, intact = mic.decode(stream, partial=True)
    expected = np.arange(70) // STRIP_ROWS != index
    assert np.array_equal(intact[0], expected)
    assert np.array_equal(rescued[expected], IMAGE[expected])


@pytest.mark.parametrize("state", [0, 1, 32768, 65535])
def test_states_that_are_too_small(state: int) -> None:
    for lane in range(32):
        payload = bytearray(PAYLOADS[1])
        struct.pack_into("<I", payload, 4 * lane, state)
        error = refused(with_strip(1, bytes(payload)))
        assert (error.strip, str(lane) in str(error)) == (1, True)


def test_states_that_are_wrong() -> None:
    """Any other start state ends elsewhere, or gives other samples."""
    for lane in range(0, 32, 3):
        for state in (1 << 16, 1 << 31, 2**32 - 1):
            payload = bytearray(PAYLOADS[0])
            struct.pack_into("<I", payload, 4 * lane, state)
            assert refused(with_strip(0, bytes(payload))).frame == 0


def test_strips_in_the_wrong_place() -> None:
    """Each strip is valid but misplaced: the checksum of the samples reveals it."""
    parts = take_apart(STREAM)
    parts.strips[0], parts.strips[1] = parts.strips[1], parts.strips[0]
    with pytest.raises(mic.CorruptDataError) as caught:
        mic.decode(parts.stream())
    assert (caught.value.stage, caught.value.frame) == ("frame", 0)
    parts = take_apart(STREAM)
    parts.strips[1], parts.strips[2] = parts.strips[2], parts.strips[1]
    assert mic_error(parts).strip == 1


def mic_error(parts: Frame) -> mic.MicError:
    with pytest.raises(mic.CorruptDataError) as caught:
        mic.decode(parts.stream())
    return caught.value


def test_words_above_the_largest() -> None:
    """A model and a strip can give words that are not in the sample map."""
    words = np.full((40, 20), 3, "uint16")
    words[0, 0], words[1, 1] = 0, 8
    for wrong in (9, 100, 1023):
        other = words.copy()
        other[17, 3] = wrong
        model = fitted([other], Model(8, table_log=12))
        pieces, models = [[b"\3" + strip(other, model)]], [model.bytes()]
        for made in (handmade.offset_map(0, 8), handmade.packed_map(0, [7] * 8)):
            frame = handmade.frame(other.tobytes(), [made], pieces, models)
            for isa in ISAS:
                _mic.use_isa(isa)
                for rows in (None, (0, 40), (16, 19)):
                    with pytest.raises(mic.CorruptDataError) as caught:
                        mic.decode(handmade.header(40, 20) + frame, rows=rows)
                    assert (caught.value.frame, caught.value.strip) == (0, 0)


# ---- damage that checksums find -----------------------------------------------------


def place_of(stream: bytes, byte: int) -> tuple[set[str], int | None]:
    """The stages that may report damage there, and the strip."""
    parts = take_apart(stream)
    if byte < len(parts.header):
        return {"container", "header"}, None
    if byte < parts.strip_offsets[0]:
        return {"frame head", "frame", "sample map", "container"}, None
    return {"strip"}, max(i for i, at in enumerate(parts.strip_offsets) if at <= byte)


@pytest.mark.parametrize("colour", [(), (3,)])
def test_every_bit_has_its_place(colour: tuple[int, ...]) -> None:
    array = zoo.smooth((11, 9, *colour), "uint8") // 8
    stream = handmade.stream(array, 4, "wavefront")
    for bit in range(8 * len(stream)):
        with pytest.raises(mic.CorruptDataError) as caught:
            mic.decode(zoo.flip(stream, bit))
        stages, strip_index = place_of(stream, bit // 8)
        assert caught.value.stage in stages, (bit, str(caught.value))
        assert caught.value.strip == strip_index
    for length in range(len(stream)):
        with pytest.raises(mic.CorruptDataError) as caught:
            mic.decode(stream[:length])
        assert caught.value.stage is not None


def test_rescue() -> None:
    """A damaged strip costs its rows; a damaged model or head costs the frame."""
    stack = np.stack([IMAGE, IMAGE * 2, IMAGE[::-1]])
    coded = [handmade.array_frame(image, STRIP_ROWS, "wavefront") for image in stack]
    start = handmade.header(70, 20, axes=[3], strip_rows=STRIP_ROWS)
    ends = np.cumsum([len(start), *map(len, coded)]).tolist()
    start = handmade.header(70, 20, axes=[3], strip_rows=STRIP_ROWS, index_offset=ends[-1])
    stream = start + b"".join(coded) + handmade.index(ends[:-1])
    assert np.array_equal(mic.decode(stream), stack)
    parts = take_apart(stream, 1)
    expected = np.ones((3, 70), bool)
    for at, lost in (
        (parts.strip_offsets[0] + 5, slice(0, 33)),
        (parts.strip_offsets[1] + 200, slice(33, 66)),
        (parts.strip_offsets[2], slice(66, 70)),
        (parts.model_offset + 3, slice(None)),
        (ends[1] + 1, slice(None)),
        (parts.strip_offsets[0] - 1, slice(None)),
    ):
        for isa in ISAS:
            _mic.use_isa(isa)
            for threads in (1, 4):
                damaged = zoo.flip(stream, 8 * at)
                rescued, intact = mic.decode(damaged, partial=True, threads=threads)
                expected[1] = True
                expected[1, lost] = False
                assert np.array_equal(intact, expected)
                assert np.array_equal(rescued[intact], stack[intact])
                assert not rescued[~intact].any()
                with pytest.raises(mic.CorruptDataError, match="frame 1"):
                    mic.decode(damaged, threads=threads)
