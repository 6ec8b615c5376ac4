# SPDX-License-Identifier: MIT
"""Series as volumes: grouping, order, faults of a series, time, multi-frame."""

import itertools
import pickle
import re
import shutil
import warnings

import numpy as np
import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.uid import RLELossless
from seriesfiles import (
    OBLIQUE,
    item,
    pixels,
    positions,
    write_enhanced,
    write_series,
    write_times,
)

import mic
from mic import CorruptDataError, LimitError, UnsupportedError
from mic.benchmark.images import installed_folders
from mic.dicom.attributes import FrameAttributes
from mic.dicom.failures import reading
from mic.display import to_uint8
from mic.volume import Volume, list_series, read, read_series

ROTATED = OBLIQUE[:, [1, 2, 0]]


# ---- order and grouping --------------------------------------------------------------


def test_sorted_by_place_not_by_name(tmp_path):
    array = pixels(9)
    paths = write_series(tmp_path, array)
    assert paths != sorted(paths)
    volume = read_series(tmp_path)
    assert np.array_equal(volume.array, array) and volume.array.dtype == np.int16
    assert [path for path, _ in volume.metadata["files"][0]] == [str(path) for path in paths]
    assert volume.spacing == pytest.approx((0.625, 0.75, 2.5))
    assert volume.origin == pytest.approx((-31.5, 12.25, 100.0))
    assert np.allclose(volume.direction, OBLIQUE)
    assert volume.metadata["warnings"] == [] and volume.metadata["fourth_axis"] is None
    assert volume.metadata["header"].StudyInstanceUID == volume.metadata["study_uid"]


def test_volumes_travel_to_worker_processes(tmp_path):
    write_series(tmp_path, pixels(2))
    volume = read_series(tmp_path)
    again = pickle.loads(pickle.dumps(volume))
    assert np.array_equal(again.array, volume.array) and np.array_equal(again.affine, volume.affine)
    assert again.metadata["header"].Rows == 12


def test_paths_and_data_sets_in_any_order(tmp_path):
    array = pixels(5)
    paths = write_series(tmp_path, array)
    assert np.array_equal(read_series(reversed(paths)).array, array)
    data_sets = [pydicom.dcmread(path) for path in paths[::-1]]
    assert np.array_equal(read_series(data_sets, threads=3).array, array)
    assert np.array_equal(read(tmp_path).array, array)
    assert np.array_equal(read(paths[2]).array, array[2:3])


def test_several_series(tmp_path):
    write_series(tmp_path / "a", pixels(3), SeriesNumber=4, SeriesDescription="thin", Modality="MR")
    write_series(tmp_path / "b", pixels(2, seed=5), SeriesNumber=2)
    (tmp_path / "notes.txt").write_text("no image")
    infos = list_series(tmp_path)
    assert [(info.number, info.files, info.frames) for info in infos] == [(2, 2, 2), (4, 3, 3)]
    assert (infos[1].description, infos[1].modality, infos[1].rows) == ("thin", "MR", 12)
    with pytest.raises(UnsupportedError, match="series_uid=") as caught:
        read_series(tmp_path)
    assert all(info.uid in str(caught.value) for info in infos)
    chosen = read_series(tmp_path, series_uid=infos[0].uid)
    assert np.array_equal(chosen.array, pixels(2, seed=5))
    with pytest.raises(UnsupportedError, match=r"no series 1\.2\.3"):
        read_series(tmp_path, series_uid="1.2.3")


@pytest.mark.filterwarnings("ignore::UserWarning")  # from pydicom, about a text file
def test_nothing_to_read(tmp_path):
    with pytest.raises(UnsupportedError, match="holds no DICOM file"):
        read_series(tmp_path)
    with pytest.raises(UnsupportedError, match="does not exist"):
        read(tmp_path / "missing")
    with pytest.raises(UnsupportedError, match="at least one path"):
        read_series([])
    with pytest.raises(UnsupportedError, match="3 is no series"):
        read_series(3)
    (tmp_path / "text.dcm").write_text("no DICOM at all")
    with pytest.raises((UnsupportedError, CorruptDataError), match=r"text\.dcm"):
        read(tmp_path / "text.dcm")
    report = installed_folders()["pydicom"] / "test-SR.dcm"
    with pytest.raises(UnsupportedError, match="without pixel data"):
        read(report)


# ---- what is wrong with a series -----------------------------------------------------


def wrong(folder, match):
    """Check the error, and the one note with strict=False; return the volume."""
    with pytest.raises(UnsupportedError, match=match) as caught:
        read_series(folder)
    assert "strict=False" in str(caught.value)
    volume = read_series(folder, strict=False)
    assert len(volume.metadata["warnings"]) == 1
    return volume


def test_gap(tmp_path):
    array = pixels(8)
    paths = write_series(tmp_path, array, names=[f"slice{index}" for index in range(8)])
    paths[3].unlink()
    paths[4].unlink()
    volume = wrong(tmp_path, "slice2 and slice5 there are 7.5 mm instead of 2.5 mm: 2 slices")
    assert np.array_equal(volume.array, np.delete(array, [3, 4], 0))


def test_uneven(tmp_path):
    where = positions(5)
    where[2] = where[2] + 0.4 * OBLIQUE[:, 2]
    write_series(tmp_path, pixels(5), where=where)
    wrong(tmp_path, "not evenly spaced")


def test_rounded_positions_are_even(tmp_path):
    where = [np.round(place, 2) for place in positions(30, step=0.6)]
    write_series(tmp_path, pixels(30), where=where)
    assert read_series(tmp_path).metadata["warnings"] == []


def test_copies(tmp_path):
    array = pixels(4)
    paths = write_series(tmp_path, array)
    shutil.copy(paths[1], tmp_path / "copy.dcm")
    volume = wrong(tmp_path, "2 frames lie at one place .*copies of one instance")
    assert np.array_equal(volume.array, array)


def test_two_of_each_without_a_reason(tmp_path):
    write_series(tmp_path / "a", pixels(3), SeriesInstanceUID="1.2.3")
    write_series(tmp_path / "b", pixels(3), SeriesInstanceUID="1.2.3")
    wrong(tmp_path, "no attribute makes them a series in time; pass the paths of one of each")


def test_mixed_orientations_sizes_and_spacings(tmp_path):
    write_series(tmp_path / "a", pixels(3), SeriesInstanceUID="1.2.3")
    write_series(tmp_path / "b", pixels(2), SeriesInstanceUID="1.2.3", direction=ROTATED)
    for strict in (True, False):
        with pytest.raises(UnsupportedError, match=r"2 orientations \(3 like .* 2 like"):
            read_series(tmp_path, strict=strict)
    shutil.rmtree(tmp_path / "b")
    write_series(tmp_path / "b", pixels(1, rows=9), SeriesInstanceUID="1.2.3")
    with pytest.raises(UnsupportedError, match=r"\(9, 10\)"):
        read_series(tmp_path)
    shutil.rmtree(tmp_path / "b")
    where = positions(4)[3:]
    uid = {"SeriesInstanceUID": "1.2.3"}
    write_series(tmp_path / "b", pixels(1), where=where, PixelSpacing=["1", "1"], **uid)
    with pytest.raises(UnsupportedError, match="pixel spacing"):
        read_series(tmp_path)


@pytest.mark.parametrize(
    ("attributes", "match"),
    [
        ({"PixelSpacing": ["0", "1"]}, "Pixel Spacing is 0 x 1 mm"),
        ({"PixelSpacing": ["1", "1", "1"]}, "PixelSpacing is '1, 1, 1', 2 finite numbers"),
        ({"ImageOrientationPatient": ["0"] * 6}, "two perpendicular unit vectors"),
        ({"ImagePositionPatient": ["1", "2"]}, "3 finite numbers"),
        ({"Rows": 40}, "40"),
    ],
)
def test_damaged_headers(tmp_path, attributes, match):
    path = write_series(tmp_path, pixels(1))[0]
    ds = pydicom.dcmread(path)
    for name, value in attributes.items():
        setattr(ds, name, value)
    ds.save_as(path)
    with pytest.raises(CorruptDataError, match=match) as caught:
        read(path)
    assert path.name in str(caught.value)


def test_limits(tmp_path):
    path = write_series(tmp_path, pixels(2))[0]
    with pytest.raises(LimitError, match="max_pixels"):
        read_series(tmp_path, max_pixels=239)
    assert read_series(tmp_path, max_pixels=240).array.size == 240
    ds = pydicom.dcmread(path)
    ds.NumberOfFrames = 2**31 - 1
    ds.save_as(path)
    with pytest.raises(LimitError, match="announces"):
        read(path)


def test_files_without_geometry(tmp_path):
    paths = write_series(tmp_path, pixels(3))
    for number, path in enumerate(paths):
        ds = pydicom.dcmread(path)
        del ds.ImagePositionPatient
        ds.InstanceNumber = number + 1
        ds.save_as(path)
        if number == 0:
            with pytest.raises(UnsupportedError, match="has no Image Position"):
                read_series(tmp_path, strict=False)
    volume = read_series(tmp_path)
    assert np.array_equal(volume.array, pixels(3))
    assert "Instance Number" in volume.metadata["warnings"][0]


# ---- time ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keyword", "values"),
    [
        ("TemporalPositionIdentifier", [1, 2, 3]),
        ("EchoTime", ["4.5", "9.0", "13.5"]),
        ("TriggerTime", ["0", "55", "110"]),
        ("AcquisitionTime", ["101500.25", "101510.5", "101530"]),
    ],
)
def test_time_series(tmp_path, keyword, values):
    array = pixels(12).reshape(3, 4, 12, 10)
    write_times(tmp_path, array, **{keyword: values})
    volume = read_series(tmp_path, threads=2)
    assert volume.times == 3 and np.array_equal(volume.array, array)
    name, found = volume.metadata["fourth_axis"]
    assert name == keyword and [str(value) for value in found] == [str(value) for value in values]
    assert np.array_equal(volume.at(1).array, array[1]) and volume.at(-1).times is None
    with pytest.raises(UnsupportedError, match="3 times"):
        volume.at(3)


def test_times_of_each_slice(tmp_path):
    """Trigger times that differ between slices still give the order."""
    array = pixels(6).reshape(2, 3, 12, 10)
    trigger = [lambda index, time=time: f"{50 * time + index}" for time in range(2)]
    write_times(tmp_path, array, TriggerTime=trigger)
    assert np.array_equal(read_series(tmp_path).array, array)


# ---- multi-frame files ---------------------------------------------------------------


def test_enhanced_file(tmp_path):
    array = pixels(6)
    order = [3, 0, 5, 1, 4, 2]
    where = [positions(6)[index] for index in order]
    slopes = [str(index + 1) for index in order]
    path = write_enhanced(tmp_path / "ct.dcm", array[order], where, slopes=slopes)
    volume = read(path, threads=2)
    assert np.array_equal(volume.array, array)
    assert [frame for _, frame in volume.metadata["files"][0]] == [1, 3, 5, 0, 4, 2]
    single = write_series(tmp_path / "single", array)
    expected = read_series(single)
    assert np.allclose(volume.affine, expected.affine)
    scaled = read(path, rescale=True).array
    factors = np.arange(1, 7).reshape(6, 1, 1)
    assert np.array_equal(scaled, array * factors.astype("float32") - 1024)


@pytest.mark.parametrize("groups", ["PerFrame", "Shared"])
def test_private_groups_do_not_count(tmp_path, groups):
    """Philips repeats the position half a voxel off in (2005,140F), inside each frame's groups."""
    path = write_enhanced(tmp_path / "mr.dcm", pixels(4), positions(4))
    expected = read(path)
    ds = pydicom.dcmread(path)
    for own in ds[f"{groups}FunctionalGroupsSequence"].value:
        shifted = item(ImagePositionPatient=["1", "2", "3"], RescaleSlope="7")
        shifted[0].PixelSpacing = shifted[0].EchoTime = None
        own.private_block(0x2005, "Philips MR Imaging DD 005", create=True).add_new(
            0x0F, "SQ", shifted
        )
        for group in [element.value[0] for element in own if element.VR == "SQ"]:
            block = group.private_block(0x2001, "Philips Imaging DD 001", create=True)
            block.add_new(0x03, "DS", "7")
    ds.save_as(path)
    volume = read(path, rescale=True)
    assert volume.spacing == expected.spacing and volume.origin == expected.origin
    assert np.array_equal(volume.array, expected.array)
    assert volume.metadata["slope"] == 1
    assert all(isinstance(name, str) and name for name in FrameAttributes(ds))


@pytest.mark.filterwarnings("ignore:A value of .* for .*Number of Frames")  # pydicom's
@pytest.mark.parametrize("text", ["0", "", " "])
def test_no_number_of_frames_means_one(tmp_path, text):
    path = write_series(tmp_path, pixels(1))[0]
    with_frames(path, text)
    assert np.array_equal(read(path).array, pixels(1))
    assert list_series(path)[0].frames == 1
    assert np.array_equal(to_uint8(path), to_uint8(pixels(1)[0] - 1024.0))
    assert mic.dicom.decode_frames(path).shape == (1, 12, 10)
    mic.transcode.transcode_file(path, tmp_path / "rle.dcm", "rle")
    assert np.array_equal(read(tmp_path / "rle.dcm").array, pixels(1))


@pytest.mark.parametrize("text", ["abc", "2.5", "1A", "2\\3", "-1"])
@pytest.mark.filterwarnings(
    "ignore:(Invalid v|V)alue .* VR of IS", "ignore:Invalid value for VR IS"
)
def test_number_of_frames_that_is_none(tmp_path, text):
    path = write_series(tmp_path, pixels(1))[0]
    with_frames(path, text)
    match = re.escape(f"{path.name}: Number of Frames (0028,0008) is ") + ".* is expected; correct"
    for use in (
        read,
        list_series,
        to_uint8,
        mic.dicom.decode_frames,
        lambda path: mic.transcode.transcode_file(path, tmp_path / "rle.dcm", "rle"),
        lambda path: mic.dicom.compress(pydicom.dcmread(path)),
    ):
        with pytest.raises(UnsupportedError, match=match) as caught:
            use(path)
        assert text.split("\\")[0] in str(caught.value)


def with_frames(path, text):
    """Write Number of Frames as it is, also where pydicom would refuse to write it."""
    ds = pydicom.dcmread(path)
    value = text.encode() + b" " * (len(text) % 2)
    tag = pydicom.tag.Tag("NumberOfFrames")
    raw = RawDataElement(tag, "IS", len(value), value or None, 0, False, True)
    ds._dict[tag] = raw
    ds.save_as(path)


def test_enhanced_time_series(tmp_path):
    array = pixels(6).reshape(2, 3, 12, 10)
    where, times = positions(3) * 2, [1, 1, 1, 2, 2, 2]
    path = write_enhanced(tmp_path / "mr.dcm", array.reshape(6, 12, 10), where, times=times)
    volume = read(path)
    assert np.array_equal(volume.array, array)
    assert volume.metadata["fourth_axis"] == ("TemporalPositionIndex", [1, 2])


def test_real_enhanced_ct():
    path = installed_folders().get("pydicom-data", installed_folders()["pydicom"])
    path = path / "eCT_Supplemental.dcm"
    if not path.exists():
        pytest.skip("pydicom-data is not installed")
    volume = read(path, rescale=True)
    pixel_array = pydicom.dcmread(path).pixel_array
    assert np.array_equal(volume.array, pixel_array[::-1].astype("float32") - 1024)
    assert volume.spacing == (0.388672, 0.388672, 10.0)
    assert volume.origin == (99.5, -301.5, -149.0)


def test_dose_grid():
    path = installed_folders()["pydicom"] / "rtdose.dcm"
    ds = pydicom.dcmread(path)
    volume = read(path, rescale=True)
    assert volume.array.dtype == np.float64
    assert np.array_equal(volume.array, ds.pixel_array * float(ds.DoseGridScaling))
    assert volume.spacing[2] == abs(ds.GridFrameOffsetVector[1])
    assert np.array_equal(read(path).array, ds.pixel_array)


# ---- slices that differ --------------------------------------------------------------


def write_mixed(folder, values, **attributes):
    """Write slices of one value each, given as (value, dtype)."""
    slices = [np.full((4, 5), value, dtype) for value, dtype in values]
    return write_series(folder, slices, SeriesInstanceUID="1.2.3", **attributes)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([(1, "u1"), (300, "u2")], "u2"),
        ([(300, "u2"), (1, "u1")], "u2"),
        ([(-7, "i2"), (60000, "u2"), (9, "i2")], "i4"),
        ([(60000, "u2"), (-7, "i2")], "i4"),
        ([(-7, "i1"), (200, "u1")], "i2"),
        ([(-7, "i1"), (60000, "u2")], "i4"),
        ([(4_000_000_000, "u4"), (-7, "i2")], "i8"),
    ],
)
def test_slices_of_several_types(tmp_path, values, dtype):
    paths = write_mixed(tmp_path, values)
    volume = read_series(tmp_path, threads=2)
    assert volume.array.dtype == dtype
    assert volume.array[:, 0, 0].tolist() == [value for value, _ in values]
    (note,) = volume.metadata["warnings"]
    assert all(np.dtype(kind).name in note for _, kind in values) and paths[0].name in note
    scaled = read_series(tmp_path, rescale=True)
    assert scaled.array[:, 0, 0].tolist() == [value - 1024 for value, _ in values]
    assert scaled.array.dtype == ("f8" if dtype == "i8" else "f4")
    assert scaled.metadata["warnings"] == []


def test_slices_of_several_types_in_time(tmp_path):
    for time, (value, dtype) in enumerate([(-7, "i2"), (60000, "u2")]):
        write_mixed(tmp_path / str(time), [(value, dtype)] * 3, TemporalPositionIdentifier=time + 1)
    volume = read_series(tmp_path)
    assert volume.times == 2 and volume.array.dtype == np.int32
    assert volume.array[:, :, 0, 0].tolist() == [[-7] * 3, [60000] * 3]


def test_integers_and_fractions(tmp_path):
    paths = write_mixed(tmp_path, [(-7, "i2"), (0, "i4")])
    ds = pydicom.dcmread(paths[1])
    ds.FloatPixelData = np.full(20, 0.5, "<f4").tobytes()
    del ds.PixelData
    ds.save_as(paths[1])
    volume = read_series(tmp_path)
    assert volume.array.dtype == np.float32 and volume.array[:, 0, 0].tolist() == [-7, 0.5]
    write_mixed(tmp_path, [(2**31 - 1, "i4"), (0, "i4")])
    ds.save_as(paths[1])
    assert read_series(tmp_path).array[:, 0, 0].tolist() == [2**31 - 1, 0.5]
    write_mixed(tmp_path, [(2**63 - 1, "i8"), (0, "i4")])
    ds.save_as(paths[1])
    with pytest.raises(
        UnsupportedError, match=r"\.dcm and .*\.dcm: the frames hold int64 and float32"
    ):
        read_series(tmp_path)


def test_slices_of_several_slopes(tmp_path):
    write_series(tmp_path, pixels(3), RescaleSlope=lambda index: str(index + 1))
    volume = read_series(tmp_path, rescale=True)
    assert np.array_equal(volume.array, pixels(3) * np.float32([[[1]], [[2]], [[3]]]) - 1024)


def test_rescale_slope_of_zero(tmp_path):
    paths = write_series(tmp_path, pixels(4), RescaleSlope=lambda index: "01"[index > 1])
    volume = read_series(tmp_path, rescale=True)
    assert (volume.array[:2] == -1024).all()
    assert np.array_equal(volume.array[2:], pixels(4)[2:] - np.float32(1024))
    (note,) = volume.metadata["warnings"]
    assert f"Rescale Slope is 0 in {paths[0].name} and 1 other frame:" in note
    stored = read_series(tmp_path)
    assert np.array_equal(stored.array, pixels(4)) and note in stored.metadata["warnings"]


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize(("slope", "sign"), [("1e300", 1), ("-1e300", -1), ("1.7e308", 1)])
def test_rescaled_values_that_overflow(tmp_path, slope, sign):
    array = np.array([[[-3, 0, 5]], [[1, 2, 3]]], "i2")
    paths = write_series(tmp_path, array, RescaleSlope=lambda index: [slope, "1"][index])
    volume = read_series(tmp_path, rescale=True)
    assert volume.array.dtype == np.float32
    assert (volume.array[0] * sign).tolist() == [[-np.inf, -1024 * sign, np.inf]]
    assert volume.array[1].tolist() == [[-1023, -1022, -1021]]
    (note,) = volume.metadata["warnings"]
    assert note.startswith(f"{paths[0].name} has values beyond float32")
    assert np.array_equal(read_series(tmp_path).array, array)


def test_large_slopes_that_fit_are_no_problem(tmp_path):
    write_series(tmp_path, np.array([[[2]]], "u2"), RescaleSlope="1e38", RescaleIntercept="0")
    volume = read_series(tmp_path, rescale=True)
    assert volume.array[0, 0, 0] == np.float32(2e38) and volume.metadata["warnings"] == []


@pytest.mark.filterwarnings("ignore:Invalid value for VR DS")
@pytest.mark.parametrize("groups", [False, True])
@pytest.mark.parametrize("text", ["NaN", "inf", "1e400", "abc", "1\\2"])
def test_slopes_that_are_no_number(tmp_path, text, groups):
    tag = pydicom.tag.Tag("RescaleSlope")
    value = text.encode() + b" " * (len(text) % 2)
    path = tmp_path / "a.dcm"
    if groups:
        write_enhanced(path, pixels(2), positions(2), slopes=["1", "1"])
    else:
        write_series(tmp_path, pixels(1), names=["a.dcm"])
    ds = pydicom.dcmread(path)
    of_frame = ds
    if groups:
        of_frame = ds.PerFrameFunctionalGroupsSequence[1].PixelValueTransformationSequence[0]
    of_frame._dict[tag] = RawDataElement(tag, "DS", len(value), value, 0, False, True)
    ds.save_as(path)
    shown = text.replace("\\", ", ")
    match = re.escape(f"a.dcm: RescaleSlope is {shown!r}, 1 finite number is expected")
    for rescale in (False, True):
        with pytest.raises(CorruptDataError, match=match):
            read(path, rescale=rescale)


# ---- decoding ------------------------------------------------------------------------


def test_compressed_and_threads(tmp_path):
    array = pixels(6)
    paths = write_series(tmp_path, array)
    for path in paths[::2]:  # a series may even mix syntaxes
        ds = pydicom.dcmread(path)
        ds.compress(RLELossless, generate_instance_uid=False)
        ds.save_as(path)
    steps = []
    volume = read_series(tmp_path, threads=4, progress=lambda *step: steps.append(step))
    assert np.array_equal(volume.array, array)
    assert steps == [(done, 6) for done in range(1, 7)]
    with pytest.raises(UnsupportedError, match="threads is -1"):
        read_series(tmp_path, threads=-1)


def test_progress_may_stop_it(tmp_path):
    write_series(tmp_path, pixels(6))

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_series(tmp_path, progress=stop)


def test_damaged_pixels_name_the_file(tmp_path):
    paths = write_series(tmp_path, pixels(3))
    paths[1].write_bytes(paths[1].read_bytes()[:-50])
    with pytest.raises(CorruptDataError, match=paths[1].name):
        read_series(tmp_path)


def test_other_files(tmp_path):
    array = pixels(3)
    np.save(tmp_path / "a.npy", array)
    volume = read(tmp_path / "a.npy")
    assert np.array_equal(volume.array, array) and volume.spacing == (1.0, 1.0, 1.0)
    assert "no geometry" in volume.metadata["warnings"][0]
    (tmp_path / "a.mic").write_bytes(mic.encode(array[0]))
    assert np.array_equal(read(tmp_path / "a.mic").array, array[:1])


def test_rescaling_is_pydicoms():
    """All single-frame grey files that pydicom ships, against its own function."""
    from pydicom.pixels import apply_rescale

    compared = 0
    for name in ("CT_small.dcm", "MR_small.dcm", "693_J2KI.dcm", "rtdose_1frame.dcm"):
        path = installed_folders()["pydicom"] / name
        ds = pydicom.dcmread(path)
        if name == "693_J2KI.dcm":
            pytest.importorskip("openjpeg")
        expected = apply_rescale(ds.pixel_array, ds)
        if "DoseGridScaling" not in ds:
            assert np.array_equal(read(path, rescale=True).array[0], expected.astype("float32"))
            compared += 1
    assert compared == 3


# ---- the class -----------------------------------------------------------------------


def test_refused_arguments():
    array = np.zeros((2, 3, 4))
    for arguments in itertools.chain(
        [{"spacing": (1, 0, 1)}, {"spacing": (1, 1)}, {"origin": (0, 0, np.nan)}],
        [{"direction": np.eye(2)}],
    ):
        with pytest.raises(UnsupportedError):
            Volume(array, **arguments)
    for shape in ((3, 4), (0, 3, 4), (1, 1, 1, 3, 4)):
        with pytest.raises(UnsupportedError, match="slices, rows, columns"):
            Volume(np.zeros(shape))


# ---- MIC Lossless --------------------------------------------------------------------


@pytest.mark.parametrize("registered", [False, True])
def test_mic_lossless(tmp_path, registered):
    array = pixels(5)
    paths = write_series(tmp_path / "single", array)
    for path in paths:
        ds = pydicom.dcmread(path)
        mic.dicom.compress(ds)
        ds.save_as(path)
    multi = write_enhanced(tmp_path / "multi.dcm", array, positions(5))
    ds = pydicom.dcmread(multi)
    mic.dicom.compress(ds)
    ds.save_as(multi)
    if registered:
        mic.register()
    try:
        for threads in (1, 3):
            volume = read_series(tmp_path / "single", rescale=True, threads=threads)
            assert np.array_equal(volume.array, array.astype("float32") - 1024)
            assert np.array_equal(read(multi, threads=threads).array, array)
        data_sets = [pydicom.dcmread(path) for path in paths]
        assert np.array_equal(read_series(data_sets).array, array)
    finally:
        mic.unregister()
    damaged = bytearray(paths[2].read_bytes())
    damaged[-40] ^= 16
    paths[2].write_bytes(damaged)
    with pytest.raises(CorruptDataError, match=paths[2].name):
        read_series(tmp_path / "single")


def test_mic_lossless_colour(tmp_path):
    ybr = np.random.default_rng(2).integers(0, 256, (2, 6, 8, 3)).astype("uint8")
    paths = write_series(tmp_path, ybr, PhotometricInterpretation="YBR_FULL")
    expected = read_series(tmp_path)
    assert expected.is_colour and expected.size == (8, 6, 2)
    for path in paths:
        ds = pydicom.dcmread(path)
        mic.dicom.compress(ds)
        ds.save_as(path)
    assert np.array_equal(read_series(tmp_path).array, expected.array)


def test_modality_table(tmp_path):
    table = item(LUTDescriptor=[3, -1, 16], LUTData=[10, 20, 65535], ModalityLUTType="US")
    table[0]["LUTDescriptor"].VR, table[0]["LUTData"].VR = "SS", "US"
    array = np.array([[[-5, -1], [0, 7]]], "int16")
    write_series(tmp_path, array, ModalityLUTSequence=table)
    volume = read_series(tmp_path, rescale=True)
    assert volume.array.tolist() == [[[10, 10], [20, 65535]]]
    assert np.array_equal(read_series(tmp_path).array, array)


def test_damage_anywhere_is_one_of_mics_errors(tmp_path):
    """Replace single header bytes: the result is an array or an error that names the file."""
    path = write_series(tmp_path, pixels(1), WindowCenter="40", WindowWidth="400")[0]
    good = path.read_bytes()
    rng = np.random.default_rng(5)
    outcomes = set()
    for place in rng.integers(132, len(good) - 240, 120):
        damaged = bytearray(good)
        damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        for use in (read, lambda path: read(path, strict=False, rescale=True), to_uint8):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    use(path)
                    outcomes.add("read")
                except (CorruptDataError, UnsupportedError, LimitError):
                    outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_panicking_decoders():
    """Plugins in Rust raise what is not an Exception; a user's own interrupts pass through."""

    class PanicException(BaseException):
        pass

    with pytest.raises(CorruptDataError, match=r"a\.dcm .*out of bounds"), reading("a.dcm"):
        raise PanicException("index out of bounds")
    with pytest.raises(KeyboardInterrupt), reading("a.dcm"):
        raise KeyboardInterrupt
