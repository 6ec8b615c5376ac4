# SPDX-License-Identifier: MIT
"""The command `mic`: entry point.

The commands need the extra "cli"; this module needs nothing and can therefore say so.
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
    except KeyboardInterrupt:  # before click is there to take it
        sys.exit(128 + signal.SIGINT)


def _run() -> None:
    # Both are looked for now: rich is imported only once there is a table to print.
    if find_spec("click") is None or find_spec("rich") is None:
        sys.exit('mic: the command needs click and rich; pip install "mic-codec[cli]"')
    from .commands import cli

    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        # File names may hold what the terminal's or the pipe's encoding has no character for.
        sys.stdout.reconfigure(errors="backslashreplace")
    # An exception instead of sudden death, so that temporary files are removed.
    signal.signal(signal.SIGTERM, _terminate)
    # Likewise of Ctrl-C, of which click would make exit code 1; a job that the shell has put
    # into the background ignores it.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _terminate)
    try:
        cli(prog_name="mic")
    except OSError as error:  # those of files are told by the commands: this is stdout's
        sys.exit(f"mic: the output cannot be written: {error.strerror}")
    finally:
        if signal.getsignal(signal.SIGINT) is _terminate:  # all is done: nothing to remove
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
