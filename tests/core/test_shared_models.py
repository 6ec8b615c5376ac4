# SPDX-License-Identifier: MIT
"""Models shared by the frames of a stream: when, how well, and the cost of damage to them."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import handmade
import numpy as np
import pytest
import reference_decoder
import zoo
from handmade_wavefront import Model, fitted, strip
from pydicom import dcmread
from pydicom.data import get_testdata_file
from taken_apart import take_apart

import mic
from mic import _mic
from mic.codec import streams
from mic.codec.blocks import add_block, read_blocks

ISAS = zoo.available_isas()
SHARED_METHOD = 4


def stack_of(n: int, shape: tuple[int, ...], dtype: str = "uint16") -> np.ndarray:
    return np.stack([zoo.smooth(shape, dtype, seed) for seed in range(n)])


def layout_of(stream: bytes) -> streams.Layout:
    return streams.Stream(streams.MemoryBytes(stream)).layout


def methods(stream: bytes) -> list[set[int]]:
    """Return the methods of the pieces of each frame."""
    frames = [take_apart(stream, i) for i in range(mic.info(stream).frames)]
    return [{piece[0] for pieces in frame.strips for piece in pieces} for frame in frames]


# ---- when and how well ----------------------------------------------------------------


@pytest.mark.parametrize("colour", [(), (3,)])
@pytest.mark.parametrize("dtype", zoo.DTYPES)
def test_small_frames_share(dtype: str, colour: tuple[int, ...]) -> None:
    stack = stack_of(20, (30, 30, *colour), dtype)
    stream = mic.encode(stack)
    assert layout_of(stream).shared_bytes > 0
    assert sum({SHARED_METHOD} == used for used in methods(stream)) > 15
    assert len(stream) < sum(len(mic.encode(frame)) for frame in stack)
    assert np.array_equal(reference_decoder.decode(stream), stack)
    for isa in ISAS:
        _mic.use_isa(isa)
        for threads in (1, 2, 5, 40):
            assert mic.encode(stack, threads=threads) == stream
            assert np.array_equal(mic.decode(stream, threads=threads), stack)


@pytest.mark.parametrize("effort", range(1, 10))
def test_every_effort(effort: int) -> None:
    stack = stack_of(18, (24, 33))
    stream = mic.encode(stack, effort=effort)
    assert layout_of(stream).shared_bytes > 0
    assert np.array_equal(mic.decode(stream), stack)
    assert np.array_equal(reference_decoder.decode(stream), stack)


def test_odd_frames_have_their_own() -> None:
    """Each frame takes the smaller form.

    A model that lacks a symbol, or is for smaller words, is never borrowed.
    """
    stack = stack_of(24, (40, 40))
    stack[3] = 5
    stack[7] = zoo.noise((40, 40), "uint16")
    stack[20] = zoo.smooth((40, 40), "uint16", 3) * 16
    stack[22, :, 20:] += 9000
    stream = mic.encode(stack)
    used = methods(stream)
    assert used[3] == set()
    assert SHARED_METHOD not in used[7] | used[20]
    assert sum(used[i] == {SHARED_METHOD} for i in range(24)) > 17
    assert np.array_equal(mic.decode(stream), stack)
    assert np.array_equal(reference_decoder.decode(stream), stack)


@pytest.mark.parametrize(
    "stack",
    [
        pytest.param(zoo.smooth((40, 40), "uint16"), id="no_axis"),
        pytest.param(stack_of(1, (40, 40)), id="one_frame"),
        pytest.param(stack_of(3, (130, 140)), id="large_frames"),
        pytest.param(np.zeros((5, 40, 40), "uint8"), id="constant"),
        pytest.param(zoo.noise((5, 40, 40), "uint16"), id="noise"),
    ],
)
def test_nothing_to_share(stack: np.ndarray) -> None:
    stream = mic.encode(stack)
    assert layout_of(stream).shared_bytes == 0
    assert stream[5] & 16 == 0
    assert np.array_equal(mic.decode(stream), stack)


@pytest.mark.parametrize("codec", ["fse", "huffman"])
def test_other_codecs_have_no_models(codec: str) -> None:
    stream = mic.encode(stack_of(9, (30, 30)), codec)
    assert layout_of(stream).shared_bytes == 0


def test_never_larger() -> None:
    """Sharing is dropped where it does not pay: single frames then have no more overhead."""
    for n in range(2, 8):
        for shape in ((5, 5), (9, 30), (64, 64)):
            stack = np.stack([zoo.CONTENTS[i](shape, "uint16", i) for i in range(n)])
            alone = sum(len(mic.encode(frame)) for frame in stack)
            assert len(mic.encode(stack)) <= alone + 16 + 8 * n + 13


@pytest.mark.parametrize("n_frames", [2, 15, 16, 17, 40])
def test_written_frame_by_frame(n_frames: int, tmp_path: Path) -> None:
    """The bytes are the same, and callers may change frames that are still waiting."""
    stack, path = stack_of(n_frames, (20, 30)), tmp_path / "scan.mic"
    with mic.create(path, shape=(..., 20, 30), dtype="uint16") as writer:
        for frame in stack:
            borrowed = frame.copy()
            writer.append(borrowed)
            borrowed[:] = 0
    assert path.read_bytes() == mic.encode(stack)


def test_real_stack() -> None:
    stack = dcmread(get_testdata_file("emri_small.dcm")).pixel_array
    stream = mic.encode(stack)
    assert layout_of(stream).shared_bytes > 0
    assert len(stream) < 35_400  # 36019 with a model for each frame
    assert np.array_equal(mic.decode(stream), stack)


def test_random_access() -> None:
    """One frame needs the header, the shared models, the index and the frame."""
    stack = stack_of(60, (40, 40))
    stream = mic.encode(stack)
    layout, offsets = layout_of(stream), mic.info(stream).frame_offsets
    file = zoo.RecordingFile(stream)
    assert np.array_equal(mic.open(file)[37], stack[37])
    wanted = [
        (0, 4096),
        (layout.header_bytes - layout.shared_bytes, layout.header_bytes),
        (layout.index_offset, len(stream)),
        offsets[37:39],
    ]
    assert file.spans == wanted
    rows = mic.decode(stream, frames=[50, 2], rows=slice(7, 9))
    assert np.array_equal(rows, stack[[50, 2], 7:9])


# ---- damage -----------------------------------------------------------------------------

SMALL = np.concatenate([stack_of(6, (12, 10)), np.zeros((1, 12, 10), "uint16")])
SMALL_STREAM = mic.encode(SMALL)


def test_every_bit_and_length() -> None:
    """Damage to shared models is reported by the frames that borrow them, and costs only those."""
    layout = layout_of(SMALL_STREAM)
    end, start = layout.header_bytes, layout.header_bytes - layout.shared_bytes
    assert layout.shared_bytes > 30
    for bit in range(8 * len(SMALL_STREAM)):
        with pytest.raises(mic.CorruptDataError) as caught:
            mic.decode(zoo.flip(SMALL_STREAM, bit))
        if start <= bit // 8 < end:
            assert (caught.value.stage, caught.value.frame) == ("shared models", 0)
        else:
            assert caught.value.stage != "shared models"
    for length in range(len(SMALL_STREAM)):
        with pytest.raises(mic.CorruptDataError):
            mic.decode(SMALL_STREAM[:length])


def test_rescue() -> None:
    layout = layout_of(SMALL_STREAM)
    for byte in range(layout.header_bytes - layout.shared_bytes, layout.header_bytes):
        damaged = zoo.flip(SMALL_STREAM, 8 * byte + byte % 8)
        rescued, intact = mic.decode(damaged, partial=True)
        assert intact.all(axis=1).tolist() == [False] * 6 + [True]
        assert not rescued.any()
        assert not mic.decode(damaged, frames=6).any()
        for frame in range(6):
            with pytest.raises(mic.CorruptDataError, match=f"frame {frame}.*share"):
                mic.decode(damaged, frames=frame)


def test_reference_finds_damage_too() -> None:
    for byte in range(len(SMALL_STREAM)):
        with pytest.raises(reference_decoder.FormatError):
            reference_decoder.decode(zoo.flip(SMALL_STREAM, 8 * byte + byte % 8))


# ---- absurd streams with right checksums ----------------------------------------------

WORDS = np.arange(12 * 9, dtype="uint16").reshape(12, 9) % 7
RIGHT = fitted([WORDS], Model(6))


def made(
    section: bytes | None,
    piece: bytes,
    announced: Sequence[int] | None = None,
    head_model: bytes = b"",
    top: int = 6,
    blocks: bytes | None = None,
) -> bytes:
    """Make a stream of one frame; `announced` is in blocks, by default the right number."""
    if announced is None:
        announced = [] if section is None or blocks else [len(section)]
    blocks = b"".join(map(handmade.models_block, announced)) or blocks
    head = handmade.header(12, 9, blocks=blocks)
    maps = [handmade.offset_map(0, top)]
    frame = handmade.frame(WORDS.tobytes(), maps, [[piece]], [head_model])
    return head + (section or b"") + frame


SHARED_PIECE = b"\4" + strip(WORDS, RIGHT)
SECTION = handmade.shared_models([RIGHT.bytes()])


def test_a_made_stream() -> None:
    stream = made(SECTION, SHARED_PIECE)
    assert np.array_equal(mic.decode(stream), WORDS)
    assert np.array_equal(reference_decoder.decode(stream), WORDS)


def test_a_model_for_larger_words() -> None:
    """The model is used as it is, with its own scale and clamp."""
    for top in (7, 63, 1000, 65535):
        model = fitted([WORDS], Model(top, predictor=1, starts=0x00010101))
        section = handmade.shared_models([model.bytes()])
        stream = made(section, b"\4" + strip(WORDS, model))
        for isa in ISAS:
            _mic.use_isa(isa)
            assert np.array_equal(mic.decode(stream), WORDS)
        assert np.array_equal(reference_decoder.decode(stream), WORDS)


ABSURD: dict[str, Callable[[], bytes]] = {
    "no shared models": lambda: made(None, SHARED_PIECE),
    "none for the plane": lambda: made(handmade.shared_models([b""]), SHARED_PIECE),
    "a model of its own, which is not asked for": lambda: made(
        None, SHARED_PIECE, head_model=RIGHT.bytes()
    ),
    "own method, but the model is shared": lambda: made(SECTION, b"\3" + SHARED_PIECE[1:]),
    "for smaller words": lambda: made(
        handmade.shared_models([fitted([WORDS], Model(6)).bytes()]), SHARED_PIECE, top=7
    ),
    "three models for one plane": lambda: made(
        handmade.shared_models([RIGHT.bytes()] * 3), SHARED_PIECE
    ),
    "a model that is cut": lambda: made(handmade.shared_models([RIGHT.bytes()[:-1]]), SHARED_PIECE),
    "a model and a byte": lambda: made(
        handmade.shared_models([RIGHT.bytes() + b"\0"]), SHARED_PIECE
    ),
    "a model that refers to another": lambda: made(handmade.shared_models([b"\4"]), SHARED_PIECE),
    "a length past the end": lambda: made(
        handmade.with_crc(handmade.varint(2**32 - 1) + RIGHT.bytes()), SHARED_PIECE
    ),
    "more than announced": lambda: made(SECTION + b"\0", SHARED_PIECE, [len(SECTION)]),
    "less than announced": lambda: made(SECTION, SHARED_PIECE, [len(SECTION) + 1]),
    "announced twice": lambda: made(SECTION, SHARED_PIECE, [len(SECTION)] * 2),
    "nothing announced": lambda: made(b"", SHARED_PIECE, [0]),
    "too little announced": lambda: made(b"\0" * 4, SHARED_PIECE, [4]),
    "too much announced": lambda: made(SECTION, SHARED_PIECE, [2**32 - 1]),
    "a block of another size": lambda: made(
        SECTION,
        SHARED_PIECE,
        blocks=handmade.block(b"Modl", struct.pack("<Q", len(SECTION))),
    ),
}


@pytest.mark.parametrize("name", ABSURD)
def test_absurd_streams(name: str) -> None:
    stream = ABSURD[name]()
    for isa in ISAS:
        _mic.use_isa(isa)
        with pytest.raises(mic.CorruptDataError):
            mic.decode(stream)
    with pytest.raises(reference_decoder.FormatError):
        reference_decoder.decode(stream)


def test_every_bit_of_a_forged_section() -> None:
    """Under a valid checksum, each flipped bit of the models is noticed.

    It is refused, or gives other samples, which the checksum of the frame finds.
    """
    fields = SECTION[:-4]
    for bit in range(8 * len(fields)):
        stream = made(handmade.with_crc(zoo.flip(fields, bit)), SHARED_PIECE)
        for isa in ISAS:
            _mic.use_isa(isa)
            try:
                assert np.array_equal(mic.decode(stream), WORDS)
            except mic.CorruptDataError as error:
                assert error.frame == 0


def test_beside_another_block() -> None:
    """A block is added to the existing ones; the models stay where the header says."""
    both = add_block(SMALL_STREAM, b"note", b"abc")
    assert read_blocks(both).keys() == {b"Modl", b"note"}
    assert np.array_equal(mic.decode(both), SMALL)
    assert np.array_equal(reference_decoder.decode(both), SMALL)


# ---- tiles ----------------------------------------------------------------------------

SLIDE_IMAGE = zoo.smooth((128, 192), "uint16")


def sharing_slide() -> bytes:
    """24 tiles of 32 x 32 that share models; the format allows it, but `mic` does not write it."""
    tiles = SLIDE_IMAGE.reshape(4, 32, 6, 32).swapaxes(1, 2).reshape(24, 32, 32)
    stream = mic.encode(tiles)
    assert any(SHARED_METHOD in used for used in methods(stream))
    return add_block(stream, b"tile", struct.pack("<B2I", 1, *SLIDE_IMAGE.shape))


def test_tiles_may_share() -> None:
    stream = sharing_slide()
    assert read_blocks(stream).keys() == {b"Modl", b"tile"}
    assert np.array_equal(reference_decoder.decode(stream), SLIDE_IMAGE)
    for threads in (1, 3):
        assert np.array_equal(mic.decode(stream, threads=threads), SLIDE_IMAGE)
    array, intact = mic.decode(stream, partial=True)
    assert np.array_equal(array, SLIDE_IMAGE)
    assert intact.all()
    slide = mic.open(io.BytesIO(stream))
    assert np.array_equal(slide.level(0)[20:70, 50:101], SLIDE_IMAGE[20:70, 50:101])
    assert np.array_equal(slide.level(0).tile(1, 2), SLIDE_IMAGE[32:64, 64:96])


def test_damaged_models_of_tiles() -> None:
    stream = bytearray(sharing_slide())
    stream[layout_of(bytes(stream)).header_bytes - 1] ^= 1
    with pytest.raises(mic.CorruptDataError, match="models that the frames share"):
        mic.decode(stream)
    array, intact = mic.decode(stream, partial=True)
    assert not intact.all()
    assert np.array_equal(array[intact], SLIDE_IMAGE[intact])
    assert not array[~intact].any()


def test_written_tiles_do_not_share() -> None:
    """Tiles are usually too large to gain from it."""
    assert read_blocks(mic.encode(SLIDE_IMAGE, tile=32)).keys() == {b"tile"}
    assert layout_of(mic.encode(SLIDE_IMAGE, tile=32)).shared_bytes == 0


def test_a_single_image_that_announces_models() -> None:
    """The short path for a single image leaves shared models, even cut ones, to the general one."""
    stream = made(SECTION, SHARED_PIECE)
    for size in range(len(stream)):
        with pytest.raises(mic.MicError):
            mic.decode(stream[:size])
        with pytest.raises(mic.MicError):
            mic.decode(stream[:size], out=np.empty_like(WORDS))
    assert np.array_equal(mic.decode(stream), WORDS)
    assert np.array_equal(mic.decode(stream, out=np.empty_like(WORDS)), WORDS)
