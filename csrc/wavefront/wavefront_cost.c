/* SPDX-License-Identifier: MIT
 *
 * The cost of contexts; see wavefront_cost.h.
 */
#include "wavefront_cost.h"

const uint16_t mic_wf_logs[65] = {
    0,    92,   182,  271,  358,  445,  530,  613,  696,  778,  858,  937,  1016, 1093, 1169, 1244, 1319,
    1392, 1465, 1536, 1607, 1677, 1746, 1814, 1882, 1949, 2015, 2080, 2145, 2208, 2272, 2334, 2396, 2457,
    2518, 2578, 2637, 2696, 2754, 2812, 2869, 2926, 2982, 3037, 3092, 3146, 3200, 3254, 3307, 3359, 3412,
    3463, 3514, 3565, 3615, 3665, 3715, 3764, 3812, 3861, 3908, 3956, 4003, 4050, 4096,
};

/* v must be above 0. */
static uint32_t log2_q12(uint32_t v)
{
    unsigned exponent = highest_bit(v);
    uint32_t mantissa = exponent >= 16 ? v >> (exponent - 16) : v << (16 - exponent);
    uint32_t i = mantissa >> 10 & 63, part = mantissa & 1023;
    uint32_t between = ((uint32_t)(mic_wf_logs[i + 1] - mic_wf_logs[i]) * part + 512) >> 10;
    return (exponent << WF_COST_BITS) + mic_wf_logs[i] + between;
}

wf_log_sum mic_wf_sum_logs_scalar(const uint32_t *a, const uint32_t *b, size_t n)
{
    wf_log_sum sum = {0, 0, 0};
    for (size_t s = 0; s < n; s++) {
        uint32_t count = a[s] + b[s];
        if (count == 0)
            continue;
        sum.total += count;
        if (count > 1)
            sum.logs += (uint64_t)count * log2_q12(count);
        sum.n_used++;
    }
    return sum;
}

uint64_t mic_wf_cost(const uint32_t *a, const uint32_t *b, size_t n, unsigned precision)
{
    enum { TABLE_BITS = 10 }; /* of the last symbol; each symbol's frequency costs about 2 + precision */
    const wf_log_sum sum = mic_kernels_active()->sum_logs(a, b, n);
    if (sum.total == 0)
        return 0;
    return sum.total * log2_q12((uint32_t)sum.total) - sum.logs +
           ((TABLE_BITS + (uint64_t)sum.n_used * (2 + precision) + n - 1) << WF_COST_BITS);
}
