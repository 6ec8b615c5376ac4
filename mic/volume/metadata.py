# SPDX-License-Identifier: MIT
"""Metadata of a volume: the attributes of its series and the files of its slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dicom.attributes import may_overflow
from .frames import Frame
from .geometry import Stack


def metadata_of(uid: str, stack: Stack, rescaled: bool) -> dict[str, Any]:
    """Build `Volume.metadata` for a series."""
    first = stack.frames[0][0]
    pairs = [[(frame.slope, frame.intercept) for frame in slices] for slices in stack.frames]
    notes = list(stack.notes)
    slope: Any = pairs[0][0][0]
    intercept: Any = pairs[0][0][1]
    if any(pair != pairs[0][0] for slices in pairs for pair in slices):
        slope = [[pair[0] for pair in slices] for slices in pairs]
        intercept = [[pair[1] for pair in slices] for slices in pairs]
        if not rescaled:
            notes.append(
                "frames have different Rescale Slopes or Intercepts: their stored values are not "
                "comparable, pass rescale=True"
            )
    header = first.header
    return {
        "series_uid": uid,
        "study_uid": str(header.get("StudyInstanceUID") or ""),
        "frame_of_reference_uid": str(header.get("FrameOfReferenceUID") or ""),
        "modality": str(header.get("Modality") or ""),
        "description": str(header.get("SeriesDescription") or ""),
        "files": [
            [(str(f.source) if isinstance(f.source, Path) else f.name, f.index) for f in slices]
            for slices in stack.frames
        ],
        "slope": slope,
        "intercept": intercept,
        "rescaled": rescaled,
        "fourth_axis": stack.axis,
        "warnings": notes,
        "samples_per_pixel": int(header.get("SamplesPerPixel") or 1),
        "header": _full_header(first),
    }


def value_notes(
    frames: Sequence[Sequence[Frame]],
    types: Mapping[np.dtype[Any], Frame],
    array: NDArray[Any],
    rescaled: bool,
) -> list[str]:
    """Return sentences about values that a user may not expect.

    Parameters
    ----------
    frames : sequence of sequence of Frame
        As [time][slice].
    types : mapping from dtype to Frame
        See `mic.volume.pixels.sample_types`.
    array : ndarray, (times, slices, rows, columns[, 3])
        The pixels of the frames.
    rescaled : bool
    """
    notes = []
    if len(types) > 1 and not rescaled:
        each = " and ".join(f"{dtype} ({frame.name})" for dtype, frame in types.items())
        notes.append(f"the files hold {each}: the array is {array.dtype}, which holds all values")
    flat = [frame for slices in frames for frame in slices]
    if zero := [frame for frame in flat if frame.slope == 0 and not _has_table(frame)]:
        is_dose = zero[0].attributes.number("RescaleSlope") is None
        notes.append(
            f"{'Dose Grid Scaling' if is_dose else 'Rescale Slope'} is 0 in {_listed(zero)}: "
            "rescale=True gives every pixel the value of Rescale Intercept, the stored values are "
            "with rescale=False"
        )
    if rescaled and (beyond := _infinite(frames, types, array)):
        notes.append(
            f"{_listed(beyond)} has values beyond {array.dtype} after rescaling, which are "
            "infinite; the stored values are with rescale=False"
        )
    return notes


def _has_table(frame: Frame) -> bool:
    return bool(frame.attributes.get("ModalityLUTSequence"))


def _listed(frames: Sequence[Frame]) -> str:
    others = len(frames) - 1
    more = f" and {others} other frame{'s' if others > 1 else ''}" if others else ""
    return f"{frames[0].label}{more}"


def _infinite(
    frames: Sequence[Sequence[Frame]], types: Mapping[np.dtype[Any], Frame], array: NDArray[Any]
) -> list[Frame]:
    """Return the frames with infinite values, of those whose slope can lead there."""
    return [
        frame
        for t, slices in enumerate(frames)
        for z, frame in enumerate(slices)
        if may_overflow(frame.slope, frame.intercept, types, array.dtype)
        and np.isinf(array[t, z]).any()
    ]


def _full_header(frame: Frame) -> Any:
    """All attributes of the first slice's file, without pixels."""
    from pydicom import dcmread

    if isinstance(frame.source, Path):
        return dcmread(frame.source, stop_before_pixels=True, force=True)
    return frame.header
