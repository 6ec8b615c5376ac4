# SPDX-License-Identifier: MIT
"""Run jobs for many files in several processes, so that a crash of one spares the others.

Processes rather than threads, because most decoders of other syntaxes hold the GIL, and
because a decoder that crashes on a hostile file must not end the run.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from .jobs import Outcome
from .run import Job, Task, attempt

# A pool of n processes may have begun n tasks and those in its queue, which holds one more.
_BEGUN_BESIDES = 2
_MOST = 61 if sys.platform == "win32" else sys.maxsize  # Windows waits for 63 handles at most
_ENDING = (signal.SIGINT, signal.SIGTERM)


def run_in_processes(
    tasks: list[Task], n_jobs: int, finished: Callable[[Outcome], None]
) -> list[Outcome]:
    """Run jobs, which must be picklable, and return their outcomes in the order of the tasks.

    Parameters
    ----------
    tasks : list of (source, target, job)
    n_jobs : int
        Number of processes at a time.
    finished : callable
        Called with each outcome as it arrives.
    """
    outcomes: dict[int, Outcome] = {}

    def done(number: int, outcome: Outcome) -> None:
        outcomes[number] = outcome
        finished(outcome)

    while len(outcomes) < len(tasks):
        waiting = [number for number in range(len(tasks)) if number not in outcomes]
        if not _run_together(tasks, waiting, n_jobs, done):
            # One of the tasks that were begun has ended its process. Run each alone to find out
            # which.
            begun = [number for number in waiting if number not in outcomes]
            for number in begun[: n_jobs + _BEGUN_BESIDES]:
                done(number, _run_alone(tasks[number]))
    return [outcomes[number] for number in range(len(tasks))]


def _run_together(
    tasks: list[Task], waiting: list[int], n_jobs: int, done: Callable[[int, Outcome], None]
) -> bool:
    """Return False if a process died; then its task and the tasks after it are not done."""
    with _pool(min(n_jobs, len(waiting))) as pool:
        futures: dict[Future[Outcome], int] = {}
        try:
            with _interrupts_held_back():
                for number in waiting:
                    futures[pool.submit(_attempt, *tasks[number])] = number
            for future in as_completed(futures):
                done(futures[future], future.result())
        except BrokenProcessPool:
            return False
    return True


def _run_alone(task: Task) -> Outcome:
    with _pool(1) as pool:
        try:
            with _interrupts_held_back():
                future = pool.submit(_attempt, *task)
            return future.result()
        except BrokenProcessPool:
            source, target, _ = task
            message = (
                "the process that worked on it died (a decoder that crashed, or no memory left)"
            )
            return Outcome(source, target, "failed", message)


@contextmanager
def _pool(n_jobs: int) -> Iterator[ProcessPoolExecutor]:
    # Spawn: forking a process that has threads can deadlock.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(n_jobs, _MOST), context, initializer=_begin)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    pool.shutdown()


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Hold interrupts back while processes start, until they can end without a traceback.

    The processes inherit the setting.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """Prepare a worker process."""
    _end_with_parent()
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C between two files
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _attempt(source: Path, target: Path | None, job: Job) -> Outcome:
    """Run `attempt` in a worker; signals end the worker once its current file is cleaned up.

    The signals are SIGINT (Ctrl-C) and SIGTERM, which the pool sends to all workers
    after one died.
    """
    before = {number: signal.getsignal(number) for number in _ENDING}
    for number, action in before.items():
        if action is not signal.SIG_IGN:
            signal.signal(number, _end)
    try:
        return attempt(source, target, job)
    except SystemExit as error:
        os._exit(error.code if isinstance(error.code, int) else 1)
    finally:
        for number, action in before.items():
            signal.signal(number, action)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    for other in _ENDING:  # a second signal must not interrupt the clean-up
        signal.signal(other, lambda number, frame: None)
    sys.exit(128 + number)


def _end_with_parent() -> None:
    """End a worker whose parent was killed; it would wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
