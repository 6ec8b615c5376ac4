# SPDX-License-Identifier: MIT
"""The frames of DICOM files and their place in space, before any pixel is decoded."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..arguments import path_of, shown
from ..dicom.attributes import (
    IMAGE_KEYWORDS,
    FrameAttributes,
    check_announced,
    image_shape,
    rescaling,
    shared_attributes,
)
from ..dicom.failures import is_dicom, reading
from ..dicom.reading import Image, read_image
from ..errors import CorruptDataError, MicError, UnsupportedError, located
from ..images.kinds import SUFFIXES, files_below

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

PathOrDataset = Path | Any
"""A path or a pydicom Dataset."""

# Attributes that may distinguish frames at one place, the most specific first.
AXIS_KEYWORDS = (
    "TemporalPositionIdentifier",
    "TemporalPositionIndex",
    "EchoNumbers",
    "EffectiveEchoTime",
    "EchoTime",
    "DiffusionBValue",
    "NominalCardiacTriggerDelayTime",
    "NominalPercentageOfCardiacPhase",
    "TriggerTime",
    "FrameReferenceTime",
    "FrameReferenceDateTime",
    "AcquisitionNumber",
    "FrameAcquisitionDateTime",
    "AcquisitionDateTime",
    "AcquisitionTime",
    "ContentTime",
)

_HEAD_KEYWORDS = [
    *IMAGE_KEYWORDS,
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SeriesDescription",
    "Modality",
    "InstanceNumber",
    "FrameOfReferenceUID",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "SliceThickness",
    "SpacingBetweenSlices",
    "GridFrameOffsetVector",
    "DetectorInformationSequence",
    "ImageType",
    *AXIS_KEYWORDS,
]


@dataclass(frozen=True, eq=False)
class Frame:
    """One image plane of a file.

    Attributes
    ----------
    image : Image
    index : int or None
        Frame within the file; None if the file has only one.
    attributes : FrameAttributes
    position : ndarray or None
        Image Position (Patient), mm.
    orientation : ndarray or None
        Image Orientation (Patient): the unit vectors along a row and down a column.
    pixel_spacing : tuple of float or None
        mm between columns and between rows (x, y).
    slope, intercept : float
    """

    image: Image
    index: int | None
    attributes: FrameAttributes
    position: NDArray[np.float64] | None
    orientation: NDArray[np.float64] | None
    pixel_spacing: tuple[float, float] | None
    slope: float = 1.0
    intercept: float = 0.0
    shape: tuple[int, ...] = field(default=())

    @property
    def header(self) -> Dataset:
        """The attributes that a volume needs; it holds no pixels."""
        return self.image.header

    @property
    def source(self) -> PathOrDataset:
        """Path or data set that the frame comes from."""
        return self.image.source

    @property
    def name(self) -> str:
        """Name of the file, for messages."""
        return self.image.name

    @property
    def number(self) -> tuple[int, int]:
        """Instance Number and frame number: the sort key when nothing better exists."""
        number = self.header.get("InstanceNumber")
        return (int(number) if number is not None else 0, self.index or 0)

    @property
    def label(self) -> str:
        """Name of the file, and the frame number if the file has several frames."""
        return self.name if self.index is None else f"{self.name} frame {self.index}"


def find_files(folder_or_paths: Any) -> list[PathOrDataset]:
    """Files below a folder, or the paths and data sets of an iterable.

    Raises
    ------
    UnsupportedError
        The folder does not exist or holds no DICOM file.
    """
    from pydicom.dataset import Dataset

    if isinstance(folder_or_paths, Dataset):
        return [folder_or_paths]
    if not isinstance(folder_or_paths, (str, os.PathLike)):
        return _given_files(folder_or_paths)
    path = Path(folder_or_paths)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UnsupportedError(f"{path} does not exist; a folder, a file or paths are expected")
    files = [
        file
        for file in files_below(path)
        if SUFFIXES.get(file.suffix.lower()) == "dicom" or is_dicom(file)
    ]
    if not files:
        raise UnsupportedError(f"{path} holds no DICOM file; is it the right folder?")
    return [*files]


def _given_files(items: Any) -> list[PathOrDataset]:
    from pydicom.dataset import Dataset

    if not isinstance(items, Iterable) or isinstance(items, (bytes, np.ndarray)):
        raise UnsupportedError(
            f"{shown(items)} is no series; a folder, paths or pydicom data sets are expected"
        )
    sources = [item if isinstance(item, Dataset) else path_of("a path", item) for item in items]
    if not sources:
        raise UnsupportedError("no files are given; a folder or at least one path is expected")
    for source in sources:
        if isinstance(source, Path) and source.is_dir():
            raise UnsupportedError(
                f"{source} is a folder among paths; pass a single folder, or the files in it"
            )
    return sources


def read_heads(
    sources: Sequence[PathOrDataset], threads: int, unreadable: list[Exception] | None = None
) -> list[Image]:
    """Read the headers of the sources that have pixels, in the order given.

    Errors of unreadable files are appended to `unreadable`.  They are raised instead if
    `unreadable` is None or only one source is given.
    """
    named = len(sources) == 1  # the caller of a single file needs its error
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(_read_head, sources))
    images = []
    for image in found:
        if isinstance(image, Image) and image.has_pixels:
            images.append(image)
        elif isinstance(image, Image):
            is_other = isinstance(image.source, Path) and not is_dicom(image.source)
            if named:
                raise UnsupportedError(image.why_no_pixels)
            if unreadable is not None and is_other:  # such as a text file named .dcm
                unreadable.append(UnsupportedError(image.why_no_pixels))
        elif named or unreadable is None:
            raise image
        else:
            unreadable.append(image)
    return images


def _read_head(source: PathOrDataset) -> Image | Exception:
    try:
        return read_image(source, _HEAD_KEYWORDS)
    except (MicError, OSError) as error:
        return error


def frames_of(image: Image, max_pixels: int) -> list[Frame]:
    """Return the frames of a file.

    Raises
    ------
    LimitError
        The header announces more than `max_pixels` samples.
    CorruptDataError
        The header contradicts itself.
    """
    with reading(image.name), located(image.name):
        header = image.header
        n_frames = _frame_count(header, max_pixels)
        indices = [None] if n_frames == 1 and not _is_enhanced(header) else range(n_frames)
        shared = _shared_attributes(header)
        return [_frame(image, index, shared) for index in indices]


def _is_enhanced(header: Dataset) -> bool:
    return bool(header.get("PerFrameFunctionalGroupsSequence"))


def _frame_count(header: Dataset, max_pixels: int) -> int:
    n_frames, *shape = image_shape(header)
    check_announced(math.prod(shape) * n_frames, max_pixels)
    groups = header.get("PerFrameFunctionalGroupsSequence")
    if groups and len(groups) != n_frames:
        raise CorruptDataError(
            f"Number of Frames is {n_frames}, but there are functional groups of {len(groups)} "
            "frames; correct the file's header"
        )
    return n_frames


def _frame(image: Image, index: int | None, shared: Mapping[str, Any]) -> Frame:
    header = image.header
    attributes = FrameAttributes(header, index or 0, shared)
    orientation = _orientation(attributes)
    position = attributes.numbers("ImagePositionPatient", 3)
    place = None if position is None else np.array(position)
    offset = _offset_of_frame(attributes, index or 0)
    if offset and place is not None and orientation is not None:
        place = place + offset * np.cross(orientation[:3], orientation[3:])
    spacing = attributes.numbers("PixelSpacing", 2) or attributes.numbers("ImagerPixelSpacing", 2)
    if spacing is not None and min(spacing) <= 0:
        raise CorruptDataError(
            f"Pixel Spacing is {spacing[0]:g} x {spacing[1]:g} mm, positive distances are "
            "expected; correct the file's header"
        )
    slope, intercept = rescaling(attributes)
    samples = int(header.get("SamplesPerPixel") or 1)
    shape = (int(header.Rows), int(header.Columns)) + ((samples,) if samples > 1 else ())
    return Frame(
        image,
        index,
        attributes,
        place,
        orientation,
        None if spacing is None else (spacing[1], spacing[0]),
        slope,
        intercept,
        shape,
    )


def _orientation(attributes: FrameAttributes) -> NDArray[np.float64] | None:
    """Two perpendicular unit vectors, as close as possible to those in the file."""
    numbers = attributes.numbers("ImageOrientationPatient", 6)
    if numbers is None:
        return None
    row, column = np.array(numbers[:3]), np.array(numbers[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if min(lengths) < 0.9 or max(lengths) > 1.1 or abs(row @ column) > 0.01:
        raise CorruptDataError(
            f"Image Orientation (Patient) is {[float(part) for part in numbers]}, two "
            "perpendicular unit vectors are expected; correct the file's header"
        )
    return np.concatenate([row / lengths[0], column / lengths[1]])


def _offset_of_frame(attributes: FrameAttributes, index: int) -> float:
    """Distance of a frame along the normal, mm, where the file gives only the first position."""
    offsets = attributes.get("GridFrameOffsetVector")  # dose grids
    if offsets is not None and not isinstance(offsets, (str, float)) and index < len(offsets):
        # Offsets are relative and start at 0, or are absolute coordinates; differences are the
        # same.
        return float(offsets[index]) - float(offsets[0])
    if "DetectorInformationSequence" in attributes:  # nuclear medicine tomograms
        return index * (attributes.number("SpacingBetweenSlices") or 0.0)
    return 0.0


def _shared_attributes(header: Dataset) -> dict[str, Any]:
    """Attributes shared by all frames, from functional groups or a reconstructed tomogram."""
    detectors = header.get("DetectorInformationSequence")
    if detectors and any("TOMO" in part for part in header.get("ImageType") or ()):
        names = ("ImagePositionPatient", "ImageOrientationPatient")
        return {name: detectors[0].get(name) for name in names}
    return shared_attributes(header)
