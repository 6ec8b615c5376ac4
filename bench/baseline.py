# SPDX-License-Identifier: MIT
"""Measure against version 0.1.0: both versions on the same images, in turns.

python bench/baseline.py                   bytes and speed, into bench/results/baseline.json
python bench/baseline.py --isa avx2        with other kernels, into a file of its own
python bench/baseline.py --only-build      print the folder that holds version 0.1.0

Version 0.1.0 is built once, from its commit, into build/baseline.  Each version runs in
a process of its own; the two take turns on each image, so that a disturbed machine
disturbs both.  To use version 0.1.0 elsewhere, put the folder on PYTHONPATH.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import sources

COMMIT = "2af174a741b4c526509e5f30c5d3b2830a3c353b"
VERSION = "0.1.0"
WORKER = Path(__file__).resolve().with_name("baseline_worker.py")
VARIANTS: dict[str, dict[str, Any]] = {
    "wavefront-1": {"codec": "wavefront", "effort": 1},
    "wavefront-5": {"codec": "wavefront", "effort": 5},
    "wavefront-9": {"codec": "wavefront", "effort": 9},
    "fse-4": {"codec": "fse"},
    "huffman": {"codec": "huffman"},
}


def build() -> Path:
    """Return the folder that holds version 0.1.0, and build it if it is missing.

    Raises
    ------
    SystemExit
        The commit is not in this checkout, or cannot be built.
    """
    folder = sources.ROOT / "build" / "baseline" / COMMIT[:12]
    if folder.exists():
        return folder
    with tempfile.TemporaryDirectory() as work:
        _unpack(Path(work) / "sources")
        _install(Path(work) / "sources", Path(work) / "site")
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(Path(work) / "site", folder)
    return folder


def _unpack(folder: Path) -> None:
    command = ["git", "-C", str(sources.ROOT), "archive", COMMIT]
    archive = subprocess.run(command, capture_output=True, check=False)
    if archive.returncode:
        raise SystemExit(
            f"commit {COMMIT[:12]}, which is version {VERSION}, is not in this checkout; "
            "fetch its whole history"
        )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")


def _install(folder: Path, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*command, "--target", str(target), str(folder)], check=True)


class Worker:
    """One version of mic in a process of its own."""

    def __init__(self, site: Path, isa: str | None) -> None:
        environment = {**os.environ, "PYTHONPATH": str(site)}
        if isa is not None:
            environment["MIC_CPU"] = isa
        self._process = subprocess.Popen(
            [sys.executable, str(WORKER)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the worker ended; its error stands above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


@contextmanager
def workers(isa: str | None) -> Iterator[dict[str, Worker]]:
    """The two versions, ready to be asked."""
    import mic

    both = {
        "baseline": Worker(build(), isa),
        "mic": Worker(Path(mic.__file__).resolve().parents[1], isa),
    }
    try:
        yield both
    finally:
        for worker in both.values():
            worker.close()


def measure(
    both: Mapping[str, Worker], path: Path, options: Mapping[str, Any], repeat: int
) -> dict[str, Any]:
    """One image by both versions: are the bytes the same, and how do the speeds compare?"""
    seconds: dict[str, dict[str, list[float]]] = {
        name: {"encode": [], "decode": []} for name in both
    }
    hashes = {
        name: worker.ask(do="prepare", image=str(path), options=dict(options))["sha256"]
        for name, worker in both.items()
    }
    for turn in range(repeat):
        for direction in ("encode", "decode"):
            for name in sorted(both, reverse=turn % 2 == 1):
                answer = both[name].ask(do=direction)
                seconds[name][direction].append(answer["seconds"])
    return {
        "same_bytes": len(set(hashes.values())) == 1,
        **{
            direction: _compared(seconds["baseline"][direction], seconds["mic"][direction])
            for direction in ("encode", "decode")
        },
    }


def _compared(before: list[float], after: list[float]) -> dict[str, float]:
    """Speed of the new version in units of the old one.

    The median of the turns, and that of the fastest calls of each, which a disturbed
    machine disturbs less.
    """
    ratios = [old / new for old, new in zip(before, after, strict=True)]
    return {
        "speed": round(statistics.median(ratios), 4),
        "best": round(min(before) / min(after), 4),
        "lowest": round(min(ratios), 4),
        "highest": round(max(ratios), 4),
        "baseline_seconds": float(f"{statistics.median(before):.5g}"),
    }


def summarize(results: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Summarize each codec: how many streams differ, and the geometric means of the speeds."""
    summary: dict[str, dict[str, float]] = {}
    for codec in VARIANTS:
        rows = [row for row in results if row["codec"] == codec]
        if not rows:
            continue
        summary[codec] = {
            "images": len(rows),
            "different_bytes": sum(not row["same_bytes"] for row in rows),
        }
        for direction in ("encode", "decode"):
            for figure in ("speed", "best"):
                values = np.array([row[direction][figure] for row in rows])
                summary[codec][f"{direction}_{figure}"] = float(np.exp(np.log(values).mean()))
    return summary


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only-build", action="store_true")
    parser.add_argument("--isa", choices=["scalar", "avx2", "avx512", "neon"])
    parser.add_argument("--codec", action="append", choices=list(VARIANTS), default=[])
    parser.add_argument("--repeat", type=int, default=9, help="turns whose median counts")
    parser.add_argument("--corpus", type=Path, help="folder with benchmark_set.json")
    return parser.parse_args()


def main() -> None:
    """Build version 0.1.0, measure both versions, write the JSON file, print the summary."""
    arguments = _arguments()
    if arguments.only_build:
        print(build())
        return
    import corpus

    from mic import benchmark

    label, images = corpus.load(arguments.corpus or corpus.SHARED)
    results: list[dict[str, Any]] = []
    with workers(arguments.isa) as both, tempfile.TemporaryDirectory() as work:
        versions = {name: worker.ask(do="version") for name, worker in both.items()}
        for number, image in enumerate(images):
            path = Path(work) / f"{number}.npy"
            np.save(path, image.pixels)
            for codec in arguments.codec or VARIANTS:
                row = measure(both, path, VARIANTS[codec], arguments.repeat)
                results.append({"image": image.name, "codec": codec, **row})
    versions["baseline"]["commit"] = COMMIT[:12]
    versions["mic"]["commit"] = sources.commit()
    summary = summarize(results)
    suffix = f"-{arguments.isa}" if arguments.isa else ""
    target = sources.ROOT / "bench" / "results" / f"baseline{suffix}.json"
    settings = {"images": label, "repeat": arguments.repeat}
    content = {"versions": versions, "settings": settings, "summary": summary, "results": results}
    benchmark.write_json(target, {"machine": benchmark.machine(), **content})
    print(f"speed of {VERSION} = 1: median of the turns, and fastest calls")
    print(f"{'codec':12} {'images':>6} {'differ':>6} {'encode':>14} {'decode':>14}")
    for codec, row in summary.items():
        print(
            f"{codec:12} {row['images']:6} {row['different_bytes']:6} "
            f"{row['encode_speed']:7.3f} {row['encode_best']:6.3f} "
            f"{row['decode_speed']:7.3f} {row['decode_best']:6.3f}"
        )
    print(f"written to {target}")


if __name__ == "__main__":
    main()
