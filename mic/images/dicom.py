# SPDX-License-Identifier: MIT
"""Read the stored samples of DICOM files in any transfer syntax as arrays."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..dicom.reading import NoPixelsError, dicom_error, is_dicom
from ..dicom.syntaxes import DEFLATED, NATIVE, RLE, syntax_of
from ..errors import CorruptDataError, UnsupportedError, is_expected

# Files in these syntaxes hold every allocated bit unchanged. In the others, the codestream has its
# own precision, and pydicom must extend the sign.
_STORED_BIT_FOR_BIT = NATIVE | {RLE}


def read_dicom_samples(path: Path, frame: int | None) -> NDArray[Any]:
    from pydicom import dcmread
    from pydicom.pixels.utils import pixel_array

    from ..dicom.pixels import MICLossless

    try:
        # pydicom warns about many oddities that do not affect the stored samples.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            head = dcmread(path, stop_before_pixels=True, force=path.suffix.lower() == ".dcm")
            _check_dicom_head(head, path)
            _check_frame(head, path, frame)
            options: dict[str, Any] = {"raw": True, "index": frame}
            syntax = syntax_of(head)
            if syntax == MICLossless:
                return _read_mic_lossless(path, frame)
            if syntax in _STORED_BIT_FOR_BIT:
                options["correct_unused_bits"] = False
            if "TransferSyntaxUID" not in head.file_meta:
                options["transfer_syntax_uid"] = syntax
            # pydicom finds the pixels of a deflated file only through a data set.
            return pixel_array(dcmread(path) if syntax == DEFLATED else path, **options)
    except Exception as error:  # pydicom and its plugins may raise anything
        if is_expected(error):
            raise
        raise dicom_error(path.name, error) from error


def _read_mic_lossless(path: Path, frame: int | None) -> NDArray[Any]:
    """Read mic's own syntax, even if pydicom does not know it, with all bits as in native files."""
    from ..dicom.dataset import decode_frames

    frames = decode_frames(path, frame, correct_unused_bits=False)
    one: NDArray[Any] = frames[0]
    return one if frame is None and len(frames) == 1 else frames


def _check_frame(head: Any, path: Path, frame: int | None) -> None:
    n_frames = int(head.get("NumberOfFrames") or 1)
    if frame is not None and not 0 <= frame < n_frames:
        raise UnsupportedError(
            f"{path.name}: frame {frame} is asked for, it has frames 0 to {n_frames - 1}"
        )


def _check_dicom_head(head: Any, path: Path) -> None:
    """Refuse a DICOM file whose samples mic cannot take."""
    bits = head.get("BitsAllocated")
    if "Rows" not in head or bits is None:
        if not is_dicom(path):
            raise CorruptDataError(f"{path.name} is not a DICOM file")
        raise NoPixelsError(f"{path.name} is DICOM without pixel data")
    if bits > 16:
        raise UnsupportedError(
            f"{path.name}: the samples have {bits} bits, 8 or 16 are expected; "
            "mic does not code floating-point or 32-bit data"
        )
