# SPDX-License-Identifier: MIT
"""Threads and processes, and no memory leaks."""

import contextlib
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import zoo

import mic
from mic import _mic
from mic.codec import arrays


@pytest.mark.parametrize("codec", zoo.CODECS)
@pytest.mark.parametrize("make", ["large", "volume", "colour"])
def test_bytes_do_not_depend_on_threads(codec: str, make: str) -> None:
    array = {
        "large": zoo.large_image,
        "volume": lambda: zoo.volume((11,), 60, 50),
        "colour": lambda: np.stack([zoo.large_image()] * 3, -1),
    }[make]()
    stream = mic.encode(array, codec)
    for threads in (0, 2, 3, 16, 300):
        assert mic.encode(array, codec, threads=threads) == stream
        assert np.array_equal(mic.decode(stream, threads=threads), array)


def test_calls_at_once() -> None:
    """Encode, decode and fail on eight threads."""
    images = [zoo.escapes((40, 30 + i), "int16", i) for i in range(8)]
    streams = [mic.encode(image) for image in images]

    def work(number: int) -> bool:
        which = number % 8
        damaged = zoo.flip(streams[which], 8 * len(streams[which]) - 30)
        try:
            mic.decode(damaged)
        except mic.CorruptDataError as error:
            found = error.frame == 0 and error.strip == 0
        return (
            found
            and mic.encode(images[which]) == streams[which]
            and np.array_equal(mic.decode(streams[which], threads=2), images[which])
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(400)))


def ticks_during(work: object) -> int:
    """Count how often this thread runs while another executes `work`."""
    span: list[float] = []

    def timed() -> None:
        start = time.perf_counter()
        work()
        span.extend([start, time.perf_counter()])

    ticks = []
    worker = threading.Thread(target=timed)
    worker.start()
    while worker.is_alive():
        ticks.append(time.perf_counter())
        time.sleep(0.0002)
    start, end = span
    margin = (end - start) * 0.2
    return sum(start + margin < tick < end - margin for tick in ticks)


@pytest.mark.parametrize("call", ["encode", "decode"])
def test_the_gil_is_released(call: str) -> None:
    """Another Python thread makes progress during a long call."""
    image = np.tile(zoo.large_image(), (3, 3))
    stream = mic.encode(image, threads=0)
    out = np.empty_like(image)
    works = {"encode": lambda: mic.encode(image), "decode": lambda: mic.decode(stream, out=out)}
    for _ in range(10):  # a machine under load may run neither thread for a while
        if ticks_during(works[call]) > 2:
            return
    pytest.fail("no progress during ten long calls")


# ---- processes -------------------------------------------------------------------

METHODS = [m for m in ("fork", "spawn") if m in multiprocessing.get_all_start_methods()]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_processes(method: str, volume: zoo.Sample, tmp_path: Path) -> None:
    """A file goes to other processes by its path, after threads have been used here."""
    path = tmp_path / "volume.mic"
    path.write_bytes(volume.stream)
    with mic.open(path, threads=2) as file:
        assert np.array_equal(file[...], volume.array)
        with multiprocessing.get_context(method).Pool(2) as pool:
            frames = pool.starmap(zoo.decode_one, [(file, i) for i in range(3)])
    assert np.array_equal(np.stack(frames), volume.array)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_threads_after_fork(large: zoo.Sample) -> None:
    mic.decode(large.stream, threads=4)
    child = os.fork()
    if child == 0:
        same = np.array_equal(mic.decode(large.stream, threads=4), large.array)
        os._exit(0 if same and mic.encode(large.array, threads=3) == large.stream else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_the_gil_stays_off(run_python: Callable[[str], str]) -> None:
    """On free-threaded Python, neither importing nor working re-enables the GIL."""
    said = run_python(
        "import sys, numpy\n"
        "enabled = getattr(sys, '_is_gil_enabled', lambda: True)\n"
        "before = enabled()\n"
        "import mic\n"
        "mic.decode(mic.encode(numpy.zeros((9, 9), 'uint16'), threads=2), threads=2)\n"
        "print(before, enabled())"
    )
    assert said in ("True True", "False False")
    source = Path(__file__).parents[2] / "mic" / "_mic.pyx"
    if source.exists():
        assert "freethreading_compatible=True" in source.read_text()


def test_importing_changes_no_kernels() -> None:
    assert _mic.active_isa() in zoo.available_isas()
    info = mic.cpu_info()
    assert list(info) == [
        *("model", "best", "active", "compiled", "scalar_reason", "cpus", "compiler")
    ]
    assert info["cpus"] >= 1 and info["compiled"] == list(_mic.compiled_isas())
    assert info["scalar_reason"] == _mic.scalar_reason()
    assert info["best"] in zoo.available_isas()


# ---- memory ----------------------------------------------------------------------


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.no_asan  # keeps freed memory
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc")
def test_memory_stays_flat(tmp_path: Path) -> None:
    """Ten thousand decodes, as many failures, and a thousand of everything else."""
    image = zoo.sparse((40, 50), "int16")
    stream = mic.encode(image)
    damaged = zoo.flip(stream, 8 * len(stream) - 20)
    path = tmp_path / "image.mic"
    path.write_bytes(stream)

    def round_of_calls(n: int) -> None:
        for i in range(n):
            mic.decode(stream)
            with contextlib.suppress(mic.CorruptDataError):
                mic.decode(damaged)
            if i % 10 == 0:
                mic.encode(image)
                mic.decode(damaged, partial=True, threads=2)
                with mic.open(path) as file:
                    file[3:5]

    round_of_calls(1000)
    before = resident_bytes()
    round_of_calls(10_000)
    assert resident_bytes() - before < 4 << 20


def test_all_cpus_where_they_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 0, an image of 512 x 512 gets one thread; an explicit number is obeyed."""
    monkeypatch.setattr(arrays, "_cpu_count", lambda: 8)
    assert arrays.thread_count(0) == 8
    assert [arrays.thread_count(0, n << 19) for n in (0, 1, 2, 5, 100)] == [1, 1, 2, 5, 8]
    assert arrays.thread_count(3, 0) == 3


@pytest.mark.parametrize("shape", [(64, 64), (5, 600, 512)])
def test_as_many_threads_as_pay(shape: tuple[int, ...]) -> None:
    image = np.arange(np.prod(shape), dtype="u2").reshape(shape)
    stream = mic.encode(image, threads=0)
    assert stream == mic.encode(image)
    assert np.array_equal(mic.decode(stream, threads=0), image)


def test_as_many_threads_as_pay_for_a_batch() -> None:
    image = np.arange(600 * 512, dtype="u2").reshape(600, 512)
    streams = [mic.encode(image)] * 3
    assert np.array_equal(mic.decode_batch(streams, threads=0), [image] * 3)
