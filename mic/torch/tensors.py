# SPDX-License-Identifier: MIT
"""From stored values to tensors: types, memory for batches, a cache of frames."""

from __future__ import annotations

import contextlib
import math
import threading
import warnings
import weakref
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch.utils.data import get_worker_info

from ..arguments import whole_number
from ..dicom.index import IndexedFile, rescale
from ..dicom.pixels import common_dtype
from ..errors import UnsupportedError

_STORED = {
    np.dtype("u1"): torch.uint8,
    np.dtype("i1"): torch.int8,
    np.dtype("u2"): torch.uint16,
    np.dtype("i2"): torch.int16,
    np.dtype("i4"): torch.int32,  # for uint16 and int16 together
}
_NUMPY_HAS = {
    *_STORED.values(),
    torch.uint32,
    torch.uint64,
    torch.int32,
    torch.int64,
    torch.float32,
    torch.float64,
}


def check_dtype(dtype: torch.dtype | None, rescaled: bool) -> None:
    """Refuse a type that no stored or rescaled value fits."""
    if dtype is not None and not isinstance(dtype, torch.dtype):
        raise UnsupportedError(
            f"dtype is {dtype!r}, a torch type such as torch.float32, or None, is expected"
        )
    if dtype is not None and (dtype.is_complex or dtype == torch.bool):
        raise UnsupportedError(f"dtype is {dtype}, a floating-point or integer type is expected")
    if rescaled and (dtype is None or not dtype.is_floating_point):
        raise UnsupportedError(
            f"rescale=True gives fractions, dtype is {dtype}; a floating-point type is expected"
        )


def stored_dtype(files: Iterable[IndexedFile]) -> np.dtype[Any]:
    """Return the narrowest type that holds the stored values of all files."""
    return common_dtype(indexed.description.dtype for indexed in files)


def series_dtype(dtype: torch.dtype | None, files: Iterable[IndexedFile]) -> torch.dtype:
    """Choose the type of a tensor of several files; refuse it if stored values do not fit."""
    distinct = {id(indexed): indexed for indexed in files}.values()
    for indexed in distinct:
        tensor_dtype(dtype, indexed)
    return _STORED[stored_dtype(distinct)] if dtype is None else dtype


def tensor_dtype(dtype: torch.dtype | None, indexed: IndexedFile) -> torch.dtype:
    """Choose the type of a file's tensors; refuse it if the stored values do not fit."""
    description = indexed.description
    if dtype is None:
        return _STORED[description.dtype]
    if not dtype.is_floating_point:
        signed = description.pixel_representation
        top = 2 ** (description.bits_stored - signed)
        limits = torch.iinfo(dtype)
        if limits.min > -top * signed or limits.max < top - 1:
            raise UnsupportedError(
                f"{indexed.name} has values from {-top * signed} to {top - 1}, {dtype} holds "
                f"{limits.min} to {limits.max}; pass a wider dtype, or None for the stored one"
            )
    return dtype


def warn_of_rescaling(files: Iterable[IndexedFile], dtype: torch.dtype) -> None:
    """Warn of a Rescale Slope of 0, and of rescaled values that the type may not hold."""
    scaled = [indexed for indexed in files if indexed.table is None]
    notes = []
    if zero := [indexed.name for indexed in scaled if not indexed.slopes.all()]:
        notes.append(
            f"Rescale Slope is 0 in {_listed(zero)}: every pixel gets the value of Rescale "
            "Intercept, the stored values are with rescale=False"
        )
    if beyond := [indexed.name for indexed in scaled if _may_overflow(indexed, dtype)]:
        notes.append(
            f"rescaled values of {_listed(beyond)} may be beyond {dtype}; such values become "
            "infinite, a wider dtype or rescale=False keeps them apart"
        )
    if notes:
        warnings.warn("; ".join(notes), stacklevel=3)


def _may_overflow(indexed: IndexedFile, dtype: torch.dtype) -> bool:
    description = indexed.description
    bits = description.bits_stored - description.pixel_representation
    with np.errstate(over="ignore"):
        largest = np.abs(indexed.slopes) * 2.0**bits
        return bool((largest + np.abs(indexed.intercepts) > torch.finfo(dtype).max).any())


def _listed(names: Sequence[str]) -> str:
    others = len(names) - 1
    return names[0] + (f" and {others} other file{'s' if others > 1 else ''}" if others else "")


class Memory:
    """Memory for batches, reused when nothing refers to its content any more.

    Fresh memory costs more than decoding into it, because the system clears every page
    on first touch.  A block is returned when its array is gone, and with it every
    tensor that shares its storage.
    """

    _MOST_FREE = 4

    def __init__(self) -> None:
        self._free: deque[NDArray[np.uint8]] = deque()  # deque methods are atomic: no lock

    def array(self, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        """Return an uninitialised array.  Views must not outlive it; tensors may."""
        n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
        block = self._take(n_bytes)
        if block is None:
            block = np.empty(n_bytes, np.uint8)
        array: NDArray[Any] = np.ndarray(shape, dtype, block)
        weakref.finalize(array, self._give_back, block).atexit = False
        return array

    def _take(self, n_bytes: int) -> NDArray[np.uint8] | None:
        with contextlib.suppress(IndexError):
            for _ in range(len(self._free)):
                block = self._free.popleft()
                if block.nbytes == n_bytes:
                    return block
                self._free.append(block)
        return None

    def _give_back(self, block: NDArray[np.uint8]) -> None:
        self._free.append(block)
        if len(self._free) > self._MOST_FREE:
            with contextlib.suppress(IndexError):
                self._free.popleft()

    def tensor(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        """Return an uninitialised tensor in memory from which torch need not copy.

        In a worker of a DataLoader, its memory is shared with the main process, as in
        torch's own default_collate.  In the main process it is pinned if there is a
        CUDA device.
        """
        n_bytes = math.prod(shape) * dtype.itemsize
        if get_worker_info() is not None:
            storage = torch.UntypedStorage._new_shared(n_bytes)
            return torch.empty(0, dtype=dtype).set_(storage, 0, tuple(shape))
        if torch.cuda.is_available():  # its allocator keeps blocks itself
            return torch.empty(tuple(shape), dtype=dtype, pin_memory=True)
        return torch.from_numpy(self.array((n_bytes,), np.uint8)).view(dtype).view(tuple(shape))

    def __reduce__(self) -> tuple[Any, ...]:
        return Memory, ()


def channels_first(samples: NDArray[Any], has_colour: bool) -> NDArray[Any]:
    """View (..., rows, columns[, 3]) as (..., channels, rows, columns)."""
    return np.moveaxis(samples, -1, -3) if has_colour else samples[..., np.newaxis, :, :]


def fill(
    target: torch.Tensor,
    samples: NDArray[Any],
    items: Sequence[tuple[IndexedFile, int]],
    rescaled: bool,
) -> None:
    """Write the stored values of frames into a tensor of (frames, channels, rows, columns).

    Parameters
    ----------
    target : torch.Tensor
    samples : ndarray, (frames, rows, columns[, 3])
    items : sequence of (IndexedFile, frame)
        Where the values come from.
    rescaled : bool
        Apply the Modality LUT.
    """
    colour = items[0][0].description.samples_per_pixel == 3
    ordered = channels_first(samples, colour)
    # NumPy converts on this thread; torch would wake its thread pool for a few microseconds of
    # work.
    is_direct = target.dtype in _NUMPY_HAS
    values = target.numpy() if is_direct else np.empty(target.shape, np.float32)
    for one, stored, (indexed, frame) in zip(values, ordered, items, strict=True):
        if rescaled:
            rescale(stored, indexed, frame, one)
        else:
            np.copyto(one, stored, casting="unsafe")
    if not is_direct:  # float16 and narrower types
        target.copy_(torch.from_numpy(values))


class FrameCache:
    """The most recently used decoded frames, up to a number of bytes.

    Parameters
    ----------
    max_bytes : int
        0 keeps nothing.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = whole_number("cache_bytes", max_bytes, 0)
        self.n_bytes = 0
        self._frames: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: int) -> NDArray[Any] | None:
        """Return a frame, or None if it is not cached."""
        with self._lock:
            if key in self._frames:
                self._frames.move_to_end(key)
            return self._frames.get(key)

    def put(self, key: int, frame: NDArray[Any]) -> None:
        """Keep a frame and drop the least recently used ones if space is short."""
        if frame.nbytes > self.max_bytes:
            return
        with self._lock:
            if key in self._frames:
                return
            self._frames[key] = frame
            self.n_bytes += frame.nbytes
            while self.n_bytes > self.max_bytes:
                _, oldest = self._frames.popitem(last=False)
                self.n_bytes -= oldest.nbytes

    def __reduce__(self) -> tuple[Any, ...]:
        return FrameCache, (self.max_bytes,)  # each worker fills its own
