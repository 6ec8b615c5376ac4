# SPDX-License-Identifier: MIT
"""Refusals of arrays and options that a published container cannot take."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Argument, Remedy, UnsupportedError
from .options import EncodeOptions
from .published import FORMS, PUBLISHED_CODEC, PUBLISHED_STATES, Form, check_taken

_SMALLEST_MAXIMUM = 8  # smallest maximum for which runs have a decodable form

# Advice by the sample type of the container and that of the array.
_REMEDIES = {
    ("uint16", "int16"): 'pass arr.view("uint16") to keep the bit patterns or ',
    ("uint16", "int8"): 'pass arr.astype("uint16") to keep the bit patterns or ',
    ("uint16", "uint8"): 'pass arr.astype("uint16"), for RGB container="micr", or ',
    ("uint8", "int8"): 'pass arr.view("uint8") to keep the bit patterns or ',
}


def check_published(array: NDArray[Any], options: EncodeOptions) -> None:
    """Refuse an array that a container cannot hold, or options that it does not take."""
    container = options.container
    if container == "native":
        if options.published:
            check_taken(container, options.published, ())
        return
    form = FORMS[container]
    _check_array(container, form, array)
    if options.coder != PUBLISHED_CODEC:
        raise UnsupportedError(
            f'a {container.upper()} file is coded by "fse", not by {options.coder!r}; leave ',
            Argument("codec"),
            " out",
        )
    states = ["states"] if options.states not in (None, PUBLISHED_STATES) else []
    check_taken(container, [*options.published, *states], form.options)
    _check_number("max_value", options.max_value, 65535, "1 to 65535 is expected")
    _check_number("strips", options.strips, 2**31 - 1, "1 or more is expected")


def explain_refusal(error: UnsupportedError, array: NDArray[Any], options: EncodeOptions) -> None:
    """Add to the published coder's refusal what the caller of `mic.encode` can do."""
    text, largest, max_value = str(error), int(array.max()), options.max_value
    reason = text.rpartition("; ")[0]  # the rest is advice for direct callers of the coder
    if max_value not in (None, largest) and largest >= _SMALLEST_MAXIMUM:
        error.reword(
            Argument("max_value"),
            f" is {max_value} and the largest sample is {largest}: {reason}; leave ",
            Argument("max_value"),
            f" out to code for {largest}",
        )
    elif options.container != "native" and "native container" not in text:
        error.reword(f"{reason or text}; ", Remedy("native"))


def _check_number(name: str, value: int | None, most: int, expected: str) -> None:
    if value is not None and not (isinstance(value, (int, np.integer)) and 0 < value <= most):
        raise UnsupportedError(Argument(name), f" is {value!r}, {expected}")


def _check_array(container: str, form: Form, array: NDArray[Any]) -> None:
    name = container.upper()
    if array.dtype != np.dtype(form.dtype):
        raise UnsupportedError(
            f"a {name} file keeps {form.dtype} samples only, not {array.dtype}; "
            f"{_REMEDIES.get((form.dtype, str(array.dtype)), '')}",
            Remedy("native"),
        )
    if array.ndim != form.axes or (container == "micr" and array.shape[-1] != 3):
        one_frame = container == "mic2" and array.ndim == 2
        raise UnsupportedError(
            f"a {name} file holds {form.holds}, the array has shape {array.shape}; ",
            Remedy("frame_axis") if one_frame else "",
            "encode one image at a time or ",
            Remedy("native"),
        )
