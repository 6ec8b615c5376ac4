/* SPDX-License-Identifier: MIT
 *
 * Rows as the encoder sees them, and the scalar loops over them; see
 * wavefront_rows.h.  The formulas are those of wavefront_decode.c.
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

void mic_wf_rows_seek(wf_rows *rows, const wf_row_kernels *kernels, const wf_model *model,
                  const uint16_t *words, size_t y)
{
    kernels->scale(model, words + (y - 2) * rows->width, rows->offset, rows->width, rows->above2);
    kernels->scale(model, words + (y - 1) * rows->width, rows->offset, rows->width, rows->above);
    kernels->scale(model, words + y * rows->width, rows->offset, rows->width, rows->current);
}

void mic_wf_rows_close(wf_rows *rows) { free(rows->memory); }

void mic_wf_rows_next(wf_rows *rows, const wf_row_kernels *kernels, const wf_model *model, const uint16_t *words,
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

static void scale_row(const wf_model *m, const uint16_t *words, uint16_t offset, size_t n, int16_t *out)
{
    const uint16_t bias = (uint16_t)(wf_bias(m->max_value) + (offset << m->fraction_bits));
    for (size_t x = 0; x < n; x++)
        out[x] = (int16_t)((uint16_t)(words[x] << m->fraction_bits) + bias);
}

static int16_t predict_linear(const wf_model *m, const wf_rows *r, ptrdiff_t x)
{
    const int16_t low = wf_bias(m->max_value);
    const int16_t high = (int16_t)((m->max_value << m->fraction_bits) + (uint16_t)low);
    const int16_t n = r->above[x], *k = m->weights;
    int16_t p = (int16_t)(n + mul_q15((int16_t)(r->current[x - 1] - n), k[0]) +
                          mul_q15((int16_t)(r->above[x - 1] - n), k[1]) +
                          mul_q15((int16_t)(r->above[x + 1] - n), k[2]) +
                          mul_q15((int16_t)(r->current[x - 2] - n), k[3]) +
                          mul_q15((int16_t)(r->above2[x] - n), k[4]) +
                          mul_q15((int16_t)(r->above2[x + 1] - n), k[5]));
    return max_i16(low, min_i16(high, p));
}

static int16_t predict_median(const wf_rows *r, ptrdiff_t x)
{
    int16_t w = r->current[x - 1], n = r->above[x];
    int16_t low = min_i16(w, n), high = max_i16(w, n);
    return (int16_t)(w + n - max_i16(low, min_i16(high, r->above[x - 1])));
}

static uint32_t activity_at(const wf_rows *r, ptrdiff_t x)
{
    const int16_t *up = r->above, *e = r->error, *e_up = r->error_above;
    uint32_t a = 1 + distance(up[x], up[x - 1]) + distance(up[x + 1], up[x]) +
                 distance(r->current[x - 1], up[x - 1]) + distance(e_up[x - 1], 0) + distance(e_up[x + 1], 0) +
                 2 * (distance(e_up[x], 0) + distance(e[x - 1], 0));
    return a > 0xFFFF ? 0xFFFF : a;
}

static unsigned bucket_of(uint32_t activity)
{
    unsigned exponent = highest_bit(activity);
    return 2 * exponent + (((activity << 1) >> exponent) & 1);
}

/* Index of a residual in 0, +1, -1, +2, ..., or of its escape. */
static unsigned symbol_of(int residual, unsigned direct_log, uint16_t *raw)
{
    uint32_t magnitude = (uint32_t)(residual < 0 ? -residual : residual);
    *raw = 0;
    if (magnitude >> direct_log) {
        unsigned exponent = highest_bit(magnitude), n = exponent - 2;
        *raw = (uint16_t)(magnitude & ((1u << n) - 1));
        magnitude = (1u << direct_log) + 4 * (exponent - direct_log) + (magnitude >> n & 3);
    }
    return 2 * magnitude - (residual > 0);
}

static void code_row(const wf_model *m, const wf_rows *r, wf_row_codes *codes)
{
    const int16_t half = (int16_t)(1 << m->fraction_bits >> 1), whole = (int16_t)-(1 << m->fraction_bits);
    for (ptrdiff_t x = 0; x < (ptrdiff_t)r->width; x++) {
        int16_t p = m->predictor == WF_LINEAR ? predict_linear(m, r, x) : predict_median(r, x);
        int16_t nearest = (int16_t)((p + half) & whole);
        int16_t residual = (int16_t)((int16_t)(r->current[x] - nearest) >> m->fraction_bits);
        int16_t folded = (int16_t)(r->error[x - 1] + r->error_above[x] < 0 ? -residual : residual);
        codes->code[x] = (uint16_t)(bucket_of(activity_at(r, x)) << WF_CODE_BUCKET_SHIFT |
                                    symbol_of(folded, m->direct_log, &codes->raw[x]));
        r->error[x] = (int16_t)(r->current[x] - p);
    }
}

static void find_rare(const uint16_t *code, size_t n, const int16_t limits[WF_BUCKETS], uint32_t *exact,
                      uint32_t *sampled)
{
    for (size_t x = 0; x < n; x++)
        if (code[x] > limits[code[x] >> WF_CODE_BUCKET_SHIFT])
            wf_count_rare(code[x], exact, sampled);
}

/* Each sample counts by 1 / activity^2: its terms are scaled so that a difference
 * as large as the activity's power of two becomes 2^8, and cut at 8 times that. */
static void add_products(const wf_rows *r, wf_products *products)
{
    for (ptrdiff_t x = 2; x + 1 < (ptrdiff_t)r->width; x++) {
        const int16_t n = r->above[x], nw = r->above[x - 1], ne = r->above[x + 1], w = r->current[x - 1];
        const int16_t neighbour[WF_TERMS] = {w, nw, ne, r->current[x - 2], r->above2[x], r->above2[x + 1], r->current[x]};
        uint32_t activity = 1 + distance(w, nw) + distance(n, nw) + distance(ne, n);
        unsigned exponent = highest_bit(activity > 0xFFFF ? 0xFFFF : activity);
        int32_t limit = exponent < 12 ? 8 << exponent : INT16_MAX, term[WF_TERMS];
        for (int i = 0; i < WF_TERMS; i++) {
            int32_t d = (int16_t)(neighbour[i] - n);
            d = d < -limit ? -limit : d > limit ? limit : d;
            term[i] = exponent < 8 ? d * (1 << (8 - exponent)) : d >> (exponent - 8);
        }
        for (int i = 0; i < WF_TERMS; i++)
            for (int j = i; j < WF_TERMS; j++)
                products->total[i][j] += term[i] * term[j];
    }
}

const wf_row_kernels mic_wf_row_kernels_scalar = {scale_row, code_row, find_rare, add_products};

const wf_row_kernels *mic_wf_row_kernels_active(void)
{
#if defined(MIC_X86)
    if (mic_active_isa() == MIC_ISA_AVX512)
        return &mic_wf_row_kernels_avx512;
    if (mic_active_isa() == MIC_ISA_AVX2)
        return &mic_wf_row_kernels_avx2;
#endif
    return &mic_wf_row_kernels_scalar;
}
