/* SPDX-License-Identifier: MIT
 *
 * The decoder of wavefront strips for AVX2; equal to wavefront_decode.c bit for bit.
 *
 * The 32 lanes are two halves of 16, with one 16-bit value per lane and register; a state
 * is two such values.  Only table entries and their indexes are wider: those of the even
 * lanes are in one register and those of the odd lanes in another, so that going between
 * the two widths takes only a shift by 16 and a blend.
 */
#include "kernels_x86.h"
#include "../wavefront/wavefront_lanes.h"
#include "../wavefront/wavefront_spread.h"

#if defined(MIC_X86)
#define VEC_BITS 256
#include "wavefront_formulas_x86.h"

/* Forces a small array into memory.  Otherwise compilers replace store-then-load with moves
 * between vector and integer registers, which are half as fast.  MSVC cannot be told. */
#if defined(__GNUC__) || defined(__clang__)
#define KEEP_IN_MEMORY(array) __asm__ volatile("" : "+m"(array))
#else
#define KEEP_IN_MEMORY(array) (void)(array)
#endif

typedef struct lanes {
    lane_state half[2];
} lanes;

/* Passed between the parts of a step, for 16 lanes: predictions, indexes of table entries,
 * residuals. */
typedef struct half_step {
    sample_parts parts;
    __m256i escaped;
    uint64_t indexes[8];
} half_step;

typedef struct constants {
    formula f;
    __m256i contexts[2]; /* bytes for buckets 0..15 and 16..31, in both 128-bit parts */
    __m256i slot_mask, direct, largest_direct, raw_offset;
    __m128i fraction_bits, table_log, rest_log; /* rest_log: 16 - table_log */
    const uint32_t *table;
} constants;

#define TRACKS 2
#define TRACK_TARGET ISA
#include "../wavefront/wavefront_tracks.h"

/* ---- neighbours -------------------------------------------------------- */

MIC_AVX2_INLINE int16_t last_of(__m256i v) { return (int16_t)_mm256_extract_epi16(v, 15); }

/* Lane i gets lane i-1; lane 0 gets `first`. */
MIC_AVX2_INLINE __m256i shift_low(__m256i low, int16_t first)
{
    __m256i below = _mm256_permute2x128_si256(low, low, 0x08);
    return _mm256_insert_epi16(_mm256_alignr_epi8(low, below, 14), first, 0);
}

MIC_AVX2_INLINE void find_all_neighbours(lane_state s[2], const wf_ports *at, neighbours v[2])
{
    *at->out = (wf_upper){last_of(s[1].sample), last_of(s[1].north), last_of(s[1].error), 0};
    __m256i ne = shift_in(s[0].sample, s[1].sample), nne = shift_in(s[0].north, s[1].north);
    __m256i e_ne = shift_in(s[0].error, s[1].error);
    find_neighbours(&s[0], shift_low(s[0].sample, at->in->sample), shift_low(s[0].north, at->in->north),
                    shift_low(s[0].error, at->in->error), &v[0]);
    find_neighbours(&s[1], ne, nne, e_ne, &v[1]);
}

/* Put the high halves of 32-bit lanes side by side. */
MIC_AVX2_INLINE __m256i merge_high(__m256i even, __m256i odd)
{
    return _mm256_blend_epi16(_mm256_srli_epi32(even, 16), odd, 0xAA);
}

/* ---- states ------------------------------------------------------------ */

/* Table indexes for 8 lanes; the low bits of `states` are the slots.  The exponent and
 * first mantissa bit of a float are its half octave, 254 too high.  vpshufb looks up one of
 * 16 bytes and gives 0 where bit 7 of an index is set: 112 + bucket sets that bit from
 * bucket 16 on, and with the bit inverted it is set below 16.  In the upper three bytes of
 * a lane both look-ups give 0. */
MIC_AVX2_INLINE __m256i table_index(const constants *c, __m256i activity, __m256i states)
{
    __m256i exponent = _mm256_srli_epi32(_mm256_castps_si256(_mm256_cvtepi32_ps(activity)), 22);
    __m256i below = _mm256_sub_epi32(exponent, _mm256_set1_epi32(254 - 112));
    __m256i above = _mm256_xor_si256(below, _mm256_set1_epi8(-128));
    __m256i context = _mm256_or_si256(_mm256_shuffle_epi8(c->contexts[0], below),
                                      _mm256_shuffle_epi8(c->contexts[1], above));
    return _mm256_or_si256(_mm256_sll_epi32(context, c->table_log), _mm256_and_si256(states, c->slot_mask));
}

/* vpgatherdd is slower: it is microcoded on AMD processors. */
MIC_AVX2_INLINE __m128i load_four(const uint32_t *table, uint64_t a, uint64_t b)
{
    __m128i x = _mm_cvtsi32_si128((int)table[(uint32_t)a]), y = _mm_cvtsi32_si128((int)table[(uint32_t)b]);
    x = _mm_insert_epi32(x, (int)table[a >> 32], 1);
    y = _mm_insert_epi32(y, (int)table[b >> 32], 1);
    return _mm_unpacklo_epi64(x, y);
}

MIC_AVX2_INLINE __m256i load_entries(const uint32_t *table, const uint64_t indexes[4])
{
    return _mm256_inserti128_si256(_mm256_castsi128_si256(load_four(table, indexes[0], indexes[1])),
                                   load_four(table, indexes[2], indexes[3]), 1);
}

/* Table indexes for 16 lanes: the even lanes first, then the odd ones. */
MIC_AVX2_INLINE void find_entries(const constants *c, __m256i activity, __m256i states, uint64_t indexes[8])
{
    __m256i even = table_index(c, even_of(activity), states);
    __m256i odd = table_index(c, odd_of(activity), odd_of(states));
    _mm256_storeu_si256((__m256i *)indexes, even);
    _mm256_storeu_si256((__m256i *)(indexes + 4), odd);
}

/* Load the entries and split them into their 16-bit halves. */
MIC_AVX2_INLINE void look_up(const constants *c, const uint64_t indexes[8], __m256i *high, __m256i *low)
{
    __m256i even = load_entries(c->table, indexes), odd = load_entries(c->table, indexes + 4);
    *low = merge_low(even, odd);
    *high = merge_high(even, odd);
}

/* x = frequency * (x >> table_log) + offset, computed in 16-bit halves.  The product takes
 * two multiplications for the low half of x >> table_log and one for the high half; none
 * overflows, because the new x fits 32 bits.  The offset is below 2^15, so adding it
 * carries where the highest bit of the low half goes from 1 to 0. */
MIC_AVX2_INLINE void advance_states(const constants *c, lane_state *s, __m256i entry_high, __m256i entry_low)
{
    const __m256i twelve_bits = _mm256_set1_epi16(0xFFF);
    __m256i frequency = _mm256_and_si256(entry_low, twelve_bits);
    __m256i offset = _mm256_or_si256(_mm256_slli_epi16(entry_high, 4), _mm256_srli_epi16(entry_low, 12));
    offset = _mm256_and_si256(offset, twelve_bits);
    __m256i x_low = _mm256_or_si256(_mm256_srl_epi16(s->low, c->table_log),
                                    _mm256_sll_epi16(s->high, c->rest_log));
    __m256i x_high = _mm256_srl_epi16(s->high, c->table_log);
    __m256i high = _mm256_add_epi16(_mm256_mulhi_epu16(frequency, x_low),
                                    _mm256_mullo_epi16(frequency, x_high));
    __m256i low = _mm256_mullo_epi16(frequency, x_low);
    s->low = _mm256_add_epi16(low, offset);
    s->high = _mm256_add_epi16(high, _mm256_srli_epi16(_mm256_andnot_si256(s->low, low), 15));
}

MIC_AVX2_INLINE __m128i spread_words(unsigned mask, const uint8_t **next)
{
    __m128i words = _mm_loadu_si128((const __m128i *)*next);
    *next += 2 * (size_t)_mm_popcnt_u32(mask);
    return _mm_shuffle_epi8(words, _mm_loadu_si128((const __m128i *)wf_spread[mask]));
}

/* A state below 2^16 takes one word; lanes take their words in order. */
MIC_AVX2_INLINE const uint8_t *renormalise(lane_state s[2], const uint8_t *next)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i takes[2] = {_mm256_cmpeq_epi16(s[0].high, zero), _mm256_cmpeq_epi16(s[1].high, zero)};
    /* the bytes stand for lanes 0-7, 16-23, 8-15, 24-31 */
    unsigned mask = (unsigned)_mm256_movemask_epi8(_mm256_packs_epi16(takes[0], takes[1]));
    __m128i a = spread_words(mask & 255, &next), b = spread_words(mask >> 16 & 255, &next);
    __m128i d = spread_words(mask >> 8 & 255, &next), e = spread_words(mask >> 24, &next);
    __m256i words[2] = {_mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1),
                        _mm256_inserti128_si256(_mm256_castsi128_si256(d), e, 1)};
    for (int h = 0; h < 2; h++) {
        s[h].high = _mm256_blendv_epi8(s[h].high, s[h].low, takes[h]);
        s[h].low = _mm256_blendv_epi8(s[h].low, words[h], takes[h]);
    }
    return next;
}

/* ---- the parts of a step ----------------------------------------------- */

/* Turn table entries into symbols and new states. */
MIC_AVX2_INLINE void decode_symbols(const constants *c, lane_state *s, bool all_active, uint32_t active_lanes,
                                    half_step *step)
{
    __m256i entry_high, entry_low, high = s->high, low = s->low;
    look_up(c, step->indexes, &entry_high, &entry_low);
    advance_states(c, s, entry_high, entry_low);
    step->parts.residual = _mm256_srai_epi16(entry_high, 8);
    step->escaped = _mm256_cmpgt_epi16(_mm256_abs_epi16(step->parts.residual), c->largest_direct);
    if (!all_active) {
        __m256i active = lanes_of(active_lanes);
        s->high = _mm256_blendv_epi8(high, s->high, active);
        s->low = _mm256_blendv_epi8(low, s->low, active);
        step->escaped = _mm256_and_si256(step->escaped, active);
    }
}

/* Magnitudes of the escapes in 8 lanes, whose lower bits are taken off the states. */
MIC_AVX2_INLINE __m256i magnitudes(const constants *c, __m256i j, __m256i escaped, __m256i *states)
{
    __m256i n = _mm256_and_si256(_mm256_add_epi32(_mm256_srli_epi32(j, 2), c->raw_offset), escaped);
    __m256i raw = _mm256_andnot_si256(_mm256_sllv_epi32(_mm256_set1_epi32(-1), n), *states);
    __m256i mantissa = _mm256_add_epi32(_mm256_set1_epi32(4), _mm256_and_si256(j, _mm256_set1_epi32(3)));
    *states = _mm256_srlv_epi32(*states, n);
    return _mm256_or_si256(_mm256_sllv_epi32(mantissa, n), raw);
}

/* Take the raw bits of one half of the lanes.  AVX2 shifts by a count per lane only in
 * 32-bit lanes. */
MIC_AVX2_INLINE void take_raw_bits(const constants *c, lane_state *s, half_step *step)
{
    __m256i even = merge_low(s->low, s->high);
    __m256i odd = merge_high(s->low, s->high);
    __m256i j = _mm256_sub_epi16(_mm256_abs_epi16(step->parts.residual), c->direct), escaped = step->escaped;
    __m256i m_even = magnitudes(c, even_of(j), even_of(escaped), &even);
    __m256i m_odd = magnitudes(c, odd_of(j), odd_of(escaped), &odd);
    s->low = merge_low(even, odd);
    s->high = merge_high(even, odd);
    __m256i magnitude = merge_low(m_even, m_odd);
    magnitude = negate_if_below_0(magnitude, step->parts.residual);
    step->parts.residual = _mm256_blendv_epi8(step->parts.residual, magnitude, escaped);
}

/* ---- runs of steps ----------------------------------------------------- */

/* A step in progress. */
typedef struct step_state {
    neighbours v[2];
    half_step half[2];
    uint32_t active; /* the other lanes keep their states */
} step_state;

/* Compute a step as far as the table indexes.  `interior` means no row ends, and all lanes
 * are active. */
MIC_AVX2_INLINE void begin_step(const wf_track *track, const constants *c, bool interior, bool median,
                                const wf_clock *clock, lane_state s[2], carried k[2], step_state *p)
{
    const wf_strip *strip = &track->strip;
    const wf_ports at = wf_ports_at(strip, clock);
    p->active = ~0u;
    find_all_neighbours(s, &at, p->v);
    if (!interior) {
        uint32_t first = wf_lanes_at(strip, clock, 0), last = wf_lanes_at(strip, clock, strip->width - 1);
        patch_row_ends(&p->v[0], lanes_of(first), lanes_of(last));
        patch_row_ends(&p->v[1], lanes_of(first >> 16), lanes_of(last >> 16));
        p->active = wf_active_lanes(strip, clock);
        for (int h = 0; h < 2; h++)
            k[h] = carry(p->v[h].n, p->v[h].nw, p->v[h].e_n, p->v[h].e_nw);
    }
    for (int h = 0; h < 2; h++)
        find_entries(c, measure_activity(&p->v[h], &k[h]), s[h].low, p->half[h].indexes);
    KEEP_IN_MEMORY(p->half[0].indexes);
    KEEP_IN_MEMORY(p->half[1].indexes);
    for (int h = 0; h < 2; h++)
        p->half[h].parts.prediction = predict(&c->f, &p->v[h], median);
}

/* Finish a step: from the table entries to one sample in every lane. */
MIC_AVX2_INLINE const uint8_t *end_step(const wf_track *track, const constants *c, bool interior,
                                        const wf_clock *clock, lane_state s[2], step_state *p,
                                        const uint8_t *next, uint16_t *out)
{
    half_step *low = &p->half[0], *high = &p->half[1];
    decode_symbols(c, &s[0], interior, p->active, low);
    decode_symbols(c, &s[1], interior, p->active >> 16, high);
    next = renormalise(s, next);
    __m256i escaped = _mm256_or_si256(low->escaped, high->escaped);
    if (!_mm256_testz_si256(escaped, escaped)) {
        take_raw_bits(c, &s[0], low);
        take_raw_bits(c, &s[1], high);
        next = renormalise(s, next);
    }
    reconstruct(&c->f, c->fraction_bits, &s[0], &p->v[0], &low->parts, out);
    reconstruct(&c->f, c->fraction_bits, &s[1], &p->v[1], &high->parts, out + VEC_LANES);
    if (clock->band == 0) {
        int16_t own = (int16_t)_mm256_extract_epi16(s[0].sample, 0);
        *wf_ports_at(&track->strip, clock).own = (wf_upper){own, own, 0, 0};
    }
    return next;
}

/* Decode one strip, or two at once with the halves of their steps alternating; see
 * wavefront_avx512.c for the reason. */
MIC_AVX2_INLINE mic_status run(wf_track *tracks, const constants *constant, bool pair, bool interior,
                               bool median, wf_clock clock, size_t n, mic_error *error)
{
    const constants c = *constant;
    wf_track *x = &tracks[0], *y = pair ? &tracks[1] : x;
    const uint8_t *x_next = x->strip.in.next, *y_next = y->strip.in.next;
    lane_state x_state[2] = {x->state.half[0], x->state.half[1]},
               y_state[2] = {y->state.half[0], y->state.half[1]};
    carried x_carried[2] = {carry_from(&x_state[0]), carry_from(&x_state[1])};
    carried y_carried[2] = {carry_from(&y_state[0]), carry_from(&y_state[1])};
    step_state p, q;
    for (; n > 0; n--) {
        const size_t place = clock.t % WF_BLOCK * WF_LANES;
        TRY(wf_words_check(&x->strip.in, &x_next, error));
        if (pair)
            TRY(wf_words_check(&y->strip.in, &y_next, error));
        begin_step(x, &c, interior, median, &clock, x_state, x_carried, &p);
        if (pair)
            begin_step(y, &c, interior, median, &clock, y_state, y_carried, &q);
        x_next = end_step(x, &c, interior, &clock, x_state, &p, x_next, x->steps + place);
        if (pair)
            y_next = end_step(y, &c, interior, &clock, y_state, &q, y_next, y->steps + place);
        wf_advance(&clock, &x->strip, 1);
    }
    memcpy(x->state.half, x_state, sizeof x_state);
    x->strip.in.next = x_next;
    if (pair) {
        memcpy(y->state.half, y_state, sizeof y_state);
        y->strip.in.next = y_next;
    }
    return MIC_OK;
}

/* ---- transposition ----------------------------------------------------- */

/* Transpose eight steps of 16 lanes: each 128-bit part holds an 8 x 8 block. */
MIC_AVX2_INLINE void transpose_steps(const uint16_t *in, uint16_t *rows)
{
    __m256i a[8], b[8];
    for (int k = 0; k < 4; k++) {
        __m256i first = _mm256_loadu_si256((const __m256i *)(in + 2 * k * WF_LANES));
        __m256i second = _mm256_loadu_si256((const __m256i *)(in + (2 * k + 1) * WF_LANES));
        a[2 * k] = _mm256_unpacklo_epi16(first, second);
        a[2 * k + 1] = _mm256_unpackhi_epi16(first, second);
    }
    for (int k = 0; k < 2; k++)
        for (int h = 0; h < 2; h++) {
            b[4 * k + 2 * h] = _mm256_unpacklo_epi32(a[4 * k + h], a[4 * k + 2 + h]);
            b[4 * k + 2 * h + 1] = _mm256_unpackhi_epi32(a[4 * k + h], a[4 * k + 2 + h]);
        }
    for (int k = 0; k < 8; k++) {
        __m256i v = k & 1 ? _mm256_unpackhi_epi64(b[k / 2], b[4 + k / 2])
                          : _mm256_unpacklo_epi64(b[k / 2], b[4 + k / 2]);
        _mm_storeu_si128((__m128i *)(rows + k * WF_BLOCK), _mm256_castsi256_si128(v));
        _mm_storeu_si128((__m128i *)(rows + (8 + k) * WF_BLOCK), _mm256_extracti128_si256(v, 1));
    }
}

MIC_AVX2 static void flush_block(const wf_track *track, size_t t)
{
    uint16_t rows[WF_LANES][WF_BLOCK];
    size_t first = (t - 1) / WF_BLOCK * WF_BLOCK;
    for (int step = 0; step < WF_BLOCK; step += 8)
        for (int lane = 0; lane < WF_LANES; lane += 16)
            transpose_steps(track->steps + step * WF_LANES + lane, &rows[lane][step]);
    mic_wf_store_block(&track->strip, first, t - first, rows);
}

/* ---- strip ------------------------------------------------------------- */

MIC_AVX2 static void set_constants(const wf_decoder *decoder, constants *c)
{
    const wf_model *m = &decoder->model;
    for (unsigned i = 0; i < 2; i++)
        c->contexts[i] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(m->context + 16 * i)));
    c->f = formula_of(m);
    c->slot_mask = _mm256_set1_epi32((1 << m->table_log) - 1);
    c->rest_log = _mm_cvtsi32_si128(16 - (int)m->table_log);
    c->direct = _mm256_set1_epi16((short)(1 << m->direct_log));
    c->largest_direct = _mm256_set1_epi16((short)((1 << m->direct_log) - 1));
    c->raw_offset = _mm256_set1_epi32((int)m->direct_log - 2);
    c->fraction_bits = shift_by(m->fraction_bits);
    c->table_log = _mm_cvtsi32_si128((int)m->table_log);
    c->table = decoder->table;
}

MIC_AVX2 static void open_lanes(const uint32_t states[WF_LANES], const constants *c, lanes *all)
{
    for (int h = 0; h < 2; h++)
        all->half[h] = open_lane_state(&c->f, states + VEC_LANES * h);
}

MIC_AVX2 static void store_states(const lanes *all, uint32_t states[WF_LANES])
{
    for (int h = 0; h < 2; h++)
        store_lane_state(&all->half[h], states + VEC_LANES * h);
}

mic_status mic_wf_decode_strips_avx2(const wf_decoder *decoder, const wf_strip_job *jobs, size_t n_jobs,
                                     size_t width, mic_error *error)
{
    return decode_strips(decoder, jobs, n_jobs, width, error);
}

#else
typedef int mic_wavefront_avx2_is_not_for_this_machine;
#endif
