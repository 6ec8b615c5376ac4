# SPDX-License-Identifier: MIT
"""A DICOM series as a Zarr array: written, read in parts, and through Dask.

    pip install "mic-codec[zarr,dask]"
    python zarr_volume.py [FOLDER]

Without a folder it takes a multi-frame MR that comes with pydicom-data, or else a CT
series of five slices from pydicom's own files.
"""

import sys
import tempfile
from pathlib import Path

import dask.array
import numpy as np
import zarr
from pydicom.data import data_manager

import mic
import mic.zarr


def installed() -> Path:
    """Return the largest volume that pip installed."""
    for source in data_manager.external_data_sources().values():
        folder = getattr(source, "data_path", None)
        for path in Path(folder).rglob("emri_small.dcm") if folder else ():
            return path
    return Path(data_manager.DATA_ROOT) / "test_files" / "dicomdirtests" / "98892001" / "CT5N"


def stored_bytes(folder: Path) -> int:
    chunks = (path for path in folder.rglob("*") if path.is_file() and path.name != "zarr.json")
    return sum(path.stat().st_size for path in chunks)


def main(source: Path, folder: Path) -> None:
    volume = mic.volume.read(source)
    scan = volume.array
    print(f"{source.name}: {scan.shape} of {scan.dtype}, {scan.nbytes} bytes")

    choices = {
        "mic": {"serializer": mic.zarr.MicCodec(), "compressors": None},
        "zstd": {},
    }
    for name, options in choices.items():
        array = zarr.create_array(
            folder / name,
            shape=scan.shape,
            chunks=(len(scan), *scan.shape[1:]),
            dtype=scan.dtype,
            attributes={"spacing": volume.spacing, "origin": volume.origin},
            **options,
        )
        array[...] = scan
        print(f"{name}: {stored_bytes(folder / name)} bytes")

    array = zarr.open_array(folder / "mic", mode="r")
    middle = len(scan) // 2
    assert np.array_equal(array[middle, 4:12], scan[middle, 4:12])
    print(f"rows 4 to 11 of slice {middle}: mean {array[middle, 4:12].mean():.1f}")

    lazy = dask.array.from_zarr(folder / "mic")
    projection = lazy.max(axis=0).compute()
    assert np.array_equal(projection, scan.max(axis=0))
    print(f"maximum intensity projection by Dask: {projection.shape}, up to {projection.max()}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else installed(), Path(temporary))
