#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Compiles the core in dialects and for systems that are not at hand, without a warning.
#
#     pip install ziglang
#     apt-get install clang-19 musl-tools gcc-mingw-w64-x86-64 wine64 wine
#     apt-get install gcc-aarch64-linux-gnu qemu-user
#     ci/compile.sh                   all targets; those without tools are skipped
#     ci/compile.sh quick             the dialects of Windows only: half a minute
#     ci/compile.sh cl-x64 musl       only these; their tools must be installed
#
# cl-*        cl.exe: clang takes its dialect and calls itself neither clang nor GNU C.  The
#             intrinsics are clang's and those of ci/msvc, the C library is ci/msvc/crt.
# clang-cl-*  clang-cl, from version 19 on
# cl-run-x64  the same objects as cl-x64, linked by mingw: their C suite runs under Wine
# cl-run-arm64  cl.exe's dialect for Linux on ARM64: the C suite runs under QEMU
# neon-no-crc   the kernels on an ARM64 processor without CRC instructions, under QEMU
# musl        the C suite, natively
# zig-*       the headers and the clang that zig brings for these systems
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
PYTHON=${PYTHON:-python3}
strict=(-std=c11 -O1 -Wall -Wextra -Wshadow -Werror)

clang=clang
for version in 22 21 20 19; do # clang-cl hides the intrinsics before version 19
    if command -v clang-$version >/dev/null; then clang=clang-$version; break; fi
done
windows=(-fms-extensions -fms-compatibility -fms-compatibility-version=19.39
    -ffreestanding -fbuiltin "-I$root/ci/msvc" "-I$root/ci/msvc/crt")
# cl.exe takes any intrinsic anywhere; clang must be told of the instructions.
avx2=(-mavx2 -mbmi -mbmi2 -mlzcnt -mpopcnt -mpclmul -mcrc32)
avx512=("${avx2[@]}" -mavx512{f,dq,cd,bw,vl,vbmi,vbmi2} -mvpclmulqdq)

# compile NAME FILES COMMAND...: objects in $work/NAME
compile() {
    local name=$1 files=$2
    shift 2
    mkdir -p "$work/$name"
    find "$root/csrc" -regex "$files" -print0 | (cd "$work/$name" && xargs -0 -n 1 -P "$jobs" "$@" -c)
}

# A build of scalar kernels only would compile as well.
has_kernels() { # NAME ARCHITECTURE
    case $2 in
    x86_64) grep -q mic_kernels_avx512 "$work/$1/kernels.o" ;;
    aarch64) grep -q mic_kernels_neon "$work/$1/kernels.o" ;;
    esac
}

cl() { # NAME ARCHITECTURE
    local command=("$clang" "--target=$2-pc-windows-msvc" "${strict[@]}" "${windows[@]}"
        -fgnuc-version=0 -U__clang__)
    compile "$1" '.*_avx512\.c' "${command[@]}" $([ "$2" != x86_64 ] || echo "${avx512[@]}")
    compile "$1" '.*_avx2\.c' "${command[@]}" $([ "$2" != x86_64 ] || echo "${avx2[@]}")
    compile "$1" '.*[^2]\.c' "${command[@]}"
    has_kernels "$1" "$2"
}
clang_cl() { # NAME ARCHITECTURE
    compile "$1" '.*\.c' "$clang" "--target=$2-pc-windows-msvc" "${strict[@]}" "${windows[@]}"
    has_kernels "$1" "$2"
}

# c_suite NAME "TESTS" COMPILER FLAGS...: with the objects of $work/NAME
c_suite() {
    local tests=()
    for test in $2; do tests+=(-t "$test"); done
    : >"$work/$1/complete"
    sh tests/c/run.sh -k "$work/$1" "${tests[@]}" "${@:3}"
}
cl_run_x64() { # NAME
    cl "$1" x86_64
    # Microsoft's name for the function that touches the pages of a large frame
    EMULATOR=$root/ci/windows/wine.sh WINEPREFIX=$work/wine WINEDEBUG=-all \
        c_suite "$1" "kernels wavefront threads container" \
        x86_64-w64-mingw32-gcc -Wl,--defsym=__chkstk=___chkstk_ms
}
cl_run_arm64() { # NAME
    printf '#!/bin/sh\nexec "%s" -m ziglang cc -target aarch64-linux-musl "$@"\n' "$PYTHON" >"$work/cc"
    chmod +x "$work/cc"
    compile "$1" '.*\.c' "$work/cc" "${strict[@]}" -fms-extensions -fgnuc-version=0 -U__clang__ \
        -D_MSC_VER=1939 -D_M_ARM64=1 "-I$root/ci/msvc"
    has_kernels "$1" aarch64
    EMULATOR=qemu-aarch64 c_suite "$1" "kernels wavefront threads" "$work/cc" -static
}
neon_no_crc() { # NAME
    compile "$1" '.*\.c' aarch64-linux-gnu-gcc "${strict[@]}"
    echo 'unsigned long __wrap_getauxval(unsigned long type) { return type & 0; }' >"$work/no_crc.c"
    aarch64-linux-gnu-gcc -c "$work/no_crc.c" -o "$work/$1/no_crc.o"
    EMULATOR=qemu-aarch64 c_suite "$1" kernels aarch64-linux-gnu-gcc -static -Wl,--wrap=getauxval
}
musl() { sh tests/c/run.sh musl-gcc -static; }
zig() { compile "$1" '.*\.c' "$PYTHON" -m ziglang cc -target "$2" "${strict[@]}"; }

has_clang_19() { [ "$("$clang" -dumpversion 2>/dev/null | cut -d. -f1)" -ge 19 ] 2>/dev/null; }
has() { command -v "$1" >/dev/null; }
has_zig() { "$PYTHON" -c "import ziglang" 2>/dev/null; }

# target NAME "TOOLS" COMMAND...: runs COMMAND NAME ...
target() {
    local name=$1 missing=
    case " ${wanted[*]} " in *" $name "*) ;; *) return 0 ;; esac
    for tool in $2; do
        case $tool in
        clang-19) has_clang_19 || missing=$tool ;;
        ziglang) has_zig || missing="$tool for $PYTHON" ;;
        *) has "$tool" || missing=$tool ;;
        esac
    done
    if [ -n "$missing" ]; then
        echo "$name: skipped, there is no $missing"
        [ $demanded = no ] || exit 1
        return 0
    fi
    "$3" "$name" "${@:4}" >"$work/log" 2>&1 || { cat "$work/log" >&2; echo "$name: failed" >&2; exit 1; }
    echo "$name: $(grep ' checks,' "$work/log" | tail -n 1 | grep . || echo compiles)"
}

quick=(cl-x64 cl-arm64 cl-x86 clang-cl-x64 clang-cl-arm64)
long=(cl-run-x64 cl-run-arm64 neon-no-crc musl zig-macos-x64 zig-macos-arm64 zig-windows-x64 zig-windows-arm64
    zig-musl-x64 zig-musl-arm64 zig-freebsd-arm64)
demanded=no
case ${1-} in
"") wanted=("${quick[@]}" "${long[@]}") ;;
quick) wanted=("${quick[@]}") ;;
*) demanded=yes wanted=("$@") ;;
esac
for name in "${wanted[@]}"; do
    case " ${quick[*]} ${long[*]} " in *" $name "*) ;; *)
        echo "usage: ci/compile.sh [quick], or some of: ${quick[*]} ${long[*]}" >&2
        exit 2
        ;;
    esac
done

target cl-x64 clang cl x86_64
target cl-arm64 clang cl aarch64
target cl-x86 clang cl i686
target clang-cl-x64 clang-19 clang_cl x86_64
target clang-cl-arm64 clang-19 clang_cl aarch64
target cl-run-x64 "clang x86_64-w64-mingw32-gcc wine" cl_run_x64
target cl-run-arm64 "ziglang qemu-aarch64" cl_run_arm64
target neon-no-crc "aarch64-linux-gnu-gcc qemu-aarch64" neon_no_crc
target musl musl-gcc musl
target zig-macos-x64 ziglang zig x86_64-macos
target zig-macos-arm64 ziglang zig aarch64-macos
target zig-windows-x64 ziglang zig x86_64-windows-gnu
target zig-windows-arm64 ziglang zig aarch64-windows-gnu
target zig-musl-x64 ziglang zig x86_64-linux-musl
target zig-musl-arm64 ziglang zig aarch64-linux-musl
target zig-freebsd-arm64 ziglang zig aarch64-freebsd
