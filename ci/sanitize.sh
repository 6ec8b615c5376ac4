#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer:
#
#     ci/sanitize.sh          the C suite, then the Python suite
#     ci/sanitize.sh c        the C suite only
#     ci/sanitize.sh python   the Python suite only; more arguments go to pytest
#
# $PYTHON (default python3) needs the packages of `pip install ".[cli,bench,test]"`.
# Everything is built in a temporary copy; the source tree stays as it is.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
PYTHON=$(command -v "${PYTHON:-python3}")
what=${1:-all}
[ $# -eq 0 ] || shift

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# -O1 keeps the stacks readable; the first undefined operation ends the process.
checks=(-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined)
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

c_suite() {
    local run=$root/tests/c/run.sh
    mkdir "$work/gcc" # compiled once
    echo "== C suite: gcc, address and undefined, default kernels"
    sh "$run" -k "$work/gcc" gcc "${checks[@]}"
    echo "== C suite: gcc, address and undefined, MIC_CPU=avx2 and MIC_CPU=scalar at once"
    lesser() { MIC_CPU=$1 sh "$run" -k "$work/gcc" -t stages -t container -t forged gcc "${checks[@]}" 2>&1; }
    lesser avx2 >"$work/avx2.log" &
    local avx2=$!
    lesser scalar # test_kernels has all kernels in one run
    wait "$avx2" || { cat "$work/avx2.log"; exit 1; }
    cat "$work/avx2.log"
    echo "== inputs kept from fuzzing: gcc, address and undefined"
    sh "$root/fuzz/replay.sh" gcc "${checks[@]}"
    if command -v clang >/dev/null; then
        echo "== C suite: clang, address and undefined"
        sh "$run" clang "${checks[@]}"
    fi
    echo "== C suite: gcc, threads"
    sh "$run" -t threads -t tiles gcc -O1 -g -fsanitize=thread
}

python_suite() {
    echo "== Python suite: gcc, address and undefined"
    local site=$work/site copy=$work/copy
    mkdir "$copy"
    (cd "$root" && tar -c --exclude=./.git --exclude=./build --exclude='*.so' --exclude='./mic/_mic.c' \
        --exclude='__pycache__' --exclude='.*_cache' --exclude='.hypothesis' .) | tar -x -C "$copy"
    CFLAGS="${checks[*]}" LDFLAGS="-fsanitize=address,undefined" CC=gcc \
        "$PYTHON" -m pip install --quiet --no-build-isolation --no-deps --target "$site" "$copy"
    # Remove the sources: the tests must find only the installed package.
    rm -rf "$copy/mic" "$copy/build"
    cd "$copy"
    # The interpreter is not instrumented, so the run-time library is loaded
    # first, and libstdc++ with it: its exceptions are intercepted at the start.
    # With malloc for all Python objects, reads past the end of a bytes are found.
    # Leaks of the interpreter at exit are ignored.
    local preload
    preload="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libstdc++.so)"
    run_python() {
        env LD_PRELOAD="$preload" PYTHONPATH="$site" PATH="$site/bin:$PATH" PYTHONMALLOC=malloc \
            PYTHONDONTWRITEBYTECODE=1 \
            ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=64 "$PYTHON" "$@"
    }
    run_python -c "import mic._mic, sys; sys.exit(not mic._mic.__file__.startswith('$site'))"
    # Capture by file descriptor would lose the report of a dying process.
    run_python -m pytest -q --capture=sys -p no:cacheprovider -m "not no_asan" "$@"
}

case $what in
c) c_suite ;;
python) python_suite "$@" ;;
all)
    c_suite
    python_suite "$@"
    ;;
*)
    echo "usage: ci/sanitize.sh [c | python [pytest arguments]]" >&2
    exit 2
    ;;
esac
