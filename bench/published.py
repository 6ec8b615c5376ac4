# SPDX-License-Identifier: MIT
"""Figures of the published containers: threads on strips, colour against MICR.

python bench/published.py          a minute; writes bench/results/published.json

Needs ``pip install -e ".[bench]"`` and, for all images, ``../shared/corpus``.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from corpus import SHARED
from numpy.typing import NDArray

import mic
from mic.benchmark import geometric_mean
from mic.benchmark.images import (
    MIN_SIDE,
    distinct,
    images_of,
    installed_folders,
)
from mic.dicom.failures import quiet_pydicom
from mic.dicom.syntaxes import LOSSLESS
from mic.images.kinds import files_below

RESULTS = Path(__file__).resolve().parent / "results" / "published.json"
LARGE = ("MG1.dcm", "SC1.dcm")
STRIPS, THREADS = 4, 2

Array = NDArray[Any]


def seconds(work: list[Callable[[], Any]], repeat: int) -> list[float]:
    """Return the minimum time of each; they run in turns, so that other load affects all alike."""
    best = [math.inf] * len(work)
    for _ in range(repeat):
        for i, call in enumerate(work):
            start = time.perf_counter()
            call()
            best[i] = min(best[i], time.perf_counter() - start)
    return best


def bound_of(stream: bytes, out: Array, repeat: int) -> float:
    """Return the speed-up that the strips allow: all work over the larger of two shares."""

    def decode(first: int, rows: int) -> Callable[[], Any]:
        band = slice(first, first + rows)
        return lambda: mic.decode(stream, rows=band, out=out[band])

    parts = mic.info(stream).parts
    times = seconds([decode(part.first_row, part.rows) for part in parts], repeat)
    shares = product((False, True), repeat=len(times))
    largest = [sum(t for t, mine in zip(times, share, strict=True) if mine) for share in shares]
    return sum(times) / min(max(one, sum(times) - one) for one in largest)


def measure_strips(name: str, array: Array, container: str, repeat: int) -> dict[str, Any]:
    """Compare one thread with two on the same strips."""
    stream = mic.encode(array, container=container, strips=STRIPS)
    out = np.empty_like(array)

    def encode(threads: int) -> Callable[[], Any]:
        return lambda: mic.encode(array, container=container, strips=STRIPS, threads=threads)

    def decode(threads: int) -> Callable[[], Any]:
        return lambda: mic.decode(stream, out=out, threads=threads)

    encoding = seconds([encode(1), encode(THREADS)], repeat)
    decoding = seconds([decode(1), decode(THREADS)], repeat)
    assert np.array_equal(out, array)
    megabytes = array.nbytes / 1e6
    return {
        "image": name,
        "shape": array.shape,
        "container": container,
        "strips": STRIPS,
        "ratio": round(array.nbytes / len(stream), 3),
        "encode_mb_s": [round(megabytes / s, 1) for s in encoding],
        "decode_mb_s": [round(megabytes / s, 1) for s in decoding],
        "encode_speedup": round(encoding[0] / encoding[1], 3),
        "decode_speedup": round(decoding[0] / decoding[1], 3),
        "decode_speedup_bound": round(bound_of(stream, out, repeat), 3),
    }


def is_lossless_rgb(path: Path) -> bool:
    """Whether the file is an 8-bit colour image that was never lossy."""
    from pydicom import dcmread

    try:
        with quiet_pydicom():
            head = dcmread(path, stop_before_pixels=True)
    except Exception:  # not a DICOM file
        return False
    return (
        head.get("SamplesPerPixel") == 3
        and head.get("BitsAllocated") == 8
        and head.file_meta.get("TransferSyntaxUID") in LOSSLESS
        and head.get("LossyImageCompression") != "01"
    )


def colour_images() -> list[Any]:
    """Return the RGB images of the corpus, pydicom and pydicom-data, distinct by pixels."""
    folders = [SHARED, *installed_folders().values()]
    paths = [path for folder in folders for path in files_below(folder)]
    found = images_of(filter(is_lossless_rgb, paths), on_error=lambda path, error: None)
    return [
        image
        for image in distinct(found)
        if image.pixels.shape[-1] == 3 and min(image.pixels.shape[:2]) >= MIN_SIDE
    ]


def measure_colour(name: str, array: Array) -> dict[str, Any]:
    sizes = {
        "native": len(mic.encode(array)),
        "native_effort_9": len(mic.encode(array, effort=9)),
        "micr": len(mic.encode(array, container="micr")),
    }
    return {
        "image": name,
        "shape": array.shape,
        **{f"{way}_ratio": round(array.nbytes / size, 3) for way, size in sizes.items()},
        "native_over_micr": round(sizes["micr"] / sizes["native"], 4),
        "native_effort_9_over_micr": round(sizes["micr"] / sizes["native_effort_9"], 4),
    }


def main() -> None:
    """Measure, write the JSON file, print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=15, help="runs whose best counts")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    strips = [
        measure_strips(image.name, image.pixels.view("uint16"), container, arguments.repeat)
        for image in images_of(SHARED / name for name in LARGE if (SHARED / name).exists())
        for container in ("pics", "pica")
    ]
    colour = [measure_colour(image.name, image.pixels) for image in colour_images()]
    results = {
        "machine": mic.cpu_info(),
        "version": mic.__version__,
        "threads": [1, THREADS],
        "repeat": arguments.repeat,
        "strips": strips,
        "colour": colour,
        "native_over_micr": round(geometric_mean(entry["native_over_micr"] for entry in colour), 4),
        "native_effort_9_over_micr": round(
            geometric_mean(entry["native_effort_9_over_micr"] for entry in colour), 4
        ),
    }
    arguments.out.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
