# SPDX-License-Identifier: MIT
"""Normalised values and tensors."""

import numpy as np
import pytest

from mic import UnsupportedError
from mic.volume import Volume
from mic.volume.values import normalized


def volume(values, dtype="int16"):
    return Volume(np.array(values, dtype).reshape(1, 2, -1), (1.0, 2.0, 3.0))


def test_normalized_by_hand():
    scan = volume([-100, 0, 100, 300])
    assert scan.normalize("minmax").array.ravel().tolist() == [0, 0.25, 0.5, 1]
    window = scan.normalize(window=(50, 200))  # -50 to 150
    assert window.array.ravel().tolist() == [0, 0.25, 0.75, 1]
    scores = volume([1, 1, 3, 3]).normalize("zscore")
    assert scores.array.ravel().tolist() == [-1, -1, 1, 1]
    assert scores.array.dtype == np.float32 and scores.spacing == scan.spacing


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("method", ["minmax", "zscore"])
def test_constant(method, dtype):
    assert not volume([7, 7, 7, 7], dtype).normalize(method).array.any()


def test_extremes_do_not_overflow():
    scan = volume([-32768, 32767, 0, 0])
    assert scan.normalize("minmax").array.max() == 1
    assert volume([0, 65535], "uint16").normalize("minmax").array.ravel().tolist() == [0, 1]


def test_refused():
    scan = volume([1, 2])
    for arguments in ({}, {"method": "log"}, {"method": "minmax", "window": (1, 2)}):
        with pytest.raises(UnsupportedError, match="zscore"):
            scan.normalize(**arguments)
    for width in (0, -3, float("nan")):
        with pytest.raises(UnsupportedError, match="width"):
            scan.normalize(window=(40, width))
    with pytest.raises(UnsupportedError, match="1 samples are not finite"):
        volume([1, np.nan], "float32").normalize("minmax")


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("uint8", "uint8"),
        ("int16", "int16"),
        (">i2", "int16"),
        ("uint16", "int32"),
        ("uint32", "int64"),
        ("float32", "float32"),
    ],
)
def test_tensors(dtype, expected):
    torch = pytest.importorskip("torch")
    scan = volume([0, 1, 2, np.iinfo(dtype).max if dtype != "float32" else 3], dtype)
    tensor = scan.to_tensor()
    assert tensor.dtype == getattr(torch, expected) and tensor.shape == scan.array.shape
    assert tensor.flatten().tolist() == scan.array.ravel().tolist()


def test_tensor_types():
    torch = pytest.importorskip("torch")
    scan = volume([0, 40000, 65535, 1], "uint16")
    for dtype in (torch.float32, "float32"):
        tensor = scan.to_tensor(dtype)
        assert tensor.dtype == torch.float32 and tensor.max() == 65535
    assert scan.to_tensor("uint16").dtype == torch.uint16
    scan.array.setflags(write=False)
    assert (scan.to_tensor("int32") + 1).max() == 65536
    with pytest.raises(UnsupportedError, match="'float33'"):
        scan.to_tensor("float33")


@pytest.mark.parametrize("window", [40, (40,), (40, "wide"), (float("nan"), 1), (40, float("inf"))])
def test_windows_that_are_none(window):
    with pytest.raises(UnsupportedError, match="window"):
        normalized(np.arange(4), None, window)
