# SPDX-License-Identifier: MIT
"""Golden vectors of the published codec: its inputs and its outputs.

``data/published`` holds some of them.  If the whole set lies next to the checkout
(``../shared/vectors``), all of it is used.
"""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

import mic
from mic import stages

PART = Path(__file__).parents[1] / "data" / "published"
WHOLE = Path(__file__).parents[3] / "shared" / "vectors"
PREDICTORS = {
    "delta": "average",
    "deltazz": "zigzag",
    "graddelta": "gradient",
    "meddelta": "median",
}


class Route(str):
    """A path in the manifest: ``CODER`` or ``CODER_STAGE``."""

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
    """An input, and the manifest's entry for it; most paths use its frame 0."""

    def __init__(self, folder: Path, entry: dict[str, Any]) -> None:
        self.folder, self.entry = folder, entry
        self.width, self.height = entry["width"], entry["height"]
        self.max_value = entry["max_value"]
        self.words = functools.cache(self._words)

    @functools.cached_property
    def array(self) -> np.ndarray:
        """The whole input: frames x rows x columns of uint16, or rows x columns x 3 of uint8."""
        rgb = self.entry["kind"] == "rgb"
        if "file" in self.entry:
            samples = np.fromfile(self.folder / self.entry["file"], "u1" if rgb else "<u2")
        elif self.entry["name"] == "XA1_full":
            from pydicom import dcmread

            dataset = dcmread(self.folder.parent / "corpus" / "XA1.dcm")
            samples = np.frombuffer(dataset.PixelData, "<u2")
        else:
            samples = np.load(self.folder / "large_inputs.npz")[self.entry["name"]].reshape(-1)
        assert hashlib.sha256(samples.tobytes()).hexdigest() == self.entry["sha256"]
        shape = (self.height, self.width)
        return samples.reshape((*shape, 3) if rgb else (self.entry["frames"], *shape))

    @property
    def pixels(self) -> np.ndarray:
        """Frame 0 as a 1-D array."""
        return self.array[0].reshape(-1)

    def _words(self, stage: str) -> np.ndarray:
        """Return the words of a stage, which the entropy coders receive."""
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


INPUTS = {
    f"{folder.name}-{entry['name']}": Image(folder, entry)
    for folder in (PART, WHOLE)
    if (folder / "manifest.json").exists()
    for entry in json.loads((folder / "manifest.json").read_text())["inputs"]
}
IMAGES = {name: image for name, image in INPUTS.items() if image.entry["kind"] == "u16"}


def published(image: Image, facts: dict[str, Any]) -> bytes | None:
    """Return the stored bytes; of many, only the digest is known."""
    if "file" not in facts:
        return None
    stream = (image.folder / facts["file"]).read_bytes()
    assert hashlib.sha256(stream).hexdigest() == facts["sha256"]
    return stream
