# SPDX-License-Identifier: MIT
"""Map image files into memory if they store their samples unchanged."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..extras import require
from .formats import read_image
from .kinds import RawLayout, kind_of
from .samples import check_samples


def map_image(path: Path, raw: RawLayout | None = None, frame: int | None = None) -> NDArray[Any]:
    """Read an image like `read_image`, but map .npy, raw and plain TIFF files into memory."""
    kind = kind_of(path)
    mapped: Any = None
    if frame is None and kind == "npy":
        with contextlib.suppress(ValueError):  # `read_image` below explains it
            mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    elif frame is None and kind == "tiff":
        with contextlib.suppress(ValueError):  # compressed, or in pieces
            mapped = require("tifffile").memmap(path, mode="r")
    elif frame is None and kind == "raw" and raw is not None:
        expected = int(np.prod(raw.shape, dtype=object)) * raw.dtype.itemsize
        if path.stat().st_size == expected:
            mapped = np.memmap(path, raw.dtype, "r", shape=raw.shape)
    return read_image(path, raw, frame) if mapped is None else check_samples(mapped, path.name)
