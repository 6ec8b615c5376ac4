/* SPDX-License-Identifier: MIT
 *
 * Gap removal: if only few of the values up to the largest word occur, each word is
 * replaced by its rank among the used values before FSE, whose header would otherwise pay
 * for every absent value.  The first byte says how the used values are listed:
 *
 *     00  not applied: an FSE stream follows
 *     01  number u (2), the values (2 each)
 *     02  largest value X (2), X + 1 bits, bit v set if v is used (LSB first)
 *     03  number u (2), first value (2), then the unused values skipped before
 *         each further one: a byte up to 254, else FF and two bytes
 *
 * Example, used values 3 4 300: mode 03 gives  03  03 00  03 00  00  FF 27 01 (295 = 0127
 * hexadecimal values lie between 4 and 300).
 *
 * The FSE stream has 2 states, or 1 where 2 are refused, as published.
 */
#include "../base/kernels.h"

#include <stdlib.h>

enum { SYMBOLS = 65536, LONG_GAP = 255 };

typedef enum gap_mode { GAP_NONE = 0, GAP_LIST = 1, GAP_BITMAP = 2, GAP_DELTAS = 3 } gap_mode;

/* A used value takes at most two bytes, and the list less than a bit per unused value. */
size_t mic_gap_bound(size_t n_words)
{
    return 3 + min_size(2 * n_words, SYMBOLS / 8) + mic_fse_bound(n_words);
}

static mic_status no_memory(mic_error *error)
{
    return mic_fail(error, MIC_ERROR_MEMORY, "gap", -1, "no memory for the table of used values");
}

static mic_status encode_fse(const uint16_t *words, size_t n_words, uint8_t *out, size_t capacity,
                             size_t *n_bytes, mic_error *error)
{
    mic_status status = mic_fse_encode(words, n_words, 2, out, capacity, n_bytes, error);
    if (status == MIC_ERROR_UNSUPPORTED)
        status = mic_fse_encode(words, n_words, 1, out, capacity, n_bytes, error);
    return status;
}

/* ---- encoding ------------------------------------------------------------ */

static uint8_t *put_u16(uint8_t *out, size_t value)
{
    store_u16(out, (uint16_t)value);
    return out + 2;
}

static uint8_t *write_deltas(const uint16_t *used, size_t n, uint8_t *out)
{
    out = put_u16(put_u16(out, n), used[0]);
    for (size_t i = 1; i < n; i++) {
        unsigned gap = used[i] - used[i - 1] - 1u;
        *out++ = (uint8_t)(gap < LONG_GAP ? gap : LONG_GAP);
        if (gap >= LONG_GAP)
            out = put_u16(out, gap);
    }
    return out;
}

static uint8_t *write_list(const uint16_t *used, size_t n, uint8_t *out)
{
    out = put_u16(out, n);
    for (size_t i = 0; i < n; i++)
        out = put_u16(out, used[i]);
    return out;
}

static size_t deltas_bytes(const uint16_t *used, size_t n)
{
    size_t bytes = 5;
    for (size_t i = 1; i < n; i++)
        bytes += used[i] - used[i - 1] - 1u < LONG_GAP ? 1 : 3;
    return bytes;
}

/* Choose the shorter list of the used values, if it is worth it.  By the published rule,
 * half of the values must be unused and the list must take less than a bit for each of
 * those.  A bitmap also spends a bit on each used value, so it is only ever read, never
 * written. */
static gap_mode choose_mode(const uint16_t *used, size_t n)
{
    const size_t range = (size_t)used[n - 1] + 1;
    const size_t list = 3 + 2 * n, deltas = deltas_bytes(used, n);
    const size_t best = min_size(list, deltas);
    if (n < 2 || n >= range / 2 || best * 8 >= range - n)
        return GAP_NONE;
    return deltas < list ? GAP_DELTAS : GAP_LIST;
}

/* Scratch memory of one encoding: how often each value occurs, then its rank. */
typedef struct gap_scratch {
    uint32_t counts[SYMBOLS];
    uint16_t used[SYMBOLS];
    uint16_t ranks[SYMBOLS];
} gap_scratch;

static mic_status encode_ranks(const gap_scratch *s, gap_mode mode, size_t n_used, const uint16_t *words,
                               size_t n_words, uint8_t *out, size_t capacity, size_t *n_bytes,
                               mic_error *error)
{
    uint8_t *next = out;
    *next++ = (uint8_t)mode;
    next = mode == GAP_LIST ? write_list(s->used, n_used, next) : write_deltas(s->used, n_used, next);
    uint16_t *ranks = malloc(n_words * sizeof *ranks);
    if (!ranks)
        return no_memory(error);
    for (size_t i = 0; i < n_words; i++)
        ranks[i] = s->ranks[words[i]];
    size_t n_coded = 0;
    mic_status status = encode_fse(ranks, n_words, next, capacity - (size_t)(next - out), &n_coded, error);
    *n_bytes = n_coded + (size_t)(next - out);
    free(ranks);
    return status;
}

mic_status mic_gap_encode(const uint16_t *words, size_t n_words, uint8_t *out, size_t capacity,
                          size_t *n_bytes, mic_error *error)
{
    if (capacity < mic_gap_bound(n_words))
        return mic_fail(error, MIC_ERROR_CAPACITY, "gap", -1, "the output has %zu bytes, %zu are expected",
                        capacity, mic_gap_bound(n_words));
    gap_scratch *s = calloc(1, sizeof *s);
    if (!s)
        return no_memory(error);
    unsigned largest = mic_kernels_active()->histogram(words, n_words, s->counts);
    size_t n_used = 0;
    for (unsigned v = 0; v <= largest; v++)
        if (s->counts[v]) {
            s->ranks[v] = (uint16_t)n_used;
            s->used[n_used++] = (uint16_t)v;
        }
    gap_mode mode = n_used ? choose_mode(s->used, n_used) : GAP_NONE;
    mic_status status;
    if (mode != GAP_NONE) {
        status = encode_ranks(s, mode, n_used, words, n_words, out, capacity, n_bytes, error);
    } else {
        size_t n_coded = 0;
        out[0] = GAP_NONE;
        status = encode_fse(words, n_words, out + 1, capacity - 1, &n_coded, error);
        *n_bytes = n_coded + 1;
    }
    free(s);
    return status;
}

/* ---- decoding ------------------------------------------------------------ */

/* The used values in ascending order. */
typedef struct used_values {
    size_t n;
    uint16_t *values; /* has room for all */
} used_values;

/* Each reader returns the first byte after the list, or NULL if the list does not fit the
 * data or is not ascending. */
static const uint8_t *read_list(const uint8_t *in, const uint8_t *end, used_values *used)
{
    if (end - in < 2)
        return NULL;
    used->n = load_u16(in);
    in += 2;
    if ((size_t)(end - in) < 2 * used->n)
        return NULL;
    for (size_t i = 0; i < used->n; i++, in += 2) {
        used->values[i] = load_u16(in);
        if (i > 0 && used->values[i] <= used->values[i - 1])
            return NULL;
    }
    return in;
}

static const uint8_t *read_bitmap(const uint8_t *in, const uint8_t *end, used_values *used)
{
    if (end - in < 2)
        return NULL;
    const size_t range = (size_t)load_u16(in) + 1;
    in += 2;
    if ((size_t)(end - in) < (range + 7) / 8)
        return NULL;
    for (size_t v = 0; v < range; v++)
        if (in[v / 8] >> v % 8 & 1)
            used->values[used->n++] = (uint16_t)v;
    const bool surplus_bits = range % 8 && in[range / 8] >> range % 8;
    return surplus_bits ? NULL : in + (range + 7) / 8;
}

static const uint8_t *read_deltas(const uint8_t *in, const uint8_t *end, used_values *used)
{
    if (end - in < 4)
        return NULL;
    used->n = load_u16(in);
    uint32_t value = load_u16(in + 2);
    in += 4;
    used->values[0] = (uint16_t)value;
    for (size_t i = 1; i < used->n; i++) {
        if (in == end)
            return NULL;
        uint32_t gap = *in++;
        if (gap == LONG_GAP) {
            if (end - in < 2)
                return NULL;
            gap = load_u16(in);
            in += 2;
        }
        value += gap + 1;
        if (value >= SYMBOLS)
            return NULL;
        used->values[i] = (uint16_t)value;
    }
    return in;
}

static mic_status fail_list(unsigned mode, mic_error *error)
{
    return mic_fail(
        error, MIC_ERROR_CORRUPT, "gap", 0,
        "the table of used values of mode %u does not fit the data or is not ascending, modes 0 to 3 "
        "with at least one value are expected (damaged or truncated stream?)",
        mode);
}

static mic_status ranks_to_words(const used_values *used, uint16_t *words, size_t n_words, mic_error *error)
{
    for (size_t i = 0; i < n_words; i++) {
        if (words[i] >= used->n)
            return mic_fail(error, MIC_ERROR_CORRUPT, "gap", -1,
                            "word %zu has rank %u, the table has %zu values (damaged stream?)", i, words[i],
                            used->n);
        words[i] = used->values[words[i]];
    }
    return MIC_OK;
}

static mic_status decode_with(used_values *used, const uint8_t *in, size_t n_bytes, uint16_t *words,
                              size_t capacity, size_t *n_words, mic_error *error)
{
    const unsigned mode = in[0];
    const uint8_t *end = in + n_bytes, *next = in + 1;
    if (mode == GAP_LIST)
        next = read_list(next, end, used);
    else if (mode == GAP_BITMAP)
        next = read_bitmap(next, end, used);
    else if (mode == GAP_DELTAS)
        next = read_deltas(next, end, used);
    if (mode > GAP_DELTAS || !next || (mode != GAP_NONE && used->n == 0))
        return fail_list(mode, error);
    TRY(mic_fse_decode(next, (size_t)(end - next), words, capacity, n_words, error));
    return mode == GAP_NONE ? MIC_OK : ranks_to_words(used, words, *n_words, error);
}

mic_status mic_gap_decode(const uint8_t *in, size_t n_bytes, uint16_t *words, size_t capacity,
                          size_t *n_words, mic_error *error)
{
    if (n_bytes == 0)
        return mic_fail(error, MIC_ERROR_TRUNCATED, "gap", 0, "the stream is empty, a mode byte is expected");
    used_values used = {.values = malloc(SYMBOLS * sizeof *used.values)};
    if (!used.values)
        return no_memory(error);
    mic_status status = decode_with(&used, in, n_bytes, words, capacity, n_words, error);
    free(used.values);
    return status;
}
