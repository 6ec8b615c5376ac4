/* SPDX-License-Identifier: MIT
 *
 * The decoder of wavefront strips for NEON; equal to wavefront_decode.c bit for bit.
 *
 * The 32 lanes are four groups of 8, with one 16-bit value per lane and register.  The
 * 32-bit states of a group are in two registers, lanes 0..3 and 4..7.
 */
#include "wavefront_neon.h"
#include "../wavefront/wavefront_lanes.h"
#include "../wavefront/wavefront_spread.h"

#if defined(MIC_NEON)
#include <arm_neon.h>

enum { GROUPS = 4, GROUP = WF_LANES / GROUPS };

/* What a step leaves for the next one: for 8 lanes, and for all lanes. */
typedef struct group_lanes {
    int16x8_t sample, west_west, north_east, north, nn_east, error, error_north_east, error_north;
    uint32x4_t low, high; /* states */
} group_lanes;
typedef struct lanes {
    group_lanes group[GROUPS];
} lanes;

typedef struct group_neighbours {
    int16x8_t w, n, nw, ne, ww, nn, nne, e_w, e_n, e_nw, e_ne;
} group_neighbours;

/* Values passed between the parts of a step. */
typedef struct group_step {
    int16x8_t prediction, residual;
    uint16x8_t escaped;
} group_step;

typedef struct constants {
    int16x8_t weights[WF_WEIGHTS];
    int16x8_t low, high, half, whole;
    int16x8_t fraction_bits, minus_fraction_bits;
    int16x8_t direct, largest_direct;
    uint8x16x2_t contexts; /* by bucket */
    uint32x4_t slot_mask;
    int32x4_t table_log, minus_table_log, raw_offset;
    const uint32_t *table;
} constants;

#define TRACKS 1
#define TRACK_TARGET
#include "../wavefront/wavefront_tracks.h"

/* ---- neighbours -------------------------------------------------------- */

/* Lane i gets lane i-1; lane 0 gets the last lane of the group below. */
MIC_INLINE int16x8_t shift_lanes(int16x8_t below, int16x8_t v) { return vextq_s16(below, v, GROUP - 1); }

MIC_INLINE void find_neighbours(group_lanes s[GROUPS], const wf_ports *at, group_neighbours v[GROUPS])
{
    *at->out = (wf_upper){vgetq_lane_s16(s[GROUPS - 1].sample, GROUP - 1),
                          vgetq_lane_s16(s[GROUPS - 1].north, GROUP - 1),
                          vgetq_lane_s16(s[GROUPS - 1].error, GROUP - 1), 0};
    int16x8_t sample = vdupq_n_s16(at->in->sample), north = vdupq_n_s16(at->in->north);
    int16x8_t error = vdupq_n_s16(at->in->error);
    for (int g = 0; g < GROUPS; g++) {
        v[g] = (group_neighbours){.w = s[g].sample,
                                  .n = s[g].north_east,
                                  .nw = s[g].north,
                                  .ne = shift_lanes(sample, s[g].sample),
                                  .ww = s[g].west_west,
                                  .nn = s[g].nn_east,
                                  .nne = shift_lanes(north, s[g].north),
                                  .e_w = s[g].error,
                                  .e_n = s[g].error_north_east,
                                  .e_nw = s[g].error_north,
                                  .e_ne = shift_lanes(error, s[g].error)};
        sample = s[g].sample;
        north = s[g].north;
        error = s[g].error;
        s[g].north_east = v[g].ne;
        s[g].north = v[g].n;
        s[g].nn_east = v[g].nne;
        s[g].error_north_east = v[g].e_ne;
        s[g].error_north = v[g].e_n;
    }
}

/* All ones in the lanes whose bit is set. */
MIC_INLINE uint16x8_t lanes_of(uint32_t mask)
{
    static const uint16_t bits[GROUP] = {1, 2, 4, 8, 16, 32, 64, 128};
    return vtstq_u16(vdupq_n_u16((uint16_t)mask), vld1q_u16(bits));
}

MIC_INLINE void patch_row_ends(group_neighbours *v, uint32_t first_lanes, uint32_t last_lanes)
{
    const uint16x8_t first = lanes_of(first_lanes), last = lanes_of(last_lanes);
    const int16x8_t zero = vdupq_n_s16(0);
    v->w = vbslq_s16(first, v->n, v->w);
    v->ww = vbslq_s16(first, v->n, v->ww);
    v->nw = vbslq_s16(first, v->n, v->nw);
    v->e_w = vbslq_s16(first, zero, v->e_w);
    v->e_nw = vbslq_s16(first, zero, v->e_nw);
    v->ne = vbslq_s16(last, v->n, v->ne);
    v->nne = vbslq_s16(last, v->nn, v->nne);
    v->e_ne = vbslq_s16(last, v->e_n, v->e_ne);
}

/* ---- prediction and activity ------------------------------------------- */

/* The instruction saturates only for -1 * -1, and no weight is -1. */
MIC_INLINE int16x8_t weighted(int16x8_t neighbour, int16x8_t n, int16x8_t weight)
{
    return vqrdmulhq_s16(vsubq_s16(neighbour, n), weight);
}

MIC_INLINE int16x8_t predict_linear(const constants *c, const group_neighbours *v)
{
    int16x8_t above = vaddq_s16(weighted(v->nw, v->n, c->weights[1]), weighted(v->ne, v->n, c->weights[2]));
    int16x8_t far = vaddq_s16(weighted(v->nn, v->n, c->weights[4]), weighted(v->nne, v->n, c->weights[5]));
    int16x8_t rest = vaddq_s16(vaddq_s16(above, far), vaddq_s16(v->n, weighted(v->ww, v->n, c->weights[3])));
    int16x8_t p = vaddq_s16(rest, weighted(v->w, v->n, c->weights[0]));
    return vmaxq_s16(c->low, vminq_s16(c->high, p));
}

MIC_INLINE int16x8_t predict_median(const group_neighbours *v)
{
    int16x8_t low = vminq_s16(v->w, v->n), high = vmaxq_s16(v->w, v->n);
    int16x8_t middle = vmaxq_s16(low, vminq_s16(high, v->nw));
    return vsubq_s16(vaddq_s16(v->w, v->n), middle);
}

/* The magnitude of -32768 is 32768. */
MIC_INLINE uint16x8_t magnitude_of(int16x8_t v) { return vreinterpretq_u16_s16(vabsq_s16(v)); }
MIC_INLINE uint16x8_t distance(int16x8_t a, int16x8_t b) { return magnitude_of(vsubq_s16(a, b)); }

MIC_INLINE uint16x8_t measure_activity(const group_neighbours *v)
{
    uint16x8_t north = magnitude_of(v->e_n), west = magnitude_of(v->e_w);
    uint16x8_t a = vqaddq_u16(distance(v->n, v->nw), distance(v->ne, v->n));
    uint16x8_t b = vqaddq_u16(magnitude_of(v->e_nw), magnitude_of(v->e_ne));
    uint16x8_t c = vqaddq_u16(vqaddq_u16(north, north), vdupq_n_u16(1));
    uint16x8_t above = vqaddq_u16(vqaddq_u16(a, b), c);
    uint16x8_t left = vqaddq_u16(distance(v->w, v->nw), vqaddq_u16(west, west));
    return vqaddq_u16(above, left);
}

/* Half octaves.  With the highest bit moved to the top, the two uppermost bits are 2 or 3. */
MIC_INLINE uint16x8_t find_buckets(uint16x8_t activity)
{
    int16x8_t zeros = vreinterpretq_s16_u16(vclzq_u16(activity));
    int16x8_t top = vreinterpretq_s16_u16(vshrq_n_u16(vshlq_u16(activity, zeros), 14));
    return vreinterpretq_u16_s16(vaddq_s16(top, vsubq_s16(vdupq_n_s16(28), vaddq_s16(zeros, zeros))));
}

/* ---- states ------------------------------------------------------------ */

MIC_INLINE uint32x4_t load_entries(const uint32_t *table, uint32x4_t index)
{
    uint64_t a = vgetq_lane_u64(vreinterpretq_u64_u32(index), 0);
    uint64_t b = vgetq_lane_u64(vreinterpretq_u64_u32(index), 1);
    uint32x2_t low = vld1_dup_u32(table + (uint32_t)a), high = vld1_dup_u32(table + (uint32_t)b);
    low = vld1_lane_u32(table + (a >> 32), low, 1);
    high = vld1_lane_u32(table + (b >> 32), high, 1);
    return vcombine_u32(low, high);
}

MIC_INLINE uint32x4_t look_up(const constants *c, uint16x4_t contexts, uint32x4_t states)
{
    uint32x4_t base = vshlq_u32(vmovl_u16(contexts), c->table_log);
    return load_entries(c->table, vorrq_u32(base, vandq_u32(states, c->slot_mask)));
}

MIC_INLINE uint32x4_t advance_states(const constants *c, uint32x4_t states, uint32x4_t entries)
{
    const uint32x4_t twelve_bits = vdupq_n_u32(0xFFF);
    uint32x4_t frequency = vandq_u32(entries, twelve_bits);
    uint32x4_t offset = vandq_u32(vshrq_n_u32(entries, WF_ENTRY_OFFSET_SHIFT), twelve_bits);
    return vmlaq_u32(offset, frequency, vshlq_u32(states, c->minus_table_log));
}

MIC_INLINE uint16x8_t low_halves(uint32x4_t low, uint32x4_t high)
{
    return vuzp1q_u16(vreinterpretq_u16_u32(low), vreinterpretq_u16_u32(high));
}
MIC_INLINE uint16x8_t high_halves(uint32x4_t low, uint32x4_t high)
{
    return vuzp2q_u16(vreinterpretq_u16_u32(low), vreinterpretq_u16_u32(high));
}

/* A state below 2^16 takes one word; lanes take their words in order. */
MIC_INLINE const uint8_t *renormalise(group_lanes *s, const uint8_t *next)
{
    /* One sum yields the mask of lanes that take a word and, above it, the bytes that they
     * take. */
    static const uint16_t taken[GROUP] = {0x201, 0x202, 0x204, 0x208, 0x210, 0x220, 0x240, 0x280};
    uint16x8_t low = low_halves(s->low, s->high), high = high_halves(s->low, s->high);
    uint16x8_t takes = vceqzq_u16(high);
    unsigned sum = vaddvq_u16(vandq_u16(takes, vld1q_u16(taken)));
    uint16x8_t words = vreinterpretq_u16_u8(vqtbl1q_u8(vld1q_u8(next), vld1q_u8(wf_spread[sum & 255])));
    high = vbslq_u16(takes, low, high);
    low = vbslq_u16(takes, words, low);
    s->low = vreinterpretq_u32_u16(vzip1q_u16(low, high));
    s->high = vreinterpretq_u32_u16(vzip2q_u16(low, high));
    return next + (sum >> 8);
}

/* ---- the parts of a step ----------------------------------------------- */

/* Widen the mask of a half to 32-bit lanes, all ones where it is set. */
MIC_INLINE uint32x4_t widen_low(uint16x8_t v)
{
    return vreinterpretq_u32_s32(vmovl_s16(vreinterpret_s16_u16(vget_low_u16(v))));
}
MIC_INLINE uint32x4_t widen_high(uint16x8_t v)
{
    return vreinterpretq_u32_s32(vmovl_high_s16(vreinterpretq_s16_u16(v)));
}

MIC_INLINE const uint8_t *decode_symbols(const constants *c, group_lanes *s, const group_neighbours *v,
                                         bool median, bool all_active, uint32_t active_lanes,
                                         group_step *step, const uint8_t *next)
{
    uint8x8_t bucket = vmovn_u16(find_buckets(measure_activity(v)));
    uint16x8_t context = vmovl_u8(vqtbl2_u8(c->contexts, bucket));
    step->prediction = median ? predict_median(v) : predict_linear(c, v);
    uint32x4_t low_entries = look_up(c, vget_low_u16(context), s->low);
    uint32x4_t high_entries = look_up(c, vget_high_u16(context), s->high);
    uint32x4_t low = advance_states(c, s->low, low_entries), high = advance_states(c, s->high, high_entries);
    step->residual = vshrq_n_s16(vreinterpretq_s16_u16(high_halves(low_entries, high_entries)), 8);
    step->escaped = vcgtq_s16(vabsq_s16(step->residual), c->largest_direct);
    if (!all_active) {
        uint16x8_t active = lanes_of(active_lanes);
        low = vbslq_u32(widen_low(active), low, s->low);
        high = vbslq_u32(widen_high(active), high, s->high);
        step->escaped = vandq_u16(step->escaped, active);
    }
    s->low = low;
    s->high = high;
    return renormalise(s, next);
}

/* Magnitudes of the escapes in 4 lanes, whose lower bits are taken off the states.  Other
 * lanes keep their states; their magnitudes have no meaning. */
MIC_INLINE uint32x4_t magnitudes(const constants *c, uint32x4_t j, uint32x4_t escaped, uint32x4_t *states)
{
    int32x4_t n = vaddq_s32(vreinterpretq_s32_u32(vshrq_n_u32(j, 2)), c->raw_offset);
    n = vandq_s32(n, vreinterpretq_s32_u32(escaped));
    uint32x4_t raw = vbicq_u32(*states, vshlq_u32(vdupq_n_u32(UINT32_MAX), n));
    uint32x4_t mantissa = vaddq_u32(vdupq_n_u32(4), vandq_u32(j, vdupq_n_u32(3)));
    *states = vshlq_u32(*states, vnegq_s32(n));
    return vorrq_u32(vshlq_u32(mantissa, n), raw);
}

MIC_INLINE const uint8_t *take_raw_bits(const constants *c, group_lanes *s, group_step *step,
                                        const uint8_t *next)
{
    uint16x8_t j = vreinterpretq_u16_s16(vsubq_s16(vabsq_s16(step->residual), c->direct));
    uint32x4_t low = magnitudes(c, vmovl_u16(vget_low_u16(j)), widen_low(step->escaped), &s->low);
    uint32x4_t high = magnitudes(c, vmovl_high_u16(j), widen_high(step->escaped), &s->high);
    int16x8_t magnitude = vreinterpretq_s16_u16(low_halves(low, high));
    int16x8_t negative = vshrq_n_s16(step->residual, 15);
    magnitude = vsubq_s16(veorq_s16(magnitude, negative), negative);
    step->residual = vbslq_s16(step->escaped, magnitude, step->residual);
    return renormalise(s, next);
}

/* A residual is stored negated if the errors of W and N have a negative sum. */
MIC_INLINE void reconstruct(const constants *c, group_lanes *s, const group_neighbours *v,
                            const group_step *step, uint16_t *out)
{
    int16x8_t flip = vshrq_n_s16(vqaddq_s16(v->e_w, v->e_n), 15);
    int16x8_t residual = vshlq_s16(vsubq_s16(veorq_s16(step->residual, flip), flip), c->fraction_bits);
    int16x8_t nearest = vandq_s16(vaddq_s16(step->prediction, c->half), c->whole);
    s->west_west = v->w;
    s->sample = vaddq_s16(nearest, residual);
    s->error = vaddq_s16(vsubq_s16(nearest, step->prediction), residual);
    vst1q_u16(out, vshlq_u16(vreinterpretq_u16_s16(vsubq_s16(s->sample, c->low)), c->minus_fraction_bits));
}

MIC_INLINE const uint8_t *take_step(const constants *c, group_lanes s[GROUPS],
                                    const group_neighbours v[GROUPS], bool median, bool all_active,
                                    uint32_t active, const uint8_t *next, const wf_ports *at, uint16_t *out)
{
    group_step step[GROUPS];
    for (int g = 0; g < GROUPS; g++)
        next = decode_symbols(c, &s[g], &v[g], median, all_active, active >> g * GROUP, &step[g], next);
    uint16x8_t escaped = vorrq_u16(vorrq_u16(step[0].escaped, step[1].escaped),
                                   vorrq_u16(step[2].escaped, step[3].escaped));
    if (vget_lane_u64(vreinterpret_u64_u8(vmovn_u16(escaped)), 0))
        for (int g = 0; g < GROUPS; g++)
            next = take_raw_bits(c, &s[g], &step[g], next);
    for (int g = 0; g < GROUPS; g++)
        reconstruct(c, &s[g], &v[g], &step[g], out + g * GROUP);
    int16_t own = vgetq_lane_s16(s[0].sample, 0);
    *at->own = (wf_upper){own, own, 0, 0};
    return next;
}

MIC_INLINE mic_status run(wf_track *track, const constants *c, bool pair, bool interior, bool median,
                          wf_clock clock, size_t n, mic_error *error)
{
    wf_strip *strip = &track->strip;
    const uint8_t *next = strip->in.next;
    group_lanes s[GROUPS];
    (void)pair; /* never: one strip already has more vectors than there are registers */
    memcpy(s, track->state.group, sizeof s);
    for (; n > 0; n--) {
        const wf_ports at = wf_ports_at(strip, &clock);
        uint32_t active = ~0u;
        group_neighbours v[GROUPS];
        TRY(wf_words_check(&strip->in, &next, error));
        find_neighbours(s, &at, v);
        if (!interior) {
            uint32_t first = wf_lanes_at(strip, &clock, 0),
                     last = wf_lanes_at(strip, &clock, strip->width - 1);
            for (int g = 0; g < GROUPS; g++)
                patch_row_ends(&v[g], first >> g * GROUP & 255, last >> g * GROUP & 255);
            active = wf_active_lanes(strip, &clock);
        }
        next = take_step(c, s, v, median, interior, active, next, &at,
                         track->steps + clock.t % WF_BLOCK * WF_LANES);
        wf_advance(&clock, strip, 1);
    }
    memcpy(track->state.group, s, sizeof s);
    strip->in.next = next;
    return MIC_OK;
}

/* ---- transposition ----------------------------------------------------- */

/* Transpose eight steps of 8 lanes. */
MIC_INLINE void transpose_steps(const uint16_t *in, uint16_t *rows)
{
    uint16x8_t v[8];
    uint32x4_t a[8];
    uint64x2_t b[8];
    for (int k = 0; k < 8; k++)
        v[k] = vld1q_u16(in + k * WF_LANES);
    for (int k = 0; k < 8; k += 2) { /* lanes 0, 2, 4, 6 of two steps, and lanes 1, 3, 5, 7 */
        a[k] = vreinterpretq_u32_u16(vtrn1q_u16(v[k], v[k + 1]));
        a[k + 1] = vreinterpretq_u32_u16(vtrn2q_u16(v[k], v[k + 1]));
    }
    for (int k = 0; k < 2; k++) /* lanes k and k + 4, lanes k + 2 and k + 6 of four steps */
        for (int h = 0; h < 2; h++) {
            b[4 * h + k] = vreinterpretq_u64_u32(vtrn1q_u32(a[4 * h + k], a[4 * h + 2 + k]));
            b[4 * h + 2 + k] = vreinterpretq_u64_u32(vtrn2q_u32(a[4 * h + k], a[4 * h + 2 + k]));
        }
    for (int k = 0; k < 4; k++) {
        vst1q_u16(rows + k * WF_BLOCK, vreinterpretq_u16_u64(vtrn1q_u64(b[k], b[4 + k])));
        vst1q_u16(rows + (4 + k) * WF_BLOCK, vreinterpretq_u16_u64(vtrn2q_u64(b[k], b[4 + k])));
    }
}

static void flush_block(const wf_track *track, size_t t)
{
    uint16_t rows[WF_LANES][WF_BLOCK];
    size_t first = (t - 1) / WF_BLOCK * WF_BLOCK;
    for (int step = 0; step < WF_BLOCK; step += 8)
        for (int lane = 0; lane < WF_LANES; lane += 8)
            transpose_steps(track->steps + step * WF_LANES + lane, &rows[lane][step]);
    mic_wf_store_block(&track->strip, first, t - first, rows);
}

/* ---- strip ------------------------------------------------------------- */

static void set_constants(const wf_decoder *decoder, constants *c)
{
    const wf_model *m = &decoder->model;
    const int16_t fraction_bits = (int16_t)m->fraction_bits, low = wf_bias(m->max_value);
    for (unsigned i = 0; i < WF_WEIGHTS; i++)
        c->weights[i] = vdupq_n_s16(m->weights[i]);
    c->low = vdupq_n_s16(low);
    c->high = vdupq_n_s16((int16_t)((m->max_value << fraction_bits) + (uint16_t)low));
    c->half = vdupq_n_s16((int16_t)(1 << fraction_bits >> 1));
    c->whole = vdupq_n_s16((int16_t)-(1 << fraction_bits));
    c->fraction_bits = vdupq_n_s16(fraction_bits);
    c->minus_fraction_bits = vdupq_n_s16((int16_t)-fraction_bits);
    c->direct = vdupq_n_s16((int16_t)(1 << m->direct_log));
    c->largest_direct = vdupq_n_s16((int16_t)((1 << m->direct_log) - 1));
    c->contexts.val[0] = vld1q_u8(m->context);
    c->contexts.val[1] = vld1q_u8(m->context + 16);
    c->slot_mask = vdupq_n_u32((1u << m->table_log) - 1);
    c->table_log = vdupq_n_s32((int32_t)m->table_log);
    c->minus_table_log = vdupq_n_s32(-(int32_t)m->table_log);
    c->raw_offset = vdupq_n_s32((int32_t)m->direct_log - 2);
    c->table = decoder->table;
}

static void open_lanes(const uint32_t states[WF_LANES], const constants *c, lanes *all)
{
    memset(all, 0, sizeof *all);
    for (int g = 0; g < GROUPS; g++) {
        group_lanes *s = &all->group[g];
        s->sample = s->north_east = s->north = s->nn_east = c->low;
        s->low = vld1q_u32(states + g * GROUP);
        s->high = vld1q_u32(states + g * GROUP + 4);
    }
}

static void store_states(const lanes *all, uint32_t states[WF_LANES])
{
    for (int g = 0; g < GROUPS; g++) {
        vst1q_u32(states + g * GROUP, all->group[g].low);
        vst1q_u32(states + g * GROUP + 4, all->group[g].high);
    }
}

mic_status mic_wf_decode_strips_neon(const wf_decoder *decoder, const wf_strip_job *jobs, size_t n_jobs,
                                     size_t width, mic_error *error)
{
    return decode_strips(decoder, jobs, n_jobs, width, error);
}

#else
typedef int mic_wavefront_neon_is_not_for_this_machine;
#endif
