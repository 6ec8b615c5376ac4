/* SPDX-License-Identifier: MIT
 *
 * Slides of both containers, tile by tile: every range of columns, truncation at every byte
 * and flipped bits in blocks of exactly the input's size, levels that do not match,
 * halving.
 */
#include "check.h"

#include "container/container_format.h"

typedef struct slide {
    const char *name;
    mic_container container;
    mic_sample_type type;
    unsigned channels;
    uint32_t tile_rows, tile_columns, n_levels;
    mic_level levels[3];
    mic_codec codec;
    mic_layout layout;
    uint8_t *samples, *bytes;
    size_t n_bytes;
} slide;

static slide slides[] = {
    {.name = "native u16",
     .container = MIC_CONTAINER_NATIVE,
     .type = MIC_UINT16,
     .channels = 1,
     .tile_rows = 8,
     .tile_columns = 6,
     .n_levels = 2,
     .levels = {{12, 10}, {6, 5}},
     .codec = MIC_CODEC_FSE},
    {.name = "native u8 colour",
     .container = MIC_CONTAINER_NATIVE,
     .type = MIC_UINT8,
     .channels = 3,
     .tile_rows = 35,
     .tile_columns = 9,
     .n_levels = 1,
     .levels = {{35, 20}},
     .codec = MIC_CODEC_WAVEFRONT},
    {.name = "mic3 u16",
     .container = MIC_CONTAINER_MIC3,
     .type = MIC_UINT16,
     .channels = 1,
     .tile_rows = 8,
     .tile_columns = 6,
     .n_levels = 3,
     .levels = {{12, 10}, {6, 5}, {3, 2}},
     .codec = MIC_CODEC_FSE},
    {.name = "mic3 u8",
     .container = MIC_CONTAINER_MIC3,
     .type = MIC_UINT8,
     .channels = 1,
     .tile_rows = 30,
     .tile_columns = 20,
     .n_levels = 1,
     .levels = {{31, 20}},
     .codec = MIC_CODEC_FSE},
    {.name = "mic3 colour",
     .container = MIC_CONTAINER_MIC3,
     .type = MIC_UINT8,
     .channels = 3,
     .tile_rows = 12,
     .tile_columns = 11,
     .n_levels = 2,
     .levels = {{12, 20}, {6, 10}},
     .codec = MIC_CODEC_FSE},
};

static uint32_t count_tiles(const slide *s)
{
    uint32_t n = 0;
    for (unsigned i = 0; i < s->n_levels; i++)
        n += ((s->levels[i].rows + s->tile_rows - 1) / s->tile_rows) *
             ((s->levels[i].columns + s->tile_columns - 1) / s->tile_columns);
    return n;
}

static size_t tile_bytes(const slide *s) { return (size_t)mic_frame_bytes(&s->layout); }

/* ---- writing ------------------------------------------------------------ */

static void make_samples(slide *s, size_t n_tiles)
{
    const size_t n = n_tiles * s->tile_rows * s->tile_columns * s->channels;
    uint16_t *words = need(malloc(n * sizeof *words));
    fill_words(SKEWED, words, n);
    if (mic_sample_bytes(s->type) == 1)
        for (size_t i = 0; i < n; i++)
            ((uint8_t *)words)[i] = (uint8_t)words[i];
    s->samples = exact_copy(words, n * mic_sample_bytes(s->type));
    free(words);
}

static void make_slide(slide *s, int n_threads)
{
    const uint32_t n_tiles = count_tiles(s);
    const mic_encode_options options = {.codec = s->codec,
                                        .n_states = 4,
                                        .effort = 5,
                                        .n_threads = n_threads};
    mic_layout *layout = &s->layout;
    uint8_t header[MIC_HEADER_BOUND];
    size_t n_header = 0;
    mic_encoded **coded = need(calloc(n_tiles, sizeof(mic_encoded *)));
    uint64_t *offsets = need(malloc((n_tiles + 1) * sizeof *offsets));
    *layout = (mic_layout){.container = s->container,
                           .sample_type = s->type,
                           .codec = s->codec,
                           .channels = s->channels,
                           .n_axes = 1,
                           .axes = {n_tiles},
                           .n_frames = n_tiles,
                           .rows = s->tile_rows,
                           .columns = s->tile_columns,
                           .n_levels = s->n_levels};
    memcpy(layout->levels, s->levels, sizeof s->levels);
    mic_plan_strips(layout);
    if (!s->samples)
        make_samples(s, n_tiles);
    CHECK(mic_encode_frames(layout, s->samples, n_tiles, &options, coded, &layout->bits_used, NULL) == MIC_OK,
          "%s", s->name);
    CHECK(mic_write_header(layout, header, &n_header, NULL) == MIC_OK, "%s", s->name);
    const bool table_first = s->container == MIC_CONTAINER_MIC3;
    offsets[0] = n_header + (table_first ? mic_index_bytes(layout) : 0);
    for (size_t i = 0; i < n_tiles; i++)
        offsets[i + 1] = offsets[i] + mic_encoded_size(coded[i]);
    layout->index_offset = table_first ? n_header : offsets[n_tiles];
    CHECK(mic_write_header(layout, header, &n_header, NULL) == MIC_OK, "%s", s->name);
    s->n_bytes = (size_t)offsets[n_tiles] + (table_first ? 0 : (size_t)mic_index_bytes(layout));
    s->bytes = need(malloc(s->n_bytes));
    memcpy(s->bytes, header, n_header);
    if (table_first)
        mic_write_tile_table(offsets, n_tiles, s->bytes + n_header);
    else
        mic_write_index(offsets, n_tiles, s->bytes + offsets[n_tiles]);
    for (size_t i = 0; i < n_tiles; i++) {
        mic_encoded_write(coded[i], s->bytes + offsets[i]);
        mic_encoded_free(coded[i]);
    }
    free(coded);
    free(offsets);
}

/* ---- reading ------------------------------------------------------------ */

/* Decode every tile of a stream into `out` (NULL: discard it), as the Python layer does. */
static mic_status read_slide(const uint8_t *in, size_t n_bytes, size_t most_bytes, uint8_t *out,
                             mic_error *error)
{
    mic_layout layout;
    mic_status status = mic_read_header(in, n_bytes, &layout, error);
    if (status != MIC_OK)
        return status;
    CHECK(layout.n_levels > 0 || layout.container == MIC_CONTAINER_NATIVE, "a slide");
    if ((status = mic_check_index(&layout, n_bytes, error)) != MIC_OK)
        return status;
    if (mic_frame_bytes(&layout) > most_bytes)
        return MIC_ERROR_LIMIT;
    const size_t n_tile = (size_t)mic_frame_bytes(&layout);
    uint64_t *offsets = need(malloc((size_t)(layout.n_frames + 1) * sizeof *offsets));
    uint8_t *tile = need(malloc(n_tile));
    status = mic_read_index(&layout, in + layout.index_offset, n_bytes - (size_t)layout.index_offset, offsets,
                            error);
    for (size_t i = 0; i < layout.n_frames && status == MIC_OK; i++) {
        if (offsets[i + 1] > n_bytes) {
            status = MIC_ERROR_TRUNCATED;
            break;
        }
        const size_t n = (size_t)(offsets[i + 1] - offsets[i]);
        uint8_t *coded = exact_copy(in + offsets[i], n);
        const mic_decode_job job = {.layout = &layout,
                                    .in = coded,
                                    .n_bytes = n,
                                    .frame = (int64_t)i,
                                    .base_offset = offsets[i],
                                    .n_rows = layout.rows,
                                    .out = tile,
                                    .row_stride = (ptrdiff_t)(n_tile / layout.rows)};
        status = mic_decode(&job, 1, 1, error);
        CHECK(status == MIC_OK || !error || error->frame == (int64_t)i, "tile %zu", i);
        if (status == MIC_OK && out)
            memcpy(out + i * n_tile, tile, n_tile);
        free(coded);
    }
    free(tile);
    free(offsets);
    return status;
}

static void check_whole(slide *s)
{
    const size_t n = tile_bytes(s) * (size_t)s->layout.n_frames;
    uint8_t *out = need(malloc(n)), *bytes = s->bytes;
    CHECK(read_slide(s->bytes, s->n_bytes, SIZE_MAX, out, NULL) == MIC_OK && same(out, s->samples, n), "%s",
          s->name);
    make_slide(s, 3);
    CHECK(same(bytes, s->bytes, s->n_bytes), "%s: the same bytes on 3 threads", s->name);
    free(bytes);
    free(out);
}

/* Decode every range of columns of some rows, with gaps between the rows. */
static void check_columns(const slide *s)
{
    const size_t n_pixel = s->channels * mic_sample_bytes(s->type), n_row = s->tile_columns * n_pixel;
    const size_t apart = n_row + 5;
    uint64_t *offsets = need(malloc((size_t)(s->layout.n_frames + 1) * sizeof *offsets));
    uint8_t *out = need(malloc(s->tile_rows * apart));
    mic_layout layout;
    CHECK(mic_read_header(s->bytes, s->n_bytes, &layout, NULL) == MIC_OK, "%s", s->name);
    mic_read_index(&layout, s->bytes + layout.index_offset, s->n_bytes - (size_t)layout.index_offset, offsets,
                   NULL);
    for (uint32_t first = 0; first < s->tile_columns; first++)
        for (uint32_t n = 1; n <= s->tile_columns - first; n++) {
            const uint32_t row = first % s->tile_rows, n_rows = 1 + n % (s->tile_rows - row);
            const mic_decode_job job = {.layout = &layout,
                                        .in = s->bytes + offsets[0],
                                        .n_bytes = (size_t)(offsets[1] - offsets[0]),
                                        .first_row = row,
                                        .n_rows = n_rows,
                                        .first_column = first,
                                        .n_columns = n,
                                        .out = out,
                                        .row_stride = (ptrdiff_t)apart};
            memset(out, 0xEE, s->tile_rows * apart);
            CHECK(mic_decode(&job, 1, 1, NULL) == MIC_OK, "%s: %u columns from %u", s->name, n, first);
            for (uint32_t y = 0; y < n_rows; y++)
                CHECK(same(out + y * apart, s->samples + (row + y) * n_row + first * n_pixel, n * n_pixel) &&
                          out[y * apart + n * n_pixel] == 0xEE,
                      "%s: row %u of %u columns from %u", s->name, y, n, first);
        }
    mic_decode_job outside = {.layout = &layout,
                              .in = s->bytes + offsets[0],
                              .n_rows = 1,
                              .out = out,
                              .n_bytes = (size_t)(offsets[1] - offsets[0]),
                              .first_column = 1,
                              .n_columns = s->tile_columns,
                              .row_stride = (ptrdiff_t)apart};
    CHECK(mic_decode(&outside, 1, 1, NULL) == MIC_ERROR_ARGUMENT, "%s: a column too many", s->name);
    outside.first_column = UINT32_MAX;
    CHECK(mic_decode(&outside, 1, 1, NULL) == MIC_ERROR_ARGUMENT, "%s: columns far away", s->name);
    free(offsets);
    free(out);
}

static void check_damage(const slide *s)
{
    const size_t limit = 4 * tile_bytes(s);
    mic_error error = {.status = MIC_OK};
    for (size_t n = 0; n < s->n_bytes; n++) {
        uint8_t *in = exact_copy(s->bytes, n);
        CHECK(read_slide(in, n, limit, NULL, &error) != MIC_OK, "%s: %zu bytes", s->name, n);
        free(in);
    }
    uint8_t *in = exact_copy(s->bytes, s->n_bytes);
    for (size_t bit = 0; bit < 8 * s->n_bytes; bit++) {
        in[bit / 8] ^= (uint8_t)(1u << bit % 8);
        mic_status status = read_slide(in, s->n_bytes, limit, NULL, &error);
        CHECK(s->container != MIC_CONTAINER_NATIVE || status != MIC_OK, "%s: bit %zu", s->name, bit);
        in[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(in);
}

/* ---- levels ------------------------------------------------------------- */

static void test_levels(void)
{
    mic_layout good = {.container = MIC_CONTAINER_MIC3,
                       .channels = 1,
                       .n_axes = 1,
                       .axes = {5},
                       .n_frames = 5,
                       .rows = 8,
                       .columns = 6,
                       .n_levels = 2,
                       .levels = {{12, 10}, {8, 1}}};
    mic_error error;
    CHECK(mic_check_levels(&good, &error) == MIC_OK, "good");
    for (unsigned field = 0; field < 7; field++) {
        mic_layout bad = good;
        switch (field) {
        case 0: bad.n_levels = 0; break;
        case 1: bad.n_levels = MIC_MAX_LEVELS + 1; break;
        case 2: bad.n_axes = 2; break;
        case 3: bad.n_frames = 6; break;
        case 4: bad.levels[1].rows = 0; break;
        case 5: bad.levels[1].columns = 11; break;
        case 6: bad.levels[0] = (mic_level){UINT32_MAX, UINT32_MAX}; break;
        }
        CHECK(mic_check_levels(&bad, &error) == MIC_ERROR_CORRUPT && error.message[0], "field %u", field);
    }
    mic_encode_options options = {.codec = MIC_CODEC_FSE, .n_states = 4, .effort = 5, .n_threads = 1};
    mic_encoded *encoded = NULL;
    CHECK(mic_encode(&good, "", &options, &encoded, &error) == MIC_ERROR_ARGUMENT && !encoded,
          "not in one go");
}

static void test_halve(void)
{
    static const int16_t in[3][5] = {{-32768, -32768, 1, 2, 9}, {-32768, -32767, 2, 2, 9}, {7, 7, 7, 7, 7}};
    static const uint16_t words[2][2] = {{65535, 65535}, {65535, 65534}};
    static const uint8_t colour[2][2][3] = {{{0, 1, 255}, {1, 1, 255}}, {{0, 1, 255}, {0, 2, 255}}};
    int16_t half[2] = {0};
    uint16_t word = 0;
    uint8_t pixel[3] = {0};
    mic_halve(MIC_INT16, 1, in, 3, 5, half);
    CHECK(half[0] == -32768 && half[1] == 2, "%d %d", half[0], half[1]);
    mic_halve(MIC_UINT16, 1, words, 2, 2, &word);
    CHECK(word == 65535, "%u", word);
    mic_halve(MIC_UINT8, 3, colour, 2, 2, pixel);
    CHECK(pixel[0] == 0 && pixel[1] == 1 && pixel[2] == 255, "%u %u %u", pixel[0], pixel[1], pixel[2]);
    mic_halve(MIC_INT8, 1, in, 1, 5, NULL); /* there is nothing to write */
}

int main(void)
{
    test_levels();
    test_halve();
    for (size_t i = 0; i < COUNT_OF(slides); i++) {
        slide *s = &slides[i];
        make_slide(s, 1);
        check_whole(s);
        check_columns(s);
        check_damage(s);
        free(s->samples);
        free(s->bytes);
    }
    return report("test_tiles");
}
