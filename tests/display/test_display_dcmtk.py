# SPDX-License-Identifier: MIT
"""Pictures against those of DCMTK's dcm2pnm, where it is installed.

A difference of one grey level is allowed: DCMTK multiplies by 256 / 2^bits and cuts, mic
multiplies by 255 / (2^bits - 1) and rounds.
"""

import shutil
import struct
import subprocess

import numpy as np
import pydicom
import pytest
from dicomfiles import shipped, write_dicom
from PIL import Image
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian
from seriesfiles import item

from mic.display import to_uint8

TOLERANCE = 1
pytestmark = pytest.mark.skipif(
    shutil.which("dcm2pnm") is None, reason="dcm2pnm is not installed (Debian: dcmtk)"
)

EVERY = np.arange(4096, dtype="uint16").reshape(64, 64)
PALETTE = [value << 8 | value * 7 & 0xFF for value in range(256)]
WORDS_OF_8 = list(range(256))


def drawn(path, *options, tool="dcm2pnm"):
    """Return DCMTK's picture."""
    output = path.with_suffix(".ppm")
    command = [tool, "--quiet", *options, str(path), str(output)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    with Image.open(output) as image:
        return np.asarray(image)


def assert_same(path, *options, tolerance=TOLERANCE, **arguments):
    theirs, ours = drawn(path, *options), to_uint8(path, **arguments)
    assert ours.shape == theirs.shape
    assert np.abs(ours.astype(int) - theirs).max() <= tolerance
    return ours


def grey(tmp_path, samples=EVERY, bits=12, **attributes):
    path = tmp_path / "grey.dcm"
    write_dicom(path, samples, bits_stored=bits, **attributes)
    return path


def table(n_entries, first, bits, data, vr="US"):
    items = item(LUTDescriptor=[n_entries, first, bits], LUTData=data)
    items[0]["LUTDescriptor"].VR, items[0]["LUTData"].VR = "US", vr
    return items


def spread(top, n_entries=4096):
    """Return entries from 0 to `top`."""
    return [index * top // (n_entries - 1) for index in range(n_entries)]


# ---- grey ----------------------------------------------------------------------------

DECLARED = [(4095, 16), (1000, 12), (1000, 16), (255, 8), (255, 16), (4095, 12), (7, 8), (4096, 16)]
EXCEEDED = [(4095, 10), (65535, 12), (300, 8), (2000, 0), (2000, 7), (2000, 32)]


@pytest.mark.parametrize(("top", "bits"), DECLARED + EXCEEDED)
def test_entries_tell_the_bits_of_a_voi_table(tmp_path, top, bits):
    path = grey(tmp_path, VOILUTSequence=table(4096, 0, bits, spread(top)))
    assert_same(path, "+Wl", "1", "--ignore-vlut-depth")


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("n_entries", [255, 256])
def test_voi_tables_of_bytes(tmp_path, bits, n_entries):
    data = bytes(range(256))
    path = grey(tmp_path, VOILUTSequence=table(n_entries, 1000, bits, data, "OW"))
    assert assert_same(path, "+Wl", "1", "--ignore-vlut-depth").max() >= 254


@pytest.mark.parametrize("n_present", [2000, 5000])
def test_voi_tables_of_another_length(tmp_path, n_present):
    path = grey(tmp_path, VOILUTSequence=table(4096, 0, 12, spread(4095, n_present)))
    assert_same(path, "+Wl", "1", "--ignore-vlut-depth")


def test_the_first_value_of_a_voi_table_is_signed_if_its_input_is(tmp_path):
    attributes = {"RescaleSlope": 1, "RescaleIntercept": -1024}
    path = grey(
        tmp_path, VOILUTSequence=table(2048, 65536 - 512, 12, spread(4095, 2048)), **attributes
    )
    assert len(np.unique(assert_same(path, "+Wl", "1", "--ignore-vlut-depth"))) > 200


def test_incomplete_tables_are_left_out(tmp_path):
    window = {"WindowCenter": 1000, "WindowWidth": 2000}
    path = grey(tmp_path, VOILUTSequence=item(), ModalityLUTSequence=item(), **window)
    assert_same(path, "+Wi", "1")
    path = grey(tmp_path, VOILUTSequence=item(LUTExplanation="none"), **window)
    assert_same(path, "+Wi", "1", window="dicom")


@pytest.mark.parametrize(("top", "bits"), [(4095, 16), (1000, 12), (255, 8), (1000, 16)])
def test_modality_tables(tmp_path, top, bits):
    lut = table(4096, 0, bits, spread(top))
    path = grey(tmp_path, ModalityLUTSequence=lut, WindowCenter=300, WindowWidth=600)
    assert_same(path, "+Wi", "1")


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("wide", [False, True])
def test_tables_of_both_byte_orders(tmp_path, syntax, wide):
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    # Entries of 8 bits are packed into words, the first into the low byte.
    entries = np.array(PALETTE if wide else WORDS_OF_8)
    words = entries if wide else entries[0::2] | entries[1::2] << 8
    data = words.astype(f"{order}u2").tobytes()
    lut = table(256, 100, 16 if wide else 8, data, "OW")
    path = grey(tmp_path, syntax=syntax, VOILUTSequence=lut)
    assert len(np.unique(assert_same(path, "+Wl", "1", "--ignore-vlut-depth"))) >= 250


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_windows_and_inversion(tmp_path, photometric):
    path = grey(
        tmp_path,
        PhotometricInterpretation=photometric,
        WindowCenter=1500,
        WindowWidth=777,
        RescaleSlope=2,
        RescaleIntercept=-1000,
    )
    assert_same(path, "+Wi", "1")
    assert_same(path, "+Wm", window="minmax")


@pytest.mark.parametrize("dtype", ["uint16", "int16"])
def test_samples_in_the_upper_bits(tmp_path, dtype):
    path = grey(tmp_path, (EVERY << 4).view(dtype), HighBit=15)
    assert len(np.unique(assert_same(path, "+Wm", window="minmax"))) >= 250


def test_overlays(tmp_path):
    path = grey(tmp_path, WindowCenter=2000, WindowWidth=9000)
    ds = pydicom.dcmread(path)
    plane = np.random.default_rng(1).integers(0, 2, (20, 30)).astype("uint8")
    for element, vr, value in (
        (0x0010, "US", 20),
        (0x0011, "US", 30),
        (0x0040, "CS", "G"),
        (0x0050, "SS", [7, 11]),
        (0x0100, "US", 1),
        (0x0102, "US", 0),
        (0x3000, "OW", pydicom.pixels.pack_bits(plane)),
    ):
        ds.add_new((0x6000, element), vr, value)
    ds.save_as(path)
    ours = assert_same(path, "+Wi", "1", overlays=True)
    assert (ours == 255).sum() == plane.sum()
    assert_same(path, "+Wi", "1", "-O")


@pytest.mark.parametrize(("high_bit", "position"), [(11, 12), (11, 15), (15, 0), (13, 15)])
def test_overlays_in_the_words(tmp_path, high_bit, position):
    plane = np.random.default_rng(2).integers(0, 2, EVERY.shape).astype("uint16")
    words = EVERY << high_bit - 11 | plane << position
    path = grey(tmp_path, words, HighBit=high_bit, WindowCenter=2000, WindowWidth=9000)
    ds = pydicom.dcmread(path)
    for element, vr, value in (
        (0x0010, "US", 64),
        (0x0011, "US", 64),
        (0x0040, "CS", "G"),
        (0x0050, "SS", [1, 1]),
        (0x0100, "US", 16),
        (0x0102, "US", position),
    ):
        ds.add_new((0x6000, element), vr, value)
    ds.save_as(path)
    ours = assert_same(path, "+Wi", "1", overlays=True)
    assert (ours == 255).sum() == plane.sum()


# ---- colour --------------------------------------------------------------------------


def palette(tmp_path, descriptor, tables, indices=None, syntax=ExplicitVRLittleEndian):
    path = tmp_path / "palette.dcm"
    indices = np.arange(256, dtype="uint8").reshape(16, 16) if indices is None else indices
    write_dicom(path, indices, syntax, PhotometricInterpretation="PALETTE COLOR")
    ds = pydicom.dcmread(path)
    for colour, data in zip(("Red", "Green", "Blue"), tables, strict=True):
        ds.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", descriptor)
        ds.add_new(f"{colour}PaletteColorLookupTableData", "OW", data)
    ds.save_as(path)
    return path


def words(entries, order="<"):
    return struct.pack(f"{order}{len(entries)}H", *entries)


def colours(entries, pack=words, **options):
    return [pack(part, **options) for part in (entries, entries[::-1], entries[7:] + entries[:7])]


@pytest.mark.parametrize(
    ("bits", "tables"),
    [
        (8, colours(WORDS_OF_8, bytes)),
        (8, colours(WORDS_OF_8)),
        (8, colours([value * 257 for value in WORDS_OF_8])),
        (8, colours([value << 8 for value in WORDS_OF_8])),
        (8, colours(PALETTE)),
        (16, colours(PALETTE)),
        (16, colours(WORDS_OF_8)),
        (16, [words(WORDS_OF_8), *colours(PALETTE)[1:]]),
        (12, colours([value << 4 for value in WORDS_OF_8])),
        (0, colours(PALETTE)),
        (0, colours(WORDS_OF_8, bytes)),
        (16, [data[:200] for data in colours(PALETTE)]),
    ],
    ids=[
        "bytes",
        "words-of-8",
        "copied-bytes",
        "high-bytes",
        "words-declared-8",
        "words",
        "words-of-8-declared-16",
        "one-dark-colour",
        "words-of-12",
        "words-declared-0",
        "bytes-declared-0",
        "too-short",
    ],
)
def test_palettes(tmp_path, bits, tables):
    path = palette(tmp_path, [256, 0, bits], tables)
    assert len(np.unique(assert_same(path, "--check-lut-depth")[..., 1])) > 90


@pytest.mark.parametrize("bits", [8, 16])
def test_palettes_of_both_byte_orders(tmp_path, bits):
    swapped = np.frombuffer(bytes(WORDS_OF_8), "u2").byteswap().tobytes()
    tables = colours(PALETTE, order=">") if bits == 16 else [swapped] * 3
    path = palette(tmp_path, [256, 0, bits], tables, syntax=ExplicitVRBigEndian)
    assert len(np.unique(assert_same(path, "--check-lut-depth")[..., 0])) >= 250


def test_palettes_of_signed_indices(tmp_path):
    indices = np.arange(-128, 128, dtype="int8").reshape(16, 16)
    path = palette(tmp_path, [256, 65536 - 128, 16], colours(PALETTE), indices)
    assert len(np.unique(assert_same(path, "--check-lut-depth")[..., 0])) >= 250


# ---- JPEG ----------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("dcmj2pnm") is None, reason="dcmj2pnm is not installed")
@pytest.mark.parametrize("name", ["JPEG-lossy.dcm", "JPGExtended.dcm"])
def test_jpeg_of_12_bits(tmp_path, name):
    pytest.importorskip("imagecodecs")
    path = shutil.copy(shipped(name), tmp_path)
    theirs = drawn(tmp_path / name, "+Wm", tool="dcmj2pnm")
    # Decoders differ by 1 of the 265 values of this image; that and rounding are 2 levels.
    assert np.abs(to_uint8(path, "minmax").astype(int) - theirs).max() <= 2
