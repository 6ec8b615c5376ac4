# SPDX-License-Identifier: MIT
"""The command line with the wrong file: it says what the file is and which command takes it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from commandline import invoke
from dicomfiles import write_dicom

import mic
import mic.dicom
from mic.errors import one_sentence

IMAGE = np.arange(48 * 40, dtype="uint16").reshape(48, 40)


def write_mic_dicom(name, array=IMAGE):
    write_dicom("native.dcm", array)
    ds = pydicom.dcmread("native.dcm")
    mic.dicom.compress(ds)
    ds.save_as(name)


def test_encode_takes_dicom_in_mic_lossless(folder):
    frames = np.stack([IMAGE, IMAGE + 1, IMAGE + 2])
    write_mic_dicom("one.dcm")
    write_mic_dicom("many.dcm", frames)
    assert invoke("encode", "one.dcm", "one.mic")[0] == 0
    assert invoke("encode", "many.dcm", "many.mic")[0] == 0
    assert invoke("encode", "many.dcm", "third.mic", "--frame", 2)[0] == 0
    assert np.array_equal(mic.open("one.mic")[...], IMAGE)
    assert np.array_equal(mic.open("many.mic")[...], frames)
    assert np.array_equal(mic.open("third.mic")[...], frames[2])
    assert invoke("verify", "many.mic", "many.dcm")[0] == 0
    assert invoke("encode", "many.dcm", "x.mic", "--frame", 3) == (
        1,
        "mic: many.dcm: frame 3 is asked for, it has frames 0 to 2\n",
    )


@pytest.mark.parametrize("arguments", [("info",), ("verify",), ("decode", "x.npy")])
def test_dicom_where_a_mic_file_is_expected(folder, arguments):
    write_mic_dicom("scan.dcm")
    command, *rest = arguments
    code, output = invoke(command, "scan.dcm", *rest)
    assert code == 1 and "scan.dcm" in output and "is a DICOM file" in output
    assert "mic encode" in output and "mic transcode" in output


def test_messages_about_a_single_file_name_it(folder):
    stream = mic.encode(IMAGE)
    (folder / "short.mic").write_bytes(stream[:-9])
    (folder / "text.mic").write_text("hello")
    for name in ("short.mic", "text.mic"):
        for command in (("decode", name, "x.npy"), ("verify", name), ("info", name)):
            code, output = invoke(*command)
            assert code == 1 and output.startswith(f"mic: {name}: ")
    assert "mic decode --partial rescues" in invoke("verify", "short.mic")[1]


def test_options_are_spelled_as_on_the_command_line(folder):
    np.save("x.npy", IMAGE)
    assert "--container native" in invoke("encode", "x.npy", "x.mic", "--container", "micr")[1]
    assert invoke("encode", "x.npy", "x.mic")[0] == 0
    code, output = invoke("decode", "x.mic", "y.npy", "--level", 1)
    assert code == 1 and "leave --level and --region out" in output


def test_shape_is_for_raw_files_only(folder):
    np.save("x.npy", IMAGE)
    code, output = invoke("encode", "x.npy", "x.mic", "--shape", "3,3", "--dtype", "uint16")
    assert code == 2 and "leave out --shape and --dtype" in output


def test_a_folder_does_not_go_into_a_file(folder):
    (folder / "images").mkdir()
    np.save("images/x.npy", IMAGE)
    (folder / "there.mic").write_text("precious")
    code, output = invoke("encode", "images", "there.mic")
    assert (code, output) == (
        1,
        "mic: images is a folder and there.mic a file; name a folder for both\n",
    )
    assert (folder / "there.mic").read_text() == "precious"


def test_a_text_called_dcm_is_no_dicom_file(folder):
    (folder / "text.dcm").write_text("hello world, how are you?\n")
    for command in (
        ("encode", "text.dcm", "x.mic"),
        ("transcode", "text.dcm", "x.dcm", "--to", "mic"),
        ("view", "text.dcm", "-o", "x.png"),
    ):
        code, output = invoke(*command)
        assert code == 1 and output.startswith("mic: text.dcm is not a DICOM file")


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="the system has no /dev/full")
@pytest.mark.parametrize("arguments", [("doctor",), ("info", "x.mic"), ("info", "x.mic", "--json")])
def test_output_that_cannot_be_written_is_one_sentence(folder, arguments):
    (folder / "x.mic").write_bytes(mic.encode(IMAGE))
    command = [sys.executable, "-c", "from mic.cli import main; main()", *arguments]
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "output cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["Größe.npy", "bad\udcff.npy"])
def test_names_that_the_output_cannot_spell(folder, name):
    try:
        np.save(name, IMAGE)
    except (OSError, UnicodeError):
        pytest.skip("the file system takes no such name")
    command = [sys.executable, "-c", "from mic.cli import main; main()", "encode", name, "x.mic"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert name.encode("ascii", "backslashreplace").decode() in done.stdout


def test_a_renaming_that_fails_names_the_file_that_was_asked_for():
    error = PermissionError(13, "Permission denied", ".x.mic.1b2c.part", None, "x.mic")
    assert one_sentence(error) == "x.mic: Permission denied"


def test_ctrl_c_while_the_program_starts_is_no_traceback(folder):
    code = """
import sys
class Interrupted:
    def find_spec(self, name, path, target=None):
        if name == "mic.cli.commands":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
from mic.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code, "doctor"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "")
