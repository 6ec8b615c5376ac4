/* SPDX-License-Identifier: MIT
 *
 * Distributes words to lanes by byte shuffles (vpshufb, tbl) of 8 lanes, given the mask of
 * the lanes that take a word.
 */
#ifndef MIC_WAVEFRONT_SPREAD_H
#define MIC_WAVEFRONT_SPREAD_H

#include <stdint.h>

/* Byte positions that bring the next words to the lanes of a mask, in order.  The other
 * lanes get a position beyond the register, which yields 0. */
#define WF_BIT(m, k) ((m) >> (k) & 1)
#define WF_RANK1(m) WF_BIT(m, 0)
#define WF_RANK2(m) (WF_RANK1(m) + WF_BIT(m, 1))
#define WF_RANK3(m) (WF_RANK2(m) + WF_BIT(m, 2))
#define WF_RANK4(m) (WF_RANK3(m) + WF_BIT(m, 3))
#define WF_RANK5(m) (WF_RANK4(m) + WF_BIT(m, 4))
#define WF_RANK6(m) (WF_RANK5(m) + WF_BIT(m, 5))
#define WF_RANK7(m) (WF_RANK6(m) + WF_BIT(m, 6))
#define WF_WORD(m, k, rank) WF_BIT(m, k) ? 2 * (rank) : 255, WF_BIT(m, k) ? 2 * (rank) + 1 : 255
#define WF_ROW1(m)                                                                       \
    {WF_WORD(m, 0, 0),           WF_WORD(m, 1, WF_RANK1(m)), WF_WORD(m, 2, WF_RANK2(m)), \
     WF_WORD(m, 3, WF_RANK3(m)), WF_WORD(m, 4, WF_RANK4(m)), WF_WORD(m, 5, WF_RANK5(m)), \
     WF_WORD(m, 6, WF_RANK6(m)), WF_WORD(m, 7, WF_RANK7(m))}
#define WF_ROW4(m) WF_ROW1(m), WF_ROW1((m) + 1), WF_ROW1((m) + 2), WF_ROW1((m) + 3)
#define WF_ROW16(m) WF_ROW4(m), WF_ROW4((m) + 4), WF_ROW4((m) + 8), WF_ROW4((m) + 12)
#define WF_ROW64(m) WF_ROW16(m), WF_ROW16((m) + 16), WF_ROW16((m) + 32), WF_ROW16((m) + 48)
static const uint8_t wf_spread[256][16] = {WF_ROW64(0), WF_ROW64(64), WF_ROW64(128), WF_ROW64(192)};

#endif
