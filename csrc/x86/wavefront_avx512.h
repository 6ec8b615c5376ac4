/* SPDX-License-Identifier: MIT
 *
 * Transpositions shared by the decoder and the encoder of wavefront strips for AVX-512.
 */
#ifndef MIC_WAVEFRONT_AVX512_H
#define MIC_WAVEFRONT_AVX512_H

#include "../wavefront/wavefront.h"

#if defined(MIC_X86)
#define VEC_BITS 512
#include "vec.h"

/* Transpose eight rows of 32 values: the 128-bit part q of result k is column 8 q + k. */
MIC_AVX512_INLINE void transpose_rows(const uint16_t *in, size_t stride, __m512i out[8])
{
    __m512i a[8], b[8];
    for (size_t k = 0; k < 4; k++) {
        __m512i first = _mm512_loadu_si512(in + 2 * k * stride),
                second = _mm512_loadu_si512(in + (2 * k + 1) * stride);
        a[2 * k] = _mm512_unpacklo_epi16(first, second);
        a[2 * k + 1] = _mm512_unpackhi_epi16(first, second);
    }
    for (int k = 0; k < 2; k++)
        for (int h = 0; h < 2; h++) {
            b[4 * k + 2 * h] = _mm512_unpacklo_epi32(a[4 * k + h], a[4 * k + 2 + h]);
            b[4 * k + 2 * h + 1] = _mm512_unpackhi_epi32(a[4 * k + h], a[4 * k + 2 + h]);
        }
    for (int k = 0; k < 4; k++) {
        out[2 * k] = _mm512_unpacklo_epi64(b[k], b[4 + k]);
        out[2 * k + 1] = _mm512_unpackhi_epi64(b[k], b[4 + k]);
    }
}

/* out[x * out_stride + y] = in[y * in_stride + x] for x, y < 32. */
MIC_AVX512_INLINE void transpose_block(const uint16_t *in, size_t in_stride, uint16_t *out, size_t out_stride)
{
    __m512i v[4][8];
    for (size_t g = 0; g < 4; g++)
        transpose_rows(in + g * 8 * in_stride, in_stride, v[g]);
    for (size_t k = 0; k < 8; k++) {
        __m512i low = _mm512_shuffle_i64x2(v[0][k], v[1][k], 0x44),
                high = _mm512_shuffle_i64x2(v[0][k], v[1][k], 0xEE);
        __m512i low_2 = _mm512_shuffle_i64x2(v[2][k], v[3][k], 0x44),
                high_2 = _mm512_shuffle_i64x2(v[2][k], v[3][k], 0xEE);
        uint16_t *row = out + k * out_stride;
        _mm512_storeu_si512(row, _mm512_shuffle_i64x2(low, low_2, 0x88));
        _mm512_storeu_si512(row + 8 * out_stride, _mm512_shuffle_i64x2(low, low_2, 0xDD));
        _mm512_storeu_si512(row + 16 * out_stride, _mm512_shuffle_i64x2(high, high_2, 0x88));
        _mm512_storeu_si512(row + 24 * out_stride, _mm512_shuffle_i64x2(high, high_2, 0xDD));
    }
}

#endif
#endif
