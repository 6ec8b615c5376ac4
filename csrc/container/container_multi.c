/* SPDX-License-Identifier: MIT
 *
 * The published container of several frames, MIC2:
 *
 *     0  4  "MIC2"    12  4  frames                      20  8 a frame: offset from the
 *     4  4  width     16  1  flags: bit 0, bit 1 temporal       table's end, length
 *     8  4  height    17  3  zero                        ..  the frames in order
 *
 * A frame is a published stream.  In temporal mode every frame after the first is a
 * difference (difference.c), so reading one means reading all before it.
 */
#include "published.h"

#include "../stages/stream.h"
#include "../base/threads.h"

#include <stdlib.h>

enum { HEADER_BYTES = 20, ENTRY_BYTES = 8, FLAG_ALWAYS = 1, FLAG_TEMPORAL = 2 };

static mic_status read_header(const uint8_t *in, size_t n_bytes, mic_layout *layout, mic_error *error)
{
    TRY(mic_published_check_header(n_bytes, HEADER_BYTES, "MIC2", error));
    if (in[16] & ~(FLAG_ALWAYS | FLAG_TEMPORAL))
        return mic_fail(error, MIC_ERROR_CORRUPT, "header", 16,
                        "the MIC2 file has the flags %#x, only bits 0 and 1 are expected (damaged file?)",
                        in[16]);
    *layout = (mic_layout){.container = MIC_CONTAINER_MIC2,
                           .sample_type = MIC_UINT16,
                           .codec = MIC_CODEC_FSE,
                           .channels = 1,
                           .bits_used = 16,
                           .columns = load_u32(in + 4),
                           .rows = load_u32(in + 8),
                           .n_axes = 1,
                           .axes = {load_u32(in + 12)},
                           .temporal = (in[16] & FLAG_TEMPORAL) != 0};
    TRY(mic_check_shape(layout, error));
    layout->strip_rows = layout->rows;
    layout->index_offset = HEADER_BYTES;
    layout->header_bytes = HEADER_BYTES + layout->n_frames * ENTRY_BYTES;
    return MIC_OK;
}

/* ---- index -------------------------------------------------------------- */

static uint64_t index_bytes(const mic_layout *layout) { return layout->n_frames * ENTRY_BYTES; }

static mic_status read_index(const mic_layout *layout, const uint8_t *in, uint64_t *frame_offsets,
                             mic_error *error)
{
    uint64_t end = 0;
    for (uint64_t i = 0; i < layout->n_frames; i++, in += ENTRY_BYTES) {
        const uint32_t offset = load_u32(in), length = load_u32(in + 4);
        if (offset != end || length == 0)
            return mic_fail(
                error, MIC_ERROR_CORRUPT, "index", (int64_t)(layout->index_offset + i * ENTRY_BYTES),
                "frame %llu is announced at offset %u with %u bytes, a frame at offset %llu, where the "
                "one before ends, is expected (damaged file?)",
                (unsigned long long)i, offset, length, (unsigned long long)end);
        frame_offsets[i] = layout->header_bytes + offset;
        end += length;
    }
    frame_offsets[layout->n_frames] = layout->header_bytes + end;
    return MIC_OK;
}

/* ---- encoding ----------------------------------------------------------- */

typedef struct encode_loop {
    const mic_layout *layout;
    const uint16_t *samples;
    unsigned max_value;
    int n_states;
    bool temporal;
    struct encoded_part *parts; /* of the frames */
} encode_loop;

static mic_status encode_difference(const encode_loop *loop, const uint16_t *frame, size_t n_pixels,
                                    struct encoded_part *part, mic_error *error)
{
    const size_t capacity = mic_stream_bound(n_pixels);
    uint8_t *block = malloc(capacity);
    size_t n_bytes = 0;
    if (!block)
        return mic_stream_no_memory("a frame", capacity, error);
    mic_status status = mic_difference_encode(frame, frame - n_pixels, n_pixels, loop->n_states, block,
                                              capacity, &n_bytes, error);
    return mic_published_fit(status, block, n_bytes, part);
}

static mic_status encode_frame(void *context, size_t i, mic_error *error)
{
    const encode_loop *loop = context;
    const mic_layout *layout = loop->layout;
    const size_t n_pixels = (size_t)layout->rows * layout->columns;
    const uint16_t *frame = loop->samples + i * n_pixels;
    mic_status status = loop->temporal && i > 0
                            ? encode_difference(loop, frame, n_pixels, &loop->parts[i], error)
                            : mic_published_stream(MIC_STREAM_FSE, frame, layout->columns, layout->rows,
                                                   loop->max_value, loop->n_states, &loop->parts[i], error);
    if (status != MIC_OK)
        error->frame = (int64_t)i;
    return status;
}

static void write_header(const mic_layout *layout, bool temporal, const mic_encoded *encoded)
{
    uint8_t *out = encoded->parts[0].bytes;
    memcpy(out, mic_mic2_format.magic, MAGIC_BYTES);
    store_u32(out + 4, layout->columns);
    store_u32(out + 8, layout->rows);
    store_u32(out + 12, (uint32_t)layout->n_frames);
    out[16] = FLAG_ALWAYS | (temporal ? FLAG_TEMPORAL : 0);
    out += HEADER_BYTES;
    uint32_t offset = 0;
    for (size_t i = 1; i < encoded->n_parts; i++, out += ENTRY_BYTES) {
        store_u32(out, offset);
        store_u32(out + 4, (uint32_t)encoded->parts[i].n_bytes);
        offset += (uint32_t)encoded->parts[i].n_bytes;
    }
}

static mic_status encode(const mic_layout *layout, const void *samples, const mic_encode_options *options,
                         mic_encoded **encoded, mic_error *error)
{
    const size_t n_frames = (size_t)layout->n_frames;
    TRY(mic_published_new(HEADER_BYTES + n_frames * ENTRY_BYTES, n_frames, encoded, error));
    encode_loop loop = {.layout = layout,
                        .samples = samples,
                        .n_states = options->n_states,
                        .max_value = mic_published_maximum(layout, samples, options),
                        .temporal = options->temporal,
                        .parts = (*encoded)->parts + 1};
    TRY(mic_parallel_for(n_frames, options->n_threads, encode_frame, &loop, error));
    TRY(mic_published_check_size(*encoded, error));
    write_header(layout, options->temporal, *encoded);
    return MIC_OK;
}

/* ---- decoding ----------------------------------------------------------- */

static mic_status decode(const mic_decode_job *job, int n_threads, mic_error *error)
{
    const mic_layout *layout = job->layout;
    const coded_rows whole = {.in = job->in,
                              .n_bytes = job->n_bytes,
                              .n_rows = layout->rows,
                              .is_difference = layout->temporal && job->base_offset != layout->header_bytes};
    (void)n_threads;
    return mic_published_decode(job, &whole, error);
}

const container_format mic_mic2_format = {
    .magic = {'M', 'I', 'C', '2'},
    .name = "MIC2",
    .holds = "frames of uint16 samples on one leading axis",
    .sample_type = MIC_UINT16,
    .channels = 1,
    .n_axes = 1,
    .read_header = read_header,
    .encode = encode,
    .index_bytes = index_bytes,
    .read_index = read_index,
    .decode = decode,
};
