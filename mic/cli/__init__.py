# SPDX-License-Identifier: MIT
"""The command `mic`: entry point.

The commands are in cli_commands.py, which needs the extra "cli"; this module
needs nothing and can therefore say so.
"""

from __future__ import annotations

from ..faces import publish
from .entry import main

__all__ = ["main"]

publish(__name__)
