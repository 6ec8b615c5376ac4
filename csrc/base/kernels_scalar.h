/* SPDX-License-Identifier: MIT
 *
 * Scalar kernels of base/, for tables whose instruction set has nothing better, and the
 * loops with which other kernels finish the last few words.
 */
#ifndef MIC_KERNELS_SCALAR_H
#define MIC_KERNELS_SCALAR_H

#include "kernels.h"
#include "marker.h"

uint16_t mic_histogram_scalar(const uint16_t *words, size_t n, uint32_t *counts);
uint16_t mic_largest_scalar(const uint16_t *words, size_t n);
size_t mic_find_word_scalar(const uint16_t *words, size_t n, uint16_t value);
bool mic_look_up_scalar(uint16_t *words, size_t n, const uint16_t *table, uint32_t n_table, uint16_t first,
                        uint16_t last);
uint16_t mic_add_scalar(uint16_t *words, size_t n, uint16_t addend);
void mic_mark_scalar(const uint16_t *words, size_t n, uint16_t offset, mic_marker *marker);
void mic_interleave_scalar(uint16_t *const planes[3], size_t n, uint8_t bias, uint8_t *samples);
void mic_deinterleave_scalar(const uint8_t *samples, size_t n, uint8_t bias, uint16_t *const planes[3]);

/* words[i] = table[words[i]] for words known to be in the table.  Done four at a time: the
 * number of look-ups is the same, but there are only a quarter of the loads and stores
 * around them (1.4 instead of 2.3 cycles a word in a decoder). */
MIC_INLINE void look_up_each(uint16_t *words, size_t n, const uint16_t *table)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        uint64_t v; /* in any order */
        memcpy(&v, words + i, sizeof v);
        uint64_t low = table[v & 0xFFFF] | (uint64_t)table[v >> 16 & 0xFFFF] << 16;
        uint64_t high = table[v >> 32 & 0xFFFF] | (uint64_t)table[v >> 48] << 16;
        v = low | high << 32;
        memcpy(words + i, &v, sizeof v);
    }
    for (; i < n; i++)
        words[i] = table[words[i]];
}

/* The two kernels for pixels `first` to n. */
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

#endif
