/* SPDX-License-Identifier: MIT
 *
 * The scalar decoder of wavefront strips: the specification of the others.
 *
 * One step decodes one sample in each of the 32 lanes.  Neighbours reach a lane from the
 * lane above it: NE is what that lane decoded one step ago, N two steps ago, NW three.  So
 * the last steps of all lanes, stored by step and lane, hold every neighbour at a fixed
 * distance, and nothing is copied from step to step.
 *
 * Table look-ups and reading words go lane by lane.  All else is written as loops of 16-bit
 * arithmetic over the lanes, which compilers vectorise.  A state is therefore two halves,
 * and shifts by table_log are multiplications.
 */
#include "wavefront_lanes.h"

/* One value per lane. */
typedef int16_t vec[WF_LANES];
typedef uint16_t uvec[WF_LANES];

enum {
    PAST = 4,   /* how many steps back neighbours reach */
    MARGIN = 8, /* before lane 0: the two rows above it, and padding for alignment */
    ROW = MARGIN + WF_LANES,
};

/* The steps of a block and the last ones before it, by step and lane.  `west` is W as it
 * was one step ago: the sample, or N at the start of a row. */
typedef struct history {
    int16_t sample[PAST + WF_BLOCK][ROW], error[PAST + WF_BLOCK][ROW];
    vec west;
    uvec high, low; /* halves of the states */
} history;

/* The neighbours of one step, for 32 lanes each. */
typedef struct neighbours {
    const int16_t *w, *n, *nw, *ne, *ww, *nn, *nne, *e_w, *e_n, *e_nw, *e_ne;
} neighbours;

/* a * b / 2^15, rounded, as pmulhrsw and sqrdmulh compute it.  It is built from the halves
 * of the product, because 16-bit vectors have multiplications for both. */
MIC_INLINE int16_t mul_q15(int16_t a, int16_t b)
{
    uint16_t low = (uint16_t)(a * b), high = (uint16_t)(a * b >> 16);
    return (int16_t)(uint16_t)(high + high + (uint16_t)((uint16_t)(low >> 14) + 1) / 2);
}
MIC_INLINE uint16_t mul_high(uint16_t a, uint16_t b) { return (uint16_t)((uint32_t)a * b >> 16); }
MIC_INLINE int16_t min_i16(int16_t a, int16_t b) { return a < b ? a : b; }
MIC_INLINE int16_t max_i16(int16_t a, int16_t b) { return a > b ? a : b; }
MIC_INLINE uint16_t distance(int16_t a, int16_t b)
{
    int16_t d = (int16_t)(a - b);
    return (uint16_t)max_i16(d, (int16_t)-d);
}

/* ---- neighbours -------------------------------------------------------- */

MIC_INLINE void find_neighbours(const history *h, size_t row, neighbours *v)
{
    const int16_t *sample = h->sample[row] + MARGIN, *error = h->error[row] + MARGIN;
    *v = (neighbours){.w = sample - ROW,
                      .n = sample - 2 * ROW - 1,
                      .nw = sample - 3 * ROW - 1,
                      .ne = sample - ROW - 1,
                      .ww = h->west,
                      .nn = sample - 4 * ROW - 2,
                      .nne = sample - 3 * ROW - 2,
                      .e_w = error - ROW,
                      .e_n = error - 2 * ROW - 1,
                      .e_nw = error - 3 * ROW - 1,
                      .e_ne = error - ROW - 1};
}

/* Neighbours that are not where they were decoded. */
typedef struct patched {
    vec w, ww, nw, e_w, e_nw, ne, nne, e_ne;
} patched;

/* Lanes are at different columns: at most one is at its first and one at its last. */
static void patch_row_ends(uint32_t first, uint32_t last, neighbours *v, patched *p)
{
    const int16_t **from[] = {&v->w, &v->ww, &v->nw, &v->e_w, &v->e_nw, &v->ne, &v->nne, &v->e_ne};
    int16_t *to[] = {p->w, p->ww, p->nw, p->e_w, p->e_nw, p->ne, p->nne, p->e_ne};
    for (size_t k = 0; k < sizeof from / sizeof from[0]; k++) {
        memcpy(to[k], *from[k], sizeof(vec));
        *from[k] = to[k];
    }
    if (first) {
        unsigned i = lowest_bit(first);
        p->w[i] = p->ww[i] = p->nw[i] = v->n[i];
        p->e_w[i] = p->e_nw[i] = 0;
    }
    if (last) {
        unsigned i = lowest_bit(last);
        p->ne[i] = v->n[i];
        p->nne[i] = v->nn[i];
        p->e_ne[i] = v->e_n[i];
    }
}

/* ---- prediction and activity ------------------------------------------- */

MIC_INLINE void predict_linear(const wf_model *m, const neighbours *v, vec prediction)
{
    const int16_t low = wf_bias(m->max_value);
    const int16_t high = (int16_t)((m->max_value << m->fraction_bits) + (uint16_t)low);
    const int16_t *k = m->weights;
    for (int i = 0; i < WF_LANES; i++) {
        int16_t n = v->n[i];
        int16_t p = (int16_t)(n + mul_q15((int16_t)(v->w[i] - n), k[0]) +
                              mul_q15((int16_t)(v->nw[i] - n), k[1]) +
                              mul_q15((int16_t)(v->ne[i] - n), k[2]) +
                              mul_q15((int16_t)(v->ww[i] - n), k[3]) +
                              mul_q15((int16_t)(v->nn[i] - n), k[4]) +
                              mul_q15((int16_t)(v->nne[i] - n), k[5]));
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

/* Half octaves of the activity: twice the exponent plus the bit below the highest one.  A
 * float holds these side by side (16-bit integers are exact in it).  Compilers have vector
 * instructions for the conversion but not for counting leading zeros. */
MIC_INLINE void find_buckets(const neighbours *v, uint32_t bucket[WF_LANES])
{
    for (int i = 0; i < WF_LANES; i++) {
        uint16_t west = distance(v->e_w[i], 0), north = distance(v->e_n[i], 0);
        int32_t near = distance(v->n[i], v->nw[i]) + distance(v->ne[i], v->n[i]) +
                       distance(v->w[i], v->nw[i]);
        int32_t sum = 1 + near + distance(v->e_nw[i], 0) + distance(v->e_ne[i], 0) + 2 * (west + north);
        int32_t above = (0xFFFF - sum) >> 31; /* all ones if the sum is too large for 16 bits */
        float value = (float)((sum | above) & 0xFFFF);
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        bucket[i] = (bits >> 22) - 2 * 127;
    }
}

/* ---- states ------------------------------------------------------------ */

MIC_INLINE void look_up(const wf_strip *strip, const uint32_t bases[WF_BUCKETS], const uvec low,
                        const uint32_t bucket[WF_LANES], uint32_t entries[WF_LANES])
{
    const uint32_t *table = strip->decoder->table;
    const uint32_t mask = (1u << strip->decoder->model.table_log) - 1;
    for (unsigned i = 0; i < WF_LANES; i++)
        entries[i] = table[bases[bucket[i]] + (low[i] & mask)];
}

/* x = frequency * (x >> table_log) + offset, in 16 bits.  The halves of the product take
 * two multiplications for the low half of x >> table_log and one for the high half; these
 * do not overflow because the new x fits in 32 bits.  Adding the offset, which is below
 * 2^15, carries if the highest bit of the sum's low half goes from 1 to 0.  Lanes whose
 * `active` is 0 keep their states. */
MIC_INLINE void advance_states(const wf_model *m, const uint32_t entries[WF_LANES], const uvec active,
                               uvec high, uvec low, vec symbol)
{
    const uint16_t up = (uint16_t)(1u << (16 - m->table_log)); /* x * up >> 16 is x >> table_log */
    for (int i = 0; i < WF_LANES; i++) {
        uint16_t entry_low = (uint16_t)entries[i], entry_high = (uint16_t)(entries[i] >> 16);
        uint16_t frequency = entry_low & 0xFFF;
        uint16_t offset = (uint16_t)((uint16_t)(entry_high << 4) | (uint16_t)(entry_low >> 12)) & 0xFFF;
        uint16_t x_low = (uint16_t)(mul_high(low[i], up) | (uint16_t)(high[i] * up)),
                 x_high = mul_high(high[i], up);
        uint16_t product = (uint16_t)(frequency * x_low), sum = (uint16_t)(product + offset);
        uint16_t top = (uint16_t)(mul_high(frequency, x_low) + (uint16_t)(frequency * x_high));
        top = (uint16_t)(top + (uint16_t)((uint16_t)(product & ~sum) >> 15));
        if (active) {
            high[i] = (uint16_t)((top & active[i]) | (high[i] & ~active[i]));
            low[i] = (uint16_t)((sum & active[i]) | (low[i] & ~active[i]));
            entry_high &= active[i];
        } else {
            high[i] = top;
            low[i] = sum;
        }
        symbol[i] = (int16_t)((int16_t)entry_high >> 8);
    }
}

/* A state below 2^16 takes one word; lanes take their words in order.  There is no branch,
 * because whether a lane takes a word is nearly random. */
MIC_INLINE void renormalise(uvec high, uvec low, const uint8_t **next)
{
    uvec n_bytes, words;
    const uint8_t *p = *next;
    for (int i = 0; i < WF_LANES; i++)
        n_bytes[i] = high[i] == 0 ? 2 : 0;
    for (int i = 0; i < WF_LANES; i++) {
        words[i] = load_u16(p);
        p += n_bytes[i];
    }
    for (int i = 0; i < WF_LANES; i++) {
        uint16_t takes = high[i] == 0 ? 0xFFFF : 0;
        high[i] = (uint16_t)(high[i] | (low[i] & takes));
        low[i] = (uint16_t)((words[i] & takes) | (low[i] & ~takes));
    }
    *next = p;
}

/* Sets a byte per lane: 0 if the symbol is a residual.  Returns whether any symbol is not. */
MIC_INLINE bool find_escapes(const wf_model *m, const vec symbol, uint8_t escaped[WF_LANES])
{
    const int16_t largest_direct = (int16_t)((1 << m->direct_log) - 1);
    uint64_t some = 0;
    for (int i = 0; i < WF_LANES; i++)
        escaped[i] = max_i16(symbol[i], (int16_t)-symbol[i]) > largest_direct ? 0xFF : 0;
    for (int i = 0; i < WF_LANES; i += 8)
        some |= load_u64(escaped + i);
    return some != 0;
}

/* Magnitude of an escape.  The symbol gives the exponent and two mantissa bits; the bits
 * below them are at the low end of the state. */
MIC_INLINE void decode_escape(const wf_model *m, history *h, unsigned lane, vec residual,
                              const uint8_t **next)
{
    const int symbol = residual[lane], magnitude_symbol = symbol < 0 ? -symbol : symbol;
    const uint32_t j = (uint32_t)magnitude_symbol - (1u << m->direct_log);
    const unsigned n = (j >> 2) + m->direct_log - 2;
    uint32_t state = (uint32_t)h->high[lane] << 16 | h->low[lane];
    uint32_t magnitude = (4 + (j & 3)) << n | (state & ((1u << n) - 1));
    state >>= n;
    const uint32_t shift = (uint32_t)(state < WF_STATE_LOW) << 4,
                   word = load_u16(*next) & ((1u << shift) - 1);
    state = state << shift | word;
    *next += shift >> 3;
    h->high[lane] = (uint16_t)(state >> 16);
    h->low[lane] = (uint16_t)state;
    residual[lane] = (int16_t)(symbol < 0 ? 0 - magnitude : magnitude);
}

static void decode_escapes(const wf_model *m, history *h, const uint8_t escaped[WF_LANES], vec residual,
                           const uint8_t **next)
{
    for (unsigned i = 0; i < WF_LANES; i += 8)
        for (uint64_t left = load_u64(escaped + i); left;) {
            const uint32_t low = (uint32_t)left;
            const unsigned lane = (low ? lowest_bit(low) : 32 + lowest_bit((uint32_t)(left >> 32))) / 8;
            decode_escape(m, h, i + lane, residual, next);
            left &= ~((uint64_t)0xFF << 8 * lane);
        }
}

/* ---- steps ------------------------------------------------------------- */

/* A residual is stored negated if the errors of W and N have a negative sum. */
MIC_INLINE void reconstruct(const wf_model *m, const neighbours *v, const vec prediction, const vec residual,
                            int16_t *sample, int16_t *error)
{
    const int16_t half = (int16_t)(1 << m->fraction_bits >> 1), whole = (int16_t)-(1 << m->fraction_bits);
    const uint16_t scale = (uint16_t)(1u << m->fraction_bits);
    vec samples, errors;
    for (int i = 0; i < WF_LANES; i++) {
        int16_t nearest = (int16_t)((int16_t)(prediction[i] + half) & whole);
        int16_t r = (int16_t)(v->e_w[i] + v->e_n[i] < 0 ? -residual[i] : residual[i]);
        samples[i] = (int16_t)(uint16_t)(nearest + (uint16_t)((uint16_t)r * scale));
        errors[i] = (int16_t)(samples[i] - prediction[i]);
    }
    memcpy(sample, samples, sizeof samples);
    memcpy(error, errors, sizeof errors);
}

/* Decode one sample in every lane of `active` (NULL: in all) into a row of the history. */
MIC_INLINE const uint8_t *take_step(const wf_strip *strip, history *h, const uint32_t bases[WF_BUCKETS],
                                    size_t row, const neighbours *v, const uint16_t *active,
                                    const uint8_t *next)
{
    const wf_model *m = &strip->decoder->model;
    vec prediction, residual;
    uint8_t escaped[WF_LANES];
    uint32_t bucket[WF_LANES], entries[WF_LANES];
    if (m->predictor == WF_LINEAR)
        predict_linear(m, v, prediction);
    else
        predict_median(v, prediction);
    find_buckets(v, bucket);
    look_up(strip, bases, h->low, bucket, entries);
    advance_states(m, entries, active, h->high, h->low, residual);
    renormalise(h->high, h->low, &next);
    if (MIC_UNLIKELY(find_escapes(m, residual, escaped)))
        decode_escapes(m, h, escaped, residual, &next);
    memcpy(h->west, v->w, sizeof(vec));
    reconstruct(m, v, prediction, residual, h->sample[row] + MARGIN, h->error[row] + MARGIN);
    return next;
}

/* Turn a mask into all ones in each of its lanes. */
static void spread_mask(uint32_t lanes, uvec active)
{
    for (int i = 0; i < WF_LANES; i++)
        active[i] = (uint16_t)(0u - (lanes >> i & 1));
}

/* Do n steps within a block; `interior`: without row ends and with all lanes at work. */
MIC_INLINE mic_status run(wf_strip *strip, history *h, const uint32_t bases[WF_BUCKETS], bool interior,
                          wf_clock clock, size_t n, mic_error *error)
{
    for (; n > 0; n--) {
        const wf_ports at = wf_ports_at(strip, &clock);
        const size_t row = PAST + clock.t % WF_BLOCK;
        const int16_t *last = h->sample[row - 1] + MARGIN + WF_LANES - 1;
        neighbours v;
        TRY(wf_words_check(&strip->in, &strip->in.next, error));
        *at.out = (wf_upper){*last, last[-2 * ROW - 1], h->error[row - 1][ROW - 1], 0};
        h->sample[row - 1][MARGIN - 1] = at.in->sample;
        h->sample[row - 3][MARGIN - 2] = at.in->north;
        h->error[row - 1][MARGIN - 1] = at.in->error;
        find_neighbours(h, row, &v);
        if (interior) {
            strip->in.next = take_step(strip, h, bases, row, &v, NULL, strip->in.next);
        } else {
            const uint32_t starts = wf_lanes_at(strip, &clock, 0),
                           ends = wf_lanes_at(strip, &clock, strip->width - 1);
            patched p;
            uvec active;
            if (starts | ends)
                patch_row_ends(starts, ends, &v, &p);
            spread_mask(wf_active_lanes(strip, &clock), active);
            strip->in.next = take_step(strip, h, bases, row, &v, active, strip->in.next);
        }
        const int16_t own = h->sample[row][MARGIN];
        *at.own = (wf_upper){own, own, 0, 0};
        wf_advance(&clock, strip, 1);
    }
    return MIC_OK;
}

/* ---- strips ------------------------------------------------------------ */

static void open_history(const wf_strip *strip, history *h)
{
    const int16_t bias = wf_bias(strip->decoder->model.max_value);
    memset(h, 0, sizeof *h);
    for (size_t row = 0; row < PAST; row++)
        for (size_t i = 0; i < ROW; i++)
            h->sample[row][i] = bias;
    for (int i = 0; i < WF_LANES; i++) {
        h->high[i] = (uint16_t)(strip->states[i] >> 16);
        h->low[i] = (uint16_t)strip->states[i];
    }
}

/* Transpose four steps of four lanes: in[k] is step k, out[k] becomes lane k. */
MIC_INLINE void transpose_four(const uint64_t in[4], uint64_t out[4])
{
    const uint64_t even = 0x0000FFFF0000FFFF, low = 0x00000000FFFFFFFF;
    uint64_t a = (in[0] & even) | (in[1] & even) << 16, b = (in[0] >> 16 & even) | (in[1] & ~even);
    uint64_t c = (in[2] & even) | (in[3] & even) << 16, d = (in[2] >> 16 & even) | (in[3] & ~even);
    out[0] = (a & low) | c << 32;
    out[1] = (b & low) | d << 32;
    out[2] = a >> 32 | (c & ~low);
    out[3] = b >> 32 | (d & ~low);
}

MIC_INLINE void transpose_block(const uint16_t steps[WF_BLOCK][WF_LANES], uint16_t rows[WF_LANES][WF_BLOCK])
{
    for (int s = 0; s < WF_BLOCK; s += 4)
        for (int i = 0; i < WF_LANES; i += 4) {
            uint64_t in[4], out[4];
            for (int k = 0; k < 4; k++)
                in[k] = load_u64(&steps[s + k][i]);
            transpose_four(in, out);
            for (int k = 0; k < 4; k++)
                store_u64(&rows[i + k][s], out[k]);
        }
}

/* Store the steps up to t in the image.  The last ones are kept for the next block. */
static void flush_block(const wf_strip *strip, history *h, size_t t)
{
    const wf_model *m = &strip->decoder->model;
    const uint16_t bias = (uint16_t)wf_bias(m->max_value);
    const size_t first = (t - 1) / WF_BLOCK * WF_BLOCK;
    uint16_t steps[WF_BLOCK][WF_LANES], rows[WF_LANES][WF_BLOCK];
    for (int s = 0; s < WF_BLOCK; s++)
        for (int i = 0; i < WF_LANES; i++)
            steps[s][i] = (uint16_t)((uint16_t)(h->sample[PAST + s][MARGIN + i] - bias) >> m->fraction_bits);
    transpose_block(steps, rows);
    mic_wf_store_block(strip, first, t - first, rows);
    memcpy(h->sample, h->sample[WF_BLOCK], PAST * sizeof h->sample[0]);
    memcpy(h->error, h->error[WF_BLOCK], PAST * sizeof h->error[0]);
}

static mic_status decode_steps(wf_strip *strip, mic_error *error)
{
    const wf_model *m = &strip->decoder->model;
    uint32_t bases[WF_BUCKETS];
    history h;
    open_history(strip, &h);
    for (unsigned b = 0; b < WF_BUCKETS; b++)
        bases[b] = (uint32_t)m->context[b] << m->table_log;
    for (wf_clock clock = {0}; clock.t < strip->n_steps;) {
        size_t n = mic_wf_interior_steps(strip, &clock);
        if (n > 0) {
            TRY(run(strip, &h, bases, true, clock, n, error));
        } else {
            n = min_size(wf_edge_steps(strip, &clock), strip->n_steps - clock.t);
            TRY(run(strip, &h, bases, false, clock, n, error));
        }
        wf_advance(&clock, strip, n);
        if (clock.t % WF_BLOCK == 0 || clock.t == strip->n_steps)
            flush_block(strip, &h, clock.t);
    }
    for (int i = 0; i < WF_LANES; i++)
        strip->states[i] = (uint32_t)h.high[i] << 16 | h.low[i];
    return MIC_OK;
}

mic_status mic_wf_decode_strips_scalar(const wf_decoder *decoder, const wf_strip_job *jobs, size_t n_jobs,
                                       size_t width, mic_error *error)
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
