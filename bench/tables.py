# SPDX-License-Identifier: MIT
"""Tables of measurements in the pages of docs/, each between its two marks."""

from __future__ import annotations

from pathlib import Path

BEGIN, END = "<!-- table -->\n", "<!-- end -->\n"


def insert(page: Path, table: str) -> None:
    """Put a table in the place of the one before."""
    head, rest = page.read_text().split(BEGIN)
    _, tail = rest.split(END)
    page.write_text(head + BEGIN + table + END + tail)
