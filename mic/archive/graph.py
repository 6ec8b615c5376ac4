# SPDX-License-Identifier: MIT
"""`transcode` for many files: find the tasks, run them as a Dask graph, collect records."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..arguments import choose, text_of_path, whole_number
from ..dicom.syntaxes import JPEG_LS_NEAR, find_syntax
from ..errors import MicError, Remedy, UnsupportedError, one_sentence
from ..paths import collisions
from .cluster import check_workers, connect, run_tasks
from .location import (
    Info,
    Location,
    is_temporary,
    mark,
    open_location,
    reaching,
    remove_leftovers,
    stamp_of,
)
from .report import JsonLines, Record, read_json_lines, report_paths, write_parquet
from .task import Options, Task

Path = str | os.PathLike[str]


def transcode(
    src: Path,
    dst: Path,
    to: str = "mic",
    *,
    near: int = 0,
    effort: int = 5,
    verify: bool = True,
    scheduler: Any = None,
    jobs: int = 1,
    retries: int = 3,
    report: Path | None = None,
    resume: bool = True,
    overwrite: bool = False,
    src_options: Mapping[str, Any] | None = None,
    dst_options: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Record]:
    """Convert all DICOM files below a location to another transfer syntax, on many machines.

    Each file is a Dask task.  A task that is interrupted, alone or with its worker,
    runs again elsewhere.  Each new file appears complete and verified, or not at all.

    Parameters
    ----------
    src : path-like or URL
        A folder or a file, anywhere that fsspec reaches: ``"/data/ct"``,
        ``"s3://bucket/ct"``.
    dst : path-like or URL
        The folder in which the same tree is created (for a file: the new file, or a
        folder).
    to, near, effort, verify
        See `mic.transcode.transcode_file`.
    scheduler : str, distributed.Client or cluster, optional
        The Dask scheduler, such as ``"tcp://10.0.0.1:8786"``.  Without one, this
        machine does the work.
    jobs : int
        Number of processes if there is no scheduler; 1 works in this process.
    retries : int
        Number of further attempts after a failure that may be temporary, such as one of
        the network.
    report : path-like, optional
        A file on this machine to which the record of each file is appended as soon as
        it is done, as JSON lines.  If the name ends in ``.parquet``, a table is written
        there at the end, and the lines go to a file next to it that ends in ``.jsonl``.
    resume : bool
        Skip files that the report of an earlier run lists as verified and that have not
        changed since on either side; redo those that the earlier run left unfinished.
    overwrite : bool
        Replace existing targets.  Targets left by the resumed run are replaced anyway.
    src_options, dst_options : mapping, optional
        Options for the file systems, such as credentials; they are not written to the
        report.
    progress : callable(done, total), optional
        Called in the calling thread after each file.

    Returns
    -------
    list of Record
        One for each source, sorted.  A file that failed is a record with the status
        "failed", not an exception.

    Raises
    ------
    UnsupportedError
        A package is missing, an argument is invalid, or a location cannot be opened.
    MicError
        There is no scheduler or no worker, or workers lack mic or access to a location.
    """
    syntax = find_syntax(to)
    near = whole_number("near", near)
    choose("effort", effort, range(1, 10))
    if near and syntax.uid != JPEG_LS_NEAR:
        raise UnsupportedError(f"near is {near}, {syntax.title} takes 0; choose jpegls-near")
    jobs, retries = whole_number("jobs", jobs, 1), whole_number("retries", retries, 0)
    if report is not None:
        text_of_path("report", report)
    run = prepare(
        open_location(text_of_path("src", src), src_options),
        open_location(text_of_path("dst", dst), dst_options),
        Options(syntax.name, near, effort, verify),
        report=report,
        resume=resume,
        overwrite=overwrite,
    )
    total, done = len(run.tasks), 0

    def finished(record: Record) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    return execute(run, scheduler, jobs, retries, finished)


@dataclass
class Run:
    """The work to do, and the results that are already known.

    Attributes
    ----------
    source, target : Location
    tasks : list of Task
    done : list of Record
        Records of an earlier run that remain valid.
    refused : list of Record
        Files that failed or were skipped before any worker was involved.
    report : path-like or None
    resumed : bool
        There was an earlier run.
    """

    source: Location
    target: Location
    report: Path | None
    resumed: bool = False
    tasks: list[Task] = field(default_factory=list)
    done: list[Record] = field(default_factory=list)
    refused: list[Record] = field(default_factory=list)


def prepare(
    source: Location,
    target: Location,
    options: Options,
    *,
    report: Path | None,
    resume: bool,
    overwrite: bool,
    say: Callable[[MicError], str] = one_sentence,
) -> Run:
    """Compare both listings and the report of an earlier run, without writing anything.

    `say` turns the error of a refused file into its message; the command line has its own words.
    """
    run = Run(source, target, report)
    earlier: dict[str, Record] = {}
    own_report = set[str]()
    if report is not None:
        lines, table = report_paths(report)
        # Read it even without resume, so that a file that is not a report is never replaced.
        known = read_json_lines(lines)
        earlier = known if resume else {}
        run.resumed = resume and lines.exists()
        own_report = {os.path.realpath(path) for path in (lines, table) if path is not None}
    pairs = _pairs(source, target, options, run)
    with reaching(target):
        present = _present(target, [task.target for task in pairs])
    for task in pairs:
        if task.source.is_local and os.path.realpath(task.source.path) in own_report:
            continue
        known_record = earlier.get(task.source.url)
        there = present.get(task.target.path)
        if known_record is not None and _is_done(known_record, task, there):
            run.done.append(known_record)
        elif there is not None and not (overwrite or _is_own(known_record, run.resumed)):
            error = UnsupportedError(f"{task.target.url} exists; ", Remedy("overwrite"))
            run.refused.append(task.record("failed", say(error), begun=False))
        else:
            run.tasks.append(task)
    return run


def _pairs(source: Location, target: Location, options: Options, run: Run) -> list[Task]:
    """Make a task for each file; refuse names that cannot be mirrored."""
    with reaching(source):
        info = source.state()
    if info is None:
        raise UnsupportedError(f"{source.url} does not exist; a file or folder is expected")
    if info["type"] == "file":
        with reaching(target):
            state = target.state()
        if target.url.endswith("/") or (state is not None and state["type"] == "directory"):
            target = target.child(source.name)
        return [_task(source, target, None, info, options)]
    if (type(source.fs), source.key) == (type(target.fs), target.key):
        raise UnsupportedError(f"{target.url} is the source; choose another target")
    inside = _is_below(target, source)
    tasks: dict[str, Task] = {}
    with reaching(source):
        listing = source.files()
    for relative, info in listing.items():
        if is_temporary(relative):
            continue
        try:
            pair = source.child(relative), target.child(relative)
        except UnsupportedError as error:
            url = f"{source.url}/{relative}"
            run.refused.append(Record(url, "", "failed", one_sentence(error), **options.asked()))
            continue
        if inside and _is_below(pair[0], target):
            continue  # output of an earlier run
        tasks[relative] = _task(*pair, target, info, options)
    if target.is_local:
        _refuse_collisions(tasks, run)
    return list(tasks.values())


def _refuse_collisions(tasks: dict[str, Task], run: Run) -> None:
    """Take out the tasks whose targets would replace those of others, as A.dcm and a.dcm may."""
    names, where = list(tasks), pathlib.Path(run.target.path)
    for number, first in collisions(names, where).items():
        message = (
            f"{names[number]} would get the same name in {run.target.url} as {names[first]}; "
            "rename one of them"
        )
        run.refused.append(tasks.pop(names[number]).record("failed", message, begun=False))


def _task(
    source: Location, target: Location, root: Location | None, info: Info, options: Options
) -> Task:
    return Task(source, target, root, info.get("size"), stamp_of(info), options)


def _is_below(location: Location, folder: Location) -> bool:
    """Whether it lies in the tree of the folder."""
    return type(location.fs) is type(folder.fs) and location.key.startswith(folder.key + "/")


def _present(target: Location, wanted: list[Location]) -> dict[str, Info]:
    """Return the file system's facts about the targets that exist, by path."""
    state = target.state()
    if state is None or state["type"] == "file":
        if state is not None and any(location.path != target.path for location in wanted):
            raise UnsupportedError(f"{target.url} is a file, a folder is expected")
        return {} if state is None else {target.path: state}
    if len(wanted) == 1:
        state = wanted[0].state()
        return {} if state is None else {wanted[0].path: state}
    return {target.child(relative).path: info for relative, info in target.files().items()}


def _is_done(record: Record, task: Task, there: Info | None) -> bool:
    """Whether an earlier run made and verified this target from this source."""
    return (
        record.status == "ok"
        and record.verified
        and {key: getattr(record, key) for key in task.options.asked()} == task.options.asked()
        and record.target == task.target.url
        and there is not None
        and "" != record.source_stamp == task.source_stamp
        and "" != record.target_stamp == stamp_of(there)
    )


def _is_own(record: Record | None, resumed: bool) -> bool:
    """Whether an existing target may be a remnant of the run that is being resumed.

    It is not if that run refused to replace it.  A target without a record belongs to a
    task that was cut off.
    """
    return resumed and (record is None or record.begun)


def execute(
    run: Run, scheduler: Any, jobs: int, retries: int, finished: Callable[[Record], None]
) -> list[Record]:
    """Run the tasks that `prepare` found; return the records of all files, sorted by source."""
    records = run.done + run.refused
    with contextlib.ExitStack() as stack:
        log = None
        if run.report is not None:
            lines, table = report_paths(run.report)
            log = stack.enter_context(JsonLines(lines, records))
            if table is not None:  # written however the run ends
                stack.callback(lambda: write_parquet(table, records))

        def take(record: Record) -> None:
            records.append(record)
            if log is not None:
                log.add(record)
            finished(record)

        if run.tasks:
            _work(run, scheduler, jobs, retries, take)
    return sorted(records, key=lambda record: record.source)


def _work(
    run: Run, scheduler: Any, jobs: int, retries: int, take: Callable[[Record], None]
) -> None:
    in_process = run.source.is_in_process or run.target.is_in_process
    folder = run.tasks[0].root or run.tasks[0].target.parent()
    with connect(scheduler, jobs, in_process) as client:
        try:
            with mark(folder) as sign:
                check_workers(client, (run.source, sign))
                with contextlib.closing(run_tasks(client, run.tasks, retries)) as records:
                    for record in records:
                        take(record)
        finally:
            # No worker writes any more, so temporary files are remnants of workers that died.
            with contextlib.suppress(OSError):
                parents = {task.target.parent().path: task.target.parent() for task in run.tasks}
                remove_leftovers(parents.values(), {task.target.path for task in run.tasks})
