# SPDX-License-Identifier: MIT
"""Measure how cost grows: with the size of the image, with threads, and by stage.

python bench/scaling.py      bench/results/scaling.json; bench/run.py --report shows it
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import corpus
import numpy as np

import mic
from mic import benchmark
from mic.benchmark.codecs import own_codecs, peer_codecs
from mic.benchmark.images import RealImage
from mic.codec.arrays import thread_count

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "scaling.json"
SIDES = (64, 128, 256, 512, 1024, 2048, 4096, 10_000)
PEERS = ("CharLS", "OpenJPH")
THREADED_IMAGES = 3


def main() -> None:
    """Measure all three and write the JSON file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=5, help="measurements whose median counts")
    arguments = parser.parse_args()
    name, images = corpus.load()
    by_size = sorted(images, key=lambda image: image.pixels.size)
    document = {
        "machine": benchmark.machine(),
        "images": name,
        "sizes": sizes(by_size[-1], arguments.repeat),
        "threads": threads(by_size[-THREADED_IMAGES:], arguments.repeat),
        "cycles": cycles(next(image for image in by_size if image.pixels.size >= 1 << 18)),
    }
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")
    print(f"wrote {RESULTS}")


def square(image: RealImage, side: int) -> RealImage:
    """Cut a square from the middle; if the image is too small, repeat it mirrored."""
    pixels = image.pixels
    pad = [max(0, side - n) for n in pixels.shape]
    pixels = np.pad(pixels, [(0, n) for n in pad], mode="symmetric")
    top, left = ((n - side) // 2 for n in pixels.shape)
    cut = np.ascontiguousarray(pixels[top : top + side, left : left + side])
    return RealImage(f"{image.name}, {side} x {side}", image.source, image.modality, None, cut)


def sizes(image: RealImage, repeat: int) -> dict[str, Any]:
    """Measure one thread, from thumbnails to slides."""
    codecs = [*own_codecs(["wavefront", "fse"]), *_peers()]
    rows = []
    for side in SIDES:
        measured = benchmark.measure_image(square(image, side).pixels, codecs, repeat=repeat)
        rows += [{"side": side, **_row(result)} for result in measured]
        print(f"{side} x {side} done", flush=True)
    return {"image": image.name, "rows": rows}


def threads(images: Sequence[RealImage], repeat: int) -> list[dict[str, Any]]:
    """Measure the largest images on 1 thread and on more, up to all CPUs."""
    counts = sorted({1, 2, 4, 8, thread_count(0)} & set(range(1, thread_count(0) + 1)))
    codecs = own_codecs(["wavefront", "fse"])
    measured = benchmark.measure_all(images, codecs, threads=counts, repeat=repeat)
    return [
        {"name": images[result.image].name, "threads": result.threads, **_row(result)}
        for result in measured
    ]


def cycles(image: RealImage) -> dict[str, Any]:
    """Measure cycles per pixel of each stage on every instruction set, with bench/cycles.c."""
    rows, columns = image.pixels.shape
    with tempfile.TemporaryDirectory() as folder:
        program, samples = Path(folder) / "cycles", Path(folder) / "samples"
        sources = [HERE / "cycles.c", *sorted((HERE.parent / "csrc").glob("*/*.c"))]
        subprocess.run(
            ["cc", "-O3", "-std=gnu11", *map(str, sources), "-o", str(program), "-lpthread"],
            check=True,
        )
        samples.write_bytes(image.pixels.astype("<u2", copy=False).tobytes())
        printed = subprocess.run(
            [program, str(columns), str(rows), samples], check=True, capture_output=True, text=True
        ).stdout
    table: dict[str, dict[str, float]] = {}
    for line in printed.splitlines():
        isa, stage, value = line.split("\t")
        table.setdefault(stage, {})[isa] = float(value)
    return {"image": image.name, "shape": [rows, columns], "stages": table}


def _peers() -> list[Any]:
    try:
        return [codec for codec in peer_codecs() if codec.name in PEERS]
    except mic.UnsupportedError:
        return []


def _row(result: benchmark.Measurement) -> dict[str, Any]:
    if result.encode is None or result.decode is None:
        return {"codec": result.codec, "error": result.error}
    return {
        "codec": result.codec,
        "bytes": result.encoded_bytes,
        "ratio": round(result.ratio, 4),
        "encode_s": result.encode.median,
        "decode_s": result.decode.median,
        "decoded_bytes": result.decoded_bytes,
    }


if __name__ == "__main__":
    main()
