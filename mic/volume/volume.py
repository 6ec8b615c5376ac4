# SPDX-License-Identifier: MIT
"""`Volume`, and the functions that find series and read them into one."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..api import MAX_PIXELS
from ..arguments import path_of, shown, whole_number
from ..codec.arrays import thread_count
from ..dicom.attributes import image_shape
from ..dicom.failures import reading
from ..dicom.reading import Image
from ..errors import MicError, UnsupportedError, located, one_sentence
from ..images.formats import read_samples
from ..images.kinds import kind_of
from .frames import Frame, find_files, frames_of, read_heads
from .geometry import stack_frames
from .metadata import metadata_of, value_notes
from .pixels import Progress, decode_stack, sample_types

if TYPE_CHECKING:
    import SimpleITK
    import torch

Triple = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Volume:
    """An array and the position of its voxels in the patient.

    Spacing, origin and direction follow SimpleITK: they are given for the axes x (along
    a row), y (down a column) and z (from slice to slice), in mm, in patient coordinates
    (left, posterior, superior).  The array has its axes in the opposite order, as usual
    in numpy: ``array[z, y, x]``.

    Attributes
    ----------
    array : ndarray
        (slices, rows, columns), or (times, slices, rows, columns) for a time series,
        with a trailing 3 for colour.
    spacing : tuple of float
        Distance between voxels along x, y and z, mm.
    origin : tuple of float
        Centre of voxel ``array[0, 0, 0]``, mm.
    direction : ndarray of float64, 3 x 3
        The columns are the unit vectors of x, y and z.
    metadata : dict
        From DICOM: ``"series_uid"``, ``"study_uid"``, ``"modality"``,
        ``"description"``, ``"frame_of_reference_uid"``; ``"files"``, for each time a
        list with the path and frame of each slice (frame None if the file has only
        one); ``"slope"`` and ``"intercept"`` (numbers, or one for each frame in lists
        nested like ``"files"``); ``"rescaled"``; ``"fourth_axis"``, None or the DICOM
        keyword that distinguishes the times and its values; ``"warnings"``, a list of
        sentences; ``"samples_per_pixel"``; ``"header"``, a pydicom data set of the
        first slice without pixels.

    Raises
    ------
    UnsupportedError
        The array has no voxels or the wrong number of axes, `metadata` is not a dict, a
        spacing is not positive, or spacing, origin or direction are not numbers of the
        right shape.
    """

    array: NDArray[Any]
    spacing: Triple = (1.0, 1.0, 1.0)
    origin: Triple = (0.0, 0.0, 0.0)
    direction: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        array = np.asarray(self.array)
        direction = _numbers(self.direction)
        if direction.size != 9:
            raise UnsupportedError(
                f"direction is {shown(self.direction)}, a matrix of 3 x 3 numbers is expected"
            )
        for name in ("spacing", "origin"):
            value = _numbers(getattr(self, name))
            if value.shape != (3,) or not np.isfinite(value).all():
                raise UnsupportedError(
                    f"{name} is {shown(getattr(self, name))}, three numbers of mm are expected"
                )
            object.__setattr__(self, name, tuple(value.tolist()))
        if not isinstance(self.metadata, dict):
            raise UnsupportedError(f"metadata is {shown(self.metadata)}, a dict is expected")
        if min(self.spacing) <= 0:
            raise UnsupportedError(f"spacing is {self.spacing}, positive distances are expected")
        object.__setattr__(self, "array", array)
        object.__setattr__(self, "direction", direction.reshape(3, 3))
        if array.ndim - self.is_colour not in (3, 4) or array.size == 0:
            raise UnsupportedError(
                f"the array has shape {array.shape}, (slices, rows, columns) or (times, slices, "
                "rows, columns) with at least one sample is expected"
            )

    @property
    def is_colour(self) -> bool:
        """Whether the last axis of the array is colour."""
        return int(self.metadata.get("samples_per_pixel", 1)) > 1

    @property
    def size(self) -> tuple[int, int, int]:
        """Number of voxels along x, y and z."""
        shape = self.array.shape[:-1] if self.is_colour else self.array.shape
        return shape[-1], shape[-2], shape[-3]

    @property
    def times(self) -> int | None:
        """Length of the fourth axis, or None if there is none."""
        return self.array.shape[0] if self.array.ndim - self.is_colour == 4 else None

    @property
    def affine(self) -> NDArray[np.float64]:
        """4 x 4 matrix from voxel (x, y, z, 1) to mm (left, posterior, superior).

        For NIfTI (right, anterior, superior), negate the first two rows.
        """
        matrix = np.eye(4)
        matrix[:3, :3] = self.direction * self.spacing
        matrix[:3, 3] = self.origin
        return matrix

    def at(self, time: int) -> Volume:
        """Return the volume at one time of a time series.

        Parameters
        ----------
        time : int
            Index on the fourth axis; negative values count from the end.

        Returns
        -------
        Volume
            It shares its pixels with this volume.

        Raises
        ------
        UnsupportedError
            The volume has no such time, or no fourth axis.
        """
        if self.times is None or not -self.times <= whole_number("time", time) < self.times:
            raise UnsupportedError(
                f"time {time} is asked for, the volume has {self.times or 'no'} times"
            )
        return replace(self, array=self.array[time])

    def normalize(
        self, method: str | None = None, *, window: tuple[float, float] | None = None
    ) -> Volume:
        """Scale the values, all times and slices together.

        Parameters
        ----------
        method : {"minmax", "zscore"}
            Scale to [0, 1], or to mean 0 and standard deviation 1.
        window : (centre, width), instead of a method
            Map centre - width / 2 and less to 0, centre + width / 2 and more to 1, and
            values between linearly.  In the units of the array (Hounsfield units after
            ``rescale=True``).

        Returns
        -------
        Volume
            Its array is float32.  A constant array becomes 0 with either method.

        Raises
        ------
        UnsupportedError
            The method is unknown, the window has no width, or samples are not finite.
        """
        from .values import normalized

        return replace(self, array=normalized(self.array, method, window))

    def resample(
        self,
        size: int | Sequence[int] | None = None,
        spacing: float | Sequence[float] | None = None,
        interpolator: str = "linear",
    ) -> Volume:
        """Interpolate onto a grid of different spacing over the same region (extra "sitk").

        Parameters
        ----------
        size : int or (x, y, z)
            Number of voxels of the result.  Pass either `size` or `spacing`.
        spacing : float or (x, y, z)
            Spacing of the result, mm.  The number of voxels is rounded; the centre
            stays in place.
        interpolator : {"linear", "nearest", "cubic", "lanczos"}
            Use "nearest" for labels.

        Returns
        -------
        Volume
            Same dtype: integers are rounded, not truncated.  If the result has fewer
            voxels, smooth first where fine patterns matter.

        Raises
        ------
        UnsupportedError
            Both or neither of `size` and `spacing` are given, or one of them or
            `interpolator` is invalid.
        LimitError
            The result would have more samples than both this volume and the default
            `max_pixels`.
        """
        from .sitk import resampled

        return resampled(self, size, spacing, interpolator)

    def to_sitk(self) -> SimpleITK.Image:
        """Convert to a SimpleITK image (extra "sitk").

        Returns
        -------
        SimpleITK.Image
            3-D, or 4-D for a time series.  Booleans become uint8, float16 becomes
            float32.
        """
        from .sitk import to_sitk

        return to_sitk(self)

    @classmethod
    def from_sitk(cls, image: SimpleITK.Image) -> Volume:
        """Make a volume from a SimpleITK image.

        Parameters
        ----------
        image : SimpleITK.Image
            Three dimensions, or four for a time series.

        Returns
        -------
        Volume

        Raises
        ------
        UnsupportedError
            Not a SimpleITK image, or one with another number of dimensions.
        """
        from .sitk import from_sitk

        return from_sitk(cls, image)

    def to_tensor(self, dtype: torch.dtype | str | None = None) -> torch.Tensor:
        """Convert the array to a torch tensor of the same shape (extra "torch").

        Parameters
        ----------
        dtype : torch.dtype or str, optional
            Such as ``torch.float32`` or ``"float16"``.  Default: the dtype of the
            array, except that uint16 and uint32, on which torch has few operations,
            become int32 and int64.

        Returns
        -------
        torch.Tensor
            It shares the memory of the array if no conversion is needed.

        Raises
        ------
        UnsupportedError
            `dtype` is not a torch type.
        """
        from .values import to_tensor

        return to_tensor(self.array, dtype)


def _numbers(value: Any) -> NDArray[np.float64]:
    """Convert to an array of numbers; an empty one if that is impossible."""
    try:
        return np.array(value, np.float64)
    except (TypeError, ValueError):
        return np.empty(0)


@dataclass(frozen=True)
class SeriesInfo:
    """Summary of one series in a folder.

    Attributes
    ----------
    uid : str
        Series Instance UID.
    modality, description : str
        Modality and Series Description; empty if the file has none.
    number : int or None
        Series Number.
    files, frames : int
        Number of files and of frames.
    rows, columns : int
        Size of the frames of the first file, in pixels.
    """

    uid: str
    modality: str
    description: str
    number: int | None
    files: int
    frames: int
    rows: int
    columns: int


def list_series(folder_or_paths: Any, *, threads: int = 1) -> list[SeriesInfo]:
    """List the image series in a folder.

    Parameters
    ----------
    folder_or_paths : path, or iterable of paths and pydicom data sets
        Folders are searched recursively.
    threads : int
        Number of threads that read headers; 0 for all CPUs that this process may use.

    Returns
    -------
    list of SeriesInfo
        Sorted by Series Number and UID.

    Raises
    ------
    UnsupportedError
        There is no DICOM file, or none with pixels.
    CorruptDataError
        None of the files can be read.

    Warns
    -----
    UserWarning
        Some files cannot be read and are left out; the warning says why.
    """
    unreadable: list[Exception] = []
    series = _group(folder_or_paths, thread_count(threads), unreadable)
    infos = [_describe(uid, heads) for uid, heads in series.items()]
    if unreadable:
        reasons = "; ".join(one_sentence(error) for error in unreadable[:3])
        more = f"; and {len(unreadable) - 3} more" if len(unreadable) > 3 else ""
        n_files = f"{len(unreadable)} file{'s' if len(unreadable) > 1 else ''}"
        warnings.warn(
            f"left out, because they cannot be read: {n_files}: {reasons}{more}",
            stacklevel=2,
        )
    return sorted(infos, key=lambda info: (info.number is None, info.number or 0, info.uid))


def read_series(
    folder_or_paths: Any,
    *,
    series_uid: str | None = None,
    rescale: bool = False,
    strict: bool = True,
    threads: int = 1,
    max_pixels: int = MAX_PIXELS,
    progress: Progress | None = None,
) -> Volume:
    """Read a DICOM series as a volume, sorted along the slice normal.

    Reads single-frame and enhanced multi-frame files, in any transfer syntax that
    pydicom can decode here and in those of mic.  Several frames at each place become a
    fourth axis if an attribute distinguishes them (temporal position, echo, b-value,
    trigger or acquisition time).

    Parameters
    ----------
    folder_or_paths : path, or iterable of paths and pydicom data sets
        Folders are searched recursively; files without pixels are skipped.
    series_uid : str, optional
        Series Instance UID, required if there are several series.
    rescale : bool
        Apply Rescale Slope and Intercept, or the Modality LUT, to each frame: CT is
        then in Hounsfield units.  The result is float32 (float64 for 32-bit samples);
        values beyond it are infinite, and ``metadata["warnings"]`` tells of them.
    strict : bool
        Raise on missing slices, uneven distances, duplicates and gantry tilt.  If
        False, the volume is made from the frames that exist, and
        ``metadata["warnings"]`` lists its problems.
    threads : int
        Number of threads that read and decode; 0 for all CPUs that this process may
        use.
    max_pixels : int
        Maximum number of samples to decode; checked before memory is allocated.
    progress : callable(done, total), optional
        Called in the calling thread as frames are decoded.

    Returns
    -------
    Volume
        (slices, rows, columns), or (times, slices, rows, columns), with a trailing 3
        for colour.  Stored values of frames of several types have the narrowest type
        that holds them all: uint16 and int16 give int32.

    Raises
    ------
    UnsupportedError
        There is no image, there are several series, or the frames do not form a volume.
    CorruptDataError
        A file cannot be decoded.
    LimitError
        The series has more than `max_pixels` samples.
    """
    n_threads = thread_count(threads)
    uid, frames = frames_of_series(folder_or_paths, series_uid, n_threads, max_pixels)
    stack = stack_frames(frames, strict)
    types = sample_types(stack.frames)
    array = decode_stack(stack.frames, types, rescale, n_threads, max_pixels, progress)
    with reading(stack.frames[0][0].name):
        metadata = metadata_of(uid, stack, rescale)
    metadata["warnings"] += value_notes(stack.frames, types, array, rescale)
    if stack.axis is None:
        array = array[0]
    return Volume(array, stack.spacing, stack.origin, stack.direction, metadata)


def read(
    path: Any,
    *,
    rescale: bool = False,
    strict: bool = True,
    threads: int = 1,
    max_pixels: int = MAX_PIXELS,
    progress: Progress | None = None,
) -> Volume:
    """Read one file, or a folder with one series, as a volume.

    Parameters
    ----------
    path : path
        A DICOM file of one or more frames, a folder, or another file that mic reads
        (.mic, .npy, .png, .tif).  Files other than DICOM have no geometry; their voxels
        are taken to be 1 mm apart.
    rescale, strict, threads, max_pixels, progress
        See `read_series`.

    Returns
    -------
    Volume

    Raises
    ------
    UnsupportedError, CorruptDataError, LimitError
        See `read_series`.
    """
    file = path_of("path", path)
    kind = kind_of(file) if file.is_file() else None
    if kind in (None, "dicom", "raw"):
        return read_series(
            file,
            rescale=rescale,
            strict=strict,
            threads=threads,
            max_pixels=max_pixels,
            progress=progress,
        )
    array = read_samples(file, threads, max_pixels)
    colour = array.ndim > 2 and array.shape[-1] == 3
    while array.ndim - colour < 3:
        array = array[np.newaxis]
    notes = [f"{file.name} has no geometry: voxels are taken to be 1 mm apart"]
    metadata = {"files": [[(str(file), None)]], "warnings": notes}
    return Volume(array, metadata={**metadata, "samples_per_pixel": 3 if colour else 1})


def frames_of_series(
    folder_or_paths: Any, series_uid: str | None, threads: int, max_pixels: int
) -> tuple[str, list[Frame]]:
    """Return the Series Instance UID and the unsorted frames of the requested series."""
    series = _group(folder_or_paths, threads)
    uid = _choose(series, series_uid)
    return uid, [frame for image in series[uid] for frame in frames_of(image, max_pixels)]


Heads = list[Image]


def _group(
    folder_or_paths: Any, threads: int, unreadable: list[Exception] | None = None
) -> dict[str, Heads]:
    """Group headers by Series Instance UID; for errors see `read_heads`."""
    sources = find_files(folder_or_paths)
    series: dict[str, Heads] = {}
    for image in read_heads(sources, threads, unreadable):
        try:
            with reading(image.name), located(image.name):
                uid = str(image.header.get("SeriesInstanceUID") or "")
                if unreadable is not None:  # `_describe` needs it
                    image_shape(image.header)
        except MicError as error:
            if unreadable is None:
                raise
            unreadable.append(error)
        else:
            series.setdefault(uid, []).append(image)
    if not series and unreadable:
        raise unreadable[0]
    if not series:
        raise UnsupportedError(
            f"none of {len(sources)} DICOM files has pixels; is it the right folder?"
        )
    return series


def _choose(series: dict[str, Heads], wanted: str | None) -> str:
    if wanted is None and len(series) == 1:
        return next(iter(series))
    if wanted is not None and str(wanted) in series:
        return str(wanted)
    lines = []
    for uid, heads in series.items():
        info = _describe(uid, heads)
        what = " ".join(filter(None, [info.modality, info.description]))
        lines.append(f"{uid or 'no UID'} ({what}, {info.frames} frames)")
    more = f", and {len(lines) - 8} more" if len(lines) > 8 else ""
    listed = ", ".join(lines[:8])
    asked = "" if wanted is None else f"there is no series {wanted}; "
    raise UnsupportedError(
        f"{asked}{len(series)} series are here: {listed}{more}; pass series_uid= to choose one"
    )


def _describe(uid: str, heads: Heads) -> SeriesInfo:
    head = heads[0].header
    n_frames = 0
    for image in heads:
        with reading(image.name), located(image.name):
            n_frames += image_shape(image.header)[0]
    with reading(heads[0].name):
        _, rows, columns, _ = image_shape(head)
        number = head.get("SeriesNumber")
        return SeriesInfo(
            uid,
            str(head.get("Modality") or ""),
            str(head.get("SeriesDescription") or ""),
            None if number is None else int(number),
            len(heads),
            n_frames,
            rows,
            columns,
        )
