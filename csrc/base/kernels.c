/* SPDX-License-Identifier: MIT
 *
 * The scalar kernels, which define what every other version must produce, and
 * the choice among the versions.
 */
#include "kernels.h"

#include "checksum.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Four tables break the store-to-load chain that equal neighbours would make. */
uint16_t mic_histogram_scalar(const uint16_t *words, size_t n, uint32_t *counts)
{
    enum { PARTS = 4, SYMBOLS = 65536 };
    uint32_t *parts = n >= 4 * SYMBOLS ? calloc((PARTS - 1) * SYMBOLS, sizeof *parts) : NULL;
    uint16_t largest = 0;
    size_t i = 0;
    if (parts) {
        uint16_t m0 = 0, m1 = 0, m2 = 0, m3 = 0;
        for (; i + PARTS <= n; i += PARTS) {
            uint16_t a = words[i], b = words[i + 1], c = words[i + 2], d = words[i + 3];
            counts[a]++;
            parts[b]++;
            parts[SYMBOLS + c]++;
            parts[2 * SYMBOLS + d]++;
            m0 = a > m0 ? a : m0;
            m1 = b > m1 ? b : m1;
            m2 = c > m2 ? c : m2;
            m3 = d > m3 ? d : m3;
        }
        m0 = m0 > m1 ? m0 : m1;
        m2 = m2 > m3 ? m2 : m3;
        largest = m0 > m2 ? m0 : m2;
        for (size_t v = 0; v <= largest; v++)
            counts[v] += parts[v] + parts[SYMBOLS + v] + parts[2 * SYMBOLS + v];
        free(parts);
    }
    for (; i < n; i++) {
        counts[words[i]]++;
        largest = words[i] > largest ? words[i] : largest;
    }
    return largest;
}

static uint16_t largest_scalar(const uint16_t *words, size_t n)
{
    uint16_t largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = words[i] > largest ? words[i] : largest;
    return largest;
}

static size_t find_word_scalar(const uint16_t *words, size_t n, uint16_t value)
{
    size_t i = 0;
    while (i < n && words[i] != value)
        i++;
    return i;
}

static size_t find_triple_scalar(const uint16_t *words, size_t n)
{
    for (size_t i = 0; i + 2 < n; i++)
        if (words[i] == words[i + 1] && words[i] == words[i + 2])
            return i;
    return n;
}

static size_t run_length_scalar(const uint16_t *words, size_t n)
{
    size_t i = 1;
    while (i < n && words[i] == words[0])
        i++;
    return i;
}

static size_t rle_encode_scalar(const uint16_t *words, size_t n, size_t run_limit, uint16_t *out,
                                size_t out_room)
{
    return rle_encode_loop(words, n, run_limit, out, out_room, find_triple_scalar, run_length_scalar);
}

static rle_outcome rle_decode_scalar(const uint16_t *in, size_t *n_in, size_t run_limit, uint16_t *out,
                                     size_t capacity, size_t *n_out)
{
    return rle_decode_loop(in, n_in, run_limit, out, capacity, n_out);
}

static bool delta_forward_row_scalar(const uint16_t *row, const uint16_t *above, size_t n, uint16_t threshold,
                                     uint16_t *words)
{
    bool escape = false;
    for (size_t x = 1; x < n; x++) {
        int biased = row[x] - ((row[x - 1] + above[x]) >> 1) + threshold;
        escape |= biased <= 0 || biased >= 2 * threshold;
        words[x] = (uint16_t)biased;
    }
    return escape;
}

/* One pixel of the average predictor, its row's left neighbour updated. */
MIC_INLINE void inverse_step(unsigned *left, unsigned above, uint16_t word, unsigned threshold,
                             uint16_t *pixel)
{
    *left = (uint16_t)(((*left + above) >> 1) + word - threshold);
    *pixel = (uint16_t)*left;
}

/* Each pixel waits for its left neighbour: four rows, each one column behind
 * the row above it, give the processor four independent chains. */
void mic_delta_inverse_rows_scalar(const uint16_t *words, const uint16_t *above, size_t width,
                                   uint16_t threshold, uint16_t *rows)
{
    const uint16_t *w0 = words, *w1 = w0 + width, *w2 = w1 + width, *w3 = w2 + width;
    uint16_t *r0 = rows, *r1 = r0 + width, *r2 = r1 + width, *r3 = r2 + width;
    unsigned l0 = (uint16_t)(above[0] + w0[0] - threshold);
    unsigned l1 = (uint16_t)(l0 + w1[0] - threshold);
    unsigned l2 = (uint16_t)(l1 + w2[0] - threshold);
    unsigned l3 = (uint16_t)(l2 + w3[0] - threshold);
    r0[0] = (uint16_t)l0;
    r1[0] = (uint16_t)l1;
    r2[0] = (uint16_t)l2;
    r3[0] = (uint16_t)l3;
    /* Step t computes column t - k of row k; in the middle all four exist. */
    for (size_t t = 1; t < width + 3; t++) {
        for (; t >= 4 && t < width; t++) {
            unsigned n3 = l2, n2 = l1, n1 = l0;
            inverse_step(&l3, n3, w3[t - 3], threshold, &r3[t - 3]);
            inverse_step(&l2, n2, w2[t - 2], threshold, &r2[t - 2]);
            inverse_step(&l1, n1, w1[t - 1], threshold, &r1[t - 1]);
            inverse_step(&l0, above[t], w0[t], threshold, &r0[t]);
        }
        if (t > 3 && t - 3 < width)
            inverse_step(&l3, r2[t - 3], w3[t - 3], threshold, &r3[t - 3]);
        if (t > 2 && t - 2 < width)
            inverse_step(&l2, r1[t - 2], w2[t - 2], threshold, &r2[t - 2]);
        if (t > 1 && t - 1 < width)
            inverse_step(&l1, r0[t - 1], w1[t - 1], threshold, &r1[t - 1]);
        if (t < width)
            inverse_step(&l0, above[t], w0[t], threshold, &r0[t]);
    }
}

bool mic_look_up_scalar(uint16_t *words, size_t n, const uint16_t *table, uint32_t n_table, uint16_t first,
                        uint16_t last)
{
    (void)first;
    (void)last;
    if (n > 0 && largest_scalar(words, n) >= n_table)
        return false;
    look_up_each(words, n, table);
    return true;
}

void mic_mark_scalar(const uint16_t *words, size_t n, uint16_t offset, mic_marker *marker)
{
    mark_each(words, n, offset, marker->seen);
}

mic_marker mic_marker_open(mic_seen *seen, uint16_t first_value)
{
    enum { PATIENCE = 128 };
    mark_one(first_value, seen);
    return (mic_marker){.seen = seen, .runs = {{first_value, 0}, {first_value, 0}}, .patience = PATIENCE};
}

static bool is_seen(const mic_seen *seen, size_t value)
{
    return atomic_load_explicit(&seen[value], memory_order_relaxed) != 0;
}

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

static uint16_t add_scalar(uint16_t *words, size_t n, uint16_t addend)
{
    uint16_t largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = words[i] > largest ? words[i] : largest;
        words[i] = (uint16_t)(words[i] + addend);
    }
    return largest;
}

static void interleave_scalar(uint16_t *const planes[3], size_t n, uint8_t bias, uint8_t *samples)
{
    interleave_from(0, planes, n, bias, samples);
}

static void deinterleave_scalar(const uint8_t *samples, size_t n, uint8_t bias, uint16_t *const planes[3])
{
    deinterleave_from(0, samples, n, bias, planes);
}

const mic_kernels mic_kernels_scalar = {
    .isa = MIC_ISA_SCALAR,
    .histogram = mic_histogram_scalar,
    .largest = largest_scalar,
    .crc32c = mic_crc32c_scalar,
    .find_word = find_word_scalar,
    .find_triple = find_triple_scalar,
    .rle_encode = rle_encode_scalar,
    .rle_decode = rle_decode_scalar,
    .delta_forward_row = delta_forward_row_scalar,
    .delta_inverse_rows = mic_delta_inverse_rows_scalar,
    .look_up = mic_look_up_scalar,
    .add = add_scalar,
    .mark = mic_mark_scalar,
    .interleave = interleave_scalar,
    .deinterleave = deinterleave_scalar,
    .wavefront_decode = mic_wf_decode_strips_scalar,
};

/* ---- choice ------------------------------------------------------------ */

const mic_kernels *mic_kernels_for(mic_isa isa)
{
    mic_isa best = mic_best_isa();
    if (isa == MIC_ISA_SCALAR)
        return &mic_kernels_scalar;
#if defined(MIC_X86)
    if (isa == MIC_ISA_AVX2 && (best == MIC_ISA_AVX2 || best == MIC_ISA_AVX512))
        return &mic_kernels_avx2;
    if (isa == MIC_ISA_AVX512 && best == MIC_ISA_AVX512)
        return &mic_kernels_avx512;
#elif defined(MIC_NEON)
    if (isa == MIC_ISA_NEON && best == MIC_ISA_NEON)
        return &mic_kernels_neon;
#else
    (void)best;
#endif
    return NULL;
}

/* Set before the first use, by whichever thread comes first, unless mic_use_isa has been
 * faster: all others would store the same pointer. */
static _Atomic(const mic_kernels *) active_kernels;

static mic_isa requested_isa(void)
{
    const char *name = getenv("MIC_CPU");
    for (mic_isa isa = MIC_ISA_SCALAR; name && isa <= MIC_ISA_NEON; isa++)
        if (strcmp(name, mic_isa_name(isa)) == 0 && mic_kernels_for(isa))
            return isa;
    return mic_best_isa();
}

const mic_kernels *mic_kernels_active(void)
{
    const mic_kernels *kernels = atomic_load_explicit(&active_kernels, memory_order_acquire);
    if (MIC_UNLIKELY(!kernels)) {
        const mic_kernels *requested = mic_kernels_for(requested_isa());
        if (atomic_compare_exchange_strong(&active_kernels, &kernels, requested))
            return requested;
    }
    return kernels;
}

mic_isa mic_active_isa(void) { return mic_kernels_active()->isa; }

mic_status mic_use_isa(mic_isa isa, mic_error *error)
{
    const mic_kernels *kernels = mic_kernels_for(isa);
    if (!kernels)
        return mic_fail(error, MIC_ERROR_UNSUPPORTED, "cpu", -1,
                        "this machine has no %s; the best it has is %s", mic_isa_name(isa),
                        mic_isa_name(mic_best_isa()));
    atomic_store_explicit(&active_kernels, kernels, memory_order_release);
    return MIC_OK;
}
