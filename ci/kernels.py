# SPDX-License-Identifier: MIT
"""The kernels that must run on a machine, by the words of others: mic is what is checked."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# What the kernels need (csrc/base/target.h), best first.  numpy knows some of the features, Linux
# knows them all.
AVX2 = "avx2 avx bmi1 bmi2 abm popcnt sse4_2 pclmulqdq"
AVX512 = "avx512f avx512cd avx512dq avx512bw avx512vl avx512vbmi avx512_vbmi2 vpclmulqdq"
NAMES_OF_LINUX = {"avx512": f"{AVX2} {AVX512}", "avx2": AVX2, "neon": "asimd"}
NAMES_OF_NUMPY = {
    "avx512": "AVX2 AVX512F AVX512CD AVX512DQ AVX512BW AVX512VL AVX512VBMI AVX512VBMI2",
    "avx2": "AVX2",
    "neon": "ASIMD",
}


def first_complete(needs: Mapping[str, str], has: set[str]) -> str:
    return next((isa for isa, names in needs.items() if has >= set(names.split())), "scalar")


def best_by_numpy() -> str:
    """Return the best instruction set for which numpy finds all that the kernels need."""
    try:
        from numpy._core import _multiarray_umath as core
    except ModuleNotFoundError:  # numpy 1
        from numpy.core import _multiarray_umath as core
    features = core.__cpu_features__.items()
    return first_complete(NAMES_OF_NUMPY, {name for name, found in features if found})


def best_by_linux(cpuinfo: str) -> str:
    """Return the best instruction set for which /proc/cpuinfo lists all that the kernels need."""
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    lists = (words for name, _, words in lines if name.strip().lower() in ("flags", "features"))
    return first_complete(NAMES_OF_LINUX, set(next(lists, "").split()))


def witnesses() -> dict[str, str]:
    """Return the best instruction set of this machine, by each source that can tell it."""
    path = Path("/proc/cpuinfo")
    linux = {str(path): best_by_linux(path.read_text(encoding="utf-8"))} if path.exists() else {}
    return {"numpy": best_by_numpy(), **linux}


def check_kernels(info: Mapping[str, Any], expected: Mapping[str, str]) -> None:
    """Compare the kernels in use, from `mic.cpu_info`, with the best ones by each witness."""
    notes = [f"compiled in are {', '.join(info['compiled'])}", info["scalar_reason"]]
    if os.environ.get("MIC_CPU"):
        notes.append(f"MIC_CPU is {os.environ['MIC_CPU']}")
    for witness, best in expected.items():
        assert info["active"] == best, (
            f"the {info['active']} kernels run, but the best of this machine are {best}, says "
            f"{witness} ({'; '.join(filter(None, notes))})"
        )
    print(f"== the {info['active']} kernels run, the best by {' and '.join(expected)}", flush=True)
