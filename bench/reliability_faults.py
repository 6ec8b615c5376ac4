# SPDX-License-Identifier: MIT
"""Record what the command line leaves behind when the machine fails under it."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import mic

KILLS = 40
COMMAND = [sys.executable, "-c", "from mic.cli import main; main()"]
Row = dict[str, str]


def run_all() -> list[Row]:
    """Run every fault in its own folder."""
    rows = []
    for fault in (
        kill_encode,
        kill_transcode,
        disk_full,
        read_only_target,
        vanished_source,
        out_of_memory,
    ):
        with tempfile.TemporaryDirectory() as folder:
            made = fault(Path(folder))
            rows.append({key: value.replace(f"{folder}/", "") for key, value in made.items()})
    return rows


def mic_command(*arguments: Any, preexec: Callable[[], None] | None = None) -> Any:
    """Run `mic` from a folder in which only the installed package can be found."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=tempfile.gettempdir(),
        capture_output=True,
        text=True,
        preexec_fn=preexec,
        check=False,
    )


def row(fault: str, done: Any, state: str) -> Row:
    """Describe a fault: what was done, what the user read, what was left."""
    lines = (done.stderr or done.stdout).strip().splitlines()
    return {
        "fault": fault,
        "exit": str(done.returncode),
        "says": lines[-1] if lines else "",
        "state": state,
    }


def image_file(folder: Path, shape: tuple[int, ...] = (2000, 2000)) -> Path:
    values = np.random.default_rng(0).normal(0, 9, shape).cumsum(axis=-1)
    path = folder / "image.npy"
    np.save(path, values.astype(np.int16))
    return path


def kill_repeatedly(arguments: list[Any], target: Path, check: Callable[[], str]) -> list[str]:
    """Run and kill -9 after a random time; return the result of `check` after each kill."""
    started = time.perf_counter()
    undisturbed = mic_command(*arguments)
    if undisturbed.returncode:
        raise SystemExit(f"mic {arguments[0]} fails by itself: {undisturbed.stderr}")
    whole = time.perf_counter() - started
    delays = random.Random(0)
    found = []
    for _ in range(KILLS):
        _remove(target)
        with subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            cwd=tempfile.gettempdir(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            time.sleep(delays.uniform(0.2, 1.05) * whole)
            process.send_signal(signal.SIGKILL)
        found.append(check())
    return found


def _remove(target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target)
    target.unlink(missing_ok=True)


def _summary(found: list[str]) -> str:
    counts = {what: found.count(what) for what in sorted(set(found))}
    return ", ".join(f"{n} x {what}" for what, n in counts.items())


def kill_encode(folder: Path) -> Row:
    source = image_file(folder)
    expected = np.load(source)
    target = folder / "image.mic"

    def check() -> str:
        if not np.array_equal(np.load(source), expected):
            return "SOURCE DAMAGED"
        if not target.exists():
            return "no output"
        same = np.array_equal(mic.decode(target.read_bytes()), expected)
        return "complete output" if same else "HALF A FILE"

    found = kill_repeatedly(["encode", source, target], target, check)
    done = subprocess.CompletedProcess([], -9, "", "")
    return row(f"kill -9 during encode, {KILLS} times", done, _summary(found))


def kill_transcode(folder: Path) -> Row:
    import pydicom
    from pydicom.data import get_testdata_file

    source = folder / "in"
    source.mkdir()
    original = get_testdata_file("CT_small.dcm", download=False)
    for number in range(12):
        shutil.copy(original, source / f"{number}.dcm")
    expected = pydicom.dcmread(original).pixel_array
    target = folder / "out"

    def check() -> str:
        if any(not _same(path, expected) for path in source.iterdir()):
            return "SOURCE DAMAGED"
        made = list(target.rglob("*.dcm")) if target.exists() else []
        if any(not _same(path, expected) for path in made):
            return "HALF A FILE"
        return "0 to 12 complete outputs"

    found = kill_repeatedly(["transcode", source, target, "--to", "mic"], target, check)
    done = subprocess.CompletedProcess([], -9, "", "")
    return row(f"kill -9 during transcode of 12 files, {KILLS} times", done, _summary(found))


def _same(path: Path, expected: np.ndarray) -> bool:
    import pydicom

    mic.register()
    return np.array_equal(pydicom.dcmread(path).pixel_array, expected)


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path | None]:
    """Mount a separate file system; None if mounting is not allowed."""
    mount = folder / "disk"
    mount.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(mount)],
        capture_output=True,
        check=False,
    )
    try:
        yield mount if made.returncode == 0 else None
    finally:
        if made.returncode == 0:
            subprocess.run(["umount", str(mount)], check=False)


def _left_on(disk: Path) -> str:
    names = [path.name for path in disk.iterdir()]
    return f"nothing on the disk but {', '.join(names)}" if names else "nothing on the disk"


def _encode_to(folder: Path, options: str, fault: str) -> Row:
    """Encode an image to a disk mounted with these options."""
    source = image_file(folder)
    with small_disk(folder, options) as disk:
        if disk is None:
            return {"fault": fault, "exit": "", "says": "", "state": "not run: mounting needs root"}
        done = mic_command("encode", source, disk / "image.mic")
        return row(fault, done, _left_on(disk))


def disk_full(folder: Path) -> Row:
    return _encode_to(folder, "size=256k", "the disk is full")


def read_only_target(folder: Path) -> Row:
    return _encode_to(folder, "ro", "the target is read-only")


def vanished_source(folder: Path) -> Row:
    """Delete a file after it was listed and before it is read."""
    source = folder / "in"
    source.mkdir()
    (source / "gone.npy").symlink_to(folder / "nothing.npy")
    np.save(source / "there.npy", np.eye(64, dtype=np.uint16))
    done = mic_command("encode", source, folder / "out")
    made = sorted(path.name for path in (folder / "out").rglob("*"))
    return row("one of two sources vanished", done, f"made: {', '.join(made) or 'nothing'}")


def out_of_memory(folder: Path) -> Row:
    stream = folder / "large.mic"
    with mic.create(stream, shape=(..., 4096, 4096), dtype="uint16") as writer:
        for _ in range(40):
            writer.append(np.zeros((4096, 4096), np.uint16))

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    done = mic_command("decode", stream, folder / "large.npy", preexec=limit)
    left = sorted(path.name for path in folder.iterdir() if path != stream)
    return row(
        "decoding 1.3 GB with 1 GiB of address space",
        done,
        f"left: {', '.join(left) or 'nothing'}",
    )
