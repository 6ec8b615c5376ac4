/* SPDX-License-Identifier: MIT
 *
 * Turns the codes of a strip into words with AVX2; equal to the scalar loop of
 * wavefront_encode.c.  The states of the 32 lanes are in four registers of eight.
 */
#include "kernels_x86.h"
#include "../base/target.h"

#if defined(MIC_X86)
#include <immintrin.h>

enum { GROUPS = 4, GROUP_LANES = WF_LANES / GROUPS, STEPS_AT_ONCE = 4 };

/* Entries for a few steps, by lane, split into their two halves. */
typedef struct step_entries {
    uint32_t reciprocals[STEPS_AT_ONCE][WF_LANES], fields[STEPS_AT_ONCE][WF_LANES];
} step_entries;

MIC_AVX2_INLINE __m256i load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }

/* x >= y in unsigned 32-bit lanes. */
MIC_AVX2_INLINE __m256i not_below(__m256i x, __m256i y)
{
    return _mm256_cmpeq_epi32(_mm256_max_epu32(x, y), x);
}

/* For each mask, the byte positions that move the words of its lanes to the top of a
 * register, in order; the bytes below them do not matter. */
#define BIT(m, k) ((m) >> (k) & 1)
#define COUNT(m) \
    (BIT(m, 0) + BIT(m, 1) + BIT(m, 2) + BIT(m, 3) + BIT(m, 4) + BIT(m, 5) + BIT(m, 6) + BIT(m, 7))
typedef struct move_table {
    uint8_t positions[256][16];
} move_table;

static void fill_moves(move_table *moves)
{
    for (unsigned mask = 0; mask < 256; mask++) {
        unsigned place = 8 - (unsigned)COUNT(mask);
        memset(moves->positions[mask], 0, sizeof moves->positions[mask]);
        for (unsigned lane = 0; lane < GROUP_LANES; lane++)
            if (BIT(mask, lane)) {
                moves->positions[mask][2 * place] = (uint8_t)(2 * lane);
                moves->positions[mask][2 * place + 1] = (uint8_t)(2 * lane + 1);
                place++;
            }
    }
}

/* The chosen lanes give away the low halves of their states.  Sixteen bytes are stored
 * however many words there are.  The bytes below the words are overwritten by later output,
 * at the latest by the strip's states, which take 16 bytes or more wherever this runs (see
 * mic_wf_encode_steps_avx2). */
MIC_AVX2_INLINE uint8_t *give_words(const move_table *moves, __m256i *states, __m256i gives, uint8_t *next)
{
    unsigned mask = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(gives));
    __m256i low = _mm256_and_si256(*states, _mm256_set1_epi32(0xFFFF));
    __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
    words = _mm_shuffle_epi8(words, _mm_loadu_si128((const __m128i *)moves->positions[mask]));
    _mm_storeu_si128((__m128i *)(next - 16), words);
    *states = _mm256_blendv_epi8(*states, _mm256_srli_epi32(*states, 16), gives);
    return next - 2 * (size_t)_mm_popcnt_u32(mask);
}

/* Push the raw bits of the escapes in eight lanes. */
MIC_AVX2_INLINE uint8_t *push_raw_bits(const move_table *moves, __m256i *states, __m256i fields,
                                       const uint16_t raw[], uint8_t *next)
{
    __m256i n = _mm256_and_si256(_mm256_srli_epi32(fields, WF_ENTRY_RAW_BITS - 32), _mm256_set1_epi32(15));
    __m256i top = _mm256_srlv_epi32(*states, _mm256_sub_epi32(_mm256_set1_epi32(32), n));
    __m256i stays = _mm256_cmpeq_epi32(top, _mm256_setzero_si256());
    next = give_words(moves, states, _mm256_xor_si256(stays, _mm256_set1_epi32(-1)), next);
    __m256i bits = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)raw));
    bits = _mm256_andnot_si256(_mm256_cmpeq_epi32(n, _mm256_setzero_si256()), bits);
    *states = _mm256_or_si256(_mm256_sllv_epi32(*states, n), bits);
    return next;
}

/* See push_symbol in wavefront_encode.c.  Since rest < 2 f, the remainder is the smaller
 * one of rest and rest - f, which wraps if it is negative. */
MIC_AVX2_INLINE __m256i push_symbols(__m256i x, __m256i reciprocals, __m256i fields, __m128i table_log)
{
    __m256i frequency = _mm256_and_si256(fields, _mm256_set1_epi32(0xFFF));
    __m256i even = _mm256_mul_epu32(x, reciprocals);
    __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(x, 32), _mm256_srli_epi64(reciprocals, 32));
    __m256i quotient = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
    __m256i rest = _mm256_sub_epi32(x, _mm256_mullo_epi32(quotient, frequency));
    quotient = _mm256_sub_epi32(quotient, not_below(rest, frequency)); /* the mask is -1, so this adds 1 */
    rest = _mm256_min_epu32(rest, _mm256_sub_epi32(rest, frequency));
    __m256i start = _mm256_srli_epi32(fields, WF_ENTRY_START - 32);
    return _mm256_add_epi32(_mm256_sll_epi32(quotient, table_log), _mm256_add_epi32(rest, start));
}

MIC_AVX2_INLINE uint8_t *push_group(const move_table *moves, __m256i *states, __m256i reciprocals,
                                    __m256i fields, __m128i table_log, __m128i limit_shift, uint8_t *next)
{
    __m256i idle = _mm256_cmpeq_epi32(fields, _mm256_setzero_si256());
    /* the shift drops all fields but the frequency, which is below 2^table_log */
    __m256i full = not_below(*states, _mm256_sll_epi32(fields, limit_shift));
    next = give_words(moves, states, _mm256_andnot_si256(idle, full), next);
    *states = _mm256_blendv_epi8(push_symbols(*states, reciprocals, fields, table_log), *states, idle);
    return next;
}

/* Entries for steps [first, first + 4): the codes of one lane are adjacent in a code block. */
static void look_up_steps(const wf_encoder *e, size_t first, step_entries *out)
{
    for (unsigned lane = 0; lane < WF_LANES; lane++) {
        const uint16_t *code = e->code + lane * e->stride + first;
        for (unsigned k = 0; k < STEPS_AT_ONCE; k++) {
            uint64_t entry = e->entries[code[k]];
            out->reciprocals[k][lane] = (uint32_t)entry;
            out->fields[k][lane] = (uint32_t)(entry >> 32);
        }
    }
}

/* Prefetch a few of the cache lines that come a block later: no processor predicts reads
 * that run downwards in 32 lanes at once. */
MIC_AVX2_INLINE void prefetch_lanes(const uint16_t *source, size_t stride, size_t first)
{
    enum { LANES_AT_ONCE = WF_LANES * STEPS_AT_ONCE / WF_CODE_BLOCK };
    const size_t lane = first / STEPS_AT_ONCE * LANES_AT_ONCE % WF_LANES;
    for (size_t i = lane; first >= WF_CODE_BLOCK && i < lane + LANES_AT_ONCE; i++)
        _mm_prefetch((const char *)(source + i * stride + first - WF_CODE_BLOCK), _MM_HINT_T0);
}

static bool any_raw_bits(const uint32_t fields[WF_LANES])
{
    uint32_t all = 0;
    for (unsigned i = 0; i < WF_LANES; i++)
        all |= fields[i];
    return all >> (WF_ENTRY_RAW_BITS - 32) & 15;
}

MIC_AVX2_INLINE uint8_t *push_all_raw_bits(const wf_encoder *e, const move_table *moves,
                                           __m256i states[GROUPS], const uint32_t fields[WF_LANES], size_t t,
                                           uint8_t *next)
{
    uint16_t raw[WF_LANES];
    for (unsigned i = 0; i < WF_LANES; i++)
        raw[i] = e->raw[i * e->stride + t];
    for (unsigned g = GROUPS; g-- > 0;)
        next = push_raw_bits(moves, &states[g], load(fields + g * GROUP_LANES), raw + g * GROUP_LANES, next);
    return next;
}

MIC_AVX2_INLINE void code_all_steps(wf_encoder *e, const move_table *moves)
{
    const __m128i table_log = _mm_cvtsi32_si128((int)e->model->table_log);
    const __m128i limit_shift = _mm_cvtsi32_si128(32 - (int)e->model->table_log);
    __m256i states[GROUPS];
    step_entries entries;
    uint8_t *next = e->next;
    for (unsigned g = 0; g < GROUPS; g++)
        states[g] = load(e->states + g * GROUP_LANES);
    for (size_t first = (e->n_steps + STEPS_AT_ONCE - 1) / STEPS_AT_ONCE * STEPS_AT_ONCE; first > 0;) {
        first -= STEPS_AT_ONCE; /* steps beyond the last one are idle */
        look_up_steps(e, first, &entries);
        prefetch_lanes(e->code, e->stride, first);
        for (unsigned k = STEPS_AT_ONCE; k-- > 0;) {
            const uint32_t *fields = entries.fields[k];
            if (any_raw_bits(fields))
                next = push_all_raw_bits(e, moves, states, fields, first + k, next);
            for (unsigned g = GROUPS; g-- > 0;)
                next = push_group(moves, &states[g], load(entries.reciprocals[k] + g * GROUP_LANES),
                                  load(fields + g * GROUP_LANES), table_log, limit_shift, next);
        }
    }
    e->next = next;
    for (unsigned g = 0; g < GROUPS; g++)
        _mm256_storeu_si256((__m256i *)(e->states + g * GROUP_LANES), states[g]);
}

MIC_AVX2 void mic_wf_encode_steps_avx2(wf_encoder *e)
{
    enum { FEWEST_ROWS = 4 }; /* their states take the 16 bytes that a store may reach below its words */
    move_table moves;
    if (e->height < FEWEST_ROWS) {
        mic_wf_encode_steps_scalar(e);
        return;
    }
    fill_moves(&moves);
    code_all_steps(e, &moves);
}

#else
typedef int mic_wavefront_encode_avx2_is_not_for_this_machine;
#endif
