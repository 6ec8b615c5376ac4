# SPDX-License-Identifier: MIT
"""Decode the pixels of sorted frames into one array, on several threads."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..codec.arrays import check_limit
from ..dicom.attributes import modality_values, rescaled_dtype
from ..dicom.decoding import describe, iter_frames
from ..dicom.failures import reading
from ..dicom.pixels import common_dtype
from ..errors import CorruptDataError, located
from .frames import Frame

Progress = Callable[[int, int], object]
Place = tuple[int, int]
Job = list[tuple[Frame, Place]]
_JOBS_PER_THREAD = 4  # few enough to open files rarely, enough for threads to finish together


def decode_stack(
    frames: Sequence[Sequence[Frame]],
    types: Mapping[np.dtype[Any], Frame],
    rescale: bool,
    threads: int,
    max_pixels: int,
    progress: Progress | None,
) -> NDArray[Any]:
    """Decode the pixels of frames given as [time][slice], whose `sample_types` are known.

    Returns
    -------
    ndarray, (times, slices, rows, columns[, 3])
        Stored values, in the narrowest type that holds those of all frames.  With
        `rescale`, values after the Modality LUT as float32, which holds every rescaled
        16-bit integer exactly (float64 for wider samples); values beyond it are
        infinite.

    Raises
    ------
    UnsupportedError
        No type holds the values of all frames.
    """
    shape = (len(frames), len(frames[0]), *frames[0][0].shape)
    check_limit(shape, max_pixels)
    with located(" and ".join(frame.name for frame in types.values())):
        stored = common_dtype(types)
    placed: Job = [
        (frame, (t, z)) for t, slices in enumerate(frames) for z, frame in enumerate(slices)
    ]
    volume = np.empty(shape, rescaled_dtype(types) if rescale else stored)

    def decode(job: Job) -> int:
        pixels = _pixels_of([frame for frame, _ in job])
        for (frame, place), samples in zip(job, pixels, strict=True):
            _check_frame(samples, frame, stored)
            with np.errstate(over="ignore"):  # the metadata tell of it
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


def _check_frame(samples: NDArray[Any], frame: Frame, dtype: np.dtype[Any]) -> None:
    if samples.shape != frame.shape:
        raise CorruptDataError(
            f"{frame.label} decodes to shape {samples.shape}, its header says {frame.shape}"
        )
    if not np.can_cast(samples.dtype, dtype):
        raise CorruptDataError(
            f"{frame.label} decodes to {samples.dtype}, {dtype} is expected from the headers; "
            "correct Bits Allocated (0028,0100) or Pixel Representation (0028,0103)"
        )


def sample_types(frames: Sequence[Sequence[Frame]]) -> dict[np.dtype[Any], Frame]:
    """Return the types of the stored values, as the headers say, and the first frame of each.

    Raises
    ------
    UnsupportedError
        An attribute is missing, or contradicts the others.
    CorruptDataError
        A file lacks its pixel data.
    """
    found: dict[np.dtype[Any], Frame] = {}
    seen = set()
    for frame in itertools.chain.from_iterable(frames):
        header, pixels = frame.header, frame.image.pixels
        with reading(frame.name):
            # The whole description costs as much as reading a header, these three do not.
            values = (header.get("BitsAllocated"), header.get("PixelRepresentation"))
            key = (*map(str, values), pixels and pixels.keyword)
            if key not in seen:
                seen.add(key)
                found.setdefault(describe(frame.image).dtype, frame)
    return found
