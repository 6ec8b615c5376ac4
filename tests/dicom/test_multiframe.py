# SPDX-License-Identifier: MIT
"""Series as enhanced multi-frame data sets."""

import logging

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
)
from seriesfiles import OBLIQUE, pixels, positions, write_series, write_times

import mic
from mic import UnsupportedError, volume
from mic.dicom import to_multiframe

pytest.importorskip("highdicom")

CLASSES = {
    "CT": {},
    "MR": {"Modality": "MR", "SOPClassUID": MRImageStorage},
    "PT": {"Modality": "PT", "SOPClassUID": PositronEmissionTomographyImageStorage},
}


@pytest.fixture(autouse=True)
def quiet():
    """highdicom logs each attribute that these minimal files lack."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("modality", CLASSES)
@pytest.mark.parametrize("compress", [False, True])
def test_sorted_and_read_again(tmp_path, modality, compress):
    array = pixels(6)
    paths = write_series(tmp_path / "series", array, **CLASSES[modality])
    ds = to_multiframe(tmp_path / "series", compress=compress, threads=2)
    target = tmp_path / "multi.dcm"
    ds.save_as(target)
    read = pydicom.dcmread(target)
    assert read.NumberOfFrames == 6 and read.Modality == modality
    assert (read.file_meta.TransferSyntaxUID == mic.MICLossless) == compress
    assert np.array_equal(mic.dicom.decode_frames(target), array)
    groups = read.PerFrameFunctionalGroupsSequence
    assert [g.FrameContentSequence[0].DimensionIndexValues for g in groups] == [*range(1, 7)]
    expected, again = volume.read_series(paths, rescale=True), volume.read(target, rescale=True)
    assert np.array_equal(again.array, expected.array)
    assert np.allclose(again.affine, expected.affine)


def test_sources_of_any_syntax(tmp_path):
    array = pixels(4)
    paths = write_series(tmp_path, array)
    sources = [pydicom.dcmread(path) for path in paths]
    sources[1].compress(RLELossless, generate_instance_uid=False)
    mic.dicom.compress(sources[2])
    before = [bytes(ds.PixelData) for ds in sources]
    ds = to_multiframe(sources)
    assert np.array_equal(mic.dicom.decode_frames(ds), array)
    assert [bytes(ds.PixelData) for ds in sources] == before


def test_time_series(tmp_path):
    array = pixels(6).reshape(2, 3, 12, 10)
    write_times(
        tmp_path,
        array,
        StudyInstanceUID="1.2.4",
        FrameOfReferenceUID="1.2.5",
        TemporalPositionIdentifier=[1, 2],
        **CLASSES["MR"],
    )
    ds = to_multiframe(tmp_path)
    assert np.array_equal(mic.dicom.decode_frames(ds).reshape(array.shape), array)
    ds.save_as(tmp_path / "multi.dcm")
    assert np.array_equal(volume.read(tmp_path / "multi.dcm").array, array)


def test_refused(tmp_path):
    write_series(tmp_path / "a", pixels(2), SOPClassUID=SecondaryCaptureImageStorage)
    with pytest.raises(UnsupportedError, match="Secondary Capture"):
        to_multiframe(tmp_path / "a")
    write_series(tmp_path / "b", pixels(2), where=[positions(1)[0]] * 2)
    with pytest.raises(UnsupportedError, match="2 frames lie at one place"):
        to_multiframe(tmp_path / "b")
    write_series(tmp_path / "c", pixels(2), SeriesInstanceUID="1.2.3")
    write_series(tmp_path / "c" / "d", pixels(2), SeriesInstanceUID="1.2.3", direction=OBLIQUE.T)
    with pytest.raises(UnsupportedError, match="2 orientations"):
        to_multiframe(tmp_path / "c")
    write_series(tmp_path / "e", pixels(2), PhotometricInterpretation="MONOCHROME1")
    with pytest.raises(UnsupportedError, match="MONOCHROME1"):
        to_multiframe(tmp_path / "e")
    with pytest.raises(UnsupportedError, match="multi-frame file already"):
        to_multiframe(_enhanced(tmp_path))


@pytest.mark.parametrize("change", [{"PixelRepresentation": 0}, {"BitsStored": 12, "HighBit": 11}])
def test_slices_whose_samples_differ_are_refused(tmp_path, change):
    """One header cannot say what the samples of both are; their bytes would be the same."""
    paths = write_series(tmp_path, np.zeros((3, 4, 4), "i2"))
    ds = pydicom.dcmread(paths[2])
    for name, value in change.items():
        setattr(ds, name, value)
    ds.save_as(paths[2])
    with pytest.raises(UnsupportedError, match=f"{paths[2].name} and {paths[0].name} differ in"):
        to_multiframe(tmp_path)


def _enhanced(tmp_path):
    from seriesfiles import write_enhanced

    return write_enhanced(tmp_path / "ct.dcm", pixels(2), positions(2))
