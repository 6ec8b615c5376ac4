/* SPDX-License-Identifier: MIT
 *
 * The published containers of one image in strips, each with its own stream:
 *
 *     PICS   0  4  "PICS"    12  4  strips            20  8 a strip: offset, length
 *            4  4  width     16  4  rows of a strip   ..  the strips in order
 *            8  4  height
 *
 *     PICA   0  4  "PICA"    12  4  strips            16  16 a strip: first row, offset,
 *            4  4  width                                  length, flags (bit 0: gradient)
 *            8  4  height                             ..  the strips in order
 *
 * Offsets count from the end of the table.  The strips of PICA have about equal vertical
 * variation, and each uses the predictor that makes it shorter.
 */
#include "published.h"

#include "../base/threads.h"

#include <stdlib.h>

enum { PICS_HEADER_BYTES = 20, PICA_HEADER_BYTES = 16, PICS_ENTRY_BYTES = 8, PICA_ENTRY_BYTES = 16 };
enum { FLAG_GRADIENT = 1, PUBLISHED_STATES = 2 };

static size_t table_bytes(const mic_layout *layout)
{
    return (size_t)layout->n_parts *
           (layout->container == MIC_CONTAINER_PICA ? PICA_ENTRY_BYTES : PICS_ENTRY_BYTES);
}

static uint32_t rows_of_strip(uint32_t rows, uint32_t n_strips)
{
    return (uint32_t)(((uint64_t)rows + n_strips - 1) / n_strips);
}

/* ---- headers ------------------------------------------------------------ */

static mic_layout layout_of(mic_container container, const uint8_t *in)
{
    return (mic_layout){.container = container,
                        .sample_type = MIC_UINT16,
                        .codec = MIC_CODEC_FSE,
                        .channels = 1,
                        .bits_used = 16,
                        .columns = load_u32(in + 4),
                        .rows = load_u32(in + 8),
                        .n_parts = load_u32(in + 12)};
}

static mic_status read_pics_header(const uint8_t *in, size_t n_bytes, mic_layout *layout, mic_error *error)
{
    TRY(mic_published_check_header(n_bytes, PICS_HEADER_BYTES, "PICS", error));
    *layout = layout_of(MIC_CONTAINER_PICS, in);
    TRY(mic_check_shape(layout, error));
    layout->header_bytes = PICS_HEADER_BYTES;
    layout->strip_rows = load_u32(in + 16);
    if (layout->strip_rows == 0 || layout->strip_rows > layout->rows ||
        mic_strips_per_frame(layout) != layout->n_parts)
        return mic_fail(
            error, MIC_ERROR_CORRUPT, "header", 12,
            "the PICS file announces %u strips of %u rows, which do not make its %u rows (damaged file?)",
            layout->n_parts, layout->strip_rows, layout->rows);
    return MIC_OK;
}

static mic_status read_pica_header(const uint8_t *in, size_t n_bytes, mic_layout *layout, mic_error *error)
{
    TRY(mic_published_check_header(n_bytes, PICA_HEADER_BYTES, "PICA", error));
    *layout = layout_of(MIC_CONTAINER_PICA, in);
    TRY(mic_check_shape(layout, error));
    layout->header_bytes = PICA_HEADER_BYTES;
    layout->strip_rows = layout->rows; /* strips differ in size: see the table */
    if (layout->n_parts == 0 || layout->n_parts > layout->rows)
        return mic_fail(error, MIC_ERROR_CORRUPT, "header", 12,
                        "the PICA file announces %u strips, 1 to its %u rows are expected (damaged file?)",
                        layout->n_parts, layout->rows);
    return MIC_OK;
}

/* ---- the table ---------------------------------------------------------- */

/* Check the entry of strip i, which is `at` bytes into the table. */
static mic_status check_part(const mic_part *part, size_t i, size_t at, uint32_t first_row, uint64_t offset,
                             uint64_t found, mic_error *error)
{
    if (part->first_row == first_row && found == offset && part->n_bytes > 0)
        return MIC_OK;
    return mic_fail(
        error, MIC_ERROR_CORRUPT, "strip table", (int64_t)at,
        "strip %zu is announced from row %u at offset %llu with %llu bytes, a strip from row %u at offset "
        "%llu, where the one before ends, is expected (damaged file?)",
        i, part->first_row, (unsigned long long)found, (unsigned long long)part->n_bytes, first_row,
        (unsigned long long)offset);
}

static mic_status check_table(const mic_layout *layout, size_t n_bytes, mic_error *error)
{
    if (n_bytes >= table_bytes(layout))
        return MIC_OK;
    return mic_fail(
        error, MIC_ERROR_TRUNCATED, "strip table", (int64_t)n_bytes,
        "the data end %zu bytes behind the header, the table of %u strips takes %zu (truncated file?)",
        n_bytes, layout->n_parts, table_bytes(layout));
}

static mic_status read_pics_parts(const mic_layout *layout, const uint8_t *in, size_t n_bytes,
                                  mic_part *parts, mic_error *error)
{
    TRY(check_table(layout, n_bytes, error));
    const uint64_t start = table_bytes(layout);
    uint64_t end = 0;
    for (size_t i = 0; i < layout->n_parts; i++, in += PICS_ENTRY_BYTES) {
        const uint32_t first_row = (uint32_t)i * layout->strip_rows, left = layout->rows - first_row;
        parts[i] = (mic_part){.kind = MIC_PART_AVERAGE,
                              .first_row = first_row,
                              .n_rows = left < layout->strip_rows ? left : layout->strip_rows,
                              .offset = start + end,
                              .n_bytes = load_u32(in + 4)};
        TRY(check_part(&parts[i], i, i * PICS_ENTRY_BYTES, first_row, end, load_u32(in), error));
        end += parts[i].n_bytes;
    }
    return MIC_OK;
}

static mic_status read_pica_parts(const mic_layout *layout, const uint8_t *in, size_t n_bytes,
                                  mic_part *parts, mic_error *error)
{
    TRY(check_table(layout, n_bytes, error));
    const uint64_t start = table_bytes(layout);
    uint64_t end = 0;
    uint32_t first_row = 0;
    for (size_t i = 0; i < layout->n_parts; i++, in += PICA_ENTRY_BYTES) {
        const bool last = i + 1 == layout->n_parts;
        const uint32_t next = last ? layout->rows : load_u32(in + PICA_ENTRY_BYTES),
                       flags = load_u32(in + 12);
        if (next <= first_row || next > layout->rows || flags > FLAG_GRADIENT)
            return mic_fail(
                error, MIC_ERROR_CORRUPT, "strip table", (int64_t)(i * PICA_ENTRY_BYTES),
                "strip %zu goes from row %u to row %u with the flags %#x, a later row within the %u rows "
                "and the flags 0 or 1 are expected (damaged file?)",
                i, first_row, next, flags, layout->rows);
        parts[i] = (mic_part){.kind = flags & FLAG_GRADIENT ? MIC_PART_GRADIENT : MIC_PART_AVERAGE,
                              .first_row = load_u32(in),
                              .n_rows = next - first_row,
                              .offset = start + end,
                              .n_bytes = load_u32(in + 8)};
        TRY(check_part(&parts[i], i, i * PICA_ENTRY_BYTES, first_row, end, load_u32(in + 4), error));
        end += parts[i].n_bytes;
        first_row = next;
    }
    return MIC_OK;
}

static mic_status read_parts(const mic_layout *layout, const uint8_t *in, size_t n_bytes, mic_part *parts,
                             mic_error *error)
{
    if (layout->container == MIC_CONTAINER_PICA)
        return read_pica_parts(layout, in, n_bytes, parts, error);
    return read_pics_parts(layout, in, n_bytes, parts, error);
}

/* Allocate and read the list of parts.  Its size is bounded by the number of bytes present,
 * whatever the header announces. */
static mic_status list_parts(const mic_layout *layout, const uint8_t *in, size_t n_bytes, mic_part **parts,
                             mic_error *error)
{
    TRY(check_table(layout, n_bytes, error));
    *parts = malloc(layout->n_parts * sizeof **parts);
    if (!*parts)
        return mic_fail(error, MIC_ERROR_MEMORY, "strip table", -1, "no memory for a table of %u strips",
                        layout->n_parts);
    mic_status status = read_parts(layout, in, n_bytes, *parts, error);
    if (status != MIC_OK)
        free(*parts);
    return status;
}

static mic_status frame_size(const mic_layout *layout, const uint8_t *in, size_t n_bytes, uint64_t *size,
                             mic_error *error)
{
    mic_part *parts;
    TRY(list_parts(layout, in, n_bytes, &parts, error));
    const mic_part *last = &parts[layout->n_parts - 1];
    *size = last->offset + last->n_bytes;
    free(parts);
    return MIC_OK;
}

/* ---- encoding ----------------------------------------------------------- */

typedef struct encode_loop {
    const mic_layout *layout;
    const uint16_t *samples;
    unsigned max_value;
    int n_states;
    const uint32_t *first_rows; /* one more than strips; the last is the end */
    struct encoded_part *parts; /* of the strips */
    bool *is_gradient;          /* per strip; NULL: all use average */
} encode_loop;

static mic_status encode_kind(const encode_loop *loop, size_t i, mic_stream_kind kind,
                              struct encoded_part *part, mic_error *error)
{
    const uint32_t first = loop->first_rows[i], columns = loop->layout->columns;
    return mic_published_stream(kind, loop->samples + (size_t)first * columns, columns,
                                loop->first_rows[i + 1] - first, loop->max_value, loop->n_states, part,
                                error);
}

/* Use the gradient predictor if it is no longer, or if it is the only one that works. */
static mic_status encode_better(const encode_loop *loop, size_t i, mic_error *error)
{
    struct encoded_part *part = &loop->parts[i], gradient = {NULL, 0};
    mic_status status = encode_kind(loop, i, MIC_STREAM_FSE, part, error);
    if (status != MIC_OK && status != MIC_ERROR_UNSUPPORTED)
        return status;
    mic_status other = encode_kind(loop, i, MIC_STREAM_GRADIENT, &gradient, error);
    if (other == MIC_OK && (status != MIC_OK || gradient.n_bytes <= part->n_bytes)) {
        free(part->bytes);
        *part = gradient;
        loop->is_gradient[i] = true;
        return MIC_OK;
    }
    free(gradient.bytes);
    return other == MIC_OK || other == MIC_ERROR_UNSUPPORTED ? status : other;
}

static mic_status encode_strip(void *context, size_t i, mic_error *error)
{
    const encode_loop *loop = context;
    mic_status status = loop->is_gradient ? encode_better(loop, i, error)
                                          : encode_kind(loop, i, MIC_STREAM_FSE, &loop->parts[i], error);
    if (status != MIC_OK) {
        error->frame = 0;
        error->strip = (int64_t)i;
    }
    return status;
}

static uint32_t wanted_strips(const mic_layout *layout, const mic_encode_options *options)
{
    const uint32_t n = options->n_strips ? options->n_strips : 1;
    return n < layout->rows ? n : layout->rows;
}

static void write_header(const mic_layout *layout, const encode_loop *loop, const mic_encoded *encoded)
{
    const bool adaptive = loop->is_gradient != NULL;
    uint8_t *out = encoded->parts[0].bytes;
    memcpy(out, (adaptive ? &mic_pica_format : &mic_pics_format)->magic, MAGIC_BYTES);
    store_u32(out + 4, layout->columns);
    store_u32(out + 8, layout->rows);
    store_u32(out + 12, (uint32_t)(encoded->n_parts - 1));
    if (!adaptive)
        store_u32(out + 16, loop->first_rows[1]);
    out += adaptive ? PICA_HEADER_BYTES : PICS_HEADER_BYTES;
    uint32_t offset = 0;
    for (size_t i = 0; i + 1 < encoded->n_parts; i++) {
        if (adaptive) {
            store_u32(out, loop->first_rows[i]);
            store_u32(out + 12, loop->is_gradient[i] ? FLAG_GRADIENT : 0);
            out += 4;
        }
        store_u32(out, offset);
        store_u32(out + 4, (uint32_t)loop->parts[i].n_bytes);
        out += adaptive ? PICA_ENTRY_BYTES - 4 : PICS_ENTRY_BYTES;
        offset += (uint32_t)loop->parts[i].n_bytes;
    }
}

static mic_status no_memory(uint32_t n_strips, mic_error *error)
{
    return mic_fail(error, MIC_ERROR_MEMORY, "container", -1, "no memory to plan %u strips", n_strips);
}

static mic_status encode_strips(const mic_layout *layout, const void *samples,
                                const mic_encode_options *options, const uint32_t *first_rows,
                                uint32_t n_strips, mic_encoded **encoded, mic_error *error)
{
    const bool adaptive = layout->container == MIC_CONTAINER_PICA;
    const size_t n_header = adaptive ? PICA_HEADER_BYTES + (size_t)n_strips * PICA_ENTRY_BYTES
                                     : PICS_HEADER_BYTES + (size_t)n_strips * PICS_ENTRY_BYTES;
    TRY(mic_published_new(n_header, n_strips, encoded, error));
    encode_loop loop = {.layout = layout,
                        .samples = samples,
                        .first_rows = first_rows,
                        .max_value = mic_published_maximum(layout, samples, options),
                        .n_states = adaptive ? PUBLISHED_STATES : options->n_states,
                        .parts = (*encoded)->parts + 1,
                        .is_gradient = adaptive ? calloc(n_strips, sizeof *loop.is_gradient) : NULL};
    if (adaptive && !loop.is_gradient)
        return no_memory(n_strips, error);
    mic_status status = mic_parallel_for(n_strips, options->n_threads, encode_strip, &loop, error);
    if (status == MIC_OK)
        status = mic_published_check_size(*encoded, error);
    if (status == MIC_OK)
        write_header(layout, &loop, *encoded);
    free(loop.is_gradient);
    return status;
}

static mic_status encode_pics(const mic_layout *layout, const void *samples,
                              const mic_encode_options *options, mic_encoded **encoded, mic_error *error)
{
    const uint32_t strip_rows = rows_of_strip(layout->rows, wanted_strips(layout, options));
    const uint32_t n_strips = rows_of_strip(layout->rows, strip_rows);
    uint32_t *first_rows = malloc(((size_t)n_strips + 1) * sizeof *first_rows);
    if (!first_rows)
        return no_memory(n_strips, error);
    for (uint32_t i = 0; i < n_strips; i++)
        first_rows[i] = i * strip_rows;
    first_rows[n_strips] = layout->rows;
    mic_status status = encode_strips(layout, samples, options, first_rows, n_strips, encoded, error);
    free(first_rows);
    return status;
}

/* ---- where adaptive strips begin ---------------------------------------- */

/* sums[y] is the total variation between the rows above row y. */
static void sum_variation(const mic_layout *layout, const uint16_t *samples, uint64_t *sums)
{
    const size_t columns = layout->columns;
    sums[0] = sums[1] = 0;
    for (uint32_t y = 1; y < layout->rows; y++) {
        const uint16_t *row = samples + y * columns, *above = row - columns;
        uint64_t cost = 0;
        for (size_t x = 0; x < columns; x++)
            cost += (uint64_t)(row[x] > above[x] ? row[x] - above[x] : above[x] - row[x]);
        sums[y + 1] = sums[y] + cost;
    }
}

/* The first row from `low` on whose sum reaches the target, or the last row if none does. */
static uint32_t find_row(const uint64_t *sums, uint32_t low, uint32_t rows, double target)
{
    uint32_t high = rows;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if ((double)sums[middle] < target)
            low = middle + 1;
        else
            high = middle;
    }
    return low >= rows ? rows - 1 : low;
}

static mic_status plan_strips(const mic_layout *layout, const uint16_t *samples, uint32_t n_strips,
                              uint32_t *first_rows, mic_error *error)
{
    const uint32_t rows = layout->rows;
    uint64_t *sums = malloc(((size_t)rows + 1) * sizeof *sums);
    if (!sums)
        return no_memory(n_strips, error);
    sum_variation(layout, samples, sums);
    const uint64_t total = sums[rows];
    first_rows[0] = 0;
    first_rows[n_strips] = rows;
    for (uint32_t i = 1; i < n_strips; i++) {
        if (total == 0 || n_strips == rows)
            first_rows[i] = (uint32_t)((uint64_t)i * rows / n_strips);
        else
            first_rows[i] = find_row(sums, first_rows[i - 1] + 1, rows, (double)total * i / n_strips);
    }
    free(sums);
    return MIC_OK;
}

static mic_status check_plan(const uint32_t *first_rows, uint32_t n_strips, mic_error *error)
{
    for (uint32_t i = 0; i < n_strips; i++)
        if (first_rows[i] >= first_rows[i + 1])
            return mic_fail(
                error, MIC_ERROR_UNSUPPORTED, "container", -1,
                "of %u strips, as the published encoder divides this image, number %u has no row; ask for "
                "fewer strips or use the PICS container",
                n_strips, i);
    return MIC_OK;
}

static mic_status encode_pica(const mic_layout *layout, const void *samples,
                              const mic_encode_options *options, mic_encoded **encoded, mic_error *error)
{
    const uint32_t n_strips = wanted_strips(layout, options);
    uint32_t *first_rows = malloc(((size_t)n_strips + 1) * sizeof *first_rows);
    if (!first_rows)
        return no_memory(n_strips, error);
    mic_status status = plan_strips(layout, samples, n_strips, first_rows, error);
    if (status == MIC_OK)
        status = check_plan(first_rows, n_strips, error);
    if (status == MIC_OK)
        status = encode_strips(layout, samples, options, first_rows, n_strips, encoded, error);
    free(first_rows);
    return status;
}

/* ---- decoding ----------------------------------------------------------- */

typedef struct decode_loop {
    const mic_decode_job *job;
    const mic_part *parts; /* those that hold rows of the job */
    size_t first_strip;
} decode_loop;

static mic_status decode_strip(void *context, size_t i, mic_error *error)
{
    const decode_loop *loop = context;
    const mic_decode_job *job = loop->job;
    const mic_part *part = &loop->parts[i];
    /* A strip past the end of truncated data is empty, which no stream is. */
    const size_t from = part->offset < job->n_bytes ? (size_t)part->offset : job->n_bytes;
    const bool complete = part->n_bytes <= job->n_bytes - from;
    const coded_rows rows = {.in = job->in + from,
                             .n_bytes = complete ? (size_t)part->n_bytes : 0,
                             .first_row = part->first_row,
                             .n_rows = part->n_rows,
                             .kind = part->kind == MIC_PART_GRADIENT ? MIC_STREAM_GRADIENT : MIC_STREAM_FSE};
    mic_status status;
    if (complete || job->intact) {
        status = mic_published_decode(job, &rows, error);
    } else {
        status = mic_fail(error, MIC_ERROR_TRUNCATED, "strip", (int64_t)part->offset,
                          "the strip needs %llu bytes, %zu are there (truncated file?)",
                          (unsigned long long)part->n_bytes, job->n_bytes - from);
    }
    if (status != MIC_OK)
        error->strip = (int64_t)(loop->first_strip + i);
    return status;
}

static mic_status decode(const mic_decode_job *job, int n_threads, mic_error *error)
{
    const uint32_t n_parts = job->layout->n_parts;
    mic_part *parts;
    mic_status status = list_parts(job->layout, job->in, job->n_bytes, &parts, error);
    if (status != MIC_OK)
        return mic_published_give_up(job, status);
    size_t first = 0, end = 0;
    while (parts[first].first_row + parts[first].n_rows <= job->first_row)
        first++;
    for (end = first; end < n_parts && parts[end].first_row < job->first_row + job->n_rows; end++)
        ;
    decode_loop loop = {.job = job, .parts = parts + first, .first_strip = first};
    status = mic_parallel_for(end - first, n_threads, decode_strip, &loop, error);
    free(parts);
    return status;
}

const container_format mic_pics_format = {
    .magic = {'P', 'I', 'C', 'S'},
    .name = "PICS",
    .holds = "one image of uint16 samples",
    .sample_type = MIC_UINT16,
    .channels = 1,
    .read_header = read_pics_header,
    .encode = encode_pics,
    .frame_size = frame_size,
    .read_parts = read_parts,
    .decode = decode,
};

const container_format mic_pica_format = {
    .magic = {'P', 'I', 'C', 'A'},
    .name = "PICA",
    .holds = "one image of uint16 samples",
    .sample_type = MIC_UINT16,
    .channels = 1,
    .read_header = read_pica_header,
    .encode = encode_pica,
    .frame_size = frame_size,
    .read_parts = read_parts,
    .decode = decode,
};
