/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a stream of any container, read as the Python layer does it.  Of a
 * native stream the checksums of header, shared models, index, heads and strips are
 * mended first, or no fuzzer would get past them; that of the samples is not, for
 * nothing lies behind it.  Published streams have none.
 *
 *     byte 0    bits 0 and 1: which instruction set; bit 2: leave checksums as they
 *               are; bit 3: rescue; bit 4: the lower half of the rows only; bit 5:
 *               the index is written anew from the frames; bit 6: two threads; bit 7:
 *               the rest is no stream but samples
 *     the rest  the stream, or: rows - 1, columns - 1 (mod 64), effort - 1 (low half,
 *               mod 9) and sample type (bits 4 and 5) and colour (bit 6), then frames,
 *               which are encoded at once and must come back
 *
 * Data and output lie in blocks of their exact size.
 */
#include "checksum.h"
#include "container.h"
#include "varint.h"

#include <stdlib.h>

enum { CRC = 4, MOST_BYTES = 1 << 19, MOST_FRAMES = 64 };

static void demand(bool promise)
{
    if (!promise)
        abort();
}

static void *allocate(size_t n_bytes)
{
    void *block = malloc(n_bytes ? n_bytes : 1);
    demand(block != NULL);
    return block;
}

static void check(mic_status status, const mic_error *error)
{
    if (status == MIC_OK)
        return;
    demand(error->status == status && error->stage != NULL);
    demand(memchr(error->message, 0, sizeof error->message) != NULL && error->message[0] != 0);
    /* UNSUPPORTED: an unknown method or a required block.  LIMIT: too large for the words of a stage. */
    demand(status < MIC_ERROR_ARGUMENT || status == MIC_ERROR_UNSUPPORTED || status == MIC_ERROR_LIMIT);
}

/* ---- mending ------------------------------------------------------------ */

typedef struct cursor {
    uint8_t *at, *end;
} cursor;

static bool skip(cursor *c, size_t n)
{
    if (n > (size_t)(c->end - c->at))
        return false;
    c->at += n;
    return true;
}

static bool number(cursor *c, uint32_t *value)
{
    const uint8_t *behind = varint_read(c->at, c->end, value);
    if (behind)
        c->at += behind - c->at;
    return behind != NULL;
}

/* The checksum of everything from `start` to here goes here. */
static bool seal(cursor *c, const uint8_t *start)
{
    if (c->end - c->at < CRC)
        return false;
    store_u32(c->at, mic_crc32c_scalar(0, start, (size_t)(c->at - start)));
    c->at += CRC;
    return true;
}

static bool mend_header(cursor *c, uint8_t **index_offset)
{
    uint8_t *start = c->at;
    uint32_t value;
    *index_offset = NULL;
    if (!skip(c, 8) || !number(c, &value) || !number(c, &value) || !number(c, &value))
        return false;
    if (start[5] & 8) {
        if (!skip(c, 1) || !skip(c, 4u * c->at[-1] + 8))
            return false;
        *index_offset = c->at - 8;
    }
    if (start[5] & 16 && (!skip(c, 4) || !skip(c, load_u32(c->at - 4))))
        return false;
    return seal(c, start);
}

static bool skip_map(cursor *c, bool *is_constant)
{
    uint32_t value;
    if (!skip(c, 3))
        return false;
    const uint8_t kind = c->at[-3];
    *is_constant = kind == 0;
    if (kind == 1)
        return skip(c, 2);
    return kind != 2 || (number(c, &value) && number(c, &value) && skip(c, value));
}

static bool mend_frame(cursor *c, const mic_layout *layout)
{
    uint8_t *start = c->at;
    unsigned n_moving = 0;
    if (!skip(c, layout->channels == 3 ? 5 : 4))
        return false;
    for (unsigned i = 0; i < layout->channels; i++) {
        bool is_constant;
        if (!skip_map(c, &is_constant))
            return false;
        n_moving += !is_constant;
    }
    uint32_t n;
    for (unsigned i = 0; i < n_moving; i++)
        if (!number(c, &n) || !skip(c, n))
            return false;
    /* Lengths first, to find the end of the head; then the strips. */
    uint8_t *lengths = c->at;
    const uint64_t n_strips = n_moving ? mic_strips_per_frame(layout) : 0;
    for (uint64_t s = 0; s < n_strips; s++) {
        for (unsigned i = 0; i < n_moving; i++)
            if (!number(c, &n))
                return false;
        if (!skip(c, CRC))
            return false;
    }
    cursor head = {lengths, c->at}, pieces = {c->at, c->end};
    bool complete = skip(&pieces, CRC);
    for (uint64_t s = 0; s < n_strips && complete; s++) {
        const uint8_t *first = pieces.at;
        for (unsigned i = 0; i < n_moving && complete; i++)
            complete = number(&head, &n) && skip(&pieces, n);
        if (complete) {
            store_u32(head.at, mic_crc32c_scalar(0, first, (size_t)(pieces.at - first)));
            head.at += CRC;
        }
    }
    if (!seal(c, start))
        return false;
    c->at = pieces.at;
    return complete;
}

/* Shared models have one checksum, at their end. */
static bool mend_shared(cursor *c, const mic_layout *layout)
{
    uint8_t *start = c->at;
    return layout->shared_bytes == 0 || (skip(c, layout->shared_bytes - CRC) && seal(c, start));
}

static void mend(uint8_t *bytes, size_t n_bytes, bool write_index)
{
    cursor c = {bytes, bytes + n_bytes};
    uint8_t *index_offset;
    uint64_t offsets[MOST_FRAMES];
    mic_layout layout;
    if (!mend_header(&c, &index_offset) || mic_read_header(bytes, n_bytes, &layout, NULL) != MIC_OK ||
        layout.container != MIC_CONTAINER_NATIVE || !mend_shared(&c, &layout))
        return;
    for (uint64_t i = 0; i < layout.n_frames && i < MOST_FRAMES; i++) {
        offsets[i] = (uint64_t)(c.at - bytes);
        if (!mend_frame(&c, &layout))
            return;
    }
    if (!index_offset || layout.n_frames > MOST_FRAMES)
        return;
    if (write_index)
        store_u64(index_offset, (uint64_t)(c.at - bytes));
    const uint64_t at = load_u64(index_offset), n_index = 8 * layout.n_frames;
    if (at <= n_bytes && n_bytes - at >= n_index + CRC) {
        for (uint64_t i = 0; i < layout.n_frames && write_index; i++)
            store_u64(bytes + at + 8 * i, offsets[i]);
        c.at = bytes + at + n_index;
        seal(&c, bytes + at);
    }
    c = (cursor){bytes, bytes + n_bytes};
    mend_header(&c, &index_offset);
}

/* ---- reading ------------------------------------------------------------ */

/* Where frames begin and end; NULL if the stream does not say. */
static uint64_t *locate(const uint8_t *in, size_t n_bytes, const mic_layout *layout)
{
    mic_error error = {.status = MIC_OK};
    uint64_t *offsets, size = 0;
    mic_status status;
    if (layout->n_axes) {
        status = mic_check_index(layout, n_bytes, &error);
        check(status, &error);
        if (status != MIC_OK)
            return NULL;
        offsets = allocate((size_t)(layout->n_frames + 1) * sizeof *offsets);
        status = mic_read_index(layout, in + layout->index_offset, n_bytes - (size_t)layout->index_offset, offsets,
                                &error);
    } else {
        const size_t n_header = (size_t)layout->header_bytes;
        offsets = allocate(2 * sizeof *offsets);
        if (n_header > n_bytes) { /* of shared models */
            free(offsets);
            return NULL;
        }
        status = mic_frame_size(layout, in + n_header, n_bytes - n_header, &size, &error);
        offsets[0] = n_header;
        offsets[1] = size > n_bytes - n_header ? n_bytes : n_header + size;
    }
    check(status, &error);
    if (status == MIC_OK && offsets[layout->n_frames] <= n_bytes)
        return offsets;
    free(offsets);
    return NULL;
}

static mic_shared_models *open_shared(const uint8_t *in, size_t n_bytes, const mic_layout *layout)
{
    const size_t end = min_size((size_t)layout->header_bytes, n_bytes);
    const size_t start = (size_t)layout->header_bytes - layout->shared_bytes, n = end - start;
    mic_shared_models *shared;
    if (layout->shared_bytes == 0)
        return NULL;
    uint8_t *models = allocate(n);
    memcpy(models, in + start, n);
    demand(mic_shared_models_open(layout, models, n, &shared, NULL) == MIC_OK);
    free(models);
    return shared;
}

static void decode_frame(const mic_layout *layout, const mic_shared_models *shared, const uint8_t *in,
                         uint64_t first, uint64_t end, unsigned how)
{
    const size_t n_row = (size_t)mic_frame_bytes(layout) / layout->rows;
    mic_error error = {.status = MIC_OK};
    uint8_t *frame = allocate((size_t)(end - first));
    memcpy(frame, in + first, (size_t)(end - first));
    mic_decode_job job = {.layout = layout, .shared = shared, .in = frame, .n_bytes = (size_t)(end - first), .base_offset = first,
                          .n_rows = layout->rows, .row_stride = (ptrdiff_t)n_row};
    if (how & 16) {
        job.first_row = layout->rows / 2;
        job.n_rows -= job.first_row;
    }
    job.out = allocate(job.n_rows * n_row);
    if (how & 8) {
        job.intact = allocate(job.n_rows);
        memset(job.intact, 0xEE, job.n_rows);
    }
    mic_status status = mic_decode(&job, 1, how & 64 ? 2 : 1, &error);
    check(status, &error);
    if (job.intact) {
        demand(status == MIC_OK);
        for (size_t y = 0; y < job.n_rows; y++) {
            demand(job.intact[y] <= 1);
            for (size_t x = 0; !job.intact[y] && x < n_row; x++)
                demand(job.out[y * n_row + x] == 0);
        }
    }
    free(job.intact);
    free(job.out);
    free(frame);
}

/* ---- frames that may share models ---------------------------------------- */

static mic_status encode_frames(const uint8_t *data, const uint8_t *samples, size_t n_bytes, int n_threads,
                                mic_encoded **encoded, size_t *n_frames)
{
    mic_layout layout = {.container = MIC_CONTAINER_NATIVE, .sample_type = (mic_sample_type)(data[2] >> 4 & 3),
                         .channels = data[2] & 64 ? 3 : 1, .n_axes = 1, .rows = data[0] % 64u + 1,
                         .columns = data[1] % 64u + 1};
    const mic_encode_options options = {.codec = MIC_CODEC_WAVEFRONT, .n_states = 4, .effort = (data[2] & 15) % 9 + 1,
                                        .n_threads = n_threads};
    *n_frames = n_bytes / (size_t)mic_frame_bytes(&layout);
    layout.axes[0] = (uint32_t)*n_frames;
    mic_error error = {.status = MIC_OK};
    if (*n_frames == 0)
        return MIC_ERROR_ARGUMENT;
    mic_status status = mic_encode(&layout, samples, &options, encoded, &error);
    check(status, &error);
    return status;
}

static void round_trip(const uint8_t *data, size_t size, int n_threads)
{
    if (size < 4)
        return;
    uint8_t *samples = allocate(size - 3), *out = allocate(size - 3);
    memcpy(samples, data + 3, size - 3);
    mic_encoded *encoded;
    size_t n_frames;
    if (encode_frames(data, samples, size - 3, n_threads, &encoded, &n_frames) == MIC_OK) {
        const size_t n = (size_t)mic_encoded_size(encoded);
        uint8_t *in = allocate(n);
        mic_layout layout;
        mic_encoded_write(encoded, in);
        mic_encoded_free(encoded);
        demand(mic_read_header(in, n, &layout, NULL) == MIC_OK && layout.n_frames == n_frames);
        uint64_t *offsets = locate(in, n, &layout);
        mic_shared_models *shared = open_shared(in, n, &layout);
        const size_t n_frame = (size_t)mic_frame_bytes(&layout);
        demand(offsets != NULL);
        for (size_t i = 0; i < n_frames; i++) {
            const mic_decode_job job = {.layout = &layout, .shared = shared, .in = in + offsets[i],
                                        .n_bytes = (size_t)(offsets[i + 1] - offsets[i]), .n_rows = layout.rows,
                                        .out = out + i * n_frame, .row_stride = (ptrdiff_t)(n_frame / layout.rows)};
            demand(mic_decode(&job, 1, 1, NULL) == MIC_OK);
        }
        demand(memcmp(out, samples, n_frames * n_frame) == 0);
        mic_shared_models_free(shared);
        free(offsets);
        free(in);
    }
    free(out);
    free(samples);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const mic_isa isas[4] = {MIC_ISA_SCALAR, MIC_ISA_AVX2, MIC_ISA_AVX512, MIC_ISA_NEON};
    if (size < 2)
        return 0;
    const unsigned how = data[0];
    mic_use_isa(isas[how & 3], NULL); /* where it is missing, the one before stays */
    if (how & 128) {
        round_trip(data + 1, size - 1, how & 64 ? 2 : 1);
        return 0;
    }
    uint8_t *in = allocate(--size);
    memcpy(in, data + 1, size);
    if (!(how & 4))
        mend(in, size, how & 32);
    mic_layout layout;
    mic_error error = {.status = MIC_OK};
    mic_status status = mic_read_header(in, size, &layout, &error);
    check(status, &error);
    if (status == MIC_OK && mic_frame_bytes(&layout) <= MOST_BYTES && layout.n_parts <= MOST_BYTES) {
        uint64_t *offsets = locate(in, size, &layout);
        mic_shared_models *shared = open_shared(in, size, &layout);
        for (uint64_t i = 0; offsets && i < layout.n_frames && i < MOST_FRAMES; i++)
            decode_frame(&layout, shared, in, offsets[i], offsets[i + 1], how);
        mic_shared_models_free(shared);
        free(offsets);
    }
    free(in);
    return 0;
}
