# SPDX-License-Identifier: MIT
"""JPEG Extended of 12 bits, which pydicom's plugins decode in part only."""

import numpy as np
import pydicom
import pytest
from dicomfiles import shipped
from pydicom.encaps import encapsulate, generate_frames

from mic import CorruptDataError, MicError, UnsupportedError
from mic.dicom import decode_frames, decoding

pytest.importorskip("imagecodecs")

NAME = "JPEG-lossy.dcm"  # its scan header says 0 to 0 instead of 0 to 63
REPAIRED = "JPGExtended.dcm"  # the same image with the limits of the standard


def codestream(name):
    return next(generate_frames(pydicom.dcmread(shipped(name)).PixelData))


def with_frame(folder, coded):
    ds = pydicom.dcmread(shipped(NAME))
    ds.PixelData = encapsulate([coded + b"\0" * (len(coded) % 2)])
    path = folder / "changed.dcm"
    ds.save_as(path)
    return path


@pytest.fixture
def without_plugins(monkeypatch):
    """Leave pydicom without any decoder of 12-bit JPEG."""
    from pydicom.pixels.decoders.base import JPEGExtended12BitDecoder

    plugins = {"pillow"} & set(JPEGExtended12BitDecoder.available_plugins)
    available = {name: JPEGExtended12BitDecoder._available[name] for name in plugins}
    monkeypatch.setattr(JPEGExtended12BitDecoder, "_available", available)


def test_scans_with_other_limits():
    samples = decode_frames(shipped(NAME))
    assert samples.dtype == np.uint16 and samples.shape == (1, 1024, 256)
    assert samples.max() > 255
    assert decoding._scan_limits(codestream(NAME)) == (0, 0)
    assert decoding._scan_limits(codestream(REPAIRED)) == (0, 63)


@pytest.mark.usefixtures("without_plugins")
def test_without_another_decoder():
    expected = decode_frames(shipped(NAME))
    assert np.array_equal(decode_frames(shipped(REPAIRED)), expected)


def test_as_pydicom_decodes_it():
    pytest.importorskip("libjpeg")
    theirs = pydicom.dcmread(shipped(REPAIRED)).pixel_array
    # Decoders may round the cosine transform in their own ways.
    assert np.abs(decode_frames(shipped(NAME))[0].astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("cut", [1, 100, 3000])
def test_truncated_frames_are_refused(tmp_path, cut):
    """imagecodecs would fill them up with grey."""
    coded = codestream(NAME).rstrip(b"\xff")
    with pytest.raises(MicError, match=r"changed\.dcm"):
        decode_frames(with_frame(tmp_path, coded[:-cut]))


def test_frames_of_another_size_are_refused(tmp_path):
    coded = bytearray(codestream(NAME))
    coded[7:9] = (60000).to_bytes(2, "big")  # the height, in the first segment
    with pytest.raises(CorruptDataError, match=r"changed\.dcm"):
        decode_frames(with_frame(tmp_path, bytes(coded)))


@pytest.mark.usefixtures("without_plugins")
def test_without_imagecodecs(monkeypatch):
    def missing(module, extra):
        raise UnsupportedError(f"{module} is not installed")

    monkeypatch.setattr(decoding, "require", missing)
    with pytest.raises(MicError, match=NAME):
        decode_frames(shipped(NAME))
