# SPDX-License-Identifier: MIT
"""Size and speed of Zarr arrays: MIC against the codecs that Zarr users have.

python bench/zarr_codecs.py             writes bench/results/zarr.json and the table in
docs/zarr.md
python bench/zarr_codecs.py --quick     16 slices, two rounds, written nowhere
python bench/zarr_codecs.py --report    the table from the JSON file

The volume has 64 slices of 512 x 512, made from real CT slices (bench/series.py), in a
local store.  All codecs take turns in one process, and the best round of each counts,
because other work on the machine disturbs it least.  The codecs of imagecodecs are
written for Zarr 2 and used with it.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import series
import tables
import zarr
import zarr.codecs
from imagecodecs.numcodecs import Jpeg2k, Jpegls, Jpegxl, register_codecs
from zarr.storage import LocalStore

from mic import benchmark
from mic.zarr import MicCodec

HERE = Path(__file__).resolve().parent
TARGET = HERE / "results" / "zarr.json"
PAGE = HERE.parent / "docs" / "zarr.md"


def arrays() -> dict[str, dict[str, Any]]:
    """Return the options of `zarr.create_array` for each way to store the volume."""
    slices, block = (1, 512, 512), (16, 512, 512)
    blosc = zarr.codecs.BloscCodec(cname="zstd", clevel=5, shuffle="bitshuffle", typesize=2)
    mic_only = {"serializer": MicCodec(), "compressors": None}
    return {
        "**mic**, chunks of a slice": {"chunks": slices, **mic_only},
        "**mic**, chunks of 16 slices": {"chunks": block, **mic_only},
        "**mic**, slices in a shard": {"chunks": slices, "shards": (64, 512, 512), **mic_only},
        "zstd (Zarr's default)": {"chunks": slices},
        "zstd, chunks of 16 slices": {"chunks": block},
        "blosc (zstd 5, bitshuffle)": {"chunks": slices, "compressors": blosc},
        "JPEG-LS (CharLS)": {"chunks": slices, "compressors": Jpegls(), "zarr_format": 2},
        "JPEG XL, effort 3": {
            "chunks": slices,
            "compressors": Jpegxl(effort=3, lossless=True),
            "zarr_format": 2,
        },
        "JPEG XL, effort 7": {
            "chunks": slices,
            "compressors": Jpegxl(effort=7, lossless=True),
            "zarr_format": 2,
        },
        "JPEG 2000 (OpenJPEG)": {
            "chunks": slices,
            "compressors": Jpeg2k(level=0, reversible=True),
            "zarr_format": 2,
        },
    }


def seconds(call: Callable[[], Any]) -> float:
    """Return the duration of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure(volume: np.ndarray, folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Measure ratio, MB/s of writing and reading, and milliseconds for one slice."""
    stored: dict[str, Any] = {}
    times: dict[str, dict[str, list[float]]] = {}
    for number, (name, options) in enumerate(arrays().items()):
        store = LocalStore(folder / str(number))
        array = zarr.create_array(store, shape=volume.shape, dtype=volume.dtype, **options)
        write = seconds(lambda array=array: array.__setitem__(..., volume))
        assert (array[...] == volume).all(), name
        stored[name], times[name] = array, {"write": [write], "read": [], "slice": []}
    middle = len(volume) // 2
    for _ in range(rounds):
        for name, array in stored.items():
            times[name]["read"].append(seconds(lambda array=array: array[...]))
            one = [seconds(lambda array=array: array[middle]) for _ in range(5)]
            times[name]["slice"].append(min(one))
    results = {}
    for number, (name, runs) in enumerate(times.items()):
        chunks = [p for p in (folder / str(number)).rglob("*") if p.is_file()]
        n_bytes = sum(path.stat().st_size for path in chunks if not _is_metadata(path))
        best = {what: min(samples) for what, samples in runs.items()}
        results[name] = {
            "ratio": round(volume.nbytes / n_bytes, 3),
            "write MB/s": round(volume.nbytes / benchmark.MEGABYTE / best["write"], 1),
            "read MB/s": round(volume.nbytes / benchmark.MEGABYTE / best["read"], 1),
            "slice ms": round(best["slice"] * 1e3, 2),
        }
    return results


def _is_metadata(path: Path) -> bool:
    return path.name in ("zarr.json", ".zarray", ".zattrs", ".zgroup")


def table(content: dict[str, Any]) -> str:
    """Return the table for the page."""
    settings, machine = content["settings"], content["machine"]
    shape = " x ".join(map(str, settings["shape"]))
    rows = [
        [
            name,
            f"{row['ratio']:.2f}",
            f"{row['read MB/s']:.0f}",
            f"{row['slice ms']:.1f}",
            f"{row['write MB/s']:.0f}",
        ]
        for name, row in content["results"].items()
    ]
    heading = ["stored as", "ratio", "read MB/s", "one slice, ms", "write MB/s"]
    note = (
        f"An array of {shape} {settings['dtype']}, made of real CT slices; local store, warm "
        f"cache, best of {settings['rounds']}, zarr {settings['zarr']} as installed "
        f"({machine['cpus']} CPUs); "
        f"`bench/results/zarr.json`, {machine['model']}, {machine['active']}.\n"
    )
    return f"{tables.markdown(heading, rows)}\n{note}"


def main() -> None:
    """Measure, write the JSON file and the table."""
    arguments = series.arguments(__doc__, slices=(64, 16), repeat=(9, 2))
    if arguments.report:
        tables.insert(PAGE, table(json.loads(TARGET.read_text())))
        return
    register_codecs()
    names, volume = series.synthesize(arguments.slices)
    volume = (volume.astype(np.int32) - int(volume.min())).astype(np.uint16)
    with tempfile.TemporaryDirectory() as folder:
        results = measure(volume, Path(folder), arguments.repeat)
    content = {
        "machine": benchmark.machine(),
        "settings": {
            "shape": list(volume.shape),
            "dtype": volume.dtype.name,
            "made of": names,
            "rounds": arguments.repeat,
            "zarr": zarr.__version__,
            "imagecodecs": imagecodecs.__version__,
        },
        "results": results,
    }
    print(table(content))
    if not arguments.quick:
        benchmark.write_json(TARGET, content)
        tables.insert(PAGE, table(content))


if __name__ == "__main__":
    main()
