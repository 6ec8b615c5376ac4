#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The checkers: ruff and mypy from the environment of $PYTHON (default python3),
# zizmor for the workflows, clang-format, the C compilers' warnings, and the other rules for
# the build of the core.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}

echo "== ruff"
"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check --quiet .

echo "== mypy"
"$PYTHON" -m mypy

echo "== workflows"
zizmor --offline --quiet --pedantic .github

echo "== C"
clang-format --version | grep -q 'version 23\.' || { echo 'pip install "mic-codec[lint]"' >&2; exit 1; }
git ls-files '*.c' '*.h' | xargs clang-format --dry-run --Werror
sh tests/c/check_build.sh
