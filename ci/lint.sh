#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The checkers: ruff and mypy from the environment of $PYTHON (default python3),
# the C compilers' warnings, and what else holds for the build of the core.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}

echo "== ruff"
"$PYTHON" -m ruff check .

echo "== mypy"
"$PYTHON" -m mypy

echo "== C"
sh tests/c/check_build.sh
