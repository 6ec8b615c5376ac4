# SPDX-License-Identifier: MIT
"""Check a wheel: the best kernels must run, all modules import, the tests of the core pass.

The tests run with the best kernels and with the reference ones.  ``--imports`` leaves
them out.
"""

import importlib
import os
import subprocess
import sys
from importlib.metadata import files
from pathlib import PurePath

import kernels

import mic

# A folder missing from the build configuration is left out of the wheel without an error.
FOLDERS = {
    *("archive", "benchmark", "cli", "codec", "dicom", "display"),
    *("gpu", "images", "torch", "transcode", "volume"),
}
TESTS = [f"tests/core/test_{name}.py" for name in ("roundtrip", "reference_decoder", "threads")]


def check_imports() -> None:
    """Import each module of the wheel; only packages of extras may be missing."""
    paths = [PurePath(path) for path in files("mic-codec") or []]
    modules = [path for path in paths if path.suffix == ".py" and path.parts[0] == "mic"]
    found = {path.parts[1] for path in modules if len(path.parts) == 3}
    assert found == FOLDERS, f"the wheel has the folders {sorted(found)} of {sorted(FOLDERS)}"
    names = {path.name for path in paths}
    assert {"py.typed", "_mic.pyi"} <= names, "the wheel lacks its types"
    sources = sorted(name for name in names if name.endswith((".c", ".h", ".pyx", ".pxd", ".pxi")))
    assert not sources, f"the wheel holds the sources {sources}"
    left_out = 0
    for path in modules:
        name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] == "mic":
                raise
            left_out += 1
    print(f"== {len(modules) - left_out} modules imported, {left_out} need an extra", flush=True)


def run_tests() -> None:
    for isa in (None, "scalar"):
        environment = {**os.environ, **({"MIC_CPU": isa} if isa else {})}
        print(f"== {isa or 'the best kernels here'}", flush=True)
        done = subprocess.run([sys.executable, "-m", "pytest", "-q", *TESTS], env=environment)
        if done.returncode:
            sys.exit(done.returncode)


if __name__ == "__main__":
    kernels.check_kernels(mic.cpu_info(), kernels.witnesses())
    check_imports()
    if "--imports" not in sys.argv:
        run_tests()
