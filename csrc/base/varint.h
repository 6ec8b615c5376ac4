/* SPDX-License-Identifier: MIT
 *
 * Unsigned integers of variable length, as used by the native container: seven bits a byte,
 * lowest first, the top bit set on all bytes but the last.  They take at most five bytes
 * and have no surplus zero bytes, so each number has one form.
 */
#ifndef MIC_VARINT_H
#define MIC_VARINT_H

#include "internal.h"

enum { VARINT_MAX_BYTES = 5 };

static inline uint8_t *varint_write(uint8_t *out, uint32_t value)
{
    for (; value >= 128; value >>= 7)
        *out++ = (uint8_t)(value | 128);
    *out++ = (uint8_t)value;
    return out;
}

/* Returns the first byte after the number, or NULL if it is cut short or not in its one
 * form. */
static inline const uint8_t *varint_read(const uint8_t *in, const uint8_t *end, uint32_t *value)
{
    uint64_t v = 0;
    for (unsigned shift = 0; in != end && shift < 7 * VARINT_MAX_BYTES; shift += 7) {
        uint8_t byte = *in++;
        v |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            *value = (uint32_t)v;
            return v > UINT32_MAX || (byte == 0 && shift > 0) ? NULL : in;
        }
    }
    return NULL;
}

#endif
