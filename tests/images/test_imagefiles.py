# SPDX-License-Identifier: MIT
"""Image files are read as they are stored, or are refused."""

import io
import os
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicomfiles import write_dicom
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from mic import CorruptDataError, UnsupportedError
from mic.dicom.failures import NoPixelsError, is_dicom
from mic.images.formats import read_file, read_image, write_image
from mic.images.kinds import RawLayout, kind_of, target_kind
from mic.images.samples import sample_bytes

pytest.importorskip("PIL")
pytest.importorskip("tifffile")


def image(dtype="uint16", shape=(7, 5)):
    info = np.iinfo(dtype)
    values = np.random.default_rng(1).integers(info.min, info.max + 1, shape)
    return values.astype(dtype)


@pytest.mark.parametrize(
    ("kind", "array"),
    [
        *[("npy", image(dtype, (2, 3, 4))) for dtype in ("uint8", "int8", "uint16", "int16")],
        *[("raw", image(dtype, (2, 3, 4))) for dtype in ("uint8", "int8", "uint16", "int16")],
        *[("tiff", image(dtype, (4, 9, 6))) for dtype in ("uint8", "int8", "uint16", "int16")],
        ("tiff", image("uint8", (6, 5, 3))),
        ("tiff", image("uint16", (2, 6, 5, 3))),
        ("png", image("uint8")),
        ("png", image("uint16")),
        ("png", image("uint8", (6, 5, 3))),
        ("raw", image(">i2", (3, 4))),
        ("npy", image(">u2", (3, 4))),
    ],
)
def test_written_files_read_back(kind, array):
    file = io.BytesIO()
    write_image(file, kind, array, "x")
    file.seek(0)
    layout = RawLayout(array.shape, array.dtype.newbyteorder("<"))
    again = read_file(file, kind, "x", layout)
    assert again.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
    assert np.array_equal(again, array)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (image("int16"), "not int16"),
        (image("uint16", (4, 5, 3)), "not uint16"),
        (image("uint16", (2, 4, 5)), "PNG holds one frame"),
    ],
)
def test_png_refuses_what_it_cannot_hold(array, message):
    with pytest.raises(UnsupportedError, match=message):
        write_image(io.BytesIO(), "png", array, "x.png")


@pytest.mark.parametrize(("depth", "colour"), [(1, 0), (8, 3), (16, 2), (8, 4), (16, 6)])
def test_png_variants_that_pillow_would_change_are_refused(tmp_path, depth, colour):
    file = io.BytesIO()
    write_image(file, "png", image("uint8"), "x.png")
    data = bytearray(file.getvalue())
    data[24], data[25] = depth, colour
    path = tmp_path / "x.png"
    path.write_bytes(data)
    with pytest.raises(UnsupportedError, match="cannot be read unchanged"):
        read_image(path)


@pytest.mark.parametrize("suffix", [".npy", ".png", ".tif", ".dcm"])
@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x93NUMPY\x01\x00", b"\x89PNG\r\n" + b"x" * 40]
)
def test_garbage_is_corrupt(tmp_path, suffix, content):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    with pytest.raises((CorruptDataError, UnsupportedError), match=r"x\."):
        read_image(path)


@pytest.mark.parametrize("dtype", ["float32", "uint32", "bool", "complex64"])
def test_other_sample_types_are_refused(tmp_path, dtype):
    np.save(tmp_path / "x.npy", np.zeros((4, 4), dtype))
    with pytest.raises(UnsupportedError, match=f"{dtype}, integers of 8 or 16 bits"):
        read_image(tmp_path / "x.npy")


def test_pickled_arrays_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(UnsupportedError, match="holds Python objects, an array of integers"):
        read_image(tmp_path / "x.npy")


def test_raw_needs_a_layout_that_fits(tmp_path):
    path = tmp_path / "x.raw"
    path.write_bytes(bytes(24))
    with pytest.raises(UnsupportedError, match="pass shape ROWS,COLUMNS and dtype uint16"):
        read_image(path)
    with pytest.raises(UnsupportedError, match=r"24 bytes.*needs 26"):
        read_image(path, RawLayout((13,), np.dtype("u2")))
    assert read_image(path, RawLayout((2, 2, 3), np.dtype(">i2"))).shape == (2, 2, 3)


def test_one_frame_of_many(tmp_path):
    array = image("uint16", (2, 3, 4, 5))
    np.save(tmp_path / "x.npy", array)
    assert np.array_equal(read_image(tmp_path / "x.npy", frame=4), array[1, 1])
    with pytest.raises(UnsupportedError, match="frames 0 to 5"):
        read_image(tmp_path / "x.npy", frame=6)


def test_kinds():
    assert kind_of(Path("a/X.DCM")) == "dicom"
    assert kind_of(Path("no/such/file")) is None
    assert target_kind(Path("x.TIFF")) == "tiff"
    with pytest.raises(UnsupportedError, match="writes no DICOM"):
        target_kind(Path("x.dcm"))
    with pytest.raises(UnsupportedError, match=r"suffix '\.jpg'"):
        target_kind(Path("x.jpg"))


def test_sample_bytes_are_little_endian():
    assert bytes(sample_bytes(np.array([[1, 2]], ">u2"))) == b"\1\0\2\0"


def test_a_missing_library_is_named_with_its_remedy(tmp_path, monkeypatch):
    path = tmp_path / "x.tif"
    with path.open("wb") as file:
        write_image(file, "tiff", image(), "x.tif")
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(
        UnsupportedError, match=r'tifffile is not installed; pip install "mic-codec'
    ):
        read_image(path)


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
def test_dicom_gives_every_allocated_bit(tmp_path, syntax, dtype):
    array = image(dtype, (6, 4))
    bits = 6 if dtype == "uint8" else 12  # all higher bits are set somewhere
    write_dicom(tmp_path / "x.dcm", array, syntax, bits_stored=bits)
    again = read_image(tmp_path / "x.dcm")
    assert again.dtype.newbyteorder("=") == array.dtype
    assert np.array_equal(again, array)


def test_dicom_frames_and_colour(tmp_path):
    array = image("uint8", (3, 4, 6, 3))
    write_dicom(tmp_path / "x.dcm", array)
    assert np.array_equal(read_image(tmp_path / "x.dcm"), array)
    assert np.array_equal(read_image(tmp_path / "x.dcm", frame=2), array[2])
    with pytest.raises(UnsupportedError, match="frame 3 is asked for, it has frames 0 to 2"):
        read_image(tmp_path / "x.dcm", frame=3)


def test_dicom_without_suffix_or_preamble(tmp_path):
    array = image("int16")
    write_dicom(tmp_path / "1.2.840.77", array, ImplicitVRLittleEndian)
    assert is_dicom(tmp_path / "1.2.840.77") and kind_of(tmp_path / "1.2.840.77") == "dicom"
    assert np.array_equal(read_image(tmp_path / "1.2.840.77"), array)
    ds = pydicom.dcmread(tmp_path / "1.2.840.77")
    bare = pydicom.Dataset({element.tag: element for element in ds})
    bare.save_as(tmp_path / "bare.dcm", implicit_vr=True, little_endian=True)
    assert not is_dicom(tmp_path / "bare.dcm")
    assert np.array_equal(read_image(tmp_path / "bare.dcm"), array)


def test_dicom_that_is_no_image(tmp_path):
    write_dicom(tmp_path / "x.dcm", image())
    ds = pydicom.dcmread(tmp_path / "x.dcm")
    del ds.PixelData, ds.Rows
    ds.save_as(tmp_path / "report.dcm")
    with pytest.raises(NoPixelsError, match="it holds no image"):
        read_image(tmp_path / "report.dcm")


def test_dicom_of_32_bits_is_refused(tmp_path):
    write_dicom(tmp_path / "x.dcm", np.zeros((4, 4), "uint32"))
    with pytest.raises(UnsupportedError, match=r"Bits Allocated .* is 32, 8 or 16 is expected"):
        read_image(tmp_path / "x.dcm")


def test_truncated_dicom_is_corrupt(tmp_path):
    write_dicom(tmp_path / "x.dcm", image("uint16", (64, 64)))
    os.truncate(tmp_path / "x.dcm", 4000)
    with pytest.raises(CorruptDataError, match=r"has 3432 bytes, 8192 are expected .*\(truncated"):
        read_image(tmp_path / "x.dcm")
