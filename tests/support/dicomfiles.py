# SPDX-License-Identifier: MIT
"""DICOM files for tests, written exactly as given."""

from pathlib import Path

import pydicom
from pydicom.data import get_testdata_file
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    generate_uid,
)


def write_dicom(path, array, syntax=ExplicitVRLittleEndian, bits_stored=None, **attributes):
    """Write a minimal DICOM file around an array, every bit as it is."""
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = CTImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = generate_uid()
    ds.Modality = "CT"
    colour = array.ndim > 2 and array.shape[-1] == 3
    rows = array.shape[-3] if colour else array.shape[-2]
    ds.Rows, ds.Columns = rows, array.shape[-2] if colour else array.shape[-1]
    ds.SamplesPerPixel = 3 if colour else 1
    ds.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        ds.PlanarConfiguration = 0
    if array.ndim > (3 if colour else 2):
        ds.NumberOfFrames = array.shape[0]
    ds.BitsAllocated = 8 * array.dtype.itemsize
    ds.BitsStored = bits_stored or ds.BitsAllocated
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(array.dtype.kind == "i")
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    data = array.astype(array.dtype.newbyteorder(order)).tobytes()
    ds.PixelData = data + b"\0" * (len(data) % 2)
    ds["PixelData"].VR = "OW" if ds.BitsAllocated > 8 else "OB"
    for name, value in attributes.items():
        setattr(ds, name, value)
    # pydicom 3 takes the byte order from the syntax; the data are already in that order.
    pydicom.dcmwrite(path, ds, enforce_file_format=True)


# The images in the fixture `tree`; its other files fail or are skipped.
GOOD = ("CT_small.dcm", "MR_small_RLE.dcm", "sub/without_suffix")


def shipped(name):
    """Return a file that comes with pydicom."""
    return Path(get_testdata_file(name, download=False))


def swapped(array):
    """Return the bytes of 16-bit words in big-endian order."""
    return array.astype(">u2").tobytes()
