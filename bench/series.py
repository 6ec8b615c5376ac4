# SPDX-License-Identifier: MIT
"""Make a series of many slices from a few real ones.

pip installs no long series.  Slices made by rotating, mirroring and rolling real ones
have the statistics of real slices, and no two are alike.
"""

from __future__ import annotations

import argparse

import corpus
import numpy as np
from numpy.typing import NDArray

SIDE = 512


def real_slices() -> tuple[list[str], list[NDArray[np.int16]]]:
    """Return the real CT slices of 512 x 512, and their names."""
    _, images = corpus.load()
    chosen = [i for i in images if i.modality == "CT" and i.pixels.shape == (SIDE, SIDE)]
    return [image.name for image in chosen], [image.pixels.astype(np.int16) for image in chosen]


def synthesize(n_slices: int) -> tuple[list[str], NDArray[np.int16]]:
    """Return the names of the source slices, and a volume of (n_slices, 512, 512)."""
    names, slices = real_slices()
    volume = np.empty((n_slices, SIDE, SIDE), np.int16)
    for number in range(n_slices):
        turn, base = divmod(number, len(slices))
        image = np.rot90(slices[base], turn % 4)
        image = image if turn % 8 < 4 else image[:, ::-1]
        volume[number] = np.roll(image, (turn // 8 * 37, turn // 8 * 53), (0, 1))
    return names, volume


def arguments(doc: str, *, slices: tuple[int, int], repeat: tuple[int, int]) -> argparse.Namespace:
    """Parse the command line; the second value of each pair is for --quick."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few slices, written nowhere")
    parser.add_argument("--slices", type=int, help="length of the series")
    parser.add_argument("--repeat", type=int, help="rounds whose best counts")
    parser.add_argument("--report", action="store_true", help="write the page only")
    found = parser.parse_args()
    found.slices = found.slices or slices[found.quick]
    found.repeat = found.repeat or repeat[found.quick]
    return found
