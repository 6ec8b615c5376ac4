# SPDX-License-Identifier: MIT
"""Arrays of samples: frames, sample types, digests."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnsupportedError


def as_frames(array: NDArray[Any]) -> NDArray[Any]:
    """View as (frames, rows, columns[, 3]): leading axes are joined, a trailing 3 is colour."""
    n_image = 3 if array.ndim > 2 and array.shape[-1] == 3 else 2
    return array.reshape(-1, *array.shape[-n_image:])


def take_frame(array: NDArray[Any], frame: int | None, name: str) -> NDArray[Any]:
    """Return one frame, counted over all leading axes, or the array if `frame` is None."""
    if frame is None or array.ndim < 2:
        return array
    frames = as_frames(array)
    if not 0 <= frame < len(frames):
        raise UnsupportedError(
            f"{name}: frame {frame} is asked for, it has frames 0 to {len(frames) - 1}"
        )
    one: NDArray[Any] = frames[frame]
    return one


def check_samples(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Refuse samples that are not integers or have more than 16 bits."""
    if array.dtype.kind in "ui" and array.dtype.itemsize <= 2:
        return array
    remedy = "mic does not code floating-point or 32-bit data"
    if array.dtype.kind == "b":
        remedy = "save them as uint8"
    raise UnsupportedError(
        f"{name}: the samples are {array.dtype}, integers of 8 or 16 bits are expected; {remedy}"
    )


def sample_bytes(array: NDArray[Any]) -> memoryview:
    """Return the samples as little-endian bytes in C order, as in digests and raw files."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return little.reshape(-1).view(np.uint8).data


def pixel_sha256(array: NDArray[Any]) -> str:
    """Return the SHA-256 of samples, little-endian, C order."""
    return hashlib.sha256(sample_bytes(array)).hexdigest()
