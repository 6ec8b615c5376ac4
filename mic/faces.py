# SPDX-License-Identifier: MIT
"""Public paths: names that are defined in the files of a package, offered under its own path."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from types import FunctionType, ModuleType
from typing import Any, ForwardRef, TypeVar

_Class = TypeVar("_Class", bound=type)


def publish(package: str) -> None:
    """Set the package's path on all classes and functions that its files have given it.

    Pickles and messages then name that path, whichever file holds the class.  A file
    may move, and pickles stay readable.

    Parameters
    ----------
    package : str
        The ``__name__`` of the public package.
    """
    for value in tuple(vars(sys.modules[package]).values()):
        if isinstance(value, (type, FunctionType)) and value.__module__.startswith(f"{package}."):
            _move(value, package)


def public(path: str) -> Callable[[_Class], _Class]:
    """Set the public path of a class as its module; see `publish`.

    Parameters
    ----------
    path : str
        The public module from which users import the class.

    Returns
    -------
    callable
        A decorator of the class.
    """

    def decorate(value: _Class) -> _Class:
        _move(value, path)
        return value

    return decorate


def _move(value: type | FunctionType, path: str) -> None:
    _bind_annotations(value)
    value.__module__ = path


def _bind_annotations(value: type | FunctionType) -> None:
    """Let the annotations of a class be looked up in the file that holds it.

    `typing.get_type_hints` looks the texts up in the module that ``__module__`` names,
    which has not imported all that they name.  Functions know their file themselves.
    """
    if not isinstance(value, type):
        return
    for name, text in value.__annotations__.items():
        if isinstance(text, str):
            reference = ForwardRef(text, False, value.__module__, is_class=True)
            value.__annotations__[name] = reference


def former(package: str, homes: Mapping[str, str]) -> None:
    """Let pickles of earlier versions find their classes under the modules that they name.

    Each former module is a name in ``sys.modules`` without a file.  It imports its
    successor when a class is looked up.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    homes : dict
        Maps the name of each former module to the module that holds its classes now,
        relative to the package.
    """
    for name, home in homes.items():
        module = ModuleType(f"{package}.{name}", f"Formerly; now {package}{home}.")
        module.__dict__["__getattr__"] = _successor(package, home)
        sys.modules[module.__name__] = module


def _successor(package: str, home: str) -> Callable[[str], Any]:
    def getattribute(name: str) -> Any:
        if name.startswith("__"):  # tools look such names up in every module
            raise AttributeError(name)
        return getattr(importlib.import_module(home, package), name)

    return getattribute


def lazy(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a ``__getattr__`` for a package that imports the home of a name on first use.

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
