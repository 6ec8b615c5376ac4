/* SPDX-License-Identifier: MIT
 *
 * Memory that runs out: each allocation of an encoding and of a decoding fails in turn.
 * The answer is MIC_ERROR_MEMORY (or success, if the work can be done with less) and
 * nothing leaks, which LeakSanitizer watches.  Linked with --wrap for malloc, calloc and
 * realloc.
 */
#include "check.h"

#include "streams.h"

static long countdown = -1; /* allocations left; negative: all succeed */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *block, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *block, size_t n);

static bool fails(void) { return countdown >= 0 && countdown-- == 0; }

void *__wrap_malloc(size_t n) { return fails() ? NULL : __real_malloc(n); }
void *__wrap_calloc(size_t n, size_t size) { return fails() ? NULL : __real_calloc(n, size); }
void *__wrap_realloc(void *block, size_t n) { return fails() ? NULL : __real_realloc(block, n); }

enum { MOST_ALLOCATIONS = 500 };

/* Whether the allocation that had to fail was reached. */
static bool was_reached(void)
{
    bool reached = countdown < 0;
    countdown = -1;
    return reached;
}

static bool encode_failing(const stream_case *c, const stream *s, long nth)
{
    const mic_layout layout = asked_layout(c);
    const mic_encode_options options = asked_options(c, 1);
    mic_encoded *encoded = NULL;
    mic_error error = {.status = MIC_OK};
    countdown = nth;
    mic_status status = mic_encode(&layout, s->samples, &options, &encoded, &error);
    bool reached = was_reached();
    CHECK(status == MIC_OK || (reached && status == MIC_ERROR_MEMORY && error.status == status && !encoded),
          "%s: status %d, allocation %ld", c->name, status, nth);
    if (encoded)
        mic_encoded_free(encoded);
    return reached;
}

/* Decode the last frame, because the first of a temporal stream is no difference.  Decoding
 * a part of it needs room for the whole. */
static bool decode_failing(const stream_case *c, const stream *s, const uint64_t *offsets, bool is_part,
                           long nth)
{
    const size_t last = (size_t)s->layout.n_frames - 1;
    uint8_t *out = need(malloc((size_t)mic_frame_bytes(&s->layout)));
    mic_error error = {.status = MIC_OK};
    mic_decode_job job = {.layout = &s->layout,
                          .shared = s->shared,
                          .in = s->bytes + offsets[last],
                          .n_bytes = (size_t)(offsets[last + 1] - offsets[last]),
                          .frame = (int64_t)last,
                          .base_offset = offsets[last],
                          .n_rows = s->layout.rows,
                          .out = out,
                          .row_stride = (ptrdiff_t)(mic_frame_bytes(&s->layout) / s->layout.rows)};
    if (is_part) {
        job.first_row = s->layout.rows / 2;
        job.n_rows -= job.first_row;
        job.first_column = s->layout.columns / 2;
        job.n_columns = s->layout.columns - job.first_column;
    }
    countdown = nth;
    mic_status status = mic_decode(&job, 1, 1, &error);
    bool reached = was_reached();
    CHECK(status == MIC_OK || (reached && status == MIC_ERROR_MEMORY && error.status == status),
          "%s: status %d, allocation %ld", c->name, status, nth);
    free(out);
    return reached;
}

static void test_case(const stream_case *c)
{
    stream s = make_stream(c);
    uint64_t *offsets = NULL;
    long nth = 0;
    CHECK(locate_frames(s.bytes, s.n_bytes, &s.layout, &offsets, NULL) == MIC_OK, "%s", c->name);
    while (nth < MOST_ALLOCATIONS && encode_failing(c, &s, nth))
        nth++;
    CHECK(nth > 0 && nth < MOST_ALLOCATIONS, "%s: %ld allocations", c->name, nth);
    for (int is_part = 0; is_part < 2; is_part++) {
        for (nth = 0; nth < MOST_ALLOCATIONS && decode_failing(c, &s, offsets, is_part, nth);)
            nth++;
        CHECK(nth > 0 && nth < MOST_ALLOCATIONS, "%s: %ld allocations", c->name, nth);
    }
    free(offsets);
    stream_free(&s);
}

static void test_slide(mic_sample_type type, unsigned channels)
{
    enum { TILES = 4 };
    const mic_layout layout = {.container = MIC_CONTAINER_MIC3,
                               .sample_type = type,
                               .codec = FSE,
                               .channels = channels,
                               .n_axes = 1,
                               .axes = {TILES},
                               .n_frames = TILES,
                               .rows = 8,
                               .columns = 9,
                               .n_levels = 1,
                               .levels = {{16, 18}}};
    const mic_encode_options options = {.codec = FSE, .n_states = 4, .n_threads = 1};
    const size_t n_tile = (size_t)mic_frame_bytes(&layout), n_words = TILES * n_tile / 2 + 1;
    uint16_t *samples = need(malloc(n_words * sizeof *samples));
    fill_words(SKEWED, samples, n_words);
    uint8_t *out = need(malloc(n_tile)), *coded = NULL;
    size_t n_bytes = 0;
    bool reached = true;
    for (long nth = 0; reached; nth++) {
        mic_encoded *tiles[TILES];
        unsigned bits_used;
        countdown = nth;
        mic_status status = mic_encode_frames(&layout, samples, TILES, &options, tiles, &bits_used, NULL);
        reached = was_reached();
        CHECK(status == MIC_OK || (reached && status == MIC_ERROR_MEMORY), "%u channels: %d, allocation %ld",
              channels, status, nth);
        for (int i = 0; i < TILES; i++)
            if (i > 0 || reached)
                mic_encoded_free(tiles[i]);
        if (!reached)
            coded = take_encoded(tiles[0], &n_bytes);
    }
    reached = true;
    for (long nth = 0; reached; nth++) {
        const mic_decode_job job = {.layout = &layout,
                                    .in = coded,
                                    .n_bytes = n_bytes,
                                    .n_rows = layout.rows,
                                    .out = out,
                                    .row_stride = (ptrdiff_t)(n_tile / layout.rows)};
        countdown = nth;
        mic_status status = mic_decode(&job, 1, 1, NULL);
        reached = was_reached();
        CHECK(status == (reached ? MIC_ERROR_MEMORY : MIC_OK), "%u channels: %d, allocation %ld", channels,
              status, nth);
    }
    free(coded);
    free(out);
    free(samples);
}

static void test_stage(mic_stream_kind kind)
{
    enum { SIDE = 30 };
    uint16_t pixels[SIDE * SIDE], decoded[SIDE * SIDE];
    const size_t bound = mic_stream_bound(SIDE * SIDE);
    uint8_t *out = need(malloc(bound));
    size_t n_bytes = 0;
    fill_words(SKEWED, pixels, SIDE * SIDE);
    bool reached = true;
    for (long nth = 0; reached; nth++) {
        countdown = nth;
        mic_status status = mic_stream_encode(kind, pixels, SIDE, SIDE, 255, 1, out, bound, &n_bytes, NULL);
        reached = was_reached();
        CHECK(status == (reached ? MIC_ERROR_MEMORY : MIC_OK), "kind %d: %d, allocation %ld", kind, status,
              nth);
    }
    reached = true;
    for (long nth = 0; reached; nth++) {
        countdown = nth;
        mic_status status = mic_stream_decode(kind, out, n_bytes, SIDE, SIDE, decoded, NULL);
        reached = was_reached();
        CHECK(status == (reached ? MIC_ERROR_MEMORY : MIC_OK), "kind %d: %d, allocation %ld", kind, status,
              nth);
    }
    free(out);
}

static void test_wavelet(mic_wavelet variant)
{
    enum { SIDE = 30 };
    uint16_t pixels[SIDE * SIDE], decoded[SIDE * SIDE];
    const size_t bound = mic_wavelet_bound(SIDE * SIDE);
    uint8_t *out = need(malloc(bound));
    size_t n_bytes = 0;
    fill_words(SKEWED, pixels, SIDE * SIDE);
    for (int decodes = 0; decodes < 2; decodes++) {
        bool reached = true;
        for (long nth = 0; reached; nth++) {
            countdown = nth;
            mic_status status = decodes
                                    ? mic_wavelet_decode(variant, out, n_bytes, decoded, SIDE * SIDE, NULL)
                                    : mic_wavelet_encode(variant, pixels, SIDE, SIDE, 255, 3, out, bound,
                                                         &n_bytes, NULL);
            reached = was_reached();
            CHECK(status == (reached ? MIC_ERROR_MEMORY : MIC_OK), "variant %d: %d, allocation %ld", variant,
                  status, nth);
        }
    }
    free(out);
}

int main(void)
{
    const mic_isa chosen = mic_active_isa();
    for (mic_isa isa = MIC_ISA_SCALAR; isa <= MIC_ISA_NEON; isa++)
        for (size_t i = 0; i < COUNT_OF(stream_cases) && mic_use_isa(isa, NULL) == MIC_OK; i++)
            if (stream_cases[i].strip_rows == 0)
                test_case(&stream_cases[i]);
    mic_use_isa(chosen, NULL);
    for (mic_stream_kind kind = MIC_STREAM_FSE; kind <= MIC_STREAM_RANS; kind++)
        test_stage(kind);
    for (mic_wavelet variant = MIC_WAVELET_V2; variant <= MIC_WAVELET_V1_RUNS; variant++)
        test_wavelet(variant);
    test_slide(MIC_UINT16, 1);
    test_slide(MIC_UINT8, 1);
    test_slide(MIC_UINT8, 3);
    return report("test_memory");
}
