/* SPDX-License-Identifier: MIT
 *
 * Code for all containers: telling them apart, checking what callers ask for, and the loop
 * that decodes frames.
 */
#include "container_format.h"

#include "../base/large_memory.h"
#include "../base/threads.h"

#include <stdlib.h>

/* ---- the formats -------------------------------------------------------- */

/* Indexed by mic_container. */
static const container_format *const formats[] = {
    [MIC_CONTAINER_NATIVE] = &mic_native_format, [MIC_CONTAINER_MIC1] = &mic_mic1_format,
    [MIC_CONTAINER_MIC2] = &mic_mic2_format,     [MIC_CONTAINER_PICS] = &mic_pics_format,
    [MIC_CONTAINER_PICA] = &mic_pica_format,     [MIC_CONTAINER_MICR] = &mic_micr_format,
    [MIC_CONTAINER_MIC3] = &mic_mic3_format,
};

enum { N_FORMATS = sizeof formats / sizeof formats[0] };

static const container_format *format_of(const mic_layout *layout) { return formats[layout->container]; }

/* Checks for caller mistakes (a file cannot cause these). */
static mic_status check_layout(const mic_layout *layout, mic_error *error)
{
    if ((layout->channels != 1 && layout->channels != 3) || layout->n_axes > MIC_MAX_AXES ||
        (unsigned)layout->container >= N_FORMATS)
        return mic_fail(
            error, MIC_ERROR_ARGUMENT, "container", -1,
            "a layout of %u channels and %u leading axes in container %u, 1 or 3, at most %d and below %d "
            "are expected",
            layout->channels, layout->n_axes, (unsigned)layout->container, MIC_MAX_AXES, N_FORMATS);
    const container_format *format = format_of(layout);
    if (format->channels && (layout->sample_type != format->sample_type ||
                             layout->channels != format->channels || layout->n_axes != format->n_axes))
        return mic_fail(error, MIC_ERROR_UNSUPPORTED, "container", -1,
                        "a %s file holds %s; use the native container", format->name, format->holds);
    return MIC_OK;
}

static mic_status check_job(const mic_decode_job *job, mic_error *error)
{
    const mic_layout *layout = job->layout;
    if (job->first_column > layout->columns || job->n_columns > layout->columns - job->first_column)
        return mic_fail(error, MIC_ERROR_ARGUMENT, "container", -1,
                        "%u columns from column %u are asked for, a part of columns 0 to %u is expected",
                        job->n_columns, job->first_column, layout->columns - 1);
    if (job->n_rows >= 1 && job->first_row < layout->rows && job->n_rows <= layout->rows - job->first_row)
        return MIC_OK;
    return mic_fail(error, MIC_ERROR_ARGUMENT, "container", -1,
                    "%u rows from row %u are asked for, at least one of rows 0 to %u is expected",
                    job->n_rows, job->first_row, layout->rows - 1);
}

/* ---- dispatch ---------------------------------------------------------- */

mic_status mic_read_header(const uint8_t *in, size_t n_bytes, mic_layout *layout, mic_error *error)
{
    *layout = (mic_layout){0};
    for (size_t i = 0; i < N_FORMATS; i++)
        if (n_bytes >= MAGIC_BYTES && memcmp(in, formats[i]->magic, MAGIC_BYTES) == 0)
            return formats[i]->read_header(in, n_bytes, layout, error);
    if (n_bytes < MAGIC_BYTES)
        return mic_fail(error, MIC_ERROR_TRUNCATED, "container", 0,
                        "the data end after %zu bytes, at least the 4 bytes of a magic number are expected "
                        "(empty or truncated file?)",
                        n_bytes);
    return mic_advise(mic_fail(error, MIC_ERROR_FORMAT, "container", 0,
                               "the data start with %02x %02x %02x %02x, which is no container known to mic",
                               in[0], in[1], in[2], in[3]),
                      error, MIC_REMEDY_BARE_STREAM);
}

mic_status mic_encode(const mic_layout *layout, const void *samples, const mic_encode_options *options,
                      mic_encoded **encoded, mic_error *error)
{
    mic_layout complete = *layout;
    *encoded = NULL;
    TRY(check_layout(layout, error));
    if (!format_of(layout)->encode || layout->n_levels)
        return mic_fail(error, MIC_ERROR_ARGUMENT, "container", -1,
                        "a slide is written tile by tile; use mic_encode_frames");
    TRY(mic_check_shape(&complete, error));
    mic_status status = format_of(&complete)->encode(&complete, samples, options, encoded, error);
    if (status != MIC_OK) {
        mic_encoded_free(*encoded);
        *encoded = NULL;
    }
    return status;
}

/* Find the container of a stream that is written frame by frame. */
static mic_status find_writer(const mic_layout *layout, const container_format **format, mic_error *error)
{
    const bool is_known = (unsigned)layout->container < N_FORMATS;
    *format = is_known ? format_of(layout) : NULL;
    if (is_known && (*format)->encode_frame)
        return MIC_OK;
    return mic_fail(error, MIC_ERROR_ARGUMENT, "container", -1,
                    "a file of container %u is written whole, not frame by frame; use mic_encode",
                    (unsigned)layout->container);
}

mic_status mic_write_header(const mic_layout *layout, uint8_t out[MIC_HEADER_BOUND], size_t *n_bytes,
                            mic_error *error)
{
    const container_format *format;
    TRY(find_writer(layout, &format, error));
    if (layout->n_levels)
        TRY(mic_check_levels(layout, error));
    return format->write_header(layout, out, n_bytes, error);
}

mic_status mic_encode_frame(const mic_layout *layout, const void *samples, const mic_encode_options *options,
                            mic_encoded **encoded, unsigned *bits_used, mic_error *error)
{
    const container_format *format;
    *encoded = NULL;
    TRY(find_writer(layout, &format, error));
    TRY(mic_check_frame_shape(layout, error));
    return format->encode_frame(layout, samples, options, encoded, bits_used, error);
}

mic_status mic_encode_frames(const mic_layout *layout, const void *samples, size_t n_frames,
                             const mic_encode_options *options, mic_encoded **encoded, unsigned *bits_used,
                             mic_error *error)
{
    unsigned *each = calloc(n_frames + 1, sizeof *each);
    for (size_t i = 0; i < n_frames; i++)
        encoded[i] = NULL;
    if (!each)
        return mic_fail(error, MIC_ERROR_MEMORY, "container", -1, "no memory for %zu frames", n_frames);
    mic_status status = mic_encode_each(mic_encode_frame, layout, samples, n_frames, 0, options, encoded,
                                        each, error);
    if (status != MIC_OK && error)
        error->frame = -1; /* the caller knows which frames these are */
    *bits_used = 0;
    for (size_t i = 0; i < n_frames; i++)
        *bits_used = each[i] > *bits_used ? each[i] : *bits_used;
    free(each);
    return status;
}

mic_status mic_frame_size(const mic_layout *layout, const uint8_t *in, size_t n_bytes, uint64_t *frame_size,
                          mic_error *error)
{
    const container_format *format = format_of(layout);
    if (format->frame_size)
        return format->frame_size(layout, in, n_bytes, frame_size, error);
    return mic_fail(error, MIC_ERROR_UNSUPPORTED, "frame", -1,
                    "a frame of a %s file does not tell its size, its index does", format->name);
}

mic_status mic_read_parts(const mic_layout *layout, const uint8_t *in, size_t n_bytes, mic_part *parts,
                          mic_error *error)
{
    return layout->n_parts ? format_of(layout)->read_parts(layout, in, n_bytes, parts, error) : MIC_OK;
}

/* ---- index -------------------------------------------------------------- */

uint64_t mic_index_bytes(const mic_layout *layout)
{
    return layout->n_axes ? format_of(layout)->index_bytes(layout) : 0;
}

mic_status mic_check_index(const mic_layout *layout, uint64_t stream_bytes, mic_error *error)
{
    uint64_t n = mic_index_bytes(layout);
    if (layout->index_offset <= stream_bytes && n <= stream_bytes - layout->index_offset)
        return MIC_OK;
    return mic_advise(
        mic_fail(error, MIC_ERROR_TRUNCATED, "index", (int64_t)layout->index_offset,
                 "the index of %llu frames needs bytes %llu to %llu, the stream has %llu (truncated file)",
                 (unsigned long long)layout->n_frames, (unsigned long long)layout->index_offset,
                 (unsigned long long)(layout->index_offset + n), (unsigned long long)stream_bytes),
        error, MIC_REMEDY_RESCUE);
}

mic_status mic_read_index(const mic_layout *layout, const uint8_t *in, size_t n_bytes,
                          uint64_t *frame_offsets, mic_error *error)
{
    if (n_bytes < mic_index_bytes(layout))
        return mic_check_index(layout, layout->index_offset + n_bytes, error);
    return format_of(layout)->read_index(layout, in, frame_offsets, error);
}

/* ---- decoding ----------------------------------------------------------- */

typedef struct decode_loop {
    const mic_decode_job *jobs;
    int threads_per_job;
} decode_loop;

/* Columns depend on all those before them, so whole rows are decoded and then cropped. */
static mic_status decode_columns(const mic_decode_job *job, int n_threads, mic_error *error)
{
    const mic_layout *layout = job->layout;
    const size_t n_pixel = layout->channels * mic_sample_bytes(layout->sample_type);
    const size_t n_row = layout->columns * n_pixel;
    mic_decode_job whole = *job;
    whole.out = mic_large_malloc(job->n_rows * n_row);
    whole.row_stride = (ptrdiff_t)n_row;
    if (!whole.out)
        return mic_fail(error, MIC_ERROR_MEMORY, "container", -1, "no memory for %u rows of %u pixels",
                        job->n_rows, layout->columns);
    mic_status status = format_of(layout)->decode(&whole, n_threads, error);
    for (size_t y = 0; y < job->n_rows && status == MIC_OK; y++)
        memcpy(job->out + (ptrdiff_t)y * job->row_stride, whole.out + y * n_row + job->first_column * n_pixel,
               job->n_columns * n_pixel);
    mic_large_free(whole.out);
    return status;
}

static mic_status decode_job(void *context, size_t index, mic_error *error)
{
    const decode_loop *loop = context;
    const mic_decode_job *job = &loop->jobs[index];
    const bool all_columns = job->n_columns == 0 || job->n_columns == job->layout->columns;
    mic_status status = check_job(job, error);
    if (status == MIC_OK)
        status = (all_columns ? format_of(job->layout)->decode : decode_columns)(job, loop->threads_per_job,
                                                                                 error);
    if (status != MIC_OK)
        error->frame = job->frame;
    return status;
}

mic_status mic_decode(const mic_decode_job *jobs, size_t n_jobs, int n_threads, mic_error *error)
{
    /* Threads go to frames first; if there are more threads than frames, those left over
     * are shared among the strips of each frame. */
    int per_job = n_jobs && n_threads > 1 && (size_t)n_threads > n_jobs ? (int)((size_t)n_threads / n_jobs)
                                                                        : 1;
    decode_loop loop = {.jobs = jobs, .threads_per_job = per_job};
    return mic_parallel_for(n_jobs, n_threads, decode_job, &loop, error);
}
