#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Tests for other processors, as far as cross compilers and QEMU are installed: each must
# pass the C suite and give the same samples and streams for tests/data/native as this machine.
#
#     apt-get install qemu-user gcc-{aarch64,s390x}-linux-gnu gcc-arm-linux-gnueabihf
#     ci/cross.sh                     all processors; those without tools are skipped
#     ci/cross.sh aarch64 s390x       only these; their tools must be installed
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

. ci/digests.sh

# target NAME COMPILER EMULATOR WHAT
target() {
    if [ ${#wanted[@]} -gt 0 ]; then
        case " ${wanted[*]} " in *" $1 "*) ;; *) return 0 ;; esac
    fi
    for tool in "$2" "$3"; do
        command -v "$tool" >/dev/null && continue
        echo "== $1: skipped, there is no $tool"
        if [ ${#wanted[@]} -gt 0 ]; then exit 1; fi
        return 0
    done
    echo "== $1: $4"
    mkdir "$work/$1"
    EMULATOR=$3 sh tests/c/run.sh -k "$work/$1" "$2" -static
    digests_build "$1" "$2" -static
    digests_compare "$1" "$3" scalar neon
}

wanted=("$@")
for name in "${wanted[@]}"; do
    case $name in aarch64 | s390x | arm) ;; *)
        echo "usage: ci/cross.sh [aarch64] [s390x] [arm]" >&2
        exit 2
        ;;
    esac
done
digests_here
target aarch64 aarch64-linux-gnu-gcc qemu-aarch64 "NEON, and the scalar kernels beside it"
target s390x s390x-linux-gnu-gcc qemu-s390x "big-endian"
target arm arm-linux-gnueabihf-gcc qemu-arm "32 bits"
