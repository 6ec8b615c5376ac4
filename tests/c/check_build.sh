#!/bin/sh
# SPDX-License-Identifier: MIT
# What holds for the build of the core, whatever the compiler here:
#   - `cc -O2 -c csrc/*/*.c` is enough;
#   - gcc and clang, where present, find nothing to warn about;
#   - every exported symbol starts with mic_;
#   - what kernels ask of the processor is in target.h, which cpu.c checks;
#   - what cl lacks is in the headers that have its names for it;
#   - wide registers stay in the files of their kernels (x86).
set -eu
csrc=$(cd "$(dirname "$0")/../../csrc" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

"${CC:-cc}" -O2 -c "$csrc"/*/*.c

for cc in gcc clang; do
    command -v $cc >/dev/null || continue
    mkdir $cc
    (cd $cc && $cc -std=c11 -O2 -Wall -Wextra -Wshadow -Werror -c "$csrc"/*/*.c)
    echo "$cc: no warnings"
done

# Defined and visible symbols; macOS puts an underscore before each.
strays=$(nm -g ./*.o | awk 'NF == 3 && $2 != "U" { sub(/^_/, "", $3); if ($3 !~ /^mic_/) print $3 }')
if [ -n "$strays" ]; then
    echo "exported symbols without the prefix mic_:" $strays >&2
    exit 1
fi
echo "exported symbols: all mic_"

strays=$(grep -lE 'MIC_TARGET\("|target\("|pragma GCC target|pragma clang attribute' "$csrc"/*/*.[ch] |
    grep -v /base/target.h || :)
if [ -n "$strays" ]; then
    echo "target strings outside base/target.h:" $strays >&2
    exit 1
fi
echo "target strings: in target.h only"

# cl has other names for them
strays=$(grep -lE '__builtin_|stdatomic\.h|_Atomic' "$csrc"/*/*.[ch] | grep -vE '/base/(bits|internal|atomics)\.h' || :)
if [ -n "$strays" ]; then
    echo "GNU builtins or C11 atomics outside base/bits.h, internal.h and atomics.h:" $strays >&2
    exit 1
fi
echo "builtins and atomics: in their headers only"

if [ "$(uname -m)" = x86_64 ]; then # kernels name what they use, whatever the flags say
    "${CC:-cc}" -O2 -mno-crc32 -c "$csrc"/x86/*.c
fi

if command -v objdump >/dev/null && [ "$(uname -m)" = x86_64 ]; then
    for object in ./*.o; do
        case $object in *_avx*) continue ;; esac
        if objdump -d "$object" | grep -q '%[yz]mm'; then
            echo "$object uses wide registers outside the kernels" >&2
            exit 1
        fi
    done
    echo "wide registers: in the files of kernels only"
fi
