/* SPDX-License-Identifier: MIT
 *
 * Kernels for AVX2 (with SSE4.2, BMI1/2 and POPCNT, which every such processor has).  Each
 * equals its scalar counterpart on every input.
 */
#include "../base/kernels_scalar.h"
#include "../stages/stage_kernels.h"
#include "kernels_x86.h"

#if defined(MIC_X86)

#include "../base/checksum.h"

#define VEC_BITS 256
#include "kernel_loops_x86.h"

/* ---- CRC-32C ----------------------------------------------------------- */

/* The CRC instruction takes 8 bytes and has a latency of 3 cycles. */
MIC_AVX2 static uint32_t crc32c_of_few(uint64_t crc, const uint8_t *p, size_t n)
{
    for (; n >= 8; n -= 8, p += 8)
        crc = _mm_crc32_u64(crc, load_u64(p));
    for (; n > 0; n--, p++)
        crc = _mm_crc32_u8((uint32_t)crc, *p);
    return (uint32_t)crc;
}

MIC_AVX2 static inline __m128i load_bits(const uint8_t *p) { return _mm_loadu_si128((const __m128i *)p); }

MIC_AVX2 static inline __m128i fold(__m128i message, __m128i powers, __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(message, powers, 0x00),
            high = _mm_clmulepi64_si128(message, powers, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

MIC_AVX2 static inline __m128i powers(uint64_t low, uint64_t high)
{
    return _mm_set_epi64x((long long)high, (long long)low);
}

/* Folding (see checksum.h), four times 16 bytes a round.  The last 128 bits and the
 * remaining bytes go through the CRC instruction.  On 32 KB this is three times as fast as
 * that instruction alone. */
MIC_AVX2 uint32_t mic_crc32c_pclmul(uint32_t crc, const void *data, size_t n)
{
    enum { ROUND = 64 };
    const uint8_t *p = data;
    if (n < 2 * ROUND)
        return ~crc32c_of_few(~crc, p, n);
    const __m128i by_512 = powers(CRC32C_FOLD_512), by_128 = powers(CRC32C_FOLD_128);
    __m128i a = load_bits(p), b = load_bits(p + 16), c = load_bits(p + 32), d = load_bits(p + 48);
    a = _mm_xor_si128(a, _mm_cvtsi32_si128((int)~crc));
    for (p += ROUND, n -= ROUND; n >= ROUND; p += ROUND, n -= ROUND) {
        a = fold(a, by_512, load_bits(p));
        b = fold(b, by_512, load_bits(p + 16));
        c = fold(c, by_512, load_bits(p + 32));
        d = fold(d, by_512, load_bits(p + 48));
    }
    d = fold(fold(fold(a, by_128, b), by_128, c), by_128, d);
    uint64_t rest = _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(d));
    rest = _mm_crc32_u64(rest, (uint64_t)_mm_extract_epi64(d, 1));
    return ~crc32c_of_few(rest, p, n);
}

/* ---- scanning ---------------------------------------------------------- */

/* ---- prediction -------------------------------------------------------- */

MIC_AVX2 static bool look_up_avx2(uint16_t *words, size_t n, const uint16_t *table, uint32_t n_table,
                                  uint16_t first, uint16_t last)
{
    const __m256i low = _mm256_set1_epi16((short)first), span = _mm256_set1_epi16((short)(last - first));
    const __m256i offset = _mm256_set1_epi16((short)(table[first] - first));
    size_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES) {
        __m256i w = load(words + i), distance = _mm256_sub_epi16(w, low);
        __m256i inside = _mm256_cmpeq_epi16(_mm256_min_epu16(distance, span), distance);
        if (_mm256_movemask_epi8(inside) == -1)
            store(words + i, _mm256_add_epi16(w, offset));
        else if (largest_lane(w) >= n_table)
            return false;
        else
            look_up_each(words + i, VEC_LANES, table);
    }
    return mic_look_up_scalar(words + i, n - i, table, n_table, first, last);
}

MIC_AVX2 static inline __m256i inside_run(__m256i v, const seen_run *run)
{
    const __m256i first = _mm256_set1_epi16((short)run->first), span = _mm256_set1_epi16((short)run->span);
    __m256i distance = _mm256_sub_epi16(v, first);
    return _mm256_cmpeq_epi16(_mm256_min_epu16(distance, span), distance);
}

MIC_AVX2 static void mark_avx2(const uint16_t *words, size_t n, uint16_t offset, mic_marker *marker)
{
    const __m256i offsets = _mm256_set1_epi16((short)offset);
    size_t i = 0;
    while (i + VEC_LANES <= n) {
        if (is_impatient(marker))
            mic_find_seen_runs(words + i, n - i, offset, marker);
        const seen_run a = marker->runs[0], b = marker->runs[1];
        size_t n_outside = marker->n_outside;
        for (; i + VEC_LANES <= n && n_outside < marker->patience; i += VEC_LANES) {
            __m256i v = _mm256_add_epi16(load(words + i), offsets);
            uint32_t outside = ~(uint32_t)_mm256_movemask_epi8(
                _mm256_or_si256(inside_run(v, &a), inside_run(v, &b)));
            if (MIC_LIKELY(outside == 0))
                continue;
            n_outside += (size_t)_mm_popcnt_u32(outside) / 2;
            mark_each(words + i, VEC_LANES, offset, marker->seen);
        }
        marker->n_outside = n_outside;
    }
    mark_each(words + i, n - i, offset, marker->seen);
}

/* ---- three channels of bytes -------------------------------------------- */

enum { PIXELS = 16 }; /* done at once: 48 bytes of samples, three registers */

/* Shuffle index that spreads channel c: byte k of sample register r comes from byte
 * (16 r + k) / 3 of the channel, or from none (for -1 a shuffle gives 0). */
#define TO_SAMPLES(r, c, k) ((char)((16 * (r) + (k)) % 3 == (c) ? (16 * (r) + (k)) / 3 : -1))
/* The inverse, a shuffle index for sample register r: where byte k of channel c comes from. */
#define TO_CHANNEL(r, c, k) ((char)((3 * (k) + (c)) / 16 == (r) ? (3 * (k) + (c)) % 16 : -1))
#define SHUFFLE(way, r, c)                                                                    \
    {way(r, c, 0),  way(r, c, 1),  way(r, c, 2),  way(r, c, 3), way(r, c, 4),  way(r, c, 5),  \
     way(r, c, 6),  way(r, c, 7),  way(r, c, 8),  way(r, c, 9), way(r, c, 10), way(r, c, 11), \
     way(r, c, 12), way(r, c, 13), way(r, c, 14), way(r, c, 15)}
#define SHUFFLES_OF(way, r) {SHUFFLE(way, r, 0), SHUFFLE(way, r, 1), SHUFFLE(way, r, 2)}

/* Indexed by sample register, then by channel. */
static const char to_samples[3][3][16] = {SHUFFLES_OF(TO_SAMPLES, 0), SHUFFLES_OF(TO_SAMPLES, 1),
                                          SHUFFLES_OF(TO_SAMPLES, 2)};
static const char to_channel[3][3][16] = {SHUFFLES_OF(TO_CHANNEL, 0), SHUFFLES_OF(TO_CHANNEL, 1),
                                          SHUFFLES_OF(TO_CHANNEL, 2)};

MIC_AVX2 static inline __m128i load_bytes(const void *p) { return _mm_loadu_si128(p); }

MIC_AVX2 static inline __m128i shuffle(__m128i v, const char places[16])
{
    return _mm_shuffle_epi8(v, load_bytes(places));
}

/* Return the low bytes of 16 words. */
MIC_AVX2 static inline __m128i low_bytes(__m256i words)
{
    __m256i low = _mm256_and_si256(words, _mm256_set1_epi16(0xFF));
    return _mm_packus_epi16(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
}

MIC_AVX2 void mic_interleave_avx2(uint16_t *const planes[3], size_t n, uint8_t bias, uint8_t *samples)
{
    const __m128i biases = _mm_set1_epi8((char)bias);
    size_t i = 0;
    for (; i + PIXELS <= n; i += PIXELS) {
        const __m128i a = low_bytes(load(planes[0] + i)), b = low_bytes(load(planes[1] + i)),
                      c = low_bytes(load(planes[2] + i));
        for (size_t r = 0; r < 3; r++) {
            __m128i v = _mm_or_si128(_mm_or_si128(shuffle(a, to_samples[r][0]), shuffle(b, to_samples[r][1])),
                                     shuffle(c, to_samples[r][2]));
            _mm_storeu_si128((__m128i *)(void *)(samples + 3 * i + 16 * r), _mm_xor_si128(v, biases));
        }
    }
    interleave_from(i, planes, n, bias, samples);
}

MIC_AVX2 void mic_deinterleave_avx2(const uint8_t *samples, size_t n, uint8_t bias, uint16_t *const planes[3])
{
    const __m128i biases = _mm_set1_epi8((char)bias);
    size_t i = 0;
    for (; i + PIXELS <= n; i += PIXELS) {
        const __m128i a = load_bytes(samples + 3 * i), b = load_bytes(samples + 3 * i + 16),
                      c = load_bytes(samples + 3 * i + 32);
        for (size_t channel = 0; channel < 3; channel++) {
            __m128i v = _mm_or_si128(_mm_or_si128(shuffle(a, to_channel[0][channel]),
                                                  shuffle(b, to_channel[1][channel])),
                                     shuffle(c, to_channel[2][channel]));
            store(planes[channel] + i, _mm256_cvtepu8_epi16(_mm_xor_si128(v, biases)));
        }
    }
    deinterleave_from(i, samples, n, bias, planes);
}

const mic_kernels mic_kernels_avx2 = {
    .isa = MIC_ISA_AVX2,
    .histogram = mic_histogram_scalar,
    .largest = largest,
    .crc32c = mic_crc32c_pclmul,
    .find_word = find_word,
    .find_triple = find_triple,
    .rle_encode = rle_encode,
    .rle_decode = rle_decode,
    .delta_forward_row = delta_forward_row,
    .delta_inverse_rows = mic_delta_inverse_rows_scalar,
    .look_up = look_up_avx2,
    .add = add,
    .mark = mark_avx2,
    .interleave = mic_interleave_avx2,
    .deinterleave = mic_deinterleave_avx2,
    .fse_read = mic_fse_read_bmi2,
    .fse_write = mic_fse_write_bmi2,
    .scale = mic_wf_scale_avx2,
    .code = mic_wf_code_avx2,
    .find_rare = mic_wf_find_rare_avx2,
    .add_products = mic_wf_add_products_avx2,
    .sum_logs = mic_wf_sum_logs_scalar,
    .encode_steps = mic_wf_encode_steps_avx2,
    .wavefront_decode = mic_wf_decode_strips_avx2,
};

#else
typedef int mic_no_avx2; /* a translation unit may not be empty */
#endif
