/* SPDX-License-Identifier: MIT
 *
 * The row loops of the encoder for AVX-512; equal to those of wavefront_rows.c.
 */
#include "kernels_x86.h"
#include "../base/target.h"

#if defined(MIC_X86)
#include <immintrin.h>

MIC_AVX512_INLINE __m512i load(const int16_t *p) { return _mm512_loadu_si512(p); }
MIC_AVX512_INLINE __m512i distance(__m512i a, __m512i b) { return _mm512_abs_epi16(_mm512_sub_epi16(a, b)); }
MIC_AVX512_INLINE __m512i even_of(__m512i v) { return _mm512_and_si512(v, _mm512_set1_epi32(0xFFFF)); }
MIC_AVX512_INLINE __m512i odd_of(__m512i v) { return _mm512_srli_epi32(v, 16); }
MIC_AVX512_INLINE __m512i merge_low(__m512i even, __m512i odd)
{
    return _mm512_mask_blend_epi16(0xAAAAAAAA, even, _mm512_slli_epi32(odd, 16));
}
/* Exponent and first mantissa bit of the float of each 16-bit lane, of an offset of 254. */
MIC_AVX512_INLINE __m512i half_octaves(__m512i v)
{
    __m512i even = _mm512_castps_si512(_mm512_cvtepi32_ps(even_of(v)));
    __m512i odd = _mm512_castps_si512(_mm512_cvtepi32_ps(odd_of(v)));
    return merge_low(_mm512_srli_epi32(even, 22), _mm512_srli_epi32(odd, 22));
}

MIC_AVX512 void mic_wf_scale_avx512(const wf_model *m, const uint16_t *words, uint16_t offset, size_t n,
                                    int16_t *out)
{
    const __m128i shift = _mm_cvtsi32_si128((int)m->fraction_bits);
    const __m512i bias = _mm512_set1_epi16((short)(wf_bias(m->max_value) + (offset << m->fraction_bits)));
    for (size_t x = 0; x < n; x += 32) {
        __mmask32 mask = n - x >= 32 ? ~0u : (1u << (n - x)) - 1;
        __m512i v = _mm512_maskz_loadu_epi16(mask, words + x);
        _mm512_storeu_si512(out + x, _mm512_add_epi16(_mm512_sll_epi16(v, shift), bias));
    }
}

typedef struct linear {
    __m512i weights[WF_WEIGHTS], low, high;
} linear;

MIC_AVX512_INLINE linear linear_of(const wf_model *m)
{
    linear k;
    for (int i = 0; i < WF_WEIGHTS; i++)
        k.weights[i] = _mm512_set1_epi16(m->weights[i]);
    k.low = _mm512_set1_epi16(wf_bias(m->max_value));
    k.high = _mm512_add_epi16(k.low, _mm512_set1_epi16((short)(m->max_value << m->fraction_bits)));
    return k;
}

MIC_AVX512_INLINE __m512i weighted(__m512i neighbour, __m512i n, __m512i weight)
{
    return _mm512_mulhrs_epi16(_mm512_sub_epi16(neighbour, n), weight);
}

MIC_AVX512_INLINE __m512i predict_linear(const linear *k, const wf_rows *r, size_t x)
{
    const int16_t *c = r->current + x, *up = r->above + x, *up2 = r->above2 + x;
    __m512i n = load(up);
    __m512i a = _mm512_add_epi16(weighted(load(c - 1), n, k->weights[0]),
                                 weighted(load(up - 1), n, k->weights[1]));
    __m512i b = _mm512_add_epi16(weighted(load(up + 1), n, k->weights[2]),
                                 weighted(load(c - 2), n, k->weights[3]));
    __m512i d = _mm512_add_epi16(weighted(load(up2), n, k->weights[4]),
                                 weighted(load(up2 + 1), n, k->weights[5]));
    __m512i p = _mm512_add_epi16(_mm512_add_epi16(n, a), _mm512_add_epi16(b, d));
    return _mm512_max_epi16(k->low, _mm512_min_epi16(k->high, p));
}

MIC_AVX512_INLINE __m512i predict_median(const wf_rows *r, size_t x)
{
    __m512i w = load(r->current + x - 1), n = load(r->above + x), nw = load(r->above + x - 1);
    __m512i low = _mm512_min_epi16(w, n), high = _mm512_max_epi16(w, n);
    return _mm512_sub_epi16(_mm512_add_epi16(w, n), _mm512_max_epi16(low, _mm512_min_epi16(high, nw)));
}

MIC_AVX512_INLINE __m512i activity_at(const wf_rows *r, size_t x, __m512i west_error)
{
    const int16_t *e_up = r->error_above + x;
    __m512i n = load(r->above + x), nw = load(r->above + x - 1);
    __m512i north = _mm512_abs_epi16(load(e_up)), west = _mm512_abs_epi16(west_error);
    __m512i twice = _mm512_adds_epu16(north, west);
    __m512i a = _mm512_adds_epu16(distance(n, nw), distance(load(r->above + x + 1), n));
    a = _mm512_adds_epu16(a, distance(load(r->current + x - 1), nw));
    a = _mm512_adds_epu16(a, _mm512_adds_epu16(_mm512_abs_epi16(load(e_up - 1)),
                                               _mm512_abs_epi16(load(e_up + 1))));
    a = _mm512_adds_epu16(a, _mm512_adds_epu16(twice, twice));
    return _mm512_adds_epu16(a, _mm512_set1_epi16(1));
}

/* Symbol and raw bits of residuals; see symbol_of in wavefront_rows.c. */
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
        /* without escapes nobody reads them */
        _mm512_storeu_si512(raw, _mm512_andnot_si512(_mm512_sllv_epi16(_mm512_set1_epi16(-1), n), magnitude));
        magnitude = _mm512_mask_add_epi16(magnitude, escaped, direct,
                                          _mm512_add_epi16(_mm512_slli_epi16(steps, 2), mantissa));
    }
    __mmask32 positive = _mm512_cmpgt_epi16_mask(residual, zero);
    return _mm512_mask_sub_epi16(_mm512_add_epi16(magnitude, magnitude), positive,
                                 _mm512_add_epi16(magnitude, magnitude), _mm512_set1_epi16(1));
}

/* The last 16-bit lane of `before`, then all but the last of v. */
MIC_AVX512_INLINE __m512i shift_in(__m512i before, __m512i v)
{
    __m512i tops = _mm512_alignr_epi32(v, before, 15); /* each lane's left neighbour holds the missing half */
    return _mm512_shldi_epi32(v, tops, 16);
}

/* One loop for prediction and codes: errors go from one to the other in registers. */
MIC_AVX512_INLINE void code_columns(const wf_model *m, const wf_rows *r, wf_row_codes *codes, bool is_linear)
{
    const __m512i half = _mm512_set1_epi16((short)(1 << m->fraction_bits >> 1));
    const __m512i whole = _mm512_set1_epi16((short)-(1 << m->fraction_bits));
    const __m128i shift = _mm_cvtsi32_si128((int)m->fraction_bits);
    const unsigned direct_log = m->direct_log; /* the stores below might alias *m */
    const linear k = linear_of(m);
    const wf_rows rows = *r;
    uint16_t *code = codes->code, *raw = codes->raw;
    __m512i before = _mm512_setzero_si512();
    for (size_t x = 0; x < rows.width; x += 32) {
        __m512i current = load(rows.current + x);
        __m512i p = is_linear ? predict_linear(&k, &rows, x) : predict_median(&rows, x);
        __m512i error = _mm512_sub_epi16(current, p), west = shift_in(before, error);
        _mm512_storeu_si512(rows.error + x, error);
        before = error;
        __m512i nearest = _mm512_and_si512(_mm512_add_epi16(p, half), whole);
        __m512i residual = _mm512_sra_epi16(_mm512_sub_epi16(current, nearest), shift);
        __mmask32 flip = _mm512_movepi16_mask(_mm512_adds_epi16(west, load(rows.error_above + x)));
        residual = _mm512_mask_sub_epi16(residual, flip, _mm512_setzero_si512(), residual);
        __m512i symbol = symbols_of(residual, direct_log, raw + x);
        __m512i bucket = _mm512_sub_epi16(half_octaves(activity_at(&rows, x, west)), _mm512_set1_epi16(254));
        _mm512_storeu_si512(code + x,
                            _mm512_or_si512(_mm512_slli_epi16(bucket, WF_CODE_BUCKET_SHIFT), symbol));
    }
}

MIC_AVX512 void mic_wf_code_avx512(const wf_model *m, const wf_rows *r, wf_row_codes *codes)
{
    if (m->predictor == WF_LINEAR)
        code_columns(m, r, codes, true);
    else
        code_columns(m, r, codes, false);
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

/* Terms of 32 columns; see add_products in wavefront_rows.c. */
MIC_AVX512_INLINE void terms_at(const wf_rows *r, size_t x, __mmask32 valid, __m512i term[WF_TERMS])
{
    const int16_t *c = r->current + x, *up = r->above + x, *up2 = r->above2 + x;
    __m512i n = load(up), nw = load(up - 1), ne = load(up + 1), w = load(c - 1);
    __m512i activity = _mm512_adds_epu16(_mm512_adds_epu16(distance(w, nw), distance(n, nw)),
                                         _mm512_adds_epu16(distance(ne, n), _mm512_set1_epi16(1)));
    __m512i exponent = _mm512_sub_epi16(_mm512_srli_epi16(half_octaves(activity), 1), _mm512_set1_epi16(127));
    __m512i limit = _mm512_sllv_epi16(_mm512_set1_epi16(8), exponent);
    limit = _mm512_min_epu16(limit, _mm512_set1_epi16(INT16_MAX)); /* 8 << 12 */
    limit = _mm512_mask_mov_epi16(limit, _mm512_cmpge_epi16_mask(exponent, _mm512_set1_epi16(12)),
                                  _mm512_set1_epi16(INT16_MAX));
    const __m512i eight = _mm512_set1_epi16(8);
    __m512i left = _mm512_subs_epu16(eight, exponent), right = _mm512_subs_epu16(exponent, eight);
    __m512i lowest = _mm512_sub_epi16(_mm512_setzero_si512(), limit);
    const __m512i neighbour[WF_TERMS] = {w, nw, ne, load(c - 2), load(up2), load(up2 + 1), load(c)};
    for (int i = 0; i < WF_TERMS; i++) {
        __m512i d = _mm512_maskz_sub_epi16(valid, neighbour[i], n);
        d = _mm512_max_epi16(lowest, _mm512_min_epi16(limit, d));
        term[i] = _mm512_srav_epi16(_mm512_sllv_epi16(d, left), right);
    }
}

#define LOAD_SUM(i, j) sum[i][j] = _mm512_loadu_si512(products->lanes[i][j]);
#define ADD_PRODUCT(i, j) sum[i][j] = _mm512_add_epi32(sum[i][j], _mm512_madd_epi16(term[i], term[j]));
#define STORE_SUM(i, j) _mm512_storeu_si512(products->lanes[i][j], sum[i][j]);

/* Blocks of one row, as many as the lanes take. */
MIC_AVX512_INLINE size_t add_blocks(const wf_rows *r, size_t x, size_t end, wf_products *products)
{
    __m512i sum[WF_TERMS][WF_TERMS];
    size_t n_blocks = products->n_blocks;
    WF_EACH_PAIR(LOAD_SUM)
    for (; x < end && n_blocks < WF_SUM_BLOCKS; x += 32, n_blocks++) {
        __m512i term[WF_TERMS];
        terms_at(r, x, end - x >= 32 ? ~0u : (1u << (end - x)) - 1, term);
        WF_EACH_PAIR(ADD_PRODUCT)
    }
    WF_EACH_PAIR(STORE_SUM)
    products->n_blocks = n_blocks;
    return x;
}

MIC_AVX512 void mic_wf_add_products_avx512(const wf_rows *r, wf_products *products)
{
    const size_t end = r->width < 1 ? 0 : r->width - 1;
    for (size_t x = 2; x < end;) {
        if (products->n_blocks == WF_SUM_BLOCKS)
            mic_wf_join_products(products);
        x = add_blocks(r, x, end, products);
    }
}

#else
typedef int mic_wavefront_rows_avx512_is_not_for_this_machine;
#endif
