/* SPDX-License-Identifier: MIT
 *
 * Which shapes this library takes.  What else layout.c computes from a layout is public:
 * see mic.h.
 */
#ifndef MIC_LAYOUT_H
#define MIC_LAYOUT_H

#include "internal.h"

/* Rows, columns and channels of a frame within what any container may say. */
mic_status mic_check_frame_shape(const mic_layout *layout, mic_error *error);
/* The same, and the axes, too; sets n_frames. */
mic_status mic_check_shape(mic_layout *layout, mic_error *error);

#endif
