# SPDX-License-Identifier: MIT
"""`mic doctor`: what it finds, and what it says of the kernels that run."""

import json
import platform

import numpy as np
import pytest
from commandline import run

import mic
from mic import api


def test_doctor():
    output = run("doctor")
    assert mic.__version__ in output and mic.cpu_info()["active"] in output
    document = json.loads(run("doctor", "--json"))
    assert document["self_test"] == dict.fromkeys(mic.CODECS, "passed")
    assert document["versions"]["numpy"] == np.__version__
    syntax = {"uid": str(mic.MICLossless), "registered": False, "problem": None}
    assert document["mic_lossless"] == syntax and "mic.register() works" in output


# What `mic.cpu_info` says of a processor of each kind, the value of MIC_CPU, and what doctor has
# to say about it.
AVX2 = {"best": "avx2", "active": "avx2", "compiled": ["scalar", "avx2"], "scalar_reason": ""}
FORCED = AVX2 | {"active": "scalar"}
OLD = AVX2 | {"best": "scalar", "active": "scalar", "scalar_reason": "this processor lacks avx2"}
LEFT_OUT = OLD | {"compiled": ["scalar"], "scalar_reason": "mic was built with MIC_SCALAR_ONLY"}
KINDS = [
    (AVX2, "", "x86_64", "the avx2 kernels run, the best"),
    (AVX2, "avx2", "x86_64", "the avx2 kernels run, the best"),
    (AVX2, "neon", "x86_64", "MIC_CPU=neon is not available here and has no effect; the avx2"),
    (FORCED, "scalar", "x86_64", "MIC_CPU=scalar makes mic use the scalar kernels; without it"),
    (OLD, "", "x86_64", "because this processor lacks avx2; no other build of mic changes that"),
    (OLD, "avx2", "x86_64", "MIC_CPU=avx2 is not available here and has no effect; only the"),
    (LEFT_OUT, "", "AMD64", "built with MIC_SCALAR_ONLY; a wheel has faster ones: pip install"),
    (LEFT_OUT, "", "riscv64", "fast with a 64-bit Python on x86-64 and arm64 processors"),
]


@pytest.mark.parametrize(("cpu", "forced", "machine", "expected"), KINDS)
def test_kernels(cpu, forced, machine, expected, monkeypatch):
    real = mic.cpu_info()
    monkeypatch.setattr(api, "cpu_info", lambda: real | cpu)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setenv("MIC_CPU", forced)
    output, document = run("doctor"), json.loads(run("doctor", "--json"))
    assert expected in document["kernels"] and f"kernels    {document['kernels']}\n" in output
    assert document["cpu"] == real | cpu and document["ok"]
