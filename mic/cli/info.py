# SPDX-License-Identifier: MIT
"""`mic info`: what streams hold."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .jobs import Outcome, info_file
from .options import PATH, json_option
from .published import print_parts
from .run import attempt, complain, human, located, print_table, report
from .slides import print_levels
from .trees import stream_tasks


@click.command()
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="FILE...")
@json_option
def info(paths: tuple[Path, ...], as_json: bool) -> None:
    """Show what streams hold, without decoding a sample.

    FILE is a .mic file or a folder of them.  A single published file is listed by its frames,
    strips or planes, a single slide by its levels.  --json adds the offset
    and the checksum of each frame.
    """
    outcomes = [attempt(*task) for task in stream_tasks(paths, info_file)]
    good = [outcome for outcome in outcomes if outcome.status == "ok"]
    if as_json:
        sys.exit(report("info", outcomes, as_json))
    if good:
        columns = [("file", "left"), ("shape", "left"), ("dtype", "left"), ("bits", "right")]
        columns += [("codec", "left"), ("container", "left"), ("strips", "right")]
        columns += [("pixels", "right"), ("file size", "right"), ("ratio", "right")]
        print_table(columns, [_info_row(outcome) for outcome in good])
    if len(outcomes) == len(good) == 1:
        print_parts(good[0].details)
        print_levels(good[0].details)
    failed = [outcome for outcome in outcomes if outcome.status != "ok"]
    for outcome in failed:
        complain(located(outcome))
    sys.exit(1 if failed else 0)


def _info_row(outcome: Outcome) -> list[str]:
    facts = outcome.details
    return [
        str(outcome.source),
        " x ".join(map(str, facts["shape"])),
        facts["dtype"],
        str(facts["bits_used"]),
        facts["codec"],
        facts["container"],
        str(facts["strips"]),
        human(facts["decoded_bytes"]),
        human(facts["encoded_bytes"]),
        f"{facts['ratio']:.2f}",
    ]
