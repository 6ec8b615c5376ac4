# SPDX-License-Identifier: MIT
"""The table on the first screen of the README."""

from __future__ import annotations

import json
from pathlib import Path

import tables

from mic.benchmark import Measurement, speed_against, summarize

BASE = "CharLS"
# Codec, and a name for readers who do not know these libraries.
SHOWN = {
    "wavefront-5": "**mic, wavefront** (default)",
    "wavefront-9": "mic, wavefront, effort 9",
    "fse-4": "mic, published MIC stages",
    "CharLS": "JPEG-LS (CharLS)",
    "OpenJPH": "HTJ2K (OpenJPH)",
    "libjxl-7": "JPEG XL, effort 7 (libjxl)",
    "zstd-3": "zstd -3",
}
_HEADING = ("codec", "ratio", "decode MB/s", "encode MB/s", "speed vs JPEG-LS")
_NOTE = """
Geometric means over {images} greyscale 16-bit images ({modalities}), one thread, one run: `bench/results/{name}`, {machine}.
The last column compares decode speeds.
[docs/benchmarks.md](docs/benchmarks.md) has more figures, and shows where others win.
"""  # noqa: E501


def write_readme_table(path: Path, readme: Path) -> None:
    """Put the main figures from a JSON file of bench/run.py into a README."""
    content = json.loads(path.read_text(encoding="utf-8"))
    one = [Measurement.from_json(entry) for entry in content["results"] if entry["threads"] == 1]
    summaries = {summary.codec: summary for summary in summarize(one)}
    rows = [
        [
            title,
            f"{summaries[codec].ratio[0]:.2f}",
            f"{summaries[codec].decode[0]:.0f}",
            f"{summaries[codec].encode[0]:.0f}",
            f"{speed_against(one, codec, BASE, 'decode'):.1f}",
        ]
        for codec, title in SHOWN.items()
        if codec in summaries
    ]
    machine = content["machine"]
    note = _NOTE.format(
        images=len(content["images"]),
        modalities=", ".join(sorted({image["modality"] for image in content["images"]})),
        name=path.name,
        machine=f"{machine['model']}, {machine['active']}",
    )
    tables.insert(readme, tables.markdown(_HEADING, rows) + note)
