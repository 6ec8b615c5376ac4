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
    uint16_t offset; /* words are what is there plus this, mod 2^16 */
} wf_image;

/* The predictor, its weights and the sizes of tables: all but contexts and
 * frequencies. */
mic_status mic_wf_choose_predictor(const wf_image *image, int effort, wf_model *model, mic_error *error);
/* Contexts and frequencies, from counts of all codes that occur, by code; for_others:
 * of more images than these. */
mic_status mic_wf_choose_contexts(const uint32_t *counts, const wf_image *image, int effort, bool for_others,
                                  wf_model *model, mic_error *error);

/* Counts of codes while rows go by: see wavefront_count.c. */
typedef struct wf_counter {
    uint32_t *exact, *sampled; /* by code; the same where few are counted, and all of them */
    unsigned every;            /* of how many rows one is counted in full: a power of two */
    size_t n_rows, next_limits;
    int16_t limits[WF_BUCKETS];
} wf_counter;

enum { WF_COUNTER_SIZE = 2 * WF_N_CODES };
/* Of about n_expected codes. */
void mic_wf_counter_open(wf_counter *counter, uint32_t memory[WF_COUNTER_SIZE], unsigned every,
                         size_t n_expected);
/* Of few codes, which are all counted: exact is right after each row. */
void mic_wf_counter_open_exact(wf_counter *counter, uint32_t memory[WF_N_CODES]);
void mic_wf_counter_clear(wf_counter *counter);
void mic_wf_count_row(wf_counter *counter, const wf_row_kernels *kernels, const uint16_t *code, size_t n);
/* Weighs what was sampled and leaves the sum in counter->exact. */
void mic_wf_counter_finish(wf_counter *counter);

/* Weights of the linear predictor, by least squares over a sample of rows. */
mic_status mic_wf_fit_weights(const wf_image *image, size_t max_rows, wf_model *model, mic_error *error);

#endif
