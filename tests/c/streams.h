/* SPDX-License-Identifier: MIT
 *
 * Small streams of every kind, and code that reads a whole stream as the Python layer does.
 * Include check.h first.
 */
#ifndef STREAMS_H
#define STREAMS_H

#include "container/container_format.h"

typedef struct stream_case {
    const char *name;
    mic_container container;
    mic_sample_type type;
    unsigned channels, n_axes;
    uint32_t axes[3], rows, columns;
    uint32_t strip_rows; /* 0: as mic_encode plans; otherwise written frame by frame */
    mic_codec codec;
    int n_states;
    pattern content;
    uint16_t step; /* the samples are multiples of this */
} stream_case;

#define FSE MIC_CODEC_FSE
#define HUFFMAN MIC_CODEC_HUFFMAN
#define WAVEFRONT MIC_CODEC_WAVEFRONT
#define NATIVE MIC_CONTAINER_NATIVE
#define MIC1 MIC_CONTAINER_MIC1
#define MIC2 MIC_CONTAINER_MIC2
#define PICS MIC_CONTAINER_PICS
#define PICA MIC_CONTAINER_PICA
#define MICR MIC_CONTAINER_MICR

enum { N_STRIPS = 3 }; /* for PICS and PICA */

static const stream_case stream_cases[] = {
    {"u16 fse4", NATIVE, MIC_UINT16, 1, 0, {0}, 12, 17, 0, FSE, 4, SKEWED, 1},
    {"u16 fse1", NATIVE, MIC_UINT16, 1, 0, {0}, 12, 17, 0, FSE, 1, SKEWED, 1},
    {"i16 fse8", NATIVE, MIC_INT16, 1, 0, {0}, 15, 13, 0, FSE, 8, SKEWED, 1},
    {"i16 runs", NATIVE, MIC_INT16, 1, 0, {0}, 15, 20, 0, FSE, 2, RUNS, 1},
    {"i8 huffman", NATIVE, MIC_INT8, 1, 0, {0}, 9, 21, 0, HUFFMAN, 4, SKEWED, 1},
    {"u16 packed", NATIVE, MIC_UINT16, 1, 0, {0}, 14, 14, 0, FSE, 4, SKEWED, 97},
    {"u16 noise", NATIVE, MIC_UINT16, 1, 0, {0}, 7, 9, 0, FSE, 4, NOISE, 1},
    {"u8 noise", NATIVE, MIC_UINT8, 1, 0, {0}, 7, 9, 0, FSE, 4, NOISE, 1},
    {"i16 extremes", NATIVE, MIC_INT16, 1, 0, {0}, 9, 9, 0, HUFFMAN, 4, EXTREMES, 1},
    {"u16 constant", NATIVE, MIC_UINT16, 1, 0, {0}, 30, 40, 0, FSE, 4, CONSTANT, 1},
    {"u16 1x1", NATIVE, MIC_UINT16, 1, 0, {0}, 1, 1, 0, FSE, 4, NOISE, 1},
    {"i16 1xN", NATIVE, MIC_INT16, 1, 0, {0}, 1, 200, 0, FSE, 4, RAMP, 1},
    {"u16 Nx1", NATIVE, MIC_UINT16, 1, 0, {0}, 200, 1, 0, FSE, 4, SPARSE, 1},
    {"u8 colour", NATIVE, MIC_UINT8, 3, 0, {0}, 6, 11, 0, FSE, 4, SKEWED, 1},
    {"u16 colour", NATIVE, MIC_UINT16, 3, 1, {2}, 5, 7, 0, HUFFMAN, 4, FEW, 3},
    {"u16 volume", NATIVE, MIC_UINT16, 1, 1, {3}, 8, 9, 0, FSE, 2, SKEWED, 1},
    {"i8 4-d", NATIVE, MIC_INT8, 1, 2, {2, 2}, 5, 6, 0, FSE, 4, FEW, 1},
    {"u16 wavefront", NATIVE, MIC_UINT16, 1, 0, {0}, 33, 20, 0, WAVEFRONT, 4, SKEWED, 1},
    {"u16 wavefront strips", NATIVE, MIC_UINT16, 1, 0, {0}, 70, 10, 33, WAVEFRONT, 4, SKEWED, 1},
    {"i8 wavefront", NATIVE, MIC_INT8, 1, 1, {2}, 40, 9, 0, WAVEFRONT, 4, SKEWED, 1},
    {"u8 wavefront colour", NATIVE, MIC_UINT8, 3, 0, {0}, 12, 14, 7, WAVEFRONT, 4, SKEWED, 1},
    {"u16 wavefront 1x1", NATIVE, MIC_UINT16, 1, 0, {0}, 1, 1, 0, WAVEFRONT, 4, NOISE, 1},
    {"i16 wavefront packed", NATIVE, MIC_INT16, 1, 0, {0}, 20, 12, 11, WAVEFRONT, 4, SKEWED, 97},
    {"u16 shared models", NATIVE, MIC_UINT16, 1, 1, {5}, 32, 32, 0, WAVEFRONT, 4, SKEWED, 1},
    {"u8 colour, shared models", NATIVE, MIC_UINT8, 3, 1, {3}, 24, 30, 0, WAVEFRONT, 4, SKEWED, 1},
    {"u16 strips", NATIVE, MIC_UINT16, 1, 0, {0}, 23, 12, 5, FSE, 4, SKEWED, 1},
    {"i16 strips, frames", NATIVE, MIC_INT16, 1, 1, {2}, 11, 9, 4, HUFFMAN, 4, SKEWED, 5},
    {"u8 strips, colour", NATIVE, MIC_UINT8, 3, 0, {0}, 9, 7, 2, FSE, 4, RUNS, 1},
    {"mic1 fse4", MIC1, MIC_UINT16, 1, 0, {0}, 16, 16, 0, FSE, 4, SKEWED, 1},
    {"mic1 fse1", MIC1, MIC_UINT16, 1, 0, {0}, 11, 24, 0, FSE, 1, SKEWED, 1},
    {"mic2", MIC2, MIC_UINT16, 1, 1, {3}, 14, 20, 0, FSE, 2, SKEWED, 1},
    {"mic2 temporal", MIC2, MIC_UINT16, 1, 1, {3}, 14, 20, 0, FSE, 2, SKEWED, 1},
    {"mic2 temporal, 1 frame", MIC2, MIC_UINT16, 1, 1, {1}, 11, 19, 0, FSE, 2, SKEWED, 1},
    {"pics", PICS, MIC_UINT16, 1, 0, {0}, 32, 18, 0, FSE, 2, SKEWED, 1},
    {"pica", PICA, MIC_UINT16, 1, 0, {0}, 34, 18, 0, FSE, 2, SKEWED, 1},
    {"micr", MICR, MIC_UINT8, 3, 0, {0}, 17, 15, 0, FSE, 2, SKEWED, 1},
    {"micr noise", MICR, MIC_UINT8, 3, 0, {0}, 9, 8, 0, FSE, 2, NOISE, 1},
    {"micr 1x1", MICR, MIC_UINT8, 3, 0, {0}, 1, 1, 0, FSE, 2, NOISE, 1},
};

typedef struct stream {
    mic_layout layout; /* as read back from the header */
    uint8_t *bytes;
    size_t n_bytes;
    uint8_t *samples;
    size_t n_sample_bytes;
    mic_shared_models *shared; /* NULL if the stream has none */
} stream;

static inline void stream_free(stream *s)
{
    free(s->bytes);
    free(s->samples);
    mic_shared_models_free(s->shared);
}

static inline uint8_t *make_samples(const stream_case *c, size_t n)
{
    uint16_t *words = need(malloc((n + 1) * sizeof *words));
    fill_words(c->content, words, n);
    for (size_t i = 0; i < n; i++)
        words[i] = (uint16_t)(words[i] * c->step);
    if (mic_sample_bytes(c->type) == 1)
        for (size_t i = 0; i < n; i++)
            ((uint8_t *)words)[i] = (uint8_t)words[i];
    uint8_t *samples = exact_copy(words, n * mic_sample_bytes(c->type));
    free(words);
    return samples;
}

static inline mic_layout asked_layout(const stream_case *c)
{
    mic_layout layout = {.container = c->container,
                         .sample_type = c->type,
                         .codec = c->codec,
                         .channels = c->channels,
                         .n_axes = c->n_axes,
                         .n_frames = 1,
                         .rows = c->rows,
                         .columns = c->columns,
                         .strip_rows = c->strip_rows};
    for (unsigned i = 0; i < c->n_axes; i++) {
        layout.axes[i] = c->axes[i];
        layout.n_frames *= c->axes[i];
    }
    return layout;
}

static inline mic_encode_options asked_options(const stream_case *c, int n_threads)
{
    return (mic_encode_options){.codec = c->codec,
                                .n_states = c->n_states,
                                .effort = 5,
                                .n_threads = n_threads,
                                .max_value = c->container == NATIVE ? 0 : 255,
                                .n_strips = N_STRIPS,
                                .temporal = strstr(c->name, "temporal") != NULL};
}

static inline uint8_t *take_encoded(mic_encoded *encoded, size_t *n_bytes)
{
    *n_bytes = (size_t)mic_encoded_size(encoded);
    uint8_t *bytes = need(malloc(*n_bytes));
    mic_encoded_write(encoded, bytes);
    mic_encoded_free(encoded);
    return bytes;
}

/* Open the shared models of a stream whose header announces some, or what is left of them
 * in a truncated stream. */
static inline mic_shared_models *open_shared(const uint8_t *in, size_t n_bytes, const mic_layout *layout)
{
    const size_t end = min_size((size_t)layout->header_bytes, n_bytes);
    const size_t start = min_size((size_t)layout->header_bytes - layout->shared_bytes, end);
    mic_shared_models *shared = NULL;
    if (layout->shared_bytes)
        CHECK(mic_shared_models_open(layout, in + start, end - start, &shared, NULL) == MIC_OK, "%zu bytes",
              n_bytes);
    return shared;
}

/* Write header, frames and index one after the other: the only way to get small strips. */
static inline void write_by_frames(const stream_case *c, stream *s, int n_threads)
{
    const mic_encode_options options = asked_options(c, n_threads);
    mic_layout layout = asked_layout(c);
    uint64_t offsets[8];
    uint8_t header[MIC_HEADER_BOUND];
    size_t n_header;
    need(layout.n_frames < COUNT_OF(offsets) ? s : NULL);
    CHECK(mic_write_header(&layout, header, &n_header, NULL) == MIC_OK, "%s", c->name);
    s->n_bytes = n_header;
    for (size_t i = 0; i < layout.n_frames; i++) {
        mic_encoded *encoded;
        unsigned bits_used;
        size_t n;
        const uint8_t *samples = s->samples + i * mic_frame_bytes(&layout);
        CHECK(mic_encode_frame(&layout, samples, &options, &encoded, &bits_used, NULL) == MIC_OK, "%s",
              c->name);
        layout.bits_used = bits_used > layout.bits_used ? bits_used : layout.bits_used;
        uint8_t *frame = take_encoded(encoded, &n);
        offsets[i] = s->n_bytes;
        s->bytes = need(realloc(s->bytes, s->n_bytes + n));
        memcpy(s->bytes + s->n_bytes, frame, n);
        s->n_bytes += n;
        free(frame);
    }
    const size_t n_index = (size_t)mic_index_bytes(&layout);
    layout.index_offset = n_index ? s->n_bytes : 0;
    s->bytes = need(realloc(s->bytes, s->n_bytes + n_index));
    if (n_index)
        mic_write_index(offsets, layout.n_frames, s->bytes + s->n_bytes);
    s->n_bytes += n_index;
    CHECK(mic_write_header(&layout, header, &n_header, NULL) == MIC_OK, "%s", c->name);
    memcpy(s->bytes, header, n_header);
}

/* Encode the samples already in `s`. */
static inline void encode_stream(const stream_case *c, stream *s, int n_threads)
{
    s->bytes = NULL;
    s->n_bytes = 0;
    if (c->strip_rows) {
        write_by_frames(c, s, n_threads);
    } else {
        const mic_layout layout = asked_layout(c);
        const mic_encode_options options = asked_options(c, n_threads);
        mic_encoded *encoded = NULL;
        mic_error error = {.status = MIC_OK};
        CHECK(mic_encode(&layout, s->samples, &options, &encoded, &error) == MIC_OK, "%s: %s", c->name,
              error.message);
        s->bytes = take_encoded(need(encoded), &s->n_bytes);
    }
    CHECK(mic_read_header(s->bytes, s->n_bytes, &s->layout, NULL) == MIC_OK, "%s", c->name);
    s->shared = open_shared(s->bytes, s->n_bytes, &s->layout);
}

static inline stream make_stream(const stream_case *c)
{
    mic_layout layout = asked_layout(c);
    stream s = {.n_sample_bytes = (size_t)(layout.n_frames * mic_frame_bytes(&layout))};
    s.samples = make_samples(c, s.n_sample_bytes / mic_sample_bytes(c->type));
    encode_stream(c, &s, 2);
    return s;
}

/* Where each frame begins, and where the last one ends: n_frames + 1 offsets, which the
 * caller frees whatever the status. */
static inline mic_status locate_frames(const uint8_t *in, size_t n_bytes, const mic_layout *layout,
                                       uint64_t **offsets, mic_error *error)
{
    *offsets = NULL;
    if (layout->n_axes)
        TRY(mic_check_index(layout, n_bytes, error));
    uint64_t *found = *offsets = need(malloc((layout->n_frames + 1) * sizeof *found));
    mic_status status;
    if (layout->n_axes) {
        status = mic_read_index(layout, in + layout->index_offset, n_bytes - (size_t)layout->index_offset,
                                found, error);
        const uint64_t end = layout->stream_bytes ? layout->stream_bytes : found[layout->n_frames];
        if (status == MIC_OK && end != n_bytes)
            status = end < n_bytes ? MIC_ERROR_CORRUPT : MIC_ERROR_TRUNCATED;
    } else {
        const size_t n_header = (size_t)layout->header_bytes;
        uint64_t size = 0;
        status = mic_frame_size(layout, in + n_header, n_bytes - n_header, &size, error);
        found[0] = n_header;
        found[1] = n_header + size;
        if (status == MIC_OK && found[1] != n_bytes)
            status = found[1] < n_bytes ? MIC_ERROR_CORRUPT : MIC_ERROR_TRUNCATED;
    }
    return status;
}

/* Turn a difference into its frame by adding the frame before, which precedes it in memory. */
static inline void add_frame(uint16_t *frame, size_t n)
{
    for (size_t i = 0; i < n; i++)
        frame[i] = (uint16_t)(frame[i] + frame[(ptrdiff_t)i - (ptrdiff_t)n]);
}

/* Decode every frame of a stream into exactly `n_out` bytes; `intact`, if given, has a flag
 * for each row of each frame.  Returns MIC_ERROR_LIMIT if the stream announces another
 * size, as a caller's limit would. */
static inline mic_status decode_stream(const uint8_t *in, size_t n_bytes, int n_threads, uint8_t *out,
                                       size_t n_out, uint8_t *intact, mic_error *error)
{
    mic_layout layout;
    uint64_t *offsets = NULL;
    TRY(mic_read_header(in, n_bytes, &layout, error));
    if (layout.n_frames * mic_frame_bytes(&layout) != n_out)
        return MIC_ERROR_LIMIT;
    mic_status status = locate_frames(in, n_bytes, &layout, &offsets, error);
    if (status == MIC_OK) {
        const size_t n_frames = (size_t)layout.n_frames, frame_bytes = (size_t)mic_frame_bytes(&layout);
        mic_decode_job *jobs = need(calloc(n_frames, sizeof *jobs));
        mic_shared_models *shared = open_shared(in, n_bytes, &layout);
        for (size_t i = 0; i < n_frames; i++)
            jobs[i] = (mic_decode_job){.layout = &layout,
                                       .shared = shared,
                                       .in = in + offsets[i],
                                       .n_bytes = (size_t)(offsets[i + 1] - offsets[i]),
                                       .frame = (int64_t)i,
                                       .base_offset = offsets[i],
                                       .n_rows = layout.rows,
                                       .out = out + i * frame_bytes,
                                       .row_stride = (ptrdiff_t)(frame_bytes / layout.rows),
                                       .intact = intact ? intact + i * layout.rows : NULL};
        status = mic_decode(jobs, n_frames, n_threads, error);
        for (size_t i = 1; layout.temporal && status == MIC_OK && i < n_frames; i++)
            add_frame((uint16_t *)(void *)(out + i * frame_bytes), frame_bytes / sizeof(uint16_t));
        mic_shared_models_free(shared);
        free(jobs);
    }
    free(offsets);
    return status;
}

#endif
