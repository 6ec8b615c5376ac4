# SPDX-License-Identifier: MIT
"""Convert a series of single-frame files into one enhanced multi-frame data set with highdicom."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..api import MAX_PIXELS
from ..codec.arrays import thread_count
from ..dicom.failures import dicom_error
from ..dicom.pixels import attribute, attribute_number
from ..errors import UnsupportedError, VerifyError, is_expected
from ..extras import require
from .frames import Frame
from .geometry import Stack, stack_frames
from .volume import frames_of_series

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# SOP Class of the single-frame files, and the highdicom class of the result.
_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2": "LegacyConvertedEnhancedCTImage",
    "1.2.840.10008.5.1.4.1.1.4": "LegacyConvertedEnhancedMRImage",
    "1.2.840.10008.5.1.4.1.1.128": "LegacyConvertedEnhancedPETImage",
}
_IMAGE_POSITION = 0x00200032
_PLANE_POSITION = 0x00209113


def to_multiframe(
    series: Any,
    *,
    series_uid: str | None = None,
    compress: bool = False,
    effort: int = 5,
    threads: int = 1,
    max_pixels: int = MAX_PIXELS,
) -> Dataset:
    """Convert a series into one Legacy Converted Enhanced CT, MR or PET data set.

    highdicom (extra "multiframe") converts the attributes.  The frames are sorted along
    the slice normal, ascending, one time after another, and indexed by their position.
    Every frame is compared with its source.

    Parameters
    ----------
    series : path, or iterable of paths and pydicom data sets
        Single-frame CT, MR or PET images of any transfer syntax.
    series_uid : str, optional
        Series Instance UID, required if there are several series.
    compress : bool
        Compress the frames to MIC Lossless.  Otherwise they are native, ready for
        ``ds.compress`` with a syntax of your choice.
    effort : int
        Effort of the compression, see `mic.dicom.compress`.
    threads : int
        Number of threads that read headers and compress; 0 for all CPUs that this
        process may use.
    max_pixels : int
        Maximum number of samples in the series.

    Returns
    -------
    pydicom Dataset
        A new instance of a new series, in Explicit VR Little Endian or MIC Lossless;
        save it with ``ds.save_as``.

    Raises
    ------
    UnsupportedError
        Other kinds of images, mixed orientations, duplicates, several series without
        `series_uid`, or attributes that highdicom cannot convert.
    CorruptDataError
        A file cannot be read or decoded.
    LimitError
        The series has more than `max_pixels` samples.
    VerifyError
        A frame of the result differs from its source.
    """
    legacy = require("highdicom.legacy", "multiframe")
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    _, frames = frames_of_series(series, series_uid, thread_count(threads), max_pixels)
    stack = _sorted_stack(frames)
    ordered = [frame for slices in stack.frames for frame in slices]
    make = getattr(legacy, _CLASSES[_sop_class(ordered)])
    _check_same_samples(ordered)
    native = [_native(frame) for frame in ordered]
    try:
        ds: Dataset = make(
            native,
            series_instance_uid=generate_uid(),
            series_number=int(native[0].get("SeriesNumber") or 1),
            sop_instance_uid=generate_uid(),
            instance_number=1,
            transfer_syntax_uid=ExplicitVRLittleEndian,
            include_dimension_index=False,  # highdicom's index would reverse the order
        )
    except Exception as error:  # highdicom may raise anything
        raise UnsupportedError(f"highdicom cannot convert the series: {error}") from error
    if len(stack.frames) == 1 and stack.frames[0][0].position is not None:
        _index_by_position(ds)
    _verify(ds, native, ordered)
    if compress:
        from ..dicom.dataset import compress as compress_frames

        compress_frames(ds, effort=effort, threads=threads)
    return ds


def _sorted_stack(frames: Sequence[Frame]) -> Stack:
    for frame in frames:
        if frame.index is not None:
            raise UnsupportedError(f"{frame.name} is a multi-frame file already")
    stack = stack_frames(frames, strict=False)  # gaps and tilt do not matter in a file
    if sum(map(len, stack.frames)) < len(frames):
        raise UnsupportedError(
            f"{stack.notes[0]} before you convert them"  # the only note about dropped frames
        )
    return stack


def _sop_class(frames: Sequence[Frame]) -> str:
    uids = {str(frame.header.get("SOPClassUID")) for frame in frames}
    if len(uids) == 1 and (uid := next(iter(uids))) in _CLASSES:
        return uid
    from pydicom.uid import UID

    names = ", ".join(sorted(UID(uid).name for uid in uids))
    raise UnsupportedError(
        f"the series holds {names}; CT, MR or PET Image Storage is expected, which alone have an "
        "enhanced multi-frame form"
    )


def _check_same_samples(frames: Sequence[Frame]) -> None:
    """Refuse frames whose samples need different headers: their bytes would tell nothing."""
    first = frames[0]
    for key in ("bits_allocated", "bits_stored", "high_bit", "pixel_representation"):
        expected = attribute_number(first.header, key)
        for frame in frames:
            found = attribute_number(frame.header, key)
            if found != expected:
                raise UnsupportedError(
                    f"{frame.name} and {first.name} differ in {attribute(key)}: {found} and "
                    f"{expected}; a multi-frame file needs one value, so convert them apart"
                )


def _native(frame: Frame) -> Dataset:
    """Read the data set of a frame and make its pixel data native and little-endian."""
    from pydicom import dcmread
    from pydicom.pixels.utils import decompress as decompress_by_pydicom
    from pydicom.uid import ExplicitVRBigEndian

    from ..dicom.dataset import decompress
    from ..dicom.endian import to_little_endian
    from ..dicom.pixels import MICLossless

    try:
        ds: Dataset
        if isinstance(frame.source, Path):
            ds = dcmread(frame.source, force=True)
        else:
            ds = deepcopy(frame.source)  # so that the caller's data set keeps its pixel data
        syntax = ds.file_meta.TransferSyntaxUID
        if syntax == MICLossless:
            decompress(ds, exact=True)
        elif syntax == ExplicitVRBigEndian:
            to_little_endian(ds)
        elif syntax.is_compressed and not syntax.is_deflated:
            decompress_by_pydicom(ds, generate_instance_uid=False)
        return ds
    except Exception as error:  # pydicom and its plugins may raise anything
        if is_expected(error):
            raise
        raise dicom_error(frame.name, error) from error


def _index_by_position(ds: Dataset) -> None:
    """Write the dimension module (PS3.3, C.7.6.17) with one dimension, the position."""
    from pydicom.dataset import Dataset
    from pydicom.uid import generate_uid

    organization = generate_uid()
    entry = Dataset()
    entry.DimensionOrganizationUID = organization
    ds.DimensionOrganizationSequence = [entry]
    index = Dataset()
    index.DimensionOrganizationUID = organization
    index.DimensionIndexPointer = _IMAGE_POSITION
    index.FunctionalGroupPointer = _PLANE_POSITION
    index.DimensionDescriptionLabel = "Image Position Patient"
    ds.DimensionIndexSequence = [index]
    for number, groups in enumerate(ds.PerFrameFunctionalGroupsSequence, start=1):
        groups.FrameContentSequence[0].DimensionIndexValues = [number]


def _verify(ds: Dataset, native: Sequence[Dataset], frames: Sequence[Frame]) -> None:
    """Compare the bytes of each frame with those of its source."""
    from pydicom.pixels.utils import get_expected_length

    size = get_expected_length(native[0])
    if ds.get("PhotometricInterpretation") != native[0].PhotometricInterpretation:
        raise UnsupportedError(
            f"{frames[0].name} is {native[0].PhotometricInterpretation}, which an enhanced image "
            "cannot be without a change of its samples; MONOCHROME2 is expected"
        )
    for number, (source, frame) in enumerate(zip(native, frames, strict=True)):
        if ds.PixelData[number * size : (number + 1) * size] != source.PixelData[:size]:
            raise VerifyError(
                f"frame {number} differs from {frame.name}, of which it was made; please report "
                "this with the files"
            )
