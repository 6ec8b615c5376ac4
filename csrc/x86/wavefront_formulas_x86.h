/* SPDX-License-Identifier: MIT
 *
 * The formulas of the wavefront codec for x86, written once for all widths.  The encoder
 * applies them to the columns of a row, the decoders to their lanes.  The scalar versions
 * are in wavefront_decode.c and wavefront_rows.c.  A file defines VEC_BITS before it
 * includes this one; see vec.h.
 */
#ifndef MIC_WAVEFRONT_FORMULAS_X86_H
#define MIC_WAVEFRONT_FORMULAS_X86_H

#include "../wavefront/wavefront.h"

#include "vec.h"

/* For each sample, the samples around it that are already decoded, and the errors there. */
typedef struct neighbours {
    vec w, n, nw, ne, ww, nn, nne, e_w, e_n, e_nw, e_ne;
} neighbours;

/* The parts of the model that the formulas need. */
typedef struct formula {
    vec weights[WF_WEIGHTS], low, high, half, whole;
} formula;

/* The last two fields are set first: in the loop for median prediction, which needs no
 * others, clang then keeps them where it moves fewer registers. */
ISA_INLINE formula formula_of(const wf_model *m)
{
    formula f;
    f.half = V(set1_epi16)((short)(1 << m->fraction_bits >> 1));
    f.whole = V(set1_epi16)((short)-(1 << m->fraction_bits));
    for (int i = 0; i < WF_WEIGHTS; i++)
        f.weights[i] = V(set1_epi16)(m->weights[i]);
    f.low = V(set1_epi16)(wf_bias(m->max_value));
    f.high = V(add_epi16)(f.low, V(set1_epi16)((short)(m->max_value << m->fraction_bits)));
    return f;
}

/* ---- prediction -------------------------------------------------------- */

ISA_INLINE vec weighted(vec neighbour, vec n, vec weight)
{
    return V(mulhrs_epi16)(V(sub_epi16)(neighbour, n), weight);
}

/* W comes last, because in the decoders all other neighbours are known a step earlier. */
ISA_INLINE vec predict_linear(const formula *f, const neighbours *v)
{
    vec above = V(add_epi16)(weighted(v->nw, v->n, f->weights[1]), weighted(v->ne, v->n, f->weights[2]));
    vec far = V(add_epi16)(weighted(v->nn, v->n, f->weights[4]), weighted(v->nne, v->n, f->weights[5]));
    vec rest = V(add_epi16)(V(add_epi16)(above, far),
                            V(add_epi16)(v->n, weighted(v->ww, v->n, f->weights[3])));
    vec p = V(add_epi16)(rest, weighted(v->w, v->n, f->weights[0]));
    return V(max_epi16)(f->low, V(min_epi16)(f->high, p));
}

ISA_INLINE vec predict_median(const neighbours *v)
{
    vec low = V(min_epi16)(v->w, v->n), high = V(max_epi16)(v->w, v->n);
    vec middle = V(max_epi16)(low, V(min_epi16)(high, v->nw));
    return V(sub_epi16)(V(add_epi16)(v->w, v->n), middle);
}

ISA_INLINE vec predict(const formula *f, const neighbours *v, bool median)
{
    return median ? predict_median(v) : predict_linear(f, v);
}

/* The prediction, rounded to a value without a fraction. */
ISA_INLINE vec nearest_of(const formula *f, vec prediction)
{
    return V_AND(V(add_epi16)(prediction, f->half), f->whole);
}

/* A residual is coded negated if the errors of W and N have a negative sum; the same
 * function turns it back. */
ISA_INLINE vec turn_by_errors(vec residual, vec e_w, vec e_n)
{
    return negate_if_below_0(residual, V(adds_epi16)(e_w, e_n));
}

/* ---- activity ---------------------------------------------------------- */

/* Sums of distances saturate, so their order does not matter. */
ISA_INLINE vec distance(vec a, vec b) { return V(abs_epi16)(V(sub_epi16)(a, b)); }

/* 1 + |w - nw| + |n - nw| + |ne - n| */
ISA_INLINE vec gradients(const neighbours *v)
{
    return V(adds_epu16)(V(adds_epu16)(distance(v->w, v->nw), distance(v->n, v->nw)),
                         V(adds_epu16)(distance(v->ne, v->n), V(set1_epi16)(1)));
}

/* gradients + |e_nw| + |e_ne| + 2 (|e_n| + |e_w|) */
ISA_INLINE vec activity_of(const neighbours *v)
{
    vec once = V(adds_epu16)(V(abs_epi16)(v->e_nw), V(abs_epi16)(v->e_ne));
    vec twice = V(adds_epu16)(V(abs_epi16)(v->e_n), V(abs_epi16)(v->e_w));
    return V(adds_epu16)(V(adds_epu16)(gradients(v), once), V(adds_epu16)(twice, twice));
}

/* ---- the lanes of a decoder -------------------------------------------- */

/* What a step leaves for the next one, in as many lanes as a register has. */
typedef struct lane_state {
    vec sample, west_west, north_east, north, nn_east, error, error_north_east, error_north;
    vec high, low; /* halves of the states */
} lane_state;

ISA_INLINE lane_state open_lane_state(const formula *f, const uint32_t states[VEC_LANES])
{
    uint16_t high[VEC_LANES], low[VEC_LANES];
    for (int i = 0; i < VEC_LANES; i++) {
        high[i] = (uint16_t)(states[i] >> 16);
        low[i] = (uint16_t)states[i];
    }
    const vec zero = V_ZERO();
    return (lane_state){f->low, zero, f->low, f->low, f->low, zero, zero, zero, load(high), load(low)};
}

ISA_INLINE void store_lane_state(const lane_state *s, uint32_t states[VEC_LANES])
{
    uint16_t high[VEC_LANES], low[VEC_LANES];
    store(high, s->high);
    store(low, s->low);
    for (int i = 0; i < VEC_LANES; i++)
        states[i] = (uint32_t)high[i] << 16 | low[i];
}

/* Find the neighbours for a step.  `ne`, `nne` and `e_ne` are what the lane above has just
 * left; the others move on by one column from step to step. */
ISA_INLINE void find_neighbours(lane_state *s, vec ne, vec nne, vec e_ne, neighbours *v)
{
    *v = (neighbours){.w = s->sample,
                      .n = s->north_east,
                      .nw = s->north,
                      .ne = ne,
                      .ww = s->west_west,
                      .nn = s->nn_east,
                      .nne = nne,
                      .e_w = s->error,
                      .e_n = s->error_north_east,
                      .e_nw = s->error_north,
                      .e_ne = e_ne};
    s->north_east = ne;
    s->north = v->n;
    s->nn_east = nne;
    s->error_north_east = e_ne;
    s->error_north = v->e_n;
}

/* Lanes at the first column have nothing on their left, and lanes at the last column have
 * nothing on their right. */
ISA_INLINE void patch_row_ends(neighbours *v, lane_mask first, lane_mask last)
{
    v->w = choose(v->w, first, v->n);
    v->ww = choose(v->ww, first, v->n);
    v->nw = choose(v->nw, first, v->n);
    v->e_w = clear(v->e_w, first);
    v->e_nw = clear(v->e_nw, first);
    v->ne = choose(v->ne, last, v->n);
    v->nne = choose(v->nne, last, v->nn);
    v->e_ne = choose(v->e_ne, last, v->e_n);
}

/* The part of the activity that comes from the rows above.  NE of this step is N of the
 * next one and NW of the one after, so each term but NE's is carried over from the step
 * before. */
typedef struct carried {
    vec north; /* |e_n| */
    vec upper; /* 1 + |n - nw| + 2 |e_n| + |e_nw| */
} carried;

/* Takes neighbours that are already patched or, at the start of a run, those of the next
 * step. */
ISA_INLINE carried carry(vec n, vec nw, vec e_n, vec e_nw)
{
    vec north = V(abs_epi16)(e_n), one = V(set1_epi16)(1);
    vec rest = V(adds_epu16)(distance(n, nw), V(adds_epu16)(V(abs_epi16)(e_nw), one));
    return (carried){north, V(adds_epu16)(rest, V(adds_epu16)(north, north))};
}

ISA_INLINE carried carry_from(const lane_state *s)
{
    return carry(s->north_east, s->north, s->error_north_east, s->error_north);
}

/* The same sum as activity_of. */
ISA_INLINE vec measure_activity(const neighbours *v, carried *k)
{
    vec north_east = V(abs_epi16)(v->e_ne), west = V(abs_epi16)(v->e_w);
    vec east = V(adds_epu16)(distance(v->ne, v->n), north_east);
    vec above = V(adds_epu16)(east, k->upper);
    vec next = V(adds_epu16)(V(adds_epu16)(north_east, k->north), V(set1_epi16)(1));
    *k = (carried){north_east, V(adds_epu16)(east, next)};
    vec left = V(adds_epu16)(distance(v->w, v->nw), V(adds_epu16)(west, west));
    return V(adds_epu16)(above, left);
}

/* What a step knows about each lane before it has the sample. */
typedef struct sample_parts {
    vec prediction, residual;
} sample_parts;

/* Turn residuals into samples: scaled for the next step, and unscaled for the image.  The
 * parts come by pointer, and the shift is not part of the formula, because of clang: with
 * values it keeps one more addition per register, and with the shift in the formula it moves
 * more registers to the stack and back. */
ISA_INLINE void reconstruct(const formula *f, shift_count fraction_bits, lane_state *s, const neighbours *v,
                            const sample_parts *parts, uint16_t *out)
{
    vec residual = V(sll_epi16)(turn_by_errors(parts->residual, v->e_w, v->e_n), fraction_bits);
    vec nearest = nearest_of(f, parts->prediction);
    s->west_west = v->w;
    s->sample = V(add_epi16)(nearest, residual);
    s->error = V(add_epi16)(V(sub_epi16)(nearest, parts->prediction), residual);
    store(out, V(srl_epi16)(V(sub_epi16)(s->sample, f->low), fraction_bits));
}

#endif
