# SPDX-License-Identifier: MIT
"""The tests that every wheel must pass, with the best kernels and with the reference ones."""

import os
import subprocess
import sys

TESTS = [f"tests/core/test_{name}.py" for name in ("roundtrip", "reference_decoder", "threads")]

for isa in (None, "scalar"):
    environment = {**os.environ, **({"MIC_CPU": isa} if isa else {})}
    print(f"== {isa or 'the best kernels here'}", flush=True)
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", *TESTS], env=environment)
    if done.returncode:
        sys.exit(done.returncode)
