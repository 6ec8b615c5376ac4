/* SPDX-License-Identifier: MIT
 *
 * The row loops of the encoder for x86, written once for all widths; equal to those of
 * wavefront_rows.c.  A file defines VEC_BITS before it includes this one (see vec.h).
 * After the inclusion it defines symbols_of and terms_at, which depend on the instruction
 * set: only AVX-512 can shift each 16-bit lane by its own number.
 */
#ifndef MIC_WAVEFRONT_ROWS_X86_H
#define MIC_WAVEFRONT_ROWS_X86_H

#include "../wavefront/wavefront_rows.h"

#include "wavefront_formulas_x86.h"

/* Return the symbols of residuals and store the raw bits of escapes; see write_codes in
 * wavefront_rows.c. */
ISA_INLINE vec symbols_of(vec residual, unsigned direct_log, uint16_t *raw);
/* Terms of the columns from x on: n_left columns, or as many as there are lanes.  See
 * add_products in wavefront_rows.c. */
ISA_INLINE void terms_at(const wf_rows *r, size_t x, size_t n_left, vec term[WF_TERMS]);

ISA_INLINE neighbours samples_at(const wf_rows *r, size_t x)
{
    const int16_t *c = r->current + x, *up = r->above + x, *up2 = r->above2 + x;
    return (neighbours){.w = load(c - 1),
                        .n = load(up),
                        .nw = load(up - 1),
                        .ne = load(up + 1),
                        .ww = load(c - 2),
                        .nn = load(up2),
                        .nne = load(up2 + 1)};
}

/* Load the samples as well: loading them again takes less time than keeping them in
 * registers besides all that the prediction needs. */
ISA_INLINE neighbours neighbours_at(const wf_rows *r, size_t x, vec west_error)
{
    neighbours v = samples_at(r, x);
    v.e_w = west_error;
    v.e_n = load(r->error_above + x);
    v.e_nw = load(r->error_above + x - 1);
    v.e_ne = load(r->error_above + x + 1);
    return v;
}

/* ---- scaling ----------------------------------------------------------- */

ISA_INLINE void scale_columns(const wf_model *m, const uint16_t *words, uint16_t offset, size_t n,
                              int16_t *out)
{
    const shift_count shift = shift_by(m->fraction_bits);
    const vec bias = V(set1_epi16)((short)(wf_bias(m->max_value) + (offset << m->fraction_bits)));
    const size_t last = last_register(n);
    for (size_t x = 0; x < last; x += VEC_LANES)
        store(out + x, V(add_epi16)(V(sll_epi16)(load(words + x), shift), bias));
    /* rows are padded, words are not */
    store(out + last, V(add_epi16)(V(sll_epi16)(load_first(words + last, n - last), shift), bias));
}

/* ---- codes ------------------------------------------------------------- */

/* Prediction and codes share one loop, so that errors pass from one to the other in
 * registers. */
ISA_INLINE void code_columns(const wf_model *m, const wf_rows *r, wf_row_codes *codes, bool median)
{
    const unsigned direct_log = m->direct_log; /* read once, because the stores below might alias *m */
    const formula f = formula_of(m);
    const shift_count fraction_bits = shift_by(m->fraction_bits);
    const wf_rows rows = *r;
    uint16_t *code = codes->code, *raw = codes->raw;
    vec before = V_ZERO();
    for (size_t x = 0; x < rows.width; x += VEC_LANES) {
        const neighbours samples = samples_at(&rows, x);
        vec current = load(rows.current + x), p = predict(&f, &samples, median);
        vec error = V(sub_epi16)(current, p), west = shift_in(before, error);
        store(rows.error + x, error);
        before = error;
        vec residual = V(sra_epi16)(V(sub_epi16)(current, nearest_of(&f, p)), fraction_bits);
        residual = turn_by_errors(residual, west, load(rows.error_above + x));
        vec symbol = symbols_of(residual, direct_log, raw + x);
        const neighbours v = neighbours_at(&rows, x, west);
        vec bucket = V(sub_epi16)(half_octaves(activity_of(&v)), V(set1_epi16)(254));
        store(code + x, V_OR(V(slli_epi16)(bucket, WF_CODE_BUCKET_SHIFT), symbol));
    }
}

ISA_INLINE void code_row(const wf_model *m, const wf_rows *r, wf_row_codes *codes)
{
    if (m->predictor == WF_LINEAR)
        code_columns(m, r, codes, false);
    else
        code_columns(m, r, codes, true);
}

/* ---- least squares ----------------------------------------------------- */

#define LOAD_SUM(i, j) sum[i][j] = load(products->lanes[i][j]);
#define ADD_PRODUCT(i, j) sum[i][j] = V(add_epi32)(sum[i][j], V(madd_epi16)(term[i], term[j]));
#define STORE_SUM(i, j) store(products->lanes[i][j], sum[i][j]);

/* Add blocks of one row, as many as the lanes can take. */
ISA_INLINE size_t add_blocks(const wf_rows *r, size_t x, size_t end, wf_products *products)
{
    vec sum[WF_TERMS][WF_TERMS];
    size_t n_blocks = products->n_blocks;
    WF_EACH_PAIR(LOAD_SUM)
    for (; x < end && n_blocks < WF_SUM_BLOCKS; x += VEC_LANES, n_blocks++) {
        vec term[WF_TERMS];
        terms_at(r, x, end - x, term);
        WF_EACH_PAIR(ADD_PRODUCT)
    }
    WF_EACH_PAIR(STORE_SUM)
    products->n_blocks = n_blocks;
    return x;
}

ISA_INLINE void add_all_blocks(const wf_rows *r, wf_products *products)
{
    const size_t end = r->width < 1 ? 0 : r->width - 1;
    for (size_t x = 2; x < end;) {
        if (products->n_blocks == WF_SUM_BLOCKS)
            mic_wf_join_products(products);
        x = add_blocks(r, x, end, products);
    }
}

#endif
