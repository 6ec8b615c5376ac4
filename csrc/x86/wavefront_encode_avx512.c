/* SPDX-License-Identifier: MIT
 *
 * Turns the codes of a strip into words with AVX-512 and VBMI2; equal to the scalar loop of
 * wavefront_encode.c.  As in the decoder, the states of the even lanes are in one register
 * and those of the odd lanes in another.
 */
#include "kernels_x86.h"

#include "wavefront_avx512.h"

#if defined(MIC_X86)

typedef struct lanes {
    __m512i even, odd;
} lanes;

/* The chosen lanes give away the low halves of their states; the last lane's word gets the
 * highest address. */
MIC_AVX512_INLINE uint8_t *give_words(lanes *s, __mmask16 even, __mmask16 odd, uint8_t *next)
{
    __mmask32 gives = _pdep_u32(even, 0x55555555) | _pdep_u32(odd, 0xAAAAAAAA);
    unsigned n = (unsigned)_mm_popcnt_u32(gives);
    __m512i words = _mm512_mask_blend_epi16(0xAAAAAAAA, s->even, _mm512_slli_epi32(s->odd, 16));
    next -= 2 * n;
    _mm512_mask_storeu_epi16(next, _bzhi_u32(~0u, n), _mm512_maskz_compress_epi16(gives, words));
    s->even = _mm512_mask_srli_epi32(s->even, even, s->even, 16);
    s->odd = _mm512_mask_srli_epi32(s->odd, odd, s->odd, 16);
    return next;
}

/* Take the high halves of 64-bit lanes: those of `even` move down, those of `odd` stay. */
MIC_AVX512_INLINE __m512i high_halves(__m512i even, __m512i odd)
{
    return _mm512_mask_shuffle_epi32(odd, 0x5555, even, _MM_PERM_DDBB);
}

/* Entries for half the lanes of a step.  The reciprocals are in the low halves of 64-bit
 * lanes, where the multiplication needs them; see wf_encoder. */
typedef struct intervals {
    __m512i low, high; /* entries of the register's lanes 0, 2, ... and of 1, 3, ... */
    __m512i fields;    /* frequency, raw bits and start for all its lanes */
} intervals;

MIC_AVX512_INLINE intervals load_intervals(const uint64_t entries[16])
{
    intervals i = {_mm512_loadu_si512(entries), _mm512_loadu_si512(entries + 8), _mm512_setzero_si512()};
    i.fields = high_halves(i.low, i.high);
    return i;
}

MIC_AVX512_INLINE __m512i raw_bits(__m512i fields)
{
    return _mm512_and_si512(_mm512_srli_epi32(fields, WF_ENTRY_RAW_BITS - 32), _mm512_set1_epi32(15));
}

/* Push the raw bits of a step's escapes. */
MIC_AVX512_INLINE uint8_t *push_raw_bits(lanes *s, __m512i even, __m512i odd, __m512i raw, uint8_t *next)
{
    const __m512i all = _mm512_set1_epi32(32);
    __m512i even_top = _mm512_srlv_epi32(s->even, _mm512_sub_epi32(all, even));
    __m512i odd_top = _mm512_srlv_epi32(s->odd, _mm512_sub_epi32(all, odd));
    next = give_words(s, _mm512_test_epi32_mask(even_top, even_top), _mm512_test_epi32_mask(odd_top, odd_top),
                      next);
    __mmask16 even_has = _mm512_test_epi32_mask(even, even), odd_has = _mm512_test_epi32_mask(odd, odd);
    __m512i even_shifted = _mm512_sllv_epi32(s->even, even), odd_shifted = _mm512_sllv_epi32(s->odd, odd);
    s->even = _mm512_mask_or_epi32(even_shifted, even_has, even_shifted, even_of(raw));
    s->odd = _mm512_mask_or_epi32(odd_shifted, odd_has, odd_shifted, odd_of(raw));
    return next;
}

/* See push_symbol in wavefront_encode.c.  Where the rest is too large by f, the quotient is
 * too small by 1. */
MIC_AVX512_INLINE __m512i push_symbols(__m512i x, const intervals *i, __m128i table_log)
{
    const __m512i total = _mm512_sll_epi32(_mm512_set1_epi32(1), table_log);
    __m512i frequency = _mm512_and_si512(i->fields, _mm512_set1_epi32(0xFFF));
    __m512i quotient = high_halves(_mm512_mul_epu32(x, i->low),
                                   _mm512_mul_epu32(_mm512_srli_epi64(x, 32), i->high));
    __m512i rest = _mm512_sub_epi32(x, _mm512_mullo_epi32(quotient, frequency));
    __mmask16 low = _mm512_cmpge_epu32_mask(rest, frequency);
    __m512i pushed = _mm512_add_epi32(_mm512_sll_epi32(quotient, table_log),
                                      _mm512_add_epi32(rest, _mm512_srli_epi32(i->fields, 16)));
    return _mm512_mask_add_epi32(pushed, low, pushed, _mm512_sub_epi32(total, frequency));
}

/* steps[k][i] = source[i * stride + k] for eight lanes and 32 steps. */
MIC_AVX512_INLINE void transpose_lanes(const uint16_t *source, size_t stride, uint16_t *steps)
{
    __m512i v[8];
    transpose_rows(source, stride, v);
    for (int k = 0; k < 8; k++) {
        uint16_t *out = steps + k * WF_LANES;
        _mm_storeu_si128((__m128i *)out, _mm512_castsi512_si128(v[k]));
        _mm_storeu_si128((__m128i *)(out + 8 * WF_LANES), _mm512_extracti32x4_epi32(v[k], 1));
        _mm_storeu_si128((__m128i *)(out + 16 * WF_LANES), _mm512_extracti32x4_epi32(v[k], 2));
        _mm_storeu_si128((__m128i *)(out + 24 * WF_LANES), _mm512_extracti32x4_epi32(v[k], 3));
    }
}

/* 32 steps of all lanes.  The entries are in the order of load_intervals, even lanes first.
 * The codes belong to the block to come and are in the same order.  The raw bits are in the
 * order of the lanes; they are loaded when the first escape of the block needs them. */
typedef struct code_block {
    size_t first; /* step */
    bool has_raw;
    uint64_t entries[WF_CODE_BLOCK][WF_LANES];
    uint16_t codes[WF_CODE_BLOCK][WF_LANES], raw[WF_CODE_BLOCK][WF_LANES];
} code_block;

MIC_AVX512_INLINE void load_codes(const wf_encoder *e, size_t first, code_block *block)
{
    static const unsigned starts[4] = {0, 2, 1, 3}; /* each part takes every fourth lane from its start */
    for (unsigned i = 0; i < 4; i++)
        transpose_lanes(e->code + starts[i] * e->stride + first, 4 * e->stride, block->codes[0] + 8 * i);
}

MIC_AVX512_INLINE void load_raw(const wf_encoder *e, code_block *block)
{
    transpose_block(e->raw + block->first, e->stride, block->raw[0], WF_LANES);
    block->has_raw = true;
}

MIC_AVX512_INLINE __m256d load_four(const uint64_t *entries, const uint16_t code[4])
{
    const uint64_t c = load_u64(code);
    const double *a = (const double *)(entries + (c & 0xFFFF)),
                 *b = (const double *)(entries + (c >> 16 & 0xFFFF));
    const double *d = (const double *)(entries + (c >> 32 & 0xFFFF)),
                 *f = (const double *)(entries + (c >> 48));
    __m128d low = _mm_loadh_pd(_mm_load_sd(a), b), high = _mm_loadh_pd(_mm_load_sd(d), f);
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(low), high, 1);
}

/* Look up the entries of a step with one load per entry.  A gather takes longer, and so do
 * scalar stores to the place where the entries are needed. */
MIC_AVX512_INLINE void look_up_step(const wf_encoder *e, code_block *block, size_t step)
{
    const uint16_t *code = block->codes[step];
    for (unsigned i = 0; i < WF_LANES; i += 8) {
        __m512d low = _mm512_castpd256_pd512(load_four(e->entries, code + i));
        _mm512_storeu_pd(&block->entries[step][i],
                         _mm512_insertf64x4(low, load_four(e->entries, code + i + 4), 1));
    }
}

MIC_AVX512_INLINE uint8_t *encode_step(const wf_encoder *e, lanes *s, code_block *block, size_t step,
                                       uint8_t *next)
{
    const __m128i table_log = _mm_cvtsi32_si128((int)e->model->table_log);
    const __m128i limit_shift = _mm_cvtsi32_si128(32 - (int)e->model->table_log);
    intervals even = load_intervals(block->entries[step]), odd = load_intervals(block->entries[step] + 16);
    const __m512i raw_field = _mm512_set1_epi32(0xF000);
    if (MIC_UNLIKELY(_mm512_test_epi32_mask(_mm512_or_si512(even.fields, odd.fields), raw_field))) {
        if (!block->has_raw)
            load_raw(e, block);
        next = push_raw_bits(s, raw_bits(even.fields), raw_bits(odd.fields),
                             _mm512_loadu_si512(block->raw[step]), next);
    }
    __mmask16 even_on = _mm512_test_epi32_mask(even.fields, even.fields),
              odd_on = _mm512_test_epi32_mask(odd.fields, odd.fields);
    /* the shift drops all fields but the frequency, which is below 2^table_log */
    __m512i limit_even = _mm512_sll_epi32(even.fields, limit_shift),
            limit_odd = _mm512_sll_epi32(odd.fields, limit_shift);
    next = give_words(s, _mm512_mask_cmpge_epu32_mask(even_on, s->even, limit_even),
                      _mm512_mask_cmpge_epu32_mask(odd_on, s->odd, limit_odd), next);
    s->even = _mm512_mask_mov_epi32(s->even, even_on, push_symbols(s->even, &even, table_log));
    s->odd = _mm512_mask_mov_epi32(s->odd, odd_on, push_symbols(s->odd, &odd, table_log));
    return next;
}

/* A step waits for the one before it; the look-ups of the next block fill that time.  No
 * processor predicts reads that run downwards in 32 lanes at once, so each step prefetches
 * a line of codes two blocks ahead and, if there are escapes, a line of raw bits one block
 * ahead. */
MIC_AVX512 void mic_wf_encode_steps_avx512(wf_encoder *e)
{
    code_block block;
    const __m512i low = _mm512_set1_epi32(WF_STATE_LOW);
    lanes s = {low, low};
    uint8_t *next = e->next;
    size_t n_blocks = (e->n_steps + WF_CODE_BLOCK - 1) / WF_CODE_BLOCK;
    load_codes(e, (n_blocks - 1) * WF_CODE_BLOCK, &block);
    for (unsigned k = 0; k < WF_CODE_BLOCK; k++)
        look_up_step(e, &block, k);
    while (n_blocks-- > 0) { /* steps beyond the last one are idle */
        block.first = n_blocks * WF_CODE_BLOCK;
        block.has_raw = false;
        load_codes(e, n_blocks ? block.first - WF_CODE_BLOCK : 0, &block);
        const uint16_t *codes = e->code + (n_blocks > 1 ? block.first - 2 * WF_CODE_BLOCK : 0);
        const uint16_t *raw = e->raw + (n_blocks ? block.first - WF_CODE_BLOCK : 0);
        for (unsigned k = WF_CODE_BLOCK; k-- > 0;) {
            next = encode_step(e, &s, &block, k, next);
            look_up_step(e, &block, k);
            _mm_prefetch((const char *)(codes + k * e->stride), _MM_HINT_T0); /* one lane for each step */
            if (block.has_raw)
                _mm_prefetch((const char *)(raw + k * e->stride), _MM_HINT_T0);
        }
    }
    e->next = next;
    uint32_t even[WF_LANES / 2], odd[WF_LANES / 2];
    _mm512_storeu_si512(even, s.even);
    _mm512_storeu_si512(odd, s.odd);
    for (unsigned i = 0; i < WF_LANES / 2; i++) {
        e->states[2 * i] = even[i];
        e->states[2 * i + 1] = odd[i];
    }
}

#else
typedef int mic_wavefront_encode_avx512_is_not_for_this_machine;
#endif
