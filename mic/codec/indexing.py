# SPDX-License-Identifier: MIT
"""numpy's basic indexing, for arrays that are decoded on demand."""

from __future__ import annotations

from types import EllipsisType
from typing import Any

import numpy as np


def normalize_key(key: Any, shape: tuple[int, ...]) -> list[int | slice]:
    """Return one integer or slice for every axis."""
    items = list(key) if isinstance(key, tuple) else [key]
    n_ellipses = sum(item is Ellipsis for item in items)
    for item in items:
        if isinstance(item, bool) or not isinstance(item, (int, np.integer, slice, EllipsisType)):
            raise TypeError(
                f"index {item!r} is a {type(item).__name__}, integers, slices and ... are "
                "expected; decode first for anything else: f[...][key]"
            )
    if n_ellipses > 1 or len(items) - n_ellipses > len(shape):
        raise IndexError(f"the index {key!r} has too many parts for shape {shape}")
    at = next((i for i, item in enumerate(items) if item is Ellipsis), len(items))
    missing = len(shape) - (len(items) - n_ellipses)
    full = items[:at] + [slice(None)] * missing + items[at + 1 :]
    for axis, (item, length) in enumerate(zip(full, shape, strict=True)):
        if not isinstance(item, slice) and not -length <= item < length:
            raise IndexError(f"index {item} is out of bounds for axis {axis} with size {length}")
    return full


def span(item: int | slice, length: int) -> tuple[int, int, int | slice]:
    """Return what to decode on an axis, as (first, number), and the index within that part."""
    if not isinstance(item, slice):
        return int(item) % length, 1, 0
    selected = range(length)[item]
    if len(selected) == 0:
        return 0, 0, slice(None)
    low, high = min(selected[0], selected[-1]), max(selected[0], selected[-1])
    return low, high - low + 1, slice(None, None, selected.step)
