# SPDX-License-Identifier: MIT
"""`mic.archive` and `mic transcode` with URLs: trees, reports, resuming, refusals."""

import functools
import json
import os
import shutil
import sys

import pydicom
import pytest
from dicomfiles import GOOD, shipped

pytest.importorskip("distributed")

import fsspec

import mic
from mic import archive, paths
from mic.archive import graph, location
from mic.archive.report import read_json_lines, write_parquet
from mic.transcode import compare_files


@pytest.fixture
def memory():
    """Clear fsspec's file system in the memory of this process."""
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]
    return fs


def states(records, root):
    return {record.source[len(str(root)) :].lstrip("/"): record.status for record in records}


def test_through_memory_and_back(tmp_path, tree, memory):
    """Nothing is lost on the way, and damaged files and files of other kinds are reported."""
    steps = []
    there = archive.transcode(
        tree, "memory://archive/mic", progress=lambda done, total: steps.append((done, total))
    )
    assert steps == [(number, 6) for number in range(1, 7)]
    assert states(there, tree) == {
        **dict.fromkeys(GOOD, "ok"),
        "notes.txt": "skipped",
        "rtplan.dcm": "skipped",
        "sub/bad.dcm": "failed",
    }
    assert sorted(memory.store) == [f"/archive/mic/{name}" for name in GOOD]
    record = there[0]
    assert record.target == "memory://archive/mic/CT_small.dcm"
    assert record.syntax == mic.MICLossless and record.verified and record.frames == 1
    assert record.target_bytes == memory.size("/archive/mic/CT_small.dcm")
    back = archive.transcode("memory://archive/mic", tmp_path / "back", to="explicit", jobs=2)
    assert states(back, "memory://archive/mic") == dict.fromkeys(GOOD, "ok")
    for name, one, other in zip(GOOD, [r for r in there if r.status == "ok"], back, strict=True):
        assert one.sha256 == other.sha256
        assert compare_files(tree / name, tmp_path / "back" / name)["differences"] == []


def test_one_file(tmp_path, memory):
    source = shipped("CT_small.dcm")
    (record,) = archive.transcode(source, "memory://a/new.dcm", to="rle")
    assert record.status == "ok" and list(memory.store) == ["/a/new.dcm"]
    (record,) = archive.transcode(source, "memory://a/", to="rle")
    assert record.target == "memory://a/CT_small.dcm"
    (record,) = archive.transcode(source, tmp_path, to="rle")
    assert (tmp_path / "CT_small.dcm").stat().st_size == record.target_bytes
    (record,) = archive.transcode(shipped("rtplan.dcm"), tmp_path / "b.dcm")
    assert record.status == "failed" and "without pixel data" in record.message


@pytest.mark.parametrize("place", ["out", "memory://out"])
def test_resume(tmp_path, tree, memory, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    report = tmp_path / "report.jsonl"
    first = archive.transcode(tree, place, "rle", report=report)
    assert read_json_lines(report) == {record.source: record for record in first}
    fs, path = fsspec.core.url_to_fs(place)
    # Damage one output, change one source, lose one record and one target.
    fs.pipe_file(f"{path}/{GOOD[0]}", fs.cat_file(f"{path}/{GOOD[0]}")[:-1] + b"x")
    shutil.copy(shipped("MR_small_implicit.dcm"), tree / GOOD[1])
    steps = []
    again = archive.transcode(
        tree, place, "rle", report=report, progress=lambda *step: steps.append(step)
    )
    assert steps[-1] == (5, 5)  # all but the unchanged one
    assert {r for r in again if r in first and r.status == "ok"} == {
        r for r in first if r.source.endswith("without_suffix")
    }
    assert sum(record.status == "ok" for record in again) == 3
    lines = report.read_text().splitlines()
    report.write_text("\n".join(line for line in lines if GOOD[0] not in line)[:-30])
    last = archive.transcode(tree, place, "rle", report=report)
    assert sum(record.status == "ok" for record in last) == 3
    # With other options, everything is made again.
    assert {r.to for r in archive.transcode(tree, place, "explicit", report=report)} == {"explicit"}


def test_existing_targets_stay(tmp_path, tree):
    """The same holds when the run that refused to replace them is resumed."""
    target, report = tmp_path / "out", tmp_path / "report.jsonl"
    target.mkdir()
    (target / GOOD[0]).write_bytes(b"before")
    for _ in range(2):
        records = archive.transcode(tree, target, report=report)
        assert states(records, tree)[GOOD[0]] == "failed"
        assert records[0].message.endswith("exists; pass overwrite=True to replace it")
        assert (target / GOOD[0]).read_bytes() == b"before"
    assert archive.transcode(tree, target, report=report, overwrite=True)[0].status == "ok"
    assert pydicom.dcmread(target / GOOD[0]).file_meta.TransferSyntaxUID == mic.MICLossless


def test_leftovers_and_outputs_inside_the_source(tmp_path, memory):
    """Neither is taken as a source, and remnants of killed workers are removed."""
    data = shipped("CT_small.dcm").read_bytes()
    memory.pipe_file("/in/CT.dcm", data)
    memory.pipe_file("/in/out/.CT.dcm.0123abcd.part", data[:1000])
    memory.pipe_file("/in/out/.other.dcm.0123abcd.part", b"of somebody else")
    for _ in range(2):
        (record,) = archive.transcode("memory://in", "memory://in/out", overwrite=True)
        assert record.status == "ok"
    expected = ["/in/CT.dcm", "/in/out/.other.dcm.0123abcd.part", "/in/out/CT.dcm"]
    assert sorted(memory.store) == expected


def test_names_that_lead_elsewhere(tmp_path, memory):
    """An object store may hold names that lead out of a folder."""
    data = shipped("CT_small.dcm").read_bytes()
    memory.store["/in/../../evil.dcm"] = fsspec.implementations.memory.MemoryFile(
        memory, "/in/../../evil.dcm", data
    )
    memory.pipe_file("/in/a [1]*.dcm", data)
    records = archive.transcode("memory://in", tmp_path / "deep" / "out")
    assert [record.status for record in records] == ["failed", "ok"]
    assert "is no path of a file; rename it" in records[0].message
    assert [p.name for p in tmp_path.rglob("*.dcm")] == ["a [1]*.dcm"]


def test_parquet(tmp_path, tree):
    parquet = pytest.importorskip("pyarrow.parquet")
    records = archive.transcode(tree, tmp_path / "out", report=tmp_path / "r.parquet")
    table = parquet.read_table(tmp_path / "r.parquet")
    rows = sorted(table.to_pylist(), key=lambda row: row["source"])
    assert rows == [record.as_dict() for record in records]
    assert len(read_json_lines(tmp_path / "r.jsonl")) == 6


def test_without_pyarrow(tmp_path, tree, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(mic.UnsupportedError, match="pip install pyarrow"):
        archive.transcode(tree, tmp_path / "out", report=tmp_path / "r.parquet")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("module", ["fsspec", "distributed"])
def test_without_dask(tmp_path, tree, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(mic.UnsupportedError, match=r'pip install "mic-codec\[dask\]"'):
        archive.transcode(tree, tmp_path / "out")


def test_wrong_arguments(tmp_path, tree, memory):
    out = tmp_path / "out"
    (tmp_path / "diary.txt").write_text("dear diary\n")
    for arguments, message in (
        ({"to": "zip"}, "no transfer syntax that mic writes"),
        ({"near": 1}, "near is 1, MIC Lossless takes 0"),
        ({"jobs": 0}, "jobs is 0"),
        ({"src": tmp_path / "nowhere"}, "nowhere does not exist; a file or folder"),
        ({"src": "memory://nowhere"}, "memory://nowhere does not exist"),
        ({"src": "xyz://a"}, "has the protocol 'xyz', which fsspec does not know"),
        ({"dst": tree}, "is the source; choose another"),
        ({"dst": tmp_path / "diary.txt"}, "is a file, a folder is expected"),
        ({"report": "s3://a/b"}, "is a URL, a file of this machine"),
        ({"report": tmp_path / "no" / "r.jsonl"}, "does not exist; create it first"),
        ({"report": tmp_path}, "is a folder, a file name"),
        ({"report": tmp_path / "diary.txt"}, "is no report of mic.archive"),
        ({"report": tmp_path / "diary.txt", "resume": False}, "is no report of mic.archive"),
    ):
        with pytest.raises(
            mic.UnsupportedError if "diary" not in str(arguments) else ValueError
        ) as e:
            archive.transcode(**{"src": tree, "dst": out, **arguments})
        assert message in str(e.value)
    assert (tmp_path / "diary.txt").read_text() == "dear diary\n"
    assert not out.exists() or not list(out.iterdir())


def test_command_line(tmp_path, tree, memory):
    import commandline

    run = functools.partial(commandline.run, "transcode")
    report = tmp_path / "report.jsonl"
    arguments = (tree, "memory://cli", "--to", "mic", "--report", report)
    output = run(*arguments, code=1)
    assert "3 files done" in output and "1 failed, 2 skipped" in output
    assert "CT_small.dcm -> memory://cli/CT_small.dcm: 32.8 kB" in output
    assert "verified 1 frame, sha256" in output
    assert "notes.txt: no DICOM file" in output
    again = run(*arguments, "--resume", code=1)
    assert "0 files done" in again and "verified in an earlier run" in again
    assert "pass --overwrite to replace it" in run(tree, "memory://cli", "--to", "mic", code=1)
    (tree / "sub" / "bad.dcm").unlink()
    document = json.loads(run(tree, "memory://cli", "--to", "rle", "--overwrite", "--json", code=0))
    assert document["done"] == 3
    assert {file["target"] for file in document["files"]} >= {"memory://cli/CT_small.dcm"}
    assert "memory://none does not exist" in run("memory://none", tmp_path, "--to", "mic", code=1)
    (tmp_path / "empty").mkdir()
    assert "holds no file" in run(tmp_path / "empty", "memory://b", "--to", "mic", code=1)


def test_two_objects_never_become_one_file(tmp_path, memory, monkeypatch):
    """An object store may hold names that a file system takes for one."""
    data = shipped("CT_small.dcm").read_bytes()
    for name in ("A.dcm", "B.dcm", "a.dcm"):
        memory.pipe_file(f"/in/{name}", data)
    monkeypatch.setattr(
        paths, "_are_one_file", lambda one, other, folder: one.casefold() == other.casefold()
    )
    for _ in range(2):
        records = archive.transcode("memory://in", tmp_path / "out", overwrite=True)
        assert states(records, "memory://in") == {"A.dcm": "ok", "B.dcm": "ok", "a.dcm": "failed"}
        assert records[-1].message.startswith("a.dcm would get the same name in ")
        assert records[-1].message.endswith(" as A.dcm; rename one of them")
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["A.dcm", "B.dcm"]
    records = archive.transcode("memory://in", "memory://out")  # a store tells them apart
    assert {record.status for record in records} == {"ok"}


def test_names_that_windows_would_change(tmp_path, memory, monkeypatch):
    data = shipped("CT_small.dcm").read_bytes()
    for name in ("a.dcm", "aux/b.dcm", "T1:axial.dcm", "sub./c.dcm"):
        memory.pipe_file(f"/in/{name}", data)
    monkeypatch.setattr(paths, "WINDOWS", True)
    for module in ("mic.atomic", "mic.arguments", "mic.archive.task"):
        monkeypatch.setattr(f"{module}.for_system", lambda path: path)
    records = archive.transcode("memory://in", tmp_path / "out")
    assert [record.status for record in records] == ["failed", "ok", "failed", "failed"]
    assert all("Windows does not allow" in r.message for r in records if r.status == "failed")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.dcm"]


def test_a_folder_too_deep_for_windows_is_no_hole(tmp_path, tree, monkeypatch):
    """fsspec leaves out what it cannot list."""
    fs = type(fsspec.filesystem("file"))
    listed = fs.ls

    def ls(self, path, *rest, **options):
        if path.endswith("sub"):
            raise FileNotFoundError(2, "The system cannot find the path specified", path)
        return listed(self, path, *rest, **options)

    monkeypatch.setattr(fs, "ls", ls)
    monkeypatch.setattr(location, "WINDOWS", True)
    with pytest.raises(
        mic.UnsupportedError, match=r"longer path than Windows takes .* enable long"
    ):
        archive.transcode(tree, tmp_path / "out")


def test_other_spellings_of_a_folder(tmp_path, memory, monkeypatch):
    """Outputs of an earlier run are recognised where case does not count."""
    monkeypatch.setattr(location.os.path, "normcase", str.lower)
    source = location.open_location(str(tmp_path / "In"))
    target = location.open_location(str(tmp_path / "iN" / "OUT"))
    assert graph._is_below(target, source) and not graph._is_below(source, target)
    with pytest.raises(mic.UnsupportedError, match="is the source"):
        (tmp_path / "In").mkdir()
        archive.transcode(tmp_path / "In", tmp_path / "iN")


@pytest.mark.parametrize("path", ["C:\\scans\\ct", "c:/scans/ct", "D:ct"])
def test_a_drive_is_no_protocol(path):
    place = location.open_location(path)
    assert place.is_local and "://" not in place.url


def test_a_scratch_folder_that_a_scanner_reads(tmp_path, memory, monkeypatch):
    """Windows cannot remove it then; the result counts all the same."""
    memory.pipe_file("/in/a.dcm", shipped("CT_small.dcm").read_bytes())
    unlink = os.unlink

    def refuse(path, *rest, **options):
        if "mic-" in str(path) or str(path).startswith("a.dcm"):
            raise PermissionError(13, "The file is being used by another process", str(path))
        unlink(path, *rest, **options)

    monkeypatch.setattr(os, "unlink", refuse)
    (record,) = archive.transcode("memory://in", "memory://out")
    assert record.status == "ok", record.message


def test_parquet_of_names_that_are_no_text(tmp_path):
    """Linux takes any bytes as a name, Parquet only text."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    record = archive.Record("in/\udcff.dcm", "out/é.dcm", "ok")
    write_parquet(tmp_path / "x.parquet", [record])
    (row,) = parquet.read_table(tmp_path / "x.parquet").to_pylist()
    assert (row["source"], row["target"]) == ("in/\\udcff.dcm", "out/é.dcm")
