# SPDX-License-Identifier: MIT
"""Check callers' arguments: each refusal gives the argument, its value and what is expected."""

from __future__ import annotations

import contextlib
import operator
import os
import reprlib
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import Argument, UnsupportedError
from .paths import for_system

if TYPE_CHECKING:
    from pathlib import Path

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 80  # characters


def shown(value: Any) -> str:
    """Format a value for a message: one line, and no whole arrays."""
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of {value.dtype} and shape {value.shape}"
    return " ".join(_SHORT.repr(value).split())


def whole_number(
    name: str,
    value: Any,
    least: int | None = None,
    most: int | None = None,
    what: str = "a whole number",
) -> int:
    """Return `value` as an int if it is whole and within the bounds.

    Raises
    ------
    UnsupportedError
        It is not, for example a float, a text or None.
    """
    try:
        number = operator.index(value)
    except TypeError:
        pass
    else:
        if (least is None or least <= number) and (most is None or number <= most):
            return number
    bounds = "" if least is None else f" of {least} or more"
    bounds = bounds if most is None else f" from {least} to {most}"
    raise UnsupportedError(Argument(name), f" is {shown(value)}, {what}{bounds} is expected")


def choose(name: str, value: Any, allowed: Collection[Any]) -> Any:
    """Return `value` if it is among the allowed ones.

    Raises
    ------
    UnsupportedError
        It is not; the message lists them.
    """
    try:
        is_allowed = value in allowed
    except (TypeError, ValueError):  # from unhashable values, and from arrays
        is_allowed = False
    if is_allowed:
        return value
    listed = ", ".join(repr(choice) for choice in allowed)
    raise UnsupportedError(Argument(name), f" is {shown(value)}, one of {listed} is expected")


def text_of_path(name: str, value: Any) -> str:
    """Return `value`, a path or a URL, as text.

    Raises
    ------
    UnsupportedError
        It is neither text nor an object with a path.
    """
    with contextlib.suppress(TypeError):
        text = os.fspath(value)
        if isinstance(text, str):
            return text
    raise UnsupportedError(
        Argument(name), f" is {shown(value)}, a path (a str or a pathlib.Path) is expected"
    )


def path_of(name: str, value: Any) -> Path:
    """Return `value` as a path; see `text_of_path`."""
    from pathlib import Path  # slow to import, and not needed for arrays

    return for_system(Path(text_of_path(name, value)))


def new_file(name: str, value: Any) -> Path:
    """Return `value` as the path of a file to write.

    Raises
    ------
    UnsupportedError
        It is not a path, or a folder exists there.
    """
    path = path_of(name, value)
    if path.is_dir():
        raise UnsupportedError(
            Argument(name), f" is {path}, which is a folder; a file name is expected"
        )
    return path


def dtype_of_name(value: Any) -> np.dtype[Any]:
    """Return `value` as a numpy dtype.

    Raises
    ------
    UnsupportedError
        numpy has no such dtype.
    """
    try:
        dtype: np.dtype[Any] = np.dtype(value)
        return dtype
    except (TypeError, ValueError):
        raise UnsupportedError(
            Argument("dtype"), f" is {shown(value)}, uint8, int8, uint16 or int16 is expected"
        ) from None
