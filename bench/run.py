# SPDX-License-Identifier: MIT
"""Measure mic against its peers: one process, same images, one JSON file.

python bench/run.py                    everything, a few minutes
python bench/run.py --quick            some images, a minute
python bench/run.py --isa scalar       with other kernels, into a file of its own
python bench/run.py --report           docs/benchmarks.md from bench/results/*.json
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import sources
import tables

HERE = Path(__file__).resolve().parent
README = HERE.parent / "README.md"
REPORT = HERE.parent / "docs" / "benchmarks.md"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--report", action="store_true", help="write docs/benchmarks.md and stop")
    parser.add_argument("--quick", action="store_true", help="every third image, fewer runs")
    parser.add_argument(
        "--codec", action="append", default=[], help="codec of mic, such as fse-8; repeatable"
    )
    parser.add_argument("--no-peers", action="store_true", help="the codecs of mic only")
    parser.add_argument(
        "--threads", default="1,0", help="numbers of threads; 0 for all CPUs (default: 1,0)"
    )
    parser.add_argument("--repeat", type=int, help="measurements whose median counts (default: 5)")
    parser.add_argument("--isa", choices=["scalar", "avx2", "avx512", "neon"])
    parser.add_argument("--corpus", type=Path, help="folder with benchmark_set.json")
    parser.add_argument(
        "--out", type=Path, help="JSON file (default: bench/results/<machine>.json)"
    )
    return parser.parse_args()


def main() -> None:
    """Measure, write the JSON file, print the summary."""
    arguments = _arguments()
    if arguments.isa is not None:
        os.environ["MIC_CPU"] = arguments.isa  # read when mic is imported

    import corpus
    import report

    from mic import benchmark
    from mic.benchmark.codecs import own_codecs, peer_codecs, peer_versions
    from mic.codec.arrays import thread_count

    if arguments.report:
        report.write_report(HERE / "results", REPORT, README)
        return
    label, images = corpus.load(arguments.corpus or corpus.SHARED)
    codecs = own_codecs(arguments.codec, all_variants=not arguments.quick)
    peers = [] if arguments.no_peers else peer_codecs()
    if arguments.quick:
        images = images[::3]
        peers = [codec for codec in peers if codec.max_repeat is None]
        label = f"every third of {label}"
    threads = sorted({thread_count(int(number)) for number in arguments.threads.split(",")})
    repeat = arguments.repeat or (2 if arguments.quick else 5)
    results = benchmark.measure_all(
        images, codecs + peers, threads=threads, repeat=repeat, progress=_progress
    )
    settings = {
        "images": label,
        "commit": sources.commit(),
        "repeat": repeat,
        "threads": threads,
        "peers": peer_versions() if peers else {},
    }
    content = benchmark.document(images, results, settings)
    machine = content["machine"]
    suffix = f"-{arguments.isa}" if arguments.isa else ""
    suffix += "-quick" if arguments.quick else ""
    target = arguments.out or HERE / "results" / f"{tables.slug(machine)}{suffix}.json"
    benchmark.write_json(target, content)
    print(f"{'codec':12} {'threads':>7} {'ratio':>7} {'encode MB/s':>12} {'decode MB/s':>12}")
    for row in benchmark.summarize(results):
        print(
            f"{row.codec:12} {row.threads:7} {row.ratio[0]:7.3f} "
            f"{row.encode[0]:12.0f} {row.decode[0]:12.0f}"
        )
    print(f"written to {target}")


def _progress(name: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done + 1}/{total} {name:40}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
