# SPDX-License-Identifier: MIT
"""Every array is restored exactly, with every option, from few bytes."""

import numpy as np
import pytest
import zoo
from hypothesis import given
from hypothesis import strategies as st

import mic


def assert_same(decoded: np.ndarray, array: np.ndarray) -> None:
    assert decoded.dtype == array.dtype
    assert decoded.shape == array.shape
    assert np.array_equal(decoded, array)


def size_bound(array: np.ndarray, stream: bytes) -> float:
    """The promised bound: noise grows by at most this much."""
    info = mic.info(stream)
    return array.nbytes * 1.001 + 64 + 24 * (info.frames + info.frames * info.strips)


@given(
    zoo.arrays(),
    st.sampled_from(zoo.CODECS),
    st.sampled_from(zoo.STATES),
    st.integers(1, 9),
    st.integers(0, 3),
    st.sampled_from([None, False]),
)
def test_any_array(
    array: np.ndarray, codec: str, states: int, effort: int, threads: int, rgb: bool | None
) -> None:
    options = {"states": states} if codec == "fse" else {}
    stream = mic.encode(array, codec, effort, threads, rgb, **options)
    assert_same(mic.decode(stream, threads=threads), array)
    assert len(stream) <= size_bound(array, stream)
    assert stream == mic.encode(array, codec, effort, 1, rgb, **options)


@given(zoo.arrays(), st.sampled_from(zoo.STATES), st.one_of(st.none(), st.integers(1, 65535)))
def test_any_array_as_mic1(array: np.ndarray, states: int, max_value: int | None) -> None:
    """The published container takes some arrays and refuses the others."""
    try:
        stream = mic.encode(array, "fse", container="mic1", states=states, max_value=max_value)
    except mic.UnsupportedError:
        return
    assert array.dtype == np.uint16
    assert array.ndim == 2
    assert_same(mic.decode(stream), array)


@pytest.mark.parametrize("codec", zoo.CODECS)
@pytest.mark.parametrize("dtype", zoo.DTYPES)
def test_zoo(dtype: str, codec: str) -> None:
    for name, image in zoo.images(dtype).items():
        stream = mic.encode(image, codec)
        assert_same(mic.decode(stream), image)
        assert len(stream) <= size_bound(image, stream), name


@pytest.mark.parametrize("codec", zoo.CODECS)
@pytest.mark.parametrize("dtype", zoo.DTYPES)
def test_every_width(dtype: str, codec: str) -> None:
    """Widths near the sizes of vector registers, including tails."""
    for width in [*range(1, 70), 127, 128, 129, 255, 257]:
        image = zoo.escapes((5, width), dtype, width)
        assert_same(mic.decode(mic.encode(image, codec)), image)


@pytest.mark.parametrize("dtype", zoo.DTYPES)
def test_runs_longer_than_a_block(dtype: str) -> None:
    image = np.zeros((300, 301), dtype)
    image[200, 17:19] = 9, 100
    for codec in zoo.CODECS:
        stream = mic.encode(image, codec)
        assert_same(mic.decode(stream), image)
        assert len(stream) < image.nbytes / 100


@pytest.mark.parametrize("bits", range(1, 17))
def test_every_depth(bits: int) -> None:
    """Noise of every depth, as it is and shifted to the top bits."""
    image = zoo.noise((40, 40), "uint16") >> (16 - bits)
    for array in (image, image << (16 - bits)):
        stream = mic.encode(array)
        assert_same(mic.decode(stream), array)
        assert len(stream) <= size_bound(array, stream)
    assert mic.info(mic.encode(image)).bits_used == bits


@pytest.mark.parametrize("value", [-32768, -1025, -1, 0, 1, 32767])
def test_signed_extremes(value: int) -> None:
    image = np.full((9, 9), value, "int16")
    image[4, 4] = 32767
    assert_same(mic.decode(mic.encode(image)), image)


@pytest.mark.parametrize(
    "shape",
    [(7, 5), (1, 7, 5), (4, 7, 5), (2, 1, 3, 7, 5), (7, 5, 3), (4, 7, 5, 3), (3, 3), (3, 3, 3)],
)
@pytest.mark.parametrize("rgb", [None, False])
def test_shapes(shape: tuple[int, ...], rgb: bool | None) -> None:
    array = zoo.ramp(shape, "int16")
    stream = mic.encode(array, rgb=rgb)
    assert_same(mic.decode(stream), array)
    info = mic.info(stream)
    colour = len(shape) > 2 and shape[-1] == 3 and rgb is None
    assert info.channels == (3 if colour else 1)
    assert info.shape == shape


def test_number_of_axes() -> None:
    """29 leading axes and no more, with or without colour."""
    for colour in ((), (3,)):
        array = np.arange(12, dtype="int8").reshape(*(1,) * 29, 2, 2, 3)[..., : (colour or (1,))[0]]
        array = array if colour else array[..., 0]
        assert_same(mic.decode(mic.encode(array)), array)
        with pytest.raises(mic.UnsupportedError, match="29 leading axes"):
            mic.encode(array[None])


def test_rgb_true_needs_a_colour_axis() -> None:
    image = zoo.smooth((8, 9, 3), "uint8")
    assert mic.info(mic.encode(image, rgb=True)).channels == 3
    for wrong in (image[..., 0], image[..., :2]):
        with pytest.raises(mic.UnsupportedError, match="trailing axis of 3"):
            mic.encode(wrong, rgb=True)


@pytest.mark.parametrize(
    "shape", [(), (5,), (0,), (0, 5), (5, 0), (0, 0), (2, 0, 5), (0, 4, 4), (4, 4, 0), (0, 4, 3)]
)
def test_no_image(shape: tuple[int, ...]) -> None:
    with pytest.raises(mic.UnsupportedError, match="shape"):
        mic.encode(np.zeros(shape, "uint16"))


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "bool", "int32", "uint64", "complex64", "U3"]
)
def test_other_dtypes(dtype: str) -> None:
    with pytest.raises(mic.UnsupportedError, match="uint8, int8, uint16 or int16"):
        mic.encode(np.zeros((4, 4), dtype))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("codec", "lzw"),
        ("codec", 3),
        ("container", "mic9"),
        ("effort", 0),
        ("effort", 10),
        ("states", 3),
        ("threads", -1),
        ("max_value", 7),
    ],
)
def test_wrong_options(option: str, value: object) -> None:
    with pytest.raises(mic.UnsupportedError, match=option):
        mic.encode(np.zeros((4, 4), "uint16"), **{option: value})


# ---- sizes ---------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (512, 512), (3000, 4000), (700, 2500, 3)])
@pytest.mark.parametrize("dtype", ["uint8", "int16"])
def test_constant_frames_are_tiny(shape: tuple[int, ...], dtype: str) -> None:
    array = np.full(shape, 77, dtype)
    stream = mic.encode(array)
    assert len(stream) < 100
    assert_same(mic.decode(stream), array)


@pytest.mark.parametrize("dtype", zoo.DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (200, 300), (3, 40, 50), (60, 70, 3), (1300, 1250)])
def test_noise_hardly_grows(shape: tuple[int, ...], dtype: str) -> None:
    array = zoo.noise(shape, dtype)
    stream = mic.encode(array)
    assert len(stream) <= size_bound(array, stream)
    assert_same(mic.decode(stream), array)


@pytest.mark.parametrize(("codec", "kind"), [("fse", "fse"), ("huffman", "huffman")])
@pytest.mark.parametrize("shape", [(64, 64), (255, 1100), (1000, 1000)])
def test_container_is_thin(shape: tuple[int, int], codec: str, kind: str) -> None:
    """A frame of one strip adds 40 bytes and the method byte to its stream."""
    image = zoo.smooth(shape, "uint16")
    image -= image.min()
    rows, columns = shape
    bare = mic.stages.encode_stream(kind, image.reshape(-1), columns, rows, states=4)
    assert len(mic.encode(image, codec)) <= len(bare) + 41


def test_offset_and_sparse_samples_cost_nothing() -> None:
    """Samples are counted from their minimum; sparse ones are numbered."""
    image = zoo.smooth((100, 100), "int16")
    plain = len(mic.encode(image))
    assert len(mic.encode(image + 20000)) <= plain + 2
    assert len(mic.encode(image * 8)) < plain * 1.05


def test_smooth_images_shrink() -> None:
    for dtype in zoo.DTYPES:
        image = zoo.smooth((256, 256), dtype)
        assert len(mic.encode(image)) < 0.6 * image.nbytes
