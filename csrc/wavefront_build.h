/* SPDX-License-Identifier: MIT
 *
 * Parts of the encoder's choice of a model.
 */
#ifndef MIC_WAVEFRONT_BUILD_H
#define MIC_WAVEFRONT_BUILD_H

#include "wavefront_rows.h"

enum { WF_CODE_SYMBOLS = 256 }; /* a histogram is indexed by codes: bucket << 8 | symbol */

typedef struct wf_image {
    const uint16_t *words;
    size_t width, height, strip_rows;
} wf_image;

/* Weights of the linear predictor, by least squares over a sample of rows, or all. */
mic_status mic_wf_fit_weights(const wf_image *image, bool thorough, wf_model *model, mic_error *error);

#endif
