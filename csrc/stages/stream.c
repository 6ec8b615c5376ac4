/* SPDX-License-Identifier: MIT
 *
 * A published single-frame stream:  predict -> run lengths -> entropy code.  The bytes
 * record neither the kind nor the width nor the height.
 */
#include "stream.h"

#include "../base/large_memory.h"

static mic_predictor predictor_of(mic_stream_kind kind)
{
    return kind == MIC_STREAM_GRADIENT ? MIC_PREDICT_GRADIENT : MIC_PREDICT_AVERAGE;
}

static size_t max_words(size_t n_pixels) { return mic_rle_bound(mic_delta_bound(n_pixels)); }

size_t mic_stream_bound(size_t n_pixels)
{
    size_t n_words = max_words(n_pixels);
    size_t gap = mic_gap_bound(n_words), huffman = mic_huffman_bound(n_words);
    return gap > huffman ? gap : huffman; /* plain FSE is shorter than gap removal */
}

mic_status mic_stream_no_memory(const char *what, size_t n_bytes, mic_error *error)
{
    return mic_fail(error, MIC_ERROR_MEMORY, "stream", -1,
                    "no memory for %zu bytes of %s; decode fewer frames or rows at a time", n_bytes, what);
}

/* ---- encoding ---------------------------------------------------------- */

/* Fewer states hardly ever help (the checks are the same), but the published encoder tries
 * them, and the bytes must equal its bytes. */
mic_status mic_stream_encode_fse(const uint16_t *words, size_t n_words, int n_states, uint8_t *out,
                                 size_t capacity, size_t *n_bytes, mic_error *error)
{
    for (;; n_states /= 2) {
        mic_status status = mic_fse_encode(words, n_words, n_states, out, capacity, n_bytes, error);
        if (status != MIC_ERROR_UNSUPPORTED || n_states == 1)
            return status;
    }
}

static mic_status encode_words(mic_stream_kind kind, const uint16_t *words, size_t n_words, int n_states,
                               uint8_t *out, size_t capacity, size_t *n_bytes, mic_error *error)
{
    switch (kind) {
    case MIC_STREAM_FSE:
        return mic_stream_encode_fse(words, n_words, n_states, out, capacity, n_bytes, error);
    case MIC_STREAM_GRADIENT: return mic_stream_encode_fse(words, n_words, 2, out, capacity, n_bytes, error);
    case MIC_STREAM_RANS: return mic_rans_encode(words, n_words, out, capacity, n_bytes, error);
    case MIC_STREAM_GAP: return mic_gap_encode(words, n_words, out, capacity, n_bytes, error);
    case MIC_STREAM_HUFFMAN: break;
    }
    return mic_huffman_encode(words, n_words, out, capacity, n_bytes, error);
}

/* Every size derived from the pixel count must fit in size_t, which may be 32 bits. */
static mic_status check_pixels(size_t width, size_t height, mic_error *error)
{
    enum { BYTES_A_PIXEL = 16 }; /* more than the words of any stage take */
    const size_t most = SIZE_MAX / BYTES_A_PIXEL;
    return width == 0 || height <= most / width ? MIC_OK
                                                : mic_fail(error, MIC_ERROR_LIMIT, "stream", -1,
                                                           "the image has %zu x %zu pixels, at most %zu are "
                                                           "expected in a 32-bit process; use a 64-bit one",
                                                           height, width, most);
}

mic_status mic_stream_encode(mic_stream_kind kind, const uint16_t *pixels, size_t width, size_t height,
                             unsigned max_value, int n_states, uint8_t *out, size_t capacity, size_t *n_bytes,
                             mic_error *error)
{
    TRY(check_pixels(width, height, error));
    const size_t n_delta = mic_delta_bound(width * height), n_runs = mic_rle_bound(n_delta);
    uint16_t *scratch = mic_large_malloc((n_delta + n_runs) * sizeof *scratch);
    if (!scratch)
        return mic_stream_no_memory("scratch", (n_delta + n_runs) * sizeof *scratch, error);
    uint16_t *residuals = scratch, *runs = scratch + n_delta;
    size_t n_residuals, n_words;
    mic_status status = mic_delta_encode(predictor_of(kind), pixels, width, height, max_value, residuals,
                                         &n_residuals, error);
    if (status == MIC_OK) {
        unsigned initial = (1u << bit_depth(max_value)) - 1;
        status = mic_rle_encode(residuals, n_residuals, initial, false, runs, &n_words, error);
    }
    if (status == MIC_OK)
        status = encode_words(kind, runs, n_words, n_states, out, capacity, n_bytes, error);
    mic_large_free(scratch);
    return status;
}

/* ---- decoding ---------------------------------------------------------- */

/* The published reader of FSE streams accepts rANS blocks too. */
static bool is_rans(mic_stream_kind kind, const uint8_t *in, size_t n_bytes)
{
    return kind == MIC_STREAM_RANS ||
           (kind == MIC_STREAM_FSE && n_bytes >= 2 && in[0] == 0xFF && in[1] == 0x08);
}

static mic_status count_words(mic_stream_kind kind, const uint8_t *in, size_t n_bytes, size_t limit,
                              size_t *n_words, mic_error *error)
{
    if (kind == MIC_STREAM_HUFFMAN)
        return mic_huffman_count(in, n_bytes, limit, n_words, error);
    if (is_rans(kind, in, n_bytes))
        return mic_rans_count(in, n_bytes, limit, n_words, error);
    if (kind != MIC_STREAM_GAP)
        return mic_fse_count(in, n_bytes, limit, n_words, error);
    *n_words = limit;
    return MIC_OK;
}

static mic_status decode_words(mic_stream_kind kind, const uint8_t *in, size_t n_bytes, uint16_t *words,
                               size_t capacity, size_t *n_words, mic_error *error)
{
    if (kind == MIC_STREAM_HUFFMAN)
        return mic_huffman_decode(in, n_bytes, words, capacity, n_words, error);
    if (kind == MIC_STREAM_GAP)
        return mic_gap_decode(in, n_bytes, words, capacity, n_words, error);
    if (is_rans(kind, in, n_bytes))
        return mic_rans_decode(in, n_bytes, words, capacity, n_words, error);
    return mic_fse_decode(in, n_bytes, words, capacity, n_words, error);
}

/* The run limit and the escape come from the same maximum.  So the initial word must be the
 * escape of that maximum, which is the first word that the runs expand to. */
static mic_status check_initial(uint16_t initial, uint16_t max_value, mic_error *error)
{
    if (initial != (1u << bit_depth(max_value)) - 1)
        return mic_fail(error, MIC_ERROR_CORRUPT, "stream", 0,
                        "the run lengths start from %u, which does not fit the maximum %u (damaged stream?)",
                        initial, max_value);
    return MIC_OK;
}

static mic_status decode_runs(mic_predictor predictor, const uint16_t *runs, size_t n_runs, size_t width,
                              size_t height, uint16_t *pixels, mic_error *error)
{
    const size_t limit = mic_delta_bound(width * height);
    size_t n_residuals;
    TRY(mic_rle_count(runs, n_runs, false, &n_residuals, error));
    if (n_residuals > limit)
        return mic_fail(error, MIC_ERROR_CORRUPT, "rle", -1,
                        "the runs expand to %zu words, at most %zu are expected for %zu x %zu pixels "
                        "(damaged stream, or wrong dimensions?)",
                        n_residuals, limit, height, width);
    uint16_t *residuals = mic_large_malloc((n_residuals + 1) * sizeof *residuals);
    if (!residuals)
        return mic_stream_no_memory("residuals", n_residuals * sizeof *residuals, error);
    mic_status status = mic_rle_decode(runs, n_runs, false, residuals, n_residuals, &n_residuals, error);
    if (status == MIC_OK && n_residuals > 0)
        status = check_initial(runs[0], residuals[0], error);
    if (status == MIC_OK)
        status = mic_delta_decode(predictor, residuals, n_residuals, width, height, pixels, error);
    mic_large_free(residuals);
    return status;
}

/* If there are more words than these pixels can have, the data are at fault, not the
 * caller's limit. */
static mic_status fail_if_too_many(mic_status status, size_t width, size_t height, mic_error *error)
{
    if (status != MIC_ERROR_LIMIT && status != MIC_ERROR_CAPACITY)
        return status;
    return mic_fail(
        error, MIC_ERROR_CORRUPT, "stream", 0,
        "the stream holds more words than %zu x %zu pixels can have, which is %zu (damaged stream, or "
        "wrong dimensions?)",
        height, width, max_words(width * height));
}

mic_status mic_stream_decode(mic_stream_kind kind, const uint8_t *in, size_t n_bytes, size_t width,
                             size_t height, uint16_t *pixels, mic_error *error)
{
    size_t n_runs;
    TRY(check_pixels(width, height, error));
    mic_status status = count_words(kind, in, n_bytes, max_words(width * height), &n_runs, error);
    TRY(fail_if_too_many(status, width, height, error));
    uint16_t *runs = mic_large_malloc((n_runs + 1) * sizeof *runs);
    if (!runs)
        return mic_stream_no_memory("run lengths", n_runs * sizeof *runs, error);
    status = decode_words(kind, in, n_bytes, runs, n_runs, &n_runs, error);
    status = fail_if_too_many(status, width, height, error);
    if (status == MIC_OK)
        status = decode_runs(predictor_of(kind), runs, n_runs, width, height, pixels, error);
    mic_large_free(runs);
    return status;
}
