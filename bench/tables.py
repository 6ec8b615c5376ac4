# SPDX-License-Identifier: MIT
"""Tables of measurements: as Markdown, and in the pages of docs/ between two marks."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

BEGIN, END = "<!-- table -->\n", "<!-- end -->\n"


def markdown(
    heading: Sequence[str], rows: Iterable[Sequence[str]], text: Collection[str] = ()
) -> str:
    """A table, ending with a line break; the first column and those of `text` are no numbers."""
    align = ["---" if i == 0 or name in text else "---:" for i, name in enumerate(heading)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heading, align, *rows)) + "\n"


def insert(page: Path, table: str) -> None:
    """Put a table in the place of the one before."""
    head, rest = page.read_text().split(BEGIN)
    _, tail = rest.split(END)
    page.write_text(head + BEGIN + table + END + tail)


def slug(machine: Mapping[str, str]) -> str:
    """What files call a machine of `mic.benchmark.machine`, such as amd-epyc."""
    name = machine["model"] or machine["architecture"]
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
