# SPDX-License-Identifier: MIT
"""Kinds of image files, by suffix, and finding them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..dicom.reading import is_dicom
from ..errors import UnsupportedError

SUFFIXES = {
    ".npy": "npy",
    ".dcm": "dicom",
    ".dicom": "dicom",
    ".raw": "raw",
    ".bin": "raw",
    ".png": "png",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".mic": "mic",
}
"""Kind of file for each suffix that mic knows."""

WRITABLE = ("npy", "raw", "png", "tiff")
"""Kinds that `write_image` writes."""


@dataclass(frozen=True)
class RawLayout:
    """What a raw file does not say about itself.

    Attributes
    ----------
    shape : tuple of int
        (rows, columns), or (frames, rows, columns), or with a trailing 3.
    dtype : numpy.dtype
        Sample type with its byte order.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def files_below(folder: Path) -> list[Path]:
    """All files of a tree, sorted; and links to nothing, for their reader to report."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() or (path.is_symlink() and not path.exists())
    )


def kind_of(path: Path) -> str | None:
    """Kind of an existing file: by suffix, DICOM also by content; None if unknown."""
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None and is_dicom(path):
        return "dicom"
    return kind


def target_kind(path: Path) -> str:
    """Kind of a file to write, by suffix.

    Raises
    ------
    UnsupportedError
        A suffix that mic does not write.
    """
    kind = SUFFIXES.get(path.suffix.lower())
    if kind in WRITABLE:
        return kind
    if kind == "dicom":
        raise UnsupportedError(
            f"{path.name}: mic keeps pixels only and writes no DICOM; "
            "choose .npy, .raw, .png or .tif"
        )
    raise UnsupportedError(
        f"{path.name}: the suffix {path.suffix!r} is none that mic decodes to; "
        "choose .npy, .raw, .png or .tif"
    )
