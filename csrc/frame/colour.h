/* SPDX-License-Identifier: MIT
 *
 * Reversible colour transforms of three planes, mod 2^16.
 */
#ifndef MIC_COLOUR_H
#define MIC_COLOUR_H

#include "../base/internal.h"

/* One byte of the frame head. */
typedef enum colour_transform {
    COLOUR_NONE = 0,
    COLOUR_GREEN = 1, /* R - G, G, B - G */
    COLOUR_YCOCG = 2, /* Y, Co, Cg of YCoCg-R */
    COLOUR_TRANSFORMS
} colour_transform;

/* In place: planes[0], [1], [2] hold R, G, B of n pixels and become the planes named above.
 * Differences are biased by 2^15, so that small ones of either sign are near each other. */
void mic_colour_forward(colour_transform transform, uint16_t *const planes[3], size_t n);
void mic_colour_inverse(colour_transform transform, uint16_t *const planes[3], size_t n);

#endif
