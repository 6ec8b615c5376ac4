/* SPDX-License-Identifier: MIT
 *
 * The first half of a frame's encoder: from samples to the words of each plane.
 */
#include "frame_encoder.h"

#include "../base/kernels.h"
#include "../base/large_memory.h"
#include "../base/threads.h"

static const uint8_t *samples_of_strip(const frame_encoder *e, size_t strip)
{
    return e->samples + strip * e->layout->strip_rows * mic_row_bytes(e->layout);
}

static void planes_of_strip(const frame_encoder *e, size_t strip, uint16_t *planes[MAX_PLANES])
{
    for (unsigned c = 0; c < e->layout->channels; c++)
        planes[c] = e->planes[c].owned + mic_frame_first_pixel(e, strip);
}

/* Allocate memory for a plane that cannot stay in the samples' place. */
static mic_status own_plane(frame_encoder *e, unsigned plane, mic_error *error)
{
    const size_t n_bytes = (size_t)e->layout->rows * e->layout->columns * sizeof(uint16_t);
    e->planes[plane].owned = mic_large_malloc(n_bytes);
    return e->planes[plane].owned ? MIC_OK : mic_frame_no_memory(n_bytes, error);
}

static mic_marker open_marker(const frame_encoder *e, size_t strip, unsigned plane)
{
    const frame_plane *p = &e->planes[plane];
    return mic_marker_open(e->seen + (size_t)plane * SAMPLE_VALUES,
                           (uint16_t)(p->values[mic_frame_first_pixel(e, strip)] + p->offset));
}

/* Compute the checksum of a strip, load its planes, and mark the values that occur, unless
 * colour is yet to be chosen.  Rows are done in groups that stay in the nearest cache. */
static mic_status load_strip(void *context, size_t strip, mic_error *error)
{
    enum { CACHED_BYTES = 1 << 15 };
    frame_encoder *e = context;
    const mic_layout *layout = e->layout;
    const size_t n_bytes = mic_row_bytes(layout), rows_at_once = 1 + CACHED_BYTES / n_bytes;
    const size_t height = mic_strip_height(layout, strip);
    const bool is_grey = layout->channels == 1;
    uint32_t crc = 0;
    mic_marker marker = {0};
    (void)error;
    for (size_t y = 0; y < height; y += rows_at_once) {
        const size_t n_rows = min_size(rows_at_once, height - y),
                     first = mic_frame_first_pixel(e, strip) + y * layout->columns;
        const uint8_t *samples = samples_of_strip(e, strip) + y * n_bytes;
        crc = mic_planes_checksum(layout, crc, samples, n_rows * n_bytes);
        if (e->planes[0].owned) {
            uint16_t *planes[MAX_PLANES];
            for (unsigned c = 0; c < layout->channels; c++)
                planes[c] = e->planes[c].owned + first;
            mic_planes_load(layout, samples, n_rows * layout->columns, planes);
        }
        if (is_grey && y == 0)
            marker = open_marker(e, strip, 0);
        if (is_grey)
            mic_kernels_active()->mark(e->planes[0].values + first, n_rows * layout->columns,
                                       e->planes[0].offset, &marker);
    }
    e->strip_crcs[strip] = crc;
    return MIC_OK;
}

mic_status mic_frame_load_planes(frame_encoder *e, mic_error *error)
{
    uint16_t offset;
    const uint16_t *borrowed = mic_planes_borrow(e->layout, e->samples, &offset);
    for (unsigned c = 0; c < e->layout->channels; c++) {
        frame_plane *plane = &e->planes[c];
        if (!borrowed && !plane->owned)
            TRY(own_plane(e, c, error));
        plane->values = borrowed ? borrowed : plane->owned;
        plane->offset = borrowed ? offset : 0;
    }
    return mic_parallel_for(e->head.n_strips, e->options->n_threads, load_strip, e, error);
}

mic_status mic_frame_load(frame_encoder *e, mic_error *error)
{
    TRY(mic_frame_load_planes(e, error));
    if (e->layout->channels < MAX_PLANES)
        return MIC_OK;
    uint16_t *planes[MAX_PLANES];
    planes_of_strip(e, 0, planes);
    return mic_planes_choose_colour(planes, e->layout->columns, e->layout->rows, &e->head.colour, error);
}

/* Transform the colours, then mark the values that occur. */
static mic_status colour_strip(void *context, size_t strip, mic_error *error)
{
    frame_encoder *e = context;
    const size_t n = mic_strip_pixels(e->layout, strip);
    uint16_t *planes[MAX_PLANES];
    (void)error;
    planes_of_strip(e, strip, planes);
    mic_colour_forward(e->head.colour, planes, n);
    for (unsigned c = 0; c < e->layout->channels; c++) {
        mic_marker marker = open_marker(e, strip, c);
        mic_kernels_active()->mark(planes[c], n, 0, &marker);
    }
    return MIC_OK;
}

/* Choose the map of one plane from the values of all its strips.  No thread marks any more. */
static mic_status choose_map(frame_encoder *e, unsigned plane, mic_error *error)
{
    const frame_plane *p = &e->planes[plane];
    return mic_map_choose((const uint8_t *)e->seen + (size_t)plane * SAMPLE_VALUES, p->values, p->offset,
                          e->layout->rows, e->layout->columns, &e->head.maps[plane], error);
}

bool mic_frame_has_words(const frame_encoder *e, unsigned plane)
{
    return e->planes[plane].values == e->planes[plane].owned && e->planes[plane].offset == 0;
}

/* Converts as many words at once as stay in the nearest cache from one loop to the next. */
void mic_frame_make_words(const frame_encoder *e, size_t strip, unsigned plane, uint16_t *words)
{
    enum { CACHED_WORDS = 1 << 13 };
    const frame_plane *p = &e->planes[plane];
    const uint16_t *values = p->values + mic_frame_first_pixel(e, strip);
    const size_t n = mic_strip_pixels(e->layout, strip);
    for (size_t i = 0; i < n; i += CACHED_WORDS) {
        const size_t n_at_once = min_size(n - i, CACHED_WORDS);
        if (words != values)
            memcpy(words + i, values + i, n_at_once * sizeof *words);
        if (p->offset)
            mic_kernels_active()->add(words + i, n_at_once, p->offset);
        if (e->head.maps[plane].kind == MAP_PACKED)
            mic_map_forward(&e->head.maps[plane], words + i, n_at_once);
    }
}

typedef struct words_loop {
    const frame_encoder *encoder;
    unsigned plane;
} words_loop;

static mic_status make_words_of_strip(void *context, size_t strip, mic_error *error)
{
    const words_loop *loop = context;
    const frame_encoder *e = loop->encoder;
    (void)error;
    mic_frame_make_words(e, strip, loop->plane,
                         e->planes[loop->plane].owned + mic_frame_first_pixel(e, strip));
    return MIC_OK;
}

/* Write the words of a plane to memory. */
static mic_status write_words(frame_encoder *e, unsigned plane, mic_error *error)
{
    frame_plane *p = &e->planes[plane];
    words_loop loop = {e, plane};
    if (!p->owned)
        TRY(own_plane(e, plane, error));
    TRY(mic_parallel_for(e->head.n_strips, e->options->n_threads, make_words_of_strip, &loop, error));
    p->values = p->owned;
    p->offset = 0;
    return MIC_OK;
}

mic_status mic_frame_need_words(frame_encoder *e, unsigned plane, mic_error *error)
{
    return mic_frame_has_words(e, plane) ? MIC_OK : write_words(e, plane, error);
}

/* Wavefront takes values with an offset; everything else needs words. */
static mic_status map_plane(frame_encoder *e, unsigned plane, mic_error *error)
{
    const sample_map *map = &e->head.maps[plane];
    if (map->kind == MAP_OFFSET)
        e->planes[plane].offset -= map->minimum;
    const bool is_direct = map->kind == MAP_OFFSET && e->codec[plane] == MIC_CODEC_WAVEFRONT;
    return map->kind == MAP_CONSTANT || is_direct ? MIC_OK : write_words(e, plane, error);
}

mic_status mic_frame_map_planes(frame_encoder *e, mic_codec codec, mic_error *error)
{
    const unsigned channels = e->layout->channels;
    if (channels == MAX_PLANES)
        TRY(mic_parallel_for(e->head.n_strips, e->options->n_threads, colour_strip, e, error));
    for (unsigned c = 0; c < channels; c++)
        TRY(choose_map(e, c, error));
    for (unsigned c = 0; c < channels; c++) {
        e->codec[c] = codec;
        TRY(map_plane(e, c, error));
    }
    return MIC_OK;
}
