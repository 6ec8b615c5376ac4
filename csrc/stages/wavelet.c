/* SPDX-License-Identifier: MIT
 *
 * The 5/3 wavelet by lifting; see wavelet.h.  Of the samples x0 x1 x2 ..., the odd ones
 * become the part that their neighbours do not predict, the even ones averages:
 *
 *     x[2i+1] -= (x[2i] + x[2i+2]) >> 1        then
 *     x[2i]   += (x[2i-1] + x[2i+1] + 2) >> 2
 *
 * If one neighbour is missing, the other takes its place.  The same steps in reverse order,
 * with the signs exchanged, undo this exactly.
 */
#include "wavelet.h"

/* ---- lifting ------------------------------------------------------------ */

static int32_t sum(int32_t a, int32_t b) { return (int32_t)((uint32_t)a + (uint32_t)b); }

static int32_t add(int32_t x, int32_t amount, bool subtract)
{
    return (int32_t)(subtract ? (uint32_t)x - (uint32_t)amount : (uint32_t)x + (uint32_t)amount);
}

/* One step on every other of n elements, starting at `first` (0: average, 1: predict).  An
 * element is `lanes` adjacent numbers; the next element starts `step` numbers further on. */
MIC_INLINE void lift(int32_t *x, size_t n, size_t step, size_t lanes, size_t first, bool subtract)
{
    for (size_t i = first; i < n; i += 2) {
        int32_t *here = x + i * step;
        const int32_t *after = i + 1 < n ? here + step : here - step;
        const int32_t *before = i > 0 ? here - step : after;
        if (first == 0)
            for (size_t j = 0; j < lanes; j++)
                here[j] = add(here[j], sum(sum(before[j], after[j]), 2) >> 2, subtract);
        else
            for (size_t j = 0; j < lanes; j++)
                here[j] = add(here[j], sum(before[j], after[j]) >> 1, subtract);
    }
}

/* The place of element i of n: evens first, then odds. */
static size_t parted(size_t i, size_t n) { return i % 2 ? (n + 1) / 2 + i / 2 : i / 2; }

static void forward_rows(const wavelet_plan *plan, size_t rows, size_t columns, int32_t *image,
                         int32_t *scratch)
{
    for (size_t y = 0; y < rows; y++) {
        int32_t *row = image + y * plan->width;
        lift(row, columns, 1, 1, 1, true);
        lift(row, columns, 1, 1, 0, false);
        if (plan->interleaved)
            continue;
        for (size_t x = 0; x < columns; x++)
            scratch[parted(x, columns)] = row[x];
        memcpy(row, scratch, columns * sizeof *row);
    }
}

static void inverse_rows(const wavelet_plan *plan, size_t rows, size_t columns, int32_t *image,
                         int32_t *scratch)
{
    for (size_t y = 0; y < rows; y++) {
        int32_t *row = image + y * plan->width;
        if (!plan->interleaved) {
            memcpy(scratch, row, columns * sizeof *row);
            for (size_t x = 0; x < columns; x++)
                row[x] = scratch[parted(x, columns)];
        }
        lift(row, columns, 1, 1, 0, true);
        lift(row, columns, 1, 1, 1, false);
    }
}

/* Permute the rows of the top left corner: part even from odd rows, or interleave them
 * again. */
static void move_rows(const wavelet_plan *plan, size_t rows, size_t columns, bool part, int32_t *image,
                      int32_t *scratch)
{
    const size_t n_row = columns * sizeof *image;
    for (size_t y = 0; y < rows; y++)
        memcpy(scratch + (part ? parted(y, rows) : y) * columns, image + y * plan->width, n_row);
    for (size_t y = 0; y < rows; y++)
        memcpy(image + y * plan->width, scratch + (part ? y : parted(y, rows)) * columns, n_row);
}

void mic_wavelet_forward(const wavelet_plan *plan, int32_t *image, int32_t *scratch)
{
    for (unsigned l = 0; l < plan->levels; l++) {
        const size_t rows = plan->rows[l], columns = plan->columns[l];
        forward_rows(plan, rows, columns, image, scratch);
        lift(image, rows, plan->width, columns, 1, true);
        lift(image, rows, plan->width, columns, 0, false);
        if (!plan->interleaved)
            move_rows(plan, rows, columns, true, image, scratch);
    }
}

void mic_wavelet_inverse(const wavelet_plan *plan, int32_t *image, int32_t *scratch)
{
    for (unsigned l = plan->levels; l-- > 0;) {
        const size_t rows = plan->rows[l], columns = plan->columns[l];
        if (!plan->interleaved)
            move_rows(plan, rows, columns, false, image, scratch);
        lift(image, rows, plan->width, columns, 0, true);
        lift(image, rows, plan->width, columns, 1, false);
        inverse_rows(plan, rows, columns, image, scratch);
    }
}

/* ---- levels and bands --------------------------------------------------- */

void mic_wavelet_plan(wavelet_plan *plan, size_t width, size_t height, unsigned levels, bool interleaved)
{
    *plan = (wavelet_plan){
        .width = width, .height = height, .interleaved = interleaved, .rows = {height}, .columns = {width}};
    while (plan->levels < levels && plan->rows[plan->levels] >= 2 && plan->columns[plan->levels] >= 2) {
        const unsigned l = plan->levels++;
        plan->rows[l + 1] = (plan->rows[l] + 1) / 2;
        plan->columns[l + 1] = (plan->columns[l] + 1) / 2;
    }
}

size_t mic_wavelet_bands(const wavelet_plan *plan, wavelet_band bands[WAVELET_MAX_BANDS])
{
    size_t n = 0;
    if (plan->interleaved) {
        bands[n++] = (wavelet_band){0, 0, plan->height, plan->width};
        return n;
    }
    bands[n++] = (wavelet_band){0, 0, plan->rows[plan->levels], plan->columns[plan->levels]};
    for (unsigned l = plan->levels; l > 0; l--) {
        const size_t low_rows = plan->rows[l], low_columns = plan->columns[l];
        const size_t high_rows = plan->rows[l - 1] - low_rows,
                     high_columns = plan->columns[l - 1] - low_columns;
        bands[n++] = (wavelet_band){0, low_columns, low_rows, high_columns};
        bands[n++] = (wavelet_band){low_rows, 0, high_rows, low_columns};
        bands[n++] = (wavelet_band){low_rows, low_columns, high_rows, high_columns};
    }
    return n;
}
