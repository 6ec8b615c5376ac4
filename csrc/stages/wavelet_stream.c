/* SPDX-License-Identifier: MIT
 *
 * The published wavelet streams:
 *
 *     0  4  rows    8  2  maximum     [11  4  words of coefficients: V1 with runs]
 *     4  4  columns 10 1  levels      ..   FSE of 4 states
 *
 * A coefficient is a folded word (0 -1 1 -2 2 ... become 0 1 2 3 4 ...) or, if it does not
 * fit in 16 bits, 65535 and its two halves, high one first.  V2 and V1 with runs pass the
 * words through run lengths.  V1 and V2 differ in the order of the coefficients
 * (wavelet.c); the bytes do not record the variant.
 */
#include "../base/kernels.h"
#include "../base/large_memory.h"
#include "stream.h"
#include "wavelet.h"

enum { HEADER_BYTES = 11, COUNT_BYTES = 4, STATES = 4, MAX_LEVELS_V1 = 4 };
enum { ESCAPE = 65535, LARGEST_FOLDED = 32767, WORDS_OF_ESCAPED = 3 };

static bool has_runs(mic_wavelet variant) { return variant != MIC_WAVELET_V1; }
static bool is_interleaved(mic_wavelet variant) { return variant != MIC_WAVELET_V2; }

static size_t header_bytes(mic_wavelet variant)
{
    return HEADER_BYTES + (variant == MIC_WAVELET_V1_RUNS ? COUNT_BYTES : 0);
}

static unsigned most_levels(mic_wavelet variant)
{
    return variant == MIC_WAVELET_V2 ? WAVELET_MAX_LEVELS : MAX_LEVELS_V1;
}

/* 2^31, or the most pixels for which every size below fits in a 32-bit size_t. */
static uint64_t most_pixels(void)
{
    const uint64_t countable = SIZE_MAX / MIC_MOST_BYTES_PER_SAMPLE, limit = (uint64_t)1 << 31;
    return countable < limit ? countable : limit;
}

static size_t most_words(size_t n_pixels) { return WORDS_OF_ESCAPED * n_pixels; }

/* Includes the stand-alone run lengths. */
static size_t most_coded_words(size_t n_pixels) { return mic_rle_bound(most_words(n_pixels)); }

size_t mic_wavelet_bound(size_t n_pixels)
{
    return HEADER_BYTES + COUNT_BYTES + mic_fse_bound(most_coded_words(n_pixels));
}

/* ---- coefficients and words --------------------------------------------- */

static size_t put_coefficient(int32_t v, uint16_t *words)
{
    if (v >= -LARGEST_FOLDED && v <= LARGEST_FOLDED) {
        words[0] = (uint16_t)(v >= 0 ? 2 * v : -2 * v - 1);
        return 1;
    }
    words[0] = ESCAPE;
    words[1] = (uint16_t)((uint32_t)v >> 16);
    words[2] = (uint16_t)v;
    return WORDS_OF_ESCAPED;
}

static size_t put_words(const wavelet_plan *plan, const int32_t *image, uint16_t *words)
{
    wavelet_band bands[WAVELET_MAX_BANDS];
    const size_t n_bands = mic_wavelet_bands(plan, bands);
    size_t n = 0;
    for (size_t b = 0; b < n_bands; b++)
        for (size_t y = 0; y < bands[b].rows; y++) {
            const int32_t *row = image + (bands[b].first_row + y) * plan->width + bands[b].first_column;
            for (size_t x = 0; x < bands[b].columns; x++)
                n += put_coefficient(row[x], words + n);
        }
    return n;
}

/* Returns NULL if the words end too early. */
static const uint16_t *get_coefficient(const uint16_t *words, const uint16_t *end, int32_t *v)
{
    if (words == end)
        return NULL;
    if (*words != ESCAPE) {
        *v = *words % 2 ? -(*words >> 1) - 1 : *words >> 1;
        return words + 1;
    }
    if (end - words < WORDS_OF_ESCAPED)
        return NULL;
    *v = (int32_t)((uint32_t)words[1] << 16 | words[2]);
    return words + WORDS_OF_ESCAPED;
}

static mic_status get_words(const wavelet_plan *plan, const uint16_t *words, size_t n_words, int32_t *image,
                            mic_error *error)
{
    wavelet_band bands[WAVELET_MAX_BANDS];
    const size_t n_bands = mic_wavelet_bands(plan, bands);
    const uint16_t *next = words, *const end = words + n_words;
    for (size_t b = 0; b < n_bands && next; b++)
        for (size_t y = 0; y < bands[b].rows && next; y++) {
            int32_t *row = image + (bands[b].first_row + y) * plan->width + bands[b].first_column;
            for (size_t x = 0; x < bands[b].columns && next; x++)
                next = get_coefficient(next, end, &row[x]);
        }
    if (next == end)
        return MIC_OK;
    return mic_fail(
        error, next ? MIC_ERROR_CORRUPT : MIC_ERROR_TRUNCATED, "wavelet", -1,
        "the %zu words are %s the coefficients of %zu x %zu pixels (damaged stream, or another variant?)",
        n_words, next ? "more than" : "fewer than", plan->height, plan->width);
}

/* ---- encoding ----------------------------------------------------------- */

static mic_status check_arguments(mic_wavelet variant, size_t width, size_t height, unsigned max_value,
                                  unsigned levels, mic_error *error)
{
    if (levels < 1 || levels > most_levels(variant))
        return mic_fail(error, MIC_ERROR_UNSUPPORTED, "wavelet", -1,
                        "levels is %u, 1 to %u is expected for this variant", levels, most_levels(variant));
    if (max_value > 65535 || width == 0 || height == 0 || width > UINT32_MAX || height > UINT32_MAX ||
        width > most_pixels() / height)
        return mic_fail(
            error, MIC_ERROR_UNSUPPORTED, "wavelet", -1,
            "an image of %zu x %zu pixels with the maximum %u, 1 to %llu pixels and at most 65535 are "
            "expected",
            height, width, max_value, (unsigned long long)most_pixels());
    return MIC_OK;
}

static mic_status transform_pixels(const wavelet_plan *plan, const uint16_t *pixels, uint16_t *words,
                                   size_t *n_words, mic_error *error)
{
    const size_t n = plan->width * plan->height;
    int32_t *image = mic_large_malloc(2 * n * sizeof *image);
    if (!image)
        return mic_stream_no_memory("coefficients", 2 * n * sizeof *image, error);
    for (size_t i = 0; i < n; i++)
        image[i] = pixels[i];
    mic_wavelet_forward(plan, image, image + n);
    *n_words = put_words(plan, image, words);
    mic_large_free(image);
    return MIC_OK;
}

static mic_status encode_words(mic_wavelet variant, const uint16_t *words, size_t n_words, uint16_t *runs,
                               uint8_t *out, size_t capacity, size_t *n_bytes, mic_error *error)
{
    if (has_runs(variant)) {
        const unsigned depth = bit_depth(mic_kernels_active()->largest(words, n_words));
        size_t n_runs;
        TRY(mic_rle_encode(words, n_words, (1u << (depth ? depth : 1)) - 1, true, runs, &n_runs, error));
        words = runs;
        n_words = n_runs;
    }
    return mic_fse_encode(words, n_words, STATES, out, capacity, n_bytes, error);
}

mic_status mic_wavelet_encode(mic_wavelet variant, const uint16_t *pixels, size_t width, size_t height,
                              unsigned max_value, unsigned levels, uint8_t *out, size_t capacity,
                              size_t *n_bytes, mic_error *error)
{
    TRY(check_arguments(variant, width, height, max_value, levels, error));
    const size_t n_header = header_bytes(variant), n_pixels = width * height;
    if (capacity < mic_wavelet_bound(n_pixels))
        return mic_fail(error, MIC_ERROR_CAPACITY, "wavelet", -1,
                        "the output buffer has %zu bytes, %zu are expected for %zu pixels", capacity,
                        mic_wavelet_bound(n_pixels), n_pixels);
    wavelet_plan plan;
    mic_wavelet_plan(&plan, width, height, levels, is_interleaved(variant));
    const size_t room = most_words(n_pixels) + most_coded_words(n_pixels);
    uint16_t *words = mic_large_malloc(room * sizeof *words);
    if (!words)
        return mic_stream_no_memory("scratch", room * sizeof *words, error);
    size_t n_words = 0;
    mic_status status = transform_pixels(&plan, pixels, words, &n_words, error);
    if (status == MIC_OK)
        status = encode_words(variant, words, n_words, words + n_words, out + n_header, capacity - n_header,
                              n_bytes, error);
    mic_large_free(words);
    TRY(status);
    store_u32(out, (uint32_t)height);
    store_u32(out + 4, (uint32_t)width);
    store_u16(out + 8, (uint16_t)max_value);
    out[10] = (uint8_t)plan.levels;
    if (variant == MIC_WAVELET_V1_RUNS)
        store_u32(out + HEADER_BYTES, (uint32_t)n_words);
    *n_bytes += n_header;
    return MIC_OK;
}

/* ---- decoding ----------------------------------------------------------- */

mic_status mic_wavelet_read_header(mic_wavelet variant, const uint8_t *in, size_t n_bytes, size_t *width,
                                   size_t *height, mic_error *error)
{
    if (n_bytes < header_bytes(variant))
        return mic_fail(
            error, MIC_ERROR_TRUNCATED, "wavelet", (int64_t)n_bytes,
            "the stream ends after %zu bytes, %zu are expected for its header (truncated stream?)", n_bytes,
            header_bytes(variant));
    const uint32_t rows = load_u32(in), columns = load_u32(in + 4);
    if (rows == 0 || columns == 0 || columns > most_pixels() / rows)
        return mic_fail(error, MIC_ERROR_CORRUPT, "wavelet", 0,
                        "the stream announces %lu x %lu pixels, 1 to %llu are expected (damaged stream?)",
                        (unsigned long)rows, (unsigned long)columns, (unsigned long long)most_pixels());
    wavelet_plan plan;
    mic_wavelet_plan(&plan, columns, rows, most_levels(variant), is_interleaved(variant));
    if (in[10] > plan.levels || (in[10] == 0 && plan.levels > 0))
        return mic_fail(
            error, MIC_ERROR_CORRUPT, "wavelet", 10,
            "the stream announces %u levels, 1 to %u are expected for %lu x %lu pixels (damaged stream, or "
            "another variant?)",
            in[10], plan.levels, (unsigned long)rows, (unsigned long)columns);
    *height = rows;
    *width = columns;
    return MIC_OK;
}

/* Undo the run lengths: *words becomes the words of the coefficients.  The caller frees it
 * whatever the status. */
static mic_status expand(mic_wavelet variant, const uint8_t *header, uint16_t **words, size_t *n_words,
                         size_t most, mic_error *error)
{
    uint16_t *runs = *words;
    size_t n;
    TRY(mic_rle_count(runs, *n_words, true, &n, error));
    if (n > most || (variant == MIC_WAVELET_V1_RUNS && n != load_u32(header + HEADER_BYTES)))
        return mic_fail(
            error, MIC_ERROR_CORRUPT, "wavelet", HEADER_BYTES,
            "the runs expand to %zu words, at most %zu and the number in the header are expected (damaged "
            "stream, or another variant?)",
            n, most);
    *words = mic_large_malloc((n + 1) * sizeof **words);
    mic_status status = *words ? mic_rle_decode(runs, *n_words, true, *words, n, n_words, error)
                               : mic_stream_no_memory("coefficients", n * sizeof **words, error);
    mic_large_free(runs);
    return status;
}

static mic_status decode_words(mic_wavelet variant, const uint8_t *in, size_t n_bytes, size_t n_pixels,
                               uint16_t **words, size_t *n_words, mic_error *error)
{
    const size_t n_header = header_bytes(variant);
    const uint8_t *block = in + n_header;
    const size_t n_block = n_bytes - n_header;
    if (n_block >= 2 && (block[0] != 0xFF || block[1] != 0x04))
        return mic_fail(
            error, MIC_ERROR_CORRUPT, "wavelet", (int64_t)n_header,
            "the words start with %02X %02X, FF 04 (FSE of 4 states) is expected (damaged stream, or "
            "another variant?)",
            block[0], block[1]);
    const size_t most = has_runs(variant) ? most_coded_words(n_pixels) : most_words(n_pixels);
    mic_status status = mic_fse_count(block, n_block, most, n_words, error);
    if (status == MIC_ERROR_LIMIT)
        return mic_fail(error, MIC_ERROR_CORRUPT, "wavelet", (int64_t)n_header,
                        "the stream holds more words than the %zu that %zu pixels can have (damaged stream?)",
                        most, n_pixels);
    TRY(status);
    *words = mic_large_malloc((*n_words + 1) * sizeof **words);
    if (!*words)
        return mic_stream_no_memory("words", *n_words * sizeof **words, error);
    TRY(mic_fse_decode(block, n_block, *words, *n_words, n_words, error));
    return has_runs(variant) ? expand(variant, in, words, n_words, most_words(n_pixels), error) : MIC_OK;
}

static mic_status store_pixels(const int32_t *image, size_t n, uint16_t *pixels, mic_error *error)
{
    for (size_t i = 0; i < n; i++) {
        if (image[i] < 0 || image[i] > 65535)
            return mic_fail(
                error, MIC_ERROR_CORRUPT, "wavelet", -1,
                "pixel %zu decodes to %ld, 0 to 65535 is expected (damaged stream, or another variant?)", i,
                (long)image[i]);
        pixels[i] = (uint16_t)image[i];
    }
    return MIC_OK;
}

mic_status mic_wavelet_decode(mic_wavelet variant, const uint8_t *in, size_t n_bytes, uint16_t *pixels,
                              size_t capacity, mic_error *error)
{
    size_t width, height, n_words = 0;
    TRY(mic_wavelet_read_header(variant, in, n_bytes, &width, &height, error));
    const size_t n = width * height;
    if (n > capacity)
        return mic_fail(error, MIC_ERROR_CAPACITY, "wavelet", 0,
                        "the stream holds %zu pixels, the output buffer has room for %zu", n, capacity);
    wavelet_plan plan;
    mic_wavelet_plan(&plan, width, height, in[10], is_interleaved(variant));
    uint16_t *words = NULL;
    int32_t *image = NULL;
    mic_status status = decode_words(variant, in, n_bytes, n, &words, &n_words, error);
    if (status == MIC_OK && !(image = mic_large_malloc(2 * n * sizeof *image)))
        status = mic_stream_no_memory("coefficients", 2 * n * sizeof *image, error);
    if (status == MIC_OK)
        status = get_words(&plan, words, n_words, image, error);
    if (status == MIC_OK) {
        mic_wavelet_inverse(&plan, image, image + n);
        status = store_pixels(image, n, pixels, error);
    }
    mic_large_free(image);
    mic_large_free(words);
    return status;
}
