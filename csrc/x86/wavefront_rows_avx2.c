/* SPDX-License-Identifier: MIT
 *
 * The row loops of the encoder for AVX2; equal to those of wavefront_rows.c.
 * AVX2 shifts 16-bit lanes by one common number only: where each lane has its
 * own, the even and the odd lanes go through 32-bit registers.
 */
#include "kernels_x86.h"
#include "../base/target.h"

#if defined(MIC_X86)
#include <immintrin.h>

enum { COLUMNS = 16 };

MIC_AVX2_INLINE __m256i load(const int16_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
MIC_AVX2_INLINE void store(void *p, __m256i v) { _mm256_storeu_si256((__m256i *)p, v); }
MIC_AVX2_INLINE __m256i distance(__m256i a, __m256i b) { return _mm256_abs_epi16(_mm256_sub_epi16(a, b)); }
MIC_AVX2_INLINE __m256i even_of(__m256i v) { return _mm256_and_si256(v, _mm256_set1_epi32(0xFFFF)); }
MIC_AVX2_INLINE __m256i odd_of(__m256i v) { return _mm256_srli_epi32(v, 16); }
MIC_AVX2_INLINE __m256i merge_low(__m256i even, __m256i odd)
{
    return _mm256_blend_epi16(even, _mm256_slli_epi32(odd, 16), 0xAA);
}
MIC_AVX2_INLINE __m256i float_bits(__m256i v) { return _mm256_castps_si256(_mm256_cvtepi32_ps(v)); }

/* Exponent and first mantissa bit of the float of each 16-bit lane, of an offset of 254. */
MIC_AVX2_INLINE __m256i half_octaves(__m256i v)
{
    return merge_low(_mm256_srli_epi32(float_bits(even_of(v)), 22),
                     _mm256_srli_epi32(float_bits(odd_of(v)), 22));
}

MIC_AVX2 void mic_wf_scale_avx2(const wf_model *m, const uint16_t *words, uint16_t offset, size_t n,
                                int16_t *out)
{
    const __m128i shift = _mm_cvtsi32_si128((int)m->fraction_bits);
    const int16_t bias = (int16_t)(wf_bias(m->max_value) + (offset << m->fraction_bits));
    size_t x = 0;
    for (; x + COLUMNS <= n; x += COLUMNS) {
        __m256i v = load((const int16_t *)words + x);
        store(out + x, _mm256_add_epi16(_mm256_sll_epi16(v, shift), _mm256_set1_epi16(bias)));
    }
    for (; x < n; x++)
        out[x] = (int16_t)((words[x] << m->fraction_bits) + bias);
}

/* ---- prediction -------------------------------------------------------- */

typedef struct linear {
    __m256i weights[WF_WEIGHTS], low, high;
} linear;

MIC_AVX2_INLINE linear linear_of(const wf_model *m)
{
    linear k;
    for (int i = 0; i < WF_WEIGHTS; i++)
        k.weights[i] = _mm256_set1_epi16(m->weights[i]);
    k.low = _mm256_set1_epi16(wf_bias(m->max_value));
    k.high = _mm256_add_epi16(k.low, _mm256_set1_epi16((short)(m->max_value << m->fraction_bits)));
    return k;
}

MIC_AVX2_INLINE __m256i weighted(__m256i neighbour, __m256i n, __m256i weight)
{
    return _mm256_mulhrs_epi16(_mm256_sub_epi16(neighbour, n), weight);
}

MIC_AVX2_INLINE __m256i predict_linear(const linear *k, const wf_rows *r, size_t x)
{
    const int16_t *c = r->current + x, *up = r->above + x, *up2 = r->above2 + x;
    __m256i n = load(up);
    __m256i a = _mm256_add_epi16(weighted(load(c - 1), n, k->weights[0]),
                                 weighted(load(up - 1), n, k->weights[1]));
    __m256i b = _mm256_add_epi16(weighted(load(up + 1), n, k->weights[2]),
                                 weighted(load(c - 2), n, k->weights[3]));
    __m256i d = _mm256_add_epi16(weighted(load(up2), n, k->weights[4]),
                                 weighted(load(up2 + 1), n, k->weights[5]));
    __m256i p = _mm256_add_epi16(_mm256_add_epi16(n, a), _mm256_add_epi16(b, d));
    return _mm256_max_epi16(k->low, _mm256_min_epi16(k->high, p));
}

MIC_AVX2_INLINE __m256i predict_median(const wf_rows *r, size_t x)
{
    __m256i w = load(r->current + x - 1), n = load(r->above + x), nw = load(r->above + x - 1);
    __m256i low = _mm256_min_epi16(w, n), high = _mm256_max_epi16(w, n);
    return _mm256_sub_epi16(_mm256_add_epi16(w, n), _mm256_max_epi16(low, _mm256_min_epi16(high, nw)));
}

/* ---- codes ------------------------------------------------------------- */

MIC_AVX2_INLINE __m256i activity_at(const wf_rows *r, size_t x, __m256i west_error)
{
    const int16_t *e_up = r->error_above + x;
    __m256i n = load(r->above + x), nw = load(r->above + x - 1);
    __m256i north = _mm256_abs_epi16(load(e_up)), west = _mm256_abs_epi16(west_error);
    __m256i twice = _mm256_adds_epu16(north, west);
    __m256i a = _mm256_adds_epu16(distance(n, nw), distance(load(r->above + x + 1), n));
    a = _mm256_adds_epu16(a, distance(load(r->current + x - 1), nw));
    a = _mm256_adds_epu16(a, _mm256_adds_epu16(_mm256_abs_epi16(load(e_up - 1)),
                                               _mm256_abs_epi16(load(e_up + 1))));
    a = _mm256_adds_epu16(a, _mm256_adds_epu16(twice, twice));
    return _mm256_adds_epu16(a, _mm256_set1_epi16(1));
}

/* Of escaped magnitudes in 32-bit lanes: what is added to the direct symbols, and
 * the raw bits. */
MIC_AVX2_INLINE __m256i escape_of(__m256i magnitude, unsigned direct_log, __m256i *raw)
{
    __m256i exponent = _mm256_sub_epi32(_mm256_srli_epi32(float_bits(magnitude), 23), _mm256_set1_epi32(127));
    __m256i n = _mm256_sub_epi32(exponent, _mm256_set1_epi32(2));
    __m256i mantissa = _mm256_and_si256(_mm256_srlv_epi32(magnitude, n), _mm256_set1_epi32(3));
    __m256i steps = _mm256_sub_epi32(exponent, _mm256_set1_epi32((int)direct_log));
    *raw = _mm256_andnot_si256(_mm256_sllv_epi32(_mm256_set1_epi32(-1), n), magnitude);
    return _mm256_and_si256(_mm256_add_epi32(_mm256_slli_epi32(steps, 2), mantissa),
                            _mm256_set1_epi32(0xFFFF));
}

/* Symbol and raw bits of residuals; see symbol_of in wavefront_rows.c. */
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

/* The last 16-bit lane of `before`, then all but the last of v. */
MIC_AVX2_INLINE __m256i shift_in(__m256i before, __m256i v)
{
    return _mm256_alignr_epi8(v, _mm256_permute2x128_si256(before, v, 0x21), 14);
}

/* One loop for prediction and codes: errors go from one to the other in registers. */
MIC_AVX2_INLINE void code_columns(const wf_model *m, const wf_rows *r, wf_row_codes *codes, bool is_linear)
{
    const __m256i half = _mm256_set1_epi16((short)(1 << m->fraction_bits >> 1));
    const __m256i whole = _mm256_set1_epi16((short)-(1 << m->fraction_bits));
    const __m128i shift = _mm_cvtsi32_si128((int)m->fraction_bits);
    const unsigned direct_log = m->direct_log; /* the stores below might alias *m */
    const linear k = linear_of(m);
    const wf_rows rows = *r;
    uint16_t *code = codes->code, *raw = codes->raw;
    __m256i before = _mm256_setzero_si256();
    for (size_t x = 0; x < rows.width; x += COLUMNS) {
        __m256i current = load(rows.current + x);
        __m256i p = is_linear ? predict_linear(&k, &rows, x) : predict_median(&rows, x);
        __m256i error = _mm256_sub_epi16(current, p), west = shift_in(before, error);
        store(rows.error + x, error);
        before = error;
        __m256i nearest = _mm256_and_si256(_mm256_add_epi16(p, half), whole);
        __m256i residual = _mm256_sra_epi16(_mm256_sub_epi16(current, nearest), shift);
        __m256i flip = _mm256_srai_epi16(_mm256_adds_epi16(west, load(rows.error_above + x)), 15);
        residual = _mm256_sub_epi16(_mm256_xor_si256(residual, flip), flip);
        __m256i symbol = symbols_of(residual, direct_log, raw + x);
        __m256i bucket = _mm256_sub_epi16(half_octaves(activity_at(&rows, x, west)), _mm256_set1_epi16(254));
        store(code + x, _mm256_or_si256(_mm256_slli_epi16(bucket, WF_CODE_BUCKET_SHIFT), symbol));
    }
}

MIC_AVX2 void mic_wf_code_avx2(const wf_model *m, const wf_rows *r, wf_row_codes *codes)
{
    if (m->predictor == WF_LINEAR)
        code_columns(m, r, codes, true);
    else
        code_columns(m, r, codes, false);
}

/* Entry of a table of 32 numbers in four registers: bits 3 and 4 choose. */
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
    for (size_t x = 0; x < n; x += COLUMNS) {
        __m256i v = load((const int16_t *)code + x); /* rows are padded */
        __m256i even = pick(table, _mm256_srli_epi32(even_of(v), WF_CODE_BUCKET_SHIFT));
        __m256i odd = pick(table, _mm256_srli_epi32(v, 16 + WF_CODE_BUCKET_SHIFT));
        __m256i above = _mm256_cmpgt_epi16(v, merge_low(even_of(even), odd));
        uint32_t rare = (uint32_t)_mm256_movemask_epi8(above) & 0x55555555;
        for (rare &= n - x >= COLUMNS ? ~0u : (1u << 2 * (n - x)) - 1; rare; rare &= rare - 1)
            wf_count_rare(code[x + (unsigned)__builtin_ctz(rare) / 2], exact, sampled);
    }
}

/* ---- least squares ----------------------------------------------------- */

/* d 2^(8 - exponent), d limited to 8 2^exponent, of 32-bit lanes. */
MIC_AVX2_INLINE __m256i weigh(__m256i d, __m256i left, __m256i right)
{
    return _mm256_srav_epi32(_mm256_sllv_epi32(d, left), right);
}

/* Terms of 16 columns; see add_products in wavefront_rows.c. */
MIC_AVX2_INLINE void terms_at(const wf_rows *r, size_t x, __m256i valid, __m256i term[WF_TERMS])
{
    const int16_t *c = r->current + x, *up = r->above + x, *up2 = r->above2 + x;
    __m256i n = load(up), nw = load(up - 1), ne = load(up + 1), w = load(c - 1);
    __m256i activity = _mm256_adds_epu16(_mm256_adds_epu16(distance(w, nw), distance(n, nw)),
                                         _mm256_adds_epu16(distance(ne, n), _mm256_set1_epi16(1)));
    __m256i exponent = _mm256_sub_epi16(_mm256_srli_epi16(half_octaves(activity), 1), _mm256_set1_epi16(127));
    const __m256i eight = _mm256_set1_epi16(8), most = _mm256_set1_epi32(INT16_MAX);
    __m256i limit_even = _mm256_min_epi32(_mm256_sllv_epi32(_mm256_set1_epi32(8), even_of(exponent)), most);
    __m256i limit_odd = _mm256_min_epi32(_mm256_sllv_epi32(_mm256_set1_epi32(8), odd_of(exponent)), most);
    __m256i limit = merge_low(limit_even, limit_odd),
            lowest = _mm256_sub_epi16(_mm256_setzero_si256(), limit);
    __m256i left = _mm256_subs_epu16(eight, exponent), right = _mm256_subs_epu16(exponent, eight);
    const __m256i neighbour[WF_TERMS] = {w, nw, ne, load(c - 2), load(up2), load(up2 + 1), load(c)};
    for (int i = 0; i < WF_TERMS; i++) {
        __m256i d = _mm256_and_si256(_mm256_sub_epi16(neighbour[i], n), valid);
        d = _mm256_max_epi16(lowest, _mm256_min_epi16(limit, d));
        __m256i even = weigh(_mm256_srai_epi32(_mm256_slli_epi32(d, 16), 16), even_of(left), even_of(right));
        __m256i odd = weigh(_mm256_srai_epi32(d, 16), odd_of(left), odd_of(right));
        term[i] = merge_low(even_of(even), odd);
    }
}

/* All ones in the first n of 16 lanes. */
MIC_AVX2_INLINE __m256i first_lanes(size_t n)
{
    const __m256i place = _mm256_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm256_cmpgt_epi16(_mm256_set1_epi16((short)min_size(n, COLUMNS)), place);
}

#define LOAD_SUM(i, j) sum[i][j] = load((const int16_t *)products->lanes[i][j]);
#define ADD_PRODUCT(i, j) sum[i][j] = _mm256_add_epi32(sum[i][j], _mm256_madd_epi16(term[i], term[j]));
#define STORE_SUM(i, j) store(products->lanes[i][j], sum[i][j]);

/* Blocks of one row, as many as the lanes take. */
MIC_AVX2_INLINE size_t add_blocks(const wf_rows *r, size_t x, size_t end, wf_products *products)
{
    __m256i sum[WF_TERMS][WF_TERMS];
    size_t n_blocks = products->n_blocks;
    WF_EACH_PAIR(LOAD_SUM)
    for (; x < end && n_blocks < WF_SUM_BLOCKS; x += COLUMNS, n_blocks++) {
        __m256i term[WF_TERMS];
        terms_at(r, x, first_lanes(end - x), term);
        WF_EACH_PAIR(ADD_PRODUCT)
    }
    WF_EACH_PAIR(STORE_SUM)
    products->n_blocks = n_blocks;
    return x;
}

MIC_AVX2 void mic_wf_add_products_avx2(const wf_rows *r, wf_products *products)
{
    const size_t end = r->width < 1 ? 0 : r->width - 1;
    for (size_t x = 2; x < end;) {
        if (products->n_blocks == WF_SUM_BLOCKS)
            mic_wf_join_products(products);
        x = add_blocks(r, x, end, products);
    }
}

#else
typedef int mic_wavefront_rows_avx2_is_not_for_this_machine;
#endif
