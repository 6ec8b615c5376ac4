# SPDX-License-Identifier: MIT
"""Damaged published files: structure that contradicts itself is an error, never a crash.

They have no checksum, so damage within the coded samples may go unseen.
"""

import struct

import numpy as np
import pytest
import zoo

import mic
from mic import stages

IMAGE = zoo.smooth((40, 36), "uint16") // 64 + np.uint16(8)
FRAMES = np.stack([zoo.smooth((16, 24), "uint16", seed) // 64 + np.uint16(8) for seed in range(3)])
RGB = zoo.smooth((12, 14, 3), "uint8")
STREAMS = {
    "mic2": mic.encode(FRAMES, container="mic2"),
    "mic2 temporal": mic.encode(FRAMES, container="mic2", temporal=True),
    "pics": mic.encode(IMAGE, container="pics", strips=3),
    "pica": mic.encode(IMAGE, container="pica", strips=3),
    "micr": mic.encode(RGB, container="micr"),
}


def assert_refused(stream: bytes) -> mic.CorruptDataError:
    with pytest.raises(mic.CorruptDataError) as caught:
        mic.decode(stream)
    assert caught.value.stage is not None
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("name", STREAMS)
def test_every_truncation(name: str) -> None:
    for length in range(len(STREAMS[name])):
        assert_refused(STREAMS[name][:length])


@pytest.mark.parametrize("name", STREAMS)
def test_every_bit(name: str) -> None:
    """The result is an error or samples of the announced shape, within the limit."""
    stream, n_seen = STREAMS[name], 0
    for bit in range(8 * len(stream)):
        try:
            mic.decode(zoo.flip(stream, bit), max_pixels=1 << 20)
        except mic.MicError as error:
            assert "\n" not in str(error)
            n_seen += 1
    assert n_seen > 0.8 * 8 * len(stream)


@pytest.mark.parametrize("name", STREAMS)
def test_rescue_never_fails_behind_the_header(name: str) -> None:
    stream = STREAMS[name]
    n_rows = mic.info(stream).frames * mic.info(stream).rows
    for at in range(mic.info(stream).frame_offsets[0] + 64, len(stream), 3):
        damaged = stream[:at] + bytes([stream[at] ^ 0x55]) + stream[at + 1 :]
        rescued, intact = mic.decode(damaged, partial=True)
        assert intact.size == n_rows
        assert not rescued.reshape(*intact.shape, -1)[~intact].any()


# The u32 at each offset; every value contradicts the rest.
FORGED = {
    "mic2": {
        4: [0, 2**32 - 1],
        8: [2**31],
        12: [0, 2, 2**31, 2**32 - 1],
        16: [5],
        20: [1],
        24: [0, 2**32 - 1],
        28: [0, 2**32 - 1],
        36: [2**31],
        40: [2**31],
    },
    "pics": {
        4: [0],
        8: [0, 39, 43],
        12: [0, 2, 4, 2**32 - 1],
        16: [0, 13, 15, 41, 2**32 - 1],
        20: [1],
        24: [0],
        28: [0, 2**32 - 1],
        36: [2**32 - 1],
        40: [2**32 - 1],
    },
    "pica": {
        4: [0],
        8: [12, 0],
        12: [0, 4, 41, 2**32 - 1],
        16: [1],
        20: [1],
        24: [0],
        28: [2],
        32: [0, 40, 2**32 - 1],
        36: [0],
        40: [2**32 - 1],
        48: [1, 39 + 2**31],
    },
    "micr": {
        4: [0],
        8: [2**31, 11],
        12: [0, 2**32 - 1],
        16: [2**32 - 1],
        20: [2**32 - 1, 0],
    },
}


@pytest.mark.parametrize(
    ("name", "at", "value"),
    [
        (name, at, value)
        for name, offsets in FORGED.items()
        for at, values in offsets.items()
        for value in values
    ],
)
def test_forged_numbers(name: str, at: int, value: int) -> None:
    """Tables outside the file or with gaps, rows that do not add up, products over 2^63."""
    stream = bytearray(STREAMS[name])
    assert struct.unpack_from("<I", stream, at) != (value,)
    struct.pack_into("<I", stream, at, value)
    assert_refused(bytes(stream))
    with pytest.raises(mic.CorruptDataError):
        mic.open(bytes(stream))[...]


def test_huge_announcements_cost_nothing() -> None:
    """A few bytes that announce 2^31 - 1 frames, strips or rows are refused at once."""
    largest = 2**31 - 1
    for stream in (
        b"MIC2" + struct.pack("<4I", 1, 1, largest, 1) + bytes(99),
        b"PICS" + struct.pack("<4I", 1, largest, largest, 1) + bytes(99),
        b"PICA" + struct.pack("<3I", 1, largest, largest) + bytes(99),
    ):
        assert_refused(stream)
        with pytest.raises(mic.CorruptDataError):
            mic.info(stream)


@pytest.mark.parametrize("name", STREAMS)
def test_bytes_behind_are_ignored(name: str) -> None:
    """Trailing bytes are accepted, as by the published readers; DICOM pads to even length."""
    stream = STREAMS[name]
    assert np.array_equal(mic.decode(stream + b"\0"), mic.decode(stream))
    assert mic.info(stream + b"\0").encoded_bytes == len(stream)


# ---- temporal frames ---------------------------------------------------------


def temporal_of(runs: list[int]) -> bytes:
    """Make a file of two frames of 8 x 16 pixels whose second frame has these run lengths."""
    first = stages.encode_stream("fse", np.arange(128, dtype="uint16") % 16, 16, 8, 15)
    second = stages.fse_encode(np.array(runs, "uint16"))
    table = struct.pack("<4I", 0, len(first), len(first), len(second))
    return b"MIC2" + struct.pack("<4I", 16, 8, 2, 3) + table + first + second


LITERALS = [7 + 64, *([2] * 64)]


def test_a_temporal_file_by_hand() -> None:
    """Differences of 1 (folded 2) for half of the pixels, then 0."""
    runs = [15, 0, 128, *LITERALS, *([7, 0] * 9), 1, 0]
    first, second = mic.decode(temporal_of(runs))
    assert np.array_equal(second - first, np.repeat([1, 0], 64).reshape(8, 16))


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([15, 0, 127, *LITERALS, *([7, 0] * 9)], "127 differences, 128"),
        ([15, 0, 129, *LITERALS, *([7, 0] * 9), 2, 0], "129 differences, 128"),
        ([15, 1, 128, *LITERALS, *([7, 0] * 9), 1, 0], "65664 differences, 128"),
        ([15, 0, 128, *LITERALS, *([7, 0] * 9)], "127 words, 128"),
        ([15, 0, 128, *LITERALS, *([7, 16] * 9), 1, 0], "difference 16, at most 15"),
        ([0, 0, 128, *LITERALS, *([7, 0] * 9), 1, 0], "initial value is 0"),
    ],
)
def test_forged_differences(runs: list[int], said: str) -> None:
    error = assert_refused(temporal_of(runs))
    assert said in str(error)
    assert error.frame == 1


# ---- bare streams ------------------------------------------------------------


@pytest.mark.parametrize("kind", [*stages.WAVELETS, "rans"])
def test_bare_streams(kind: str) -> None:
    """A truncation anywhere gives an error.  A flipped bit gives an error or pixels."""
    stream = stages.encode_stream(kind, IMAGE, 36, 40)
    assert np.array_equal(stages.decode_stream(kind, stream, 36, 40), IMAGE.reshape(-1))
    for length in range(len(stream)):
        with pytest.raises(mic.CorruptDataError):
            stages.decode_stream(kind, stream[:length], 36, 40)
    for bit in range(0, 8 * len(stream), 3):
        try:
            stages.decode_stream(kind, zoo.flip(stream, bit), 36, 40)
        except mic.MicError as error:
            assert "\n" not in str(error)


def test_wavelets_of_another_kind_or_size() -> None:
    streams = {kind: stages.wavelet_encode(IMAGE, 36, 40, kind=kind) for kind in stages.WAVELETS}
    for kind, stream in streams.items():
        with pytest.raises(mic.CorruptDataError, match="wrong dimensions"):
            stages.decode_stream(kind, stream, 40, 36)
        with pytest.raises(mic.LimitError):
            stages.wavelet_decode(stream, kind, max_pixels=1439)
        for other in stages.WAVELETS:
            if other != kind:
                with pytest.raises(mic.CorruptDataError):
                    stages.wavelet_decode(stream, other)
    with pytest.raises(mic.UnsupportedError, match="levels"):
        stages.wavelet_encode(IMAGE, 36, 40, kind="wavelet-v1", levels=5)


def test_rans_names_what_it_found() -> None:
    with pytest.raises(mic.CorruptDataError, match="rANS"):
        stages.rans_decode(stages.fse_encode(IMAGE.reshape(-1), 8))
