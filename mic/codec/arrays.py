# SPDX-License-Identifier: MIT
"""Arrays on their way into and out of the core: dtypes, shapes, threads."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._mic import Layout
from ..arguments import shown, whole_number
from ..errors import Argument, LimitError, Remedy, UnsupportedError

# Index is mic_sample_type of csrc/mic.h.
SAMPLE_TYPES = (np.dtype("u1"), np.dtype("i1"), np.dtype("u2"), np.dtype("i2"))
COLOUR_CHANNELS = 3
MAX_LEADING_AXES = 29
MAX_FRAME_SAMPLES = 2**31 - 1
MAX_THREADS = 2**31 - 1  # the limit of the core's int; it starts 256 threads at most
BYTES_A_THREAD = 1 << 19


def thread_count(threads: int, n_bytes: int | None = None) -> int:
    """Return `threads` or, if it is 0, the number of CPUs that this process may use.

    If `n_bytes` is given, only as many CPUs count as samples of that size keep busy.
    Starting a thread takes a tenth of a millisecond; two threads were slower than one
    for an image of 512 x 512.
    """
    number = whole_number("threads", threads, 0, MAX_THREADS, "a number of threads (0: all CPUs)")
    if number > 0:
        return number
    cpus = _cpu_count()
    return cpus if n_bytes is None else min(cpus, max(1, n_bytes // BYTES_A_THREAD))


def _cpu_count() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return `dtype` in native byte order, if it is one that mic codes."""
    native = dtype.newbyteorder("=")
    if native not in SAMPLE_TYPES:
        remedy = "convert it, or scale it to 16 bits"
        if native.kind == "b":
            remedy = 'view it as bytes: arr.view("uint8")'
        raise UnsupportedError(
            f"the array has dtype {dtype}, uint8, int8, uint16 or int16 is expected; {remedy}"
        )
    return native


def _is_plain(array: NDArray[Any]) -> bool:
    return array.flags.c_contiguous and array.flags.aligned


def prepare(arr: ArrayLike) -> NDArray[Any]:
    """Return `arr` contiguous, aligned, in native byte order and of a dtype that mic codes."""
    if type(arr) is np.ndarray and arr.dtype in SAMPLE_TYPES and _is_plain(arr):
        return arr  # the most common case needs no further checks
    array = np.asarray(arr)
    if array.dtype.kind not in "biufc":  # such as None, a text or a list of arrays
        raise UnsupportedError(
            f"the array is {shown(arr)}, an array of uint8, int8, uint16 or int16 is expected; "
            "read a file first, and code arrays of different shapes one by one"
        )
    return np.require(array, check_dtype(array.dtype), ["C", "A"]).reshape(array.shape)


def layout_of(
    shape: Sequence[int], dtype: np.dtype[Any], container: int, rgb: bool | None
) -> Layout:
    """Split a shape into leading axes, rows, columns and colour."""
    colour = len(shape) >= 3 and shape[-1] == COLOUR_CHANNELS if rgb is None else rgb
    if colour and (len(shape) < 3 or shape[-1] != COLOUR_CHANNELS):
        raise UnsupportedError(
            f"rgb=True with shape {tuple(shape)}, a trailing axis of 3 is expected; "
            "pass rgb=False or move the colour axis to the end"
        )
    image = tuple(shape[:-1]) if colour else tuple(shape)
    if len(image) < 2:
        raise UnsupportedError(
            f"the array has shape {tuple(shape)}, rows and columns are expected; "
            "reshape it to two axes or more"
        )
    if 0 in shape:
        raise UnsupportedError(f"the array has shape {tuple(shape)}, which holds no sample")
    *axes, rows, columns = image
    channels = COLOUR_CHANNELS if colour else 1
    if rows * columns * channels > MAX_FRAME_SAMPLES or len(axes) > MAX_LEADING_AXES:
        raise UnsupportedError(
            f"the array has shape {tuple(shape)}, at most {MAX_LEADING_AXES} leading axes and "
            f"{MAX_FRAME_SAMPLES} samples a frame are expected; divide it"
        )
    if math.prod(axes) > MAX_FRAME_SAMPLES:
        raise UnsupportedError(
            f"the array has {axes} frames, at most {MAX_FRAME_SAMPLES} are expected; divide it"
        )
    return Layout.make(container, SAMPLE_TYPES.index(dtype), channels, axes, rows, columns)


def dtype_of(layout: Layout) -> np.dtype[Any]:
    """Return the sample type of a stream."""
    return SAMPLE_TYPES[layout.sample_type]


def frame_shape(layout: Layout) -> tuple[int, ...]:
    """Return (rows, columns) or (rows, columns, 3)."""
    shape = (layout.rows, layout.columns)
    return (*shape, COLOUR_CHANNELS) if layout.channels == COLOUR_CHANNELS else shape


def full_shape(layout: Layout) -> tuple[int, ...]:
    """Return the shape of the whole array; for a slide, that of its largest level."""
    if layout.levels:
        return (*layout.levels[0], *frame_shape(layout)[2:])
    return (*layout.axes, *frame_shape(layout))


def check_number(max_pixels: Any) -> None:
    """Refuse a limit that is no number."""
    if not isinstance(max_pixels, (int, float, np.number)):
        raise UnsupportedError(
            Argument("max_pixels"), f" is {shown(max_pixels)}, a number of samples is expected"
        )


def check_limit(shape: Sequence[int], max_pixels: int) -> None:
    """Refuse to decode more samples than the caller allows."""
    n_samples = math.prod(shape)
    check_number(max_pixels)
    if not n_samples <= max_pixels:  # written so that NaN is refused too
        raise LimitError(
            f"the stream announces {n_samples} samples (shape {tuple(shape)}), ",
            Argument("max_pixels"),
            f" allows {max_pixels}; ",
            Remedy("limit"),
        )


def check_out(out: NDArray[Any], shape: Sequence[int], dtype: np.dtype[Any]) -> None:
    """Check that the decoded samples fit `out` exactly."""
    if not isinstance(out, np.ndarray):
        raise UnsupportedError(Argument("out"), f" is {shown(out)}, a numpy array is expected")
    if out.shape != tuple(shape) or out.dtype.newbyteorder("=") != dtype:
        raise UnsupportedError(
            f"out has shape {out.shape} and dtype {out.dtype}, {tuple(shape)} and {dtype} are "
            "expected"
        )
    if not out.flags.writeable:
        raise UnsupportedError("out is read-only, a writable array is expected")


def byte_rows(out: NDArray[Any], n_frames: int, n_rows: int) -> NDArray[np.uint8] | None:
    """View `out` as (frames, rows, bytes), or None where no such view exists."""
    row_elements = out.size // (n_frames * n_rows)
    if not out.dtype.isnative or not out.flags.aligned:
        return None
    view = out.reshape(n_frames, n_rows, row_elements)
    if not np.may_share_memory(view, out):  # no such view: reshape made a copy
        return None
    if view.strides[2] != out.dtype.itemsize:
        return None
    return view.view(np.uint8)


def copy_into(stream: bytes, out: Any) -> int:
    """Copy a stream to the beginning of a writable buffer and return its length."""
    try:
        view = memoryview(out)
    except TypeError:
        raise UnsupportedError(
            Argument("out"), f" is {shown(out)}, a writable buffer is expected"
        ) from None
    if view.readonly or not view.c_contiguous:
        raise UnsupportedError("out is read-only or not contiguous, a writable buffer is expected")
    if view.nbytes < len(stream):
        raise UnsupportedError(f"out has {view.nbytes} bytes, the stream needs {len(stream)}")
    view.cast("B")[: len(stream)] = stream
    return len(stream)
