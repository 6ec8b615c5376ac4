# SPDX-License-Identifier: MIT
"""Measure what starting costs: processor time of small processes, against version 0.1.0.

python bench/startup.py        into bench/results/startup.json

Each command runs in a process of its own, all of them in turns.  The user and system time
of each process counts, as the operating system reports it.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
from pathlib import Path

import baseline
import sources

HELP = "import sys; from mic.cli import main; sys.argv = ['mic', '--help']; main()"
COMMANDS = {
    "python": "pass",
    "import numpy": "import numpy",
    "import mic": "import mic",
    "import mic; mic.encode": "import mic; mic.encode",
    "mic --help": HELP,
}


def processor_seconds(code: str, site: Path) -> float:
    """User and system time of a Python process that runs `code` with one version of mic."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", code]  # which looks for modules in its folder first
    subprocess.run(command, cwd=site, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def measure(sites: dict[str, Path], repeat: int) -> dict[str, dict[str, dict[str, float]]]:
    """Median and minimum of each command with each version, in seconds."""
    samples: dict[tuple[str, str], list[float]] = {}
    for turn in range(repeat + 1):
        for name, site in sites.items():
            for command, code in COMMANDS.items():
                seconds = processor_seconds(code, site)
                if turn > 0:  # the first turn compiles the modules and fills the caches
                    samples.setdefault((name, command), []).append(seconds)
    return {
        name: {
            command: {
                "median": round(statistics.median(samples[name, command]), 4),
                "minimum": round(min(samples[name, command]), 4),
            }
            for command in COMMANDS
        }
        for name in sites
    }


def extension_bytes(site: Path) -> int:
    """Size of the compiled extension."""
    return sum(path.stat().st_size for path in (site / "mic").glob("_mic.*.so"))


def main() -> None:
    """Measure both versions, write the JSON file, print the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=15, help="turns whose median counts")
    arguments = parser.parse_args()
    import mic
    from mic import benchmark

    sites = {"baseline": baseline.build(), "mic": Path(mic.__file__).resolve().parents[1]}
    content = {
        "machine": benchmark.machine(),
        "versions": {
            "baseline": {"version": baseline.VERSION, "commit": baseline.COMMIT[:12]},
            "mic": {"version": mic.__version__, "commit": sources.commit()},
        },
        "repeat": arguments.repeat,
        "extension_bytes": {name: extension_bytes(site) for name, site in sites.items()},
        "seconds": measure(sites, arguments.repeat),
    }
    target = sources.ROOT / "bench" / "results" / "startup.json"
    benchmark.write_json(target, content)
    for command in COMMANDS:
        old, new = (content["seconds"][name][command]["median"] for name in sites)
        print(f"{command:24} {old:7.3f} s in {baseline.VERSION}, {new:7.3f} s now")
    print(f"written to {target}")


if __name__ == "__main__":
    main()
