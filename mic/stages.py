# SPDX-License-Identifier: MIT
"""The stages of the published codec, one by one, on 1-D uint16 arrays.

A published single-frame stream is ``delta -> rle -> fse`` (or ``huffman``).
Neither a stage's output nor a stream says its width, its height or how it was
made: who decodes has to know.  For storage use `mic.encode`.
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
"""Kinds of wavelet streams, and the levels that the published encoder takes."""
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
    """The largest word, or what was asked for under this name."""
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
    """Predict each pixel; keep the residuals.

    Parameters
    ----------
    pixels : uint16 array of width * height pixels
        Row by row.
    max_value : int, optional
        Sets the escape; by default the largest pixel.
    predictor : {"average", "zigzag", "gradient", "median"}
        ``average`` is the published default.

    Returns
    -------
    uint16 array
        `max_value`, then one word a pixel, or two for an escaped one.

    Raises
    ------
    UnsupportedError
        `max_value` is 0: there is no form for it.
    """
    words = _image(pixels, width, height)
    number = PREDICTORS.index(choose("predictor", predictor, PREDICTORS))
    return _mic.delta_encode(number, words, width, height, _maximum(words, "max_value", max_value))


def delta_decode(words: ArrayLike, width: int, height: int, predictor: str = "average") -> Words:
    """Pixels from residuals; the inverse of `delta_encode`.

    Raises
    ------
    CorruptDataError
        Too few or too many words for the size.
    """
    _check_size(width, height)
    number = PREDICTORS.index(choose("predictor", predictor, PREDICTORS))
    return _mic.delta_decode(number, _words(words, "words"), width, height)


def rle_encode(words: ArrayLike, initial: int | None = None, with_length: bool = True) -> Words:
    """Run lengths with a MidCount split.

    Parameters
    ----------
    words : uint16 array
    initial : int, optional
        First word of the output; its depth sets the run limit.  By default the
        largest word.
    with_length : bool
        Write the number of words (the stand-alone form).  Within a stream it is
        left out.

    Raises
    ------
    UnsupportedError
        `initial` is below 8 and the words have no decodable form.
    """
    array = _words(words, "words")
    return _mic.rle_encode(array, _maximum(array, "initial", initial), with_length)


def rle_decode(words: ArrayLike, with_length: bool = True, max_words: int = MAX_PIXELS) -> Words:
    """Words from run lengths; the inverse of `rle_encode`.

    Raises
    ------
    CorruptDataError
        Blocks that contradict the length or the data.
    LimitError
        More than `max_words` words.
    """
    array = _words(words, "words")
    n_words = _mic.rle_count(array, with_length)
    check_limit((n_words,), max_words)
    return _mic.rle_decode(array, with_length, n_words)


def fse_encode(words: ArrayLike, states: int = 2) -> bytes:
    """Finite state entropy code with 1, 2, 4 or 8 interleaved states.

    Raises
    ------
    UnsupportedError
        Words that the published coder refuses: too few, all equal, or not
        compressible.
    """
    return _mic.entropy_encode("fse", _words(words, "words"), choose("states", states, STATES))


def fse_decode(stream: Any, max_words: int = MAX_PIXELS) -> Words:
    """Words from an FSE stream of any number of states.

    Raises
    ------
    CorruptDataError
        A damaged or truncated stream, as far as one without a checksum can tell.
    LimitError
        More than `max_words` words.
    """
    return _entropy_decode("fse", stream, max_words)


def rans_encode(words: ArrayLike) -> bytes:
    """rANS with 8 interleaved states, a variant of FSE; refuses what that refuses."""
    return _mic.entropy_encode("rans", _words(words, "words"), 0)


def rans_decode(stream: Any, max_words: int = MAX_PIXELS) -> Words:
    """Words from an rANS stream; raises as `fse_decode`."""
    return _entropy_decode("rans", stream, max_words)


def huffman_encode(words: ArrayLike) -> bytes:
    """Canonical Huffman code, tree cut at depth 14; never refuses."""
    return _mic.entropy_encode("huffman", _words(words, "words"), 0)


def huffman_decode(stream: Any, max_words: int = MAX_PIXELS) -> Words:
    """Words from a Huffman stream; raises as `fse_decode`."""
    return _entropy_decode("huffman", stream, max_words)


def encode_stream(
    kind: str,
    pixels: ArrayLike,
    width: int,
    height: int,
    max_value: int | None = None,
    states: int = 2,
) -> bytes:
    """A published single-frame stream.

    Parameters
    ----------
    kind : {"fse", "huffman", "grad", "gap", "rans", "wavelet", ...}
        ``fse``: average predictor, runs, FSE of `states` states with the
        published fall-backs; ``huffman``; ``grad``: gradient predictor;
        ``gap``: unused values removed before FSE; ``rans``: 8-state rANS;
        the wavelets as in `wavelet_encode`.
    pixels : uint16 array of width * height pixels
    max_value : int, optional
        By default the largest pixel; 8 or more for a decodable stream.

    Raises
    ------
    UnsupportedError
        An image that the published encoder cannot code.
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
    """Pixels from a published single-frame stream.

    Raises
    ------
    CorruptDataError
        Damage, or a wrong kind, width or height, as far as a stream without
        checksum can tell.
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
    """A published stream of the reversible 5/3 wavelet.

    Parameters
    ----------
    pixels : uint16 array of width * height pixels
    max_value : int, optional
        Kept in the header, without effect.  By default the largest pixel.
    kind : {"wavelet", "wavelet-v1", "wavelet-v1-runs"}
        ``"wavelet"`` is version 2, by bands and with run lengths; version 1 leaves
        coefficients where they arise, without or with run lengths.
    levels : int, optional
        1 to 8, of version 1 to 4; fewer where a side falls below 2 pixels.  By
        default 5, of version 1 3.

    Raises
    ------
    UnsupportedError
        An image that the published encoder cannot code: there is no fall-back.
    """
    words = _image(pixels, width, height)
    maximum = _maximum(words, "max_value", max_value)
    number = list(WAVELETS).index(choose("kind", kind, WAVELETS))
    if levels is None:
        levels = WAVELETS[kind]
    levels = whole_number("levels", levels, 1, 2**31 - 1)
    return _mic.wavelet_encode(number, words, width, height, maximum, levels)


def wavelet_decode(stream: Any, kind: str = "wavelet", max_pixels: int = MAX_PIXELS) -> Words:
    """Pixels from a published wavelet stream, which says its shape but not its kind.

    Returns
    -------
    uint16 array, (rows, columns)

    Raises
    ------
    CorruptDataError
        Damage, or another kind, as far as a stream without checksum can tell.
    LimitError
        More than `max_pixels` pixels.
    """
    data, number = _data(stream), list(WAVELETS).index(choose("kind", kind, WAVELETS))
    shape = _mic.wavelet_shape(number, data)
    check_limit(shape, max_pixels)
    return _mic.wavelet_decode(number, data, shape[0] * shape[1]).reshape(shape)


def ycocg_encode(rgb: ArrayLike) -> Words:
    """The reversible colour transform YCoCg-R of 8-bit samples.

    Parameters
    ----------
    rgb : uint8 array, (..., 3)

    Returns
    -------
    uint16 array, (3, ...)
        Y (0 to 255), Co and Cg, folded so that small differences of either sign
        are small: 0 -1 1 -2 2 become 0 1 2 3 4.
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
    """RGB samples, (..., 3), from planes; the inverse of `ycocg_encode`.

    Raises
    ------
    CorruptDataError
        Values that no 8-bit samples have.
    """
    array = np.asarray(planes)
    if array.ndim < 1 or array.shape[0] != 3 or array.size == 0:
        raise UnsupportedError(f"planes have shape {array.shape}, a first axis of 3 is expected")
    rgb = _mic.ycocg_pixels(_words(array, "planes").reshape(3, -1))
    return rgb.reshape(*array.shape[1:], 3)
