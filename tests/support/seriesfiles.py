# SPDX-License-Identifier: MIT
"""Series of DICOM files for tests: oblique, shuffled, in time, multi-frame."""

import numpy as np
import pydicom
from dicomfiles import write_dicom
from pydicom.uid import EnhancedCTImageStorage, EnhancedMRImageStorage, generate_uid

# A rotation about all three axes; its first two columns are the orientation of an image.
_A, _B = np.deg2rad(20), np.deg2rad(-35)
OBLIQUE = np.array(
    [[np.cos(_A), -np.sin(_A), 0], [np.sin(_A), np.cos(_A), 0], [0, 0, 1]]
) @ np.array([[1, 0, 0], [0, np.cos(_B), -np.sin(_B)], [0, np.sin(_B), np.cos(_B)]])


def pixels(n, rows=12, columns=10, seed=1):
    return np.random.default_rng(seed).integers(-1000, 3000, (n, rows, columns)).astype("int16")


def decimals(values):
    """Format numbers as in headers: at most 16 characters."""
    return [f"{value:.10f}"[:16] for value in values]


def positions(n, step=2.5, direction=OBLIQUE, origin=(-31.5, 12.25, 100.0)):
    return [np.array(origin) + index * step * direction[:, 2] for index in range(n)]


def write_series(
    folder, array, where=None, direction=OBLIQUE, names=None, write=None, **attributes
):
    """Write one file per slice, with names in shuffled order; return the paths by slice."""
    folder.mkdir(parents=True, exist_ok=True)
    where = positions(len(array), direction=direction) if where is None else where
    attributes = {
        "SeriesInstanceUID": generate_uid(),
        "StudyInstanceUID": generate_uid(),
        "FrameOfReferenceUID": generate_uid(),
        "PixelSpacing": ["0.75", "0.625"],
        "SliceThickness": "2.0",
        "RescaleSlope": "1",
        "RescaleIntercept": "-1024",
        **attributes,
    }
    order = np.random.default_rng(len(array)).permutation(len(array))
    paths = []
    for index, (image, place) in enumerate(zip(array, where, strict=True)):
        path = folder / (names[index] if names else f"{order[index]:03d}.dcm")
        own = {key: value(index) if callable(value) else value for key, value in attributes.items()}
        write_dicom(
            path,
            image,
            ImagePositionPatient=decimals(place),
            ImageOrientationPatient=decimals([*direction[:, 0], *direction[:, 1]]),
            **{"InstanceNumber": int(order[index]) + 1, **own},
        )
        paths.append(path)
    return paths


def write_times(folder, array, **attributes):
    """Write a series (times x slices x rows x columns), one folder per time, the last time first.

    Attributes that are lists have one value per time.
    """
    for time in reversed(range(len(array))):
        own = {
            key: value[time] if isinstance(value, list) else value
            for key, value in attributes.items()
        }
        write_series(folder / str(time), array[time], SeriesInstanceUID="1.2.3", **own)


def item(**attributes):
    """Return a sequence of one item."""
    ds = pydicom.Dataset()
    for name, value in attributes.items():
        setattr(ds, name, value)
    return pydicom.Sequence([ds])


def write_enhanced(path, array, where, direction=OBLIQUE, times=None, slopes=None, windows=None):
    """Write an enhanced multi-frame file, with the frames as given."""
    shared = pydicom.Dataset()
    shared.PixelMeasuresSequence = item(PixelSpacing=["0.75", "0.625"], SliceThickness="2.0")
    shared.PlaneOrientationSequence = item(
        ImageOrientationPatient=decimals([*direction[:, 0], *direction[:, 1]])
    )
    own = []
    for index, place in enumerate(where):
        groups = pydicom.Dataset()
        groups.PlanePositionSequence = item(ImagePositionPatient=decimals(place))
        if times is not None:
            groups.FrameContentSequence = item(TemporalPositionIndex=times[index])
        if slopes is not None:
            groups.PixelValueTransformationSequence = item(
                RescaleSlope=slopes[index], RescaleIntercept="-1024", RescaleType="HU"
            )
        if windows is not None:
            centre, width = windows[index]
            groups.FrameVOILUTSequence = item(WindowCenter=centre, WindowWidth=width)
        own.append(groups)
    write_dicom(
        path,
        array,
        SeriesInstanceUID=generate_uid(),
        NumberOfFrames=len(array),
        SharedFunctionalGroupsSequence=pydicom.Sequence([shared]),
        PerFrameFunctionalGroupsSequence=pydicom.Sequence(own),
        SOPClassUID=EnhancedMRImageStorage if times is not None else EnhancedCTImageStorage,
    )
    return path
