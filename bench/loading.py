# SPDX-License-Identifier: MIT
"""Images per second in a training loop: MIC against other ways to read DICOM.

python bench/loading.py             writes bench/results/loading.json and the table in
                                    docs/training.md, some minutes
python bench/loading.py --quick     40 slices, two rounds, written nowhere
python bench/loading.py --report    the table from the JSON file

A series of 200 slices of 512 x 512 is made from real CT slices (bench/series.py) and
written in each transfer syntax.  Every way of reading produces the same float32 tensors
of 8 slices.  All ways take turns in one process, and the best round of each counts,
because other work on the machine disturbs it least. "warm" reads from the page cache;
for "cold", the files are dropped from it (posix_fadvise) before the epoch.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import series
import SimpleITK
import tables
import torch
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    generate_uid,
)
from torch.utils.data import DataLoader

import mic
from mic import benchmark
from mic.torch import DicomSlices, collate

HERE = Path(__file__).resolve().parent
TARGET = HERE / "results" / "loading.json"
PAGE = HERE.parent / "docs" / "training.md"
BATCH = 8
SYNTAXES = {
    "native": ExplicitVRLittleEndian,
    "mic": mic.MICLossless,
    "jpeg-ls": JPEGLSLossless,
    "jpeg-2000": JPEG2000Lossless,
}

CHARLS = "JPEG-LS, pydicom with pyjpegls (CharLS)"

Epoch = Callable[[], Iterator[torch.Tensor]]


def write_series(folder: Path, volume: np.ndarray) -> dict[str, list[Path]]:
    """Write the volume as a CT series in each syntax; return the paths of its files."""
    paths: dict[str, list[Path]] = {name: [] for name in SYNTAXES}
    study, uid, frame_of_reference = generate_uid(), generate_uid(), generate_uid()
    lowest = int(volume.min())
    for number, image in enumerate(volume):
        native = _slice(image.astype(np.int32) - lowest, number, lowest)
        native.StudyInstanceUID, native.SeriesInstanceUID = study, uid
        native.FrameOfReferenceUID = frame_of_reference
        for name, syntax in SYNTAXES.items():
            path = folder / name / f"{number:04}.dcm"
            path.parent.mkdir(exist_ok=True)
            native.save_as(path, enforce_file_format=True)
            if name != "native":
                ds = dcmread(path)
                ds.compress(syntax, generate_instance_uid=False)
                ds.save_as(path)
            paths[name].append(path)
    return paths


def _slice(stored: np.ndarray, number: int, intercept: int) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, generate_uid()
    ds.Modality, ds.PatientName, ds.PatientID = "CT", "Bench^Mark", "1"
    ds.InstanceNumber = number + 1
    ds.ImagePositionPatient = [0, 0, number]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing, ds.SliceThickness = [0.7, 0.7], 1
    ds.Rows, ds.Columns = stored.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    ds.RescaleSlope, ds.RescaleIntercept = 1, intercept
    ds.PixelData = stored.astype("<u2").tobytes()
    ds["PixelData"].VR = "OW"
    return ds


def by_pydicom(paths: list[Path], plugin: str = "") -> Epoch:
    """Do what most loops do: parse the file, decode, convert, stack."""

    def pixels(path: Path) -> np.ndarray:
        ds = dcmread(path)
        if plugin:
            ds.pixel_array_options(decoding_plugin=plugin)
        return ds.pixel_array

    def epoch() -> Iterator[torch.Tensor]:
        for start in range(0, len(paths), BATCH):
            images = [pixels(path) for path in paths[start : start + BATCH]]
            yield torch.stack([torch.from_numpy(i.astype(np.float32))[None] for i in images])

    return epoch


def by_sitk_series(paths: list[Path]) -> Epoch:
    """Use SimpleITK's series reader: all slices at once, always rescaled."""

    def epoch() -> Iterator[torch.Tensor]:
        reader = SimpleITK.ImageSeriesReader()
        reader.SetFileNames([str(path) for path in paths])
        image = reader.Execute()
        volume = SimpleITK.GetArrayViewFromImage(image)
        for start in range(0, len(paths), BATCH):
            stored = volume[start : start + BATCH].astype(np.float32)
            yield torch.from_numpy(stored)[:, None]

    return epoch


def by_sitk_slices(paths: list[Path]) -> Epoch:
    """Use SimpleITK slice by slice, as a shuffled loop must."""

    def epoch() -> Iterator[torch.Tensor]:
        for start in range(0, len(paths), BATCH):
            images = [SimpleITK.ReadImage(str(path)) for path in paths[start : start + BATCH]]
            views = [SimpleITK.GetArrayViewFromImage(image)[0] for image in images]
            yield torch.stack([torch.from_numpy(v.astype(np.float32))[None] for v in views])

    return epoch


def by_mic(paths: list[Path], workers: int = 0, **options: Any) -> Epoch:
    """Use mic's data set; files are parsed once before the first epoch."""
    slices = DicomSlices(paths, **options)
    extra = {"num_workers": workers, "persistent_workers": True} if workers else {}
    loader = DataLoader(slices, batch_size=BATCH, collate_fn=collate, **extra)
    return lambda: iter(loader)


def ways(paths: dict[str, list[Path]]) -> dict[str, tuple[str, Epoch]]:
    """Return the ways to measure: name -> (series, epoch)."""
    return {
        "MIC, mic.torch": ("mic", by_mic(paths["mic"])),
        "MIC, mic.torch, 2 threads": ("mic", by_mic(paths["mic"], threads=2)),
        "MIC, mic.torch, 2 workers": ("mic", by_mic(paths["mic"], workers=2)),
        "MIC, pydicom": ("mic", by_pydicom(paths["mic"])),
        "native, mic.torch": ("native", by_mic(paths["native"])),
        "native, pydicom": ("native", by_pydicom(paths["native"])),
        "native, SimpleITK series": ("native", by_sitk_series(paths["native"])),
        "native, SimpleITK slices": ("native", by_sitk_slices(paths["native"])),
        CHARLS: ("jpeg-ls", by_pydicom(paths["jpeg-ls"], "pyjpegls")),
        "JPEG-LS, pydicom by itself (libjpeg)": ("jpeg-ls", by_pydicom(paths["jpeg-ls"])),
        "JPEG 2000, pydicom": ("jpeg-2000", by_pydicom(paths["jpeg-2000"])),
    }


def drop_from_cache(paths: list[Path]) -> None:
    """Let the kernel drop the contents of files from its cache."""
    for path in paths:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def seconds(epoch: Epoch) -> tuple[float, float]:
    """Return the duration of one epoch and the processor time of this process, in seconds."""
    start, cpu = time.perf_counter(), time.process_time()
    for _ in epoch():
        pass
    return time.perf_counter() - start, time.process_time() - cpu


def check(epoch: Epoch, expected: list[torch.Tensor]) -> None:
    """Check that the tensors equal pydicom's, up to the rescaling that SimpleITK applies."""
    batches = list(epoch())
    offset = batches[0].min() - expected[0].min()
    for batch, wanted in zip(batches, expected, strict=True):
        assert torch.equal(batch, wanted + offset)


def main() -> None:
    """Measure and write the JSON file."""
    arguments = series.arguments(__doc__, slices=(200, 40), repeat=(5, 2))
    if arguments.report:
        tables.insert(PAGE, table(json.loads(TARGET.read_text())))
        return
    mic.register()
    names, volume = series.synthesize(arguments.slices)
    with tempfile.TemporaryDirectory() as folder:
        paths = write_series(Path(folder), volume)
        results = measure(ways(paths), paths, arguments.slices, arguments.repeat)
        sizes = {name: sum(path.stat().st_size for path in p) for name, p in paths.items()}
    content = {
        "machine": benchmark.machine(),
        "settings": {
            "slices": arguments.slices,
            "shape": list(volume.shape[1:]),
            "made of": names,
            "batch": BATCH,
            "rounds": arguments.repeat,
            "torch": torch.__version__,
            "SimpleITK": SimpleITK.Version.VersionString(),
        },
        "bytes": sizes,
        "images per second": results,
    }
    for name, result in results.items():
        print(
            f"{name:40} {result['warm']:8.0f} warm {result['cold']:8.0f} cold "
            f"{result['cpu ms']:8.2f} CPU ms"
        )
    if not arguments.quick:
        benchmark.write_json(TARGET, content)
        tables.insert(PAGE, table(content))


def table(content: dict[str, Any]) -> str:
    """Return the table for the page."""
    settings, machine, rates = (
        content[key] for key in ("settings", "machine", "images per second")
    )
    base = rates[CHARLS]["warm"]
    rows = [
        [
            name,
            f"{rate['warm']:.0f}",
            f"{rate['cold']:.0f}",
            f"{rate['warm'] / base:.1f}",
            "" if "workers" in name else f"{rate['cpu ms']:.2f}",
        ]
        for name, rate in rates.items()
    ]
    heading = ["files and reader", "images/s, warm cache", "cold", "warm vs CharLS"]
    note = (
        f"Epochs over {settings['slices']} slices of {settings['shape'][0]} x "
        f"{settings['shape'][1]}, made of real CT slices, as float32 batches of "
        f"{settings['batch']}; all take turns in one process, and the best of "
        f"{settings['rounds']} counts.\n"
        'For "cold" the files were dropped from the page cache.\n'
        f"Machine: {machine['model']}, {machine['active']}, {machine['cpus']} CPUs; "
        "`bench/results/loading.json`.\n"
    )
    return f"{tables.markdown([*heading, 'CPU ms/image'], rows)}\n{note}"


def measure(
    measured: dict[str, tuple[str, Epoch]],
    paths: dict[str, list[Path]],
    n_slices: int,
    rounds: int,
) -> dict[str, dict[str, float]]:
    """Measure images per second of each way, warm and cold, and CPU time; all ways in turns."""
    expected = list(measured["native, pydicom"][1]())
    times: dict[str, dict[str, list[float]]] = {}
    for name, (_, epoch) in measured.items():
        check(epoch, expected)
        times[name] = {"warm": [], "cpu": [], "cold": []}
    del expected
    for _ in range(rounds):
        for name, (source, epoch) in measured.items():
            warm, cpu = seconds(epoch)
            times[name]["warm"].append(warm)
            times[name]["cpu"].append(cpu)
            drop_from_cache(paths[source])
            times[name]["cold"].append(seconds(epoch)[0])
    return {
        name: {
            "warm": round(n_slices / min(runs["warm"]), 1),
            "cold": round(n_slices / min(runs["cold"]), 1),
            "cpu ms": round(1e3 * min(runs["cpu"]) / n_slices, 3),
        }
        for name, runs in times.items()
    }


if __name__ == "__main__":
    main()
