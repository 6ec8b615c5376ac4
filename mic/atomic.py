# SPDX-License-Identifier: MIT
"""Files that appear whole or not at all.

A file is written under a temporary name in its folder, flushed to disk and renamed.
Its final name never refers to half a file, and an existing file stays until the new one
is complete.

On Windows a file that a program has open can be neither replaced nor removed.  Virus
scanners and indexers open new files for a moment, so renaming tries again for a while.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Container, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from .errors import MicError
from .paths import for_system, refuse_name

if TYPE_CHECKING:
    from pathlib import Path

Writer = TypeVar("Writer", bound="AtomicWriter")
Growing = TypeVar("Growing", bound="GrowingFile")


class AtomicWriter:
    """A file that is written bit by bit and appears when it is closed without an error.

    Subclasses write to `_file`, which is None once the writer is closed, and write the
    rest in `_finish`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._replacing = replacing(path)
        self._file: BinaryIO | None = self._replacing.__enter__()

    def _finish(self, file: BinaryIO) -> None:
        raise NotImplementedError

    def _release(self) -> None:
        """Release whatever else the writer holds."""

    def close(self) -> None:
        """Complete the file and give it its name."""
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            self._finish(file)
        except BaseException as error:
            self._replacing.__exit__(type(error), error, error.__traceback__)
            raise
        finally:
            self._release()
        self._replacing.__exit__(None, None, None)

    def abort(self) -> None:
        """Give up: no file appears, and an existing file at the path stays."""
        if self._file is None:
            return
        self._file = None
        self._release()
        abandoned = MicError("the writer was aborted")
        with contextlib.suppress(MicError):
            self._replacing.__exit__(MicError, abandoned, None)

    def __enter__(self: Writer) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


class GrowingFile:
    """A file that grows record by record and is flushed to disk when it is closed.

    Subclasses open `_file` without a buffer, so that a process that is killed loses
    nothing.
    """

    _file: BinaryIO

    def __enter__(self: Growing) -> Growing:
        return self

    def __exit__(self, *_: object) -> None:
        os.fsync(self._file.fileno())
        self._file.close()


_IN_USE = (5, 32, 33)  # how Windows refuses: access denied, sharing violation, lock violation
_WAITS = (0.05, 0.1, 0.2, 0.4, 0.8)  # seconds before the next attempt
TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{8}\.part")


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a temporary file that takes the name `path` if the block ends without an error.

    Parameters
    ----------
    path : path-like
        The final name; its folder must exist.

    Raises
    ------
    MicError
        Windows does not allow the name, or the file to be replaced is in use or
        read-only there.
    OSError
        The file cannot be written.

    Yields
    ------
    binary file
        Readable and writable, so that its content can be verified before the block
        ends.  On an exception it is removed and `path` is untouched.
    """
    from pathlib import Path  # as in arguments.py

    final = for_system(Path(path))
    refuse_name(final.name, final)
    temporary = final.with_name(f".{final.name}.{os.urandom(4).hex()}.part")
    # Opened like any new file, so that it gets the usual permissions.
    try:
        file = temporary.open("x+b")
    except OSError as error:
        error.filename = str(final)
        raise
    with file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
        except BaseException as error:
            with contextlib.suppress(OSError):  # unwritten data cannot be flushed
                file.close()
            discard(temporary)
            # The error of a full disk names no file, and pydicom wraps it in another error.
            for cause in (error, error.__cause__):
                if isinstance(cause, OSError) and cause.errno and cause.filename is None:
                    raise OSError(cause.errno, cause.strerror, str(final)) from error
            raise
    try:
        _give_name(temporary, final)
    except BaseException:
        discard(temporary)
        raise
    _flush_folder(final.parent)


def remove_leftovers(folder: Path, names: Container[str]) -> None:
    """Remove the temporary files for `names` that killed processes left in a folder."""
    for path in folder.glob(".*.part"):
        match = TEMPORARY.fullmatch(path.name)
        if match is not None and match[1] in names:
            discard(path)


def discard(path: Path) -> None:
    """Remove a file; one that Windows holds in use stays, for another error matters more."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _give_name(temporary: Path, final: Path) -> None:
    """Rename a file; wait for programs that have it or its predecessor open for a moment."""
    for seconds in (*_WAITS, None):
        try:
            temporary.replace(final)
            return
        except PermissionError as error:
            if getattr(error, "winerror", None) not in _IN_USE:
                raise
            if final.exists() and not final.stat().st_mode & stat.S_IWRITE:
                raise MicError(
                    f"{final} is read-only, and Windows replaces no such file; clear that "
                    "attribute, or choose another name"
                ) from error
            if seconds is None:
                raise MicError(
                    f"{final} cannot be written while a program has it open, or this one has "
                    f"({error.strerror}); close it there and try again"
                ) from error
            time.sleep(seconds)


def _flush_folder(folder: Path) -> None:
    """Make the rename itself durable, if folders can be opened (not on Windows)."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
