/* SPDX-License-Identifier: MIT
 *
 * What all containers share: telling them apart, the limits on shapes, and the
 * loops over frames.
 */
#include "container.h"

#include "frame.h"
#include "threads.h"

#include <stdlib.h>

size_t mic_sample_bytes(mic_sample_type type) { return type == MIC_UINT8 || type == MIC_INT8 ? 1 : 2; }

uint64_t mic_frame_bytes(const mic_layout *layout)
{
    return (uint64_t)layout->rows * layout->columns * layout->channels * mic_sample_bytes(layout->sample_type);
}

uint64_t mic_strips_per_frame(const mic_layout *layout)
{
    return ((uint64_t)layout->rows + layout->strip_rows - 1) / layout->strip_rows;
}

/* What a caller of this header, rather than a file, can get wrong. */
static mic_status check_layout(const mic_layout *layout, mic_error *error)
{
    if ((layout->channels != 1 && layout->channels != 3) || layout->n_axes > MIC_MAX_AXES)
        return mic_fail(error, MIC_ERROR_ARGUMENT, "container", -1,
                        "a layout of %u channels and %u leading axes, 1 or 3 and at most %d are expected",
                        layout->channels, layout->n_axes, MIC_MAX_AXES);
    if (layout->container == MIC_CONTAINER_MIC1 &&
        (layout->sample_type != MIC_UINT16 || layout->channels != 1 || layout->n_axes != 0))
        return mic_fail(error, MIC_ERROR_UNSUPPORTED, "container", -1,
                        "a MIC1 file holds one image of uint16 samples; use the native container");
    return MIC_OK;
}

static mic_status check_job(const mic_decode_job *job, mic_error *error)
{
    const mic_layout *layout = job->layout;
    if (job->n_rows >= 1 && job->first_row < layout->rows && job->n_rows <= layout->rows - job->first_row)
        return MIC_OK;
    return mic_fail(error, MIC_ERROR_ARGUMENT, "container", -1,
                    "%u rows from row %u are asked for, at least one of rows 0 to %u is expected", job->n_rows,
                    job->first_row, layout->rows - 1);
}

/* With samples of a frame below 2^31 and fewer than 2^31 frames no product of
 * sizes in this library passes 2^63. */
mic_status mic_check_shape(mic_layout *layout, mic_error *error)
{
    const uint64_t limit = (uint64_t)1 << 31;
    uint64_t n_frames = 1;
    if (layout->rows == 0 || layout->columns == 0 ||
        (uint64_t)layout->rows * layout->columns * layout->channels >= limit)
        return mic_fail(error, MIC_ERROR_CORRUPT, "header", -1,
                        "a frame of %u rows x %u columns is announced, 1 to 2^31 - 1 samples are expected "
                        "(damaged file?)",
                        layout->rows, layout->columns);
    for (unsigned i = 0; i < layout->n_axes; i++) {
        n_frames *= layout->axes[i];
        if (n_frames == 0 || n_frames >= limit)
            return mic_fail(error, MIC_ERROR_CORRUPT, "header", -1,
                            "axis %u has length %u, which makes no frame or more than 2^31 - 1 of them "
                            "(damaged or unfinished file?)",
                            i, layout->axes[i]);
    }
    layout->n_frames = n_frames;
    return MIC_OK;
}

/* Strips of half a million pixels: large enough that their tables and first
 * rows cost little (0.1-0.2 %), small enough that two threads finish together
 * and that a strip stays in the cache.
 *
 * Wavefront decodes two strips in one loop and shares the model among all, so it
 * divides from 65536 pixels on, always in pairs, at multiples of its 32 lanes;
 * and where there are several pairs their number is even, for two threads.
 * The classic codecs have a table a strip: up to 1.5 million pixels are not
 * worth dividing. */
void mic_plan_strips(mic_layout *layout)
{
    enum { LANES = 32 };
    const uint64_t n_pixels = (uint64_t)layout->rows * layout->columns;
    const uint64_t target = (uint64_t)1 << 19;
    const bool lanes = layout->codec == MIC_CODEC_WAVEFRONT;
    const uint64_t smallest = lanes ? 65536 : 3 * target;
    uint64_t pairs = (n_pixels + target) / (2 * target);
    pairs = pairs < 2 ? 1 : pairs + pairs % 2;
    const uint64_t n_strips = n_pixels < smallest ? 1 : 2 * pairs;
    uint64_t strip_rows = (layout->rows + n_strips - 1) / n_strips;
    if (lanes && n_strips > 1)
        strip_rows = (strip_rows + LANES - 1) / LANES * LANES;
    layout->strip_rows = strip_rows < layout->rows ? (uint32_t)strip_rows : layout->rows;
}

/* ---- encoded pieces ---------------------------------------------------- */

uint64_t mic_encoded_size(const mic_encoded *encoded)
{
    uint64_t n = 0;
    for (size_t i = 0; i < encoded->n_parts; i++)
        n += encoded->parts[i].n_bytes;
    return n;
}

void mic_encoded_write(const mic_encoded *encoded, uint8_t *out)
{
    for (size_t i = 0; i < encoded->n_parts; i++) {
        if (encoded->parts[i].n_bytes)
            memcpy(out, encoded->parts[i].bytes, encoded->parts[i].n_bytes);
        out += encoded->parts[i].n_bytes;
    }
}

void mic_encoded_free(mic_encoded *encoded)
{
    if (!encoded)
        return;
    for (size_t i = 0; i < encoded->n_parts; i++)
        free(encoded->parts[i].bytes);
    free(encoded);
}

/* ---- dispatch ---------------------------------------------------------- */

static bool has_magic(const uint8_t *in, size_t n_bytes, const uint8_t magic[MAGIC_BYTES])
{
    return n_bytes >= MAGIC_BYTES && memcmp(in, magic, MAGIC_BYTES) == 0;
}

mic_status mic_read_header(const uint8_t *in, size_t n_bytes, mic_layout *layout, mic_error *error)
{
    *layout = (mic_layout){0};
    if (has_magic(in, n_bytes, mic_native_magic))
        return mic_native_read_header(in, n_bytes, layout, error);
    if (has_magic(in, n_bytes, mic_mic1_magic))
        return mic_mic1_read_header(in, n_bytes, layout, error);
    if (n_bytes < MAGIC_BYTES)
        return mic_fail(error, MIC_ERROR_TRUNCATED, "container", 0,
                        "the data end after %zu bytes, at least the 4 bytes of a magic number are expected "
                        "(empty or truncated file?)",
                        n_bytes);
    return mic_fail(error, MIC_ERROR_FORMAT, "container", 0,
                    "the data start with %02x %02x %02x %02x, which is no container known to mic (bare "
                    "published streams have their own door: mic.stages.decode_stream, mic decode --stream)",
                    in[0], in[1], in[2], in[3]);
}

mic_status mic_encode(const mic_layout *layout, const void *samples, const mic_encode_options *options,
                      mic_encoded **encoded, mic_error *error)
{
    mic_layout complete = *layout;
    *encoded = NULL;
    TRY(check_layout(layout, error));
    TRY(mic_check_shape(&complete, error));
    if (complete.container == MIC_CONTAINER_MIC1)
        return mic_mic1_encode(&complete, samples, options, encoded, error);
    complete.codec = options->codec;
    mic_plan_strips(&complete);
    return mic_native_encode(&complete, samples, options, encoded, error);
}

mic_status mic_frame_size(const mic_layout *layout, const uint8_t *in, size_t n_bytes,
                          uint64_t *frame_size, mic_error *error)
{
    if (layout->container == MIC_CONTAINER_MIC1)
        return mic_mic1_frame_size(layout, n_bytes, frame_size, error);
    return mic_native_frame_size(layout, in, n_bytes, frame_size, error);
}

typedef struct decode_loop {
    const mic_decode_job *jobs;
    int threads_per_job;
} decode_loop;

static mic_status decode_job(void *context, size_t index, mic_error *error)
{
    const decode_loop *loop = context;
    const mic_decode_job *job = &loop->jobs[index];
    mic_status status = check_job(job, error);
    if (status == MIC_OK)
        status = job->layout->container == MIC_CONTAINER_MIC1
                     ? mic_mic1_decode(job, error)
                     : mic_native_frame_decode(job, loop->threads_per_job, error);
    if (status != MIC_OK)
        error->frame = job->frame;
    return status;
}

mic_status mic_decode(const mic_decode_job *jobs, size_t n_jobs, int n_threads, mic_error *error)
{
    /* Frames first, then the strips of each: what is left over per frame. */
    int per_job = n_jobs && n_threads > 1 && (size_t)n_threads > n_jobs ? (int)((size_t)n_threads / n_jobs) : 1;
    decode_loop loop = {.jobs = jobs, .threads_per_job = per_job};
    return mic_parallel_for(n_jobs, n_threads, decode_job, &loop, error);
}
