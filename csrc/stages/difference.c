/* SPDX-License-Identifier: MIT
 *
 * Temporal frames of MIC2: the frame minus the one before, mod 2^16, folded so that small
 * differences of either sign are small words (0 -1 1 -2 2 ...), then stand-alone run
 * lengths and FSE.
 */
#include "../base/kernels.h"
#include "../base/large_memory.h"
#include "stream.h"

enum { LEAST_INITIAL = 8 }; /* depth 4, below which runs are ambiguous */

/* The run limit comes from the largest word, as published.  It can be so small that runs
 * are ambiguous, for instance if two frames are equal.  The published encoder then fails or
 * writes bytes that no decoder can read.  Every decoder accepts a larger limit. */
static mic_status encode_runs(const uint16_t *words, size_t n_words, uint16_t *runs, size_t *n_runs,
                              mic_error *error)
{
    const unsigned largest = mic_kernels_active()->largest(words, n_words);
    mic_status status = mic_rle_encode(words, n_words, largest, true, runs, n_runs, error);
    if (status == MIC_ERROR_UNSUPPORTED && largest < LEAST_INITIAL)
        status = mic_rle_encode(words, n_words, LEAST_INITIAL, true, runs, n_runs, error);
    return status;
}

mic_status mic_difference_encode(const uint16_t *frame, const uint16_t *previous, size_t n_pixels,
                                 int n_states, uint8_t *out, size_t capacity, size_t *n_bytes,
                                 mic_error *error)
{
    const size_t n_words = n_pixels + mic_rle_bound(n_pixels);
    uint16_t *words = mic_large_malloc(n_words * sizeof *words);
    if (!words)
        return mic_stream_no_memory("scratch", n_words * sizeof *words, error);
    uint16_t *runs = words + n_pixels;
    for (size_t i = 0; i < n_pixels; i++)
        words[i] = fold_u16((uint16_t)(frame[i] - previous[i]));
    size_t n_runs;
    mic_status status = encode_runs(words, n_pixels, runs, &n_runs, error);
    if (status == MIC_OK)
        status = mic_stream_encode_fse(runs, n_runs, n_states, out, capacity, n_bytes, error);
    mic_large_free(words);
    return status;
}

static mic_status expand(const uint16_t *runs, size_t n_runs, size_t n_pixels, uint16_t *words,
                         mic_error *error)
{
    size_t n_words;
    TRY(mic_rle_count(runs, n_runs, true, &n_words, error));
    if (n_words != n_pixels)
        return mic_fail(
            error, MIC_ERROR_CORRUPT, "difference", 0,
            "the frame holds %zu differences, %zu are expected, one for each pixel (damaged file?)", n_words,
            n_pixels);
    TRY(mic_rle_decode(runs, n_runs, true, words, n_pixels, &n_words, error));
    const unsigned largest = mic_kernels_active()->largest(words, n_words);
    if (largest > runs[0])
        return mic_fail(error, MIC_ERROR_CORRUPT, "difference", 0,
                        "the frame holds the folded difference %u, at most %u is announced (damaged file?)",
                        largest, (unsigned)runs[0]);
    return MIC_OK;
}

mic_status mic_difference_decode(const uint8_t *in, size_t n_bytes, size_t n_pixels, uint16_t *difference,
                                 mic_error *error)
{
    const size_t most_runs = mic_rle_bound(n_pixels);
    size_t n_runs;
    mic_status status = mic_fse_count(in, n_bytes, most_runs, &n_runs, error);
    if (status == MIC_ERROR_LIMIT)
        return mic_fail(
            error, MIC_ERROR_CORRUPT, "difference", 0,
            "the frame holds more words than the %zu that %zu differences can have (damaged file?)",
            most_runs, n_pixels);
    TRY(status);
    uint16_t *runs = mic_large_malloc((n_runs + 1) * sizeof *runs);
    if (!runs)
        return mic_stream_no_memory("run lengths", n_runs * sizeof *runs, error);
    status = mic_fse_decode(in, n_bytes, runs, n_runs, &n_runs, error);
    if (status == MIC_OK)
        status = expand(runs, n_runs, n_pixels, difference, error);
    for (size_t i = 0; status == MIC_OK && i < n_pixels; i++)
        difference[i] = unfold_u16(difference[i]);
    mic_large_free(runs);
    return status;
}
