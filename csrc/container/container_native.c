/* SPDX-License-Identifier: MIT
 *
 * The native container: header, frames, index.  It is specified in docs/format.md.
 *
 *     0  4  magic 89 'M' 'i' 'c'    the first byte is not ASCII, which exposes text
 *                                   modes and 7-bit channels
 *     4  1  version
 *     5  1  layout: bits 0-1 sample type, 2 colour, 3 frames, 4 blocks
 *     6  1  codec
 *     7  1  bits in use
 *     8     rows, columns, rows per strip (0: all)    varints
 *           frames:  number of leading axes (1), each axis (4), index offset (8)
 *           blocks:  bytes in all (4), then type (4), length (4), content, ...
 *           CRC-32C of the header so far (4)
 *
 * Block "Modl" gives the number of bytes of shared models (shared_models.h) between the
 * header and the first frame.  Block "tile" lists the levels whose tiles the frames are.
 * If `frames` is set, an index of 8 bytes a frame and a CRC-32C end the stream.
 */
#include "container_format.h"

#include "../frame/encoded.h"
#include "../frame/frame.h"
#include "../base/kernels.h"
#include "../frame/shared_models.h"
#include "../base/varint.h"

#include <stdlib.h>

enum {
    VERSION = 1,
    FIXED_BYTES = 8,
    CRC_BYTES = 4,
    LAYOUT_TYPE = 3,
    LAYOUT_COLOUR = 4,
    LAYOUT_FRAMES = 8,
    LAYOUT_BLOCKS = 16,
    LAYOUT_KNOWN = 31,
    INDEX_ENTRY = 8,
    BLOCK_HEAD = 8,
    MODELS_BLOCK = BLOCK_HEAD + 4,
};

/* A capital letter, because a reader that does not know this block cannot find the first
 * frame and must not try. */
static const uint8_t models_type[4] = {'M', 'o', 'd', 'l'};

/* ---- header ------------------------------------------------------------ */

static uint8_t *write_block_head(const uint8_t type[4], size_t n_bytes, uint8_t *p)
{
    memcpy(p, type, 4);
    store_u32(p + 4, (uint32_t)n_bytes);
    return p + BLOCK_HEAD;
}

static uint8_t *write_blocks(const mic_layout *layout, uint8_t *p)
{
    uint8_t *first = p + 4, *end = first;
    if (layout->n_levels) {
        const size_t n = mic_write_tile_block(layout, end + BLOCK_HEAD);
        end = write_block_head(mic_tile_block_type, n, end) + n;
    }
    if (layout->shared_bytes) {
        end = write_block_head(models_type, 4, end) + 4;
        store_u32(end - 4, layout->shared_bytes);
    }
    store_u32(p, (uint32_t)(end - first));
    return end;
}

static bool has_blocks(const mic_layout *layout) { return layout->n_levels || layout->shared_bytes; }

static mic_status write_header(const mic_layout *layout, uint8_t out[MIC_HEADER_BOUND], size_t *n_bytes,
                               mic_error *error)
{
    _Static_assert(FIXED_BYTES + 3 * VARINT_MAX_BYTES + 1 + 4 * MIC_MAX_AXES + 8 + 4 + BLOCK_HEAD +
                           TILE_BLOCK_BOUND + MODELS_BLOCK + CRC_BYTES <=
                       MIC_HEADER_BOUND,
                   "the largest header fits its bound");
    uint8_t *p = out;
    if (layout->n_axes > MIC_MAX_AXES)
        return mic_fail(error, MIC_ERROR_ARGUMENT, "header", -1,
                        "the array has %u leading axes, at most %d are expected; reshape it", layout->n_axes,
                        MIC_MAX_AXES);
    memcpy(p, mic_native_format.magic, MAGIC_BYTES);
    p[4] = VERSION;
    p[5] = (uint8_t)(layout->sample_type | (layout->channels == 3 ? LAYOUT_COLOUR : 0) |
                     (layout->n_axes ? LAYOUT_FRAMES : 0) | (has_blocks(layout) ? LAYOUT_BLOCKS : 0));
    p[6] = (uint8_t)layout->codec;
    p[7] = (uint8_t)layout->bits_used;
    p = varint_write(p + FIXED_BYTES, layout->rows);
    p = varint_write(p, layout->columns);
    p = varint_write(p, layout->strip_rows == layout->rows ? 0 : layout->strip_rows);
    if (layout->n_axes) {
        *p++ = (uint8_t)layout->n_axes;
        for (unsigned i = 0; i < layout->n_axes; i++, p += 4)
            store_u32(p, layout->axes[i]);
        store_u64(p, layout->index_offset);
        p += 8;
    }
    if (has_blocks(layout))
        p = write_blocks(layout, p);
    store_u32(p, mic_kernels_active()->crc32c(0, out, (size_t)(p - out)));
    *n_bytes = (size_t)(p - out) + CRC_BYTES;
    return MIC_OK;
}

static mic_status fail_short_header(size_t n_bytes, mic_error *error)
{
    return mic_fail(error, MIC_ERROR_TRUNCATED, "header", (int64_t)n_bytes,
                    "the data end after %zu bytes, within the header (truncated file?)", n_bytes);
}

/* Read leading axes and index offset; returns NULL if they do not fit. */
static const uint8_t *read_axes(const uint8_t *p, const uint8_t *end, mic_layout *layout)
{
    if (p == end || *p == 0 || *p > MIC_MAX_AXES || (size_t)(end - p) < 1u + 4u * *p + 8u)
        return NULL;
    layout->n_axes = *p++;
    for (unsigned i = 0; i < layout->n_axes; i++, p += 4)
        layout->axes[i] = load_u32(p);
    layout->index_offset = load_u64(p);
    return p + 8;
}

/* Read the number of bytes of shared models. */
static mic_status read_models_block(const uint8_t *block, mic_layout *layout, mic_error *error)
{
    const uint32_t n = load_u32(block + 4), smallest = mic_shared_models_smallest(layout->channels),
                   largest = mic_shared_models_largest(layout->channels);
    const uint32_t shared_bytes = n == 4 ? load_u32(block + BLOCK_HEAD) : 0;
    if (layout->shared_bytes || shared_bytes < smallest || shared_bytes > largest)
        return mic_fail(
            error, MIC_ERROR_CORRUPT, "header", -1,
            "a block of %u bytes announces %u bytes of shared models, one such block with %u to %u is "
            "expected (damaged file?)",
            n, shared_bytes, smallest, largest);
    layout->shared_bytes = shared_bytes;
    return MIC_OK;
}

/* Blocks leave room for extensions.  A reader skips the types it does not know, unless the
 * first letter of the type is a capital, which means "do not read on without knowing this
 * block". */
static mic_status read_blocks(const uint8_t *p, const uint8_t *end, mic_layout *layout, mic_error *error)
{
    for (; p != end; p += BLOCK_HEAD + load_u32(p + 4)) {
        if (end - p < BLOCK_HEAD || load_u32(p + 4) > (size_t)(end - p) - BLOCK_HEAD)
            return mic_fail(error, MIC_ERROR_CORRUPT, "header", -1,
                            "an optional block passes the end of the blocks (damaged file?)");
        if (memcmp(p, mic_tile_block_type, 4) == 0)
            TRY(mic_read_tile_block(p + BLOCK_HEAD, load_u32(p + 4), layout, error));
        else if (memcmp(p, models_type, sizeof models_type) == 0)
            TRY(read_models_block(p, layout, error));
        else if (p[0] >= 'A' && p[0] <= 'Z')
            return mic_fail(error, MIC_ERROR_UNSUPPORTED, "header", -1,
                            "the file needs block %02x %02x %02x %02x, which this version does not know; "
                            "install a newer mic-codec",
                            p[0], p[1], p[2], p[3]);
    }
    return MIC_OK;
}

static uint64_t index_bytes(const mic_layout *layout) { return layout->n_frames * INDEX_ENTRY + CRC_BYTES; }

static mic_status check_fields(mic_layout *layout, mic_error *error)
{
    TRY(mic_check_shape(layout, error));
    if (layout->strip_rows >= layout->rows)
        return mic_fail(error, MIC_ERROR_CORRUPT, "header", -1,
                        "strips of %u rows are announced, fewer than the %u rows or 0 for all are expected "
                        "(damaged file?)",
                        layout->strip_rows, layout->rows);
    if (layout->strip_rows == 0)
        layout->strip_rows = layout->rows;
    if (layout->n_axes && layout->index_offset < layout->header_bytes)
        return mic_fail(
            error, MIC_ERROR_CORRUPT, "header", -1,
            "the frame index is announced at byte %llu, frame 0 is expected to begin before it at byte %llu "
            "(damaged or unfinished file?)",
            (unsigned long long)layout->index_offset, (unsigned long long)layout->header_bytes);
    layout->stream_bytes = layout->n_axes ? layout->index_offset + index_bytes(layout) : 0;
    return layout->n_levels ? mic_check_levels(layout, error) : MIC_OK;
}

static mic_status read_header(const uint8_t *in, size_t n_bytes, mic_layout *layout, mic_error *error)
{
    const uint8_t *p = in + FIXED_BYTES, *end = in + n_bytes;
    layout->container = MIC_CONTAINER_NATIVE;
    if (n_bytes < FIXED_BYTES)
        return fail_short_header(n_bytes, error);
    if (in[4] != VERSION || (in[5] & ~LAYOUT_KNOWN))
        return mic_fail(error, MIC_ERROR_FORMAT, "header", 4,
                        "the stream has version %u and layout bits %02x, version %d and bits up to %02x are "
                        "expected (damaged, or written by a newer version of mic?)",
                        in[4], in[5], VERSION, LAYOUT_KNOWN);
    p = varint_read(p, end, &layout->rows);
    p = p ? varint_read(p, end, &layout->columns) : NULL;
    p = p ? varint_read(p, end, &layout->strip_rows) : NULL;
    if (p && (in[5] & LAYOUT_FRAMES))
        p = read_axes(p, end, layout);
    if (!p)
        return fail_short_header(n_bytes, error);
    const uint8_t *blocks = p;
    if (in[5] & LAYOUT_BLOCKS) {
        if (end - p < 4 || load_u32(p) > (size_t)(end - p) - 4)
            return fail_short_header(n_bytes, error);
        blocks = p + 4;
        p = blocks + load_u32(p);
    }
    if (end - p < CRC_BYTES)
        return fail_short_header(n_bytes, error);
    uint32_t crc = mic_kernels_active()->crc32c(0, in, (size_t)(p - in));
    if (crc != load_u32(p))
        return mic_fail(error, MIC_ERROR_CHECKSUM, "header", 0,
                        "the checksum of the header is %08x, %08x is expected (damaged file)", crc,
                        load_u32(p));
    layout->header_bytes = (uint64_t)(p - in) + CRC_BYTES;
    layout->sample_type = (mic_sample_type)(in[5] & LAYOUT_TYPE);
    layout->channels = in[5] & LAYOUT_COLOUR ? 3 : 1;
    layout->codec = (mic_codec)in[6];
    layout->bits_used = in[7];
    TRY(read_blocks(blocks, p, layout, error));
    layout->header_bytes += layout->shared_bytes;
    return check_fields(layout, error);
}

/* ---- index ------------------------------------------------------------- */

void mic_write_index(const uint64_t *frame_offsets, uint64_t n_frames, uint8_t *out)
{
    for (uint64_t i = 0; i < n_frames; i++)
        store_u64(out + i * INDEX_ENTRY, frame_offsets[i]);
    size_t n = (size_t)n_frames * INDEX_ENTRY;
    store_u32(out + n, mic_kernels_active()->crc32c(0, out, n));
}

static mic_status read_index(const mic_layout *layout, const uint8_t *in, uint64_t *frame_offsets,
                             mic_error *error)
{
    const int64_t offset = (int64_t)layout->index_offset;
    size_t n = (size_t)layout->n_frames * INDEX_ENTRY;
    uint32_t crc = mic_kernels_active()->crc32c(0, in, n);
    if (crc != load_u32(in + n))
        return mic_advise(mic_fail(error, MIC_ERROR_CHECKSUM, "index", offset,
                                   "the checksum of the frame index is %08x, %08x is expected (damaged file)",
                                   crc, load_u32(in + n)),
                          error, MIC_REMEDY_RESCUE_FRAMES);
    uint64_t previous_end = layout->header_bytes;
    for (uint64_t i = 0; i < layout->n_frames; i++) {
        frame_offsets[i] = load_u64(in + i * INDEX_ENTRY);
        uint64_t next = i + 1 < layout->n_frames ? load_u64(in + (i + 1) * INDEX_ENTRY)
                                                 : layout->index_offset;
        if (frame_offsets[i] != previous_end || next <= frame_offsets[i] || next > layout->index_offset)
            return mic_fail(
                error, MIC_ERROR_CORRUPT, "index", offset + (int64_t)(i * INDEX_ENTRY),
                "frame %llu is said to lie at bytes %llu to %llu, it is expected behind byte %llu and "
                "before the index at %llu (damaged file?)",
                (unsigned long long)i, (unsigned long long)frame_offsets[i], (unsigned long long)next,
                (unsigned long long)previous_end, (unsigned long long)layout->index_offset);
        previous_end = next;
    }
    frame_offsets[layout->n_frames] = layout->index_offset;
    return MIC_OK;
}

/* ---- encoding ---------------------------------------------------------- */

/* Encoded frames, with one entry for each. */
typedef struct coded_frames {
    mic_encoded **frames;
    unsigned *bits_used;
} coded_frames;

/* If the models save less than they take, drop them and keep the frames encoded without
 * sharing. */
static void settle_sharing(mic_layout *layout, mic_encoded **frames, size_t n_frames,
                           mic_shared_models **shared)
{
    uint64_t n_saved = 0;
    for (size_t i = 0; i < n_frames; i++) {
        const mic_encoded *own = frames[i]->without_sharing;
        n_saved += own ? mic_encoded_size(own) - mic_encoded_size(frames[i]) : 0;
    }
    if (n_saved > 4 + MODELS_BLOCK + (uint64_t)layout->shared_bytes)
        return;
    for (size_t i = 0; i < n_frames; i++) {
        mic_encoded *borrower = frames[i], *own = borrower->without_sharing;
        if (own) {
            frames[i] = own;
            borrower->without_sharing = NULL;
            mic_encoded_free(borrower);
        }
    }
    mic_shared_models_free(*shared);
    *shared = NULL;
    layout->shared_bytes = 0;
}

mic_status mic_encode_first_frames(mic_layout *layout, const void *samples, size_t n_frames,
                                   const mic_encode_options *options, mic_encoded **frames,
                                   unsigned *bits_used, mic_shared_models **shared, mic_error *error)
{
    mic_encode_options of_each = *options;
    *shared = NULL;
    layout->shared_bytes = 0;
    TRY(mic_check_frame_shape(layout, error));
    mic_status status = MIC_OK;
    if (n_frames > 1 && mic_may_share_models(layout))
        status = mic_shared_models_learn(layout, samples, n_frames, options, shared, error);
    of_each.shared = *shared;
    if (status == MIC_OK)
        status = mic_encode_each(mic_native_frame_encode, layout, samples, n_frames, 0, &of_each, frames,
                                 bits_used, error);
    if (status == MIC_OK && *shared)
        settle_sharing(layout, frames, n_frames, shared);
    if (status != MIC_OK) {
        mic_shared_models_free(*shared);
        *shared = NULL;
    }
    return status;
}

/* Encode all frames: the first ones, then the others with the models learnt from those. */
static mic_status encode_all(mic_layout *layout, const uint8_t *samples, const mic_encode_options *options,
                             const coded_frames *coded, mic_shared_models **shared, mic_error *error)
{
    const size_t n_frames = (size_t)layout->n_frames;
    const size_t n_first = mic_may_share_models(layout) ? min_size(n_frames, MIC_LEARN_FRAMES) : n_frames;
    mic_encode_options of_others = *options;
    TRY(mic_encode_first_frames(layout, samples, n_first, options, coded->frames, coded->bits_used, shared,
                                error));
    if (n_first == n_frames)
        return MIC_OK;
    of_others.shared = *shared;
    return mic_encode_each(mic_native_frame_encode, layout, samples + n_first * mic_frame_bytes(layout),
                           n_frames - n_first, n_first, &of_others, coded->frames + n_first,
                           coded->bits_used + n_first, error);
}

/* Put together the header, the shared models, the parts moved from each frame, and the
 * index. */
static mic_status assemble(const coded_frames *coded, mic_layout *layout, const mic_shared_models *shared,
                           mic_encoded **encoded, mic_error *error)
{
    const size_t n_index = layout->n_axes ? (size_t)index_bytes(layout) : 0;
    size_t n_parts = 3;
    for (size_t i = 0; i < layout->n_frames; i++) {
        n_parts += coded->frames[i]->n_parts;
        layout->bits_used = coded->bits_used[i] > layout->bits_used ? coded->bits_used[i] : layout->bits_used;
    }
    mic_encoded *all = *encoded = mic_encoded_new(n_parts);
    uint64_t *offsets = malloc(layout->n_frames * sizeof *offsets);
    uint8_t *header = malloc(MIC_HEADER_BOUND), *index = malloc(n_index + 1);
    uint8_t *models = malloc(layout->shared_bytes + 1);
    if (!all || !offsets || !header || !models || !index) {
        free(offsets);
        free(header);
        free(models);
        free(index);
        return mic_fail(error, MIC_ERROR_MEMORY, "container", -1, "no memory for an index of %llu frames",
                        (unsigned long long)layout->n_frames);
    }
    all->parts[0].bytes = header;
    TRY(write_header(layout, header, &all->parts[0].n_bytes, error)); /* for the header's size */
    all->parts[1].bytes = models;
    if (shared)
        memcpy(models, mic_shared_models_bytes(shared, &all->parts[1].n_bytes), layout->shared_bytes);
    uint64_t offset = all->parts[0].n_bytes + all->parts[1].n_bytes;
    size_t n = 2;
    for (size_t i = 0; i < layout->n_frames; i++) {
        mic_encoded *frame = coded->frames[i];
        offsets[i] = offset;
        offset += mic_encoded_size(frame);
        memcpy(&all->parts[n], frame->parts, frame->n_parts * sizeof frame->parts[0]);
        n += frame->n_parts;
        frame->n_parts = 0; /* moved to `all` */
    }
    layout->index_offset = layout->n_axes ? offset : 0;
    all->parts[n].bytes = index;
    all->parts[n].n_bytes = n_index;
    if (layout->n_axes)
        mic_write_index(offsets, layout->n_frames, index);
    free(offsets);
    return write_header(layout, header, &all->parts[0].n_bytes, error);
}

static mic_status encode(const mic_layout *layout, const void *samples, const mic_encode_options *options,
                         mic_encoded **encoded, mic_error *error)
{
    const size_t n_frames = (size_t)layout->n_frames;
    mic_layout complete = *layout;
    complete.codec = options->codec;
    mic_plan_strips(&complete);
    const coded_frames coded = {.frames = calloc(n_frames, sizeof *coded.frames),
                                .bits_used = calloc(n_frames, sizeof *coded.bits_used)};
    mic_shared_models *shared = NULL;
    mic_status status = MIC_OK;
    if (!coded.frames || !coded.bits_used)
        status = mic_fail(error, MIC_ERROR_MEMORY, "container", -1, "no memory for %zu frames", n_frames);
    if (status == MIC_OK)
        status = encode_all(&complete, samples, options, &coded, &shared, error);
    if (status == MIC_OK)
        status = assemble(&coded, &complete, shared, encoded, error);
    mic_shared_models_free(shared);
    for (size_t i = 0; coded.frames && i < n_frames; i++)
        mic_encoded_free(coded.frames[i]);
    free(coded.frames);
    free(coded.bits_used);
    return status;
}

const container_format mic_native_format = {
    .magic = {0x89, 'M', 'i', 'c'},
    .name = "native",
    .holds = "everything",
    .read_header = read_header,
    .encode = encode,
    .encode_frame = mic_native_frame_encode,
    .write_header = write_header,
    .frame_size = mic_native_frame_size,
    .index_bytes = index_bytes,
    .read_index = read_index,
    .decode = mic_native_frame_decode,
};
