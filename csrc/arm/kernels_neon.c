/* SPDX-License-Identifier: MIT
 *
 * Kernels for NEON, which every AArch64 processor has.  Each equals its scalar counterpart
 * on every input.
 */
#include "../base/kernels_scalar.h"
#include "../stages/rle_loop.h"
#include "../stages/stage_kernels.h"
#include "../wavefront/wavefront_cost.h"
#include "../wavefront/wavefront_encode.h"
#include "wavefront_neon.h"

#if defined(MIC_NEON)

#include "../base/checksum.h"

#include <arm_neon.h>

enum { LANES = 8 };

/* ---- CRC-32C ----------------------------------------------------------- */

/* Apple's compilers always define the feature for the Mac, where every such processor has
 * these instructions. */
#if defined(__ARM_FEATURE_CRC32)
static bool has_crc32(void) { return true; }
#elif defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#ifndef PF_ARM_V8_CRC32_INSTRUCTIONS_AVAILABLE
#define PF_ARM_V8_CRC32_INSTRUCTIONS_AVAILABLE 31
#endif
static bool has_crc32(void) { return IsProcessorFeaturePresent(PF_ARM_V8_CRC32_INSTRUCTIONS_AVAILABLE); }
#elif defined(__linux__) || defined(__FreeBSD__)
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
static bool has_crc32(void)
{
    unsigned long capabilities = 0;
#if defined(__linux__)
    capabilities = getauxval(AT_HWCAP);
#else
    elf_aux_info(AT_HWCAP, &capabilities, sizeof capabilities);
#endif
    return (capabilities & HWCAP_CRC32) != 0;
}
#else
static bool has_crc32(void) { return false; }
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
MIC_INLINE uint32_t crc_u64(uint32_t crc, uint64_t v) { return __crc32cd(crc, v); }
MIC_INLINE uint32_t crc_u8(uint32_t crc, uint8_t v) { return __crc32cb(crc, v); }
#else
/* These instructions are written as assembly: compilers disagree on how a function may use
 * the extension in a file that is compiled for all processors. */
MIC_INLINE uint32_t crc_u64(uint32_t crc, uint64_t v)
{
    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(v));
    return crc;
}
MIC_INLINE uint32_t crc_u8(uint32_t crc, uint8_t v)
{
    __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"((uint32_t)v));
    return crc;
}
#endif

/* As on x86, each such instruction in a chain waits for the one before.  Three chains do
 * not wait for each other, and joining them costs a few thousand cycles. */
static uint32_t crc32c_neon(uint32_t crc, const void *data, size_t n)
{
    enum { WORTH_SPLITTING = 1 << 16 };
    if (!has_crc32())
        return mic_crc32c_scalar(crc, data, n);
    const uint8_t *p = data;
    crc = ~crc;
    if (n >= WORTH_SPLITTING) {
        const size_t part = n / 24 * 8;
        uint32_t c1 = UINT32_MAX, c2 = UINT32_MAX;
        for (size_t i = 0; i < part; i += 8) {
            crc = crc_u64(crc, load_u64(p + i));
            c1 = crc_u64(c1, load_u64(p + part + i));
            c2 = crc_u64(c2, load_u64(p + 2 * part + i));
        }
        uint32_t joined = mic_crc32c_combine(~crc, ~c1, part);
        crc = ~mic_crc32c_combine(joined, ~c2, part);
        p += 3 * part;
        n -= 3 * part;
    }
    for (; n >= 8; n -= 8, p += 8)
        crc = crc_u64(crc, load_u64(p));
    for (; n > 0; n--, p++)
        crc = crc_u8(crc, *p);
    return ~crc;
}

/* ---- scanning ---------------------------------------------------------- */

/* One byte of a comparison's result per lane, the first lane lowest. */
static inline uint64_t mask_of(uint16x8_t equal)
{
    return vget_lane_u64(vreinterpret_u64_u8(vmovn_u16(equal)), 0);
}

static uint16_t largest_neon(const uint16_t *words, size_t n)
{
    uint16x8_t a = vdupq_n_u16(0), b = a;
    size_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        a = vmaxq_u16(a, vld1q_u16(words + i));
        b = vmaxq_u16(b, vld1q_u16(words + i + LANES));
    }
    uint16_t largest = vmaxvq_u16(vmaxq_u16(a, b));
    for (; i < n; i++)
        largest = words[i] > largest ? words[i] : largest;
    return largest;
}

static size_t find_word_neon(const uint16_t *words, size_t n, uint16_t value)
{
    const uint16x8_t wanted = vdupq_n_u16(value);
    size_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        uint16x8_t a = vceqq_u16(vld1q_u16(words + i), wanted);
        uint16x8_t b = vceqq_u16(vld1q_u16(words + i + LANES), wanted);
        uint16x8_t c = vceqq_u16(vld1q_u16(words + i + 2 * LANES), wanted);
        uint16x8_t d = vceqq_u16(vld1q_u16(words + i + 3 * LANES), wanted);
        if (mask_of(vorrq_u16(vorrq_u16(a, b), vorrq_u16(c, d))))
            break;
    }
    while (i < n && words[i] != value)
        i++;
    return i;
}

MIC_INLINE size_t find_triple_body(const uint16_t *words, size_t n)
{
    size_t i = 0;
    for (; i + 2 + LANES <= n; i += LANES) {
        uint16x8_t a = vld1q_u16(words + i);
        uint16x8_t next = vceqq_u16(a, vld1q_u16(words + i + 1));
        uint16x8_t after = vceqq_u16(a, vld1q_u16(words + i + 2));
        uint64_t mask = mask_of(vandq_u16(next, after));
        if (mask)
            return i + lowest_bit_u64(mask) / 8;
    }
    for (; i + 2 < n; i++)
        if (words[i] == words[i + 1] && words[i] == words[i + 2])
            return i;
    return n;
}

MIC_INLINE size_t run_length_body(const uint16_t *words, size_t n)
{
    const uint16x8_t first = vdupq_n_u16(words[0]);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        uint64_t mask = mask_of(vceqq_u16(vld1q_u16(words + i), first));
        if (mask != UINT64_MAX)
            return i + lowest_bit_u64(~mask) / 8;
    }
    while (i < n && words[i] == words[0])
        i++;
    return i;
}

static size_t find_triple_neon(const uint16_t *words, size_t n) { return find_triple_body(words, n); }

static size_t rle_encode_neon(const uint16_t *words, size_t n, size_t run_limit, uint16_t *out,
                              size_t out_room)
{
    return rle_encode_loop(words, n, run_limit, out, out_room, find_triple_body, run_length_body);
}

static rle_outcome rle_decode_neon(const uint16_t *in, size_t *n_in, size_t run_limit, uint16_t *out,
                                   size_t capacity, size_t *n_out)
{
    return rle_decode_loop(in, n_in, run_limit, out, capacity, n_out);
}

/* ---- prediction -------------------------------------------------------- */

static bool delta_forward_row_neon(const uint16_t *row, const uint16_t *above, size_t n, uint16_t threshold,
                                   uint16_t *words)
{
    const uint16x8_t bias = vdupq_n_u16(threshold);
    uint16x8_t escapes = vdupq_n_u16(0);
    size_t x = 1;
    for (; x + LANES <= n; x += LANES) {
        uint16x8_t pixel = vld1q_u16(row + x);
        uint16x8_t prediction = vhaddq_u16(vld1q_u16(row + x - 1), vld1q_u16(above + x));
        escapes = vorrq_u16(escapes, vcgeq_u16(vabdq_u16(pixel, prediction), bias));
        vst1q_u16(words + x, vaddq_u16(vsubq_u16(pixel, prediction), bias));
    }
    bool escape = mask_of(escapes) != 0;
    for (; x < n; x++) {
        int residual = row[x] - ((row[x - 1] + above[x]) >> 1);
        escape |= (residual < 0 ? -residual : residual) >= threshold;
        words[x] = (uint16_t)(residual + threshold);
    }
    return escape;
}

static bool look_up_neon(uint16_t *words, size_t n, const uint16_t *table, uint32_t n_table, uint16_t first,
                         uint16_t last)
{
    const uint16x8_t low = vdupq_n_u16(first), span = vdupq_n_u16((uint16_t)(last - first));
    const uint16x8_t offset = vdupq_n_u16((uint16_t)(table[first] - first));
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        uint16x8_t w = vld1q_u16(words + i);
        uint16x8_t inside = vcleq_u16(vsubq_u16(w, low), span);
        if (mask_of(inside) == UINT64_MAX)
            vst1q_u16(words + i, vaddq_u16(w, offset));
        else if (vmaxvq_u16(w) >= n_table)
            return false;
        else
            look_up_each(words + i, LANES, table);
    }
    return mic_look_up_scalar(words + i, n - i, table, n_table, first, last);
}

static uint16_t add_neon(uint16_t *words, size_t n, uint16_t addend)
{
    const uint16x8_t addends = vdupq_n_u16(addend);
    uint16x8_t most = vdupq_n_u16(0);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        uint16x8_t w = vld1q_u16(words + i);
        most = vmaxq_u16(most, w);
        vst1q_u16(words + i, vaddq_u16(w, addends));
    }
    uint16_t largest = vmaxvq_u16(most);
    for (; i < n; i++) {
        largest = words[i] > largest ? words[i] : largest;
        words[i] = (uint16_t)(words[i] + addend);
    }
    return largest;
}

/* ---- three channels of bytes -------------------------------------------- */

enum { PIXELS = 16 }; /* done at once */

static uint8x16_t low_bytes(const uint16_t *words)
{
    return vcombine_u8(vmovn_u16(vld1q_u16(words)), vmovn_u16(vld1q_u16(words + LANES)));
}

static void interleave_neon(uint16_t *const planes[3], size_t n, uint8_t bias, uint8_t *samples)
{
    const uint8x16_t biases = vdupq_n_u8(bias);
    size_t i = 0;
    for (; i + PIXELS <= n; i += PIXELS) {
        uint8x16x3_t v;
        for (size_t c = 0; c < 3; c++)
            v.val[c] = veorq_u8(low_bytes(planes[c] + i), biases);
        vst3q_u8(samples + 3 * i, v);
    }
    interleave_from(i, planes, n, bias, samples);
}

static void deinterleave_neon(const uint8_t *samples, size_t n, uint8_t bias, uint16_t *const planes[3])
{
    const uint8x16_t biases = vdupq_n_u8(bias);
    size_t i = 0;
    for (; i + PIXELS <= n; i += PIXELS) {
        const uint8x16x3_t v = vld3q_u8(samples + 3 * i);
        for (size_t c = 0; c < 3; c++) {
            const uint8x16_t bytes = veorq_u8(v.val[c], biases);
            vst1q_u16(planes[c] + i, vmovl_u8(vget_low_u8(bytes)));
            vst1q_u16(planes[c] + i + LANES, vmovl_u8(vget_high_u8(bytes)));
        }
    }
    deinterleave_from(i, samples, n, bias, planes);
}

const mic_kernels mic_kernels_neon = {
    .isa = MIC_ISA_NEON,
    .histogram = mic_histogram_scalar,
    .largest = largest_neon,
    .crc32c = crc32c_neon,
    .find_word = find_word_neon,
    .find_triple = find_triple_neon,
    .rle_encode = rle_encode_neon,
    .rle_decode = rle_decode_neon,
    .delta_forward_row = delta_forward_row_neon,
    .delta_inverse_rows = mic_delta_inverse_rows_scalar,
    .look_up = look_up_neon,
    .add = add_neon,
    .mark = mic_mark_scalar,
    .interleave = interleave_neon,
    .deinterleave = deinterleave_neon,
    .fse_read = mic_fse_read_plain,
    .fse_write = mic_fse_write_plain,
    .scale = mic_wf_scale_scalar,
    .code = mic_wf_code_scalar,
    .find_rare = mic_wf_find_rare_scalar,
    .add_products = mic_wf_add_products_scalar,
    .sum_logs = mic_wf_sum_logs_scalar,
    .encode_steps = mic_wf_encode_steps_scalar,
    .wavefront_decode = mic_wf_decode_strips_neon,
};

#else
typedef int mic_no_neon; /* a translation unit may not be empty */
#endif
