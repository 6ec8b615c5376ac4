/* SPDX-License-Identifier: MIT
 *
 * The published container of one image, MIC1:
 *
 *     0  4  "MIC1"     8  4  height         16  4  bytes of the stream
 *     4  4  width     12  4  pipeline (1)   20     a published stream
 *
 * It stores 16-bit patterns; it records neither sign nor 8-bit samples and has no checksum.
 */
#include "published.h"

enum { PIPELINE = 1 };

static mic_status read_header(const uint8_t *in, size_t n_bytes, mic_layout *layout, mic_error *error)
{
    TRY(mic_published_check_header(n_bytes, MIC1_HEADER_BYTES, "MIC1", error));
    if (load_u32(in + 12) != PIPELINE)
        return mic_fail(error, MIC_ERROR_CORRUPT, "header", 12,
                        "the MIC1 file names pipeline %u, %d is expected (damaged file?)", load_u32(in + 12),
                        PIPELINE);
    *layout = (mic_layout){.container = MIC_CONTAINER_MIC1,
                           .sample_type = MIC_UINT16,
                           .codec = MIC_CODEC_FSE,
                           .channels = 1,
                           .bits_used = 16,
                           .columns = load_u32(in + 4),
                           .rows = load_u32(in + 8)};
    TRY(mic_check_shape(layout, error));
    layout->strip_rows = layout->rows;
    layout->header_bytes = MIC1_HEADER_BYTES;
    layout->stream_bytes = MIC1_HEADER_BYTES + (uint64_t)load_u32(in + 16);
    return MIC_OK;
}

static mic_status frame_size(const mic_layout *layout, const uint8_t *in, size_t n_bytes, uint64_t *size,
                             mic_error *error)
{
    (void)in;
    *size = layout->stream_bytes - layout->header_bytes;
    if (*size > n_bytes)
        return mic_fail(
            error, MIC_ERROR_TRUNCATED, "header", 16,
            "the MIC1 file announces a stream of %llu bytes, %zu follow the header (truncated file?)",
            (unsigned long long)*size, n_bytes);
    return MIC_OK;
}

static mic_status encode(const mic_layout *layout, const void *samples, const mic_encode_options *options,
                         mic_encoded **encoded, mic_error *error)
{
    TRY(mic_published_new(MIC1_HEADER_BYTES, 1, encoded, error));
    struct encoded_part *parts = (*encoded)->parts;
    uint8_t *header = parts[0].bytes;
    TRY(mic_published_stream(MIC_STREAM_FSE, samples, layout->columns, layout->rows,
                             mic_published_maximum(layout, samples, options), options->n_states, &parts[1],
                             error));
    TRY(mic_published_check_size(*encoded, error));
    memcpy(header, mic_mic1_format.magic, MAGIC_BYTES);
    store_u32(header + 4, layout->columns);
    store_u32(header + 8, layout->rows);
    store_u32(header + 12, PIPELINE);
    store_u32(header + 16, (uint32_t)parts[1].n_bytes);
    return MIC_OK;
}

/* The stream has no strips: decoding some of its rows takes as long as decoding all. */
static mic_status decode(const mic_decode_job *job, int n_threads, mic_error *error)
{
    const coded_rows whole = {.in = job->in, .n_bytes = job->n_bytes, .n_rows = job->layout->rows};
    (void)n_threads;
    return mic_published_decode(job, &whole, error);
}

const container_format mic_mic1_format = {
    .magic = {'M', 'I', 'C', '1'},
    .name = "MIC1",
    .holds = "one image of uint16 samples",
    .sample_type = MIC_UINT16,
    .channels = 1,
    .read_header = read_header,
    .encode = encode,
    .frame_size = frame_size,
    .decode = decode,
};
