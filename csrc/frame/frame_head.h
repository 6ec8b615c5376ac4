/* SPDX-License-Identifier: MIT
 *
 * The head of a native frame: all that is needed to find, check and decode its strips.
 * docs/format.md, "Frame":
 *
 *     CRC-32C of the decoded samples      4 bytes
 *     colour transform                    1 byte, colour only
 *     sample map of each plane            3 bytes or more
 *     model of each plane                 length (varint), bytes; not if constant
 *     length of each piece of a strip,    varints
 *     CRC-32C of them all                 4 bytes, strip by strip
 *     CRC-32C of the head so far          4 bytes
 */
#ifndef MIC_FRAME_HEAD_H
#define MIC_FRAME_HEAD_H

#include "planes.h"
#include "sample_map.h"

typedef struct frame_strip {
    uint64_t offset;              /* offset of its first piece from the start of the frame */
    uint32_t n_bytes[MAX_PLANES]; /* sizes of its pieces; 0 for constant planes */
    uint32_t crc;                 /* checksum of all its coded bytes */
} frame_strip;

/* The wavefront model of a plane, as the coder wrote it. */
typedef struct frame_model {
    uint8_t *owned; /* set in an encoder; NULL in a decoder */
    const uint8_t *bytes;
    size_t n_bytes; /* 0: no piece of the plane needs a model */
} frame_model;

typedef struct frame_head {
    uint32_t samples_crc;
    colour_transform colour;
    sample_map maps[MAX_PLANES];
    frame_model models[MAX_PLANES];
    size_t n_strips;
    frame_strip *strips; /* owned; NULL if every plane is constant */
    uint64_t frame_size; /* size of head and pieces */
} frame_head;

/* The size that a file claims, which may need more than 32 bits. */
static inline uint64_t mic_strip_coded_bytes(const frame_strip *strip)
{
    return (uint64_t)strip->n_bytes[0] + strip->n_bytes[1] + strip->n_bytes[2];
}

/* Rows of a strip: all but the last have layout->strip_rows. */
static inline uint32_t mic_strip_height(const mic_layout *layout, size_t strip)
{
    uint64_t left = layout->rows - (uint64_t)strip * layout->strip_rows;
    return (uint32_t)(left < layout->strip_rows ? left : layout->strip_rows);
}

static inline size_t mic_row_bytes(const mic_layout *layout)
{
    return (size_t)layout->columns * layout->channels * mic_sample_bytes(layout->sample_type);
}

static inline size_t mic_strip_pixels(const mic_layout *layout, size_t strip)
{
    return (size_t)mic_strip_height(layout, strip) * layout->columns;
}

/* The checksum of the samples of consecutive strips, from the checksum of each. */
uint32_t mic_join_checksums(const mic_layout *layout, const uint32_t *strip_crcs, size_t n_strips);

bool mic_frame_is_constant(const frame_head *head, unsigned channels);

/* Write the head to a new block. */
mic_status mic_frame_head_write(const frame_head *head, unsigned channels, uint8_t **bytes, size_t *n_bytes,
                                mic_error *error);
/* Read and check the head of the frame at `in`; the pieces need not be present. */
mic_status mic_frame_head_read(const mic_layout *layout, const uint8_t *in, size_t n_bytes, frame_head *head,
                               mic_error *error);
void mic_frame_head_free(frame_head *head);

#endif
