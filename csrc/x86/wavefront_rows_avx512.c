/* SPDX-License-Identifier: MIT
 *
 * The row loops of the encoder for AVX-512; equal to those of wavefront_rows.c.
 */
#include "kernels_x86.h"

#if defined(MIC_X86)
#define VEC_BITS 512
#include "wavefront_rows_x86.h"

MIC_AVX512 void mic_wf_scale_avx512(const wf_model *m, const uint16_t *words, uint16_t offset, size_t n,
                                    int16_t *out)
{
    scale_columns(m, words, offset, n, out);
}

MIC_AVX512_INLINE __m512i symbols_of(__m512i residual, unsigned direct_log, uint16_t *raw)
{
    const __m512i zero = _mm512_setzero_si512(), direct = _mm512_set1_epi16((short)(1 << direct_log));
    __m512i magnitude = _mm512_abs_epi16(residual);
    __mmask32 escaped = _mm512_cmpge_epu16_mask(magnitude, direct);
    if (escaped) {
        __m512i exponent = _mm512_sub_epi16(_mm512_srli_epi16(half_octaves(magnitude), 1),
                                            _mm512_set1_epi16(127));
        __m512i n = _mm512_sub_epi16(exponent, _mm512_set1_epi16(2));
        __m512i mantissa = _mm512_and_si512(_mm512_srlv_epi16(magnitude, n), _mm512_set1_epi16(3));
        __m512i steps = _mm512_sub_epi16(exponent, _mm512_set1_epi16((short)direct_log));
        /* without escapes they are never read */
        _mm512_storeu_si512(raw, _mm512_andnot_si512(_mm512_sllv_epi16(_mm512_set1_epi16(-1), n), magnitude));
        magnitude = _mm512_mask_add_epi16(magnitude, escaped, direct,
                                          _mm512_add_epi16(_mm512_slli_epi16(steps, 2), mantissa));
    }
    __mmask32 positive = _mm512_cmpgt_epi16_mask(residual, zero);
    return _mm512_mask_sub_epi16(_mm512_add_epi16(magnitude, magnitude), positive,
                                 _mm512_add_epi16(magnitude, magnitude), _mm512_set1_epi16(1));
}

MIC_AVX512 void mic_wf_code_avx512(const wf_model *m, const wf_rows *r, wf_row_codes *codes)
{
    code_row(m, r, codes);
}

MIC_AVX512 void mic_wf_find_rare_avx512(const uint16_t *code, size_t n, const int16_t limits[WF_BUCKETS],
                                        uint32_t *exact, uint32_t *sampled)
{
    const __m512i all = _mm512_loadu_si512(limits);
    for (size_t x = 0; x < n; x += 32) {
        __m512i v = _mm512_loadu_si512(code + x); /* rows are padded */
        __m512i limit = _mm512_permutexvar_epi16(_mm512_srli_epi16(v, WF_CODE_BUCKET_SHIFT), all);
        uint32_t rare = _mm512_cmpgt_epi16_mask(v, limit);
        for (rare &= n - x >= 32 ? ~0u : (1u << (n - x)) - 1; rare; rare &= rare - 1)
            wf_count_rare(code[x + _tzcnt_u32(rare)], exact, sampled);
    }
}

MIC_AVX512_INLINE void terms_at(const wf_rows *r, size_t x, size_t n_left, __m512i term[WF_TERMS])
{
    const lane_mask valid = first_lanes(n_left);
    const neighbours v = samples_at(r, x);
    __m512i activity = gradients(&v);
    __m512i exponent = _mm512_sub_epi16(_mm512_srli_epi16(half_octaves(activity), 1), _mm512_set1_epi16(127));
    __m512i limit = _mm512_sllv_epi16(_mm512_set1_epi16(8), exponent);
    limit = _mm512_min_epu16(limit, _mm512_set1_epi16(INT16_MAX)); /* 8 << 12 */
    limit = _mm512_mask_mov_epi16(limit, _mm512_cmpge_epi16_mask(exponent, _mm512_set1_epi16(12)),
                                  _mm512_set1_epi16(INT16_MAX));
    const __m512i eight = _mm512_set1_epi16(8);
    __m512i left = _mm512_subs_epu16(eight, exponent), right = _mm512_subs_epu16(exponent, eight);
    __m512i lowest = _mm512_sub_epi16(_mm512_setzero_si512(), limit);
    const __m512i neighbour[WF_TERMS] = {v.w, v.nw, v.ne, v.ww, v.nn, v.nne, load(r->current + x)};
    for (int i = 0; i < WF_TERMS; i++) {
        __m512i d = _mm512_maskz_sub_epi16(valid, neighbour[i], v.n);
        d = _mm512_max_epi16(lowest, _mm512_min_epi16(limit, d));
        term[i] = _mm512_srav_epi16(_mm512_sllv_epi16(d, left), right);
    }
}

MIC_AVX512 void mic_wf_add_products_avx512(const wf_rows *r, wf_products *products)
{
    add_all_blocks(r, products);
}

#else
typedef int mic_wavefront_rows_avx512_is_not_for_this_machine;
#endif
