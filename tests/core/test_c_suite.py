# SPDX-License-Identifier: MIT
"""Build and run the C suite (tests/c) with the system's C compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1] / "c"
COMPILER = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc") or shutil.which("clang")

pytestmark = [
    pytest.mark.no_asan,  # ci/sanitize.sh builds and runs the C suite itself
    pytest.mark.skipif(COMPILER is None, reason="no C compiler"),
    pytest.mark.skipif(sys.platform == "win32", reason="run.sh needs a POSIX shell"),
    pytest.mark.skipif(
        not (HERE.parents[1] / "csrc" / "mic.h").exists(), reason="csrc/ is not beside tests/"
    ),
]
TESTS = ["target", "kernels", "wavefront", "stages", "wavelet", "container", "tiles", "dicom"]
TESTS += ["forged", "refusals", "threads", "memory"]


def run(script: str, *arguments: str) -> None:
    """Run a script of the suite; its output shows what went wrong."""
    done = subprocess.run(
        ["sh", str(HERE / script), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the first test leaves the objects of the core for the others."""
    return tmp_path_factory.mktemp("objects")


@pytest.mark.parametrize("name", TESTS)
def test_suite(name: str, objects: Path) -> None:
    if name == "memory" and sys.platform == "darwin":
        pytest.skip("needs the --wrap of GNU linkers")
    run("run.sh", "-k", str(objects), "-t", name, str(COMPILER))


def test_every_program_is_run() -> None:
    assert sorted(path.stem for path in HERE.glob("test_*.c")) == sorted(f"test_{n}" for n in TESTS)


@pytest.mark.skipif(
    not (HERE.parents[1] / "fuzz" / "replay.sh").exists(), reason="fuzz/ is not beside tests/"
)
def test_inputs_kept_from_fuzzing(objects: Path) -> None:
    run("../../fuzz/replay.sh", "-k", str(objects), str(COMPILER))


def test_build() -> None:
    run("check_build.sh")
