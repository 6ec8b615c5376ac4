/* SPDX-License-Identifier: MIT
 *
 * Checks of the shapes that this library accepts.  The other functions of layout.c are
 * public; see mic.h.
 */
#ifndef MIC_LAYOUT_H
#define MIC_LAYOUT_H

#include "internal.h"

/* Check that rows, columns and channels of a frame are within the limits for all
 * containers. */
mic_status mic_check_frame_shape(const mic_layout *layout, mic_error *error);
/* The same, and check the axes as well; sets n_frames. */
mic_status mic_check_shape(mic_layout *layout, mic_error *error);

#endif
