# SPDX-License-Identifier: MIT
"""`mic transcode`: DICOM files and trees into another transfer syntax."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from ..atomic import remove_leftovers
from ..dicom.failures import NoPixelsError, is_dicom, quiet_pydicom
from ..dicom.syntaxes import JPEG_LS_NEAR, NAMES, Syntax, find_syntax
from ..errors import MicError, UnsupportedError
from ..images.kinds import SUFFIXES, files_below
from ..paths import for_system, refuse_name
from ..transcode.file import transcode_file
from ..transcode.report import Report, is_done, read_report, state_of
from .archive import proof, transcode_archive
from .jobs import Outcome
from .options import (
    PathType,
    effort_option,
    jobs_option,
    json_option,
    no_verify_option,
    number_option,
    overwrite_option,
)
from .run import Task, attempt, complain, explain, progress_bar, report
from .trees import mirror
from .workers import run_in_processes


@dataclass(frozen=True)
class Options:
    """What to do with each file; sent to the worker processes."""

    to: str
    near: int
    effort: int
    verify: bool
    overwrite: bool
    is_tree: bool

    @property
    def asked(self) -> dict[str, Any]:
        """The options that the records of a report hold and that --resume compares."""
        return {"to": self.to, "near": self.near, "effort": self.effort}


class _SyntaxType(click.ParamType):  # type: ignore[type-arg]
    name = "SYNTAX"

    def convert(self, value: Any, parameter: Any, context: Any) -> Syntax:
        try:
            return value if isinstance(value, Syntax) else find_syntax(value)
        except UnsupportedError as error:
            self.fail(str(error), parameter, context)


class _LocationType(click.ParamType):  # type: ignore[type-arg]
    """A path; or a URL, which stays a str."""

    name = "LOCATION"

    def convert(self, value: Any, parameter: Any, context: Any) -> Path | str:
        return value if isinstance(value, Path) or "://" in value else for_system(Path(value))


@click.command()
@click.argument("source", type=_LocationType(), metavar="SRC")
@click.argument("target", type=_LocationType(), metavar="DST")
@click.option(
    "--to",
    "syntax",
    type=_SyntaxType(),
    required=True,
    help=f"One of {', '.join(NAMES)}; or a UID, keyword or DICOM name.",
)
@number_option("--near", "Largest error of a sample value, for jpegls-near; 0 is lossless.", 0, 255)
@effort_option("1 to 9: time against size, for mic.")
@jobs_option("Processes to work with, for folders.")
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Let the workers of this Dask scheduler do it, such as tcp://10.0.0.1:8786.",
)
@click.option(
    "--report",
    "report_path",
    type=PathType(dir_okay=False),
    help="Write what became of each file to this JSON file (with URLs or --scheduler: "
    "JSON lines, or Parquet by its suffix).",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Skip what the report says is done and verified; replace what else is there.",
)
@no_verify_option
@overwrite_option
@json_option
def transcode(source: Path | str, target: Path | str, syntax: Syntax, **given: Any) -> None:
    """Write DICOM files in another transfer syntax, and prove that nothing was lost.

    SRC is a file or a folder; a folder is mirrored to DST, and files that are no DICOM
    image are skipped.  Each new file is decoded and compared with its source, every
    frame and every attribute, before it gets its name.  URLs that fsspec knows may
    take the places of paths; --scheduler spreads the work over many machines.

    \b
    Examples:
      mic transcode scan.dcm small.dcm --to mic
      mic transcode archive/ out/ --to explicit --jobs 8 --report report.json
      mic transcode archive/ out/ --to explicit --jobs 8 --report report.json --resume
      mic transcode scan.dcm lossy.dcm --to jpegls-near --near 2
      mic transcode s3://bucket/in s3://bucket/out --to mic --scheduler tcp://10.0.0.1:8786
    """
    near = _check_options(syntax, given)
    if given["scheduler"] or isinstance(source, str) or isinstance(target, str):
        transcode_archive(str(source), str(target), syntax.name, near, given)
        return
    options = Options(
        syntax.name,
        near,
        given["effort"],
        given["verify"],
        given["overwrite"] or given["resume"],
        source.is_dir(),
    )
    try:
        outcomes = _run(source, target, options, given)
    except (MicError, OSError) as error:
        complain(explain(error))
        sys.exit(1)
    sys.exit(report("transcode", outcomes, given["as_json"]))


def _check_options(syntax: Syntax, given: dict[str, Any]) -> int:
    if given["resume"] and given["report_path"] is None:
        raise click.UsageError("--resume needs the --report of the run that it resumes.")
    if syntax.uid == JPEG_LS_NEAR and given["near"] is None:
        raise click.UsageError("--to jpegls-near needs --near N, the largest error allowed.")
    if syntax.uid != JPEG_LS_NEAR and given["near"]:
        raise click.UsageError(f"--near goes with --to jpegls-near, not with {syntax.name}.")
    return given["near"] or 0


def _run(source: Path, target: Path, options: Options, given: dict[str, Any]) -> list[Outcome]:
    pairs, skipped = _plan(source, target, given["report_path"])
    earlier: dict[str, dict[str, Any]] = {}
    if given["report_path"] is not None:
        earlier = read_report(given["report_path"])  # refuses to replace another file
    if not given["resume"]:
        earlier = {}
    tasks: list[tuple[Path, Path]] = []
    done: dict[str, dict[str, Any]] = {}
    for path, name in pairs:
        record = earlier.get(str(path))
        if record is not None and is_done(record, path, name, options.asked):
            done[str(path)] = record
            skipped.append(Outcome(path, name, "skipped", "verified in an earlier run"))
        else:
            tasks.append((path, name))
    if given["resume"]:
        for folder in {name.parent for _, name in pairs}:
            remove_leftovers(folder, {name.name for _, name in pairs})
    if not pairs:
        nothing = f"{source} holds no DICOM file"
        skipped.append(Outcome(source, status="failed", message=nothing))
    jobs: list[Task] = [(path, name, partial(_job, path, name, options)) for path, name in tasks]
    with ExitStack() as stack:
        log = None
        if given["report_path"] is not None:
            log = stack.enter_context(Report(given["report_path"], done))
            for outcome in skipped:
                if str(outcome.source) not in done:
                    log.add(outcome.as_json())
        advance = stack.enter_context(progress_bar(len(jobs), not given["as_json"]))

        def finished(outcome: Outcome) -> None:
            advance(outcome)
            if log is not None:
                log.add(outcome.as_json() | {"asked": options.asked})

        if options.is_tree:
            outcomes = run_in_processes(jobs, given["jobs"], finished)
        else:
            outcomes = [attempt(*job) for job in jobs]
            for outcome in outcomes:
                finished(outcome)
    return [*outcomes, *skipped]


def _plan(
    source: Path, target: Path, report_path: Path | None
) -> tuple[list[tuple[Path, Path]], list[Outcome]]:
    """Decide which files to transcode, to which names, and which to skip."""
    if not source.is_dir():
        _refuse_other_kinds(source)
        name = target / source.name if target.is_dir() else target
        return [(source, name)], []
    if target.exists() and source.samefile(target):
        raise UnsupportedError(
            f"{source} is both SRC and DST; name another folder for the new files"
        )
    wanted, skipped = [], []
    inside = target.resolve().is_relative_to(source.resolve())
    for path in files_below(source):
        if inside and path.resolve().is_relative_to(target.resolve()):
            continue  # outputs of an earlier run
        if report_path is not None and path.resolve() == report_path.resolve():
            continue
        if is_dicom(path) or SUFFIXES.get(path.suffix.lower()) == "dicom":
            wanted.append(path)
        else:
            skipped.append(Outcome(path, status="skipped", message="no DICOM file"))
    pairs, refused = mirror(wanted, source, target)
    return pairs, [*refused, *skipped]


def _refuse_other_kinds(source: Path) -> None:
    kind = SUFFIXES.get(source.suffix.lower())
    if kind in (None, "dicom") or not source.exists() or is_dicom(source):
        return
    what = "mic decode decompresses it" if kind == "mic" else "mic encode compresses it"
    raise UnsupportedError(f"{source} is no DICOM file; {what}")


def _job(source: Path, target: Path, options: Options) -> Outcome:
    """Transcode one file; runs in a worker process for trees."""
    refuse_name(target.name, target)
    if target.exists() and source.exists() and source.samefile(target) and not options.overwrite:
        raise UnsupportedError(
            f"{source} is both SRC and DST; name another file for the new one, or pass --overwrite "
            "to replace it"
        )
    if target.exists() and not options.overwrite:
        raise UnsupportedError(f"{target} exists; pass --overwrite to replace it")
    if target.is_dir():
        raise UnsupportedError(f"{target} is a folder, a file name is expected")
    if options.is_tree:
        target.parent.mkdir(parents=True, exist_ok=True)
    state = state_of(source)
    try:
        with quiet_pydicom():
            record = transcode_file(
                source,
                target,
                options.to,
                near=options.near,
                effort=options.effort,
                verify=options.verify,
            )
    except NoPixelsError as error:
        if not options.is_tree:
            raise
        return Outcome(source, target, "skipped", explain(error))
    details = record.as_dict() | {"source_state": state}
    return Outcome(source, target, message=proof(details), details=details)
