# SPDX-License-Identifier: MIT
"""Build the C core as one extension; everything else is in pyproject.toml."""

import os
import shutil
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# No -march: kernels for wider registers carry target attributes and are chosen
# at run time, so one build runs on any processor of its architecture.
GNU_FLAGS = ["-O3", "-std=c11"]
# gcc cannot align the stack for wide registers on Windows (its bug 54412), so no move may need it.
MINGW_FLAGS = ["-Wa,-muse-unaligned-vector-move"]
MSVC_FLAGS = ["/O2", "/std:c11"]
# cl takes any intrinsic in any file, but without these it may mix two encodings of the narrow
# registers, which is slow.  Only kernels are in these files, see tests/c/check_build.sh.
MSVC_KERNELS = {"_avx2.c": "/arch:AVX2", "_avx512.c": "/arch:AVX512"}
CLANG_TARGETS = {"win-amd64": "x86_64-pc-windows-msvc", "win-arm64": "arm64-pc-windows-msvc"}


def without_debug() -> list[str]:
    """Return the flag against debug information, which makes the extension six times as large.

    Python's own flags ask for it.  CFLAGS may ask for it too, for a debugger or a sanitizer;
    then it stays.
    """
    return [] if "-g" in os.environ.get("CFLAGS", "").split() else ["-g0"]


class BuildCore(build_ext):
    """Gives each compiler its own flags: on Windows there are three."""

    def build_extension(self, ext: Extension) -> None:
        if self.compiler.compiler_type == "msvc":
            ext.extra_compile_args = MSVC_FLAGS
            if os.environ.get("MIC_CLANG_CL", "0") != "0":
                ext.extra_compile_args = [*MSVC_FLAGS, *self.use_clang_cl()]
            elif self.plat_name == "win-amd64":
                self.compile_kernels_by_arch()
        else:
            mingw = self.compiler.compiler_type == "mingw32"
            ext.extra_compile_args = [*GNU_FLAGS, *(MINGW_FLAGS if mingw else []), *without_debug()]
            ext.libraries = [] if mingw else ["pthread"]
        super().build_extension(ext)

    def use_clang_cl(self) -> list[str]:
        """Put clang-cl in the place of cl, as setuptools has no option for it; return its flags."""
        path = shutil.which("clang-cl")
        if path is None:
            raise SystemExit("MIC_CLANG_CL is set, but there is no clang-cl on the PATH")
        if not self.compiler.initialized:
            self.compiler.initialize(self.plat_name)
        self.compiler.cc = path
        # That is for cl's linker, which then compiles.
        options = [option for option in self.compiler.compile_options if option != "/GL"]
        self.compiler.compile_options = options
        return [f"--target={CLANG_TARGETS[self.plat_name]}"]

    def compile_kernels_by_arch(self) -> None:
        """Let the compiler add to each file the flag of its instruction set."""
        compile_all = self.compiler.compile

        def compile_each(sources: list[str], **options) -> list[str]:
            objects = []
            shared = options.pop("extra_postargs", None) or []
            for source in sources:
                own = [flag for end, flag in MSVC_KERNELS.items() if source.endswith(end)]
                objects += compile_all([source], **options, extra_postargs=[*shared, *own])
            return objects

        self.compiler.compile = compile_each


core = Extension(
    "mic._mic",
    sources=["mic/_mic.pyx", *sorted(str(path) for path in Path("csrc").glob("*/*.c"))],
    depends=sorted(str(path) for path in Path("csrc").rglob("*.h")),
    include_dirs=["csrc"],
)

if __name__ == "__main__":
    setup(ext_modules=cythonize([core]), cmdclass={"build_ext": BuildCore})
