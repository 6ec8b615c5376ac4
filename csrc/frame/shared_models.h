/* SPDX-License-Identifier: MIT
 *
 * Wavefront models that the frames of a stream share.  They lie between header and
 * frame 0, and the header tells how long they are.  docs/format.md, "Shared models":
 *
 *     model of each plane    length (varint, 0 for none), bytes
 *     CRC-32C of the above   4 bytes
 *
 * A frame borrows by the method of its pieces (STRIP_SHARED); no shared model can
 * refer to another.
 */
#ifndef MIC_SHARED_MODELS_H
#define MIC_SHARED_MODELS_H

#include "planes.h"
#include "../wavefront/wavefront.h"

struct mic_shared_models {
    wf_decoder planes[MAX_PLANES]; /* table NULL: no model for this plane */
    mic_error damage;              /* what is wrong with all of them; MIC_OK: nothing */
    size_t n_bytes;
    uint8_t bytes[]; /* as in the stream */
};

/* The smallest and the largest that a header may announce. */
uint32_t mic_shared_models_smallest(unsigned channels);
uint32_t mic_shared_models_largest(unsigned channels);

/* Models for the planes of all frames, learnt from some; sets layout->shared_bytes. */
mic_status mic_shared_models_learn(mic_layout *layout, const void *samples, size_t n_frames,
                                   const mic_encode_options *options, mic_shared_models **shared,
                                   mic_error *error);

/* The model that words below n_values of a plane may borrow; fails if there is none
 * or if it is damaged. */
mic_status mic_shared_models_borrow(const mic_shared_models *shared, unsigned plane, uint32_t n_values,
                                    const wf_decoder **decoder, mic_error *error);
/* The same for encoders: NULL if there is none. */
const wf_model *mic_shared_models_lend(const mic_shared_models *shared, unsigned plane, uint32_t n_values);

#endif
