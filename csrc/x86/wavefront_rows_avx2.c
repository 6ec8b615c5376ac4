/* SPDX-License-Identifier: MIT
 *
 * The row loops of the encoder for AVX2; equal to those of wavefront_rows.c.  AVX2 shifts
 * 16-bit lanes only by one common number.  Where each lane has its own, the even and the
 * odd lanes go through registers of 32-bit lanes.
 */
#include "kernels_x86.h"

#if defined(MIC_X86)
#define VEC_BITS 256
#include "wavefront_rows_x86.h"

MIC_AVX2 void mic_wf_scale_avx2(const wf_model *m, const uint16_t *words, uint16_t offset, size_t n,
                                int16_t *out)
{
    scale_columns(m, words, offset, n, out);
}

/* For escaped magnitudes in 32-bit lanes, return what is added to the direct symbols; `raw`
 * gets the raw bits. */
MIC_AVX2_INLINE __m256i escape_of(__m256i magnitude, unsigned direct_log, __m256i *raw)
{
    __m256i exponent = _mm256_sub_epi32(_mm256_srli_epi32(V_FLOAT_BITS(magnitude), 23),
                                        _mm256_set1_epi32(127));
    __m256i n = _mm256_sub_epi32(exponent, _mm256_set1_epi32(2));
    __m256i mantissa = _mm256_and_si256(_mm256_srlv_epi32(magnitude, n), _mm256_set1_epi32(3));
    __m256i steps = _mm256_sub_epi32(exponent, _mm256_set1_epi32((int)direct_log));
    *raw = _mm256_andnot_si256(_mm256_sllv_epi32(_mm256_set1_epi32(-1), n), magnitude);
    return _mm256_and_si256(_mm256_add_epi32(_mm256_slli_epi32(steps, 2), mantissa),
                            _mm256_set1_epi32(0xFFFF));
}

MIC_AVX2_INLINE __m256i symbols_of(__m256i residual, unsigned direct_log, uint16_t *raw)
{
    const __m256i direct = _mm256_set1_epi16((short)(1 << direct_log));
    __m256i magnitude = _mm256_abs_epi16(residual);
    __m256i escaped = _mm256_cmpeq_epi16(_mm256_max_epu16(magnitude, direct), magnitude);
    if (!_mm256_testz_si256(escaped, escaped)) {
        __m256i raw_even, raw_odd;
        __m256i even = escape_of(even_of(magnitude), direct_log, &raw_even);
        __m256i odd = escape_of(odd_of(magnitude), direct_log, &raw_odd);
        store(raw, merge_low(_mm256_and_si256(raw_even, _mm256_set1_epi32(0xFFFF)), raw_odd));
        magnitude = _mm256_blendv_epi8(magnitude, _mm256_add_epi16(direct, merge_low(even, odd)), escaped);
    }
    __m256i positive = _mm256_cmpgt_epi16(residual, _mm256_setzero_si256()); /* -1 where true */
    return _mm256_add_epi16(_mm256_add_epi16(magnitude, magnitude), positive);
}

MIC_AVX2 void mic_wf_code_avx2(const wf_model *m, const wf_rows *r, wf_row_codes *codes)
{
    code_row(m, r, codes);
}

/* Look up a table of 32 numbers in four registers; bits 3 and 4 of the index choose the
 * register. */
MIC_AVX2_INLINE __m256i pick(const __m256i table[4], __m256i index)
{
    __m256 bit3 = _mm256_castsi256_ps(_mm256_slli_epi32(index, 28));
    __m256 bit4 = _mm256_castsi256_ps(_mm256_slli_epi32(index, 27));
    __m256 a = _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(table[0], index));
    __m256 b = _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(table[1], index));
    __m256 c = _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(table[2], index));
    __m256 d = _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(table[3], index));
    return _mm256_castps_si256(
        _mm256_blendv_ps(_mm256_blendv_ps(a, b, bit3), _mm256_blendv_ps(c, d, bit3), bit4));
}

MIC_AVX2 void mic_wf_find_rare_avx2(const uint16_t *code, size_t n, const int16_t limits[WF_BUCKETS],
                                    uint32_t *exact, uint32_t *sampled)
{
    __m256i table[4];
    for (int i = 0; i < 4; i++)
        table[i] = _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(limits + 8 * i)));
    for (size_t x = 0; x < n; x += VEC_LANES) {
        __m256i v = load((const int16_t *)code + x); /* rows are padded */
        __m256i even = pick(table, _mm256_srli_epi32(even_of(v), WF_CODE_BUCKET_SHIFT));
        __m256i odd = pick(table, _mm256_srli_epi32(v, 16 + WF_CODE_BUCKET_SHIFT));
        __m256i above = _mm256_cmpgt_epi16(v, merge_low(even_of(even), odd));
        uint32_t rare = (uint32_t)_mm256_movemask_epi8(above) & 0x55555555;
        for (rare &= n - x >= VEC_LANES ? ~0u : (1u << 2 * (n - x)) - 1; rare; rare &= rare - 1)
            wf_count_rare(code[x + _tzcnt_u32(rare) / 2], exact, sampled);
    }
}

/* ---- least squares ----------------------------------------------------- */

/* d 2^(8 - exponent) in 32-bit lanes, where d is limited to 8 2^exponent. */
MIC_AVX2_INLINE __m256i weigh(__m256i d, __m256i left, __m256i right)
{
    return _mm256_srav_epi32(_mm256_sllv_epi32(d, left), right);
}

MIC_AVX2_INLINE void terms_at(const wf_rows *r, size_t x, size_t n_left, __m256i term[WF_TERMS])
{
    const lane_mask valid = first_lanes(n_left);
    const neighbours v = samples_at(r, x);
    __m256i activity = gradients(&v);
    __m256i exponent = _mm256_sub_epi16(_mm256_srli_epi16(half_octaves(activity), 1), _mm256_set1_epi16(127));
    const __m256i eight = _mm256_set1_epi16(8), most = _mm256_set1_epi32(INT16_MAX);
    __m256i limit_even = _mm256_min_epi32(_mm256_sllv_epi32(_mm256_set1_epi32(8), even_of(exponent)), most);
    __m256i limit_odd = _mm256_min_epi32(_mm256_sllv_epi32(_mm256_set1_epi32(8), odd_of(exponent)), most);
    __m256i limit = merge_low(limit_even, limit_odd),
            lowest = _mm256_sub_epi16(_mm256_setzero_si256(), limit);
    __m256i left = _mm256_subs_epu16(eight, exponent), right = _mm256_subs_epu16(exponent, eight);
    const __m256i neighbour[WF_TERMS] = {v.w, v.nw, v.ne, v.ww, v.nn, v.nne, load(r->current + x)};
    for (int i = 0; i < WF_TERMS; i++) {
        __m256i d = _mm256_and_si256(_mm256_sub_epi16(neighbour[i], v.n), valid);
        d = _mm256_max_epi16(lowest, _mm256_min_epi16(limit, d));
        __m256i even = weigh(_mm256_srai_epi32(_mm256_slli_epi32(d, 16), 16), even_of(left), even_of(right));
        __m256i odd = weigh(_mm256_srai_epi32(d, 16), odd_of(left), odd_of(right));
        term[i] = merge_low(even_of(even), odd);
    }
}

MIC_AVX2 void mic_wf_add_products_avx2(const wf_rows *r, wf_products *products)
{
    add_all_blocks(r, products);
}

#else
typedef int mic_wavefront_rows_avx2_is_not_for_this_machine;
#endif
