/* SPDX-License-Identifier: MIT
 *
 * The stages one by one: round trips on every size from 0 to 300, bounds and counts, output
 * buffers of every size that is too small, and damaged bare streams.  These have no
 * checksum: they must fail or decode within bounds.  Input and output end exactly at
 * inaccessible pages.
 */
#include "check.h"

enum { MOST = 300, LARGEST = 300000 };

static guarded words_room, bytes_room, output_room;

/* ---- entropy coders ----------------------------------------------------- */

typedef mic_status count_words(const uint8_t *in, size_t n_bytes, size_t max_words, size_t *n_words,
                               mic_error *error);

typedef struct coder {
    const char *name;
    int n_states; /* for FSE and rANS */
    size_t (*bound)(size_t n_words);
    mic_status (*encode)(const uint16_t *words, size_t n_words, uint8_t *out, size_t capacity,
                         size_t *n_bytes, mic_error *error);
    count_words *count;
    mic_status (*decode)(const uint8_t *in, size_t n_bytes, uint16_t *words, size_t capacity, size_t *n_words,
                         mic_error *error);
} coder;

static const coder coders[] = {
    {"fse 1", 1, mic_fse_bound, NULL, mic_fse_count, mic_fse_decode},
    {"fse 2", 2, mic_fse_bound, NULL, mic_fse_count, mic_fse_decode},
    {"fse 4", 4, mic_fse_bound, NULL, mic_fse_count, mic_fse_decode},
    {"fse 8", 8, mic_fse_bound, NULL, mic_fse_count, mic_fse_decode},
    {"huffman", 0, mic_huffman_bound, mic_huffman_encode, mic_huffman_count, mic_huffman_decode},
    {"gap", 0, mic_gap_bound, mic_gap_encode, NULL, mic_gap_decode},
    {"rans", 8, mic_fse_bound, mic_rans_encode, mic_rans_count, mic_rans_decode},
};

static mic_status encode(const coder *c, const uint16_t *words, size_t n, uint8_t *out, size_t capacity,
                         size_t *n_bytes, mic_error *error)
{
    return c->encode ? c->encode(words, n, out, capacity, n_bytes, error)
                     : mic_fse_encode(words, n, c->n_states, out, capacity, n_bytes, error);
}

/* Place input between two inaccessible pages: coders that read backwards must not pass its
 * start. */
static const uint8_t *place_input(const uint8_t *bytes, size_t n_bytes, bool at_end)
{
    return memcpy(guarded_place(&bytes_room, n_bytes, at_end, 0), bytes, n_bytes);
}

/* Decode damaged input.  Any answer is right, but nothing outside the buffers may be
 * touched, and an error must come with a message. */
static void check_damaged(const coder *c, const uint8_t *bytes, size_t n_bytes, size_t capacity)
{
    static bool at_end;
    at_end = !at_end;
    const uint8_t *in = place_input(bytes, n_bytes, at_end);
    uint16_t *out = guarded_end(&output_room, capacity * sizeof *out);
    size_t n_words = 0;
    mic_error error = {.status = MIC_OK};
    mic_status status = c->decode(in, n_bytes, out, capacity, &n_words, &error);
    CHECK(status == MIC_OK ? n_words <= capacity : status == error.status && error.message[0],
          "%s: status %d, %zu words of %zu", c->name, status, n_words, capacity);
    CHECK(guarded_intact(&output_room), "%s: writes outside", c->name);
    if (c->count && c->count(in, n_bytes, capacity, &n_words, &error) == MIC_OK)
        CHECK(n_words <= capacity, "%s: %zu of %zu", c->name, n_words, capacity);
}

static void check_damage(const coder *c, const uint8_t *bytes, size_t n_bytes, size_t n_words)
{
    uint8_t *copy = exact_copy(bytes, n_bytes);
    for (size_t n = 0; n < n_bytes; n++)
        check_damaged(c, copy, n, n_words);
    for (size_t bit = 0; bit < 8 * n_bytes; bit++) {
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        check_damaged(c, copy, n_bytes, n_words);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (int trial = 0; trial < 300; trial++) { /* change several bytes at once */
        memcpy(copy, bytes, n_bytes);
        for (int k = 0; k < 4; k++)
            copy[random_u32() % n_bytes] = (uint8_t)random_u32();
        check_damaged(c, copy, n_bytes, n_words);
    }
    free(copy);
}

/* Every smaller buffer is refused and the exact one suffices (gap demands its bound). */
static void check_capacities(const coder *c, const uint16_t *words, size_t n, size_t n_bytes, size_t step)
{
    const size_t least = c->encode == mic_gap_encode ? c->bound(n) : n_bytes;
    for (size_t capacity = n_bytes % step; capacity <= n_bytes; capacity += step) {
        uint8_t *out = guarded_end(&output_room, capacity);
        size_t n_out = 0;
        mic_status status = encode(c, words, n, out, capacity, &n_out, NULL);
        CHECK(status == (capacity < least ? MIC_ERROR_CAPACITY : MIC_OK),
              "%s: status %d, n %zu needs %zu, capacity %zu", c->name, status, n, least, capacity);
        CHECK(guarded_intact(&output_room), "%s: n %zu capacity %zu", c->name, n, capacity);
    }
}

static void check_counts(const coder *c, const uint8_t *in, size_t n_bytes, size_t n)
{
    size_t n_words = 0;
    mic_status status = c->count(in, n_bytes, n, &n_words, NULL);
    CHECK(status == MIC_OK && n_words == n, "%s: status %d, %zu of %zu", c->name, status, n_words, n);
    if (n > 0) {
        status = c->count(in, n_bytes, n - 1, &n_words, NULL);
        CHECK(status == MIC_ERROR_LIMIT, "%s: status %d, n %zu", c->name, status, n);
    }
}

static void check_decoding(const coder *c, const uint8_t *bytes, size_t n_bytes, const uint16_t *words,
                           size_t n)
{
    const uint8_t *in = NULL;
    size_t n_words = 0;
    for (size_t spare = 0; spare < 80; spare += 79) {
        in = place_input(bytes, n_bytes, spare == 0);
        uint16_t *out = guarded_end(&output_room, (n + spare) * sizeof *out);
        mic_status status = c->decode(in, n_bytes, out, n + spare, &n_words, NULL);
        CHECK(status == MIC_OK && n_words == n && same(out, words, n * sizeof *out),
              "%s: status %d, %zu words of %zu", c->name, status, n_words, n);
        CHECK(guarded_intact(&output_room), "%s: n %zu", c->name, n);
    }
    for (size_t less = 1; less <= n && less <= 9; less += 4) {
        uint16_t *out = guarded_end(&output_room, (n - less) * sizeof *out);
        mic_status status = c->decode(in, n_bytes, out, n - less, &n_words, NULL);
        CHECK(status == MIC_ERROR_CAPACITY, "%s: status %d, n %zu less %zu", c->name, status, n, less);
        CHECK(guarded_intact(&output_room), "%s: n %zu less %zu", c->name, n, less);
    }
    if (c->count)
        check_counts(c, in, n_bytes, n);
}

/* What the published coders accept; the native container relies on it. */
static bool must_succeed(const coder *c, pattern p, size_t n)
{
    return c->count == mic_huffman_count ? n > 0 : p == SKEWED && n >= 100;
}

/* `words` are in words_room. */
static void check_words(const coder *c, const uint16_t *words, size_t n, bool must, bool damage)
{
    const size_t bound = c->bound(n);
    uint8_t *out = guarded_end(&output_room, bound);
    size_t n_bytes = 0;
    mic_status status = encode(c, words, n, out, bound, &n_bytes, NULL);
    CHECK(status == MIC_OK || (status == MIC_ERROR_UNSUPPORTED && !must), "%s: status %d, n %zu", c->name,
          status, n);
    CHECK(guarded_intact(&output_room), "%s: n %zu", c->name, n);
    if (status != MIC_OK)
        return;
    CHECK(n_bytes <= bound, "%s: %zu over %zu, n %zu", c->name, n_bytes, bound, n);
    uint8_t *bytes = exact_copy(out, n_bytes);
    check_decoding(c, bytes, n_bytes, words, n);
    check_capacities(c, words, n, n_bytes, n < 24 || n % 97 == 0 ? 1 : n_bytes);
    if (damage)
        check_damage(c, bytes, n_bytes, n);
    free(bytes);
}

static void check_pattern(const coder *c, pattern p, size_t n)
{
    uint16_t *words = guarded_end(&words_room, n * sizeof *words);
    fill_words(p, words, n);
    check_words(c, words, n, must_succeed(c, p, n), n == 100 || n == 33);
}

/* Many symbols: FSE tables of 2^12 to 2^16 states, escapes in Huffman. */
static void check_many_symbols(const coder *c, unsigned least, unsigned n_symbols, size_t n)
{
    uint16_t *words = guarded_end(&words_room, n * sizeof *words);
    for (size_t i = 0; i < n; i++)
        words[i] = (uint16_t)(least + (random_u32() % n_symbols + random_u32() % n_symbols) / 2);
    check_words(c, words, n, true, false);
}

/* Words far apart, for which gap removal is made. */
static void check_gaps(const coder *c, unsigned step)
{
    enum { N = 600 };
    uint16_t *words = guarded_end(&words_room, N * sizeof *words);
    for (size_t i = 0; i < N; i++)
        words[i] = (uint16_t)((skewed_word() - 70) * step);
    check_words(c, words, N, c->n_states == 0, c->encode == mic_gap_encode);
}

/* Tables of used values that are empty or not ascending. */
static void test_gap_tables(void)
{
    static const struct {
        uint8_t bytes[8];
        size_t n;
    } tables[] = {
        {{3, 2, 0, 255, 255, 0}, 6},         /* 65535, then 65536 */
        {{3, 2, 0, 9, 0, 255, 255, 255}, 8}, /* 9, then 65545 */
        {{1, 2, 0, 7, 0, 7, 0}, 7},          /* 7 7 */
        {{1, 0, 0}, 3},
        {{2, 0, 0, 0}, 4},
        {{4, 1, 0}, 3},
    };
    static const uint16_t words[10] = {0, 0, 1, 0, 0, 0, 1, 0, 0, 0};
    uint16_t decoded[10];
    uint8_t in[64];
    size_t n_bytes, n_words;
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        memcpy(in, tables[i].bytes, tables[i].n);
        CHECK(mic_fse_encode(words, 10, 1, in + tables[i].n, sizeof in - tables[i].n, &n_bytes, NULL) ==
                  MIC_OK,
              "fse");
        mic_status status = mic_gap_decode(in, tables[i].n + n_bytes, decoded, 10, &n_words, NULL);
        CHECK(status == MIC_ERROR_CORRUPT, "gap table %zu: %d", i, status);
    }
}

static void test_coders(void)
{
    static const size_t larger[] = {1000, 4097, 70001};
    for (size_t c = 0; c < COUNT_OF(coders); c++) {
        for (size_t n = 0; n <= MOST; n++)
            for (pattern p = n == 100 ? 0 : n % 2; p < N_PATTERNS; p += n == 100 ? 1 : 2)
                check_pattern(&coders[c], p, n);
        for (size_t i = 0; i < COUNT_OF(larger); i++)
            for (pattern p = 0; p < N_PATTERNS; p++)
                check_pattern(&coders[c], p, larger[i]);
        check_many_symbols(&coders[c], 0, 200, 9000);
        check_many_symbols(&coders[c], 0, 400, 40000);
        check_many_symbols(&coders[c], 0, 900, 40000);
        check_many_symbols(&coders[c], 0, 4096, LARGEST);
        check_many_symbols(&coders[c], 0, 16384, LARGEST);
        check_many_symbols(&coders[c], 20000, 8192, LARGEST);
        check_gaps(&coders[c], 60);
        check_gaps(&coders[c], 600);
    }
    size_t n_bytes;
    uint8_t out[64];
    const uint16_t words[9] = {0};
    for (int n_states = -1; n_states <= 9; n_states++)
        if (n_states != 1 && n_states != 2 && n_states != 4 && n_states != 8)
            CHECK(mic_fse_encode(words, 9, n_states, out, sizeof out, &n_bytes, NULL) == MIC_ERROR_ARGUMENT,
                  "%d states", n_states);
}

/* ---- prediction --------------------------------------------------------- */

static mic_status undo_delta(mic_predictor predictor, const uint16_t *words, size_t n_words, size_t width,
                             size_t height, uint16_t *pixels)
{
    const uint16_t *in = guarded_copy(&bytes_room, words, n_words * sizeof *words);
    uint16_t *out = guarded_end(&output_room, width * height * sizeof *out);
    mic_status status = mic_delta_decode(predictor, in, n_words, width, height, out, NULL);
    CHECK(guarded_intact(&output_room), "predictor %d, %zu x %zu", predictor, width, height);
    memcpy(pixels, out, width * height * sizeof *out);
    return status;
}

static void check_delta(mic_predictor predictor, pattern p, size_t width, size_t height, unsigned max_value)
{
    const size_t n = width * height, bound = mic_delta_bound(n);
    uint16_t *pixels = guarded_end(&words_room, n * sizeof *pixels);
    uint16_t *decoded = need(malloc((n + 1) * sizeof *decoded)), *words;
    fill_words(p, pixels, n);
    uint16_t *out = guarded_end(&output_room, bound * sizeof *out);
    size_t n_words = 0;
    mic_status status = mic_delta_encode(predictor, pixels, width, height, max_value, out, &n_words, NULL);
    CHECK(status == MIC_OK && n_words <= bound && guarded_intact(&output_room),
          "status %d, %zu words of %zu: predictor %d pattern %d %zu x %zu", status, n_words, bound, predictor,
          p, width, height);
    words = need(malloc((n_words + 1) * sizeof *words));
    memcpy(words, out, n_words * sizeof *words);
    words[n_words] = 1;
    status = undo_delta(predictor, words, n_words, width, height, decoded);
    CHECK(status == MIC_OK && same(decoded, pixels, n * sizeof *pixels),
          "status %d: predictor %d pattern %d %zu x %zu max %u", status, predictor, p, width, height,
          max_value);
    status = undo_delta(predictor, words, n_words + 1, width, height, decoded);
    CHECK(status == MIC_ERROR_CORRUPT, "one word more: %d", status);
    for (size_t less = 0; less < n_words; less += 1 + n_words / 8) {
        status = undo_delta(predictor, words, less, width, height, decoded);
        CHECK(status == MIC_ERROR_TRUNCATED, "%zu words of %zu: %d", less, n_words, status);
    }
    free(words);
    free(decoded);
}

static void test_delta(void)
{
    static const unsigned maxima[] = {1, 2, 3, 7, 8, 255, 256, 4095, 32767, 32768, 65535};
    uint16_t words[3];
    size_t n_words;
    for (mic_predictor predictor = MIC_PREDICT_AVERAGE; predictor <= MIC_PREDICT_MEDIAN; predictor++) {
        for (size_t width = 1; width <= 20; width++)
            for (size_t height = 1; height <= 15; height++)
                for (pattern p = 0; p < N_PATTERNS; p++)
                    check_delta(predictor, p, width, height, maxima[(width + height + p) % COUNT_OF(maxima)]);
        for (size_t n = 1; n <= MOST; n++)
            check_delta(predictor, (pattern)(n % N_PATTERNS), n % 2 ? n : 1, n % 2 ? 1 + n % 9 : n, 65535);
        CHECK(mic_delta_encode(predictor, words, 1, 1, 0, words, &n_words, NULL) == MIC_ERROR_UNSUPPORTED,
              "max 0");
        CHECK(mic_delta_encode(predictor, words, 1, 1, 65536, words, &n_words, NULL) == MIC_ERROR_UNSUPPORTED,
              "max 65536");
    }
}

/* ---- run lengths -------------------------------------------------------- */

static void check_rle_damaged(const uint16_t *in, size_t n_in, bool with_length, size_t capacity)
{
    const uint16_t *copy = guarded_copy(&bytes_room, in, n_in * sizeof *in);
    uint16_t *out = guarded_end(&output_room, capacity * sizeof *out);
    size_t n_words = 0;
    mic_status status = mic_rle_decode(copy, n_in, with_length, out, capacity, &n_words, NULL);
    CHECK(status != MIC_OK || n_words <= capacity, "%zu words of %zu", n_words, capacity);
    CHECK(guarded_intact(&output_room), "n_in %zu capacity %zu", n_in, capacity);
    mic_rle_count(copy, n_in, with_length, &n_words, NULL);
}

static void check_rle_smaller(const uint16_t *blocks, size_t n_blocks, bool with_length, size_t n)
{
    size_t n_words;
    for (size_t less = 1; less <= n && less < 40; less += 3) {
        uint16_t *out = guarded_end(&output_room, (n - less) * sizeof *out);
        mic_status status = mic_rle_decode(blocks, n_blocks, with_length, out, n - less, &n_words, NULL);
        CHECK(status != MIC_OK, "n %zu less %zu", n, less);
        CHECK(guarded_intact(&output_room), "n %zu less %zu", n, less);
    }
}

static void check_rle(pattern p, size_t n, unsigned initial, bool with_length)
{
    const size_t bound = mic_rle_bound(n);
    uint16_t *words = guarded_end(&words_room, n * sizeof *words);
    fill_words(p, words, n);
    uint16_t *out = guarded_end(&output_room, bound * sizeof *out);
    size_t n_out = 0, n_words = 0;
    mic_status status = mic_rle_encode(words, n, initial, with_length, out, &n_out, NULL);
    CHECK(status == MIC_OK || (status == MIC_ERROR_UNSUPPORTED && initial < 8),
          "status %d: n %zu pattern %d initial %u", status, n, p, initial);
    CHECK(guarded_intact(&output_room), "n %zu pattern %d initial %u", n, p, initial);
    if (status != MIC_OK)
        return;
    CHECK(n_out <= bound, "%zu over %zu: n %zu pattern %d initial %u", n_out, bound, n, p, initial);
    uint16_t *blocks = guarded_copy(&bytes_room, out, n_out * sizeof *out);
    status = mic_rle_count(blocks, n_out, with_length, &n_words, NULL);
    CHECK(status == MIC_OK && n_words == n, "status %d, %zu words of %zu", status, n_words, n);
    out = guarded_end(&output_room, n * sizeof *out);
    status = mic_rle_decode(blocks, n_out, with_length, out, n, &n_words, NULL);
    CHECK(status == MIC_OK && n_words == n && same(out, words, n * sizeof *out),
          "status %d, %zu words of %zu: pattern %d initial %u", status, n_words, n, p, initial);
    CHECK(guarded_intact(&output_room), "n %zu pattern %d initial %u", n, p, initial);
    check_rle_smaller(blocks, n_out, with_length, n);
    uint16_t *copy = exact_copy(blocks, n_out * sizeof *copy);
    for (size_t less = 0; less < n_out; less += 1 + n_out / 16)
        check_rle_damaged(copy, less, with_length, n);
    for (int trial = 0; trial < 8; trial++) {
        copy[random_u32() % n_out] = (uint16_t)random_u32();
        check_rle_damaged(copy, n_out, with_length, n);
    }
    free(copy);
}

static void test_rle(void)
{
    static const unsigned initials[] = {8, 9, 15, 16, 100, 255, 4095, 32767, 32768, 65535, 1, 2, 3, 4, 7};
    static const size_t larger[] = {1000, 32768, 70001};
    uint16_t none[20];
    size_t n;
    for (size_t i = 0; i < COUNT_OF(initials); i++) {
        for (size_t size = 0; size <= MOST; size++)
            for (pattern p = size % 2; p < N_PATTERNS; p += 2)
                check_rle(p, size, initials[i], (size + p) % 3 == 0);
        for (size_t k = 0; k < COUNT_OF(larger); k++)
            for (pattern p = 0; p < N_PATTERNS; p++)
                check_rle(p, larger[k], initials[i], p % 2);
    }
    CHECK(mic_rle_encode(none, 0, 0, 0, none, &n, NULL) == MIC_ERROR_UNSUPPORTED, "initial 0");
    CHECK(mic_rle_encode(none, 0, 65536, 0, none, &n, NULL) == MIC_ERROR_UNSUPPORTED, "initial 65536");
}

/* ---- published streams -------------------------------------------------- */

static void check_stream_damage(mic_stream_kind kind, const uint8_t *bytes, size_t n_bytes, size_t width,
                                size_t height)
{
    uint8_t *copy = exact_copy(bytes, n_bytes);
    for (size_t i = 0; i < 9 * n_bytes; i++) {
        const size_t n = i < 8 * n_bytes ? n_bytes : i - 8 * n_bytes;
        const uint8_t flip = i < 8 * n_bytes ? (uint8_t)(1u << i % 8) : 0;
        copy[i / 8 % n_bytes] ^= flip;
        const uint8_t *in = guarded_copy(&bytes_room, copy, n);
        uint16_t *out = guarded_end(&output_room, width * height * sizeof *out);
        mic_error error = {.status = MIC_OK};
        mic_status status = mic_stream_decode(kind, in, n, width, height, out, &error);
        CHECK(status == MIC_OK || (status == error.status && error.message[0]), "kind %d case %zu", kind, i);
        CHECK(guarded_intact(&output_room), "kind %d case %zu", kind, i);
        copy[i / 8 % n_bytes] ^= flip;
    }
    free(copy);
}

static void check_stream(mic_stream_kind kind, int n_states, pattern p, size_t width, size_t height,
                         bool damage)
{
    const size_t n = width * height, bound = mic_stream_bound(n);
    const unsigned max_value = p == SKEWED ? 255 : 4095;
    uint16_t *pixels = guarded_end(&words_room, n * sizeof *pixels);
    fill_words(p, pixels, n);
    for (size_t i = 0; i < n; i++)
        pixels[i] &= (uint16_t)max_value;
    uint8_t *out = guarded_end(&output_room, bound);
    size_t n_bytes = 0;
    mic_status status = mic_stream_encode(kind, pixels, width, height, max_value, n_states, out, bound,
                                          &n_bytes, NULL);
    CHECK(status == MIC_OK || status == MIC_ERROR_UNSUPPORTED, "status %d: kind %d %zu x %zu pattern %d",
          status, kind, width, height, p);
    CHECK(guarded_intact(&output_room), "kind %d %zu x %zu pattern %d", kind, width, height, p);
    CHECK(status == MIC_OK || p != SKEWED || n < 150, "kind %d refuses %zu x %zu", kind, width, height);
    if (status != MIC_OK)
        return;
    CHECK(n_bytes <= bound, "%zu over %zu", n_bytes, bound);
    uint8_t *bytes = exact_copy(out, n_bytes);
    const uint8_t *in = guarded_copy(&bytes_room, bytes, n_bytes);
    uint16_t *decoded = guarded_end(&output_room, n * sizeof *decoded);
    status = mic_stream_decode(kind, in, n_bytes, width, height, decoded, NULL);
    CHECK(status == MIC_OK && same(decoded, pixels, n * sizeof *pixels),
          "status %d: kind %d states %d %zu x %zu pattern %d", status, kind, n_states, width, height, p);
    CHECK(guarded_intact(&output_room), "kind %d %zu x %zu pattern %d", kind, width, height, p);
    out = guarded_end(&output_room, n_bytes - 1);
    status = mic_stream_encode(kind, pixels, width, height, max_value, n_states, out, n_bytes - 1, &n_bytes,
                               NULL);
    CHECK(status == MIC_ERROR_CAPACITY && guarded_intact(&output_room), "status %d: kind %d %zu x %zu",
          status, kind, width, height);
    if (damage)
        check_stream_damage(kind, bytes, n_bytes, width, height);
    free(bytes);
}

static void test_streams(void)
{
    for (mic_stream_kind kind = MIC_STREAM_FSE; kind <= MIC_STREAM_RANS; kind++)
        for (int n_states = kind == MIC_STREAM_FSE ? 1 : 8; n_states <= 8; n_states *= 2) {
            for (size_t n = 1; n <= MOST; n++)
                check_stream(kind, n_states, (pattern)(n % N_PATTERNS), 1 + n % 20, 1 + n / 20, false);
            check_stream(kind, n_states, SKEWED, 13, 12, true);
            check_stream(kind, n_states, RUNS, 40, 20, true);
        }
}

int main(void)
{
    const size_t most_bytes = 6 * LARGEST;
    words_room = guarded_new(most_bytes);
    bytes_room = guarded_new(most_bytes);
    output_room = guarded_new(most_bytes);
    test_delta();
    test_rle();
    test_coders();
    test_gap_tables();
    test_streams();
    guarded_free(&words_room);
    guarded_free(&bytes_room);
    guarded_free(&output_room);
    return report("test_stages");
}
