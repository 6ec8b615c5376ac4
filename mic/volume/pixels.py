# SPDX-License-Identifier: MIT
"""Decode the pixels of sorted frames into one array, on several threads."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..codec.arrays import check_limit
from ..dicom.attributes import modality_values
from ..dicom.decoding import iter_frames
from ..errors import CorruptDataError
from .frames import Frame

Progress = Callable[[int, int], object]
Place = tuple[int, int]
Job = list[tuple[Frame, Place]]
_JOBS_PER_THREAD = 4  # few enough to open files rarely, enough for threads to finish together


def decode_stack(
    frames: Sequence[Sequence[Frame]],
    rescale: bool,
    threads: int,
    max_pixels: int,
    progress: Progress | None,
) -> NDArray[Any]:
    """Decode the pixels of frames given as [time][slice].

    Returns
    -------
    ndarray, (times, slices, rows, columns[, 3])
        Stored values.  With `rescale`, values after the Modality LUT as float32, which
        holds every rescaled 16-bit integer exactly (float64 for wider samples).
    """
    shape = (len(frames), len(frames[0]), *frames[0][0].shape)
    check_limit(shape, max_pixels)
    placed: Job = [
        (frame, (t, z)) for t, slices in enumerate(frames) for z, frame in enumerate(slices)
    ]
    # The sample type is taken from the first frame: the header alone does not reveal float data.
    first = next(_pixels_of([placed[0][0]]))
    _check_frame(first, placed[0][0])
    dtype = first.dtype.newbyteorder("=")
    if rescale:
        dtype = np.dtype(np.float32 if first.dtype.itemsize <= 2 else np.float64)
    volume = np.empty(shape, dtype)

    def decode(job: Job) -> int:
        pixels = _pixels_of([frame for frame, _ in job])
        for (frame, place), samples in zip(job, pixels, strict=True):
            _check_frame(samples, frame)
            volume[place] = modality_values(samples, frame.attributes) if rescale else samples
        return len(job)

    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(decode, job) for job in _jobs(placed, threads)]
        try:
            done = 0
            for future in as_completed(futures):
                done += future.result()
                if progress is not None:
                    progress(done, len(placed))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return volume


def _jobs(placed: Job, threads: int) -> Iterator[Job]:
    """Split the frames into jobs for threads, each with frames of one file in the file's order.

    A file may be divided among threads.  A data set may not, because reading one of its
    elements can change it.
    """
    by_source: dict[int, Job] = {}
    for frame, place in placed:
        by_source.setdefault(id(frame.image), []).append((frame, place))
    for job in by_source.values():
        job.sort(key=lambda item: item[0].index or 0)
        divisible = isinstance(job[0][0].source, Path)
        size = -(-len(job) // (threads * _JOBS_PER_THREAD)) if divisible else len(job)
        iterator = iter(job)
        while part := list(itertools.islice(iterator, size)):
            yield part


def _pixels_of(frames: Sequence[Frame]) -> Iterator[NDArray[Any]]:
    return iter_frames(frames[0].image, [frame.index or 0 for frame in frames])


def _check_frame(samples: NDArray[Any], frame: Frame) -> None:
    if samples.shape != frame.shape:
        raise CorruptDataError(
            f"{frame.label} decodes to shape {samples.shape}, its header says {frame.shape}"
        )
