/* SPDX-License-Identifier: MIT
 *
 * Runs of marked values, which save kernels from marking words one by one.  See marker.h.
 */
#include "marker.h"

mic_marker mic_marker_open(mic_seen *seen, uint16_t first_value)
{
    enum { PATIENCE = 128 };
    mark_one(first_value, seen);
    return (mic_marker){.seen = seen, .runs = {{first_value, 0}, {first_value, 0}}, .patience = PATIENCE};
}

static bool is_seen(const mic_seen *seen, size_t value) { return byte_load(&seen[value]) != 0; }

static bool is_in_run(const seen_run *run, uint16_t value)
{
    return (uint16_t)(value - run->first) <= run->span;
}

static void extend_run(seen_run *run, const mic_seen *seen)
{
    enum { HIGHEST = 65535 };
    size_t first = run->first, last = first + run->span;
    while (first > 0 && is_seen(seen, first - 1))
        first--;
    while (last < HIGHEST && is_seen(seen, last + 1))
        last++;
    *run = (seen_run){(uint16_t)first, (uint16_t)(last - first)};
}

void mic_find_seen_runs(const uint16_t *words, size_t n, uint16_t offset, mic_marker *marker)
{
    enum { PROBES = 8, PROBED = 256 };
    seen_run *runs = marker->runs;
    n = min_size(n, PROBED);
    extend_run(&runs[0], marker->seen);
    extend_run(&runs[1], marker->seen);
    for (size_t k = 0; k < PROBES; k++) {
        const uint16_t value = (uint16_t)(words[n * k / PROBES] + offset);
        seen_run run = {value, 0};
        mark_one(value, marker->seen);
        if (is_in_run(&runs[0], value) || is_in_run(&runs[1], value))
            continue;
        extend_run(&run, marker->seen);
        if (run.span >= runs[0].span) {
            runs[1] = is_in_run(&run, runs[0].first) ? runs[1] : runs[0];
            runs[0] = run;
        } else if (run.span >= runs[1].span) {
            runs[1] = run;
        }
    }
    marker->patience += marker->patience / 2;
    marker->n_outside = 0;
}
