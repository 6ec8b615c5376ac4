# SPDX-License-Identifier: MIT
"""`mic transcode` and `mic verify A B`: trees, reports, interruptions, exit codes."""

import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pydicom
import pytest
from commandline import run
from dicomfiles import GOOD, shipped, write_dicom
from workers import crash, good_job

import mic
from mic.cli import workers as cli_workers
from mic.errors import CorruptDataError
from mic.transcode import compare_files
from mic.transcode.report import Report, read_report


def by_name(report, folder):
    return {
        Path(record["source"]).relative_to(folder).as_posix(): record
        for record in json.loads(report.read_text())["files"]
    }


def test_tree(tmp_path, tree):
    """One bad file does not stop the rest, but sets the exit code; other files are reported."""
    target, report = tmp_path / "out", tmp_path / "report.json"
    options = ("--to", "mic", "--jobs", 2, "--report", report)
    output = run("transcode", tree, target, *options, code=1)
    assert "3 files done" in output and "1 failed, 2 skipped" in output
    assert "bad.dcm: " in output and "only 8130 follow" in output
    assert "notes.txt: no DICOM file" in output
    files = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert files == set(GOOD)
    records = by_name(report, tree)
    assert {name: record["status"] for name, record in records.items()} == {
        **dict.fromkeys(GOOD, "ok"),
        "notes.txt": "skipped",
        "rtplan.dcm": "skipped",
        "sub/bad.dcm": "failed",
    }
    record = records["CT_small.dcm"]
    assert record["source_bytes"] == (tree / "CT_small.dcm").stat().st_size
    assert record["target_bytes"] == (target / "CT_small.dcm").stat().st_size
    assert record["decoded_bytes"] == 128 * 128 * 2
    assert record["ratio"] == pytest.approx(record["decoded_bytes"] / record["encoded_bytes"], 1e-3)
    assert record["verified"] and record["seconds"] > 0
    # The digest does not depend on how the pixels are stored.
    native = pydicom.dcmread(tree / "CT_small.dcm").PixelData
    assert record["sha256"] == __import__("hashlib").sha256(native).hexdigest()


def test_resume(tmp_path, tree):
    target, report = tmp_path / "out", tmp_path / "report.json"
    options = ("--to", "rle", "--report", report)
    run("transcode", tree, target, *options, code=1)
    changed = {name: (target / name).stat().st_mtime_ns for name in GOOD}
    # Damage one output, change one source, lose one record.
    data = bytearray((target / GOOD[0]).read_bytes())
    data[-1] ^= 1
    (target / GOOD[0]).write_bytes(data)
    shutil.copy(shipped("MR_small_implicit.dcm"), tree / GOOD[1])
    output = run("transcode", tree, target, *options, "--resume", code=1)
    assert f"{GOOD[2]}: verified in an earlier run" in output
    assert "2 files done" in output
    assert (target / GOOD[2]).stat().st_mtime_ns == changed[GOOD[2]]
    for name in GOOD:
        compare_files(tree / name, target / name)
    (tree / "sub" / "bad.dcm").unlink()
    again = run("transcode", tree, target, *options, "--resume")
    assert "0 files done" in again
    # With other options, everything is made again.
    assert "3 files done" in run(
        "transcode", tree, target, "--to", "mic", "--report", report, "--resume"
    )
    assert by_name(report, tree)[GOOD[0]]["syntax"] == mic.MICLossless


def test_existing_outputs_stay(tmp_path):
    source, target = shipped("CT_small.dcm"), tmp_path / "b.dcm"
    target.write_bytes(b"before")
    assert "pass --overwrite" in run("transcode", source, target, "--to", "mic", code=1)
    assert target.read_bytes() == b"before"
    assert "verified 1 frame, sha256" in run(
        "transcode", source, target, "--to", "mic", "--overwrite"
    )
    assert "not verified" in run(
        "transcode", source, target, "--to", "mic", "--overwrite", "--no-verify"
    )


def test_wrong_options(tmp_path):
    source = shipped("CT_small.dcm")
    for options, message in (
        (("--to", "zip"), "no transfer syntax that mic writes"),
        (("--to", "jpegls-near"), "needs --near"),
        (("--to", "rle", "--near", 1), "--near goes with"),
        (("--to", "rle", "--resume"), "needs the --report"),
    ):
        assert message in run("transcode", source, tmp_path / "b.dcm", *options, code=2)
    (tmp_path / "empty").mkdir()
    out = tmp_path / "out"
    assert "holds no DICOM file" in run("transcode", tmp_path / "empty", out, "--to", "mic", code=1)
    (tmp_path / "mine.txt").write_text("dear diary")
    options = ("--to", "mic", "--report", tmp_path / "mine.txt")
    assert "no report of mic" in run("transcode", source, out, *options, code=1)
    assert "no report of mic" in run("transcode", source, out, *options, "--resume", code=1)
    assert (tmp_path / "mine.txt").read_text() == "dear diary"


def test_near_lossless(tmp_path):
    pytest.importorskip("jpeg_ls")
    source, target = shipped("CT_small.dcm"), tmp_path / "b.dcm"
    output = run("transcode", source, target, "--to", "JPEGLSNearLossless", "--near", 2)
    assert "error at most 2" in output
    assert "is expected" in run("verify", source, target, code=1)
    assert "differ by 2 at most" in run("verify", source, target, "--near", 2)


def test_output_inside_the_source_tree(tmp_path):
    """A second run does not take its own outputs as inputs."""
    shutil.copy(shipped("CT_small.dcm"), tmp_path)
    for _ in range(2):
        run("transcode", tmp_path, tmp_path / "out", "--to", "mic", "--overwrite")
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["CT_small.dcm"]


def test_verify_dicom_files(tmp_path):
    plain, rle = shipped("MR_small.dcm"), shipped("MR_small_RLE.dcm")
    assert "the attributes are equal" in run("verify", plain, rle)
    facts = json.loads(run("verify", "--json", plain, rle))["files"][0]
    assert facts["max_error"] == 0 and len(facts["sha256"][0]) == 64
    ds = pydicom.dcmread(plain)
    ds.PatientName = "Other"
    ds.save_as(tmp_path / "b.dcm")
    assert "PatientName (0010,0010) is" in run("verify", plain, tmp_path / "b.dcm", code=1)
    np.save(tmp_path / "b.npy", ds.pixel_array)
    assert "pixels of 1 frame are equal" in run("verify", plain, tmp_path / "b.npy")
    np.save(tmp_path / "b.npy", ds.pixel_array + 1)
    assert "pixel (0, 0) is" in run("verify", plain, tmp_path / "b.npy", code=1)


def test_report_is_json_at_every_moment(tmp_path):
    path = tmp_path / "report.json"
    with Report(path) as report:
        for number in range(3):
            assert len(json.loads(path.read_text())["files"]) == number
            report.add({"source": f"Grüße {number}", "status": "ok"})
    assert json.loads(path.read_text())["totals"] == {"ok": 3, "failed": 0, "skipped": 0}
    kept = read_report(path)
    assert list(kept) == [f"Grüße {number}" for number in range(3)]
    path.write_text(path.read_text()[:-90])  # cut off by a power failure
    assert list(read_report(path)) == list(kept)[:2]
    (tmp_path / "other").write_text("[]")
    with pytest.raises(CorruptDataError, match="is no report of mic transcode"):
        read_report(tmp_path / "other")


@pytest.mark.skipif(os.name == "nt", reason="no such signal")
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_a_crash_concerns_one_file(n_jobs):
    from functools import partial

    paths = [Path(str(number)) for number in range(9)]
    tasks = [
        (path, None, partial(crash if number == 4 else good_job, path))
        for number, path in enumerate(paths)
    ]
    seen = []
    outcomes = cli_workers.run_in_processes(tasks, n_jobs, seen.append)
    assert [outcome.source for outcome in outcomes] == paths
    assert [outcome.status for outcome in outcomes] == ["ok"] * 4 + ["failed"] + ["ok"] * 4
    assert "the process that worked on it died" in outcomes[4].message
    assert len(seen) == 9
    assert not multiprocessing.active_children()


@pytest.mark.skipif(os.name == "nt", reason="no such signal")
def test_killed_at_any_moment(tmp_path):
    """There is no output, or a complete and verified one, and the next run continues."""
    source, target, report = (tmp_path / name for name in ("in", "out", "report.json"))
    source.mkdir()
    rng = np.random.default_rng(3)
    for number in range(12):
        pixels = rng.integers(0, 4096, (4, 128, 128), np.uint16)
        write_dicom(source / f"{number}.dcm", pixels, bits_stored=12)
    code = (
        "import sys; from mic.cli import main\n"
        "if __name__ == '__main__':\n"
        f"    sys.argv[1:] = ['transcode', {str(source)!r}, {str(target)!r}, '--to', 'mic',"
        f" '--jobs', '2', '--report', {str(report)!r}, '--resume']\n"
        "    main()\n"
    )
    (tmp_path / "run.py").write_text(code)
    path = str(Path(mic.__file__).parent.parent)
    environment = dict(os.environ, PYTHONPATH=path)
    delays = random.Random(1)
    kills = 0
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, tmp_path / "run.py"], env=environment, stdout=subprocess.DEVNULL
        )
        start = time.monotonic()
        while process.poll() is None and not any(target.glob("*.dcm")):
            assert time.monotonic() - start < 60
            time.sleep(0.01)
        time.sleep(delays.random() * 0.05)
        kills += process.poll() is None
        process.kill()
        process.wait()
        for output in target.glob("*.dcm"):
            assert compare_files(source / output.name, output)["differences"] == []
        if report.exists():
            json.loads(report.read_text())
        for output in list(target.glob("*.dcm"))[::2]:
            output.unlink()
    assert kills
    run(*("transcode", source, target, "--to", "mic", "--report", report, "--resume"))
    assert {path.name for path in target.glob("*.dcm")} == {f"{n}.dcm" for n in range(12)}
    assert {record["status"] for record in json.loads(report.read_text())["files"]} == {"ok"}
    assert not list(target.glob(".*.part")), "what the killed processes left"
