/* SPDX-License-Identifier: MIT
 *
 * Reads the parts of a stream between its header and its frames, as the Python layer does.
 */
#ifndef READING_H
#define READING_H

#include "fuzz.h"

/* Where frames begin and end; NULL if the stream does not say. */
static inline uint64_t *locate(const uint8_t *in, size_t n_bytes, const mic_layout *layout)
{
    mic_error error = {.status = MIC_OK};
    uint64_t *offsets, size = 0;
    mic_status status;
    if (layout->n_axes) {
        status = mic_check_index(layout, n_bytes, &error);
        check_error(status, &error);
        if (status != MIC_OK)
            return NULL;
        offsets = allocate((size_t)(layout->n_frames + 1) * sizeof *offsets);
        status = mic_read_index(layout, in + layout->index_offset, n_bytes - (size_t)layout->index_offset,
                                offsets, &error);
    } else {
        const size_t n_header = (size_t)layout->header_bytes;
        if (n_header > n_bytes) /* truncated within the shared models */
            return NULL;
        offsets = allocate(2 * sizeof *offsets);
        status = mic_frame_size(layout, in + n_header, n_bytes - n_header, &size, &error);
        offsets[0] = n_header;
        offsets[1] = size > n_bytes - n_header ? n_bytes : n_header + size;
    }
    check_error(status, &error);
    if (status == MIC_OK && offsets[layout->n_frames] <= n_bytes)
        return offsets;
    free(offsets);
    return NULL;
}

/* Open the shared models of a stream, from a copy of their exact size; NULL if there are
 * none. */
static inline mic_shared_models *open_shared(const uint8_t *in, size_t n_bytes, const mic_layout *layout)
{
    mic_shared_models *shared;
    if (layout->shared_bytes == 0)
        return NULL;
    const size_t start = (size_t)layout->header_bytes - layout->shared_bytes;
    const size_t n = min_size((size_t)layout->header_bytes, n_bytes) - start;
    uint8_t *models = copy_of(in + start, n);
    demand(mic_shared_models_open(layout, models, n, &shared, NULL) == MIC_OK, "shared models", "not opened");
    free(models);
    return shared;
}

#endif
