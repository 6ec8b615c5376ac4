# SPDX-License-Identifier: MIT
"""Sources of streams: bytes in memory, memory-mapped files, file objects."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from .. import _mic
from .._mic import Layout
from ..arguments import shown
from ..errors import CorruptDataError, MicError, Remedy, UnsupportedError
from .arrays import byte_rows, check_limit, dtype_of, frame_shape
from .grids import naming_tiles

_HEADER_GUESS = 4096  # covers every header without large optional blocks
_PADDING_CHUNK = 1 << 16
_SUMMED_SAMPLES = 1 << 22  # of temporal frames, decoded at a time


class Bytes(Protocol):
    """Random access to the bytes of a stream."""

    size: int

    def read(self, start: int, stop: int) -> memoryview | bytes:
        """Return bytes [start, stop), or fewer at the end of the data."""


class MemoryBytes:
    """Bytes in memory or in a mapped file; reading makes no copy."""

    def __init__(self, buffer: Any) -> None:
        try:
            view = memoryview(buffer)
        except TypeError:
            raise UnsupportedError(
                f"the stream is {shown(buffer)}, a bytes-like object is expected; "
                "mic.open takes paths and file objects"
            ) from None
        if not view.c_contiguous:
            raise UnsupportedError("the stream is not contiguous in memory; pass bytes(stream)")
        self._view = view.cast("B") if view.nbytes else memoryview(b"")
        self.size = self._view.nbytes

    def read(self, start: int, stop: int) -> memoryview:
        try:
            return self._view[start:stop]
        except ValueError:  # another thread has released it
            raise ValueError("the file is closed; open it again with mic.open") from None

    def release(self) -> None:
        """Release the buffer, so that a mapping can be closed."""
        self._view.release()


class FileBytes:
    """A seekable file object that cannot be mapped into memory."""

    def __init__(self, file: BinaryIO) -> None:
        if isinstance(file, io.TextIOBase):
            raise UnsupportedError('the file object gives text; open it in binary mode, "rb"')
        self._file = file
        try:
            self.size = file.seek(0, os.SEEK_END)
        except OSError:
            raise UnsupportedError(
                "the file object cannot seek, as a pipe cannot; pass its bytes, file.read()"
            ) from None

    def read(self, start: int, stop: int) -> bytes:
        self._file.seek(start)
        return self._file.read(max(0, min(stop, self.size) - start))


class Stream:
    """A parsed stream: its layout, and the place of each frame.

    Parameters
    ----------
    data : Bytes
        The stream; zero bytes may follow it (DICOM pads to even length).
    rescue : bool
        If the index is damaged, walk from frame to frame instead of failing.
    max_pixels : int
        Maximum number of frames in such a walk; a frame has at least one sample.
    """

    def __init__(self, data: Bytes, rescue: bool = False, max_pixels: int = 2**30) -> None:
        self.data = data
        self.layout = self._read_layout()
        if self.layout.shared_bytes:
            start = self.layout.header_bytes
            models = data.read(start - self.layout.shared_bytes, start)
            self.layout.open_shared_models(models)
        try:
            self.offsets = self._read_offsets()
        except MicError:
            if not rescue:
                raise
            self.offsets = self._walk_offsets(max_pixels)
        self.size = self.layout.stream_bytes or int(self.offsets[-1])
        if not rescue:
            self._check_end()
            if self.layout.container == 0:
                self._check_padding()

    def _read_layout(self) -> Layout:
        try:
            return Layout.read(self.data.read(0, _HEADER_GUESS))
        except MicError:
            if self.data.size <= _HEADER_GUESS:
                raise
        return Layout.read(self.data.read(0, self.data.size))

    def _read_offsets(self) -> NDArray[np.uint64]:
        layout = self.layout
        if layout.index_offset:
            layout.check_index(self.data.size)
            start = layout.index_offset
            with naming_tiles(layout):
                return layout.index(self.data.read(start, start + layout.index_bytes))
        start = layout.header_bytes
        end = start + self._frame_size(start, 0)
        if end > self.data.size:
            raise CorruptDataError(
                f"the frame needs bytes {start} to {end}, the stream has {self.data.size} "
                "(truncated file; ",
                Remedy("rescue"),
                ")",
                stage="frame",
                frame=0,
                offset=self.data.size,
            )
        return np.array([start, end], np.uint64)

    def _frame_size(self, start: int, frame: int) -> int:
        """Return the size of a frame, reading no more of it than its head requires."""
        n = _HEADER_GUESS
        while True:
            try:
                return self.layout.frame_size(self.data.read(start, start + n), frame)
            except MicError:
                if start + n >= self.data.size:
                    raise
            n *= 16

    def _walk_offsets(self, max_pixels: int) -> NDArray[np.uint64]:
        """Find the frames from their heads alone; those after a damaged one are empty."""
        end = min(self.data.size, self.layout.index_offset or self.data.size)
        check_limit((self.layout.n_frames,), max_pixels)
        offsets = np.full(self.layout.n_frames + 1, end, np.uint64)
        offset = self.layout.header_bytes
        for frame in range(self.layout.n_frames):
            offsets[frame] = min(offset, end)
            try:
                offset += self._frame_size(offset, frame)
            except MicError:
                break
        offsets[-1] = min(offset, end) if self.layout.n_frames == 1 else end
        return offsets

    def _check_end(self) -> None:
        """Check that all frames exist, which an index before the frames does not prove."""
        if self.size <= self.data.size:
            return
        frame = int(np.searchsorted(self.offsets[1:-1], self.data.size, side="right"))
        with naming_tiles(self.layout):
            raise CorruptDataError(
                f"the frames need {self.size} bytes, the stream has {self.data.size} "
                "(truncated file; ",
                Remedy("rescue"),
                ")",
                stage="index",
                frame=frame,
                offset=self.data.size,
            )

    def _check_padding(self) -> None:
        for start in range(self.size, self.data.size, _PADDING_CHUNK):
            if any(self.data.read(start, start + _PADDING_CHUNK)):
                raise CorruptDataError(
                    f"the stream ends at byte {self.size} of {self.data.size}, only zero bytes may "
                    "follow it (damaged file, or several streams in one?)",
                    stage="container",
                    offset=self.size,
                )

    def frame(self, index: int) -> memoryview | bytes:
        """Return the coded bytes of one frame."""
        return self.data.read(int(self.offsets[index]), int(self.offsets[index + 1]))


def decode_into(
    frames: Sequence[tuple[Stream, int]],
    first_row: int,
    n_rows: int,
    out: NDArray[Any],
    threads: int,
    intact: NDArray[np.uint8] | None = None,
    numbers: Sequence[int] | None = None,
) -> None:
    """Decode rows [first_row, first_row + n_rows) of each frame into out[0], out[1], ...

    `out` has one leading axis of frames and any strides.  Messages name the frames by
    `numbers`, or by default by their place in the stream.
    """
    if any(stream.layout.temporal and index > 0 for stream, index in frames):
        _add_differences(frames, first_row, n_rows, out, threads, intact)
        return
    rows = byte_rows(out, len(frames), n_rows)
    if rows is None:
        contiguous = np.empty(out.shape, out.dtype.newbyteorder("="))
        decode_into(frames, first_row, n_rows, contiguous, threads, intact, numbers)
        out[...] = contiguous
        return
    _decode_rows(frames, first_row, rows, threads, intact, numbers)


def _decode_rows(
    frames: Sequence[tuple[Stream, int]],
    first_row: int,
    rows: NDArray[np.uint8],
    threads: int,
    intact: NDArray[np.uint8] | None = None,
    numbers: Sequence[int] | None = None,
) -> None:
    _mic.decode_frames(
        [stream.layout for stream, _ in frames],
        [stream.frame(index) for stream, index in frames],
        [index for _, index in frames] if numbers is None else numbers,
        [int(stream.offsets[index]) for stream, index in frames],
        first_row,
        rows,
        intact,
        threads,
    )


def _add_differences(
    frames: Sequence[tuple[Stream, int]],
    first_row: int,
    n_rows: int,
    out: NDArray[Any],
    threads: int,
    intact: NDArray[np.uint8] | None,
) -> None:
    """Do the work of `decode_into` for frames of one temporal stream.

    Each frame is stored as its difference from the previous one, mod 2^16.  So all
    frames from the first on are decoded, some at a time, and added up.
    """
    stream, columns = frames[0][0], frames[0][0].layout.columns
    indexes = np.array([index for _, index in frames])
    result = np.empty((len(frames), n_rows, columns), np.uint16)
    before, good = np.zeros((n_rows, columns), np.uint16), np.ones(n_rows, np.bool_)
    step = max(threads, _SUMMED_SAMPLES // before.size)
    for start in range(0, int(indexes.max()) + 1, step):
        stop = min(start + step, int(indexes.max()) + 1)
        sums = np.empty((stop - start, n_rows, columns), np.uint16)
        flags = None if intact is None else np.zeros(sums.shape[:2], np.uint8)
        stored = [(stream, i) for i in range(start, stop)]
        _decode_rows(stored, first_row, sums.view(np.uint8), threads, flags)
        sums[0] += before
        np.cumsum(sums, axis=0, dtype=np.uint16, out=sums)
        here = (indexes >= start) & (indexes < stop)
        if intact is not None and flags is not None:  # damage persists until the last frame
            flags[0] &= good
            np.logical_and.accumulate(flags, axis=0, out=flags)
            sums[flags == 0] = 0
            intact[here] = flags[indexes[here] - start]
            good = flags[-1]
        result[here] = sums[indexes[here] - start]
        before = sums[-1]
    out[...] = result.reshape(out.shape)


def check_decode_limit(
    stream: Stream, shape: Sequence[int], max_pixels: int, frames: Sequence[int] = ()
) -> None:
    """Refuse to decode `frames`, as `shape`, if that costs more samples than allowed."""
    layout = stream.layout
    check_limit(shape, max_pixels)
    check_limit((layout.strip_rows, *frame_shape(layout)[1:]), max_pixels)  # whole strips
    if layout.temporal and frames:  # so is every earlier frame
        check_limit((max(frames) + 1, *frame_shape(layout)), max_pixels)


def empty_frames(stream: Stream, n_frames: int, n_rows: int) -> NDArray[Any]:
    """Allocate an array for some rows of some frames of a stream."""
    layout = stream.layout
    shape = (n_frames, n_rows, layout.columns) + ((3,) if layout.channels == 3 else ())
    return np.empty(shape, dtype_of(layout))
