# SPDX-License-Identifier: MIT
"""Build the C core as one extension; everything else is in pyproject.toml."""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

# No -march: kernels for wider registers carry target attributes and are chosen
# at run time, so one build runs on any processor of its architecture.
ON_WINDOWS = sys.platform == "win32"
FLAGS = ["/O2", "/std:c11", "/experimental:c11atomics"] if ON_WINDOWS else ["-O3", "-std=c11"]
# Debug information would make the extension six times as large. Python's own flags ask for it, so
# it is turned off. CFLAGS may ask for it too, for a debugger or a sanitizer; then it stays.
WANTS_DEBUG = ON_WINDOWS or "-g" in os.environ.get("CFLAGS", "").split()
NO_DEBUG = [] if WANTS_DEBUG else ["-g0"]

core = Extension(
    "mic._mic",
    sources=["mic/_mic.pyx", *sorted(str(path) for path in Path("csrc").glob("*/*.c"))],
    depends=sorted(str(path) for path in Path("csrc").rglob("*.h")),
    include_dirs=["csrc"],
    extra_compile_args=FLAGS + NO_DEBUG,
    libraries=[] if ON_WINDOWS else ["pthread"],
)

setup(ext_modules=cythonize([core]))
