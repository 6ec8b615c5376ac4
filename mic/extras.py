# SPDX-License-Identifier: MIT
"""Optional modules that the extras of the package install."""

from __future__ import annotations

import importlib
from types import ModuleType

from .errors import UnsupportedError


def require(module: str, extra: str = "cli") -> ModuleType:
    """Import a module that an extra installs, or say how to get it.

    Raises
    ------
    UnsupportedError
        The module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name != module.partition(".")[0]:
            raise
        raise UnsupportedError(
            f'{module.partition(".")[0]} is not installed; pip install "mic-codec[{extra}]"'
        ) from None
