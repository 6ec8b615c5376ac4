# SPDX-License-Identifier: MIT
"""`mic.archive` on Dask workers that are killed, crash, are missing or are foreign."""

import logging
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from dicomfiles import write_dicom

pytest.importorskip("distributed")

import distributed

import mic
from mic import archive
from mic.archive import cluster as archive_cluster
from mic.archive.report import read_json_lines
from mic.transcode import compare_files

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no such signal")


def cluster(n_workers=2):
    return distributed.LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
        memory_limit=0,
    )


def write_scans(folder, n, frames=4):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(n)
    for number in range(n):
        pixels = rng.integers(0, 4096, (frames, 128, 128), np.uint16)
        write_dicom(folder / f"{number:02d}.dcm", pixels, bits_stored=12)
    return folder


def check(source, target, records):
    """Each file appears once, verified and equal to its source, and there is nothing else."""
    names = sorted(path.name for path in source.iterdir())
    assert [Path(record.source).name for record in records] == names
    assert {record.status for record in records} == {"ok"}, Counter(r.message for r in records)
    assert all(record.verified and record.frames for record in records)
    assert sorted(path.name for path in target.iterdir()) == names
    for name in names:
        assert compare_files(source / name, target / name)["differences"] == []


@pytest.mark.parametrize("remote", [False, True])
def test_killed_workers_lose_nothing(tmp_path, remote):
    """Workers are killed midway, several times; every file is verified in the end, once."""
    source, report = write_scans(tmp_path / "in", 30), tmp_path / "report.jsonl"
    target = tmp_path / "out"
    # A chained file system is not local to mic, so files are fetched and stored.
    place = f"dir://out::file://{tmp_path}" if remote else str(target)
    chance, killed = random.Random(5), []

    with cluster() as workers, distributed.Client(workers, set_as_default=False) as client:

        def kill(done, total):
            assert total == 30
            if done % 6 == 3 and len(killed) < 3:
                pids = [nanny.pid for nanny in workers.workers.values()]
                victim = chance.choice([pid for pid in pids if pid is not None])
                os.kill(victim, signal.SIGKILL)
                killed.append(victim)

        records = archive.transcode(source, place, scheduler=client, report=report, progress=kill)
    assert len(killed) == 3
    check(source, target, records)
    lines = Counter(line.split('"')[3] for line in report.read_text().splitlines())
    assert len(lines) == 30 and set(lines.values()) == {1}


def test_a_file_that_kills_workers_fails_alone(tmp_path, monkeypatch):
    """Crash like a decoder that writes to memory it must not touch."""
    run_task = archive_cluster.run_task

    def crash(task):
        if task.source.name == "03.dcm":
            os.kill(os.getpid(), signal.SIGKILL)
        return run_task(task)

    monkeypatch.setattr(archive_cluster, "run_task", crash)
    source = write_scans(tmp_path / "in", 8, frames=1)
    with cluster() as workers:
        records = archive.transcode(source, tmp_path / "out", scheduler=workers)
    states = {Path(record.source).name: record for record in records}
    assert states.pop("03.dcm").message.startswith("the workers that worked on it died")
    assert {record.status for record in states.values()} == {"ok"}
    assert len(states) == 7


def test_scheduler_that_goes_away(tmp_path):
    source, target = write_scans(tmp_path / "in", 30, frames=1), tmp_path / "out"
    report = tmp_path / "report.jsonl"
    workers = cluster(1)

    def close(done, total):
        if done == 5:
            workers.close()

    with pytest.raises(mic.MicError, match="connection to the Dask scheduler was lost"):
        archive.transcode(source, target, scheduler=workers, report=report, progress=close)
    before = read_json_lines(report)
    assert 5 <= len(before) < 30
    records = archive.transcode(source, target, report=report)
    check(source, target, records)
    assert {key: value for key, value in read_json_lines(report).items() if key in before} == before


def worker_process(address, folder, environment):
    return subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-nanny"],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise ModuleNotFoundError(\"No module named 'mic'\")", r"pip install .mic-codec\[dask"),
        ("__version__ = '0.0.1'", "has mic 0.0.1, this is"),
    ],
)
def test_workers_with_another_mic_or_none(tmp_path, code, message):
    source = write_scans(tmp_path / "in", 1)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mic.py").write_text(code)
    with cluster(0) as workers:
        environment = dict(os.environ, PYTHONPATH=str(tmp_path / "other"))
        process = worker_process(workers.scheduler_address, tmp_path, environment)
        try:
            with pytest.raises(mic.MicError, match=message):
                archive.transcode(source, tmp_path / "out", scheduler=workers.scheduler_address)
        finally:
            process.terminate()
            process.wait()
    assert not list((tmp_path / "out").iterdir())


def test_no_worker_and_workers_that_see_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(archive_cluster, "WORKER_SECONDS", 1)
    source = write_scans(tmp_path / "in", 1)
    with cluster(0) as workers, pytest.raises(mic.MicError, match="no worker for 1 s; start some"):
        archive.transcode(source, tmp_path / "out", scheduler=workers)
    with cluster(1) as workers:
        monkeypatch.setattr(archive_cluster, "WORKER_SECONDS", 60)
        with pytest.raises(mic.MicError, match="does not see memory://"):
            archive.transcode(source, "memory://unseen", scheduler=workers)
        # All workers die, and none returns.
        monkeypatch.setattr(archive_cluster, "WORKER_SECONDS", 1)
        many = write_scans(tmp_path / "many", 30, frames=1)
        with pytest.raises(mic.MicError, match="has had no worker"):
            archive.transcode(
                many,
                tmp_path / "out",
                scheduler=workers,
                progress=lambda done, total: workers.scale(0) if done == 3 else None,
            )


def test_no_scheduler(monkeypatch, tmp_path):
    monkeypatch.setattr(archive_cluster, "CONNECT_SECONDS", 1)
    source = write_scans(tmp_path / "in", 1)
    for address in ("tcp://127.0.0.1:1", "nowhere", "http://127.0.0.1:8787"):
        with pytest.raises(mic.MicError, match="start one with `dask scheduler`"):
            archive.transcode(source, tmp_path / "out", scheduler=address)
    with pytest.raises(mic.UnsupportedError, match="scheduler is 7; the address"):
        archive.transcode(source, tmp_path / "out", scheduler=7)


def test_script_without_a_guard(tmp_path):
    """The mistake that everybody makes once."""
    write_scans(tmp_path / "in", 2)
    (tmp_path / "run.py").write_text(
        "import mic.archive\nmic.archive.transcode('in', 'out', jobs=2)\n"
    )
    done = subprocess.run(
        [sys.executable, "run.py"],
        cwd=tmp_path,
        env=dict(os.environ, PYTHONPATH=str(Path(mic.__file__).parent.parent)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "below `if __name__ == '__main__':`" in done.stderr.splitlines()[-1]
