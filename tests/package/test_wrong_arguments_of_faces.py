# SPDX-License-Identifier: MIT
"""Wrong arguments to the interfaces with other libraries: DICOM, torch, imagecodecs, Dask."""

import numpy as np
import pydicom
import pytest
from dicomfiles import write_dicom

import mic
import mic.dicom

IMAGE = np.arange(48 * 40, dtype="uint16").reshape(48, 40)
STREAM = mic.encode(IMAGE)


def refused(call, *words):
    with pytest.raises(mic.UnsupportedError) as caught:
        call()
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message


@pytest.fixture
def path(tmp_path):
    write_dicom(tmp_path / "x.dcm", IMAGE)
    return tmp_path / "x.dcm"


@pytest.mark.parametrize("value", [5, "a", [1, 2]])
def test_samples_for_a_data_set(path, value):
    ds = pydicom.dcmread(path)
    before = ds.PixelData
    refused(lambda: mic.dicom.compress(ds, value), f"arr is {value!r}", "of shape (48, 40)")
    assert ds.PixelData == before


@pytest.mark.parametrize("value", [None, "a", [1]])
def test_limits_of_dicom_files(path, value):
    words = f"max_pixels is {value!r}", "a number of samples"
    refused(lambda: mic.dicom.decode_frames(path, max_pixels=value), *words)
    torch = pytest.importorskip("mic.torch", exc_type=ImportError)
    refused(lambda: torch.read_dicom_to_tensor(path, max_pixels=value), *words)
    refused(lambda: torch.DicomSlices(path, max_pixels=value), *words)


def test_torch(path):
    torch = pytest.importorskip("mic.torch", exc_type=ImportError)
    refused(lambda: torch.read_dicom_to_tensor(None), "path is None", "a path")
    refused(lambda: torch.read_dicom_to_tensor(path, threads="a"), "threads is 'a'")
    refused(lambda: torch.DicomSlices(path, cache_bytes="a"), "cache_bytes is 'a'", "0 or more")
    slices = torch.DicomSlices(path)
    with pytest.raises(TypeError, match="index 'a' is no sample, a whole number is expected"):
        slices["a"]
    with pytest.raises(IndexError, match="sample 1 is asked for, there are 1"):
        slices[1]


def test_imagecodecs():
    from mic import imagecodecs

    with pytest.raises(TypeError, match="level is 'best', an effort from 1 to 9 is expected"):
        imagecodecs.mic_encode(IMAGE, level="best")
    refused(lambda: imagecodecs.mic_decode(STREAM, out="x"), "out is 'x'", "a writable buffer")


@pytest.mark.parametrize("value", [None, 5, b"x"])
def test_archive(tmp_path, value):
    archive = pytest.importorskip("mic.archive", exc_type=ImportError)
    refused(lambda: archive.transcode(value, tmp_path), f"src is {value!r}", "a path")
    refused(lambda: archive.transcode(tmp_path, value), f"dst is {value!r}", "a path")
    call = archive.transcode
    for name, least in (("jobs", "1 or more"), ("retries", "0 or more")):
        words = f"{name} is 'a'", least
        refused(lambda name=name: call(tmp_path, tmp_path / "o", **{name: "a"}), *words)
