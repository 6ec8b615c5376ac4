/* SPDX-License-Identifier: MIT
 *
 * Reversible colour transforms; see colour.h.  Each step adds to one plane a function of
 * the others, so running the steps backwards undoes them, even where sums wrap mod 2^16.
 *
 * YCoCg-R (Malvar and Sullivan, 2003), shifts rounding down:
 *
 *     Co = R - B    t = B + (Co >> 1)    Cg = G - t    Y = t + (Cg >> 1)
 */
#include "colour.h"

enum { BIAS = 0x8000 };

static uint16_t half(uint16_t difference) { return (uint16_t)((int16_t)difference >> 1); }

static void green_forward(uint16_t *r, const uint16_t *g, uint16_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        r[i] = (uint16_t)(r[i] - g[i] + BIAS);
        b[i] = (uint16_t)(b[i] - g[i] + BIAS);
    }
}

static void green_inverse(uint16_t *r, const uint16_t *g, uint16_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        r[i] = (uint16_t)(r[i] + g[i] - BIAS);
        b[i] = (uint16_t)(b[i] + g[i] - BIAS);
    }
}

/* Turn the planes R, G, B into Y, Co, Cg. */
static void ycocg_forward(uint16_t *p0, uint16_t *p1, uint16_t *p2, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t co = (uint16_t)(p0[i] - p2[i]);
        uint16_t t = (uint16_t)(p2[i] + half(co));
        uint16_t cg = (uint16_t)(p1[i] - t);
        p0[i] = (uint16_t)(t + half(cg));
        p1[i] = (uint16_t)(co + BIAS);
        p2[i] = (uint16_t)(cg + BIAS);
    }
}

static void ycocg_inverse(uint16_t *p0, uint16_t *p1, uint16_t *p2, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t co = (uint16_t)(p1[i] - BIAS), cg = (uint16_t)(p2[i] - BIAS);
        uint16_t t = (uint16_t)(p0[i] - half(cg));
        uint16_t b = (uint16_t)(t - half(co));
        p0[i] = (uint16_t)(b + co);
        p1[i] = (uint16_t)(cg + t);
        p2[i] = b;
    }
}

void mic_colour_forward(colour_transform transform, uint16_t *const planes[3], size_t n)
{
    if (transform == COLOUR_GREEN)
        green_forward(planes[0], planes[1], planes[2], n);
    else if (transform == COLOUR_YCOCG)
        ycocg_forward(planes[0], planes[1], planes[2], n);
}

void mic_colour_inverse(colour_transform transform, uint16_t *const planes[3], size_t n)
{
    if (transform == COLOUR_GREEN)
        green_inverse(planes[0], planes[1], planes[2], n);
    else if (transform == COLOUR_YCOCG)
        ycocg_inverse(planes[0], planes[1], planes[2], n);
}
