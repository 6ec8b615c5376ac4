/* SPDX-License-Identifier: MIT
 *
 * Planes of the published containers; see rgb_planes.h.
 */
#include "rgb_planes.h"

#include "../frame/colour.h"
#include "../base/kernels.h"
#include "../base/large_memory.h"
#include "../base/threads.h"

enum { MODE_ZERO, MODE_CONSTANT, MODE_STREAM, MODE_RAW };
enum { LARGEST_LUMA = 255, LARGEST_CHROMA = 510, BIAS = 0x8000 };

static mic_status no_memory(size_t n_bytes, mic_error *error)
{
    return mic_fail(error, MIC_ERROR_MEMORY, "plane", -1, "no memory for %zu bytes of colour planes",
                    n_bytes);
}

/* ---- YCoCg-R ------------------------------------------------------------ */

void mic_rgb_to_planes(const uint8_t *rgb, size_t n_pixels, uint16_t *planes)
{
    uint16_t *const each[RGB_PLANES] = {planes, planes + n_pixels, planes + 2 * n_pixels};
    for (size_t i = 0; i < n_pixels; i++)
        for (size_t c = 0; c < RGB_PLANES; c++)
            each[c][i] = rgb[RGB_PLANES * i + c];
    mic_colour_forward(COLOUR_YCOCG, each, n_pixels);
    for (size_t i = n_pixels; i < RGB_PLANES * n_pixels; i++)
        planes[i] = fold_u16((uint16_t)(planes[i] - BIAS));
}

static mic_status check_range(const uint16_t *words, size_t n, unsigned largest, const char *what,
                              mic_error *error)
{
    const unsigned found = mic_kernels_active()->largest(words, n);
    if (found <= largest)
        return MIC_OK;
    return mic_fail(error, MIC_ERROR_CORRUPT, "plane", -1,
                    "the image holds the %s %u, at most %u is expected (damaged file?)", what, found,
                    largest);
}

mic_status mic_rgb_from_planes(uint16_t *planes, size_t n_pixels, uint8_t *rgb, mic_error *error)
{
    uint16_t *const each[RGB_PLANES] = {planes, planes + n_pixels, planes + 2 * n_pixels};
    TRY(check_range(planes, n_pixels, LARGEST_LUMA, "luma", error));
    TRY(check_range(planes + n_pixels, 2 * n_pixels, LARGEST_CHROMA, "folded chroma", error));
    for (size_t i = n_pixels; i < RGB_PLANES * n_pixels; i++)
        planes[i] = (uint16_t)(unfold_u16(planes[i]) + BIAS);
    mic_colour_inverse(COLOUR_YCOCG, each, n_pixels);
    TRY(check_range(planes, RGB_PLANES * n_pixels, 255, "colour", error));
    for (size_t i = 0; i < n_pixels; i++)
        for (size_t c = 0; c < RGB_PLANES; c++)
            rgb[RGB_PLANES * i + c] = (uint8_t)each[c][i];
    return MIC_OK;
}

/* ---- one plane ---------------------------------------------------------- */

/* More than the raw words take. */
size_t mic_plane_bound(size_t n_pixels) { return 1 + mic_stream_bound(n_pixels); }

static bool is_constant(const uint16_t *plane, size_t n)
{
    size_t i = 1;
    while (i < n && plane[i] == plane[0])
        i++;
    return i == n;
}

static size_t write_raw(const uint16_t *plane, size_t n, uint8_t *out)
{
    *out++ = MODE_RAW;
    for (size_t i = 0; i < n; i++)
        store_u16(out + 2 * i, plane[i]);
    return 1 + 2 * n;
}

/* The published encoder stores raw words only after some of its refusals; after the others
 * it fails or hangs.  Raw words are correct after all of them. */
mic_status mic_plane_encode(const uint16_t *plane, size_t width, size_t height, int n_states, uint8_t *out,
                            size_t capacity, size_t *n_bytes, mic_error *error)
{
    const size_t n = width * height;
    if (capacity < mic_plane_bound(n))
        return mic_fail(error, MIC_ERROR_CAPACITY, "plane", -1,
                        "the output buffer has %zu bytes, %zu are expected for a plane of %zu pixels",
                        capacity, mic_plane_bound(n), n);
    if (is_constant(plane, n)) {
        out[0] = plane[0] ? MODE_CONSTANT : MODE_ZERO;
        store_u16(out + 1, plane[0]);
        *n_bytes = plane[0] ? 3 : 1;
        return MIC_OK;
    }
    const unsigned largest = mic_kernels_active()->largest(plane, n);
    mic_status status = mic_stream_encode(MIC_STREAM_FSE, plane, width, height, largest < 255 ? 255 : largest,
                                          n_states, out + 1, capacity - 1, n_bytes, error);
    if (status == MIC_ERROR_UNSUPPORTED) {
        *n_bytes = write_raw(plane, n, out);
        return MIC_OK;
    }
    TRY(status);
    out[0] = MODE_STREAM;
    *n_bytes += 1;
    return MIC_OK;
}

static mic_status read_words(const uint8_t *in, size_t n_bytes, unsigned mode, size_t n, uint16_t *plane,
                             mic_error *error)
{
    const size_t expected = mode == MODE_RAW ? 2 * n : mode == MODE_CONSTANT ? 2 : 0;
    if (n_bytes != expected)
        return mic_fail(error, MIC_ERROR_CORRUPT, "plane", 1,
                        "a plane of mode %u has %zu bytes, %zu are expected for %zu pixels (damaged file?)",
                        mode, n_bytes + 1, expected + 1, n);
    for (size_t i = 0; i < n; i++)
        plane[i] = mode == MODE_RAW ? load_u16(in + 2 * i) : mode == MODE_CONSTANT ? load_u16(in) : 0;
    return MIC_OK;
}

mic_status mic_plane_decode(const uint8_t *in, size_t n_bytes, size_t width, size_t height, uint16_t *plane,
                            mic_error *error)
{
    if (n_bytes == 0)
        return mic_fail(error, MIC_ERROR_TRUNCATED, "plane", 0,
                        "a plane has no bytes, at least its mode is expected (damaged file?)");
    if (in[0] > MODE_RAW)
        return mic_fail(error, MIC_ERROR_CORRUPT, "plane", 0,
                        "a plane has the mode %u, 0 to 3 is expected (damaged file?)", in[0]);
    if (in[0] == MODE_STREAM)
        return mic_stream_decode(MIC_STREAM_FSE, in + 1, n_bytes - 1, width, height, plane, error);
    return read_words(in + 1, n_bytes - 1, in[0], width * height, plane, error);
}

/* ---- an RGB image ------------------------------------------------------- */

size_t mic_rgb_bound(size_t n_pixels) { return RGB_HEAD_BYTES + RGB_PLANES * mic_plane_bound(n_pixels); }

typedef struct encode_loop {
    const uint16_t *planes;
    size_t width, height, capacity;
    int n_states;
    uint8_t *blobs; /* `capacity` bytes for each */
    size_t n_bytes[RGB_PLANES];
} encode_loop;

static mic_status encode_plane(void *context, size_t c, mic_error *error)
{
    encode_loop *loop = context;
    return mic_plane_encode(loop->planes + c * loop->width * loop->height, loop->width, loop->height,
                            loop->n_states, loop->blobs + c * loop->capacity, loop->capacity,
                            &loop->n_bytes[c], error);
}

mic_status mic_rgb_encode(const uint8_t *rgb, size_t width, size_t height, int n_states, int n_threads,
                          uint8_t *out, size_t capacity, size_t *n_bytes, mic_error *error)
{
    const size_t n_pixels = width * height, n_words = RGB_PLANES * n_pixels;
    if (capacity < mic_rgb_bound(n_pixels))
        return mic_fail(error, MIC_ERROR_CAPACITY, "plane", -1,
                        "the output buffer has %zu bytes, %zu are expected for %zu RGB pixels", capacity,
                        mic_rgb_bound(n_pixels), n_pixels);
    uint16_t *planes = mic_large_malloc(n_words * sizeof *planes);
    if (!planes)
        return no_memory(n_words * sizeof *planes, error);
    encode_loop loop = {.planes = planes,
                        .width = width,
                        .height = height,
                        .n_states = n_states,
                        .capacity = mic_plane_bound(n_pixels),
                        .blobs = out + RGB_HEAD_BYTES};
    mic_rgb_to_planes(rgb, n_pixels, planes);
    mic_status status = mic_parallel_for(RGB_PLANES, n_threads, encode_plane, &loop, error);
    uint8_t *end = out + RGB_HEAD_BYTES;
    for (size_t c = 0; status == MIC_OK && c < RGB_PLANES; c++) {
        store_u32(out + 4 * c, (uint32_t)loop.n_bytes[c]);
        memmove(end, loop.blobs + c * loop.capacity, loop.n_bytes[c]);
        end += loop.n_bytes[c];
    }
    *n_bytes = (size_t)(end - out);
    mic_large_free(planes);
    return status;
}

mic_status mic_rgb_size(const uint8_t *in, size_t n_bytes, uint64_t *size, mic_error *error)
{
    if (n_bytes < RGB_HEAD_BYTES)
        return mic_fail(error, MIC_ERROR_TRUNCATED, "plane", (int64_t)n_bytes,
                        "the image ends after %zu bytes, the lengths of its planes take %d (truncated file?)",
                        n_bytes, RGB_HEAD_BYTES);
    *size = RGB_HEAD_BYTES;
    for (size_t c = 0; c < RGB_PLANES; c++)
        *size += load_u32(in + 4 * c);
    return MIC_OK;
}

typedef struct decode_loop {
    const uint8_t *in;
    size_t width, height;
    uint16_t *planes;
} decode_loop;

static mic_status decode_plane(void *context, size_t c, mic_error *error)
{
    const decode_loop *loop = context;
    const uint8_t *blob = loop->in + RGB_HEAD_BYTES;
    for (size_t i = 0; i < c; i++)
        blob += load_u32(loop->in + 4 * i);
    return mic_plane_decode(blob, load_u32(loop->in + 4 * c), loop->width, loop->height,
                            loop->planes + c * loop->width * loop->height, error);
}

mic_status mic_rgb_decode(const uint8_t *in, size_t n_bytes, size_t width, size_t height, int n_threads,
                          uint8_t *rgb, mic_error *error)
{
    const size_t n_pixels = width * height;
    uint64_t size = 0;
    TRY(mic_rgb_size(in, n_bytes, &size, error));
    if (size != n_bytes)
        return mic_fail(error, size < n_bytes ? MIC_ERROR_CORRUPT : MIC_ERROR_TRUNCATED, "plane", 0,
                        "the planes of the image make %llu bytes, it has %zu (damaged or truncated file?)",
                        (unsigned long long)size, n_bytes);
    uint16_t *planes = mic_large_malloc(RGB_PLANES * n_pixels * sizeof *planes);
    if (!planes)
        return no_memory(RGB_PLANES * n_pixels * sizeof *planes, error);
    decode_loop loop = {.in = in, .width = width, .height = height, .planes = planes};
    mic_status status = mic_parallel_for(RGB_PLANES, n_threads, decode_plane, &loop, error);
    if (status == MIC_OK)
        status = mic_rgb_from_planes(planes, n_pixels, rgb, error);
    mic_large_free(planes);
    return status;
}
