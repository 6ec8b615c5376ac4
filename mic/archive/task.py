# SPDX-License-Identifier: MIT
"""One file of an archive, as a Dask worker transcodes it.

A task may run twice, on two workers at a time, or be ended at any moment: it writes
the same bytes each time, and they get their name when they are complete.
"""

from __future__ import annotations

import dataclasses
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..dicom.reading import NoPixelsError
from ..errors import MicError, one_sentence
from ..images.kinds import SUFFIXES
from ..transcode.file import transcode_file
from .location import Location, fetch, stamp_of, store
from .report import Record

_PREAMBLE = 132
# No other attempt can help against these; a file that is not found may be, by other workers.
_FINAL = (PermissionError, IsADirectoryError, NotADirectoryError)


@dataclass(frozen=True)
class Options:
    """What to do with each file."""

    to: str
    near: int = 0
    effort: int = 5
    verify: bool = True

    def asked(self) -> dict[str, Any]:
        """What the records say of it, and a later run compares."""
        return {"to": self.to, "near": self.near, "effort": self.effort}


@dataclass(frozen=True)
class Task:
    """A file to transcode; all that a worker needs to know.

    Attributes
    ----------
    source, target : Location
    root : Location or None
        The folder that must exist already, below which the worker may make folders; None
        if the target's own folder must exist.
    source_size : int or None
    source_stamp : str
        When it was listed.
    """

    source: Location
    target: Location
    root: Location | None
    source_size: int | None
    source_stamp: str
    options: Options

    def record(self, status: str, message: str = "", **more: Any) -> Record:
        """A record of this file."""
        return Record(
            self.source.url,
            self.target.url,
            status,
            message,
            **self.options.asked(),
            source_stamp=self.source_stamp,
            **{"begun": True, **more},
        )


def run_task(task: Task) -> Record:
    """Transcode one file; what cannot succeed is a record too.

    Raises
    ------
    Exception
        Whatever another attempt, perhaps on another worker, may not meet.
    """
    try:
        if not _looks_like_dicom(task.source):
            return task.record("skipped", "no DICOM file")
        with tempfile.TemporaryDirectory(prefix="mic-", dir=_scratch_folder()) as folder:
            return _transcode(task, Path(folder))
    except NoPixelsError as error:
        status = "failed" if task.root is None else "skipped"
        return task.record(status, one_sentence(error))
    except (MicError, *_FINAL) as error:
        return task.record("failed", one_sentence(error))


def _transcode(task: Task, folder: Path) -> Record:
    source, target, options = task.source, task.target, task.options
    file = fetch(source, task.source_size, folder)
    output = folder / target.name
    if target.is_local:
        output = Path(target.path)
        _make_folder(output.parent, task.root)
    done = transcode_file(
        file, output, options.to, near=options.near, effort=options.effort, verify=options.verify
    )
    if not target.is_local:
        store(output, target, done.target_sha256)
    facts = {
        key: value for key, value in dataclasses.asdict(done).items() if key in _TAKEN_FROM_RECORD
    }
    return task.record("ok", target_stamp=stamp_of(target.info()), **facts)


def _make_folder(folder: Path, root: Location | None) -> None:
    if root is None:
        return
    if not Path(root.path).is_dir():  # to make it would hide that a shared folder is not mounted
        raise OSError(f"{root.url} does not exist on this worker; let all workers mount it")
    folder.mkdir(parents=True, exist_ok=True)


_TAKEN_FROM_RECORD = frozenset(
    {"source_syntax", "syntax", "frames", "decoded_bytes", "encoded_bytes", "ratio"}
    | {"source_bytes", "target_bytes", "sha256", "target_sha256"}
    | {"max_error", "verified", "seconds"}
)


def _looks_like_dicom(source: Location) -> bool:
    suffix = Path(source.name).suffix.lower()
    if SUFFIXES.get(suffix) == "dicom":
        return True
    head = source.fs.cat_file(source.path, 0, _PREAMBLE)
    return bytes(head[-4:]) == b"DICM" and len(head) == _PREAMBLE


def _scratch_folder() -> str | None:
    """The worker's own, which Dask clears after a worker that was killed."""
    try:
        from distributed import get_worker

        return str(get_worker().local_directory)
    except (ImportError, ValueError):  # not on a worker
        return None
