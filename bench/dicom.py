# SPDX-License-Identifier: MIT
"""Decode times per DICOM file: pydicom's default decoder against MIC Lossless.

python bench/dicom.py                  measure; bench/results/dicom-<machine>.json and the page
python bench/dicom.py --report         docs/benchmarks-dicom.md from bench/results/dicom-*.json
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

import tables

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "benchmarks-dicom.md"
PLUGINS = ("pylibjpeg", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg", "pylibjpeg-rle", "pyjpegls")
_HEAD = """# Decode times of DICOM files

<!-- written by bench/dicom.py -->

This page shows how long `dcmread(path).pixel_array` takes for every `.dcm` file of pydicom and pydicom-data that pydicom can decode.
"Baseline" is the original file with pydicom's default decoder.
"MIC" is the same file after `mic transcode --to mic` and `mic.register()`.
Opening, parsing and colour conversion are part of both.
The table gives means and standard deviations in seconds, on one thread; the two take turns.
The pixels of both are compared.
For lossy colour files the transcoded file holds RGB.
`mic bench dicom` prints the same table on your machine.

The sums over compressed sources tell what a change of codec gains.
Files of a few kilobytes and uncompressed files are listed so that nothing is hidden: an uncompressed original only has to be copied, but MIC has to decode.
"""  # noqa: E501


def main() -> None:
    """Measure, and write the JSON file and the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--report", action="store_true", help="write the page only")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--warm-ups", type=int, default=2)
    parser.add_argument("--nvimgcodec", choices=["gpu", "cpu"], help="a further column")
    parser.add_argument("--out", type=Path, help="JSON file")
    arguments = parser.parse_args()
    if not arguments.report:
        measure(arguments.repeat, arguments.warm_ups, arguments.nvimgcodec, arguments.out)
    write_page()


def measure(repeat: int, warm_ups: int, nvimgcodec: str | None, out: Path | None) -> None:
    """Measure all files and write a JSON file named after the machine."""
    from mic import benchmark, gpu
    from mic.benchmark.dicom import FileTimes, as_json, dicom_files, measure_files

    rows, errors = [], []
    for result in measure_files(
        dicom_files(), runs=repeat, warm_ups=warm_ups, nvimgcodec=nvimgcodec
    ):
        (rows if isinstance(result, FileTimes) else errors).append(result)
        print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    machine = benchmark.machine()
    content = {
        "machine": machine,
        "settings": {
            "repeat": repeat,
            "warm_ups": warm_ups,
            "effort": 5,
            "threads": 1,
            "nvimgcodec": nvimgcodec and {"on": nvimgcodec, "version": gpu.status().nvimgcodec},
            "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
            "baseline": {name: version(name) for name in ("pydicom", *PLUGINS)},
        },
        **as_json(rows, errors),
    }
    path = out or HERE / "results" / f"dicom-{tables.slug(machine)}.json"
    benchmark.write_json(path, content)


def write_page() -> None:
    """Write the page from all JSON files."""
    from mic.benchmark.dicom import FileTimes, speedup, table, totals

    parts = [_HEAD]
    for path in sorted((HERE / "results").glob("dicom-*.json")):
        content = json.loads(path.read_text())
        rows = [FileTimes(**row) for row in content["rows"]]
        settings, machine = content["settings"], content["machine"]
        versions = ", ".join(f"{name} {number}" for name, number in settings["baseline"].items())
        used = sorted({row.plugin for row in rows} - {"none"})
        parts += [
            f"\n## {machine['model'] or machine['architecture']}, {machine['active']}\n",
            f"From `bench/results/{path.name}`: {settings['warm_ups']} warm-ups, "
            f"{settings['repeat']} runs, load average {settings['load']} at the end.\n"
            f"Baseline: {versions}; the plugins that it used: {', '.join(used)}.\n"
            f"{_nvimgcodec_words(settings.get('nvimgcodec'))}\n",
        ]
        head, lines = table(rows)
        cells = [[_cell(cell) for cell in line] for line in lines]
        parts.append(tables.markdown(head, cells, text=("Shape", "File")).rstrip("\n"))
        fastest = {name: speedup(sums) for name, sums in totals(rows, min).items()}
        ratios = ", ".join(f"{name} {ratio:.1f}x" for name, ratio in fastest.items())
        parts.append(
            "\nWith the fastest run of each file instead of the mean, which a busy machine "
            f"disturbs least: {ratios}."
        )
        names = [f"`{error['file']}`" for error in content["errors"]]
        parts.append(
            f"\nErrors ({len(names)} files that pydicom cannot decode, or whose 1 or 32 bits MIC "
            f"does not hold; see [transcode.md](transcode.md)): {', '.join(names)}."
        )
    PAGE.write_text("\n".join(parts) + "\n", encoding="utf-8")


def _nvimgcodec_words(setting: dict[str, str | None] | None) -> str:
    if setting is None:
        return "There is no column for nvImageCodec."
    where = "a GPU" if setting["on"] == "gpu" else "its CPU decoders, without a GPU"
    return (
        f"nvimgcodec: version {setting['version'] or '?'} on {where}, by `mic.gpu.register`; "
        "files that it does not decode go to pydicom's decoders, as usual."
    )


def _cell(text: str) -> str:
    short = text.replace(" Image Compression", "").replace(" (Lossless Only)", " Lossless")
    return short.split(", Non-Hierarchical")[0]


if __name__ == "__main__":
    main()
