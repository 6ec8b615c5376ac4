#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Make regression tests of what fuzz/run.sh has found: of build/fuzz/<target> the few
# small inputs that together reach every edge of the code that any input reaches,
# beside those that tests/data/fuzz/<target> has.
#
#     fuzz/keep.sh [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."

most_bytes=1000 # of an input: a test needs no more to get anywhere
targets=${*:-fuzz_stages fuzz_roundtrip fuzz_wavefront fuzz_container fuzz_tiles fuzz_isa fuzz_dicom}
for target in $targets; do
    kept=tests/data/fuzz/$target
    mkdir -p "$kept" "build/fuzz/small-$target"
    find "build/fuzz/$target" -type f -size -${most_bytes}c -exec cp -t "build/fuzz/small-$target" {} +
    "build/fuzz/$target.bin" -merge=1 -use_counters=0 -verbosity=0 "$kept" "build/fuzz/small-$target"
    rm -r "build/fuzz/small-$target"
    echo "$target: $(find "$kept" -type f | wc -l) inputs, $(du -bs "$kept" | cut -f 1) bytes"
done
