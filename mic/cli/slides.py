# SPDX-License-Identifier: MIT
"""The command line for slides: their options, how they are written, the table of levels."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import click
import numpy as np

from .. import slides
from ..codec.info import StreamInfo
from ..codec.tiles import DEFAULT_TILE
from ..images.mapped import map_image
from ..images.samples import sample_bytes
from .jobs import (
    Encoding,
    Outcome,
    check_sign,
    figures,
    refuse_existing,
    unsigned,
    verification,
)
from .options import number_option, stack
from .run import human, print_table


def _numbers(value: str, counts: tuple[int, ...], least: int) -> tuple[int, ...]:
    """Parse whole numbers between commas; None unless there are as many as one of `counts`."""
    try:
        numbers = tuple(int(part) for part in value.split(","))
    except ValueError:
        return ()
    return numbers if len(numbers) in counts and min(numbers) >= least else ()


def _parse_tile(
    context: click.Context, option: click.Parameter, value: str | None
) -> int | tuple[int, int] | None:
    if value is None:
        return None
    numbers = _numbers(value, (1, 2), 1)
    if not numbers:
        raise click.BadParameter(f"{value!r} is no size of a tile; write 256 or ROWS,COLUMNS")
    return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])


def _parse_region(
    context: click.Context, option: click.Parameter, value: str | None
) -> tuple[int, ...] | None:
    if value is None:
        return None
    numbers = _numbers(value, (4,), 0)
    if not numbers:
        raise click.BadParameter(
            f"{value!r} is no region; write X,Y,WIDTH,HEIGHT, such as 1000,2000,512,512"
        )
    return numbers


slide_encoding_options = stack(
    click.option(
        "--tile",
        callback=_parse_tile,
        metavar="N",
        help="Make a slide: tiles of N x N pixels (or ROWS,COLUMNS) and a pyramid of smaller "
        f"levels. By default {DEFAULT_TILE} for mic3, none for native.",
    ),
    number_option("--levels", "Levels of a slide: by default until one fits into a tile.", 1),
)
slide_decoding_options = stack(
    number_option("--level", "Decode this level of a slide; 0, the default, is the largest.", 0),
    click.option(
        "--region",
        callback=_parse_region,
        metavar="X,Y,W,H",
        help="Decode this part of a level: left, top, width, height in its pixels.",
    ),
)


def encode_slide_file(source: Path, target: Path, job: Encoding) -> Outcome:
    """Make a slide of an image file, which is mapped where possible instead of read whole."""
    options = job.options
    refuse_existing(target, job.overwrite)
    image = map_image(source, job.raw, job.frame)
    dtype = np.dtype(image.dtype)
    if job.unsigned:
        dtype = np.dtype(f"u{dtype.itemsize}")
    check_sign(dtype, options)
    digest = hashlib.sha256()
    with slides.SlideWriter(target, image.shape, dtype, options) as writer:
        tile = options.tile_size
        step = tile if isinstance(tile, int) else tile[0]
        for top in range(0, image.shape[0], step):
            rows = image[top : top + step]
            rows = unsigned(rows) if job.unsigned else np.asarray(rows)
            writer.append_rows(rows)
            digest.update(sample_bytes(rows))
    details, message = _describe_result(target, options.verify)
    if not options.verify:
        message = "not verified"
    else:
        details["sha256"] = digest.hexdigest()
        message = f"{message}; {verification(details['frames'], digest.hexdigest(), 'tile')}"
    return Outcome(source, target, message=message, details=details)


def _describe_result(target: Path, verified: bool) -> tuple[dict[str, Any], str]:
    from .. import files

    with files.open(target) as stream:
        info: StreamInfo = stream.info
    details = figures(info.shape, info.dtype, info.encoded_bytes) | {
        "decoded_bytes": info.decoded_bytes,
        "codec": info.codec,
        "container": info.container,
        "ratio": round(info.ratio, 4),
        "frames": info.frames,
        "levels": [level._asdict() for level in info.levels],
        "verified": verified,
    }
    return details, f"{len(info.levels)} level{'s' if len(info.levels) != 1 else ''}"


def print_levels(facts: dict[str, Any]) -> None:
    """Print the levels of one slide.

    Parameters
    ----------
    facts : dict
        A `StreamInfo`, converted by `describe` in jobs.py.
    """
    if not facts["levels"]:
        return
    print()
    columns = [("level", "right"), ("columns x rows", "right"), ("tiles across x down", "right")]
    columns += [("tile", "right"), ("first tile", "right"), ("size", "right")]
    rows = [
        [
            str(number),
            f"{level['columns']} x {level['rows']}",
            f"{level['tiles_across']} x {level['tiles_down']}",
            f"{facts['columns']} x {facts['rows']}",
            str(level["first_tile"]),
            human(level["encoded_bytes"]),
        ]
        for number, level in enumerate(facts["levels"])
    ]
    print_table(columns, rows)
