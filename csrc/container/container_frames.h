/* SPDX-License-Identifier: MIT
 *
 * The loop over frames, for any container whose frames are encoded independently.
 */
#ifndef MIC_CONTAINER_FRAMES_H
#define MIC_CONTAINER_FRAMES_H

#include "../base/internal.h"

/* Encode one frame; `bits_used` is the smallest width that holds every sample. */
typedef mic_status frame_encode_fn(const mic_layout *layout, const void *samples,
                                   const mic_encode_options *options, mic_encoded **encoded,
                                   unsigned *bits_used, mic_error *error);

/* Encode n_frames consecutive frames on threads; bits_used gets an entry for each.  `first`
 * is the number of the first frame, for messages. */
mic_status mic_encode_each(frame_encode_fn *encode_frame, const mic_layout *layout, const void *samples,
                           size_t n_frames, size_t first, const mic_encode_options *options,
                           mic_encoded **encoded, unsigned *bits_used, mic_error *error);

#endif
