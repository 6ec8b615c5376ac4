/* SPDX-License-Identifier: MIT
 *
 * A frame while it is being encoded: frame.c fills it in, then frame_share.c tries the
 * stream's models on it.
 */
#ifndef MIC_FRAME_ENCODER_H
#define MIC_FRAME_ENCODER_H

#include "encoded.h"
#include "frame_head.h"
#include "../base/kernels.h"
#include "shared_models.h"
#include "strip.h"

/* Values of a plane, each plus `offset` (mod 2^16); later its words.  They are not copied
 * if samples and words differ only by a constant. */
typedef struct frame_plane {
    const uint16_t *values;
    uint16_t offset;
    uint16_t *owned; /* NULL while the values are the samples */
} frame_plane;

typedef struct frame_encoder {
    const mic_layout *layout;
    const uint8_t *samples;
    const mic_encode_options *options;
    frame_plane planes[MAX_PLANES]; /* the whole frame */
    mic_seen *seen;                 /* per plane: which values occur */
    uint32_t *strip_crcs;           /* checksums of the samples */
    mic_codec codec[MAX_PLANES];
    wf_plane_encoder *wavefronts[MAX_PLANES]; /* set for the planes that have a model */
    frame_head head;
    mic_encoded *encoded; /* part 0 is the head, the pieces follow */
} frame_encoder;

static inline mic_status mic_frame_no_memory(size_t n_bytes, mic_error *error)
{
    return mic_fail(error, MIC_ERROR_MEMORY, "frame", -1,
                    "no memory for %zu bytes of scratch; use fewer threads or a smaller image", n_bytes);
}

static inline struct encoded_part *mic_frame_piece(const frame_encoder *e, size_t strip, unsigned plane)
{
    return &e->encoded->parts[1 + strip * e->layout->channels + plane];
}

static inline size_t mic_frame_first_pixel(const frame_encoder *e, size_t strip)
{
    return strip * e->layout->strip_rows * e->layout->columns;
}

/* Size of a plane: table, model and pieces. */
size_t mic_frame_plane_bytes(const frame_encoder *e, unsigned plane);
/* Put the words of a plane into planes[plane].owned unless they are already there. */
mic_status mic_frame_need_words(frame_encoder *e, unsigned plane, mic_error *error);
/* Write the head; all pieces must be there. */
mic_status mic_frame_write_head(frame_encoder *e, mic_error *error);

/* Use models of the stream where they are smaller than the frame's own.  The frame keeps
 * its former encoding as well, because only all frames together decide whether sharing
 * pays. */
mic_status mic_frame_share_models(frame_encoder *e, mic_error *error);

#endif
