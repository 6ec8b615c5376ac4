# SPDX-License-Identifier: MIT
"""mic with the interface of the package imagecodecs, which is not required.

Code written for ``imagecodecs.jpegxl_encode`` and similar functions switches with one
import:

>>> from mic.imagecodecs import MIC, MicError, mic_check, mic_decode, mic_encode, mic_version
>>> import numpy as np
>>> image = np.arange(4096, dtype=np.uint16).reshape(64, 64)
>>> encoded = mic_encode(image, level=7)
>>> mic_check(encoded), bool((mic_decode(encoded) == image).all())
(True, True)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import api
from ._mic import Layout
from ._version import __version__
from .arguments import shown
from .codec.arrays import copy_into, dtype_of, frame_shape, full_shape
from .errors import MicError, UnsupportedError

__all__ = ["MIC", "MicError", "mic_check", "mic_decode", "mic_encode", "mic_version"]

_DEFAULT_EFFORT = 5


class MIC:
    """Constants of the codec, as imagecodecs names them."""

    available = True


def mic_version() -> str:
    """Return name and version of the codec.

    Returns
    -------
    str
    """
    return f"mic {__version__}"


def mic_check(data: Any, /) -> bool:
    """Return whether the data begin like a stream that mic decodes.

    Parameters
    ----------
    data : bytes-like
        A stream, or its first bytes.

    Returns
    -------
    bool
    """
    try:
        Layout.read(memoryview(data).cast("B"))
    except MicError as error:
        return error.stage != "container"  # False only if the magic number is unknown
    return True


def mic_encode(
    data: ArrayLike,
    /,
    level: int | None = None,
    *,
    numthreads: int | None = None,
    out: Any = None,
) -> Any:
    """Return an encoded image, or encode it into `out`.

    Parameters
    ----------
    data : array_like of uint8, int8, uint16 or int16
        Rows and columns, with any leading axes as frames and a trailing axis of 3 as
        colour.
    level : int, optional
        Effort, 1 to 9; values outside count as the nearest.  Default: 5.  All are
        lossless.
    numthreads : int, optional
        Number of threads; 0 for all CPUs that this process may use.  Default: 1.
    out : optional
        ``bytes`` or ``bytearray``: the type to return.  An int: the maximum number of
        bytes.  A writable contiguous buffer: where to put them.

    Returns
    -------
    bytes, bytearray or a view of `out`
        The part of `out` that the stream fills; `out` itself if that is all of it.

    Raises
    ------
    MicError
        The dtype or shape is not supported, or the stream is too large for `out`.
    TypeError
        `level` is not a number.
    """
    if level is not None and not isinstance(level, (int, float, np.number)):
        raise TypeError(f"level is {shown(level)}, an effort from 1 to 9 is expected")
    effort = _DEFAULT_EFFORT if level is None else int(min(max(level, 1), 9))
    stream = api.encode(data, effort=effort, threads=_threads(numthreads))
    assert isinstance(stream, bytes)
    if out is None or out is bytes:
        return stream
    if out is bytearray:
        return bytearray(stream)
    if isinstance(out, (int, np.integer)):
        if len(stream) > out:
            raise UnsupportedError(f"out allows {out} bytes, the stream needs {len(stream)}")
        return stream
    return _filled(out, stream)


def _threads(numthreads: int | None) -> int:
    return 1 if numthreads is None else numthreads


def _filled(out: Any, stream: bytes) -> Any:
    """Put the stream into `out`, and cut `out` to its size."""
    copy_into(stream, out)
    view = memoryview(out)
    if view.nbytes == len(stream):
        return out
    if isinstance(out, np.ndarray):
        return out.reshape(-1).view(np.uint8)[: len(stream)]
    return view.cast("B")[: len(stream)]


def mic_decode(
    data: Any, /, index: int | None = None, *, numthreads: int | None = None, out: Any = None
) -> NDArray[Any]:
    """Return a decoded image, or decode it into `out`.

    Parameters
    ----------
    data : bytes-like
        A stream in any container; zero bytes may follow it.
    index : int, optional
        The only frame to decode, counted over all leading axes.
    numthreads : int, optional
        Number of threads; 0 for all CPUs that this process may use.  Default: 1.
    out : ndarray or bytearray, optional
        Where to put the samples: an array of the same shape, except for axes of length
        1, and with samples of the same size, or a buffer of at least as many bytes.  An
        int or a type has no effect.

    Returns
    -------
    ndarray
        `out` if it is an array; an array that shares its memory if it is another
        buffer; otherwise a new array.

    Raises
    ------
    MicError
        The data are damaged, or `out` does not fit.
    """
    threads = _threads(numthreads)
    if out is None or isinstance(out, (int, np.integer, type)):
        return api.decode(data, frames=index, threads=threads)
    layout = Layout.read(memoryview(data).cast("B"))
    shape = full_shape(layout) if index is None else frame_shape(layout)
    array, samples = _target(out, shape, dtype_of(layout))
    api.decode(data, samples, frames=index, threads=threads)
    return array


def _target(
    out: Any, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the array to return, and a view of it with exactly this shape and dtype."""
    if isinstance(out, np.ndarray):
        kept = [length for length in out.shape if length != 1]
        if kept != [length for length in shape if length != 1] or out.itemsize != dtype.itemsize:
            raise UnsupportedError(
                f"out has shape {out.shape} and dtype {out.dtype}, {shape} and {dtype} are expected"
            )
        samples = out.view(dtype.newbyteorder(out.dtype.byteorder))
        samples = samples if out.shape == shape else np.squeeze(samples).reshape(shape)
        return out, samples
    n_samples = math.prod(shape)
    try:
        view = memoryview(out)
    except TypeError:
        raise UnsupportedError(
            f"out is {shown(out)}, an array or a writable buffer is expected"
        ) from None
    if view.nbytes < n_samples * dtype.itemsize:
        raise UnsupportedError(
            f"out has {view.nbytes} bytes, {n_samples * dtype.itemsize} are expected "
            f"(shape {shape} of {dtype})"
        )
    array = np.frombuffer(view, dtype, n_samples).reshape(shape)
    return array, array
