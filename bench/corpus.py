# SPDX-License-Identifier: MIT
"""The images that the benchmarks use."""

from __future__ import annotations

import json
from pathlib import Path

from mic.benchmark.images import (
    RealImage,
    find_installed_images,
    installed_folders,
    read_dicom_frame,
)
from mic.images.samples import pixel_sha256

SHARED = Path(__file__).resolve().parents[2] / "shared" / "corpus"
LISTING = "benchmark_set.json"


def load(folder: Path = SHARED) -> tuple[str, list[RealImage]]:
    """Return the name of the set for the report, and its images.

    If `folder` holds ``benchmark_set.json``, these are exactly the images that it
    names, each checked by its digest; otherwise the images that pip installed.
    """
    listing = folder / LISTING
    if not listing.exists():
        return "the images that pydicom and pydicom-data bring", find_installed_images()
    entries = json.loads(listing.read_text())["images"]
    folders = {"corpus": folder, **installed_folders()}
    return LISTING, [_load_entry(entry, folders) for entry in entries]


def _load_entry(entry: dict[str, object], folders: dict[str, Path]) -> RealImage:
    name, source, frame = str(entry["file"]), str(entry["source"]), entry["frame"]
    if source not in folders:
        raise SystemExit(f'{name} comes with {source}: pip install "mic-codec[bench]"')
    paths = sorted(folders[source].rglob(name))
    if not paths:
        raise SystemExit(f"{name} is not among the files of {source}")
    assert frame is None or isinstance(frame, int)
    pixels = read_dicom_frame(paths[0], frame)
    if pixel_sha256(pixels) != entry["sha256"]:
        raise SystemExit(f"{name} of {source} decodes to other pixels than {LISTING} names")
    return RealImage(name, source, str(entry["modality"]), frame, pixels)
