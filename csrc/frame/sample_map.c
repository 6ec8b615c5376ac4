/* SPDX-License-Identifier: MIT
 *
 * Samples to words; see sample_map.h.
 *
 * Numbering the used values keeps their order, so it can only bring neighbours closer
 * together: residuals shrink and never grow.  Packing pays as soon as it saves more than
 * its table takes.  The table holds the gaps between successive values, run-length and
 * Huffman coded: a regular grid costs a few bytes.
 */
#include "sample_map.h"

#include "../base/kernels.h"
#include "../base/varint.h"

#include <stdlib.h>

/* Find the longest stretch of used values without a gap.  In many images it holds nearly
 * all samples, and there mapping is an addition. */
static void find_run(sample_map *map)
{
    uint32_t start = 0;
    map->run_first = map->run_last = 0;
    for (uint32_t i = 1; i <= map->n_values; i++) {
        if (i < map->n_values && map->values[i] == map->values[i - 1] + 1)
            continue;
        if (i - 1 - start > (uint32_t)map->run_last - map->run_first) {
            map->run_first = (uint16_t)start;
            map->run_last = (uint16_t)(i - 1);
        }
        start = i;
    }
}

/* ---- the table of used values ------------------------------------------ */

static mic_status no_memory(mic_error *error)
{
    return mic_fail(error, MIC_ERROR_MEMORY, "packing", -1, "no memory for a table of sample values");
}

/* Gaps between successive values; the first value is the minimum. */
static void gaps_of(const uint16_t *values, size_t n, uint16_t *gaps)
{
    for (size_t i = 1; i < n; i++)
        gaps[i - 1] = (uint16_t)(values[i] - values[i - 1]);
}

static mic_status encode_table(sample_map *map, mic_error *error)
{
    enum { SMALLEST_INITIAL = 8 }; /* run lengths below this cannot be decoded */
    size_t n_gaps = map->n_values - 1, n_runs;
    size_t capacity = mic_huffman_bound(mic_rle_bound(n_gaps));
    uint16_t *gaps = malloc((n_gaps + mic_rle_bound(n_gaps)) * sizeof *gaps);
    map->table = malloc(capacity);
    mic_status status = gaps && map->table ? MIC_OK : no_memory(error);
    if (status == MIC_OK) {
        uint16_t *runs = gaps + n_gaps;
        gaps_of(map->values, map->n_values, gaps);
        unsigned largest = mic_kernels_active()->largest(gaps, n_gaps);
        unsigned initial = largest < SMALLEST_INITIAL ? SMALLEST_INITIAL : largest;
        status = mic_rle_encode(gaps, n_gaps, initial, false, runs, &n_runs, error);
        if (status == MIC_OK)
            status = mic_huffman_encode(runs, n_runs, map->table, capacity, &map->n_table, error);
    }
    free(gaps);
    return status;
}

/* Decode the gaps into values[1], values[2], ...; *n_gaps is the number that came out. */
static mic_status decode_gaps(sample_map *map, uint16_t *gaps, size_t *n_gaps, mic_error *error)
{
    const size_t expected = map->n_values - 1;
    size_t n_runs;
    TRY(mic_huffman_count(map->coded, map->n_table, mic_rle_bound(expected), &n_runs, error));
    uint16_t *runs = malloc((n_runs + 1) * sizeof *runs);
    if (!runs)
        return no_memory(error);
    mic_status status = mic_huffman_decode(map->coded, map->n_table, runs, n_runs, &n_runs, error);
    if (status == MIC_OK)
        status = mic_rle_decode(runs, n_runs, false, gaps, expected, n_gaps, error);
    free(runs);
    return status;
}

mic_status mic_map_load(sample_map *map, uint32_t type_values, mic_error *error)
{
    size_t n_gaps = 0;
    if (map->kind != MAP_PACKED)
        return MIC_OK;
    map->values = malloc(map->n_values * sizeof *map->values);
    if (!map->values)
        return no_memory(error);
    mic_status status = decode_gaps(map, map->values + 1, &n_gaps, error);
    if (status == MIC_ERROR_LIMIT || (status == MIC_OK && n_gaps != map->n_values - 1))
        return mic_fail(error, MIC_ERROR_CORRUPT, "frame head", -1,
                        "the packing table holds more or fewer than the %u values expected (damaged file?)",
                        map->n_values);
    TRY(status);
    uint32_t value = map->values[0] = map->minimum;
    for (size_t i = 1; i < map->n_values; i++) {
        const uint16_t gap = map->values[i];
        value += gap;
        if (gap == 0 || value >= type_values)
            return mic_fail(error, MIC_ERROR_CORRUPT, "frame head", -1,
                            "value %zu of the packing table is %u after a step of %u, ascending values "
                            "below %u are expected (damaged file?)",
                            i, value, gap, type_values);
        map->values[i] = (uint16_t)value;
    }
    find_run(map);
    return MIC_OK;
}

/* ---- choice ------------------------------------------------------------ */

enum { LINE_VALUES = 512 }; /* values looked at together */

static uint32_t count_seen(const uint8_t *seen, uint32_t *lowest, uint32_t *highest)
{
    enum { LINE = 64 };
    const uint64_t ones = 0x0101010101010101;
    uint32_t n = 0;
    *lowest = SAMPLE_VALUES;
    *highest = 0;
    for (uint32_t v = 0; v < SAMPLE_VALUES; v += LINE) {
        uint64_t any = 0;
        for (uint32_t k = 0; k < LINE; k += 8)
            any |= load_u64(seen + v + k);
        if (any == 0)
            continue;
        for (uint32_t k = 0; k < LINE; k += 8)
            n += (uint32_t)(load_u64(seen + v + k) * ones >> 56); /* the sum of eight bytes that are 0 or 1 */
        *lowest = *lowest < v ? *lowest : v;
        *highest = v + LINE - 1;
    }
    while (n && !seen[*lowest])
        ++*lowest;
    while (n && !seen[*highest])
        --*highest;
    return n;
}

/* List the used values and rank them.  Values that do not occur get a rank too, which
 * nobody looks up, because that needs no branches. */
static mic_status list_values(const uint8_t *seen, sample_map *map, mic_error *error)
{
    map->values = malloc(map->n_values * sizeof *map->values);
    map->ranks = malloc(SAMPLE_VALUES * sizeof *map->ranks);
    if (!map->values || !map->ranks)
        return no_memory(error);
    for (uint32_t v = map->minimum, rank = 0; rank < map->n_values; v++) {
        map->values[rank] = (uint16_t)v;
        map->ranks[v] = (uint16_t)rank;
        rank += seen[v];
    }
    find_run(map);
    return MIC_OK;
}

static void look_up_ranks(const sample_map *map, uint16_t *values, size_t n)
{
    mic_kernels_active()->look_up(values, n, map->ranks, SAMPLE_VALUES, map->values[map->run_first],
                                  map->values[map->run_last]);
}

/* Bits that packing saves on the differences between values of a line.  The line holds the
 * values minus `offset`.  bit_depth(d) is the exponent of the float 2 d + 1, which
 * compilers can vectorise. */
static int32_t saved_bits_of_line(const sample_map *map, const uint16_t *line, uint16_t offset, size_t n)
{
    enum { EXPONENT = 23 };
    uint16_t values[LINE_VALUES], ranks[LINE_VALUES];
    int32_t saved = 0;
    for (size_t x = 0; x < n; x++)
        values[x] = (uint16_t)(line[x] + offset);
    memcpy(ranks, values, n * sizeof *ranks);
    look_up_ranks(map, ranks, n);
    for (size_t x = 1; x < n; x++) {
        int32_t step = values[x] - values[x - 1], packed = ranks[x] - ranks[x - 1], bits, packed_bits;
        float size = (float)(2 * (step < 0 ? -step : step) + 1),
              packed_size = (float)(2 * (packed < 0 ? -packed : packed) + 1);
        memcpy(&bits, &size, sizeof bits);
        memcpy(&packed_bits, &packed_size, sizeof packed_bits);
        saved += (bits >> EXPONENT) - (packed_bits >> EXPONENT);
    }
    return saved;
}

/* The same for horizontal neighbours from a spread of rows. */
static uint64_t saved_bits(const sample_map *map, const uint16_t *values, uint16_t offset, size_t rows,
                           size_t columns)
{
    enum { SAMPLED_PIXELS = 8192 };
    const size_t n_sampled = min_size(rows, 1 + SAMPLED_PIXELS / columns);
    uint64_t saved = 0;
    for (size_t i = 0; i < n_sampled; i++) {
        const uint16_t *line = values + rows * i / n_sampled * columns;
        for (size_t x = 0; x + 1 < columns; x += LINE_VALUES - 1)
            saved += (uint64_t)saved_bits_of_line(map, line + x, offset, min_size(columns - x, LINE_VALUES));
    }
    return saved * rows / n_sampled;
}

/* Lower bound of the table's size in bits.  Where the gap between successive values
 * changes, a run ends or a gap stands alone.  In tables of real images each such place
 * takes seven bits or more; even one long run takes an eighth of a bit per value. */
static uint64_t least_table_bits(const sample_map *map)
{
    enum { BITS_OF_CHANGE = 4 };
    const uint16_t *values = map->values;
    uint32_t n_changes = 0;
    for (size_t i = 2; i < map->n_values; i++)
        n_changes += (uint16_t)(values[i] - values[i - 1]) != (uint16_t)(values[i - 1] - values[i - 2]);
    return BITS_OF_CHANGE * n_changes + map->n_values / 8;
}

static void drop_tables(sample_map *map)
{
    free(map->values);
    free(map->ranks);
    free(map->table);
    map->values = map->ranks = NULL;
    map->table = NULL;
    map->n_table = 0;
}

void mic_map_free(sample_map *map) { drop_tables(map); }

uint32_t mic_map_span(const sample_map *map)
{
    return map->kind == MAP_PACKED ? (uint32_t)map->values[map->n_values - 1] - map->minimum + 1
                                   : map->n_values;
}

void mic_map_unpack(sample_map *map)
{
    map->n_values = mic_map_span(map);
    map->kind = MAP_OFFSET;
    drop_tables(map);
}

mic_status mic_map_choose(const uint8_t *seen, const uint16_t *values, uint16_t offset, size_t rows,
                          size_t columns, sample_map *map, mic_error *error)
{
    uint32_t lowest, highest, n_used = count_seen(seen, &lowest, &highest);
    *map = (sample_map){.kind = n_used == 1 ? MAP_CONSTANT : MAP_OFFSET,
                        .minimum = (uint16_t)lowest,
                        .n_values = highest - lowest + 1};
    if (n_used <= 1 || n_used == map->n_values)
        return MIC_OK;
    uint32_t n_range = map->n_values;
    map->n_values = n_used;
    mic_status status = list_values(seen, map, error);
    uint64_t saved = status == MIC_OK ? saved_bits(map, values, offset, rows, columns) : 0;
    /* Coding the table takes time too.  Skip it if even the smallest table would cost more
     * than it saves. */
    if (status == MIC_OK && saved > least_table_bits(map))
        status = encode_table(map, error);
    if (status == MIC_OK && map->table && saved > 8 * (uint64_t)map->n_table) {
        map->kind = MAP_PACKED;
        return MIC_OK;
    }
    drop_tables(map);
    map->n_values = n_range;
    return status;
}

/* ---- application ------------------------------------------------------- */

void mic_map_forward(const sample_map *map, uint16_t *words, size_t n)
{
    if (map->kind == MAP_PACKED)
        look_up_ranks(map, words, n);
    else if (map->minimum)
        mic_kernels_active()->add(words, n, (uint16_t)-map->minimum);
}

mic_status mic_map_inverse(const sample_map *map, uint16_t *words, size_t n, mic_error *error)
{
    const mic_kernels *kernels = mic_kernels_active();
    bool known;
    if (map->kind == MAP_PACKED)
        known = kernels->look_up(words, n, map->values, map->n_values, map->run_first, map->run_last);
    else
        known = kernels->add(words, n, map->minimum) < map->n_values;
    if (!known)
        return mic_fail(error, MIC_ERROR_CORRUPT, "sample map", -1,
                        "a word is outside the %u values of the sample map (damaged stream?)", map->n_values);
    return MIC_OK;
}

void mic_map_rebase(sample_map *map, uint16_t base)
{
    map->minimum = (uint16_t)(map->minimum + base);
    for (uint32_t i = 0; map->values && i < map->n_values; i++)
        map->values[i] = (uint16_t)(map->values[i] + base);
}

/* ---- bytes ------------------------------------------------------------- */

size_t mic_map_bytes_bound(const sample_map *map)
{
    return 1 + 2 + 2 * VARINT_MAX_BYTES + map->n_table; /* the span of an offset takes less */
}

uint8_t *mic_map_write(const sample_map *map, uint8_t *out)
{
    *out++ = (uint8_t)map->kind;
    store_u16(out, map->minimum);
    out += 2;
    if (map->kind == MAP_OFFSET) {
        store_u16(out, (uint16_t)(map->n_values - 1));
        out += 2;
    }
    if (map->kind == MAP_PACKED) {
        out = varint_write(out, map->n_values);
        out = varint_write(out, (uint32_t)map->n_table);
        memcpy(out, map->table, map->n_table);
        out += map->n_table;
    }
    return out;
}

static mic_status fail_map(const sample_map *map, uint32_t type_values, mic_error *error)
{
    return mic_fail(error, MIC_ERROR_CORRUPT, "frame head", -1,
                    "sample map %u with minimum %u and %u values does not fit the frame head or the sample "
                    "type's %u values (damaged or truncated file, or written by a newer version?)",
                    (unsigned)map->kind, map->minimum, map->n_values, type_values);
}

mic_status mic_map_read(const uint8_t **in, const uint8_t *end, uint32_t type_values, sample_map *map,
                        mic_error *error)
{
    const uint8_t *p = *in;
    uint32_t n_table = 0;
    *map = (sample_map){.kind = MAP_CONSTANT, .n_values = 1};
    if (end - p < 3)
        return fail_map(map, type_values, error);
    map->kind = p[0];
    map->minimum = load_u16(p + 1);
    p += 3;
    if (map->kind == MAP_OFFSET && end - p >= 2) {
        map->n_values = (uint32_t)load_u16(p) + 1;
        p += 2;
    } else if (map->kind == MAP_PACKED) {
        p = varint_read(p, end, &map->n_values);
        p = p ? varint_read(p, end, &n_table) : NULL;
    }
    if (map->kind > MAP_PACKED || !p || (map->n_values < 2) != (map->kind == MAP_CONSTANT) ||
        map->n_values > type_values || map->minimum > type_values - map->n_values ||
        n_table > (size_t)(end - p))
        return fail_map(map, type_values, error);
    map->coded = p;
    map->n_table = n_table;
    *in = p + n_table;
    return MIC_OK;
}
