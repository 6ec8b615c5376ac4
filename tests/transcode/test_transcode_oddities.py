# SPDX-License-Identifier: MIT
"""Odd files: read rightly, or refused in one sentence that names file, place and remedy."""

import copy
import struct

import numpy as np
import pydicom
import pytest
from commandline import invoke
from dicomfiles import write_dicom
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import ImplicitVRLittleEndian

import mic
from mic.dicom.reading import read_dataset
from mic.errors import CorruptDataError, MicError, UnsupportedError
from mic.transcode import compare_files, transcode_file

IMAGE = np.arange(40 * 37, dtype=np.uint16).reshape(40, 37)
PIXELS = b"\xe0\x7f\x10\x00OW\0\0"
GE = "1.2.840.113619.5.2"
RETIRED = "1.2.840.10008.1.2.4.52"  # JPEG Extended (Process 3 and 5)


@pytest.fixture
def source(tmp_path):
    write_dicom(tmp_path / "a.dcm", IMAGE, bits_stored=12)
    return tmp_path / "a.dcm"


def edit(path, **attributes):
    ds = pydicom.dcmread(path)
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    ds.save_as(path)
    return ds


def assert_converts(path, tmp_path, image=IMAGE):
    for to in ("mic", "rle", "implicit", "deflated"):
        target = tmp_path / f"{to}.dcm"
        assert transcode_file(path, target, to).verified
        assert np.array_equal(mic.dicom.decode_frames(target, 0), image)
        assert compare_files(path, target)["differences"] == []
    return pydicom.dcmread(tmp_path / "mic.dcm")


def refusal(path, kind, to="mic"):
    """Return the message, which is one sentence that begins with the file."""
    target = path.with_name("b.dcm")
    with pytest.raises(kind) as caught:
        transcode_file(path, target, to)
    text = str(caught.value)
    assert text.startswith(path.name) and text.count(path.name) == 1
    assert "\n" not in text and "Traceback" not in text and "()" not in text
    assert not target.exists()
    return text


@pytest.mark.parametrize("excess", [b"\0\0", b"\7\7", b"\7" * 100])
def test_bytes_behind_the_last_frame(source, tmp_path, excess):
    edit(source, PixelData=IMAGE.tobytes() + excess)
    ds = assert_converts(source, tmp_path)
    mic.dicom.decompress(ds)
    assert ds.PixelData == IMAGE.tobytes()


def test_a_frame_too_many(source):
    edit(source, PixelData=IMAGE.tobytes() * 2)
    text = refusal(source, CorruptDataError)
    assert "hold 2 frames" in text and "Number of Frames (0028,0008) is 1" in text


@pytest.mark.parametrize("missing", [2, 100, 40 * 37 * 2 - 2])
def test_bytes_that_are_missing(source, missing):
    edit(source, PixelData=IMAGE.tobytes()[:-missing])
    text = refusal(source, CorruptDataError)
    assert f"has {40 * 37 * 2 - missing} bytes, {40 * 37 * 2} are expected" in text
    assert "Rows (0028,0010)" in text


def test_odd_lengths(tmp_path):
    """The pixels have an odd number of bytes, with padding and without."""
    image = np.arange(33 * 35, dtype=np.uint8).reshape(33, 35)
    path = tmp_path / "a.dcm"
    write_dicom(path, image)
    assert_converts(path, tmp_path, image)
    data = path.read_bytes()
    at = data.rfind(b"\xe0\x7f\x10\x00OB\0\0")
    path.write_bytes(data[: at + 8] + struct.pack("<I", image.size) + image.tobytes())
    assert_converts(path, tmp_path, image)


def test_odd_length_of_another_element(source, tmp_path):
    data = source.read_bytes()
    at = data.find(b"\x08\0\x60\0CS\2\0CT")  # Modality
    source.write_bytes(data[:at] + b"\x08\0\x60\0CS\3\0CT1" + data[at + 10 :])
    assert assert_converts(source, tmp_path).Modality == "CT1"


def test_trailing_padding_and_group_lengths(source, tmp_path):
    data = source.read_bytes()
    at = data.find(b"\x28\0\2\0US")  # the first element of group 0028
    end = data.rfind(PIXELS)
    length = struct.pack("<HH2sHI", 0x28, 0, b"UL", 4, end - at)
    padding = struct.pack("<HH2sHI", 0xFFFC, 0xFFFC, b"OB", 0, 126) + bytes(126)
    source.write_bytes(data[:at] + length + data[at:] + padding)
    ds = assert_converts(source, tmp_path)
    assert (0x0028, 0) not in ds and (0xFFFC, 0xFFFC) not in ds


def test_trailing_padding_does_not_stand_in_for_pixels(source):
    data = source.read_bytes()
    at = data.rfind(PIXELS)
    padding = struct.pack("<HH2sHI", 0xFFFC, 0xFFFC, b"OB", 0, 8000) + bytes(8000)
    source.write_bytes(data[:at] + PIXELS + struct.pack("<I", 10) + b"\7" * 10 + padding)
    assert "has 10 bytes, 2960 are expected" in refusal(source, CorruptDataError)


def test_command_set_elements(source, tmp_path):
    """They belong to messages; some programs leave them in files."""
    data = source.read_bytes()
    start = 128 + 4 + 12 + struct.unpack("<I", data[140:144])[0]
    command = struct.pack("<HH2sHH", 0, 0x0100, b"US", 2, 1)
    source.write_bytes(data[:start] + command + data[start:])
    assert (0, 0x0100) in read_dataset(source)
    assert (0, 0x0100) not in assert_converts(source, tmp_path)


@pytest.mark.parametrize(
    ("keyword", "name"),
    [
        ("BitsStored", r"Bits Stored (0028,0101) is [12, 12]"),
        ("Rows", r"Rows (0028,0010) is [40, 40]"),
        ("NumberOfFrames", r"Number of Frames (0028,0008) is [1, 1]"),
        ("HighBit", r"High Bit (0028,0102) is [11, 11]"),
        ("PixelRepresentation", r"Pixel Representation (0028,0103) is [0, 0]"),
    ],
)
def test_two_values_where_one_is_due(source, keyword, name):
    values = {"BitsStored": 12, "Rows": 40, "NumberOfFrames": 1, "HighBit": 11}
    edit(source, **{keyword: [values.get(keyword, 0)] * 2})
    for to in ("mic", "explicit", "rle"):
        assert f"{name}, one whole number is expected" in refusal(source, UnsupportedError, to)


@pytest.mark.parametrize("value", [0, None])
def test_number_of_frames_of_nothing_is_one(source, tmp_path, value):
    edit(source, NumberOfFrames=value)
    assert_converts(source, tmp_path)


# ---- syntaxes and decoders -----------------------------------------------------------


def relabel(path, uid):
    """State another syntax, with the bytes of the data set as they are."""
    data = path.read_bytes()
    meta = pydicom.filereader.read_file_meta_info(path)
    start = 128 + 4 + 12 + meta.FileMetaInformationGroupLength
    meta.TransferSyntaxUID = pydicom.uid.UID(uid)
    with path.open("wb") as file:
        file.write(bytes(128) + b"DICM")
        pydicom.filewriter.write_file_meta_info(file, meta)
        file.write(data[start:])


@pytest.fixture
def compressed(source):
    ds = pydicom.dcmread(source)
    ds.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    ds.save_as(source)
    return source


@pytest.mark.parametrize("uid", [GE, RETIRED, "1.2.3.4"])
def test_private_and_retired_syntaxes_are_named(compressed, uid):
    relabel(compressed, uid)
    assert f"(0002,0010) is {uid}" in refusal(compressed, UnsupportedError)
    ds = pydicom.dcmread(compressed)
    for call in (mic.dicom.decompress, mic.dicom.compress, mic.dicom.decode_frames):
        with pytest.raises(UnsupportedError, match=rf"^a.dcm: .*\(0002,0010\) is {uid}"):
            call(ds)
    code, output = invoke("verify", compressed, compressed)
    assert code == 1 and uid in output


def test_private_syntax_of_native_pixels(source):
    relabel(source, GE)
    assert GE in refusal(source, UnsupportedError)
    ds = pydicom.dcmread(source)
    for call in (mic.dicom.decompress, mic.dicom.compress, mic.dicom.decode_frames):
        with pytest.raises(MicError, match=GE):
            call(ds)


def test_a_missing_decoder_is_no_damage(compressed, tmp_path, monkeypatch):
    from pydicom.pixels.decoders import RLELosslessDecoder

    monkeypatch.setattr(RLELosslessDecoder, "_available", {})
    monkeypatch.setattr(RLELosslessDecoder, "_unavailable", {"x": ("pylibjpeg", "numpy")})
    said = r'^a.dcm: no decoder for RLE Lossless is installed \(x .*\); pip install "mic-codec\[dic'
    for call in (
        lambda: transcode_file(compressed, tmp_path / "b.dcm"),
        lambda: compare_files(compressed, compressed),
        lambda: mic.dicom.decode_frames(compressed),
        lambda: mic.dicom.decompress(pydicom.dcmread(compressed)),
    ):
        with pytest.raises(UnsupportedError, match=said):
            call()
    for arguments in (("verify", compressed, compressed), ("encode", compressed, "b.mic")):
        code, output = invoke(*arguments)
        assert code == 1 and "no decoder for RLE Lossless is installed" in output


def test_decompress_changes_nothing_if_it_fails(compressed):
    ds = pydicom.dcmread(compressed)
    ds.PixelData = encapsulate([b"\0" * 64 + b"\7" * 20])
    before = copy.deepcopy(ds)
    with pytest.raises(CorruptDataError, match=r"^a.dcm"):
        mic.dicom.decompress(ds)
    assert ds == before and ds.file_meta == before.file_meta


# ---- pixel data in the wrong form ----------------------------------------------------


def test_fragments_under_a_native_label(compressed):
    relabel(compressed, pydicom.uid.ExplicitVRLittleEndian)
    assert "encapsulated" in refusal(compressed, CorruptDataError)
    assert "encapsulated" in invoke("verify", compressed, compressed)[1]
    with pytest.raises(CorruptDataError, match="encapsulated"):
        mic.dicom.compress(pydicom.dcmread(compressed))


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50", mic.MICLossless])
def test_explicit_length_where_fragments_are_due(source, uid):
    relabel(source, uid)
    assert "undefined length" in refusal(source, CorruptDataError, "implicit")
    with pytest.raises(CorruptDataError, match="undefined length"):
        mic.dicom.decompress(pydicom.dcmread(source))


def test_a_data_set_that_ends_within_an_element(source):
    data = source.read_bytes()
    at = data.find(b"\x28\0\2\0US")
    source.write_bytes(data[:at] + b"\x28\0\1\0UN\0\0\xff\xff\xff\xff" + b"\0\x08\0\0\0\0\0\0" * 3)
    refusal(source, CorruptDataError)
    assert "a.dcm" in invoke("verify", source, source)[1]


def test_implicit_source_without_pixel_representation_of_its_items(tmp_path):
    path = tmp_path / "a.dcm"
    write_dicom(path, IMAGE.astype(np.int16), ImplicitVRLittleEndian, bits_stored=12)
    item = Dataset()
    item.add_new(0x00283002, "SS", [16, -5, 16])
    item.LUTData = b"\1\2" * 16
    item["LUTData"].VR = "OW"
    edit(path, ModalityLUTSequence=[item])
    assert_converts(path, tmp_path)
