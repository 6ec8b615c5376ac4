/* SPDX-License-Identifier: MIT
 *
 * AVX-512 on a processor without it.  This header stands before the compiler's own: most
 * operations come from SIMDe (the package libsimde-dev), and those that it lacks or gets wrong
 * are written here, lane by lane.  See ci/avx512.sh.
 */
#ifndef MIC_EMULATED_IMMINTRIN_H
#define MIC_EMULATED_IMMINTRIN_H

#include_next <immintrin.h>

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

#include <stdint.h>
#include <string.h>

typedef simde__m512i emulated_vec;

typedef union emulated_lanes {
    uint8_t u8[64];
    int16_t s16[32];
    uint16_t u16[32];
    int32_t s32[16];
    uint32_t u32[16];
    float f32[16];
    uint64_t u64[8];
} emulated_lanes;

static inline emulated_lanes emulated_load(const void *v)
{
    emulated_lanes lanes;
    memcpy(&lanes, v, sizeof lanes);
    return lanes;
}

static inline emulated_vec emulated_store(emulated_lanes lanes)
{
    emulated_vec v;
    memcpy(&v, &lanes, sizeof v);
    return v;
}

/* A function of the vectors named here: `a`, `b`, `c` and `r` are their lanes, i counts. */
#define EMULATE_1(name, n_lanes, lane, expression)              \
    static inline emulated_vec emulated_##name(emulated_vec va) \
    {                                                           \
        emulated_lanes a = emulated_load(&va), r;               \
        for (int i = 0; i < n_lanes; i++)                       \
            r.lane[i] = (expression);                           \
        return emulated_store(r);                               \
    }
#define EMULATE_2(name, n_lanes, lane, expression)                                      \
    static inline emulated_vec emulated_##name(emulated_vec va, emulated_vec vb, int n) \
    {                                                                                   \
        emulated_lanes a = emulated_load(&va), b = emulated_load(&vb), r;               \
        (void)n;                                                                        \
        for (int i = 0; i < n_lanes; i++)                                               \
            r.lane[i] = (expression);                                                   \
        return emulated_store(r);                                                       \
    }
/* r where the bit of the mask is set, s elsewhere. */
#define EMULATE_MASKED(name, n_lanes, lane, expression)                                           \
    static inline emulated_vec emulated_##name(emulated_vec vs, uint64_t mask, emulated_vec va,   \
                                               emulated_vec vb, int n)                            \
    {                                                                                             \
        emulated_lanes s = emulated_load(&vs), a = emulated_load(&va), b = emulated_load(&vb), r; \
        (void)b;                                                                                  \
        (void)n;                                                                                  \
        for (int i = 0; i < n_lanes; i++)                                                         \
            r.lane[i] = mask >> i & 1 ? (expression) : s.lane[i];                                 \
        return emulated_store(r);                                                                 \
    }
#define EMULATE_MASK(name, n_lanes, condition)                               \
    static inline uint32_t emulated_##name(emulated_vec va, emulated_vec vb) \
    {                                                                        \
        emulated_lanes a = emulated_load(&va), b = emulated_load(&vb);       \
        uint32_t mask = 0;                                                   \
        for (int i = 0; i < n_lanes; i++)                                    \
            mask |= (uint32_t)((condition) ? 1 : 0) << i;                    \
        return mask;                                                         \
    }

/* Bytes of two 128-bit lanes one behind the other, and 64 bits of them. */
static inline uint8_t emulated_align(const emulated_lanes *high, const emulated_lanes *low, int i, int n)
{
    const int lane = i & ~15, from = (i & 15) + n;
    return from < 16 ? low->u8[lane + from] : from < 32 ? high->u8[lane + from - 16] : 0;
}

static inline uint64_t emulated_clmul(uint64_t x, uint64_t y, int high)
{
    uint64_t product = 0;
    for (int k = 0; k < 64; k++)
        if (y >> k & 1)
            product ^= high ? (k ? x >> (64 - k) : 0) : x << k;
    return product;
}

EMULATE_1(lzcnt_epi32, 16, u32, a.u32[i] ? (uint32_t)__builtin_clz(a.u32[i]) : 32)
EMULATE_1(cvtepi32_ps, 16, f32, (float)a.s32[i])
EMULATE_2(alignr_epi32, 16, u32, i + n < 16 ? b.u32[i + n] : a.u32[i + n - 16])
EMULATE_2(mulhi_epu16, 32, u16, (uint16_t)((uint32_t)a.u16[i] * b.u16[i] >> 16))
EMULATE_2(shldi_epi16, 32, u16, (uint16_t)((((uint32_t)a.u16[i] << 16 | b.u16[i]) << n) >> 16))
EMULATE_2(shldi_epi32, 16, u32, (uint32_t)((((uint64_t)a.u32[i] << 32 | b.u32[i]) << n) >> 32))
EMULATE_2(shuffle_i64x2, 8, u64, (i < 4 ? &a : &b)->u64[2 * (n >> (i & ~1) & 3) + (i & 1)])
EMULATE_2(clmulepi64_epi128, 8, u64,
          emulated_clmul(a.u64[(i & ~1) + (n & 1)], b.u64[(i & ~1) + (n >> 4 & 1)], i & 1))
EMULATE_MASKED(mask_alignr_epi8, 64, u8, emulated_align(&a, &b, i, n))
EMULATE_MASKED(mask_shuffle_epi32, 16, u32, a.u32[(i & ~3) + (n >> (2 * (i & 3)) & 3)])
EMULATE_MASKED(mask_srli_epi32, 16, u32, a.u32[i] >> n)
EMULATE_MASKED(mask_sub_epi16, 32, u16, (uint16_t)(a.u16[i] - b.u16[i]))
EMULATE_MASK(cmpgt_epi16_mask, 32, a.s16[i] > b.s16[i])
EMULATE_MASK(cmpgt_epu16_mask, 32, a.u16[i] > b.u16[i])
EMULATE_MASK(cmplt_epu16_mask, 32, a.u16[i] < b.u16[i])
EMULATE_MASK(cmpeq_epi16_mask, 32, a.u16[i] == b.u16[i])
EMULATE_MASK(cmpge_epi16_mask, 32, a.s16[i] >= b.s16[i])
EMULATE_MASK(cmpge_epu32_mask, 16, a.u32[i] >= b.u32[i])
EMULATE_MASK(testn_epi16_mask, 32, (a.u16[i] & b.u16[i]) == 0)

/* The low half of (b, a) shifted right by each lane of c. */
static inline emulated_vec emulated_shrdv_epi16(emulated_vec va, emulated_vec vb, emulated_vec vc)
{
    emulated_lanes a = emulated_load(&va), b = emulated_load(&vb), c = emulated_load(&vc);
    for (int i = 0; i < 32; i++)
        a.u16[i] = (uint16_t)(((uint32_t)b.u16[i] << 16 | a.u16[i]) >> (c.u16[i] & 15));
    return emulated_store(a);
}

static inline emulated_vec emulated_mask_expand_epi16(emulated_vec vs, uint32_t mask, emulated_vec va)
{
    emulated_lanes s = emulated_load(&vs), a = emulated_load(&va);
    for (int i = 0, from = 0; i < 32; i++)
        if (mask >> i & 1)
            s.u16[i] = a.u16[from++];
    return emulated_store(s);
}

static inline emulated_vec emulated_maskz_compress_epi16(uint32_t mask, emulated_vec va)
{
    emulated_lanes a = emulated_load(&va), r = {{0}};
    for (int i = 0, to = 0; i < 32; i++)
        if (mask >> i & 1)
            r.u16[to++] = a.u16[i];
    return emulated_store(r);
}

static inline emulated_vec emulated_i32gather_epi32(emulated_vec vindex, const void *base, int scale)
{
    emulated_lanes index = emulated_load(&vindex), r;
    for (int i = 0; i < 16; i++)
        memcpy(&r.u32[i], (const char *)base + (int64_t)index.s32[i] * scale, 4);
    return emulated_store(r);
}

static inline emulated_vec emulated_maskz_loadu(uint32_t mask, const void *p, size_t n_lane)
{
    emulated_lanes r = {{0}};
    for (size_t i = 0; i < sizeof r / n_lane; i++)
        if (mask >> i & 1)
            memcpy(&r.u8[i * n_lane], (const char *)p + i * n_lane, n_lane);
    return emulated_store(r);
}

static inline void emulated_mask_storeu_epi16(void *p, uint32_t mask, emulated_vec va)
{
    emulated_lanes a = emulated_load(&va);
    for (int i = 0; i < 32; i++)
        if (mask >> i & 1)
            memcpy((char *)p + 2 * i, &a.u16[i], 2);
}

static inline int64_t emulated_reduce_add_epi64(emulated_vec va)
{
    emulated_lanes a = emulated_load(&va);
    uint64_t sum = 0;
    for (int i = 0; i < 8; i++)
        sum += a.u64[i];
    return (int64_t)sum;
}

/* The lanes that the cast leaves undefined hold something that nobody may rely on. */
static inline emulated_vec emulated_castsi128_si512(__m128i low)
{
    emulated_lanes r;
    memset(&r, 0xA5, sizeof r);
    memcpy(&r, &low, sizeof low);
    return emulated_store(r);
}

static inline simde__m512 emulated_floats(emulated_vec v)
{
    simde__m512 floats;
    memcpy(&floats, &v, sizeof floats);
    return floats;
}

#undef EMULATE_1
#undef EMULATE_2
#undef EMULATE_MASKED
#undef EMULATE_MASK

#undef _mm512_madd_epi16
#undef _mm512_mask_cmpge_epi16_mask
#undef _mm512_mask_cmpge_epu32_mask
#undef _mm512_castsi128_si512
#define _mm512_madd_epi16 simde_mm512_madd_epi16
#define _mm512_alignr_epi32 emulated_alignr_epi32
#define _mm512_castsi128_si512 emulated_castsi128_si512
#define _mm512_clmulepi64_epi128 emulated_clmulepi64_epi128
#define _mm512_cmpeq_epi16_mask emulated_cmpeq_epi16_mask
#define _mm512_cmpgt_epi16_mask emulated_cmpgt_epi16_mask
#define _mm512_cmpgt_epu16_mask emulated_cmpgt_epu16_mask
#define _mm512_cmplt_epu16_mask emulated_cmplt_epu16_mask
#define _mm512_cvtepi32_ps(a) emulated_floats(emulated_cvtepi32_ps(a))
#define _mm512_i32gather_epi32 emulated_i32gather_epi32
#define _mm512_lzcnt_epi32 emulated_lzcnt_epi32
#define _mm512_mask_alignr_epi8 emulated_mask_alignr_epi8
#define _mm512_mask_cmpge_epi16_mask(k, a, b) ((k) & emulated_cmpge_epi16_mask(a, b))
#define _mm512_mask_cmpge_epu32_mask(k, a, b) ((__mmask16)((k) & emulated_cmpge_epu32_mask(a, b)))
#define _mm512_mask_cmpgt_epu16_mask(k, a, b) ((k) & emulated_cmpgt_epu16_mask(a, b))
#define _mm512_mask_expand_epi16 emulated_mask_expand_epi16
#define _mm512_mask_shuffle_epi32(s, k, a, n) emulated_mask_shuffle_epi32(s, k, a, a, n)
#define _mm512_mask_srli_epi32(s, k, a, n) emulated_mask_srli_epi32(s, k, a, a, n)
#define _mm512_mask_storeu_epi16 emulated_mask_storeu_epi16
#define _mm512_mask_sub_epi16(s, k, a, b) emulated_mask_sub_epi16(s, k, a, b, 0)
#define _mm512_maskz_compress_epi16 emulated_maskz_compress_epi16
#define _mm512_maskz_loadu_epi16(k, p) emulated_maskz_loadu(k, p, 2)
#define _mm512_maskz_loadu_epi32(k, p) emulated_maskz_loadu(k, p, 4)
#define _mm512_maskz_sub_epi16(k, a, b) emulated_mask_sub_epi16(_mm512_setzero_si512(), k, a, b, 0)
#define _mm512_mulhi_epu16(a, b) emulated_mulhi_epu16(a, b, 0)
#define _mm512_reduce_add_epi64 emulated_reduce_add_epi64
#define _mm512_shldi_epi16 emulated_shldi_epi16
#define _mm512_shldi_epi32 emulated_shldi_epi32
#define _mm512_shrdv_epi16 emulated_shrdv_epi16
#define _mm512_shuffle_i64x2 emulated_shuffle_i64x2
#define _mm512_testn_epi16_mask emulated_testn_epi16_mask

#endif
