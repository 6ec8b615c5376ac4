# SPDX-License-Identifier: MIT
"""`DicomSlices`: single frames as samples.  Also reads one file as a tensor."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from operator import index as index_of
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, default_collate, get_worker_info

from ..api import MAX_PIXELS
from ..arguments import path_of
from ..codec.arrays import check_limit, thread_count
from ..codec.selection import FrameSelection, select_frames
from ..dicom.failures import NoPixelsError
from ..dicom.index import IndexedFile, check_one_type, index_file, read_frame, read_frames
from ..errors import UnsupportedError
from ..volume.frames import find_files
from .tensors import (
    FrameCache,
    Memory,
    check_dtype,
    fill,
    series_dtype,
    stored_dtype,
    tensor_dtype,
    warn_of_rescaling,
)

PathLike = str | os.PathLike[str]


def read_dicom_to_tensor(
    path: PathLike,
    frames: FrameSelection = None,
    *,
    dtype: torch.dtype | None = torch.float32,
    rescale: bool = False,
    threads: int = 1,
    max_pixels: int = MAX_PIXELS,
) -> torch.Tensor:
    """Read a DICOM file as a tensor, channels first.

    Parameters
    ----------
    path : path-like
        A file in any transfer syntax that pydicom reads, or in MIC Lossless.
    frames : int, slice or sequence of int, optional
        Frames to read.  Default: all.
    dtype : torch.dtype, optional
        Default: float32, which holds every 16-bit value.  None keeps the stored type
        (uint8, int8, uint16, int16; torch has few operations on uint16).
    rescale : bool
        Apply Rescale Slope and Intercept, or the Modality LUT: CT is then in Hounsfield
        units.  The values are those of pydicom's ``apply_modality_lut``, rounded to
        `dtype`; those beyond it are infinite.
    threads : int
        Number of threads that decode; 0 for all CPUs that this process may use.
    max_pixels : int
        Maximum number of samples to decode; checked before memory is allocated.

    Returns
    -------
    torch.Tensor, (channels, rows, columns) or (frames, channels, rows, columns)
        Three axes if `frames` is an int or the file has a single frame. 1 channel, or 3
        (red, green, blue).

    Raises
    ------
    CorruptDataError
        The file is damaged.
    UnsupportedError
        The file has no pixel data of 8 or 16 bits or lacks a requested frame, or its
        values do not fit `dtype`.
    LimitError
        More than `max_pixels` samples would be decoded.

    Warns
    -----
    UserWarning
        Rescale Slope is 0, or makes values that may be infinite in `dtype`.
    """
    check_dtype(dtype, rescale)
    thread_count(threads)
    indexed = index_file(path_of("path", path), max_pixels)
    check_limit((indexed.n_frames,), max_pixels)
    selected = select_frames(frames, indexed.n_frames)
    if not selected:
        raise UnsupportedError(f"frames {frames!r} select none of {indexed.n_frames} frame(s)")
    check_limit((len(selected), *indexed.description.frame_shape), max_pixels)
    items = [(indexed, frame) for frame in selected]
    if rescale and dtype is not None:
        warn_of_rescaling([indexed], dtype)
    tensor = _batch_of(items, dtype, rescale, threads, Memory())
    one = isinstance(frames, (int, np.integer)) or (frames is None and indexed.n_frames == 1)
    return tensor[0] if one else tensor


def _batch_of(
    items: Sequence[tuple[IndexedFile, int]],
    dtype: torch.dtype | None,
    rescaled: bool,
    threads: int,
    memory: Memory,
) -> torch.Tensor:
    """Read frames of one shape as (frames, channels, rows, columns)."""
    files = [indexed for indexed, _ in items]
    if dtype is None:
        check_one_type(files)
    first = files[0].description
    final = series_dtype(dtype, files)
    shape = (len(items), first.samples_per_pixel, first.rows, first.columns)
    target = memory.tensor(shape, final)
    if dtype is None and first.samples_per_pixel == 1:
        read_frames(items, threads, target.numpy()[:, 0])
    else:
        samples = memory.array((len(items), *first.frame_shape), stored_dtype(files))
        fill(target, read_frames(items, threads, samples), items, rescaled)
    return target


def _indexed(files: Any, max_pixels: int) -> list[IndexedFile]:
    """Parse the files; skip those without pixels if a folder was given."""
    is_folder = isinstance(files, (str, os.PathLike)) and Path(files).is_dir()
    indexed = []
    for source in find_files(files):
        if not isinstance(source, Path):
            raise UnsupportedError(
                f"a {type(source).__name__} is among the files, paths are expected; save it first"
            )
        try:
            indexed.append(index_file(source, max_pixels))
        except NoPixelsError:
            if not is_folder:
                raise
    if not indexed:
        raise UnsupportedError(f"{files} holds no DICOM file with pixels; is it the right folder?")
    return indexed


def _extent(selected: slice | None, length: int, what: str) -> range:
    kept = range(length) if selected is None else range(length)[selected]
    if len(kept) == 0 or kept.step != 1:
        raise UnsupportedError(
            f"{what} is {selected}, a slice of step 1 that holds at least one of {what} 0 to "
            f"{length - 1} is expected"
        )
    return kept


class Batch(list[Any]):
    """The samples of a batch, and the tensor that they are views of."""

    def __init__(self, samples: Iterable[Any], stacked: torch.Tensor, targets: list[Any]) -> None:
        super().__init__(samples)
        self.stacked = stacked
        self.targets = targets


def collate(samples: Sequence[Any]) -> Any:
    """Hand a decoded batch to a DataLoader without a copy, as its `collate_fn`.

    Samples that are not views of a `DicomSlices` batch (because a transform made new
    tensors, or another data set wraps it) go to torch's ``default_collate``.

    Parameters
    ----------
    samples : sequence
        Samples from a data set.

    Returns
    -------
    torch.Tensor, (batch, channels, rows, columns), or a pair of it and the targets
        In pinned memory if there is a CUDA device and the DataLoader has no workers.
    """
    if not isinstance(samples, Batch):
        return default_collate(samples)
    if not samples.targets:
        return samples.stacked
    return samples.stacked, default_collate(samples.targets)


def register_in_worker(worker_id: int = 0) -> None:
    """Register mic with pydicom in a worker, as the `worker_init_fn` of a DataLoader.

    Use it for your own data sets that call pydicom: spawned workers do not inherit a
    `mic.register()` from the main process.

    Parameters
    ----------
    worker_id : int
        Number of the worker, which torch passes; not used.
    """
    from ..dicom.plugin import register

    register()


class Slice(NamedTuple):
    """A frame of a file, passed to `target` functions.

    Attributes
    ----------
    path : str
        Path of the file.
    frame : int
        Number of the frame, from 0.
    """

    path: str
    frame: int


class DicomSlices(Dataset):  # type: ignore[misc]
    """The frames of DICOM files, one sample each.

    Parameters
    ----------
    files : folder, path, or iterable of paths
        Folders are searched recursively.  Every frame of a multi-frame file is a
        sample.
    dtype : torch.dtype, optional
        See `read_dicom_to_tensor`.
    rescale : bool
        See `read_dicom_to_tensor`.
    rows : slice, optional
        Rows of each frame to read.
    patch : (rows, columns), optional
        Size of a patch to read at a random place in each frame.  The place is drawn
        again for each access, from torch's generator, which a DataLoader seeds in its
        workers.
    transform : callable, optional
        Called with each tensor; its result replaces the tensor.
    target : callable, optional
        Called with each `Slice` (path, frame).  Samples are then pairs of the tensor
        and the result of this call.
    cache_bytes : int
        Maximum size of the cache of decoded frames, in bytes, in each process.
    threads : int
        Number of threads that decode a batch, in each process; 0 for all CPUs that the
        process may use.  Without workers (``num_workers=0``), threads decode a batch of
        MIC Lossless in one call and save the copies that workers need.
    max_pixels : int
        Maximum number of samples in one frame.

    Notes
    -----
    A sample is a tensor of (channels, rows, columns).  For frames in MIC Lossless, only
    the strips that contain the requested rows are decoded; frames of less than 1.5
    million pixels have a single strip.  Threads may share one object.  A batch of files
    that differ in type needs a `dtype`.

    Raises
    ------
    UnsupportedError
        There are no files, or files without pixel data of 8 or 16 bits.
    CorruptDataError
        A file is not a DICOM file, or contradicts itself.
    LimitError
        A frame has more than `max_pixels` samples.

    Warns
    -----
    UserWarning
        A Rescale Slope is 0, or makes values that may be infinite in `dtype`.
    """

    def __init__(
        self,
        files: Any,
        *,
        dtype: torch.dtype | None = torch.float32,
        rescale: bool = False,
        rows: slice | None = None,
        patch: tuple[int, int] | None = None,
        transform: Callable[[torch.Tensor], Any] | None = None,
        target: Callable[[Slice], Any] | None = None,
        cache_bytes: int = 0,
        threads: int = 1,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        check_dtype(dtype, rescale)
        thread_count(threads)
        if rows is not None and patch is not None:
            raise UnsupportedError("rows and patch exclude each other; pass one of them")
        if rows is not None and not isinstance(rows, slice):
            raise UnsupportedError(f"rows is {rows!r}, a slice is expected")
        if patch is not None and not (isinstance(patch, Sequence) and len(patch) == 2):
            raise UnsupportedError(f"patch is {patch!r}, a pair of (rows, columns) is expected")
        self.dtype = dtype
        self.rescale = rescale
        self.rows = rows
        self.patch = patch
        self.transform = transform
        self.target = target
        self.threads = threads
        self._cache = FrameCache(cache_bytes)
        self._memory = Memory()
        self._prepared = False
        self._files = _indexed(files, max_pixels)
        if rescale and dtype is not None:
            warn_of_rescaling(self._files, dtype)
        counts = [indexed.n_frames for indexed in self._files]
        self._first = np.concatenate([[0], np.cumsum(counts)])

    def __len__(self) -> int:
        return int(self._first[-1])

    def item(self, index: int) -> Slice:
        """Return the file and frame of a sample.

        Parameters
        ----------
        index : int
            Number of the sample; negative values count from the end.

        Returns
        -------
        Slice

        Raises
        ------
        IndexError
            There is no such sample.
        """
        indexed, frame = self._locate(index)
        return Slice(indexed.path, frame)

    def read(
        self, index: int, rows: slice | None = None, columns: slice | None = None
    ) -> torch.Tensor:
        """Read a part of a frame, without the transform.

        Parameters
        ----------
        index : int
            Number of the sample; negative values count from the end.
        rows, columns : slice of step 1, optional
            Rows and columns to read.  Default: all.

        Returns
        -------
        torch.Tensor, (channels, rows, columns)

        Raises
        ------
        IndexError
            There is no such sample.
        UnsupportedError
            `rows` or `columns` is empty or has another step.
        CorruptDataError
            The frame cannot be decoded.
        """
        indexed, frame = self._locate(index)
        description = indexed.description
        n_rows = _extent(rows, description.rows, "rows")
        n_columns = _extent(columns, description.columns, "columns")
        samples = self._stored(index, n_rows)[:, n_columns.start : n_columns.stop]
        shape = (1, description.samples_per_pixel, *samples.shape[:2])
        tensor = self._memory.tensor(shape, tensor_dtype(self.dtype, indexed))
        fill(tensor, samples[np.newaxis], [(indexed, frame)], self.rescale)
        return tensor[0]

    def __getitem__(self, index: int) -> Any:
        self._prepare()
        if self.patch is None:
            tensor = self.read(index, self.rows)
        else:
            tensor = self.read(index, *self._random_patch(index))
        return self._sample(tensor, index)

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """Return the samples of a batch, which a DataLoader requests in one call."""
        self._prepare()
        whole = self.rows is None and self.patch is None and self._cache.max_bytes == 0
        if not whole:
            return [self[index] for index in indices]
        items = [self._locate(index) for index in indices]
        stacked = _batch_of(items, self.dtype, self.rescale, self.threads, self._memory)
        if self.transform is not None:
            return [self._sample(one, index) for one, index in zip(stacked, indices, strict=True)]
        samples = [self._sample(one, index) for one, index in zip(stacked, indices, strict=True)]
        targets = [] if self.target is None else [target for _, target in samples]
        return Batch(samples, stacked, targets)

    def _sample(self, tensor: torch.Tensor, index: int) -> Any:
        value = tensor if self.transform is None else self.transform(tensor)
        return value if self.target is None else (value, self.target(self.item(index)))

    def _locate(self, index: int) -> tuple[IndexedFile, int]:
        try:
            index = index_of(index)
        except TypeError:
            raise TypeError(f"index {index!r} is no sample, a whole number is expected") from None
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} is asked for, there are {len(self)}")
        index %= len(self)
        number = int(np.searchsorted(self._first, index, "right")) - 1
        return self._files[number], index - int(self._first[number])

    def _stored(self, index: int, rows: range) -> NDArray[Any]:
        indexed, frame = self._locate(index)
        if self._cache.max_bytes == 0:
            return read_frame(indexed, frame, rows)
        key = int(index) % len(self)
        samples = self._cache.get(key)
        if samples is None:
            samples = read_frame(indexed, frame)
            self._cache.put(key, samples)
        return samples[rows.start : rows.stop]

    def _random_patch(self, index: int) -> tuple[slice, slice]:
        assert self.patch is not None
        indexed, _ = self._locate(index)
        places = []
        sides = (indexed.description.rows, indexed.description.columns)
        for size, length in zip(self.patch, sides, strict=True):
            if not 0 < size <= length:
                raise UnsupportedError(
                    f"{indexed.name} has frames of {sides[0]} x {sides[1]}, patches of "
                    f"{self.patch[0]} x {self.patch[1]} do not fit; choose smaller ones"
                )
            start = int(torch.randint(length - size + 1, ()))
            places.append(slice(start, start + size))
        return places[0], places[1]

    def _prepare(self) -> None:
        """Register mic once in a worker, because `transform` and `target` may call pydicom."""
        if not self._prepared:
            self._prepared = True
            if get_worker_info() is not None:
                register_in_worker()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_prepared": False}
