# SPDX-License-Identifier: MIT
"""Write tables of measurements as Markdown, into the pages of docs/ between two marks."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

BEGIN, END = "<!-- table -->\n", "<!-- end -->\n"


def markdown(
    heading: Sequence[str], rows: Iterable[Sequence[str]], text: Collection[str] = ()
) -> str:
    """Return a table that ends with a line break; the first column and those in `text` are text."""
    align = ["---" if i == 0 or name in text else "---:" for i, name in enumerate(heading)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heading, align, *rows)) + "\n"


def insert(page: Path, table: str) -> None:
    """Replace the table in a page."""
    head, rest = page.read_text(encoding="utf-8").split(BEGIN)
    _, tail = rest.split(END)
    page.write_text(head + BEGIN + table + END + tail, encoding="utf-8")


def slug(machine: Mapping[str, str]) -> str:
    """Return the name of a machine of `mic.benchmark.machine` for files, such as amd-epyc."""
    name = machine["model"] or machine["architecture"]
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
