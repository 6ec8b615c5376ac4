/* SPDX-License-Identifier: MIT
 *
 * One frame of the native container.  Encoding runs the stages in this order:
 *
 *     samples            8 or 16 bits, signed or not, 1 or 3 channels
 *       -> sample map    per plane: words from 0, used values numbered if sparse
 *       -> strips        stretches of rows that decode on their own
 *       -> strip coder   the smallest of FSE, Huffman and raw words
 *
 * and decoding runs them backwards.  A frame is its head (frame_head.h), then
 * its pieces: one for each strip and plane, plane by plane within a strip; a
 * constant plane has none.
 */
#include "frame.h"

#include "checksum.h"
#include "frame_head.h"
#include "kernels.h"
#include "strip.h"
#include "threads.h"

#include <stdlib.h>

static mic_status no_memory(size_t n_bytes, mic_error *error)
{
    return mic_fail(error, MIC_ERROR_MEMORY, "frame", -1,
                    "no memory for %zu bytes of scratch; use fewer threads or a smaller image", n_bytes);
}

static size_t row_bytes(const mic_layout *layout)
{
    return (size_t)layout->columns * layout->channels * mic_sample_bytes(layout->sample_type);
}

/* Checksum of samples as they lie in a file: little-endian. */
static uint32_t checksum_samples(const mic_layout *layout, uint32_t crc, const uint8_t *samples, size_t n_bytes)
{
    const mic_kernels *kernels = mic_kernels_active();
    if (!MIC_BIG_ENDIAN || mic_sample_bytes(layout->sample_type) == 1)
        return kernels->crc32c(crc, samples, n_bytes);
    for (size_t i = 0; i + 1 < n_bytes; i += 2) {
        uint8_t swapped[2] = {samples[i + 1], samples[i]};
        crc = kernels->crc32c(crc, swapped, 2);
    }
    return crc;
}

/* The checksum of consecutive strips, from that of each. */
static uint32_t join_checksums(const mic_layout *layout, const uint32_t *strip_crcs, size_t n_strips)
{
    uint32_t crc = 0;
    for (size_t strip = 0; strip < n_strips; strip++)
        crc = mic_crc32c_combine(crc, strip_crcs[strip],
                                 mic_strip_height(layout, strip) * (uint64_t)row_bytes(layout));
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
    uint8_t *seen;          /* per strip and channel: which values occur */
    uint32_t *strip_crcs;   /* of the samples */
    frame_head head;
    mic_encoded *encoded;   /* part 0 the head, then the pieces */
} frame_encoder;

static const uint8_t *strip_samples(const frame_encoder *e, size_t strip)
{
    return e->samples + strip * e->layout->strip_rows * row_bytes(e->layout);
}

static struct encoded_part *piece_of(const frame_encoder *e, size_t strip, unsigned channel)
{
    return &e->encoded->parts[1 + strip * e->layout->channels + channel];
}

/* First pass over a strip: its checksum and the values that occur. */
static mic_status analyse_strip(void *context, size_t strip, mic_error *error)
{
    frame_encoder *e = context;
    const mic_layout *layout = e->layout;
    const size_t n_bytes = row_bytes(layout), columns = layout->columns;
    const uint32_t height = mic_strip_height(layout, strip);
    const uint8_t *samples = strip_samples(e, strip);
    uint16_t *line = malloc(columns * sizeof *line);
    if (!line)
        return no_memory(columns * sizeof *line, error);
    e->strip_crcs[strip] = checksum_samples(layout, 0, samples, height * n_bytes);
    for (uint32_t y = 0; y < height; y++, samples += n_bytes)
        for (unsigned c = 0; c < layout->channels; c++) {
            uint8_t *seen = e->seen + (strip * layout->channels + c) * SAMPLE_VALUES;
            mic_samples_load(layout->sample_type, layout->channels, c, samples, columns, line);
            for (size_t x = 0; x < columns; x++)
                seen[line[x]] = 1;
        }
    free(line);
    return MIC_OK;
}

/* Map of one plane, from the values of all its strips and a spread of its rows. */
static mic_status choose_map(frame_encoder *e, unsigned channel, mic_error *error)
{
    enum { SAMPLED_PIXELS = 32768 };
    const mic_layout *layout = e->layout;
    const size_t columns = layout->columns;
    uint8_t *seen = e->seen + (size_t)channel * SAMPLE_VALUES;
    for (size_t strip = 1; strip < e->head.n_strips; strip++) {
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
                                       &e->head.maps[channel], error);
    free(lines);
    return status;
}

static mic_status encode_plane(frame_encoder *e, size_t strip, unsigned channel, mic_error *error)
{
    const mic_layout *layout = e->layout;
    const sample_map *map = &e->head.maps[channel];
    const size_t height = mic_strip_height(layout, strip), n = height * layout->columns;
    const size_t capacity = mic_strip_bound(n);
    struct encoded_part *part = piece_of(e, strip, channel);
    uint16_t *words = malloc(n * sizeof *words);
    uint8_t *bytes = malloc(capacity);
    free(part->bytes); /* of an attempt with another map */
    part->bytes = NULL;
    mic_status status = words && bytes ? MIC_OK : no_memory(n * sizeof *words + capacity, error);
    if (status == MIC_OK) {
        mic_samples_load(layout->sample_type, layout->channels, channel, strip_samples(e, strip), n, words);
        mic_map_forward(map, words, n);
        status = mic_strip_encode(words, layout->columns, height, map->n_values, e->options, bytes, capacity,
                                  &part->n_bytes, error);
    }
    free(words);
    if (status == MIC_OK) {
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
    frame_strip *coded = &e->head.strips[strip];
    coded->crc = 0;
    for (unsigned c = 0; c < e->layout->channels; c++) {
        if (e->head.maps[c].kind == MAP_CONSTANT)
            continue;
        TRY(encode_plane(e, strip, c, error));
        const struct encoded_part *part = piece_of(e, strip, c);
        coded->n_bytes[c] = (uint32_t)part->n_bytes;
        coded->crc = mic_kernels_active()->crc32c(coded->crc, part->bytes, part->n_bytes);
    }
    return MIC_OK;
}

/* A packing table that did not earn its bytes (noise ends up raw either way)
 * is dropped; true if any was. */
static bool drop_useless_packing(frame_encoder *e)
{
    const size_t n_pixels = (size_t)e->layout->rows * e->layout->columns;
    bool dropped = false;
    for (unsigned c = 0; c < e->layout->channels; c++) {
        sample_map *map = &e->head.maps[c];
        size_t n_bytes = map->n_table;
        if (map->kind != MAP_PACKED)
            continue;
        for (size_t strip = 0; strip < e->head.n_strips; strip++)
            n_bytes += e->head.strips[strip].n_bytes[c];
        if (n_bytes >= mic_strip_raw_bytes(n_pixels, mic_map_span(map))) {
            mic_map_unpack(map);
            dropped = true;
        }
    }
    return dropped;
}

static mic_status run_encoder(frame_encoder *e, mic_error *error)
{
    const int n_threads = e->options->n_threads;
    const size_t n_strips = e->head.n_strips;
    TRY(mic_parallel_for(n_strips, n_threads, analyse_strip, e, error));
    for (unsigned c = 0; c < e->layout->channels; c++)
        TRY(choose_map(e, c, error));
    TRY(mic_parallel_for(n_strips, n_threads, encode_strip, e, error));
    if (drop_useless_packing(e))
        TRY(mic_parallel_for(n_strips, n_threads, encode_strip, e, error));
    e->head.samples_crc = join_checksums(e->layout, e->strip_crcs, n_strips);
    struct encoded_part *part = &e->encoded->parts[0];
    return mic_frame_head_write(&e->head, e->layout->channels, &part->bytes, &part->n_bytes, error);
}

/* Smallest width that holds every sample of the frame. */
static unsigned width_in_bits(const mic_layout *layout, const frame_head *head)
{
    const mic_sample_type type = layout->sample_type;
    const int bias = type == MIC_INT16 ? 32768 : type == MIC_INT8 ? 128 : 0;
    unsigned bits = 0;
    for (unsigned c = 0; c < layout->channels; c++) {
        int low = head->maps[c].minimum - bias, high = low + (int)mic_map_span(&head->maps[c]) - 1;
        unsigned low_bits = bit_depth((unsigned)(low < 0 ? ~low : low)) + (bias != 0);
        unsigned high_bits = bit_depth((unsigned)(high < 0 ? ~high : high)) + (bias != 0);
        bits = bits > low_bits ? bits : low_bits;
        bits = bits > high_bits ? bits : high_bits;
    }
    return bits;
}

mic_status mic_native_frame_encode(const mic_layout *layout, const void *samples,
                                   const mic_encode_options *options, mic_encoded **encoded,
                                   unsigned *bits_used, mic_error *error)
{
    const size_t n_strips = (size_t)mic_strips_per_frame(layout), n_pieces = n_strips * layout->channels;
    frame_encoder e = {.layout = layout, .samples = samples, .options = options};
    e.head.n_strips = n_strips;
    e.head.strips = calloc(n_strips, sizeof *e.head.strips);
    e.seen = calloc(n_pieces, SAMPLE_VALUES);
    e.strip_crcs = calloc(n_strips, sizeof *e.strip_crcs);
    e.encoded = mic_encoded_new(1 + n_pieces);
    mic_status status = e.head.strips && e.seen && e.strip_crcs && e.encoded
                            ? run_encoder(&e, error)
                            : no_memory(n_pieces * SAMPLE_VALUES, error);
    if (status == MIC_OK) {
        *bits_used = width_in_bits(layout, &e.head);
        *encoded = e.encoded;
    } else {
        mic_encoded_free(e.encoded);
    }
    mic_frame_head_free(&e.head);
    free(e.seen);
    free(e.strip_crcs);
    return status;
}

/* ---- decoding ---------------------------------------------------------- */

mic_status mic_native_frame_size(const mic_layout *layout, const uint8_t *in, size_t n_bytes,
                                 uint64_t *frame_size, mic_error *error)
{
    frame_head head;
    mic_status status = mic_frame_head_read(layout, in, n_bytes, &head, error);
    *frame_size = head.frame_size;
    mic_frame_head_free(&head);
    return status;
}

typedef struct frame_decoder {
    const mic_decode_job *job;
    frame_head head;
    size_t first_strip;
    uint32_t *strip_crcs;   /* of the samples, from first_strip on */
} frame_decoder;

/* Are the coded bytes of a strip all there and as they were written? */
static mic_status check_strip(const mic_decode_job *job, const frame_strip *strip, mic_error *error)
{
    const int64_t offset = (int64_t)(job->base_offset + strip->offset);
    const size_t n_bytes = mic_strip_coded_bytes(strip);
    if (strip->offset > job->n_bytes || n_bytes > job->n_bytes - strip->offset)
        return mic_fail(error, MIC_ERROR_TRUNCATED, "strip", offset,
                        "the strip's %zu bytes from byte %zu of the frame pass its end at %zu (truncated file?)",
                        n_bytes, strip->offset, job->n_bytes);
    uint32_t crc = mic_kernels_active()->crc32c(0, job->in + strip->offset, n_bytes);
    if (crc != strip->crc)
        return mic_fail(error, MIC_ERROR_CHECKSUM, "strip", offset,
                        "the checksum of the strip's %zu bytes is %08x, %08x is expected (damaged file; "
                        "partial=True rescues the other strips)",
                        n_bytes, crc, strip->crc);
    return MIC_OK;
}

/* The rows of a job that lie in one strip. */
typedef struct row_range {
    size_t first;   /* in the strip */
    size_t n;
    uint8_t *out;   /* of the first row */
    uint8_t *intact;
} row_range;

static row_range rows_in_strip(const mic_decode_job *job, size_t strip)
{
    const uint64_t top = (uint64_t)strip * job->layout->strip_rows;
    const uint64_t bottom = top + mic_strip_height(job->layout, strip);
    const uint64_t end = (uint64_t)job->first_row + job->n_rows;
    const uint64_t first = top > job->first_row ? top : job->first_row;
    const uint64_t last = bottom < end ? bottom : end;
    const size_t skipped = (size_t)(first - job->first_row);
    return (row_range){.first = (size_t)(first - top), .n = (size_t)(last - first),
                       .out = job->out + (ptrdiff_t)skipped * job->row_stride,
                       .intact = job->intact ? job->intact + skipped : NULL};
}

/* The samples of one plane of a strip, counted from the type's lowest value. */
static mic_status decode_values(const frame_decoder *d, size_t strip, unsigned channel, row_range rows,
                                uint16_t *words, mic_error *error)
{
    const mic_layout *layout = d->job->layout;
    const sample_map *map = &d->head.maps[channel];
    const size_t columns = layout->columns, height = mic_strip_height(layout, strip);
    if (map->kind == MAP_CONSTANT) {
        for (size_t i = 0; i < height * columns; i++)
            words[i] = map->minimum;
        return MIC_OK;
    }
    const frame_strip *coded = &d->head.strips[strip];
    const uint8_t *piece = d->job->in + coded->offset;
    for (unsigned c = 0; c < channel; c++)
        piece += coded->n_bytes[c];
    TRY(mic_strip_decode(piece, coded->n_bytes[channel], columns, height, map->n_values, words, error));
    return mic_map_inverse(map, words + rows.first * columns, rows.n * columns, error);
}

static mic_status decode_plane(const frame_decoder *d, size_t strip, unsigned channel, row_range rows,
                               uint16_t *words, mic_error *error)
{
    const mic_layout *layout = d->job->layout;
    TRY(decode_values(d, strip, channel, rows, words, error));
    for (size_t y = 0; y < rows.n; y++)
        mic_samples_store(layout->sample_type, layout->channels, channel,
                          words + (rows.first + y) * layout->columns, layout->columns,
                          rows.out + (ptrdiff_t)y * d->job->row_stride);
    return MIC_OK;
}

/* Where samples are words and the whole strip is wanted in one block, it is
 * decoded in place; otherwise through a scratch of one strip. */
static bool decodes_in_place(const mic_decode_job *job, size_t strip, row_range rows)
{
    const mic_layout *layout = job->layout;
    return layout->channels == 1 && mic_sample_bytes(layout->sample_type) == 2 &&
           rows.n == mic_strip_height(layout, strip) && (uintptr_t)rows.out % sizeof(uint16_t) == 0 &&
           (rows.n == 1 || job->row_stride == (ptrdiff_t)row_bytes(layout));
}

static mic_status decode_planes(const frame_decoder *d, size_t strip, row_range rows, mic_error *error)
{
    const size_t n = (size_t)mic_strip_height(d->job->layout, strip) * d->job->layout->columns;
    if (d->head.strips)
        TRY(check_strip(d->job, &d->head.strips[strip], error));
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
    if (job->row_stride == (ptrdiff_t)n_bytes)
        return checksum_samples(job->layout, 0, rows.out, rows.n * n_bytes);
    uint32_t crc = 0;
    for (size_t y = 0; y < rows.n; y++)
        crc = checksum_samples(job->layout, crc, rows.out + (ptrdiff_t)y * job->row_stride, n_bytes);
    return crc;
}

static mic_status decode_strip(void *context, size_t index, mic_error *error)
{
    frame_decoder *d = context;
    const size_t strip = d->first_strip + index;
    row_range rows = rows_in_strip(d->job, strip);
    mic_status status = decode_planes(d, strip, rows, error);
    if (status != MIC_OK && rows.intact) {
        clear_rows(d->job, rows);
        return MIC_OK;
    }
    if (status != MIC_OK) {
        error->strip = (int64_t)strip;
        return status;
    }
    if (rows.intact)
        memset(rows.intact, 1, rows.n);
    d->strip_crcs[index] = checksum_rows(d->job, rows);
    return MIC_OK;
}

static mic_status check_samples(const frame_decoder *d, size_t n_strips, mic_error *error)
{
    uint32_t crc = join_checksums(d->job->layout, d->strip_crcs, n_strips);
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
    size_t last = (size_t)(((uint64_t)job->first_row + job->n_rows - 1) / layout->strip_rows);
    size_t n_strips = last - d->first_strip + 1;
    d->strip_crcs = calloc(n_strips, sizeof *d->strip_crcs);
    if (!d->strip_crcs)
        return no_memory(n_strips * sizeof *d->strip_crcs, error);
    TRY(mic_parallel_for(n_strips, n_threads, decode_strip, d, error));
    /* The checksum is of the whole frame: some rows cannot be held against it. */
    if (job->n_rows == layout->rows && all_intact(job))
        return check_samples(d, n_strips, error);
    return MIC_OK;
}

/* The index and the head must agree on where a frame ends: no byte of a stream
 * may lie outside every checksum.  (A frame that is cut short is left to the
 * strips, which name the first one that is missing.) */
static mic_status check_frame_size(const frame_decoder *d, mic_error *error)
{
    if (d->head.frame_size >= d->job->n_bytes)
        return MIC_OK;
    return mic_fail(error, MIC_ERROR_CORRUPT, "frame", (int64_t)(d->job->base_offset + d->head.frame_size),
                    "the frame has %llu bytes by its head and %zu by the index (damaged file?)",
                    (unsigned long long)d->head.frame_size, d->job->n_bytes);
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
        clear_rows(job, (row_range){.n = job->n_rows, .out = job->out, .intact = job->intact});
        status = MIC_OK;
    }
    free(d.strip_crcs);
    mic_frame_head_free(&d.head);
    return status;
}
