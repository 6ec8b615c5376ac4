# SPDX-License-Identifier: MIT
"""setup.py chooses flags by compiler; those of Windows are tried on stand-ins."""

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from setuptools import Distribution
from setuptools.command.build_ext import build_ext

SETUP = Path(__file__).parents[2] / "setup.py"
pytestmark = pytest.mark.skipif(not SETUP.exists(), reason="the tests of a wheel lack setup.py")

SOURCES = ["csrc/base/cpu.c", "csrc/x86/wavefront_rows_avx2.c", "csrc/x86/kernels_avx512.c"]


class Compiler(SimpleNamespace):
    """What setup.py uses of setuptools' compilers; it records how it is called."""

    def __init__(self, kind: str) -> None:
        options = ["/nologo", "/O2", "/GL"]
        super().__init__(compiler_type=kind, initialized=False, cc="cl", compile_options=options)
        self.calls: list[tuple[list[str], list[str]]] = []

    def initialize(self, plat_name: str) -> None:
        self.initialized = True

    def compile(
        self, sources: list[str], *, output_dir: str, extra_postargs: list[str]
    ) -> list[str]:
        self.calls.append((sources, extra_postargs))
        return [f"{output_dir}/{source}.o" for source in sources]


def build(compiler: Compiler, plat_name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the extension as setuptools gets it; its sources are compiled."""
    module = runpy.run_path(str(SETUP))
    command = module["BuildCore"](Distribution())
    command.compiler, command.plat_name = compiler, plat_name

    def compile_sources(self: build_ext, ext: Any) -> None:
        flags = list(ext.extra_compile_args)
        objects = self.compiler.compile(SOURCES, output_dir="out", extra_postargs=flags)
        assert objects == [f"out/{source}.o" for source in SOURCES]

    monkeypatch.setattr(build_ext, "build_extension", compile_sources)
    command.build_extension(module["core"])
    return module["core"]


def flags_of(compiler: Compiler, source: str) -> list[str]:
    return next(flags for sources, flags in compiler.calls if source in sources)


def test_gcc_and_clang(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = Compiler("unix")
    for cflags, debug in (("-O1", ["-g0"]), ("-O1 -g", [])):
        monkeypatch.setenv("CFLAGS", cflags)
        core = build(compiler, "linux-x86_64", monkeypatch)
        assert core.extra_compile_args == ["-O3", "-std=c11", *debug]
        assert core.libraries == ["pthread"]


def test_mingw_moves_no_wide_register_aligned(monkeypatch: pytest.MonkeyPatch) -> None:
    core = build(Compiler("mingw32"), "win-amd64", monkeypatch)
    assert "-Wa,-muse-unaligned-vector-move" in core.extra_compile_args
    assert core.libraries == []


def test_cl_compiles_each_kernel_for_its_instruction_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIC_CLANG_CL", raising=False)
    compiler = Compiler("msvc")
    build(compiler, "win-amd64", monkeypatch)
    assert flags_of(compiler, SOURCES[0]) == ["/O2", "/std:c11"]
    assert flags_of(compiler, SOURCES[1]) == ["/O2", "/std:c11", "/arch:AVX2"]
    assert flags_of(compiler, SOURCES[2]) == ["/O2", "/std:c11", "/arch:AVX512"]
    compiler = Compiler("msvc")
    build(compiler, "win-arm64", monkeypatch)
    assert compiler.calls == [(SOURCES, ["/O2", "/std:c11"])]


def test_clang_cl_takes_the_place_of_cl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIC_CLANG_CL", "1")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="no clang-cl on the PATH"):
        build(Compiler("msvc"), "win-arm64", monkeypatch)
    clang_cl = tmp_path / "clang-cl"
    clang_cl.touch(mode=0o755)
    compiler = Compiler("msvc")
    core = build(compiler, "win-arm64", monkeypatch)
    assert compiler.initialized
    assert compiler.cc == str(clang_cl)
    assert "/GL" not in compiler.compile_options
    assert "--target=arm64-pc-windows-msvc" in core.extra_compile_args
