/* SPDX-License-Identifier: MIT
 *
 * One frame of the native container.  Encoding runs the stages in this order:
 *
 *     samples            8 or 16 bits, signed or not, 1 or 3 channels
 *       -> sample map    per plane: words from 0, used values numbered if sparse
 *       -> strips        stretches of rows that decode on their own
 *       -> strip coder   the smallest of FSE, Huffman and raw words
 *
 * and decoding runs them backwards.  A frame is its head, then its pieces: one
 * for each strip and plane, plane by plane within a strip; a constant plane has
 * none.  The head (docs/format.md, "Frame"):
 *
 *     CRC-32C of the decoded samples      4 bytes
 *     sample map of each plane            3 bytes or more
 *     length, CRC-32C of each piece       varint, 4 bytes
 *     CRC-32C of the head so far          4 bytes
 */
#include "frame.h"

#include "checksum.h"
#include "kernels.h"
#include "sample_map.h"
#include "strip.h"
#include "threads.h"
#include "varint.h"

#include <stdlib.h>

enum { MAX_CHANNELS = 3, CRC_BYTES = 4 };

static mic_status no_memory(size_t n_bytes, mic_error *error)
{
    return mic_fail(error, MIC_ERROR_MEMORY, "frame", -1,
                    "no memory for %zu bytes of scratch; use fewer threads or a smaller image", n_bytes);
}

static uint32_t strip_height(const mic_layout *layout, size_t strip)
{
    uint64_t first = (uint64_t)strip * layout->strip_rows;
    uint64_t left = layout->rows - first;
    return (uint32_t)(left < layout->strip_rows ? left : layout->strip_rows);
}

static uint32_t type_values(mic_sample_type type)
{
    return mic_sample_bytes(type) == 1 ? 256 : SAMPLE_VALUES;
}

/* Checksum of samples as they lie in a file: little-endian. */
static uint32_t checksum_samples(uint32_t crc, const uint8_t *samples, size_t n_bytes, size_t sample_bytes)
{
    const mic_kernels *kernels = mic_kernels_active();
    if (!MIC_BIG_ENDIAN || sample_bytes == 1)
        return kernels->crc32c(crc, samples, n_bytes);
    for (size_t i = 0; i + 1 < n_bytes; i += 2) {
        uint8_t swapped[2] = {samples[i + 1], samples[i]};
        crc = kernels->crc32c(crc, swapped, 2);
    }
    return crc;
}

/* ---- encoding ---------------------------------------------------------- */

mic_encoded *mic_encoded_new(size_t n_parts)
{
    mic_encoded *encoded = calloc(1, sizeof *encoded + n_parts * sizeof encoded->parts[0]);
    if (encoded)
        encoded->n_parts = n_parts;
    return encoded;
}

typedef struct frame_encoder {
    const mic_layout *layout;
    const uint8_t *samples;
    const mic_encode_options *options;
    size_t n_strips;
    uint8_t *seen;          /* per strip and channel: which values occur */
    uint32_t *strip_crcs;   /* of the samples */
    uint32_t *piece_crcs;   /* of the coded bytes */
    sample_map maps[MAX_CHANNELS];
    mic_encoded *encoded;   /* part 0 the head, part 1 + piece the pieces */
} frame_encoder;

static size_t row_bytes(const mic_layout *layout)
{
    return (size_t)layout->columns * layout->channels * mic_sample_bytes(layout->sample_type);
}

static const uint8_t *strip_samples(const frame_encoder *e, size_t strip)
{
    return e->samples + strip * e->layout->strip_rows * row_bytes(e->layout);
}

/* First pass over a strip: its checksum and the values that occur. */
static mic_status analyse_strip(void *context, size_t strip, mic_error *error)
{
    frame_encoder *e = context;
    const mic_layout *layout = e->layout;
    const size_t n_bytes = row_bytes(layout), columns = layout->columns;
    const uint8_t *samples = strip_samples(e, strip);
    uint16_t *line = malloc(columns * sizeof *line);
    if (!line)
        return no_memory(columns * sizeof *line, error);
    e->strip_crcs[strip] = checksum_samples(0, samples, strip_height(layout, strip) * n_bytes,
                                            mic_sample_bytes(layout->sample_type));
    for (uint32_t y = 0; y < strip_height(layout, strip); y++, samples += n_bytes) {
        for (unsigned c = 0; c < layout->channels; c++) {
            uint8_t *seen = e->seen + (strip * layout->channels + c) * SAMPLE_VALUES;
            mic_samples_load(layout->sample_type, layout->channels, c, samples, columns, line);
            for (size_t x = 0; x < columns; x++)
                seen[line[x]] = 1;
        }
    }
    free(line);
    return MIC_OK;
}

/* Map of one plane, from all its strips and a spread of its rows. */
static mic_status choose_map(frame_encoder *e, unsigned channel, mic_error *error)
{
    enum { SAMPLED_PIXELS = 32768 };
    const mic_layout *layout = e->layout;
    const size_t columns = layout->columns;
    uint8_t *seen = e->seen + (size_t)channel * SAMPLE_VALUES;
    for (size_t strip = 1; strip < e->n_strips; strip++) {
        const uint8_t *other = seen + strip * layout->channels * SAMPLE_VALUES;
        for (size_t v = 0; v < SAMPLE_VALUES; v++)
            seen[v] |= other[v];
    }
    size_t n_lines = min_size(layout->rows, 1 + SAMPLED_PIXELS / columns);
    uint16_t *lines = malloc(n_lines * columns * sizeof *lines);
    if (!lines)
        return no_memory(n_lines * columns * sizeof *lines, error);
    for (size_t i = 0; i < n_lines; i++)
        mic_samples_load(layout->sample_type, layout->channels, channel,
                         e->samples + (layout->rows * i / n_lines) * row_bytes(layout), columns,
                         lines + i * columns);
    mic_status status = mic_map_choose(seen, lines, n_lines, columns, (uint64_t)layout->rows * columns,
                                       &e->maps[channel], error);
    free(lines);
    return status;
}

static mic_status encode_plane(frame_encoder *e, size_t strip, unsigned channel, mic_error *error)
{
    const mic_layout *layout = e->layout;
    const size_t height = strip_height(layout, strip), n = height * layout->columns;
    const size_t piece = strip * layout->channels + channel;
    const size_t capacity = mic_strip_bound(n);
    struct encoded_part *part = &e->encoded->parts[1 + piece];
    uint16_t *words = malloc(n * sizeof *words);
    uint8_t *bytes = malloc(capacity);
    mic_status status = words && bytes ? MIC_OK : no_memory(n * sizeof *words + capacity, error);
    if (status == MIC_OK) {
        mic_samples_load(layout->sample_type, layout->channels, channel, strip_samples(e, strip), n, words);
        mic_map_forward(&e->maps[channel], words, n);
        status = mic_strip_encode(words, layout->columns, height, e->maps[channel].n_values, e->options,
                                  bytes, capacity, &part->n_bytes, error);
    }
    free(words);
    if (status == MIC_OK) {
        e->piece_crcs[piece] = mic_kernels_active()->crc32c(0, bytes, part->n_bytes);
        part->bytes = realloc(bytes, part->n_bytes);
        bytes = part->bytes ? NULL : bytes;
        status = part->bytes ? MIC_OK : no_memory(part->n_bytes, error);
    }
    free(bytes);
    return status;
}

static mic_status encode_strip(void *context, size_t strip, mic_error *error)
{
    frame_encoder *e = context;
    for (unsigned c = 0; c < e->layout->channels; c++)
        if (e->maps[c].kind != MAP_CONSTANT)
            TRY(encode_plane(e, strip, c, error));
    return MIC_OK;
}

static uint32_t combined_crc(const frame_encoder *e)
{
    uint32_t crc = 0;
    for (size_t strip = 0; strip < e->n_strips; strip++)
        crc = mic_crc32c_combine(crc, e->strip_crcs[strip],
                                 strip_height(e->layout, strip) * (uint64_t)row_bytes(e->layout));
    return crc;
}

static mic_status write_head(frame_encoder *e, mic_error *error)
{
    const unsigned channels = e->layout->channels;
    const size_t n_pieces = e->n_strips * channels;
    struct encoded_part *head = &e->encoded->parts[0];
    size_t bound = 2 * CRC_BYTES + n_pieces * (VARINT_MAX_BYTES + CRC_BYTES);
    for (unsigned c = 0; c < channels; c++)
        bound += mic_map_bytes_bound(&e->maps[c]);
    uint8_t *out = head->bytes = malloc(bound);
    if (!out)
        return no_memory(bound, error);
    store_u32(out, combined_crc(e));
    out += CRC_BYTES;
    for (unsigned c = 0; c < channels; c++)
        out = mic_map_write(&e->maps[c], out);
    for (size_t piece = 0; piece < n_pieces; piece++) {
        if (e->maps[piece % channels].kind == MAP_CONSTANT)
            continue;
        out = varint_write(out, (uint32_t)e->encoded->parts[1 + piece].n_bytes);
        store_u32(out, e->piece_crcs[piece]);
        out += CRC_BYTES;
    }
    size_t n = (size_t)(out - head->bytes);
    store_u32(out, mic_kernels_active()->crc32c(0, head->bytes, n));
    head->n_bytes = n + CRC_BYTES;
    return MIC_OK;
}

/* Smallest width that holds every sample of the frame. */
static unsigned width_in_bits(const frame_encoder *e)
{
    mic_sample_type type = e->layout->sample_type;
    const int bias = type == MIC_INT16 ? 32768 : type == MIC_INT8 ? 128 : 0;
    unsigned bits = 0;
    for (unsigned c = 0; c < e->layout->channels; c++) {
        const sample_map *map = &e->maps[c];
        int low = map->minimum - bias;
        int high = map->kind == MAP_PACKED ? map->values[map->n_values - 1] - bias
                                           : low + (int)map->n_values - 1;
        unsigned magnitude = bit_depth((unsigned)(high < 0 ? ~high : high));
        unsigned magnitude_low = bit_depth((unsigned)(low < 0 ? ~low : low));
        magnitude = (magnitude > magnitude_low ? magnitude : magnitude_low) + (bias != 0);
        bits = bits > magnitude ? bits : magnitude;
    }
    return bits;
}

static mic_status run_encoder(frame_encoder *e, mic_error *error)
{
    const int n_threads = e->options->n_threads;
    TRY(mic_parallel_for(e->n_strips, n_threads, analyse_strip, e, error));
    for (unsigned c = 0; c < e->layout->channels; c++)
        TRY(choose_map(e, c, error));
    TRY(mic_parallel_for(e->n_strips, n_threads, encode_strip, e, error));
    return write_head(e, error);
}

mic_status mic_native_frame_encode(const mic_layout *layout, const void *samples,
                                   const mic_encode_options *options, mic_encoded **encoded,
                                   unsigned *bits_used, mic_error *error)
{
    const size_t n_strips = (size_t)mic_strips_per_frame(layout), n_pieces = n_strips * layout->channels;
    frame_encoder e = {.layout = layout, .samples = samples, .options = options, .n_strips = n_strips};
    e.seen = calloc(n_pieces, SAMPLE_VALUES);
    e.strip_crcs = calloc(n_strips, sizeof *e.strip_crcs);
    e.piece_crcs = calloc(n_pieces, sizeof *e.piece_crcs);
    e.encoded = mic_encoded_new(1 + n_pieces);
    mic_status status = e.seen && e.strip_crcs && e.piece_crcs && e.encoded
                            ? run_encoder(&e, error)
                            : no_memory(n_pieces * SAMPLE_VALUES, error);
    if (status == MIC_OK) {
        *bits_used = width_in_bits(&e);
        *encoded = e.encoded;
    } else {
        mic_encoded_free(e.encoded);
    }
    for (unsigned c = 0; c < layout->channels; c++)
        mic_map_free(&e.maps[c]);
    free(e.seen);
    free(e.strip_crcs);
    free(e.piece_crcs);
    return status;
}

/* ---- decoding ---------------------------------------------------------- */

typedef struct frame_piece {
    size_t offset;   /* from the start of the frame */
    size_t n_bytes;
    uint32_t crc;
} frame_piece;

typedef struct frame_head {
    uint32_t samples_crc;
    sample_map maps[MAX_CHANNELS];
    size_t n_pieces;
    frame_piece *pieces;  /* owned; n_bytes 0 for constant planes */
    uint64_t frame_size;
} frame_head;

static void free_head(frame_head *head)
{
    for (unsigned c = 0; c < MAX_CHANNELS; c++)
        mic_map_free(&head->maps[c]);
    free(head->pieces);
}

static mic_status fail_truncated(size_t n_bytes, mic_error *error)
{
    return mic_fail(error, MIC_ERROR_TRUNCATED, "frame head", (int64_t)n_bytes,
                    "the frame ends after %zu bytes, within its head (truncated file?)", n_bytes);
}

/* Lengths and checksums of the pieces; returns NULL where they end too early. */
static const uint8_t *read_pieces(frame_head *head, unsigned channels, const uint8_t *in,
                                  const uint8_t *end)
{
    for (size_t i = 0; i < head->n_pieces; i++) {
        uint32_t n_bytes;
        if (head->maps[i % channels].kind == MAP_CONSTANT)
            continue;
        in = varint_read(in, end, &n_bytes);
        if (!in || end - in < CRC_BYTES)
            return NULL;
        head->pieces[i] = (frame_piece){.n_bytes = n_bytes, .crc = load_u32(in)};
        in += CRC_BYTES;
    }
    return in;
}

static bool is_constant(const frame_head *head, unsigned channels)
{
    for (unsigned c = 0; c < channels; c++)
        if (head->maps[c].kind != MAP_CONSTANT)
            return false;
    return true;
}

/* The head of the frame at `in`.  The pieces themselves need not be there. */
static mic_status read_head(const mic_layout *layout, const uint8_t *in, size_t n_bytes,
                            frame_head *head, mic_error *error)
{
    const uint8_t *p = in, *end = in + n_bytes;
    const uint64_t n_pieces = mic_strips_per_frame(layout) * layout->channels;
    if (n_bytes < CRC_BYTES)
        return fail_truncated(n_bytes, error);
    head->samples_crc = load_u32(p);
    p += CRC_BYTES;
    for (unsigned c = 0; c < layout->channels; c++)
        TRY(mic_map_read(&p, end, type_values(layout->sample_type), &head->maps[c], error));
    head->n_pieces = is_constant(head, layout->channels) ? 0 : (size_t)n_pieces;
    /* Each strip takes at least five bytes here: a count that the data cannot
     * hold must not size memory. */
    if (head->n_pieces && n_pieces / layout->channels > (size_t)(end - p) / (1 + CRC_BYTES))
        return fail_truncated(n_bytes, error);
    head->pieces = calloc(head->n_pieces + 1, sizeof *head->pieces);
    if (!head->pieces)
        return no_memory(head->n_pieces * sizeof *head->pieces, error);
    p = read_pieces(head, layout->channels, p, end);
    if (!p || end - p < CRC_BYTES)
        return fail_truncated(n_bytes, error);
    uint32_t crc = mic_kernels_active()->crc32c(0, in, (size_t)(p - in));
    if (crc != load_u32(p))
        return mic_fail(error, MIC_ERROR_CHECKSUM, "frame head", 0,
                        "the checksum of the frame head is %08x, %08x is expected (damaged file)", crc,
                        load_u32(p));
    head->frame_size = (uint64_t)(p - in) + CRC_BYTES;
    for (size_t i = 0; i < head->n_pieces; i++) {
        head->pieces[i].offset = (size_t)head->frame_size;
        head->frame_size += head->pieces[i].n_bytes;
    }
    return MIC_OK;
}

mic_status mic_native_frame_size(const mic_layout *layout, const uint8_t *in, size_t n_bytes,
                                 uint64_t *frame_size, mic_error *error)
{
    frame_head head = {0};
    mic_status status = read_head(layout, in, n_bytes, &head, error);
    *frame_size = head.frame_size;
    free_head(&head);
    return status;
}

typedef struct frame_decoder {
    const mic_decode_job *job;
    frame_head head;
    size_t first_strip;
    uint32_t *strip_crcs;   /* of the samples, from first_strip on */
} frame_decoder;

/* The coded bytes of a piece, checked. */
static mic_status check_piece(const mic_decode_job *job, const frame_piece *piece, mic_error *error)
{
    int64_t offset = (int64_t)(job->base_offset + piece->offset);
    if (piece->offset > job->n_bytes || piece->n_bytes > job->n_bytes - piece->offset)
        return mic_fail(error, MIC_ERROR_TRUNCATED, "strip", offset,
                        "the strip's %zu bytes from byte %zu of the frame pass its end at %zu (truncated file?)",
                        piece->n_bytes, piece->offset, job->n_bytes);
    uint32_t crc = mic_kernels_active()->crc32c(0, job->in + piece->offset, piece->n_bytes);
    if (crc != piece->crc)
        return mic_fail(error, MIC_ERROR_CHECKSUM, "strip", offset,
                        "the checksum of the strip's %zu bytes is %08x, %08x is expected (damaged file; "
                        "partial=True rescues the other strips)",
                        piece->n_bytes, crc, piece->crc);
    return MIC_OK;
}

/* The rows [first, first + n) of the job that lie in a strip. */
typedef struct row_range {
    size_t first;   /* in the strip */
    size_t n;
    uint8_t *out;   /* of the first row */
    uint8_t *intact;
} row_range;

static row_range rows_in_strip(const mic_decode_job *job, size_t strip)
{
    const uint64_t top = (uint64_t)strip * job->layout->strip_rows;
    const uint64_t bottom = top + strip_height(job->layout, strip);
    const uint64_t end = (uint64_t)job->first_row + job->n_rows;
    const uint64_t first = top > job->first_row ? top : job->first_row;
    const uint64_t last = bottom < end ? bottom : end;
    const size_t skipped = (size_t)(first - job->first_row);
    return (row_range){.first = (size_t)(first - top), .n = (size_t)(last - first),
                       .out = job->out + (ptrdiff_t)skipped * job->row_stride,
                       .intact = job->intact ? job->intact + skipped : NULL};
}

/* One plane of a strip into `words`, then its rows into the output. */
static mic_status decode_plane(const frame_decoder *d, size_t strip, unsigned channel, row_range rows,
                               uint16_t *words, mic_error *error)
{
    const mic_layout *layout = d->job->layout;
    const sample_map *map = &d->head.maps[channel];
    const size_t columns = layout->columns, height = strip_height(layout, strip);
    if (map->kind == MAP_CONSTANT) {
        for (size_t i = 0; i < height * columns; i++)
            words[i] = map->minimum;
    } else {
        const frame_piece *piece = &d->head.pieces[strip * layout->channels + channel];
        TRY(check_piece(d->job, piece, error));
        TRY(mic_strip_decode(d->job->in + piece->offset, piece->n_bytes, columns, height, map->n_values,
                             words, error));
        TRY(mic_map_inverse(map, words + rows.first * columns, rows.n * columns, error));
    }
    for (size_t y = 0; y < rows.n; y++)
        mic_samples_store(layout->sample_type, layout->channels, channel,
                          words + (rows.first + y) * columns, columns,
                          rows.out + (ptrdiff_t)y * d->job->row_stride);
    return MIC_OK;
}

/* Where samples are words and the whole strip is wanted in one block, it is
 * decoded in place; otherwise through a scratch of one strip. */
static bool decodes_in_place(const mic_decode_job *job, size_t strip, row_range rows)
{
    const mic_layout *layout = job->layout;
    return layout->channels == 1 && mic_sample_bytes(layout->sample_type) == 2 &&
           rows.n == strip_height(layout, strip) && (uintptr_t)rows.out % sizeof(uint16_t) == 0 &&
           (rows.n == 1 || job->row_stride == (ptrdiff_t)row_bytes(layout));
}

static mic_status decode_planes(const frame_decoder *d, size_t strip, row_range rows, mic_error *error)
{
    const size_t n = (size_t)strip_height(d->job->layout, strip) * d->job->layout->columns;
    if (decodes_in_place(d->job, strip, rows))
        return decode_plane(d, strip, 0, rows, (uint16_t *)(void *)rows.out, error);
    uint16_t *words = malloc(n * sizeof *words);
    if (!words)
        return no_memory(n * sizeof *words, error);
    mic_status status = MIC_OK;
    for (unsigned c = 0; c < d->job->layout->channels && status == MIC_OK; c++)
        status = decode_plane(d, strip, c, rows, words, error);
    free(words);
    return status;
}

static void clear_rows(const mic_decode_job *job, row_range rows)
{
    for (size_t y = 0; y < rows.n; y++)
        memset(rows.out + (ptrdiff_t)y * job->row_stride, 0, row_bytes(job->layout));
    memset(rows.intact, 0, rows.n);
}

/* In one go where the rows follow one another: the checksum of a long range is
 * several times faster than that of many short ones. */
static uint32_t checksum_rows(const mic_decode_job *job, row_range rows)
{
    const size_t n_bytes = row_bytes(job->layout);
    const size_t sample_bytes = mic_sample_bytes(job->layout->sample_type);
    if (job->row_stride == (ptrdiff_t)n_bytes)
        return checksum_samples(0, rows.out, rows.n * n_bytes, sample_bytes);
    uint32_t crc = 0;
    for (size_t y = 0; y < rows.n; y++)
        crc = checksum_samples(crc, rows.out + (ptrdiff_t)y * job->row_stride, n_bytes, sample_bytes);
    return crc;
}

static mic_status decode_strip(void *context, size_t index, mic_error *error)
{
    frame_decoder *d = context;
    const mic_decode_job *job = d->job;
    const size_t strip = d->first_strip + index;
    row_range rows = rows_in_strip(job, strip);
    mic_status status = decode_planes(d, strip, rows, error);
    if (status != MIC_OK && rows.intact) {
        clear_rows(job, rows);
        return MIC_OK;
    }
    if (status != MIC_OK) {
        error->strip = (int64_t)strip;
        return status;
    }
    if (rows.intact)
        memset(rows.intact, 1, rows.n);
    d->strip_crcs[index] = checksum_rows(job, rows);
    return MIC_OK;
}

/* The checksum of the samples can only be checked on a whole frame. */
static mic_status check_samples(const frame_decoder *d, size_t n_strips, mic_error *error)
{
    const mic_layout *layout = d->job->layout;
    uint32_t crc = 0;
    for (size_t strip = 0; strip < n_strips; strip++)
        crc = mic_crc32c_combine(crc, d->strip_crcs[strip],
                                 strip_height(layout, strip) * (uint64_t)row_bytes(layout));
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

static mic_status decode_strips(frame_decoder *d, int n_threads, mic_error *error)
{
    const mic_decode_job *job = d->job;
    const mic_layout *layout = job->layout;
    d->first_strip = job->first_row / layout->strip_rows;
    size_t last = ((uint64_t)job->first_row + job->n_rows - 1) / layout->strip_rows;
    size_t n_strips = last - d->first_strip + 1;
    d->strip_crcs = calloc(n_strips, sizeof *d->strip_crcs);
    if (!d->strip_crcs)
        return no_memory(n_strips * sizeof *d->strip_crcs, error);
    TRY(mic_parallel_for(n_strips, n_threads, decode_strip, d, error));
    if (job->n_rows == layout->rows && all_intact(job))
        return check_samples(d, n_strips, error);
    return MIC_OK;
}

mic_status mic_native_frame_decode(const mic_decode_job *job, int n_threads, mic_error *error)
{
    frame_decoder d = {.job = job};
    mic_status status = read_head(job->layout, job->in, job->n_bytes, &d.head, error);
    if (status == MIC_OK)
        status = decode_strips(&d, n_threads, error);
    if (status != MIC_OK && job->intact) {
        clear_rows(job, (row_range){.n = job->n_rows, .out = job->out, .intact = job->intact});
        status = MIC_OK;
    }
    free(d.strip_crcs);
    free_head(&d.head);
    return status;
}
