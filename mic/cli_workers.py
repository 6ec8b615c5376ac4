# SPDX-License-Identifier: MIT
"""Many files on several processes, none of which can take the others down.

Processes, because most decoders of other syntaxes hold Python's lock; and because
a decoder that crashes on a hostile file must not end the run.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from .cli_jobs import Outcome
from .cli_run import Task, attempt

# Tasks that a pool of n processes may have begun: it hands one more to its queue.
_BEGUN_BESIDES = 2


def run_in_processes(
    tasks: list[Task], n_jobs: int, finished: Callable[[Outcome], None]
) -> list[Outcome]:
    """Run jobs, which must be picklable; their outcomes in the order of the tasks.

    Parameters
    ----------
    tasks : list of (source, target, job)
    n_jobs : int
        Processes at a time.
    finished : callable
        Told of each outcome as it comes.
    """
    outcomes: dict[int, Outcome] = {}

    def done(number: int, outcome: Outcome) -> None:
        outcomes[number] = outcome
        finished(outcome)

    while len(outcomes) < len(tasks):
        waiting = [number for number in range(len(tasks)) if number not in outcomes]
        if not _run_together(tasks, waiting, n_jobs, done):
            # One of those that were begun has ended its process: each alone tells which.
            begun = [number for number in waiting if number not in outcomes]
            for number in begun[: n_jobs + _BEGUN_BESIDES]:
                done(number, _run_alone(tasks[number]))
    return [outcomes[number] for number in range(len(tasks))]


def _run_together(
    tasks: list[Task], waiting: list[int], n_jobs: int, done: Callable[[int, Outcome], None]
) -> bool:
    """False if a process died; its tasks and those that wait behind it are not done."""
    with _pool(min(n_jobs, len(waiting))) as pool:
        futures: dict[Future[Outcome], int] = {}
        try:
            for number in waiting:
                futures[pool.submit(attempt, *tasks[number])] = number
            for future in as_completed(futures):
                done(futures[future], future.result())
        except BrokenProcessPool:
            return False
    return True


def _run_alone(task: Task) -> Outcome:
    with _pool(1) as pool:
        try:
            return pool.submit(attempt, *task).result()
        except BrokenProcessPool:
            source, target, _ = task
            message = (
                "the process that worked on it died (a decoder that crashed, or no memory left)"
            )
            return Outcome(source, target, "failed", message)


@contextmanager
def _pool(n_jobs: int) -> Iterator[ProcessPoolExecutor]:
    # Spawned: forking a process that has threads can lock up.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(n_jobs, context, initializer=_end_with_parent)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    pool.shutdown()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
