# SPDX-License-Identifier: MIT
"""Read the headers of DICOM files and decode their frames: any syntax, colour as RGB."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptDataError, UnsupportedError
from .reading import is_dicom, reading
from .syntaxes import DEFLATED, syntax_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


@dataclass(frozen=True, eq=False)
class Image:
    """A DICOM file or data set whose header was read.

    Attributes
    ----------
    source : Path or pydicom Dataset
    header : pydicom Dataset
        Attributes without pixels; for a data set, the data set itself.
    pixels_at : int
        Offset of Pixel Data in the file, 0 for a data set.
    """

    source: Path | Dataset
    header: Dataset
    pixels_at: int = 0

    @property
    def name(self) -> str:
        """Name of the file, for messages."""
        path = self.source if isinstance(self.source, Path) else self.source.get("filename")
        return Path(path).name if isinstance(path, (str, Path)) else "the data set"

    @property
    def has_pixels(self) -> bool:
        """Whether the header describes an image."""
        return all(name in self.header for name in ("Rows", "Columns", "BitsAllocated"))

    @property
    def why_no_pixels(self) -> str:
        """Message for an image without pixels."""
        # A file named .dcm is taken as DICOM even without a preamble, so it may be anything.
        if isinstance(self.source, Path) and not is_dicom(self.source):
            return f"{self.name} is not a DICOM file, or one without preamble and pixel data"
        return f"{self.name} is DICOM without pixel data"


def read_header(source: Path | Dataset, keywords: Sequence[str] | None = None) -> Image:
    """Read the part of a file before its pixels, or take a data set as it is.

    Parameters
    ----------
    source : Path or pydicom Dataset
    keywords : sequence of str, optional
        Attributes to keep.  Default: all.

    Raises
    ------
    CorruptDataError
        The file is not DICOM, or is too damaged.
    """
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    if not isinstance(source, Path):
        return Image(source, source)
    tags = None if keywords is None else list(keywords)
    with reading(source.name), source.open("rb") as file:
        named_so = source.suffix.lower() == ".dcm"
        try:
            header = dcmread(file, stop_before_pixels=True, force=named_so, specific_tags=tags)
        except InvalidDicomError:
            raise CorruptDataError(f"{source.name} is not a DICOM file") from None
        return Image(source, header, file.tell())


def iter_frames(image: Image, indices: Sequence[int], **options: Any) -> Iterator[NDArray[Any]]:
    """Decode frames to the stored values that pydicom gives.

    Parameters
    ----------
    image : Image
        From a file, only the required parts are read.
    indices : sequence of int
        Frames, in the order of the result.
    **options
        `raw` and `correct_unused_bits` of `pydicom.pixels.iter_pixels`.

    Raises
    ------
    CorruptDataError
        The pixel data cannot be decoded.
    UnsupportedError
        No decoder for the transfer syntax is installed.
    """
    from .pixels import MICLossless

    with reading(image.name):
        syntax = str(getattr(image.header, "file_meta", {}).get("TransferSyntaxUID", ""))
        if syntax == MICLossless:
            yield from _by_mic(image, indices, **options)
        else:
            yield from _by_pydicom(image, syntax, indices, **options)


def _by_pydicom(
    image: Image, syntax: str, indices: Sequence[int], **options: Any
) -> Iterator[NDArray[Any]]:
    from pydicom import dcmread
    from pydicom.pixels.utils import iter_pixels

    source = image.source
    if isinstance(source, Path):
        if not syntax:
            options["transfer_syntax_uid"] = syntax_of(image.header)
        elif syntax == DEFLATED:  # pydicom needs a data set to find its pixels
            source = dcmread(source)
    elif not syntax:
        raise UnsupportedError(
            "the data set has no Transfer Syntax UID; set ds.file_meta.TransferSyntaxUID"
        )
    yield from iter_pixels(source, indices=list(indices), **options)


def _by_mic(
    image: Image, indices: Sequence[int], *, raw: bool = False, correct_unused_bits: bool = True
) -> Iterator[NDArray[Any]]:
    """Decode frames in MIC Lossless, whether or not pydicom knows the syntax."""
    from pydicom.pixels.processing import convert_color_space

    from .source import MicSource

    photometric = str(image.header.get("PhotometricInterpretation") or "")
    to_rgb = photometric in ("YBR_FULL", "YBR_FULL_422") and not raw
    with contextlib.ExitStack() as closing:
        if isinstance(image.source, Path):
            file = closing.enter_context(image.source.open("rb"))
            file.seek(image.pixels_at)
            source = MicSource.of_file(file, image.header, image.name)
        else:
            source = MicSource.of_dataset(image.source)
        for index in indices:
            frame = np.empty(source.description.frame_shape, source.description.dtype)
            source.decode_into([index], frame[np.newaxis], 1, correct_unused_bits)
            if to_rgb and frame.dtype == np.uint8:
                frame = convert_color_space(frame, photometric, "RGB")
            yield frame
