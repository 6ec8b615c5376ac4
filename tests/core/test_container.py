# SPDX-License-Identifier: MIT
"""The native container against streams made by hand from docs/format.md."""

import struct

import handmade
import numpy as np
import pytest
import zoo
from handmade import constant_map, frame, head, header, offset_map, packed_map, with_crc

import mic

U16 = zoo.smooth((6, 5), "uint16")
BODY = handmade.array_frame(U16, 6, "raw")


def assert_corrupt(stream: bytes, stage: str | None = None) -> mic.MicError:
    with pytest.raises(mic.CorruptDataError) as caught:
        mic.decode(stream)
    assert caught.value.stage is not None
    if stage is not None:
        assert caught.value.stage == stage
    return caught.value


# ---- streams that are right ----------------------------------------------------


@pytest.mark.parametrize("method", handmade.METHODS)
@pytest.mark.parametrize("dtype", zoo.DTYPES)
@pytest.mark.parametrize("strip_rows", [1, 7, 39, 40])
@pytest.mark.parametrize("colour", [(), (3,)])
def test_handmade(dtype: str, method: str, strip_rows: int, colour: tuple[int, ...]) -> None:
    """Test every method, type and strip height, whole and in parts."""
    array = zoo.smooth((40, 30, *colour), dtype) // 16
    stream = handmade.stream(array, strip_rows, method)
    assert np.array_equal(mic.decode(stream), array)
    assert mic.info(stream).strips == -(-40 // strip_rows)
    for rows in ((0, 1), (6, 8), (39, 40), (13, 29)):
        assert np.array_equal(mic.decode(stream, rows=rows, threads=2), array[slice(*rows)])


def test_encoder_writes_what_the_format_says() -> None:
    """Streams are equal byte for byte where the encoder has no choice."""
    noise = zoo.noise((20, 20), "uint16")
    assert mic.encode(noise, "fse") == handmade.stream(noise)
    flat = np.full((300, 200), -5, "int8")
    made = header(300, 200, "int8", bits=4)
    assert mic.encode(flat, "fse") == made + frame(flat.tobytes(), [constant_map(123)], [])
    image = zoo.ramp((30, 40), "int16")
    for codec, number in mic.CODECS.items():
        start = header(30, 40, "int16", codec=number)
        assert mic.encode(image, codec).startswith(start)


def test_packing_by_hand() -> None:
    """Section 4: values 10, 13, 300 and 65535."""
    array = np.array([[10, 13, 300], [65535, 10, 10]], "uint16")
    ranks = np.array([[0, 1, 2], [3, 0, 0]], "u1")
    maps = [packed_map(10, [3, 287, 65235])]
    stream = header(2, 3) + frame(array.tobytes(), maps, [[b"\0" + ranks.tobytes()]])
    assert np.array_equal(mic.decode(stream), array)


def test_frames_by_hand() -> None:
    array = zoo.volume((4,), 6, 5, "uint16")
    stream = handmade.frames_stream(array)
    assert np.array_equal(mic.decode(stream), array)
    info = mic.info(stream)
    assert info.encoded_bytes == len(stream)
    assert len(info.frame_offsets) == 5
    assert info.frame_checksums == tuple(handmade.crc32c(image.tobytes()) for image in array)


def test_blocks_are_skipped_or_refused() -> None:
    """A lower-case kind may be skipped if unknown.  A capital must be refused."""
    small = handmade.block(b"note", b"abc") + handmade.block(b"\0\0\0\0", b"")
    assert np.array_equal(mic.decode(handmade.stream(U16, blocks=small)), U16)
    assert np.array_equal(mic.decode(handmade.stream(U16, blocks=b"")), U16)
    big = handmade.block(b"note", bytes(100_000))  # longer than the first read of any header
    stream = handmade.stream(U16, blocks=big)
    assert np.array_equal(mic.decode(stream), U16)
    assert np.array_equal(mic.open(stream)[...], U16)
    for kind in (b"Tile", b"Aaaa", b"Zzzz"):
        needed = handmade.stream(U16, blocks=small + handmade.block(kind, b"x"))
        with pytest.raises(mic.UnsupportedError, match="newer"):
            mic.decode(needed)


@pytest.mark.parametrize("blocks", [b"x", b"note", b"note\xff\xff\xff\xff", b"note\2\0\0\0a"])
def test_blocks_that_pass_their_end(blocks: bytes) -> None:
    assert_corrupt(handmade.stream(U16, blocks=blocks), "header")


def test_blocks_that_pass_the_data() -> None:
    start = bytearray(handmade.stream(U16, blocks=b""))
    struct.pack_into("<I", start, 11, 2**32 - 1)
    assert_corrupt(bytes(start), "header")


@pytest.mark.parametrize("n", [1, 2, 1000 * len(mic.encode(U16)), 2**16 + 1])
def test_zero_padding(n: int) -> None:
    """Zero bytes may follow a stream, because DICOM pads to even length; nothing else may."""
    for stream, array in ((mic.encode(U16), U16), (mic.encode(U16[None]), U16[None])):
        assert np.array_equal(mic.decode(stream + bytes(n)), array)
        assert mic.info(stream + bytes(n)).encoded_bytes == len(stream)
        for tail in (bytes(n) + b"\1", b"\1" + bytes(n), stream):
            error = assert_corrupt(stream + tail, "container")
            assert error.offset == len(stream)


# ---- absurd streams with right checksums -----------------------------------------


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (0, 5),
        (5, 0),
        (0, 0),
        (2**31, 1),
        (1, 2**31),
        (2**31, 2**31),
        (2**32 - 1, 2**32 - 1),
        (2**16, 2**15),
    ],
)
def test_absurd_sizes(rows: int, columns: int) -> None:
    body = frame(b"", [constant_map()], [])
    assert_corrupt(header(rows, columns) + body, "header")


def test_colour_counts_towards_the_size() -> None:
    body = frame(b"", [constant_map()] * 3, [])
    assert_corrupt(header(2**15, 2**15, colour=True) + body, "header")


@pytest.mark.parametrize("strip_rows", [6, 7, 2**31, 2**32 - 1])
def test_absurd_strips(strip_rows: int) -> None:
    """A strip has fewer rows than the image; the value for all rows is 0."""
    assert_corrupt(header(6, 5, strip_rows=strip_rows) + BODY, "header")


@pytest.mark.parametrize(
    "axes",
    [
        (0,),
        (3, 0),
        (2**31,),
        (2**32 - 1,) * 30,
        (2**16, 2**16),
        (1,) * 30,
        (1,) * 255,
        (2**31 - 1,),
        (10**6,),
    ],
)
def test_absurd_frame_counts(axes: tuple[int, ...]) -> None:
    """Announce more frames than the data hold, or than any data can hold."""
    start = header(6, 5, axes=axes, index_offset=0)
    made = header(6, 5, axes=axes, index_offset=len(start) + len(BODY))
    assert_corrupt(made + BODY + handmade.index([len(start)]))


@pytest.mark.parametrize("index_offset", [0, 10, 10**4, 2**63, 2**64 - 1])
def test_absurd_index_places(index_offset: int) -> None:
    made = header(6, 5, axes=(1,), index_offset=index_offset)
    assert_corrupt(made + BODY + handmade.index([len(made)]))


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 0, 2), (0, 2, 1), (2, 1, 0)])
def test_index_out_of_order(order: tuple[int, ...]) -> None:
    array = zoo.volume((3,), 6, 5, "uint16")
    offsets = mic.info(handmade.frames_stream(array)).frame_offsets
    error = assert_corrupt(handmade.frames_stream(array, [offsets[i] for i in order]), "index")
    assert "frame" in str(error)


@pytest.mark.parametrize("shift", [-1, 1, 10**9, 2**63])
def test_index_off_the_frames(shift: int) -> None:
    array = zoo.volume((3,), 6, 5, "uint16")
    offsets = mic.info(handmade.frames_stream(array)).frame_offsets[:3]
    for which in range(3):
        changed = [o + shift * (i == which) for i, o in enumerate(offsets)]
        assert_corrupt(handmade.frames_stream(array, changed))


@pytest.mark.parametrize(
    "change",
    [{"version": 0}, {"version": 2}, {"reserved": 32}, {"reserved": 64}, {"reserved": 128}],
)
def test_other_versions(change: dict[str, int]) -> None:
    assert "newer version" in str(assert_corrupt(header(6, 5, **change) + BODY, "header"))


@pytest.mark.parametrize("field", range(3))
@pytest.mark.parametrize("number", [b"\x85\0", b"\x80\x80\x80\x80\x80\1", b"\xff\xff\xff\xff\x7f"])
def test_varints_have_one_form(field: int, number: bytes) -> None:
    fields = [b"\6", b"\5", b"\0"]
    fields[field] = number
    start = with_crc(header(6, 5)[:8] + b"".join(fields))
    assert_corrupt(start + BODY, "header")


def raw_piece(n_words: int, width: int = 2) -> bytes:
    return b"\0" + bytes(n_words * width)


WAVES = zoo.smooth((20, 15), "uint16") // 64
WORDS, N_VALUES = handmade.plane_words(WAVES.astype(int))[1:]
CODED = {method: handmade.piece(WORDS, method, N_VALUES) for method in ("raw", "fse", "huffman")}
PIECES = {
    "empty": b"",
    "method only": b"\1",
    "unknown method": b"\4" + bytes(60),
    "wavefront without a model": b"\3" + bytes(60),
    "last method": b"\xff" + bytes(60),
    "short raw": CODED["raw"][:-1],
    "long raw": CODED["raw"] + b"\0",
    "raw words for bytes": raw_piece(300, 2),
    "short fse": CODED["fse"][:-1],
    "long fse": CODED["fse"] + b"\1",
    "short huffman": CODED["huffman"][: len(CODED["huffman"]) // 2],
    "fse as huffman": b"\2" + CODED["fse"][1:],
    "huffman as fse": b"\1" + CODED["huffman"][1:],
    "rans": b"\1\xff\x08" + CODED["fse"][3:],
    "words over the span": handmade.piece(WORDS, "raw", N_VALUES).replace(b"\0", b"\xff"),
    "other size": handmade.piece(WORDS[:19], "fse", N_VALUES),
}


@pytest.mark.parametrize("name", PIECES)
def test_absurd_pieces(name: str) -> None:
    """Pieces with a valid checksum and invalid content."""
    stream = header(20, 15) + frame(b"", [offset_map(0, N_VALUES - 1)], [[PIECES[name]]])
    with pytest.raises((mic.CorruptDataError, mic.UnsupportedError)) as caught:
        mic.decode(stream)
    assert caught.value.stage is not None
    assert (caught.value.frame, caught.value.strip) == (0, 0)
    rescued, intact = mic.decode(stream, partial=True)
    assert not intact.any()
    assert not rescued.any()


MAPS = {
    "unknown kind": b"\3\0\0\1\0",
    "no span": offset_map(0, 0),
    "passes the type": offset_map(250, 6),
    "packed alone": b"\2\0\0\1\0",
    "not ascending": packed_map(0, [3, 0, 5]),
    "packed passes the type": packed_map(0, [3, 200, 100]),
    "packed starts high": packed_map(254, [1, 1]),
    "too few gaps": packed_map(0, [3, 4, 5], n_values=5),
    "too many gaps": packed_map(0, [3, 4, 5], n_values=3),
    "too many values": packed_map(0, [3, 4, 5], n_values=257),
    "more values than memory": packed_map(0, [3, 4, 5], n_values=2**32 - 1),
    "empty table": b"\2\0\0\4\0",
    "table passes the data": b"\2\0\0\4\xff\xff\xff\xff\x0f",
    "noise for a table": b"\2\0\0\4\x10" + bytes(range(16)),
}


@pytest.mark.parametrize("name", MAPS)
def test_absurd_maps(name: str) -> None:
    array = np.zeros((6, 5), "uint8")
    stream = header(6, 5, "uint8") + frame(array.tobytes(), [MAPS[name]], [[raw_piece(30, 1)]])
    assert assert_corrupt(stream).frame in (None, 0)


def test_constant_that_passes_its_type() -> None:
    stream = header(6, 5, "uint8") + frame(bytes(30), [constant_map(256)], [])
    assert_corrupt(stream)


def test_word_without_a_value() -> None:
    for made in (packed_map(0, [3, 4]), offset_map(0, 2)):
        piece = b"\0" + bytes([0, 1, 2, 3] + [0] * 26)
        assert_corrupt(header(6, 5) + frame(bytes(60), [made], [[piece]]))


@pytest.mark.parametrize("length", [0, 1, 59, 62, 10**6, 2**32 - 1])
def test_absurd_piece_lengths(length: int) -> None:
    piece = raw_piece(30)
    made = head(0, [offset_map(0, 4000)], [([length], handmade.crc32c(piece))])
    assert_corrupt(header(6, 5) + made + piece)


def test_more_pieces_than_data() -> None:
    """Announce a million strips of one row in a few bytes."""
    start = header(2**20, 5, strip_rows=1)
    assert_corrupt(start + frame(b"", [offset_map(0, 4000)], [[raw_piece(5)]]))


def test_wrong_sample_checksum() -> None:
    """Pieces that are intact but do not match the samples of the frame."""
    stream = header(6, 5) + frame(b"other", [offset_map(0, 4000)], [[raw_piece(30)]])
    error = assert_corrupt(stream, "frame")
    assert error.frame == 0
    assert not mic.decode(stream, rows=(0, 2)).any()  # cannot be checked on a part


def test_rescue_and_a_wrong_sample_checksum() -> None:
    """Rescue must not mark rows as intact if the frame's own checksum contradicts them."""
    stream = header(6, 5) + frame(b"other", [offset_map(0, 4000)], [[raw_piece(30)]])
    assert not mic.decode(stream, partial=True)[1].any()


# ---- info ------------------------------------------------------------------------


def test_info(large: zoo.Sample) -> None:
    info = mic.info(large.stream)
    assert (info.container, info.codec) == ("native", mic.DEFAULT_CODEC)
    assert (info.shape, info.dtype) == ((1300, 1250), np.uint16)
    assert (info.frames, info.rows, info.columns, info.channels) == (1, 1300, 1250, 1)
    assert info.encoded_bytes == len(large.stream)
    assert info.decoded_bytes == large.array.nbytes
    assert info.ratio == large.array.nbytes / len(large.stream)
    assert info.frame_offsets[1] == len(large.stream)
    assert info.bits_used == int(large.array.max()).bit_length()
    with pytest.raises(AttributeError):
        info.shape = ()


@pytest.mark.parametrize(
    ("dtype", "low", "high", "bits"),
    [
        ("uint16", 0, 4095, 12),
        ("int16", -1, 0, 1),
        ("int16", -1024, 1023, 11),
        ("int16", -1025, 1023, 12),
        ("int8", -128, 127, 8),
        ("uint8", 0, 1, 1),
        ("uint16", 0, 0, 0),
    ],
)
def test_bits_used(dtype: str, low: int, high: int, bits: int) -> None:
    image = np.full((8, 8), low, dtype)
    image[3, 3] = high
    assert mic.info(mic.encode(image)).bits_used == bits


def test_info_reads_no_samples(volume: zoo.Sample) -> None:
    """Damage in the pieces does not stop info from reporting the rest."""
    damaged = zoo.flip(volume.stream, 8 * (mic.info(volume.stream).frame_offsets[2] + 60))
    assert mic.info(damaged) == mic.info(volume.stream)
