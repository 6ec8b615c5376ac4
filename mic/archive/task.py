# SPDX-License-Identifier: MIT
"""One file of an archive, as a Dask worker transcodes it.

A task may run twice, on two workers at once, or be killed at any moment.  It writes the
same bytes each time, and they get their final name only when they are complete.
"""

from __future__ import annotations

import dataclasses
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..dicom.failures import NoPixelsError
from ..errors import MicError, one_sentence
from ..images.kinds import SUFFIXES
from ..paths import for_system
from ..transcode.file import transcode_file
from .location import Location, fetch, stamp_of, store
from .report import Record

_PREAMBLE = 132
# A retry cannot help here. FileNotFoundError is not among them: another worker may see the file.
_FINAL = (PermissionError, IsADirectoryError, NotADirectoryError)


@dataclass(frozen=True)
class Options:
    """Options for every file."""

    to: str
    near: int = 0
    effort: int = 5
    verify: bool = True

    def asked(self) -> dict[str, Any]:
        """The requested options, as records hold them and a later run compares them."""
        return {"to": self.to, "near": self.near, "effort": self.effort}


@dataclass(frozen=True)
class Task:
    """A file to transcode, with everything that a worker needs to know.

    Attributes
    ----------
    source, target : Location
    root : Location or None
        A folder that must already exist and below which the worker may create folders.
        None if the target's own folder must exist.
    source_size : int or None
        Size in bytes when the source was listed.
    source_stamp : str
        Stamp when the source was listed.
    """

    source: Location
    target: Location
    root: Location | None
    source_size: int | None
    source_stamp: str
    options: Options

    def record(self, status: str, message: str = "", **more: Any) -> Record:
        """Make a record for this file."""
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
    """Transcode one file; a failure that no retry can mend becomes a record.

    Raises
    ------
    Exception
        A failure that may not recur on another attempt, perhaps on another worker.
    """
    try:
        if not _looks_like_dicom(task.source):
            return task.record("skipped", "no DICOM file")
        # Windows removes no file that another program has open, and the result counts.
        with tempfile.TemporaryDirectory(
            prefix="mic-", dir=_scratch_folder(), ignore_cleanup_errors=True
        ) as folder:
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
    if not Path(root.path).is_dir():  # creating it would hide that a shared folder is not mounted
        raise OSError(f"{root.url} does not exist on this worker; let all workers mount it")
    for_system(folder).mkdir(parents=True, exist_ok=True)


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
    """Return the worker's own folder, which Dask clears even after a worker was killed."""
    try:
        from distributed import get_worker

        return str(get_worker().local_directory)
    except (ImportError, ValueError):  # not on a worker
        return None
