# SPDX-License-Identifier: MIT
"""Many files for the command line: jobs, progress, the report."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ..dicom.failures import NoPixelsError
from ..errors import MicError
from .jobs import Outcome
from .options import Writing
from .words import explain as explain

Job = Callable[[], Outcome]
Task = tuple[Path, Path | None, Job]


def attempt(source: Path, target: Path | None, job: Job) -> Outcome:
    """Run a job and turn its errors into its outcome."""
    try:
        return job()
    except (MicError, OSError, MemoryError) as error:
        return Outcome(source, target, "failed", explain(error))


def run_jobs(tasks: list[Task], n_jobs: int, show_progress: bool) -> list[Outcome]:
    """Run jobs on threads; they run in parallel because the codec releases the GIL."""
    from concurrent.futures import ThreadPoolExecutor

    with (
        progress_bar(len(tasks), show_progress) as advance,
        ThreadPoolExecutor(max(1, n_jobs)) as pool,
    ):
        futures = [pool.submit(attempt, *task) for task in tasks]
        try:
            outcomes = []
            for future in futures:
                outcomes.append(future.result())
                advance(outcomes[-1])
            return outcomes
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


@contextmanager
def progress_bar(total: int, wanted: bool) -> Iterator[Callable[[Outcome], None]]:
    """Show progress on stderr for several files, if it is a terminal."""
    if not wanted or total < 2:
        yield lambda outcome: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda outcome: None
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        sizes = Counter[str]()

        def advance(outcome: Outcome) -> None:
            sizes.update(
                {
                    key: int(outcome.details.get(key, 0))
                    for key in ("decoded_bytes", "encoded_bytes")
                }
            )
            progress.update(task, advance=1, description=_sizes(sizes) or outcome.name)

        yield advance


def _sizes(sizes: Counter[str]) -> str:
    decoded, encoded = sizes["decoded_bytes"], sizes["encoded_bytes"]
    if not encoded:
        return ""
    return f"{human(decoded)} of pixels, {human(encoded)} compressed ({decoded / encoded:.2f}:1)"


def human(n_bytes: int) -> str:
    """Format a size for people: 525 kB, 1.2 GB."""
    if n_bytes < 1000:
        return f"{n_bytes} bytes"
    power = min(int(math.log10(n_bytes)) // 3, 4)
    return f"{n_bytes / 1000**power:.3g} {('kB', 'MB', 'GB', 'TB')[power - 1]}"


def finish(
    command: str,
    source: Path,
    pairs: list[tuple[Path, Path]],
    skipped: list[Outcome],
    work: Callable[[Path, Path], Outcome],
    writing: Writing,
) -> None:
    """Run the jobs, report their outcomes, and exit."""
    is_folder = source.is_dir()

    def job(path: Path, target: Path) -> Outcome:
        if not is_folder:
            return work(path, target)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            return work(path, target)
        except NoPixelsError as error:  # a study may hold reports; the user did not name this file
            return Outcome(path, target, "skipped", explain(error))

    tasks: list[Task] = [(path, target, partial(job, path, target)) for path, target in pairs]
    if not tasks:
        nothing = f"{source} holds no file to {command}"
        skipped = [*skipped, Outcome(source, status="failed", message=nothing)]
    outcomes = run_jobs(tasks, writing.jobs, not writing.as_json)
    sys.exit(report(command, [*outcomes, *skipped], writing.as_json))


def report(command: str, outcomes: list[Outcome], as_json: bool) -> int:
    """Report what became of the files and return the exit code.

    Results go to stdout, errors and reasons to stderr.  With ``--json`` everything goes
    to stdout as one document.
    """
    counts = Counter(outcome.status for outcome in outcomes)
    code = 1 if counts["failed"] else 0
    if as_json:
        print_json(
            {
                "command": command,
                "ok": code == 0,
                "done": counts["ok"],
                "failed": counts["failed"],
                "skipped": counts["skipped"],
                "files": [outcome.as_json() for outcome in outcomes],
            }
        )
        return code
    for outcome in outcomes:
        _tell(outcome, alone=len(outcomes) == 1)
    if len(outcomes) > 1:
        _tell_totals(command, outcomes, counts)
    return code


def print_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    json.dump(document, sys.stdout, indent=1, default=list)
    sys.stdout.write("\n")


def _tell(outcome: Outcome, alone: bool) -> None:
    if outcome.status == "failed":
        names = [Path(path).name for path in (outcome.source, outcome.target) if path is not None]
        is_named = any(name in outcome.message for name in names)
        complain(outcome.message if alone and is_named else located(outcome))
    elif outcome.status == "skipped":
        complain(f"skipped {located(outcome)}")
    else:
        arrow = f" -> {outcome.target}" if outcome.target is not None else ""
        ratio = outcome.details.get("ratio")
        size = ""
        if outcome.target is not None and ratio is not None:
            encoded = human(outcome.details["encoded_bytes"])
            size = f"{human(outcome.details['decoded_bytes'])} -> {encoded} ({ratio:.2f}:1), "
        print(f"{outcome.source}{arrow}: {size}{outcome.message}")


def located(outcome: Outcome) -> str:
    """Return the message after the whole path, without the end of the path that it begins with."""
    message = outcome.message
    for known in (str(outcome.source), outcome.name):
        rest = message.removeprefix(known)
        if known and rest.startswith((" ", ":")) and rest != message:
            return f"{outcome.source}{rest}"
    return f"{outcome.source}: {message}"


def _tell_totals(command: str, outcomes: list[Outcome], counts: Counter[str]) -> None:
    sizes = Counter[str]()
    for outcome in outcomes:
        if outcome.status == "ok":
            for key in ("decoded_bytes", "encoded_bytes"):
                sizes[key] += int(outcome.details.get(key, 0))
    done = counts["ok"]
    parts = [
        f"{done} file{'s' if done != 1 else ''} done",
        *([_sizes(sizes)] if _sizes(sizes) else []),
    ]
    parts += [f"{counts[status]} {status}" for status in ("failed", "skipped") if counts[status]]
    print(f"{command}: {', '.join(parts)}")


def complain(message: str) -> None:
    """Print one sentence on stderr."""
    print(f"mic: {message}", file=sys.stderr)


@contextmanager
def telling_errors() -> Iterator[None]:
    """Turn errors that concern no single file into a sentence on stderr and exit code 1."""
    try:
        yield
    except (MicError, OSError, MemoryError) as error:
        complain(explain(error))
        sys.exit(1)


def print_table(columns: list[tuple[str, str]], rows: Iterable[list[str]], title: str = "") -> None:
    """Print a table on stdout; columns are (heading, "left" or "right")."""
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for heading, justify in columns:
        table.add_column(heading, justify="right" if justify == "right" else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(highlight=False)
    if not console.is_terminal:  # a pipe has no width: do not cut lines
        console.width = max(
            80, Measurement.get(console, console.options.update(width=10000), table).maximum
        )
    console.print(table)
