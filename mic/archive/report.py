# SPDX-License-Identifier: MIT
"""The record of each file of an archive: JSON lines during the run, Parquet at its end."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..atomic import GrowingFile, replacing
from ..errors import CorruptDataError, UnsupportedError

_PARQUET_TYPES = {"str": "string", "int": "int64", "float": "double", "bool": "bool"}


@dataclass(frozen=True)
class Record:
    """The result for one file of an archive.

    Attributes
    ----------
    source, target : str
        Paths or URLs.
    status : {"ok", "failed", "skipped"}
    message : str
        The error, or the reason.
    to : str
        Short name of the requested transfer syntax.
    near, effort : int
        Requested options.
    source_stamp, target_stamp : str
        Size and identity (ETag or time) of the contents of both files, from which a
        later run knows that they have not changed; empty if the file system gives no
        identity.
    begun : bool
        A worker was asked to write the target.
    source_syntax, syntax, frames, decoded_bytes, encoded_bytes, ratio, source_bytes, \
    target_bytes, sha256, target_sha256, max_error, verified, seconds
        See `mic.transcode.Record`; empty or 0 unless the status is "ok".
    """

    source: str
    target: str
    status: str
    message: str = ""
    to: str = ""
    near: int = 0
    effort: int = 0
    source_stamp: str = ""
    target_stamp: str = ""
    begun: bool = False
    source_syntax: str = ""
    syntax: str = ""
    frames: int = 0
    decoded_bytes: int = 0
    encoded_bytes: int = 0
    ratio: float = 0.0
    source_bytes: int = 0
    target_bytes: int = 0
    sha256: str = ""
    target_sha256: str = ""
    max_error: int = 0
    verified: bool = False
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return all fields in types that JSON supports.

        Returns
        -------
        dict
        """
        return dataclasses.asdict(self)


_FIELDS = frozenset(field.name for field in dataclasses.fields(Record))


class JsonLines(GrowingFile):
    """A report that grows by one line for each file and is written at once.

    Parameters
    ----------
    path : Path
        Replaced if it exists.
    kept : iterable of Record
        Records of an earlier run to keep.
    """

    def __init__(self, path: Path, kept: Iterable[Record] = ()) -> None:
        # The records of the earlier run are saved before its report is replaced.
        with replacing(path) as file:
            file.writelines(map(_line, kept))
        self._file = path.open("ab", buffering=0)

    def add(self, record: Record) -> None:
        """Append the record of one file."""
        self._file.write(_line(record))


def read_json_lines(path: Path) -> dict[str, Record]:
    """Read the records of a report, by source; empty if there is no such file.

    A line that was cut off, for example by a power failure, is ignored.  If a source
    has two records, the later one counts.

    Raises
    ------
    CorruptDataError
        The file is not a report.
    """
    if not path.exists():
        return {}
    records, lines = {}, path.read_bytes().splitlines()
    for line in lines:
        try:
            fields = json.loads(line)
            record = Record(**{key: fields[key] for key in fields.keys() & _FIELDS})
            records[record.source] = record
        except (ValueError, TypeError, AttributeError):
            continue
    if lines and not records:
        raise CorruptDataError(
            f"{path} is no report of mic.archive (JSON lines); choose another name for the report"
        )
    return records


def write_parquet(path: Path, records: Iterable[Record]) -> None:
    """Write the same records as a table; needs pyarrow."""
    import pyarrow
    from pyarrow import parquet

    columns = [
        (field.name, _PARQUET_TYPES[str(field.type)]) for field in dataclasses.fields(Record)
    ]
    schema = pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in columns])
    rows = [{key: _as_text(value) for key, value in record.as_dict().items()} for record in records]
    table = pyarrow.Table.from_pylist(rows, schema)
    with replacing(path) as file:
        parquet.write_table(table, file)


def _as_text(value: Any) -> Any:
    """Escape names that are no text: Linux allows any bytes, and Parquet does not."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "backslashreplace").decode()


def report_paths(report: str | os.PathLike[str]) -> tuple[Path, Path | None]:
    """Return the path of the JSON lines, and that of the Parquet table if one is requested.

    Raises
    ------
    UnsupportedError
        The report cannot be written there, or pyarrow is missing.
    """
    if "://" in str(report):
        raise UnsupportedError(
            f"the report {report} is a URL, a file of this machine is expected: "
            "it grows line by line; copy it when the run is over"
        )
    path = Path(report)
    if not path.parent.is_dir():
        raise UnsupportedError(f"the folder {path.parent} does not exist; create it first")
    if path.is_dir():
        raise UnsupportedError(f"the report {path} is a folder, a file name is expected")
    if path.suffix.lower() != ".parquet":
        return path, None
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise UnsupportedError(
            f"the report {path} needs pyarrow, which is not installed; "
            "pip install pyarrow, or choose a name that ends in .jsonl"
        ) from None
    return path.with_suffix(".jsonl"), path


def _line(record: Record) -> bytes:
    return json.dumps(record.as_dict()).encode() + b"\n"
