/* SPDX-License-Identifier: MIT
 *
 * Decodes one frame of the native container: the stages of frame.c backwards, strip by
 * strip.
 */
#include "frame.h"

#include "frame_head.h"
#include "../base/kernels.h"
#include "../base/large_memory.h"
#include "strip.h"
#include "../base/threads.h"

#include <stdlib.h>

static mic_status no_memory(size_t n_bytes, mic_error *error)
{
    return mic_fail(error, MIC_ERROR_MEMORY, "frame", -1,
                    "no memory for %zu bytes of scratch; use fewer threads or decode fewer rows", n_bytes);
}

mic_status mic_native_frame_size(const mic_layout *layout, const uint8_t *in, size_t n_bytes,
                                 uint64_t *frame_size, mic_error *error)
{
    frame_head head;
    mic_status status = mic_frame_head_read(layout, in, n_bytes, &head, error);
    *frame_size = head.frame_size;
    mic_frame_head_free(&head);
    return status;
}

enum { MOST_SCRATCH = 1 << 20 }; /* beyond one strip; tables of models need at most as much */

typedef struct frame_decoder {
    const mic_decode_job *job;
    frame_head head;
    wf_decoder models[MAX_PLANES];
    size_t first_strip, n_strips; /* the strips with the job's rows */
    size_t group_size;            /* strips decoded at once */
    uint32_t *strip_crcs;         /* checksums of their samples */
} frame_decoder;

/* One strip being decoded: its planes, and which of its rows go where. */
typedef struct strip_work {
    size_t strip;
    size_t first_row, n_rows; /* rows wanted, within the strip */
    uint8_t *out;
    uint8_t *intact;
    uint16_t *planes[MAX_PLANES];
} strip_work;

/* Check that the coded bytes of a strip are all present and unchanged. */
static mic_status check_strip(const mic_decode_job *job, const frame_strip *strip, mic_error *error)
{
    const int64_t offset = (int64_t)(job->base_offset + strip->offset);
    const uint64_t n_bytes = mic_strip_coded_bytes(strip);
    if (strip->offset > job->n_bytes || n_bytes > job->n_bytes - strip->offset)
        return mic_fail(
            error, MIC_ERROR_TRUNCATED, "strip", offset,
            "the strip's %llu bytes from byte %llu of the frame pass its end at %zu (truncated file?)",
            (unsigned long long)n_bytes, (unsigned long long)strip->offset, job->n_bytes);
    uint32_t crc = mic_kernels_active()->crc32c(0, job->in + strip->offset, (size_t)n_bytes);
    if (crc != strip->crc)
        return mic_advise(
            mic_fail(error, MIC_ERROR_CHECKSUM, "strip", offset,
                     "the checksum of the strip's %llu bytes is %08x, %08x is expected (damaged file)",
                     (unsigned long long)n_bytes, crc, strip->crc),
            error, MIC_REMEDY_RESCUE_STRIPS);
    return MIC_OK;
}

static strip_work work_of(const mic_decode_job *job, size_t strip)
{
    const uint64_t top = (uint64_t)strip * job->layout->strip_rows;
    const uint64_t bottom = top + mic_strip_height(job->layout, strip);
    const uint64_t end = (uint64_t)job->first_row + job->n_rows;
    const uint64_t first = top > job->first_row ? top : job->first_row;
    const uint64_t last = bottom < end ? bottom : end;
    const size_t skipped = (size_t)(first - job->first_row);
    return (strip_work){.strip = strip,
                        .first_row = (size_t)(first - top),
                        .n_rows = (size_t)(last - first),
                        .out = job->out + (ptrdiff_t)skipped * job->row_stride,
                        .intact = job->intact ? job->intact + skipped : NULL};
}

/* If samples are words and the whole strip is wanted in one block, it is decoded in place,
 * otherwise through scratch memory of its size. */
static bool decodes_in_place(const mic_decode_job *job, const strip_work *work)
{
    const mic_layout *layout = job->layout;
    return layout->channels == 1 && mic_sample_bytes(layout->sample_type) == 2 &&
           work->n_rows == mic_strip_height(layout, work->strip) &&
           (uintptr_t)work->out % sizeof(uint16_t) == 0 &&
           (work->n_rows == 1 || job->row_stride == (ptrdiff_t)mic_row_bytes(layout));
}

/* Decode the words of one plane of up to STRIP_GROUP strips; *failed is an index into
 * works. */
static mic_status decode_plane(const frame_decoder *d, const strip_work *works, size_t n_works,
                               unsigned plane, size_t *failed, mic_error *error)
{
    const mic_layout *layout = d->job->layout;
    const sample_map *map = &d->head.maps[plane];
    strip_piece pieces[STRIP_GROUP];
    for (size_t i = 0; i < n_works; i++) {
        uint16_t *words = works[i].planes[plane];
        if (map->kind == MAP_CONSTANT) {
            for (size_t k = 0; k < mic_strip_pixels(layout, works[i].strip); k++)
                words[k] = map->minimum;
            continue;
        }
        const frame_strip *coded = &d->head.strips[works[i].strip];
        pieces[i] = (strip_piece){.in = d->job->in + coded->offset,
                                  .n_bytes = coded->n_bytes[plane],
                                  .height = mic_strip_height(layout, works[i].strip),
                                  .words = words};
        for (unsigned c = 0; c < plane; c++)
            pieces[i].in += coded->n_bytes[c];
    }
    if (map->kind == MAP_CONSTANT)
        return MIC_OK;
    const strip_models models = {.own = d->head.models[plane].n_bytes ? &d->models[plane] : NULL,
                                 .shared = d->job->shared,
                                 .plane = plane};
    return mic_strip_decode(pieces, n_works, layout->columns, map->n_values, &models, failed, error);
}

/* Turn words into samples and compute their checksum, some rows at a time.  Take as many
 * rows as the nearest cache holds, not fewer: the checksum of one long range is several
 * times faster than those of many short ones. */
static mic_status finish_strip(const frame_decoder *d, const strip_work *work, uint32_t *crc,
                               mic_error *error)
{
    enum { CACHED_BYTES = 1 << 15 };
    const mic_decode_job *job = d->job;
    const mic_layout *layout = job->layout;
    const size_t columns = layout->columns, n_bytes = mic_row_bytes(layout);
    const bool in_one_block = job->row_stride == (ptrdiff_t)n_bytes;
    const size_t rows_at_once = in_one_block ? 1 + CACHED_BYTES / n_bytes : 1;
    *crc = 0;
    for (size_t y = 0; y < work->n_rows; y += rows_at_once) {
        const size_t n_rows = min_size(rows_at_once, work->n_rows - y);
        uint8_t *out = work->out + (ptrdiff_t)y * job->row_stride;
        uint16_t *rows[MAX_PLANES];
        for (unsigned c = 0; c < layout->channels; c++) {
            rows[c] = work->planes[c] + (work->first_row + y) * columns;
            if (d->head.maps[c].kind != MAP_CONSTANT)
                TRY(mic_map_inverse(&d->head.maps[c], rows[c], n_rows * columns, error));
        }
        mic_colour_inverse(d->head.colour, rows, n_rows * columns);
        mic_planes_store(layout, rows, n_rows * columns, d->head.colour == COLOUR_NONE, out);
        *crc = mic_planes_checksum(layout, *crc, out, n_rows * n_bytes);
    }
    return MIC_OK;
}

static void clear_rows(const mic_decode_job *job, uint8_t *out, uint8_t *intact, size_t n_rows)
{
    for (size_t y = 0; y < n_rows; y++)
        memset(out + (ptrdiff_t)y * job->row_stride, 0, mic_row_bytes(job->layout));
    memset(intact, 0, n_rows);
}

static mic_status decode_works(const frame_decoder *d, strip_work *works, size_t n_works, size_t *failed,
                               mic_error *error)
{
    for (*failed = 0; d->head.strips && *failed < n_works; ++*failed)
        TRY(check_strip(d->job, &d->head.strips[works[*failed].strip], error));
    for (unsigned c = 0; c < d->job->layout->channels; c++)
        TRY(decode_plane(d, works, n_works, c, failed, error));
    for (*failed = 0; *failed < n_works; ++*failed) {
        const strip_work *work = &works[*failed];
        TRY(finish_strip(d, work, &d->strip_crcs[work->strip - d->first_strip], error));
        if (work->intact)
            memset(work->intact, 1, work->n_rows);
    }
    return MIC_OK;
}

/* Allocate, in one block, the planes of all works that are not decoded in place. */
static mic_status allocate_planes(const frame_decoder *d, strip_work *works, size_t n_works,
                                  uint16_t **scratch, mic_error *error)
{
    const mic_layout *layout = d->job->layout;
    size_t n_words = 0;
    for (size_t i = 0; i < n_works; i++)
        if (decodes_in_place(d->job, &works[i]))
            works[i].planes[0] = (uint16_t *)(void *)works[i].out;
        else
            n_words += mic_strip_pixels(layout, works[i].strip) * layout->channels;
    *scratch = n_words ? mic_large_malloc(n_words * sizeof **scratch) : NULL;
    if (n_words && !*scratch)
        return no_memory(n_words * sizeof **scratch, error);
    uint16_t *next = *scratch;
    for (size_t i = 0; i < n_works; i++)
        for (unsigned c = 0; c < layout->channels && (c > 0 || !works[i].planes[0]); c++) {
            works[i].planes[c] = next;
            next += mic_strip_pixels(layout, works[i].strip);
        }
    return MIC_OK;
}

/* A rescue decodes strips one by one, so that a damaged strip does not spoil its neighbour.
 * The same applies if threads would otherwise be idle, and if the colour planes of more
 * than one strip would take much memory. */
static size_t choose_group_size(const frame_decoder *d, int n_threads)
{
    const mic_layout *layout = d->job->layout;
    const uint64_t strip_bytes = (uint64_t)layout->strip_rows * layout->columns * layout->channels *
                                 sizeof(uint16_t);
    if (layout->channels > 1 && strip_bytes * (STRIP_GROUP - 1) > MOST_SCRATCH)
        return 1;
    const bool idle_threads = n_threads > 1 && d->n_strips < STRIP_GROUP * (size_t)n_threads;
    return d->job->intact || idle_threads ? 1 : STRIP_GROUP;
}

static mic_status decode_group(void *context, size_t group, mic_error *error)
{
    const frame_decoder *d = context;
    const size_t first = group * d->group_size;
    const size_t n_works = min_size(d->group_size, d->n_strips - first);
    strip_work works[STRIP_GROUP];
    uint16_t *scratch = NULL;
    size_t failed = 0;
    for (size_t i = 0; i < n_works; i++)
        works[i] = work_of(d->job, d->first_strip + first + i);
    mic_status status = allocate_planes(d, works, n_works, &scratch, error);
    if (status == MIC_OK)
        status = decode_works(d, works, n_works, &failed, error);
    mic_large_free(scratch);
    if (status != MIC_OK && d->job->intact) {
        clear_rows(d->job, works[0].out, works[0].intact, works[0].n_rows);
        return MIC_OK;
    }
    if (status != MIC_OK)
        error->strip = (int64_t)works[failed].strip;
    return status;
}

static mic_status check_samples(const frame_decoder *d, mic_error *error)
{
    uint32_t crc = mic_join_checksums(d->job->layout, d->strip_crcs, d->n_strips);
    if (crc == d->head.samples_crc)
        return MIC_OK;
    return mic_fail(error, MIC_ERROR_CHECKSUM, "frame", (int64_t)d->job->base_offset,
                    "the checksum of the decoded samples is %08x, %08x is expected although every strip's "
                    "bytes are intact (a fault of the encoder, the decoder or the memory: please report it)",
                    crc, d->head.samples_crc);
}

static bool all_intact(const mic_decode_job *job)
{
    return !job->intact || !memchr(job->intact, 0, job->n_rows);
}

static bool is_padding(const frame_decoder *d)
{
    size_t at = (size_t)d->head.frame_size;
    while (at < d->job->n_bytes && d->job->in[at] == 0)
        at++;
    return at == d->job->n_bytes;
}

/* The index and the head must agree on where a frame ends: no byte of a stream may lie
 * outside every checksum.  (A truncated frame is left to the strips, which name the first
 * one that is missing.) */
static mic_status check_frame_size(const frame_decoder *d, mic_error *error)
{
    if (d->head.frame_size >= d->job->n_bytes || (d->job->padded && is_padding(d)))
        return MIC_OK;
    return mic_fail(error, MIC_ERROR_CORRUPT, "frame", (int64_t)(d->job->base_offset + d->head.frame_size),
                    "the frame has %llu bytes by its head and %zu by the index (damaged file?)",
                    (unsigned long long)d->head.frame_size, d->job->n_bytes);
}

static mic_status open_models(frame_decoder *d, mic_error *error)
{
    for (unsigned c = 0; c < d->job->layout->channels; c++) {
        const frame_model *model = &d->head.models[c];
        if (model->n_bytes == 0)
            continue;
        size_t n_used;
        TRY(mic_wf_decoder_open(model->bytes, model->n_bytes, &d->models[c], &n_used, error));
        if (n_used != model->n_bytes || d->models[c].model.max_value != d->head.maps[c].n_values - 1)
            return mic_fail(
                error, MIC_ERROR_CORRUPT, "wavefront", 0,
                "the model of plane %u has %zu bytes and words up to %u, %zu bytes and %u are expected "
                "(damaged file?)",
                c, n_used, d->models[c].model.max_value, model->n_bytes, d->head.maps[c].n_values - 1);
    }
    return MIC_OK;
}

static mic_status decode_strips(frame_decoder *d, int n_threads, mic_error *error)
{
    const mic_decode_job *job = d->job;
    const uint32_t strip_rows = job->layout->strip_rows;
    d->first_strip = job->first_row / strip_rows;
    d->n_strips = (size_t)(((uint64_t)job->first_row + job->n_rows - 1) / strip_rows) - d->first_strip + 1;
    d->strip_crcs = calloc(d->n_strips, sizeof *d->strip_crcs);
    if (!d->strip_crcs)
        return no_memory(d->n_strips * sizeof *d->strip_crcs, error);
    TRY(open_models(d, error));
    /* Without a colour transform to undo, the maps can produce bit patterns directly. */
    for (unsigned c = 0; c < job->layout->channels && d->head.colour == COLOUR_NONE; c++)
        mic_map_rebase(&d->head.maps[c], mic_planes_base(job->layout->sample_type));
    d->group_size = choose_group_size(d, n_threads);
    size_t n_groups = (d->n_strips + d->group_size - 1) / d->group_size;
    TRY(mic_parallel_for(n_groups, n_threads, decode_group, d, error));
    /* The checksum covers the whole frame, so it cannot be used for some of the rows. */
    return job->n_rows == job->layout->rows && all_intact(job) ? check_samples(d, error) : MIC_OK;
}

mic_status mic_native_frame_decode(const mic_decode_job *job, int n_threads, mic_error *error)
{
    frame_decoder d = {.job = job};
    mic_status status = mic_frame_head_read(job->layout, job->in, job->n_bytes, &d.head, error);
    if (status == MIC_OK)
        status = check_frame_size(&d, error);
    if (status == MIC_OK)
        status = decode_strips(&d, n_threads, error);
    if (status != MIC_OK && job->intact) {
        clear_rows(job, job->out, job->intact, job->n_rows);
        status = MIC_OK;
    }
    for (unsigned c = 0; c < MAX_PLANES; c++)
        mic_wf_decoder_free(&d.models[c]);
    free(d.strip_crcs);
    mic_frame_head_free(&d.head);
    return status;
}
