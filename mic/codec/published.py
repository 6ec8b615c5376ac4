# SPDX-License-Identifier: MIT
"""The containers of the published codec: what each can hold, and its parts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import Argument, Setting, UnsupportedError
from ..faces import public

if TYPE_CHECKING:
    from .streams import Stream

# In the order of mic_container in csrc/mic.h.
CONTAINERS = ("native", "mic1", "mic2", "pics", "pica", "micr", "mic3")
PUBLISHED_CODEC = "fse"
PUBLISHED_STATES = 2
DEFAULT_STRIPS = 4
# In the order of mic_part_kind in csrc/mic.h.
PART_KINDS = ("average", "gradient", "Y", "Co", "Cg")


class Form(NamedTuple):
    """What a container can hold, and the options that it takes."""

    holds: str
    axes: int
    options: tuple[str, ...]
    dtype: str = "uint16"


FORMS = {
    "mic1": Form("one image", 2, ("states", "max_value")),
    "mic2": Form("frames on one leading axis", 3, ("states", "max_value", "temporal")),
    "pics": Form("one image", 2, ("states", "max_value", "strips")),
    "pica": Form("one image", 2, ("max_value", "strips")),
    "micr": Form("one RGB image", 3, ("states",), "uint8"),
}


def check_taken(container: str, given: Iterable[str], taken: tuple[str, ...]) -> None:
    """Refuse options that a container does not take."""
    for name in given:
        if name not in taken:
            takers = [f'"{other}"' for other, form in FORMS.items() if name in form.options]
            raise UnsupportedError(
                Argument(name),
                " is given, but ",
                Setting(f'container="{container}"'),
                f" takes none; leave it out (it is for {', '.join(takers)})",
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
