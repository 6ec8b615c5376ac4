/* SPDX-License-Identifier: MIT
 *
 * The published container of one image, MIC1:
 *
 *     0  4  "MIC1"     8  4  height         16  4  bytes of the stream
 *     4  4  width     12  4  pipeline (1)   20     a published stream
 *
 * It keeps 16-bit patterns: neither sign nor 8-bit samples, and no checksum.
 */
#include "container.h"

#include "frame.h"
#include "kernels.h"

#include <stdlib.h>

const uint8_t mic_mic1_magic[MAGIC_BYTES] = {'M', 'I', 'C', '1'};

enum { PIPELINE = 1 };

mic_status mic_mic1_read_header(const uint8_t *in, size_t n_bytes, mic_layout *layout, mic_error *error)
{
    if (n_bytes < MIC1_HEADER_BYTES)
        return mic_fail(error, MIC_ERROR_TRUNCATED, "header", (int64_t)n_bytes,
                        "the data end after %zu bytes, %d are expected for a MIC1 header (truncated file?)",
                        n_bytes, MIC1_HEADER_BYTES);
    if (load_u32(in + 12) != PIPELINE)
        return mic_fail(error, MIC_ERROR_CORRUPT, "header", 12,
                        "the MIC1 file names pipeline %u, %d is expected (damaged file?)", load_u32(in + 12),
                        PIPELINE);
    *layout = (mic_layout){.container = MIC_CONTAINER_MIC1, .sample_type = MIC_UINT16,
                           .codec = MIC_CODEC_FSE, .channels = 1, .bits_used = 16,
                           .columns = load_u32(in + 4), .rows = load_u32(in + 8)};
    TRY(mic_check_shape(layout, error));
    layout->strip_rows = layout->rows;
    layout->header_bytes = MIC1_HEADER_BYTES;
    layout->stream_bytes = MIC1_HEADER_BYTES + (uint64_t)load_u32(in + 16);
    return MIC_OK;
}

mic_status mic_mic1_frame_size(const mic_layout *layout, size_t n_bytes, uint64_t *frame_size,
                               mic_error *error)
{
    *frame_size = layout->stream_bytes - layout->header_bytes;
    if (*frame_size > n_bytes)
        return mic_fail(error, MIC_ERROR_TRUNCATED, "header", 16,
                        "the MIC1 file announces a stream of %llu bytes, %zu follow the header (truncated file?)",
                        (unsigned long long)*frame_size, n_bytes);
    return MIC_OK;
}

mic_status mic_mic1_encode(const mic_layout *layout, const void *samples,
                           const mic_encode_options *options, mic_encoded **encoded, mic_error *error)
{
    const size_t n_pixels = (size_t)layout->rows * layout->columns, capacity = mic_stream_bound(n_pixels);
    unsigned max_value = options->max_value ? options->max_value : mic_kernels_active()->largest(samples, n_pixels);
    mic_encoded *result = mic_encoded_new(2);
    uint8_t *header = malloc(MIC1_HEADER_BYTES), *stream = malloc(capacity);
    if (!result || !header || !stream) {
        free(header);
        free(stream);
        mic_encoded_free(result);
        return mic_fail(error, MIC_ERROR_MEMORY, "container", -1, "no memory for a stream of %zu bytes", capacity);
    }
    result->parts[0].bytes = header;
    result->parts[0].n_bytes = MIC1_HEADER_BYTES;
    result->parts[1].bytes = stream;
    mic_status status = mic_stream_encode(MIC_STREAM_FSE, samples, layout->columns, layout->rows, max_value,
                                          options->n_states, stream, capacity, &result->parts[1].n_bytes, error);
    if (status != MIC_OK) {
        mic_encoded_free(result);
        return status;
    }
    memcpy(header, mic_mic1_magic, MAGIC_BYTES);
    store_u32(header + 4, layout->columns);
    store_u32(header + 8, layout->rows);
    store_u32(header + 12, PIPELINE);
    store_u32(header + 16, (uint32_t)result->parts[1].n_bytes);
    *encoded = result;
    return MIC_OK;
}

/* The stream has no strips: some of its rows cost all of them. */
mic_status mic_mic1_decode(const mic_decode_job *job, mic_error *error)
{
    const mic_layout *layout = job->layout;
    const size_t columns = layout->columns, n_pixels = (size_t)layout->rows * columns;
    uint16_t *pixels = malloc(n_pixels * sizeof *pixels);
    if (!pixels)
        return mic_fail(error, MIC_ERROR_MEMORY, "container", -1, "no memory for %zu pixels", n_pixels);
    mic_status status = mic_stream_decode(MIC_STREAM_FSE, job->in, job->n_bytes, columns, layout->rows,
                                          pixels, error);
    bool intact = status == MIC_OK;
    for (size_t y = 0; y < job->n_rows && (intact || job->intact); y++) {
        uint8_t *row = job->out + (ptrdiff_t)y * job->row_stride;
        if (intact)
            memcpy(row, pixels + (job->first_row + y) * columns, columns * sizeof *pixels);
        else
            memset(row, 0, columns * sizeof *pixels);
    }
    if (job->intact) {
        memset(job->intact, intact, job->n_rows);
        status = MIC_OK;
    }
    free(pixels);
    return status;
}
