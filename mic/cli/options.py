# SPDX-License-Identifier: MIT
"""Options that several commands share, and the parsers of their values."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import numpy as np

from ..images.kinds import RawLayout
from ..paths import for_system

Function = TypeVar("Function", bound=Callable[..., Any])


class PathType(click.Path):
    """A path, in a form that the system takes whatever its length."""

    def convert(self, value: Any, parameter: Any, context: Any) -> Path:
        return for_system(Path(os.fsdecode(super().convert(value, parameter, context))))


PATH = PathType()
_JSON_FILE = PathType(dir_okay=False)


def stack(*options: Callable[[Function], Function]) -> Callable[[Function], Function]:
    """Combine several options into one decorator, in the order of the help text."""

    def decorate(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def parse_shape(
    context: click.Context, option: click.Parameter, value: str | None
) -> tuple[int, ...] | None:
    """Parse a shape such as 512,512."""
    if value is None:
        return None
    try:
        sizes = tuple(int(part) for part in value.split(","))
    except ValueError:
        sizes = ()
    if not 2 <= len(sizes) <= 4 or min(sizes) < 1:
        raise click.BadParameter(
            f"{value!r} is no shape; write ROWS,COLUMNS or FRAMES,ROWS,COLUMNS"
        )
    return sizes


def parse_dtype(
    context: click.Context, option: click.Parameter, value: str | None
) -> np.dtype[Any] | None:
    """Parse a dtype such as uint16 or >i2."""
    if value is None:
        return None
    with contextlib.suppress(TypeError):
        dtype = np.dtype(value)
        if dtype.kind in "ui" and dtype.itemsize <= 2:
            return dtype
    raise click.BadParameter(
        f"{value!r} is none of uint8, int8, uint16, int16 (big-endian: >u2, >i2)"
    )


def collect(name: str, kind: type[Any]) -> Callable[[Function], Callable[..., Any]]:
    """Pass the options that are fields of a class to the command as one object of that class."""
    names = set(kind.__match_args__)  # dataclasses and named tuples have this attribute

    def decorate(function: Function) -> Callable[..., Any]:
        @functools.wraps(function)
        def command(**given: Any) -> Any:
            fields = {key: given.pop(key) for key in names & given.keys()}
            return function(**given, **{name: kind(**fields)})

        return command

    return decorate


@dataclass(frozen=True)
class Raw:
    """The options `--shape` and `--dtype`."""

    shape: tuple[int, ...] | None
    dtype: np.dtype[Any] | None

    @property
    def layout(self) -> RawLayout | None:
        """The layout that both options describe together."""
        if (self.shape is None) != (self.dtype is None):
            raise click.UsageError("--shape and --dtype go together: pass both or neither.")
        if self.shape is None or self.dtype is None:
            return None
        return RawLayout(self.shape, self.dtype)


@dataclass(frozen=True)
class Writing:
    """The options of all commands that write many files."""

    jobs: int
    overwrite: bool
    as_json: bool


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
json_file_option = click.option(
    "--json", "json_path", type=_JSON_FILE, help="Also write all figures to this file."
)
images_option = click.option(
    "--images",
    "paths",
    multiple=True,
    type=PathType(exists=True),
    help="Your own files or folders instead; repeatable.",
)


def number_option(
    name: str, what: str, least: int, most: int | None = None, default: int | None = None
) -> Callable[[Function], Function]:
    """Make an option for a whole number within bounds; a default is shown in the help."""
    return click.option(
        name,
        type=click.IntRange(least, most),
        metavar="N",
        default=default,
        show_default=default is not None,
        help=what,
    )


def frame_option(what: str) -> Callable[[Function], Function]:
    """Make the option `--frame`, which selects one of many."""
    return number_option("--frame", what, 0)


def threads_option(of: str) -> Callable[[Function], Function]:
    """Make the option `--threads`, for each file or image."""
    return number_option("--threads", f"Threads for each {of}; 0 for all CPUs.", 0, default=1)


def jobs_option(what: str) -> Callable[[Function], Function]:
    """Make the option `--jobs`: how many files to process at a time."""
    return number_option("--jobs", what, 1, default=1)


def effort_option(what: str) -> Callable[[Function], Function]:
    """Make the option `--effort`."""
    return number_option("--effort", what, 1, 9, default=5)


def repeat_option(default: int, what: str) -> Callable[[Function], Function]:
    """Make the option `--repeat` of measurements."""
    return number_option("--repeat", what, 1, default=default)


raw_options = stack(
    click.option(
        "--shape", metavar="R,C", callback=parse_shape, help="Shape of a raw file: R,C or F,R,C."
    ),
    click.option(
        "--dtype",
        callback=parse_dtype,
        metavar="DTYPE",
        help="Sample type of a raw file, such as uint16 or >i2.",
    ),
)
no_verify_option = click.option(
    "--no-verify",
    "verify",
    is_flag=True,
    callback=lambda context, option, value: not value,
    help="Do not read the output again and compare it.",
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace existing outputs.")
writing_options = stack(
    jobs_option("Files to work on at a time, for folders."),
    no_verify_option,
    overwrite_option,
    json_option,
)
