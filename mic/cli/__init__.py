# SPDX-License-Identifier: MIT
"""The command `mic`: entry point.

The commands need the extra "cli"; this package needs nothing and can therefore say so.
"""

from __future__ import annotations

from ..faces import publish
from .entry import main

__all__ = ["main"]

publish(__name__)
