/* SPDX-License-Identifier: MIT
 *
 * State of a frame while it is being encoded.  frame.c calls the steps declared here, in
 * order; then frame_share.c tries the stream's models on the frame.
 */
#ifndef MIC_FRAME_ENCODER_H
#define MIC_FRAME_ENCODER_H

#include "encoded.h"
#include "frame_head.h"
#include "../base/marker.h"
#include "shared_models.h"
#include "strip.h"

/* A plane's values, to each of which `offset` is added (mod 2^16); later its words.  They
 * are not copied if samples and words differ only by a constant. */
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
    mic_encoded *encoded; /* part 0 is the head; the pieces follow */
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

/* ---- samples to words: frame_planes.c ---------------------------------- */

/* Make planes of the samples, either in place or in new memory, and choose the colour
 * transform. */
mic_status mic_frame_load(frame_encoder *e, mic_error *error);
/* The same without choosing a transform. */
mic_status mic_frame_load_planes(frame_encoder *e, mic_error *error);
/* Turn planes as loaded into the form that `codec` takes. */
mic_status mic_frame_map_planes(frame_encoder *e, mic_codec codec, mic_error *error);
/* Return whether the plane's values are its words already, with no offset or map left to
 * apply. */
bool mic_frame_has_words(const frame_encoder *e, unsigned plane);
/* Compute the words for one strip of a plane from its values. */
void mic_frame_make_words(const frame_encoder *e, size_t strip, unsigned plane, uint16_t *words);
/* Put the words of a plane into planes[plane].owned unless they are already there. */
mic_status mic_frame_need_words(frame_encoder *e, unsigned plane, mic_error *error);

/* ---- words to pieces: frame_pieces.c ----------------------------------- */

/* Encode one strip of a plane, replacing what an earlier attempt left there. */
mic_status mic_frame_encode_plane(frame_encoder *e, size_t strip, unsigned plane, mic_error *error);
/* Size of a plane: table, model and pieces. */
size_t mic_frame_plane_bytes(const frame_encoder *e, unsigned plane);
/* Write the head; all pieces must be there. */
mic_status mic_frame_write_head(frame_encoder *e, mic_error *error);

/* ---- shared models: frame_share.c -------------------------------------- */

/* Use models of the stream where they are smaller than the frame's own.  The frame keeps
 * its former encoding as well, because only all frames together decide whether sharing
 * pays. */
mic_status mic_frame_share_models(frame_encoder *e, mic_error *error);

#endif
