# SPDX-License-Identifier: MIT
"""Plots of bench/results: ratio against speed, and speed by modality."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from mic.benchmark import Measurement, geometric_mean, summarize

OWN = ("wavefront", "fse", "huffman")
# Points that would overlap others; the tables include them.
NOT_PLOTTED = ("wavefront-1", "fse-2", "fse-8", "huffman")
OWN_COLOUR, PEER_COLOUR = "#c2410c", "#475569"


def _colour(codec: str) -> str:
    return OWN_COLOUR if codec.startswith(OWN) else PEER_COLOUR


def ratio_against_speed(results: Sequence[Measurement], title: str, folder: Path) -> list[Path]:
    """Draw two panels: ratio over decode speed and over encode speed, one point per codec."""
    figure, panels = plt.subplots(1, 2, figsize=(11, 4.6), sharey=True, layout="constrained")
    for panel, direction in zip(panels, ("decode", "encode"), strict=True):
        for summary in summarize(results):
            if summary.codec in NOT_PLOTTED:
                continue
            speed = getattr(summary, direction)[0]
            colour = _colour(summary.codec)
            panel.scatter(speed, summary.ratio[0], color=colour, s=36, zorder=3)
            panel.annotate(
                summary.codec,
                (speed, summary.ratio[0]),
                xytext=(-5, 6) if summary.codec == "wavefront-9" else (5, -11),
                ha="right" if summary.codec == "wavefront-9" else "left",
                textcoords="offset points",
                fontsize=8.5,
                color=colour,
            )
        panel.set_xscale("log")
        panel.set_xlabel(f"{direction} speed, MB/s (log)")
        panel.grid(True, which="both", alpha=0.25)
        panel.margins(x=0.2)
    panels[0].set_ylabel("compression ratio (higher is smaller)")
    figure.suptitle(title)
    return save(figure, folder / "ratio-speed")


def speed_by_modality(
    images: Sequence[dict[str, Any]], results: Sequence[Measurement], title: str, folder: Path
) -> list[Path]:
    """Draw bars of decode speed, grouped by modality."""
    modalities = sorted({image["modality"] for image in images})
    wanted = ("wavefront-5", "fse-4", "CharLS", "OpenJPH", "libjxl-7", "zstd-3")
    codecs = [name for name in wanted if any(result.codec == name for result in results)]
    figure, panel = plt.subplots(figsize=(11, 4.2), layout="constrained")
    width = 0.8 / max(1, len(codecs))
    for k, codec in enumerate(codecs):
        heights = []
        for modality in modalities:
            numbers = {i for i, image in enumerate(images) if image["modality"] == modality}
            mine = [r for r in results if r.codec == codec and r.image in numbers and not r.error]
            heights.append(geometric_mean(r.speed("decode") for r in mine) if mine else 0)
        places = [i + (k - (len(codecs) - 1) / 2) * width for i in range(len(modalities))]
        panel.bar(places, heights, width * 0.92, label=codec)
    panel.set_xticks(range(len(modalities)), modalities)
    panel.set_ylabel("decode speed, MB/s")
    panel.set_title(title)
    panel.grid(True, axis="y", alpha=0.25)
    panel.legend(ncols=len(codecs), fontsize=8.5, frameon=False)
    return save(figure, folder / "decode-by-modality")


def save(figure: Any, stem: Path) -> list[Path]:
    """Save as PNG and SVG, with the same bytes each time."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = [stem.with_suffix(suffix) for suffix in (".png", ".svg")]
    for path in paths:
        # No date and no random identifiers, so that equal figures give equal files.
        metadata = {"Date": None} if path.suffix == ".svg" else None
        with plt.rc_context({"svg.hashsalt": "mic"}):
            figure.savefig(path, dpi=130, metadata=metadata)
    plt.close(figure)
    return paths
