/* SPDX-License-Identifier: MIT
 *
 * The decoder of wavefront strips for NEON.
 */
#ifndef MIC_WAVEFRONT_NEON_H
#define MIC_WAVEFRONT_NEON_H

#include "../base/kernels.h"

wf_decode_strips_fn mic_wf_decode_strips_neon;

#endif
