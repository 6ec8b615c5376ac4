/* SPDX-License-Identifier: MIT
 *
 * The cost of coding symbols with given counts, in integers, so that every machine finds
 * the same.
 */
#ifndef MIC_WAVEFRONT_COST_H
#define MIC_WAVEFRONT_COST_H

#include "wavefront.h"

enum { WF_COST_BITS = 12 }; /* fraction bits of a logarithm, and so of a cost in bits */

/* About the sums n = a[s] + b[s]: how many are not 0, their total, and the total of
 * n log2(n) in units of 2^-12. */
typedef struct wf_log_sum {
    uint64_t total, logs;
    uint32_t n_used;
} wf_log_sum;

/* log2(1 + i/64) in units of 2^-12, rounded, for i in [0, 64]. */
extern const uint16_t mic_wf_logs[65];

/* The reference loop that all others must equal; see base/kernels.h. */
wf_sum_logs_fn mic_wf_sum_logs_scalar;

/* Cost of an optimal code for the sums of the first n counts of a and b, plus about the
 * size of its table, whose frequencies have `precision` mantissa bits. */
uint64_t mic_wf_cost(const uint32_t *a, const uint32_t *b, size_t n, unsigned precision);

#endif
