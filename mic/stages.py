# SPDX-License-Identifier: MIT
"""The stages of the published codec, one by one, on 1-D uint16 arrays.

A published single-frame stream is ``delta -> rle -> fse`` (or ``huffman``).  Neither
the output of a stage nor a stream records its width, its height or how it was made; the
caller must know.  For storage use `mic.encode`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _mic
from .api import MAX_PIXELS, STATES
from .arguments import choose, shown, whole_number
from .codec.arrays import check_limit
from .errors import CorruptDataError, UnsupportedError

Words = NDArray[np.uint16]

PREDICTORS = ("average", "zigzag", "gradient", "median")
WAVELETS = {"wavelet": 5, "wavelet-v1": 3, "wavelet-v1-runs": 3}
"""Kinds of wavelet streams, and the default number of levels for each."""
STREAM_KINDS = ("fse", "huffman", "grad", "gap", "rans", *WAVELETS)


def _words(values: ArrayLike, name: str) -> Words:
    array = np.asarray(values)
    if array.dtype.kind not in "biufc":
        raise UnsupportedError(f"{name} are {shown(values)}, an array of uint16 is expected")
    if array.dtype.newbyteorder("=") != np.uint16:
        raise UnsupportedError(f"{name} have dtype {array.dtype}, uint16 is expected")
    return np.require(array.reshape(-1), np.uint16, ["C", "A"])


def _image(pixels: ArrayLike, width: int, height: int) -> Words:
    words = _words(pixels, "pixels")
    width, height = whole_number("width", width, 1), whole_number("height", height, 1)
    if words.size != width * height:
        raise UnsupportedError(
            f"{words.size} pixels with width {width} and height {height}, {width} x {height} = "
            f"{width * height} pixels are expected"
        )
    return words


def _check_size(width: int, height: int) -> None:
    shape = whole_number("height", height, 1), whole_number("width", width, 1)
    check_limit(shape, MAX_PIXELS)


def _maximum(words: Words, name: str, value: int | None) -> int:
    """Return `value`, or the largest word if it is None; `name` is for messages."""
    if value is None:
        return int(words.max(initial=0))
    return whole_number(name, value, 0, 65535)


def _data(stream: Any) -> NDArray[np.uint8]:
    try:
        return np.frombuffer(stream, np.uint8)
    except (TypeError, ValueError, BufferError):
        raise UnsupportedError(
            f"the stream is {shown(stream)}, a bytes-like object is expected"
        ) from None


def _entropy_decode(kind: str, stream: Any, max_words: int) -> Words:
    most = whole_number("max_words", max_words, 0, what="a number of words")
    return _mic.entropy_decode(kind, _data(stream), min(most, 2**62))


def delta_encode(
    pixels: ArrayLike,
    width: int,
    height: int,
    max_value: int | None = None,
    predictor: str = "average",
) -> Words:
    """Predict each pixel and return the residuals.

    Parameters
    ----------
    pixels : uint16 array of width * height pixels
        Row by row.
    width, height : int
        Size of the image in pixels.
    max_value : int, optional
        Determines the escape word.  Default: the largest pixel.
    predictor : {"average", "zigzag", "gradient", "median"}
        ``average`` is the published default.

    Returns
    -------
    uint16 array
        `max_value`, then one word per pixel, or two for an escaped pixel.

    Raises
    ------
    UnsupportedError
        `max_value` is 0, which has no encoded form, or an argument is invalid.
    """
    words = _image(pixels, width, height)
    number = PREDICTORS.index(choose("predictor", predictor, PREDICTORS))
    return _mic.delta_encode(number, words, width, height, _maximum(words, "max_value", max_value))


def delta_decode(words: ArrayLike, width: int, height: int, predictor: str = "average") -> Words:
    """Restore pixels from residuals; the inverse of `delta_encode`.

    Parameters
    ----------
    words : uint16 array
        Output of `delta_encode`.
    width, height : int
        Size of the image in pixels.
    predictor : {"average", "zigzag", "gradient", "median"}
        The predictor that was used.

    Returns
    -------
    uint16 array of width * height pixels

    Raises
    ------
    CorruptDataError
        There are too few or too many words for the size.
    UnsupportedError
        An argument is invalid.
    LimitError
        The image has more pixels than the default `max_pixels`.
    """
    _check_size(width, height)
    number = PREDICTORS.index(choose("predictor", predictor, PREDICTORS))
    return _mic.delta_decode(number, _words(words, "words"), width, height)


def rle_encode(words: ArrayLike, initial: int | None = None, with_length: bool = True) -> Words:
    """Encode words as runs and literals, with a MidCount split.

    Parameters
    ----------
    words : uint16 array
    initial : int, optional
        First word of the output; its bit depth sets the run limit.  Default: the
        largest word.
    with_length : bool
        Write the number of words (the stand-alone form).  Streams omit it.

    Returns
    -------
    uint16 array

    Raises
    ------
    UnsupportedError
        `initial` is below 8 and the words have no decodable form.
    """
    array = _words(words, "words")
    return _mic.rle_encode(array, _maximum(array, "initial", initial), with_length)


def rle_decode(words: ArrayLike, with_length: bool = True, max_words: int = MAX_PIXELS) -> Words:
    """Restore words from run lengths; the inverse of `rle_encode`.

    Parameters
    ----------
    words : uint16 array
        Output of `rle_encode`.
    with_length : bool
        Whether it holds the number of words.
    max_words : int
        Maximum number of words to decode.

    Returns
    -------
    uint16 array

    Raises
    ------
    CorruptDataError
        Blocks contradict the length or the data.
    LimitError
        There are more than `max_words` words.
    """
    array = _words(words, "words")
    n_words = _mic.rle_count(array, with_length)
    check_limit((n_words,), max_words)
    return _mic.rle_decode(array, with_length, n_words)


def fse_encode(words: ArrayLike, states: int = 2) -> bytes:
    """Encode words with finite state entropy (FSE), in 1, 2, 4 or 8 interleaved states.

    Parameters
    ----------
    words : uint16 array
    states : {1, 2, 4, 8}
        Number of interleaved states.

    Returns
    -------
    bytes

    Raises
    ------
    UnsupportedError
        The published coder refuses the words: too few, all equal, or not compressible.
    """
    return _mic.entropy_encode("fse", _words(words, "words"), choose("states", states, STATES))


def fse_decode(stream: Any, max_words: int = MAX_PIXELS) -> Words:
    """Decode words from an FSE stream with any number of states.

    Parameters
    ----------
    stream : bytes-like
        Output of `fse_encode`.
    max_words : int
        Maximum number of words to decode.

    Returns
    -------
    uint16 array

    Raises
    ------
    CorruptDataError
        The stream is damaged or truncated, as far as that shows without a checksum.
    LimitError
        There are more than `max_words` words.
    """
    return _entropy_decode("fse", stream, max_words)


def rans_encode(words: ArrayLike) -> bytes:
    """Encode words with rANS in 8 interleaved states, a variant of FSE.

    Parameters
    ----------
    words : uint16 array

    Returns
    -------
    bytes

    Raises
    ------
    UnsupportedError
        The words are refused for the same reasons as by `fse_encode`.
    """
    return _mic.entropy_encode("rans", _words(words, "words"), 0)


def rans_decode(stream: Any, max_words: int = MAX_PIXELS) -> Words:
    """Decode words from a rANS stream.

    Parameters
    ----------
    stream : bytes-like
        Output of `rans_encode`.
    max_words : int
        Maximum number of words to decode.

    Returns
    -------
    uint16 array

    Raises
    ------
    CorruptDataError, LimitError
        See `fse_decode`.
    """
    return _entropy_decode("rans", stream, max_words)


def huffman_encode(words: ArrayLike) -> bytes:
    """Encode words with a canonical Huffman code of at most 14 levels; never refuses.

    Parameters
    ----------
    words : uint16 array

    Returns
    -------
    bytes
    """
    return _mic.entropy_encode("huffman", _words(words, "words"), 0)


def huffman_decode(stream: Any, max_words: int = MAX_PIXELS) -> Words:
    """Decode words from a Huffman stream.

    Parameters
    ----------
    stream : bytes-like
        Output of `huffman_encode`.
    max_words : int
        Maximum number of words to decode.

    Returns
    -------
    uint16 array

    Raises
    ------
    CorruptDataError, LimitError
        See `fse_decode`.
    """
    return _entropy_decode("huffman", stream, max_words)


def encode_stream(
    kind: str,
    pixels: ArrayLike,
    width: int,
    height: int,
    max_value: int | None = None,
    states: int = 2,
) -> bytes:
    """Encode an image as a published single-frame stream.

    Parameters
    ----------
    kind : {"fse", "huffman", "grad", "gap", "rans", "wavelet", ...}
        ``fse``: average predictor, runs, FSE with `states` states and the published
        fall-backs; ``huffman``: average predictor, runs, Huffman code; ``grad``:
        gradient predictor; ``gap``: unused values are removed before FSE; ``rans``:
        8-state rANS; the wavelets: see `wavelet_encode`.
    pixels : uint16 array of width * height pixels
        Row by row.
    width, height : int
        Size of the image in pixels.
    max_value : int, optional
        8 or more for a decodable stream.  Default: the largest pixel.
    states : {1, 2, 4, 8}
        Number of interleaved FSE states.

    Returns
    -------
    bytes

    Raises
    ------
    UnsupportedError
        The published encoder cannot code the image.
    """
    words = _image(pixels, width, height)
    number = STREAM_KINDS.index(choose("kind", kind, STREAM_KINDS))
    maximum = _maximum(words, "max_value", max_value)
    if kind in WAVELETS:
        return wavelet_encode(words, width, height, maximum, kind)
    return _mic.stream_encode(
        number, words, width, height, maximum, choose("states", states, STATES)
    )


def decode_stream(kind: str, stream: Any, width: int, height: int) -> Words:
    """Decode the pixels of a published single-frame stream.

    Parameters
    ----------
    kind : str
        See `encode_stream`.
    stream : bytes-like
        Output of `encode_stream`.
    width, height : int
        Size of the image in pixels.

    Returns
    -------
    uint16 array of width * height pixels

    Raises
    ------
    CorruptDataError
        The stream is damaged, or has another kind, width or height, as far as that
        shows without a checksum.
    UnsupportedError
        An argument is invalid.
    LimitError
        The image has more pixels than the default `max_pixels`.
    """
    _check_size(width, height)
    number = STREAM_KINDS.index(choose("kind", kind, STREAM_KINDS))
    if kind in WAVELETS:
        rows, columns = _mic.wavelet_shape(list(WAVELETS).index(kind), _data(stream))
        if (rows, columns) != (height, width):
            raise CorruptDataError(
                f"the stream holds {rows} x {columns} pixels, {height} x {width} are expected "
                "(wrong dimensions?)",
                stage="wavelet",
            )
        return wavelet_decode(stream, kind, width * height).reshape(-1)
    return _mic.stream_decode(number, _data(stream), width, height)


def wavelet_encode(
    pixels: ArrayLike,
    width: int,
    height: int,
    max_value: int | None = None,
    kind: str = "wavelet",
    levels: int | None = None,
) -> bytes:
    """Encode an image as a published stream of the reversible 5/3 wavelet.

    Parameters
    ----------
    pixels : uint16 array of width * height pixels
        Row by row.
    width, height : int
        Size of the image in pixels.
    max_value : int, optional
        Stored in the header, without effect.  Default: the largest pixel.
    kind : {"wavelet", "wavelet-v1", "wavelet-v1-runs"}
        ``"wavelet"`` is version 2: ordered by bands, with run lengths.  Version 1
        leaves coefficients where they arise, without or with run lengths.
    levels : int, optional
        1 to 8 (version 1: 1 to 4), reduced if a side would fall below 2 pixels.
        Default: 5 (version 1: 3).

    Returns
    -------
    bytes

    Raises
    ------
    UnsupportedError
        The published encoder cannot code the image: there is no fall-back.
    """
    words = _image(pixels, width, height)
    maximum = _maximum(words, "max_value", max_value)
    number = list(WAVELETS).index(choose("kind", kind, WAVELETS))
    if levels is None:
        levels = WAVELETS[kind]
    levels = whole_number("levels", levels, 1, 2**31 - 1)
    return _mic.wavelet_encode(number, words, width, height, maximum, levels)


def wavelet_decode(stream: Any, kind: str = "wavelet", max_pixels: int = MAX_PIXELS) -> Words:
    """Decode a published wavelet stream, which records its shape but not its kind.

    Parameters
    ----------
    stream : bytes-like
        Output of `wavelet_encode`.
    kind : {"wavelet", "wavelet-v1", "wavelet-v1-runs"}
        The kind that was encoded.
    max_pixels : int
        Maximum number of pixels to decode.

    Returns
    -------
    uint16 array, (rows, columns)

    Raises
    ------
    CorruptDataError
        The stream is damaged or of another kind, as far as that shows without a
        checksum.
    LimitError
        There are more than `max_pixels` pixels.
    """
    data, number = _data(stream), list(WAVELETS).index(choose("kind", kind, WAVELETS))
    shape = _mic.wavelet_shape(number, data)
    check_limit(shape, max_pixels)
    return _mic.wavelet_decode(number, data, shape[0] * shape[1]).reshape(shape)


def ycocg_encode(rgb: ArrayLike) -> Words:
    """Apply the reversible colour transform YCoCg-R to 8-bit samples.

    Parameters
    ----------
    rgb : uint8 array, (..., 3)

    Returns
    -------
    uint16 array, (3, ...)
        Y (0 to 255), Co and Cg, folded so that small differences of either sign stay
        small: 0 -1 1 -2 2 become 0 1 2 3 4.

    Raises
    ------
    UnsupportedError
        The array has another dtype or shape, or is empty.
    """
    array = np.asarray(rgb)
    if array.dtype != np.uint8 or array.ndim < 1 or array.shape[-1] != 3 or array.size == 0:
        raise UnsupportedError(
            f"rgb has dtype {array.dtype} and shape {array.shape}, uint8 and a last axis of 3 are "
            "expected"
        )
    planes = _mic.ycocg_planes(np.ascontiguousarray(array).reshape(-1))
    return planes.reshape(3, *array.shape[:-1])


def ycocg_decode(planes: ArrayLike) -> NDArray[np.uint8]:
    """Restore RGB samples from planes; the inverse of `ycocg_encode`.

    Parameters
    ----------
    planes : uint16 array, (3, ...)

    Returns
    -------
    uint8 array, (..., 3)

    Raises
    ------
    CorruptDataError
        The values do not come from 8-bit samples.
    UnsupportedError
        The array has another dtype or shape, or is empty.
    """
    array = np.asarray(planes)
    if array.ndim < 1 or array.shape[0] != 3 or array.size == 0:
        raise UnsupportedError(f"planes have shape {array.shape}, a first axis of 3 is expected")
    rgb = _mic.ycocg_pixels(_words(array, "planes").reshape(3, -1))
    return rgb.reshape(*array.shape[1:], 3)
