# SPDX-License-Identifier: MIT
"""Optional modules that the extras of the package install."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def naming_extra(face: str, title: str, package: str, extra: str) -> Iterator[None]:
    """Name the extra in the error if a package that a whole module needs is missing.

    Parameters
    ----------
    face : str
        The module of mic that needs the package.
    title, package : str
        The package, as people call it and as Python imports it.
    extra : str
        The extra that installs it.

    Raises
    ------
    ModuleNotFoundError
        The package is missing: callers of such modules expect an import to fail so.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise ModuleNotFoundError(
            f'{face} needs {title}; pip install "mic-codec[{extra}]"', name=package
        ) from error
