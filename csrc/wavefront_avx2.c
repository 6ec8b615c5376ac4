/* SPDX-License-Identifier: MIT
 *
 * The decoder of wavefront strips for AVX2; equal to wavefront_decode.c bit for bit.
 *
 * The 32 lanes are two halves of 16, one 16-bit value per lane and register; a
 * state is two such values.  Only the index of a table entry and the entry are
 * wider: entries of even and of odd lanes are in a register each, so that going
 * between the two widths takes a shift by 16 and a blend.
 */
#include "wavefront_lanes.h"

#if defined(MIC_X86)
#include <immintrin.h>

#define WF_AVX2 MIC_TARGET("avx2,bmi,bmi2,popcnt,lzcnt")
#define WF_AVX2_INLINE WF_AVX2 MIC_INLINE

/* Has a small array in memory: compilers turn stores followed by loads of parts of
 * them into moves between vectors and integers, which are half as fast. */
#define KEEP_IN_MEMORY(array) __asm__ volatile("" : "+m"(array))

/* What a step leaves for the next one, of 16 lanes. */
typedef struct half_lanes {
    __m256i sample, west_west, north_east, north, nn_east, error, error_north_east, error_north;
    __m256i high, low; /* halves of the states */
} half_lanes;

typedef struct half_neighbours {
    __m256i w, n, nw, ne, ww, nn, nne, e_w, e_n, e_nw, e_ne;
} half_neighbours;

/* Between the parts of a step: prediction, entries, residual of 16 lanes. */
typedef struct half_step {
    __m256i prediction, residual, escaped;
} half_step;

typedef struct constants {
    __m256i weights[WF_WEIGHTS];
    __m256i low, high, half, whole;
    __m256i contexts[2]; /* of the buckets 0..15 and 16..31, in bytes, twice */
    __m256i slot_mask, index_factors, direct, largest_direct, raw_offset;
    __m128i fraction_bits, table_log, rest_log; /* rest_log: 16 - table_log */
    const uint32_t *table;
} constants;

/* ---- neighbours -------------------------------------------------------- */

WF_AVX2_INLINE int16_t last_of(__m256i v) { return (int16_t)_mm256_extract_epi16(v, 15); }

/* Lane i gets lane i-1. */
WF_AVX2_INLINE __m256i shift_low(__m256i low, int16_t first)
{
    __m256i below = _mm256_permute2x128_si256(low, low, 0x08);
    return _mm256_insert_epi16(_mm256_alignr_epi8(low, below, 14), first, 0);
}
WF_AVX2_INLINE __m256i shift_high(__m256i low, __m256i high)
{
    return _mm256_alignr_epi8(high, _mm256_permute2x128_si256(low, high, 0x21), 14);
}

WF_AVX2_INLINE void find_neighbours(half_lanes *s, __m256i ne, __m256i nne, __m256i e_ne, half_neighbours *v)
{
    *v = (half_neighbours){.w = s->sample,
                           .n = s->north_east,
                           .nw = s->north,
                           .ne = ne,
                           .ww = s->west_west,
                           .nn = s->nn_east,
                           .nne = nne,
                           .e_w = s->error,
                           .e_n = s->error_north_east,
                           .e_nw = s->error_north,
                           .e_ne = e_ne};
    s->north_east = ne;
    s->north = v->n;
    s->nn_east = nne;
    s->error_north_east = e_ne;
    s->error_north = v->e_n;
}

WF_AVX2_INLINE void find_all_neighbours(half_lanes s[2], const wf_ports *at, half_neighbours v[2])
{
    *at->out = (wf_upper){last_of(s[1].sample), last_of(s[1].north), last_of(s[1].error), 0};
    __m256i ne = shift_high(s[0].sample, s[1].sample), nne = shift_high(s[0].north, s[1].north);
    __m256i e_ne = shift_high(s[0].error, s[1].error);
    find_neighbours(&s[0], shift_low(s[0].sample, at->in->sample), shift_low(s[0].north, at->in->north),
                    shift_low(s[0].error, at->in->error), &v[0]);
    find_neighbours(&s[1], ne, nne, e_ne, &v[1]);
}

/* All ones in the 16-bit lanes whose bit is set. */
WF_AVX2_INLINE __m256i lanes_of(uint32_t mask)
{
    const __m256i bit = _mm256_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384,
                                          INT16_MIN);
    return _mm256_cmpeq_epi16(_mm256_and_si256(_mm256_set1_epi16((short)mask), bit), bit);
}

WF_AVX2_INLINE void patch_row_ends(half_neighbours *v, uint32_t first_lanes, uint32_t last_lanes)
{
    __m256i first = lanes_of(first_lanes), last = lanes_of(last_lanes);
    v->w = _mm256_blendv_epi8(v->w, v->n, first);
    v->ww = _mm256_blendv_epi8(v->ww, v->n, first);
    v->nw = _mm256_blendv_epi8(v->nw, v->n, first);
    v->e_w = _mm256_andnot_si256(first, v->e_w);
    v->e_nw = _mm256_andnot_si256(first, v->e_nw);
    v->ne = _mm256_blendv_epi8(v->ne, v->n, last);
    v->nne = _mm256_blendv_epi8(v->nne, v->nn, last);
    v->e_ne = _mm256_blendv_epi8(v->e_ne, v->e_n, last);
}

/* ---- prediction and activity ------------------------------------------- */

WF_AVX2_INLINE __m256i weighted(__m256i neighbour, __m256i n, __m256i weight)
{
    return _mm256_mulhrs_epi16(_mm256_sub_epi16(neighbour, n), weight);
}

WF_AVX2_INLINE __m256i predict_linear(const constants *c, const half_neighbours *v)
{
    __m256i above = _mm256_add_epi16(weighted(v->nw, v->n, c->weights[1]), weighted(v->ne, v->n, c->weights[2]));
    __m256i far = _mm256_add_epi16(weighted(v->nn, v->n, c->weights[4]), weighted(v->nne, v->n, c->weights[5]));
    __m256i rest = _mm256_add_epi16(_mm256_add_epi16(above, far),
                                    _mm256_add_epi16(v->n, weighted(v->ww, v->n, c->weights[3])));
    __m256i p = _mm256_add_epi16(rest, weighted(v->w, v->n, c->weights[0]));
    return _mm256_max_epi16(c->low, _mm256_min_epi16(c->high, p));
}

WF_AVX2_INLINE __m256i predict_median(const half_neighbours *v)
{
    __m256i low = _mm256_min_epi16(v->w, v->n), high = _mm256_max_epi16(v->w, v->n);
    __m256i middle = _mm256_max_epi16(low, _mm256_min_epi16(high, v->nw));
    return _mm256_sub_epi16(_mm256_add_epi16(v->w, v->n), middle);
}

WF_AVX2_INLINE __m256i distance(__m256i a, __m256i b) { return _mm256_abs_epi16(_mm256_sub_epi16(a, b)); }

/* What the rows above add to the activity: NE of this step is N of the next one and
 * NW of the one after, so each term but NE's is carried from the step before. */
typedef struct carried {
    __m256i north; /* |e_n| */
    __m256i upper; /* 1 + |n - nw| + 2 |e_n| + |e_nw| */
} carried;

/* From neighbours that are patched, or at the start of a run, of the next step. */
WF_AVX2_INLINE carried carry(__m256i n, __m256i nw, __m256i e_n, __m256i e_nw)
{
    __m256i north = _mm256_abs_epi16(e_n), one = _mm256_set1_epi16(1);
    __m256i rest = _mm256_adds_epu16(distance(n, nw), _mm256_adds_epu16(_mm256_abs_epi16(e_nw), one));
    return (carried){north, _mm256_adds_epu16(rest, _mm256_adds_epu16(north, north))};
}

WF_AVX2_INLINE carried carry_from(const half_lanes *s)
{
    return carry(s->north_east, s->north, s->error_north_east, s->error_north);
}

/* All sums saturate, so their order does not matter. */
WF_AVX2_INLINE __m256i measure_activity(const half_neighbours *v, carried *k)
{
    __m256i north_east = _mm256_abs_epi16(v->e_ne), west = _mm256_abs_epi16(v->e_w);
    __m256i east = _mm256_adds_epu16(distance(v->ne, v->n), north_east);
    __m256i above = _mm256_adds_epu16(east, k->upper);
    __m256i next = _mm256_adds_epu16(_mm256_adds_epu16(north_east, k->north), _mm256_set1_epi16(1));
    *k = (carried){north_east, _mm256_adds_epu16(east, next)};
    __m256i left = _mm256_adds_epu16(distance(v->w, v->nw), _mm256_adds_epu16(west, west));
    return _mm256_adds_epu16(above, left);
}

/* ---- states ------------------------------------------------------------ */

/* Contexts of 16 lanes.  The exponent and first mantissa bit of a float are its
 * half octave, 254 too high.  vpshufb looks up in 16 bytes and gives 0 where bit 7
 * of an index is set: 112 + bucket reaches it from bucket 16 on, and with that
 * bit inverted below.  The upper bytes get 0 from both: context[0] is 0. */
WF_AVX2_INLINE __m256i find_contexts(const constants *c, __m256i activity)
{
    __m256i even = _mm256_castps_si256(_mm256_cvtepi32_ps(_mm256_and_si256(activity, _mm256_set1_epi32(0xFFFF))));
    __m256i odd = _mm256_castps_si256(_mm256_cvtepi32_ps(_mm256_srli_epi32(activity, 16)));
    __m256i exponent = _mm256_srli_epi16(_mm256_blend_epi16(_mm256_srli_epi32(even, 16), odd, 0xAA), 6);
    __m256i index = _mm256_sub_epi16(exponent, _mm256_set1_epi16(254 - 112));
    __m256i inverted = _mm256_xor_si256(index, _mm256_set1_epi8(-128));
    return _mm256_or_si256(_mm256_shuffle_epi8(c->contexts[0], index), _mm256_shuffle_epi8(c->contexts[1], inverted));
}

/* Entries of the even or (shift = 32) odd lanes of 8; indexes[i] holds those of
 * lanes 2i and 2i+1.  vpgatherdd is slower: microcode on AMD's machines. */
WF_AVX2_INLINE __m128i load_entries(const uint32_t *table, const uint64_t indexes[4], int shift)
{
    __m128i a = _mm_cvtsi32_si128((int)table[(uint32_t)(indexes[0] >> shift)]);
    __m128i b = _mm_cvtsi32_si128((int)table[(uint32_t)(indexes[2] >> shift)]);
    a = _mm_insert_epi32(a, (int)table[(uint32_t)(indexes[1] >> shift)], 1);
    b = _mm_insert_epi32(b, (int)table[(uint32_t)(indexes[3] >> shift)], 1);
    return _mm_unpacklo_epi64(a, b);
}

/* Entries by context and slot, split into their halves of 16 bits. */
WF_AVX2_INLINE void look_up(const constants *c, __m256i context, __m256i states, __m256i *high, __m256i *low)
{
    uint64_t indexes[8]; /* of lanes 0-3, 8-11, 4-7, 12-15 */
    __m256i slot = _mm256_and_si256(states, c->slot_mask);
    __m256i first = _mm256_madd_epi16(_mm256_unpacklo_epi16(slot, context), c->index_factors);
    __m256i second = _mm256_madd_epi16(_mm256_unpackhi_epi16(slot, context), c->index_factors);
    _mm_storeu_si128((__m128i *)indexes, _mm256_castsi256_si128(first));
    _mm_storeu_si128((__m128i *)(indexes + 2), _mm256_castsi256_si128(second));
    _mm_storeu_si128((__m128i *)(indexes + 4), _mm256_extracti128_si256(first, 1));
    _mm_storeu_si128((__m128i *)(indexes + 6), _mm256_extracti128_si256(second, 1));
    KEEP_IN_MEMORY(indexes);
    __m256i even = _mm256_inserti128_si256(_mm256_castsi128_si256(load_entries(c->table, indexes, 0)),
                                           load_entries(c->table, indexes + 4, 0), 1);
    __m256i odd = _mm256_inserti128_si256(_mm256_castsi128_si256(load_entries(c->table, indexes, 32)),
                                          load_entries(c->table, indexes + 4, 32), 1);
    *low = _mm256_blend_epi16(even, _mm256_slli_epi32(odd, 16), 0xAA);
    *high = _mm256_blend_epi16(_mm256_srli_epi32(even, 16), odd, 0xAA);
}

/* x = frequency * (x >> table_log) + offset.  In 16 bits: the product's halves are
 * two multiplications for the low half of x >> table_log and one for the high
 * half, which overflow nowhere as the new x fits 32 bits.  Adding the offset, below
 * 2^15, carries where the highest bit of the sum's low half goes from 1 to 0. */
WF_AVX2_INLINE void advance_states(const constants *c, half_lanes *s, __m256i entry_high, __m256i entry_low)
{
    const __m256i twelve_bits = _mm256_set1_epi16(0xFFF);
    __m256i frequency = _mm256_and_si256(entry_low, twelve_bits);
    __m256i offset = _mm256_or_si256(_mm256_slli_epi16(entry_high, 4), _mm256_srli_epi16(entry_low, 12));
    offset = _mm256_and_si256(offset, twelve_bits);
    __m256i x_low = _mm256_or_si256(_mm256_srl_epi16(s->low, c->table_log), _mm256_sll_epi16(s->high, c->rest_log));
    __m256i x_high = _mm256_srl_epi16(s->high, c->table_log);
    __m256i high = _mm256_add_epi16(_mm256_mulhi_epu16(frequency, x_low), _mm256_mullo_epi16(frequency, x_high));
    __m256i low = _mm256_mullo_epi16(frequency, x_low);
    s->low = _mm256_add_epi16(low, offset);
    s->high = _mm256_add_epi16(high, _mm256_srli_epi16(_mm256_andnot_si256(s->low, low), 15));
}

/* Byte positions that bring the next words to the lanes of a mask, in order. */
#define BIT(m, k) ((m) >> (k) & 1)
#define RANK1(m) BIT(m, 0)
#define RANK2(m) (RANK1(m) + BIT(m, 1))
#define RANK3(m) (RANK2(m) + BIT(m, 2))
#define RANK4(m) (RANK3(m) + BIT(m, 3))
#define RANK5(m) (RANK4(m) + BIT(m, 4))
#define RANK6(m) (RANK5(m) + BIT(m, 5))
#define RANK7(m) (RANK6(m) + BIT(m, 6))
#define WORD(rank) 2 * (rank), 2 * (rank) + 1
#define ROW1(m)                                                                                          \
    {WORD(0), WORD(RANK1(m)), WORD(RANK2(m)), WORD(RANK3(m)), WORD(RANK4(m)), WORD(RANK5(m)), WORD(RANK6(m)), \
     WORD(RANK7(m))}
#define ROW4(m) ROW1(m), ROW1((m) + 1), ROW1((m) + 2), ROW1((m) + 3)
#define ROW16(m) ROW4(m), ROW4((m) + 4), ROW4((m) + 8), ROW4((m) + 12)
#define ROW64(m) ROW16(m), ROW16((m) + 16), ROW16((m) + 32), ROW16((m) + 48)
static const uint8_t spread[256][16] = {ROW64(0), ROW64(64), ROW64(128), ROW64(192)};

WF_AVX2_INLINE __m128i spread_words(unsigned mask, const uint8_t **next)
{
    __m128i words = _mm_loadu_si128((const __m128i *)*next);
    *next += 2 * (size_t)_mm_popcnt_u32(mask);
    return _mm_shuffle_epi8(words, _mm_loadu_si128((const __m128i *)spread[mask]));
}

/* States below 2^16 take a word each, in the order of the lanes. */
WF_AVX2_INLINE const uint8_t *renormalise(half_lanes s[2], const uint8_t *next)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i takes[2] = {_mm256_cmpeq_epi16(s[0].high, zero), _mm256_cmpeq_epi16(s[1].high, zero)};
    /* bytes: lanes 0-7, 16-23, 8-15, 24-31 */
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

WF_AVX2_INLINE void decode_symbols(const constants *c, half_lanes *s, const half_neighbours *v, carried *k, bool median,
                                   bool all_active, uint32_t active_lanes, half_step *step)
{
    __m256i entry_high, entry_low, high = s->high, low = s->low;
    look_up(c, find_contexts(c, measure_activity(v, k)), s->low, &entry_high, &entry_low);
    step->prediction = median ? predict_median(v) : predict_linear(c, v);
    advance_states(c, s, entry_high, entry_low);
    step->residual = _mm256_srai_epi16(entry_high, 8);
    step->escaped = _mm256_cmpgt_epi16(_mm256_abs_epi16(step->residual), c->largest_direct);
    if (!all_active) {
        __m256i active = lanes_of(active_lanes);
        s->high = _mm256_blendv_epi8(high, s->high, active);
        s->low = _mm256_blendv_epi8(low, s->low, active);
        step->escaped = _mm256_and_si256(step->escaped, active);
    }
}

/* Raw bits of 8 lanes: the escapes' lower bits, and their states without them. */
WF_AVX2_INLINE __m256i magnitudes(const constants *c, __m256i j, __m256i escaped, __m256i *states)
{
    __m256i n = _mm256_and_si256(_mm256_add_epi32(_mm256_srli_epi32(j, 2), c->raw_offset), escaped);
    __m256i raw = _mm256_andnot_si256(_mm256_sllv_epi32(_mm256_set1_epi32(-1), n), *states);
    __m256i mantissa = _mm256_add_epi32(_mm256_set1_epi32(4), _mm256_and_si256(j, _mm256_set1_epi32(3)));
    *states = _mm256_srlv_epi32(*states, n);
    return _mm256_or_si256(_mm256_sllv_epi32(mantissa, n), raw);
}

/* Of the low or the high lanes: AVX2 shifts by lane in 32 bits only. */
WF_AVX2_INLINE void take_raw_bits(const constants *c, half_lanes *s, half_step *step)
{
    const __m256i low_half = _mm256_set1_epi32(0xFFFF);
    __m256i even = _mm256_blend_epi16(s->low, _mm256_slli_epi32(s->high, 16), 0xAA);
    __m256i odd = _mm256_blend_epi16(_mm256_srli_epi32(s->low, 16), s->high, 0xAA);
    __m256i j = _mm256_sub_epi16(_mm256_abs_epi16(step->residual), c->direct), escaped = step->escaped;
    __m256i m_even = magnitudes(c, _mm256_and_si256(j, low_half), _mm256_and_si256(escaped, low_half), &even);
    __m256i m_odd = magnitudes(c, _mm256_srli_epi32(j, 16), _mm256_srli_epi32(escaped, 16), &odd);
    s->low = _mm256_blend_epi16(even, _mm256_slli_epi32(odd, 16), 0xAA);
    s->high = _mm256_blend_epi16(_mm256_srli_epi32(even, 16), odd, 0xAA);
    __m256i magnitude = _mm256_blend_epi16(m_even, _mm256_slli_epi32(m_odd, 16), 0xAA);
    __m256i negative = _mm256_srai_epi16(step->residual, 15);
    magnitude = _mm256_sub_epi16(_mm256_xor_si256(magnitude, negative), negative);
    step->residual = _mm256_blendv_epi8(step->residual, magnitude, escaped);
}

WF_AVX2_INLINE void reconstruct(const constants *c, half_lanes *s, const half_neighbours *v, const half_step *step,
                                uint16_t *out)
{
    __m256i flip = _mm256_srai_epi16(_mm256_adds_epi16(v->e_w, v->e_n), 15);
    __m256i residual = _mm256_sub_epi16(_mm256_xor_si256(step->residual, flip), flip);
    residual = _mm256_sll_epi16(residual, c->fraction_bits);
    __m256i nearest = _mm256_and_si256(_mm256_add_epi16(step->prediction, c->half), c->whole);
    s->west_west = v->w;
    s->sample = _mm256_add_epi16(nearest, residual);
    s->error = _mm256_add_epi16(_mm256_sub_epi16(nearest, step->prediction), residual);
    _mm256_storeu_si256((__m256i *)out, _mm256_srl_epi16(_mm256_sub_epi16(s->sample, c->low), c->fraction_bits));
}

WF_AVX2_INLINE const uint8_t *take_step(const constants *c, half_lanes s[2], const half_neighbours v[2], carried k[2],
                                        bool median, bool all_active, uint32_t active, const uint8_t *next,
                                        uint16_t *out)
{
    half_step low, high;
    decode_symbols(c, &s[0], &v[0], &k[0], median, all_active, active, &low);
    decode_symbols(c, &s[1], &v[1], &k[1], median, all_active, active >> 16, &high);
    next = renormalise(s, next);
    __m256i escaped = _mm256_or_si256(low.escaped, high.escaped);
    if (!_mm256_testz_si256(escaped, escaped)) {
        take_raw_bits(c, &s[0], &low);
        take_raw_bits(c, &s[1], &high);
        next = renormalise(s, next);
    }
    reconstruct(c, &s[0], &v[0], &low, out);
    reconstruct(c, &s[1], &v[1], &high, out + 16);
    return next;
}

/* ---- runs of steps ----------------------------------------------------- */

/* A strip while it is decoded. */
typedef struct wf_track {
    wf_strip strip;
    half_lanes state[2];
    constants constant;
    uint16_t steps[WF_BLOCK * WF_LANES];
} wf_track;

/* n steps; `interior`: without row ends, all lanes at work. */
WF_AVX2_INLINE mic_status run(wf_track *track, bool interior, bool median, wf_clock clock, size_t n, mic_error *error)
{
    wf_strip *strip = &track->strip;
    const uint8_t *next = strip->in.next;
    half_lanes s[2] = {track->state[0], track->state[1]};
    carried k[2] = {carry_from(&s[0]), carry_from(&s[1])};
    for (; n > 0; n--) {
        const wf_ports at = wf_ports_at(strip, &clock);
        uint32_t active = ~0u;
        half_neighbours v[2];
        if (MIC_UNLIKELY(next > strip->in.stop)) {
            strip->in.next = next;
            TRY(mic_wf_words_refill(&strip->in, error));
            next = strip->in.next;
        }
        find_all_neighbours(s, &at, v);
        if (!interior) {
            uint32_t first = wf_lanes_at(strip, &clock, 0), last = wf_lanes_at(strip, &clock, strip->width - 1);
            patch_row_ends(&v[0], first, last);
            patch_row_ends(&v[1], first >> 16, last >> 16);
            active = wf_active_lanes(strip, &clock);
            for (int h = 0; h < 2; h++)
                k[h] = carry(v[h].n, v[h].nw, v[h].e_n, v[h].e_nw);
        }
        next = take_step(&track->constant, s, v, k, median, interior, active, next,
                         track->steps + clock.t % WF_BLOCK * WF_LANES);
        if (clock.band == 0) {
            int16_t own = (int16_t)_mm256_extract_epi16(s[0].sample, 0);
            *at.own = (wf_upper){own, own, 0, 0};
        }
        wf_advance(&clock, strip, 1);
    }
    track->state[0] = s[0];
    track->state[1] = s[1];
    strip->in.next = next;
    return MIC_OK;
}

#define RUN(name, interior, median)                                                                \
    WF_AVX2 static mic_status name(wf_track *track, wf_clock clock, size_t n, mic_error *error) \
    {                                                                                              \
        return run(track, interior, median, clock, n, error);                                      \
    }
RUN(run_linear, true, false)
RUN(run_median, true, true)
RUN(run_linear_edge, false, false)
RUN(run_median_edge, false, true)

/* ---- transposition ----------------------------------------------------- */

/* Eight steps of 16 lanes: each 128-bit part holds an 8 x 8 block. */
WF_AVX2_INLINE void transpose_steps(const uint16_t *in, uint16_t *rows)
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
        __m256i v = k & 1 ? _mm256_unpackhi_epi64(b[k / 2], b[4 + k / 2]) : _mm256_unpacklo_epi64(b[k / 2], b[4 + k / 2]);
        _mm_storeu_si128((__m128i *)(rows + k * WF_BLOCK), _mm256_castsi256_si128(v));
        _mm_storeu_si128((__m128i *)(rows + (8 + k) * WF_BLOCK), _mm256_extracti128_si256(v, 1));
    }
}

WF_AVX2 static void flush_block(const wf_track *track, size_t t)
{
    uint16_t rows[WF_LANES][WF_BLOCK];
    size_t first = (t - 1) / WF_BLOCK * WF_BLOCK;
    for (int step = 0; step < WF_BLOCK; step += 8)
        for (int lane = 0; lane < WF_LANES; lane += 16)
            transpose_steps(track->steps + step * WF_LANES + lane, &rows[lane][step]);
    mic_wf_store_block(&track->strip, first, t - first, rows);
}

/* ---- strip ------------------------------------------------------------- */

WF_AVX2 static void set_constants(const wf_decoder *decoder, constants *c)
{
    const wf_model *m = &decoder->model;
    for (unsigned i = 0; i < 2; i++)
        c->contexts[i] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(m->context + 16 * i)));
    for (unsigned i = 0; i < WF_WEIGHTS; i++)
        c->weights[i] = _mm256_set1_epi16(m->weights[i]);
    c->low = _mm256_set1_epi16(wf_bias(m->max_value));
    c->high = _mm256_add_epi16(c->low, _mm256_set1_epi16((short)(m->max_value << m->fraction_bits)));
    c->half = _mm256_set1_epi16((short)(1 << m->fraction_bits >> 1));
    c->whole = _mm256_set1_epi16((short)-(1 << m->fraction_bits));
    c->slot_mask = _mm256_set1_epi16((short)((1 << m->table_log) - 1));
    c->index_factors = _mm256_set1_epi32(1 << m->table_log << 16 | 1);
    c->rest_log = _mm_cvtsi32_si128(16 - (int)m->table_log);
    c->direct = _mm256_set1_epi16((short)(1 << m->direct_log));
    c->largest_direct = _mm256_set1_epi16((short)((1 << m->direct_log) - 1));
    c->raw_offset = _mm256_set1_epi32((int)m->direct_log - 2);
    c->fraction_bits = _mm_cvtsi32_si128((int)m->fraction_bits);
    c->table_log = _mm_cvtsi32_si128((int)m->table_log);
    c->table = decoder->table;
}

WF_AVX2 static void open_track(wf_track *track)
{
    const wf_decoder *decoder = track->strip.decoder;
    set_constants(decoder, &track->constant);
    for (int h = 0; h < 2; h++) {
        half_lanes *s = &track->state[h];
        uint16_t high[16], low[16];
        for (int i = 0; i < 16; i++) {
            high[i] = (uint16_t)(track->strip.states[16 * h + i] >> 16);
            low[i] = (uint16_t)track->strip.states[16 * h + i];
        }
        memset(s, 0, sizeof *s);
        s->sample = s->north_east = s->north = s->nn_east = track->constant.low;
        s->high = _mm256_loadu_si256((const __m256i *)high);
        s->low = _mm256_loadu_si256((const __m256i *)low);
    }
}

WF_AVX2 static void store_states(wf_track *track)
{
    for (int h = 0; h < 2; h++) {
        uint16_t high[16], low[16];
        _mm256_storeu_si256((__m256i *)high, track->state[h].high);
        _mm256_storeu_si256((__m256i *)low, track->state[h].low);
        for (int i = 0; i < 16; i++)
            track->strip.states[16 * h + i] = (uint32_t)high[i] << 16 | low[i];
    }
}

WF_AVX2 static mic_status decode_steps(wf_track *track, mic_error *error)
{
    const bool median = track->strip.decoder->model.predictor == WF_MEDIAN;
    open_track(track);
    wf_clock clock = {0};
    while (clock.t < track->strip.n_steps) {
        size_t n = mic_wf_interior_steps(&track->strip, &clock);
        if (n > 0) {
            TRY((median ? run_median : run_linear)(track, clock, n, error));
        } else {
            n = min_size(wf_edge_steps(&track->strip, &clock), track->strip.n_steps - clock.t);
            TRY((median ? run_median_edge : run_linear_edge)(track, clock, n, error));
        }
        wf_advance(&clock, &track->strip, n);
        if (clock.t % WF_BLOCK == 0 || clock.t == track->strip.n_steps)
            flush_block(track, clock.t);
    }
    store_states(track);
    return MIC_OK;
}

mic_status mic_wf_decode_strips_avx2(const wf_decoder *decoder, const wf_strip_job *jobs, size_t n_jobs, size_t width,
                                 mic_error *error)
{
    for (size_t i = 0; i < n_jobs; i++) {
        wf_track track;
        mic_status status = mic_wf_strip_open(&track.strip, decoder, &jobs[i], width, error);
        if (status == MIC_OK)
            status = decode_steps(&track, error);
        TRY(mic_wf_strip_close(&track.strip, status, error));
    }
    return MIC_OK;
}

#else
typedef int mic_wavefront_avx2_is_not_for_this_machine;
#endif
