# SPDX-License-Identifier: MIT
"""Ctrl-C at any moment of the command: exit code 130, no traceback, no half file."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicomfiles import write_dicom

import mic
import mic.dicom

pytest.importorskip("click")
pytest.importorskip("rich")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of another kind")

IMAGE = np.arange(48 * 40, dtype="uint16").reshape(48, 40)
MAIN = "from mic.cli import main; main()"
# The suite may run in the background of a shell, which ignores the signal.
HEARD = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"


@pytest.fixture
def folder(tmp_path):
    np.save(tmp_path / "x.npy", IMAGE)
    return tmp_path


def run(folder, before, *arguments):
    """Run the command in its own process, in which `before` has planted an interrupt."""
    code = f"{HEARD}\nimport os, mic.cli.run, mic.cli.jobs\n{before}\n{MAIN}"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True
    )


def interrupting(place):
    return f"{place} = lambda *a, **k: os.kill(os.getpid(), signal.SIGINT)"


@pytest.mark.parametrize(
    "place", ["mic.cli.jobs.compare", "mic.cli.jobs.refuse_existing", "mic.cli.jobs._encode"]
)
def test_while_it_writes(folder, place):
    done = run(folder, interrupting(place), "encode", "x.npy", "x.mic")
    assert (done.returncode, done.stderr) == (130, "")
    assert {path.name for path in folder.iterdir()} <= {"x.npy", "x.mic"}
    if (folder / "x.mic").exists():  # the thread at work has completed it
        assert (mic.open(folder / "x.mic")[...] == IMAGE).all()


def test_while_it_reports(folder):
    before = interrupting("mic.cli.run.report")
    done = run(folder, before, "encode", "x.npy", "x.mic")
    assert (done.returncode, done.stderr) == (130, "")
    assert (mic.open(folder / "x.mic")[...] == IMAGE).all()


def test_a_job_in_the_background_does_not_hear_it(folder):
    before = "signal.signal(signal.SIGINT, signal.SIG_IGN)\nold = mic.cli.run.report\n"
    before += "def report(*a):\n    os.kill(os.getpid(), signal.SIGINT)\n    return old(*a)\n"
    done = run(folder, before + "mic.cli.run.report = report", "encode", "x.npy", "x.mic")
    assert done.returncode == 0 and "verified" in done.stdout


def test_workers_end_without_a_word(tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    rng = np.random.default_rng(1)
    for number in range(120):
        write_dicom(source / f"{number}.dcm", rng.integers(0, 4096, (128, 128), "uint16"))
    script = tmp_path / "run.py"
    script.write_text(f"if __name__ == '__main__':\n    {HEARD}; {MAIN}\n")
    arguments = ["transcode", str(source), str(target), "--to", "mic", "--jobs", "2"]
    path = str(Path(mic.__file__).parent.parent)
    process = subprocess.Popen(
        [sys.executable, str(script), *arguments],
        env=dict(os.environ, PYTHONPATH=path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a group of its own, as in a terminal
    )
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until and not any(target.glob("*.dcm")):
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "")
    written = sorted(target.iterdir())
    assert 0 < len(written) < 120
    for path in written:
        ds = pydicom.dcmread(source / path.name)
        assert (mic.dicom.decode_frames(path, 0) == ds.pixel_array).all()
