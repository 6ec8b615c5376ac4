# SPDX-License-Identifier: MIT
# For ci/cross.sh and ci/windows.sh: the digests that every machine must give for
# tests/data/native (tests/c/digests.c).  Objects and programs are in folders of $work.

# digests_build NAME COMPILER [FLAGS...]: links the program with the objects of $work/NAME
digests_build() {
    local name=$1
    shift
    "$@" -std=c11 -O2 -Icsrc tests/c/digests.c "$work/$name"/*.o -o "$work/$name/digests.exe" -lpthread
}

# Writes the digests of this machine.
digests_here() {
    mkdir "$work/here"
    printf '%s\0' "$PWD"/csrc/*/*.c |
        (cd "$work/here" && xargs -0 -n 1 -P "$(nproc)" "${CC:-cc}" -std=c11 -O2 -c)
    digests_build here "${CC:-cc}"
    "$work/here/digests.exe" tests/data/native/*.mic >"$work/here.txt"
}

# digests_compare NAME EMULATOR ISA...: with each of these instruction sets that is there
digests_compare() {
    local name=$1 emulator=$2 isa
    shift 2
    for isa in "$@"; do
        MIC_CPU=$isa "$emulator" "$work/$name/digests.exe" tests/data/native/*.mic | tr -d '\r' |
            diff -u "$work/here.txt" -
    done
    echo "digests: as here"
}
