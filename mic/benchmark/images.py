# SPDX-License-Identifier: MIT
"""The real images that pip installed: pydicom's test files and pydicom-data.

Nothing is downloaded: only files on disk are read (pydicom's own helpers would fetch
missing ones).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dicom.failures import is_dicom, quiet_pydicom
from ..dicom.syntaxes import LOSSLESS
from ..images.formats import read_image
from ..images.kinds import files_below, kind_of
from ..images.samples import as_frames, pixel_sha256

MIN_SIDE = 64
"""Smaller images say more about headers than about codecs."""


@dataclass(frozen=True)
class RealImage:
    """One greyscale frame.

    Attributes
    ----------
    name, source, modality : str
        File name, origin ("pydicom", "pydicom-data", "folder"), and DICOM modality (""
        if unknown).
    frame : int or None
        Frame of a multi-frame file.
    pixels : ndarray, (rows, columns)
        Stored samples, native byte order.
    """

    name: str
    source: str
    modality: str
    frame: int | None
    pixels: NDArray[Any] = field(repr=False)

    @property
    def sha256(self) -> str:
        """SHA-256 of the samples, little-endian, C order."""
        return pixel_sha256(self.pixels)


def installed_folders() -> dict[str, Path]:
    """Return the folders of DICOM files that pip installed, by distribution."""
    from pydicom.data import data_manager

    folders = {"pydicom": Path(data_manager.DATA_ROOT) / "test_files"}
    for name, source in data_manager.external_data_sources().items():
        path = getattr(source, "data_path", None)
        if path is not None:
            folders[name] = Path(path)
    return folders


def read_dicom_frame(path: Path, frame: int | None) -> NDArray[Any]:
    """Read a frame of a DICOM file as pydicom returns it, in native byte order.

    Bits above Bits Stored are cleared or filled with the sign, as the peers in a
    benchmark expect.
    """
    from pydicom.pixels.utils import pixel_array

    with quiet_pydicom():
        array = pixel_array(path, raw=True, index=frame)
    return np.ascontiguousarray(array, array.dtype.newbyteorder("="))


def find_installed_images() -> list[RealImage]:
    """Find the distinct greyscale 16-bit images in `installed_folders`.

    They come from uncompressed or losslessly compressed files that were never lossy,
    and are at least 64 x 64; from a multi-frame file the middle frame is taken.  Files
    that the installed decoders cannot read are skipped.

    Returns
    -------
    list of RealImage
    """
    found = (
        image
        for source, folder in installed_folders().items()
        for path in files_below(folder)
        if is_dicom(path)
        for image in _measurable(path, source)
    )
    return distinct(found)


def distinct(images: Iterable[RealImage]) -> list[RealImage]:
    """Return the images without repetitions of the same pixels."""
    kept: dict[str, RealImage] = {}
    for image in images:
        kept.setdefault(image.sha256, image)
    return list(kept.values())


def _measurable(path: Path, source: str) -> Iterator[RealImage]:
    from pydicom import dcmread

    from ..dicom.pixels import frame_count

    try:
        with quiet_pydicom():
            head = dcmread(path, stop_before_pixels=True)
        if not _is_wanted(head):
            return
        frames = frame_count(head)
        frame = frames // 2 if frames > 1 else None
        pixels = read_dicom_frame(path, frame)
    except Exception:  # some test files are broken on purpose, some have no decoder here
        return
    yield RealImage(path.name, source, str(head.get("Modality") or ""), frame, pixels)


def _is_wanted(head: Any) -> bool:
    # An image that went through a lossy codec is not a real one.
    return (
        head.get("BitsAllocated") == 16
        and head.get("SamplesPerPixel") == 1
        and min(head.get("Rows") or 0, head.get("Columns") or 0) >= MIN_SIDE
        and head.file_meta.get("TransferSyntaxUID") in LOSSLESS
        and head.get("LossyImageCompression") != "01"
    )


def images_of(
    paths: Iterable[Path], on_error: Callable[[Path, Exception], None] | None = None
) -> list[RealImage]:
    """Read images for a benchmark from the user's own files and folders.

    Parameters
    ----------
    paths : iterable of Path
        Files of any kind that mic reads, and folders of such files.
    on_error : callable(path, error), optional
        Called for each file that cannot be read.  Default: the error is raised.

    Returns
    -------
    list of RealImage
        Distinct images of 8 or 16 bits; the middle frame if there are several.
    """
    found = []
    for path in (file for start in paths for file in _files(start)):
        try:
            found.append(_own_image(path))
        except Exception as error:
            if on_error is None:
                raise
            on_error(path, error)
    return distinct(found)


def _files(start: Path) -> list[Path]:
    if not start.is_dir():
        return [start]
    return [path for path in files_below(start) if kind_of(path) not in (None, "mic", "raw")]


def _own_image(path: Path) -> RealImage:
    pixels = read_image(path)
    frames = as_frames(pixels)
    frame = len(frames) // 2 if len(frames) > 1 else None
    pixels = frames[frame or 0]
    native = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))
    return RealImage(path.name, "folder", _modality(path), frame, native)


def _modality(path: Path) -> str:
    from pydicom import dcmread

    if kind_of(path) != "dicom":
        return ""
    with quiet_pydicom():
        head = dcmread(path, stop_before_pixels=True, force=True, specific_tags=["Modality"])
    return str(head.get("Modality") or "")
