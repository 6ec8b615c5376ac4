# SPDX-License-Identifier: MIT
"""JPEG-LS as DICOM defines it: what it may hold, what it refuses, what it declares."""

import io

import numpy as np
import pydicom
import pytest
from dicomfiles import write_dicom

from mic import jpegls
from mic.errors import UnsupportedError
from mic.transcode.image import image_of
from mic.transcode.jpegls import largest_near
from mic.transcode.pixels import pixel_part, to_native

jpeg_ls = pytest.importorskip("jpeg_ls")


def data_set(array, **options):
    file = io.BytesIO()
    write_dicom(file, array, **options)
    file.seek(0)
    return pydicom.dcmread(file)


def ramp(dtype="uint16", bits=None, shape=(20, 30)):
    """Make every range of values, with steps."""
    bits = bits or 8 * np.dtype(dtype).itemsize
    low = -(1 << (bits - 1)) if np.dtype(dtype).kind == "i" else 0
    values = np.linspace(low, low + (1 << bits) - 1, int(np.prod(shape)))
    return values.round().astype(dtype).reshape(shape)


def pixels(ds):
    """Decode again, through a file."""
    file = io.BytesIO()
    ds.save_as(file)
    file.seek(0)
    native = to_native(pixel_part(pydicom.dcmread(file)), as_rgb=False)
    return image_of(native)


@pytest.mark.parametrize("bits", range(2, 17))
@pytest.mark.parametrize("signed", [False, True])
def test_lossless(bits, signed):
    dtype = f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}"
    array = ramp(dtype, bits)
    ds = jpegls.compress(data_set(array, bits_stored=bits))
    assert ds.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.80"
    assert "LossyImageCompression" not in ds
    assert np.array_equal(pixels(ds).values(0), array)
    # The codestream gives Bits Stored as its precision: PS3.5, 8.2.3.
    frame = next(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=1))
    assert jpeg_ls.decode_buffer(frame)[1]["bits_per_sample"] == bits


@pytest.mark.parametrize("near", [1, 3, 7])
@pytest.mark.parametrize(
    ("dtype", "bits"), [("u1", 8), ("u2", 12), ("u2", 16), ("i2", 12), ("i2", 16)]
)
def test_near_lossless(dtype, bits, near):
    array = ramp(dtype, bits)
    if array.dtype.kind == "i":
        array = np.clip(array, array.min() + near, array.max() - near)
    noisy = array + np.random.default_rng(0).integers(-1, 2, array.shape)
    array = np.clip(noisy, array.min(), array.max()).astype(dtype)
    ds = jpegls.compress(data_set(array, bits_stored=bits), near)
    assert ds.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.81"
    error = np.abs(pixels(ds).values(0).astype(int) - array)
    assert 0 < error.max() <= near


def test_near_lossless_of_signed_samples_at_the_edge():
    """One value further, and the smallest value could become the largest."""
    near = 2
    array = np.full((8, 8), 100, np.int16)
    for value, fits in ((2045, True), (2046, False), (-2046, True), (-2047, False)):
        array[3, 3] = value
        ds = data_set(array, bits_stored=12)
        before = ds.PixelData
        if fits:
            assert np.abs(pixels(jpegls.compress(ds, near)).values(0) - array).max() <= near
            continue
        with pytest.raises(UnsupportedError, match=r"-2046 to 2045.*clip or rescale") as caught:
            jpegls.compress(ds, near)
        assert str(value) in str(caught.value)
        assert ds.PixelData == before
        assert np.array_equal(pixels(jpegls.compress(ds)).values(0), array)  # lossless can


def test_lossy_attributes():
    ds = data_set(ramp(bits=12), bits_stored=12, ImageType=["ORIGINAL", "PRIMARY", "AXIAL"])
    native = len(ds.PixelData)
    class_uid, uid = ds.SOPClassUID, ds.SOPInstanceUID
    again = data_set(ramp(bits=12), bits_stored=12, SOPInstanceUID=uid)
    jpegls.compress(ds, 2)
    assert ds.LossyImageCompression == "01"
    assert ds.LossyImageCompressionMethod == "ISO_14495_1"
    assert float(ds.LossyImageCompressionRatio) == pytest.approx(native / len(ds.PixelData), 1e-3)
    assert list(ds.ImageType) == ["DERIVED", "PRIMARY", "AXIAL"]
    assert "NEAR 2" in ds.DerivationDescription
    assert ds.DerivationCodeSequence[0].CodeValue == "113040"
    source = ds.SourceImageSequence[0]
    assert (source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID) == (class_uid, uid)
    assert source.PurposeOfReferenceCodeSequence[0].CodeValue == "121320"
    assert ds.SOPInstanceUID != uid
    assert ds.SOPInstanceUID.is_valid
    assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
    # Repeating it gives the same result, so that a run can be repeated.
    assert jpegls.compress(again, 2).SOPInstanceUID == ds.SOPInstanceUID
    assert jpegls.compress(again, 3).SOPInstanceUID != ds.SOPInstanceUID


def test_a_second_lossy_step_is_added():
    history = {
        "LossyImageCompression": "01",
        "LossyImageCompressionRatio": "10",
        "LossyImageCompressionMethod": "ISO_10918_1",
        "DerivationDescription": "before",
    }
    ds = jpegls.compress(data_set(ramp(bits=12), bits_stored=12, **history), 1)
    assert ds.LossyImageCompressionRatio[0] == 10
    assert list(ds.LossyImageCompressionMethod) == ["ISO_10918_1", "ISO_14495_1"]
    assert ds.DerivationDescription.startswith("before; ")


@pytest.mark.parametrize("near", [0, 2])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
@pytest.mark.parametrize("planar", [0, 1])
def test_colour(photometric, planar, near):
    """YBR_FULL stays YBR_FULL; the codestream is colour by pixel, and declares it."""
    array = np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)
    stored = np.moveaxis(array, -1, 0) if planar else array
    ds = data_set(array, PhotometricInterpretation=photometric, PlanarConfiguration=planar)
    ds.PixelData = stored.tobytes()
    jpegls.compress(ds, near)
    assert ds.PhotometricInterpretation == photometric
    assert ds.PlanarConfiguration == 0  # PS3.5, table 8.2.3-1
    image = pixels(ds)
    assert image.photometric == photometric
    assert np.abs(image.values(0).astype(int) - array).max() <= near


REFUSALS = {
    "photometric": ({"PhotometricInterpretation": "YBR_RCT"}, r"\(0028,0004\) is YBR_RCT.*RGB"),
    "bits allocated": ({"BitsAllocated": 32}, r"Bits Allocated \(0028,0100\) is 32.*8 or 16"),
    "1 bit stored": ({"BitsStored": 1, "HighBit": 0}, r"Bits Stored \(0028,0101\) is 1.*2 to 16"),
    "high bit": ({"HighBit": 14}, r"High Bit \(0028,0102\) is 14.*takes 11"),
    "signed palette": (
        {"PhotometricInterpretation": "PALETTE COLOR", "PixelRepresentation": 1},
        r"Pixel Representation \(0028,0103\) is 1.*takes 0",
    ),
    "missing": ({"BitsStored": None}, r"no Bits Stored \(0028,0101\)"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_name_attribute_value_and_allowed_values(name):
    attributes, message = REFUSALS[name]
    ds = data_set(np.zeros((8, 16), np.uint16), bits_stored=12)
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    if ds.BitsAllocated == 32:
        ds.Columns = 8
    before = ds.PixelData
    with pytest.raises(UnsupportedError, match=message):
        jpegls.compress(ds)
    assert ds.PixelData == before


COLOUR_REFUSALS = {
    "16-bit YBR_FULL": ({"PhotometricInterpretation": "YBR_FULL"}, r"Bits Allocated .* is 16.*8"),
    "signed RGB": ({"PixelRepresentation": 1}, r"Pixel Representation .* is 1.*takes 0"),
    "planar": ({"PlanarConfiguration": 2}, r"Planar Configuration \(0028,0006\) is 2.*0 or 1"),
    "grey": ({"PhotometricInterpretation": "MONOCHROME2"}, r"Samples per Pixel .* is 3.*takes 1"),
}


@pytest.mark.parametrize("name", COLOUR_REFUSALS)
def test_refusals_of_colour(name):
    attributes, message = COLOUR_REFUSALS[name]
    ds = data_set(np.zeros((8, 8, 3), np.uint16), **attributes)
    with pytest.raises(UnsupportedError, match=message):
        jpegls.compress(ds)


def test_palettes_are_lossless_only():
    """An error of 1 in an index would be another colour."""
    ds = data_set(ramp("uint8"), PhotometricInterpretation="PALETTE COLOR")
    with pytest.raises(UnsupportedError, match=r"PALETTE COLOR.*takes MONOCHROME1"):
        jpegls.compress(ds, 1)
    assert np.array_equal(pixels(jpegls.compress(ds)).values(0), ramp("uint8"))


def test_bits_above_bits_stored():
    """An overlay in the pixel words would be lost; an extended sign would not."""
    array = ramp(bits=12)
    array[0, 0] |= 1 << 15
    with pytest.raises(UnsupportedError, match=r"above Bits Stored.*rle or deflated"):
        jpegls.compress(data_set(array, bits_stored=12))
    signed = ramp("int16", 12)
    for words in (signed, (signed.view("uint16") & 0x0FFF).view("int16")):
        ds = jpegls.compress(data_set(words, bits_stored=12))
        assert np.array_equal(pixels(ds).values(0), signed)


@pytest.mark.parametrize(("bits", "limit"), [(8, 127), (4, 7), (12, 255), (16, 255)])
def test_largest_near(bits, limit):
    """ISO 14495-1, C.2.3: min(255, MAXVAL / 2)."""
    assert largest_near(bits) == limit
    ds = data_set(ramp("u1" if bits <= 8 else "u2", bits), bits_stored=bits)
    with pytest.raises(UnsupportedError, match=f"NEAR is {limit + 1}.*0 to {limit}"):
        jpegls.compress(ds, limit + 1)
    with pytest.raises(UnsupportedError, match="NEAR is -1"):
        jpegls.compress(ds, -1)
    jpegls.compress(ds, limit)


def test_many_frames():
    array = np.random.default_rng(2).integers(0, 4096, (5, 16, 17), np.uint16)
    image = pixels(jpegls.compress(data_set(array, bits_stored=12)))
    assert np.array_equal(image.words, array)
