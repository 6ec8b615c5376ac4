#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Which lines of csrc/ do the C suite, the fuzz corpus and the Python suite reach?
#
#     fuzz/coverage.sh            all three
#     fuzz/coverage.sh c          without the Python suite
#     fuzz/coverage.sh all -k x   more arguments go to pytest
#
# Prints a table and the lines not reached, and fails below 95 % of all lines.
# Needs clang, llvm-profdata and llvm-cov of one version; $PYTHON (default python3)
# needs Cython and, for the Python suite, what ci/sanitize.sh needs.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
PYTHON=$(command -v "${PYTHON:-python3}")
clang=${CLANG:-clang}
what=${1:-all}
[ $# -eq 0 ] || shift

out=$root/build/coverage
rm -rf "$out"
mkdir -p "$out"/{objects,programs,site/bin}
export LLVM_PROFILE_FILE=$out/profile-%4m.profraw
flags=(-fprofile-instr-generate -fcoverage-mapping -fPIC)

echo "== the C suite"
suite() { sh "$root/tests/c/run.sh" -k "$out/objects" "$@" "$clang" "${flags[@]}"; }
suite
for isa in scalar avx2; do
    MIC_CPU=$isa suite -t stages -t container -t forged
done

echo "== the fuzz corpus"
bash "$root/fuzz/replay.sh" -k "$out/objects" "$clang" "${flags[@]}"

if [ "$what" != c ]; then
    echo "== the Python suite"
    # The very objects of the C suite, so that counts of the same function add up.
    mkdir "$out/site/mic"
    (cd "$root/mic" && tar -c --exclude='*.so' --exclude=__pycache__ .) | tar -x -C "$out/site/mic"
    "$PYTHON" -m cython -3 -I "$root" "$root/mic/_mic.pyx" -o "$out/_mic.c"
    suffix=$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')
    include=$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("include"))')
    "$clang" -O1 -fPIC -shared -fprofile-instr-generate -I"$include" -I"$root/csrc" "$out/_mic.c" \
        "$out"/objects/*.o -lpthread -o "$out/site/mic/_mic$suffix"
    printf '#!%s\nfrom mic.cli import main\n\nmain()\n' "$PYTHON" >"$out/site/bin/mic"
    chmod +x "$out/site/bin/mic"
    (cd "$out" && PYTHONPATH=$out/site:$root PATH=$out/site/bin:$PATH PYTHONDONTWRITEBYTECODE=1 "$PYTHON" -m pytest -q \
        -p no:cacheprovider --rootdir "$root" -c "$root/pyproject.toml" "$root/tests" -m "not no_asan" "$@")
fi

"$clang" -shared "${flags[@]}" "$out"/objects/*.o -lpthread -o "$out/core.so"
llvm-profdata merge -sparse "$out"/profile-*.profraw -o "$out/all.profdata"
llvm-cov export -format=lcov -instr-profile="$out/all.profdata" "$out/core.so" >"$out/all.lcov"
"$PYTHON" "$root/fuzz/coverage_table.py" "$out/all.lcov" "$root/csrc"
