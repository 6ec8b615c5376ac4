# SPDX-License-Identifier: MIT
"""Commands with a file of another kind: they say what it is and which command takes it."""

import os

import numpy as np
import pytest
from commandline import NO_SUCH_FILE, invoke
from dicomfiles import write_dicom

import mic

pytest.importorskip("PIL")

IMAGE = np.arange(48 * 40, dtype="uint16").reshape(48, 40)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", IMAGE)
    np.save("bool.npy", IMAGE > 3)
    (tmp_path / "x.mic").write_bytes(mic.encode(IMAGE))
    (tmp_path / "slide.mic").write_bytes(mic.encode(IMAGE, tile=16))
    (tmp_path / "text.png").write_text("hello " * 20)
    (tmp_path / "text").write_text("hello " * 20)
    (tmp_path / "x.raw").write_bytes(IMAGE.tobytes())
    write_dicom("x.dcm", IMAGE)
    (tmp_path / "nothing").mkdir()
    return tmp_path


def run(line):
    before = {path: path.stat().st_mtime_ns for path in os.scandir() if path.is_file()}
    code, output = invoke(*line.split())
    after = {path: path.stat().st_mtime_ns for path in os.scandir() if path.is_file()}
    assert code == 0 or sorted(map(os.fspath, after)) == sorted(map(os.fspath, before))
    return code, " ".join(output.split())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("encode x.mic y.mic", "x.mic is compressed already; mic decode"),
        ("encode nowhere y.mic", f"nowhere: {NO_SUCH_FILE}"),
        ("encode text y.mic", "text is no image that mic reads; it reads .npy"),
        ("encode text.png y.mic", "text.png is not a PNG file"),
        ("encode bool.npy y.mic", "the samples are bool, integers of 8 or 16 bits"),
        ("encode bool.npy y.mic", "save them as uint8"),
        ("encode x.npy y.mic --temporal", "--temporal is given"),
        ("encode x.npy y.mic --strips 3", "--strips is given"),
        ("encode x.npy y.mic --tile 16 --levels 99", "--levels is 99, 1 to 6 are expected"),
        ("decode x.npy y.npy", "x.npy is no .mic file; mic encode compresses it"),
        ("decode x.mic y.npy --rows 60:70", "--rows is 60:70, a range of step 1"),
        ("decode slide.mic y.npy --frame 0", "--frame is 0, but the stream is a slide"),
        ("info x.npy", "x.npy is no .mic file; mic encode compresses it"),
        ("info nothing", "mic: nothing holds no .mic file"),
        ("verify text.png", "text.png is no .mic file; mic encode compresses it"),
        ("decode nothing out", "mic: nothing holds no file to decode"),
        ("view x.raw -o y.png", "x.raw: a raw file does not say its shape; mic encode with"),
        ("view x.dcm -o y.png --series 1.2", "--series chooses for --contact-sheet"),
        ("view x.dcm -o y.png --contact-sheet --series 1.2", "it holds one without UID"),
        ("bench dicom --images x.npy", "x.npy: is not a DICOM file"),
    ],
)
def test_what_is_wrong_with_the_file(folder, line, words):
    code, output = run(line)
    assert code == 1 and words in output, output


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("encode x.npy y.mic --stream fse", "--stream writes no .mic file: name it such as y.fse"),
        ("bench --images nowhere", "'nowhere' does not exist"),
        ("bench dicom --images nowhere", "'nowhere' does not exist"),
    ],
)
def test_what_is_wrong_with_the_line(folder, line, words):
    code, output = run(line)
    assert code == 2 and words in output, output


def test_a_bare_stream_comes_back(folder):
    assert run("encode x.npy y.fse --stream fse")[0] == 0
    code, _ = run("decode y.fse y.npy --stream fse --shape 48,40 --dtype uint16")
    assert code == 0 and (np.load("y.npy") == IMAGE).all()
    code, output = run("info y.fse")
    assert code == 1 and "mic decode --stream" in output


def test_names_in_messages_about_folders(folder):
    (folder / "many").mkdir()
    for name in ("a.npy", "b.npy"):
        (folder / "many" / name).write_text("hello")
    code, output = run("encode many out")
    assert code == 1 and "mic: many/a.npy is not a .npy file" in output.replace(os.sep, "/")


def test_bounds_that_are_no_numbers():
    stream = mic.encode(IMAGE)
    for wrong in (slice("a", 3), slice(0, 3, 0), slice(1.5)):
        with pytest.raises(mic.UnsupportedError, match=r"rows is slice\(.*is expected"):
            mic.decode(stream, rows=wrong)
        with pytest.raises(mic.UnsupportedError, match=r"frames is slice\(.*is expected"):
            mic.decode(stream, frames=wrong)
