/* SPDX-License-Identifier: MIT
 *
 * The last part of a frame's encoder: from words and models to the pieces, and to the head
 * that lists them.
 */
#include "frame_encoder.h"

#include "../base/kernels.h"
#include "../base/large_memory.h"
#include "../base/threads.h"

#include <stdlib.h>

/* Encode one strip of a plane with its coder.  Words that are not in memory are made only
 * for the rare strip that ends up raw. */
static mic_status encode_piece(const frame_encoder *e, size_t strip, unsigned plane, uint8_t *bytes,
                               size_t capacity, size_t *n_bytes, mic_error *error)
{
    const size_t columns = e->layout->columns, height = mic_strip_height(e->layout, strip);
    const size_t n_pixels = mic_strip_pixels(e->layout, strip);
    const strip_coder coder = {.codec = e->codec[plane],
                               .n_states = e->options->n_states,
                               .n_values = e->head.maps[plane].n_values,
                               .plane = e->wavefronts[plane],
                               .strip = strip};
    const uint16_t *words = mic_frame_has_words(e, plane)
                                ? e->planes[plane].values + mic_frame_first_pixel(e, strip)
                                : NULL;
    TRY(mic_strip_encode(words, columns, height, &coder, bytes, capacity, n_bytes, error));
    if (words || *n_bytes < mic_strip_raw_bytes(n_pixels, coder.n_values))
        return MIC_OK;
    uint16_t *made = mic_large_malloc(n_pixels * sizeof *made);
    if (!made)
        return mic_frame_no_memory(n_pixels * sizeof *made, error);
    mic_frame_make_words(e, strip, plane, made);
    mic_status status = mic_strip_encode(made, columns, height, &coder, bytes, capacity, n_bytes, error);
    mic_large_free(made);
    return status;
}

/* The strip is encoded into memory with room for the worst case, then copied.  The next
 * strip uses the same memory, which is in the cache by then, and its pages are touched only
 * once. */
mic_status mic_frame_encode_plane(frame_encoder *e, size_t strip, unsigned plane, mic_error *error)
{
    const size_t capacity = mic_strip_bound(e->layout->columns, mic_strip_height(e->layout, strip));
    struct encoded_part *part = mic_frame_piece(e, strip, plane);
    uint8_t *room = mic_large_malloc(capacity);
    if (!room)
        return mic_frame_no_memory(capacity, error);
    size_t n_bytes = 0;
    mic_status status = encode_piece(e, strip, plane, room, capacity, &n_bytes, error);
    uint8_t *bytes = status == MIC_OK ? malloc(n_bytes) : NULL;
    if (bytes) {
        memcpy(bytes, room, n_bytes);
        free(part->bytes); /* from an earlier attempt */
        *part = (struct encoded_part){.bytes = bytes, .n_bytes = n_bytes};
    } else if (status == MIC_OK) {
        status = mic_frame_no_memory(n_bytes, error);
    }
    mic_large_free(room);
    return status;
}

size_t mic_frame_plane_bytes(const frame_encoder *e, unsigned plane)
{
    size_t n = e->head.maps[plane].n_table + e->head.models[plane].n_bytes;
    for (size_t strip = 0; strip < e->head.n_strips; strip++)
        n += mic_frame_piece(e, strip, plane)->n_bytes;
    return n;
}

/* Compute the checksum of a strip's pieces. */
static mic_status seal_strip(void *context, size_t strip, mic_error *error)
{
    frame_encoder *e = context;
    uint32_t crc = 0;
    (void)error;
    for (unsigned c = 0; c < e->layout->channels; c++) {
        const struct encoded_part *part = mic_frame_piece(e, strip, c);
        if (part->n_bytes)
            crc = mic_kernels_active()->crc32c(crc, part->bytes, part->n_bytes);
    }
    e->head.strips[strip].crc = crc;
    return MIC_OK;
}

mic_status mic_frame_write_head(frame_encoder *e, mic_error *error)
{
    struct encoded_part *part = &e->encoded->parts[0];
    TRY(mic_parallel_for(e->head.n_strips, e->options->n_threads, seal_strip, e, error));
    e->head.samples_crc = mic_join_checksums(e->layout, e->strip_crcs, e->head.n_strips);
    return mic_frame_head_write(&e->head, e->layout->channels, &part->bytes, &part->n_bytes, error);
}
