/* SPDX-License-Identifier: MIT
 *
 * Parts of the encoder's choice of a model.
 */
#ifndef MIC_WAVEFRONT_BUILD_H
#define MIC_WAVEFRONT_BUILD_H

#include "wavefront_rows.h"

enum {
    WF_CODE_SYMBOLS = 256,
    WF_N_CODES = WF_BUCKETS * WF_CODE_SYMBOLS
}; /* a histogram is indexed by codes: bucket << 8 | symbol */

typedef struct wf_image {
    const uint16_t *words;
    size_t width, height, strip_rows;
    uint16_t offset; /* the actual words are these plus the offset, mod 2^16 */
} wf_image;

/* Choose everything but contexts and frequencies: the predictor, its weights, table sizes. */
mic_status mic_wf_choose_predictor(const wf_image *image, int effort, wf_model *model, mic_error *error);
/* Choose contexts and frequencies from the counts of all codes that occur, indexed by code.
 * for_others: the model will also be used for other images. */
mic_status mic_wf_choose_contexts(const uint32_t *counts, const wf_image *image, int effort, bool for_others,
                                  wf_model *model, mic_error *error);

/* Counts of codes, updated row by row; see wavefront_count.c. */
typedef struct wf_counter {
    uint32_t *exact, *sampled; /* by code; one table if codes are few and all are counted */
    unsigned every;            /* one of this many rows is counted in full: a power of two */
    size_t n_rows, next_limits;
    int16_t limits[WF_BUCKETS];
} wf_counter;

enum { WF_COUNTER_SIZE = 2 * WF_N_CODES };
/* Prepare to count about n_expected codes. */
void mic_wf_counter_open(wf_counter *counter, uint32_t memory[WF_COUNTER_SIZE], unsigned every,
                         size_t n_expected);
/* Prepare to count few codes, all of them exactly: `exact` is right after each row. */
void mic_wf_counter_open_exact(wf_counter *counter, uint32_t memory[WF_N_CODES]);
void mic_wf_counter_clear(wf_counter *counter);
void mic_wf_count_row(wf_counter *counter, const wf_row_kernels *kernels, const uint16_t *code, size_t n);
/* Weight the sampled counts and leave the sum in counter->exact. */
void mic_wf_counter_finish(wf_counter *counter);

/* Fit the weights of the linear predictor by least squares over a sample of rows. */
mic_status mic_wf_fit_weights(const wf_image *image, size_t max_rows, wf_model *model, mic_error *error);

#endif
