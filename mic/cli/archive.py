# SPDX-License-Identifier: MIT
"""`mic transcode` with URLs or with the workers of a Dask scheduler."""

from __future__ import annotations

import sys
from typing import Any

from ..archive.graph import execute, prepare
from ..archive.location import open_location
from ..archive.report import Record
from ..archive.task import Options
from ..errors import MicError
from .jobs import Outcome
from .run import complain, explain, progress_bar, report

_RETRIES = 3
# Keys that an outcome already has as fields.
_SAID = {"source", "target", "status", "message"}


def transcode_archive(source: str, target: str, to: str, near: int, given: dict[str, Any]) -> None:
    """Transcode, report what became of the files, and exit.

    Parameters
    ----------
    source, target : str
        Paths or URLs.
    to : str
        Name of a syntax.
    near : int
        Largest error of a sample, for near-lossless syntaxes; 0 otherwise.
    given : dict
        The other options of the command line.
    """
    try:
        options = Options(to, near, given["effort"], given["verify"])
        outcomes = _run(source, target, options, given)
    except (MicError, OSError) as error:
        complain(explain(error))
        sys.exit(1)
    sys.exit(report("transcode", outcomes, given["as_json"]))


def _run(source: str, target: str, options: Options, given: dict[str, Any]) -> list[Outcome]:
    run = prepare(
        open_location(source),
        open_location(target),
        options,
        report=given["report_path"],
        resume=given["resume"],
        overwrite=given["overwrite"],
        say=explain,
    )
    done = {record.source for record in run.done}
    if not run.tasks and not done and not run.refused:
        return [Outcome(source, status="failed", message=f"{source} holds no file")]
    with progress_bar(len(run.tasks), not given["as_json"]) as advance:
        records = execute(
            run,
            given["scheduler"],
            given["jobs"],
            _RETRIES,
            lambda record: advance(_outcome(record)),
        )
    return [
        Outcome(record.source, record.target, "skipped", "verified in an earlier run")
        if record.source in done
        else _outcome(record)
        for record in records
    ]


def _outcome(record: Record) -> Outcome:
    details = {key: value for key, value in record.as_dict().items() if key not in _SAID}
    message = proof(details) if record.status == "ok" else record.message
    return Outcome(record.source, record.target or None, record.status, message, details)


def proof(record: dict[str, Any]) -> str:
    """Describe in words what was verified."""
    if not record["verified"]:
        return "not verified"
    frames = record["frames"]
    error = f", error at most {record['max_error']}" if record["near"] else ""
    return f"verified {frames} frame{'s' if frames != 1 else ''}{error}, sha256 {record['sha256']}"
