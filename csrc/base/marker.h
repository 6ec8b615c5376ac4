/* SPDX-License-Identifier: MIT
 *
 * Marks of the values that occur in an image: what the kernel `mark` keeps from call to call.
 */
#ifndef MIC_MARKER_H
#define MIC_MARKER_H

#include "internal.h"

#include <stdatomic.h>

/* Which of 65536 values occur: threads may mark at the same time. */
typedef _Atomic uint8_t mic_seen;

/* Values that are all marked, from first to first + span. */
typedef struct seen_run {
    uint16_t first, span;
} seen_run;

/* Who marks.  A vector of words that lie in a stretch of marked values takes a
 * comparison; there are two such stretches, for images have a background.  When too
 * many words were outside, kernels look for others, and each time they are twice as
 * patient: the search takes time, too. */
typedef struct mic_marker {
    mic_seen *seen;
    seen_run runs[2];
    size_t patience, n_outside;
} mic_marker;

mic_marker mic_marker_open(mic_seen *seen, uint16_t first_value);

/* Looks before it writes: most values are known soon, and a line of the cache that
 * nobody writes to can be shared by threads. */
MIC_INLINE void mark_one(uint16_t value, mic_seen *seen)
{
    if (!atomic_load_explicit(&seen[value], memory_order_relaxed))
        atomic_store_explicit(&seen[value], 1, memory_order_relaxed);
}
MIC_INLINE void mark_each(const uint16_t *words, size_t n, uint16_t offset, mic_seen *seen)
{
    for (size_t i = 0; i < n; i++)
        mark_one((uint16_t)(words[i] + offset), seen);
}

/* So few words outside of the runs are marked one by one. */
enum { MARK_FEW = 8 };
/* Is it time to look for other runs? */
MIC_INLINE bool is_impatient(const mic_marker *marker) { return marker->n_outside >= marker->patience; }
/* The longest run around any of some of n > 0 words, which are marked by this, and the
 * latest other one. */
void mic_find_seen_runs(const uint16_t *words, size_t n, uint16_t offset, mic_marker *marker);

#endif
