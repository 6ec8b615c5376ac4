#!/bin/sh
# SPDX-License-Identifier: MIT
# Build and run the C suite:  sh tests/c/run.sh [-k DIR] [-t TEST]... [CC] [FLAGS...]
#
#     sh tests/c/run.sh                                      all tests, cc -O2
#     sh tests/c/run.sh clang -O1 -g -fsanitize=address,undefined
#     sh tests/c/run.sh -t threads gcc -g -fsanitize=thread
#     EMULATOR=qemu-s390x sh tests/c/run.sh s390x-linux-gnu-gcc -static
#     EMULATOR=ci/windows/wine.sh sh tests/c/run.sh x86_64-w64-mingw32-gcc
#
# MIC_CPU chooses the kernels (test_kernels tries all).  Nothing is left behind, but
# with -k the objects of the core, for the next run with the same compiler and flags.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
csrc=$here/../../csrc

kept=
if [ "${1-}" = -k ]; then
    kept=$2
    shift 2
fi
tests=
while [ "${1-}" = -t ]; do
    tests="$tests $2"
    shift 2
done
tests=${tests:-target kernels wavefront stages wavelet container tiles dicom forged refusals threads memory}
cc=${1:-cc}
[ $# -eq 0 ] || shift

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
set -- -std=c11 -O2 -Wall -Wextra -Wshadow -Werror "-I$csrc" "$@"

jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
objects=${kept:-$work}
if ! [ -e "$objects/complete" ]; then
    printf '%s\0' "$csrc"/*/*.c | (cd "$objects" && xargs -0 -n 1 -P "$jobs" "$cc" "$@" -c)
    : >"$objects/complete"
fi
for test in $tests; do
    wrap=
    [ "$test" = memory ] && wrap=-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
    # Wine asks for the name's ending, and no other system minds it.
    "$cc" "$@" "$here/test_$test.c" "$objects"/*.o ${wrap:+"$wrap"} -o "$work/test_$test.exe" -lpthread
    ${EMULATOR-} "$work/test_$test.exe"
done
