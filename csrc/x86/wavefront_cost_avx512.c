/* SPDX-License-Identifier: MIT
 *
 * Logarithms of 16 counts at once; equal to the loop of wavefront_cost.c.
 */
#include "kernels_x86.h"
#include "../base/target.h"

#if defined(MIC_X86)
#include <immintrin.h>

/* Entries 0 to 63 of a table of 16-bit numbers, and the entry after each. */
typedef struct log_table {
    __m512i low, high, next_low, next_high;
} log_table;

MIC_AVX512_INLINE __m512i pick(__m512i index, __m512i low, __m512i high)
{
    return _mm512_and_si512(_mm512_permutex2var_epi16(low, index, high), _mm512_set1_epi32(0xFFFF));
}

/* See log2_q12 in wavefront_cost.c; the result for 0 does not matter. */
MIC_AVX512_INLINE __m512i log2_q12(__m512i v, const log_table *t)
{
    __m512i zeros = _mm512_lzcnt_epi32(v);
    __m512i exponent = _mm512_sub_epi32(_mm512_set1_epi32(31), zeros);
    __m512i mantissa = _mm512_srli_epi32(_mm512_sllv_epi32(v, zeros), 15);
    __m512i i = _mm512_and_si512(_mm512_srli_epi32(mantissa, 10), _mm512_set1_epi32(63));
    __m512i log = pick(i, t->low, t->high), step = _mm512_sub_epi32(pick(i, t->next_low, t->next_high), log);
    __m512i part = _mm512_and_si512(mantissa, _mm512_set1_epi32(1023));
    __m512i between = _mm512_srli_epi32(_mm512_add_epi32(_mm512_madd_epi16(step, part),
                                                         _mm512_set1_epi32(512)),
                                        10);
    return _mm512_add_epi32(_mm512_slli_epi32(exponent, WF_COST_BITS), _mm512_add_epi32(log, between));
}

MIC_AVX512_INLINE __m512i add_odd_and_even(__m512i sum, __m512i v)
{
    const __m512i even = _mm512_set1_epi64(0xFFFFFFFF);
    return _mm512_add_epi64(sum, _mm512_add_epi64(_mm512_and_si512(v, even), _mm512_srli_epi64(v, 32)));
}

MIC_AVX512 wf_log_sum mic_wf_sum_logs_avx512(const uint32_t *a, const uint32_t *b, size_t n)
{
    const log_table table = {_mm512_loadu_si512(mic_wf_logs), _mm512_loadu_si512(mic_wf_logs + 32),
                             _mm512_loadu_si512(mic_wf_logs + 1), _mm512_loadu_si512(mic_wf_logs + 33)};
    __m512i totals = _mm512_setzero_si512(), logs = _mm512_setzero_si512();
    uint32_t n_used = 0;
    for (size_t s = 0; s < n; s += 16) {
        const __mmask16 valid = (__mmask16)_bzhi_u32(0xFFFF, (unsigned)min_size(n - s, 16));
        __m512i count = _mm512_add_epi32(_mm512_maskz_loadu_epi32(valid, a + s),
                                         _mm512_maskz_loadu_epi32(valid, b + s));
        __m512i log = log2_q12(count, &table);
        totals = add_odd_and_even(totals, count);
        logs = _mm512_add_epi64(logs, _mm512_mul_epu32(count, log));
        logs = _mm512_add_epi64(logs,
                                _mm512_mul_epu32(_mm512_srli_epi64(count, 32), _mm512_srli_epi64(log, 32)));
        n_used += (uint32_t)_mm_popcnt_u32(_mm512_test_epi32_mask(count, count));
    }
    return (wf_log_sum){(uint64_t)_mm512_reduce_add_epi64(totals), (uint64_t)_mm512_reduce_add_epi64(logs),
                        n_used};
}

#else
typedef int mic_wavefront_cost_avx512_is_not_for_this_machine;
#endif
