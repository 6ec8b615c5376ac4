/* SPDX-License-Identifier: MIT
 *
 * The head of a native frame; see frame_head.h.
 */
#include "frame_head.h"

#include "kernels.h"
#include "varint.h"

#include <stdlib.h>

enum { CRC_BYTES = 4 };

bool mic_frame_is_constant(const frame_head *head, unsigned channels)
{
    for (unsigned c = 0; c < channels; c++)
        if (head->maps[c].kind != MAP_CONSTANT)
            return false;
    return true;
}

void mic_frame_head_free(frame_head *head)
{
    for (unsigned c = 0; c < FRAME_MAX_CHANNELS; c++)
        mic_map_free(&head->maps[c]);
    free(head->strips);
    head->strips = NULL;
}

/* ---- writing ----------------------------------------------------------- */

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

mic_status mic_frame_head_write(const frame_head *head, unsigned channels, uint8_t **bytes,
                                size_t *n_bytes, mic_error *error)
{
    size_t bound = 2 * CRC_BYTES + head->n_strips * (channels * VARINT_MAX_BYTES + CRC_BYTES);
    for (unsigned c = 0; c < channels; c++)
        bound += mic_map_bytes_bound(&head->maps[c]);
    uint8_t *out = *bytes = malloc(bound);
    if (!out)
        return mic_fail(error, MIC_ERROR_MEMORY, "frame head", -1, "no memory for a head of %zu bytes", bound);
    store_u32(out, head->samples_crc);
    out += CRC_BYTES;
    for (unsigned c = 0; c < channels; c++)
        out = mic_map_write(&head->maps[c], out);
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

/* Lengths and checksums; returns NULL where they end too early. */
static const uint8_t *read_strips(frame_head *head, unsigned channels, const uint8_t *in,
                                  const uint8_t *end)
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

static mic_status check_crc(const uint8_t *in, size_t n, mic_error *error)
{
    uint32_t crc = mic_kernels_active()->crc32c(0, in, n);
    if (crc == load_u32(in + n))
        return MIC_OK;
    return mic_fail(error, MIC_ERROR_CHECKSUM, "frame head", 0,
                    "the checksum of the frame head is %08x, %08x is expected (damaged file)", crc,
                    load_u32(in + n));
}

static uint32_t type_values(const mic_layout *layout)
{
    return mic_sample_bytes(layout->sample_type) == 1 ? 256 : SAMPLE_VALUES;
}

/* Fields in order; *behind is set to the byte behind the last. */
static mic_status read_fields(const mic_layout *layout, const uint8_t *in, size_t n_bytes,
                              frame_head *head, const uint8_t **behind, mic_error *error)
{
    const uint8_t *p = in + CRC_BYTES, *end = in + n_bytes;
    if (n_bytes < CRC_BYTES)
        return fail_truncated(n_bytes, error);
    head->samples_crc = load_u32(in);
    for (unsigned c = 0; c < layout->channels; c++)
        TRY(mic_map_read(&p, end, type_values(layout), &head->maps[c], error));
    if (!mic_frame_is_constant(head, layout->channels)) {
        /* Each strip takes at least five bytes here: a count that the data
         * cannot hold must not size memory. */
        const uint64_t n_strips = mic_strips_per_frame(layout);
        if (n_strips > (size_t)(end - p) / (1 + CRC_BYTES))
            return fail_truncated(n_bytes, error);
        head->n_strips = (size_t)n_strips;
        head->strips = calloc(head->n_strips, sizeof *head->strips);
        if (!head->strips)
            return mic_fail(error, MIC_ERROR_MEMORY, "frame head", -1, "no memory for %zu strips", head->n_strips);
        p = read_strips(head, layout->channels, p, end);
    }
    if (!p || end - p < CRC_BYTES)
        return fail_truncated(n_bytes, error);
    *behind = p;
    return MIC_OK;
}

mic_status mic_frame_head_read(const mic_layout *layout, const uint8_t *in, size_t n_bytes,
                               frame_head *head, mic_error *error)
{
    const uint8_t *behind = in;
    *head = (frame_head){0};
    TRY(read_fields(layout, in, n_bytes, head, &behind, error));
    TRY(check_crc(in, (size_t)(behind - in), error));
    for (unsigned c = 0; c < layout->channels; c++)
        TRY(mic_map_load(&head->maps[c], type_values(layout), error));
    head->frame_size = (uint64_t)(behind - in) + CRC_BYTES;
    for (size_t i = 0; i < head->n_strips; i++) {
        head->strips[i].offset = (size_t)head->frame_size;
        head->frame_size += mic_strip_coded_bytes(&head->strips[i]);
    }
    return MIC_OK;
}
