/* SPDX-License-Identifier: MIT
 *
 * Counts of codes.  Every code that occurs must have a count, because it needs a frequency.
 * For the common codes, one row in `every` is enough to tell how frequent they are.  So the
 * first rows are counted in full.  After that, for each bucket, the symbols below its first
 * unseen one are common: they are counted in some rows, which stand for all.  The others
 * are counted wherever they occur (a comparison finds them 32 at a time).  The limits rise
 * from time to time.  Counting every fourth row instead of all reduces the histogram from
 * 25 % of the encoder's time to 8 %.
 */
#include "wavefront_count.h"

enum {
    FULL_ROWS = 16,      /* counted in full before the first limits */
    FULL_ROWS_FAST = 32, /* as above, if speed matters more than size */
    FAST = 8,            /* speed matters more than size if at most one row in this many is counted */
};

static unsigned full_rows(const wf_counter *c) { return c->every < FAST ? FULL_ROWS : FULL_ROWS_FAST; }

void mic_wf_counter_open(wf_counter *counter, uint32_t memory[WF_COUNTER_SIZE], unsigned every,
                         size_t n_expected)
{
    const bool one_table = every == 1 &&
                           n_expected < 2 * WF_N_CODES; /* clearing and adding a second table takes longer */
    counter->every = every;
    counter->exact = memory;
    counter->sampled = one_table ? memory : memory + WF_N_CODES;
    mic_wf_counter_clear(counter);
}

void mic_wf_counter_open_exact(wf_counter *counter, uint32_t memory[WF_N_CODES])
{
    counter->every = 1;
    counter->exact = counter->sampled = memory;
    mic_wf_counter_clear(counter);
}

void mic_wf_counter_clear(wf_counter *counter)
{
    memset(counter->exact, 0, WF_N_CODES * sizeof *counter->exact);
    if (counter->sampled != counter->exact)
        memset(counter->sampled, 0, WF_N_CODES * sizeof *counter->sampled);
    counter->n_rows = 0;
    counter->next_limits = full_rows(counter);
}

/* Neighbours often have the same code, and each increment of an entry waits for the one
 * before, so two tables are used in turn where possible.  In a flat background all codes
 * are 0. */
static void count_all(const uint16_t *code, size_t n, uint32_t *a, uint32_t *b)
{
    uint32_t n_flat = 0;
    size_t x = 0;
    for (; x + 8 <= n; x += 8) {
        uint64_t four[2]; /* in any order */
        memcpy(four, code + x, sizeof four);
        if ((four[0] | four[1]) == 0) {
            n_flat += 8;
            continue;
        }
        for (int k = 0; k < 2; k++) {
            a[four[k] & 0xFFFF]++;
            b[four[k] >> 16 & 0xFFFF]++;
            a[four[k] >> 32 & 0xFFFF]++;
            b[four[k] >> 48]++;
        }
    }
    for (; x < n; x++)
        a[code[x]]++;
    a[0] += n_flat;
}

/* Every symbol below its bucket's limit has a count or gets one: sampled counts are
 * weighted by `every` and never become 0.  An unseen symbol below common ones gets a count
 * too, and so do several where few rows are counted, because the symbols above them are not
 * rare. */
static void set_limits(wf_counter *c)
{
    const unsigned max_holes = c->every < FAST ? 1 : 8;
    for (unsigned b = 0; b < WF_BUCKETS; b++) {
        const unsigned first = b << WF_CODE_BUCKET_SHIFT;
        unsigned end = 0;
        for (unsigned s = 0; s < WF_SYMBOLS && s - end <= max_holes; s++)
            if (c->exact[first + s] + c->sampled[first + s] != 0) {
                for (; end < s; end++)
                    c->exact[first + end] += c->exact[first + end] + c->sampled[first + end] == 0;
                end = s + 1;
            }
        c->limits[b] = (int16_t)(first + end - 1); /* -1 is below all codes of bucket 0 */
    }
}

/* While all rows are counted, the second table needs no weight of its own. */
static void join_tables(wf_counter *c)
{
    for (size_t i = 0; i < WF_N_CODES; i++)
        c->exact[i] += c->sampled[i];
    memset(c->sampled, 0, WF_N_CODES * sizeof *c->sampled);
}

void mic_wf_count_row(wf_counter *c, const mic_kernels *kernels, const uint16_t *code, size_t n)
{
    const size_t y = c->n_rows++;
    if (c->every == 1 || y < full_rows(c)) {
        count_all(code, n, c->exact, c->sampled);
        return;
    }
    if (y == c->next_limits) {
        if (y == full_rows(c))
            join_tables(c);
        set_limits(c);
        c->next_limits += y < 256 ? y : 256;
    }
    const bool is_sampled = y % c->every == 0;
    if (is_sampled)
        count_all(code, n, c->sampled, c->sampled);
    kernels->find_rare(code, n, c->limits, c->exact, is_sampled ? c->sampled : NULL);
}

void mic_wf_counter_finish(wf_counter *c)
{
    if (c->sampled == c->exact)
        return;
    /* The weight is a power of two because not every processor multiplies 32-bit lanes. */
    const unsigned weight_log = c->every == 1 || c->n_rows <= full_rows(c) ? 0 : highest_bit(c->every);
    for (size_t i = 0; i < WF_N_CODES; i++)
        c->exact[i] += c->sampled[i] << weight_log;
}
