/* SPDX-License-Identifier: MIT
 *
 * Code that the decoders of all instruction sets share: the schedule of the lanes, the
 * neighbour rows that leave the last lane and enter the first, the words and their safe
 * end, and the conversion of skewed steps to rows.
 *
 * Lane i decodes rows i, i+32, ...  At step t it is at column (t - 2i) mod period of band
 * (t - 2i) / period, where period = max(width, 64).
 */
#ifndef MIC_WAVEFRONT_LANES_H
#define MIC_WAVEFRONT_LANES_H

#include "wavefront.h"

enum {
    WF_BLOCK = 32, /* steps collected before they are turned into rows */
    /* Columns at which some lane crosses from one row to the next: lane 0 is at one of the
     * first EDGE_STEPS columns, or at the last one. */
    WF_EDGE_STEPS = WF_SKEW * (WF_LANES - 1) + 1,
    WF_TAIL_WORDS = 4 * WF_STEP_WORDS,
};

/* The word stream.  It is read in place while a whole step is certain to be there, then
 * from a zero-padded copy of the end, so that no read passes the buffer and the loop needs
 * one comparison per step. */
typedef struct wf_words {
    const uint8_t *next; /* next word */
    const uint8_t *stop; /* past this, a step must call mic_wf_words_refill */
    const uint8_t *end;  /* end of the words that `next` points into */
    bool in_tail;
    uint8_t tail[2 * WF_TAIL_WORDS];
} wf_words;

/* What lane 31 leaves for lane 0, which is below it in the next band: a sample, the sample
 * above that, and the error.  For row 0, its own samples stand in for those above it, both
 * times and two columns late. */
typedef struct wf_upper {
    int16_t sample, north, error, padding;
} wf_upper;

typedef struct wf_strip {
    const wf_decoder *decoder;
    uint16_t *words;
    size_t width, height, period, n_steps;
    wf_words in;
    uint32_t states[WF_LANES];
    wf_upper *ring;   /* one row by column; 2 more columns at the end */
    wf_upper *unused; /* of the same size: for lane 0's samples in later bands */
    void *memory;
} wf_strip;

mic_status mic_wf_strip_open(wf_strip *strip, const wf_decoder *decoder, const wf_strip_job *job,
                             size_t width, mic_error *error);
/* Free the strip's memory and check that all words are used and all states are back where
 * the encoder began.  If `status` is an error, it is returned unchanged. */
mic_status mic_wf_strip_close(wf_strip *strip, mic_status status, mic_error *error);

/* Call this if next > stop: enters the tail, or fails past its end. */
mic_status mic_wf_words_refill(wf_words *words, mic_error *error);

/* Call this before each step; *next is words->next, held in a register. */
MIC_INLINE mic_status wf_words_check(wf_words *words, const uint8_t **next, mic_error *error)
{
    if (MIC_LIKELY(*next <= words->stop))
        return MIC_OK;
    words->next = *next;
    TRY(mic_wf_words_refill(words, error));
    *next = words->next;
    return MIC_OK;
}

/* A step, and the position of lane 0 at that step.  Counted along, because divisions are
 * slow. */
typedef struct wf_clock {
    size_t t, column, band;
} wf_clock;

MIC_INLINE void wf_advance(wf_clock *clock, const wf_strip *strip, size_t n)
{
    clock->t += n;
    clock->column += n;
    if (clock->column >= strip->period) {
        clock->column -= strip->period;
        clock->band++;
    }
}

/* The lanes whose column is in the image; usually all are. */
uint32_t mic_wf_lanes_in_width(const wf_strip *strip, const wf_clock *clock);

/* The lanes that have a row in a band. */
MIC_INLINE uint32_t wf_lanes_in_band(const wf_strip *strip, size_t band)
{
    size_t first = band * WF_LANES, n = strip->height > first ? strip->height - first : 0;
    return n >= WF_LANES ? ~0u : (1u << n) - 1;
}

/* The lanes that are in the image.  Inline, because a call amid the steps of a run costs
 * the kernels their vector registers: an image of 64 x 64 samples, which is all row ends,
 * took 1.15 times as long. */
MIC_INLINE uint32_t wf_active_lanes(const wf_strip *strip, const wf_clock *clock)
{
    /* Lanes that have entered lane 0's band; the others are one band behind. */
    uint32_t ahead = clock->column >= WF_EDGE_STEPS - 1 ? ~0u : (2u << clock->column / WF_SKEW) - 1;
    uint32_t active = ahead & wf_lanes_in_band(strip, clock->band);
    if (clock->band > 0)
        active |= ~ahead & wf_lanes_in_band(strip, clock->band - 1);
    if (MIC_LIKELY(strip->width == strip->period))
        return active;
    return active & mic_wf_lanes_in_width(strip, clock);
}

/* The lanes that are at this column. */
MIC_INLINE uint32_t wf_lanes_at(const wf_strip *strip, const wf_clock *clock, size_t column)
{
    size_t ahead = clock->column >= column ? clock->column - column : clock->column + strip->period - column;
    return ahead % WF_SKEW == 0 && ahead <= WF_SKEW * (WF_LANES - 1) ? 1u << ahead / WF_SKEW : 0;
}

/* Number of steps from here on, within the block, without row ends and with all lanes at
 * work; 0 if this step is not such a step. */
size_t mic_wf_interior_steps(const wf_strip *strip, const wf_clock *clock);

/* Number of steps, within the block, until a step may be free of row ends, starting from
 * one that is not. */
MIC_INLINE size_t wf_edge_steps(const wf_strip *strip, const wf_clock *clock)
{
    size_t column = clock->column,
           n = column < WF_EDGE_STEPS ? WF_EDGE_STEPS - column : strip->period - column;
    return min_size(n, WF_BLOCK - clock->t % WF_BLOCK);
}

/* Where step t reads lane 0's upper neighbours, where it leaves what lane 31 decoded one
 * step ago, and where lane 0 leaves its own sample. */
typedef struct wf_ports {
    const wf_upper *in;
    wf_upper *out, *own;
} wf_ports;

MIC_INLINE wf_ports wf_ports_at(const wf_strip *strip, const wf_clock *clock)
{
    const size_t column = clock->column, east = column + 1 < strip->period ? column + 1 : 0;
    const size_t west = column >= WF_EDGE_STEPS ? column - WF_EDGE_STEPS
                                                : column + strip->period - WF_EDGE_STEPS;
    return (wf_ports){
        .in = strip->ring + east,
        .out = (clock->t < WF_EDGE_STEPS ? strip->unused : strip->ring) + west,
        .own = (clock->band == 0 ? strip->ring : strip->unused) + column + WF_SKEW,
    };
}

/* Where lane 0's samples of a block of n steps go if the block lies within a band; each
 * further lane is width - WF_SKEW words after the one above.  NULL if the block does not. */
uint16_t *mic_wf_whole_block(const wf_strip *strip, size_t first, size_t n);
/* Store lanes[i][s], the sample of lane i at step first + s, for s < n. */
void mic_wf_store_block(const wf_strip *strip, size_t first, size_t n,
                        const uint16_t lanes[WF_LANES][WF_BLOCK]);

#endif
