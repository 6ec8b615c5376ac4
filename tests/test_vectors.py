# SPDX-License-Identifier: MIT
"""Golden vectors of the published codec, both ways.

``data/published`` is a part of them; where the whole set lies beside the checkout
(``../shared/vectors``), all of it is used.
"""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mic
from mic import stages

PART = Path(__file__).parent / "data" / "published"
WHOLE = Path(__file__).parent.parent.parent / "shared" / "vectors"
PREDICTORS = {
    "delta": "average",
    "deltazz": "zigzag",
    "graddelta": "gradient",
    "meddelta": "median",
}


class Route(str):
    """A path of the manifest: ``CODER`` or ``CODER_STAGE``."""

    __slots__ = ()

    @property
    def coder(self) -> str:
        return self.partition("_")[0].rstrip("1248")

    @property
    def states(self) -> int:
        return int(self.partition("_")[0].lstrip("abcdefghijklmnopqrstuvwxyz") or 0)

    @property
    def stage(self) -> str:
        return self.partition("_")[2]

    @property
    def is_ours(self) -> bool:
        coders = ("stage", "fse", "rans", "huff", "frame", "grad", "gap")
        return self.coder in coders or self == "mic1"


class Image:
    """Frame 0 of an input, and what the manifest says about it."""

    def __init__(self, folder: Path, entry: dict[str, Any]) -> None:
        self.folder, self.entry = folder, entry
        self.width, self.height = entry["width"], entry["height"]
        self.max_value = entry["max_value"]
        self.words = functools.cache(self._words)

    @functools.cached_property
    def pixels(self) -> np.ndarray:
        """1-D."""
        if "file" in self.entry:
            samples = np.fromfile(self.folder / self.entry["file"], "<u2")
        elif self.entry["name"] == "XA1_full":
            from pydicom import dcmread

            dataset = dcmread(self.folder.parent / "corpus" / "XA1.dcm")
            samples = np.frombuffer(dataset.PixelData, "<u2")
        else:
            samples = np.load(self.folder / "large_inputs.npz")[self.entry["name"]].reshape(-1)
        assert hashlib.sha256(samples.astype("<u2").tobytes()).hexdigest() == self.entry["sha256"]
        return samples[: self.width * self.height]

    def _words(self, stage: str) -> np.ndarray:
        """Words of a stage, as the entropy coders get them."""
        if stage == "raw":
            return self.pixels
        if stage == "rle":
            return stages.rle_encode(self.pixels, self.max_value)
        if stage.endswith("rle"):
            limit = (1 << self.max_value.bit_length()) - 1
            return stages.rle_encode(self.words(stage[:-3]), limit, with_length=False)
        predictor = PREDICTORS[stage]
        return stages.delta_encode(self.pixels, self.width, self.height, self.max_value, predictor)

    def pixels_from(self, stage: str, words: np.ndarray) -> np.ndarray:
        if stage == "raw":
            return words
        if stage == "rle":
            return stages.rle_decode(words)
        if stage.endswith("rle"):
            return self.pixels_from(stage[:-3], stages.rle_decode(words, with_length=False))
        return stages.delta_decode(words, self.width, self.height, PREDICTORS[stage])

    def encode(self, path: Route) -> bytes:
        if path.coder == "stage":
            return self.words(path.stage).astype("<u2").tobytes()
        if path.coder == "huff":
            return stages.huffman_encode(self.words(path.stage))
        if path.coder == "fse":
            return stages.fse_encode(self.words(path.stage), path.states)
        if path.coder == "rans":
            return stages.rans_encode(self.words(path.stage))
        if path == "mic1":
            image = self.pixels.reshape(self.height, self.width)
            return mic.encode(image, "fse", container="mic1", states=2, max_value=self.max_value)
        kind, states = ("fse", path.states) if path.coder == "frame" else (path, 2)
        arguments = self.pixels, self.width, self.height, self.max_value, states
        return stages.encode_stream(kind, *arguments)

    def decode(self, path: Route, stream: bytes) -> np.ndarray:
        if path.coder == "stage":
            return self.pixels_from(path.stage, np.frombuffer(stream, "<u2"))
        if path.coder == "huff":
            return self.pixels_from(path.stage, stages.huffman_decode(stream))
        if path.coder == "fse":
            return self.pixels_from(path.stage, stages.fse_decode(stream))
        if path.coder == "rans":
            return self.pixels_from(path.stage, stages.rans_decode(stream))
        if path == "mic1":
            return mic.decode(stream).reshape(-1)
        kind = "fse" if path.coder == "frame" else str(path)
        return stages.decode_stream(kind, stream, self.width, self.height)


IMAGES = {
    f"{folder.name}-{entry['name']}": Image(folder, entry)
    for folder in (PART, WHOLE)
    if (folder / "manifest.json").exists()
    for entry in json.loads((folder / "manifest.json").read_text())["inputs"]
    if entry["kind"] == "u16"
}
CASES = [
    pytest.param(image, Route(path), facts, id=f"{name}-{path}")
    for name, image in IMAGES.items()
    for path, facts in image.entry["paths"].items()
    if Route(path).is_ours
]
GOOD = [case for case in CASES if case.values[2].get("decode") == "ok"]
BAD = [case for case in CASES if case.values[2].get("decode") != "ok"]


def published(image: Image, facts: dict[str, Any]) -> bytes | None:
    """The stored bytes; many are known by their hash alone."""
    if "file" not in facts:
        return None
    stream = (image.folder / facts["file"]).read_bytes()
    assert hashlib.sha256(stream).hexdigest() == facts["sha256"]
    return stream


@pytest.mark.parametrize(("image", "path", "facts"), GOOD)
def test_good_path(image: Image, path: Route, facts: dict[str, Any]) -> None:
    """Published bytes decode to the input, and the input encodes to them."""
    ours = image.encode(path)
    assert len(ours) == facts["size"]
    if path.coder != "huff":  # where symbols tie in frequency any order is right
        assert hashlib.sha256(ours).hexdigest() == facts["sha256"]
    assert np.array_equal(image.decode(path, ours), image.pixels)
    theirs = published(image, facts)
    if theirs is not None:
        assert np.array_equal(image.decode(path, theirs), image.pixels)


@pytest.mark.parametrize(("image", "path", "facts"), BAD)
def test_bad_path(image: Image, path: Route, facts: dict[str, Any]) -> None:
    """Where the published codec fails, ours says so or gets it right."""
    try:
        ours = image.encode(path)
    except mic.UnsupportedError as error:
        assert error.stage is not None or image.max_value == 0
    else:
        assert np.array_equal(image.decode(path, ours), image.pixels)
    theirs = published(image, facts)
    if theirs is not None:  # bytes that the published decoder cannot read back
        with pytest.raises(mic.MicError):
            image.decode(path, theirs)


@pytest.mark.parametrize("name", IMAGES)
def test_native_takes_all(name: str) -> None:
    """What the published containers cannot hold is an ordinary image of the native one."""
    image = IMAGES[name]
    array = image.pixels.reshape(image.height, image.width)
    for codec in mic.CODECS:
        stream = mic.encode(array, codec)
        assert np.array_equal(mic.decode(stream), array)
        assert len(stream) <= array.nbytes * 1.001 + 64 + 24 * (1 + mic.info(stream).strips)


@pytest.mark.parametrize("name", IMAGES)
def test_rans_is_no_fse(name: str) -> None:
    """rANS blocks look like FSE blocks but for one byte; they are not decoded as such."""
    image = IMAGES[name]
    streams = [published(image, image.entry["paths"][f"rans8_{k}"]) for k in ("deltarle", "raw")]
    for stream in streams:
        if stream is not None:
            with pytest.raises(mic.MicError):
                stages.fse_decode(stream)


def test_both_directions_are_covered() -> None:
    """The set holds what the tests above are for."""
    coders = {case.values[1].coder for case in GOOD}
    assert coders == {"stage", "fse", "rans", "huff", "frame", "mic", "grad", "gap"}
    assert {case.values[1].states for case in GOOD} >= {1, 2, 4, 8}
    assert len(BAD) > 50
