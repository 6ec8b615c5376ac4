# SPDX-License-Identifier: MIT
"""Volumes and SimpleITK: geometry of series, conversion there and back, resampling."""

import numpy as np
import pytest
from dicomfiles import write_dicom
from pydicom.uid import NuclearMedicineImageStorage
from seriesfiles import OBLIQUE, item, pixels, positions, write_enhanced, write_series

from mic.errors import LimitError, UnsupportedError
from mic.volume import Volume, read, read_series

sitk = pytest.importorskip("SimpleITK")

FLIPPED = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def read_by_sitk(folder):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def check_geometry(volume, image):
    assert volume.size == image.GetSize()
    assert volume.spacing == pytest.approx(image.GetSpacing(), rel=1e-9)
    assert volume.origin == pytest.approx(image.GetOrigin(), abs=1e-9)
    assert volume.direction.ravel() == pytest.approx(image.GetDirection(), abs=1e-7)


@pytest.mark.parametrize("direction", [np.eye(3), OBLIQUE, FLIPPED], ids=["axial", "oblique", "x"])
def test_same_as_the_series_reader(tmp_path, direction):
    array = pixels(7)
    write_series(tmp_path, array, direction=direction)
    image = read_by_sitk(tmp_path)
    volume = read_series(tmp_path, rescale=True)
    check_geometry(volume, image)
    assert np.array_equal(volume.array, sitk.GetArrayFromImage(image))  # SimpleITK always rescales
    assert np.array_equal(read_series(tmp_path).array, array)


def test_fractional_slopes(tmp_path):
    write_series(tmp_path, pixels(3), RescaleSlope=lambda index: f"{0.1 + index / 7:.6f}")
    expected = sitk.GetArrayFromImage(read_by_sitk(tmp_path))
    volume = read_series(tmp_path, rescale=True)
    assert volume.array.dtype == np.float32
    assert np.array_equal(volume.array, expected.astype("float32"))
    assert len(set(volume.metadata["slope"][0])) == 3
    assert "rescale=True" in read_series(tmp_path).metadata["warnings"][0]


def test_one_slice(tmp_path):
    write_series(tmp_path, pixels(1))
    volume = read_series(tmp_path)
    image = read_by_sitk(tmp_path)
    assert (volume.size, volume.origin) == (image.GetSize(), image.GetOrigin())
    assert volume.spacing == (0.625, 0.75, 2.0)
    assert volume.metadata["warnings"] == []


@pytest.mark.parametrize("dtype", ["uint8", "int16", ">u2", "int32", "float32", "float64"])
def test_there_and_back(dtype):
    array = pixels(3).astype(dtype)
    volume = Volume(array, (0.5, 0.7, 3.0), (1.0, -2.0, 3.5), OBLIQUE)
    back = Volume.from_sitk(volume.to_sitk())
    assert np.array_equal(back.array, array) and back.array.dtype == np.dtype(dtype).newbyteorder(
        "="
    )
    assert (back.spacing, back.origin) == (volume.spacing, volume.origin)
    assert np.allclose(back.direction, OBLIQUE)
    point = volume.to_sitk().TransformIndexToPhysicalPoint((4, 5, 2))
    assert (volume.affine @ [4, 5, 2, 1])[:3] == pytest.approx(point)


def test_time_and_colour_there_and_back():
    series = Volume(pixels(10).reshape(2, 5, 12, 10), (0.5, 0.7, 3.0), (1, 2, 3), OBLIQUE)
    assert series.to_sitk().GetSize() == (10, 12, 5, 2)
    back = Volume.from_sitk(series.to_sitk())
    assert np.array_equal(back.array, series.array) and back.times == 2
    assert np.allclose(back.affine, series.affine)
    colour = Volume(
        np.arange(2 * 4 * 5 * 3, dtype="u1").reshape(2, 4, 5, 3), metadata={"samples_per_pixel": 3}
    )
    back = Volume.from_sitk(colour.to_sitk())
    assert back.is_colour and back.size == (5, 4, 2) and np.array_equal(back.array, colour.array)
    with pytest.raises(UnsupportedError, match="2 dimensions"):
        Volume.from_sitk(sitk.GetImageFromArray(np.zeros((4, 4))))


def ramp(size=(10, 12, 6), spacing=(1.0, 2.0, 3.0)):
    """Make samples that are a linear function of the position in space."""
    volume = Volume(np.zeros(size[::-1], "float32"), spacing, (5.0, -7.0, 11.0), OBLIQUE)
    z, y, x = np.indices(volume.array.shape)
    index = np.stack([x, y, z, np.ones_like(x)], -1)
    place = index @ volume.affine.T
    return Volume(place[..., :3] @ [1.0, 0.5, 0.25], spacing, volume.origin, OBLIQUE)


def value_at(volume):
    z, y, x = np.indices(volume.array.shape)
    place = np.stack([x, y, z, np.ones_like(x)], -1) @ volume.affine.T
    return place[..., :3] @ [1.0, 0.5, 0.25]


@pytest.mark.parametrize("interpolator", ["linear", "cubic"])
def test_resampling_keeps_places(interpolator):
    volume = ramp()
    fine = volume.resample(spacing=(0.5, 1.0, 1.5), interpolator=interpolator)
    assert fine.size == (20, 24, 12) and fine.spacing == (0.5, 1.0, 1.5)
    inner = (slice(3, -3),) * 3
    tolerance = 1e-9 if interpolator == "linear" else 0.2  # splines bend at the border
    assert np.abs(fine.array - value_at(fine))[inner].max() < tolerance
    centre = volume.affine @ [4.5, 5.5, 2.5, 1]
    assert fine.affine @ [9.5, 11.5, 5.5, 1] == pytest.approx(centre)
    assert fine.array.min() >= volume.array.min() - tolerance  # no zeros beyond the border


def test_resampling_by_size_and_to_itself():
    volume = ramp()
    coarse = volume.resample(size=(5, 6, 3))
    assert coarse.spacing == (2.0, 4.0, 6.0)
    assert np.allclose(coarse.array, value_at(coarse))
    same = volume.resample(size=volume.size)
    assert np.allclose(same.array, volume.array) and np.allclose(same.affine, volume.affine)
    assert volume.resample(spacing=1.5).spacing == (1.5, 1.5, 1.5)


def test_resampled_integers_are_rounded():
    volume = Volume(np.array([[[0, 3]]], "int16").repeat(2, 1).repeat(2, 0))
    fine = volume.resample(size=(4, 2, 2))
    assert fine.array.dtype == np.int16
    assert fine.array[0, 0].tolist() == [0, 1, 2, 3]  # 0, 0.75, 2.25, 3
    labels = volume.resample(size=(4, 2, 2), interpolator="nearest")
    assert set(np.unique(labels.array)) == {0, 3}
    series = Volume(np.stack([volume.array, volume.array + 5]))
    assert series.resample(size=(4, 2, 2)).array[1, 0, 0].tolist() == [5, 6, 7, 8]


def test_resampling_one_slice_and_bad_grids():
    flat = Volume(np.arange(16.0).reshape(1, 4, 4))
    assert flat.resample(size=(8, 8, 1)).array.shape == (1, 8, 8)
    assert flat.resample(spacing=(1, 1, 0.5)).array.shape == (2, 4, 4)
    for bad in ({}, {"size": 3, "spacing": 1}, {"spacing": 0}, {"size": (1, 2)}, {"size": 2.5}):
        with pytest.raises(UnsupportedError):
            flat.resample(**bad)
    with pytest.raises(UnsupportedError, match="'linear'"):
        flat.resample(size=3, interpolator="best")


def test_tilted_scan(tmp_path):
    """Sheared positions: an error by default; on request the exact voxel positions."""
    where = [place + index * np.array([0.6, 0.0, 0.0]) for index, place in enumerate(positions(4))]
    write_series(tmp_path, pixels(4), where=where)
    with pytest.raises(UnsupportedError, match="gantry tilt"):
        read_series(tmp_path)
    volume = read_series(tmp_path, strict=False)
    assert "gantry tilt" in volume.metadata["warnings"][0]
    for index, place in enumerate(where):
        assert (volume.affine @ [0, 0, index, 1])[:3] == pytest.approx(place)


# ---- multi-frame files ---------------------------------------------------------------


def test_enhanced_file_as_sitk_reads_it(tmp_path):
    array = pixels(5)
    path = write_enhanced(tmp_path / "ct.dcm", array, positions(5), slopes=["1"] * 5)
    image = sitk.ReadImage(str(path))
    volume = read(path, rescale=True)
    check_geometry(volume, image)
    assert np.array_equal(volume.array, sitk.GetArrayFromImage(image))


@pytest.mark.parametrize("spacing", ["4", "-4"])
def test_tomogram_of_nuclear_medicine(tmp_path, spacing):
    """One position for all frames; with a negative spacing they run against the normal."""
    array = np.abs(pixels(6)).astype("uint16")
    detector = item(
        ImagePositionPatient=["-10", "-20", "30"],
        ImageOrientationPatient=["1", "0", "0", "0", "1", "0"],
    )
    write_dicom(
        tmp_path / "nm.dcm",
        array,
        SOPClassUID=NuclearMedicineImageStorage,
        ImageType=["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"],
        PixelSpacing=["4", "4"],
        SpacingBetweenSlices=spacing,
        DetectorInformationSequence=detector,
    )
    volume, image = read(tmp_path / "nm.dcm"), sitk.ReadImage(str(tmp_path / "nm.dcm"))
    assert volume.size == image.GetSize() and volume.spacing == image.GetSpacing()
    backwards = float(spacing) < 0
    assert np.array_equal(volume.array, array[::-1] if backwards else array)
    for frame in range(6):
        z = 5 - frame if backwards else frame
        place = (volume.affine @ [2, 3, z, 1])[:3]
        assert place == pytest.approx(image.TransformIndexToPhysicalPoint((2, 3, frame)))


def test_grids_that_are_too_large(tmp_path):
    """A mistake in the spacing is reported before it sizes memory."""
    volume = read_series(write_series(tmp_path, pixels(3)))
    for wanted in ({"spacing": (1e-9, 1, 1)}, {"size": 100_000}):
        with pytest.raises(LimitError, match="choose a wider spacing"):
            volume.resample(**wanted)


def test_what_is_no_image():
    with pytest.raises(UnsupportedError, match="the image is 3, a SimpleITK"):
        Volume.from_sitk(3)
