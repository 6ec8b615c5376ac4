# SPDX-License-Identifier: MIT
"""Reading DICOM files by pydicom: is it one, and its errors as those of mic."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import CorruptDataError, MicError, UnsupportedError, unreadable

_DICOM_MAGIC_AT = 128


class NoPixelsError(UnsupportedError):
    """A DICOM file of another sort: a report, a plan, a directory."""


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Neither warnings nor log of pydicom, for commands whose messages say what matters.

    Not for libraries: it concerns the whole process, and threads that do it at the
    same time may undo one another's work.
    """
    logger = logging.getLogger("pydicom")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


def is_dicom(path: Path) -> bool:
    """Does the file carry the DICOM preamble?"""
    try:
        with path.open("rb") as file:
            return file.read(_DICOM_MAGIC_AT + 4)[_DICOM_MAGIC_AT:] == b"DICM"
    except OSError:
        return False


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Make mic's errors of whatever pydicom and its plugins raise about a file.

    Elements are parsed when they are first touched, so that any access may find
    the damage.
    """
    try:
        yield
    except (MicError, OSError, MemoryError):
        raise
    except Exception as error:
        raise dicom_error(name, error) from error
    except BaseException as error:  # decoders written in Rust panic with such
        if type(error).__name__ != "PanicException":
            raise
        raise dicom_error(name, ValueError(str(error))) from error


def dicom_error(name: str, error: Exception) -> MicError:
    """What to raise where pydicom could not decode a file."""
    if type(error).__name__ == "InvalidDicomError":
        return CorruptDataError(f"{name} is not a DICOM file")
    if "missing dependencies" in str(error):
        return UnsupportedError(
            f"{name}: no decoder for its transfer syntax is installed; "
            'pip install "mic-codec[dicom]"'
        )
    if str(error).startswith("cannot reshape array"):  # numpy's words, out of pydicom
        return CorruptDataError(
            f"{name}: Pixel Data (7FE0,0010) are not as long as Rows, Columns and Number of Frames "
            f"say: {error} (truncated file?)"
        )
    return unreadable(name, "DICOM", error)
