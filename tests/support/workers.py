# SPDX-License-Identifier: MIT
"""Functions for tests to run in other processes; spawned ones import them by this module's name."""

import os
import signal
from pathlib import Path
from typing import Any

import pydicom


def frame_as_pydicom_decodes_it(item: Any) -> int:
    """Read the file again with pydicom, which needs MIC to be registered, as a `target`."""
    array = pydicom.dcmread(item.path).pixel_array
    return int(array.reshape(-1, *array.shape[-2:])[item.frame].astype(int).sum())


def good_job(path: Path) -> Any:
    """Do nothing."""
    from mic.cli.jobs import Outcome

    return Outcome(path)


def crash(path: Path) -> None:
    """Crash like a decoder that writes to memory it must not touch."""
    os.kill(os.getpid(), signal.SIGKILL)
