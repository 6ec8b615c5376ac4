/* SPDX-License-Identifier: MIT
 *
 * What lies between the header of a stream and its frames, as the Python layer
 * finds it.
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
        status = mic_read_index(layout, in + layout->index_offset, n_bytes - (size_t)layout->index_offset, offsets,
                                &error);
    } else {
        const size_t n_header = (size_t)layout->header_bytes;
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

#endif
