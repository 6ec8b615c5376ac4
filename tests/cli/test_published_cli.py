# SPDX-License-Identifier: MIT
"""Published containers and streams on the command line."""

import json

import numpy as np
import pytest
import zoo
from commandline import fails, run

import mic

IMAGE = zoo.smooth((90, 110), "uint16") // 16
FRAMES = np.stack([zoo.smooth((30, 44), "uint16", seed) // 16 for seed in range(20)])
RGB = zoo.smooth((50, 60, 3), "uint8")


@pytest.fixture
def images(folder):
    for name, array in (("image", IMAGE), ("frames", FRAMES), ("rgb", RGB)):
        np.save(f"{name}.npy", array)
    return folder


def test_mic2(images) -> None:
    run("encode", "frames.npy", "a.mic", "--container", "mic2", "--temporal", "--threads", 2)
    run("decode", "a.mic", "a.npy", "--frame", 7, "--rows", "5:9")
    assert np.array_equal(np.load("a.npy"), FRAMES[7, 5:9])
    said = run("info", "a.mic")
    assert "frame 0   image" in said
    assert "frame 15  difference" in said
    assert "and 4 more" in said
    assert "decoding one decodes all before it" in said
    facts = json.loads(run("info", "a.mic", "--json"))["files"][0]
    assert facts["temporal"]
    assert len(facts["frame_offsets"]) == 21
    assert "no checksum" in run("verify", "a.mic")
    run("verify", "a.mic", "frames.npy")


def test_strips(images) -> None:
    run("encode", "image.npy", "a.mic", "--container", "pics", "--strips", 3)
    run("encode", "image.npy", "b.mic", "--container", "pica")
    assert "strip 2  average   60-89" in run("info", "a.mic")
    assert mic.info((images / "b.mic").read_bytes()).strips == 4
    for name in ("a.mic", "b.mic"):
        run("decode", name, "out.npy", "--rows", "40:70", "--overwrite")
        assert np.array_equal(np.load("out.npy"), IMAGE[40:70])
    facts = json.loads(run("info", "b.mic", "--json"))["files"][0]
    assert sum(part["rows"] for part in facts["parts"]) == 90


def test_micr(images) -> None:
    run("encode", "rgb.npy", "a.mic", "--container", "micr")
    assert "plane 1  Co" in run("info", "a.mic")
    run("decode", "a.mic", "a.png")
    run("verify", "a.mic", "rgb.npy")


@pytest.mark.parametrize("kind", ["wavelet", "wavelet-v1", "wavelet-v1-runs", "rans"])
def test_streams(images, kind: str) -> None:
    small = IMAGE // 4
    np.save("small.npy", small)
    run("encode", "small.npy", "a.bin", "--stream", kind)
    run("decode", "a.bin", "a.npy", "--stream", kind, "--shape", "90,110", "--dtype", "uint16")
    assert np.array_equal(np.load("a.npy"), small)
    if kind == "rans":
        assert "--shape" in run("decode", "a.bin", "b.npy", "--stream", kind, code=2)
    else:  # a wavelet stream records its shape
        run("decode", "a.bin", "b.npy", "--stream", kind)
        assert np.array_equal(np.load("b.npy"), small)


def test_refusals(images) -> None:
    assert "temporal" in fails("encode", "frames.npy", "a.mic", "--temporal")
    assert "micr" in fails("encode", "rgb.npy", "a.mic", "--container", "pics")
    assert "one leading axis" in fails("encode", "image.npy", "a.mic", "--container", "mic2")
    np.save("signed.npy", IMAGE.astype("int16"))
    assert "--unsigned" in fails("encode", "signed.npy", "a.mic", "--container", "pica")
    run("encode", "signed.npy", "a.mic", "--container", "pica", "--unsigned")
    assert not (images / "b.mic").exists()


def test_damage(images) -> None:
    run("encode", "image.npy", "a.mic", "--container", "pics")
    stream = bytearray((images / "a.mic").read_bytes())
    (images / "cut.mic").write_bytes(stream[:-9])
    assert "truncated" in fails("info", "cut.mic")
    stream[-1] = 0
    (images / "b.mic").write_bytes(stream)
    assert "strip 3" in fails("decode", "b.mic", "b.npy")
    said = run("decode", "b.mic", "b.npy", "--partial", code=1)
    assert "lost 21 rows: frame 0 rows 69-89" in said
    assert np.array_equal(np.load("b.npy")[:69], IMAGE[:69])
