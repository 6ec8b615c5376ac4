/* SPDX-License-Identifier: MIT
 *
 * One frame of the native container, without the file around it.
 */
#ifndef MIC_FRAME_H
#define MIC_FRAME_H

#include "../base/internal.h"

/* Fill the parts of one frame (head first, then every piece) from `samples`. */
mic_status mic_native_frame_encode(const mic_layout *layout, const void *samples,
                                   const mic_encode_options *options, mic_encoded **encoded,
                                   unsigned *bits_used, mic_error *error);
/* Get the words of each plane as the encoder would code them, and the number of values that
 * they may have, which is 1 for a constant plane. */
mic_status mic_native_frame_words(const mic_layout *layout, const void *samples, uint16_t *const planes[],
                                  uint32_t n_values[], mic_error *error);
mic_status mic_native_frame_decode(const mic_decode_job *job, int n_threads, mic_error *error);
mic_status mic_native_frame_size(const mic_layout *layout, const uint8_t *in, size_t n_bytes,
                                 uint64_t *frame_size, mic_error *error);

#endif
