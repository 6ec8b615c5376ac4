# SPDX-License-Identifier: MIT
"""A series as a SimpleITK image: read, resampled to cubes, smoothed, and back.

    pip install "mic-codec[sitk]"
    python simpleitk_volume.py [FOLDER]

Without a folder it reads a CT series of five slices that comes with pydicom.
"""

import sys
from pathlib import Path

import SimpleITK as sitk
from pydicom.data import data_manager

import mic


def installed_series() -> Path:
    """Return a gated CT of five slices, 16 x 16 pixels each, from pydicom's test files."""
    return Path(data_manager.DATA_ROOT) / "test_files" / "dicomdirtests" / "98892001" / "CT5N"


def main(folder: Path) -> None:
    for series in mic.volume.list_series(folder):
        print(f"{series.modality} {series.description}: {series.frames} frames, {series.uid}")

    volume = mic.volume.read_series(folder, rescale=True, threads=0)
    x, y, z = volume.spacing
    print(f"{volume.array.shape} voxels of {x:.3g} x {y:.3g} x {z:.3g} mm at {volume.origin}")
    print(f"{volume.array.min():.0f} to {volume.array.max():.0f} HU")

    side = min(volume.spacing)
    cubes = volume.resample(spacing=side)
    print(f"resampled to cubes of {side:.3g} mm: {cubes.array.shape}")

    smooth = sitk.SmoothingRecursiveGaussian(cubes.to_sitk(), sigma=2 * side)
    back = mic.volume.Volume.from_sitk(smooth)
    assert (back.affine == cubes.affine).all()
    print(f"smoothed: standard deviation {cubes.array.std():.1f} -> {back.array.std():.1f} HU")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else installed_series())
