# SPDX-License-Identifier: MIT
"""Answer requests of baseline.py with the version of mic that PYTHONPATH names.

A request is a line of JSON on standard input, its answer a line on standard output.
Only calls that every version has are used.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import mic

MIN_SECONDS = 0.03


class Bench:
    """The image that is measured now, its stream, and how many calls fill the shortest time."""

    def __init__(self) -> None:
        self._calls: dict[str, tuple[Callable[[], Any], int]] = {}

    def prepare(self, image: str, options: dict[str, Any]) -> dict[str, Any]:
        """Encode and decode an image once, and verify it."""
        array = np.load(image)
        stream = mic.encode(array, **options)
        out = ~array
        mic.decode(stream, out=out)
        if not np.array_equal(out, array):
            raise SystemExit(f"{image} does not come back from {options}")
        calls: dict[str, Callable[[], Any]] = {
            "encode": lambda: mic.encode(array, **options),
            "decode": lambda: mic.decode(stream, out=out),
        }
        self._calls = {name: (call, _enough(call)) for name, call in calls.items()}
        return {"sha256": hashlib.sha256(stream).hexdigest()}

    def seconds(self, direction: str) -> dict[str, Any]:
        """Seconds of one call."""
        call, n_calls = self._calls[direction]
        start = time.perf_counter()
        for _ in range(n_calls):
            call()
        return {"seconds": (time.perf_counter() - start) / n_calls}


def _enough(call: Callable[[], Any]) -> int:
    start = time.perf_counter()
    call()
    return max(1, math.ceil(MIN_SECONDS / (time.perf_counter() - start)))


def main() -> None:
    """Answer requests until the input ends."""
    bench = Bench()
    for line in sys.stdin:
        request = json.loads(line)
        what = request.pop("do")
        if what == "version":
            answer = {"version": mic.__version__, "isa": mic.cpu_info()["active"]}
        elif what == "prepare":
            answer = bench.prepare(**request)
        else:
            answer = bench.seconds(what)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
