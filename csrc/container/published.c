/* SPDX-License-Identifier: MIT
 *
 * Code that the published containers share; see published.h.
 */
#include "published.h"

#include "../base/kernels.h"
#include "../stages/stream.h"

#include <stdlib.h>

/* ---- encoding ----------------------------------------------------------- */

unsigned mic_published_maximum(const mic_layout *layout, const void *samples,
                               const mic_encode_options *options)
{
    const size_t n_samples = (size_t)layout->rows * layout->columns * (size_t)layout->n_frames;
    return options->max_value ? options->max_value : mic_kernels_active()->largest(samples, n_samples);
}

mic_status mic_published_fit(mic_status status, uint8_t *block, size_t n_bytes, struct encoded_part *part)
{
    if (status != MIC_OK) {
        free(block);
        return status;
    }
    uint8_t *smaller = realloc(block, n_bytes ? n_bytes : 1);
    part->bytes = smaller ? smaller : block;
    part->n_bytes = n_bytes;
    return MIC_OK;
}

mic_status mic_published_stream(mic_stream_kind kind, const uint16_t *pixels, size_t width, size_t height,
                                unsigned max_value, int n_states, struct encoded_part *part, mic_error *error)
{
    const size_t capacity = mic_stream_bound(width * height);
    uint8_t *block = malloc(capacity);
    size_t n_bytes = 0;
    if (!block)
        return mic_stream_no_memory("a stream", capacity, error);
    mic_status status = mic_stream_encode(kind, pixels, width, height, max_value, n_states, block, capacity,
                                          &n_bytes, error);
    return mic_published_fit(status, block, n_bytes, part);
}

mic_status mic_published_new(size_t n_header, size_t n, mic_encoded **encoded, mic_error *error)
{
    mic_encoded *result = *encoded = mic_encoded_new(n + 1);
    uint8_t *header = calloc(n_header, 1);
    if (!result || !header) {
        free(header);
        mic_encoded_free(result);
        *encoded = NULL;
        return mic_fail(error, MIC_ERROR_MEMORY, "container", -1, "no memory for a table of %zu pieces", n);
    }
    result->parts[0].bytes = header;
    result->parts[0].n_bytes = n_header;
    return MIC_OK;
}

mic_status mic_published_check_size(const mic_encoded *encoded, mic_error *error)
{
    const uint64_t size = mic_encoded_size(encoded) - encoded->parts[0].n_bytes;
    if (size <= UINT32_MAX)
        return MIC_OK;
    return mic_fail(
        error, MIC_ERROR_UNSUPPORTED, "container", -1,
        "the encoded pieces make %llu bytes, at most %lu fit this container; divide the array or use "
        "the native container",
        (unsigned long long)size, (unsigned long)UINT32_MAX);
}

/* ---- decoding ----------------------------------------------------------- */

mic_status mic_published_check_header(size_t n_bytes, size_t expected, const char *name, mic_error *error)
{
    if (n_bytes >= expected)
        return MIC_OK;
    return mic_fail(error, MIC_ERROR_TRUNCATED, "header", (int64_t)n_bytes,
                    "the data end after %zu bytes, %zu are expected for a %s header (truncated file?)",
                    n_bytes, expected, name);
}

static mic_status decode_pixels(const coded_rows *rows, size_t columns, uint16_t *pixels, mic_error *error)
{
    if (rows->is_difference)
        return mic_difference_decode(rows->in, rows->n_bytes, rows->n_rows * columns, pixels, error);
    return mic_stream_decode(rows->kind, rows->in, rows->n_bytes, columns, rows->n_rows, pixels, error);
}

mic_status mic_published_decode(const mic_decode_job *job, const coded_rows *rows, mic_error *error)
{
    const size_t columns = job->layout->columns, n_row = columns * sizeof(uint16_t);
    const uint32_t job_end = job->first_row + job->n_rows, rows_end = rows->first_row + rows->n_rows;
    const uint32_t first = rows->first_row > job->first_row ? rows->first_row : job->first_row;
    const uint32_t end = rows_end < job_end ? rows_end : job_end;
    uint8_t *out = job->out + (ptrdiff_t)(first - job->first_row) * job->row_stride;
    /* If all rows are wanted and the output is one block of words, no copy is needed. */
    const bool in_place = end - first == rows->n_rows && job->row_stride == (ptrdiff_t)n_row &&
                          (uintptr_t)out % sizeof(uint16_t) == 0;
    uint16_t *pixels = in_place ? (uint16_t *)(void *)out : malloc(rows->n_rows * n_row);
    if (!pixels)
        return mic_stream_no_memory("pixels", rows->n_rows * n_row, error);
    mic_status status = decode_pixels(rows, columns, pixels, error);
    const uint8_t *from = (const uint8_t *)pixels + (first - rows->first_row) * n_row;
    for (uint32_t y = first; y < end && (!in_place || status != MIC_OK);
         y++, out += job->row_stride, from += n_row) {
        if (status == MIC_OK)
            memcpy(out, from, n_row);
        else if (job->intact)
            memset(out, 0, n_row);
    }
    if (!in_place)
        free(pixels);
    if (job->intact && status != MIC_ERROR_MEMORY) {
        memset(job->intact + (first - job->first_row), status == MIC_OK, end - first);
        status = MIC_OK;
    }
    return status;
}

mic_status mic_published_give_up(const mic_decode_job *job, mic_status status)
{
    const size_t n_row = (size_t)mic_frame_bytes(job->layout) / job->layout->rows;
    if (!job->intact || status == MIC_ERROR_MEMORY)
        return status;
    for (uint32_t y = 0; y < job->n_rows; y++)
        memset(job->out + (ptrdiff_t)y * job->row_stride, 0, n_row);
    memset(job->intact, 0, job->n_rows);
    return MIC_OK;
}
