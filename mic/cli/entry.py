# SPDX-License-Identifier: MIT
"""The entry point of the command `mic`.

The commands need the extra "cli".  This module needs nothing, so it can report that the
extra is missing.
"""

from __future__ import annotations

import signal
import sys
from importlib.util import find_spec
from io import TextIOWrapper
from types import FrameType
from typing import NoReturn


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        _run()
    except KeyboardInterrupt:  # Ctrl-C before click can handle it
        sys.exit(128 + signal.SIGINT)


def _run() -> None:
    # Check for both now: rich is only imported when there is a table to print.
    if find_spec("click") is None or find_spec("rich") is None:
        sys.exit('mic: the command needs click and rich; pip install "mic-codec[cli]"')
    from .commands import cli

    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        # File names may hold characters that the encoding of the terminal or pipe lacks.
        sys.stdout.reconfigure(errors="backslashreplace")
    # Raise an exception instead of dying at once, so that temporary files are removed.
    signal.signal(signal.SIGTERM, _terminate)
    # The same for Ctrl-C, which click would turn into exit code 1. A job that the shell put into
    # the background ignores Ctrl-C, and still does.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _terminate)
    try:
        cli(prog_name="mic")
    except OSError as error:  # the commands report errors of files: this one is about stdout
        sys.exit(f"mic: the output cannot be written: {error.strerror}")
    finally:
        if signal.getsignal(signal.SIGINT) is _terminate:  # nothing is left to remove
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
