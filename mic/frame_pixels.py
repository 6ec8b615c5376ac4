# SPDX-License-Identifier: MIT
"""Decoded frames of a DICOM file or data set, of any syntax, colour as RGB."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
        # pydicom warns of many oddities that do not touch the pixels.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
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

    syntax = str(getattr(header, "file_meta", {}).get("TransferSyntaxUID", ""))
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
