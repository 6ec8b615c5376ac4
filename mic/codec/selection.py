# SPDX-License-Identifier: MIT
"""Select the frames and rows of a stream to decode."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index as index_of
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arguments import shown
from ..errors import Argument, UnsupportedError

FrameSelection = int | slice | Sequence[int] | Sequence[bool] | NDArray[Any] | None


def _select_by_mask(mask: Sequence[Any] | NDArray[Any], n_frames: int) -> list[int]:
    if len(mask) != n_frames:
        raise UnsupportedError(
            Argument("frames"),
            f" is a mask of {len(mask)} truth values, one for each of the {n_frames} frames "
            "is expected; for frames by number pass integers",
        )
    return [index for index, wanted in enumerate(mask) if wanted]


def select_frames(frames: FrameSelection, n_frames: int) -> list[int]:
    """Return the numbers of the requested frames, given as a number, a slice, numbers or a mask."""
    if frames is None:
        return list(range(n_frames))
    if isinstance(frames, (bool, np.bool_)):
        raise UnsupportedError(
            Argument("frames"),
            f" is {frames}, a number, a slice, numbers or a mask with a truth value for each "
            "frame are expected",
        )
    if isinstance(frames, (int, np.integer)):
        frames = [int(frames)]
    try:
        if isinstance(frames, slice):
            return list(range(n_frames)[frames])
        frames = list(frames)
        is_truth = [isinstance(item, (bool, np.bool_)) for item in frames]
        selected = [
            int(item) if truth else index_of(item)
            for item, truth in zip(frames, is_truth, strict=True)
        ]
    except (TypeError, ValueError):
        raise UnsupportedError(
            Argument("frames"),
            f" is {shown(frames)}, a number, a slice, numbers or a mask is expected",
        ) from None
    if is_truth and all(is_truth):
        return _select_by_mask(frames, n_frames)
    if any(is_truth):
        raise UnsupportedError(
            Argument("frames"), " mixes numbers and truth values, one kind is expected"
        )
    for index in selected:
        if not -n_frames <= index < n_frames:
            raise UnsupportedError(
                f"frame {index} is asked for, the stream has frames 0 to {n_frames - 1}"
            )
    return [index % n_frames for index in selected]


def select_rows(rows: slice | tuple[int, int] | None, n_rows: int) -> range:
    """Return the requested rows, given as a slice of step 1 or as its ends."""
    if rows is None:
        return range(n_rows)
    try:
        if not isinstance(rows, slice):
            start, stop = map(index_of, rows)
            rows = slice(start, stop)
        selected = range(n_rows)[rows]
    except (TypeError, ValueError):
        raise UnsupportedError(
            Argument("rows"), f" is {shown(rows)}, a slice or (start, stop) is expected"
        ) from None
    if selected.step != 1 or len(selected) == 0:
        given = ":".join("" if n is None else str(n) for n in (rows.start, rows.stop))
        step = "" if rows.step is None else f":{rows.step}"
        raise UnsupportedError(
            Argument("rows"),
            f" is {given}{step}, a range of step 1 that holds at least one of rows 0 to "
            f"{n_rows - 1} is expected",
        )
    return selected
