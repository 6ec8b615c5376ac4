# SPDX-License-Identifier: MIT
"""Sort frames in space and time; check gaps, duplicates and orientation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dicom.failures import reading
from ..errors import UnsupportedError
from .frames import AXIS_KEYWORDS, Frame

SAME_PLACE = 1e-3
"""Frames closer than this along the normal (mm) lie at one place."""
SAME_DIRECTION = 1e-3
"""Unit vectors whose components differ by at most this count as one direction."""
UNEVEN = 0.01
"""Largest deviation of a slice distance, as a fraction of the usual distance."""
ROUNDING = 0.02
"""Deviation in mm that is always allowed: headers may round each of three axes to two decimals."""


@dataclass(frozen=True, eq=False)
class Stack:
    """Sorted frames with their geometry in SimpleITK's terms (x, y, z; mm; LPS).

    Attributes
    ----------
    frames : list of list of Frame
        For each time (or echo, b-value, ...), the slices sorted along the normal.
    spacing : tuple of float
        Distance between voxels along x, y and z, mm.
    origin : tuple of float
        Centre of the first voxel, mm.
    direction : ndarray of float64, 3 x 3
        The columns are the unit vectors of x, y and z.
    axis : tuple of (str, list) or None
        DICOM keyword that defines the fourth axis, and its values.
    notes : list of str
        Problems that were found and tolerated.
    """

    frames: list[list[Frame]]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    direction: NDArray[np.float64]
    axis: tuple[str, list[Any]] | None
    notes: list[str] = field(default_factory=list)


@dataclass
class Findings:
    """Collect the problems of a series: raise them, or note them if the caller tolerates them."""

    strict: bool
    notes: list[str] = field(default_factory=list)

    def problem(self, message: str) -> None:
        if self.strict:
            raise UnsupportedError(f"{message}; or pass strict=False to read it as it is")
        self.notes.append(message)


def stack_frames(frames: Sequence[Frame], strict: bool) -> Stack:
    """Sort the frames of one series and derive the volume's geometry.

    Parameters
    ----------
    frames : sequence of Frame
        At least one.
    strict : bool
        Raise on gaps, duplicates and shear instead of noting them.

    Raises
    ------
    UnsupportedError
        The frames do not form a volume.  Mixed sizes and orientations raise even if
        `strict` is False.
    """
    with reading("the series"):  # elements are parsed when they are accessed
        return _stacked(frames, Findings(strict))


def _stacked(frames: Sequence[Frame], findings: Findings) -> Stack:
    _check_same_shape(frames)
    placed = [f for f in frames if f.position is not None and f.orientation is not None]
    if not placed:
        return _unplaced(frames, findings)
    if len(placed) < len(frames):
        lost = next(f for f in frames if f.position is None or f.orientation is None)
        raise UnsupportedError(
            f"{lost.label} has no Image Position or Orientation (Patient), {len(placed)} others "
            "of the series have; pass the paths of the files that belong together"
        )
    _check_same_orientation(placed)
    places = _places(placed)
    grid, axis = _time_by_slice(places, findings)
    first, last = _position(grid[0][0]), _position(grid[0][-1])
    orientation = _orientation(grid[0][0])
    normal = _normal(orientation)
    x, y = _pixel_spacing(placed, findings)
    if len(grid[0]) == 1:
        z = _lone_thickness(grid[0][0], findings)
        third = normal
    else:
        z = float(np.linalg.norm(last - first)) / (len(grid[0]) - 1)
        third = _third_direction(grid[0], normal, findings)
        _check_even(grid[0], findings)
    direction = np.column_stack([orientation[:3], orientation[3:], third])
    origin = (float(first[0]), float(first[1]), float(first[2]))
    return Stack(grid, (x, y, z), origin, direction, axis, findings.notes)


def sort_for_display(frames: Sequence[Frame]) -> list[Frame]:
    """Sort along the slice normal if all frames fit into one volume, otherwise by number."""
    try:
        stack = stack_frames(frames, strict=False)
    except UnsupportedError:
        return sorted(frames, key=lambda frame: frame.number)
    return [frame for slices in stack.frames for frame in slices]


def _position(frame: Frame) -> NDArray[np.float64]:
    assert frame.position is not None
    return frame.position


def _orientation(frame: Frame) -> NDArray[np.float64]:
    assert frame.orientation is not None
    return frame.orientation


def _normal(orientation: NDArray[np.float64]) -> NDArray[np.float64]:
    normal: NDArray[np.float64] = np.cross(orientation[:3], orientation[3:])
    return normal / np.linalg.norm(normal)


def _check_same_shape(frames: Sequence[Frame]) -> None:
    first = frames[0]
    for frame in frames:
        if frame.shape != first.shape:
            raise UnsupportedError(
                f"{frame.label} has shape {frame.shape}, {first.label} {first.shape}; frames of a "
                "volume have one shape: pass the paths of those that belong together"
            )


def _check_same_orientation(frames: Sequence[Frame]) -> None:
    groups: list[list[Frame]] = []
    for frame in frames:
        for group in groups:
            difference = _orientation(frame) - _orientation(group[0])
            if np.abs(difference).max() < SAME_DIRECTION:
                group.append(frame)
                break
        else:
            groups.append([frame])
    if len(groups) > 1:
        told = ", ".join(f"{len(group)} like {group[0].label}" for group in groups[:4])
        raise UnsupportedError(
            f"the series mixes {len(groups)} orientations ({told}); pass the paths of the files "
            "of one orientation"
        )


def _pixel_spacing(frames: Sequence[Frame], findings: Findings) -> tuple[float, float]:
    first = frames[0]
    if first.pixel_spacing is None:
        findings.notes.append(f"{first.label} has no Pixel Spacing: 1 mm is assumed")
        return 1.0, 1.0
    for frame in frames:
        if frame.pixel_spacing is None or not np.allclose(
            frame.pixel_spacing, first.pixel_spacing, rtol=1e-4
        ):
            raise UnsupportedError(
                f"{frame.label} has pixel spacing {frame.pixel_spacing}, {first.label} "
                f"{first.pixel_spacing} mm; pass the paths of those that belong together"
            )
    return first.pixel_spacing


def _lone_thickness(frame: Frame, findings: Findings) -> float:
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        value = frame.attributes.number(keyword)
        if value is not None and value > 0:
            return value
    findings.notes.append(
        f"{frame.label} is a single slice without Spacing Between Slices and Slice Thickness: "
        "1 mm is assumed"
    )
    return 1.0


def _unplaced(frames: Sequence[Frame], findings: Findings) -> Stack:
    """Stack frames without a position or orientation, in the order of their numbers."""
    ordered = sorted(frames, key=lambda frame: frame.number)
    if len(ordered) > 1:
        findings.notes.append(
            "the files have no Image Position and Orientation (Patient): frames are in the order "
            "of Instance Number and frame, their distance is taken as 1 mm"
        )
    x, y = _pixel_spacing(ordered, findings)
    return Stack([ordered], (x, y, 1.0), (0.0, 0.0, 0.0), np.eye(3), None, findings.notes)


# ---- the slice axis ------------------------------------------------------------------


def _distances(frames: Sequence[Frame]) -> NDArray[np.float64]:
    """Positions of the frames along the normal, mm."""
    normal = _normal(_orientation(frames[0]))
    return np.array([_position(frame) @ normal for frame in frames])


def _places(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Group frames by place along the normal, ascending; sort each group by number."""
    distances = _distances(frames)
    places: list[list[Frame]] = []
    end = -np.inf
    for index in np.argsort(distances, kind="stable"):
        if distances[index] - end > SAME_PLACE:
            places.append([])
            end = distances[index]
        places[-1].append(frames[index])
    for place in places:
        place.sort(key=lambda frame: frame.number)
    return places


def _third_direction(
    slices: Sequence[Frame], normal: NDArray[np.float64], findings: Findings
) -> NDArray[np.float64]:
    """The slice normal, or for tilted scans the direction from slice to slice."""
    first, last = _position(slices[0]), _position(slices[-1])
    along = (last - first) / np.linalg.norm(last - first)
    extent = float((last - first) @ normal)
    shift = float(np.linalg.norm((last - first) - extent * normal))
    if shift <= max(ROUNDING, UNEVEN * extent / (len(slices) - 1)):
        return normal
    angle = float(np.degrees(np.arctan2(shift, extent)))
    findings.problem(
        f"the slices are shifted against each other by {shift:.4g} mm over {extent:.4g} mm "
        f"(a gantry tilt of {angle:.3g} degrees), which no orthogonal volume can hold; with "
        "strict=False the third column of direction is not perpendicular"
    )
    return along


def _check_even(slices: Sequence[Frame], findings: Findings) -> None:
    distances = _distances(slices)
    steps = np.diff(distances)
    usual = float(np.median(steps))
    off = np.abs(steps - usual)
    worst = int(np.argmax(off))
    if off[worst] <= max(ROUNDING, UNEVEN * usual):
        return
    between = f"{slices[worst].label} and {slices[worst + 1].label}"
    missing = round(float(steps[worst]) / usual) - 1
    if missing >= 1:
        n_gaps = np.count_nonzero(steps > 1.5 * usual)
        others = f", and the series has {n_gaps - 1} more gaps" if n_gaps > 1 else ""
        findings.problem(
            f"between {between} there are {steps[worst]:.4g} mm instead of {usual:.4g} mm: "
            f"{missing} slice{'s are' if missing > 1 else ' is'} missing{others}; add the files"
        )
    else:
        findings.problem(
            f"the slices are not evenly spaced: between {between} there are {steps[worst]:.4g} mm, "
            f"usually {usual:.4g} mm; pass the paths of evenly spaced ones"
        )


# ---- the fourth axis -----------------------------------------------------------------


def _time_by_slice(
    places: list[list[Frame]], findings: Findings
) -> tuple[list[list[Frame]], tuple[str, list[Any]] | None]:
    """Arrange frames as [time][slice], and name the fourth axis."""
    counts = {len(place) for place in places}
    if counts == {1}:
        return [[place[0] for place in places]], None
    if len(counts) == 1:
        for order in (_same_values, _ranked_values):
            for keyword in AXIS_KEYWORDS:
                found = order(places, keyword)
                if found is not None:
                    ordered, values = found
                    times = [list(slices) for slices in zip(*ordered, strict=True)]
                    return times, (keyword, values)
    crowded = max(places, key=len)
    distinct = f", at others {min(counts)}" if len(counts) > 1 else ""
    remedy = "pass the paths of one of each"
    if len({frame.header.get("SOPInstanceUID") for frame in crowded}) < len(crowded):
        remedy = "they are copies of one instance: remove one"
    names = ", ".join(frame.label for frame in crowded[:3])
    findings.problem(
        f"{len(crowded)} frames lie at one place ({names}){distinct}, and no attribute makes "
        f"them a series in time; {remedy}"
    )
    return [[place[0] for place in places]], None


Ordered = tuple[list[list[Frame]], list[Any]]


def _same_values(places: list[list[Frame]], keyword: str) -> Ordered | None:
    """Sort the frames of each place by an attribute that has the same values at all places."""
    return _ordered(places, keyword, lambda values, reference: values == reference)


def _ranked_values(places: list[list[Frame]], keyword: str) -> Ordered | None:
    """Sort the frames of each place by an attribute that differs between places, such as a time."""
    return _ordered(places, keyword, lambda values, reference: True)


def _ordered(
    places: list[list[Frame]], keyword: str, agree: Callable[[list[Any], list[Any]], bool]
) -> Ordered | None:
    ordered: list[list[Frame]] = []
    reference: list[Any] | None = None
    for place in places:
        keyed: list[tuple[Any, Frame]] = [(frame.attributes.get(keyword), frame) for frame in place]
        if any(value is None or isinstance(value, list) or value == "" for value, _ in keyed):
            return None
        try:
            keyed.sort(key=lambda pair: pair[0])
        except TypeError:  # such as a list and a number
            return None
        values = [value for value, _ in keyed]
        if reference is None:
            reference = values
        if len(set(map(str, values))) < len(values) or not agree(values, reference):
            return None
        ordered.append([frame for _, frame in keyed])
    return None if reference is None else (ordered, reference)
