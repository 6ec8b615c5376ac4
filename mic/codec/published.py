# SPDX-License-Identifier: MIT
"""The containers of the published codec: what each can hold, and its parts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import Argument, Remedy, Setting, UnsupportedError
from ..faces import public

if TYPE_CHECKING:
    from .options import EncodeOptions
    from .streams import Stream

# In the order of mic_container in csrc/mic.h.
CONTAINERS = ("native", "mic1", "mic2", "pics", "pica", "micr", "mic3")
PUBLISHED_CODEC = "fse"
PUBLISHED_STATES = 2
DEFAULT_STRIPS = 4
_SMALLEST_MAXIMUM = 8  # smallest maximum for which runs have a decodable form
# In the order of mic_part_kind in csrc/mic.h.
PART_KINDS = ("average", "gradient", "Y", "Co", "Cg")


# Advice by the sample type of the container and that of the array.
_REMEDIES = {
    ("uint16", "int16"): 'pass arr.view("uint16") to keep the bit patterns or ',
    ("uint16", "int8"): 'pass arr.astype("uint16") to keep the bit patterns or ',
    ("uint16", "uint8"): 'pass arr.astype("uint16"), for RGB container="micr", or ',
    ("uint8", "int8"): 'pass arr.view("uint8") to keep the bit patterns or ',
}


class _Form(NamedTuple):
    """What a container can hold, and the options that it takes."""

    holds: str
    axes: int
    options: tuple[str, ...]
    dtype: str = "uint16"


_FORMS = {
    "mic1": _Form("one image", 2, ("states", "max_value")),
    "mic2": _Form("frames on one leading axis", 3, ("states", "max_value", "temporal")),
    "pics": _Form("one image", 2, ("states", "max_value", "strips")),
    "pica": _Form("one image", 2, ("max_value", "strips")),
    "micr": _Form("one RGB image", 3, ("states",), "uint8"),
}


def check_published(array: NDArray[Any], options: EncodeOptions) -> None:
    """Refuse an array that a container cannot hold, or options that it does not take."""
    container = options.container
    if container == "native":
        if options.published:
            check_taken(container, options.published, ())
        return
    form = _FORMS[container]
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


def _check_number(name: str, value: int | None, most: int, expected: str) -> None:
    if value is not None and not (isinstance(value, (int, np.integer)) and 0 < value <= most):
        raise UnsupportedError(Argument(name), f" is {value!r}, {expected}")


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


def check_taken(container: str, given: Iterable[str], taken: tuple[str, ...]) -> None:
    """Refuse options that a container does not take."""
    for name in given:
        if name not in taken:
            takers = [f'"{other}"' for other, form in _FORMS.items() if name in form.options]
            raise UnsupportedError(
                Argument(name),
                " is given, but ",
                Setting(f'container="{container}"'),
                f" takes none; leave it out (it is for {', '.join(takers)})",
            )


def _check_array(container: str, form: _Form, array: NDArray[Any]) -> None:
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


@public("mic")
@dataclass(frozen=True)
class StreamPart:
    """A strip or a colour plane of a published single-image file.

    Attributes
    ----------
    kind : str
        For a strip its predictor, ``"average"`` or ``"gradient"``; for a plane ``"Y"``,
        ``"Co"`` or ``"Cg"``.
    first_row, rows : int
        Number of its first row, and number of its rows.
    offset, encoded_bytes : int
        Byte offset in the stream, and size in bytes.
    """

    kind: str
    first_row: int
    rows: int
    offset: int
    encoded_bytes: int


def parts_of(stream: Stream) -> tuple[StreamPart, ...]:
    """Return the parts of a PICS, PICA or MICR stream; empty for other streams."""
    layout = stream.layout
    if not layout.n_parts:
        return ()
    start = int(stream.offsets[0])
    return tuple(
        StreamPart(PART_KINDS[kind], first_row, rows, start + offset, size)
        for kind, first_row, rows, offset, size in layout.parts(stream.frame(0))
    )


def strips_of(layout: Any) -> int:
    """Return the number of strips in each frame, the smallest units that are decoded."""
    if CONTAINERS[layout.container] in ("pics", "pica"):
        return int(layout.n_parts)
    return -(-int(layout.rows) // int(layout.strip_rows))
