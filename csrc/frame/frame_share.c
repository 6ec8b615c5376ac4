/* SPDX-License-Identifier: MIT
 *
 * Lets a frame borrow models of its stream where its own cost more.
 */
#include "frame_encoder.h"

#include <stdlib.h>

/* Encode the pieces of a plane with the stream's model for it.  *fits is false if the model
 * has no code for some of their symbols. */
static mic_status encode_shared(const frame_encoder *e, unsigned plane, const wf_model *model,
                                struct encoded_part *parts, bool *fits, mic_error *error)
{
    const mic_layout *layout = e->layout;
    wf_scratch scratch = {0};
    mic_status status = MIC_OK;
    for (size_t strip = 0; status == MIC_OK && strip < e->head.n_strips; strip++) {
        const size_t height = mic_strip_height(layout, strip);
        const size_t bound = 1 + mic_wf_strip_bound(layout->columns, height);
        const uint16_t *words = e->planes[plane].owned + mic_frame_first_pixel(e, strip);
        uint8_t *bytes = parts[strip].bytes = malloc(bound);
        if (!bytes) {
            status = mic_frame_no_memory(bound, error);
            break;
        }
        bytes[0] = STRIP_SHARED;
        status = mic_wf_encode_strip(model, words, layout->columns, height, &scratch, bytes + 1, bound - 1,
                                     &parts[strip].n_bytes, error);
        parts[strip].n_bytes++;
    }
    mic_wf_scratch_free(&scratch);
    *fits = status == MIC_OK;
    return status == MIC_ERROR_UNSUPPORTED ? MIC_OK : status;
}

/* Encode one plane into `shared` if that is smaller than its present coding, by its own
 * model or otherwise. */
static mic_status borrow_model(frame_encoder *e, unsigned plane, mic_encoded *shared, bool *borrowed,
                               mic_error *error)
{
    const sample_map *map = &e->head.maps[plane];
    const size_t n_strips = e->head.n_strips, own_bytes = mic_frame_plane_bytes(e, plane);
    const wf_model *model = mic_shared_models_lend(e->options->shared, plane, map->n_values);
    if (map->kind == MAP_CONSTANT || !model)
        return MIC_OK;
    TRY(mic_frame_need_words(e, plane, error));
    struct encoded_part *parts = calloc(n_strips, sizeof *parts);
    if (!parts)
        return mic_frame_no_memory(n_strips * sizeof *parts, error);
    bool fits = false;
    mic_status status = encode_shared(e, plane, model, parts, &fits, error);
    size_t n_bytes = map->n_table;
    for (size_t strip = 0; strip < n_strips; strip++)
        n_bytes += parts[strip].n_bytes;
    const bool smaller = fits && n_bytes < own_bytes;
    for (size_t strip = 0; strip < n_strips; strip++)
        if (smaller) {
            shared->parts[1 + strip * e->layout->channels + plane] = parts[strip];
            e->head.strips[strip].n_bytes[plane] = (uint32_t)parts[strip].n_bytes;
        } else {
            free(parts[strip].bytes);
        }
    free(parts);
    if (smaller)
        e->head.models[plane].n_bytes = 0;
    *borrowed |= smaller;
    return status;
}

/* Copy the parts that `shared` lacks from `own`. */
static mic_status copy_parts(const mic_encoded *own, mic_encoded *shared, mic_error *error)
{
    for (size_t i = 1; i < own->n_parts; i++) {
        const struct encoded_part *part = &own->parts[i];
        if (shared->parts[i].bytes || !part->n_bytes)
            continue;
        shared->parts[i].bytes = malloc(part->n_bytes);
        if (!shared->parts[i].bytes)
            return mic_frame_no_memory(part->n_bytes, error);
        shared->parts[i].n_bytes = part->n_bytes;
        memcpy(shared->parts[i].bytes, part->bytes, part->n_bytes);
    }
    return MIC_OK;
}

mic_status mic_frame_share_models(frame_encoder *e, mic_error *error)
{
    mic_encoded *own = e->encoded, *shared = mic_encoded_new(own->n_parts);
    mic_status status = shared ? MIC_OK : mic_frame_no_memory(own->n_parts * sizeof own->parts[0], error);
    bool borrowed = false;
    for (unsigned c = 0; status == MIC_OK && c < e->layout->channels; c++)
        status = borrow_model(e, c, shared, &borrowed, error);
    if (status == MIC_OK && borrowed)
        status = copy_parts(own, shared, error);
    if (status != MIC_OK || !borrowed) {
        mic_encoded_free(shared);
        return status;
    }
    shared->without_sharing = own;
    e->encoded = shared;
    return mic_frame_write_head(e, error);
}
