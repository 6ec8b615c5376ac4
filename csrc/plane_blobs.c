/* SPDX-License-Identifier: MIT
 *
 * Plane blobs of the published containers MICR and MIC3; see plane_blobs.h.
 *
 *     blob    mode (u8)   0  every word is 0
 *                         1  every word is the u16 that follows
 *                         2  a single-frame stream, coded for a maximum of at least 255
 *                         3  the words as they are, u16 each
 *
 * Words are samples, or for colour the planes of YCoCg-R: Y as it is, Co and Cg
 * folded to unsigned (0, -1, 1, -2, ... become 0, 1, 2, 3, ...).
 */
#include "plane_blobs.h"

#include "kernels.h"

#include <stdlib.h>

enum {
    MODE_ZERO = 0,
    MODE_CONSTANT = 1,
    MODE_STREAM = 2,
    MODE_RAW = 3,
    MODE_BYTES = 1,
    LENGTHS_BYTES = 12,
    LEAST_MAXIMUM = 255, /* run lengths of small maxima are ambiguous */
    N_STATES = 2,
    BYTE_MAX = 255,
};

static size_t blob_bound(size_t n_pixels)
{
    size_t stream = mic_stream_bound(n_pixels), raw = n_pixels * sizeof(uint16_t);
    return MODE_BYTES + (stream > raw ? stream : raw);
}

size_t mic_plane_blobs_bound(size_t n_pixels, unsigned channels)
{
    return channels == 3 ? LENGTHS_BYTES + 3 * blob_bound(n_pixels) : blob_bound(n_pixels);
}

static mic_status out_of_memory(size_t n_pixels, mic_error *error)
{
    return mic_fail(error, MIC_ERROR_MEMORY, "plane", -1, "no memory for planes of %zu pixels", n_pixels);
}

/* ---- one blob ---------------------------------------------------------- */

static void write_raw(const uint16_t *words, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++)
        store_u16(out + 2 * i, words[i]);
}

static bool is_constant(const uint16_t *words, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (words[i] != words[0])
            return false;
    return true;
}

/* The published encoder stores words raw if its entropy coder says "not
 * compressible", and gives up after other failures of the same coder.  Every
 * reader takes raw words, so here they serve for all of them. */
static mic_status encode_blob(const uint16_t *words, size_t width, size_t height, uint8_t *out, size_t *n_bytes,
                              mic_error *error)
{
    const size_t n = width * height;
    if (is_constant(words, n)) {
        out[0] = words[0] ? MODE_CONSTANT : MODE_ZERO;
        store_u16(out + MODE_BYTES, words[0]);
        *n_bytes = words[0] ? MODE_BYTES + 2 : MODE_BYTES;
        return MIC_OK;
    }
    const unsigned largest = mic_kernels_active()->largest(words, n);
    out[0] = MODE_STREAM;
    mic_status status = mic_stream_encode(MIC_STREAM_FSE, words, width, height,
                                          largest > LEAST_MAXIMUM ? largest : LEAST_MAXIMUM, N_STATES,
                                          out + MODE_BYTES, mic_stream_bound(n), n_bytes, error);
    if (status == MIC_ERROR_UNSUPPORTED) {
        out[0] = MODE_RAW;
        write_raw(words, n, out + MODE_BYTES);
        *n_bytes = n * sizeof *words;
        status = MIC_OK;
    }
    *n_bytes += MODE_BYTES;
    return status;
}

static mic_status fail_length(size_t n_bytes, size_t expected, unsigned mode, mic_error *error)
{
    return mic_fail(error, n_bytes < expected ? MIC_ERROR_TRUNCATED : MIC_ERROR_CORRUPT, "plane", 0,
                    "a plane of mode %u has %zu bytes, %zu are expected (damaged file?)", mode, n_bytes, expected);
}

static mic_status decode_blob(const uint8_t *in, size_t n_bytes, size_t width, size_t height, uint16_t *words,
                              mic_error *error)
{
    const size_t n = width * height;
    if (n_bytes == 0)
        return mic_fail(error, MIC_ERROR_TRUNCATED, "plane", 0,
                        "a plane has no bytes, at least its mode is expected (damaged file?)");
    const uint8_t mode = in[0], *payload = in + MODE_BYTES;
    if (mode == MODE_STREAM)
        return mic_stream_decode(MIC_STREAM_FSE, payload, n_bytes - MODE_BYTES, width, height, words, error);
    if (mode > MODE_RAW)
        return mic_fail(error, MIC_ERROR_CORRUPT, "plane", 0,
                        "a plane has mode %u, 0 to %d are expected (damaged file?)", mode, MODE_RAW);
    const size_t expected = MODE_BYTES + (mode == MODE_RAW ? n * sizeof *words : mode == MODE_CONSTANT ? 2 : 0);
    if (n_bytes != expected)
        return fail_length(n_bytes, expected, mode, error);
    const uint16_t constant = mode == MODE_CONSTANT ? load_u16(payload) : 0;
    for (size_t i = 0; i < n; i++)
        words[i] = mode == MODE_RAW ? load_u16(payload + 2 * i) : constant;
    return MIC_OK;
}

/* ---- grey -------------------------------------------------------------- */

static mic_status encode_grey8(const uint8_t *samples, size_t width, size_t height, uint8_t *out, size_t *n_bytes,
                               mic_error *error)
{
    const size_t n = width * height;
    uint16_t *words = malloc(n * sizeof *words);
    if (!words)
        return out_of_memory(n, error);
    for (size_t i = 0; i < n; i++)
        words[i] = samples[i];
    mic_status status = encode_blob(words, width, height, out, n_bytes, error);
    free(words);
    return status;
}

static mic_status fail_range(mic_error *error)
{
    return mic_fail(error, MIC_ERROR_CORRUPT, "plane", -1,
                    "a decoded sample is outside of 0 to 255 (damaged file; it has no checksum)");
}

static mic_status decode_grey8(const uint8_t *in, size_t n_bytes, size_t width, size_t height, uint8_t *samples,
                               mic_error *error)
{
    const size_t n = width * height;
    uint16_t *words = malloc(n * sizeof *words);
    if (!words)
        return out_of_memory(n, error);
    mic_status status = decode_blob(in, n_bytes, width, height, words, error);
    if (status == MIC_OK && mic_kernels_active()->largest(words, n) > BYTE_MAX)
        status = fail_range(error);
    for (size_t i = 0; status == MIC_OK && i < n; i++)
        samples[i] = (uint8_t)words[i];
    free(words);
    return status;
}

/* ---- colour: YCoCg-R --------------------------------------------------- */

static uint16_t fold(int v) { return (uint16_t)(v < 0 ? -2 * v - 1 : 2 * v); }
static int unfold(uint16_t word) { return word & 1 ? -(word >> 1) - 1 : word >> 1; }
static int half(int v) { return (v - (v & 1)) / 2; } /* rounds down, whatever >> does */

static void split_colour(const uint8_t *rgb, size_t n, uint16_t *y, uint16_t *co, uint16_t *cg)
{
    for (size_t i = 0; i < n; i++, rgb += 3) {
        const int orange = rgb[0] - rgb[2], t = rgb[2] + half(orange), green = rgb[1] - t;
        y[i] = (uint16_t)(t + half(green));
        co[i] = fold(orange);
        cg[i] = fold(green);
    }
}

/* Planes of an encoder always give samples of 0 to 255; others are damaged. */
static mic_status join_colour(const uint16_t *y, const uint16_t *co, const uint16_t *cg, size_t n, uint8_t *rgb,
                              mic_error *error)
{
    unsigned seen = 0;
    for (size_t i = 0; i < n; i++, rgb += 3) {
        const int orange = unfold(co[i]), green = unfold(cg[i]), t = y[i] - half(green);
        const int b = t - half(orange), r = b + orange, g = green + t;
        seen |= (unsigned)r | (unsigned)g | (unsigned)b;
        rgb[0] = (uint8_t)r;
        rgb[1] = (uint8_t)g;
        rgb[2] = (uint8_t)b;
    }
    return seen <= BYTE_MAX ? MIC_OK : fail_range(error);
}

static mic_status encode_colour(const uint8_t *rgb, size_t width, size_t height, uint8_t *out, size_t *n_bytes,
                                mic_error *error)
{
    const size_t n = width * height;
    uint16_t *planes = malloc(3 * n * sizeof *planes);
    if (!planes)
        return out_of_memory(n, error);
    split_colour(rgb, n, planes, planes + n, planes + 2 * n);
    mic_status status = MIC_OK;
    size_t end = LENGTHS_BYTES;
    for (size_t i = 0; i < 3 && status == MIC_OK; i++) {
        size_t n_blob = 0;
        status = encode_blob(planes + i * n, width, height, out + end, &n_blob, error);
        store_u32(out + 4 * i, (uint32_t)n_blob);
        end += n_blob;
    }
    *n_bytes = end;
    free(planes);
    return status;
}

/* The lengths must fill the bytes exactly; their sum is below 2^34. */
static mic_status check_lengths(const uint8_t *in, size_t n_bytes, mic_error *error)
{
    if (n_bytes < LENGTHS_BYTES)
        return mic_fail(error, MIC_ERROR_TRUNCATED, "plane", (int64_t)n_bytes,
                        "the data end after %zu bytes, within the lengths of the three planes (truncated file?)",
                        n_bytes);
    const uint64_t sum = (uint64_t)load_u32(in) + load_u32(in + 4) + load_u32(in + 8);
    if (sum != n_bytes - LENGTHS_BYTES)
        return mic_fail(error, sum > n_bytes ? MIC_ERROR_TRUNCATED : MIC_ERROR_CORRUPT, "plane", 0,
                        "planes of %u, %u and %u bytes are announced, %zu bytes follow (damaged file?)",
                        load_u32(in), load_u32(in + 4), load_u32(in + 8), n_bytes - LENGTHS_BYTES);
    return MIC_OK;
}

static mic_status decode_colour(const uint8_t *in, size_t n_bytes, size_t width, size_t height, uint8_t *rgb,
                                mic_error *error)
{
    const size_t n = width * height;
    TRY(check_lengths(in, n_bytes, error));
    uint16_t *planes = malloc(3 * n * sizeof *planes);
    if (!planes)
        return out_of_memory(n, error);
    mic_status status = MIC_OK;
    const uint8_t *blob = in + LENGTHS_BYTES;
    for (size_t i = 0; i < 3 && status == MIC_OK; i++) {
        const size_t n_blob = load_u32(in + 4 * i);
        status = decode_blob(blob, n_blob, width, height, planes + i * n, error);
        blob += n_blob;
    }
    if (status == MIC_OK)
        status = join_colour(planes, planes + n, planes + 2 * n, n, rgb, error);
    free(planes);
    return status;
}

/* ---- any image --------------------------------------------------------- */

static mic_status check_type(mic_sample_type type, unsigned channels, mic_error *error)
{
    if ((channels == 3 && type == MIC_UINT8) || (channels == 1 && (type == MIC_UINT8 || type == MIC_UINT16)))
        return MIC_OK;
    return mic_fail(error, MIC_ERROR_UNSUPPORTED, "plane", -1,
                    "published colour is 8-bit unsigned and published grey is unsigned; use the native container");
}

mic_status mic_plane_blobs_encode(const void *samples, mic_sample_type type, unsigned channels, size_t width,
                              size_t height, uint8_t *out, size_t capacity, size_t *n_bytes, mic_error *error)
{
    TRY(check_type(type, channels, error));
    if (capacity < mic_plane_blobs_bound(width * height, channels))
        return mic_fail(error, MIC_ERROR_CAPACITY, "plane", -1, "the output holds %zu bytes, %zu are expected",
                        capacity, mic_plane_blobs_bound(width * height, channels));
    if (channels == 3)
        return encode_colour(samples, width, height, out, n_bytes, error);
    if (type == MIC_UINT8)
        return encode_grey8(samples, width, height, out, n_bytes, error);
    return encode_blob(samples, width, height, out, n_bytes, error);
}

mic_status mic_plane_blobs_decode(const uint8_t *in, size_t n_bytes, mic_sample_type type, unsigned channels,
                              size_t width, size_t height, void *samples, mic_error *error)
{
    TRY(check_type(type, channels, error));
    if (channels == 3)
        return decode_colour(in, n_bytes, width, height, samples, error);
    if (type == MIC_UINT8)
        return decode_grey8(in, n_bytes, width, height, samples, error);
    return decode_blob(in, n_bytes, width, height, samples, error);
}
