/* SPDX-License-Identifier: MIT
 *
 * Half-size images for the levels of a slide, as the published writer of MIC3
 * makes them.
 */
#include "../base/internal.h"

/* Mean of four samples, rounded down.  Signed sums are raised by a multiple of 4, so that
 * the shift is unsigned. */
static unsigned mean(int a, int b, int c, int d)
{
    enum { LIFT = 1 << 17 };
    return ((unsigned)(a + b + c + d + 2 + LIFT) >> 2) - (LIFT >> 2);
}

#define HALVE(name, sample)                                                                          \
    static void name(unsigned channels, const sample *in, size_t rows, size_t columns, sample *out)  \
    {                                                                                                \
        const size_t n_row = columns * channels;                                                     \
        for (size_t y = 0; y + 1 < rows; y += 2, in += 2 * n_row)                                    \
            for (size_t x = 0; x + 1 < columns; x += 2)                                              \
                for (size_t c = 0; c < channels; c++) {                                              \
                    const sample *box = in + x * channels + c;                                       \
                    *out++ = (sample)mean(box[0], box[channels], box[n_row], box[n_row + channels]); \
                }                                                                                    \
    }

HALVE(halve_u8, uint8_t)
HALVE(halve_i8, int8_t)
HALVE(halve_u16, uint16_t)
HALVE(halve_i16, int16_t)

void mic_halve(mic_sample_type type, unsigned channels, const void *in, size_t rows, size_t columns,
               void *out)
{
    switch (type) {
    case MIC_UINT8: halve_u8(channels, in, rows, columns, out); break;
    case MIC_INT8: halve_i8(channels, in, rows, columns, out); break;
    case MIC_UINT16: halve_u16(channels, in, rows, columns, out); break;
    case MIC_INT16: halve_i16(channels, in, rows, columns, out); break;
    }
}
