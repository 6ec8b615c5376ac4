/* SPDX-License-Identifier: MIT
 *
 * Counts how often each code occurs.  Contexts and frequencies are chosen from these
 * counts.
 */
#ifndef MIC_WAVEFRONT_COUNT_H
#define MIC_WAVEFRONT_COUNT_H

#include "wavefront_rows.h"

enum {
    WF_CODE_SYMBOLS = 256,
    WF_N_CODES = WF_BUCKETS * WF_CODE_SYMBOLS
}; /* a histogram is indexed by codes: bucket << 8 | symbol */

/* Counts of codes, updated row by row; see wavefront_count.c. */
typedef struct wf_counter {
    uint32_t *exact, *sampled; /* by code; one table if codes are few and all are counted */
    unsigned every;            /* one row in this many is counted in full; a power of two */
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
void mic_wf_count_row(wf_counter *counter, const mic_kernels *kernels, const uint16_t *code, size_t n);
/* Weight the sampled counts and leave the sum in counter->exact. */
void mic_wf_counter_finish(wf_counter *counter);

#endif
