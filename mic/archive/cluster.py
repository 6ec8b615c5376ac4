# SPDX-License-Identifier: MIT
"""Dask for archives: find the scheduler, check its workers, keep them busy, survive their loss."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import time
import uuid
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from functools import partial
from typing import Any

from .._version import __version__
from ..errors import MicError, UnsupportedError, one_sentence
from ..extras import require
from .location import Location
from .report import Record
from .task import Task, run_task

CONNECT_SECONDS = 10
"""Time limit for a scheduler to answer."""
WORKER_SECONDS = 120
"""Time limit for a worker to appear, at the start or after all workers are gone."""
_TASKS_PER_THREAD = 16
_LOOK_EVERY_SECONDS = 2.0
_LATE = (TimeoutError, asyncio.TimeoutError)  # the same class from Python 3.11 on
# Ctrl-C in a terminal reaches every process. Only this process reacts, and ends the others.
_IGNORE_INTERRUPTS = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"


@contextlib.contextmanager
def connect(scheduler: Any, jobs: int, in_process: bool) -> Iterator[Any]:
    """Connect to a scheduler, or start a cluster on this machine.

    Parameters
    ----------
    scheduler : str, distributed.Client, cluster of Dask, or None
        None starts a cluster on this machine that ends with the block.
    jobs : int
        Number of processes in that cluster; 1 works in this process.
    in_process : bool
        Use threads instead, for file systems that exist only in this process.

    Yields
    ------
    distributed.Client

    Raises
    ------
    UnsupportedError
        distributed is missing, or `scheduler` is invalid.
    MicError
        No scheduler answers at that address.
    """
    distributed = require("distributed", "dask")
    if isinstance(scheduler, distributed.Client):
        if scheduler.asynchronous:
            raise UnsupportedError("the Client is asynchronous; pass its scheduler's address")
        yield scheduler
        return
    with contextlib.ExitStack() as stack:
        if scheduler is None:
            scheduler = stack.enter_context(_local_cluster(jobs, in_process or jobs == 1))
        elif isinstance(scheduler, str):
            _knock(scheduler)
        elif not hasattr(scheduler, "scheduler_address"):
            raise UnsupportedError(
                f"scheduler is {scheduler!r}; the address of a Dask scheduler, such as "
                "'tcp://10.0.0.1:8786', a distributed.Client or a cluster is expected"
            )
        yield stack.enter_context(distributed.Client(scheduler, set_as_default=False))


@contextlib.contextmanager
def _local_cluster(jobs: int, in_process: bool) -> Iterator[Any]:
    distributed = require("distributed", "dask")
    # Python sets this while a process is still importing the script that started it.
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise MicError("a worker process must not start workers")
    options: dict[str, Any] = (
        {"n_workers": 1, "threads_per_worker": jobs, "processes": False}
        if in_process
        # One image may need most of the machine's memory, whatever the others need.
        else {"n_workers": jobs, "threads_per_worker": 1, "memory_limit": 0}
        | {"env": {"PYTHONWARNINGS": "ignore"}, "preload": [_IGNORE_INTERRUPTS]}
    )
    try:
        cluster = distributed.LocalCluster(
            dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL, **options
        )
    except RuntimeError as error:
        raise MicError(
            f"the worker processes did not start ({one_sentence(error)}); a script that starts "
            "processes must do so below `if __name__ == '__main__':`"
        ) from error
    with cluster:
        yield cluster


def _knock(address: str) -> None:
    """Raise unless a scheduler answers.  A Client that fails leaves noise on stderr."""
    from distributed.core import rpc
    from distributed.security import Security

    async def ask() -> None:
        arguments = Security().get_connection_args("client")
        async with rpc(address, timeout=CONNECT_SECONDS, connection_args=arguments) as scheduler:
            await asyncio.wait_for(scheduler.identity(), CONNECT_SECONDS)

    try:
        # In a thread, because this one may have a running event loop, as in notebooks.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, ask()).result()
    except Exception as error:  # from tornado, asyncio, ssl or distributed
        raise MicError(
            f"no Dask scheduler answers at {address} ({one_sentence(error)}); start one with "
            "`dask scheduler` and pass the address that it prints, such as tcp://10.0.0.1:8786"
        ) from error


def check_workers(client: Any, locations: Iterable[Location]) -> None:
    """Check that there are workers with the same mic that see the same files.

    Parameters
    ----------
    client : distributed.Client
    locations : iterable of Location
        Files and folders that exist here.

    Raises
    ------
    MicError
        A check failed; the message says what to do.
    """
    from distributed.comm import CommClosedError

    # A nested function is sent as code, so that workers without mic can run it and say so.
    def version() -> str:
        import mic

        return mic.__version__

    _wait_for_worker(client)
    answers = client.run(version, on_error="return")
    with contextlib.suppress(ValueError):  # if the scheduler does not run clients' code
        try:
            answers["the scheduler"] = client.run_on_scheduler(version)
        except ImportError as error:
            answers["the scheduler"] = error
    for place, answer in answers.items():
        if isinstance(answer, CommClosedError):  # the worker is gone; Dask continues without it
            continue
        place = place if place.startswith("the") else f"worker {place}"
        if isinstance(answer, BaseException):
            raise MicError(
                f"{place} cannot import mic ({one_sentence(answer)}); "
                f'pip install "mic-codec[dask,dicom]=={__version__}" there'
            )
        if answer != __version__:
            raise MicError(
                f"{place} has mic {answer}, this is {__version__}; install the same everywhere"
            )
    for location in locations:
        for address, answer in client.run(_sees, location, on_error="return").items():
            if answer is True or isinstance(answer, CommClosedError):
                continue
            why = "" if answer is False else f" ({one_sentence(answer)})"
            raise MicError(
                f"worker {address} does not see {location.url}{why}; all workers need the same "
                "folder mounted, or a location such as s3:// with its plugin and credentials"
            )


def _wait_for_worker(client: Any) -> None:
    """Wait for a worker with a task queued, because clusters that scale on demand need one."""
    future = client.submit(int, pure=False)
    try:
        future.result(timeout=WORKER_SECONDS)
    except _LATE:
        raise MicError(_no_workers(client)) from None
    finally:
        future.cancel()


def _no_workers(client: Any) -> str:
    address = client.scheduler.address
    return (
        f"the scheduler {address} has had no worker for {WORKER_SECONDS} s; start some with "
        f"`dask worker {address}` on machines where mic-codec[dask,dicom] is installed"
    )


def _sees(location: Location) -> bool:
    return location.state() is not None


def run_tasks(client: Any, tasks: list[Task], retries: int) -> Generator[Record, None, None]:
    """Run all tasks on the workers and yield a record for each as it finishes.

    Parameters
    ----------
    client : distributed.Client
    tasks : list of Task
    retries : int
        Number of further attempts after a failure that may be temporary.

    Raises
    ------
    MicError
        The scheduler or all workers are gone.
    """
    run = _Run(client, retries)
    yield from run.work(tasks)
    # Workers died while running these. Run one at a time, each shows whether it is the cause.
    suspects, run.suspects = run.suspects, []
    yield from run.work(suspects, side_by_side=1)
    for task in run.suspects:
        yield task.record(
            "failed",
            "the workers that worked on it died (a decoder that crashed, or no memory left)",
        )


class _Run:
    """Tasks in progress: enough that no worker waits, few enough for the scheduler.

    Attributes
    ----------
    suspects : list of Task
        Tasks that were running on too many workers that died.
    """

    def __init__(self, client: Any, retries: int) -> None:
        self.suspects: list[Task] = []
        self._client = client
        self._retries = retries
        self._prefix = f"mic-transcode-{uuid.uuid4().hex}"
        self._begun = 0

    def work(self, tasks: list[Task], side_by_side: int | None = None) -> Iterator[Record]:
        """Run tasks, `side_by_side` at a time (None: as many as suit the workers)."""
        waiting = iter(tasks)
        running: dict[Any, Task] = {}
        seen = time.monotonic()
        try:
            while True:
                threads = self._threads()
                room = side_by_side or max(1, threads) * _TASKS_PER_THREAD
                while len(running) < room and (task := next(waiting, None)) is not None:
                    running[self._submit(task)] = task
                if not running:
                    return
                if threads:
                    seen = time.monotonic()
                elif time.monotonic() - seen > WORKER_SECONDS:
                    raise MicError(_no_workers(self._client))
                done = self._done(running)
                results = self._gather([f for f in done if f.status == "finished"])
                for future in done:
                    if future in results:
                        yield results[future]
                        del running[future]
                    else:
                        yield from self._settle(future, running)
        except (OSError, CancelledError) as error:  # from Dask; errors of files become records
            raise _lost(error) from error
        finally:
            if running:
                with contextlib.suppress(Exception):
                    self._client.cancel(list(running))

    def _threads(self) -> int:
        if self._client.status != "running":
            raise OSError("the scheduler has closed it")
        return sum(self._client.nthreads().values())

    def _submit(self, task: Task) -> Any:
        self._begun += 1
        key = f"{self._prefix}-{self._begun}"
        return self._client.submit(run_task, task, key=key, pure=False, retries=self._retries)

    def _done(self, running: dict[Any, Task]) -> list[Any]:
        from distributed import wait

        with self._client.as_current(), contextlib.suppress(*_LATE):
            wait(list(running), timeout=_LOOK_EVERY_SECONDS, return_when="FIRST_COMPLETED")
        return [future for future in running if future.done()]

    def _gather(self, futures: list[Any]) -> dict[Any, Record]:
        """Fetch all results in one call, which is several times faster; none if any is missing."""
        gather = partial(self._client.gather, futures, asynchronous=True)
        try:
            results = self._client.sync(gather, callback_timeout=_LOOK_EVERY_SECONDS)
        except Exception:  # the caller fetches them singly, which shows the cause
            return {}
        return dict(zip(futures, results, strict=True))

    def _settle(self, future: Any, running: dict[Any, Task]) -> Iterator[Record]:
        """Yield the record of a finished task; none if its result died with its worker."""
        from distributed.scheduler import KilledWorker

        task = running[future]
        try:
            record = future.result(timeout=_LOOK_EVERY_SECONDS)
        except KilledWorker:
            self.suspects.append(task)
        except Exception as error:
            if future.status == "error":
                yield task.record("failed", _reason(error))
            elif isinstance(error, _LATE):  # Dask computes it again
                return
            else:  # an error of Dask, not of the task
                raise
        else:
            yield record
        del running[future]


def _lost(error: BaseException) -> MicError:
    return MicError(
        f"the connection to the Dask scheduler was lost ({one_sentence(error)}); run it again "
        "with the same report: what is done stays done"
    )


def _reason(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return (
            f"a worker lacks a package: {one_sentence(error)}; "
            f'pip install "mic-codec[dask,dicom]=={__version__}" and the plugins of fsspec there'
        )
    return one_sentence(error)
