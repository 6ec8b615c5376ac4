/* SPDX-License-Identifier: MIT
 *
 * Planes as the published MICR and MIC3 containers code them: a grey image is
 * one blob; a colour image, always 8-bit, is three lengths (u32) and the blobs
 * of Y, Co and Cg.  Nothing in the bytes tells width, height or sample type.
 */
#ifndef MIC_PLANE_BLOBS_H
#define MIC_PLANE_BLOBS_H

#include "internal.h"

/* Most bytes that an image takes. */
size_t mic_plane_blobs_bound(size_t n_pixels, unsigned channels);

/* `samples` are contiguous and interleaved: uint8, or uint16 with one channel. */
mic_status mic_plane_blobs_encode(const void *samples, mic_sample_type type, unsigned channels, size_t width,
                              size_t height, uint8_t *out, size_t capacity, size_t *n_bytes, mic_error *error);
/* All of in[0, n_bytes) MUST be used up. */
mic_status mic_plane_blobs_decode(const uint8_t *in, size_t n_bytes, mic_sample_type type, unsigned channels,
                              size_t width, size_t height, void *samples, mic_error *error);

#endif
