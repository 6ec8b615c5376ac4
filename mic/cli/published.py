# SPDX-License-Identifier: MIT
"""The command line for the published containers: their options and the table of parts."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import click

from .. import api, stages
from ..codec.published import CONTAINERS, DEFAULT_STRIPS, PUBLISHED_CODEC, PUBLISHED_STATES
from .options import effort_option, number_option, stack
from .run import human, print_table

_MOST_ROWS = 16


encoding_options = stack(
    click.option(
        "--codec",
        type=click.Choice(list(api.CODECS)),
        help=f"By default {api.DEFAULT_CODEC}, and {PUBLISHED_CODEC} for a published container.",
    ),
    click.option(
        "--states",
        type=click.Choice([str(n) for n in api.STATES]),
        callback=lambda context, option, value: None if value is None else int(value),
        help=f"Interleaved states, with --codec fse only: by default {api.DEFAULT_STATES}, and "
        f"{PUBLISHED_STATES} for a published container.",
    ),
    effort_option("1 to 9: time against size, of the wavefront codec."),
    click.option(
        "--container",
        type=click.Choice(CONTAINERS),
        default="native",
        show_default=True,
        help="The others are those of the published codec: one 16-bit image (mic1; in strips "
        "pics, pica), 16-bit frames (mic2), one 8-bit RGB image (micr).",
    ),
    click.option("--temporal", is_flag=True, help="Code frames of mic2 as differences."),
    number_option("--strips", f"Strips of pics and pica: by default {DEFAULT_STRIPS}.", 1),
    click.option(
        "--stream",
        type=click.Choice(stages.STREAM_KINDS),
        help="Write a bare published stream without any container.",
    ),
    number_option("--max-value", "Maximum that a published container is coded for.", 1, 65535),
)


def print_parts(facts: dict[str, Any]) -> None:
    """Print the parts of one published file: frames, strips or planes.

    Parameters
    ----------
    facts : dict
        A `StreamInfo`, converted by `describe` in jobs.py.
    """
    rows = _part_rows(facts)
    if not rows:
        return
    print()
    columns = [("part", "left"), ("coded as", "left"), ("rows", "right")]
    print_table([*columns, ("offset", "right"), ("size", "right")], rows[:_MOST_ROWS])
    if len(rows) > _MOST_ROWS:
        print(f"... and {len(rows) - _MOST_ROWS} more; --json lists all")
    if facts["temporal"]:
        print("Frames are coded as differences: decoding one decodes all before it.")


def _part_rows(facts: dict[str, Any]) -> list[list[str]]:
    if facts["container"] == "mic2":
        starts = facts["frame_offsets"]
        return [
            [
                f"frame {i}",
                "difference" if facts["temporal"] and i else "image",
                str(facts["rows"]),
                str(start),
                human(stop - start),
            ]
            for i, (start, stop) in enumerate(pairwise(starts))
        ]
    name = "plane" if facts["container"] == "micr" else "strip"
    return [
        [
            f"{name} {i}",
            part["kind"],
            f"{part['first_row']}-{part['first_row'] + part['rows'] - 1}",
            str(part["offset"]),
            human(part["encoded_bytes"]),
        ]
        for i, part in enumerate(facts["parts"])
    ]
