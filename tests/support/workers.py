# SPDX-License-Identifier: MIT
"""What tests let other processes do: those started anew import it by this name."""

import os
import signal
from pathlib import Path
from typing import Any

import pydicom


def frame_as_pydicom_decodes_it(item: Any) -> int:
    """A target that reads the file again, by pydicom and thus with MIC registered."""
    array = pydicom.dcmread(item.path).pixel_array
    return int(array.reshape(-1, *array.shape[-2:])[item.frame].astype(int).sum())


def good_job(path: Path) -> Any:
    """Nothing to do."""
    from mic.cli.jobs import Outcome

    return Outcome(path)


def crash(path: Path) -> None:
    """Like a decoder that writes where it must not."""
    os.kill(os.getpid(), signal.SIGKILL)
