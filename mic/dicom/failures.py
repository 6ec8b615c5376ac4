# SPDX-License-Identifier: MIT
"""Recognise DICOM files, and turn pydicom's errors into mic's own."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import CorruptDataError, MicError, UnsupportedError, is_expected, unreadable
from .syntaxes import title_of

EXTRA = 'pip install "mic-codec[dicom]"'
"""How to get the pydicom plugins that mic is tested with."""

_DICOM_MAGIC_AT = 128


class NoPixelsError(UnsupportedError):
    """A DICOM file that is not an image: a report, a plan, a directory."""


NoPixelsError.__module__ = "mic.dicom.reading"  # as pickles name it


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Silence pydicom's warnings and log, for commands that report problems themselves.

    Not for use in libraries: it affects the whole process, and threads that use it at
    the same time may undo each other's change.
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
    """Whether the file has the DICOM preamble."""
    try:
        with path.open("rb") as file:
            return file.read(_DICOM_MAGIC_AT + 4)[_DICOM_MAGIC_AT:] == b"DICM"
    except OSError:
        return False


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Convert anything pydicom or its plugins raise about a file into a MicError.

    Elements are parsed on first access, so any access may meet the damage.
    """
    try:
        yield
    except Exception as error:
        if is_expected(error):
            raise
        raise dicom_error(name, error) from error
    except BaseException as error:  # raised by panics in decoders written in Rust
        if type(error).__name__ != "PanicException":
            raise
        raise dicom_error(name, ValueError(str(error))) from error


def find_decoder(uid: str) -> Any:
    """Return pydicom's decoder for a transfer syntax.

    Raises
    ------
    UnsupportedError
        pydicom does not know the syntax, or no plugin for it is installed.
    """
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    title = title_of(uid)
    try:
        decoder = get_decoder(UID(uid))
    except NotImplementedError:
        named = uid if title == uid else f"{uid} ({title})"
        raise UnsupportedError(
            f"the Transfer Syntax UID (0002,0010) is {named}, one that mic or pydicom decodes is "
            "expected; convert the file with the software that wrote it"
        ) from None
    if not decoder.is_available:
        missing = " ".join(" ".join(decoder.missing_dependencies).split())
        raise UnsupportedError(f"no decoder for {title} is installed ({missing}); {EXTRA}")
    return decoder


def dicom_error(name: str, error: Exception) -> MicError:
    """Return the error to raise if pydicom could not decode a file."""
    if type(error).__name__ == "InvalidDicomError":
        return CorruptDataError(f"{name} is not a DICOM file")
    if "missing dependencies" in str(error):
        return UnsupportedError(f"{name}: no decoder for its transfer syntax is installed; {EXTRA}")
    if str(error).startswith("cannot reshape array"):  # numpy's words, passed on by pydicom
        return CorruptDataError(
            f"{name}: Pixel Data (7FE0,0010) are not as long as Rows, Columns and Number of Frames "
            f"say: {error} (truncated file?)"
        )
    return unreadable(name, "DICOM", error)
