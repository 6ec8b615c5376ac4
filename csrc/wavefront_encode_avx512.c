/* SPDX-License-Identifier: MIT
 *
 * Codes of a strip to words with AVX-512 and VBMI2; equal to the scalar loop of
 * wavefront_encode.c.  As in the decoder, states of even and odd lanes have a
 * register each.
 */
#include "wavefront_encode.h"

#if defined(MIC_X86)
#include <immintrin.h>

#define WF_AVX512 MIC_TARGET("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,bmi,bmi2,popcnt,lzcnt")
#define WF_AVX512_INLINE WF_AVX512 MIC_INLINE

typedef struct lanes {
    __m512i even, odd;
} lanes;

WF_AVX512_INLINE __m512i even_of(__m512i v) { return _mm512_and_si512(v, _mm512_set1_epi32(0xFFFF)); }
WF_AVX512_INLINE __m512i odd_of(__m512i v) { return _mm512_srli_epi32(v, 16); }

/* The chosen lanes give away the low halves of their states: the last lane's
 * word lies highest. */
WF_AVX512_INLINE uint8_t *give_words(lanes *s, __mmask16 even, __mmask16 odd, uint8_t *next)
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

/* Raw bits of a symbol: see wf_raw_bits. */
WF_AVX512_INLINE uint8_t *push_raw_bits(const wf_model *m, lanes *s, __m512i magnitude, __mmask32 escaped,
                                        __m512i raw, uint8_t *next)
{
    const __m512i direct = _mm512_set1_epi16((short)(1 << m->direct_log)), all = _mm512_set1_epi32(32);
    __m512i n = _mm512_srli_epi16(_mm512_sub_epi16(magnitude, direct), 2);
    n = _mm512_maskz_add_epi16(escaped, n, _mm512_set1_epi16((short)(m->direct_log - 2)));
    __m512i even = even_of(n), odd = odd_of(n);
    raw = _mm512_maskz_mov_epi16(escaped, raw);
    __m512i even_top = _mm512_srlv_epi32(s->even, _mm512_sub_epi32(all, even));
    __m512i odd_top = _mm512_srlv_epi32(s->odd, _mm512_sub_epi32(all, odd));
    next = give_words(s, _mm512_test_epi32_mask(even_top, even_top), _mm512_test_epi32_mask(odd_top, odd_top), next);
    s->even = _mm512_or_si512(_mm512_sllv_epi32(s->even, even), even_of(raw));
    s->odd = _mm512_or_si512(_mm512_sllv_epi32(s->odd, odd), odd_of(raw));
    return next;
}

WF_AVX512_INLINE __m512i high_products(__m512i a, __m512i b)
{
    __m512i even = _mm512_mul_epu32(a, b);
    __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32));
    return _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 32), odd);
}

/* See push_symbol in wavefront_encode.c. */
WF_AVX512_INLINE __m512i push_symbols(__m512i x, __m512i intervals, __m512i reciprocals, __m128i table_log)
{
    __m512i frequency = even_of(intervals), quotient = high_products(x, reciprocals);
    __m512i rest = _mm512_sub_epi32(x, _mm512_mullo_epi32(quotient, frequency));
    __mmask16 low = _mm512_cmpge_epu32_mask(rest, frequency);
    quotient = _mm512_mask_add_epi32(quotient, low, quotient, _mm512_set1_epi32(1));
    rest = _mm512_mask_sub_epi32(rest, low, rest, frequency);
    return _mm512_add_epi32(_mm512_sll_epi32(quotient, table_log),
                            _mm512_add_epi32(rest, _mm512_srli_epi32(intervals, 16)));
}

/* Intervals and reciprocals of 16 lanes. */
WF_AVX512_INLINE void look_up(const wf_encoder *e, __m512i at, __m512i *intervals, __m512i *reciprocals)
{
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    __m512i low = _mm512_i32gather_epi64(_mm512_castsi512_si256(at), e->entries, 8);
    __m512i high = _mm512_i32gather_epi64(_mm512_extracti64x4_epi64(at, 1), e->entries, 8);
    *intervals = _mm512_permutex2var_epi32(low, even, high);
    *reciprocals = _mm512_permutex2var_epi32(low, _mm512_or_si512(even, _mm512_set1_epi32(1)), high);
}

/* steps[k][i] = source[i * stride + k] for eight lanes and 32 steps: each 128-bit
 * part of a register holds an 8 x 8 block. */
WF_AVX512_INLINE void transpose_lanes(const uint16_t *source, size_t stride, uint16_t *steps)
{
    __m512i a[8], b[8];
    for (int k = 0; k < 4; k++) {
        __m512i first = _mm512_loadu_si512(source + 2 * (size_t)k * stride);
        __m512i second = _mm512_loadu_si512(source + (2 * (size_t)k + 1) * stride);
        a[2 * k] = _mm512_unpacklo_epi16(first, second);
        a[2 * k + 1] = _mm512_unpackhi_epi16(first, second);
    }
    for (int k = 0; k < 2; k++)
        for (int h = 0; h < 2; h++) {
            b[4 * k + 2 * h] = _mm512_unpacklo_epi32(a[4 * k + h], a[4 * k + 2 + h]);
            b[4 * k + 2 * h + 1] = _mm512_unpackhi_epi32(a[4 * k + h], a[4 * k + 2 + h]);
        }
    for (int k = 0; k < 8; k++) {
        __m512i v = k & 1 ? _mm512_unpackhi_epi64(b[k / 2], b[4 + k / 2]) : _mm512_unpacklo_epi64(b[k / 2], b[4 + k / 2]);
        uint16_t *out = steps + k * WF_LANES;
        _mm_storeu_si128((__m128i *)out, _mm512_castsi512_si128(v));
        _mm_storeu_si128((__m128i *)(out + 8 * WF_LANES), _mm512_extracti32x4_epi32(v, 1));
        _mm_storeu_si128((__m128i *)(out + 16 * WF_LANES), _mm512_extracti32x4_epi32(v, 2));
        _mm_storeu_si128((__m128i *)(out + 24 * WF_LANES), _mm512_extracti32x4_epi32(v, 3));
    }
}

/* 32 steps of all lanes; raw bits follow when the first escape of the block needs them. */
typedef struct code_block {
    size_t first; /* step */
    bool has_raw;
    uint16_t code[WF_CODE_BLOCK * WF_LANES], raw[WF_CODE_BLOCK * WF_LANES];
} code_block;

WF_AVX512_INLINE void transpose_all(const uint16_t *source, size_t stride, uint16_t *steps)
{
    for (size_t i = 0; i < WF_LANES; i += 8)
        transpose_lanes(source + i * stride, stride, steps + i);
}

WF_AVX512_INLINE __m512i raw_bits_of(const wf_encoder *e, code_block *block, size_t step)
{
    if (!block->has_raw)
        transpose_all(e->raw + block->first, e->stride, block->raw);
    block->has_raw = true;
    return _mm512_loadu_si512(block->raw + step * WF_LANES);
}

WF_AVX512_INLINE uint8_t *encode_step(const wf_encoder *e, lanes *s, __m512i bases, code_block *block, size_t step,
                                      uint8_t *next)
{
    const wf_model *m = e->model;
    const __m512i code = _mm512_loadu_si512(block->code + step * WF_LANES);
    const __m128i table_log = _mm_cvtsi32_si128((int)m->table_log);
    const __m128i limit_shift = _mm_cvtsi32_si128(32 - (int)m->table_log);
    __mmask32 active = _mm512_cmpneq_epi16_mask(code, _mm512_set1_epi16((short)WF_IDLE));
    __m512i symbol = _mm512_and_si512(code, _mm512_set1_epi16(0xFF));
    __m512i magnitude = _mm512_srli_epi16(_mm512_add_epi16(symbol, _mm512_set1_epi16(1)), 1);
    __mmask32 escaped = _mm512_mask_cmpge_epi16_mask(active, magnitude, _mm512_set1_epi16((short)(1 << m->direct_log)));
    if (escaped)
        next = push_raw_bits(m, s, magnitude, escaped, raw_bits_of(e, block, step), next);
    __mmask16 even = (__mmask16)_pext_u32(active, 0x55555555), odd = (__mmask16)_pext_u32(active, 0xAAAAAAAA);
    /* the context's index times 256 is below 2^13 */
    __m512i base = _mm512_permutexvar_epi16(_mm512_srli_epi16(code, WF_CODE_BUCKET_SHIFT), bases);
    __m512i at = _mm512_maskz_mov_epi16(active, _mm512_or_si512(base, symbol));
    __m512i interval_even, interval_odd, reciprocal_even, reciprocal_odd;
    look_up(e, even_of(at), &interval_even, &reciprocal_even);
    look_up(e, odd_of(at), &interval_odd, &reciprocal_odd);
    __m512i limit_even = _mm512_sll_epi32(even_of(interval_even), limit_shift);
    __m512i limit_odd = _mm512_sll_epi32(even_of(interval_odd), limit_shift);
    next = give_words(s, _mm512_mask_cmpge_epu32_mask(even, s->even, limit_even),
                      _mm512_mask_cmpge_epu32_mask(odd, s->odd, limit_odd), next);
    s->even = _mm512_mask_mov_epi32(s->even, even, push_symbols(s->even, interval_even, reciprocal_even, table_log));
    s->odd = _mm512_mask_mov_epi32(s->odd, odd, push_symbols(s->odd, interval_odd, reciprocal_odd, table_log));
    return next;
}

WF_AVX512 void mic_wf_encode_steps_avx512(wf_encoder *e)
{
    code_block block;
    uint16_t context[WF_BUCKETS];
    const __m512i low = _mm512_set1_epi32(WF_STATE_LOW);
    lanes s = {low, low};
    uint8_t *next = e->next;
    for (unsigned b = 0; b < WF_BUCKETS; b++)
        context[b] = (uint16_t)(e->model->context[b] << 8);
    const __m512i bases = _mm512_loadu_si512(context);
    for (size_t end = e->n_steps; end > 0;) {
        block.first = (end - 1) / WF_CODE_BLOCK * WF_CODE_BLOCK;
        block.has_raw = false;
        transpose_all(e->code + block.first, e->stride, block.code);
        for (size_t k = end - block.first; k-- > 0;)
            next = encode_step(e, &s, bases, &block, k, next);
        end = block.first;
    }
    e->next = next;
    for (unsigned i = 0; i < WF_LANES / 2; i++) {
        uint32_t even[16], odd[16];
        _mm512_storeu_si512(even, s.even);
        _mm512_storeu_si512(odd, s.odd);
        e->states[2 * i] = even[i];
        e->states[2 * i + 1] = odd[i];
    }
}

#else
typedef int mic_wavefront_encode_avx512_is_not_for_this_machine;
#endif
