# SPDX-License-Identifier: MIT
"""Images for display, against values computed by hand and against pydicom."""

import numpy as np
import pydicom
import pytest
from dicomfiles import write_dicom
from pydicom.pixels import apply_rescale, apply_voi_lut
from pydicom.uid import RLELossless
from seriesfiles import item, positions, write_enhanced

import mic
from mic import CorruptDataError, LimitError, UnsupportedError
from mic.benchmark.images import installed_folders
from mic.display import to_uint8

PYDICOM = installed_folders()["pydicom"]


def dicom(tmp_path, values, dtype="int16", **attributes):
    """Write a file with one row of samples."""
    path = tmp_path / "image.dcm"
    write_dicom(path, np.array([values], dtype), **attributes)
    return path


def grey(path, *arguments, **options):
    image = to_uint8(path, *arguments, **options)
    assert image.dtype == np.uint8 and image.flags.c_contiguous and image.ndim == 2
    return image[0].tolist()


# ---- windows by hand -----------------------------------------------------------------

# Centre 40, width 400.  LINEAR: black up to 39.5 - 199.5 = -160, white above 239, between
# ((x - 39.5) / 399 + 0.5) * 255.  LINEAR_EXACT: -160 to 240, ((x - 40) / 400 + 0.5) * 255.
# SIGMOID: 255 / (1 + exp(-4 (x - 40) / 400)).
VALUES = [-2000, -160, -159, 39, 40, 41, 140, 239, 240, 2000]
LINEAR = [0, 0, 1, 127, 128, 128, 192, 255, 255, 255]
LINEAR_EXACT = [0, 0, 1, 127, 128, 128, 191, 254, 255, 255]
SIGMOID = [0, 30, 31, 127, 128, 128, 186, 224, 225, 255]
EXPECTED = {"LINEAR": LINEAR, "LINEAR_EXACT": LINEAR_EXACT, "SIGMOID": SIGMOID}


@pytest.mark.parametrize("function", EXPECTED)
def test_functions(tmp_path, function):
    path = dicom(tmp_path, VALUES, WindowCenter=40, WindowWidth=400, VOILUTFunction=function)
    assert grey(path) == grey(path, "dicom") == EXPECTED[function]
    ds = pydicom.dcmread(path)
    assert grey(ds, (40, 400)) == EXPECTED[function]
    ds.PhotometricInterpretation = "MONOCHROME1"
    assert grey(ds) == [255 - value for value in EXPECTED[function]]


def test_window_of_an_array():
    array = np.array([VALUES], "float64")
    assert to_uint8(array, (40, 400))[0].tolist() == LINEAR
    # Below a width of 1 LINEAR is not defined: -0.5 to 0 by LINEAR_EXACT.
    assert to_uint8(np.array([[-1, -0.5, -0.25, 0, 1]]), (-0.25, 0.5)).tolist() == [
        [0, 0, 128, 255, 255]
    ]
    assert to_uint8(np.array([[4, 5, 6]]), (5, 1)).tolist() == [[0, 255, 255]]


def test_width_of_one(tmp_path):
    path = dicom(tmp_path, [3, 4, 5, 6], WindowCenter=5, WindowWidth=1)
    assert grey(path) == [0, 0, 255, 255]  # black up to 4.5


def test_rescale_comes_first(tmp_path):
    stored = [value + 1024 for value in VALUES]
    path = dicom(tmp_path, stored, RescaleSlope="1", RescaleIntercept="-1024")
    assert grey(path, (40, 400)) == LINEAR
    path = dicom(tmp_path, [-value for value in VALUES], RescaleSlope="-1", RescaleIntercept="0")
    assert grey(path, (40, 400)) == LINEAR


def test_several_windows(tmp_path):
    path = dicom(tmp_path, VALUES, WindowCenter=[40, 100], WindowWidth=[400, 200])
    assert grey(path) == LINEAR
    assert grey(path, view=1) == grey(path, (100, 200)) != LINEAR
    with pytest.raises(UnsupportedError, match="views 0 to 1"):
        to_uint8(path, view=2)


def test_voi_table(tmp_path):
    # 10 bits, for values 100 to 103: 0, 341, 682, 1023 of 1023.
    table = item(LUTDescriptor=[4, 100, 10], LUTData=[0, 341, 682, 1023])
    table[0]["LUTDescriptor"].VR = table[0]["LUTData"].VR = "US"
    path = dicom(tmp_path, [50, 100, 101, 102, 103, 500], VOILUTSequence=table)
    assert grey(path) == [0, 0, 85, 170, 255, 255]
    with_window = {"VOILUTSequence": table, "WindowCenter": 40, "WindowWidth": 400}
    assert grey(dicom(tmp_path, [50, 101, 500], **with_window)) == [0, 85, 255]


def test_tables_longer_than_their_entries_are_wide(tmp_path):
    """512 entries of 8 bits; the index of an entry does not fit 8 bits."""
    entries = [index // 2 for index in range(512)]
    table = item(LUTDescriptor=[512, 0, 8], LUTData=entries)
    table[0]["LUTDescriptor"].VR = table[0]["LUTData"].VR = "US"
    assert grey(dicom(tmp_path, [0, 100, 300, 511], VOILUTSequence=table)) == [0, 50, 150, 255]


def voi(n_entries, first, bits, data):
    table = item(LUTDescriptor=[n_entries, first, bits], LUTData=data)
    table[0]["LUTDescriptor"].VR = table[0]["LUTData"].VR = "US"
    return table


@pytest.mark.parametrize("bits", [8, 12, 16, 0, 40])
def test_entries_tell_the_bits_of_a_voi_table(tmp_path, bits):
    """The largest entry needs 10 bits, whatever the descriptor says."""
    path = dicom(tmp_path, [0, 1, 2, 3], VOILUTSequence=voi(4, 0, bits, [0, 341, 682, 1023]))
    assert grey(path) == [0, 85, 170, 255]


def test_incomplete_voi_tables_are_left_out(tmp_path):
    window = {"WindowCenter": 40, "WindowWidth": 400}
    half = item(LUTDescriptor=[4, 0, 8])
    half[0]["LUTDescriptor"].VR = "US"
    for table in (item(), item(LUTExplanation="none"), half):
        path = dicom(tmp_path, VALUES, VOILUTSequence=table, **window)
        assert grey(path) == grey(path, "dicom") == LINEAR
        path = dicom(tmp_path, [0, 50, 100], VOILUTSequence=table)
        assert grey(path) == [0, 128, 255]
        with pytest.raises(UnsupportedError, match="neither a VOI LUT nor a window"):
            to_uint8(path, "dicom")
    path = dicom(tmp_path, [0, 1], VOILUTSequence=[*voi(2, 0, 8, [0, 255]), *item()])
    assert grey(path) == [0, 255]


def test_tables_that_contradict_their_descriptor(tmp_path):
    path = dicom(tmp_path, [0, 1], VOILUTSequence=voi(9, 0, 8, [0, 255]))
    expected = r"image.dcm: LUT Data \(0028,3006\) has 4 bytes, 9 or 18 are expected"
    with pytest.raises(CorruptDataError, match=expected):
        to_uint8(path)
    # A modality table gives measured values: no entry is made up.
    table = voi(9, 0, 16, [0, 255])
    with pytest.raises(CorruptDataError, match=r"LUT Data \(0028,3006\) has 2 entries, .* 9"):
        to_uint8(dicom(tmp_path, [0, 1], ModalityLUTSequence=table))
    table[0].LUTDescriptor = [2, 0]
    with pytest.raises(CorruptDataError, match=r"LUT Descriptor \(0028,3002\) is \[2, 0\]"):
        to_uint8(dicom(tmp_path, [0, 1], ModalityLUTSequence=table))


def test_an_empty_modality_table_is_none(tmp_path):
    path = dicom(tmp_path, VALUES, ModalityLUTSequence=item(), WindowCenter=40, WindowWidth=400)
    assert grey(path) == LINEAR


def test_modality_table(tmp_path):
    # 12 bits, for values -2 to 1; then the window 1000, 2000 by LINEAR_EXACT.
    table = item(LUTDescriptor=[4, -2, 12], LUTData=[0, 500, 1000, 2000], ModalityLUTType="US")
    table[0]["LUTDescriptor"].VR, table[0]["LUTData"].VR = "SS", "US"
    window = {"WindowCenter": 1000, "WindowWidth": 2000, "VOILUTFunction": "LINEAR_EXACT"}
    path = dicom(tmp_path, [-9, -2, -1, 0, 1, 9], ModalityLUTSequence=table, **window)
    assert grey(path) == [0, 0, 64, 128, 255, 255]  # 63.75, 127.5


# ---- windows of the frame itself -----------------------------------------------------


def test_minmax_and_percentile(tmp_path):
    path = dicom(tmp_path, [-100, 0, 100, 300])
    assert grey(path, "minmax") == [0, 64, 128, 255]
    values = [-5000, *range(1, 1000), 9000]
    # The 6th and the 996th smallest of 1001 samples: 5 and 995.
    image = grey(dicom(tmp_path, values), "percentile")
    assert (image[5], image[6], image[995], image[-1]) == (0, 0, 255, 255)
    assert image[500] == round((500 - 5) / 990 * 255)
    assert image == grey(dicom(tmp_path, values))  # auto, with no window in the file


def test_padding_does_not_count(tmp_path):
    padded = {"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1990}
    path = dicom(tmp_path, [-2000, -1995, 0, 50, 100], **padded)
    assert grey(path, "minmax") == [0, 0, 0, 128, 255]
    path = dicom(tmp_path, [-2000, -2000], PixelPaddingValue=-2000)
    assert grey(path, "minmax") == [0, 0]


@pytest.mark.parametrize("keyword", ["PixelPaddingValue", "PixelPaddingRangeLimit"])
def test_two_padding_values_are_refused_by_name(tmp_path, keyword):
    path = dicom(tmp_path, [0, 50, 100], "uint16", **{"PixelPaddingValue": 0, keyword: [0, 1]})
    expected = f"image.dcm: {keyword} is '0, 1', 1 finite number is expected"
    for window in ("auto", "minmax"):
        with pytest.raises(CorruptDataError, match=expected):
            to_uint8(path, window)


def float_image(tmp_path, values, double=False, **attributes):
    path = tmp_path / "float.dcm"
    words = np.array([values], "float64" if double else "float32")
    write_dicom(path, words.view(f"uint{8 * words.itemsize}"), **attributes)
    ds = pydicom.dcmread(path)
    for keyword in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(ds, keyword)
    setattr(ds, "DoubleFloatPixelData" if double else "FloatPixelData", words.tobytes())
    ds.save_as(path)
    return path


@pytest.mark.parametrize("double", [False, True])
def test_floats(tmp_path, double):
    """Floating-point pixels have no Bits Stored, and padding attributes of their own."""
    path = float_image(tmp_path, [-0.5, 0, 0.25, 0.5], double)
    assert grey(path) == grey(path, "minmax") == [0, 128, 191, 255]
    assert grey(path, (0.25, 0.5)) == [0, 0, 128, 255]
    path = float_image(tmp_path, [np.nan, 0, 1, np.inf, -np.inf], double)
    assert grey(path) == [0, 0, 255, 255, 0]
    padding = {f"{'Double' * double}FloatPixelPaddingValue": -9.0}
    path = float_image(tmp_path, [-9, 0, 0.25, 0.5], double, **padding)
    assert grey(path, "minmax") == [0, 0, 128, 255]
    path = float_image(tmp_path, [-1, 0, 1], double, VOILUTSequence=voi(3, 65535, 8, [0, 100, 255]))
    assert grey(path) == [0, 100, 255]


def test_samples_in_the_upper_bits(tmp_path):
    path = dicom(tmp_path, [16, 32, 48], "uint16", bits_stored=12, HighBit=15)
    assert grey(path, "minmax") == [0, 128, 255]


@pytest.mark.parametrize("window", ["auto", "minmax", "percentile"])
def test_constant(tmp_path, window):
    assert grey(dicom(tmp_path, [7, 7, 7]), window) == [0, 0, 0]
    assert to_uint8(np.full((3, 3), 7.5), window).tolist() == [[0] * 3] * 3


def test_full_range_of_small_samples(tmp_path):
    path = dicom(tmp_path, [10, 20, 200], "uint8")
    assert grey(path) == [10, 20, 200]
    path = dicom(tmp_path, [0, 1, 7, 15], "uint8", bits_stored=4)
    assert grey(path) == [0, 17, 119, 255]
    path = dicom(tmp_path, [-128, 0, 127], "int8")
    assert grey(path) == [0, 128, 255]


def test_windows_of_width_zero(tmp_path):
    path = dicom(tmp_path, [0, 5, 10], WindowCenter=0, WindowWidth=0)
    assert grey(path) == [0, 128, 255]
    with pytest.raises(CorruptDataError, match="width 0"):
        to_uint8(path, "dicom")


def test_every_value_through_the_table():
    """For all words of both types, the look-up gives what the mapping gives for each."""
    for dtype in ("uint16", "int16"):
        every = np.arange(1 << 16).astype(np.uint16).view(dtype).reshape(256, 256)
        for window in ((40, 400), "minmax", (0.5, 70000)):
            image = to_uint8(every, window)
            assert np.array_equal(image, to_uint8(every.astype("float64"), window))
    small = np.arange(-128, 128, dtype="int8").repeat(64).reshape(128, 128)
    assert np.array_equal(to_uint8(small, (3, 50)), to_uint8(small.astype("float64"), (3, 50)))


@pytest.mark.parametrize("name", ["MR_small.dcm", "693_J2KI.dcm", "examples_overlay.dcm"])
def test_windows_are_pydicoms(name):
    if name.startswith("693"):
        pytest.importorskip("openjpeg")
    ds = pydicom.dcmread(PYDICOM / name)
    shown = apply_voi_lut(apply_rescale(ds.pixel_array, ds), ds)
    # pydicom's output has the range of the stored bits after rescaling.
    low = -(2 ** (ds.BitsStored - 1)) if ds.PixelRepresentation else 0
    low, high = (
        float(apply_rescale(np.array(end), ds)) for end in (low, low + 2**ds.BitsStored - 1)
    )
    expected = (shown - low) / (high - low) * 255
    assert np.abs(to_uint8(ds) - expected).max() < 0.5 + 1e-9


# ---- frames --------------------------------------------------------------------------


def test_frames_have_their_own_windows(tmp_path):
    array = np.array([VALUES, VALUES], "int16")[:, np.newaxis]
    path = write_enhanced(
        tmp_path / "ct.dcm", array, positions(2), windows=[("40", "400"), ("0", "2")]
    )
    assert grey(path) == LINEAR
    assert grey(path, frame=1) != LINEAR
    with pytest.raises(UnsupportedError, match="frames 0 to 1"):
        to_uint8(path, frame=2)
    with pytest.raises(UnsupportedError, match="frames 0 to 1"):
        to_uint8(array, frame=-1)
    assert to_uint8(array, (40, 400), frame=1)[0].tolist() == LINEAR


@pytest.mark.parametrize("compress", [lambda ds: ds.compress(RLELossless), mic.dicom.compress])
def test_compressed(tmp_path, compress):
    path = dicom(tmp_path, VALUES, WindowCenter=40, WindowWidth=400)
    ds = pydicom.dcmread(path)
    compress(ds)
    ds.save_as(path)
    assert grey(path) == grey(ds) == LINEAR


# ---- refusals ------------------------------------------------------------------------


@pytest.mark.parametrize("window", ["best", (40, 0), (40, -1), (40,), 7, None, (40, float("nan"))])
def test_bad_windows(window):
    with pytest.raises(UnsupportedError, match="window is"):
        to_uint8(np.zeros((3, 3)), window)


def test_refused(tmp_path):
    with pytest.raises(UnsupportedError, match="an array has none"):
        to_uint8(np.zeros((3, 3)), "dicom")
    with pytest.raises(UnsupportedError, match="neither a VOI LUT nor a window"):
        to_uint8(dicom(tmp_path, [1, 2]), "dicom")
    with pytest.raises(UnsupportedError, match="without pixel data"):
        to_uint8(PYDICOM / "test-SR.dcm")
    with pytest.raises(UnsupportedError, match="grey images only"):
        to_uint8(np.zeros((4, 4, 3), "uint8"), (40, 400))
    for array in (np.zeros(4), np.zeros((0, 4)), np.zeros((3, 3), complex)):
        with pytest.raises(UnsupportedError, match="rows and columns"):
            to_uint8(array)
    with pytest.raises(UnsupportedError, match="VOI LUT Function"):
        to_uint8(dicom(tmp_path, [1], WindowCenter=1, WindowWidth=2, VOILUTFunction="CUBIC"))
    (tmp_path / "text").write_text("no image")
    with pytest.raises(CorruptDataError, match="not a DICOM file"):
        to_uint8(tmp_path / "text")
    with pytest.raises(FileNotFoundError):
        to_uint8(tmp_path / "missing.dcm")
    with pytest.raises(LimitError, match="announces"):
        ds = pydicom.dcmread(dicom(tmp_path, [1, 2]))
        ds.Rows = ds.Columns = 65535
        to_uint8(ds)


@pytest.mark.filterwarnings("ignore::UserWarning")  # from pydicom, about damaged files
def test_all_of_pydicoms_files():
    """Any file gives an 8-bit image or one of mic's errors."""
    shown = 0
    for path in sorted(PYDICOM.glob("*.dcm")):
        try:
            image = to_uint8(path, overlays=True)
        except (UnsupportedError, CorruptDataError):
            continue
        assert image.dtype == np.uint8 and image.ndim in (2, 3) and image.flags.c_contiguous
        shown += 1
    assert shown > 30


def test_what_is_no_frame_or_no_dicom(tmp_path):
    with pytest.raises(mic.UnsupportedError, match="frame is '0', a whole number"):
        to_uint8(np.zeros((2, 2)), frame="0")
    (tmp_path / "notes.dcm").write_text("hello world")
    with pytest.raises(mic.CorruptDataError, match=r"notes.dcm is not a DICOM file"):
        to_uint8(tmp_path / "notes.dcm")
