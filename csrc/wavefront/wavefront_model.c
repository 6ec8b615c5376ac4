/* SPDX-License-Identifier: MIT
 *
 * The model header of the wavefront codec: writes it, reads and checks it, and builds a
 * decoding table from it.  See docs/format.md, "Wavefront model".
 */
#include "wavefront.h"

#include <stdlib.h>

#define CHECK(condition, ...)                                                        \
    do {                                                                             \
        if (MIC_UNLIKELY(!(condition)))                                              \
            return mic_fail(error, MIC_ERROR_CORRUPT, "wavefront", -1, __VA_ARGS__); \
    } while (0)

/* ---- bits, least significant first ------------------------------------- */

typedef struct bit_writer {
    uint8_t *out;
    size_t capacity, n_bytes;
    uint64_t waiting; /* bits that do not fill a byte yet: below 8 between calls */
    unsigned n_waiting;
} bit_writer;

static void put_byte(bit_writer *w)
{
    if (w->n_bytes < w->capacity) /* surplus bytes are only counted, so that the caller sees the overflow */
        w->out[w->n_bytes] = (uint8_t)w->waiting;
    w->n_bytes++;
    w->waiting >>= 8;
}

/* Append the low n <= 32 bits of `value`. */
static void put_bits(bit_writer *w, uint32_t value, unsigned n)
{
    w->waiting |= (value & (((uint64_t)1 << n) - 1)) << w->n_waiting;
    for (w->n_waiting += n; w->n_waiting >= 8; w->n_waiting -= 8)
        put_byte(w);
}

typedef struct bit_reader {
    const uint8_t *in;
    size_t n_bytes, position; /* position in bits; may run past the end, where bits are 0 */
} bit_reader;

/* At least the next 57 bits. */
static uint64_t peek_bits(const bit_reader *r)
{
    uint64_t window = 0;
    size_t byte = r->position >> 3;
    if (MIC_LIKELY(byte + 8 <= r->n_bytes))
        window = load_u64(r->in + byte);
    else
        for (size_t i = 0; i < 8 && byte + i < r->n_bytes; i++)
            window |= (uint64_t)r->in[byte + i] << (8 * i);
    return window >> (r->position & 7);
}

static uint32_t get_bits(bit_reader *r, unsigned n)
{
    uint64_t window = peek_bits(r);
    r->position += n;
    return (uint32_t)(window & ((1ull << n) - 1));
}

/* ---- frequencies ------------------------------------------------------- */

/* A frequency is coded as its bit length, relative to a guess, and the `precision` bits
 * below its highest one; any bits below those are 0. */
static unsigned guess_length(const uint8_t *lengths, unsigned symbol, unsigned table_log)
{
    if (symbol >= 3)
        return lengths[symbol - 2]; /* the next smaller residual of the same sign */
    return symbol == 2 ? lengths[1] : table_log - 1;
}

static unsigned mantissa_bits(unsigned length, unsigned precision)
{
    return length == 0 ? 0 : length - 1 < precision ? length - 1 : precision;
}

static unsigned last_symbol(const uint16_t frequency[WF_SYMBOLS])
{
    unsigned last = WF_SYMBOLS - 1;
    while (last > 1 && frequency[last] == 0)
        last--;
    return last;
}

static void write_frequencies(const wf_model *model, const uint16_t *frequency, bit_writer *w)
{
    uint8_t lengths[WF_SYMBOLS];
    unsigned last = last_symbol(frequency);
    put_bits(w, last, 8);
    for (unsigned s = 1; s <= last; s++) {
        int guess = (int)guess_length(lengths, s, model->table_log);
        int length = (int)bit_depth(frequency[s]), below = guess - length;
        unsigned n_zeros = (unsigned)(below > 0 ? 2 * below - 1 : -2 * below);
        put_bits(w, 1u << n_zeros, n_zeros + 1);
        unsigned n = mantissa_bits((unsigned)length, model->precision);
        if (n)
            put_bits(w, (uint32_t)frequency[s] >> ((unsigned)length - 1 - n), n);
        lengths[s] = (uint8_t)length;
    }
}

static mic_status read_frequencies(const wf_model *model, unsigned context, bit_reader *r,
                                   uint16_t *frequency, mic_error *error)
{
    enum { MAX_ZEROS = 2 * WF_MAX_TABLE_LOG, MOST_BITS = MAX_ZEROS + 1 + WF_MAX_TABLE_LOG };
    uint8_t lengths[WF_SYMBOLS];
    const uint32_t total = 1u << model->table_log;
    const unsigned largest = (1u << model->direct_log) + 4 * (16 - model->direct_log) - 1;
    unsigned last = get_bits(r, 8);
    uint32_t sum = 0;
    CHECK(last >= 1 && last <= 2 * largest, "context %u uses symbol %u of %u", context, last, 2 * largest);
    memset(frequency, 0, WF_SYMBOLS * sizeof *frequency);
    uint64_t window = peek_bits(r);
    unsigned n_used = 0; /* bits of the window used so far */
    for (unsigned s = 1; s <= last; s++) {
        if (n_used > 57 - MOST_BITS) {
            r->position += n_used;
            window = peek_bits(r);
            n_used = 0;
        }
        unsigned n_zeros = lowest_bit((uint32_t)window | 1u << (MAX_ZEROS + 1));
        int guess = (int)guess_length(lengths, s, model->table_log);
        int length = n_zeros & 1 ? guess - (int)(n_zeros + 1) / 2 : guess + (int)n_zeros / 2;
        CHECK(n_zeros <= MAX_ZEROS && length >= 0 && length <= (int)model->table_log,
              "frequency %u of context %u has %d bits, at most %u are expected", s, context, length,
              model->table_log);
        unsigned n = mantissa_bits((unsigned)length, model->precision);
        uint32_t mantissa = (uint32_t)(window >> (n_zeros + 1)) & ((1u << n) - 1);
        uint32_t value = length ? (1u << n | mantissa) << ((unsigned)length - 1 - n) : 0;
        window >>= n_zeros + 1 + n;
        n_used += n_zeros + 1 + n;
        lengths[s] = (uint8_t)length;
        frequency[s] = (uint16_t)value;
        sum += value;
    }
    r->position += n_used;
    CHECK(sum >= 1 && sum < total, "frequencies of context %u sum to %u of %u", context, sum, total);
    frequency[0] = (uint16_t)(total - sum);
    return MIC_OK;
}

/* The nearest frequency that the header can express. */
static uint32_t round_frequency(uint32_t value, unsigned precision)
{
    unsigned length = bit_depth(value);
    if (length <= precision + 1)
        return value;
    unsigned drop = length - 1 - precision;
    return (value + (1u << drop >> 1)) >> drop << drop;
}

/* Lower the largest frequency, except that of symbol 0, by one step. */
static uint32_t lower_largest(uint16_t *frequency, unsigned precision)
{
    unsigned largest = 1;
    for (unsigned s = 2; s < WF_SYMBOLS; s++)
        if (frequency[s] > frequency[largest])
            largest = s;
    uint32_t old = frequency[largest], lower = old - 1;
    unsigned length = bit_depth(lower);
    if (length > precision + 1)
        lower = lower >> (length - 1 - precision) << (length - 1 - precision);
    frequency[largest] = (uint16_t)lower;
    return old - lower;
}

void mic_wf_normalise(const uint32_t counts[WF_SYMBOLS], const wf_model *model,
                      uint16_t frequency[WF_SYMBOLS])
{
    const uint32_t total = 1u << model->table_log;
    uint64_t n = 0;
    for (unsigned s = 0; s < WF_SYMBOLS; s++)
        n += counts[s];
    /* Rounding errors are carried to the next symbol, so that symbol 0, which gets the
     * rest, is off by one step at most. */
    int64_t carry = 0; /* in units of 1/n */
    uint32_t sum = 0;
    for (unsigned s = WF_SYMBOLS - 1; s >= 1; s--) {
        frequency[s] = 0;
        if (counts[s] == 0)
            continue;
        int64_t exact = (int64_t)counts[s] * total + carry;
        uint32_t nearest = exact <= (int64_t)n ? 1 : (uint32_t)((exact + (int64_t)(n / 2)) / (int64_t)n);
        frequency[s] = (uint16_t)round_frequency(nearest < total / 2 ? nearest : nearest - 1,
                                                 model->precision);
        carry = exact - (int64_t)frequency[s] * (int64_t)n;
        sum += frequency[s];
    }
    if (sum == 0)
        frequency[1] = 1, sum = 1;
    while (sum >= total)
        sum -= lower_largest(frequency, model->precision);
    frequency[0] = (uint16_t)(total - sum);
}

/* ---- header ------------------------------------------------------------ */

mic_status mic_wf_write_model(const wf_model *model, uint8_t *out, size_t capacity, size_t *n_bytes,
                              mic_error *error)
{
    bit_writer w = {.out = out, .capacity = capacity};
    put_bits(&w, model->predictor, 4);
    put_bits(&w, model->table_log, 4);
    put_bits(&w, model->precision, 4);
    put_bits(&w, model->direct_log, 4);
    put_bits(&w, model->max_value, 16);
    put_bits(&w, 1, 1);
    for (unsigned b = 1; b < WF_BUCKETS; b++)
        put_bits(&w, model->context[b] != model->context[b - 1], 1);
    if (model->predictor == WF_LINEAR)
        for (unsigned i = 0; i < WF_WEIGHTS; i++)
            put_bits(&w, (uint8_t)(model->weights[i] / 256), 8);
    for (unsigned c = 0; c < model->n_contexts; c++)
        write_frequencies(model, model->frequency[c], &w);
    if (w.n_waiting)
        put_byte(&w);
    *n_bytes = w.n_bytes;
    if (*n_bytes > capacity)
        return mic_fail(error, MIC_ERROR_CAPACITY, "wavefront", -1,
                        "the model takes %zu bytes, there is room for %zu", *n_bytes, capacity);
    return MIC_OK;
}

static mic_status read_parameters(bit_reader *r, wf_model *model, mic_error *error)
{
    unsigned predictor = get_bits(r, 4);
    CHECK(predictor <= WF_LINEAR, "predictor %u is unknown, at most %u is expected", predictor, WF_LINEAR);
    model->predictor = (wf_predictor)predictor;
    model->table_log = get_bits(r, 4);
    CHECK(model->table_log >= WF_MIN_TABLE_LOG && model->table_log <= WF_MAX_TABLE_LOG,
          "table log %u is outside %d..%d", model->table_log, WF_MIN_TABLE_LOG, WF_MAX_TABLE_LOG);
    model->precision = get_bits(r, 4);
    model->direct_log = get_bits(r, 4);
    CHECK(model->direct_log >= WF_MIN_DIRECT_LOG && model->direct_log <= WF_MAX_DIRECT_LOG,
          "direct log %u is outside %d..%d", model->direct_log, WF_MIN_DIRECT_LOG, WF_MAX_DIRECT_LOG);
    model->max_value = get_bits(r, 16);
    CHECK(model->max_value >= 1, "the largest sample is 0");
    model->fraction_bits = wf_fraction_bits(model->max_value);
    uint32_t starts = get_bits(r, 32);
    CHECK(starts & 1, "bucket 0 has no context");
    model->n_contexts = 0;
    for (unsigned b = 0; b < WF_BUCKETS; b++) {
        model->n_contexts += starts >> b & 1;
        model->context[b] = (uint8_t)(model->n_contexts - 1);
    }
    memset(model->weights, 0, sizeof model->weights);
    if (model->predictor == WF_LINEAR)
        for (unsigned i = 0; i < WF_WEIGHTS; i++)
            model->weights[i] = (int16_t)((int8_t)get_bits(r, 8) * 256);
    /* -2^15 times -2^15 is the only product that instruction sets round differently. */
    for (unsigned i = 0; i < WF_WEIGHTS; i++)
        CHECK(model->weights[i] != INT16_MIN, "weight %u is -128", i);
    return MIC_OK;
}

mic_status mic_wf_read_model(const uint8_t *in, size_t n_bytes, wf_model *model, size_t *n_used,
                             mic_error *error)
{
    bit_reader r = {in, n_bytes, 0};
    TRY(read_parameters(&r, model, error));
    for (unsigned c = 0; c < model->n_contexts; c++)
        TRY(read_frequencies(model, c, &r, model->frequency[c], error));
    unsigned n_padding = (unsigned)(-r.position & 7);
    CHECK(get_bits(&r, n_padding) == 0, "bits behind the model are not 0");
    *n_used = r.position / 8;
    if (*n_used > n_bytes)
        return mic_fail(error, MIC_ERROR_TRUNCATED, "wavefront", (int64_t)n_bytes,
                        "the model takes %zu bytes, only %zu are there (truncated file?)", *n_used, n_bytes);
    return MIC_OK;
}

/* ---- decoding table ---------------------------------------------------- */

enum { WF_TABLE_PADDING = 8 };

/* Writes eight entries at once; the next symbol's entries overwrite the surplus. */
static void build_decode_table(const wf_model *model, uint32_t *table)
{
    for (unsigned c = 0; c < model->n_contexts; c++) {
        const uint32_t *end = table + (1u << model->table_log);
        for (unsigned s = 0; table < end; s++) {
            uint32_t n = model->frequency[c][s];
            int residual = s & 1 ? (int)(s + 1) / 2 : -(int)(s / 2);
            uint32_t entry = (uint32_t)residual << WF_ENTRY_SYMBOL_SHIFT | n << WF_ENTRY_FREQ_SHIFT;
            for (uint32_t offset = 0; offset < n; offset += 8)
                for (uint32_t k = 0; k < 8; k++)
                    table[offset + k] = entry | (offset + k) << WF_ENTRY_OFFSET_SHIFT;
            table += n;
        }
    }
}

mic_status mic_wf_decoder_open(const uint8_t *in, size_t n_bytes, wf_decoder *decoder, size_t *n_used,
                               mic_error *error)
{
    const wf_model *model = &decoder->model;
    decoder->table = NULL;
    TRY(mic_wf_read_model(in, n_bytes, &decoder->model, n_used, error));
    decoder->table = malloc((((size_t)model->n_contexts << model->table_log) + WF_TABLE_PADDING) *
                            sizeof *decoder->table);
    if (!decoder->table)
        return mic_fail(error, MIC_ERROR_MEMORY, "wavefront", -1, "no memory for the decoding table");
    build_decode_table(model, decoder->table);
    return MIC_OK;
}

void mic_wf_decoder_free(wf_decoder *decoder)
{
    free(decoder->table);
    decoder->table = NULL;
}
