# SPDX-License-Identifier: MIT
"""Decoded frames of a DICOM file or data set, of any syntax, colour as RGB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import MicError, UnsupportedError
from .imagefiles import DEFLATED, dicom_error, native_syntax

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def iter_frames(
    source: Path | Dataset, header: Dataset, indices: list[int], name: str, **options: Any
) -> Iterator[NDArray[Any]]:
    """Stored values of frames as pydicom gives them.

    Parameters
    ----------
    source : Path or pydicom Dataset
        Of a path only what is needed is read.
    header : pydicom Dataset
        Its file meta information and Image Pixel attributes.
    indices : list of int
        Frames, in the order of the result.
    name : str
        Name of the file, for messages.
    **options
        For `pydicom.pixels.iter_pixels`.

    Raises
    ------
    CorruptDataError
        The pixel data cannot be decoded.
    UnsupportedError
        No decoder for the transfer syntax is installed.
    """
    try:
        yield from _decoded(source, header, indices, options)
    except (MicError, OSError):
        raise
    except Exception as error:  # pydicom and its plugins raise what they like
        raise dicom_error(name, error) from error


def _decoded(
    source: Path | Dataset, header: Dataset, indices: list[int], options: dict[str, Any]
) -> Iterator[NDArray[Any]]:
    from pydicom import dcmread
    from pydicom.pixels.utils import iter_pixels

    from .dicom_pixels import MICLossless

    syntax = str(getattr(header, "file_meta", {}).get("TransferSyntaxUID", ""))
    if syntax == MICLossless:
        yield from _decoded_by_mic(source, header, indices, **options)
        return
    if isinstance(source, Path):
        if not syntax:
            options = {**options, "transfer_syntax_uid": native_syntax(header)}
        elif syntax == DEFLATED:  # whose pixels pydicom finds only through a data set
            source = dcmread(source)
    elif not syntax:
        raise UnsupportedError(
            "the data set has no Transfer Syntax UID; set ds.file_meta.TransferSyntaxUID"
        )
    yield from iter_pixels(source, indices=indices, **options)


def _decoded_by_mic(
    source: Path | Dataset,
    header: Dataset,
    indices: list[int],
    *,
    raw: bool = False,
    correct_unused_bits: bool = True,
) -> Iterator[NDArray[Any]]:
    """Frames in MIC Lossless, whether or not pydicom knows of it; colour as pydicom has it."""
    from pydicom.pixels.processing import convert_color_space

    from .dicom import decode_frames

    photometric = str(header.get("PhotometricInterpretation") or "")
    for frame in decode_frames(source, indices, correct_unused_bits=correct_unused_bits):
        if photometric in ("YBR_FULL", "YBR_FULL_422") and not raw and frame.dtype == np.uint8:
            yield convert_color_space(frame, photometric, "RGB")
        else:
            yield frame
