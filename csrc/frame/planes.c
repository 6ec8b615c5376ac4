/* SPDX-License-Identifier: MIT
 *
 * Samples to planes; see planes.h.
 */
#include "planes.h"

#include "../base/kernels.h"

#include <stdlib.h>

static bool is_wide(mic_sample_type type) { return type == MIC_UINT16 || type == MIC_INT16; }

/* Half the range: adding it as a difference undoes itself, and so does exclusive or. */
uint16_t mic_planes_base(mic_sample_type type)
{
    return type == MIC_INT16 ? 0x8000 : type == MIC_INT8 ? 0x80 : 0;
}

/* Samples may lie at any address; memcpy compiles to one move. */
static uint16_t get_wide(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static void put_wide(uint8_t *p, uint16_t v) { memcpy(p, &v, sizeof v); }

/* Load one channel of n pixels, whose samples are `step` bytes apart.  The contiguous case
 * has its own loop, which compilers vectorise. */
static void load_channel(mic_sample_type type, size_t step, const uint8_t *samples, size_t n, uint16_t *plane)
{
    const uint16_t bias = mic_planes_base(type);
    if (is_wide(type) && step == 2)
        for (size_t i = 0; i < n; i++)
            plane[i] = get_wide(samples + 2 * i) ^ bias;
    else if (is_wide(type))
        for (size_t i = 0; i < n; i++)
            plane[i] = get_wide(samples + step * i) ^ bias;
    else
        for (size_t i = 0; i < n; i++)
            plane[i] = (uint8_t)(samples[step * i] ^ bias);
}

static void store_channel(mic_sample_type type, size_t step, uint16_t bias, const uint16_t *plane, size_t n,
                          uint8_t *samples)
{
    if ((const void *)plane == samples && bias == 0)
        return; /* decoded in place */
    if (is_wide(type) && step == 2)
        for (size_t i = 0; i < n; i++)
            put_wide(samples + 2 * i, plane[i] ^ bias);
    else if (is_wide(type))
        for (size_t i = 0; i < n; i++)
            put_wide(samples + step * i, plane[i] ^ bias);
    else
        for (size_t i = 0; i < n; i++)
            samples[step * i] = (uint8_t)(plane[i] ^ bias);
}

void mic_planes_load(const mic_layout *layout, const void *samples, size_t n,
                     uint16_t *const planes[MAX_PLANES])
{
    const size_t sample_bytes = mic_sample_bytes(layout->sample_type);
    if (layout->channels == MAX_PLANES && sample_bytes == 1) {
        mic_kernels_active()->deinterleave(samples, n, (uint8_t)mic_planes_base(layout->sample_type), planes);
        return;
    }
    for (unsigned c = 0; c < layout->channels; c++)
        load_channel(layout->sample_type, layout->channels * sample_bytes,
                     (const uint8_t *)samples + c * sample_bytes, n, planes[c]);
}

const uint16_t *mic_planes_borrow(const mic_layout *layout, const void *samples, uint16_t *offset)
{
    *offset = mic_planes_base(layout->sample_type); /* half of 2^16: adding it flips the top bit */
    const bool can_borrow = layout->channels == 1 && is_wide(layout->sample_type) &&
                            (uintptr_t)samples % sizeof(uint16_t) == 0;
    return can_borrow ? samples : NULL;
}

void mic_planes_store(const mic_layout *layout, uint16_t *const planes[MAX_PLANES], size_t n, bool is_pattern,
                      void *samples)
{
    const size_t sample_bytes = mic_sample_bytes(layout->sample_type);
    const uint16_t bias = is_pattern ? 0 : mic_planes_base(layout->sample_type);
    if (layout->channels == MAX_PLANES && sample_bytes == 1) {
        mic_kernels_active()->interleave(planes, n, (uint8_t)bias, samples);
        return;
    }
    for (unsigned c = 0; c < layout->channels; c++)
        store_channel(layout->sample_type, layout->channels * sample_bytes, bias, planes[c], n,
                      (uint8_t *)samples + c * sample_bytes);
}

uint32_t mic_planes_checksum(const mic_layout *layout, uint32_t crc, const uint8_t *samples, size_t n_bytes)
{
    const mic_kernels *kernels = mic_kernels_active();
    if (!MIC_BIG_ENDIAN || mic_sample_bytes(layout->sample_type) == 1)
        return kernels->crc32c(crc, samples, n_bytes);
    for (size_t i = 0; i + 1 < n_bytes; i += 2) {
        uint8_t swapped[2] = {samples[i + 1], samples[i]};
        crc = kernels->crc32c(crc, swapped, 2);
    }
    return crc;
}

/* ---- colour ------------------------------------------------------------ */

enum { RESIDUAL_CLASSES = 17, LOG_ONE = 256 };

/* log2(v) in 1/256, linear between powers of two.  It uses integers, so that every machine
 * makes the same choice. */
static uint64_t log2_fixed(uint32_t v)
{
    const unsigned whole = highest_bit(v);
    return (uint64_t)whole * LOG_ONE + ((uint64_t)v * LOG_ONE >> whole) - LOG_ONE;
}

/* Bits (in 1/256) of residuals coded as the entropy of their magnitude class plus their
 * lower bits. */
static uint64_t class_cost(const uint32_t counts[RESIDUAL_CLASSES])
{
    uint64_t total = 0, cost = 0;
    for (unsigned k = 0; k < RESIDUAL_CLASSES; k++)
        total += counts[k];
    for (unsigned k = 0; k < RESIDUAL_CLASSES; k++)
        if (counts[k])
            cost += counts[k] * (log2_fixed((uint32_t)total) - log2_fixed(counts[k]) + (uint64_t)k * LOG_ONE);
    return cost;
}

static uint16_t min_u16(uint16_t a, uint16_t b) { return a < b ? a : b; }
static uint16_t max_u16(uint16_t a, uint16_t b) { return a < b ? b : a; }

/* Median of w, n and w + n - nw; the last lies between w and n exactly when nw does. */
static uint16_t predict_median(uint16_t w, uint16_t n, uint16_t nw)
{
    const uint16_t low = min_u16(w, n), high = max_u16(w, n);
    return (uint16_t)(low + high - max_u16(low, min_u16(nw, high)));
}

/* Add to counts[k] the number of samples of a row, except the first, whose residuals have k
 * bits.  The loops have no branches or look-ups and use 16-bit arithmetic, so compilers
 * vectorise them. */
static void count_row(const uint16_t *above, const uint16_t *row, size_t columns,
                      uint32_t counts[RESIDUAL_CLASSES])
{
    enum { BLOCK = 1024 };
    uint16_t magnitudes[BLOCK];
    for (size_t first = 1; first < columns; first += BLOCK) {
        const size_t n = min_size(columns - first, BLOCK);
        const uint16_t *up = above + first, *here = row + first;
        uint16_t all = 0, n_larger = (uint16_t)n;
        for (size_t x = 0; x < n; x++) {
            const uint16_t predicted = predict_median(here[(ptrdiff_t)x - 1], up[x], up[(ptrdiff_t)x - 1]);
            magnitudes[x] = (uint16_t)(max_u16(here[x], predicted) - min_u16(here[x], predicted));
            all |= magnitudes[x];
        }
        const unsigned largest = bit_depth(all);
        for (unsigned k = 0; k < largest; k++) {
            const uint16_t limit = (uint16_t)((1u << k) - 1);
            uint16_t n_above = 0;
            for (size_t x = 0; x < n; x++)
                n_above = (uint16_t)(n_above + (magnitudes[x] > limit));
            counts[k] += (uint32_t)(n_larger - n_above);
            n_larger = n_above;
        }
        counts[largest] += n_larger;
    }
}

/* Cost of pairs of rows; the second row of each pair is predicted. */
static uint64_t rows_cost(const uint16_t *pairs, size_t n_pairs, size_t columns)
{
    uint32_t counts[RESIDUAL_CLASSES] = {0};
    for (size_t i = 0; i < n_pairs; i++)
        count_row(pairs + 2 * i * columns, pairs + (2 * i + 1) * columns, columns, counts);
    return class_cost(counts);
}

/* Replace the values by their ranks among those that occur, as packing a sparse histogram
 * would.  Returns false and does nothing if there are no gaps to close. */
static bool rank_values(uint16_t *values, size_t n, uint16_t *ranks)
{
    uint16_t low = values[0], high = values[0];
    for (size_t i = 1; i < n; i++) {
        low = min_u16(low, values[i]);
        high = max_u16(high, values[i]);
    }
    const size_t span = (size_t)high - low + 1;
    memset(ranks, 0, span * sizeof *ranks);
    for (size_t i = 0; i < n; i++)
        ranks[values[i] - low] = 1;
    size_t n_used = 0;
    for (size_t v = 0; v < span; v++)
        if (ranks[v])
            ranks[v] = (uint16_t)n_used++;
    if (n_used == span)
        return false;
    for (size_t i = 0; i < n; i++)
        values[i] = ranks[values[i] - low];
    return true;
}

/* Transform sampled row pairs of all planes and return their cost, packed or not, whichever
 * is less. */
static uint64_t transform_cost(colour_transform transform, uint16_t *const planes[MAX_PLANES], size_t columns,
                               size_t rows, size_t n_pairs, uint16_t *scratch, uint16_t *ranks)
{
    const size_t n = 2 * n_pairs * columns;
    uint16_t *copies[MAX_PLANES] = {scratch, scratch + n, scratch + 2 * n};
    uint64_t cost = 0;
    for (unsigned c = 0; c < MAX_PLANES; c++)
        for (size_t i = 0; i < n_pairs; i++)
            memcpy(copies[c] + 2 * i * columns, planes[c] + (rows - 1) * i / n_pairs * columns,
                   2 * columns * sizeof *scratch);
    mic_colour_forward(transform, copies, n);
    for (unsigned c = 0; c < MAX_PLANES; c++) {
        const uint64_t plain = rows_cost(copies[c], n_pairs, columns);
        const uint64_t packed = rank_values(copies[c], n, ranks) ? rows_cost(copies[c], n_pairs, columns)
                                                                 : plain;
        cost += plain < packed ? plain : packed;
    }
    return cost;
}

mic_status mic_planes_choose_colour(uint16_t *const planes[MAX_PLANES], size_t columns, size_t rows,
                                    colour_transform *transform, mic_error *error)
{
    enum { LEAST_PAIRS = 16, SAMPLED_PIXELS = 8192 };
    const size_t n_pairs = min_size(rows - 1, LEAST_PAIRS + SAMPLED_PIXELS / columns);
    uint64_t best = UINT64_MAX;
    *transform = COLOUR_NONE;
    if (n_pairs == 0 || columns == 1)
        return MIC_OK;
    uint16_t *scratch = malloc((MAX_PLANES * 2 * n_pairs * columns + 65536) * sizeof *scratch);
    if (!scratch)
        return mic_fail(error, MIC_ERROR_MEMORY, "colour", -1, "no memory for %zu rows", 2 * n_pairs);
    uint16_t *ranks = scratch + MAX_PLANES * 2 * n_pairs * columns;
    for (colour_transform t = COLOUR_NONE; t < COLOUR_TRANSFORMS; t++) {
        uint64_t cost = transform_cost(t, planes, columns, rows, n_pairs, scratch, ranks);
        if (cost < best) {
            best = cost;
            *transform = t;
        }
    }
    free(scratch);
    return MIC_OK;
}
