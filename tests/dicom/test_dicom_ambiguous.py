# SPDX-License-Identifier: MIT
"""Implicit VR files with elements whose VR the dictionary leaves open."""

import numpy as np
import pydicom
import pytest
from dicomfiles import write_dicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ImplicitVRLittleEndian

import mic
from mic.dicom.ambiguous import settle_vrs
from mic.errors import MicError, UnsupportedError, first_line, one_sentence
from mic.transcode import compare_files, transcode_file

CURVE, PERIMETER, LUT = 0x50003000, 0x00280071, 0x00281200
BYTES = b"\xfe\xff\1\0"


@pytest.fixture
def implicit(tmp_path):
    """A file with retired elements, also within a sequence and a private one."""
    path = tmp_path / "a.dcm"
    write_dicom(path, np.arange(2000, dtype="int16").reshape(40, 50), ImplicitVRLittleEndian)
    ds = pydicom.dcmread(path)
    item = Dataset()
    for holder in (ds, item):
        holder.add_new(CURVE, "OW", BYTES)
        holder.add_new(PERIMETER, "SS", -2)
        holder.add_new(LUT, "OW", BYTES)
    ds.add_new(0x00091001, "UN", BYTES)
    ds.add_new(0x00091002, "UN", b"")
    ds.ReferencedImageSequence = Sequence([item])
    ds.save_as(path)
    return path


@pytest.mark.parametrize("to", ["mic", "explicit", "deflated", "rle", "implicit"])
def test_they_convert(implicit, tmp_path, to):
    there, back = tmp_path / "b.dcm", tmp_path / "c.dcm"
    assert transcode_file(implicit, there, to).verified
    assert compare_files(implicit, there)["differences"] == []
    ds = pydicom.dcmread(there)
    if to != "implicit":
        for holder in (ds, ds.ReferencedImageSequence[0]):
            found = [(holder[tag].VR, holder[tag].value) for tag in (CURVE, PERIMETER, LUT)]
            assert found == [("OW", BYTES), ("SS", -2), ("OW", BYTES)]
    transcode_file(there, back, "implicit")
    before, after = pydicom.dcmread(implicit), pydicom.dcmread(back)
    for tag in (CURVE, PERIMETER, LUT):
        assert before.get_item(tag).value == after.get_item(tag).value


def test_compress_chooses_too(implicit, tmp_path):
    ds = pydicom.dcmread(implicit)
    mic.dicom.compress(ds)
    ds.save_as(tmp_path / "b.dcm")
    assert pydicom.dcmread(tmp_path / "b.dcm")[CURVE].VR == "OW"


def test_what_has_no_numbers_keeps_its_bytes():
    ds = Dataset()
    ds.set_original_encoding(True, True)
    ds.add_new(PERIMETER, "US or SS", b"\1\2\3")
    ds.add_new(0x00280106, "US or SS", b"\1\0")  # pydicom needs Pixel Representation for it
    ds.PixelData = b""
    settle_vrs(ds)
    assert (ds[PERIMETER].VR, ds[PERIMETER].value) == ("UN", b"\1\2\3")
    assert (ds[0x00280106].VR, ds[0x00280106].value) == ("US", 1)


def test_no_traceback_in_a_message(implicit, tmp_path, monkeypatch):
    """pydicom puts one into its own message, once for each level of nesting."""
    monkeypatch.setattr("mic.dicom.ambiguous.settle_vrs", lambda ds: None)
    with pytest.raises(UnsupportedError) as caught:
        transcode_file(implicit, tmp_path / "b.dcm", "explicit")
    text = str(caught.value)
    assert text.startswith("a.dcm: an attribute cannot be written as Explicit VR Little Endian: (")
    assert "(0028,0071)" in text and "ambiguous VR" in text
    assert "Traceback" not in text and "got exception" not in text and "\n" not in text


def test_tracebacks_are_cut_from_foreign_errors():
    foreign = ValueError(
        "With tag (0008,1140) got exception: With tag (0008,1150) got exception: bad value\n"
        "Traceback (most recent call last):\n  File x\nTraceback (most recent call last):\n"
    )
    for describe in (first_line, one_sentence):
        assert describe(foreign) == "(0008,1140): (0008,1150): bad value"
        assert describe(KeyError()) == "KeyError"
    assert one_sentence(MicError("a.dcm is damaged")) == "a.dcm is damaged"
