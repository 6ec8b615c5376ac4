# SPDX-License-Identifier: MIT
"""`mic transcode` with impossible requests: one sentence, before any file is touched."""

import json
from pathlib import Path

import numpy as np
import pytest
from commandline import invoke
from dicomfiles import write_dicom

import mic

IMAGE = np.arange(48 * 40, dtype="uint16").reshape(48, 40)


def run(*arguments):
    return invoke("transcode", *arguments)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for name in ("a.dcm", "b.dcm"):
        write_dicom(f"in/{name}", IMAGE)
    return tmp_path


def test_a_folder_does_not_go_into_a_file(folder):
    (folder / "out").write_text("precious")
    message = "mic: in is a folder and out a file; name a folder for both\n"
    assert run("in", "out", "--to", "mic") == (1, message)
    assert run("in", "out", "--to", "mic", "--overwrite") == (1, message)
    assert (folder / "out").read_text() == "precious"


def test_source_and_target_are_one_folder(folder):
    before = (folder / "in" / "a.dcm").read_bytes()
    code, output = run("in", "in/../in", "--to", "mic", "--overwrite")
    assert code == 1 and "in is both SRC and DST; name another folder" in output
    assert (folder / "in" / "a.dcm").read_bytes() == before


@pytest.mark.parametrize("target", ["in/a.dcm", "in"])
def test_source_and_target_are_one_file(folder, target):
    before = (folder / "in" / "a.dcm").read_bytes()
    code, output = run("in/a.dcm", target, "--to", "mic")
    source = Path("in/a.dcm")
    assert code == 1 and f"{source} is both SRC and DST; name another file" in output
    assert "--overwrite" in output and (folder / "in" / "a.dcm").read_bytes() == before
    assert run("in/a.dcm", target, "--to", "mic", "--overwrite")[0] == 0
    assert (mic.dicom.decode_frames("in/a.dcm", 0) == IMAGE).all()


def test_files_of_other_kinds_go_to_other_commands(folder):
    np.save("x.npy", IMAGE)
    (folder / "x.mic").write_bytes(mic.encode(IMAGE))
    for name, command in (("x.npy", "mic encode"), ("x.mic", "mic decode")):
        code, output = run(name, "y.dcm", "--to", "mic")
        assert code == 1 and f"{name} is no DICOM file; {command}" in output
    assert not (folder / "y.dcm").exists()


def test_the_size_of_a_deflated_file_is_the_files(folder):
    code, output = run("in/a.dcm", "y.dcm", "--to", "deflated", "--json")
    (record,) = json.loads(output)["files"]
    assert code == 0 and record["encoded_bytes"] == (folder / "y.dcm").stat().st_size
    assert record["decoded_bytes"] == IMAGE.nbytes
    assert record["ratio"] == round(IMAGE.nbytes / record["encoded_bytes"], 4)
