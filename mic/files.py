# SPDX-License-Identifier: MIT
"""Streams in files: read any part of a stream, or write one frame by frame."""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import traceback
from collections.abc import Sequence
from operator import index as index_of
from types import EllipsisType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from . import _mic
from .api import CODECS, DEFAULT_CODEC, MAX_PIXELS, StreamInfo, describe
from .arguments import choose, dtype_of_name, new_file, shown, whole_number
from .atomic import AtomicWriter
from .codec.arrays import (
    check_dtype,
    dtype_of,
    frame_shape,
    full_shape,
    layout_of,
    prepare,
    thread_count,
)
from .codec.grids import Grid, grids_in
from .codec.indexing import normalize_key, span
from .codec.options import EncodeOptions
from .codec.streams import (
    Bytes,
    FileBytes,
    MemoryBytes,
    Stream,
    check_decode_limit,
    decode_into,
    empty_frames,
)
from .codec.tiles import read_region
from .errors import Argument, Remedy, UnsupportedError, VerifyError
from .paths import for_system
from .slides import Level

PathLike = str | os.PathLike[str]


def open(source: Any, *, threads: int = 1, max_pixels: int = MAX_PIXELS) -> MicFile:
    """Open a stream to read parts of it.

    Parameters
    ----------
    source : path, bytes-like or binary file object
        Files are memory-mapped where possible; other file objects must be
        seekable and are read frame by frame.
    threads : int
        Threads of each read; 0 for all CPUs that this process may use.
    max_pixels : int
        Most samples that one read decodes.

    Returns
    -------
    MicFile

    Raises
    ------
    CorruptDataError
        The header or the index is damaged or truncated.
    UnsupportedError
        `source` is of another type, or a number is out of its range.
    OSError
        The file cannot be opened or read.
    """
    return MicFile(source, threads=threads, max_pixels=max_pixels)


class MicFile:
    """A stream whose frames and rows are decoded when they are asked for.

    Indexing works as in numpy, with integers, slices and ``...``.  Along the leading
    axes and the rows, only the necessary parts are read and decoded.  Threads may
    share one object, unless it was opened from a file object that cannot be
    memory-mapped.  An object that was opened by path can be pickled.

    A slide is indexed like its largest image; `levels` holds all of its images.

    Parameters
    ----------
    source : path, bytes-like or binary file object
        The stream; see `mic.open`.
    threads : int
        Threads of each read; 0 for all CPUs that this process may use.
    max_pixels : int
        Most samples that one read decodes.

    Raises
    ------
    CorruptDataError
        The header, the index or a decoded frame is damaged or truncated.
    LimitError
        One read asks for more samples than `max_pixels`.
    ValueError
        The file is closed.

    Examples
    --------
    >>> import mic, numpy as np
    >>> f = mic.open(mic.encode(np.zeros((3, 64, 64), "int16")))
    >>> f.shape, f[2, 10:20].shape, f.frames(0, 2).shape
    ((3, 64, 64), (10, 64), (2, 64, 64))
    """

    def __init__(self, source: Any, *, threads: int = 1, max_pixels: int = MAX_PIXELS) -> None:
        self._path = os.fspath(source) if isinstance(source, (str, os.PathLike)) else None
        self._threads = thread_count(threads)
        self._options = {"threads": threads, "max_pixels": max_pixels}
        self._max_pixels = max_pixels
        self._closing = contextlib.ExitStack()
        try:
            self._stream: Stream | None = Stream(self._open_bytes(source))
            layout = self._stream.layout
            self._levels = tuple(
                Level(grid, dtype_of(layout), frame_shape(layout)[2:], self._read_region)
                for grid in grids_in(layout)
            )
        except BaseException as error:
            # The traceback holds parts of the map, and Windows locks a file that is mapped.
            traceback.clear_frames(error.__traceback__)
            with contextlib.suppress(BufferError):  # something else holds some
                self._closing.close()
            raise

    def _open_bytes(self, source: Any) -> Bytes:
        if self._path is not None:
            from pathlib import Path  # as in arguments.py

            with for_system(Path(self._path)).open("rb") as file:
                return self._map(file)
        is_file = hasattr(source, "read") and hasattr(source, "seek")
        if is_file and not isinstance(source, mmap.mmap):
            with contextlib.suppress(AttributeError, OSError, ValueError):  # no descriptor
                if source.seekable():  # a pipe has a descriptor, but cannot be mapped
                    return self._map(source)
            return FileBytes(source)
        with contextlib.suppress(TypeError):
            return MemoryBytes(memoryview(source))
        raise UnsupportedError(
            Argument("source"),
            f" is {shown(source)}, a path, a binary file object or bytes is expected",
        )

    def _map(self, file: BinaryIO) -> Bytes:
        if os.fstat(file.fileno()).st_size == 0:
            return MemoryBytes(b"")  # an empty file cannot be mapped
        mapping = self._closing.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        data = MemoryBytes(mapping)
        self._closing.callback(data.release)
        return data

    @property
    def levels(self) -> tuple[Level, ...]:
        """All images of a slide's pyramid, the largest first; empty for other files."""
        self._open_stream  # noqa: B018 - refuses a closed file
        return self._levels

    def level(self, number: int) -> Level:
        """Return one image of a slide's pyramid.

        Parameters
        ----------
        number : int
            Number of the level; 0 is the largest.

        Returns
        -------
        Level

        Raises
        ------
        UnsupportedError
            The file has no such level, or is no slide.
        """
        levels = self.levels
        if not levels:
            raise UnsupportedError("the file is no slide and has no levels; ", Remedy("index"))
        if not 0 <= whole_number("level", number) < len(levels):
            raise UnsupportedError(
                f"level {number} is asked for, the slide has levels 0 to {len(levels) - 1}"
            )
        return levels[number]

    def tile(self, level: int, row: int, column: int) -> NDArray[Any]:
        """Decode one tile of a slide; the same as ``level(level).tile(row, column)``.

        Parameters
        ----------
        level : int
            Number of the level; 0 is the largest.
        row, column : int
            Place of the tile within the level, counted in tiles from 0.

        Returns
        -------
        ndarray, (rows, columns[, 3])
            Samples of the file's dtype; tiles at the right and bottom edges may be
            smaller.

        Raises
        ------
        UnsupportedError
            The file is no slide, or has no such level or tile.
        CorruptDataError
            The tile is damaged.
        """
        return self.level(level).tile(row, column)

    def _read_region(
        self, grid: Grid, region: tuple[int, int, int, int], out: NDArray[Any] | None
    ) -> NDArray[Any]:
        return read_region(self._open_stream, grid, region, self._max_pixels, self._threads, out)

    @property
    def _open_stream(self) -> Stream:
        if self._stream is None:
            raise ValueError("the file is closed; open it again with mic.open")
        return self._stream

    @property
    def info(self) -> StreamInfo:
        """What the stream says about itself; see `mic.info`."""
        return describe(self._open_stream)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the whole array."""
        return full_shape(self._open_stream.layout)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Sample type."""
        return dtype_of(self._open_stream.layout)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of samples."""
        return math.prod(self.shape)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of the smallest part that decodes on its own: a strip of a frame, or a tile."""
        if self.levels:
            return self.levels[0].chunks
        layout = self._open_stream.layout
        image = frame_shape(layout)
        return (*(1 for _ in layout.axes), layout.strip_rows, *image[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def _decode(self, frames: Sequence[int], first_row: int, n_rows: int) -> NDArray[Any]:
        stream = self._open_stream
        shape = (len(frames), n_rows, *frame_shape(stream.layout)[1:])
        check_decode_limit(stream, shape, self._max_pixels, frames)
        out = empty_frames(stream, len(frames), n_rows)
        if frames and n_rows:
            jobs = [(stream, index) for index in frames]
            decode_into(jobs, first_row, n_rows, out, self._threads)
        return out

    def frames(self, start: int, stop: int) -> NDArray[Any]:
        """Decode the frames from `start` up to, but not including, `stop`.

        Parameters
        ----------
        start, stop : int
            Frame numbers, counted over all leading axes, with the rules of a Python
            slice: negative numbers count from the end, and numbers past it are clipped.

        Returns
        -------
        ndarray, (frames, rows, columns[, 3])
            Samples of the file's dtype.

        Raises
        ------
        CorruptDataError
            A frame is damaged; `.frame`, `.strip` and `.offset` say where.
        LimitError
            The frames have more samples than the file was opened for.
        UnsupportedError
            The file is a slide, or a number is not whole.
        """
        layout = self._open_stream.layout
        if layout.levels:
            raise UnsupportedError(
                "the file is a slide, which has levels instead of frames; use f.level(i), or "
                "f[...] for the largest"
            )
        start, stop = whole_number("start", start), whole_number("stop", stop)
        selected = range(layout.n_frames)[start:stop]
        return self._decode(selected, 0, layout.rows)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        if self.levels:
            return self.levels[0][key]
        layout = self._open_stream.layout
        per_axis = normalize_key(key, self.shape)
        n_axes = len(layout.axes)
        grid = np.arange(layout.n_frames).reshape(layout.axes)[tuple(per_axis[:n_axes])]
        first, n_rows, local = span(per_axis[n_axes], layout.rows)
        decoded = self._decode([int(i) for i in grid.reshape(-1)], first, n_rows)
        array = decoded.reshape(*grid.shape, *decoded.shape[1:])
        keep = (slice(None),) * grid.ndim
        return array[(*keep, local, *per_axis[n_axes + 1 :])]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a compressed file cannot be an array without a copy")
        array = self[...]
        return array if dtype is None else array.astype(dtype, copy=False)

    def close(self) -> None:
        """Release the file; further reads raise ValueError.

        A file object that the caller passed to `mic.open` stays open.
        """
        self._stream = None
        with contextlib.suppress(BufferError):  # a thread that reads keeps the map until it is done
            self._closing.close()

    def __enter__(self) -> MicFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        if self._path is None:
            raise TypeError(
                "only a MicFile opened by path can be pickled; pickle the stream's bytes instead"
            )
        return _reopen, (self._path, self._options)

    def __repr__(self) -> str:
        if self._stream is None:
            return "<mic.MicFile closed>"
        return f"<mic.MicFile {self.shape} {self.dtype}>"


def _reopen(path: str, options: dict[str, int]) -> MicFile:
    return MicFile(path, **options)


def create(
    path: PathLike,
    shape: tuple[int | EllipsisType, ...],
    dtype: DTypeLike,
    *,
    codec: str = DEFAULT_CODEC,
    effort: int = 5,
    states: int | None = None,
    threads: int = 1,
    rgb: bool | None = None,
    verify: bool = True,
) -> MicWriter:
    """Create a file and write it frame by frame.

    Parameters
    ----------
    path : path-like
        Name of the file, which appears when the writer is closed without an error.
    shape : tuple
        ``(..., rows, columns[, 3])`` for any number of frames, or the full
        shape, whose leading axes then say how many frames must be appended.
    dtype : uint8, int8, uint16 or int16
        Sample type.
    codec, effort, states, threads, rgb
        As for `mic.encode`.
    verify : bool
        Decode each frame again and compare it before it is written.

    Returns
    -------
    MicWriter

    Raises
    ------
    UnsupportedError
        A shape, a dtype or an option that mic cannot take.
    OSError
        The file cannot be created.

    Examples
    --------
    >>> import mic, numpy as np, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "scan.mic"
    >>> with mic.create(path, shape=(..., 32, 32), dtype="uint16") as writer:
    ...     for value in range(5):
    ...         writer.append(np.full((32, 32), value, "uint16"))
    >>> mic.open(path).shape
    (5, 32, 32)
    """
    choose("codec", codec, CODECS)
    options = EncodeOptions(codec, effort, threads, rgb, states, verify=verify)
    return MicWriter(path, shape, dtype, options)


class MicWriter(AtomicWriter):
    """A file that is being written frame by frame; made by `mic.create`.

    Use it in a ``with`` block, or call `close` at the end.  Closing completes the file
    and gives it its name; it raises UnsupportedError if the number of frames is not the
    expected one.  After an exception in the block no file appears.

    Parameters
    ----------
    path : path-like
        Name of the file.
    shape : tuple
        ``(..., rows, columns[, 3])`` or the full shape; see `mic.create`.
    dtype : uint8, int8, uint16 or int16
        Sample type.
    options : EncodeOptions
        The other arguments of `mic.create`.

    Raises
    ------
    UnsupportedError
        A shape, a dtype or an option that mic cannot take.
    OSError
        The file cannot be created.
    """

    def __init__(
        self,
        path: PathLike,
        shape: tuple[int | EllipsisType, ...],
        dtype: DTypeLike,
        options: EncodeOptions,
    ) -> None:
        axes, image = _split_shape(shape, options.rgb)
        self._axes = axes
        self._dtype = check_dtype(dtype_of_name(dtype))
        options.check()
        self._options = options
        self._threads = thread_count(options.threads)
        self._layout = layout_of((*(axes or (1,)), *image), self._dtype, 0, len(image) == 3)
        self._layout.plan(options.codec_number)
        self._image_shape = image
        self._first: list[NDArray[Any]] = []  # frames that wait to be encoded together
        self._offsets: list[int] = []
        self._bits_used = 0
        self._end = 0
        super().__init__(new_file("path", path))

    def append(self, frame: ArrayLike) -> None:
        """Encode one frame and write it.

        If frames are small (up to 128 x 128), the first ones, at most 16, wait until
        they can be encoded together: what they have in common is stored only once.

        Parameters
        ----------
        frame : array_like, (rows, columns[, 3])
            Samples of the file's dtype.

        Raises
        ------
        UnsupportedError
            The frame has another shape or dtype than the file.
        VerifyError
            The frame, or one that waited, does not decode to its samples (a fault of
            mic or of the memory).  It was not written.
        ValueError
            The writer is closed.
        """
        if self._file is None:
            raise ValueError("the writer is closed")
        array = prepare(frame)
        if array.shape != self._image_shape or array.dtype != self._dtype:
            raise UnsupportedError(
                f"the frame has shape {array.shape} and dtype {array.dtype}, "
                f"{self._image_shape} and {self._dtype} are expected"
            )
        if self._offsets:
            samples = array.reshape(-1).view(np.uint8)
            encoded = _mic.encode_frame(
                self._layout,
                samples,
                self._options.n_states,
                self._options.effort,
                self._threads,
            )
            self._write(self._file, array, *encoded)
            return
        self._first.append(array.copy())
        if len(self._first) == self._layout.learn_frames:
            self._write_first(self._file)

    def _write_first(self, file: BinaryIO) -> None:
        """Write the header, the part that all frames share, and the frames that waited for it."""
        frames, self._first = np.stack(self._first), []
        samples = frames.reshape(len(frames), -1).view(np.uint8)
        first = _mic.encode_first_frames(
            self._layout,
            samples,
            self._options.n_states,
            self._options.effort,
            self._threads,
        )
        self._end = file.write(self._layout.header() + self._layout.shared_models())
        for array, encoded in zip(frames, first, strict=True):
            self._write(file, array, *encoded)

    def _write(self, file: BinaryIO, array: NDArray[Any], coded: bytes, bits_used: int) -> None:
        if self._options.verify:
            self._check(coded, array)
        self._offsets.append(self._end)
        self._bits_used = max(self._bits_used, bits_used)
        self._end += file.write(coded)

    def _check(self, coded: bytes, array: NDArray[Any]) -> None:
        number = len(self._offsets)
        out = np.empty_like(array)
        rows = out.reshape(1, array.shape[0], -1).view(np.uint8)
        _mic.decode_frames([self._layout], [coded], [number], [0], 0, rows, None, self._threads)
        if not np.array_equal(out, array):
            first = np.argwhere(out != array)[0]
            position = tuple(int(i) for i in first)
            raise VerifyError(
                f"frame {number}: pixel {position} decodes to {out[position]}, "
                f"{array[position]} is expected; please report it",
                frame=number,
            )

    def _finish(self, file: BinaryIO) -> None:
        n_frames = len(self._offsets) + len(self._first)
        expected = None if self._axes is None else math.prod(self._axes)
        if n_frames == 0 or (expected is not None and n_frames != expected):
            raise UnsupportedError(
                f"{n_frames} frames were appended, {expected or 'at least one'} are expected; "
                "the file was not written"
            )
        if self._first:
            self._write_first(file)
        file.write(_mic.write_index(np.array(self._offsets, np.uint64)))
        axes = (n_frames,) if self._axes is None else self._axes
        self._layout.finish(axes, self._bits_used, self._end)
        file.seek(0)
        file.write(self._layout.header())


def _split_shape(
    shape: tuple[int | EllipsisType, ...], rgb: bool | None
) -> tuple[tuple[int, ...] | None, tuple[int, ...]]:
    """Split a shape into leading axes (None if any number of frames may come) and image shape."""
    try:
        sizes = [index_of(size) for size in shape if not isinstance(size, EllipsisType)]
    except TypeError:
        sizes = []
    if not sizes or min(sizes) < 1:
        raise UnsupportedError(
            Argument("shape"),
            f" is {shown(shape)}, (..., rows, columns) or (..., rows, columns, 3) is "
            "expected, numbers above 0",
        )
    open_ended = len(sizes) < len(shape)
    if len(shape) - len(sizes) > 1 or (open_ended and shape[0] is not Ellipsis):
        raise UnsupportedError(Argument("shape"), f" is {shape}, one ... is expected, at its start")
    colour = len(sizes) >= 3 and sizes[-1] == 3 if rgb is None else rgb
    n_image = 3 if colour else 2
    if len(sizes) < n_image or (open_ended and len(sizes) != n_image):
        raise UnsupportedError(
            Argument("shape"),
            f" is {shape}, (..., rows, columns) or (..., rows, columns, 3) is expected",
        )
    image = tuple(sizes[-n_image:])
    if open_ended:
        return None, image
    return tuple(sizes[:-n_image]) or (1,), image
