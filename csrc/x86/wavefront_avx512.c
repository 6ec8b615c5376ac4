/* SPDX-License-Identifier: MIT
 *
 * The decoder of wavefront strips for AVX-512 with VBMI2; equal to wavefront_decode.c bit
 * for bit.
 *
 * A vector holds one 16-bit value per lane; a state is two such halves.  Only table entries
 * and their indexes are wider: those of the even lanes are in one register and those of the
 * odd lanes in another.  So going between the two widths takes a mask or a shift by 16,
 * never a move across 128-bit parts (which costs 3-4 cycles each on the path from one
 * sample to the next).
 */
#include "kernels_x86.h"
#include "wavefront_avx512.h"

#if defined(MIC_X86)

#include "wavefront_formulas_x86.h"

typedef lane_state lanes;

/* Values that stay the same throughout a strip. */
typedef struct constants {
    formula f;
    __m512i bases[2]; /* table index of a bucket, by the low 5 bits of its float exponent */
    __m512i slot_mask;
    __m512i direct;
    __m512i table_log;
    __m128i fraction_bits, table_log_count;
    unsigned direct_log;
    const uint32_t *table;
} constants;

#define TRACKS 2
#define TRACK_TARGET ISA
#include "../wavefront/wavefront_tracks.h"

/* Lane i gets lane i-1; lane 0 gets *first.  The load reads two values, which is safe
 * because every wf_upper in use is followed by another one. */
MIC_AVX512_INLINE __m512i rotate_lanes(__m512i v, const int16_t *first)
{
    const __m512i previous = _mm512_set_epi16(30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15,
                                              14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 31);
    __m512i lane_0 = _mm512_castsi128_si512(_mm_cvtsi32_si128((int)load_u32(first)));
    return _mm512_mask_permutexvar_epi16(lane_0, ~1u, previous, v);
}

/* Store the first lanes of three vectors side by side. */
MIC_AVX512_INLINE void store_upper(wf_upper *out, __m512i sample, __m512i north, __m512i error)
{
    __m128i pair = _mm_unpacklo_epi16(_mm512_castsi512_si128(sample), _mm512_castsi512_si128(north));
    _mm_storel_epi64((__m128i *)out, _mm_unpacklo_epi32(pair, _mm512_castsi512_si128(error)));
}

/* The same for the last lanes (word 7 of the top 128 bits). */
MIC_AVX512_INLINE void store_last(wf_upper *out, __m512i sample, __m512i north, __m512i error)
{
    const __m512i pair = _mm512_set1_epi32(31 | 63 << 16);
    __m512i v = _mm512_permutex2var_epi16(sample, pair, north);
    v = _mm512_mask_permutexvar_epi16(v, 4, pair, error);
    _mm_storel_epi64((__m128i *)out, _mm512_castsi512_si128(v));
}

MIC_AVX512_INLINE void find_all_neighbours(lanes *s, const wf_ports *at, neighbours *v)
{
    store_last(at->out, s->sample, s->north, s->error); /* first: with 64 columns lane 0 needs it now */
    find_neighbours(s, rotate_lanes(s->sample, &at->in->sample), rotate_lanes(s->north, &at->in->north),
                    rotate_lanes(s->error, &at->in->error), v);
}

/* Table indexes for 16 lanes; the low bits of `states` are the slots.  The exponent and
 * first mantissa bit of a float are its half octave, and the table of bases is rotated by
 * the exponent's offset. */
MIC_AVX512_INLINE __m512i table_index(const constants *c, __m512i activity, __m512i states)
{
    __m512i bucket = _mm512_srli_epi32(_mm512_castps_si512(_mm512_cvtepi32_ps(activity)), 22);
    __m512i base = _mm512_permutex2var_epi32(c->bases[0], bucket, c->bases[1]);
    return _mm512_ternarylogic_epi32(base, states, c->slot_mask, 0xF8); /* base | (states & mask) */
}

/* Collect the low or the high halves of the 32-bit values in even and odd lanes, each with
 * one move by two bytes. */
MIC_AVX512_INLINE __m512i low_halves(__m512i even, __m512i odd)
{
    return _mm512_mask_alignr_epi8(even, 0xCCCCCCCCCCCCCCCC, odd, odd, 14);
}
MIC_AVX512_INLINE __m512i high_halves(__m512i even, __m512i odd)
{
    return _mm512_mask_alignr_epi8(odd, 0x3333333333333333, even, even, 2);
}

/* Each lane whose state is below 2^16 (set in `takes`) takes one word; lanes take their
 * words in order. */
MIC_AVX512_INLINE const uint8_t *take_words(lanes *s, __mmask32 takes, const uint8_t *next)
{
    s->high = _mm512_mask_mov_epi16(s->high, takes, s->low);
    s->low = _mm512_mask_expand_epi16(s->low, takes, _mm512_loadu_si512(next));
    return next + 2 * (size_t)_mm_popcnt_u32(takes);
}

/* x = frequency * (x >> table_log) + offset, computed in 16-bit halves.  The product takes
 * two multiplications for the low half of x >> table_log and one for the high half; none
 * overflows, because the new x fits 32 bits. */
MIC_AVX512_INLINE const uint8_t *advance_states(const constants *c, lanes *s, __m512i entry_high,
                                                __m512i entry_low, __mmask32 active, const uint8_t *next)
{
    const __m512i twelve_bits = _mm512_set1_epi16(0xFFF);
    __m512i frequency = _mm512_and_si512(entry_low, twelve_bits);
    __m512i offset = _mm512_and_si512(_mm512_shldi_epi16(entry_high, entry_low, 4), twelve_bits);
    __m512i x_low = _mm512_shrdv_epi16(s->low, s->high, c->table_log);
    __m512i x_high = _mm512_srl_epi16(s->high, c->table_log_count);
    __m512i high = _mm512_add_epi16(_mm512_mulhi_epu16(frequency, x_low),
                                    _mm512_mullo_epi16(frequency, x_high));
    __m512i low = _mm512_add_epi16(_mm512_mullo_epi16(frequency, x_low), offset);
    __mmask32 carry = _mm512_cmplt_epu16_mask(low, offset);
    high = _mm512_mask_sub_epi16(high, carry, high, _mm512_set1_epi16(-1));
    s->high = _mm512_mask_mov_epi16(s->high, active, high);
    s->low = _mm512_mask_mov_epi16(s->low, active, low);
    return take_words(s, _mm512_testn_epi16_mask(s->high, s->high), next);
}

/* Take the raw bits of the escaped lanes and put the magnitudes together. */
MIC_AVX512_INLINE const uint8_t *take_raw_bits(const constants *c, lanes *s, __mmask32 escaped,
                                               __m512i *residual, const uint8_t *next)
{
    __m512i j = _mm512_sub_epi16(_mm512_abs_epi16(*residual), c->direct);
    __m512i n = _mm512_add_epi16(_mm512_srli_epi16(j, 2), _mm512_set1_epi16((short)(c->direct_log - 2)));
    n = _mm512_maskz_mov_epi16(escaped, n);
    __m512i raw = _mm512_andnot_si512(_mm512_sllv_epi16(_mm512_set1_epi16(-1), n), s->low);
    s->low = _mm512_shrdv_epi16(s->low, s->high, n);
    s->high = _mm512_srlv_epi16(s->high, n);
    __m512i mantissa = _mm512_add_epi16(_mm512_set1_epi16(4), _mm512_and_si512(j, _mm512_set1_epi16(3)));
    __m512i magnitude = _mm512_or_si512(_mm512_sllv_epi16(mantissa, n), raw);
    __mmask32 negative = _mm512_movepi16_mask(*residual);
    *residual = _mm512_mask_mov_epi16(*residual, escaped, magnitude);
    *residual = _mm512_mask_sub_epi16(*residual, escaped & negative, _mm512_setzero_si512(), magnitude);
    return take_words(s, _mm512_testn_epi16_mask(s->high, s->high), next);
}

/* ---- runs of steps ----------------------------------------------------- */

/* A step in progress. */
typedef struct step_state {
    neighbours v;
    sample_parts parts;
    __m512i even, odd; /* table indexes, then entries */
    __mmask32 active;  /* the other lanes keep their states */
} step_state;

/* Compute a step as far as the table indexes.  `interior` means no row ends, and all lanes
 * are active. */
MIC_AVX512_INLINE void begin_step(const wf_track *track, const constants *c, bool interior, bool median,
                                  const wf_clock *clock, lanes *s, carried *k, step_state *p)
{
    const wf_strip *strip = &track->strip;
    const wf_ports at = wf_ports_at(strip, clock);
    p->active = ~0u;
    find_all_neighbours(s, &at, &p->v);
    if (!interior) {
        patch_row_ends(&p->v, wf_lanes_at(strip, clock, 0), wf_lanes_at(strip, clock, strip->width - 1));
        p->active = wf_active_lanes(strip, clock);
        *k = carry(p->v.n, p->v.nw, p->v.e_n, p->v.e_nw);
    }
    p->parts.prediction = predict(&c->f, &p->v, median);
    __m512i activity = measure_activity(&p->v, k);
    p->even = table_index(c, even_of(activity), s->low);
    p->odd = table_index(c, odd_of(activity), odd_of(s->low));
}

/* Finish a step: from the table entries to one sample in every lane. */
MIC_AVX512_INLINE const uint8_t *end_step(const wf_track *track, const constants *c, const wf_clock *clock,
                                          lanes *s, step_state *p, const uint8_t *next, uint16_t *out)
{
    __m512i entry_high = high_halves(p->even, p->odd);
    next = advance_states(c, s, entry_high, low_halves(p->even, p->odd), p->active, next);
    p->parts.residual = _mm512_srai_epi16(entry_high, 8);
    __mmask32 escaped = _mm512_mask_cmpge_epi16_mask(p->active, _mm512_abs_epi16(p->parts.residual),
                                                     c->direct);
    if (MIC_UNLIKELY(escaped))
        next = take_raw_bits(c, s, escaped, &p->parts.residual, next);
    reconstruct(&c->f, c->fraction_bits, s, &p->v, &p->parts, out);
    if (clock->band == 0)
        store_upper(wf_ports_at(&track->strip, clock).own, s->sample, s->sample, V_ZERO());
    return next;
}

/* Decode one strip, or two at once: a step spends most of its time waiting for its own
 * results, and a second step fills the gaps.  The halves of the two steps alternate.
 * Processors look ahead in program order, and not far enough to find the second step behind
 * the whole of the first; alternating is 1.17 times as fast.  The same holds for the two
 * gathers. */
MIC_AVX512_INLINE mic_status run(wf_track *tracks, const constants *constant, bool pair, bool interior,
                                 bool median, wf_clock clock, size_t n, mic_error *error)
{
    const constants c = *constant;
    wf_track *x = &tracks[0], *y = pair ? &tracks[1] : x;
    const uint8_t *x_next = x->strip.in.next, *y_next = y->strip.in.next;
    lanes x_state = x->state, y_state = y->state;
    carried x_carried = carry_from(&x_state), y_carried = carry_from(&y_state);
    step_state p, q;
    for (; n > 0; n--) {
        const size_t place = clock.t % WF_BLOCK * WF_LANES;
        TRY(wf_words_check(&x->strip.in, &x_next, error));
        if (pair)
            TRY(wf_words_check(&y->strip.in, &y_next, error));
        begin_step(x, &c, interior, median, &clock, &x_state, &x_carried, &p);
        if (pair)
            begin_step(y, &c, interior, median, &clock, &y_state, &y_carried, &q);
        p.even = _mm512_i32gather_epi32(p.even, c.table, 4);
        if (pair)
            q.even = _mm512_i32gather_epi32(q.even, c.table, 4);
        p.odd = _mm512_i32gather_epi32(p.odd, c.table, 4);
        if (pair)
            q.odd = _mm512_i32gather_epi32(q.odd, c.table, 4);
        x_next = end_step(x, &c, &clock, &x_state, &p, x_next, x->steps + place);
        if (pair)
            y_next = end_step(y, &c, &clock, &y_state, &q, y_next, y->steps + place);
        wf_advance(&clock, &x->strip, 1);
    }
    x->state = x_state;
    x->strip.in.next = x_next;
    if (pair) {
        y->state = y_state;
        y->strip.in.next = y_next;
    }
    return MIC_OK;
}

/* ---- strip ------------------------------------------------------------- */

MIC_AVX512 static void set_constants(const wf_decoder *decoder, constants *c)
{
    const wf_model *m = &decoder->model;
    uint32_t bases[WF_BUCKETS];
    for (unsigned b = 0; b < WF_BUCKETS; b++) /* a float's exponent is offset by 127: 254 half octaves */
        bases[(b + 254) % WF_BUCKETS] = (uint32_t)m->context[b] << m->table_log;
    c->f = formula_of(m);
    c->bases[0] = _mm512_loadu_si512(bases);
    c->bases[1] = _mm512_loadu_si512(bases + 16);
    c->slot_mask = _mm512_set1_epi32((1 << m->table_log) - 1);
    c->direct = _mm512_set1_epi16((short)(1 << m->direct_log));
    c->table_log = _mm512_set1_epi16((short)m->table_log);
    c->fraction_bits = shift_by(m->fraction_bits);
    c->table_log_count = _mm_cvtsi32_si128((int)m->table_log);
    c->direct_log = m->direct_log;
    c->table = decoder->table;
}

MIC_AVX512 static void open_lanes(const uint32_t states[WF_LANES], const constants *c, lanes *s)
{
    *s = open_lane_state(&c->f, states);
}

MIC_AVX512 static void store_states(const lanes *s, uint32_t states[WF_LANES])
{
    store_lane_state(s, states);
}

MIC_AVX512 static void flush_block(const wf_track *track, size_t t)
{
    uint16_t rows[WF_LANES][WF_BLOCK];
    size_t first = (t - 1) / WF_BLOCK * WF_BLOCK;
    uint16_t *out = mic_wf_whole_block(&track->strip, first, t - first);
    if (out) {
        transpose_block(track->steps, WF_LANES, out, track->strip.width - WF_SKEW);
        return;
    }
    transpose_block(track->steps, WF_LANES, rows[0], WF_BLOCK);
    mic_wf_store_block(&track->strip, first, t - first, rows);
}

mic_status mic_wf_decode_strips_avx512(const wf_decoder *decoder, const wf_strip_job *jobs, size_t n_jobs,
                                       size_t width, mic_error *error)
{
    return decode_strips(decoder, jobs, n_jobs, width, error);
}

#else
typedef int mic_wavefront_avx512_is_not_for_this_machine;
#endif
