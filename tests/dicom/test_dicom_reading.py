# SPDX-License-Identifier: MIT
"""A file gives the same answer as a path, as bytes, as a file object and as a data set."""

import io
import zlib

import numpy as np
import pydicom
import pytest
from dicomfiles import shipped, write_dicom
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
)

import mic
import mic.dicom
import mic.display
import mic.volume
from mic.dicom.reading import opened, read_dataset, read_image

RAMP = np.tile(np.arange(0, 4096, 64, dtype="uint16"), (64, 1))


def relabel(path, old, new):
    """Write another Transfer Syntax UID into the file; the data set stays as it is."""
    raw = path.read_bytes()
    old, new = (uid.encode() + b"\0" * (len(uid) % 2) for uid in (old, new))
    at = raw.index(old)
    shift = len(new) - len(old)
    length = int.from_bytes(raw[140:144], "little") + shift
    raw = raw[: at - 2] + len(new).to_bytes(2, "little") + new + raw[at + len(old) :]
    path.write_bytes(raw[:140] + length.to_bytes(4, "little") + raw[144:])


def answers(path):
    """Decode by each kind of source."""
    data = path.read_bytes()
    behind = io.BytesIO(b"something else" + data)
    behind.seek(14)
    with path.open("rb") as file:
        yield mic.dicom.decode_frames(path)
        yield mic.dicom.decode_frames(str(path))
        yield mic.dicom.decode_frames(data)
        yield mic.dicom.decode_frames(memoryview(data))
        yield mic.dicom.decode_frames(io.BytesIO(data))
        yield mic.dicom.decode_frames(behind)
        yield mic.dicom.decode_frames(file)
    yield mic.dicom.decode_frames(read_dataset(path))
    yield mic.volume.read(path).array


def decodable(name):
    """Return a shipped file if its codec is installed."""
    path = shipped(name)
    syntax = pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
    if syntax.is_encapsulated and not get_decoder(syntax).is_available:
        pytest.skip(f"no decoder for {syntax.name} is installed")
    return path


SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("written", SYNTAXES)
@pytest.mark.parametrize("label", SYNTAXES)
def test_the_label_may_be_wrong(written, label, tmp_path):
    path = tmp_path / "a.dcm"
    write_dicom(path, RAMP, written, bits_stored=12)
    relabel(path, written, label)
    found = [mic.dicom.decode_frames(path), mic.volume.read(path).array]
    found += [
        mic.dicom.decode_frames(path.read_bytes()),
        mic.dicom.decode_frames(read_dataset(path)),
    ]
    for array in found:
        assert (array.reshape(64, 64) == RAMP).all()


@pytest.mark.parametrize("syntax", [*SYNTAXES, DeflatedExplicitVRLittleEndian])
def test_all_sources_agree(syntax, tmp_path):
    path = tmp_path / "a.dcm"
    frames = np.arange(3 * 20 * 30, dtype="int16").reshape(3, 20, 30) - 600
    write_dicom(path, frames, syntax)
    for array in answers(path):
        assert (array.reshape(frames.shape) == frames).all()


@pytest.mark.parametrize("name", ["MR_small.dcm", "JPEG2000.dcm", "color3d_jpeg_baseline.dcm"])
def test_shipped_files_agree(name):
    path = decodable(name)
    first, *others = answers(path)
    for array in others[:7]:
        np.testing.assert_array_equal(array, first)


def test_without_preamble_and_meta(tmp_path):
    path = tmp_path / "a.dcm"
    write_dicom(path, RAMP, ImplicitVRLittleEndian, bits_stored=12)
    data = path.read_bytes()
    bare = data[data.index(b"\x08\x00\x16\x00") :]
    assert (mic.dicom.decode_frames(bare)[0] == RAMP).all()
    assert (mic.dicom.decode_frames(data[132:])[0] == RAMP).all()


# ---- pixel data ----------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 2, 10, 30])
def test_short_pixel_data_never_reach_into_the_next_element(length, tmp_path):
    path = tmp_path / "a.dcm"
    write_dicom(path, np.zeros((4, 4), "uint16"), PixelData=b"\7" * length)
    ds = pydicom.dcmread(path)
    ds.add_new(0xFFFCFFFC, "OB", b"\x55" * 126)
    ds.save_as(path)
    for call in (mic.dicom.decode_frames, mic.display.to_uint8, mic.volume.read):
        with pytest.raises(mic.CorruptDataError, match=f"a.dcm: .* has {length} bytes, 32 are"):
            call(path)


def jpeg_file(path):
    imagecodecs = pytest.importorskip("imagecodecs")
    code = imagecodecs.jpeg8_encode((RAMP // 16).astype("uint8"))
    write_dicom(path, (RAMP // 16).astype("uint8"))
    ds = pydicom.dcmread(path)
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    ds.PixelData = encapsulate([code])
    ds["PixelData"].is_undefined_length = True
    ds.save_as(path)
    return code + b"\0" * (len(code) % 2)


def test_fragments_under_a_native_label(tmp_path):
    path = tmp_path / "a.dcm"
    jpeg_file(path)
    relabel(path, JPEGBaseline8Bit, ExplicitVRLittleEndian)
    message = r"a\.dcm: Pixel Data \(7FE0,0010\) is encapsulated.* says Explicit VR Little Endian"
    for call in (mic.dicom.decode_frames, mic.display.to_uint8, mic.volume.read):
        with pytest.raises(mic.CorruptDataError, match=message):
            call(path)


def test_codestream_of_a_defined_length(tmp_path):
    path = tmp_path / "a.dcm"
    code = jpeg_file(path)
    raw = path.read_bytes()
    at = raw.rindex(b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff")
    path.write_bytes(raw[: at + 8] + len(code).to_bytes(4, "little") + code)
    message = rf"defined length of {len(code)} bytes, but JPEG Baseline.* is encapsulated"
    for call in (mic.dicom.decode_frames, mic.display.to_uint8, mic.volume.read):
        with pytest.raises(mic.CorruptDataError, match=message):
            call(path)


def test_private_syntax_is_named(tmp_path):
    path = tmp_path / "a.dcm"
    write_dicom(path, RAMP, bits_stored=12)
    relabel(path, ExplicitVRLittleEndian, "1.2.840.113619.5.2")
    with pytest.raises(mic.MicError, match=r"1\.2\.840\.113619\.5\.2"):
        mic.dicom.decode_frames(path)


def test_missing_delimiter_and_wrong_table(tmp_path):
    path = tmp_path / "a.dcm"
    source = decodable("emri_small_jpeg_2k_lossless.dcm")
    image = mic.dicom.decode_frames(source)
    ds = pydicom.dcmread(source)
    frames = list(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=10))
    value = bytearray(encapsulate(frames))
    value[12:16] = b"\7\0\0\0"  # the offset of the second frame
    ds.PixelData = bytes(value)
    ds["PixelData"].is_undefined_length = True
    ds.save_as(path)
    np.testing.assert_array_equal(mic.dicom.decode_frames(path), image)
    path.write_bytes(path.read_bytes()[:-8])
    np.testing.assert_array_equal(mic.dicom.decode_frames(path), image)


def test_several_fragments_for_each_frame(tmp_path):
    path = tmp_path / "a.dcm"
    source = decodable("emri_small_jpeg_2k_lossless.dcm")
    ds = pydicom.dcmread(source)
    frames = list(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=10))
    image = mic.dicom.decode_frames(source)
    for has_table in (True, False):
        ds.PixelData = encapsulate(frames, fragments_per_frame=3, has_bot=has_table)
        ds["PixelData"].is_undefined_length = True
        ds.save_as(path)
        np.testing.assert_array_equal(mic.dicom.decode_frames(path), image)
        np.testing.assert_array_equal(mic.dicom.decode_frames(path, [7]), image[7:8])


@pytest.mark.parametrize("number", ["0", ""])
def test_number_of_frames_0_or_empty_is_1(number, tmp_path):
    path = tmp_path / "a.dcm"
    write_dicom(path, RAMP, bits_stored=12, NumberOfFrames=number)
    assert (mic.dicom.decode_frames(path) == RAMP).all()
    assert (mic.volume.read(path).array.reshape(64, 64) == RAMP).all()


# ---- samples and words ---------------------------------------------------------------


@pytest.mark.parametrize("signed", [False, True])
def test_samples_are_the_bits_below_high_bit(signed, tmp_path):
    samples = (RAMP.astype("int16") - 2048) if signed else RAMP
    words = (samples << 3).astype("uint16") | 7  # bits 3 to 14, noise below
    words |= 0x8000  # and above
    path = tmp_path / "a.dcm"
    typed = words.view("int16") if signed else words
    write_dicom(path, typed, bits_stored=12, HighBit=14)
    assert (mic.dicom.decode_frames(path)[0] == samples).all()
    assert (mic.dicom.decode_frames(path, correct_unused_bits=False)[0] == typed).all()
    assert (mic.volume.read(path).array[0] == samples).all()
    assert np.unique(mic.display.to_uint8(path, "minmax")).size == 64
    ds = pydicom.dcmread(path)
    mic.dicom.compress(ds)
    ds.save_as(tmp_path / "b.dcm")
    assert (mic.dicom.decode_frames(tmp_path / "b.dcm")[0] == samples).all()
    assert (mic.dicom.decode_frames(ds, correct_unused_bits=False)[0] == typed).all()


def test_impossible_high_bit_is_refused(tmp_path):
    for high_bit in (10, 16):
        write_dicom(tmp_path / "a.dcm", RAMP, bits_stored=12, HighBit=high_bit)
        with pytest.raises(mic.UnsupportedError, match=rf"High Bit .* is {high_bit}, 11 .* to 15"):
            mic.dicom.decode_frames(tmp_path / "a.dcm")


# ---- deflated data sets --------------------------------------------------------------


def test_only_as_much_is_inflated_as_is_asked_for(tmp_path):
    """A header does not pay for what follows it, however well it is compressed."""
    path = tmp_path / "a.dcm"
    write_dicom(path, np.zeros((4, 4), "uint16"))
    data = path.read_bytes()
    begin = data.index(b"\x08\x00\x16\x00")
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = bomb.compress(data[begin:]) + bomb.compress(bytes(1 << 27)) + bomb.flush()
    path.write_bytes(data[:begin] + packed)
    relabel(path, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian)
    image = read_image(path)
    with opened(image) as inflated:
        assert len(inflated.read(0, image.pixels.begin + 32)) == image.pixels.begin + 32
        assert len(inflated._done) < 1 << 20
    assert (mic.dicom.decode_frames(path) == 0).all()


def test_damaged_deflate_is_corrupt(tmp_path):
    path = tmp_path / "a.dcm"
    write_dicom(path, RAMP, DeflatedExplicitVRLittleEndian)
    data = bytearray(path.read_bytes())
    data[-200:-100] = b"\xff" * 100
    path.write_bytes(data)
    with pytest.raises(mic.CorruptDataError, match=r"a\.dcm"):
        mic.dicom.decode_frames(path)


def test_jpeg_2000_label_on_native_pixels(tmp_path):
    if not get_decoder(JPEG2000Lossless).is_available:
        pytest.skip("no decoder for JPEG 2000 is installed")
    path = tmp_path / "a.dcm"
    write_dicom(path, RAMP, bits_stored=12)
    relabel(path, ExplicitVRLittleEndian, JPEG2000Lossless)
    with pytest.raises(mic.CorruptDataError, match="defined length of 8192 bytes"):
        mic.dicom.decode_frames(path)
