# SPDX-License-Identifier: MIT
"""Damage every kind of stream, fail under the command line, and record the outcomes.

python bench/reliability.py        bench/results/reliability.json and
docs/reliability.md
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

import tables

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "reliability.json"
PAGE = HERE.parent / "docs" / "reliability.md"

_HEAD = """# Reliability

A lossless codec is only as good as its worst day.
This page is made by `python bench/reliability.py`, and the figures are in `bench/results/reliability.json` ({machine}, {date}, mic {version}).

## Damaged streams

*Detected* means that a `MicError` was raised.
*Identical* means that the samples came out right all the same, because nothing depends on the damaged bit.
Everything else must be 0 for the native container: *different* would be silent damage, and *other* a crash or an exception that is not ours.
Random damage that happens to leave the bytes unchanged is not counted.

"""  # noqa: E501
_PUBLISHED = """
The published containers hold no checksum.
Damage that leaves their structure intact decodes to different samples, and no decoder can tell, so keep archives in the native container.
The last column must be 0 here too.

"""  # noqa: E501
_FAULTS = """
## When the machine fails

Files are written under a temporary name in the target's folder, verified, and then renamed.
After `kill -9` a temporary file may be left, but a final name only ever holds a complete, verified file.

"""  # noqa: E501


def main() -> None:
    """Run everything and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--report", action="store_true", help="docs/reliability.md from the JSON file"
    )
    arguments = parser.parse_args()
    if not arguments.report:
        RESULTS.write_text(json.dumps(measure(), indent=1) + "\n")
    results = json.loads(RESULTS.read_text())
    PAGE.write_text(page(results))
    silent = sum(
        row["different"] + row["other"] for row in results["native"] if "other" in row
    ) + sum(row["other"] for row in results["published"])
    sys.exit(f"{silent} damages were not detected" if silent else 0)


def measure() -> dict[str, Any]:
    import reliability_damage as damage
    import reliability_faults as faults

    import mic

    def rows(kinds: dict[str, Any]) -> list[dict[str, Any]]:
        found = []
        for kind, pairs in kinds.items():
            for name, how in (
                ("every bit", damage.every_bit),
                ("every truncation", damage.every_truncation),
            ):
                found.append(
                    line(kind, f"{name} of {len(pairs)} streams", damage.count(pairs, how))
                )
        return found

    def line(kind: str, what: str, counts: Any) -> dict[str, Any]:
        print(f"{kind}: {what}: {dict(counts)}", flush=True)
        return {"kind": kind, "damage": what, **{name: counts[name] for name in damage.OUTCOMES}}

    kinds = damage.native_kinds()
    native = rows(kinds)
    wavefront = kinds["native, wavefront"][:4]
    native.append(
        line(
            "native, wavefront", "models and samples forged", damage.count(wavefront, damage.forged)
        )
    )
    for number, pair in enumerate(damage.large_streams()):
        counts = damage.count(
            [pair], lambda stream, seed=number: damage.random_damages(stream, seed)
        )
        codec = mic.info(pair[0]).codec
        what = f"{damage.RANDOM_DAMAGES} random damages of {len(pair[0])} bytes"
        native.append(line(f"native, {codec}", what, counts))
    return {
        "machine": f"{platform.system()} {platform.machine()}, {mic.cpu_info()['active']}",
        "date": time.strftime("%Y-%m-%d"),
        "version": mic.__version__,
        "native": native,
        "published": rows(damage.published_kinds()),
        "faults": faults.run_all(),
    }


def page(results: dict[str, Any]) -> str:
    """Return the document."""
    columns = ("kind", "damage", "detected", "identical", "different", "other")
    text = _HEAD.format(**results) + table(columns, results["native"])
    text += _PUBLISHED + table(columns, results["published"])
    return text + _FAULTS + table(("fault", "exit", "says", "state"), results["faults"])


def table(columns: tuple[str, ...], rows: list[dict[str, Any]]) -> str:
    cells = [[str(row.get(column, "")).replace("|", "\\|") for column in columns] for row in rows]
    return tables.markdown(columns, cells, text=columns)


if __name__ == "__main__":
    main()
