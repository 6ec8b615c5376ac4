#!/bin/sh
# SPDX-License-Identifier: MIT
# Run every target on its kept inputs (tests/data/fuzz), without libFuzzer:
#
#     sh fuzz/replay.sh [-k DIR] [CC] [FLAGS...]
#     sh fuzz/replay.sh gcc -O1 -g -fsanitize=address,undefined
#
# With -k the objects of the core are kept, or taken, as by tests/c/run.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
csrc=$here/../csrc
inputs=$here/../tests/data/fuzz

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
objects=$work
if [ "${1-}" = -k ]; then
    objects=$2
    shift 2
fi
cc=${1:-cc}
[ $# -eq 0 ] || shift
set -- -std=c11 -O2 -Wall -Wextra -Wshadow -Werror "-I$csrc" "$@"

jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
if ! [ -e "$objects/complete" ]; then
    printf '%s\0' "$csrc"/*/*.c | (cd "$objects" && xargs -0 -n 1 -P "$jobs" "$cc" "$@" -c)
    : >"$objects/complete"
fi
for target in "$inputs"/*; do
    name=$(basename "$target")
    "$cc" "$@" "$here/$name.c" "$here/replay.c" "$objects"/*.o -o "$work/$name" -lpthread
    printf '%-16s ' "$name"
    ${EMULATOR-} "$work/$name" "$target"/* 2>"$work/said" || {
        tail -c 5000 "$work/said"
        exit 1
    }
done
