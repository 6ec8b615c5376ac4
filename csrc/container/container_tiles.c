/* SPDX-License-Identifier: MIT
 *
 * Slides: pyramids of levels that are cut into tiles, row by row and level by level, the
 * largest level first.  Each tile is a frame of its container.
 *
 * The published container, MIC3:
 *
 *      0  4  "MIC3"          16  4  columns of a tile     30  2  zero
 *      4  4  version (1)     20  4  rows of a tile        32  8  number of tiles
 *      8  4  columns         24  2  channels, 1 or 3      40  8  zero
 *     12  4  rows            26  1  bits, 8 or 16         48     levels, tiles, blobs
 *                            27  1  flags: 1 always, 2 colour transform
 *                            28  2  number of levels
 *
 *     a level, 20 bytes:  columns, rows, tiles across, tiles down, its first tile (u32)
 *     a tile, 16 bytes:   offset from the end of this table, length (u64)
 *
 * Tiles at the right and the lower edge are padded with zeros.  There is no checksum, so
 * fields that repeat one another are compared.
 */
#include "published.h"

#include "../base/kernels.h"
#include "../base/large_memory.h"
#include "rgb_planes.h"

#include <stdlib.h>

const uint8_t mic_tile_block_type[4] = {'t', 'i', 'l', 'e'};

enum {
    VERSION = 1,
    N_STATES = 2,
    TABLE_ENTRY = 16,
    MIC3_FIXED_BYTES = 48,
    MIC3_LEVEL_BYTES = 20,
    FLAG_ALWAYS = 1,
    FLAG_COLOUR = 2,
    BLOCK_LEVEL_BYTES = 8,
};

/* ---- levels ------------------------------------------------------------- */

static uint64_t tiles_across(const mic_layout *layout, unsigned level)
{
    return ((uint64_t)layout->levels[level].columns + layout->columns - 1) / layout->columns;
}

static uint64_t tiles_down(const mic_layout *layout, unsigned level)
{
    return ((uint64_t)layout->levels[level].rows + layout->rows - 1) / layout->rows;
}

/* Each factor is below 2^32, so no product exceeds 2^64.  No sum does either: the loop
 * stops once it exceeds the number of frames, which is below 2^31. */
mic_status mic_check_levels(const mic_layout *layout, mic_error *error)
{
    uint64_t n_tiles = 0;
    if (layout->n_levels < 1 || layout->n_levels > MIC_MAX_LEVELS || layout->n_axes != 1)
        return mic_fail(
            error, MIC_ERROR_CORRUPT, "header", -1,
            "a slide of %u levels and %u axes of tiles is announced, 1 to %d levels and one axis are "
            "expected (damaged file?)",
            layout->n_levels, layout->n_axes, MIC_MAX_LEVELS);
    for (unsigned i = 0; i < layout->n_levels; i++) {
        const mic_level *level = &layout->levels[i], *before = i ? level - 1 : level;
        if (level->rows == 0 || level->columns == 0 || level->rows > before->rows ||
            level->columns > before->columns)
            return mic_fail(
                error, MIC_ERROR_CORRUPT, "header", -1,
                "level %u has %u rows x %u columns, 1 to %u rows and 1 to %u columns are expected "
                "(damaged file?)",
                i, level->rows, level->columns, before->rows, before->columns);
        n_tiles += tiles_across(layout, i) * tiles_down(layout, i);
        if (n_tiles > layout->n_frames)
            break;
    }
    if (n_tiles == layout->n_frames)
        return MIC_OK;
    return mic_fail(
        error, MIC_ERROR_CORRUPT, "header", -1,
        "the file announces %llu tiles, %llu%s are expected for %u levels of %u x %u and less in tiles of "
        "%u x %u (damaged file?)",
        (unsigned long long)layout->n_frames, (unsigned long long)n_tiles,
        n_tiles > layout->n_frames ? " or more" : "", layout->n_levels, layout->levels[0].rows,
        layout->levels[0].columns, layout->rows, layout->columns);
}

size_t mic_write_tile_block(const mic_layout *layout, uint8_t out[TILE_BLOCK_BOUND])
{
    uint8_t *p = out;
    *p++ = (uint8_t)layout->n_levels;
    for (unsigned i = 0; i < layout->n_levels; i++, p += BLOCK_LEVEL_BYTES) {
        store_u32(p, layout->levels[i].rows);
        store_u32(p + 4, layout->levels[i].columns);
    }
    return (size_t)(p - out);
}

mic_status mic_read_tile_block(const uint8_t *in, size_t n_bytes, mic_layout *layout, mic_error *error)
{
    if (n_bytes < 1 || in[0] < 1 || in[0] > MIC_MAX_LEVELS || n_bytes != 1u + BLOCK_LEVEL_BYTES * in[0] ||
        layout->n_levels)
        return mic_fail(
            error, MIC_ERROR_CORRUPT, "header", -1,
            "a block of levels has %zu bytes and says %u levels, one such block of 1 to %d levels of %d "
            "bytes is expected (damaged file?)",
            n_bytes, n_bytes ? in[0] : 0, MIC_MAX_LEVELS, BLOCK_LEVEL_BYTES);
    layout->n_levels = *in++;
    for (unsigned i = 0; i < layout->n_levels; i++, in += BLOCK_LEVEL_BYTES)
        layout->levels[i] = (mic_level){.rows = load_u32(in), .columns = load_u32(in + 4)};
    return MIC_OK;
}

/* ---- MIC3: header ------------------------------------------------------- */

static mic_status write_header(const mic_layout *layout, uint8_t out[MIC_HEADER_BOUND], size_t *n_bytes,
                               mic_error *error)
{
    _Static_assert(MIC3_FIXED_BYTES + MIC3_LEVEL_BYTES * MIC_MAX_LEVELS <= MIC_HEADER_BOUND,
                   "the header fits");
    uint8_t *level = out + MIC3_FIXED_BYTES;
    uint64_t first = 0;
    (void)error;
    memset(out, 0, MIC3_FIXED_BYTES);
    memcpy(out, mic_mic3_format.magic, MAGIC_BYTES);
    store_u32(out + 4, VERSION);
    store_u32(out + 8, layout->levels[0].columns);
    store_u32(out + 12, layout->levels[0].rows);
    store_u32(out + 16, layout->columns);
    store_u32(out + 20, layout->rows);
    store_u16(out + 24, (uint16_t)layout->channels);
    out[26] = (uint8_t)(8 * mic_sample_bytes(layout->sample_type));
    out[27] = layout->channels == 3 ? FLAG_ALWAYS | FLAG_COLOUR : FLAG_ALWAYS;
    store_u16(out + 28, (uint16_t)layout->n_levels);
    store_u64(out + 32, layout->n_frames);
    for (unsigned i = 0; i < layout->n_levels; i++, level += MIC3_LEVEL_BYTES) {
        store_u32(level, layout->levels[i].columns);
        store_u32(level + 4, layout->levels[i].rows);
        store_u32(level + 8, (uint32_t)tiles_across(layout, i));
        store_u32(level + 12, (uint32_t)tiles_down(layout, i));
        store_u32(level + 16, (uint32_t)first);
        first += tiles_across(layout, i) * tiles_down(layout, i);
    }
    *n_bytes = (size_t)(level - out);
    return MIC_OK;
}

static mic_status check_samples(const uint8_t *in, mic_error *error)
{
    const unsigned channels = load_u16(in + 24), bits = in[26], flags = in[27];
    if (load_u32(in + 4) != VERSION)
        return mic_fail(error, MIC_ERROR_FORMAT, "header", 4,
                        "the MIC3 file has version %u, %d is expected (damaged, or from a newer writer?)",
                        load_u32(in + 4), VERSION);
    if (!(channels == 1 && (bits == 8 || bits == 16)) && !(channels == 3 && bits == 8))
        return mic_fail(
            error, MIC_ERROR_UNSUPPORTED, "header", 24,
            "the MIC3 file has %u channels of %u bits, 1 channel of 8 or 16 or 3 of 8 are expected: "
            "published writers lose samples of all others (or a damaged file?)",
            channels, bits);
    if (flags != (channels == 3 ? FLAG_ALWAYS | FLAG_COLOUR : FLAG_ALWAYS))
        return mic_fail(
            error, MIC_ERROR_FORMAT, "header", 27,
            "the MIC3 file has flags %02x, %02x are expected for %u channels (damaged, or from a newer "
            "writer?)",
            flags, channels == 3 ? FLAG_ALWAYS | FLAG_COLOUR : FLAG_ALWAYS, channels);
    if (load_u16(in + 30) || load_u64(in + 40))
        return mic_fail(error, MIC_ERROR_CORRUPT, "header", load_u16(in + 30) ? 30 : 40,
                        "a reserved field of the MIC3 header is not zero (damaged file?)");
    return MIC_OK;
}

static mic_status check_grid(const uint8_t *in, const mic_layout *layout, mic_error *error)
{
    uint64_t first = 0;
    if (layout->levels[0].columns != load_u32(in + 8) || layout->levels[0].rows != load_u32(in + 12))
        return mic_fail(
            error, MIC_ERROR_CORRUPT, "header", MIC3_FIXED_BYTES,
            "level 0 has %u rows x %u columns, %u x %u are expected as in the header (damaged file?)",
            layout->levels[0].rows, layout->levels[0].columns, load_u32(in + 12), load_u32(in + 8));
    for (unsigned i = 0; i < layout->n_levels; i++) {
        const size_t at = MIC3_FIXED_BYTES + (size_t)MIC3_LEVEL_BYTES * i;
        const uint8_t *level = in + at;
        if (load_u32(level + 8) != tiles_across(layout, i) || load_u32(level + 12) != tiles_down(layout, i) ||
            load_u32(level + 16) != first)
            return mic_fail(
                error, MIC_ERROR_CORRUPT, "header", (int64_t)at + 8,
                "level %u has %u x %u tiles from tile %u, %llu x %llu from tile %llu are expected "
                "(damaged file?)",
                i, load_u32(level + 12), load_u32(level + 8), load_u32(level + 16),
                (unsigned long long)tiles_down(layout, i), (unsigned long long)tiles_across(layout, i),
                (unsigned long long)first);
        first += tiles_across(layout, i) * tiles_down(layout, i);
    }
    return MIC_OK;
}

static uint64_t index_bytes(const mic_layout *layout) { return layout->n_frames * TABLE_ENTRY; }

static mic_status read_header(const uint8_t *in, size_t n_bytes, mic_layout *layout, mic_error *error)
{
    const unsigned n_levels = n_bytes < MIC3_FIXED_BYTES ? 0 : load_u16(in + 28);
    const uint64_t n_tiles = n_bytes < MIC3_FIXED_BYTES ? 0 : load_u64(in + 32);
    const size_t n_header = MIC3_FIXED_BYTES + (size_t)MIC3_LEVEL_BYTES * n_levels;
    if (n_levels > MIC_MAX_LEVELS || (n_levels == 0 && n_bytes >= MIC3_FIXED_BYTES))
        return mic_fail(error, MIC_ERROR_CORRUPT, "header", 28,
                        "the MIC3 file has %u levels, 1 to %d are expected (damaged file?)", n_levels,
                        MIC_MAX_LEVELS);
    if (n_bytes < n_header)
        return mic_fail(
            error, MIC_ERROR_TRUNCATED, "header", (int64_t)n_bytes,
            "the data end after %zu bytes, %zu are expected for a MIC3 header of %u levels (truncated "
            "file?)",
            n_bytes, n_header, n_levels);
    TRY(check_samples(in, error));
    if (n_tiles > UINT32_MAX)
        return mic_fail(error, MIC_ERROR_CORRUPT, "header", 32,
                        "the MIC3 file announces %llu tiles, at most 2^31 - 1 are expected (damaged file?)",
                        (unsigned long long)n_tiles);
    *layout = (mic_layout){.container = MIC_CONTAINER_MIC3,
                           .codec = MIC_CODEC_FSE,
                           .channels = load_u16(in + 24),
                           .sample_type = in[26] == 8 ? MIC_UINT8 : MIC_UINT16,
                           .bits_used = in[26],
                           .columns = load_u32(in + 16),
                           .rows = load_u32(in + 20),
                           .n_axes = 1,
                           .axes = {(uint32_t)n_tiles},
                           .index_offset = n_header,
                           .n_levels = n_levels};
    TRY(mic_check_shape(layout, error));
    for (unsigned i = 0; i < n_levels; i++) {
        const uint8_t *level = in + MIC3_FIXED_BYTES + (size_t)MIC3_LEVEL_BYTES * i;
        layout->levels[i] = (mic_level){.rows = load_u32(level + 4), .columns = load_u32(level)};
    }
    TRY(mic_check_levels(layout, error));
    layout->strip_rows = layout->rows;
    layout->header_bytes = n_header + index_bytes(layout);
    return check_grid(in, layout, error);
}

/* ---- MIC3: tile table --------------------------------------------------- */

void mic_write_tile_table(const uint64_t *tile_offsets, uint64_t n_tiles, uint8_t *out)
{
    for (uint64_t i = 0; i < n_tiles; i++, out += TABLE_ENTRY) {
        store_u64(out, tile_offsets[i] - tile_offsets[0]);
        store_u64(out + 8, tile_offsets[i + 1] - tile_offsets[i]);
    }
}

/* Accepts only what published writers write: tiles one after the other, without gaps. */
static mic_status read_index(const mic_layout *layout, const uint8_t *in, uint64_t *tile_offsets,
                             mic_error *error)
{
    tile_offsets[0] = layout->header_bytes;
    for (uint64_t i = 0; i < layout->n_frames; i++, in += TABLE_ENTRY) {
        const uint64_t expected = tile_offsets[i] - layout->header_bytes, offset = load_u64(in),
                       n = load_u64(in + 8);
        if (offset != expected || n == 0 || n > INT64_MAX - tile_offsets[i]) {
            mic_status status = mic_fail(
                error, MIC_ERROR_CORRUPT, "index", (int64_t)(layout->index_offset + i * TABLE_ENTRY),
                "the tile is said to have %llu bytes from byte %llu of the tiles, at least "
                "one byte from byte %llu, where the tile before ends, is expected (damaged "
                "file?)",
                (unsigned long long)n, (unsigned long long)offset, (unsigned long long)expected);
            if (error)
                error->frame = (int64_t)i;
            return status;
        }
        tile_offsets[i + 1] = tile_offsets[i] + n;
    }
    return MIC_OK;
}

/* ---- MIC3: tiles -------------------------------------------------------- */

static mic_status no_memory(const mic_layout *layout, mic_error *error)
{
    return mic_fail(error, MIC_ERROR_MEMORY, "container", -1, "no memory for a tile of %u x %u pixels",
                    layout->rows, layout->columns);
}

/* Encode a plane of 8-bit samples as words. */
static mic_status encode_grey8(const uint8_t *samples, size_t width, size_t height, uint8_t *out,
                               size_t capacity, size_t *n_bytes, uint16_t *words, mic_error *error)
{
    for (size_t i = 0; i < width * height; i++)
        words[i] = samples[i];
    return mic_plane_encode(words, width, height, N_STATES, out, capacity, n_bytes, error);
}

static mic_status decode_grey8(const uint8_t *in, size_t n_bytes, size_t width, size_t height,
                               uint8_t *samples, uint16_t *words, mic_error *error)
{
    TRY(mic_plane_decode(in, n_bytes, width, height, words, error));
    const unsigned largest = mic_kernels_active()->largest(words, width * height);
    if (largest > UINT8_MAX)
        return mic_fail(error, MIC_ERROR_CORRUPT, "plane", -1,
                        "the tile holds the sample %u, at most 255 is expected (damaged file?)", largest);
    for (size_t i = 0; i < width * height; i++)
        samples[i] = (uint8_t)words[i];
    return MIC_OK;
}

/* `words` has room for a plane of 8-bit samples. */
static mic_status encode_tile(const mic_layout *layout, const void *samples, uint8_t *out, size_t capacity,
                              size_t *n_bytes, uint16_t *words, mic_error *error)
{
    const size_t width = layout->columns, height = layout->rows;
    if (layout->channels == RGB_PLANES)
        return mic_rgb_encode(samples, width, height, N_STATES, 1, out, capacity, n_bytes, error);
    if (layout->sample_type == MIC_UINT8)
        return encode_grey8(samples, width, height, out, capacity, n_bytes, words, error);
    return mic_plane_encode(samples, width, height, N_STATES, out, capacity, n_bytes, error);
}

static mic_status decode_tile(const mic_layout *layout, const uint8_t *in, size_t n_bytes, void *samples,
                              uint16_t *words, mic_error *error)
{
    const size_t width = layout->columns, height = layout->rows;
    if (layout->channels == RGB_PLANES)
        return mic_rgb_decode(in, n_bytes, width, height, 1, samples, error);
    if (layout->sample_type == MIC_UINT8)
        return decode_grey8(in, n_bytes, width, height, samples, words, error);
    return mic_plane_decode(in, n_bytes, width, height, samples, error);
}

static mic_status encode_frame(const mic_layout *layout, const void *samples,
                               const mic_encode_options *options, mic_encoded **encoded, unsigned *bits_used,
                               mic_error *error)
{
    const size_t n_pixels = (size_t)layout->rows * layout->columns;
    const size_t capacity = layout->channels == RGB_PLANES ? mic_rgb_bound(n_pixels)
                                                           : mic_plane_bound(n_pixels);
    mic_encoded *result = mic_encoded_new(1);
    uint16_t *words = mic_large_malloc(n_pixels * sizeof *words);
    uint8_t *block = malloc(capacity);
    size_t n_bytes = 0;
    (void)options;
    mic_status status = result && words && block
                            ? encode_tile(layout, samples, block, capacity, &n_bytes, words, error)
                            : no_memory(layout, error);
    mic_large_free(words);
    struct encoded_part part = {NULL, 0};
    status = mic_published_fit(status, block, n_bytes, &part);
    if (status != MIC_OK) {
        mic_encoded_free(result);
        return status;
    }
    result->parts[0] = part;
    *bits_used = 8 * (unsigned)mic_sample_bytes(layout->sample_type);
    *encoded = result;
    return MIC_OK;
}

/* A tile has no strips, so decoding some of its rows costs as much as decoding all. */
static mic_status decode(const mic_decode_job *job, int n_threads, mic_error *error)
{
    const mic_layout *layout = job->layout;
    const size_t n_row = (size_t)mic_frame_bytes(layout) / layout->rows;
    uint8_t *tile = mic_large_malloc(layout->rows * n_row);
    uint16_t *words = mic_large_malloc((size_t)layout->rows * layout->columns * sizeof *words);
    (void)n_threads;
    mic_status status = tile && words ? decode_tile(layout, job->in, job->n_bytes, tile, words, error)
                                      : no_memory(layout, error);
    const bool intact = status == MIC_OK, rescue = job->intact && status != MIC_ERROR_MEMORY;
    for (size_t y = 0; y < job->n_rows && (intact || rescue); y++) {
        uint8_t *row = job->out + (ptrdiff_t)y * job->row_stride;
        if (intact)
            memcpy(row, tile + (job->first_row + y) * n_row, n_row);
        else
            memset(row, 0, n_row);
    }
    mic_large_free(words);
    mic_large_free(tile);
    if (!rescue)
        return status;
    memset(job->intact, intact, job->n_rows);
    return MIC_OK;
}

const container_format mic_mic3_format = {
    .magic = {'M', 'I', 'C', '3'},
    .name = "MIC3",
    .holds = "a slide",
    .read_header = read_header,
    .encode_frame = encode_frame,
    .write_header = write_header,
    .index_bytes = index_bytes,
    .read_index = read_index,
    .decode = decode,
};
