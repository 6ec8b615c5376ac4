# SPDX-License-Identifier: MIT
"""Set-up of the suite: Hypothesis profiles and fixtures that several files use."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zoo
from dicomfiles import shipped
from hypothesis import HealthCheck, settings

import mic
from mic import _mic

settings.register_profile("dev", deadline=None, max_examples=60)
settings.register_profile(
    "ci",
    deadline=None,
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture
def restore_isa() -> Iterator[None]:
    """Restore the kernels in use after the test."""
    before = _mic.active_isa()
    yield
    _mic.use_isa(before)


@pytest.fixture(scope="session")
def large() -> zoo.Sample:
    """An image of several strips."""
    image = zoo.large_image()
    stream = mic.encode(image)
    assert mic.info(stream).strips > 2
    return zoo.Sample(stream, image)


@pytest.fixture(scope="session")
def volume() -> zoo.Sample:
    """Twelve frames on two leading axes."""
    array = zoo.volume((3, 4), 24, 20)
    return zoo.Sample(mic.encode(array), array)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """DICOM images, files of other kinds, and a damaged one, in two folders."""
    folder = tmp_path / "source"
    (folder / "sub").mkdir(parents=True)
    for name in ("CT_small.dcm", "MR_small_RLE.dcm", "rtplan.dcm"):
        shutil.copy(shipped(name), folder)
    shutil.copy(shipped("MR_small.dcm"), folder / "sub" / "without_suffix")
    shutil.copy(shipped("MR_truncated.dcm"), folder / "sub" / "bad.dcm")
    (folder / "notes.txt").write_text("no DICOM file")
    return folder


@pytest.fixture
def run_python(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Run code in a new process that finds mic, zoo and the test's own file; return its output."""
    paths = [Path(mic.__file__).parents[1], Path(zoo.__file__).parent, request.path.parent]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(map(str, paths)))

    def run(code: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


@pytest.fixture(scope="session", autouse=True)
def outside_of_the_source_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Make child processes import the installed package.

    From the root of the sources they would find the folder `mic`, which has no
    extension unless it was built in place.
    """
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("elsewhere"))
    yield
    os.chdir(before)
