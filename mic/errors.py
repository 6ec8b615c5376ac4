# SPDX-License-Identifier: MIT
"""The errors of mic: one sentence each, with value, expectation and remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class MicError(Exception):
    """Anything that mic refuses or cannot do.

    Attributes
    ----------
    code : int
        Number of the status in the C core (`mic_status`), 0 if the error was
        found before the core was asked.
    stage : str or None
        Part of the pipeline: ``"header"``, ``"index"``, ``"frame head"``,
        ``"strip"``, ``"fse"``, ``"rle"``, ...
    frame, strip : int or None
        Frame within the stream and strip within the frame.
    level : int or None
        Level of a slide.
    tile : (int, int) or None
        Row and column of a tile within its level.
    offset : int or None
        Byte offset: within the file for the container's parts, within the
        stage's own input otherwise.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int = 0,
        stage: str | None = None,
        frame: int | None = None,
        strip: int | None = None,
        offset: int | None = None,
        level: int | None = None,
        tile: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.stage = stage
        self.frame = frame
        self.strip = strip
        self.offset = offset
        self.level = level
        self.tile = tile

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self.args, self.__dict__


class CorruptDataError(MicError, ValueError):
    """The data are damaged, truncated, or no stream that mic knows."""


class UnsupportedError(MicError, ValueError):
    """The input is valid, but this format or this function cannot take it."""


class LimitError(MicError, ValueError):
    """The data announce more than the caller allows."""


class VerifyError(MicError):
    """Decoded data differ from the original."""


@contextmanager
def located(place: str) -> Iterator[None]:
    """Begin mic's messages with the file or frame that they are about, if they do not."""
    try:
        yield
    except MicError as error:
        if not str(error).startswith(place):
            error.args = (f"{place}: {error}",)
        raise


def one_sentence(error: BaseException) -> str:
    """What went wrong, in one line, of any exception."""
    if isinstance(error, OSError) and error.strerror:
        name = error.filename2 or error.filename  # of a renaming: the name that was wanted
        return f"{name}: {error.strerror}" if name else error.strerror
    if isinstance(error, MemoryError):
        return str(error) or "there is not enough memory for this image"
    return " ".join(str(error).split()) or type(error).__name__


def unreadable(name: str, kind: str, error: Exception) -> CorruptDataError:
    """The error to raise when a library cannot read a file of some kind."""
    return CorruptDataError(f"{name} cannot be read as {kind}: {first_line(error)}")


def first_line(error: Exception) -> str:
    """The first two lines of a message as one, or the name of its type."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) or type(error).__name__


# The groups of mic_status in csrc/mic.h.
_BY_CODE: dict[int, type[MicError]] = {
    1: CorruptDataError,
    2: CorruptDataError,
    3: CorruptDataError,
    4: CorruptDataError,
    100: UnsupportedError,
    101: UnsupportedError,
    102: LimitError,
    104: VerifyError,
}
_OUT_OF_MEMORY = 200


def error_from_core(
    code: int, stage: str, frame: int, strip: int, offset: int, message: str
) -> Exception:
    """Make the exception for a `mic_error` of the C core (-1 means unknown)."""
    if code == _OUT_OF_MEMORY:
        return MemoryError(message)
    place = ""
    if frame >= 0:
        place = f"frame {frame}, strip {strip}: " if strip >= 0 else f"frame {frame}: "
    return _BY_CODE.get(code, MicError)(
        place + message,
        code=code,
        stage=stage,
        frame=frame if frame >= 0 else None,
        strip=strip if strip >= 0 else None,
        offset=offset if offset >= 0 else None,
    )
