#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Fuzz every target here for MINUTES each (default 1), or the TARGETs named:
# fuzz/run.sh [MINUTES [TARGET...]].  FUZZ_SECONDS in the environment goes before MINUTES.
# Needs clang with libFuzzer.  Stops with an error, and the path of the input, at
# the first fault.  What was found worth keeping stays in build/fuzz for the next
# run; fuzz/keep.sh makes regression tests of it.
set -euo pipefail
cd "$(dirname "$0")/.."

minutes=${1:-1}
if ! [[ $minutes =~ ^[1-9][0-9]*$ ]]; then
    echo "fuzz/run.sh: '$minutes' is no number of minutes; for example: fuzz/run.sh 5" >&2
    exit 2
fi
shift || true
seconds=${FUZZ_SECONDS:-$((60 * minutes))}
targets=${*:-fuzz_stages fuzz_roundtrip fuzz_wavefront fuzz_container fuzz_tiles fuzz_isa fuzz_dicom}
clang=${CLANG:-clang}
out=build/fuzz

# The bytes before the data choose what to do with them, see each target.  An N
# stands for 0 to 9 in turn.  Files above 8 KB would only slow the fuzzers down.
seed() { # target, prefix as printf escapes, name pattern
    local folder file n=0
    for folder in tests/data/published tests/data/mic3 tests/data/native tests/vectors ../shared/vectors; do
        [[ -d $folder ]] || continue
        while IFS= read -r -d '' file; do
            { printf '%b' "${2//N/$((n++ % 10))}"; cat "$file"; } > "$out/$1/$(basename "$file")${2//\\/-}"
        done < <(find "$folder" -maxdepth 1 -name "$3" -size -9k -print0)
    done
}

mkdir -p "$out"/{fuzz_stages,fuzz_roundtrip,fuzz_wavefront,fuzz_container,fuzz_tiles,fuzz_isa,fuzz_dicom,objects}
seed fuzz_stages '\x00\x00' '*.fse*_*.bin'
seed fuzz_stages '\x01\x00' '*.huff_*.bin'
seed fuzz_stages '\x02\x01' '*.stage_rle.bin'
seed fuzz_stages '\x02\x00' '*.stage_delta*rle.bin'
seed fuzz_stages '\x03\x3c' '*.stage_delta.bin'
seed fuzz_stages '\x03\x3d' '*.stage_deltazz.bin'
seed fuzz_stages '\x03\x3e' '*.stage_graddelta.bin'
seed fuzz_stages '\x03\x3f' '*.stage_meddelta.bin'
seed fuzz_stages '\x04\x00' '*.gap.bin'
seed fuzz_stages '\x05\x00' '*.rans8_*.bin'
seed fuzz_stages '\x06\x00' '*.wavelet_v2_*.bin'
seed fuzz_stages '\x06\x01' '*.wavelet_v1fse_*.bin'
seed fuzz_stages '\x06\x02' '*.wavelet_v1rlefse_*.bin'
seed fuzz_roundtrip '\x0f\xNf' '*.raw*'
seed fuzz_roundtrip '\x0f\xNf' '*.stage_*.bin'
seed fuzz_wavefront '\x0N\x1f\x20\xff\x0f' '*.raw*'
seed fuzz_wavefront '\x1N\x3f\xff\xff\xff' '*.stage_delta*.bin'
# Example 7.6 of docs/format.md: 4 x 4 words, their model, their strip.
printf '%b' '\x00\x03\x03\x00\x00\xa0\x52\x08\x00\x01\x00\x00\x00\x03\x04\x00\x00\x11' \
    '\x00\x94\x71\x00\x80\x62\x15\x00\x00\x65\x15\x00\x00\x76\x55\x00' > "$out/fuzz_wavefront/example"
seed fuzz_container '\x0N' '*.mic'
for container in mic1 'mic2_*' 'pics*' 'pica*' micr; do
    seed fuzz_container '\x0N' "*.$container.bin"
    seed fuzz_isa '\x01\x00\x00\x00\x00' "*.$container.bin"
done
seed fuzz_tiles '\x0N' '*.mic3_*.bin'
# A file with all attributes and two fragments.
printf '%b' '\x20\x28\x00\x02\x00US\x02\x00\x01\x00\x28\x00\x08\x00IS\x02\x002 \x28\x00\x10\x00US\x02\x00\x01\x00' \
    '\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\x00\x00\x00\x00' \
    '\xfe\xff\x00\xe0\x02\x00\x00\x00ab\xfe\xff\x00\xe0\x02\x00\x00\x00cd\xfe\xff\xdd\xe0\x00\x00\x00\x00' > "$out/fuzz_dicom/example"
seed fuzz_isa '\x01\x0N\x00\x00\x00' '*.mic'
seed fuzz_isa '\x02\xN2\x1f\x04\x0f' '*.raw*'
seed fuzz_isa '\x02\x12\x0f\x34\x0f' '*.raw*' # frames of 16 columns, wavefront
seed fuzz_isa '\x03\xNa\x1f\x14\x1f' '*.raw*'

flags=(-g -O1 -std=c11 -fno-sanitize-recover=all "-I$PWD/csrc")
sources=("$PWD"/csrc/*/*.c)
rm -f "$out"/objects/*
printf '%s\0' "${sources[@]}" | (cd "$out/objects" && xargs -0 -n 1 -P "$(getconf _NPROCESSORS_ONLN)" \
    "$clang" "${flags[@]}" -fsanitize=fuzzer-no-link,address,undefined -c)

for target in $targets; do
    "$clang" "${flags[@]}" -fsanitize=fuzzer,address,undefined -o "$out/$target.bin" "fuzz/$target.c" \
        "$out"/objects/*.o -lpthread
    case $target in # what is encoded several times makes large inputs slow
    fuzz_isa) max_len=2000 ;;
    fuzz_wavefront) max_len=6000 ;; # 64 x 40 words
    *) max_len=16384 ;;
    esac
    dictionary=fuzz/containers.dict
    [[ $target == fuzz_stages || $target == fuzz_roundtrip || $target == fuzz_wavefront ]] && dictionary=fuzz/stages.dict
    [[ $target == fuzz_dicom ]] && dictionary=fuzz/dicom.dict
    kept=()
    [[ -d tests/data/fuzz/$target ]] && kept=("tests/data/fuzz/$target")
    echo "== $target, $seconds s, $(find "$out/$target" "${kept[@]}" -type f | wc -l) inputs"
    "$out/$target.bin" -max_total_time=$seconds -max_len=$max_len -timeout=120 -dict=$dictionary \
        -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 -artifact_prefix="$out/$target-" "$out/$target" "${kept[@]}"
done
