# SPDX-License-Identifier: MIT
"""Streams to read from: bytes in memory, memory-mapped files, file objects."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from . import _mic
from ._mic import Layout
from .arrays import byte_rows, check_limit, dtype_of, full_shape
from .errors import CorruptDataError, MicError, UnsupportedError

_HEADER_GUESS = 4096  # covers every header without large optional blocks
_PADDING_CHUNK = 1 << 16


class Bytes(Protocol):
    """Random access to the bytes of a stream."""

    size: int

    def read(self, start: int, stop: int) -> memoryview | bytes:
        """Bytes [start, stop), fewer at the end of the data."""


class MemoryBytes:
    """Bytes that are in memory or mapped: reading makes no copy."""

    def __init__(self, buffer: Any) -> None:
        try:
            view = memoryview(buffer)
        except TypeError:
            raise UnsupportedError(
                f"the stream is a {type(buffer).__name__}, a bytes-like object is expected; "
                "mic.open takes paths and file objects"
            ) from None
        if not view.c_contiguous:
            raise UnsupportedError("the stream is not contiguous in memory; pass bytes(stream)")
        self._view = view.cast("B") if view.nbytes else memoryview(b"")
        self.size = self._view.nbytes

    def read(self, start: int, stop: int) -> memoryview:
        return self._view[start:stop]

    def release(self) -> None:
        """Give the buffer back, so that a mapping can be closed."""
        self._view.release()


class FileBytes:
    """A seekable file object that has no memory to map."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)

    def read(self, start: int, stop: int) -> bytes:
        self._file.seek(start)
        return self._file.read(max(0, min(stop, self.size) - start))


class Stream:
    """A parsed stream: its layout, and where each frame lies.

    Parameters
    ----------
    data : Bytes
        The stream; zero bytes may follow it (DICOM pads to even length).
    rescue : bool
        Walk from frame to frame where the index is damaged, instead of failing.
    """

    def __init__(self, data: Bytes, rescue: bool = False, max_pixels: int = 2**30) -> None:
        self.data = data
        self.layout = self._read_layout()
        try:
            self.offsets = self._read_offsets()
        except MicError:
            if not rescue:
                raise
            self.offsets = self._walk_offsets(max_pixels)
        self.size = self.layout.stream_bytes or int(self.offsets[-1])
        if self.layout.container == 0 and not rescue:
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
            return layout.index(self.data.read(start, start + layout.index_bytes))
        start = layout.header_bytes
        end = start + self._frame_size(start)
        if end > self.data.size:
            raise CorruptDataError(
                f"the frame needs bytes {start} to {end}, the stream has {self.data.size} "
                "(truncated file; partial=True rescues what is there)",
                stage="frame",
                frame=0,
                offset=self.data.size,
            )
        return np.array([start, end], np.uint64)

    def _frame_size(self, start: int) -> int:
        """Size of the frame at `start`, reading as little as its head needs."""
        n = _HEADER_GUESS
        while True:
            try:
                return self.layout.frame_size(self.data.read(start, start + n))
            except MicError:
                if start + n >= self.data.size:
                    raise
            n *= 16

    def _walk_offsets(self, max_pixels: int) -> NDArray[np.uint64]:
        """Offsets from the frame heads alone; frames behind a damaged one are empty."""
        end = min(self.data.size, self.layout.index_offset or self.data.size)
        check_limit((self.layout.n_frames,), max_pixels)
        offsets = np.full(self.layout.n_frames + 1, end, np.uint64)
        offset = self.layout.header_bytes
        for frame in range(self.layout.n_frames):
            offsets[frame] = min(offset, end)
            try:
                offset += self._frame_size(offset)
            except MicError:
                break
        offsets[-1] = min(offset, end) if self.layout.n_frames == 1 else end
        return offsets

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
        """The coded bytes of one frame."""
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
    """Rows [first_row, first_row + n_rows) of each frame into out[0], out[1], ...

    `out` has one leading axis of frames and any strides.  Messages call the
    frames by `numbers`, by default their place in their stream.
    """
    rows = byte_rows(out, len(frames), n_rows)
    if rows is None:
        contiguous = np.empty(out.shape, out.dtype.newbyteorder("="))
        decode_into(frames, first_row, n_rows, contiguous, threads, intact, numbers)
        out[...] = contiguous
        return
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


def check_decode_limit(stream: Stream, shape: Sequence[int], max_pixels: int) -> None:
    """Refuse a part of `shape`; without strips (MIC1) a part costs the whole image."""
    layout = stream.layout
    has_strips = layout.container == 0
    check_limit(shape if has_strips else full_shape(layout), max_pixels)
    check_limit((layout.strip_rows, layout.columns), max_pixels)  # a strip is decoded whole


def empty_frames(stream: Stream, n_frames: int, n_rows: int) -> NDArray[Any]:
    """Room for some rows of some frames of a stream."""
    layout = stream.layout
    shape = (n_frames, n_rows, layout.columns) + ((3,) if layout.channels == 3 else ())
    return np.empty(shape, dtype_of(layout))
