# SPDX-License-Identifier: MIT
"""`mic encode` and `mic verify` map files into memory: same bytes as from `mic.encode`."""

import numpy as np
import pytest
from commandline import run

import mic

pytest.importorskip("tifffile")

import tifffile

from mic.cli import jobs as cli_jobs

STACK = (np.arange(5 * 48 * 40) // 7 % 300).astype("uint16").reshape(5, 48, 40)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli_jobs, "_CHUNK_SAMPLES", 48 * 40 * 2)  # verify two frames at a time
    np.save("c.npy", STACK)
    np.save("big.npy", STACK.astype(">u2"))
    np.save("fortran.npy", np.asfortranarray(STACK))
    STACK.astype(">u2").tofile("x.raw")
    tifffile.imwrite("x.tif", STACK, photometric="minisblack")
    tifffile.imwrite("packed.tif", STACK, photometric="minisblack", compression="zlib")
    return tmp_path


@pytest.mark.parametrize("name", ["c.npy", "big.npy", "fortran.npy", "x.tif", "packed.tif"])
def test_same_bytes(folder, name):
    assert "verified 5 frames" in run("encode", name, "x.mic")
    assert (folder / "x.mic").read_bytes() == mic.encode(STACK)
    assert "verified 5 frames" in run("verify", "x.mic", name)


def test_raw_files_of_another_byte_order(folder):
    layout = ("--shape", "5,48,40", "--dtype", ">u2")
    run("encode", "x.raw", "x.mic", *layout)
    assert (folder / "x.mic").read_bytes() == mic.encode(STACK)
    assert "verified 5 frames" in run("verify", "x.mic", "x.raw", *layout)


def test_published_frames(folder):
    run("encode", "c.npy", "x.mic", "--container", "mic2", "--temporal")
    assert (mic.open("x.mic")[...] == STACK).all()


def test_the_frame_that_differs_is_named(folder):
    run("encode", "c.npy", "x.mic")
    other = STACK.copy()
    other[3, 7, 9] += 1
    np.save("other.npy", other)
    output = run("verify", "x.mic", "other.npy", code=1)
    assert f"frame 3, pixel (7, 9) is {STACK[3, 7, 9]}, {other[3, 7, 9]} is expected" in output
