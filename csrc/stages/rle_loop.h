/* SPDX-License-Identifier: MIT
 *
 * The loops of the run-length stage, compiled once per instruction set: each kernels file
 * includes this and passes its own scanners, which are inlined.  The format is in rle.c.
 */
#ifndef MIC_RLE_LOOP_H
#define MIC_RLE_LOOP_H

#include "../base/kernels.h"

/* Index of the first of three equal words in a row, n if there are none. */
typedef size_t rle_find_triple(const uint16_t *words, size_t n);
/* Length of the leading run of equal words, n >= 1. */
typedef size_t rle_run_length(const uint16_t *words, size_t n);

/* Short copies dominate (a median literal is a few dozen words), and calling memcpy costs
 * more than the copy.  So move whole chunks where both sides have room, and the exact
 * length near the ends. */
enum { RLE_CHUNK = 32 };

MIC_INLINE void rle_copy(uint16_t *out, size_t out_room, const uint16_t *in, size_t in_room, size_t n)
{
    if (MIC_LIKELY(n + RLE_CHUNK <= out_room && n + RLE_CHUNK <= in_room)) {
        for (size_t i = 0; i < n; i += RLE_CHUNK)
            memcpy(out + i, in + i, RLE_CHUNK * sizeof *out);
    } else {
        memcpy(out, in, n * sizeof *out);
    }
}

MIC_INLINE void rle_fill(uint16_t *out, size_t out_room, uint16_t value, size_t n)
{
    if (MIC_LIKELY(n + RLE_CHUNK <= out_room)) {
        uint16_t chunk[RLE_CHUNK];
        for (size_t i = 0; i < RLE_CHUNK; i++)
            chunk[i] = value;
        for (size_t i = 0; i < n; i += RLE_CHUNK)
            memcpy(out + i, chunk, sizeof chunk);
    } else {
        for (size_t i = 0; i < n; i++)
            out[i] = value;
    }
}

/* Write blocks for words[0..n) with run limit M >= 7; out has mic_rle_bound(n) words.
 *
 * The published encoder moves words through a buffer one by one; this code derives the same
 * division.  A stretch without three equal words in a row is a literal.  It is cut after M
 * - 3 words as long as the buffer would hold M or more; the buffer also holds the first two
 * words of the run that ends the stretch.  A run of three or more is cut after M - 3 words
 * as long as M or more are left. */
MIC_INLINE size_t rle_encode_loop(const uint16_t *words, size_t n, size_t run_limit, uint16_t *out,
                                  size_t out_room, rle_find_triple *find_triple, rle_run_length *run_length)
{
    const size_t cut = run_limit - 3;
    uint16_t *const start = out, *const end = out + out_room;
    while (n > 0) {
        size_t literal = find_triple(words, n);
        size_t held = literal < n ? 2 : 0;
        while (literal + held > 0) {
            size_t block = literal + held >= run_limit ? cut : literal;
            if (block == 0)
                break;
            *out++ = (uint16_t)(run_limit + block);
            rle_copy(out, (size_t)(end - out), words, n, block);
            out += block;
            words += block;
            n -= block;
            literal -= block;
        }
        if (n == 0)
            break;
        size_t run = run_length(words, n);
        words += run;
        n -= run;
        for (; run >= run_limit; run -= cut) {
            *out++ = (uint16_t)cut;
            *out++ = words[-1];
        }
        *out++ = (uint16_t)run;
        *out++ = words[-1];
    }
    return (size_t)(out - start);
}

/* Expand blocks until `in` is used up or `capacity` words are written.  On return *n_in is
 * the number of words read (on failure, the position of the faulty block's header) and
 * *n_out the number written. */
MIC_INLINE rle_outcome rle_decode_loop(const uint16_t *in, size_t *n_in, size_t run_limit, uint16_t *out,
                                       size_t capacity, size_t *n_out)
{
    const size_t n = *n_in;
    size_t i = 0, o = 0;
    rle_outcome outcome = RLE_COMPLETE;
    while (i < n) {
        size_t header = in[i];
        bool is_run = header <= run_limit;
        size_t length = is_run ? header : header - run_limit;
        size_t n_data = is_run ? 1 : length;
        if (MIC_UNLIKELY(header == 0 || n_data > n - i - 1 || length > capacity - o)) {
            outcome = header == 0 ? RLE_ZERO_HEADER : n_data > n - i - 1 ? RLE_SHORT_INPUT : RLE_FULL;
            break;
        }
        i++;
        if (is_run)
            rle_fill(out + o, capacity - o, in[i], length);
        else
            rle_copy(out + o, capacity - o, in + i, n - i, length);
        i += n_data;
        o += length;
    }
    *n_in = i;
    *n_out = o;
    return outcome;
}

#endif
