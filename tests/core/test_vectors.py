# SPDX-License-Identifier: MIT
"""Golden vectors of the published codec, in both directions: stages, streams, MIC1."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from vectors import IMAGES, Image, Route, published

import mic
from mic import stages

CASES = [
    pytest.param(image, Route(path), facts, id=f"{name}-{path}")
    for name, image in IMAGES.items()
    for path, facts in image.entry["paths"].items()
    if Route(path).is_ours
]
GOOD = [case for case in CASES if case.values[2].get("decode") == "ok"]
BAD = [case for case in CASES if case.values[2].get("decode") != "ok"]


@pytest.mark.parametrize(("image", "path", "facts"), GOOD)
def test_good_path(image: Image, path: Route, facts: dict[str, Any]) -> None:
    """Published bytes decode to the input, and the input encodes to them."""
    ours = image.encode(path)
    assert len(ours) == facts["size"]
    if path.coder != "huff":  # symbols of equal frequency may come in any order
        assert hashlib.sha256(ours).hexdigest() == facts["sha256"]
    assert np.array_equal(image.decode(path, ours), image.pixels)
    theirs = published(image, facts)
    if theirs is not None:
        assert np.array_equal(image.decode(path, theirs), image.pixels)


@pytest.mark.parametrize(("image", "path", "facts"), BAD)
def test_bad_path(image: Image, path: Route, facts: dict[str, Any]) -> None:
    """Where the published codec fails, ours reports it or gets it right."""
    try:
        ours = image.encode(path)
    except mic.UnsupportedError as error:
        assert error.stage is not None or image.max_value == 0
    else:
        assert np.array_equal(image.decode(path, ours), image.pixels)
    theirs = published(image, facts)
    if theirs is not None:  # the published decoder cannot read these bytes back
        with pytest.raises(mic.MicError):
            image.decode(path, theirs)


@pytest.mark.parametrize("name", IMAGES)
def test_native_takes_all(name: str) -> None:
    """Images that the published containers cannot hold are ordinary for the native one."""
    image = IMAGES[name]
    array = image.pixels.reshape(image.height, image.width)
    for codec in mic.CODECS:
        stream = mic.encode(array, codec)
        assert np.array_equal(mic.decode(stream), array)
        assert len(stream) <= array.nbytes * 1.001 + 64 + 24 * (1 + mic.info(stream).strips)


@pytest.mark.parametrize("name", IMAGES)
def test_rans_is_no_fse(name: str) -> None:
    """rANS blocks differ from FSE blocks in one byte, but are not decoded as such."""
    image = IMAGES[name]
    streams = [published(image, image.entry["paths"][f"rans8_{k}"]) for k in ("deltarle", "raw")]
    for stream in streams:
        if stream is not None:
            with pytest.raises(mic.MicError):
                stages.fse_decode(stream)


def test_both_directions_are_covered() -> None:
    """The set holds the cases that the tests above exist for."""
    coders = {case.values[1].coder for case in GOOD}
    assert coders == {"stage", "fse", "rans", "huff", "frame", "mic", "grad", "gap"}
    assert {case.values[1].states for case in GOOD} >= {1, 2, 4, 8}
    assert len(BAD) > 50
