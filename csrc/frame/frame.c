/* SPDX-License-Identifier: MIT
 *
 * One frame of the native container.  Encoding runs the stages in this order:
 *
 *     samples            8 or 16 bits, signed or not, 1 or 3 channels
 *       -> planes        one a channel, of 16-bit values
 *       -> colour        three planes made cheaper, reversibly
 *       -> sample map    per plane: words from 0, used values numbered if sparse
 *       -> model         per plane, wavefront only: predictor, contexts, tables
 *       -> strips        stretches of rows that decode on their own
 *       -> strip coder   the smallest of wavefront, FSE, Huffman and raw words
 *
 * and decoding (frame_decode.c) runs them backwards.  A frame is its head (frame_head.h), then
 * its pieces: one for each strip and plane, plane by plane within a strip; a
 * constant plane has none.
 */
#include "frame_encoder.h"
#include "frame.h"

#include "../base/large_memory.h"
#include "../base/threads.h"

#include <stdlib.h>

static const uint8_t *samples_of_strip(const frame_encoder *e, size_t strip)
{
    return e->samples + strip * e->layout->strip_rows * mic_row_bytes(e->layout);
}

static void planes_of_strip(const frame_encoder *e, size_t strip, uint16_t *planes[MAX_PLANES])
{
    for (unsigned c = 0; c < e->layout->channels; c++)
        planes[c] = e->planes[c].owned + mic_frame_first_pixel(e, strip);
}

/* Memory for a plane that may not be where the samples are. */
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

/* The checksum of a strip, its planes, and which values occur unless colour is yet to
 * be chosen: some rows after the other, as many as stay in the nearest cache. */
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

/* The samples as planes: in their own place, or in memory of its own. */
static mic_status load_planes(frame_encoder *e, mic_error *error)
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

/* Colour, and the values that occur then. */
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

/* Map of one plane, from the values of all its strips; nobody marks any more. */
static mic_status choose_map(frame_encoder *e, unsigned plane, mic_error *error)
{
    const frame_plane *p = &e->planes[plane];
    return mic_map_choose((const uint8_t *)e->seen + (size_t)plane * SAMPLE_VALUES, p->values, p->offset,
                          e->layout->rows, e->layout->columns, &e->head.maps[plane], error);
}

/* Does every value, as it is, stand for a word?  Else it takes an offset or a map. */
static bool has_words(const frame_encoder *e, unsigned plane)
{
    return e->planes[plane].values == e->planes[plane].owned && e->planes[plane].offset == 0;
}

/* Words of a strip of one plane from its values, as many at once as stay in the
 * nearest cache from one loop to the next. */
static void make_words(const frame_encoder *e, size_t strip, unsigned plane, uint16_t *words)
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
    make_words(e, strip, loop->plane, e->planes[loop->plane].owned + mic_frame_first_pixel(e, strip));
    return MIC_OK;
}

/* The words of a plane in memory. */
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
    return has_words(e, plane) ? MIC_OK : write_words(e, plane, error);
}

/* Wavefront takes values with an offset; what else there is wants words. */
static mic_status map_plane(frame_encoder *e, unsigned plane, mic_error *error)
{
    const sample_map *map = &e->head.maps[plane];
    if (map->kind == MAP_OFFSET)
        e->planes[plane].offset -= map->minimum;
    const bool is_direct = map->kind == MAP_OFFSET && e->codec[plane] == MIC_CODEC_WAVEFRONT;
    return map->kind == MAP_CONSTANT || is_direct ? MIC_OK : write_words(e, plane, error);
}

static bool is_wavefront(const frame_encoder *e, unsigned plane)
{
    return e->codec[plane] == MIC_CODEC_WAVEFRONT && e->head.maps[plane].kind != MAP_CONSTANT;
}

/* Predictors, from a sample of rows; for the planes at once. */
static mic_status open_wavefront(void *context, size_t plane, mic_error *error)
{
    frame_encoder *e = context;
    const mic_layout *layout = e->layout;
    if (!is_wavefront(e, (unsigned)plane))
        return MIC_OK;
    return mic_wf_plane_open(e->planes[plane].values, e->planes[plane].offset, layout->columns, layout->rows,
                             layout->strip_rows, e->head.maps[plane].n_values - 1, e->options->effort,
                             &e->wavefronts[plane], error);
}

static mic_status analyse_strip(void *context, size_t strip, mic_error *error)
{
    frame_encoder *e = context;
    for (unsigned c = 0; c < e->layout->channels; c++)
        if (e->wavefronts[c])
            TRY(mic_wf_plane_analyse(e->wavefronts[c], strip, error));
    return MIC_OK;
}

/* The model of a wavefront plane goes into the head. */
static mic_status choose_model(void *context, size_t plane, mic_error *error)
{
    frame_encoder *e = context;
    frame_model *model = &e->head.models[plane];
    wf_model chosen;
    if (!e->wavefronts[plane])
        return MIC_OK;
    TRY(mic_wf_plane_choose(e->wavefronts[plane], &chosen, error));
    uint8_t *bytes = malloc(WF_MODEL_BOUND);
    if (!bytes)
        return mic_frame_no_memory(WF_MODEL_BOUND, error);
    model->owned = bytes;
    model->bytes = bytes;
    return mic_wf_write_model(&chosen, bytes, WF_MODEL_BOUND, &model->n_bytes, error);
}

static mic_status build_models(frame_encoder *e, mic_error *error)
{
    const int n_threads = e->options->n_threads;
    TRY(mic_parallel_for(e->layout->channels, n_threads, open_wavefront, e, error));
    TRY(mic_parallel_for(e->head.n_strips, n_threads, analyse_strip, e, error));
    return mic_parallel_for(e->layout->channels, n_threads, choose_model, e, error);
}

/* One strip of a plane by its coder.  Words that are not in memory are made for the
 * rare strip that ends up raw. */
static mic_status encode_piece(const frame_encoder *e, size_t strip, unsigned plane, uint8_t *bytes,
                               size_t capacity, size_t *n_bytes, mic_error *error)
{
    const size_t columns = e->layout->columns, height = mic_strip_height(e->layout, strip);
    const size_t n_pixels = mic_strip_pixels(e->layout, strip);
    const strip_coder coder = {.codec = e->codec[plane],
                               .n_states = e->options->n_states,
                               .n_values = e->head.maps[plane].n_values,
                               .plane = e->wavefronts[plane],
                               .strip = strip};
    const uint16_t *words = has_words(e, plane) ? e->planes[plane].values + mic_frame_first_pixel(e, strip)
                                                : NULL;
    TRY(mic_strip_encode(words, columns, height, &coder, bytes, capacity, n_bytes, error));
    if (words || *n_bytes < mic_strip_raw_bytes(n_pixels, coder.n_values))
        return MIC_OK;
    uint16_t *made = mic_large_malloc(n_pixels * sizeof *made);
    if (!made)
        return mic_frame_no_memory(n_pixels * sizeof *made, error);
    make_words(e, strip, plane, made);
    mic_status status = mic_strip_encode(made, columns, height, &coder, bytes, capacity, n_bytes, error);
    mic_large_free(made);
    return status;
}

/* Coded where there is room for the worst, then copied: the next strip is coded in the
 * same memory, which is in the cache by then, and its pages are touched once. */
static mic_status encode_plane(frame_encoder *e, size_t strip, unsigned plane, mic_error *error)
{
    const size_t capacity = mic_strip_bound(e->layout->columns, mic_strip_height(e->layout, strip));
    struct encoded_part *part = mic_frame_piece(e, strip, plane);
    uint8_t *room = mic_large_malloc(capacity);
    if (!room)
        return mic_frame_no_memory(capacity, error);
    size_t n_bytes = 0;
    mic_status status = encode_piece(e, strip, plane, room, capacity, &n_bytes, error);
    uint8_t *bytes = status == MIC_OK ? malloc(n_bytes) : NULL;
    if (bytes) {
        memcpy(bytes, room, n_bytes);
        free(part->bytes); /* of another attempt */
        *part = (struct encoded_part){.bytes = bytes, .n_bytes = n_bytes};
    } else if (status == MIC_OK) {
        status = mic_frame_no_memory(n_bytes, error);
    }
    mic_large_free(room);
    return status;
}

static mic_status encode_strip(void *context, size_t strip, mic_error *error)
{
    frame_encoder *e = context;
    for (unsigned c = 0; c < e->layout->channels; c++) {
        if (e->head.maps[c].kind == MAP_CONSTANT)
            continue;
        TRY(encode_plane(e, strip, c, error));
        e->head.strips[strip].n_bytes[c] = (uint32_t)mic_frame_piece(e, strip, c)->n_bytes;
    }
    return MIC_OK;
}

static bool any_piece_has_model(const frame_encoder *e, unsigned plane)
{
    for (size_t strip = 0; strip < e->head.n_strips; strip++)
        if (mic_frame_piece(e, strip, plane)->bytes[0] == STRIP_WAVEFRONT)
            return true;
    return false;
}

size_t mic_frame_plane_bytes(const frame_encoder *e, unsigned plane)
{
    size_t n = e->head.maps[plane].n_table + e->head.models[plane].n_bytes;
    for (size_t strip = 0; strip < e->head.n_strips; strip++)
        n += mic_frame_piece(e, strip, plane)->n_bytes;
    return n;
}

static mic_status encode_again(frame_encoder *e, unsigned plane, mic_codec codec, mic_error *error)
{
    e->codec[plane] = codec;
    e->head.models[plane].n_bytes = 0;
    TRY(mic_frame_need_words(e, plane, error));
    for (size_t strip = 0; strip < e->head.n_strips; strip++) {
        TRY(encode_plane(e, strip, plane, error));
        e->head.strips[strip].n_bytes[plane] = (uint32_t)mic_frame_piece(e, strip, plane)->n_bytes;
    }
    return MIC_OK;
}

/* The classic stages on a small plane of one strip, kept if they are smaller. */
static mic_status try_classic(frame_encoder *e, unsigned plane, mic_error *error)
{
    struct encoded_part *piece = mic_frame_piece(e, 0, plane), wavefront = *piece;
    const frame_model model = e->head.models[plane];
    const size_t n_bytes = mic_frame_plane_bytes(e, plane);
    *piece = (struct encoded_part){0};
    mic_status status = encode_again(e, plane, MIC_CODEC_FSE, error);
    if (status == MIC_OK && mic_frame_plane_bytes(e, plane) < n_bytes) {
        free(wavefront.bytes);
        return MIC_OK;
    }
    free(piece->bytes);
    *piece = wavefront;
    e->codec[plane] = MIC_CODEC_WAVEFRONT;
    e->head.models[plane] = model;
    e->head.strips[0].n_bytes[plane] = (uint32_t)wavefront.n_bytes;
    return status;
}

/* Models and tables must earn their bytes: on thumbnails the classic stages may
 * be smaller, and noise ends up raw either way.  They have a table, too, which has more
 * symbols and no contexts: where the model is a small part of a plane that is not tiny,
 * they have never been smaller. */
static mic_status settle_plane(frame_encoder *e, unsigned plane, mic_error *error)
{
    enum { SMALL_PLANE = 1 << 14, TINY_PLANE = 1 << 12, LARGE_MODEL = 16 };
    const size_t n_pixels = (size_t)e->layout->rows * e->layout->columns;
    sample_map *map = &e->head.maps[plane];
    if (map->kind == MAP_CONSTANT)
        return MIC_OK;
    if (!any_piece_has_model(e, plane))
        e->head.models[plane].n_bytes = 0;
    const bool is_small = n_pixels <= SMALL_PLANE && e->head.n_strips == 1;
    const bool is_model_small = n_pixels >= TINY_PLANE &&
                                e->head.models[plane].n_bytes * LARGE_MODEL < mic_frame_plane_bytes(e, plane);
    if (e->codec[plane] == MIC_CODEC_WAVEFRONT && is_small && !is_model_small)
        TRY(try_classic(e, plane, error));
    if (mic_frame_plane_bytes(e, plane) <= mic_strip_raw_bytes(n_pixels, mic_map_span(map)))
        return MIC_OK;
    if (map->kind == MAP_PACKED) {
        TRY(mic_map_inverse(map, e->planes[plane].owned, n_pixels, error));
        mic_map_unpack(map);
        mic_map_forward(map, e->planes[plane].owned, n_pixels);
    }
    return encode_again(e, plane, MIC_CODEC_HUFFMAN, error);
}

/* The checksum of a strip's pieces. */
static mic_status seal_strip(void *context, size_t strip, mic_error *error)
{
    frame_encoder *e = context;
    uint32_t crc = 0;
    (void)error;
    for (unsigned c = 0; c < e->layout->channels; c++) {
        const struct encoded_part *part = mic_frame_piece(e, strip, c);
        if (part->n_bytes)
            crc = mic_kernels_active()->crc32c(crc, part->bytes, part->n_bytes);
    }
    e->head.strips[strip].crc = crc;
    return MIC_OK;
}

mic_status mic_frame_write_head(frame_encoder *e, mic_error *error)
{
    struct encoded_part *part = &e->encoded->parts[0];
    TRY(mic_parallel_for(e->head.n_strips, e->options->n_threads, seal_strip, e, error));
    e->head.samples_crc = mic_join_checksums(e->layout, e->strip_crcs, e->head.n_strips);
    return mic_frame_head_write(&e->head, e->layout->channels, &part->bytes, &part->n_bytes, error);
}

/* From samples to planes and the colour transform for them. */
static mic_status load_frame(frame_encoder *e, mic_error *error)
{
    TRY(load_planes(e, error));
    if (e->layout->channels < MAX_PLANES)
        return MIC_OK;
    uint16_t *planes[MAX_PLANES];
    planes_of_strip(e, 0, planes);
    return mic_planes_choose_colour(planes, e->layout->columns, e->layout->rows, &e->head.colour, error);
}

/* From planes as loaded to what `codec` takes. */
static mic_status map_planes(frame_encoder *e, mic_codec codec, mic_error *error)
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

/* From planes as loaded to pieces. */
static mic_status encode_planes(frame_encoder *e, mic_error *error)
{
    TRY(map_planes(e, e->options->codec, error));
    TRY(build_models(e, error));
    TRY(mic_parallel_for(e->head.n_strips, e->options->n_threads, encode_strip, e, error));
    for (unsigned c = 0; c < e->layout->channels; c++)
        TRY(settle_plane(e, c, error));
    return MIC_OK;
}

/* Back to where planes are to be loaded. */
static void forget_planes(frame_encoder *e)
{
    const size_t n_strips = e->head.n_strips;
    memset((uint8_t *)e->seen, 0, e->layout->channels * SAMPLE_VALUES);
    for (unsigned c = 0; c < e->layout->channels; c++) {
        mic_map_free(&e->head.maps[c]);
        free(e->head.models[c].owned);
        e->head.models[c] = (frame_model){0};
        mic_wf_plane_free(e->wavefronts[c]);
        e->wavefronts[c] = NULL;
        for (size_t strip = 0; strip < n_strips; strip++) {
            struct encoded_part *part = mic_frame_piece(e, strip, c);
            free(part->bytes);
            *part = (struct encoded_part){0};
            e->head.strips[strip].n_bytes[c] = 0;
        }
    }
}

static uint64_t coded_bytes(const frame_encoder *e)
{
    uint64_t n = 0;
    for (unsigned c = 0; c < e->layout->channels; c++)
        if (e->head.maps[c].kind != MAP_CONSTANT)
            n += mic_frame_plane_bytes(e, c);
    return n;
}

static mic_status run_encoder(frame_encoder *e, mic_error *error)
{
    TRY(load_frame(e, error));
    TRY(encode_planes(e, error));
    /* Differences of noise need a bit more than the noise: without them it is no
     * larger than it was. */
    if (e->head.colour != COLOUR_NONE && coded_bytes(e) >= mic_frame_bytes(e->layout)) {
        forget_planes(e);
        e->head.colour = COLOUR_NONE;
        TRY(load_planes(e, error));
        TRY(encode_planes(e, error));
    }
    TRY(mic_frame_write_head(e, error));
    return e->options->shared ? mic_frame_share_models(e, error) : MIC_OK;
}

/* Smallest width that holds every sample; differences of colours say nothing
 * about it, so colour counts its first bits by the type. */
static unsigned width_in_bits(const mic_layout *layout, const frame_head *head)
{
    const mic_sample_type type = layout->sample_type;
    const int bias = type == MIC_INT16 ? 32768 : type == MIC_INT8 ? 128 : 0;
    unsigned bits = 0;
    if (head->colour != COLOUR_NONE)
        return 8 * (unsigned)mic_sample_bytes(type);
    for (unsigned c = 0; c < layout->channels; c++) {
        int low = head->maps[c].minimum - bias, high = low + (int)mic_map_span(&head->maps[c]) - 1;
        unsigned low_bits = bit_depth((unsigned)(low < 0 ? ~low : low)) + (bias != 0);
        unsigned high_bits = bit_depth((unsigned)(high < 0 ? ~high : high)) + (bias != 0);
        bits = bits > low_bits ? bits : low_bits;
        bits = bits > high_bits ? bits : high_bits;
    }
    return bits;
}

static bool allocate_encoder(frame_encoder *e)
{
    const mic_layout *layout = e->layout;
    const size_t n_strips = (size_t)mic_strips_per_frame(layout), n_pieces = n_strips * layout->channels;
    e->head.n_strips = n_strips;
    e->head.strips = calloc(n_strips, sizeof *e->head.strips);
    e->seen = calloc(layout->channels, SAMPLE_VALUES);
    e->strip_crcs = calloc(n_strips, sizeof *e->strip_crcs);
    e->encoded = mic_encoded_new(1 + n_pieces);
    return e->head.strips && e->seen && e->strip_crcs && e->encoded;
}

/* All but what was encoded. */
static void free_encoder(frame_encoder *e)
{
    mic_frame_head_free(&e->head);
    for (unsigned c = 0; c < MAX_PLANES; c++) {
        mic_large_free(e->planes[c].owned);
        mic_wf_plane_free(e->wavefronts[c]);
    }
    free(e->seen);
    free(e->strip_crcs);
}

mic_status mic_native_frame_encode(const mic_layout *layout, const void *samples,
                                   const mic_encode_options *options, mic_encoded **encoded,
                                   unsigned *bits_used, mic_error *error)
{
    frame_encoder e = {.layout = layout, .samples = samples, .options = options};
    mic_status status = allocate_encoder(&e)
                            ? run_encoder(&e, error)
                            : mic_frame_no_memory((size_t)mic_frame_bytes(layout) * 2, error);
    if (status == MIC_OK) {
        *bits_used = width_in_bits(layout, &e.head);
        *encoded = e.encoded;
    } else {
        mic_encoded_free(e.encoded);
    }
    free_encoder(&e);
    return status;
}

mic_status mic_native_frame_words(const mic_layout *layout, const void *samples, uint16_t *const planes[],
                                  uint32_t n_values[], mic_error *error)
{
    const mic_encode_options options = {.n_threads = 1};
    frame_encoder e = {.layout = layout, .samples = samples, .options = &options};
    mic_status status = allocate_encoder(&e)
                            ? load_frame(&e, error)
                            : mic_frame_no_memory((size_t)mic_frame_bytes(layout) * 2, error);
    if (status == MIC_OK)
        status = map_planes(&e, MIC_CODEC_WAVEFRONT, error);
    for (unsigned c = 0; status == MIC_OK && c < layout->channels; c++) {
        n_values[c] = e.head.maps[c].n_values;
        if (e.head.maps[c].kind == MAP_CONSTANT)
            continue;
        status = mic_frame_need_words(&e, c, error);
        if (status == MIC_OK)
            memcpy(planes[c], e.planes[c].owned, (size_t)layout->rows * layout->columns * sizeof *planes[c]);
    }
    mic_encoded_free(e.encoded);
    free_encoder(&e);
    return status;
}
