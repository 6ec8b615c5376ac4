/* SPDX-License-Identifier: MIT
 *
 * Marks the values that occur in an image: the state that the kernel `mark` keeps between
 * calls.
 */
#ifndef MIC_MARKER_H
#define MIC_MARKER_H

#include "atomics.h"
#include "internal.h"

/* An entry for each of the 65536 values, set if it occurs.  Threads may mark at the same
 * time. */
typedef mic_atomic_byte mic_seen;

/* A run of values that are all marked, from first to first + span. */
typedef struct seen_run {
    uint16_t first, span;
} seen_run;

/* State of one marking thread.  A vector whose words all lie in a run of marked values
 * takes only a comparison.  There are two such runs, because images have a background.
 * When too many words were outside, kernels look for other runs.  The search takes time
 * too, so each one raises the patience by half. */
typedef struct mic_marker {
    mic_seen *seen;
    seen_run runs[2];
    size_t patience, n_outside;
} mic_marker;

mic_marker mic_marker_open(mic_seen *seen, uint16_t first_value);

/* Checks before it writes: most values are marked soon, and threads can share a cache line
 * that none of them writes to. */
MIC_INLINE void mark_one(uint16_t value, mic_seen *seen)
{
    if (!byte_load(&seen[value]))
        byte_store(&seen[value], 1);
}
MIC_INLINE void mark_each(const uint16_t *words, size_t n, uint16_t offset, mic_seen *seen)
{
    for (size_t i = 0; i < n; i++)
        mark_one((uint16_t)(words[i] + offset), seen);
}

/* Up to this many words outside the runs are marked one by one. */
enum { MARK_FEW = 8 };
/* Is it time to look for other runs? */
MIC_INLINE bool is_impatient(const mic_marker *marker) { return marker->n_outside >= marker->patience; }
/* Find the longest run around any of a few of n > 0 words, and the latest other one.  This
 * marks those words. */
void mic_find_seen_runs(const uint16_t *words, size_t n, uint16_t offset, mic_marker *marker);

#endif
