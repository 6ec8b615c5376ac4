/* SPDX-License-Identifier: MIT
 *
 * Rows as the encoder sees them, and the scalar loops over them; see wavefront_rows.h.  The
 * formulas are those of wavefront_decode.c.
 */
#include "wavefront_rows.h"

#include <stdlib.h>

/* ---- rows -------------------------------------------------------------- */

mic_status mic_wf_rows_open(wf_rows *rows, size_t width, uint16_t offset, mic_error *error)
{
    size_t padded = (width + WF_ROW_BLOCK - 1) / WF_ROW_BLOCK * WF_ROW_BLOCK;
    size_t stride = WF_LEFT + padded + WF_ROW_BLOCK;
    int16_t *memory = calloc(5 * stride, sizeof *memory);
    if (!memory)
        return mic_fail(error, MIC_ERROR_MEMORY, "wavefront", -1, "no memory for rows of %zu columns", width);
    int16_t **row[5] = {&rows->current, &rows->above, &rows->above2, &rows->error, &rows->error_above};
    for (size_t i = 0; i < 5; i++)
        *row[i] = memory + i * stride + WF_LEFT;
    rows->memory = memory;
    rows->width = width;
    rows->offset = offset;
    rows->padded = padded;
    return MIC_OK;
}

void mic_wf_rows_rewind(wf_rows *rows)
{
    memset(rows->error_above - 1, 0, (rows->width + 2) * sizeof *rows->error_above);
}

void mic_wf_rows_seek(wf_rows *rows, const mic_kernels *kernels, const wf_model *model, const uint16_t *words,
                      size_t y)
{
    kernels->scale(model, words + (y - 2) * rows->width, rows->offset, rows->width, rows->above2);
    kernels->scale(model, words + (y - 1) * rows->width, rows->offset, rows->width, rows->above);
    kernels->scale(model, words + y * rows->width, rows->offset, rows->width, rows->current);
}

void mic_wf_rows_close(wf_rows *rows) { free(rows->memory); }

void mic_wf_rows_next(wf_rows *rows, const mic_kernels *kernels, const wf_model *model, const uint16_t *words,
                      size_t y)
{
    const size_t last = rows->width - 1;
    int16_t *oldest = rows->above2, *errors = rows->error_above;
    if (y > 0) {
        rows->above2 = rows->above;
        rows->above = rows->current;
        rows->current = oldest;
        rows->error_above = rows->error;
        rows->error = errors;
    }
    kernels->scale(model, words + y * rows->width, rows->offset, rows->width, rows->current);
    if (y == 0) { /* the row above row 0 is row 0 itself, two columns late */
        for (size_t x = 0; x <= last; x++)
            rows->above[x] = x < WF_SKEW ? wf_bias(model->max_value) : rows->current[x - WF_SKEW];
        memcpy(rows->above2, rows->above, rows->width * sizeof *rows->above);
    }
    rows->above[last + 1] = rows->above[last];
    rows->above2[last + 1] = rows->above2[last];
    rows->above[-1] = rows->current[-1] = rows->current[-2] = rows->above[0];
    rows->error[-1] = rows->error_above[-1] = 0;
    rows->error_above[last + 1] = rows->error_above[last];
}

/* ---- scalar kernels ---------------------------------------------------- */

static int16_t mul_q15(int16_t a, int16_t b) { return (int16_t)((a * b + 0x4000) >> 15); }
static uint32_t distance(int16_t a, int16_t b)
{
    int16_t d = (int16_t)(a - b);
    return (uint16_t)(d < 0 ? -d : d);
}
static int16_t min_i16(int16_t a, int16_t b) { return a < b ? a : b; }
static int16_t max_i16(int16_t a, int16_t b) { return a > b ? a : b; }

void mic_wf_scale_scalar(const wf_model *m, const uint16_t *words, uint16_t offset, size_t n, int16_t *out)
{
    const uint16_t bias = (uint16_t)(wf_bias(m->max_value) + (offset << m->fraction_bits));
    for (size_t x = 0; x < n; x++)
        out[x] = (int16_t)((uint16_t)(words[x] << m->fraction_bits) + bias);
}

/* The loops below run over a block of columns with one operation after the other and
 * without branches.  Compilers therefore vectorise them, and the scalar code is several
 * times as fast as a loop over single columns. */
typedef struct row_block {
    int16_t prediction[WF_ROW_BLOCK], residual[WF_ROW_BLOCK];
    uint32_t activity[WF_ROW_BLOCK], magnitude[WF_ROW_BLOCK];
    float activity_float[WF_ROW_BLOCK], magnitude_float[WF_ROW_BLOCK];
} row_block;

static void predict_linear(const wf_model *m, const wf_rows *r, size_t first, row_block *b)
{
    const int16_t low = wf_bias(m->max_value), *k = m->weights;
    const int16_t high = (int16_t)((m->max_value << m->fraction_bits) + (uint16_t)low);
    const int16_t *current = r->current + first, *above = r->above + first, *above2 = r->above2 + first;
    for (ptrdiff_t x = 0; x < WF_ROW_BLOCK; x++) {
        const int16_t n = above[x];
        int16_t p = (int16_t)(n + mul_q15((int16_t)(current[x - 1] - n), k[0]) +
                              mul_q15((int16_t)(above[x - 1] - n), k[1]) +
                              mul_q15((int16_t)(above[x + 1] - n), k[2]) +
                              mul_q15((int16_t)(current[x - 2] - n), k[3]) +
                              mul_q15((int16_t)(above2[x] - n), k[4]) +
                              mul_q15((int16_t)(above2[x + 1] - n), k[5]));
        b->prediction[x] = max_i16(low, min_i16(high, p));
    }
}

static void predict_median(const wf_rows *r, size_t first, row_block *b)
{
    const int16_t *current = r->current + first, *above = r->above + first;
    for (ptrdiff_t x = 0; x < WF_ROW_BLOCK; x++) {
        const int16_t w = current[x - 1], n = above[x], low = min_i16(w, n), high = max_i16(w, n);
        b->prediction[x] = (int16_t)(w + n - max_i16(low, min_i16(high, above[x - 1])));
    }
}

/* Errors of the row, and its residuals, negated if the errors around them have a negative
 * sum. */
static void find_errors(const wf_model *m, const wf_rows *r, size_t first, row_block *b)
{
    const int16_t half = (int16_t)(1 << m->fraction_bits >> 1), whole = (int16_t)-(1 << m->fraction_bits);
    const int16_t *current = r->current + first, *error_above = r->error_above + first;
    int16_t *error = r->error + first;
    for (size_t x = 0; x < WF_ROW_BLOCK; x++)
        error[x] = (int16_t)(current[x] - b->prediction[x]);
    for (ptrdiff_t x = 0; x < WF_ROW_BLOCK; x++) {
        const int16_t nearest = (int16_t)((b->prediction[x] + half) & whole);
        const int16_t residual = (int16_t)((int16_t)(current[x] - nearest) >> m->fraction_bits);
        const int16_t sign = (int16_t)-(error[x - 1] + error_above[x] < 0);
        b->residual[x] = (int16_t)((residual ^ sign) - sign);
    }
}

static void find_activity(const wf_rows *r, size_t first, row_block *b)
{
    const int16_t *current = r->current + first, *up = r->above + first, *e = r->error + first,
                  *e_up = r->error_above + first;
    for (ptrdiff_t x = 0; x < WF_ROW_BLOCK; x++) {
        const uint32_t a = 1 + distance(up[x], up[x - 1]) + distance(up[x + 1], up[x]) +
                           distance(current[x - 1], up[x - 1]) + distance(e_up[x - 1], 0) +
                           distance(e_up[x + 1], 0) + 2 * (distance(e_up[x], 0) + distance(e[x - 1], 0));
        b->activity[x] = a > 0xFFFF ? 0xFFFF : a;
    }
}

/* A float contains the exponent of a number and below it the next bits.  Reading them needs
 * no count of leading zeros, which vectors lack. */
enum { FLOAT_MANTISSA = 23, FLOAT_BIAS = 127 };

static uint32_t float_bits(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}
static float float_of(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* Two buckets for each power of two, by the bit below the highest. */
static uint32_t bucket_of(float activity)
{
    return (float_bits(activity) >> (FLOAT_MANTISSA - 1)) - 2 * FLOAT_BIAS;
}

/* Symbols are indexes into the residuals 0, +1, -1, +2, ..., or into their escapes, four
 * for each power of two.  Returns whether there are escapes. */
static bool write_codes(const wf_model *m, row_block *b, uint16_t *code)
{
    const uint32_t n_direct = 1u << m->direct_log, first_escape = n_direct - 4 * (m->direct_log + FLOAT_BIAS);
    uint32_t all = 0;
    for (size_t x = 0; x < WF_ROW_BLOCK; x++) {
        const int32_t residual = b->residual[x];
        b->magnitude[x] = (uint32_t)(residual < 0 ? -residual : residual);
        all |= b->magnitude[x];
        b->magnitude_float[x] = (float)(int32_t)b->magnitude[x];
        b->activity_float[x] = (float)(int32_t)b->activity[x];
    }
    for (size_t x = 0; x < WF_ROW_BLOCK; x++) {
        const uint32_t escape = first_escape + (float_bits(b->magnitude_float[x]) >> (FLOAT_MANTISSA - 2));
        const uint32_t index = b->magnitude[x] < n_direct ? b->magnitude[x] : escape;
        code[x] = (uint16_t)(bucket_of(b->activity_float[x]) << WF_CODE_BUCKET_SHIFT |
                             (2 * index - (b->residual[x] > 0)));
    }
    return all >= n_direct;
}

/* The raw bits of an escape are the bits below its highest three. */
static void write_raw(const row_block *b, uint16_t *raw)
{
    for (size_t x = 0; x < WF_ROW_BLOCK; x++) {
        const float highest = float_of(float_bits(b->magnitude_float[x]) >> (FLOAT_MANTISSA - 2)
                                                                                << (FLOAT_MANTISSA - 2));
        raw[x] = (uint16_t)(b->magnitude[x] - (uint32_t)(int32_t)highest);
    }
}

void mic_wf_code_scalar(const wf_model *m, const wf_rows *r, wf_row_codes *codes)
{
    for (size_t first = 0; first < r->padded; first += WF_ROW_BLOCK) {
        row_block b;
        if (m->predictor == WF_LINEAR)
            predict_linear(m, r, first, &b);
        else
            predict_median(r, first, &b);
        find_errors(m, r, first, &b);
        find_activity(r, first, &b);
        if (write_codes(m, &b, codes->code + first))
            write_raw(&b, codes->raw + first);
    }
}

void mic_wf_find_rare_scalar(const uint16_t *code, size_t n, const int16_t *limits, uint32_t *exact,
                             uint32_t *sampled)
{
    for (size_t x = 0; x < n; x++)
        if (code[x] > limits[code[x] >> WF_CODE_BUCKET_SHIFT])
            wf_count_rare(code[x], exact, sampled);
}

enum { FIT_BLOCK = 128 }; /* columns: that many products of terms fit in 32 bits */

/* Each sample counts by 1 / activity^2.  To that end its terms are scaled so that a
 * difference as large as the activity's power of two becomes 2^8; they are rounded down and
 * clipped at 8 times that.  All these floats are exact. */
static void find_terms(const wf_rows *r, size_t first, size_t n, int16_t terms[WF_TERMS][FIT_BLOCK])
{
    const int16_t *current = r->current + first, *up = r->above + first, *up2 = r->above2 + first;
    const int16_t *const neighbours[WF_TERMS] = {current - 1, up - 1,  up + 1, current - 2,
                                                 up2,         up2 + 1, current};
    const float most = 8 << 8, positive = 16 << 8; /* a cast rounds positive floats down */
    float scale[FIT_BLOCK];
    for (ptrdiff_t x = 0; x < (ptrdiff_t)n; x++) {
        const int16_t nw = up[x - 1];
        const uint32_t activity = 1 + distance(current[x - 1], nw) + distance(up[x], nw) +
                                  distance(up[x + 1], up[x]);
        const uint32_t exponent = float_bits((float)(int32_t)(activity > 0xFFFF ? 0xFFFF : activity)) >>
                                  FLOAT_MANTISSA;
        scale[x] = float_of((2 * FLOAT_BIAS + 8 - exponent) << FLOAT_MANTISSA);
    }
    for (size_t i = 0; i < WF_TERMS; i++)
        for (size_t x = 0; x < n; x++) {
            float term = (float)(int16_t)(neighbours[i][x] - up[x]) * scale[x];
            term = term < -most ? -most : term;
            term = term > most ? most : term;
            terms[i][x] = (int16_t)((int32_t)(term + positive) - (int32_t)positive);
        }
}

void mic_wf_add_products_scalar(const wf_rows *r, wf_products *products)
{
    for (size_t first = 2; first + 1 < r->width; first += FIT_BLOCK) {
        const size_t n = min_size(FIT_BLOCK, r->width - 1 - first);
        int16_t terms[WF_TERMS][FIT_BLOCK];
        find_terms(r, first, n, terms);
        for (int i = 0; i < WF_TERMS; i++)
            for (int j = i; j < WF_TERMS; j++) {
                int32_t sum = 0;
                for (size_t x = 0; x < n; x++)
                    sum += terms[i][x] * terms[j][x];
                products->total[i][j] += sum;
            }
    }
}

void mic_wf_join_products(wf_products *products)
{
    for (int i = 0; i < WF_TERMS; i++)
        for (int j = i; j < WF_TERMS; j++)
            for (int lane = 0; lane < WF_SUM_LANES; lane++)
                products->total[i][j] += products->lanes[i][j][lane];
    memset(products->lanes, 0, sizeof products->lanes);
    products->n_blocks = 0;
}
