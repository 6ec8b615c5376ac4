#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The AVX-512 kernels on an x86-64 processor that has AVX2 only: the C suite's tests of
# kernels, with the intrinsics emulated.  Slow, and no measure of speed.
#
#     apt-get install libsimde-dev
#     ci/avx512.sh                    kernels and the wavefront codec
#     ci/avx512.sh container tiles    other tests of tests/c
#     CC=x86_64-w64-mingw32-gcc EMULATOR=ci/windows/wine.sh ci/avx512.sh
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
[ $# -gt 0 ] || set -- kernels wavefront
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# No target attributes: with them the compiler could use AVX-512 on its own.
flags=(-std=gnu11 -O2 -mavx2 -mbmi -mbmi2 -mlzcnt -mpopcnt -mpclmul -mvpclmulqdq -Wno-psabi
    '-DMIC_TARGET(isa)=' "-I$root/tests/c/emulated" "-I$root/csrc" "-I$work/include")
mkdir "$work/include" # no other header of this machine may be found from there
ln -s /usr/include/simde "$work/include/simde"

printf '%s\0' "$root"/csrc/*/*.c "$root/tests/c/emulated/cpu_with_avx512.c" |
    (cd "$work" && xargs -0 -n 1 -P "$(nproc)" "${CC:-gcc}" "${flags[@]}" -c)
rm "$work/cpu.o" # cpu_with_avx512 stands for it
for test in "$@"; do
    "${CC:-gcc}" "${flags[@]}" "tests/c/test_$test.c" "$work"/*.o -o "$work/test_$test.exe" -lpthread -lm
    ${EMULATOR-} "$work/test_$test.exe"
done
