/* SPDX-License-Identifier: MIT
 *
 * Reads and writes bits in the two orders that the published formats use.
 *
 *   FSE      bit j of the string is bit j mod 8 of byte j / 8 (LSB first).
 *            Written forwards, read backwards from an end mark: last in,
 *            first out, as the states demand.
 *   Huffman  bit j is bit 7 - j mod 8 of byte j / 8 (MSB first), read forwards.
 *
 * Writers never pass `end`: they stop storing and report it when they are closed.
 */
#ifndef MIC_BITSTREAM_H
#define MIC_BITSTREAM_H

#include "internal.h"

/* ---- LSB first --------------------------------------------------------- */

typedef struct lsb_writer {
    uint8_t *next;
    uint8_t *end;
    uint64_t bits;  /* pending bits, lowest first; only the low `count` are set */
    unsigned count; /* invariant after lsb_flush: below 8 */
    bool overflow;
} lsb_writer;

static inline void lsb_open(lsb_writer *w, uint8_t *out, size_t capacity)
{
    w->next = out;
    w->end = out + capacity;
    w->bits = 0;
    w->count = 0;
    w->overflow = false;
}

/* Append the low n bits of value.  The caller must flush before more than 56 bits have been
 * added since the last flush. */
static inline void lsb_put(lsb_writer *w, uint64_t value, unsigned n)
{
    w->bits |= (value & (((uint64_t)1 << n) - 1)) << w->count;
    w->count += n;
}

static inline void lsb_flush(lsb_writer *w)
{
    if (MIC_LIKELY(w->end - w->next >= 8)) {
        store_u64(w->next, w->bits);
        w->next += w->count >> 3;
        w->bits >>= w->count & ~7u;
        w->count &= 7;
        return;
    }
    for (; w->count >= 8; w->count -= 8, w->bits >>= 8) {
        if (w->next == w->end) {
            w->overflow = true;
            w->count &= 7;
            w->bits = 0;
            return;
        }
        *w->next++ = (uint8_t)w->bits;
    }
}

/* lsb_flush for callers that know of 8 bytes of room. */
static inline void lsb_flush_roomy(lsb_writer *w)
{
    store_u64(w->next, w->bits);
    w->next += w->count >> 3;
    w->bits >>= w->count & 56;
    w->count &= 7;
}

/* Pad with zeros to a byte and return the first byte after the data, or NULL if the buffer
 * was too small. */
static inline uint8_t *lsb_close(lsb_writer *w)
{
    lsb_flush(w);
    if (w->count) {
        w->count = 8;
        lsb_flush(w);
    }
    return w->overflow ? NULL : w->next;
}

/* ---- MSB first --------------------------------------------------------- */

/* Reverse the bytes; compilers turn this into one instruction. */
static inline uint64_t msb_swap(uint64_t v)
{
    v = (v & 0x00FF00FF00FF00FFu) << 8 | (v >> 8 & 0x00FF00FF00FF00FFu);
    v = (v & 0x0000FFFF0000FFFFu) << 16 | (v >> 16 & 0x0000FFFF0000FFFFu);
    return v << 32 | v >> 32;
}

/* The 8 bytes at p, the first one highest. */
static inline uint64_t msb_load(const uint8_t *p) { return msb_swap(load_u64(p)); }

/* The 64 bits from bit `position` on; zeros follow the last of n_bytes bytes.  Reads no
 * byte outside the data. */
static inline uint64_t msb_peek(const uint8_t *in, size_t n_bytes, uint64_t position)
{
    const uint64_t first = position >> 3;
    uint64_t window = 0;
    for (unsigned i = 0; i < 9 && first + i < n_bytes; i++) {
        const uint64_t byte = in[first + i];
        window |= i < 8 ? byte << (56 - 8 * i) << (position & 7) : byte >> (8 - (position & 7));
    }
    return window;
}

typedef struct msb_writer {
    uint8_t *next;
    uint8_t *end;
    uint64_t bits;  /* pending bits, highest first; only the high `count` are set */
    unsigned count; /* invariant after msb_flush: below 8 */
    bool overflow;
} msb_writer;

static inline void msb_open(msb_writer *w, uint8_t *out, size_t capacity)
{
    w->next = out;
    w->end = out + capacity;
    w->bits = 0;
    w->count = 0;
    w->overflow = false;
}

/* Append the n >= 1 bits of value, whose other bits are 0.  The caller must flush before
 * more than 56 bits have been added since the last flush. */
static inline void msb_put(msb_writer *w, uint64_t value, unsigned n)
{
    w->count += n;
    w->bits |= value << (64 - w->count);
}

static inline void msb_flush(msb_writer *w)
{
    if (MIC_LIKELY(w->end - w->next >= 8)) {
        store_u64(w->next, msb_swap(w->bits));
        w->next += w->count >> 3;
        w->bits <<= w->count & 56;
        w->count &= 7;
        return;
    }
    for (; w->count >= 8; w->count -= 8, w->bits <<= 8) {
        if (w->next == w->end) {
            w->overflow = true;
            w->count &= 7;
            w->bits = 0;
            return;
        }
        *w->next++ = (uint8_t)(w->bits >> 56);
    }
}

/* Pad with zeros to a byte and return the first byte after the data, or NULL if the buffer
 * was too small. */
static inline uint8_t *msb_close(msb_writer *w)
{
    msb_flush(w);
    if (w->count) {
        w->count = 8;
        msb_flush(w);
    }
    return w->overflow ? NULL : w->next;
}

#endif
