/* SPDX-License-Identifier: MIT
 *
 * Kernels for AVX-512 (F, BW, DQ, VL, VBMI, VBMI2, VPCLMULQDQ).  Each equals its scalar
 * counterpart on every input.
 */
#include "../base/checksum.h"
#include "../base/kernels_scalar.h"
#include "../stages/stage_kernels.h"
#include "kernels_x86.h"

#if defined(MIC_X86)

#define VEC_BITS 512
#include "kernel_loops_x86.h"

/* ---- CRC-32C ----------------------------------------------------------- */

MIC_AVX512 static inline __m512i fold_wide(__m512i message, __m512i powers, __m512i next)
{
    __m512i low = _mm512_clmulepi64_epi128(message, powers, 0x00);
    __m512i high = _mm512_clmulepi64_epi128(message, powers, 0x11);
    return _mm512_ternarylogic_epi64(low, high, next, 0x96); /* exclusive or of all three */
}

MIC_AVX512 static inline __m128i fold(__m128i message, __m128i powers, __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(message, powers, 0x00);
    __m128i high = _mm_clmulepi64_si128(message, powers, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

MIC_AVX512 static inline __m128i powers(uint64_t low, uint64_t high)
{
    return _mm_set_epi64x((long long)high, (long long)low);
}

/* Folds four times 64 bytes a round.  The last 128 bits and the remaining bytes go through
 * the CRC instruction.  On long ranges this is four times as fast as that instruction
 * alone. */
MIC_AVX512 static uint32_t crc32c_avx512(uint32_t crc, const void *data, size_t n)
{
    enum { ROUND = 256 };
    const uint8_t *p = data;
    if (n < ROUND)
        return mic_crc32c_pclmul(crc, data, n);
    const __m512i by_2048 = _mm512_broadcast_i32x4(powers(CRC32C_FOLD_2048));
    const __m512i by_512 = _mm512_broadcast_i32x4(powers(CRC32C_FOLD_512));
    const __m128i by_128 = powers(CRC32C_FOLD_128);
    __m512i a = _mm512_loadu_si512(p), b = _mm512_loadu_si512(p + 64);
    __m512i c = _mm512_loadu_si512(p + 128), d = _mm512_loadu_si512(p + 192);
    /* not a cast, which would leave the other lanes undefined */
    a = _mm512_xor_si512(a, _mm512_maskz_set1_epi32(1, (int)~crc));
    for (p += ROUND, n -= ROUND; n >= ROUND; p += ROUND, n -= ROUND) {
        a = fold_wide(a, by_2048, _mm512_loadu_si512(p));
        b = fold_wide(b, by_2048, _mm512_loadu_si512(p + 64));
        c = fold_wide(c, by_2048, _mm512_loadu_si512(p + 128));
        d = fold_wide(d, by_2048, _mm512_loadu_si512(p + 192));
    }
    d = fold_wide(fold_wide(fold_wide(a, by_512, b), by_512, c), by_512, d);
    __m128i last = _mm512_extracti32x4_epi32(d, 0);
    last = fold(last, by_128, _mm512_extracti32x4_epi32(d, 1));
    last = fold(last, by_128, _mm512_extracti32x4_epi32(d, 2));
    last = fold(last, by_128, _mm512_extracti32x4_epi32(d, 3));
    uint64_t remainder = _mm_crc32_u64(0, (uint64_t)_mm_extract_epi64(last, 0));
    remainder = _mm_crc32_u64(remainder, (uint64_t)_mm_extract_epi64(last, 1));
    return mic_crc32c_pclmul(~(uint32_t)remainder, p, n);
}

/* ---- scanning ---------------------------------------------------------- */

MIC_AVX512 static bool look_up_avx512(uint16_t *words, size_t n, const uint16_t *table, uint32_t n_table,
                                      uint16_t first, uint16_t last)
{
    const __m512i low = _mm512_set1_epi16((short)first), span = _mm512_set1_epi16((short)(last - first));
    const __m512i highest = _mm512_set1_epi16((short)(n_table - 1));
    const __m512i offset = _mm512_set1_epi16((short)(table[first] - first));
    enum { FEW = 8 };
    size_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES) {
        __m512i w = _mm512_loadu_si512(words + i);
        __mmask32 outside = _mm512_cmpgt_epu16_mask(_mm512_sub_epi16(w, low), span);
        if (MIC_UNLIKELY(_mm512_mask_cmpgt_epu16_mask(outside, w, highest)))
            return false;
        if (_mm_popcnt_u32(outside) > FEW) {
            look_up_each(words + i, VEC_LANES, table);
            continue;
        }
        _mm512_storeu_si512(words + i, _mm512_mask_add_epi16(w, ~outside, w, offset));
        for (; outside; outside &= outside - 1) {
            uint16_t *word = words + i + _tzcnt_u32(outside);
            *word = table[*word];
        }
    }
    return mic_look_up_scalar(words + i, n - i, table, n_table, first, last);
}

MIC_AVX512 static inline uint32_t lanes_outside(__m512i v, __mmask32 lanes, const seen_run *run)
{
    const __m512i first = _mm512_set1_epi16((short)run->first), span = _mm512_set1_epi16((short)run->span);
    return _mm512_mask_cmpgt_epu16_mask(lanes, _mm512_sub_epi16(v, first), span);
}

MIC_AVX512 static void mark_avx512(const uint16_t *words, size_t n, uint16_t offset, mic_marker *marker)
{
    const __m512i offsets = _mm512_set1_epi16((short)offset);
    for (size_t i = 0; i < n;) {
        if (is_impatient(marker))
            mic_find_seen_runs(words + i, n - i, offset, marker);
        const seen_run a = marker->runs[0], b = marker->runs[1];
        size_t n_outside = marker->n_outside;
        for (; i < n && n_outside < marker->patience; i += VEC_LANES) {
            const size_t n_words = min_size(n - i, VEC_LANES);
            const __mmask32 lanes = _bzhi_u32(UINT32_MAX, (unsigned)n_words);
            __m512i v = _mm512_add_epi16(_mm512_maskz_loadu_epi16(lanes, words + i), offsets);
            uint32_t outside = lanes_outside(v, lanes_outside(v, lanes, &a), &b);
            if (MIC_LIKELY(outside == 0))
                continue;
            n_outside += (size_t)_mm_popcnt_u32(outside);
            if (_mm_popcnt_u32(outside) > MARK_FEW)
                mark_each(words + i, n_words, offset, marker->seen);
            else
                for (; outside; outside &= outside - 1)
                    mark_one((uint16_t)(words[i + _tzcnt_u32(outside)] + offset), marker->seen);
        }
        marker->n_outside = n_outside;
    }
}

const mic_kernels mic_kernels_avx512 = {
    .isa = MIC_ISA_AVX512,
    .histogram = mic_histogram_scalar,
    .largest = largest,
    .crc32c = crc32c_avx512,
    .find_word = find_word,
    .find_triple = find_triple,
    .rle_encode = rle_encode,
    .rle_decode = rle_decode,
    .delta_forward_row = delta_forward_row,
    .delta_inverse_rows = mic_delta_inverse_rows_scalar,
    .look_up = look_up_avx512,
    .add = add,
    .mark = mark_avx512,
    .interleave = mic_interleave_avx2,
    .deinterleave = mic_deinterleave_avx2,
    .fse_read = mic_fse_read_bmi2,
    .fse_write = mic_fse_write_bmi2,
    .scale = mic_wf_scale_avx512,
    .code = mic_wf_code_avx512,
    .find_rare = mic_wf_find_rare_avx512,
    .add_products = mic_wf_add_products_avx512,
    .sum_logs = mic_wf_sum_logs_avx512,
    .encode_steps = mic_wf_encode_steps_avx512,
    .wavefront_decode = mic_wf_decode_strips_avx512,
};

#else
typedef int mic_no_avx512; /* a translation unit may not be empty */
#endif
