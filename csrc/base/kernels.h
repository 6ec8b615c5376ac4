/* SPDX-License-Identifier: MIT
 *
 * The hot loops, one pointer each.  kernels.c holds the scalar versions: they
 * are the specification, and every other version must give the same bytes on
 * any size.  A kernel never reads or writes outside the ranges it is given.
 */
#ifndef MIC_KERNELS_H
#define MIC_KERNELS_H

#include "internal.h"
#include "../stages/rle_loop.h"
#include "../wavefront/wavefront.h"

#include <stdatomic.h>

/* Which of 65536 values occur: threads may mark at the same time. */
typedef _Atomic uint8_t mic_seen;

/* Values that are all marked, from first to first + span. */
typedef struct seen_run {
    uint16_t first, span;
} seen_run;

/* Who marks.  A vector of words that lie in a stretch of marked values takes a
 * comparison; there are two such stretches, for images have a background.  When too
 * many words were outside, kernels look for others, and each time they are twice as
 * patient: the search takes time, too. */
typedef struct mic_marker {
    mic_seen *seen;
    seen_run runs[2];
    size_t patience, n_outside;
} mic_marker;

typedef struct mic_kernels {
    mic_isa isa;

    /* counts[v] += occurrences of v in words[0..n); counts has 65536 entries
     * (a total above 2^32 - 1 is the caller's to exclude).  Returns the
     * largest word, 0 if n is 0. */
    uint16_t (*histogram)(const uint16_t *words, size_t n, uint32_t *counts);

    /* The largest word, 0 if n is 0. */
    uint16_t (*largest)(const uint16_t *words, size_t n);

    /* CRC-32C of a byte range, continued from `crc` (0 to start). */
    uint32_t (*crc32c)(uint32_t crc, const void *data, size_t n);

    /* Index of the first word equal to `value`, n if there is none. */
    size_t (*find_word)(const uint16_t *words, size_t n, uint16_t value);

    /* Index of the first of three equal words in a row, n if there are none. */
    rle_find_triple *find_triple;

    /* Blocks for words[0..n), run limit >= 7; returns the words written, at
     * most out_room = mic_rle_bound(n) - 3. */
    size_t (*rle_encode)(const uint16_t *words, size_t n, size_t run_limit, uint16_t *out, size_t out_room);

    /* Words of the blocks; see rle_decode_loop. */
    rle_outcome (*rle_decode)(const uint16_t *in, size_t *n_in, size_t run_limit, uint16_t *out,
                              size_t capacity, size_t *n_out);

    /* words[x] = row[x] - prediction + threshold for x in [1, n), mod 2^16, where
     * the prediction is (row[x-1] + above[x]) >> 1.  Returns whether any
     * |residual| >= threshold, which the caller has to escape. */
    bool (*delta_forward_row)(const uint16_t *row, const uint16_t *above, size_t n, uint16_t threshold,
                              uint16_t *words);

    /* Four rows of average-predicted pixels at once, none escaped:
     * rows[k * width + x] from words[k * width + x]; `above` is the row over
     * the first. */
    void (*delta_inverse_rows)(const uint16_t *words, const uint16_t *above, size_t width, uint16_t threshold,
                               uint16_t *rows);

    /* words[i] = table[words[i]], where table[w] = table[first] + w - first (mod
     * 2^16) for all w in [first, last]: there an addition does.  False, and the
     * words undefined, if any is not below n_table. */
    bool (*look_up)(uint16_t *words, size_t n, const uint16_t *table, uint32_t n_table, uint16_t first,
                    uint16_t last);

    /* words[i] += addend, mod 2^16; returns the largest word before. */
    uint16_t (*add)(uint16_t *words, size_t n, uint16_t addend);

    /* marker->seen[words[i] + offset] becomes 1, mod 2^16. */
    void (*mark)(const uint16_t *words, size_t n, uint16_t offset, mic_marker *marker);

    /* samples[3 * i + c] = low byte of planes[c][i], exclusive or `bias`. */
    void (*interleave)(uint16_t *const planes[3], size_t n, uint8_t bias, uint8_t *samples);

    /* planes[c][i] = samples[3 * i + c], exclusive or `bias`. */
    void (*deinterleave)(const uint8_t *samples, size_t n, uint8_t bias, uint16_t *const planes[3]);

    /* Strips of the wavefront codec; see wavefront.h. */
    wf_decode_strips_fn *wavefront_decode;
} mic_kernels;

/* The kernels in use. */
const mic_kernels *mic_kernels_active(void);
/* The kernels of one instruction set, NULL where this machine lacks it. */
const mic_kernels *mic_kernels_for(mic_isa isa);

/* One table per file.  Where an instruction set has nothing better, its table
 * names the function of the level below. */
extern const mic_kernels mic_kernels_scalar;
#if defined(MIC_X86)
extern const mic_kernels mic_kernels_avx2;
extern const mic_kernels mic_kernels_avx512;
#elif defined(MIC_NEON)
extern const mic_kernels mic_kernels_neon;
#endif

uint16_t mic_histogram_scalar(const uint16_t *words, size_t n, uint32_t *counts);
void mic_delta_inverse_rows_scalar(const uint16_t *words, const uint16_t *above, size_t width,
                                   uint16_t threshold, uint16_t *rows);
bool mic_look_up_scalar(uint16_t *words, size_t n, const uint16_t *table, uint32_t n_table, uint16_t first,
                        uint16_t last);
/* words[i] = table[words[i]], for words that the table is known to have.  Four at a
 * time: the look-ups are as many, but the loads and stores around them a quarter (1.4
 * instead of 2.3 cycles a word in a decoder). */
MIC_INLINE void look_up_each(uint16_t *words, size_t n, const uint16_t *table)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        uint64_t v; /* in whatever order */
        memcpy(&v, words + i, sizeof v);
        uint64_t low = table[v & 0xFFFF] | (uint64_t)table[v >> 16 & 0xFFFF] << 16;
        uint64_t high = table[v >> 32 & 0xFFFF] | (uint64_t)table[v >> 48] << 16;
        v = low | high << 32;
        memcpy(words + i, &v, sizeof v);
    }
    for (; i < n; i++)
        words[i] = table[words[i]];
}
/* Looks before it writes: most values are known soon, and a line of the cache that
 * nobody writes to can be shared by threads. */
MIC_INLINE void mark_one(uint16_t value, mic_seen *seen)
{
    if (!atomic_load_explicit(&seen[value], memory_order_relaxed))
        atomic_store_explicit(&seen[value], 1, memory_order_relaxed);
}
MIC_INLINE void mark_each(const uint16_t *words, size_t n, uint16_t offset, mic_seen *seen)
{
    for (size_t i = 0; i < n; i++)
        mark_one((uint16_t)(words[i] + offset), seen);
}
void mic_mark_scalar(const uint16_t *words, size_t n, uint16_t offset, mic_marker *marker);
/* Pixels first to n of the two kernels. */
MIC_INLINE void interleave_from(size_t first, uint16_t *const planes[3], size_t n, uint8_t bias,
                                uint8_t *samples)
{
    for (size_t i = first; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            samples[3 * i + c] = (uint8_t)(planes[c][i] ^ bias);
}
MIC_INLINE void deinterleave_from(size_t first, const uint8_t *samples, size_t n, uint8_t bias,
                                  uint16_t *const planes[3])
{
    for (size_t i = first; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            planes[c][i] = (uint8_t)(samples[3 * i + c] ^ bias);
}

enum { MARK_FEW = 8 };
mic_marker mic_marker_open(mic_seen *seen, uint16_t first_value);
/* Is it time to look for other runs? */
MIC_INLINE bool is_impatient(const mic_marker *marker) { return marker->n_outside >= marker->patience; }
/* The longest run around any of some of n > 0 words, which are marked by this, and the
 * latest other one. */
void mic_find_seen_runs(const uint16_t *words, size_t n, uint16_t offset, mic_marker *marker);

void mic_interleave_avx2(uint16_t *const planes[3], size_t n, uint8_t bias, uint8_t *samples);
void mic_deinterleave_avx2(const uint8_t *samples, size_t n, uint8_t bias, uint16_t *const planes[3]);
uint32_t mic_crc32c_pclmul(uint32_t crc, const void *data, size_t n);

#endif
