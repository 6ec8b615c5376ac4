# SPDX-License-Identifier: MIT
"""High load: sixteen threads on one file, ten thousand frames in a row."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zoo

import mic

N_THREADS = 16


@pytest.mark.parametrize("source", ["path", "bytes", "file"])
def test_sixteen_threads_on_one_decoder(source: str, volume: zoo.Sample, tmp_path: Path) -> None:
    """All threads start together on one open stream, and each gets every frame and row right."""
    path = tmp_path / "volume.mic"
    path.write_bytes(volume.stream)
    frames = volume.array.reshape(12, 24, 20)
    start = threading.Barrier(N_THREADS)
    wrong: list[object] = []

    def read(file: mic.MicFile, number: int) -> None:
        try:
            start.wait()
            for i in range(60):
                frame, row = (number + 5 * i) % 12, (number * 7 + i) % 24
                if not np.array_equal(file.frames(frame, frame + 1)[0], frames[frame]):
                    wrong.append(frame)
                if not np.array_equal(file[frame // 4, frame % 4, row], frames[frame, row]):
                    wrong.append((frame, row))
        except BaseException as error:
            wrong.append(error)

    with path.open("rb") as opened:
        given = {"path": path, "bytes": volume.stream, "file": opened}[source]
        with mic.open(given, threads=2) as file:
            threads = [threading.Thread(target=read, args=(file, i)) for i in range(N_THREADS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert wrong == []


def test_sixteen_threads_in_one_batch() -> None:
    """One call with more threads than processors and streams of every kind."""
    image = zoo.smooth((40, 30), "uint16") // 8
    streams = [mic.encode(image, codec) for codec in zoo.CODECS] * 40
    out = np.empty((len(streams), *image.shape), image.dtype)
    mic.decode_batch(streams, out=out, threads=N_THREADS)
    assert (out == image).all()


# Memory that a new process needs before `code` below starts: its resident bytes.
RESIDENT = """
import os
import sys
import numpy as np
import mic

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
"""
N_FRAMES = 10_000


@pytest.mark.no_asan  # keeps freed memory
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc")
def test_ten_thousand_frames(tmp_path: Path, run_python: Callable[[str], str]) -> None:
    """Frames are written and read one by one in a new process, without growing memory."""
    path = tmp_path / "long.mic"
    report = run_python(
        RESIDENT
        + f"""
scene = np.add.outer(np.arange(16), 3 * np.arange(16)).astype("uint16")
with mic.create({str(path)!r}, shape=(..., 16, 16), dtype="uint16") as writer:
    for i in range({N_FRAMES}):
        if i == 1000:
            before = resident()
        writer.append(scene + i)
    print(resident() - before)

with mic.open({str(path)!r}) as file:
    for i in range({N_FRAMES}):
        if i == 1000:
            before = resident()
        if not (file[i] == scene + i).all():
            sys.exit("frame %d" % i)
    print(resident() - before)
"""
    )
    written, read = (int(line) for line in report.split())
    assert written < 4 << 20  # one offset per frame, and the allocator's rounding
    assert read < 4 << 20
