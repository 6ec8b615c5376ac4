/* SPDX-License-Identifier: MIT
 *
 * The head of a native frame; see frame_head.h.
 */
#include "frame_head.h"

#include "../base/checksum.h"
#include "../base/kernels.h"
#include "../base/varint.h"

#include <stdlib.h>

enum { CRC_BYTES = 4 };

uint32_t mic_join_checksums(const mic_layout *layout, const uint32_t *strip_crcs, size_t n_strips)
{
    uint32_t crc = 0;
    for (size_t strip = 0; strip < n_strips; strip++)
        crc = mic_crc32c_combine(crc, strip_crcs[strip],
                                 mic_strip_height(layout, strip) * (uint64_t)mic_row_bytes(layout));
    return crc;
}

bool mic_frame_is_constant(const frame_head *head, unsigned channels)
{
    for (unsigned c = 0; c < channels; c++)
        if (head->maps[c].kind != MAP_CONSTANT)
            return false;
    return true;
}

void mic_frame_head_free(frame_head *head)
{
    for (unsigned c = 0; c < MAX_PLANES; c++) {
        mic_map_free(&head->maps[c]);
        free(head->models[c].owned);
    }
    free(head->strips);
    head->strips = NULL;
}

/* ---- writing ----------------------------------------------------------- */

static uint8_t *write_models(const frame_head *head, unsigned channels, uint8_t *out)
{
    for (unsigned c = 0; c < channels; c++) {
        const frame_model *model = &head->models[c];
        if (head->maps[c].kind == MAP_CONSTANT)
            continue;
        out = varint_write(out, (uint32_t)model->n_bytes);
        if (model->n_bytes)
            memcpy(out, model->bytes, model->n_bytes);
        out += model->n_bytes;
    }
    return out;
}

static uint8_t *write_strips(const frame_head *head, unsigned channels, uint8_t *out)
{
    for (size_t i = 0; i < head->n_strips; i++) {
        for (unsigned c = 0; c < channels; c++)
            if (head->maps[c].kind != MAP_CONSTANT)
                out = varint_write(out, head->strips[i].n_bytes[c]);
        store_u32(out, head->strips[i].crc);
        out += CRC_BYTES;
    }
    return out;
}

mic_status mic_frame_head_write(const frame_head *head, unsigned channels, uint8_t **bytes, size_t *n_bytes,
                                mic_error *error)
{
    size_t bound = 2 * CRC_BYTES + 1 + head->n_strips * (channels * VARINT_MAX_BYTES + CRC_BYTES);
    for (unsigned c = 0; c < channels; c++)
        bound += mic_map_bytes_bound(&head->maps[c]) + VARINT_MAX_BYTES + head->models[c].n_bytes;
    uint8_t *out = *bytes = malloc(bound);
    if (!out)
        return mic_fail(error, MIC_ERROR_MEMORY, "frame head", -1, "no memory for a head of %zu bytes",
                        bound);
    store_u32(out, head->samples_crc);
    out += CRC_BYTES;
    if (channels == MAX_PLANES)
        *out++ = (uint8_t)head->colour;
    for (unsigned c = 0; c < channels; c++)
        out = mic_map_write(&head->maps[c], out);
    out = write_models(head, channels, out);
    if (!mic_frame_is_constant(head, channels))
        out = write_strips(head, channels, out);
    size_t n = (size_t)(out - *bytes);
    store_u32(out, mic_kernels_active()->crc32c(0, *bytes, n));
    *n_bytes = n + CRC_BYTES;
    return MIC_OK;
}

/* ---- reading ----------------------------------------------------------- */

static mic_status fail_truncated(size_t n_bytes, mic_error *error)
{
    return mic_fail(error, MIC_ERROR_TRUNCATED, "frame head", (int64_t)n_bytes,
                    "the frame ends after %zu bytes, within its head (truncated file?)", n_bytes);
}

/* Read lengths and checksums; returns NULL if they end too early. */
static const uint8_t *read_strips(frame_head *head, unsigned channels, const uint8_t *in, const uint8_t *end)
{
    for (size_t i = 0; i < head->n_strips; i++) {
        for (unsigned c = 0; c < channels && in; c++)
            if (head->maps[c].kind != MAP_CONSTANT)
                in = varint_read(in, end, &head->strips[i].n_bytes[c]);
        if (!in || end - in < CRC_BYTES)
            return NULL;
        head->strips[i].crc = load_u32(in);
        in += CRC_BYTES;
    }
    return in;
}

/* Only locates the models; their coder reads them once the checksum has been verified. */
static const uint8_t *read_models(frame_head *head, unsigned channels, const uint8_t *in, const uint8_t *end)
{
    for (unsigned c = 0; c < channels; c++) {
        uint32_t n_bytes;
        if (head->maps[c].kind == MAP_CONSTANT)
            continue;
        in = varint_read(in, end, &n_bytes);
        if (!in || n_bytes > (size_t)(end - in))
            return NULL;
        head->models[c] = (frame_model){.bytes = in, .n_bytes = n_bytes};
        in += n_bytes;
    }
    return in;
}

static mic_status check_crc(const uint8_t *in, size_t n, mic_error *error)
{
    uint32_t crc = mic_kernels_active()->crc32c(0, in, n);
    if (crc == load_u32(in + n))
        return MIC_OK;
    return mic_fail(error, MIC_ERROR_CHECKSUM, "frame head", 0,
                    "the checksum of the frame head is %08x, %08x is expected (damaged file)", crc,
                    load_u32(in + n));
}

/* The number of values that a plane can have: colour differences need 16 bits. */
static uint32_t type_values(const mic_layout *layout, const frame_head *head)
{
    const bool narrow = mic_sample_bytes(layout->sample_type) == 1 && head->colour == COLOUR_NONE;
    return narrow ? 256 : SAMPLE_VALUES;
}

/* Read the fields in order; *behind is set to the first byte after the last field. */
static mic_status read_fields(const mic_layout *layout, const uint8_t *in, size_t n_bytes, frame_head *head,
                              const uint8_t **behind, mic_error *error)
{
    const uint8_t *p = in + CRC_BYTES, *end = in + n_bytes;
    if (n_bytes < CRC_BYTES)
        return fail_truncated(n_bytes, error);
    head->samples_crc = load_u32(in);
    if (layout->channels == MAX_PLANES) {
        if (p == end)
            return fail_truncated(n_bytes, error);
        head->colour = (colour_transform)*p++;
        if (head->colour >= COLOUR_TRANSFORMS)
            return mic_fail(
                error, MIC_ERROR_CORRUPT, "frame head", CRC_BYTES,
                "colour transform %u is unknown, 0 to %d are expected (damaged, or written by a newer "
                "version of mic?)",
                (unsigned)head->colour, COLOUR_TRANSFORMS - 1);
    }
    for (unsigned c = 0; c < layout->channels; c++)
        TRY(mic_map_read(&p, end, type_values(layout, head), &head->maps[c], error));
    p = read_models(head, layout->channels, p, end);
    if (!p)
        return fail_truncated(n_bytes, error);
    if (!mic_frame_is_constant(head, layout->channels)) {
        /* Each strip takes at least five bytes here.  A count that the data cannot hold
         * must not determine how much memory is allocated. */
        const uint64_t n_strips = mic_strips_per_frame(layout);
        if (n_strips > (size_t)(end - p) / (1 + CRC_BYTES))
            return fail_truncated(n_bytes, error);
        head->n_strips = (size_t)n_strips;
        head->strips = calloc(head->n_strips, sizeof *head->strips);
        if (!head->strips)
            return mic_fail(error, MIC_ERROR_MEMORY, "frame head", -1, "no memory for %zu strips",
                            head->n_strips);
        p = read_strips(head, layout->channels, p, end);
    }
    if (!p || end - p < CRC_BYTES)
        return fail_truncated(n_bytes, error);
    *behind = p;
    return MIC_OK;
}

mic_status mic_frame_head_read(const mic_layout *layout, const uint8_t *in, size_t n_bytes, frame_head *head,
                               mic_error *error)
{
    const uint8_t *behind = in;
    *head = (frame_head){0};
    TRY(read_fields(layout, in, n_bytes, head, &behind, error));
    TRY(check_crc(in, (size_t)(behind - in), error));
    for (unsigned c = 0; c < layout->channels; c++)
        TRY(mic_map_load(&head->maps[c], type_values(layout, head), error));
    head->frame_size = (uint64_t)(behind - in) + CRC_BYTES;
    for (size_t i = 0; i < head->n_strips; i++) {
        head->strips[i].offset = head->frame_size;
        head->frame_size += mic_strip_coded_bytes(&head->strips[i]);
    }
    return MIC_OK;
}
