#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Checks that take too long for .ci/run, for a change of the C core or of the build, and before
# a release.
#
#     ci/long.sh                      in an hour on two cores
set -euo pipefail
cd "$(dirname "$0")/.."

bash ci/compile.sh      # all compilers and systems
bash ci/cross.sh        # other processors, by emulation
bash ci/windows.sh long # Windows: AVX-512, and the whole Python suite
