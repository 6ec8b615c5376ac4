# SPDX-License-Identifier: MIT
"""Line coverage by file, and the lines that were not reached, from a trace file of lcov."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

WANTED = 0.95


def read(trace: Path, folder: Path) -> dict[str, dict[int, int]]:
    """How often each line of each file below `folder` was run; base names are unique."""
    files: dict[str, dict[int, int]] = {}
    lines: dict[int, int] = {}
    for record in trace.read_text(encoding="utf-8").splitlines():
        kind, _, value = record.partition(":")
        if kind == "SF":
            path = Path(value).resolve()
            lines = files.setdefault(path.name, {}) if folder.resolve() in path.parents else {}
        elif kind == "DA":
            number, count = (int(part) for part in value.split(",")[:2])
            lines[number] = max(lines.get(number, 0), count)
    return files


def ranges(numbers: list[int]) -> str:
    """Consecutive numbers as ranges, such as 3-5, 9."""
    runs = groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])
    ends = [[number for _, number in run] for _, run in runs]
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in ends)


def main(trace: str, folder: str) -> int:
    """Print the table; return 1 if too few lines were reached."""
    total = reached = 0
    for name, lines in sorted(read(Path(trace), Path(folder)).items()):
        missed = sorted(number for number, count in lines.items() if count == 0)
        total += len(lines)
        reached += len(lines) - len(missed)
        share = 100 * (1 - len(missed) / len(lines))
        print(f"{name:28} {len(lines):6} lines {share:6.1f} %  {ranges(missed)}".rstrip())
    print(f"{'all':28} {total:6} lines {100 * reached / total:6.1f} %")
    return int(reached < WANTED * total)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
