/* SPDX-License-Identifier: MIT
 *
 * Encodes many frames on threads.  If there are more threads than frames, each frame gets
 * several.
 */
#include "container_frames.h"

#include "../base/threads.h"

typedef struct encode_loop {
    frame_encode_fn *encode_frame;
    const mic_layout *layout;
    const uint8_t *samples;
    mic_encode_options options; /* for one frame */
    mic_encoded **encoded;
    unsigned *bits_used;
    size_t first; /* number of the frame in encoded[0], for messages */
} encode_loop;

static mic_status encode_one(void *context, size_t i, mic_error *error)
{
    const encode_loop *loop = context;
    mic_status status = loop->encode_frame(loop->layout, loop->samples + i * mic_frame_bytes(loop->layout),
                                           &loop->options, &loop->encoded[i], &loop->bits_used[i], error);
    if (status != MIC_OK)
        error->frame = (int64_t)(loop->first + i);
    return status;
}

mic_status mic_encode_each(frame_encode_fn *encode_frame, const mic_layout *layout, const void *samples,
                           size_t n_frames, size_t first, const mic_encode_options *options,
                           mic_encoded **encoded, unsigned *bits_used, mic_error *error)
{
    encode_loop loop = {.encode_frame = encode_frame,
                        .layout = layout,
                        .samples = samples,
                        .options = *options,
                        .encoded = encoded,
                        .bits_used = bits_used,
                        .first = first};
    const int n_threads = options->n_threads;
    const bool spare_threads = n_threads > 1 && (size_t)n_threads > n_frames;
    loop.options.n_threads = spare_threads && n_frames ? n_threads / (int)n_frames : 1;
    return mic_parallel_for(n_frames, n_threads, encode_one, &loop, error);
}
