/* SPDX-License-Identifier: MIT
 *
 * Kernels over words for x86, written once for all widths.  They equal the scalar kernels on
 * every input.  If n is not a multiple of the register width, the last register ends at the
 * last word and covers some words twice.  A file defines VEC_BITS before it includes this
 * one; see vec.h.
 */
#ifndef MIC_KERNEL_LOOPS_X86_H
#define MIC_KERNEL_LOOPS_X86_H

#include "../stages/rle_loop.h"
#include "vec.h"

/* ---- scanning ---------------------------------------------------------- */

ISA static uint16_t largest(const uint16_t *words, size_t n)
{
    const size_t last = last_register(n);
    vec most = load_first(words + last, n - last);
    for (size_t i = 0; i < last; i += VEC_LANES)
        most = V(max_epu16)(most, load(words + i));
    return largest_lane(most);
}

/* Compare two registers at a time until one of them contains the value. */
ISA static size_t find_word(const uint16_t *words, size_t n, uint16_t value)
{
    const size_t last = last_register(n);
    const vec wanted = V(set1_epi16)((short)value);
    size_t i = 0;
    for (; i + VEC_LANES < last; i += 2 * VEC_LANES)
        if (any(either(equal(load(words + i), wanted), equal(load(words + i + VEC_LANES), wanted))))
            break;
    for (; i < last; i += VEC_LANES) {
        lane_mask found = equal(load(words + i), wanted);
        if (any(found))
            return i + find_first(found);
    }
    i = last + find_first(equal(load_first(words + last, n - last), wanted));
    return min_size(i, n); /* lanes past the end are 0 and may match */
}

/* This loop and the next mostly answer from the first register, so whatever only the last
 * register needs is computed after the loop. */
ISA_INLINE size_t find_triple_loop(const uint16_t *words, size_t n)
{
    size_t i = 0;
    for (; i + 2 + VEC_LANES <= n; i += VEC_LANES) {
        vec v = load(words + i);
        lane_mask triples = both(equal(v, load(words + i + 1)), equal(v, load(words + i + 2)));
        if (any(triples))
            return i + find_first(triples);
    }
    if (i + 2 >= n)
        return n;
    const size_t last = last_register(n - 2), left = n - 2 - last;
    vec v = load_first(words + last, left);
    lane_mask triples = both(equal(v, load_first(words + last + 1, left)),
                             equal(v, load_first(words + last + 2, left)));
    i = find_first(triples);
    return i < left ? last + i : n;
}

/* Return how many words at the start equal the first one; n > 0. */
ISA_INLINE size_t run_length_loop(const uint16_t *words, size_t n)
{
    const vec first = V(set1_epi16)((short)words[0]);
    size_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES) {
        lane_mask same = equal(load(words + i), first);
        if (!all(same))
            return i + count_first(same);
    }
    const size_t last = last_register(n);
    return i == n ? n : min_size(last + count_first(equal(load_first(words + last, n - last), first)), n);
}

ISA static size_t find_triple(const uint16_t *words, size_t n) { return find_triple_loop(words, n); }

/* ---- run lengths --------------------------------------------------------- */

ISA static size_t rle_encode(const uint16_t *words, size_t n, size_t run_limit, uint16_t *out,
                             size_t out_room)
{
    return rle_encode_loop(words, n, run_limit, out, out_room, find_triple_loop, run_length_loop);
}

ISA static rle_outcome rle_decode(const uint16_t *in, size_t *n_in, size_t run_limit, uint16_t *out,
                                  size_t capacity, size_t *n_out)
{
    return rle_decode_loop(in, n_in, run_limit, out, capacity, n_out);
}

/* ---- adding and prediction --------------------------------------------- */

/* The last register is loaded first, because the loop overwrites those of its words that
 * other registers cover too. */
ISA static uint16_t add(uint16_t *words, size_t n, uint16_t addend)
{
    const size_t last = last_register(n);
    const vec addends = V(set1_epi16)((short)addend), rest = load_first(words + last, n - last);
    vec most = rest;
    for (size_t i = 0; i < last; i += VEC_LANES) {
        vec v = load(words + i);
        most = V(max_epu16)(most, v);
        store(words + i, V(add_epi16)(v, addends));
    }
    store_first(words + last, V(add_epi16)(rest, addends), n - last);
    return largest_lane(most);
}

/* The instruction averages upwards; the format averages downwards. */
ISA_INLINE vec average_down(vec a, vec b)
{
    vec odd = V_AND(V_XOR(a, b), V(set1_epi16)(1));
    return V(sub_epi16)(V(avg_epu16)(a, b), odd);
}

/* Return the residuals; each lane of `most` keeps the largest magnitude so far. */
ISA_INLINE vec average_residuals(vec pixel, vec left, vec above, vec *most)
{
    vec p = average_down(left, above);
    *most = V(max_epu16)(*most, V_OR(V(subs_epu16)(pixel, p), V(subs_epu16)(p, pixel)));
    return V(sub_epi16)(pixel, p);
}

/* Words of n pixels, starting at `pixel`; see delta_forward_row in kernels.h. */
ISA_INLINE bool delta_loop(const uint16_t *pixel, const uint16_t *above, size_t n, uint16_t threshold,
                           uint16_t *words)
{
    const size_t last = last_register(n), left = n - last;
    const vec bias = V(set1_epi16)((short)threshold);
    vec most = V_ZERO();
    for (size_t x = 0; x < last; x += VEC_LANES) {
        vec d = average_residuals(load(pixel + x), load(pixel + x - 1), load(above + x), &most);
        store(words + x, V(add_epi16)(d, bias));
    }
    vec d = average_residuals(load_first(pixel + last, left), load_first(pixel + last - 1, left),
                              load_first(above + last, left), &most);
    store_first(words + last, V(add_epi16)(d, bias), left);
    return largest_lane(most) >= threshold;
}

ISA static bool delta_forward_row(const uint16_t *row, const uint16_t *above, size_t n, uint16_t threshold,
                                  uint16_t *words)
{
    return n > 1 && delta_loop(row + 1, above + 1, n - 1, threshold, words + 1);
}

#endif
