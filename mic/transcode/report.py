# SPDX-License-Identifier: MIT
"""The report of a long run: complete JSON at every moment, and what to skip next time."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, BinaryIO

from ..atomic import GrowingFile, replacing
from ..errors import Argument, CorruptDataError

_CHUNK = 1 << 20  # bytes to hash at a time
_HEAD = '{"command": "transcode", "files": [\n'


class Report(GrowingFile):
    """A JSON document that grows by one line for each file.

    Its last line closes the document and holds the totals.  A single write replaces it
    with the new record and a new last line, so a process that is killed leaves a
    readable document.

    Parameters
    ----------
    path : Path
        Replaced if it exists, except for the records in `kept`.
    kept : dict
        Records of an earlier run to keep, by source path.
    """

    def __init__(self, path: Path, kept: dict[str, dict[str, Any]] | None = None) -> None:
        self._counts = {"ok": 0, "failed": 0, "skipped": 0}
        # The records of the earlier run are saved before its report is replaced.
        with replacing(path) as file:
            self._start(file)
            for record in (kept or {}).values():
                self.add(record)
        self._file = path.open("r+b", buffering=0)

    def _start(self, file: BinaryIO) -> None:
        self._file = file
        file.write((_HEAD + self._tail()).encode())
        self._end = len(_HEAD)

    def add(self, record: dict[str, Any]) -> None:
        """Append the record of one file; it must have a ``status``."""
        first = self._end == len(_HEAD)
        self._counts[record["status"]] += 1
        line = ("" if first else ",\n") + json.dumps(record, default=list)
        self._file.seek(self._end)
        self._file.write((line + self._tail()).encode())
        self._end += len(line.encode())

    def _tail(self) -> str:
        return f'\n], "totals": {json.dumps(self._counts)}}}\n'


def read_report(path: Path) -> dict[str, dict[str, Any]]:
    """Read the records of a report, by source path; empty if there is no such file.

    A line that was cut off, for example by a power failure, is ignored.

    Raises
    ------
    CorruptDataError
        The file is not a report.
    """
    if not path.exists():
        return {}
    text = path.read_text(encoding="utf-8", errors="replace")
    if not text.startswith(_HEAD):
        raise CorruptDataError(
            f"{path} is no report of mic transcode; choose another name for ", Argument("report")
        )
    records = {}
    for line in text[len(_HEAD) :].splitlines():
        try:
            record = json.loads(line.rstrip(","))
            records[record["source"]] = record
        except (ValueError, KeyError, TypeError):
            continue
    return records


def is_done(record: dict[str, Any], source: Path, target: Path, asked: Any) -> bool:
    """Whether an earlier run made and verified this target from this source.

    Parameters
    ----------
    record : dict
        Record of the source, from `read_report`.
    source, target : Path
    asked : dict
        Syntax and options, as records hold them under ``"asked"``.
    """
    if record.get("status") != "ok" or not record.get("verified"):
        return False
    if record.get("asked") != asked or record.get("target") != str(target):
        return False
    return (
        record.get("source_state") == state_of(source)
        and target.is_file()
        and target.stat().st_size == record.get("target_bytes")
        and digest_of_file(target) == record.get("target_sha256")
    )


def state_of(path: Path) -> list[int]:
    """Return the size of a file in bytes and the time of its last change in nanoseconds."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def digest_of_file(path: Path, algorithm: str = "sha256") -> str:
    """Return the digest of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return digest_of(file, algorithm)


def digest_of(file: BinaryIO, algorithm: str = "sha256") -> str:
    """Return the digest of an open file, from its beginning; leave it at its end."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    file.seek(0)
    while block := file.read(_CHUNK):
        digest.update(block)
    return digest.hexdigest()
