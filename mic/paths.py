# SPDX-License-Identifier: MIT
r"""What systems make of paths: their length, reserved names, and case.

Windows takes up to 259 characters, unless long paths are enabled on the machine or the
path begins with ``\\?\``.  It refuses some names and silently changes others.  Its file
systems, and those of macOS, take ``A.dcm`` and ``a.dcm`` for one file.
"""

from __future__ import annotations

import contextlib
import ntpath
import os
import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from .errors import UnsupportedError

if TYPE_CHECKING:
    from pathlib import Path, PurePath

    AnyPath = TypeVar("AnyPath", bound=PurePath)

WINDOWS = os.name == "nt"
_LONGEST = 220  # a folder may have 247 characters, and temporary files have longer names
_PLAIN = "\\\\?\\"
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[1-9¹²³]) *(\..*)?", re.I)
_NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f]')


def for_system(path: AnyPath) -> AnyPath:
    """Return a path that the system takes whatever its length."""
    return extended(path) if WINDOWS and len(ntpath.abspath(path)) > _LONGEST else path


def extended(path: AnyPath) -> AnyPath:
    r"""Return a path in the form that has no limit: on Windows absolute, behind ``\\?\``."""
    if not WINDOWS:
        return path
    text = ntpath.abspath(path)
    if text.startswith((_PLAIN, "\\\\.\\")):
        return path
    if text.startswith("\\\\"):  # \\server\share
        return type(path)(f"{_PLAIN}UNC{text[1:]}")
    return type(path)(_PLAIN + text)


def relative(path: AnyPath, folder: AnyPath) -> AnyPath:
    """Return a path relative to a folder that contains it, whichever form each has."""
    return extended(path).relative_to(extended(folder))


def refuse_name(name: str, path: object) -> None:
    """Refuse a name of a file or folder that Windows would refuse or change, on Windows.

    Parameters
    ----------
    name : str
        One part of a path.
    path : path-like or str
        The whole path, for the message.

    Raises
    ------
    UnsupportedError
        The message says why, and what to do.
    """
    if not WINDOWS:
        return
    wrong = _NOT_IN_NAMES.search(name)
    if wrong is not None:
        reason = f"contains {wrong[0]!r}"
    elif _DEVICE.fullmatch(name):
        reason = "is the name of a device"
    elif name.endswith((".", " ")):
        reason = f"ends in {name[-1]!r}"
    else:
        return
    raise UnsupportedError(
        f"{path}: the name {name!r} {reason}, which Windows does not allow; choose another name"
    )


def collisions(names: Sequence[str], folder: Path) -> dict[int, int]:
    """Find names that the file system takes for an earlier one, such as A.dcm and a.dcm.

    Parameters
    ----------
    names : sequence of str
        Relative paths.
    folder : Path
        Where the files are to be; it need not exist yet.

    Returns
    -------
    dict
        Index of each such name, and the index of the earlier one.
    """
    alike: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        alike.setdefault(unicodedata.normalize("NFC", name).casefold(), []).append(number)
    found: dict[int, int] = {}
    for group in alike.values():
        for place, number in enumerate(group):
            earlier = (e for e in group[:place] if _are_one_file(names[e], names[number], folder))
            first = next(earlier, None)
            if first is not None:
                found[number] = first
    return found


def _are_one_file(one: str, other: str, folder: Path) -> bool:
    """Ask the file system itself, because no rule says which of them fold which letters."""
    import tempfile  # as in slide_writer.py
    from pathlib import Path

    if one == other:
        return True
    existing = next((place for place in (folder, *folder.parents) if place.is_dir()), folder)
    with (
        contextlib.suppress(OSError),  # whoever writes there will report it
        tempfile.TemporaryDirectory(
            prefix=".mic.", dir=extended(existing), ignore_cleanup_errors=True
        ) as probe,
    ):
        first = Path(probe, one)
        first.parent.mkdir(parents=True, exist_ok=True)
        first.touch()
        return Path(probe, other).exists()
    return False
