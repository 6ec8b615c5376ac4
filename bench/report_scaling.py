# SPDX-License-Identifier: MIT
"""Write the part of docs/benchmarks.md about size, threads and stages, from scaling.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import tables
from plots import OWN_COLOUR, PEER_COLOUR, save

Row = dict[str, Any]


def scaling_section(path: Path, figures: Path) -> str:
    """Return three tables and two figures."""
    content = json.loads(path.read_text(encoding="utf-8"))
    machine = f"{content['machine']['model']}, {content['machine']['active']}"
    _plot_sizes(content["sizes"], machine, figures)
    _plot_threads(content["threads"], machine, figures)
    parts = [
        f"## Cost by size, threads and stage ({machine})\n",
        f"These figures are from `bench/results/{path.name}`, made by `python bench/scaling.py`.\n",
        "### By size of the image, one thread\n",
        f"Squares cut from {content['sizes']['image']}, mirrored where it is too small.\n"
        "The cells are ratio / encode MB/s / decode MB/s.\n",
        _size_table(content["sizes"]["rows"]),
        "![cost against size](figures/cost-size.png)\n",
        "### Threads\n",
        "Speed on n threads divided by the speed on one, encode / decode.\n",
        _thread_table(content["threads"]),
        "![scaling over threads](figures/threads.png)\n",
        "### Cycles per pixel by stage\n",
        f"{content['cycles']['image']}, {' x '.join(map(str, content['cycles']['shape']))}, the "
        "least of many runs, in ticks of the time stamp counter.\n",
        _cycle_table(content["cycles"]["stages"]),
    ]
    return "\n".join(parts)


def _speed(row: Row, direction: str) -> float:
    return float(row["decoded_bytes"]) / float(row[f"{direction}_s"]) / 1e6


def _size_table(rows: Sequence[Row]) -> str:
    codecs = list(dict.fromkeys(row["codec"] for row in rows))
    found = {(row["side"], row["codec"]): row for row in rows if "encode_s" in row}
    lines = []
    for side in dict.fromkeys(row["side"] for row in rows):
        cells = [f"{side} x {side}"]
        for codec in codecs:
            row = found.get((side, codec))
            cells.append(
                f"{row['ratio']:.2f} / {_speed(row, 'encode'):.0f} / {_speed(row, 'decode'):.0f}"
                if row
                else "-"
            )
        lines.append(cells)
    return tables.markdown(["size", *codecs], lines)


def _thread_table(rows: Sequence[Row]) -> str:
    counts = sorted({row["threads"] for row in rows})
    one = {(row["name"], row["codec"]): row for row in rows if row["threads"] == 1}
    lines = []
    for (name, codec), base in one.items():
        cells = [name, codec]
        for count in counts[1:]:
            row = next(
                r for r in rows if (r["name"], r["codec"], r["threads"]) == (name, codec, count)
            )
            gains = [_speed(row, d) / _speed(base, d) for d in ("encode", "decode")]
            cells.append(" / ".join(f"{gain:.2f}" for gain in gains))
        lines.append(cells)
    return tables.markdown(["image", "codec", *(f"{count} threads" for count in counts[1:])], lines)


def _cycle_table(stages: dict[str, dict[str, float]]) -> str:
    isas = list(dict.fromkeys(isa for row in stages.values() for isa in row))
    lines = [
        [stage, *(f"{row[isa]:.2f}" if isa in row else "-" for isa in isas)]
        for stage, row in stages.items()
    ]
    return tables.markdown(["stage", *isas], lines)


def _plot_sizes(sizes: dict[str, Any], machine: str, folder: Path) -> None:
    figure, panels = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True, layout="constrained")
    rows = [row for row in sizes["rows"] if "encode_s" in row]
    for panel, direction in zip(panels, ("decode", "encode"), strict=True):
        for number, codec in enumerate(dict.fromkeys(row["codec"] for row in rows)):
            mine = [row for row in rows if row["codec"] == codec]
            own = codec.startswith(("wavefront", "fse"))
            panel.plot(
                [row["side"] for row in mine],
                [_speed(row, direction) for row in mine],
                marker="osv^"[number % 4],
                color=OWN_COLOUR if own else PEER_COLOUR,
                label=codec,
            )
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        panel.set_xlabel("side of a square image, pixels")
        panel.set_title(direction)
        panel.grid(True, which="both", alpha=0.25)
    panels[0].set_ylabel("MB/s (log)")
    panels[0].legend(fontsize=8.5, frameon=False)
    figure.suptitle(f"Speed against size, one thread ({machine})")
    save(figure, folder / "cost-size")


def _plot_threads(rows: Sequence[Row], machine: str, folder: Path) -> None:
    figure, panels = plt.subplots(1, 2, figsize=(11, 4), sharey=True, layout="constrained")
    counts = sorted({row["threads"] for row in rows})
    for panel, direction in zip(panels, ("decode", "encode"), strict=True):
        panel.plot(counts, counts, color="#cbd5e1", linestyle="--", label="ideal")
        for name, codec in dict.fromkeys((row["name"], row["codec"]) for row in rows):
            speeds = [
                _speed(row, direction)
                for row in sorted(rows, key=lambda row: int(row["threads"]))
                if (row["name"], row["codec"]) == (name, codec)
            ]
            panel.plot(
                counts, [s / speeds[0] for s in speeds], marker="o", label=f"{codec}, {name}"
            )
        panel.set_xticks(counts)
        panel.set_xlabel("threads")
        panel.set_title(direction)
        panel.grid(True, alpha=0.25)
    panels[0].set_ylabel("times the speed on one thread")
    panels[0].legend(fontsize=8, frameon=False)
    figure.suptitle(f"Scaling over threads ({machine})")
    save(figure, folder / "threads")
