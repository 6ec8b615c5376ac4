# SPDX-License-Identifier: MIT
"""Golden vectors of the published codec, in both directions: containers, colour, wavelets."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from vectors import INPUTS, Image, published

import mic
from mic import stages

WAVELETS = {
    "wavelet_v2_l5": "wavelet",
    "wavelet_v2simd_l5": "wavelet",
    "wavelet_v1fse_l3": "wavelet-v1",
    "wavelet_v1rlefse_l3": "wavelet-v1-runs",
}
OPTIONS: dict[str, dict[str, Any]] = {
    "mic2_ind": {"container": "mic2"},
    "mic2_tmp": {"container": "mic2", "temporal": True},
    "pics1": {"container": "pics", "strips": 1},
    "pics4": {"container": "pics", "strips": 4},
    "pics8": {"container": "pics", "strips": 8},
    "pics4_4s": {"container": "pics", "strips": 4, "states": 4},
    "pics8_8s": {"container": "pics", "strips": 8, "states": 8},
    "pica4": {"container": "pica", "strips": 4},
    "micr": {"container": "micr"},
}


def expected(image: Image, path: str) -> np.ndarray:
    whole = image.entry["kind"] == "rgb" or path.startswith("mic2")
    return image.array if whole else image.array[0]


def encode(image: Image, path: str) -> bytes:
    array, maximum = expected(image, path), image.max_value
    if path == "stage_ycocgr":
        return stages.ycocg_encode(array).astype("<u2").tobytes()
    if path in WAVELETS:
        kind = WAVELETS[path]
        return stages.wavelet_encode(array, image.width, image.height, maximum, kind, int(path[-1]))
    if path != "micr":
        return mic.encode(array, max_value=maximum or None, **OPTIONS[path])
    return mic.encode(array, **OPTIONS[path])


def decode(image: Image, path: str, stream: bytes) -> np.ndarray:
    if path == "stage_ycocgr":
        planes = np.frombuffer(stream, "<u2").reshape(3, image.height, image.width)
        return stages.ycocg_decode(planes)
    if path in WAVELETS:
        return stages.wavelet_decode(stream, WAVELETS[path])
    return mic.decode(stream)


CASES = [
    pytest.param(image, path, facts, id=f"{name}-{path}")
    for name, image in INPUTS.items()
    for path, facts in image.entry["paths"].items()
    if path == "stage_ycocgr" or path in WAVELETS or path in OPTIONS
]
GOOD = [case for case in CASES if case.values[2].get("decode") == "ok"]
BAD = [case for case in CASES if case.values[2].get("decode") != "ok"]


@pytest.mark.parametrize(("image", "path", "facts"), GOOD)
def test_good_path(image: Image, path: str, facts: dict[str, Any]) -> None:
    """Published bytes decode to the input, and the input encodes to them."""
    ours = encode(image, path)
    assert len(ours) == facts["size"]
    assert hashlib.sha256(ours).hexdigest() == facts["sha256"]
    assert np.array_equal(decode(image, path, ours), expected(image, path))
    theirs = published(image, facts)
    if theirs is not None:
        assert np.array_equal(decode(image, path, theirs), expected(image, path))


@pytest.mark.parametrize(("image", "path", "facts"), BAD)
def test_bad_path(image: Image, path: str, facts: dict[str, Any]) -> None:
    """Where the published codec fails, ours reports it or gets it right."""
    try:
        ours = encode(image, path)
    except mic.UnsupportedError as error:
        assert error.stage is not None
    else:
        assert np.array_equal(decode(image, path, ours), expected(image, path))
    theirs = published(image, facts)
    if theirs is not None:  # the published decoder cannot read these bytes back
        with pytest.raises(mic.MicError):
            decode(image, path, theirs)


def test_both_directions_are_covered() -> None:
    """The set holds the cases that the tests above exist for."""
    stored = {case.values[1] for case in GOOD if "file" in case.values[2]}
    assert stored >= {*OPTIONS, "stage_ycocgr", *WAVELETS}
    assert len(BAD) > 50
