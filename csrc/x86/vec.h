/* SPDX-License-Identifier: MIT
 *
 * Registers of 16-bit lanes, under one name for all widths, so that each formula is written
 * once.  The names of the intrinsics differ only in a prefix: V(add_epi16) is
 * _mm256_add_epi16 or _mm512_add_epi16.  Before it includes this header, a file defines
 * VEC_BITS as 256 (AVX2) or 512 (AVX-512).
 *
 * Another width must define everything that both define below:
 *
 *     ISA                      the target attribute
 *     vec, lane_mask           a register; a selection of its lanes
 *     V(op)                    see the list
 *     V_AND, V_OR, V_XOR, V_ZERO, V_LOAD, V_STORE, V_FLOAT_BITS
 *     load_first, store_first  at most one register of words; lanes past n load as 0
 *     merge_low, shift_in, negate_if_below_0, largest_lane
 *     first_lanes, lanes_of, choose, clear, equal, either, both, any, all,
 *     find_first, count_first
 *
 * V(op) is used with these operations and no others:
 *
 *     set1_epi16, set1_epi32, add_epi16, sub_epi16, adds_epi16, adds_epu16, subs_epu16,
 *     abs_epi16, avg_epu16, mulhrs_epi16, min_epi16, max_epi16, max_epu16,
 *     slli_epi16, sll_epi16, sra_epi16, srl_epi16, srli_epi32, add_epi32, madd_epi16
 *
 * SSE4.1 has all of them as _mm_##op.  NEON and WebAssembly do not have these names, but
 * inline functions can provide them.  Shifts by a number that is not constant take a
 * shift_count.
 */
#ifndef MIC_VEC_H
#define MIC_VEC_H

#include "../base/target.h"

#include <immintrin.h>

enum { VEC_LANES = VEC_BITS / 16 };

#if VEC_BITS == 256

#define ISA MIC_AVX2
#define ISA_INLINE MIC_AVX2_INLINE
#define V(op) _mm256_##op
#define V_AND _mm256_and_si256
#define V_OR _mm256_or_si256
#define V_XOR _mm256_xor_si256
#define V_ZERO _mm256_setzero_si256
#define V_LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define V_STORE(p, v) _mm256_storeu_si256((__m256i *)(void *)(p), v)
#define V_FLOAT_BITS(v) _mm256_castps_si256(_mm256_cvtepi32_ps(v))
typedef __m256i vec;
typedef __m256i lane_mask; /* all ones in the selected lanes */

ISA_INLINE vec load_first(const void *words, size_t n)
{
    uint16_t part[VEC_LANES] = {0};
    if (MIC_LIKELY(n == VEC_LANES))
        return V_LOAD(words);
    memcpy(part, words, n * sizeof *part);
    return V_LOAD(part);
}
ISA_INLINE void store_first(void *words, vec v, size_t n)
{
    uint16_t part[VEC_LANES];
    V_STORE(n == VEC_LANES ? words : part, v);
    if (n < VEC_LANES)
        memcpy(words, part, n * sizeof *part);
}

/* Put the low halves of 32-bit lanes side by side. */
ISA_INLINE vec merge_low(vec even, vec odd)
{
    return _mm256_blend_epi16(even, _mm256_slli_epi32(odd, 16), 0xAA);
}

/* Return the last 16-bit lane of `before`, then all but the last lane of v. */
ISA_INLINE vec shift_in(vec before, vec v)
{
    return _mm256_alignr_epi8(v, _mm256_permute2x128_si256(before, v, 0x21), 14);
}

ISA_INLINE vec negate_if_below_0(vec v, vec sign)
{
    vec flip = _mm256_srai_epi16(sign, 15);
    return _mm256_sub_epi16(_mm256_xor_si256(v, flip), flip);
}

ISA_INLINE lane_mask first_lanes(size_t n)
{
    const vec place = _mm256_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm256_cmpgt_epi16(_mm256_set1_epi16((short)min_size(n, VEC_LANES)), place);
}

/* Select the lanes whose bits are set. */
ISA_INLINE lane_mask lanes_of(uint32_t bits)
{
    const vec bit = _mm256_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384,
                                      INT16_MIN);
    return _mm256_cmpeq_epi16(_mm256_and_si256(_mm256_set1_epi16((short)bits), bit), bit);
}

/* Return w in the selected lanes and v in the others. */
ISA_INLINE vec choose(vec v, lane_mask lanes, vec w) { return _mm256_blendv_epi8(v, w, lanes); }
/* Return 0 in the selected lanes and v in the others. */
ISA_INLINE vec clear(vec v, lane_mask lanes) { return _mm256_andnot_si256(lanes, v); }
ISA_INLINE lane_mask equal(vec v, vec w) { return _mm256_cmpeq_epi16(v, w); }
ISA_INLINE lane_mask either(lane_mask a, lane_mask b) { return _mm256_or_si256(a, b); }
ISA_INLINE lane_mask both(lane_mask a, lane_mask b) { return _mm256_and_si256(a, b); }
ISA_INLINE bool any(lane_mask lanes) { return !_mm256_testz_si256(lanes, lanes); }

ISA_INLINE bool all(lane_mask lanes) { return (uint32_t)_mm256_movemask_epi8(lanes) == UINT32_MAX; }

/* Index of the first lane that is not selected, or VEC_LANES. */
ISA_INLINE size_t count_first(lane_mask lanes)
{
    return _tzcnt_u32(~(uint32_t)_mm256_movemask_epi8(lanes)) / 2;
}
/* Index of the first selected lane, or VEC_LANES. */
ISA_INLINE size_t find_first(lane_mask lanes)
{
    return _tzcnt_u32((uint32_t)_mm256_movemask_epi8(lanes)) / 2;
}

ISA_INLINE uint16_t largest_lane(vec v)
{
    __m128i half = _mm_max_epu16(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    /* The instruction finds the minimum, and the largest value has the smallest complement. */
    return (uint16_t)~_mm_extract_epi16(_mm_minpos_epu16(_mm_xor_si128(half, _mm_set1_epi16(-1))), 0);
}

#elif VEC_BITS == 512

#define ISA MIC_AVX512
#define ISA_INLINE MIC_AVX512_INLINE
#define V(op) _mm512_##op
#define V_AND _mm512_and_si512
#define V_OR _mm512_or_si512
#define V_XOR _mm512_xor_si512
#define V_ZERO _mm512_setzero_si512
#define V_LOAD(p) _mm512_loadu_si512(p)
#define V_STORE(p, v) _mm512_storeu_si512(p, v)
#define V_FLOAT_BITS(v) _mm512_castps_si512(_mm512_cvtepi32_ps(v))
typedef __m512i vec;
typedef __mmask32 lane_mask;

ISA_INLINE lane_mask first_lanes(size_t n) { return n >= VEC_LANES ? ~0u : (1u << n) - 1; }
ISA_INLINE vec load_first(const void *words, size_t n)
{
    return _mm512_maskz_loadu_epi16(_bzhi_u32(UINT32_MAX, (unsigned)n), words);
}
ISA_INLINE void store_first(void *words, vec v, size_t n)
{
    _mm512_mask_storeu_epi16(words, _bzhi_u32(UINT32_MAX, (unsigned)n), v);
}
ISA_INLINE vec merge_low(vec even, vec odd)
{
    return _mm512_mask_blend_epi16(0xAAAAAAAA, even, _mm512_slli_epi32(odd, 16));
}
ISA_INLINE vec shift_in(vec before, vec v)
{
    vec tops = _mm512_alignr_epi32(v, before, 15); /* each lane's left neighbour holds the missing half */
    return _mm512_shldi_epi32(v, tops, 16);
}
ISA_INLINE vec negate_if_below_0(vec v, vec sign)
{
    return _mm512_mask_sub_epi16(v, _mm512_movepi16_mask(sign), _mm512_setzero_si512(), v);
}
ISA_INLINE lane_mask lanes_of(uint32_t bits) { return bits; }
ISA_INLINE vec choose(vec v, lane_mask lanes, vec w) { return _mm512_mask_mov_epi16(v, lanes, w); }
ISA_INLINE vec clear(vec v, lane_mask lanes) { return _mm512_maskz_mov_epi16(~lanes, v); }
ISA_INLINE lane_mask equal(vec v, vec w) { return _mm512_cmpeq_epi16_mask(v, w); }
ISA_INLINE lane_mask either(lane_mask a, lane_mask b) { return a | b; }
ISA_INLINE lane_mask both(lane_mask a, lane_mask b) { return a & b; }
ISA_INLINE bool any(lane_mask lanes) { return lanes != 0; }
ISA_INLINE bool all(lane_mask lanes) { return lanes == UINT32_MAX; }
ISA_INLINE size_t count_first(lane_mask lanes) { return _tzcnt_u32(~lanes); }
ISA_INLINE size_t find_first(lane_mask lanes) { return _tzcnt_u32(lanes); }

ISA_INLINE uint16_t largest_lane(vec v)
{
    __m256i half = _mm256_max_epu16(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
    __m128i quarter = _mm_max_epu16(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    return (uint16_t)~_mm_extract_epi16(_mm_minpos_epu16(_mm_xor_si128(quarter, _mm_set1_epi16(-1))), 0);
}

#else
#error "no registers of that width"
#endif

typedef __m128i shift_count;
ISA_INLINE shift_count shift_by(unsigned n) { return _mm_cvtsi32_si128((int)n); }

ISA_INLINE vec load(const void *p) { return V_LOAD(p); }
ISA_INLINE void store(void *p, vec v) { V_STORE(p, v); }

/* Where the last register of n words starts.  It ends at the last word, unless there are
 * fewer words than lanes. */
ISA_INLINE size_t last_register(size_t n) { return n < VEC_LANES ? 0 : n - VEC_LANES; }

/* The 16-bit values of the even or of the odd lanes, widened to 32 bits. */
ISA_INLINE vec even_of(vec v) { return V_AND(v, V(set1_epi32)(0xFFFF)); }
ISA_INLINE vec odd_of(vec v) { return V(srli_epi32)(v, 16); }

/* Exponent and first mantissa bit of each lane's value as a float; the result is 254 too
 * high. */
ISA_INLINE vec half_octaves(vec v)
{
    return merge_low(V(srli_epi32)(V_FLOAT_BITS(even_of(v)), 22), V(srli_epi32)(V_FLOAT_BITS(odd_of(v)), 22));
}

#endif
