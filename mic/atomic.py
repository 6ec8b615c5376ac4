# SPDX-License-Identifier: MIT
"""Files that appear whole or not at all.

A file is written under a temporary name in its folder, flushed to the disk and
renamed: at no moment does its final name show half a file, and whatever stood
there before stays until the new one is complete.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a temporary file that takes the name `path` when the block ends well.

    Parameters
    ----------
    path : path-like
        The final name; its folder must exist.

    Yields
    ------
    binary file
        Readable and writable, so that its content can be verified before the
        block ends.  On an exception it is removed and `path` is untouched.
    """
    final = Path(path)
    descriptor, name = tempfile.mkstemp(prefix=f".{final.name}.", suffix=".part", dir=final.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(_usual_mode())
        temporary.replace(final)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _flush_folder(final.parent)


def _usual_mode() -> int:
    """What `open` would have given; mkstemp makes files private."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _flush_folder(folder: Path) -> None:
    """Make the rename itself durable, where folders can be opened (not on Windows)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
