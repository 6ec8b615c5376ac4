# SPDX-License-Identifier: MIT
"""Metadata of a volume: the attributes of its series and the files of its slices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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


def _full_header(frame: Frame) -> Any:
    """All attributes of the first slice's file, without pixels."""
    from pydicom import dcmread

    if isinstance(frame.source, Path):
        return dcmread(frame.source, stop_before_pixels=True, force=True)
    return frame.header
