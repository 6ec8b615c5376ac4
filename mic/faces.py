# SPDX-License-Identifier: MIT
"""The public side of a package: names that live in its files, under its own path."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def publish(package: str) -> None:
    """Give the classes and functions of a package's ``__all__`` the package as their module.

    Pickles and messages then name the public path, whichever file of the package
    holds the class: a file may move, a pickle stays readable.
    """
    namespace = vars(sys.modules[package])
    for name in namespace["__all__"]:
        value = namespace[name]
        if getattr(value, "__module__", "").startswith(f"{package}."):
            value.__module__ = package


def lazy(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's ``__getattr__``: imports the home of a name when it is first asked for.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    homes : dict
        The module of each name, relative to the package.  A name that is a module of
        its own has ``"." + name`` as its home.

    Returns
    -------
    callable
        To be assigned to ``__getattr__`` in the package.
    """

    def getattribute(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(homes[name], package)
        value = module if homes[name] == f".{name}" else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    return getattribute
