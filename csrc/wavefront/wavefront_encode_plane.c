/* SPDX-License-Identifier: MIT
 *
 * The encoder of a plane: codes of all strips, a model for them, words.  Rows are predicted
 * once.  Their codes wait until the model knows their frequencies; they take two bytes a
 * sample and two more where there are escapes.
 */
#include "../base/large_memory.h"
#include "wavefront_build.h"
#include "wavefront_count.h"
#include "wavefront_encode.h"

#include <stdlib.h>

typedef struct strip_codes {
    wf_encoder shape; /* shape of the strip and place of its codes */
    uint32_t *counts; /* by code: memory of a wf_counter */
} strip_codes;

struct wf_plane_encoder {
    wf_image image;
    int effort;
    bool for_others; /* the model will also be used for other images */
    wf_model model;
    uint64_t *entries;
    void *memory; /* memory of all strips */
    size_t n_strips;
    strip_codes strips[];
};

static mic_status no_memory(mic_error *error)
{
    return mic_fail(error, MIC_ERROR_MEMORY, "wavefront", -1, "no memory to encode a plane");
}

/* Memory holds the entries, counts of all strips, the codes of each strip, then the raw
 * bits of each.  Most images need so few raw bits that most of those pages are never
 * touched. */
static bool divide_memory(wf_plane_encoder *p)
{
    const wf_image *image = &p->image;
    uint64_t n_codes = 0;
    for (size_t i = 0; i < p->n_strips; i++)
        n_codes += mic_wf_encoder_shape(&p->strips[i].shape, image->width,
                                        min_size(image->strip_rows, image->height - i * image->strip_rows));
    const uint64_t n_counts = (uint64_t)p->n_strips * WF_COUNTER_SIZE;
    p->memory = mic_large_malloc(WF_N_ENTRIES * sizeof *p->entries + n_counts * sizeof(uint32_t) +
                                 2 * n_codes * sizeof(uint16_t));
    if (!p->memory)
        return false;
    p->entries = p->memory;
    uint32_t *counts = (uint32_t *)(p->entries + WF_N_ENTRIES);
    uint16_t *code = (uint16_t *)(counts + p->n_strips * WF_COUNTER_SIZE);
    for (size_t i = 0; i < p->n_strips; i++) {
        wf_encoder *shape = &p->strips[i].shape;
        p->strips[i].counts = counts + i * WF_COUNTER_SIZE;
        shape->code = code;
        shape->raw = code + (size_t)n_codes;
        code += WF_LANES * shape->stride;
    }
    return true;
}

mic_status mic_wf_plane_open(const uint16_t *words, uint16_t offset, size_t width, size_t height,
                             size_t strip_rows, unsigned max_value, int effort, wf_plane_encoder **plane,
                             mic_error *error)
{
    const size_t n_strips = (height + strip_rows - 1) / strip_rows;
    wf_plane_encoder *p = calloc(1, sizeof *p + n_strips * sizeof p->strips[0]);
    if (!p)
        return no_memory(error);
    p->image = (wf_image){words, width, height, strip_rows, offset};
    p->effort = effort;
    p->n_strips = n_strips;
    p->model.max_value = max_value;
    if (!divide_memory(p)) {
        mic_wf_plane_free(p);
        return no_memory(error);
    }
    mic_status status = mic_wf_choose_predictor(&p->image, effort, &p->model, error);
    if (status == MIC_OK)
        *plane = p;
    else
        mic_wf_plane_free(p);
    return status;
}

void mic_wf_plane_free(wf_plane_encoder *plane)
{
    if (!plane)
        return;
    mic_large_free(plane->memory);
    free(plane);
}

/* One of how many rows is counted. */
static unsigned sampling(const wf_plane_encoder *plane)
{
    enum { ENOUGH = 1 << 16 }; /* samples */
    if (plane->effort > 5 || plane->image.width * plane->image.height < ENOUGH)
        return 1;
    return plane->effort < 3 ? 16 : 4;
}

static mic_status code_rows(const wf_plane_encoder *plane, const wf_encoder *shape, const uint16_t *words,
                            wf_counter *counter, mic_error *error)
{
    const mic_kernels *kernels = mic_kernels_active();
    wf_rows rows;
    TRY(mic_wf_rows_open(&rows, shape->width, plane->image.offset, error));
    mic_wf_encoder_clear(shape);
    for (size_t y = 0; y < shape->height; y++) {
        wf_row_codes row = mic_wf_encoder_row(shape, y);
        mic_wf_rows_next(&rows, kernels, &plane->model, words, y);
        kernels->code(&plane->model, &rows, &row);
        mic_wf_count_row(counter, kernels, row.code, shape->width);
        mic_wf_encoder_close_row(shape, row);
    }
    mic_wf_rows_close(&rows);
    return MIC_OK;
}

mic_status mic_wf_plane_analyse(wf_plane_encoder *plane, size_t strip, mic_error *error)
{
    const wf_image *image = &plane->image;
    const size_t first = strip * image->strip_rows;
    wf_counter counter;
    mic_wf_counter_open(&counter, plane->strips[strip].counts, sampling(plane),
                        image->width * image->strip_rows);
    TRY(code_rows(plane, &plane->strips[strip].shape, image->words + first * image->width, &counter, error));
    mic_wf_counter_finish(&counter);
    return MIC_OK;
}

mic_status mic_wf_plane_choose(wf_plane_encoder *plane, wf_model *model, mic_error *error)
{
    uint32_t *counts = plane->strips[0].counts;
    for (size_t strip = 1; strip < plane->n_strips; strip++)
        for (size_t i = 0; i < WF_N_CODES; i++)
            counts[i] += plane->strips[strip].counts[i];
    TRY(mic_wf_choose_contexts(counts, &plane->image, plane->effort, plane->for_others, &plane->model,
                               error));
    mic_wf_fill_entries(&plane->model, plane->entries);
    *model = plane->model;
    return MIC_OK;
}

mic_status mic_wf_plane_encode(const wf_plane_encoder *plane, size_t strip, uint8_t *out, size_t capacity,
                               size_t *n_bytes, mic_error *error)
{
    wf_encoder e = plane->strips[strip].shape;
    const size_t bound = mic_wf_strip_bound(e.width, e.height);
    if (capacity < bound)
        return mic_fail(error, MIC_ERROR_CAPACITY, "wavefront", -1,
                        "there is room for %zu bytes, a strip needs %zu while it is encoded", capacity,
                        bound);
    e.model = &plane->model;
    e.entries = plane->entries;
    *n_bytes = mic_wf_encoder_write(&e, out + bound); /* written downwards, then moved to the front */
    memmove(out, e.next, *n_bytes);
    return MIC_OK;
}

/* ---- shared models ------------------------------------------------------ */

mic_status mic_wf_build_shared_model(const uint16_t *words, size_t width, size_t height, size_t strip_rows,
                                     unsigned max_value, int effort, wf_model *model, mic_error *error)
{
    wf_plane_encoder *plane;
    TRY(mic_wf_plane_open(words, 0, width, height, strip_rows, max_value, effort, &plane, error));
    plane->for_others = true;
    mic_status status = MIC_OK;
    for (size_t strip = 0; status == MIC_OK && strip < plane->n_strips; strip++)
        status = mic_wf_plane_analyse(plane, strip, error);
    if (status == MIC_OK)
        status = mic_wf_plane_choose(plane, model, error);
    mic_wf_plane_free(plane);
    return status;
}

static bool reserve(wf_scratch *scratch, size_t n_bytes)
{
    if (scratch->n_bytes >= n_bytes)
        return true;
    mic_wf_scratch_free(scratch);
    scratch->memory = malloc(n_bytes);
    scratch->n_bytes = scratch->memory ? n_bytes : 0;
    return scratch->memory != NULL;
}

void mic_wf_scratch_free(wf_scratch *scratch)
{
    free(scratch->memory);
    *scratch = (wf_scratch){0};
}

/* Find the codes of a strip for a model built elsewhere; each must have a frequency. */
static mic_status code_and_check(wf_encoder *e, const uint16_t *words, mic_error *error)
{
    const mic_kernels *kernels = mic_kernels_active();
    wf_rows rows;
    bool complete = true;
    TRY(mic_wf_rows_open(&rows, e->width, 0, error));
    mic_wf_encoder_clear(e);
    for (size_t y = 0; y < e->height; y++) {
        wf_row_codes row = mic_wf_encoder_row(e, y);
        mic_wf_rows_next(&rows, kernels, e->model, words, y);
        kernels->code(e->model, &rows, &row);
        for (size_t x = 0; x < e->width; x++)
            complete &= e->entries[row.code[x]] != 0;
        mic_wf_encoder_close_row(e, row);
    }
    mic_wf_rows_close(&rows);
    return complete ? MIC_OK
                    : mic_fail(error, MIC_ERROR_UNSUPPORTED, "wavefront", -1,
                               "the model has no code for a symbol of the strip");
}

mic_status mic_wf_encode_strip(const wf_model *model, const uint16_t *words, size_t width, size_t height,
                               wf_scratch *scratch, uint8_t *out, size_t capacity, size_t *n_bytes,
                               mic_error *error)
{
    wf_encoder e = {.model = model};
    const size_t n_codes = mic_wf_encoder_shape(&e, width, height), bound = mic_wf_strip_bound(width, height);
    const size_t size = WF_N_ENTRIES * sizeof *e.entries + 2 * n_codes * sizeof *e.code + bound;
    if (!reserve(scratch, size))
        return no_memory(error);
    e.entries = scratch->memory;
    e.code = (uint16_t *)(e.entries + WF_N_ENTRIES);
    e.raw = e.code + n_codes;
    memset(e.entries, 0, WF_N_ENTRIES * sizeof *e.entries);
    mic_wf_fill_entries(model, e.entries);
    TRY(code_and_check(&e, words, error));
    *n_bytes = mic_wf_encoder_write(&e, (uint8_t *)scratch->memory + size);
    if (*n_bytes > capacity)
        return mic_fail(error, MIC_ERROR_CAPACITY, "wavefront", -1,
                        "a strip takes %zu bytes, there is room for %zu", *n_bytes, capacity);
    memcpy(out, e.next, *n_bytes);
    return MIC_OK;
}
