# SPDX-License-Identifier: MIT
"""The check that a wheel runs the best kernels of the machine, ci/kernels.py."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import mic

ROOT = Path(__file__).parents[2]
CHECK, TARGET = ROOT / "ci" / "kernels.py", ROOT / "csrc" / "base" / "target.h"
# Flags of /proc/cpuinfo, those left out that no kernel asks for.
HASWELL = "fpu sse2 pclmulqdq sse4_2 popcnt avx abm bmi1 avx2 bmi2"
SKYLAKE_X = f"{HASWELL} avx512f avx512dq avx512cd avx512bw avx512vl"
ICE_LAKE = f"{SKYLAKE_X} avx512vbmi avx512_vbmi2 vpclmulqdq"
# Where Linux and the compilers have different names.
LINUX_NAMES = {"pclmul": "pclmulqdq", "sse4.2": "sse4_2", "bmi": "bmi1", "lzcnt": "abm"}
LINUX_NAMES |= {"avx512vbmi2": "avx512_vbmi2"}

pytestmark = pytest.mark.skipif(not CHECK.exists(), reason="the folder ci is not beside tests/")


@pytest.fixture
def kernels() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ci_kernels", CHECK)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def info(**changes: Any) -> dict[str, Any]:
    """Describe this machine as it is when no variable forces other kernels."""
    real = mic.cpu_info()
    return real | {"active": real["best"]} | changes


def test_this_machine(kernels: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIC_CPU", raising=False)
    kernels.check_kernels(info(), kernels.witnesses())


@pytest.mark.parametrize("witness", ["numpy", "/proc/cpuinfo"])
def test_a_build_without_kernels(kernels: ModuleType, witness: str) -> None:
    reason = "mic was built with MIC_SCALAR_ONLY"
    built = info(active="scalar", best="scalar", compiled=["scalar"], scalar_reason=reason)
    with pytest.raises(AssertionError) as error:
        kernels.check_kernels(built, {"somebody": "scalar", witness: "avx2"})
    message = "the scalar kernels run, but the best of this machine are avx2, says "
    assert str(error.value).startswith(f"{message}{witness} (compiled in are scalar; {reason}")


@pytest.mark.parametrize(
    ("cpuinfo", "best"),
    [
        ("processor\t: 0\nflags\t\t: fpu sse2 pclmulqdq sse4_2 popcnt\n", "scalar"),
        (f"processor\t: 0\nflags\t\t: {HASWELL}\nbugs\t\t:\n", "avx2"),
        (f"flags\t\t: {SKYLAKE_X}\n", "avx2"),
        (f"flags\t\t: {ICE_LAKE}\nvmx flags\t: vnmi\n", "avx512"),
        ("BogoMIPS\t: 50.00\nFeatures\t: fp asimd evtstrm crc32\n", "neon"),
        ("features\t: esan3 zarch stfle msa ldisp\n", "scalar"),
        ("isa\t\t: rv64imafdcv\n", "scalar"),
    ],
)
def test_what_linux_says(kernels: ModuleType, cpuinfo: str, best: str) -> None:
    assert kernels.best_by_linux(cpuinfo) == best


@pytest.mark.parametrize(
    ("features", "best"),
    [
        ("SSE42", "scalar"),
        ("SSE42 AVX2", "avx2"),
        ("AVX2 AVX512F AVX512CD AVX512DQ AVX512BW AVX512VL", "avx2"),
        ("AVX2 AVX512F AVX512CD AVX512DQ AVX512BW AVX512VL AVX512VBMI AVX512VBMI2", "avx512"),
        ("NEON ASIMD", "neon"),
        ("", "scalar"),
    ],
)
def test_what_numpy_says(
    kernels: ModuleType, features: str, best: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        from numpy._core import _multiarray_umath as core
    except ModuleNotFoundError:
        from numpy.core import _multiarray_umath as core  # type: ignore[no-redef]
    has = dict.fromkeys(core.__cpu_features__, False) | dict.fromkeys(features.split(), True)
    monkeypatch.setattr(core, "__cpu_features__", has)
    assert kernels.best_by_numpy() == best


@pytest.mark.skipif(not TARGET.exists(), reason="the sources are not beside tests/")
@pytest.mark.parametrize("isa", ["avx2", "avx512"])
def test_what_the_kernels_need(kernels: ModuleType, isa: str) -> None:
    """The check asks Linux for the features that target.h asks the processor for."""
    text = TARGET.read_text()
    sets = dict(re.findall(r"#define MIC_(\w+)_FEATURES\(F\)((?:.*\\\n)*.*)", text))
    needs = re.findall(r'F\("([\w.]+)"', sets["BMI2"] + sets["AVX2"])
    needs += re.findall(r'F\("([\w.]+)"', sets["AVX512"]) if isa == "avx512" else []
    assert {LINUX_NAMES.get(name, name) for name in needs} == set(
        kernels.NAMES_OF_LINUX[isa].split()
    )
