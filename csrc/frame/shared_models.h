/* SPDX-License-Identifier: MIT
 *
 * Wavefront models shared by the frames of a stream.  They are stored between the header
 * and frame 0, and the header gives their size.  See docs/format.md, "Shared models":
 *
 *     model of each plane    length (varint, 0 for none), bytes
 *     CRC-32C of the above   4 bytes
 *
 * A frame borrows a model through the method of its pieces (STRIP_SHARED).  A shared model
 * cannot refer to another.
 */
#ifndef MIC_SHARED_MODELS_H
#define MIC_SHARED_MODELS_H

#include "planes.h"
#include "../wavefront/wavefront.h"

struct mic_shared_models {
    wf_decoder planes[MAX_PLANES]; /* table NULL: no model for this plane */
    mic_error damage;              /* what is wrong with all of them; MIC_OK if nothing */
    size_t n_bytes;
    uint8_t bytes[]; /* as in the stream */
};

/* The smallest and the largest size that a header may announce. */
uint32_t mic_shared_models_smallest(unsigned channels);
uint32_t mic_shared_models_largest(unsigned channels);

/* Learn models for the planes of all frames from some frames; sets layout->shared_bytes. */
mic_status mic_shared_models_learn(mic_layout *layout, const void *samples, size_t n_frames,
                                   const mic_encode_options *options, mic_shared_models **shared,
                                   mic_error *error);

/* Find the model that a plane with words below n_values may borrow.  Fails if there is none
 * or if it is damaged. */
mic_status mic_shared_models_borrow(const mic_shared_models *shared, unsigned plane, uint32_t n_values,
                                    const wf_decoder **decoder, mic_error *error);
/* The same for encoders; returns NULL if there is none. */
const wf_model *mic_shared_models_lend(const mic_shared_models *shared, unsigned plane, uint32_t n_values);

#endif
