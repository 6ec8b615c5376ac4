/* SPDX-License-Identifier: MIT
 *
 * The course of a strip through vector code.  A strip is opened, decoded in runs of steps,
 * alone or together with another one, and closed; blocks of steps are turned into rows.
 * This is compiled once per instruction set.  Before including this file, define
 *
 *     TRACKS          strips that one loop decodes: 1 or 2
 *     TRACK_TARGET    the target attribute
 *     lanes           what a step leaves for the next one, for all 32 lanes
 *     constants       the parts of the model that a step needs
 *
 * and after it the functions that it declares.  It provides decode_strips.
 */
#ifndef MIC_WAVEFRONT_TRACKS_H
#define MIC_WAVEFRONT_TRACKS_H

#include "wavefront_lanes.h"

/* A strip being decoded. */
typedef struct wf_track {
    wf_strip strip;
    lanes state;
    uint16_t steps[WF_BLOCK * WF_LANES];
} wf_track;

static void set_constants(const wf_decoder *decoder, constants *c);
static void open_lanes(const uint32_t states[WF_LANES], const constants *c, lanes *s);
static void store_states(const lanes *s, uint32_t states[WF_LANES]);
/* Store the steps of a block up to t in the image. */
static void flush_block(const wf_track *track, size_t t);
/* Do n steps within a block of one strip, or of a pair of the same width; `interior`:
 * without row ends and with all lanes at work. */
TRACK_TARGET MIC_INLINE mic_status run(wf_track *tracks, const constants *constant, bool pair, bool interior,
                                       bool median, wf_clock clock, size_t n, mic_error *error);

typedef mic_status run_fn(wf_track *tracks, const constants *c, wf_clock clock, size_t n, mic_error *error);

#define RUN(name, pair, interior, median)                                                               \
    TRACK_TARGET static mic_status name(wf_track *tracks, const constants *c, wf_clock clock, size_t n, \
                                        mic_error *error)                                               \
    {                                                                                                   \
        return run(tracks, c, pair, interior, median, clock, n, error);                                 \
    }
RUN(run_linear, false, true, false)
RUN(run_median, false, true, true)
RUN(run_linear_edge, false, false, false)
RUN(run_median_edge, false, false, true)
#if TRACKS == 2
RUN(run_linear_pair, true, true, false)
RUN(run_median_pair, true, true, true)
RUN(run_linear_pair_edge, true, false, false)
RUN(run_median_pair_edge, true, false, true)
#endif

/* Indexed by number of tracks, interior, median. */
static run_fn *const runs[TRACKS][2][2] = {
    {{run_linear_edge, run_median_edge}, {run_linear, run_median}},
#if TRACKS == 2
    {{run_linear_pair_edge, run_median_pair_edge}, {run_linear_pair, run_median_pair}},
#endif
};

/* Decode from the clock to step `end`: one strip, or two of the same width. */
TRACK_TARGET static mic_status decode_steps(wf_track *tracks, size_t n_tracks, const constants *c,
                                            bool median, wf_clock *clock, size_t end, mic_error *error)
{
    while (clock->t < end) {
        wf_clock at = *clock;
        size_t n = mic_wf_interior_steps(&tracks[n_tracks - 1].strip, &at);
        const bool interior = n > 0;
        n = min_size(interior ? n : wf_edge_steps(&tracks[0].strip, &at), end - at.t);
        wf_advance(&at, &tracks[0].strip, n);
        TRY(runs[n_tracks - 1][interior][median](tracks, c, *clock, n, error));
        *clock = at;
        for (size_t i = 0; i < n_tracks; i++)
            if (clock->t % WF_BLOCK == 0 || clock->t == tracks[i].strip.n_steps)
                flush_block(&tracks[i], clock->t);
    }
    return MIC_OK;
}

/* If there are two strips, the first is the higher one.  Then all lanes of the first are at
 * work whenever all lanes of the second are. */
static mic_status decode_tracks(const wf_decoder *decoder, wf_track *tracks, size_t n_tracks,
                                mic_error *error)
{
    const bool median = decoder->model.predictor == WF_MEDIAN;
    wf_clock clock = {0};
    constants c;
    set_constants(decoder, &c);
    for (size_t i = 0; i < n_tracks; i++)
        open_lanes(tracks[i].strip.states, &c, &tracks[i].state);
    TRY(decode_steps(tracks, n_tracks, &c, median, &clock, tracks[n_tracks - 1].strip.n_steps, error));
    TRY(decode_steps(tracks, 1, &c, median, &clock, tracks[0].strip.n_steps, error));
    for (size_t i = 0; i < n_tracks; i++)
        store_states(&tracks[i].state, tracks[i].strip.states);
    return MIC_OK;
}

static mic_status decode_strips(const wf_decoder *decoder, const wf_strip_job *jobs, size_t n_jobs,
                                size_t width, mic_error *error)
{
    wf_track tracks[TRACKS];
    mic_status status = MIC_OK;
    for (size_t i = 0; status == MIC_OK && i < n_jobs; i += TRACKS) {
        const size_t n = min_size(TRACKS, n_jobs - i);
        const bool swap = n == 2 && jobs[i].height < jobs[i + 1].height;
        size_t n_open = 0;
        for (; status == MIC_OK && n_open < n; n_open++)
            status = mic_wf_strip_open(&tracks[n_open].strip, decoder,
                                       &jobs[i + (swap ? 1 - n_open : n_open)], width, error);
        if (status == MIC_OK)
            status = decode_tracks(decoder, tracks, n, error);
        for (size_t k = 0; k < n_open; k++)
            status = mic_wf_strip_close(&tracks[k].strip, status, error);
    }
    return status;
}

#endif
