# SPDX-License-Identifier: MIT
"""Colour and overlays for display."""

import struct

import numpy as np
import pydicom
import pytest
from dicomfiles import write_dicom

from mic import CorruptDataError, UnsupportedError
from mic.benchmark.images import installed_folders
from mic.display import to_uint8

PYDICOM = installed_folders()["pydicom"]


def palette_file(tmp_path, values, descriptor, tables, dtype="uint8"):
    path = tmp_path / "palette.dcm"
    write_dicom(path, np.array([values], dtype), PhotometricInterpretation="PALETTE COLOR")
    ds = pydicom.dcmread(path)
    for colour, table in zip(("Red", "Green", "Blue"), tables, strict=True):
        ds.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", descriptor)
        ds.add_new(f"{colour}PaletteColorLookupTableData", "OW", bytes(table))
    ds.save_as(path)
    return path


def test_palette_of_8_bits(tmp_path):
    tables = [bytes([0, 10, 20, 30]), bytes([1, 11, 21, 31]), bytes([2, 12, 22, 32])]
    path = palette_file(tmp_path, [0, 1, 3, 9], [4, 0, 8], tables)
    image = to_uint8(path)
    assert image.tolist() == [[[0, 1, 2], [10, 11, 12], [30, 31, 32], [30, 31, 32]]]
    with pytest.raises(UnsupportedError, match="grey images only"):
        to_uint8(path, "minmax")


def test_palette_of_16_bits(tmp_path):
    tables = [struct.pack("<3H", 0, 32768, 65535)] * 3
    path = palette_file(tmp_path, [4, 5, 6, 7], [3, 5, 16], tables)
    assert to_uint8(path)[0, :, 1].tolist() == [0, 0, 128, 255]


@pytest.mark.parametrize("width", [1, 2])
def test_palette_longer_than_its_entries_are_wide(tmp_path, width):
    entries = np.arange(1024) // 4
    table = entries.astype(f"<u{width}").tobytes()
    path = palette_file(tmp_path, [0, 100, 500, 1023], [1024, 0, 8], [table] * 3, "uint16")
    assert to_uint8(path)[0, :, 0].tolist() == [0, 25, 125, 255]


def test_palette_of_bytes_declared_16(tmp_path):
    """dcm2pnm draws it black, because it takes the descriptor's word for the bits."""
    path = palette_file(tmp_path, [0, 1, 3], [4, 0, 16], [bytes([0, 10, 20, 255])] * 3)
    assert to_uint8(path)[0, :, 0].tolist() == [0, 10, 255]


def test_palette_of_more_bits_than_declared(tmp_path):
    table = struct.pack("<3H", 0, 0x8123, 0xFFFF)
    path = palette_file(tmp_path, [0, 1, 2], [3, 0, 12], [table] * 3)
    assert to_uint8(path)[0, :, 0].tolist() == [0, 129, 255]


def test_dark_palettes_stay_dark(tmp_path):
    table = struct.pack("<3H", 0, 0x0800, 0x1000)
    path = palette_file(tmp_path, [0, 1, 2], [3, 0, 16], [table] * 3)
    assert to_uint8(path)[0, :, 0].tolist() == [0, 8, 16]


def test_palette_of_a_wrong_length(tmp_path):
    path = palette_file(tmp_path, [0, 1], [100, 0, 8], [bytes(256)] * 3)
    expected = r"palette.dcm: Red Palette .* \(0028,1201\) has 256 bytes, 100 or 200 are expected"
    with pytest.raises(CorruptDataError, match=expected):
        to_uint8(path)


def test_palette_without_its_tables(tmp_path):
    path = tmp_path / "palette.dcm"
    write_dicom(path, np.zeros((2, 2), "uint8"), PhotometricInterpretation="PALETTE COLOR")
    with pytest.raises(CorruptDataError, match="Palette Color Lookup Table Descriptor"):
        to_uint8(path)


def test_rgb(tmp_path):
    colours = np.arange(2 * 3 * 3, dtype="uint8").reshape(2, 3, 3) * 10
    write_dicom(tmp_path / "rgb.dcm", colours)
    assert np.array_equal(to_uint8(tmp_path / "rgb.dcm"), colours)
    assert np.array_equal(to_uint8(np.stack([colours, colours + 1]), frame=1), colours + 1)
    wide = np.array([[[0, 32768, 65535], [257, 128, 129]]], "uint16")
    write_dicom(tmp_path / "wide.dcm", wide)
    assert to_uint8(tmp_path / "wide.dcm").tolist() == [[[0, 128, 255], [1, 0, 1]]]
    with pytest.raises(UnsupportedError, match="3 of unsigned integers"):
        to_uint8(np.zeros((2, 3, 3)))


def test_ybr_becomes_rgb(tmp_path):
    # White, black and the red of PS3.3, C.7.6.3.1.2: Y 76.2, Cb 85.0, Cr 255.
    ybr = np.array([[[255, 128, 128], [0, 128, 128], [76, 85, 255]]], "uint8")
    write_dicom(tmp_path / "ybr.dcm", ybr, PhotometricInterpretation="YBR_FULL")
    white, black, red = to_uint8(tmp_path / "ybr.dcm")[0].astype(int)
    assert (white == 255).all() and (black == 0).all()
    assert red[0] >= 253 and red[1:].max() <= 2


def test_real_colour_files():
    for name in (
        "examples_rgb_color.dcm",
        "SC_ybr_full_422_uncompressed.dcm",
        "SC_rgb_rle.dcm",
        "SC_rgb_small_odd_big_endian.dcm",
    ):
        path = PYDICOM / name
        if not path.exists():
            continue
        assert np.array_equal(to_uint8(path), pydicom.pixels.pixel_array(path))


# ---- overlays ------------------------------------------------------------------------


def add_overlay(ds, plane, origin, group=0x6000, first=None, frames=None):
    plane = np.asarray(plane, "uint8")
    ds.add_new((group, 0x0010), "US", plane.shape[-2])
    ds.add_new((group, 0x0011), "US", plane.shape[-1])
    ds.add_new((group, 0x0040), "CS", "G")
    ds.add_new((group, 0x0050), "SS", list(origin))
    ds.add_new((group, 0x0100), "US", 1)
    ds.add_new((group, 0x0102), "US", 0)
    if frames is not None:
        ds.add_new((group, 0x0015), "IS", frames)
        ds.add_new((group, 0x0051), "US", first)
    ds.add_new((group, 0x3000), "OW", pydicom.pixels.pack_bits(plane))


def grey_image(tmp_path, shape=(4, 5), **attributes):
    path = tmp_path / "grey.dcm"
    write_dicom(path, np.full(shape, 9, "uint8"), **attributes)
    return pydicom.dcmread(path), path


@pytest.mark.parametrize("origin", [(1, 1), (2, 3), (0, -1), (4, 5), (9, 9), (-9, 1)])
def test_overlays_lie_where_their_origin_says(tmp_path, origin):
    ds, path = grey_image(tmp_path)
    plane = np.array([[1, 0], [1, 1]])
    add_overlay(ds, plane, origin)
    ds.save_as(path)
    expected = np.full((4, 5), 9)
    for row, column in np.argwhere(plane):
        y, x = row + origin[0] - 1, column + origin[1] - 1
        if 0 <= y < 4 and 0 <= x < 5:
            expected[y, x] = 255
    assert np.array_equal(to_uint8(path, overlays=True), expected)
    assert np.array_equal(to_uint8(ds, overlays=True), expected)
    assert (to_uint8(path) == 9).all()


def test_overlays_of_frames(tmp_path):
    ds, path = grey_image(tmp_path, (4, 4, 5))
    add_overlay(ds, np.ones((2, 4, 5)), (1, 1), first=2, frames=2)  # for frames 1 and 2
    ds.save_as(path)
    shown = [int(to_uint8(path, frame=frame, overlays=True).max()) for frame in range(4)]
    assert shown == [9, 255, 255, 9]


def test_overlay_in_the_pixel_data(tmp_path):
    """Bit 12 of 16, as in old files."""
    words = np.full((4, 5), 100, "uint16")
    words[1, 2] |= 1 << 12
    words[3, 4] |= 1 << 12
    path = tmp_path / "embedded.dcm"
    write_dicom(path, words, bits_stored=12)
    ds = pydicom.dcmread(path)
    ds.add_new((0x6000, 0x0010), "US", 4)
    ds.add_new((0x6000, 0x0011), "US", 5)
    ds.add_new((0x6000, 0x0040), "CS", "G")
    ds.add_new((0x6000, 0x0050), "SS", [1, 1])
    ds.add_new((0x6000, 0x0100), "US", 16)
    ds.add_new((0x6000, 0x0102), "US", 12)
    ds.save_as(path)
    image = to_uint8(path, "minmax", overlays=True)
    assert np.argwhere(image).tolist() == [[1, 2], [3, 4]]
    assert not to_uint8(path, "minmax").any()


def test_overlay_in_the_lowest_bits(tmp_path):
    """Samples in bits 4 to 15, an overlay in bit 0."""
    words = np.full((4, 5), 100 << 4, "uint16")
    words[1, 2] |= 1
    path = tmp_path / "embedded.dcm"
    write_dicom(path, words, bits_stored=12, HighBit=15)
    ds = pydicom.dcmread(path)
    ds.add_new((0x6000, 0x0050), "SS", [1, 1])
    ds.add_new((0x6000, 0x0102), "US", 0)
    ds.save_as(path)
    assert np.argwhere(to_uint8(path, "minmax", overlays=True)).tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("element", "value", "message"),
    [
        (0x0050, [1], r"Overlay Origin \(6000,0050\) is 1, 2 numbers are expected"),
        (0x0050, [1, 2, 3], r"Overlay Origin \(6000,0050\) is \[1, 2, 3\], 2 numbers"),
        (0x0010, [2, 2], r"Overlay Rows \(6000,0010\) is \[2, 2\], 1 number is expected"),
        (0x0011, None, r"Overlay Columns \(6000,0011\) is missing, 1 number is expected"),
        (0x0051, [1, 2], r"Image Frame Origin \(6000,0051\) is \[1, 2\], 1 number is expected"),
    ],
)
def test_overlays_with_another_number_of_values(tmp_path, element, value, message):
    ds, path = grey_image(tmp_path)
    add_overlay(ds, np.ones((2, 2)), (1, 1))
    ds.add_new((0x6000, element), "SS" if element == 0x0050 else "US", value)
    ds.save_as(path)
    with pytest.raises(CorruptDataError, match=f"grey.dcm: {message}"):
        to_uint8(path, overlays=True)


def test_real_overlay():
    path = PYDICOM / "examples_overlay.dcm"
    plane = pydicom.dcmread(path).overlay_array(0x6000)
    image = to_uint8(path, overlays=True)
    assert (image[plane == 1] == 255).all()
    assert np.array_equal(image[plane == 0], to_uint8(path)[plane == 0])
