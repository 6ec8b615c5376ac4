/* SPDX-License-Identifier: MIT
 *
 * The image for which a model is made, and the weights that fit it.
 */
#ifndef MIC_WAVEFRONT_FIT_H
#define MIC_WAVEFRONT_FIT_H

#include "wavefront_rows.h"

typedef struct wf_image {
    const uint16_t *words;
    size_t width, height, strip_rows;
    uint16_t offset; /* the actual words are these plus the offset, mod 2^16 */
} wf_image;

/* Fit the weights of the linear predictor by least squares over a sample of rows. */
mic_status mic_wf_fit_weights(const wf_image *image, size_t max_rows, wf_model *model, mic_error *error);

#endif
