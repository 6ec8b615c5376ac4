# SPDX-License-Identifier: MIT
"""Decoding needs at most 2 MB and one strip besides the stream and the array."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mic

pytestmark = pytest.mark.no_asan  # its shadow memory is counted too

# Only Linux can reset the peak of resident memory.
CLEAR_REFS = Path("/proc/self/clear_refs")

CHILD = """
import sys
import numpy as np, mic

def kilobytes(name):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))

small = mic.encode(np.arange(65536, dtype="u2").reshape(256, 256) % 257)
mic.decode(small)  # code and allocator are there, and nothing large was ever freed
stream = open(sys.argv[1], "rb").read()
info = mic.info(stream)
margin = int(sys.argv[2])
rows = slice(1, info.rows - 1) if sys.argv[3] == "rows" else None
n_rows = info.rows - 2 if rows else info.rows
out = np.ones((n_rows, info.columns + margin, *info.shape[2:]), info.dtype)[:, margin:]
open("/proc/self/clear_refs", "w").write("5")
before = kilobytes("VmRSS")
mic.decode(stream, out, rows=rows)
print(kilobytes("VmHWM") - before)
"""


def _smooth(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    rng = np.random.default_rng(5)
    ramp = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) // 16
    image = ramp.reshape(*ramp.shape, *[1] * (len(shape) - 2)) + rng.integers(0, 9, shape)
    return image.astype(dtype)


@pytest.mark.skipif(not CLEAR_REFS.exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(
    ("shape", "dtype", "margin", "rows"),
    [
        ((3000, 2400), "u2", 0, "all"),
        ((3000, 2400), "u2", 8, "all"),
        ((3000, 2400), "u2", 0, "rows"),
        ((1500, 1000), "u2", 8, "all"),
        ((3000, 2400), "u1", 0, "all"),
        ((1500, 1000, 3), "u1", 0, "all"),
        ((1500, 1000, 3), "u2", 0, "rows"),
    ],
)
def test_peak_of_decoding(
    tmp_path: Path, shape: tuple[int, ...], dtype: str, margin: int, rows: str
) -> None:
    path = tmp_path / "image.mic"
    path.write_bytes(mic.encode(_smooth(shape, dtype)))
    strip_words = mic.info(path.read_bytes()).strip_rows * int(np.prod(shape[1:]))
    command = [sys.executable, "-c", CHILD, str(path), str(margin), rows]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) * 1024 <= 2 * 1024**2 + 2 * strip_words
