# SPDX-License-Identifier: MIT
"""One file from one transfer syntax to another: pixels, attributes, proof."""

import collections
import pickle
import random
import warnings
from functools import partial

import numpy as np
import pydicom
import pytest
from dicomfiles import shipped, write_dicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from mic.dicom.failures import NoPixelsError
from mic.dicom.syntaxes import SYNTAXES, find_syntax
from mic.errors import CorruptDataError, MicError, UnsupportedError, VerifyError
from mic.gpu.codestream import has_tile_lengths
from mic.transcode import compare_files, htj2k, transcode_file
from mic.transcode import file as transcode
from mic.transcode import pixels as transcode_pixels
from mic.transcode.file import read_dicom

LOSSLESS = [syntax.name for syntax in SYNTAXES if syntax.name != "jpegls-near"]
NEEDS = {
    "jpegls": "jpeg_ls",
    "jpeg2000": "openjpeg",
    "htj2k": "imagecodecs",
    "htj2k-rpcl": "imagecodecs",
}


def needs(name):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
        pytest.importorskip("openjpeg")


def smooth(shape, dtype, bits):
    """Make an image with a whole range of values and some noise."""
    *_, y, x = np.indices(shape)
    values = (x * y * 7 + np.random.default_rng(0).integers(0, 3, shape)) % (1 << bits)
    low = 1 << (bits - 1) if np.dtype(dtype).kind == "i" else 0
    return (values - low).astype(dtype)


@pytest.mark.parametrize("to", LOSSLESS)
@pytest.mark.parametrize(
    ("dtype", "bits"),
    [("u1", 8), ("u1", 5), ("u2", 8), ("u2", 12), ("u2", 16), ("i2", 16), ("i2", 12), ("i2", 9)],
)
def test_grey_there_and_back(tmp_path, to, dtype, bits):
    """Every syntax restores the exact bytes."""
    needs(to)
    source, there, back = (tmp_path / name for name in ("a.dcm", "b.dcm", "c.dcm"))
    array = smooth((40, 37), dtype, bits)
    write_dicom(source, array, bits_stored=bits)
    record = transcode_file(source, there, to)
    assert record.verified and record.syntax == find_syntax(to).uid
    assert np.array_equal(pydicom.dcmread(source).pixel_array, array)
    again = transcode_file(there, back, "explicit")
    assert again.sha256 == record.sha256
    assert back.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("to", LOSSLESS)
@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_colour_there_and_back(tmp_path, to, planar, photometric):
    needs(to)
    source, there, back = (tmp_path / name for name in ("a.dcm", "b.dcm", "c.dcm"))
    array = np.stack([smooth((2, 33, 40), "u1", 8) + i for i in range(3)], axis=-1)
    stored = np.moveaxis(array, -1, 1) if planar else array
    write_dicom(
        source,
        array,
        PhotometricInterpretation=photometric,
        PlanarConfiguration=planar,
        PixelData=stored.tobytes(),
    )
    transcode_file(source, there, to)
    ds = pydicom.dcmread(there)
    if to in ("jpeg2000", "htj2k", "htj2k-rpcl"):
        assert ds.PhotometricInterpretation == ("YBR_RCT" if photometric == "RGB" else photometric)
    elif to != "mic":
        assert ds.PhotometricInterpretation == photometric
    expected_planar = 0 if to in ("jpegls", "jpeg2000", "htj2k", "htj2k-rpcl") else planar
    assert ds.PlanarConfiguration == expected_planar
    transcode_file(there, back, "explicit")
    ds = pydicom.dcmread(back)
    pixels = ds.PixelData if expected_planar == planar else None
    assert pixels in (None, stored.tobytes())
    assert ds.PhotometricInterpretation == photometric
    assert compare_files(source, back)["differences"] == []


@pytest.mark.parametrize("to", ["mic", "rle", "explicit", "implicit", "deflated"])
def test_every_bit_of_the_word_is_kept(tmp_path, to):
    """Overlays above Bits Stored, and unused bits that hold noise."""
    source, there, back = (tmp_path / name for name in ("a.dcm", "b.dcm", "c.dcm"))
    array = np.random.default_rng(5).integers(0, 1 << 16, (30, 31), np.uint16)
    write_dicom(source, array, bits_stored=10)
    transcode_file(source, there, to)
    transcode_file(there, back, "explicit")
    assert back.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("to", ["jpegls", "jpeg2000", "htj2k"])
def test_coders_of_values_refuse_other_bits(tmp_path, to):
    source = tmp_path / "a.dcm"
    write_dicom(source, np.full((40, 40), 0x8123, np.uint16), bits_stored=12)
    with pytest.raises(UnsupportedError, match=r"a.dcm: .*above Bits Stored.*mic, rle or deflated"):
        transcode_file(source, tmp_path / "b.dcm", to)
    assert not (tmp_path / "b.dcm").exists()


@pytest.mark.parametrize("bits", [5, 10, 13])
def test_htj2k_states_bits_stored(tmp_path, bits):
    """The precision of the codestream is Bits Stored, although OpenJPH gets whole words."""
    needs("htj2k")
    write_dicom(tmp_path / "a.dcm", smooth((40, 40), "u2", bits), bits_stored=bits)
    transcode_file(tmp_path / "a.dcm", tmp_path / "b.dcm", "htj2k")
    ds = pydicom.dcmread(tmp_path / "b.dcm")
    frame = next(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=1))
    assert pydicom.pixels.utils.get_j2k_parameters(frame)["precision"] == bits


@pytest.mark.parametrize(("rows", "columns"), [(40, 40), (70, 2100)])
def test_htj2k_with_rpcl_options(tmp_path, rows, columns):
    """A thumbnail of at most 64 pixels comes first, and markers show where it ends."""
    needs("htj2k")
    write_dicom(tmp_path / "a.dcm", smooth((rows, columns), "u2", 12), bits_stored=12)
    transcode_file(tmp_path / "a.dcm", tmp_path / "b.dcm", "htj2k-rpcl")
    ds = pydicom.dcmread(tmp_path / "b.dcm")
    assert ds.file_meta.TransferSyntaxUID == pydicom.uid.HTJ2KLosslessRPCL
    frame = next(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=1))
    assert has_tile_lengths(frame)
    coding = frame.index(b"\xff\x52")
    progression, halvings = frame[coding + 5], frame[coding + 9]
    assert progression == 2  # RPCL (ISO 15444-1, table A.16)
    assert -(-max(rows, columns) >> halvings) <= 64


class EncoderOnGpu:
    """Return the prepared results, and count the calls."""

    def __init__(self, result):
        self.result, self.calls = result, 0

    def __call__(self, values, image, progressive):
        self.calls += 1
        return self.result


def test_htj2k_by_the_gpu_is_checked(tmp_path, monkeypatch):
    """The CPU codes again what does not meet DICOM's requirements."""
    needs("htj2k")
    write_dicom(tmp_path / "a.dcm", smooth((40, 41), "u2", 12), bits_stored=12)
    monkeypatch.setattr(htj2k, "_gpu_encoder", lambda: None)
    transcode_file(tmp_path / "a.dcm", tmp_path / "cpu.dcm", "htj2k")
    ds = pydicom.dcmread(tmp_path / "cpu.dcm")
    right = next(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=1))
    other_precision = bytearray(right)
    other_precision[42] = 15
    for number, result in enumerate([right, None, bytes(other_precision), b"none"]):
        encoder = EncoderOnGpu(result)
        monkeypatch.setattr(htj2k, "_gpu_encoder", lambda encoder=encoder: encoder)
        target = tmp_path / f"{number}.dcm"
        transcode_file(tmp_path / "a.dcm", target, "htj2k")
        assert encoder.calls == 1
        assert target.read_bytes() == (tmp_path / "cpu.dcm").read_bytes()


def annotated(path):
    """Write a file with elements that transcoding must leave alone."""
    icon = Dataset()
    icon.Rows = icon.Columns = 2
    icon.SamplesPerPixel, icon.BitsAllocated, icon.BitsStored, icon.HighBit = 1, 8, 8, 7
    icon.PixelRepresentation, icon.PhotometricInterpretation = 0, "MONOCHROME2"
    icon.PixelData = b"\1\2\3\4"
    write_dicom(
        path,
        smooth((40, 37), "u2", 12),
        bits_stored=12,
        IconImageSequence=Sequence([icon]),
        PatientName="Yamada^Tarou=山田^太郎",
        SpecificCharacterSet="ISO_IR 192",
        WindowCenter=["40", "400.50"],
        ImageComments=" padded ",
        LossyImageCompression="01",
        LossyImageCompressionRatio="8",
        RedPaletteColorLookupTableData=b"\1\2\3\4",
    )
    ds = pydicom.dcmread(path)
    ds.add_new(0x00091001, "LO", "a private text")
    ds.add_new(0x00090010, "LO", "mic test")
    ds.add_new(0x60003000, "OW", b"\1\0\2\0")
    ds.save_as(path)


@pytest.mark.parametrize("to", LOSSLESS)
def test_everything_else_stays(tmp_path, to):
    needs(to)
    annotated(tmp_path / "a.dcm")
    transcode_file(tmp_path / "a.dcm", tmp_path / "b.dcm", to)
    before, after = (pydicom.dcmread(tmp_path / name) for name in ("a.dcm", "b.dcm"))
    for element in before:
        if element.keyword == "PixelData":
            continue
        if element.tag.is_private and to == "implicit":  # implicit VR has none for it
            assert after[element.tag].value in (element.value.encode(), element.value)
            continue
        if element.keyword == "IconImageSequence":  # without VR, OB becomes OW
            assert after[element.tag].value[0].PixelData == element.value[0].PixelData
            continue
        assert after[element.tag] == element
    assert set(before.keys()) == set(after.keys())
    if to != "implicit":  # not even the padding of a text changed
        for tag in set(before.keys()) - {0x7FE00010}:
            assert raw(tmp_path / "a.dcm", tag) == raw(tmp_path / "b.dcm", tag)
    assert after.SOPInstanceUID == before.SOPInstanceUID


def raw(path, tag):
    return pydicom.dcmread(path).get_item(tag).value


def test_lossy_colour_becomes_rgb(tmp_path):
    """The pixels are as pydicom decodes them; flags stay, and no new UID is required."""
    needs("jpeg2000")
    pytest.importorskip("libjpeg")
    source = shipped("SC_rgb_dcmtk_+eb+cy+np.dcm")
    transcode_file(source, tmp_path / "b.dcm", "rle")
    before, after = pydicom.dcmread(source), pydicom.dcmread(tmp_path / "b.dcm")
    assert (before.PhotometricInterpretation, after.PhotometricInterpretation) == (
        "YBR_FULL_422",
        "RGB",
    )
    assert np.array_equal(before.pixel_array, after.pixel_array)
    assert after.LossyImageCompression == "01"
    assert after.SOPInstanceUID == before.SOPInstanceUID


def test_same_syntax_keeps_the_codestream(tmp_path):
    source = shipped("MR_small_RLE.dcm")
    record = transcode_file(source, tmp_path / "b.dcm", "rle")
    assert record.verified
    before, after = pydicom.dcmread(source), pydicom.dcmread(tmp_path / "b.dcm")
    assert before.PixelData == after.PixelData


def test_subsampled_colour_and_single_bits_stay_native(tmp_path):
    for name in ("SC_ybr_full_422_uncompressed.dcm", "liver_1frame.dcm"):
        source = shipped(name)
        transcode_file(source, tmp_path / "b.dcm", "deflated")
        transcode_file(tmp_path / "b.dcm", tmp_path / "c.dcm", "explicit")
        assert raw(tmp_path / "c.dcm", 0x7FE00010) == raw(source, 0x7FE00010)
        with pytest.raises(UnsupportedError, match="explicit, implicit or deflated"):
            transcode_file(source, tmp_path / "d.dcm", "rle")


def test_repeated_it_is_the_same(tmp_path):
    """A task graph may run it twice, and it can be sent to another process."""
    job = pickle.loads(pickle.dumps(partial(transcode_file, shipped("CT_small.dcm"), to="mic")))
    first = job(tmp_path / "b.dcm")
    content = (tmp_path / "b.dcm").read_bytes()
    second = pickle.loads(pickle.dumps(job(tmp_path / "b.dcm")))
    assert (tmp_path / "b.dcm").read_bytes() == content
    assert first.target_sha256 == second.target_sha256


@pytest.mark.parametrize("to", ["mic", "rle", "jpegls", "deflated"])
def test_a_wrong_pixel_is_found(tmp_path, monkeypatch, to):
    """Whatever an encoder does, there is no output, and an existing file stays."""
    needs(to)
    target = tmp_path / "b.dcm"
    target.write_bytes(b"before")
    real = transcode.encode

    def broken(native, syntax, near, effort):
        data = bytearray(native.PixelData)
        data[10] ^= 1
        original = native.PixelData
        native.PixelData = bytes(data)
        part, _ = real(native, syntax, near, effort)
        check = Dataset()
        check.update({tag: native[tag] for tag in list(native.keys()) if tag.group == 0x0028})
        check.PixelData = original
        return part, transcode_pixels.image_of(check)

    monkeypatch.setattr(transcode, "encode", broken)
    with pytest.raises(VerifyError, match=r"b.dcm: frame 0, pixel \(0, 5\) is .* is expected"):
        transcode_file(shipped("CT_small.dcm"), target, to)
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_changed_attribute_is_found(tmp_path, monkeypatch):
    real = transcode._write

    def broken(file, ds, syntax):
        ds.PatientID = "another"
        real(file, ds, syntax)

    monkeypatch.setattr(transcode, "_write", broken)
    with pytest.raises(VerifyError, match=r"PatientID \(0010,0020\) is '1CT1' and 'another'"):
        transcode_file(shipped("CT_small.dcm"), tmp_path / "b.dcm")
    assert not list(tmp_path.iterdir())


def test_refusals(tmp_path):
    target = tmp_path / "b.dcm"
    for name, kind, message in (
        ("rtplan.dcm", NoPixelsError, "rtplan.dcm: DICOM without pixel data"),
        ("MR_truncated.dcm", CorruptDataError, "MR_truncated.dcm: .*8192 bytes, only 8130"),
        ("README.txt", CorruptDataError, "README.txt is not a DICOM file"),
        ("badVR.dcm", UnsupportedError, r"badVR.dcm: Number of Frames \(0028,0008\) is '1A'"),
    ):
        path = shipped(name)
        if path is None:  # comes with pydicom-data
            continue
        with warnings.catch_warnings(), pytest.raises(kind, match=message):
            transcode_file(path, target)
    with pytest.raises(UnsupportedError, match="'zip' is no transfer syntax that mic writes"):
        transcode_file(shipped("CT_small.dcm"), target, "zip")
    with pytest.raises(UnsupportedError, match="NEAR is 2, RLE Lossless takes 0"):
        transcode_file(shipped("CT_small.dcm"), target, "rle", near=2)
    with pytest.raises(UnsupportedError, match="nowhere does not exist"):
        transcode_file(shipped("CT_small.dcm"), tmp_path / "nowhere" / "b.dcm")
    assert not list(tmp_path.iterdir())


def test_damaged_files(tmp_path):
    """The result is a mic error or a verified output; no other exception, no half file."""
    source, target = tmp_path / "a.dcm", tmp_path / "b.dcm"
    transcode_file(shipped("MR_small.dcm"), source, "mic")
    rng = random.Random(7)
    good = [source.read_bytes(), shipped("MR_small_bigendian.dcm").read_bytes()]
    outcomes = collections.Counter()
    for _ in range(120):
        data = bytearray(rng.choice(good))
        for _ in range(rng.choice((1, 3, 10))):
            data[rng.randrange(132, 3000)] = rng.randrange(256)
        source.write_bytes(data if rng.random() < 0.8 else data[: rng.randrange(len(data))])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                transcode_file(source, target, rng.choice(("mic", "rle", "implicit")))
                outcomes["ok"] += 1
            except MicError as error:
                assert str(error).startswith("a.dcm")
                outcomes["refused"] += 1
                assert not target.exists()
        target.unlink(missing_ok=True)
    assert min(outcomes["ok"], outcomes["refused"]) > 10


def test_a_plugin_that_panics(tmp_path, monkeypatch):
    """A panic in Rust is not an Exception, but must not end a run either."""
    from pydicom.pixels.decoders import RLELosslessDecoder

    class Panic(BaseException):
        pass

    def decode(src, runner):
        raise Panic("index out of bounds")

    monkeypatch.setattr(RLELosslessDecoder, "_available", {"broken": decode})
    with pytest.raises(CorruptDataError, match=r"MR_small_RLE.dcm: RLE .* index out of bounds"):
        transcode_file(shipped("MR_small_RLE.dcm"), tmp_path / "b.dcm")


def test_number_of_frames_is_checked(tmp_path):
    ds = pydicom.dcmread(shipped("SC_rgb_rle_2frame.dcm"))
    for frames, message in ((1, "hold 2 frames"), (3, "frame")):
        ds.NumberOfFrames = frames
        ds.save_as(tmp_path / "a.dcm")
        with pytest.raises(CorruptDataError, match=message):
            transcode_file(tmp_path / "a.dcm", tmp_path / "b.dcm")


def test_extended_offset_table(tmp_path, monkeypatch):
    """It exists if the frames take more than 4 GiB, and is removed if they do not."""
    monkeypatch.setattr(transcode_pixels, "needs_extended_table", lambda lengths: True)
    source = tmp_path / "a.dcm"
    write_dicom(source, smooth((3, 20, 20), "u2", 12), bits_stored=12)
    transcode_file(source, tmp_path / "b.dcm", "rle")
    assert len(pydicom.dcmread(tmp_path / "b.dcm").ExtendedOffsetTable) == 3 * 8
    transcode_file(tmp_path / "b.dcm", tmp_path / "c.dcm", "explicit")
    assert (tmp_path / "c.dcm").read_bytes() == source.read_bytes()


def test_missing_decoder_names_the_extra(tmp_path, monkeypatch):
    from pydicom.pixels.decoders import JPEGLosslessSV1Decoder

    monkeypatch.setattr(JPEGLosslessSV1Decoder, "_available", {})
    missing = {"pylibjpeg": ("pylibjpeg>=2.0", "pylibjpeg-libjpeg>=2.1")}
    monkeypatch.setattr(JPEGLosslessSV1Decoder, "_unavailable", missing)
    with pytest.raises(UnsupportedError, match=r"no decoder .* pylibjpeg.*mic-codec\[dicom\]"):
        transcode_file(shipped("SC_rgb_jpeg_gdcm.dcm"), tmp_path / "b.dcm")


def test_missing_encoder_names_the_extra(tmp_path, monkeypatch):
    from pydicom.pixels.encoders import JPEGLSLosslessEncoder

    monkeypatch.setattr(JPEGLSLosslessEncoder, "_available", {})
    monkeypatch.setattr(JPEGLSLosslessEncoder, "_unavailable", {"pyjpegls": ("pyjpegls>=1.3",)})
    with pytest.raises(UnsupportedError, match=r"no encoder .* pyjpegls.*mic-codec\[dicom\]"):
        transcode_file(shipped("CT_small.dcm"), tmp_path / "b.dcm", "jpegls")


def test_file_without_meta_information(tmp_path):
    """The elements of the file format are added; pydicom alone would need force=True."""
    ds = read_dicom(shipped("CT_small.dcm"))
    del ds.file_meta.TransferSyntaxUID
    bare = Dataset(ds)
    pydicom.dcmwrite(tmp_path / "a.dcm", bare, implicit_vr=True, little_endian=True)
    transcode_file(tmp_path / "a.dcm", tmp_path / "b.dcm", "explicit")
    after = pydicom.dcmread(tmp_path / "b.dcm")
    assert after.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
    assert np.array_equal(after.pixel_array, pydicom.dcmread(shipped("CT_small.dcm")).pixel_array)


@pytest.mark.parametrize("text", ["MIC", "MICLossless", "MIC Lossless", SYNTAXES[0].uid])
def test_names_of_syntaxes(text):
    assert find_syntax(text).name == "mic"


def test_compare_files(tmp_path):
    plain, big = shipped("MR_small.dcm"), shipped("MR_small_bigendian.dcm")
    facts = compare_files(tmp_path / plain, tmp_path / big)
    assert facts["max_error"] == 0 and len(facts["sha256"]) == 1 and not facts["differences"]
    ds = pydicom.dcmread(plain)
    array = ds.pixel_array.copy()
    array[3, 4] += 5
    ds.PixelData = array.tobytes()
    ds.PatientName = "Other"
    ds.save_as(tmp_path / "other.dcm")
    with pytest.raises(VerifyError, match=r"pixel \(3, 4\) is"):
        compare_files(tmp_path / plain, tmp_path / "other.dcm")
    facts = compare_files(tmp_path / plain, tmp_path / "other.dcm", near=5)
    assert facts["max_error"] == 5 and len(facts["sha256"]) == 2
    assert [text.split(" (")[0] for text in facts["differences"]] == ["PatientName"]
