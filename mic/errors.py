# SPDX-License-Identifier: MIT
"""The errors of mic: one sentence each, with value, expectation and remedy.

A message consists of parts.  Most are plain text.  Parts that Python and the command
line spell differently are of the types `Argument`, `Setting` and `Remedy`; this module
holds their spelling in Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import UnsupportedOperation


class Argument(str):
    """Part of a message: the name of an argument."""

    __slots__ = ()


class Setting(Argument):
    """Part of a message: an argument with a value, such as ``tile=256``."""

    __slots__ = ()


class Remedy(str):
    """Part of a message: a remedy, as its key in `REMEDIES`."""

    __slots__ = ()


REMEDIES = {
    "rescue": "partial=True rescues what is there",
    "rescue_frames": "partial=True rescues the frames",
    "rescue_strips": "partial=True rescues the other strips",
    "rescue_models": "partial=True rescues the frames with models of their own",
    "bare_stream": "(mic.stages.decode_stream decodes bare published streams)",
    "any_maximum": "pass max_value=255 or use the native container",
    "larger_maximum": "raise max_value to 8 or more, or use the native container",
    "limit": "raise max_pixels if you trust the source, or decode fewer frames",
    "limit_file": "raise max_pixels if you trust the file",
    "native": 'use container="native"',
    "frame_axis": "pass arr[None] for one frame, or ",
    "level": "use mic.open(...).level(i)",
    "index": "index it: f[i]",
    "decompress": "mic.decode decompresses it",
    "overwrite": "pass overwrite=True to replace it",
}
"""How Python words each remedy.  mic/cli/words.py holds the words of the command line."""

# The index is the number of mic_remedy in csrc/mic.h.
_OF_CORE = (
    None,
    "rescue",
    "rescue_frames",
    "rescue_strips",
    "rescue_models",
    "bare_stream",
    "any_maximum",
    "larger_maximum",
)


class MicError(Exception):
    """An input that mic refuses, or a task that it cannot do; base class of all its errors.

    Parameters
    ----------
    *parts : str
        The message in parts, which are joined.  Parts of the types `Argument`,
        `Setting` and `Remedy` are spelled differently on the command line.
    code, stage, frame, strip, offset, level, tile : optional
        Only by keyword; kept as the attributes of the same names.

    Attributes
    ----------
    parts : tuple of str
        The message in parts; ``args`` holds the one sentence that they make in Python.
    argument : str or None
        Name of the argument to change, as in Python.
    remedy : str or None
        Key of the advice in the message: ``"rescue"``, ``"limit"``, ``"native"``, ...
    code : int
        Number of the status in the C core (`mic_status`); 0 if the error was found
        before the core was called.
    stage : str or None
        Part of the pipeline: ``"header"``, ``"index"``, ``"frame head"``,
        ``"strip"``, ``"fse"``, ``"rle"``, ...
    frame, strip : int or None
        Frame within the stream and strip within the frame, counted from 0.
    level : int or None
        Level of a slide; 0 is the largest.
    tile : (int, int) or None
        Row and column of a tile within its level, counted in tiles.
    offset : int or None
        Offset in bytes: within the file for parts of the container, otherwise
        within the input of the stage.
    """

    def __init__(
        self,
        *parts: str,
        code: int = 0,
        stage: str | None = None,
        frame: int | None = None,
        strip: int | None = None,
        offset: int | None = None,
        level: int | None = None,
        tile: tuple[int, int] | None = None,
    ) -> None:
        self.reword(*parts)
        self.code = code
        self.stage = stage
        self.frame = frame
        self.strip = strip
        self.offset = offset
        self.level = level
        self.tile = tile

    def reword(self, *parts: str) -> None:
        """Replace the message, and with it `argument` and `remedy`.

        Parameters
        ----------
        *parts : str
            The new message in parts, as for the constructor.
        """
        self.parts = parts
        self.args = (self.say(str, REMEDIES.__getitem__),)
        named = (part for part in parts if isinstance(part, Argument))
        self.argument = next((str(part).partition("=")[0] for part in named), None)
        remedies = (part for part in parts if isinstance(part, Remedy))
        self.remedy = next((str(part) for part in remedies), None)

    def begin(self, place: str) -> None:
        """Put a place in front of the message.

        Parameters
        ----------
        place : str
            Text to begin with, such as ``"scan.mic: "``.
        """
        self.reword(place, *self.parts)

    def say(self, argument: Callable[[Argument], str], remedy: Callable[[Remedy], str]) -> str:
        """Return the message, with arguments and remedies spelled by the two functions.

        Parameters
        ----------
        argument : callable
            Spells an `Argument` or a `Setting`.
        remedy : callable
            Spells a `Remedy`.

        Returns
        -------
        str
            The message in one sentence.
        """
        return "".join(
            argument(part)
            if isinstance(part, Argument)
            else remedy(part)
            if isinstance(part, Remedy)
            else str(part)
            for part in self.parts
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self.parts, self.__dict__


class CorruptDataError(MicError, ValueError):
    """The data are damaged or truncated, or are no stream that mic knows.

    Parameters and attributes are those of `MicError`.
    """


class UnsupportedError(MicError, ValueError):
    """The input is valid, but this format or this function cannot take it.

    Parameters and attributes are those of `MicError`.
    """


class LimitError(MicError, ValueError):
    """The data announce more samples or bytes than the caller allows.

    Parameters and attributes are those of `MicError`.
    """


class VerifyError(MicError):
    """Decoded data differ from the original.

    Parameters and attributes are those of `MicError`.
    """


@contextmanager
def located(place: str) -> Iterator[None]:
    """Put the file or frame concerned in front of mic's messages that do not name it yet."""
    try:
        yield
    except MicError as error:
        if not str(error).startswith(place):
            error.begin(f"{place}: ")
        raise


def one_sentence(error: BaseException) -> str:
    """Describe any exception in one line."""
    if isinstance(error, OSError) and error.strerror:
        name = error.filename2 or error.filename  # after a failed rename, the name that was wanted
        return f"{name}: {error.strerror}" if name else error.strerror
    if isinstance(error, MemoryError):
        return str(error) or "there is not enough memory for this image"
    return " ".join(_without_traceback(error).split()) or type(error).__name__


def is_expected(error: BaseException) -> bool:
    """Whether an error may reach the user as it is: of mic, of the system, or of memory.

    Parsers raise `OSError` too, for data that they do not like.  Theirs have no number.
    """
    if isinstance(error, OSError):
        return error.errno is not None or isinstance(error, UnsupportedOperation)
    return isinstance(error, (MicError, MemoryError))


def unreadable(name: str, kind: str, error: Exception) -> CorruptDataError:
    """Return the error to raise when a library cannot read a file of some kind."""
    return CorruptDataError(f"{name} cannot be read as {kind}: {first_line(error)}")


def first_line(error: Exception) -> str:
    """Return the first two lines of a message as one, or the name of its type if it is empty."""
    lines = [line.strip() for line in _without_traceback(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) or type(error).__name__


def _without_traceback(error: BaseException) -> str:
    """Return a message without the traceback that pydicom puts behind it; the tag stays."""
    text = str(error).partition("Traceback (most recent call last)")[0]
    return re.sub(r"With tag (\S+) got exception:", r"\1:", text)


# Exception types by number of mic_status in csrc/mic.h.
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
    code: int, stage: str, frame: int, strip: int, offset: int, message: str, remedy: int = 0
) -> Exception:
    """Make the exception for a `mic_error` of the C core (-1 means unknown)."""
    if code == _OUT_OF_MEMORY:
        return MemoryError(message)
    place = ""
    if frame >= 0:
        place = f"frame {frame}, strip {strip}: " if strip >= 0 else f"frame {frame}: "
    return _BY_CODE.get(code, MicError)(
        *_parts(place + message, _OF_CORE[remedy]),
        code=code,
        stage=stage,
        frame=frame if frame >= 0 else None,
        strip=strip if strip >= 0 else None,
        offset=offset if offset >= 0 else None,
    )


def _parts(message: str, remedy: str | None) -> tuple[str, ...]:
    """Add a remedy to a message of the core: in its last parentheses, or at the end."""
    if remedy is None:
        return (message,)
    if message.endswith(")"):
        return message[:-1], "; ", Remedy(remedy), ")"
    if remedy == "bare_stream":
        return message, " ", Remedy(remedy)
    before, name, after = message.partition("max_value")
    named = (before, Argument(name), after) if name else (before,)
    return *named, "; ", Remedy(remedy)
