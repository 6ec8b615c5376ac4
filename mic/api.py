# SPDX-License-Identifier: MIT
"""Encode arrays as streams and decode them: encode, decode, decode_batch, info."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Sequence
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _mic
from .arguments import shown
from .codec.arrays import (
    check_limit,
    check_out,
    copy_into,
    dtype_of,
    frame_shape,
    full_shape,
    layout_of,
    prepare,
    thread_count,
)
from .codec.info import CODECS as CODECS
from .codec.info import StreamInfo as StreamInfo
from .codec.info import describe as describe
from .codec.options import DEFAULT_CODEC as DEFAULT_CODEC
from .codec.options import DEFAULT_STATES as DEFAULT_STATES
from .codec.options import SLIDE_CONTAINERS as SLIDE_CONTAINERS
from .codec.options import STATES as STATES
from .codec.options import EncodeOptions, TileSize
from .codec.published import PUBLISHED_CODEC as PUBLISHED_CODEC
from .codec.refusals import check_published, explain_refusal
from .codec.selection import FrameSelection, select_frames, select_rows
from .codec.slide_writer import encode_slide
from .codec.streams import MemoryBytes, Stream, check_decode_limit, decode_into
from .codec.tiles import decode_slide
from .errors import Argument, MicError, Remedy, UnsupportedError

MAX_PIXELS = 2**30
"""Default limit on the samples that one call decodes."""


def encode(
    arr: ArrayLike,
    codec: str | None = None,
    effort: int = 5,
    threads: int = 1,
    rgb: bool | None = None,
    *,
    states: int | None = None,
    container: str = "native",
    max_value: int | None = None,
    temporal: bool = False,
    strips: int | None = None,
    tile: TileSize | None = None,
    levels: int | None = None,
    out: Any = None,
) -> bytes | int:
    """Compress an array without loss.

    Parameters
    ----------
    arr : array_like of uint8, int8, uint16 or int16
        Rows and columns, with any leading axes as frames; any byte order and
        strides.
    codec : {"wavefront", "fse", "huffman"}, optional
        ``"wavefront"`` is the default: smallest and fastest to decode.  ``"fse"``
        and ``"huffman"`` are the published stages; ``"fse"`` is the default of
        the published containers.
    effort : int, 1 to 9
        Encode time against size, for ``"wavefront"`` only: 1 encodes fastest, 9
        searches for the smallest stream.  All decode at about the same speed.
    threads : int
        Threads to use; 0 for as many as are worthwhile, up to all CPUs that this
        process may use.  The bytes do not depend on it.
    rgb : bool, optional
        Whether a trailing axis of 3 is colour.  By default it is, if there are three
        axes or more.  The decoded array is the same either way.
    states : {1, 2, 4, 8}, optional
        Interleaved states, for ``"fse"`` only.  The default is 4, but 2 in published
        containers, as in their original encoder.
    container : {"native", "mic1", "mic2", "pics", "pica", "micr", "mic3"}
        The published containers are for exchange with users of the published codec: one
        uint16 image (``"mic1"``, in strips ``"pics"``, in strips with two predictors
        ``"pica"``), uint16 frames (``"mic2"``), one uint8 RGB image (``"micr"``), a
        slide (``"mic3"``).
    max_value : int, optional
        For the published containers of uint16: the largest value that the stream can
        hold.  By default the largest sample.
    temporal : bool
        For "mic2": code each frame as its difference from the previous one.  Reading a
        frame then decodes all frames before it.
    strips : int, optional
        For "pics" and "pica": number of strips, 4 by default, and at most the number of
        rows.
    tile : int or (rows, columns), optional
        Make a slide: an image in tiles of this size, and a pyramid of smaller
        levels.  By default 256 for "mic3", none for "native".
    levels : int, optional
        Levels of a slide; see `mic.create_slide`.
    out : writable bytes-like, optional
        Buffer to write the stream into.

    Returns
    -------
    bytes or int
        The stream, or its size in bytes if `out` was given.

    Raises
    ------
    UnsupportedError
        A dtype, shape or option that mic or the container cannot take.
    """
    array = prepare(arr)
    options = EncodeOptions(
        codec, effort, threads, rgb, states, container, max_value, temporal, strips, tile, levels
    )
    stream = encode_array(array, options)
    return stream if out is None else copy_into(stream, out)


def encode_array(array: NDArray[Any], options: EncodeOptions) -> bytes:
    """Encode an array that is contiguous and in native byte order; see `encode`."""
    options.check()
    if options.is_slide:
        return encode_slide(array, options)
    check_published(array, options)
    is_native = options.container == "native"
    rgb = options.rgb if is_native else options.container == "micr"
    layout = layout_of(array.shape, array.dtype, options.container_number, rgb)
    try:
        return _mic.encode(
            layout,
            array,
            codec=options.codec_number,
            n_states=options.n_states,
            effort=int(options.effort),
            n_threads=thread_count(options.threads, array.nbytes),
            max_value=options.max_value or 0,
            n_strips=options.n_strips,
            temporal=options.temporal,
        )
    except UnsupportedError as error:
        explain_refusal(error, array, options)
        raise


def _selected_shape(
    stream: Stream, frames: FrameSelection, n_frames: int, n_rows: int
) -> tuple[int, ...]:
    image = (n_rows, *frame_shape(stream.layout)[1:])
    if frames is None:
        return (*stream.layout.axes, *image)
    return image if isinstance(frames, (int, np.integer)) else (n_frames, *image)


@overload
def decode(
    buf: Any,
    out: NDArray[Any] | None = ...,
    frames: FrameSelection = ...,
    rows: slice | tuple[int, int] | None = ...,
    threads: int = ...,
    max_pixels: int = ...,
    partial: Literal[False] = ...,
) -> NDArray[Any]: ...
@overload
def decode(
    buf: Any,
    out: NDArray[Any] | None = ...,
    frames: FrameSelection = ...,
    rows: slice | tuple[int, int] | None = ...,
    threads: int = ...,
    max_pixels: int = ...,
    *,
    partial: Literal[True],
) -> tuple[NDArray[Any], NDArray[np.bool_]]: ...
def decode(
    buf: Any,
    out: NDArray[Any] | None = None,
    frames: FrameSelection = None,
    rows: slice | tuple[int, int] | None = None,
    threads: int = 1,
    max_pixels: int = MAX_PIXELS,
    partial: bool = False,
) -> NDArray[Any] | tuple[NDArray[Any], NDArray[np.bool_]]:
    """Decompress a stream of any container.

    Parameters
    ----------
    buf : bytes-like
        The stream.  Zero bytes may follow it.
    out : ndarray, optional
        Array to write the samples into, of the shape and dtype of the result, with any
        strides.
    frames : int, slice, sequence of int or of bool, optional
        Frames to decode, counted over all leading axes; by default all.  A sequence of
        bool is a mask, as in numpy, with one value for each frame.
    rows : slice or (start, stop), optional
        Rows to decode; strips without any of them are not read.
    threads : int
        Threads to use; 0 for as many as are worthwhile, up to all CPUs that this
        process may use.
    max_pixels : int
        Most samples to decode.  The limit is checked before memory is allocated for
        them.
    partial : bool
        Rescue: decode all intact parts instead of failing at the first damage.

    Returns
    -------
    ndarray
        The array that was encoded, same shape and dtype, native byte order.  With
        `frames`: (frames, rows, columns[, 3]), or one image for an int.  Published
        containers give uint16 (MIC3: uint8 or uint16).  A slide gives its largest
        level; `mic.open` reads the others.
    intact : ndarray of bool, frames x rows
        Only with ``partial=True``: which rows are as they were encoded.  The samples of
        all others are 0.  For a slide: which pixels, rows x columns.

    Raises
    ------
    CorruptDataError
        Damage anywhere; `.frame`, `.strip` and `.offset` say where.
    LimitError
        More samples than `max_pixels`.
    UnsupportedError
        Frames or rows that the stream does not have, or an `out` that does not
        fit.
    """
    # Decode without intermediate Python objects.  With threads=0 the header has to be read first,
    # because the number of threads depends on the size of the image.
    is_plain = frames is None and rows is None and not partial and threads != 0
    if is_plain and isinstance(max_pixels, int) and 0 <= max_pixels < 1 << 63:
        plain = _mic.decode_plain(buf, out, max_pixels, thread_count(threads))
        if plain is not None:
            return plain
    stream = Stream(MemoryBytes(buf), rescue=partial, max_pixels=max_pixels)
    layout = stream.layout
    if layout.levels:
        if frames is not None:
            raise UnsupportedError(
                Argument("frames"),
                f" is {frames}, but the stream is a slide, which has tiles and levels; ",
                Remedy("level"),
            )
        span = select_rows(rows, layout.levels[0][0])
        return decode_slide(stream, span, out, max_pixels, thread_count(threads), partial)
    if frames is None:
        check_limit(full_shape(layout), max_pixels)
    selected = select_frames(frames, layout.n_frames)
    row_range = select_rows(rows, layout.rows)
    shape = _selected_shape(stream, frames, len(selected), len(row_range))
    check_decode_limit(stream, shape, max_pixels, selected)
    if out is None:
        out = np.empty(shape, dtype_of(layout))
    else:
        check_out(out, shape, dtype_of(layout))
    intact = np.zeros((len(selected), len(row_range)), np.uint8) if partial else None
    if selected:
        jobs = [(stream, index) for index in selected]
        n_threads = thread_count(threads, out.nbytes)
        decode_into(jobs, row_range.start, len(row_range), out, n_threads, intact)
    return (out, intact.view(np.bool_)) if intact is not None else out


def _list_of_streams(streams: Any) -> list[Any]:
    with contextlib.suppress(TypeError):
        if not isinstance(streams, (bytes, bytearray, memoryview)):
            return list(streams)
    raise UnsupportedError(
        Argument("streams"),
        f" is {shown(streams)}, a list of streams is expected; mic.decode takes a single one",
    )


def _parse_one_of_many(buffer: Any, place: int) -> Stream:
    try:
        return Stream(MemoryBytes(buffer))
    except MicError as error:
        error.begin(f"stream {place}: ")
        error.frame = place
        raise


def decode_batch(
    streams: Sequence[Any],
    out: NDArray[Any] | None = None,
    threads: int = 0,
    max_pixels: int = MAX_PIXELS,
) -> NDArray[Any]:
    """Decode many single-frame streams of one shape and dtype in one call.

    Parameters
    ----------
    streams : sequence of bytes-like
        Streams of any container, one frame each.
    out : ndarray, optional
        Array of (streams, rows, columns[, 3]) to fill, such as a slice of a
        preallocated volume.
    threads : int
        Threads to use; 0 for as many as are worthwhile, up to all CPUs that this
        process may use.
    max_pixels : int
        Most samples to decode, all streams together.

    Returns
    -------
    ndarray, (streams, rows, columns[, 3])

    Raises
    ------
    CorruptDataError
        A damaged stream; `.frame` is its position in `streams`.
    UnsupportedError
        There are no streams, one holds several frames, or shapes or dtypes differ.
    """
    streams = _list_of_streams(streams)
    if not streams:
        raise UnsupportedError("there are no streams to decode, at least one is expected")
    parsed = [_parse_one_of_many(stream, i) for i, stream in enumerate(streams)]
    first = parsed[0].layout
    shape, dtype = frame_shape(first), dtype_of(first)
    for i, stream in enumerate(parsed):
        layout = stream.layout
        if layout.levels:
            raise UnsupportedError(
                f"stream {i} is a slide, one frame is expected; decode slides one by one"
            )
        if layout.n_frames != 1 or frame_shape(layout) != shape or dtype_of(layout) != dtype:
            raise UnsupportedError(
                f"stream {i} holds {layout.n_frames} frame(s) of {frame_shape(layout)} "
                f"{dtype_of(layout)}, one frame of {shape} {dtype} like stream 0 is expected"
            )
    full = (len(parsed), *shape)
    check_limit(full, max_pixels)
    if out is None:
        out = np.empty(full, dtype)
    else:
        check_out(out, full, dtype)
    jobs = [(stream, 0) for stream in parsed]
    n_threads = thread_count(threads, out.nbytes)
    decode_into(jobs, 0, shape[0], out, n_threads, numbers=range(len(jobs)))
    return out


def info(buf: Any) -> StreamInfo:
    """Describe a stream without decoding a sample.

    Parameters
    ----------
    buf : bytes-like
        The stream.

    Returns
    -------
    StreamInfo

    Raises
    ------
    CorruptDataError
        The header or the index is damaged or truncated.
    """
    return describe(Stream(MemoryBytes(buf)))


def check_forced_isa() -> None:
    """Warn if ``MIC_CPU`` names kernels that this machine does not have."""
    forced = os.environ.get("MIC_CPU")
    if forced and forced != _mic.active_isa():
        warnings.warn(
            f"MIC_CPU is {forced!r}, which is not available here; {_mic.active_isa()} is used "
            f"(names: {', '.join(_mic.ISA_NAMES)})",
            RuntimeWarning,
            stacklevel=3,
        )


def cpu_info() -> dict[str, Any]:
    """Describe the processor, the instruction sets that mic can use on it, and the one in use.

    The environment variable ``MIC_CPU`` (scalar, avx2, avx512, neon) forces one.

    Returns
    -------
    dict
        Its keys:

        - ``model`` (str): the processor's own name; empty if it does not tell one.
        - ``best`` (str): the best instruction set that this build has kernels for and the
          processor can run.
        - ``active`` (str): the one in use.
        - ``compiled`` (list of str): all that this build has kernels for; the reference
          kernels, scalar, come first.
        - ``scalar_reason`` (str): why the scalar kernels are the best here, such as "this
          processor lacks avx2"; empty if others can run.
        - ``cpus`` (int): how many this process may use.
        - ``compiler`` (str): which one built the core.
    """
    return {
        "model": _mic.cpu_model(),
        "best": _mic.best_isa(),
        "active": _mic.active_isa(),
        "compiled": list(_mic.compiled_isas()),
        "scalar_reason": _mic.scalar_reason(),
        "cpus": thread_count(0),
        "compiler": _mic.compiler(),
    }
