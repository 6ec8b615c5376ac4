# SPDX-License-Identifier: MIT
"""The command `mic`: its entry point and its commands.

The commands need the extra "cli".  The entry point needs nothing, so it can report that
the extra is missing.
"""

from __future__ import annotations

from ..faces import publish
from .entry import main

__all__ = ["main"]

publish(__name__)
