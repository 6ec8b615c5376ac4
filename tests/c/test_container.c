/* SPDX-License-Identifier: MIT
 *
 * Containers of every layout: the same bytes and samples on 1 to 4 threads, rows and
 * strides, limits on arguments, and damage: truncation at every byte and every flipped bit,
 * in blocks of exactly the input's size.
 */
#include "check.h"

#include "streams.h"

/* ---- round trips -------------------------------------------------------- */

static void check_threads(const stream_case *c, const stream *s)
{
    uint8_t *out = need(malloc(s->n_sample_bytes));
    for (int n_threads = 1; n_threads <= 4; n_threads++) {
        stream again = *s;
        mic_error error = {.status = MIC_OK};
        encode_stream(c, &again, n_threads);
        CHECK(again.n_bytes == s->n_bytes && same(again.bytes, s->bytes, s->n_bytes), "%s on %d threads",
              c->name, n_threads);
        memset(out, 0xEE, s->n_sample_bytes);
        mic_status status = decode_stream(s->bytes, s->n_bytes, n_threads, out, s->n_sample_bytes, NULL,
                                          &error);
        CHECK(status == MIC_OK && same(out, s->samples, s->n_sample_bytes), "%s on %d threads: %d %s",
              c->name, n_threads, status, error.message);
        mic_shared_models_free(again.shared);
        free(again.bytes);
    }
    free(out);
}

static unsigned bits_of_samples(const stream_case *c, const stream *s)
{
    unsigned bits = 0;
    for (size_t i = 0; i < s->n_sample_bytes / mic_sample_bytes(c->type); i++) {
        int v = c->type == MIC_UINT8    ? s->samples[i]
                : c->type == MIC_INT8   ? (int8_t)s->samples[i]
                : c->type == MIC_UINT16 ? ((const uint16_t *)(const void *)s->samples)[i]
                                        : ((const int16_t *)(const void *)s->samples)[i];
        unsigned needed = bit_depth((unsigned)(v < 0 ? ~v : v)) +
                          (c->type == MIC_INT8 || c->type == MIC_INT16);
        bits = needed > bits ? needed : bits;
    }
    return bits;
}

static void check_layout(const stream_case *c, const stream *s)
{
    const mic_layout *layout = &s->layout;
    CHECK(layout->container == c->container && layout->sample_type == c->type &&
              layout->channels == c->channels && layout->rows == c->rows && layout->columns == c->columns &&
              layout->n_axes == c->n_axes,
          "%s", c->name);
    const uint32_t strip_rows = c->container == PICS ? (c->rows + N_STRIPS - 1) / N_STRIPS : c->strip_rows;
    CHECK(layout->strip_rows == (strip_rows ? strip_rows : c->rows), "%s: %u", c->name, layout->strip_rows);
    if (c->container == MIC_CONTAINER_NATIVE)
        CHECK(layout->bits_used == bits_of_samples(c, s) ||
                  (c->channels == 3 &&
                   layout->bits_used == 8 * mic_sample_bytes(c->type)), /* after a colour transform */
              "%s: %u bits", c->name, layout->bits_used);
    if (layout->n_axes && c->container == NATIVE)
        CHECK(layout->stream_bytes == s->n_bytes, "%s", c->name);
    CHECK((layout->shared_bytes > 0) == (strstr(c->name, "shared") != NULL), "%s: %u bytes", c->name,
          layout->shared_bytes);
}

/* Decode every range of rows of every frame, with gaps, backwards and at any address. */
static void check_rows(const stream_case *c, const stream *s)
{
    uint64_t *offsets = NULL;
    const size_t n_row = (size_t)mic_frame_bytes(&s->layout) / s->layout.rows, apart = n_row + 3;
    uint8_t *out = need(malloc(s->layout.rows * apart + 1));
    CHECK(locate_frames(s->bytes, s->n_bytes, &s->layout, &offsets, NULL) == MIC_OK, "%s", c->name);
    for (size_t frame = 0; frame < s->layout.n_frames; frame++) {
        const size_t n_frame = (size_t)(offsets[frame + 1] - offsets[frame]);
        uint8_t *in = exact_copy(s->bytes + offsets[frame], n_frame);
        for (uint32_t first = 0; first < s->layout.rows; first += 1 + s->layout.rows / 8)
            for (uint32_t n = 1; n <= s->layout.rows - first; n += 1 + s->layout.rows / 8) {
                const bool backwards = (first + n) % 2, packed = n % 3 == 0;
                const ptrdiff_t stride = (ptrdiff_t)(packed ? n_row : apart) * (backwards ? -1 : 1);
                uint8_t *start = out + (packed ? 0 : 1) - (backwards ? stride * (ptrdiff_t)(n - 1) : 0);
                const mic_decode_job job = {.layout = &s->layout,
                                            .shared = s->shared,
                                            .in = in,
                                            .n_bytes = n_frame,
                                            .first_row = first,
                                            .n_rows = n,
                                            .out = start,
                                            .row_stride = stride};
                mic_status status = mic_decode(&job, 1, 2, NULL);
                CHECK(status == MIC_OK, "%s: %d, frame %zu rows %u + %u", c->name, status, frame, first, n);
                for (uint32_t y = 0; y < n; y++)
                    CHECK(same(start + y * stride, s->samples + (frame * s->layout.rows + first + y) * n_row,
                               n_row),
                          "%s: frame %zu row %u of %u + %u", c->name, frame, y, first, n);
            }
        free(in);
    }
    free(offsets);
    free(out);
}

/* ---- damage ------------------------------------------------------------- */

/* Damaged native streams always fail and blame the data.  Published ones have no checksum
 * and may decode to something, but not if they are truncated. */
static void check_refused(const stream_case *c, const stream *s, const uint8_t *in, size_t n_bytes,
                          size_t place)
{
    const bool must_fail = c->container == NATIVE || n_bytes != s->n_bytes;
    uint8_t *out = need(malloc(s->n_sample_bytes));
    mic_error error = {.status = MIC_OK};
    mic_status status = decode_stream(in, n_bytes, 1, out, s->n_sample_bytes, NULL, &error);
    bool refused = status > MIC_OK && status < MIC_ERROR_ARGUMENT;
    if (!must_fail) /* frames too large for a 32-bit process are not the data's fault */
        refused = refused || status == MIC_OK || status == MIC_ERROR_LIMIT ||
                  (status == MIC_ERROR_UNSUPPORTED && sizeof(size_t) == 4);
    CHECK(refused, "%s: status %d, %zu bytes, damage at %zu", c->name, status, n_bytes, place);
    CHECK(!error.status || (error.message[0] && error.stage), "%s: damage at %zu", c->name, place);
    free(out);
}

static void check_truncation(const stream_case *c, const stream *s)
{
    for (size_t n = 0; n < s->n_bytes; n++) {
        uint8_t *in = exact_copy(s->bytes, n);
        check_refused(c, s, in, n, n);
        free(in);
    }
    uint8_t *longer = need(malloc(s->n_bytes + 1));
    memcpy(longer, s->bytes, s->n_bytes);
    longer[s->n_bytes] = 0;
    check_refused(c, s, longer, s->n_bytes + 1, s->n_bytes);
    free(longer);
}

static void check_flips(const stream_case *c, const stream *s)
{
    uint8_t *in = exact_copy(s->bytes, s->n_bytes);
    for (size_t bit = 0; bit < 8 * s->n_bytes; bit++) {
        in[bit / 8] ^= (uint8_t)(1u << bit % 8);
        check_refused(c, s, in, s->n_bytes, bit / 8);
        in[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(in);
}

/* A rescue: rows marked intact are intact, the others are zero, and one damaged byte costs
 * at most one frame. */
static void check_rescue(const stream_case *c, const stream *s)
{
    const size_t n_rows = (size_t)(s->layout.n_frames * s->layout.rows), n_row = s->n_sample_bytes / n_rows;
    uint8_t *out = need(malloc(s->n_sample_bytes)), *intact = need(malloc(n_rows)),
            *zero = need(calloc(1, n_row));
    uint8_t *in = exact_copy(s->bytes, s->n_bytes);
    const size_t end = s->layout.n_axes ? (size_t)s->layout.index_offset : s->n_bytes;
    for (size_t place = (size_t)s->layout.header_bytes; place < end; place++) {
        in[place] ^= 0x10;
        mic_error error = {.status = MIC_OK};
        mic_status status = decode_stream(in, s->n_bytes, 2, out, s->n_sample_bytes, intact, &error);
        in[place] ^= 0x10;
        if (status != MIC_OK && s->layout.n_axes == 0)
            continue; /* the damage is in the head, which gives the size */
        size_t n_lost = 0;
        CHECK(status == MIC_OK, "%s: status %d, damage at %zu", c->name, status, place);
        for (size_t y = 0; y < n_rows; y++) {
            n_lost += !intact[y];
            CHECK(intact[y] <= 1 && same(out + y * n_row, intact[y] ? s->samples + y * n_row : zero, n_row),
                  "%s: row %zu, flag %d, damage at %zu", c->name, y, intact[y], place);
        }
        CHECK(n_lost > 0 && n_lost <= s->layout.rows, "%s: %zu rows lost, damage at %zu", c->name, n_lost,
              place);
    }
    free(in);
    free(out);
    free(intact);
    free(zero);
}

/* A truncated published frame keeps the rows of whole strips, if it has any. */
static void check_rescue_published(const stream_case *c, const stream *s)
{
    const size_t n_frame = (size_t)mic_frame_bytes(&s->layout), n_row = n_frame / s->layout.rows;
    uint8_t *out = need(malloc(n_frame)), *intact = need(malloc(s->layout.rows));
    uint64_t *offsets = NULL;
    CHECK(locate_frames(s->bytes, s->n_bytes, &s->layout, &offsets, NULL) == MIC_OK, "%s", c->name);
    for (size_t less = 0; less < 2; less++) {
        const mic_decode_job job = {.layout = &s->layout,
                                    .in = s->bytes + offsets[0],
                                    .base_offset = offsets[0],
                                    .n_bytes = (size_t)(offsets[1] - offsets[0]) - less,
                                    .n_rows = s->layout.rows,
                                    .out = out,
                                    .intact = intact,
                                    .row_stride = (ptrdiff_t)n_row};
        size_t n_lost = 0;
        memset(out, 0xEE, n_frame);
        CHECK(mic_decode(&job, 1, 2, NULL) == MIC_OK, "%s", c->name);
        for (size_t y = 0; y < s->layout.rows; y++) {
            n_lost += !intact[y];
            for (size_t i = y * n_row; i < (y + 1) * n_row; i++)
                CHECK(out[i] == (intact[y] ? s->samples[i] : 0), "%s: byte %zu", c->name, i);
        }
        CHECK(less ? n_lost > 0 && (n_lost < s->layout.rows) == (c->container == PICS || c->container == PICA)
                   : n_lost == 0,
              "%s: %zu rows lost", c->name, n_lost);
    }
    free(offsets);
    free(out);
    free(intact);
}

/* ---- arguments and odd input -------------------------------------------- */

static void test_not_a_stream(void)
{
    mic_layout layout;
    CHECK(mic_read_header((const uint8_t *)"", 0, &layout, NULL) == MIC_ERROR_TRUNCATED, "nothing");
    CHECK(mic_read_header((const uint8_t *)"\x89Mi", 3, &layout, NULL) == MIC_ERROR_TRUNCATED, "3 bytes");
    CHECK(mic_read_header((const uint8_t *)"DICM data", 9, &layout, NULL) == MIC_ERROR_FORMAT,
          "another format");
    for (size_t n = 0; n < 300; n++) {
        uint8_t *in = need(malloc(n + 1));
        for (size_t i = 0; i < n; i++)
            in[i] = (uint8_t)random_u32();
        memcpy(in, (n % 2 ? &mic_native_format : &mic_mic1_format)->magic, min_size(n, MAGIC_BYTES));
        uint8_t *exact = exact_copy(in, n);
        mic_status status = mic_read_header(exact, n, &layout, NULL);
        CHECK(status != MIC_OK, "%zu random bytes", n);
        free(exact);
        free(in);
    }
}

/* The native container accepts what the published one cannot hold and refuses. */
static void test_refusals(void)
{
    static const uint16_t zeros[100];
    stream_case c = {"zeros", MIC1, MIC_UINT16, 1, 0, {0}, 10, 10, 0, FSE, 4, CONSTANT, 0};
    mic_layout layout = asked_layout(&c);
    mic_encode_options options = {.codec = FSE, .n_states = 4, .effort = 5, .n_threads = 1};
    mic_encoded *encoded = NULL;
    uint8_t header[MIC_HEADER_BOUND];
    size_t n;
    CHECK(mic_encode(&layout, zeros, &options, &encoded, NULL) == MIC_ERROR_UNSUPPORTED && !encoded, "mic1");
    layout.container = NATIVE;
    CHECK(mic_encode(&layout, zeros, &options, &encoded, NULL) == MIC_OK, "native");
    mic_encoded_free(encoded);
    layout.rows = 0;
    CHECK(mic_encode(&layout, zeros, &options, &encoded, NULL) != MIC_OK && !encoded, "no rows");
    layout = (mic_layout){.rows = 1, .columns = 1, .channels = 1, .n_axes = MIC_MAX_AXES + 1};
    CHECK(mic_write_header(&layout, header, &n, NULL) == MIC_ERROR_ARGUMENT, "too many axes");
}

static void test_strip_plan(void)
{
    for (uint32_t rows = 1; rows <= 100000; rows += 1 + rows / 3)
        for (uint32_t columns = 1; columns <= 20000; columns += 1 + columns / 3) {
            mic_layout layout = {.rows = rows, .columns = columns};
            mic_plan_strips(&layout);
            CHECK(layout.strip_rows >= 1 && layout.strip_rows <= rows, "%u x %u: %u", rows, columns,
                  layout.strip_rows);
        }
}

/* A frame that mic_encode itself splits into strips. */
static void test_large_frame(void)
{
    static const stream_case large = {"large", NATIVE, MIC_UINT16, 1, 0,      {0}, 1500,
                                      1100,    0,      FSE,        4, SKEWED, 1};
    mic_layout layout = asked_layout(&large);
    mic_plan_strips(&layout);
    stream_case planned = large;
    CHECK(layout.strip_rows < layout.rows, "%u rows a strip", layout.strip_rows);
    stream s = make_stream(&large);
    planned.strip_rows = layout.strip_rows;
    check_layout(&planned, &s);
    check_threads(&large, &s);
    stream_free(&s);
}

static void test_case(const stream_case *c)
{
    stream s = make_stream(c);
    check_layout(c, &s);
    check_threads(c, &s);
    if (!s.layout.temporal) /* those frames are differences */
        check_rows(c, &s);
    check_truncation(c, &s);
    check_flips(c, &s);
    if (c->container == MIC_CONTAINER_NATIVE)
        check_rescue(c, &s);
    else
        check_rescue_published(c, &s);
    stream_free(&s);
}

int main(void)
{
    for (size_t i = 0; i < COUNT_OF(stream_cases); i++)
        test_case(&stream_cases[i]);
    test_large_frame();
    test_not_a_stream();
    test_refusals();
    test_strip_plan();
    return report("test_container");
}
