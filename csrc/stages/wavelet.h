/* SPDX-License-Identifier: MIT
 *
 * The reversible 5/3 wavelet (Le Gall and Tabatabai, 1988) on 32-bit integers,
 * and the orders in which its coefficients are written.
 */
#ifndef MIC_WAVELET_H
#define MIC_WAVELET_H

#include "../base/internal.h"

enum { WAVELET_MAX_LEVELS = 8, WAVELET_MAX_BANDS = 1 + 3 * WAVELET_MAX_LEVELS };

/* A rectangle of coefficients within an image that is `width` wide. */
typedef struct wavelet_band {
    size_t first_row, first_column, rows, columns;
} wavelet_band;

typedef struct wavelet_plan {
    size_t width, height;
    bool interleaved; /* V1: low and high stay where the samples were */
    unsigned levels;
    size_t rows[WAVELET_MAX_LEVELS + 1], columns[WAVELET_MAX_LEVELS + 1]; /* before each level */
} wavelet_plan;

/* Levels end early if a side falls below two samples. */
void mic_wavelet_plan(wavelet_plan *plan, size_t width, size_t height, unsigned levels, bool interleaved);

/* In place; `scratch` has room for as many numbers.  The inverse accepts any coefficients:
 * sums wrap mod 2^32. */
void mic_wavelet_forward(const wavelet_plan *plan, int32_t *image, int32_t *scratch);
void mic_wavelet_inverse(const wavelet_plan *plan, int32_t *image, int32_t *scratch);

/* List the bands in the order of the stream; returns their number. */
size_t mic_wavelet_bands(const wavelet_plan *plan, wavelet_band bands[WAVELET_MAX_BANDS]);

#endif
