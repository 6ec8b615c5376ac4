# SPDX-License-Identifier: MIT
"""The published containers for frames, strips and colour: form, options, parts."""

import struct
from typing import Any

import numpy as np
import pytest
import zoo
from hypothesis import given
from hypothesis import strategies as st

import mic
from mic import stages
from mic.codec import streams

IMAGE = zoo.smooth((90, 110), "uint16") // 16
FRAMES = np.stack([zoo.smooth((30, 44), "uint16", seed) // 16 for seed in range(7)])
RGB = zoo.smooth((50, 60, 3), "uint8")
SIGNED = zoo.smooth((90, 110), "int16")


def varying(shape: tuple[int, ...], bits: int, grain: int, seed: int) -> np.ndarray:
    """A slope with noise: few distinct differences, as the published coder needs."""
    rng = np.random.default_rng(seed)
    y, x = np.arange(shape[-2])[:, None], np.arange(shape[-1])
    return ((x + 2 * y + rng.integers(0, grain, shape)) % (1 << bits)).astype("uint16")


# ---- bytes -------------------------------------------------------------------


def test_mic2_bytes() -> None:
    stream = mic.encode(FRAMES, container="mic2", max_value=4095)
    bare = [stages.encode_stream("fse", frame, 44, 30, 4095) for frame in FRAMES]
    starts = np.cumsum([0, *map(len, bare)])
    table = b"".join(struct.pack("<2I", a, len(b)) for a, b in zip(starts, bare, strict=False))
    assert stream == b"MIC2" + struct.pack("<4I", 44, 30, 7, 1) + table + b"".join(bare)
    temporal = mic.encode(FRAMES, container="mic2", max_value=4095, temporal=True)
    assert temporal[:20] == b"MIC2" + struct.pack("<4I", 44, 30, 7, 3)
    assert temporal[20:28] == table[:8]  # the first frame is an ordinary image


def test_pics_bytes() -> None:
    """90 rows in 4 strips: 23 rows each, the last one 21."""
    stream = mic.encode(IMAGE, container="pics")
    maximum = int(IMAGE.max())
    bare = [
        stages.encode_stream("fse", IMAGE[y : y + 23], 110, min(23, 90 - y), maximum)
        for y in range(0, 90, 23)
    ]
    starts = np.cumsum([0, *map(len, bare)])
    table = b"".join(struct.pack("<2I", a, len(b)) for a, b in zip(starts, bare, strict=False))
    assert stream == b"PICS" + struct.pack("<4I", 110, 90, 4, 23) + table + b"".join(bare)


def test_micr_bytes() -> None:
    stream = mic.encode(RGB, container="micr")
    planes = stages.ycocg_encode(RGB)
    bare = [
        b"\x02" + stages.encode_stream("fse", plane, 60, 50, max(255, int(plane.max())))
        for plane in planes
    ]
    sizes = struct.pack("<3I", *map(len, bare))
    assert stream == b"MICR" + struct.pack("<2I", 60, 50) + sizes + b"".join(bare)


def test_pica_divides_by_variation() -> None:
    """Strips are shorter where the image varies more: it is flat above and busy below."""
    image = varying((96, 80), 8, 2, 0)
    image[:60] = image[0] + varying((60, 80), 8, 2, 1) % 2
    image[60:] += np.random.default_rng(3).integers(0, 60, (36, 80)).astype("uint16")
    parts = mic.info(mic.encode(image, container="pica", strips=4)).parts
    assert sum(part.rows for part in parts) == 96
    assert parts[0].rows > 3 * parts[1].rows
    assert {part.kind for part in parts} <= {"average", "gradient"}


@pytest.mark.parametrize("container", ["mic2", "pics", "pica", "micr"])
def test_threads_change_nothing(container: str) -> None:
    array: Any = {"mic2": FRAMES, "micr": RGB}.get(container, IMAGE)
    stream = mic.encode(array, container=container)
    for threads in (2, 3, 0):
        assert mic.encode(array, container=container, threads=threads) == stream
        assert np.array_equal(mic.decode(stream, threads=threads), array)


# ---- any array ---------------------------------------------------------------

sizes = st.integers(24, 60)
some_images = st.builds(
    lambda rows, columns, bits, grain, seed: varying((rows, columns), bits, grain, seed),
    sizes,
    sizes,
    st.integers(4, 12),
    st.integers(2, 16),
    st.integers(0, 99),
)


@given(
    some_images, st.sampled_from(["pics", "pica"]), st.integers(1, 9), st.integers(0, 3), st.data()
)
def test_any_strips(
    image: np.ndarray, container: str, strips: int, threads: int, data: st.DataObject
) -> None:
    try:
        stream = mic.encode(image, container=container, strips=strips, threads=threads)
    except mic.UnsupportedError as error:
        assert error.stage is not None
        return
    assert np.array_equal(mic.decode(stream, threads=threads), image)
    start = data.draw(st.integers(0, len(image) - 1))
    stop = data.draw(st.integers(start + 1, len(image)))
    assert np.array_equal(
        mic.decode(stream, rows=(start, stop), threads=threads), image[start:stop]
    )


@given(some_images, st.integers(1, 6), st.booleans(), st.sampled_from(zoo.STATES), st.data())
def test_any_frames(
    image: np.ndarray, n: int, temporal: bool, states: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(n)
    drift = rng.integers(0, 3, (n, *image.shape)).cumsum(axis=0) * data.draw(st.integers(0, 40))
    frames = (image + drift).astype("uint16")
    options: dict[str, Any] = {"container": "mic2", "temporal": temporal, "states": states}
    try:
        stream = mic.encode(frames, max_value=max(8, int(frames.max())), **options)
    except mic.UnsupportedError as error:
        assert error.frame is not None
        return
    assert np.array_equal(mic.decode(stream), frames)
    chosen = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=4))
    assert np.array_equal(mic.decode(stream, frames=chosen, rows=(3, 9)), frames[chosen, 3:9])
    assert np.array_equal(mic.open(stream)[chosen[0]], frames[chosen[0]])


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 255), st.integers(0, 99))
def test_any_rgb(rows: int, columns: int, spread: int, seed: int) -> None:
    """Nothing is refused: planes that do not compress are stored raw."""
    rng = np.random.default_rng(seed)
    image = (rng.integers(0, 1 + spread, (rows, columns, 3)) + rng.integers(0, 256, 3)) % 256
    image = image.astype("uint8")
    stream = mic.encode(image, container="micr")
    assert np.array_equal(mic.decode(stream), image)
    assert np.array_equal(mic.decode(stream, rows=(0, 1)), image[:1])
    assert len(stream) <= 100 + 3 * image.size


@given(
    some_images, st.sampled_from(list(stages.WAVELETS)), st.integers(1, 4), st.sampled_from([0, 1])
)
def test_any_wavelet(image: np.ndarray, kind: str, levels: int, high: int) -> None:
    image = image + np.uint16(65535 - image.max() if high else 0)
    rows, columns = image.shape
    try:
        stream = stages.wavelet_encode(image, columns, rows, kind=kind, levels=levels)
    except mic.UnsupportedError as error:
        assert error.stage is not None
        return
    assert np.array_equal(stages.wavelet_decode(stream, kind), image)


@given(st.binary(min_size=0, max_size=400), st.integers(0, 6))
def test_any_rans(data: bytes, bits: int) -> None:
    words = np.frombuffer(data, "u1").astype("uint16") & ((1 << bits) - 1)
    try:
        stream = stages.rans_encode(words)
    except mic.UnsupportedError:
        return
    assert stream[:2] == b"\xff\x08"
    assert np.array_equal(stages.rans_decode(stream), words)


# ---- parts -------------------------------------------------------------------


@pytest.mark.parametrize("container", ["pics", "pica"])
def test_rows_touch_their_strips_only(container: str) -> None:
    """An intact strip decodes, whatever the other strips hold."""
    stream = mic.encode(IMAGE, container=container, strips=6)
    parts = mic.info(stream).parts
    for kept in parts:
        damaged = bytearray(stream)
        for part in parts:
            if part != kept:
                damaged[part.offset : part.offset + part.encoded_bytes] = bytes(part.encoded_bytes)
        rows = slice(kept.first_row, kept.first_row + kept.rows)
        assert np.array_equal(mic.decode(bytes(damaged), rows=rows), IMAGE[rows])
        with pytest.raises(mic.CorruptDataError) as caught:
            mic.decode(bytes(damaged))
        assert caught.value.strip == (0 if kept != parts[0] else 1)
        rescued, intact = mic.decode(bytes(damaged), partial=True)
        assert np.array_equal(intact[0], np.isin(np.arange(90), np.arange(90)[rows]))
        assert np.array_equal(rescued, np.where(intact[0][:, None], IMAGE, 0))


@pytest.mark.parametrize("step", [1, 3, 1 << 22])
def test_temporal_parts(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames of a temporal file in any order, repeated, and across the boundaries of the sums."""
    monkeypatch.setattr(streams, "_SUMMED_SAMPLES", step * 30 * 44)
    stream = mic.encode(FRAMES, container="mic2", temporal=True)
    assert np.array_equal(mic.decode(stream), FRAMES)
    assert np.array_equal(mic.decode(stream, frames=6), FRAMES[6])
    assert np.array_equal(mic.decode(stream, frames=[5, 0, 5, 2]), FRAMES[[5, 0, 5, 2]])
    assert np.array_equal(mic.decode(stream, frames=slice(None, None, -2)), FRAMES[::-2])
    out = np.zeros((7, 30, 88), "uint16")[:, ::-1, ::2]
    mic.decode(stream, out=out)
    assert np.array_equal(out, FRAMES)
    with mic.open(stream, threads=2) as file:
        assert np.array_equal(file[4], FRAMES[4])
        assert np.array_equal(file[1:6:2, 5:20, ::3], FRAMES[1:6:2, 5:20, ::3])
        assert np.array_equal(file.frames(2, 5), FRAMES[2:5])
        assert file.info.temporal
        assert file.shape == (7, 30, 44)


def test_temporal_damage_stays() -> None:
    """A damaged difference costs its frame and all later ones, but none before."""
    stream = bytearray(mic.encode(FRAMES, container="mic2", temporal=True))
    start, stop = mic.info(bytes(stream)).frame_offsets[3:5]
    stream[stop - 1] = 0  # the end mark of the entropy code
    with pytest.raises(mic.CorruptDataError) as caught:
        mic.decode(bytes(stream))
    assert caught.value.frame == 3
    assert np.array_equal(mic.decode(bytes(stream), frames=2), FRAMES[2])
    rescued, intact = mic.decode(bytes(stream), partial=True)
    assert np.array_equal(rescued[:3], FRAMES[:3])
    assert intact[:3].all()
    assert not intact[3:].any()
    assert not rescued[3:].any()
    assert start < stop


def test_equal_frames() -> None:
    """The published encoder fails here; any reader accepts what ours writes."""
    frames = np.stack([IMAGE, IMAGE, IMAGE + 1, IMAGE])
    stream = mic.encode(frames, container="mic2", temporal=True)
    assert np.array_equal(mic.decode(stream), frames)


def test_temporal_wraps() -> None:
    """Differences are mod 2^16: from 0 to 65535 is one step down."""
    frames = np.stack([IMAGE % 2, IMAGE % 2 - np.uint16(1), IMAGE % 2]) * np.uint16(1)
    stream = mic.encode(frames, container="mic2", temporal=True, max_value=65535)
    assert np.array_equal(mic.decode(stream), frames)


def test_one_temporal_frame_in_a_batch() -> None:
    one = mic.encode(FRAMES[:1], container="mic2", temporal=True)
    plain = mic.encode(FRAMES[1:2], container="mic2")
    assert np.array_equal(mic.decode_batch([one, plain]), FRAMES[:2])


def test_info() -> None:
    frames = mic.info(mic.encode(FRAMES, container="mic2", temporal=True))
    assert (frames.container, frames.temporal, frames.frames) == ("mic2", True, 7)
    assert (frames.parts, frames.strips, frames.frame_checksums) == ((), 1, ())
    strips = mic.info(mic.encode(IMAGE, container="pics", strips=3))
    assert (strips.strips, strips.strip_rows, strips.temporal) == (3, 30, False)
    assert [(p.kind, p.first_row, p.rows) for p in strips.parts] == [
        ("average", 0, 30),
        ("average", 30, 30),
        ("average", 60, 30),
    ]
    assert strips.parts[-1].offset + strips.parts[-1].encoded_bytes == strips.encoded_bytes
    colour = mic.info(mic.encode(RGB, container="micr"))
    assert (colour.shape, colour.dtype, colour.strips) == ((50, 60, 3), np.uint8, 1)
    assert [part.kind for part in colour.parts] == ["Y", "Co", "Cg"]


# ---- refusals ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "container", "remedy"),
    [
        (SIGNED, "pics", 'arr.view("uint16")'),
        (SIGNED[None], "mic2", 'arr.view("uint16")'),
        (IMAGE.astype("uint8"), "pica", 'arr.astype("uint16")'),
        (RGB, "pics", 'container="micr"'),
        (IMAGE, "mic2", "arr[None]"),
        (FRAMES, "pics", "one image at a time"),
        (FRAMES[None], "mic2", 'container="native"'),
        (IMAGE, "micr", 'container="native"'),
        (RGB.view("int8"), "micr", 'arr.view("uint8")'),
        (RGB[..., 0], "micr", "one RGB image"),
        (RGB[None], "micr", "one image at a time"),
    ],
)
def test_what_they_cannot_hold(array: np.ndarray, container: str, remedy: str) -> None:
    with pytest.raises(mic.UnsupportedError) as caught:
        mic.encode(array, container=container)
    assert remedy in str(caught.value)


@pytest.mark.parametrize(
    ("container", "options", "named"),
    [
        ("native", {"strips": 3}, "strips"),
        ("native", {"temporal": True}, "temporal"),
        ("native", {"max_value": 9}, "max_value"),
        ("mic1", {"temporal": True}, "mic2"),
        ("mic1", {"strips": 2}, "pics"),
        ("pics", {"temporal": True}, "mic2"),
        ("pics", {"strips": 0}, "1 or more"),
        ("pics", {"strips": 2**40}, "1 or more"),
        ("pics", {"max_value": 65536}, "1 to 65535"),
        ("pics", {"states": 3}, "states"),
        ("pics", {"codec": "wavefront"}, "wavefront"),
        ("pica", {"states": 4}, "states"),
    ],
)
def test_options_that_do_not_apply(container: str, options: dict[str, Any], named: str) -> None:
    with pytest.raises(mic.UnsupportedError, match=named):
        mic.encode(IMAGE, container=container, **options)


def test_more_strips_than_rows() -> None:
    """Each row is then a strip; rows that do not compress alone are refused."""
    for container in ("pics", "pica"):
        stream = mic.encode(IMAGE, container=container, strips=1000)
        assert mic.info(stream).strips == 90
        assert np.array_equal(mic.decode(stream), IMAGE)
        with pytest.raises(mic.UnsupportedError) as caught:
            mic.encode(IMAGE[:, :9], container=container, strips=1000)
        assert caught.value.strip == 0


def test_constant_images_name_the_way_out() -> None:
    """Small maxima have no decodable form; max_value gives them one if the data allow."""
    binary = zoo.noise((64, 64), "uint16") >> 15
    with pytest.raises(mic.UnsupportedError, match="max_value"):
        mic.encode(binary, container="pics")
    stream = mic.encode(binary, container="pics", max_value=255)
    assert np.array_equal(mic.decode(stream), binary)


def test_limits() -> None:
    """The cost of a part is counted: strips, whole planes, all earlier frames."""
    temporal = mic.encode(FRAMES, container="mic2", temporal=True)
    assert mic.decode(temporal, frames=1, max_pixels=2 * 1320).size == 1320
    with pytest.raises(mic.LimitError):
        mic.decode(temporal, frames=2, max_pixels=2 * 1320)
    strips = mic.encode(IMAGE, container="pics", strips=6)
    assert mic.decode(strips, frames=0, rows=(0, 2), max_pixels=15 * 110).size == 220
    with pytest.raises(mic.LimitError):
        mic.decode(
            mic.encode(RGB, container="micr"), frames=0, rows=(0, 2), max_pixels=RGB.size - 1
        )


def test_ycocg() -> None:
    """Pure colours computed by hand; values that no colour gives are refused."""
    rgb = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [7, 7, 7]], "uint8")
    planes = stages.ycocg_encode(rgb)
    assert planes.tolist() == [[63, 127, 63, 7], [510, 0, 509, 0], [253, 510, 253, 0]]
    assert np.array_equal(stages.ycocg_decode(planes), rgb)
    for at, value in [((0, 0), 256), ((1, 0), 511), ((2, 3), 510)]:
        planes = stages.ycocg_encode(rgb)
        planes[at] = value
        with pytest.raises(mic.CorruptDataError):
            stages.ycocg_decode(planes)
    with pytest.raises(mic.UnsupportedError, match="last axis of 3"):
        stages.ycocg_encode(rgb[:, :2])
    with pytest.raises(mic.UnsupportedError, match="first axis of 3"):
        stages.ycocg_decode(planes[:2])
