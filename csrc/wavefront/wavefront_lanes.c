/* SPDX-License-Identifier: MIT
 *
 * The schedule of the lanes; see wavefront_lanes.h.
 */
#include "wavefront_lanes.h"

#include <stdlib.h>

#define CHECK(condition, ...)                                                        \
    do {                                                                             \
        if (MIC_UNLIKELY(!(condition)))                                              \
            return mic_fail(error, MIC_ERROR_CORRUPT, "wavefront", -1, __VA_ARGS__); \
    } while (0)

static mic_status no_memory(mic_error *error)
{
    return mic_fail(error, MIC_ERROR_MEMORY, "wavefront", -1, "no memory for the rows between lanes");
}

/* ---- words ------------------------------------------------------------- */

static void enter_tail(wf_words *words)
{
    size_t n_left = (size_t)(words->end - words->next); /* less than one step, so it fits */
    memset(words->tail, 0, sizeof words->tail);
    memcpy(words->tail, words->next, n_left);
    words->next = words->tail;
    words->end = words->tail + n_left;
    words->stop = words->end;
    words->in_tail = true;
}

static void words_open(wf_words *words, const uint8_t *in, size_t n_bytes)
{
    words->in_tail = false;
    words->next = in;
    words->end = in + n_bytes;
    if (n_bytes >= 2 * WF_STEP_WORDS)
        words->stop = words->end - 2 * WF_STEP_WORDS;
    else
        enter_tail(words);
}

mic_status mic_wf_words_refill(wf_words *words, mic_error *error)
{
    if (!words->in_tail) {
        enter_tail(words);
        return MIC_OK;
    }
    return mic_fail(error, MIC_ERROR_TRUNCATED, "wavefront", -1,
                    "the lanes need more words than the strip holds (damaged or truncated stream?)");
}

/* ---- strip ------------------------------------------------------------- */

static mic_status open_states(wf_strip *strip, const uint8_t *in, size_t n_bytes, mic_error *error)
{
    size_t n_lanes = min_size(strip->height, WF_LANES);
    if (n_bytes < 4 * n_lanes)
        return mic_fail(error, MIC_ERROR_TRUNCATED, "wavefront", (int64_t)n_bytes,
                        "a strip of %zu bytes lacks the %zu states of its lanes (truncated file?)", n_bytes,
                        n_lanes);
    CHECK(n_bytes % 2 == 0, "a strip has %zu bytes, an even number is expected", n_bytes);
    for (size_t i = 0; i < WF_LANES; i++) {
        strip->states[i] = i < n_lanes ? load_u32(in + 4 * i) : WF_STATE_LOW;
        CHECK(strip->states[i] >= WF_STATE_LOW, "lane %zu starts at state %u, below 65536", i,
              strip->states[i]);
    }
    words_open(&strip->in, in + 4 * n_lanes, n_bytes - 4 * n_lanes);
    return MIC_OK;
}

static mic_status open_ring(wf_strip *strip, mic_error *error)
{
    const int16_t bias = wf_bias(strip->decoder->model.max_value);
    size_t n = strip->period + WF_SKEW;
    wf_upper *ring = malloc(2 * n * sizeof *ring);
    if (!ring)
        return no_memory(error);
    strip->memory = strip->ring = ring;
    strip->unused = ring + n;
    for (size_t i = 0; i < n; i++)
        ring[i] = (wf_upper){bias, bias, 0, 0};
    return MIC_OK;
}

mic_status mic_wf_strip_open(wf_strip *strip, const wf_decoder *decoder, const wf_strip_job *job,
                             size_t width, mic_error *error)
{
    const size_t height = job->height;
    size_t n_bands = (height + WF_LANES - 1) / WF_LANES;
    strip->decoder = decoder;
    strip->words = job->words;
    strip->width = width;
    strip->height = height;
    strip->period = width < WF_MIN_PERIOD ? WF_MIN_PERIOD : width;
    strip->memory = NULL;
    /* The last lane in use lags by its skew; lanes below the image idle. */
    size_t last_lane = (height - 1) % WF_LANES;
    size_t n_full = n_bands > 1 ? (n_bands - 2) * strip->period + strip->width + WF_SKEW * (WF_LANES - 1) : 0;
    size_t n_last = (n_bands - 1) * strip->period + strip->width + WF_SKEW * last_lane;
    strip->n_steps = n_full > n_last ? n_full : n_last;
    TRY(open_states(strip, job->in, job->n_bytes, error));
    return open_ring(strip, error);
}

mic_status mic_wf_strip_close(wf_strip *strip, mic_status status, mic_error *error)
{
    free(strip->memory);
    TRY(status);
    if (strip->in.next > strip->in.end)
        return mic_fail(error, MIC_ERROR_TRUNCATED, "wavefront", -1,
                        "the lanes need more words than the strip holds (damaged or truncated stream?)");
    CHECK(strip->in.next == strip->in.end, "%zu bytes of a strip are left over",
          (size_t)(strip->in.end - strip->in.next));
    for (unsigned i = 0; i < WF_LANES; i++)
        CHECK(strip->states[i] == WF_STATE_LOW,
              "lane %u ends at state %u, 65536 is expected (damaged stream?)", i, strip->states[i]);
    return MIC_OK;
}

/* Only in narrow images can columns lie beyond the width. */
uint32_t mic_wf_lanes_in_width(const wf_strip *strip, const wf_clock *clock)
{
    uint32_t lanes = 0;
    for (size_t i = 0; i < WF_LANES; i++) {
        size_t skew = WF_SKEW * i, column = clock->column;
        column = column >= skew ? column - skew : column + strip->period - skew;
        lanes |= (uint32_t)(column < strip->width) << i;
    }
    return lanes;
}

size_t mic_wf_interior_steps(const wf_strip *strip, const wf_clock *clock)
{
    if (clock->column < WF_EDGE_STEPS || clock->column + 1 >= strip->width ||
        (clock->band + 1) * WF_LANES > strip->height)
        return 0;
    return min_size(strip->width - 1 - clock->column, WF_BLOCK - clock->t % WF_BLOCK);
}

/* ---- output ------------------------------------------------------------ */

/* Store the steps of one lane in the block, row by row.  They touch at most two rows,
 * because a row takes more steps than a block.  Lane 0 starts at `column` of `band`. */
static void store_lane(const wf_strip *strip, size_t lane, size_t band, size_t column, size_t n,
                       const uint16_t *samples)
{
    const size_t skew = WF_SKEW * lane;
    size_t s = 0, row = band * WF_LANES + lane;
    if (column >= skew) {
        column -= skew;
    } else if (band > 0) { /* still one row behind */
        column += strip->period - skew;
        row -= WF_LANES;
    } else { /* not started yet */
        s = skew - column;
        column = 0;
    }
    for (; s < n; row += WF_LANES, column = 0) {
        const size_t run = min_size(n - s, strip->period - column);
        if (row < strip->height && column < strip->width)
            memcpy(strip->words + row * strip->width + column, samples + s,
                   min_size(run, strip->width - column) * sizeof *samples);
        s += run;
    }
}

uint16_t *mic_wf_whole_block(const wf_strip *strip, size_t first, size_t n)
{
    const size_t column = first % strip->period, row = first / strip->period * WF_LANES;
    const bool is_whole = n == WF_BLOCK && column >= WF_EDGE_STEPS && column + WF_BLOCK <= strip->width &&
                          row + WF_LANES <= strip->height;
    return is_whole ? strip->words + row * strip->width + column : NULL;
}

void mic_wf_store_block(const wf_strip *strip, size_t first, size_t n,
                        const uint16_t lanes[WF_LANES][WF_BLOCK])
{
    const size_t column = first % strip->period, band = first / strip->period;
    uint16_t *out = mic_wf_whole_block(strip, first, n);
    if (out) {
        for (size_t i = 0; i < WF_LANES; i++)
            memcpy(out + i * (strip->width - WF_SKEW), lanes[i], sizeof lanes[i]);
        return;
    }
    for (size_t i = 0; i < WF_LANES; i++)
        store_lane(strip, i, band, column, n, lanes[i]);
}
