# SPDX-License-Identifier: MIT
"""Comparisons and hashes cover the words, and what a reader reads in them."""

import numpy as np
import pydicom
import pytest
from commandline import invoke
from dicomfiles import write_dicom
from pydicom.encaps import encapsulate

import mic
from mic.dicom.pixels import PixelDescription, samples_of
from mic.dicom.words import is_plain, words_of, words_of_decoded
from mic.errors import UnsupportedError, VerifyError
from mic.transcode import compare_files, transcode_file

UID = "1.2.826.0.1.3680043.8.498.1"
RAMP = np.tile(np.arange(0, 4096, 64, dtype=np.uint16), (64, 1))
PLACES = [(0, 11), (0, 12), (1, 11), (1, 13), (0, 15), (1, 15)]  # sign, High Bit of 12 bits


def write(path, words, high_bit=11, signed=0, **options):
    write_dicom(
        path,
        words,
        bits_stored=12,
        HighBit=high_bit,
        PixelRepresentation=signed,
        SOPInstanceUID=UID,
        **options,
    )
    return path


def described(signed, high_bit):
    return PixelDescription.from_options(
        {
            "rows": 64,
            "columns": 64,
            "samples_per_pixel": 1,
            "photometric_interpretation": "MONOCHROME2",
            "bits_allocated": 16,
            "bits_stored": 12,
            "high_bit": high_bit,
            "pixel_representation": signed,
        },
        "the file",
    )


@pytest.mark.parametrize(("signed", "high_bit"), PLACES)
def test_words_and_samples_are_inverse(signed, high_bit):
    description = described(signed, high_bit)
    samples = np.arange(-2048 * signed, 4096 - 2048 * signed).astype(description.dtype)
    words = words_of(samples, description)
    assert words.dtype == np.uint16 and is_plain(words, description)
    assert np.array_equal(samples_of(words, description), samples)
    bit = np.uint16(1 << (12 if high_bit == 11 else 0))
    changed = words.copy()
    changed[7] ^= bit
    assert not is_plain(changed, description)
    assert np.array_equal(samples_of(changed, description), samples)


@pytest.mark.parametrize(("signed", "high_bit"), PLACES)
@pytest.mark.parametrize("bit", range(16))
def test_a_difference_in_any_bit_is_found(tmp_path, signed, high_bit, bit):
    words = np.random.default_rng(1).integers(0, 1 << 16, (64, 64), np.uint16)
    other = words.copy()
    other[3, 5] ^= 1 << bit
    a = write(tmp_path / "a.dcm", words, high_bit, signed)
    b = write(tmp_path / "b.dcm", other, high_bit, signed)
    is_sample = high_bit - 12 < bit <= high_bit
    said = r"\(3, 5\) is .* samples differ" if is_sample else r"\(3, 5\) has .*unused bits of 1 wor"
    with pytest.raises(VerifyError, match=said):
        compare_files(a, b)
    with pytest.raises(VerifyError, match=said):
        compare_files(a, transcode(b, "mic"))
    assert compare_files(a, transcode(a, "mic"))["compared"] == "words"


def transcode(path, to, **options):
    target = path.with_suffix(f".{to}.dcm")
    transcode_file(path, target, to, **options)
    return target


def test_the_command_says_which_bits_differ(tmp_path):
    a = write(tmp_path / "a.dcm", RAMP << 4, 15)
    changed = RAMP << 4
    changed[10:20] ^= 0xF000
    code, output = invoke("verify", a, write(tmp_path / "b.dcm", changed, 15))
    assert code == 1 and "640 samples differ" in output
    overlay = RAMP.copy()
    overlay[2, 3] |= 0x8000
    plain = write(tmp_path / "c.dcm", RAMP)
    code, output = invoke("verify", plain, write(tmp_path / "d.dcm", overlay))
    assert code == 1
    assert "pixel (2, 3) has the word 0x00C0, 0x80C0 is expected (the unused bits" in output
    code, output = invoke("verify", plain, plain)
    assert code == 0 and "words" not in output


def test_the_same_words_read_otherwise_are_not_equal(tmp_path):
    a, b = write(tmp_path / "a.dcm", RAMP << 4, 15), write(tmp_path / "b.dcm", RAMP << 4, 11)
    with pytest.raises(VerifyError, match="samples differ"):
        compare_files(a, b)


def test_samples_are_compared_where_a_syntax_keeps_no_more(tmp_path):
    pytest.importorskip("jpeg_ls")
    signed = RAMP.astype(np.int16) - 2048
    source = write(tmp_path / "a.dcm", signed, signed=1)
    cleared = write(tmp_path / "b.dcm", signed & 0x0FFF, signed=1)
    coded = transcode(source, "jpegls")
    facts = compare_files(cleared, coded)
    assert (facts["compared"], facts["differences"]) == ("samples", [])
    assert "unused bits are not compared" in invoke("verify", cleared, coded)[1]
    with pytest.raises(VerifyError, match="unused bits"):
        compare_files(source, cleared)
    near = transcode(source, "jpegls-near", near=0)
    assert compare_files(near, cleared)["sha256"] == facts["sha256"]


def test_near_allows_samples_to_differ_and_unused_bits_not(tmp_path):
    a = write(tmp_path / "a.dcm", RAMP)
    near = write(tmp_path / "b.dcm", RAMP + np.uint16(1))
    assert compare_files(a, near, near=1)["max_error"] == 1
    overlay = write(tmp_path / "c.dcm", RAMP | np.uint16(0x4000))
    with pytest.raises(VerifyError, match="unused bits of 4096 words"):
        compare_files(a, overlay, near=1)


@pytest.mark.parametrize(("signed", "high_bit"), PLACES)
@pytest.mark.parametrize("to", ["mic", "deflated"])
def test_words_and_digest_of_samples_are_kept(tmp_path, signed, high_bit, to):
    words = np.random.default_rng(2).integers(0, 1 << 16, (64, 64), np.uint16)
    source = write(tmp_path / "a.dcm", words, high_bit, signed)
    record = transcode_file(source, tmp_path / "b.dcm", to)
    again = transcode_file(tmp_path / "b.dcm", tmp_path / "c.dcm", "explicit")
    assert (tmp_path / "c.dcm").read_bytes() == source.read_bytes()
    samples = samples_of(words, described(signed, high_bit))
    assert record.sha256 == again.sha256 == mic.transcode.sha256_of([samples])
    assert np.array_equal(mic.dicom.decode_frames(tmp_path / "b.dcm", 0), samples)


@pytest.fixture
def registered():
    mic.register()
    yield
    mic.unregister()


@pytest.mark.parametrize(("signed", "high_bit"), PLACES)
def test_pixel_array_is_that_of_the_native_source(tmp_path, registered, signed, high_bit):
    words = np.random.default_rng(3).integers(0, 1 << 16, (2, 64, 64), np.uint16)
    source = write(tmp_path / "a.dcm", words, high_bit, signed)
    coded = transcode(source, "mic")
    expected = pydicom.dcmread(source).pixel_array
    found = pydicom.dcmread(coded).pixel_array
    assert found.dtype == expected.dtype and np.array_equal(found, expected)
    one = pydicom.pixels.pixel_array(coded, index=1)
    assert np.array_equal(one, expected[1])
    ds = pydicom.dcmread(source)
    ds.compress(mic.MICLossless)
    assert np.array_equal(ds.pixel_array, expected)
    frames = list(pydicom.pixels.iter_pixels(coded))
    assert np.array_equal(frames, list(pydicom.pixels.iter_pixels(source)))


# ---- JPEG 2000 that decodes to more than Bits Stored ---------------------------------


def too_large(path, signed=0, high_bit=11):
    """Write a lossy JPEG 2000 file of 13 bits whose Bits Stored is 12."""
    openjpeg = pytest.importorskip("openjpeg.utils")
    values = RAMP.astype(np.int16 if signed else np.uint16) + 5
    values[4, 4] = 4200
    code = openjpeg.encode_array(values, bits_stored=16, photometric_interpretation=2)
    write(path, values, high_bit, signed)
    ds = pydicom.dcmread(path)
    ds.PixelData = encapsulate([bytes(code)])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = pydicom.uid.JPEG2000
    ds.save_as(path)
    return values


@pytest.mark.parametrize("signed", [0, 1])
def test_jpeg_2000_above_bits_stored_does_not_become_other_pixels(tmp_path, signed):
    path = tmp_path / "a.dcm"
    values = too_large(path, signed)
    assert np.array_equal(mic.dicom.decode_frames(path, 0), values)
    top = 2047 if signed else 4095
    said = rf"a.dcm: samples decode to 5 to 4200, .* to {top} are expected from Bits Stored"
    for to in ("mic", "explicit", "rle", "jpegls"):
        with pytest.raises(UnsupportedError, match=said):
            transcode(path, to)
    ds = pydicom.dcmread(path)
    before = ds.PixelData
    with pytest.raises(UnsupportedError, match=said):
        mic.dicom.decompress(ds)
    assert ds.PixelData == before and ds.file_meta.TransferSyntaxUID == pydicom.uid.JPEG2000


def test_jpeg_with_an_overlay_in_unused_bits_keeps_it():
    """Readers cut JPEG as they cut words, so the words may stay as they are."""
    description = described(0, 11)
    decoded = np.array([[0x8001, 0x0FFF]], np.uint16)
    words = words_of_decoded(decoded, description, "1.2.840.10008.1.2.4.70", "x")
    assert words.tolist() == decoded.tolist()
    with pytest.raises(UnsupportedError, match="leave the file in JPEG-LS Lossless"):
        words_of_decoded(decoded, description, "1.2.840.10008.1.2.4.80", "x")


def test_jpeg_samples_go_to_high_bit(tmp_path):
    """Codestreams hold samples in the lowest bits; native words have them below High Bit."""
    openjpeg = pytest.importorskip("openjpeg.utils")
    path = write(tmp_path / "a.dcm", RAMP << 4, 15)
    ds = pydicom.dcmread(path)
    code = openjpeg.encode_array(RAMP, bits_stored=12, photometric_interpretation=2)
    ds.compress(pydicom.uid.RLELossless)
    ds.PixelData = encapsulate([bytes(code)])
    ds.file_meta.TransferSyntaxUID = pydicom.uid.JPEG2000Lossless
    ds.save_as(path)
    assert np.array_equal(mic.dicom.decode_frames(path, 0), RAMP)
    there = transcode(path, "explicit")
    assert pydicom.dcmread(there).PixelData == (RAMP << 4).tobytes()
    assert compare_files(path, there)["differences"] == []
    ds = pydicom.dcmread(path)
    mic.dicom.decompress(ds)
    assert ds.PixelData == (RAMP << 4).tobytes()
    too_large(tmp_path / "b.dcm", high_bit=15)
    with pytest.raises(UnsupportedError, match=r"b.dcm: samples decode to 5 to 4200"):
        transcode(tmp_path / "b.dcm", "mic")


def test_words_of_decoded_extends_the_sign():
    description = described(1, 11)
    decoded = np.array([[0x0FFF, 1]], np.int16)  # JPEG lossless has no sign
    words = words_of_decoded(decoded, description, "1.2.840.10008.1.2.4.70", "x")
    assert words.tolist() == [[0xFFFF, 1]]
