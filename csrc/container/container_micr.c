/* SPDX-License-Identifier: MIT
 *
 * The published container of one 8-bit RGB image, MICR:
 *
 *     0  4  "MICR"    4  4  width    8  4  height    12  the planes (rgb_planes.h)
 */
#include "published.h"

#include "rgb_planes.h"

#include <stdlib.h>

enum { HEADER_BYTES = 12 };

static mic_status read_header(const uint8_t *in, size_t n_bytes, mic_layout *layout, mic_error *error)
{
    TRY(mic_published_check_header(n_bytes, HEADER_BYTES, "MICR", error));
    *layout = (mic_layout){.container = MIC_CONTAINER_MICR,
                           .sample_type = MIC_UINT8,
                           .codec = MIC_CODEC_FSE,
                           .channels = RGB_PLANES,
                           .bits_used = 8,
                           .columns = load_u32(in + 4),
                           .rows = load_u32(in + 8),
                           .n_parts = RGB_PLANES};
    TRY(mic_check_shape(layout, error));
    layout->strip_rows = layout->rows;
    layout->header_bytes = HEADER_BYTES;
    return MIC_OK;
}

static mic_status frame_size(const mic_layout *layout, const uint8_t *in, size_t n_bytes, uint64_t *size,
                             mic_error *error)
{
    (void)layout;
    return mic_rgb_size(in, n_bytes, size, error);
}

static mic_status read_parts(const mic_layout *layout, const uint8_t *in, size_t n_bytes, mic_part *parts,
                             mic_error *error)
{
    uint64_t size = 0, offset = RGB_HEAD_BYTES;
    TRY(mic_rgb_size(in, n_bytes, &size, error));
    for (int c = 0; c < RGB_PLANES; c++) {
        parts[c] = (mic_part){.kind = MIC_PART_Y + c,
                              .n_rows = layout->rows,
                              .offset = offset,
                              .n_bytes = load_u32(in + 4 * c)};
        offset += parts[c].n_bytes;
    }
    return MIC_OK;
}

static mic_status encode(const mic_layout *layout, const void *samples, const mic_encode_options *options,
                         mic_encoded **encoded, mic_error *error)
{
    const size_t capacity = mic_rgb_bound((size_t)layout->rows * layout->columns);
    TRY(mic_published_new(HEADER_BYTES, 1, encoded, error));
    uint8_t *header = (*encoded)->parts[0].bytes, *block = malloc(capacity);
    size_t n_bytes = 0;
    if (!block)
        return mic_fail(error, MIC_ERROR_MEMORY, "container", -1, "no memory for %zu bytes of planes",
                        capacity);
    mic_status status = mic_rgb_encode(samples, layout->columns, layout->rows, options->n_states,
                                       options->n_threads, block, capacity, &n_bytes, error);
    TRY(mic_published_fit(status, block, n_bytes, &(*encoded)->parts[1]));
    memcpy(header, mic_micr_format.magic, MAGIC_BYTES);
    store_u32(header + 4, layout->columns);
    store_u32(header + 8, layout->rows);
    return mic_published_check_size(*encoded, error);
}

/* Planes have no strips: decoding some rows takes as long as decoding all. */
static mic_status decode(const mic_decode_job *job, int n_threads, mic_error *error)
{
    const mic_layout *layout = job->layout;
    const size_t n_row = (size_t)layout->columns * RGB_PLANES;
    const bool in_place = job->n_rows == layout->rows && job->row_stride == (ptrdiff_t)n_row;
    uint8_t *rgb = in_place ? job->out : malloc(layout->rows * n_row);
    if (!rgb)
        return mic_fail(error, MIC_ERROR_MEMORY, "container", -1, "no memory for %zu bytes of pixels",
                        layout->rows * n_row);
    mic_status status = mic_rgb_decode(job->in, job->n_bytes, layout->columns, layout->rows, n_threads, rgb,
                                       error);
    for (size_t y = 0; status == MIC_OK && !in_place && y < job->n_rows; y++)
        memcpy(job->out + (ptrdiff_t)y * job->row_stride, rgb + (job->first_row + y) * n_row, n_row);
    if (!in_place)
        free(rgb);
    if (status != MIC_OK)
        return mic_published_give_up(job, status);
    if (job->intact)
        memset(job->intact, 1, job->n_rows);
    return MIC_OK;
}

const container_format mic_micr_format = {
    .magic = {'M', 'I', 'C', 'R'},
    .name = "MICR",
    .holds = "one RGB image of uint8 samples",
    .sample_type = MIC_UINT8,
    .channels = RGB_PLANES,
    .read_header = read_header,
    .encode = encode,
    .frame_size = frame_size,
    .read_parts = read_parts,
    .decode = decode,
};
