/* SPDX-License-Identifier: MIT
 *
 * The encoder's choice of a model.
 */
#ifndef MIC_WAVEFRONT_BUILD_H
#define MIC_WAVEFRONT_BUILD_H

#include "wavefront_fit.h"

/* Choose everything but contexts and frequencies: the predictor, its weights, table sizes. */
mic_status mic_wf_choose_predictor(const wf_image *image, int effort, wf_model *model, mic_error *error);
/* Choose contexts and frequencies from the counts of all codes that occur, indexed by code.
 * for_others: the model will also be used for other images. */
mic_status mic_wf_choose_contexts(const uint32_t *counts, const wf_image *image, int effort, bool for_others,
                                  wf_model *model, mic_error *error);

#endif
