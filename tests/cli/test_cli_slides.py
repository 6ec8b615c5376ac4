# SPDX-License-Identifier: MIT
"""The command line on slides: creating them, inspecting them, extracting parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zoo
from commandline import run
from handmade_mic3 import pyramid

import mic
from mic.images.samples import pixel_sha256

IMAGE = zoo.smooth((300, 411, 3), "uint8")
LEVELS = pyramid(IMAGE, 4)


@pytest.fixture(autouse=True)
def image_file(folder: Path) -> None:
    """Write the image to the working folder."""
    np.save("image.npy", IMAGE)


@pytest.mark.parametrize("container", ["native", "mic3"])
@pytest.mark.parametrize("suffix", [".npy", ".tif", ".raw", ".png"])
def test_there_and_back(suffix: str, container: str) -> None:
    source = f"image{suffix}"
    layout = ["--shape", "300,411,3", "--dtype", "uint8"] if suffix == ".raw" else []
    if suffix != ".npy":
        run("encode", "image.npy", "plain.mic")
        run("decode", "plain.mic", source)
    options = ["--container", container, "--tile", "100", "--levels", "4"]
    output = run("encode", source, "slide.mic", *options, *layout)
    assert "4 levels; verified 24 tiles" in output
    assert pixel_sha256(IMAGE) in output
    expected = mic.encode(IMAGE, container=container, tile=100, levels=4)
    assert Path("slide.mic").read_bytes() == expected
    run("decode", "slide.mic", "whole.npy")
    assert np.array_equal(np.load("whole.npy"), IMAGE)
    for number, image in enumerate(LEVELS):
        run("decode", "slide.mic", f"level{number}.npy", "--level", str(number))
        assert np.array_equal(np.load(f"level{number}.npy"), image)
    run("decode", "slide.mic", "part.npy", "--level", "1", "--region", "30,100,120,40")
    assert np.array_equal(np.load("part.npy"), LEVELS[1][100:140, 30:150])
    run("decode", "slide.mic", "rows.npy", "--rows", "90:110")
    assert np.array_equal(np.load("rows.npy"), IMAGE[90:110])
    for arguments in (["slide.mic"], ["slide.mic", source, *layout]):
        assert f"verified 24 tiles, sha256 {pixel_sha256(IMAGE)}" in run("verify", *arguments)


def test_info() -> None:
    run("encode", "image.npy", "slide.mic", "--container", "mic3", "--tile", "64,128")
    table = run("info", "slide.mic")
    for text in ("300 x 411 x 3", "mic3", "411 x 300", "4 x 5", "128 x 64", "first tile"):
        assert text in table
    facts: dict[str, Any] = json.loads(run("info", "slide.mic", "--json"))["files"][0]
    assert [level["rows"] for level in facts["levels"]] == [300, 150, 75, 37]
    assert facts["levels"][1]["first_tile"] == 20
    run("encode", "image.npy", "plain.mic")
    assert "first tile" not in run("info", "plain.mic")
    assert "first tile" not in run("info", "plain.mic", "slide.mic")


def test_signed_samples() -> None:
    image = zoo.smooth((90, 70), "int16")
    np.save("signed.npy", image)
    output = run("encode", "signed.npy", "a.mic", "--container", "mic3", code=1)
    assert "--unsigned" in output
    run("encode", "signed.npy", "a.mic", "--container", "mic3", "--unsigned")
    assert np.array_equal(mic.decode(Path("a.mic").read_bytes()), image.view("u2"))
    run("verify", "a.mic", "signed.npy")
    run("encode", "signed.npy", "b.mic", "--tile", "32")
    assert np.array_equal(mic.decode(Path("b.mic").read_bytes()), image)


def test_damage() -> None:
    run("encode", "image.npy", "slide.mic", "--tile", "100", "--levels", "4")
    stream = Path("slide.mic").read_bytes()
    place = mic.info(stream).frame_offsets[7] - 9  # in tile (1, 1) of level 0
    Path("slide.mic").write_bytes(zoo.flip(stream, 8 * place))
    assert "level 0, tile (1, 1)" in run("verify", "slide.mic", code=1)
    assert "level 0, tile (1, 1)" in run("decode", "slide.mic", "a.npy", code=1)
    assert not Path("a.npy").exists()
    run("decode", "slide.mic", "b.npy", "--region", "0,0,100,300")
    output = run("decode", "slide.mic", "c.npy", "--partial", code=1)
    assert "lost 100 rows" in output
    kept = IMAGE.copy()
    kept[100:200, 100:200] = 0
    assert np.array_equal(np.load("c.npy"), kept)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["encode", "image.npy", "a.mic", "--levels", "2"], "--tile 256"),
        (["encode", "image.npy", "a.mic", "--tile", "0"], "no size of a tile"),
        (["encode", "image.npy", "a.mic", "--tile", "5,5,5"], "no size of a tile"),
        (["encode", "image.npy", "a.mic", "--tile", "5", "--strips", "2"], "not for slides"),
        (["encode", "image.npy", "a.mic", "--tile", "5", "--stream", "fse"], "not for slides"),
        (["encode", "image.npy", "a.mic", "--tile", "9", "--container", "mic1"], "does not hold"),
        (["decode", "a.mic", "a.npy", "--region", "0,0,5"], "no region"),
        (["decode", "a.mic", "a.npy", "--region", "0,0,5,-5"], "no region"),
        (["decode", "a.mic", "a.npy", "--level", "-1"], "--level"),
    ],
)
def test_wrong_options(arguments: list[str], message: str) -> None:
    assert message in run(*arguments, code=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["encode", "image.npy", "b.mic", "--tile", "64", "--levels", "10"], "1 to 9"),
        (["encode", "stack.npy", "b.mic", "--tile", "64"], "(rows, columns, 3) is expected"),
        (["decode", "a.mic", "b.npy", "--level", "4"], "levels 0 to 3"),
        (["decode", "a.mic", "b.npy", "--region", "400,0,12,1"], "411 x 300 pixels of level 0"),
        (["decode", "a.mic", "b.npy", "--frame", "0"], "--level or --region"),
        (["decode", "a.mic", "b.npy", "--level", "0", "--rows", "0:5"], "--rows"),
        (["decode", "plain.mic", "b.npy", "--level", "0"], "no slide"),
        (["decode", "a.mic", "b.npy", "--level", "0", "--max-pixels", "9"], "--max-pixels"),
    ],
)
def test_refusals(arguments: list[str], message: str) -> None:
    np.save("stack.npy", zoo.volume((2,), 20, 30))
    run("encode", "image.npy", "a.mic", "--tile", "64")
    run("encode", "image.npy", "plain.mic")
    output = run(*arguments, code=1)
    assert output.startswith("mic: ") and output.count("\n") == 1
    assert message in output
    assert not Path("b.mic").exists() and not Path("b.npy").exists()
