/* SPDX-License-Identifier: MIT
 *
 * The second half of the wavefront encoder: codes of a strip to words.
 */
#ifndef MIC_WAVEFRONT_ENCODE_H
#define MIC_WAVEFRONT_ENCODE_H

#include "wavefront_rows.h"

enum {
    WF_IDLE = 0xFFFF, /* code of a step at which a lane is not on the image */
    WF_CODE_BLOCK = 32, /* steps are encoded in blocks of this size */
};

typedef struct wf_encoder {
    const wf_model *model;
    size_t width, height, period, n_steps;
    /* Lane i codes code[i * stride + t] at step t, raw likewise. */
    uint16_t *code, *raw;
    size_t stride;
    /* By context << 8 | symbol: frequency, start << 16, and from bit 32 on 2^32 /
     * frequency rounded down (2^32 - 1 for frequency 1). */
    uint64_t *entries;
    uint32_t states[WF_LANES];
    uint8_t *next; /* words are written downwards from here; there is room for two a sample */
} wf_encoder;

/* All steps, last one first; one function per instruction set. */
typedef void wf_encode_steps_fn(wf_encoder *encoder);
wf_encode_steps_fn mic_wf_encode_steps_scalar, mic_wf_encode_steps_avx512;

#endif
