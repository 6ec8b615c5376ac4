/* SPDX-License-Identifier: MIT
 *
 * The scalar decoder of wavefront strips: the specification of the others.
 *
 * One step decodes one sample in each of the 32 lanes.  Neighbours reach a lane
 * from the lane above it: NE is what that lane decoded one step ago, N is the NE
 * of one step ago, NW the N.  Errors and the second row above travel alike.
 */
#include "wavefront_lanes.h"

/* One value per lane. */
typedef int16_t vec[WF_LANES];

/* What a step leaves for the next one. */
typedef struct lanes {
    vec sample, west_west, north_east, north, nn_east, error, error_north_east, error_north;
} lanes;

/* The neighbours of one step. */
typedef struct neighbours {
    vec w, n, nw, ne, ww, nn, nne, e_w, e_n, e_nw, e_ne;
} neighbours;

/* a * b / 2^15, rounded: what pmulhrsw and sqrdmulh compute. */
MIC_INLINE int16_t mul_q15(int16_t a, int16_t b) { return (int16_t)((a * b + 0x4000) >> 15); }
MIC_INLINE uint16_t distance(int16_t a, int16_t b)
{
    int16_t d = (int16_t)(a - b);
    return (uint16_t)(d < 0 ? -d : d);
}
MIC_INLINE int16_t min_i16(int16_t a, int16_t b) { return a < b ? a : b; }
MIC_INLINE int16_t max_i16(int16_t a, int16_t b) { return a > b ? a : b; }

MIC_INLINE void shift_lanes(vec out, const vec in, int16_t first)
{
    memcpy(out + 1, in, (WF_LANES - 1) * sizeof *out);
    out[0] = first;
}

MIC_INLINE void find_neighbours(const lanes *s, const wf_upper *first, neighbours *v)
{
    shift_lanes(v->ne, s->sample, first->sample);
    shift_lanes(v->nne, s->north, first->north);
    shift_lanes(v->e_ne, s->error, first->error);
    memcpy(v->w, s->sample, sizeof(vec));
    memcpy(v->n, s->north_east, sizeof(vec));
    memcpy(v->nw, s->north, sizeof(vec));
    memcpy(v->ww, s->west_west, sizeof(vec));
    memcpy(v->nn, s->nn_east, sizeof(vec));
    memcpy(v->e_w, s->error, sizeof(vec));
    memcpy(v->e_n, s->error_north_east, sizeof(vec));
    memcpy(v->e_nw, s->error_north, sizeof(vec));
}

/* What the row above becomes for the next step, before row ends are patched. */
MIC_INLINE void keep_neighbours(lanes *s, const neighbours *v)
{
    memcpy(s->north_east, v->ne, sizeof(vec));
    memcpy(s->north, v->n, sizeof(vec));
    memcpy(s->nn_east, v->nne, sizeof(vec));
    memcpy(s->error_north_east, v->e_ne, sizeof(vec));
    memcpy(s->error_north, v->e_n, sizeof(vec));
}

static void patch_row_ends(uint32_t first, uint32_t last, neighbours *v)
{
    for (size_t i = 0; i < WF_LANES; i++) {
        if (first >> i & 1) {
            v->w[i] = v->ww[i] = v->nw[i] = v->n[i];
            v->e_w[i] = v->e_nw[i] = 0;
        }
        if (last >> i & 1) {
            v->ne[i] = v->n[i];
            v->nne[i] = v->nn[i];
            v->e_ne[i] = v->e_n[i];
        }
    }
}

MIC_INLINE void predict_linear(const wf_model *m, const neighbours *v, vec prediction)
{
    const int16_t low = wf_bias(m->max_value);
    const int16_t high = (int16_t)((m->max_value << m->fraction_bits) + (uint16_t)low);
    const int16_t *k = m->weights;
    for (int i = 0; i < WF_LANES; i++) {
        int16_t n = v->n[i];
        int16_t p = (int16_t)(n + mul_q15((int16_t)(v->w[i] - n), k[0]) + mul_q15((int16_t)(v->nw[i] - n), k[1]) +
                              mul_q15((int16_t)(v->ne[i] - n), k[2]) + mul_q15((int16_t)(v->ww[i] - n), k[3]) +
                              mul_q15((int16_t)(v->nn[i] - n), k[4]) + mul_q15((int16_t)(v->nne[i] - n), k[5]));
        prediction[i] = max_i16(low, min_i16(high, p));
    }
}

MIC_INLINE void predict_median(const neighbours *v, vec prediction)
{
    for (int i = 0; i < WF_LANES; i++) {
        int16_t low = min_i16(v->w[i], v->n[i]), high = max_i16(v->w[i], v->n[i]);
        int16_t middle = max_i16(low, min_i16(high, v->nw[i]));
        prediction[i] = (int16_t)(v->w[i] + v->n[i] - middle);
    }
}

MIC_INLINE void measure_activity(const neighbours *v, uint16_t activity[WF_LANES])
{
    for (int i = 0; i < WF_LANES; i++) {
        uint16_t west = distance(v->e_w[i], 0), north = distance(v->e_n[i], 0);
        int32_t near = distance(v->n[i], v->nw[i]) + distance(v->ne[i], v->n[i]) + distance(v->w[i], v->nw[i]);
        int32_t sum = 1 + near + distance(v->e_nw[i], 0) + distance(v->e_ne[i], 0) + 2 * (west + north);
        activity[i] = (uint16_t)(sum > 0xFFFF ? 0xFFFF : sum);
    }
}

/* Half octaves: twice the exponent plus the bit below the highest one.  A float
 * has them side by side (16-bit integers are exact in it), and compilers have
 * vector instructions for the conversion but not for counting leading zeros. */
MIC_INLINE void find_buckets(const uint16_t activity[WF_LANES], uint32_t bucket[WF_LANES])
{
    for (int i = 0; i < WF_LANES; i++) {
        float value = (float)(int32_t)activity[i];
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        bucket[i] = (bits >> 22) - 2 * 127;
    }
}

/* Without a branch: whether a state takes a word is next to random. */
MIC_INLINE uint32_t renormalise(uint32_t state, const uint8_t **next)
{
    uint32_t shift = (uint32_t)(state < WF_STATE_LOW) << 4;
    uint32_t word = load_u16(*next) & ((1u << shift) - 1);
    *next += shift >> 3;
    return state << shift | word;
}

/* Entries of all active lanes, 0 for the others. */
MIC_INLINE void decode_entries(wf_strip *strip, const uint32_t bases[WF_BUCKETS], bool interior, uint32_t active,
                               const uint32_t bucket[WF_LANES], uint32_t entries[WF_LANES])
{
    const uint32_t *table = strip->decoder->table;
    const unsigned table_log = strip->decoder->model.table_log;
    const uint32_t mask = (1u << table_log) - 1;
    const uint8_t *next = strip->in.next;
    for (unsigned i = 0; i < WF_LANES; i++) {
        entries[i] = 0;
        if (!interior && !(active >> i & 1))
            continue;
        uint32_t x = strip->states[i];
        uint32_t entry = table[bases[bucket[i]] + (x & mask)];
        x = (entry & 0xFFF) * (x >> table_log) + (entry >> WF_ENTRY_OFFSET_SHIFT & 0xFFF);
        strip->states[i] = renormalise(x, &next);
        entries[i] = entry;
    }
    strip->in.next = next;
}

/* Symbols of the entries; returns whether any has raw bits. */
MIC_INLINE bool find_symbols(const wf_model *m, const uint32_t entries[WF_LANES], vec residual)
{
    int16_t largest = 0;
    for (int i = 0; i < WF_LANES; i++) {
        int16_t symbol = (int16_t)((int32_t)entries[i] >> WF_ENTRY_SYMBOL_SHIFT);
        residual[i] = symbol;
        largest = max_i16(largest, max_i16(symbol, (int16_t)-symbol));
    }
    return largest >> m->direct_log;
}

/* Magnitudes of the escaped lanes: exponent and two mantissa bits are in the
 * symbol, the bits below them at the low end of the state. */
static void decode_raw_bits(wf_strip *strip, vec residual)
{
    const unsigned direct_log = strip->decoder->model.direct_log;
    for (unsigned i = 0; i < WF_LANES; i++) {
        int symbol = residual[i], magnitude_symbol = symbol < 0 ? -symbol : symbol;
        if (!(magnitude_symbol >> direct_log))
            continue;
        uint32_t j = (uint32_t)magnitude_symbol - (1u << direct_log);
        unsigned n = (j >> 2) + direct_log - 2;
        uint32_t magnitude = (4 + (j & 3)) << n | (strip->states[i] & ((1u << n) - 1));
        strip->states[i] = renormalise(strip->states[i] >> n, &strip->in.next);
        residual[i] = (int16_t)(symbol < 0 ? 0 - magnitude : magnitude);
    }
}

/* A residual is stored negated where the errors of W and N sum to below 0. */
MIC_INLINE void reconstruct(const wf_model *m, const neighbours *v, const vec prediction, const vec residual,
                            lanes *s, uint16_t out[WF_LANES])
{
    const int16_t half = (int16_t)(1 << m->fraction_bits >> 1), whole = (int16_t)-(1 << m->fraction_bits);
    const uint16_t bias = (uint16_t)wf_bias(m->max_value);
    for (int i = 0; i < WF_LANES; i++) {
        int16_t nearest = (int16_t)((prediction[i] + half) & whole);
        int16_t r = (int16_t)(v->e_w[i] + v->e_n[i] < 0 ? -residual[i] : residual[i]);
        int16_t sample = (int16_t)(nearest + (int16_t)((uint16_t)r << m->fraction_bits));
        s->west_west[i] = v->w[i];
        s->sample[i] = sample;
        s->error[i] = (int16_t)(sample - prediction[i]);
        out[i] = (uint16_t)((uint16_t)(sample - bias) >> m->fraction_bits);
    }
}

static void transpose_block(const uint16_t steps[WF_BLOCK][WF_LANES], uint16_t rows[WF_LANES][WF_BLOCK])
{
    for (int i = 0; i < WF_LANES; i++)
        for (int s = 0; s < WF_BLOCK; s++)
            rows[i][s] = steps[s][i];
}

MIC_INLINE void take_step(wf_strip *strip, lanes *s, const uint32_t bases[WF_BUCKETS], const wf_upper *first,
                          const wf_clock *clock, bool interior, uint16_t out[WF_LANES])
{
    const wf_model *m = &strip->decoder->model;
    neighbours v;
    vec prediction, residual;
    uint16_t activity[WF_LANES];
    uint32_t bucket[WF_LANES], entries[WF_LANES];
    find_neighbours(s, first, &v);
    keep_neighbours(s, &v);
    uint32_t active = ~0u;
    if (!interior) {
        patch_row_ends(wf_lanes_at(strip, clock, 0), wf_lanes_at(strip, clock, strip->width - 1), &v);
        active = wf_active_lanes(strip, clock);
    }
    if (m->predictor == WF_LINEAR)
        predict_linear(m, &v, prediction);
    else
        predict_median(&v, prediction);
    measure_activity(&v, activity);
    find_buckets(activity, bucket);
    decode_entries(strip, bases, interior, active, bucket, entries);
    if (MIC_UNLIKELY(find_symbols(m, entries, residual)))
        decode_raw_bits(strip, residual);
    reconstruct(m, &v, prediction, residual, s, out);
}

static mic_status decode_steps(wf_strip *strip, mic_error *error)
{
    const wf_model *m = &strip->decoder->model;
    uint16_t steps[WF_BLOCK][WF_LANES], rows[WF_LANES][WF_BLOCK];
    uint32_t bases[WF_BUCKETS];
    lanes s;
    memset(&s, 0, sizeof s);
    for (unsigned b = 0; b < WF_BUCKETS; b++)
        bases[b] = (uint32_t)m->context[b] << m->table_log;
    for (int i = 0; i < WF_LANES; i++)
        s.sample[i] = s.north_east[i] = s.north[i] = s.nn_east[i] = wf_bias(m->max_value);
    for (wf_clock clock = {0}; clock.t < strip->n_steps; wf_advance(&clock, strip, 1)) {
        const size_t t = clock.t;
        wf_ports at = wf_ports_at(strip, &clock);
        TRY(wf_words_check(&strip->in, error));
        *at.out = (wf_upper){s.sample[WF_LANES - 1], s.north[WF_LANES - 1], s.error[WF_LANES - 1], 0};
        if (mic_wf_interior_steps(strip, &clock))
            take_step(strip, &s, bases, at.in, &clock, true, steps[t % WF_BLOCK]);
        else
            take_step(strip, &s, bases, at.in, &clock, false, steps[t % WF_BLOCK]);
        *at.own = (wf_upper){s.sample[0], s.sample[0], 0, 0};
        if ((t + 1) % WF_BLOCK == 0 || t + 1 == strip->n_steps) {
            transpose_block(steps, rows);
            mic_wf_store_block(strip, t / WF_BLOCK * WF_BLOCK, t % WF_BLOCK + 1, rows);
        }
    }
    return MIC_OK;
}

mic_status mic_wf_decode_strips_scalar(const wf_decoder *decoder, const wf_strip_job *jobs, size_t n_jobs, size_t width,
                                   mic_error *error)
{
    for (size_t i = 0; i < n_jobs; i++) {
        wf_strip strip;
        mic_status status = mic_wf_strip_open(&strip, decoder, &jobs[i], width, error);
        if (status == MIC_OK)
            status = decode_steps(&strip, error);
        TRY(mic_wf_strip_close(&strip, status, error));
    }
    return MIC_OK;
}
