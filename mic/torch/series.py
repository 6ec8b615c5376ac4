# SPDX-License-Identifier: MIT
"""`DicomSeries`: whole series as samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import Dataset

from ..api import MAX_PIXELS
from ..codec.arrays import check_limit, thread_count
from ..dicom.index import IndexedFile, index_image, read_frames
from ..errors import UnsupportedError
from ..volume.frames import Frame, frames_of
from ..volume.geometry import Stack, stack_frames
from ..volume.volume import _group
from .tensors import Memory, check_dtype, fill, series_dtype, stored_dtype, warn_of_rescaling


@dataclass(frozen=True, eq=False)
class Series:
    """A sorted series whose pixels have not been read yet.

    Attributes
    ----------
    uid : str
        Series Instance UID.
    items : list of (IndexedFile, int)
        File and frame of each slice, one time after another.
    times : int or None
        Length of the fourth axis.
    spacing, origin, direction
        See `mic.volume.Volume`.
    """

    uid: str
    items: list[tuple[IndexedFile, int]]
    times: int | None
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    direction: Any


class DicomSeries(Dataset):  # type: ignore[misc]
    """The DICOM series in a folder, one sample each, sorted along the slice normal.

    Parameters
    ----------
    files : folder, path, or iterable of paths
        Folders are searched recursively; files without pixels are skipped.
    dtype : torch.dtype, optional
        See `read_dicom_to_tensor`.
    rescale : bool
        See `read_dicom_to_tensor`.
    strict : bool
        Raise on missing slices, uneven distances, duplicates and gantry tilt when the
        data set is created; see `mic.volume.read_series`.
    transform : callable, optional
        Called with each sample; its result replaces the sample.
    threads : int
        Number of threads that decode a series, in each process; 0 for all CPUs that the
        process may use.
    max_pixels : int
        Maximum number of samples in one series.

    Notes
    -----
    A sample is a dict with ``"image"``, a tensor of (channels, slices, rows, columns),
    whose channels are the times of a time series, or the colours, of the narrowest type
    that holds all stored values if `dtype` is None; ``"spacing"`` and
    ``"origin"`` (x, y, z in mm) and ``"direction"`` (3 x 3), float64 tensors as in
    `mic.volume.Volume`; and ``"series_uid"``.

    Raises
    ------
    UnsupportedError
        There are no images, or frames that do not form a volume.
    CorruptDataError
        A file contradicts itself.
    LimitError
        A series has more than `max_pixels` samples.

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
        strict: bool = True,
        transform: Callable[[dict[str, Any]], Any] | None = None,
        threads: int = 1,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        check_dtype(dtype, rescale)
        self.dtype = dtype
        self.rescale = rescale
        self.transform = transform
        self.threads = threads
        self._memory = Memory()
        self.series: list[Series] = []
        for uid, images in _group(files, thread_count(threads)).items():
            frames = [frame for image in images for frame in frames_of(image, max_pixels)]
            stack = stack_frames(frames, strict)
            shape = (len(stack.frames), len(stack.frames[0]), *stack.frames[0][0].shape)
            check_limit(shape, max_pixels)
            self.series.append(_series(uid, stack))
        if rescale and dtype is not None:
            files = {id(file): file for series in self.series for file, _ in series.items}
            warn_of_rescaling(files.values(), dtype)

    def __len__(self) -> int:
        return len(self.series)

    def __getitem__(self, index: int) -> Any:
        series = self.series[index]
        sample = {
            "image": self._image(series),
            "spacing": torch.tensor(series.spacing, dtype=torch.float64),
            "origin": torch.tensor(series.origin, dtype=torch.float64),
            "direction": torch.tensor(series.direction, dtype=torch.float64),
            "series_uid": series.uid,
        }
        return sample if self.transform is None else self.transform(sample)

    def _image(self, series: Series) -> torch.Tensor:
        items = series.items
        description = items[0][0].description
        files = [indexed for indexed, _ in items]
        dtype = series_dtype(self.dtype, files)
        samples = self._memory.array((len(items), *description.frame_shape), stored_dtype(files))
        read_frames(items, self.threads, samples)
        channels = description.samples_per_pixel
        shape = (len(items), channels, description.rows, description.columns)
        tensor = self._memory.tensor(shape, dtype)
        fill(tensor, samples, items, self.rescale)
        if channels > 1:
            return tensor.transpose(0, 1)
        return tensor.reshape(series.times or 1, -1, *shape[2:])


def _series(uid: str, stack: Stack) -> Series:
    files: dict[int, IndexedFile] = {}

    def item(frame: Frame) -> tuple[IndexedFile, int]:
        key = id(frame.image)
        if key not in files:
            files[key] = index_image(frame.image)
        return files[key], frame.index or 0

    items = [item(frame) for slices in stack.frames for frame in slices]
    times = None if stack.axis is None else len(stack.frames)
    if times is not None and items[0][0].description.samples_per_pixel > 1:
        raise UnsupportedError(
            f"series {uid} is a time series in colour, of which a sample has no axis left; use "
            "mic.volume.read_series"
        )
    return Series(uid, items, times, stack.spacing, stack.origin, stack.direction)
