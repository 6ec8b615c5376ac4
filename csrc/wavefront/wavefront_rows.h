/* SPDX-License-Identifier: MIT
 *
 * The encoder's view of a strip: whole rows, because the encoder knows every sample.  The
 * values that the decoder finds lane by lane are computed here column by column.
 */
#ifndef MIC_WAVEFRONT_ROWS_H
#define MIC_WAVEFRONT_ROWS_H

#include "wavefront.h"

enum {
    WF_LEFT = 32,             /* columns before the first: margins of W, WW, NW, and alignment */
    WF_ROW_BLOCK = 32,        /* columns that kernels process at once; rows are padded to a multiple */
    WF_CODE_BUCKET_SHIFT = 8, /* code of a sample: bucket << 8 | symbol */
};

/* Rows are scaled samples with margins at either end.  The pointers point to column 0. */
typedef struct wf_rows {
    size_t width, padded; /* padded: width rounded up to WF_ROW_BLOCK */
    uint16_t offset;      /* added to every word before it is scaled, mod 2^16 */
    int16_t *current, *above, *above2, *error, *error_above;
    void *memory;
} wf_rows;

/* Output of a row kernel for each column of a row, including padded columns, whose values
 * are undefined. */
typedef struct wf_row_codes {
    uint16_t *code; /* bucket << 8 | symbol */
    uint16_t *raw;  /* raw bits of escapes, undefined for other symbols */
} wf_row_codes;

enum {
    WF_TERMS = WF_WEIGHTS + 1, /* the differences that weights apply to, and the target */
    WF_SUM_LANES = 16,
    WF_SUM_BLOCKS = 128, /* blocks whose products, in pairs each below 2^24, a lane can sum */
};

/* Sums of products of terms: term i times term j, for i <= j.  Vector kernels keep sums in
 * 32-bit lanes from row to row, because joining them for each row took longer than the
 * additions. */
typedef struct wf_products {
    int64_t total[WF_TERMS][WF_TERMS];
    int32_t lanes[WF_TERMS][WF_TERMS][WF_SUM_LANES]; /* not yet in the totals */
    size_t n_blocks;                                 /* already summed in the lanes */
} wf_products;

/* The reference loops over one row, which all others must equal; see base/kernels.h. */
wf_scale_fn mic_wf_scale_scalar;
wf_code_fn mic_wf_code_scalar;
wf_find_rare_fn mic_wf_find_rare_scalar;
wf_add_products_fn mic_wf_add_products_scalar;

/* Written out, because compilers keep sums in registers only if no loop counts them.
 * clang-format moves a line of this each time it runs. */
/* clang-format off */
#define WF_EACH_PAIR(DO) \
    DO(0, 0) DO(0, 1) DO(0, 2) DO(0, 3) DO(0, 4) DO(0, 5) DO(0, 6) \
    DO(1, 1) DO(1, 2) DO(1, 3) DO(1, 4) DO(1, 5) DO(1, 6) \
    DO(2, 2) DO(2, 3) DO(2, 4) DO(2, 5) DO(2, 6) \
    DO(3, 3) DO(3, 4) DO(3, 5) DO(3, 6) \
    DO(4, 4) DO(4, 5) DO(4, 6) \
    DO(5, 5) DO(5, 6) \
    DO(6, 6)
/* clang-format on */

/* Move the sums from the lanes to the totals. */
void mic_wf_join_products(wf_products *products);

mic_status mic_wf_rows_open(wf_rows *rows, size_t width, uint16_t offset, mic_error *error);
void mic_wf_rows_close(wf_rows *rows);
/* Make row y of the strip current, with its margins; y ascends from 0 by 1. */
void mic_wf_rows_next(wf_rows *rows, const mic_kernels *kernels, const wf_model *model, const uint16_t *words,
                      size_t y);
/* Make row y >= 2 current and set the two above it, without errors. */
void mic_wf_rows_seek(wf_rows *rows, const mic_kernels *kernels, const wf_model *model, const uint16_t *words,
                      size_t y);
/* Start a new strip. */
void mic_wf_rows_rewind(wf_rows *rows);
MIC_INLINE void wf_count_rare(uint16_t code, uint32_t *exact, uint32_t *sampled)
{
    exact[code]++;
    if (sampled)
        sampled[code]--; /* it was counted there with all others of its row */
}

/* Raw bits below the mantissa of an escape symbol, 0 for other symbols. */
MIC_INLINE unsigned wf_raw_bits(unsigned symbol, unsigned direct_log)
{
    unsigned magnitude = (symbol + 1) / 2;
    return magnitude >> direct_log ? ((magnitude - (1u << direct_log)) >> 2) + direct_log - 2 : 0;
}

#endif
