/* SPDX-License-Identifier: MIT
 *
 * The formulas of the wavefront codec, for x86 of all widths: the encoder applies them to the
 * columns of a row, the decoders to their lanes.  The scalar ones are in
 * wavefront_decode.c and wavefront_rows.c.  The file that includes this has VEC_BITS before it;
 * see vec.h.
 */
#ifndef MIC_WAVEFRONT_FORMULAS_X86_H
#define MIC_WAVEFRONT_FORMULAS_X86_H

#include "../wavefront/wavefront.h"

#include "vec.h"

/* Of each sample: what is decoded already around it, and the errors there. */
typedef struct neighbours {
    vec w, n, nw, ne, ww, nn, nne, e_w, e_n, e_nw, e_ne;
} neighbours;

/* What of the model the formulas need. */
typedef struct formula {
    vec weights[WF_WEIGHTS], low, high, half, whole;
    shift_count fraction_bits;
} formula;

ISA_INLINE formula formula_of(const wf_model *m)
{
    formula f;
    for (int i = 0; i < WF_WEIGHTS; i++)
        f.weights[i] = V(set1_epi16)(m->weights[i]);
    f.low = V(set1_epi16)(wf_bias(m->max_value));
    f.high = V(add_epi16)(f.low, V(set1_epi16)((short)(m->max_value << m->fraction_bits)));
    f.half = V(set1_epi16)((short)(1 << m->fraction_bits >> 1));
    f.whole = V(set1_epi16)((short)-(1 << m->fraction_bits));
    f.fraction_bits = shift_by(m->fraction_bits);
    return f;
}

/* ---- prediction -------------------------------------------------------- */

ISA_INLINE vec weighted(vec neighbour, vec n, vec weight)
{
    return V(mulhrs_epi16)(V(sub_epi16)(neighbour, n), weight);
}

/* W comes last: in the decoders all the rest is known a step earlier. */
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

/* The prediction without its fraction, rounded. */
ISA_INLINE vec nearest_of(const formula *f, vec prediction)
{
    return V_AND(V(add_epi16)(prediction, f->half), f->whole);
}

/* Residuals where the errors of W and N have the other sign are coded negated, and back. */
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

/* The gradients + |e_nw| + |e_ne| + 2 (|e_n| + |e_w|) */
ISA_INLINE vec activity_of(const neighbours *v)
{
    vec once = V(adds_epu16)(V(abs_epi16)(v->e_nw), V(abs_epi16)(v->e_ne));
    vec twice = V(adds_epu16)(V(abs_epi16)(v->e_n), V(abs_epi16)(v->e_w));
    return V(adds_epu16)(gradients(v), V(adds_epu16)(once, V(adds_epu16)(twice, twice)));
}

#endif
