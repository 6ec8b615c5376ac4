/* SPDX-License-Identifier: MIT
 *
 * The containers behind mic_read_header, mic_encode and mic_decode: each knows
 * its magic, its header and how one of its frames is coded.
 */
#ifndef MIC_CONTAINER_H
#define MIC_CONTAINER_H

#include "internal.h"

enum { MAGIC_BYTES = 4, MIC1_HEADER_BYTES = 20 };
extern const uint8_t mic_native_magic[MAGIC_BYTES];
extern const uint8_t mic_mic1_magic[MAGIC_BYTES];

/* Rows, columns, axes within what any container may say; sets n_frames. */
mic_status mic_check_shape(mic_layout *layout, mic_error *error);

mic_status mic_native_read_header(const uint8_t *in, size_t n_bytes, mic_layout *layout, mic_error *error);
mic_status mic_native_encode(const mic_layout *layout, const void *samples,
                             const mic_encode_options *options, mic_encoded **encoded, mic_error *error);

mic_status mic_mic1_read_header(const uint8_t *in, size_t n_bytes, mic_layout *layout, mic_error *error);
mic_status mic_mic1_encode(const mic_layout *layout, const void *samples,
                           const mic_encode_options *options, mic_encoded **encoded, mic_error *error);
mic_status mic_mic1_decode(const mic_decode_job *job, mic_error *error);
mic_status mic_mic1_frame_size(const mic_layout *layout, size_t n_bytes, uint64_t *frame_size,
                               mic_error *error);

#endif
