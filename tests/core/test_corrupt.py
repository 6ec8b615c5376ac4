# SPDX-License-Identifier: MIT
"""Damaged streams: each flipped bit and each truncation is found, named or bounded."""

import io

import handmade
import numpy as np
import pytest
import zoo
from hypothesis import given
from hypothesis import strategies as st
from taken_apart import take_apart

import mic

SMALL = zoo.small_streams()
MIC1_IMAGE = zoo.smooth((12, 14), "uint16") // 64


def assert_refused(stream: bytes) -> None:
    """Decoding finds the damage, and info and open do not contradict it."""
    with pytest.raises(mic.CorruptDataError) as caught:
        mic.decode(stream)
    assert caught.value.stage is not None
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", SMALL)
def test_small_streams_are_whole(name: str) -> None:
    stream, array = SMALL[name]
    decoded = mic.decode(stream)
    assert decoded.dtype == array.dtype
    assert np.array_equal(decoded, array)
    assert len(stream) < 800


@pytest.mark.parametrize("name", SMALL)
def test_every_bit(name: str) -> None:
    stream = SMALL[name].stream
    for bit in range(8 * len(stream)):
        assert_refused(zoo.flip(stream, bit))


@pytest.mark.parametrize("name", SMALL)
def test_every_truncation(name: str) -> None:
    whole = mic.info(SMALL[name].stream).encoded_bytes
    for length in range(whole):
        assert_refused(SMALL[name].stream[:length])


@pytest.mark.parametrize("name", SMALL)
def test_every_byte_set(name: str) -> None:
    """Longer bursts of errors, which a checksum must find too."""
    stream = SMALL[name].stream
    for at in range(len(stream)):
        for value in (0, 0xFF):
            damaged = stream[:at] + bytes([value]) + stream[at + 1 :]
            if damaged != stream:
                assert_refused(damaged)


@pytest.mark.parametrize("name", SMALL)
def test_damage_while_reading_parts(name: str) -> None:
    """A part decodes as in the whole array or fails, but never differs."""
    stream, array = SMALL[name]
    frames = array.reshape(-1, *array.shape[-3 if mic.info(stream).channels == 3 else -2 :])
    selection = {} if mic.info(stream).levels else {"frames": 0}
    for bit in range(0, 8 * len(stream), 3):
        damaged = zoo.flip(stream, bit)
        try:
            part = mic.decode(damaged, rows=(0, 1), **selection)
        except mic.CorruptDataError:
            continue
        assert np.array_equal(part, frames[0, :1])


@pytest.mark.parametrize("name", SMALL)
def test_damage_and_rescue(name: str) -> None:
    """Rescue marks correct rows as intact and zeroes the others, or fails at the header."""
    stream, array = SMALL[name]
    for bit in range(0, 8 * len(stream), 3):
        try:
            rescued, intact = mic.decode(zoo.flip(stream, bit), partial=True)
        except mic.CorruptDataError as error:
            assert error.stage in ("container", "header")
            continue
        assert rescued.shape == array.shape
        rows = array.reshape(*intact.shape, -1)
        rescued = rescued.reshape(rows.shape)
        assert np.array_equal(rescued[intact], rows[intact])
        assert not rescued[~intact].any()


@pytest.mark.parametrize("name", ["frames", "fse", "strips_fse"])
def test_damaged_files(name: str, tmp_path: object) -> None:
    """The same through open, from a path and from a file object."""
    stream = SMALL[name].stream
    path = tmp_path / "damaged.mic"
    for bit in range(0, 8 * len(stream), 29):
        damaged = zoo.flip(stream, bit)
        path.write_bytes(damaged)
        for source in (path, io.BytesIO(damaged)):
            with pytest.raises(mic.CorruptDataError), mic.open(source) as file:
                file[...]


@given(st.binary(max_size=300), st.sampled_from([b"", b"\x89Mic\x01", b"MIC1"]))
def test_arbitrary_bytes(data: bytes, magic: bytes) -> None:
    for call in (mic.decode, mic.info, mic.open):
        try:
            call(magic + data, **({"max_pixels": 10**6} if call is not mic.info else {}))
        except mic.MicError as error:
            assert error.stage is not None or isinstance(error, mic.LimitError)


@given(st.data())
def test_cut_and_paste(data: st.DataObject) -> None:
    """Parts of valid streams in the wrong place."""
    names = st.sampled_from(sorted(SMALL))
    one, other = (SMALL[data.draw(names)].stream for _ in range(2))
    start = data.draw(st.integers(0, len(one)))
    stop = data.draw(st.integers(start, len(one)))
    at = data.draw(st.integers(0, len(other)))
    mixed = one[:start] + other[at : at + stop - start] + one[stop:]
    try:
        decoded = mic.decode(mixed)
    except mic.CorruptDataError as error:
        assert error.stage is not None
    else:
        assert any(np.array_equal(decoded, sample.array) for sample in SMALL.values())


def test_damage_is_located() -> None:
    """The message names frame and strip."""
    array = zoo.smooth((60, 20), "uint16") // 64
    stream = handmade.stream(array, 20, "fse")
    with pytest.raises(mic.CorruptDataError, match="frame 0, strip 2") as caught:
        mic.decode(zoo.flip(stream, 8 * len(stream) - 4))
    assert (caught.value.frame, caught.value.strip) == (0, 2)
    assert caught.value.offset < len(stream)

    volume = zoo.volume((5,), 20, 20)
    stream = mic.encode(volume)
    offset = mic.info(stream).frame_offsets[3]
    parts = take_apart(stream, 3)
    places = ((parts.strip_offsets[0] + 40, 0), (offset + 1, None), (parts.model_offset + 9, None))
    for byte, strip in places:
        with pytest.raises(mic.CorruptDataError, match="frame 3") as caught:
            mic.decode(zoo.flip(stream, 8 * byte), threads=3)
        assert (caught.value.frame, caught.value.strip) == (3, strip)


def test_the_first_damage_is_reported(volume: zoo.Sample) -> None:
    """Of several kinds of damage, the first is reported, for any number of threads."""
    damaged = volume.stream
    offsets = mic.info(damaged).frame_offsets
    for frame in (4, 7, 11):
        damaged = zoo.flip(damaged, 8 * (offsets[frame] + 60))
    for threads in (1, 2, 5):
        with pytest.raises(mic.CorruptDataError) as caught:
            mic.decode(damaged, threads=threads)
        assert caught.value.frame == 4


# ---- MIC1 has no checksum ------------------------------------------------------


@pytest.mark.parametrize("states", zoo.STATES)
def test_damaged_mic1(states: int) -> None:
    """The result is an error, or samples of the announced shape within the limit."""
    stream = mic.encode(MIC1_IMAGE, "fse", container="mic1", states=states)
    damaged = [zoo.flip(stream, bit) for bit in range(8 * len(stream))]
    damaged += [stream[:length] for length in range(len(stream))]
    for data in damaged:
        try:
            decoded = mic.decode(data, max_pixels=10**5)
        except mic.MicError as error:
            assert error.stage is not None or isinstance(error, mic.LimitError)
        else:
            assert decoded.shape == mic.info(data).shape


@pytest.mark.parametrize("states", zoo.STATES)
def test_truncated_mic1(states: int) -> None:
    """The length in the header reveals every truncation."""
    stream = mic.encode(MIC1_IMAGE, "fse", container="mic1", states=states)
    for length in range(len(stream)):
        assert_refused(stream[:length])


# ---- rescue ----------------------------------------------------------------------


def test_rescue_one_strip(large: zoo.Sample) -> None:
    """With one damaged strip among many, its rows are zero and marked, all others are right."""
    info = mic.info(large.stream)
    third = slice(2 * info.strip_rows, 3 * info.strip_rows)
    damaged = zoo.flip(large.stream, 8 * int(len(large.stream) * 2.5 / info.strips))
    with pytest.raises(mic.CorruptDataError) as caught:
        mic.decode(damaged)
    assert caught.value.strip == 2
    for threads in (1, 3):
        rescued, intact = mic.decode(damaged, partial=True, threads=threads)
        assert intact.shape == (1, info.rows)
        assert intact.dtype == np.bool_
        assert not intact[0, third].any()
        assert intact.sum() == info.rows - info.strip_rows
        assert not rescued[third].any()
        assert np.array_equal(rescued[intact[0]], large.array[intact[0]])


def test_rescue_rows(large: zoo.Sample) -> None:
    """Rescue of a part reports on the rows of that part."""
    info = mic.info(large.stream)
    damaged = zoo.flip(large.stream, 8 * int(len(large.stream) * 2.5 / info.strips))
    start = 2 * info.strip_rows - 5
    rescued, intact = mic.decode(damaged, partial=True, rows=(start, start + 12))
    assert intact.tolist() == [[True] * 5 + [False] * 7]
    assert np.array_equal(rescued[:5], large.array[start : start + 5])
    assert not rescued[5:].any()


def test_rescue_of_whole_streams() -> None:
    for stream, array in SMALL.values():
        rescued, intact = mic.decode(stream, partial=True)
        assert np.array_equal(rescued, array)
        assert intact.all()


def test_rescue_without_a_frame_head(volume: zoo.Sample) -> None:
    damaged = zoo.flip(volume.stream, 8 * mic.info(volume.stream).frame_offsets[5])
    rescued, intact = mic.decode(damaged, partial=True)
    assert intact.all(axis=1).tolist() == [frame != 5 for frame in range(12)]
    assert not rescued[1, 1].any()
    assert np.array_equal(rescued[0], volume.array[0])
    assert np.array_equal(rescued[2], volume.array[2])


def test_rescue_without_index(volume: zoo.Sample) -> None:
    """Each frame records its own length, so the index is dispensable."""
    for damaged in (zoo.flip(volume.stream, 8 * len(volume.stream) - 40), volume.stream[:-50]):
        with pytest.raises(mic.CorruptDataError) as caught:
            mic.decode(damaged)
        assert caught.value.stage == "index"
        rescued, intact = mic.decode(damaged, partial=True)
        assert intact.all()
        assert np.array_equal(rescued, volume.array)


def test_rescue_truncated(volume: zoo.Sample) -> None:
    """After any truncation, the frames before the cut can be rescued."""
    offsets = mic.info(volume.stream).frame_offsets
    for length in range(offsets[0], len(volume.stream), 97):
        rescued, intact = mic.decode(volume.stream[:length], partial=True)
        whole = sum(offset <= length for offset in offsets[1:])
        assert intact.all(axis=1).sum() == whole
        frames = rescued.reshape(12, 24, 20)
        assert np.array_equal(frames[:whole], volume.array.reshape(12, 24, 20)[:whole])
        assert not frames[whole:].any()


def test_rescue_mic1() -> None:
    """A stream without checksum and strips is intact as a whole or not at all."""
    stream = mic.encode(MIC1_IMAGE, "fse", container="mic1")
    rescued, intact = mic.decode(stream, partial=True)
    assert intact.all()
    assert np.array_equal(rescued, MIC1_IMAGE)
    rescued, intact = mic.decode(stream[:-9] + bytes(9), partial=True)
    assert not intact.any()
    assert not rescued.any()


@pytest.mark.parametrize("data", [b"", b"\x89Mi", b"not a stream", bytes(100), b"\xff" * 100])
def test_no_stream(data: bytes) -> None:
    for partial in (False, True):
        with pytest.raises(mic.CorruptDataError) as caught:
            mic.decode(data, partial=partial)
        assert caught.value.stage == "container"
