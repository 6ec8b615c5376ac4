/* SPDX-License-Identifier: MIT
 *
 * The second half of the wavefront encoder: from the codes of a strip to words.
 */
#ifndef MIC_WAVEFRONT_ENCODE_H
#define MIC_WAVEFRONT_ENCODE_H

#include "wavefront_rows.h"

enum {
    WF_IDLE = WF_BUCKETS * 256 - 1, /* code of a step at which a lane is off the image; no symbol is 255 */
    WF_CODE_BLOCK = 32,             /* steps are encoded in blocks of this size */
};

/* Layout of an entry, which says how a code changes the state: 2^32 / frequency rounded
 * down (2^32 - 1 for frequency 1); from bit 32 on the frequency (12 bits), the number of
 * raw bits (4), and the start.  The entry 0, that of WF_IDLE, leaves the state alone. */
enum { WF_ENTRY_FREQUENCY = 32, WF_ENTRY_RAW_BITS = 44, WF_ENTRY_START = 48, WF_N_ENTRIES = WF_BUCKETS << 8 };

typedef struct wf_encoder {
    const wf_model *model;
    size_t width, height, period, n_steps;
    /* Lane i codes code[i * stride + t] at step t, and likewise for raw. */
    uint16_t *code, *raw;
    size_t stride;
    uint64_t *entries; /* indexed by code */
    uint32_t states[WF_LANES];
    uint8_t *next; /* words are written downwards from here; there is room for two a sample */
} wf_encoder;

/* Set the members that depend on a strip's size; returns how many codes, and as many raw
 * bits, the encoder needs room for. */
size_t mic_wf_encoder_shape(wf_encoder *encoder, size_t width, size_t height);
/* Where the codes of row y go. */
wf_row_codes mic_wf_encoder_row(const wf_encoder *encoder, size_t y);
/* Make all codes idle.  After that, write the rows, and call mic_wf_encoder_close_row after
 * each. */
void mic_wf_encoder_clear(const wf_encoder *encoder);
void mic_wf_encoder_close_row(const wf_encoder *encoder, wf_row_codes row);
/* Fill `entries`, WF_N_ENTRIES of them, for a model. */
void mic_wf_fill_entries(const wf_model *model, uint64_t *entries);
/* Turn codes into words, downwards from `end`; returns the number of bytes. */
size_t mic_wf_encoder_write(wf_encoder *encoder, uint8_t *end);

/* The reference loop over steps that all others must equal; see base/kernels.h. */
wf_encode_steps_fn mic_wf_encode_steps_scalar;

#endif
