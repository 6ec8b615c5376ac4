# SPDX-License-Identifier: MIT
"""The command line on systems that differ: consoles, case, long paths, `python -m mic`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commandline import fails, invoke, run
from dicomfiles import write_dicom

import mic
from mic import paths
from mic.cli import options, workers

IMAGE = np.arange(48 * 40, dtype="uint16").reshape(48, 40)
PACKAGE = Path(mic.__file__).parents[1]


def command(folder, *arguments, before="", **environment):
    """Run `python -m mic`, or with code before it, in its own process; return its bytes."""
    start = ["-m", "mic"]
    if before:
        start = ["-c", f"import runpy\n{before}\nrunpy.run_module('mic', run_name='__main__')"]
    environment = {"PYTHONPATH": str(PACKAGE), "PYTHONUTF8": "0", **environment}
    return subprocess.run(
        [sys.executable, *start, *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        input=b"",  # a pipe, not a terminal
        check=False,
    )


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def folds_case(monkeypatch):
    """A file system that takes names for one if they differ in case only."""
    monkeypatch.setattr(
        paths, "_are_one_file", lambda one, other, folder: one.casefold() == other.casefold()
    )


# ---- python -m mic -------------------------------------------------------------------


def test_as_a_module(tmp_path):
    """For those whose path does not lead to the script."""
    done = command(tmp_path, "--version")
    assert done.stdout.decode().strip() == f"mic, version {mic.__version__}"
    done = command(tmp_path)
    assert done.stderr.decode().startswith("Usage: mic [OPTIONS] COMMAND"), done


def test_workers_of_the_module_are_spawned(tmp_path):
    """A spawned process imports what it needs, and none runs the command once more."""
    (tmp_path / "in").mkdir()
    for number in range(3):
        write_dicom(tmp_path / "in" / f"{number}.dcm", IMAGE + number)
    done = command(tmp_path, "transcode", "in", "out", "--to", "mic", "--jobs", "2", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["done"]) == (0, 3), done.stderr
    assert names(tmp_path / "out") == ["0.dcm", "1.dcm", "2.dcm"]


def test_no_more_processes_than_windows_waits_for(tmp_path, monkeypatch):
    counts = []

    class Pool(workers.ProcessPoolExecutor):
        def __init__(self, n_workers, *rest, **given):
            if n_workers > 61:
                raise ValueError("max_workers must be <= 61")
            counts.append(n_workers)
            super().__init__(1, *rest, **given)

    monkeypatch.setattr(workers, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(workers, "_MOST", 61)
    (tmp_path / "in").mkdir()
    for number in range(70):
        (tmp_path / "in" / f"{number}.dcm").write_bytes(b"")
    code, said = invoke("transcode", tmp_path / "in", tmp_path / "out", "--to=mic", "--jobs=100")
    assert code == 1 and "70 failed" in said and counts == [61]


def test_patterns_are_expanded_where_the_shell_does_not(tmp_path):
    """cmd.exe passes *.npy as it is."""
    np.save(tmp_path / "a.npy", IMAGE)
    run("encode", tmp_path / "a.npy", tmp_path / "a.mic")
    run("encode", tmp_path / "a.npy", tmp_path / "b.mic")
    windows = "import os, types, click.core\n"
    windows += "click.core.os = types.SimpleNamespace(**{**vars(os), 'name': 'nt'})"
    done = command(tmp_path, "info", "*.mic", "--json", before=windows)
    assert [file["source"] for file in json.loads(done.stdout)["files"]] == ["a.mic", "b.mic"]


# ---- consoles ------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_names_that_the_console_lacks(tmp_path, encoding):
    name = "Röntgen \u2113 \U0001fa7b"
    (tmp_path / f"{name}.mic").write_bytes(mic.encode(IMAGE))
    (tmp_path / f"bad {name}.mic").touch()
    shown = name.encode(encoding, "backslashreplace") + b".mic"
    done = command(tmp_path, "verify", ".", PYTHONIOENCODING=encoding)
    assert shown + b": verified 1 frame" in done.stdout
    assert b"mic: bad " + shown in done.stderr and b"Traceback" not in done.stderr
    (tmp_path / f"bad {name}.mic").unlink()
    done = command(tmp_path, "info", ".", PYTHONIOENCODING=encoding)  # a table by rich
    assert shown in done.stdout and done.returncode == 0
    done = command(tmp_path, "info", ".", "--json", PYTHONIOENCODING=encoding)
    (file,) = json.loads(done.stdout.decode("ascii"))["files"]
    assert file["source"] == f"{name}.mic"


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_names_that_are_no_text(tmp_path, locale):
    """Linux takes any bytes as a name."""
    name = b"\xff\xfe scan"
    try:
        with open(os.fsencode(tmp_path) + b"/" + name + b".npy", "wb") as file:  # noqa: PTH123
            np.save(file, IMAGE)
    except (OSError, UnicodeDecodeError):
        pytest.skip("names are text on this system")
    settings = {"LC_ALL": locale, "PYTHONCOERCECLOCALE": "0"}
    done = command(tmp_path, "encode", name + b".npy", name + b".mic", **settings)
    assert done.returncode == 0 and b"verified 1 frame" in done.stdout, done.stderr
    done = command(tmp_path, "info", ".", "--json", **settings)
    (file,) = json.loads(done.stdout.decode("ascii"))["files"]
    assert file["source"].encode("utf-8", "surrogateescape") == name + b".mic"


# ---- names ---------------------------------------------------------------------------


@pytest.mark.parametrize(("order", "suffix"), [("encode", ".mic"), ("transcode", "")])
def test_two_files_never_become_one(tmp_path, folds_case, order, suffix):
    """One of them is written, the other is reported; not even --overwrite replaces it."""
    source, target = tmp_path / "in", tmp_path / "out"
    for folder in ("A", "B"):
        (source / folder).mkdir(parents=True)
        write_dicom(source / folder / f"{folder}1", IMAGE)
    if (source / "b").exists():
        pytest.skip("this file system cannot hold two such files")
    (source / "a").mkdir()
    write_dicom(source / "a" / "a1", IMAGE + 1)
    options = ["--to", "mic"] if order == "transcode" else []
    for more in ([], ["--overwrite"]):
        code, said = invoke(order, source, target, *options, *more)
        assert code == 1
        assert f"{source / 'a' / 'a1'} would get the same name in {target} as " in said
        assert f"{source / 'A' / 'A1'}; rename one of them" in said.replace("\n", "")
        written = sorted(path.relative_to(target) for path in target.rglob("*1*"))
        assert written == [Path("A", f"A1{suffix}"), Path("B", f"B1{suffix}")]


def test_names_that_keep_their_suffix_may_meet(tmp_path):
    """x.npy keeps its suffix because of x.raw, and gets the name of x.npy.npy."""
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for number, name in enumerate(("x.npy", "x.raw", "x.npy.npy")):
        with (source / name).open("wb") as file:
            np.save(file, IMAGE + number)
    size = str((source / "x.raw").stat().st_size)
    code, said = invoke("encode", source, target, "--shape", f"1,{size}", "--dtype", "uint8")
    assert code == 1 and "would get the same name in" in said
    assert names(target) == ["x.npy.mic", "x.raw.mic"]
    assert (mic.open(target / "x.npy.mic")[...] == IMAGE).all()


def test_a_name_that_windows_reserves(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", IMAGE)
    monkeypatch.setattr(paths, "WINDOWS", True)
    monkeypatch.setattr("mic.atomic.for_system", lambda path: path)
    monkeypatch.setattr("mic.cli.options.for_system", lambda path: path)
    said = fails("encode", tmp_path / "a.npy", tmp_path / "nul.mic")
    assert "is the name of a device, which Windows does not allow; choose another name" in said


@pytest.mark.parametrize("order", ["encode", "transcode"])
def test_paths_are_taken_in_the_form_without_a_limit(tmp_path, monkeypatch, order):
    def elsewhere(path):
        return tmp_path / path.name

    monkeypatch.setattr(options, "for_system", elsewhere)
    monkeypatch.setattr("mic.cli.transcode.for_system", elsewhere)
    write_dicom(tmp_path / "a.dcm", IMAGE)
    more = ["--to", "mic", "--report", "deep/report.json"] if order == "transcode" else []
    run(order, "deep/a.dcm", "deep/b.mic", *more)
    assert (tmp_path / "b.mic").exists()
    assert (tmp_path / "report.json").exists() == bool(more)
