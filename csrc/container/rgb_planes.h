/* SPDX-License-Identifier: MIT
 *
 * How the published containers code 8-bit samples: a plane as one blob, an RGB image as the
 * blobs of its three planes.
 *
 *     plane:  mode (1), then  0 all zero: nothing;  1 constant: the value (2);
 *             2 a stream of the average predictor, runs and FSE;
 *             3 the words themselves (2 each)
 *     RGB:    lengths of the blobs Y, Co, Cg (4 each), then the blobs
 *
 * Y is stored unchanged; Co and Cg of YCoCg-R are folded to unsigned.
 */
#ifndef MIC_RGB_PLANES_H
#define MIC_RGB_PLANES_H

#include "../base/internal.h"

enum { RGB_PLANES = 3, RGB_HEAD_BYTES = 4 * RGB_PLANES };

/* `planes` are Y, Co, Cg of n_pixels words each, one after the other.  The inverse works in
 * place; the planes are undefined afterwards. */
void mic_rgb_to_planes(const uint8_t *rgb, size_t n_pixels, uint16_t *planes);
mic_status mic_rgb_from_planes(uint16_t *planes, size_t n_pixels, uint8_t *rgb, mic_error *error);

/* Bytes of room that the encoder of a plane needs; the blob is shorter. */
size_t mic_plane_bound(size_t n_pixels);
mic_status mic_plane_encode(const uint16_t *plane, size_t width, size_t height, int n_states, uint8_t *out,
                            size_t capacity, size_t *n_bytes, mic_error *error);
mic_status mic_plane_decode(const uint8_t *in, size_t n_bytes, size_t width, size_t height, uint16_t *plane,
                            mic_error *error);

/* Bytes of room that the encoder of an RGB image needs.  Its three planes are coded on up
 * to n_threads threads. */
size_t mic_rgb_bound(size_t n_pixels);
mic_status mic_rgb_encode(const uint8_t *rgb, size_t width, size_t height, int n_states, int n_threads,
                          uint8_t *out, size_t capacity, size_t *n_bytes, mic_error *error);
/* Size of an RGB image from its first n_bytes bytes; RGB_HEAD_BYTES of them are enough. */
mic_status mic_rgb_size(const uint8_t *in, size_t n_bytes, uint64_t *size, mic_error *error);
mic_status mic_rgb_decode(const uint8_t *in, size_t n_bytes, size_t width, size_t height, int n_threads,
                          uint8_t *rgb, mic_error *error);

#endif
