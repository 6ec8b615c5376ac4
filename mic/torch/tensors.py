# SPDX-License-Identifier: MIT
"""From stored values to tensors: types, memory for batches, a cache of frames."""

from __future__ import annotations

import contextlib
import math
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch.utils.data import get_worker_info

from ..arguments import whole_number
from ..dicom.index import IndexedFile, rescale
from ..errors import UnsupportedError

_STORED = {
    np.dtype("u1"): torch.uint8,
    np.dtype("i1"): torch.int8,
    np.dtype("u2"): torch.uint16,
    np.dtype("i2"): torch.int16,
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
    """Refuse types that no stored or rescaled value fits."""
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


def tensor_dtype(dtype: torch.dtype | None, indexed: IndexedFile) -> torch.dtype:
    """The type of a file's tensors, if its stored values fit."""
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


class Memory:
    """Memory for batches, used again once nobody holds what was in it.

    Fresh memory costs more than decoding into it: the system clears every page at
    its first touch.  A block comes back when the array, and thus each tensor that
    shares its storage, is gone.
    """

    _MOST_FREE = 4

    def __init__(self) -> None:
        self._free: deque[NDArray[np.uint8]] = deque()  # its methods are atomic: no lock

    def array(self, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        """An array of any content.  Views of it must not outlive it, tensors may."""
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
        """A tensor of any content, where it need not be copied from.

        In a worker of a DataLoader its memory is shared with the main process, as
        torch's own default_collate does it; in the main process it is pinned where
        there is a CUDA device.
        """
        n_bytes = math.prod(shape) * dtype.itemsize
        if get_worker_info() is not None:
            storage = torch.UntypedStorage._new_shared(n_bytes)
            return torch.empty(0, dtype=dtype).set_(storage, 0, tuple(shape))
        if torch.cuda.is_available():  # whose allocator keeps blocks itself
            return torch.empty(tuple(shape), dtype=dtype, pin_memory=True)
        return torch.from_numpy(self.array((n_bytes,), np.uint8)).view(dtype).view(tuple(shape))

    def __reduce__(self) -> tuple[Any, ...]:
        return Memory, ()


def channels_first(samples: NDArray[Any], has_colour: bool) -> NDArray[Any]:
    """(..., rows, columns[, 3]) as (..., channels, rows, columns); a view."""
    return np.moveaxis(samples, -1, -3) if has_colour else samples[..., np.newaxis, :, :]


def fill(
    target: torch.Tensor,
    samples: NDArray[Any],
    items: Sequence[tuple[IndexedFile, int]],
    rescaled: bool,
) -> None:
    """Stored values of frames into a tensor of (frames, channels, rows, columns).

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
    # NumPy converts on this thread; torch would wake its pool for a few microseconds of work.
    is_direct = target.dtype in _NUMPY_HAS
    values = target.numpy() if is_direct else np.empty(target.shape, np.float32)
    for one, stored, (indexed, frame) in zip(values, ordered, items, strict=True):
        if rescaled:
            rescale(stored, indexed, frame, one)
        else:
            np.copyto(one, stored, casting="unsafe")
    if not is_direct:  # float16 and narrower
        target.copy_(torch.from_numpy(values))


class FrameCache:
    """Decoded frames, the ones used last, up to a number of bytes.

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
        """A frame, if it is there."""
        with self._lock:
            if key in self._frames:
                self._frames.move_to_end(key)
            return self._frames.get(key)

    def put(self, key: int, frame: NDArray[Any]) -> None:
        """Keep a frame, at the cost of those that were not used for the longest time."""
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
        return FrameCache, (self.max_bytes,)  # a worker fills its own
