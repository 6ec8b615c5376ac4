/* SPDX-License-Identifier: MIT
 *
 * Loops over words that depend on no stage, for any machine.  The scalar kernels define
 * what every other version must produce.
 */
#include "kernels_scalar.h"

#include <stdlib.h>

/* Runs of equal words would chain each store to the next load, so four tables are used in
 * turn. */
uint16_t mic_histogram_scalar(const uint16_t *words, size_t n, uint32_t *counts)
{
    enum { PARTS = 4, SYMBOLS = 65536 };
    uint32_t *parts = n >= 4 * SYMBOLS ? calloc((PARTS - 1) * SYMBOLS, sizeof *parts) : NULL;
    uint16_t largest = 0;
    size_t i = 0;
    if (parts) {
        uint16_t m0 = 0, m1 = 0, m2 = 0, m3 = 0;
        for (; i + PARTS <= n; i += PARTS) {
            uint16_t a = words[i], b = words[i + 1], c = words[i + 2], d = words[i + 3];
            counts[a]++;
            parts[b]++;
            parts[SYMBOLS + c]++;
            parts[2 * SYMBOLS + d]++;
            m0 = a > m0 ? a : m0;
            m1 = b > m1 ? b : m1;
            m2 = c > m2 ? c : m2;
            m3 = d > m3 ? d : m3;
        }
        m0 = m0 > m1 ? m0 : m1;
        m2 = m2 > m3 ? m2 : m3;
        largest = m0 > m2 ? m0 : m2;
        for (size_t v = 0; v <= largest; v++)
            counts[v] += parts[v] + parts[SYMBOLS + v] + parts[2 * SYMBOLS + v];
        free(parts);
    }
    for (; i < n; i++) {
        counts[words[i]]++;
        largest = words[i] > largest ? words[i] : largest;
    }
    return largest;
}

uint16_t mic_largest_scalar(const uint16_t *words, size_t n)
{
    uint16_t largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = words[i] > largest ? words[i] : largest;
    return largest;
}

size_t mic_find_word_scalar(const uint16_t *words, size_t n, uint16_t value)
{
    size_t i = 0;
    while (i < n && words[i] != value)
        i++;
    return i;
}

bool mic_look_up_scalar(uint16_t *words, size_t n, const uint16_t *table, uint32_t n_table, uint16_t first,
                        uint16_t last)
{
    (void)first;
    (void)last;
    if (n > 0 && mic_largest_scalar(words, n) >= n_table)
        return false;
    look_up_each(words, n, table);
    return true;
}

void mic_mark_scalar(const uint16_t *words, size_t n, uint16_t offset, mic_marker *marker)
{
    mark_each(words, n, offset, marker->seen);
}

uint16_t mic_add_scalar(uint16_t *words, size_t n, uint16_t addend)
{
    uint16_t largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = words[i] > largest ? words[i] : largest;
        words[i] = (uint16_t)(words[i] + addend);
    }
    return largest;
}

void mic_interleave_scalar(uint16_t *const planes[3], size_t n, uint8_t bias, uint8_t *samples)
{
    interleave_from(0, planes, n, bias, samples);
}

void mic_deinterleave_scalar(const uint8_t *samples, size_t n, uint8_t bias, uint16_t *const planes[3])
{
    deinterleave_from(0, samples, n, bias, planes);
}
