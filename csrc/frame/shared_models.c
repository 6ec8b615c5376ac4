/* SPDX-License-Identifier: MIT
 *
 * Reads and checks shared models and lends them to frames.  See shared_models.h.
 */
#include "shared_models.h"

#include "../base/kernels.h"
#include "../base/varint.h"

#include <stdlib.h>

enum { CRC_BYTES = 4 };

uint32_t mic_shared_models_smallest(unsigned channels) { return channels + CRC_BYTES; }

uint32_t mic_shared_models_largest(unsigned channels)
{
    return channels * (VARINT_MAX_BYTES + WF_MODEL_BOUND) + CRC_BYTES;
}

const uint8_t *mic_shared_models_bytes(const mic_shared_models *shared, size_t *n_bytes)
{
    *n_bytes = shared->n_bytes;
    return shared->bytes;
}

void mic_shared_models_free(mic_shared_models *shared)
{
    if (!shared)
        return;
    for (unsigned c = 0; c < MAX_PLANES; c++)
        mic_wf_decoder_free(&shared->planes[c]);
    free(shared);
}

/* ---- reading ----------------------------------------------------------- */

static mic_status fail_corrupt(size_t offset, mic_error *error)
{
    return mic_fail(
        error, MIC_ERROR_CORRUPT, "shared models", (int64_t)offset,
        "the shared models do not fill the bytes that the header announces for them (damaged file?)");
}

static mic_status read_models(mic_shared_models *shared, const mic_layout *layout, mic_error *error)
{
    if (shared->n_bytes < layout->shared_bytes || shared->n_bytes < CRC_BYTES)
        return mic_fail(error, MIC_ERROR_TRUNCATED, "shared models", (int64_t)shared->n_bytes,
                        "%zu bytes of the shared models are there, %u are expected (truncated file?)",
                        shared->n_bytes, layout->shared_bytes);
    const uint8_t *p = shared->bytes, *end = p + shared->n_bytes - CRC_BYTES;
    uint32_t crc = mic_kernels_active()->crc32c(0, p, (size_t)(end - p));
    if (crc != load_u32(end))
        return mic_advise(
            mic_fail(error, MIC_ERROR_CHECKSUM, "shared models", 0,
                     "the checksum of the models that the frames share is %08x, %08x is expected "
                     "(damaged file)",
                     crc, load_u32(end)),
            error, MIC_REMEDY_RESCUE_MODELS);
    for (unsigned c = 0; c < layout->channels; c++) {
        uint32_t n_bytes;
        size_t n_used;
        p = varint_read(p, end, &n_bytes);
        if (!p || n_bytes > (size_t)(end - p))
            return fail_corrupt(shared->n_bytes, error);
        if (n_bytes == 0)
            continue;
        TRY(mic_wf_decoder_open(p, n_bytes, &shared->planes[c], &n_used, error));
        if (n_used != n_bytes)
            return fail_corrupt((size_t)(p - shared->bytes) + n_used, error);
        p += n_bytes;
    }
    return p == end ? MIC_OK : fail_corrupt((size_t)(p - shared->bytes), error);
}

mic_status mic_shared_models_open(const mic_layout *layout, const uint8_t *in, size_t n_bytes,
                                  mic_shared_models **shared, mic_error *error)
{
    mic_shared_models *s = *shared = calloc(1, sizeof *s + n_bytes);
    if (!s)
        return mic_fail(error, MIC_ERROR_MEMORY, "shared models", -1, "no memory for %zu bytes of models",
                        n_bytes);
    s->n_bytes = n_bytes;
    if (n_bytes)
        memcpy(s->bytes, in, n_bytes);
    mic_error damage = {.status = MIC_OK};
    if (read_models(s, layout, &damage) != MIC_OK)
        s->damage = damage;
    return MIC_OK;
}

/* ---- borrowing --------------------------------------------------------- */

mic_status mic_shared_models_borrow(const mic_shared_models *shared, unsigned plane, uint32_t n_values,
                                    const wf_decoder **decoder, mic_error *error)
{
    if (shared && shared->damage.status != MIC_OK) {
        if (error)
            *error = shared->damage;
        return shared->damage.status;
    }
    if (!shared || !shared->planes[plane].table)
        return mic_fail(
            error, MIC_ERROR_CORRUPT, "strip", 0,
            "the strip is coded with the shared model of plane %u, but the stream has none (damaged "
            "stream?)",
            plane);
    *decoder = &shared->planes[plane];
    if ((*decoder)->model.max_value < n_values - 1)
        return mic_fail(
            error, MIC_ERROR_CORRUPT, "strip", 0,
            "the strip has words up to %u, the shared model of plane %u is for words up to %u (damaged "
            "stream?)",
            n_values - 1, plane, (*decoder)->model.max_value);
    return MIC_OK;
}

const wf_model *mic_shared_models_lend(const mic_shared_models *shared, unsigned plane, uint32_t n_values)
{
    const wf_decoder *decoder = NULL;
    const bool has_model = shared &&
                           mic_shared_models_borrow(shared, plane, n_values, &decoder, NULL) == MIC_OK;
    return has_model ? &decoder->model : NULL;
}
