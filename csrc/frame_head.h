/* SPDX-License-Identifier: MIT
 *
 * The head of a native frame: what is needed to find, check and decode its
 * strips.  docs/format.md, "Frame":
 *
 *     CRC-32C of the decoded samples      4 bytes
 *     sample map of each plane            3 bytes or more
 *     length of each piece of a strip,    varints
 *     CRC-32C of them all                 4 bytes, strip by strip
 *     CRC-32C of the head so far          4 bytes
 */
#ifndef MIC_FRAME_HEAD_H
#define MIC_FRAME_HEAD_H

#include "sample_map.h"

enum { FRAME_MAX_CHANNELS = 3 };

typedef struct frame_strip {
    size_t offset;                        /* of its first piece, from the start of the frame */
    uint32_t n_bytes[FRAME_MAX_CHANNELS]; /* of its pieces; 0 for constant planes */
    uint32_t crc;                         /* of all its coded bytes */
} frame_strip;

typedef struct frame_head {
    uint32_t samples_crc;
    sample_map maps[FRAME_MAX_CHANNELS];
    size_t n_strips;
    frame_strip *strips;                  /* owned; NULL if every plane is constant */
    uint64_t frame_size;                  /* head and pieces */
} frame_head;

static inline size_t mic_strip_coded_bytes(const frame_strip *strip)
{
    return (size_t)strip->n_bytes[0] + strip->n_bytes[1] + strip->n_bytes[2];
}

/* Rows of a strip: all but the last have layout->strip_rows. */
static inline uint32_t mic_strip_height(const mic_layout *layout, size_t strip)
{
    uint64_t left = layout->rows - (uint64_t)strip * layout->strip_rows;
    return (uint32_t)(left < layout->strip_rows ? left : layout->strip_rows);
}

bool mic_frame_is_constant(const frame_head *head, unsigned channels);

/* Bytes of the head, in a new block. */
mic_status mic_frame_head_write(const frame_head *head, unsigned channels, uint8_t **bytes,
                                size_t *n_bytes, mic_error *error);
/* Read and check the head of the frame at `in`; the pieces need not be there. */
mic_status mic_frame_head_read(const mic_layout *layout, const uint8_t *in, size_t n_bytes,
                               frame_head *head, mic_error *error);
void mic_frame_head_free(frame_head *head);

#endif
