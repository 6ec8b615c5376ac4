# SPDX-License-Identifier: MIT
"""Kinds of image files, by suffix, and how to find them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..dicom.failures import is_dicom
from ..errors import UnsupportedError
from ..paths import extended, for_system

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
"""The kind of file for each suffix that mic knows."""

WRITABLE = ("npy", "raw", "png", "tiff")
"""The kinds that `write_image` writes."""


@dataclass(frozen=True)
class RawLayout:
    """The facts that a raw file does not record.

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
    """List all files in a tree, sorted; include dangling links, for their reader to report."""
    root = extended(folder)  # in another form, Windows would skip what lies too deep
    found = sorted(
        folder / path.relative_to(root)
        for path in root.rglob("*")
        if path.is_file() or (path.is_symlink() and not path.exists())
    )
    return [for_system(path) for path in found]


def kind_of(path: Path) -> str | None:
    """Return the kind of an existing file: by suffix, DICOM also by content; None if unknown."""
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None and is_dicom(path):
        return "dicom"
    return kind


def target_kind(path: Path) -> str:
    """Return the kind of a file to write, by suffix.

    Raises
    ------
    UnsupportedError
        mic does not write files with this suffix.
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
