# SPDX-License-Identifier: MIT
"""Command-line options that exclude each other: exit code 2, one sentence, no file."""

import numpy as np
import pytest
from commandline import invoke

import mic

IMAGE = np.arange(48 * 40, dtype="uint16").reshape(48, 40)


def run(*arguments):
    code, output = invoke(*arguments)
    return code, " ".join(output.split())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", IMAGE)
    return tmp_path


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--states", 8], "--states is for --codec fse, not for wavefront"),
        (["--states", 8, "--codec", "huffman"], "--states is for --codec fse, not for huffman"),
        (["--states", 8, "--stream", "rans"], "--states is for --codec fse, not for rans"),
        (["--stream", "fse", "--codec", "huffman"], "--stream writes no container: leave out"),
        (["--stream", "fse", "--container", "mic1"], "--stream writes no container: leave out"),
        (["--tile", 16, "--container", "mic1"], "--container mic1 does not hold; use native or"),
        (["--stream", "fse", "--temporal"], "--stream writes no container: leave out"),
    ],
)
def test_options_without_effect_are_refused(folder, options, words):
    code, output = run("encode", "x.npy", "x.out", *options)
    assert code == 2 and words in output
    assert [path.name for path in folder.iterdir()] == ["x.npy"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("decode x.mic y.npy --shape 3,3 --dtype uint16", "--shape and --dtype are for --stream"),
        ("verify x.mic x.npy --near 3", "--near is for two whole DICOM files"),
        ("verify x.npy x.npy --near 3", "--near is for two whole DICOM files"),
    ],
)
def test_options_of_other_commands_without_effect(folder, line, words):
    (folder / "x.mic").write_bytes(mic.encode(IMAGE))
    code, output = run(*line.split())
    assert code == 2 and words in output
    assert not (folder / "y.npy").exists()


def test_states_where_they_have_an_effect(folder):
    assert run("encode", "x.npy", "x.mic", "--codec", "fse", "--states", 8)[0] == 0
    assert (mic.open("x.mic")[...] == IMAGE).all()
    assert run("encode", "x.npy", "one.mic", "--container", "mic1", "--states", 4)[0] == 0
    assert "with --codec fse only" in run("encode", "--help")[1]


def test_a_small_maximum_is_named_by_its_option(folder):
    code, output = run("encode", "x.npy", "x.mic", "--container", "mic1", "--max-value", 8)
    assert code == 1 and "--max-value is 8 and the largest sample is 1919" in output
    assert "leave --max-value out" in output and not (folder / "x.mic").exists()
