# SPDX-License-Identifier: MIT
"""Data sets to MIC Lossless and back: every bit of the native pixel data is restored."""

import copy
import io
import itertools
from typing import Any

import numpy as np
import pydicom
import pytest
from dicomfiles import swapped, write_dicom
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

import mic
from mic import dicom

NATIVE_SYNTAXES = {
    "explicit": ExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "big-endian": ExplicitVRBigEndian,
}


def noise(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Make every bit pattern, smooth and not."""
    kind = np.iinfo(dtype)
    return np.random.default_rng(1).integers(kind.min, kind.max, shape, dtype, endpoint=True)


def read(array: np.ndarray, **options: Any) -> pydicom.Dataset:
    """Make a data set around an array, through a file."""
    file = io.BytesIO()
    write_dicom(file, array, **options)
    file.seek(0)
    return pydicom.dcmread(file)


def reread(ds: pydicom.Dataset) -> pydicom.Dataset:
    file = io.BytesIO()
    ds.save_as(file, enforce_file_format=True)
    file.seek(0)
    return pydicom.dcmread(file)


def other_elements(ds: pydicom.Dataset) -> pydicom.Dataset:
    """Return everything except the pixel data."""
    rest = copy.deepcopy(ds)
    del rest.PixelData
    return rest


def check_exact(ds: pydicom.Dataset, native: bytes, **options: Any) -> None:
    """Into MIC and back through files: only the pixel data and the syntax change.

    `ds` stays in MIC Lossless.
    """
    before = other_elements(ds)
    assert dicom.compress(ds, **options) is None
    assert ds.file_meta.TransferSyntaxUID == mic.MICLossless
    stored = reread(ds)
    assert stored["PixelData"].VR == "OB"
    assert other_elements(stored) == before
    dicom.decompress(stored)
    again = reread(stored)
    assert again.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert again.PixelData == native
    assert other_elements(again) == before


@pytest.mark.parametrize("bits", range(1, 17))
@pytest.mark.parametrize("signed", [0, 1])
def test_every_bits_stored(bits: int, signed: int) -> None:
    """The bits above Bits Stored may hold anything: overlays, sign, garbage."""
    for allocated in (8, 16):
        if bits <= allocated:
            array = noise((37, 41), f"{'ui'[signed]}{allocated // 8}")
            ds = read(array, bits_stored=bits)
            check_exact(ds, ds.PixelData)


@pytest.mark.parametrize("syntax", NATIVE_SYNTAXES)
@pytest.mark.parametrize("shape", [(20, 30), (3, 20, 30), (5, 7), (3, 5, 7, 3), (5, 7, 3)])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2"])
def test_every_native_syntax(syntax: str, shape: tuple[int, ...], dtype: str) -> None:
    array = noise(shape, dtype)
    ds = read(array, syntax=NATIVE_SYNTAXES[syntax])
    native = array.tobytes()
    check_exact(ds, native + b"\0" * (len(native) % 2))


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("n_frames", [1, 3])
def test_colour_by_plane(dtype: str, n_frames: int) -> None:
    planes = noise((n_frames, 3, 9, 11), dtype)
    pixels = planes.transpose(0, 2, 3, 1)
    native = planes.tobytes() + b"\0" * (planes.nbytes % 2)
    for interpretation in ("RGB", "YBR_FULL"):
        ds = read(
            pixels,
            PixelData=native,
            PlanarConfiguration=1,
            PhotometricInterpretation=interpretation,
        )
        check_exact(ds, native)
        assert (dicom.decode_frames(ds) == pixels).all()


@pytest.mark.parametrize("interpretation", ["MONOCHROME1", "PALETTE COLOR"])
def test_one_sample(interpretation: str) -> None:
    ds = read(noise((12, 10), "u2"), PhotometricInterpretation=interpretation)
    check_exact(ds, ds.PixelData)


@pytest.mark.parametrize("n_frames", [1, 3])
def test_subsampled_chroma(n_frames: int) -> None:
    """YBR_FULL_422 keeps its bytes; its samples are those that pydicom gives."""
    native = noise((n_frames, 6, 8, 2), "u1").tobytes()
    ds = read(
        noise((n_frames, 6, 8, 3), "u1"),
        PixelData=native,
        PhotometricInterpretation="YBR_FULL_422",
    )
    expected = pydicom.pixels.pixel_array(ds, raw=True).reshape(n_frames, 6, 8, 3)
    check_exact(ds, native)
    assert (dicom.decode_frames(ds) == expected).all()
    dicom.decompress(ds, exact=False)
    assert ds.PhotometricInterpretation == "YBR_FULL"
    assert (pydicom.pixels.pixel_array(ds, raw=True).reshape(expected.shape) == expected).all()


def test_subsampled_chroma_of_odd_width_is_refused() -> None:
    ds = read(
        noise((4, 5, 3), "u1"),
        PixelData=bytes(40),
        PhotometricInterpretation="YBR_FULL_422",
    )
    with pytest.raises(mic.UnsupportedError, match=r"Columns \(0028,0011\) is 5, an even .*_422"):
        dicom.compress(ds)


def test_big_endian_data_set_becomes_little_endian_in_all_elements() -> None:
    lut = np.arange(5, dtype="u2")
    item = pydicom.Dataset()
    item.LUTDescriptor = [5, 0, 16]
    item["LUTDescriptor"].VR = "US"
    item.add_new("LUTData", "OW", swapped(lut))
    array = noise((6, 6), "u2")
    ds = read(
        array, syntax=ExplicitVRBigEndian, ModalityLUTSequence=[item], WindowCenter=40, Rows=6
    )
    dicom.compress(ds)
    stored = reread(ds)
    assert stored.ModalityLUTSequence[0].LUTData == lut.tobytes()
    assert (stored.Rows, stored.WindowCenter) == (6, 40)
    assert (dicom.decode_frames(stored)[0] == array).all()


def test_big_endian_bytes_packed_in_words() -> None:
    array = noise((6, 6), "u1")
    ds = read(array, syntax=ExplicitVRBigEndian, PixelData=swapped(array.view("u2")))
    ds["PixelData"].VR = "OW"
    dicom.compress(ds)
    assert (dicom.decode_frames(ds)[0] == array).all()


def test_options_do_not_change_the_pixels() -> None:
    array = noise((4, 40, 50), "u2") >> 4
    sizes = set()
    for effort, threads, extended in itertools.product((1, 9), (1, 3), (False, True)):
        ds = read(array)
        dicom.compress(ds, effort=effort, threads=threads, encapsulate_ext=extended, verify=False)
        assert ("ExtendedOffsetTable" in ds) is extended
        stored = reread(ds)
        assert (dicom.decode_frames(stored, threads=threads) == array).all()
        sizes.add((effort, extended, len(ds.PixelData)))
    assert len(sizes) == 4  # threads change nothing


def test_array_as_source() -> None:
    ds = read(noise((3, 8, 9, 3), "u2"), bits_stored=12, PlanarConfiguration=1)
    array = noise((3, 8, 9, 3), "u2") >> 4
    dicom.compress(ds, array.astype(">u2"))
    assert (dicom.decode_frames(ds) == array).all()
    dicom.decompress(ds)
    assert ds.PixelData == array.transpose(0, 3, 1, 2).tobytes()


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((4, 6), "u2"), r"shape \(4, 6\), \(4, 5\) .* Rows"),
        (np.zeros((4, 5), "i2"), r"dtype int16, uint16 .* Pixel Representation \(0028,0103\) 0"),
        (np.full((4, 5), 4096, "u2"), r"4096 to 4096, 0 to 4095 .* Bits Stored \(0028,0101\) 12"),
    ],
)
def test_array_against_the_attributes(array: np.ndarray, said: str) -> None:
    ds = read(np.zeros((4, 5), "u2"), bits_stored=12)
    before = ds.PixelData
    with pytest.raises(mic.UnsupportedError, match=said):
        dicom.compress(ds, array)
    assert (ds.PixelData, ds.file_meta.TransferSyntaxUID) == (before, ExplicitVRLittleEndian)


def test_not_exact_is_what_pydicom_writes() -> None:
    array = noise((5, 6), "i2")
    ds = read(array, bits_stored=10)
    expected = pydicom.pixels.pixel_array(ds)
    dicom.compress(ds)
    assert (dicom.decode_frames(ds, 0) == expected).all()
    assert (dicom.decode_frames(ds, correct_unused_bits=False)[0] == array).all()
    dicom.decompress(ds, exact=False)
    assert ds.PixelData == expected.tobytes()


def test_verification_keeps_the_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.arange(20, dtype="u2").reshape(4, 5)
    ds = read(array)
    before = ds.PixelData
    wrong = array.copy()
    wrong[2, 3] = 99
    monkeypatch.setattr("mic.dicom.dataset.decode", lambda *_, **__: wrong)
    with pytest.raises(mic.VerifyError, match=r"frame 0: .*\(2, 3\) is 13 and came back as 99"):
        dicom.compress(ds)
    assert (ds.PixelData, ds.file_meta.TransferSyntaxUID) == (before, ExplicitVRLittleEndian)


def test_other_compressed_syntaxes_are_decompressed_by_pydicom() -> None:
    array = noise((8, 8), "u2")
    ds = read(array, bits_stored=12)
    native, instance = ds.PixelData, ds.SOPInstanceUID
    ds.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    assert (dicom.decode_frames(ds)[0] == array & 0xFFF).all()
    dicom.decompress(ds)
    assert (ds.PixelData, ds.SOPInstanceUID) == (native, instance)


def test_array_replaces_compressed_pixel_data() -> None:
    """In any syntax, marked or not."""
    array = noise((8, 8), "u2")
    ds = read(array)
    dicom.compress(ds, encapsulate_ext=True)
    again = reread(ds)
    dicom.compress(again, array[::-1])
    assert (dicom.decode_frames(reread(again))[0] == array[::-1]).all()
    assert "ExtendedOffsetTable" not in again
    big = read(array, syntax=ExplicitVRBigEndian)
    dicom.compress(big, array.T)
    assert (dicom.decode_frames(reread(big))[0] == array.T).all()
