/* SPDX-License-Identifier: MIT
 *
 * Learns shared models from the first frames of a stream, and writes them.  This is apart
 * from shared_models.c because learning needs the frame encoder, which in turn borrows
 * models.
 */
#include "frame.h"
#include "shared_models.h"

#include "../base/kernels.h"
#include "../base/threads.h"
#include "../base/varint.h"

#include <stdlib.h>

enum { CRC_BYTES = 4 };

/* Larger frames have room for models of their own: sharing would save 0.3 % at best. */
enum { LARGEST_PIXELS = 1 << 14 };

int mic_may_share_models(const mic_layout *layout)
{
    return layout->codec == MIC_CODEC_WAVEFRONT && layout->n_axes > 0 &&
           (uint64_t)layout->rows * layout->columns <= LARGEST_PIXELS;
}

/* Words of the frames to learn from, one frame below the other. */
typedef struct lesson {
    const mic_layout *layout;
    const uint8_t *samples;
    size_t n_frames;
    uint16_t *planes[MAX_PLANES];
    uint32_t (*n_values)[MAX_PLANES];
    int effort;
    size_t n_bytes[MAX_PLANES];
    uint8_t *models[MAX_PLANES];
} lesson;

static mic_status load_frame(void *context, size_t i, mic_error *error)
{
    lesson *l = context;
    const size_t n_pixels = (size_t)l->layout->rows * l->layout->columns;
    uint16_t *planes[MAX_PLANES];
    for (unsigned c = 0; c < l->layout->channels; c++)
        planes[c] = l->planes[c] + i * n_pixels;
    return mic_native_frame_words(l->layout, l->samples + i * mic_frame_bytes(l->layout), planes,
                                  l->n_values[i], error);
}

static mic_status learn_plane(void *context, size_t plane, mic_error *error)
{
    lesson *l = context;
    const size_t n_pixels = (size_t)l->layout->rows * l->layout->columns;
    uint16_t *words = l->planes[plane];
    uint32_t most = 0;
    size_t n = 0; /* frames in which the plane is not constant */
    for (size_t i = 0; i < l->n_frames; i++) {
        const uint32_t n_values = l->n_values[i][plane];
        if (n_values < 2)
            continue;
        most = n_values > most ? n_values : most;
        memmove(words + n++ * n_pixels, words + i * n_pixels, n_pixels * sizeof *words);
    }
    if (n == 0)
        return MIC_OK;
    wf_model model;
    /* Other frames may have somewhat larger words, so allow all values of that bit depth. */
    const unsigned max_value = (1u << bit_depth(most - 1)) - 1;
    TRY(mic_wf_build_shared_model(words, l->layout->columns, n * l->layout->rows, l->layout->rows, max_value,
                                  l->effort, &model, error));
    l->models[plane] = malloc(WF_MODEL_BOUND);
    if (!l->models[plane])
        return mic_fail(error, MIC_ERROR_MEMORY, "shared models", -1, "no memory for a model");
    return mic_wf_write_model(&model, l->models[plane], WF_MODEL_BOUND, &l->n_bytes[plane], error);
}

static mic_status write_models(const lesson *l, mic_layout *layout, mic_shared_models **shared,
                               mic_error *error)
{
    uint8_t *bytes = malloc(mic_shared_models_largest(layout->channels)), *p = bytes;
    if (!bytes)
        return mic_fail(error, MIC_ERROR_MEMORY, "shared models", -1, "no memory for models");
    for (unsigned c = 0; c < layout->channels; c++) {
        p = varint_write(p, (uint32_t)l->n_bytes[c]);
        if (l->n_bytes[c])
            memcpy(p, l->models[c], l->n_bytes[c]);
        p += l->n_bytes[c];
    }
    store_u32(p, mic_kernels_active()->crc32c(0, bytes, (size_t)(p - bytes)));
    layout->shared_bytes = (uint32_t)(p - bytes) + CRC_BYTES;
    mic_status status = mic_shared_models_open(layout, bytes, layout->shared_bytes, shared, error);
    free(bytes);
    return status;
}

mic_status mic_shared_models_learn(mic_layout *layout, const void *samples, size_t n_frames,
                                   const mic_encode_options *options, mic_shared_models **shared,
                                   mic_error *error)
{
    const size_t n_pixels = (size_t)layout->rows * layout->columns;
    lesson l = {.layout = layout, .samples = samples, .n_frames = n_frames, .effort = options->effort};
    l.n_values = calloc(n_frames, sizeof *l.n_values);
    uint16_t *words = malloc(n_frames * n_pixels * layout->channels * sizeof *words);
    mic_status status = MIC_OK;
    if (!l.n_values || !words)
        status = mic_fail(error, MIC_ERROR_MEMORY, "shared models", -1, "no memory for %zu frames", n_frames);
    for (unsigned c = 0; status == MIC_OK && c < layout->channels; c++)
        l.planes[c] = words + c * n_frames * n_pixels;
    if (status == MIC_OK)
        status = mic_parallel_for(n_frames, options->n_threads, load_frame, &l, error);
    if (status == MIC_OK)
        status = mic_parallel_for(layout->channels, options->n_threads, learn_plane, &l, error);
    if (status == MIC_OK)
        status = write_models(&l, layout, shared, error);
    for (unsigned c = 0; c < MAX_PLANES; c++)
        free(l.models[c]);
    free(l.n_values);
    free(words);
    return status;
}
