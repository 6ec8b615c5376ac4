/* SPDX-License-Identifier: MIT
 *
 * The parts of the stream code that published containers need in addition to mic.h.
 */
#ifndef MIC_STREAM_H
#define MIC_STREAM_H

#include "../base/internal.h"

/* FSE with the published fall-backs to fewer states. */
mic_status mic_stream_encode_fse(const uint16_t *words, size_t n_words, int n_states, uint8_t *out,
                                 size_t capacity, size_t *n_bytes, mic_error *error);

/* Encode the difference of a frame from the one before, without spatial prediction: folded
 * to unsigned words, run lengths, FSE.  `out` holds mic_stream_bound() bytes. */
mic_status mic_difference_encode(const uint16_t *frame, const uint16_t *previous, size_t n_pixels,
                                 int n_states, uint8_t *out, size_t capacity, size_t *n_bytes,
                                 mic_error *error);
/* Returns the difference itself, mod 2^16; adding is up to the caller. */
mic_status mic_difference_decode(const uint8_t *in, size_t n_bytes, size_t n_pixels, uint16_t *difference,
                                 mic_error *error);

mic_status mic_stream_no_memory(const char *what, size_t n_bytes, mic_error *error);

#endif
