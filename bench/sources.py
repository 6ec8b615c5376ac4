# SPDX-License-Identifier: MIT
"""The commit that was measured."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# A measurement's own output does not count as a difference between sources and commit.
_OUTPUTS = (":!bench/results", ":!docs/benchmarks.md")


def commit() -> str:
    """Return the commit, with "-dirty" if the sources differ; "unknown" outside git."""
    try:
        head = git("rev-parse", "--short=12", "HEAD")
        changed = git("status", "--porcelain", "--", ".", *_OUTPUTS)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{head}-dirty" if changed else head


def git(*arguments: str) -> str:
    """Return the output of a git command on the sources."""
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
