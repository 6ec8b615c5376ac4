# SPDX-License-Identifier: MIT
"""Folders for the command line: which of their files to process, and the names of the outputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from ..errors import UnsupportedError
from ..images.kinds import SUFFIXES, RawLayout, files_below, kind_of
from ..paths import collisions, for_system, relative
from .jobs import Outcome
from .run import Task


def plan_encoding(
    source: Path, target: Path, raw: RawLayout | None, suffix: str
) -> tuple[list[tuple[Path, Path]], list[Outcome]]:
    """Decide which files of a tree to encode, to which names, and which to skip."""
    wanted, skipped = [], []
    for path in files_below(source):
        kind = kind_of(path)
        if kind is None:
            skipped.append(Outcome(path, status="skipped", message="no image that mic reads"))
        elif kind == "mic":
            skipped.append(Outcome(path, status="skipped", message="compressed already"))
        elif kind == "raw" and raw is None:
            reason = "a raw file: pass --shape and --dtype"
            skipped.append(Outcome(path, status="skipped", message=reason))
        else:
            wanted.append(path)
    pairs, refused = mirror(wanted, source, target, suffix)
    return pairs, [*refused, *skipped]


def plan_decoding(
    source: Path, target: Path, suffix: str
) -> tuple[list[tuple[Path, Path]], list[Outcome]]:
    """Decide which files of a tree to decode, to which names, and which to skip."""
    wanted, skipped = [], []
    for path in files_below(source):
        if kind_of(path) == "mic":
            wanted.append(path)
        else:
            skipped.append(Outcome(path, status="skipped", message="no .mic file"))
    pairs, refused = mirror(wanted, source, target, suffix)
    return pairs, [*refused, *skipped]


def mirror(
    paths: Iterable[Path], source: Path, target: Path, suffix: str | None = None
) -> tuple[list[tuple[Path, Path]], list[Outcome]]:
    """Decide the names in the target tree; refuse files that would replace one another there.

    With a suffix, each name gets it in the place of its own; where two would be the
    same, both keep theirs before it.
    """
    refuse_file(source, target)
    names = {path: relative(path, source) for path in paths}
    if suffix is not None:
        short = {path: with_suffix(name, suffix) for path, name in names.items()}
        uses = Counter(short.values())
        names = {
            path: name if uses[name] == 1 else Path(f"{names[path]}{suffix}")
            for path, name in short.items()
        }
    sources = list(names)
    same = collisions([name.as_posix() for name in names.values()], target)
    targets = [for_system(target / name) for name in names.values()]
    refused = [
        Outcome(
            sources[number],
            targets[number],
            "failed",
            f"{sources[number].name} would get the same name in {target} as {sources[first]}; "
            "rename one of them",
        )
        for number, first in same.items()
    ]
    pairs = zip(sources, targets, strict=True)
    return [pair for number, pair in enumerate(pairs) if number not in same], refused


def refuse_file(source: Path, target: Path) -> None:
    """Refuse a file at the place where a folder for the tree is needed."""
    if target.exists() and not target.is_dir():
        raise UnsupportedError(f"{source} is a folder and {target} a file; name a folder for both")


def with_suffix(path: Path, suffix: str) -> Path:
    """Replace a suffix that mic knows; names such as 1.2.840.5 have no suffix."""
    if path.suffix.lower() in SUFFIXES:
        return path.with_suffix(suffix)
    return path.with_name(path.name + suffix)


def target_of(source: Path, target: Path, suffix: str) -> Path:
    """Return DST, or a name within it if it is a folder."""
    return with_suffix(target / source.name, suffix) if target.is_dir() else target


def stream_tasks(paths: tuple[Path, ...], work: Callable[[Path], Outcome]) -> list[Task]:
    """Make a task for each file, and for each .mic file in the folders."""
    tasks: list[Task] = []
    for path in paths:
        if not path.is_dir():
            tasks.append((path, None, partial(work, path)))
            continue
        below = [file for file in files_below(path) if kind_of(file) == "mic"]
        tasks += [(file, None, partial(work, file)) for file in below]
        if not below:
            tasks.append((path, None, partial(_refuse_empty, path)))
    return tasks


def _refuse_empty(folder: Path) -> Outcome:
    raise UnsupportedError(f"{folder} holds no .mic file")
