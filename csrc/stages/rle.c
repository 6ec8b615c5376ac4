/* SPDX-License-Identifier: MIT
 *
 * Run lengths with a MidCount split.  Words in, words out:
 *
 *     initial, [length high, length low,] block, block, ...
 *
 * With d = depth(initial), the run limit is M = 2^(d-1) - 1.  A block is a header c and its
 * data: c <= M means one word repeated c times, c > M means c - M literal words.  Example,
 * initial 15 (M = 7):
 *
 *     5 5 5 5 1 2    ->    15  4 5  9 1 2
 *
 * Format: docs/format.md, "Run lengths".
 */
#include "rle_loop.h"
#include "stage_kernels.h"

enum { MIN_RUN_LIMIT = 7 }; /* depth 4; below it blocks are ambiguous or empty */

static size_t run_limit_of(unsigned initial) { return ((size_t)1 << (bit_depth(initial) - 1)) - 1; }

/* A run block and a literal block together cost 4 words for at least 4.  The worst cases
 * are a literal of one word before each run of three (4 words for 4) and, at the smallest
 * run limit, 5 words for 4. */
size_t mic_rle_bound(size_t n_words) { return n_words + n_words / 4 + 16; }

/* A depth below 4 cannot express runs, and depths 2 and 3 can express hardly anything: the
 * published encoder then writes bytes that cannot be decoded.  Only a single literal block
 * can be expressed. */
static mic_status encode_shallow(const uint16_t *words, size_t n_words, unsigned initial, uint16_t *out,
                                 size_t *n_out, mic_error *error)
{
    size_t run_limit = run_limit_of(initial);
    size_t longest = run_limit == 0 ? 65535 : 2;
    bool has_triple = mic_find_triple_scalar(words, n_words) < n_words;
    if (n_words > longest || has_triple)
        return mic_advise(
            mic_fail(error, MIC_ERROR_UNSUPPORTED, "rle", -1,
                     "run lengths from initial value %u have no decodable form for these words, at "
                     "least 8 is expected",
                     initial),
            error, MIC_REMEDY_LARGER_MAXIMUM);
    if (n_words > 0)
        *out++ = (uint16_t)(run_limit + n_words);
    memcpy(out, words, n_words * sizeof *words);
    *n_out += n_words + (n_words > 0);
    return MIC_OK;
}

mic_status mic_rle_encode(const uint16_t *words, size_t n_words, unsigned initial, int with_length,
                          uint16_t *out, size_t *n_out, mic_error *error)
{
    if (initial == 0 || initial > 65535)
        return mic_fail(error, MIC_ERROR_UNSUPPORTED, "rle", -1,
                        "the initial value is %u, 1 to 65535 is expected: run lengths have no form for "
                        "an all-zero image; use the native container",
                        initial);
    if (with_length && n_words > 0xFFFFFFFFu)
        return mic_fail(error, MIC_ERROR_UNSUPPORTED, "rle", -1,
                        "%zu words are more than the 32-bit length can say", n_words);
    size_t n = 0;
    out[n++] = (uint16_t)initial;
    if (with_length) {
        out[n++] = (uint16_t)(n_words >> 16);
        out[n++] = (uint16_t)n_words;
    }
    *n_out = n;
    size_t run_limit = run_limit_of(initial);
    if (run_limit < MIN_RUN_LIMIT)
        return encode_shallow(words, n_words, initial, out + n, n_out, error);
    *n_out += mic_kernels_active()->rle_encode(words, n_words, run_limit, out + n,
                                               mic_rle_bound(n_words) - n);
    return MIC_OK;
}

/* The words before the blocks. */
typedef struct rle_prefix {
    size_t n_words; /* words of the prefix */
    size_t run_limit;
    size_t length; /* announced length, SIZE_MAX if there is none */
} rle_prefix;

static mic_status read_prefix(const uint16_t *in, size_t n_in, int with_length, rle_prefix *prefix,
                              mic_error *error)
{
    *prefix = (rle_prefix){.n_words = with_length ? 3 : 1};
    if (n_in < prefix->n_words)
        return mic_fail(error, MIC_ERROR_TRUNCATED, "rle", 0,
                        "the run-length data end after %zu words, at least %zu are expected", n_in,
                        prefix->n_words);
    if (in[0] == 0)
        return mic_fail(error, MIC_ERROR_CORRUPT, "rle", 0,
                        "the initial value is 0, 1 to 65535 is expected (damaged stream?)");
    prefix->run_limit = run_limit_of(in[0]);
    prefix->length = with_length ? (size_t)in[1] << 16 | in[2] : SIZE_MAX;
    return MIC_OK;
}

mic_status mic_rle_count(const uint16_t *in, size_t n_in, int with_length, size_t *n_words, mic_error *error)
{
    rle_prefix prefix;
    TRY(read_prefix(in, n_in, with_length, &prefix, error));
    if (with_length) {
        *n_words = prefix.length;
        return MIC_OK;
    }
    size_t total = 0;
    for (size_t i = prefix.n_words; i < n_in;) {
        size_t header = in[i];
        bool is_run = header <= prefix.run_limit;
        size_t length = is_run ? header : header - prefix.run_limit;
        total += length;
        i += 1 + (is_run ? 1 : length);
    }
    *n_words = total;
    return MIC_OK;
}

static mic_status fail_block(rle_outcome outcome, const uint16_t *in, size_t i, size_t n_in, size_t capacity,
                             mic_error *error)
{
    int64_t offset = (int64_t)(i * sizeof *in);
    if (outcome == RLE_ZERO_HEADER)
        return mic_fail(error, MIC_ERROR_CORRUPT, "rle", offset,
                        "the block header at word %zu is 0, at least 1 is expected (damaged stream?)", i);
    if (outcome == RLE_SHORT_INPUT)
        return mic_fail(error, MIC_ERROR_TRUNCATED, "rle", offset,
                        "the block at word %zu with header %u passes the end of the data at word %zu "
                        "(truncated stream?)",
                        i, (unsigned)in[i], n_in);
    return mic_fail(error, MIC_ERROR_CORRUPT, "rle", offset,
                    "the block at word %zu with header %u expands past the %zu words expected "
                    "(damaged stream, or wrong dimensions?)",
                    i, (unsigned)in[i], capacity);
}

mic_status mic_rle_decode(const uint16_t *in, size_t n_in, int with_length, uint16_t *words, size_t capacity,
                          size_t *n_words, mic_error *error)
{
    rle_prefix prefix;
    TRY(read_prefix(in, n_in, with_length, &prefix, error));
    if (with_length && prefix.length > capacity)
        return mic_fail(error, MIC_ERROR_LIMIT, "rle", 2,
                        "the stream announces %zu words, the limit is %zu; raise the limit if you trust it",
                        prefix.length, capacity);
    size_t expected = with_length ? prefix.length : capacity;
    size_t n_read = n_in - prefix.n_words;
    rle_outcome outcome = mic_kernels_active()->rle_decode(in + prefix.n_words, &n_read, prefix.run_limit,
                                                           words, expected, n_words);
    if (outcome != RLE_COMPLETE)
        return fail_block(outcome, in, prefix.n_words + n_read, n_in, expected, error);
    if (with_length && *n_words != expected)
        return mic_fail(error, MIC_ERROR_TRUNCATED, "rle", (int64_t)(n_in * sizeof *in),
                        "the blocks expand to %zu words, %zu are expected (truncated stream?)", *n_words,
                        expected);
    return MIC_OK;
}

/* ---- scalar kernels ---------------------------------------------------- */

size_t mic_find_triple_scalar(const uint16_t *words, size_t n)
{
    for (size_t i = 0; i + 2 < n; i++)
        if (words[i] == words[i + 1] && words[i] == words[i + 2])
            return i;
    return n;
}

static size_t run_length(const uint16_t *words, size_t n)
{
    size_t i = 1;
    while (i < n && words[i] == words[0])
        i++;
    return i;
}

size_t mic_rle_encode_scalar(const uint16_t *words, size_t n, size_t run_limit, uint16_t *out,
                             size_t out_room)
{
    return rle_encode_loop(words, n, run_limit, out, out_room, mic_find_triple_scalar, run_length);
}

rle_outcome mic_rle_decode_scalar(const uint16_t *in, size_t *n_in, size_t run_limit, uint16_t *out,
                                  size_t capacity, size_t *n_out)
{
    return rle_decode_loop(in, n_in, run_limit, out, capacity, n_out);
}
