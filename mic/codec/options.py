# SPDX-License-Identifier: MIT
"""The options of encoding: one object, from the call or the command line down to the core."""

from __future__ import annotations

from typing import NamedTuple

from ..arguments import choose
from ..errors import Argument, Setting, UnsupportedError
from .info import CODECS
from .published import CONTAINERS, DEFAULT_STRIPS, PUBLISHED_CODEC, PUBLISHED_STATES, check_taken
from .tiles import DEFAULT_TILE

DEFAULT_CODEC = "wavefront"
SLIDE_CONTAINERS = ("native", "mic3")
STATES = (1, 2, 4, 8)
DEFAULT_STATES = 4

TileSize = int | tuple[int, int]


class EncodeOptions(NamedTuple):
    """How to code an array, a file or a slide.

    It is a named tuple because a frozen dataclass takes 1 microsecond longer to construct,
    a tenth of the time that the smallest images take.

    The fields are the options of `mic.encode`, `mic.create` and `mic.create_slide`, as the
    caller passed them; None leaves the choice to mic.  The properties translate them into
    the numbers of csrc/mic.h.
    """

    codec: str | None = None
    effort: int = 5
    threads: int = 1
    rgb: bool | None = None
    states: int | None = None
    container: str = "native"
    max_value: int | None = None
    temporal: bool = False
    strips: int | None = None
    tile: TileSize | None = None
    levels: int | None = None
    verify: bool = False

    @property
    def coder(self) -> str:
        """Name of the codec, by default that of the container."""
        if self.codec is None:
            return DEFAULT_CODEC if self.container == "native" else PUBLISHED_CODEC
        return self.codec

    @property
    def codec_number(self) -> int:
        return CODECS[self.coder]

    @property
    def container_number(self) -> int:
        return CONTAINERS.index(self.container)

    @property
    def n_states(self) -> int:
        """Interleaved states to code with."""
        if self.states is None:
            return DEFAULT_STATES if self.container == "native" else PUBLISHED_STATES
        return int(self.states)

    @property
    def n_strips(self) -> int:
        return self.strips or DEFAULT_STRIPS

    @property
    def is_slide(self) -> bool:
        """Whether the result is a slide."""
        return self.container == "mic3" or self.tile is not None

    @property
    def tile_size(self) -> TileSize:
        """Size of a tile of a slide."""
        return DEFAULT_TILE if self.tile is None else self.tile

    @property
    def published(self) -> list[str]:
        """Names of the given options that only some published containers take."""
        if self.max_value is None and not self.temporal and self.strips is None:
            return []
        values = {"max_value": self.max_value, "temporal": self.temporal, "strips": self.strips}
        return [name for name, value in values.items() if value not in (None, False)]

    def check(self) -> None:
        """Refuse values and combinations that are wrong for every array.

        Raises
        ------
        UnsupportedError
            A value is not allowed, or options exclude each other.
        """
        choose("container", self.container, CONTAINERS)
        choose("codec", self.coder, CODECS)
        choose("effort", self.effort, range(1, 10))
        if self.states is not None:
            self._check_states(self.states)
        if self.is_slide:
            self._check_slide()
        elif self.levels is not None:
            raise UnsupportedError(
                Argument("levels"),
                f" is {self.levels}, but only slides have levels; pass ",
                Setting("tile=256"),
            )

    def _check_states(self, states: int) -> None:
        choose("states", states, STATES)
        if self.coder != "fse":
            raise UnsupportedError(
                Argument("states"),
                f' is {states}, but the codec "{self.coder}" has no states; leave ',
                Argument("states"),
                " out, or pass ",
                Setting('codec="fse"'),
            )

    def _check_slide(self) -> None:
        is_native = self.container == "native"
        no_choice = is_native or self.states in (None, PUBLISHED_STATES)
        check_taken(self.container, [*self.published, *([] if no_choice else ["states"])], ())
        choose("container", self.container, SLIDE_CONTAINERS)
        choose("codec", self.coder, CODECS if is_native else [PUBLISHED_CODEC])
