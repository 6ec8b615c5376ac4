/* SPDX-License-Identifier: MIT
 *
 * Every kernel of every instruction set that this machine has, compared with a plain
 * definition of what it computes, on all small sizes and some large ones.  Buffers lie
 * against inaccessible pages, so sizes run through all alignments, and a read or write
 * outside the range ends the process.
 */
#include "check.h"

#include "base/checksum.h"
#include "base/kernels.h"
#include "base/marker.h"

static const size_t larger_sizes[] = {255, 256, 257, 511, 513, 1000, 1023, 1025, 4093, 4099};
enum { SMALL = 200, MOST_WORDS = 270000 };

static guarded in_words, above_words, out_words;
static uint16_t *expected, *valid;

static size_t n_sizes(void) { return SMALL + 1 + COUNT_OF(larger_sizes); }
static size_t size_at(size_t i) { return i <= SMALL ? i : larger_sizes[i - SMALL - 1]; }

/* Place words at the end or the start of their pages, sometimes off by a few words. */
static uint16_t *place(guarded *g, pattern p, size_t n, bool at_end)
{
    uint16_t *words = guarded_place(g, n * sizeof *words, at_end, at_end ? 0 : 2 * (random_u32() % 17));
    fill_words(p, words, n);
    return words;
}

typedef void input_test(const mic_kernels *k, pattern p, size_t n, bool at_end);

static void for_each_input(const mic_kernels *k, input_test *test)
{
    for (size_t i = 0; i < n_sizes(); i++)
        for (pattern p = 0; p < N_PATTERNS; p++) {
            test(k, p, size_at(i), true);
            test(k, p, size_at(i), false);
        }
}

/* ---- counting and searching --------------------------------------------- */

static void check_histogram(const mic_kernels *k, pattern p, size_t n, bool at_end)
{
    enum { VALUES = 65536, BEFORE = 7 };
    static uint32_t counts[VALUES + 2], wanted[VALUES + 2];
    const uint16_t *words = place(&in_words, p, n, at_end);
    uint16_t largest = 0;
    for (size_t i = 0; i < COUNT_OF(counts); i++)
        counts[i] = wanted[i] = BEFORE;
    for (size_t i = 0; i < n; i++) {
        wanted[1 + words[i]]++;
        largest = words[i] > largest ? words[i] : largest;
    }
    uint16_t found = k->histogram(words, n, counts + 1);
    CHECK(found == largest, "%u, %u expected: n %zu pattern %d", found, largest, n, p);
    CHECK(same(counts, wanted, sizeof counts), "n %zu pattern %d", n, p);
    CHECK(guarded_intact(&in_words), "n %zu pattern %d", n, p);
}

static void test_histogram(const mic_kernels *k)
{
    static const size_t around_split[] = {262143, 262144, 262145, 262147, 270000};
    for (size_t i = 0; i < n_sizes(); i++)
        check_histogram(k, (pattern)(i % N_PATTERNS), size_at(i), i / N_PATTERNS % 2);
    for (size_t i = 0; i < COUNT_OF(around_split); i++)
        for (pattern p = 0; p < N_PATTERNS; p++)
            check_histogram(k, p, around_split[i], true);
}

static uint32_t crc_by_bits(uint32_t crc, const uint8_t *data, size_t n)
{
    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
    }
    return ~crc;
}

static void check_crc32c(const mic_kernels *k, size_t n, size_t skip, bool at_end)
{
    uint8_t *data = guarded_place(&in_words, n, at_end, skip);
    for (size_t i = 0; i < n; i++)
        data[i] = (uint8_t)random_u32();
    uint32_t start = n % 3 ? random_u32() : 0;
    uint32_t crc = k->crc32c(start, data, n), wanted = crc_by_bits(start, data, n);
    CHECK(crc == wanted, "%08x, %08x expected: n %zu skip %zu", crc, wanted, n, skip);
    size_t cut = n ? random_u32() % n : 0;
    uint32_t joined = mic_crc32c_combine(k->crc32c(0, data, cut), k->crc32c(0, data + cut, n - cut), n - cut);
    CHECK(joined == crc_by_bits(0, data, n), "%08x: n %zu cut %zu", joined, n, cut);
}

static void test_crc32c(const mic_kernels *k)
{
    static const size_t around_split[] = {65535, 65536, 65537, 65543, 65560, 70001, 100003};
    CHECK(k->crc32c(0, "123456789", 9) == 0xE3069283u, "the check value of the standard");
    for (size_t i = 0; i < n_sizes(); i++) {
        check_crc32c(k, size_at(i), 0, true);
        check_crc32c(k, size_at(i), i % 9, false);
    }
    for (size_t i = 0; i < COUNT_OF(around_split); i++)
        check_crc32c(k, around_split[i], i, i % 2);
}

static void check_find(const mic_kernels *k, const uint16_t *words, size_t n, uint16_t value)
{
    size_t word = 0, triple = 0;
    uint16_t largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = words[i] > largest ? words[i] : largest;
    CHECK(k->largest(words, n) == largest, "%u expected: n %zu", largest, n);
    while (word < n && words[word] != value)
        word++;
    while (triple + 2 < n && (words[triple] != words[triple + 1] || words[triple] != words[triple + 2]))
        triple++;
    triple = triple + 2 < n ? triple : n;
    size_t found = k->find_word(words, n, value);
    CHECK(found == word, "%zu, %zu expected: n %zu value %u", found, word, n, value);
    found = k->find_triple(words, n);
    CHECK(found == triple, "%zu, %zu expected: n %zu", found, triple, n);
}

static void check_both_finds(const mic_kernels *k, pattern p, size_t n, bool at_end)
{
    uint16_t *words = place(&in_words, p, n, at_end);
    check_find(k, words, n, n ? words[random_u32() % n] : 0);
    check_find(k, words, n, 65535);
    /* A single match, anywhere: the scan must not stop early or jump past it. */
    for (size_t i = 0; i < n; i++)
        words[i] = (uint16_t)(i % 5);
    size_t at = n ? random_u32() % n : 0;
    for (size_t i = at; i < n && i < at + 3; i++)
        words[i] = 9;
    check_find(k, words, n, 9);
    CHECK(guarded_intact(&in_words), "n %zu", n);
}

/* ---- run lengths -------------------------------------------------------- */

/* The published encoder, word by word: words[start..i) are in its buffer. */
static size_t rle_by_words(const uint16_t *words, size_t n, size_t limit, uint16_t *out)
{
    size_t start = 0, o = 0;
    bool run = false;
#define EMIT(count)                                             \
    do {                                                        \
        out[o++] = (uint16_t)(run ? (count) : limit + (count)); \
        for (size_t j_ = 0; j_ < (run ? 1 : (count)); j_++)     \
            out[o++] = words[start + j_];                       \
        start += (count);                                       \
    } while (0)
    for (size_t i = 0; i < n; i++) {
        if (i - start < 2)
            continue;
        if (words[i - 2] == words[i] && words[i - 1] == words[i]) {
            if (!run && i - start > 2)
                EMIT(i - 2 - start);
            run = true;
        } else {
            if (run && i - start > 2)
                EMIT(i - start);
            run = false;
        }
        if (i - start >= limit - 1)
            EMIT(i - start - 2);
    }
    if (n > start)
        EMIT(n - start);
#undef EMIT
    return o;
}

static rle_outcome unrle_by_words(const uint16_t *in, size_t *n_in, size_t limit, uint16_t *out,
                                  size_t capacity, size_t *n_out)
{
    const size_t n = *n_in;
    size_t i = *n_in = 0, o = *n_out = 0;
    while (i < n) {
        size_t header = in[i++], length = header <= limit ? header : header - limit;
        if (header == 0)
            return RLE_ZERO_HEADER;
        if ((header <= limit ? 1 : length) > n - i)
            return RLE_SHORT_INPUT;
        if (length > capacity - o)
            return RLE_FULL;
        for (size_t j = 0; j < length; j++)
            out[o++] = header <= limit ? in[i] : in[i + j];
        i += header <= limit ? 1 : length;
        *n_in = i;
        *n_out = o;
    }
    return RLE_COMPLETE;
}

static const size_t run_limits[] = {7, 15, 31, 127, 2047, 32767};

static void check_rle_decode(const mic_kernels *k, const uint16_t *in, size_t n, size_t limit,
                             size_t capacity)
{
    size_t n_in = n, n_out = 0, wanted_in = n, wanted_out = 0;
    uint16_t *out = guarded_end(&out_words, capacity * sizeof *out);
    rle_outcome wanted = unrle_by_words(in, &wanted_in, limit, expected, capacity, &wanted_out);
    rle_outcome outcome = k->rle_decode(in, &n_in, limit, out, capacity, &n_out);
    CHECK(outcome == wanted && n_in == wanted_in && n_out == wanted_out,
          "outcome %d %d, read %zu %zu, written %zu %zu: n %zu limit %zu capacity %zu", outcome, wanted, n_in,
          wanted_in, n_out, wanted_out, n, limit, capacity);
    CHECK(same(out, expected, wanted_out * sizeof *out), "n %zu limit %zu capacity %zu", n, limit, capacity);
    CHECK(guarded_intact(&out_words), "n %zu limit %zu capacity %zu", n, limit, capacity);
}

static void check_rle(const mic_kernels *k, pattern p, size_t n, size_t limit)
{
    const uint16_t *words = place(&in_words, p, n, true);
    const size_t room = mic_rle_bound(n) - 3;
    uint16_t *out = guarded_end(&out_words, room * sizeof *out);
    size_t n_blocks = k->rle_encode(words, n, limit, out, room);
    size_t wanted = rle_by_words(words, n, limit, expected);
    CHECK(n_blocks == wanted && same(out, expected, wanted * sizeof *out),
          "%zu words, %zu expected: n %zu limit %zu pattern %d", n_blocks, wanted, n, limit, p);
    CHECK(n_blocks <= room && guarded_intact(&out_words), "n %zu limit %zu pattern %d", n, limit, p);
    /* Decode from blocks that end at the page, with exact, less and more room. */
    memcpy(valid, expected, wanted * sizeof *valid);
    const uint16_t *blocks = guarded_copy(&in_words, valid, wanted * sizeof *valid);
    check_rle_decode(k, blocks, wanted, limit, n);
    check_rle_decode(k, blocks, wanted, limit, n + 40);
    if (n > 0)
        check_rle_decode(k, blocks, wanted, limit, random_u32() % n);
    if (wanted > 0)
        check_rle_decode(k, blocks, random_u32() % wanted, limit, n);
}

static void test_rle(const mic_kernels *k)
{
    static const size_t past_limit[] = {32763, 32767, 32768, 65528, 70001, 100003};
    for (size_t i = 0; i < n_sizes(); i++)
        for (pattern p = 0; p < N_PATTERNS; p++)
            check_rle(k, p, size_at(i), run_limits[(i + p) % COUNT_OF(run_limits)]);
    for (size_t n = 0; n <= 40; n++) /* around the cuts of the smallest limit */
        for (pattern p = 0; p < N_PATTERNS; p++)
            check_rle(k, p, n, 7);
    for (size_t i = 0; i < COUNT_OF(past_limit); i++)
        for (pattern p = 0; p < N_PATTERNS; p++)
            check_rle(k, p, past_limit[i], 32767);
}

/* Take any words as blocks: whatever they say, nothing outside is touched. */
static void check_rle_hostile(const mic_kernels *k, pattern p, size_t n, bool at_end)
{
    uint16_t *in = place(&in_words, p, n, at_end);
    size_t limit = run_limits[random_u32() % COUNT_OF(run_limits)];
    for (size_t i = 0; i < n; i++)
        if (random_u32() % 4 == 0)
            in[i] = (uint16_t)(random_u32() % 3 * limit + random_u32() % 40);
    check_rle_decode(k, in, n, limit, random_u32() % 300);
    check_rle_decode(k, in, n, limit, 4 * n);
}

/* ---- prediction --------------------------------------------------------- */

static bool forward_by_pixels(const uint16_t *row, const uint16_t *above, size_t n, int threshold,
                              uint16_t *words)
{
    bool escape = false;
    for (size_t x = 1; x < n; x++) {
        int residual = row[x] - ((row[x - 1] + above[x]) >> 1);
        escape |= residual >= threshold || -residual >= threshold;
        words[x] = (uint16_t)(residual + threshold);
    }
    return escape;
}

static void check_forward(const mic_kernels *k, const uint16_t *row, const uint16_t *above, size_t n,
                          unsigned threshold, bool at_end)
{
    uint16_t *words = guarded_place(&out_words, n * sizeof *words, at_end, 0);
    words[0] = expected[0] = 0x1234; /* the kernel must not write this word */
    bool escape = k->delta_forward_row(row, above, n, (uint16_t)threshold, words);
    bool wanted = forward_by_pixels(row, above, n, (int)threshold, expected);
    CHECK(escape == wanted, "escape %d: n %zu threshold %u", escape, n, threshold);
    CHECK(same(words, expected, n * sizeof *words), "n %zu threshold %u", n, threshold);
    CHECK(guarded_intact(&out_words), "n %zu threshold %u", n, threshold);
}

static void check_delta_forward(const mic_kernels *k, pattern p, size_t n, bool at_end)
{
    if (n == 0)
        return;
    uint16_t *row = place(&in_words, p, n, at_end);
    uint16_t *above = place(&above_words, (pattern)((p + n) % N_PATTERNS), n, at_end);
    for (unsigned depth = 1; depth <= 16; depth++)
        check_forward(k, row, above, n, (1u << (depth - 1)) - 1, at_end);
    /* Smooth rows in which a single pixel reaches the threshold or just fails to, upwards
     * and downwards, in every lane. */
    for (size_t x = 0; x < n; x++)
        row[x] = above[x] = 30000;
    size_t at = random_u32() % n;
    for (int step = -129; step <= 129; step += step == -126 ? 252 : 1) {
        row[at] = (uint16_t)(30000 + step);
        check_forward(k, row, above, n, 127, at_end);
    }
}

static void inverse_by_pixels(const uint16_t *words, const uint16_t *above, size_t width, unsigned threshold,
                              uint16_t *rows)
{
    for (size_t y = 0; y < 4; y++, words += width, above = rows, rows += width)
        for (size_t x = 0; x < width; x++) {
            unsigned prediction = x ? (rows[x - 1] + above[x]) >> 1 : above[0];
            rows[x] = (uint16_t)(prediction + words[x] - threshold);
        }
}

static void check_delta_inverse(const mic_kernels *k, pattern p, size_t width, bool at_end)
{
    if (width == 0)
        return;
    const size_t n = 4 * width;
    const unsigned threshold = (1u << random_u32() % 16) - 1;
    const uint16_t *words = place(&in_words, p, n, at_end);
    const uint16_t *above = place(&above_words, (pattern)((p + width) % N_PATTERNS), width, at_end);
    uint16_t *rows = guarded_place(&out_words, n * sizeof *rows, at_end, 0);
    inverse_by_pixels(words, above, width, threshold, expected);
    k->delta_inverse_rows(words, above, width, (uint16_t)threshold, rows);
    CHECK(same(rows, expected, n * sizeof *rows), "width %zu pattern %d threshold %u", width, p, threshold);
    CHECK(guarded_intact(&out_words), "width %zu pattern %d", width, p);
}

/* ---- values of words ---------------------------------------------------- */

static void check_add(const mic_kernels *k, pattern p, size_t n, bool at_end)
{
    const uint16_t addend = (uint16_t)random_u32();
    uint16_t *words = place(&in_words, p, n, at_end), largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = words[i] > largest ? words[i] : largest;
        expected[i] = (uint16_t)(words[i] + addend);
    }
    uint16_t found = k->add(words, n, addend);
    CHECK(found == largest, "%u, %u expected: n %zu pattern %d", found, largest, n, p);
    CHECK(same(words, expected, n * sizeof *words), "n %zu pattern %d addend %u", n, p, addend);
    CHECK(guarded_intact(&in_words), "n %zu pattern %d", n, p);
}

/* A table that ends where access ends, with a stretch [first, last] where it only adds.
 * Either all words are below its end, or one of them is not. */
static void check_look_up(const mic_kernels *k, pattern p, size_t n, bool at_end)
{
    static const uint32_t sizes[] = {1, 2, 3, 31, 255, 256, 4096, 65535, 65536};
    const uint32_t n_table = sizes[random_u32() % COUNT_OF(sizes)];
    uint16_t *table = guarded_end(&above_words, n_table * sizeof *table);
    for (uint32_t i = 0; i < n_table; i++)
        table[i] = (uint16_t)random_u32();
    const uint32_t first = random_u32() % n_table;
    uint32_t last = first + random_u32() % (n_table - first);
    for (uint32_t i = first; i <= last; i++)
        table[i] = (uint16_t)(table[first] + i - first);
    uint16_t *words = place(&in_words, p, n, at_end);
    for (size_t i = 0; i < n; i++) {
        words[i] = (uint16_t)(words[i] % n_table);
        expected[i] = table[words[i]];
    }
    const bool outside = n > 0 && n_table < 65536 && n % 3 == 0;
    if (outside)
        words[random_u32() % n] = (uint16_t)(n % 2 ? n_table : 65535);
    bool fits = k->look_up(words, n, table, n_table, (uint16_t)first, (uint16_t)last);
    CHECK(fits == !outside, "n %zu pattern %d table %u stretch %u..%u", n, p, n_table, first, last);
    CHECK(outside || same(words, expected, n * sizeof *words), "n %zu pattern %d table %u stretch %u..%u", n,
          p, n_table, first, last);
    CHECK(guarded_intact(&in_words) && guarded_intact(&above_words), "n %zu pattern %d", n, p);
}

/* Mark words in two calls; the second one uses what the first one learnt. */
static void check_mark(const mic_kernels *k, pattern p, size_t n, bool at_end)
{
    enum { VALUES = 65536 };
    static mic_seen seen[VALUES];
    static uint8_t wanted[VALUES];
    const uint16_t offset = (uint16_t)random_u32();
    const uint16_t *words = place(&in_words, p, n, at_end);
    const size_t split = n ? random_u32() % n : 0;
    if (n == 0)
        return;
    memset((uint8_t *)seen, 0, VALUES);
    memset(wanted, 0, VALUES);
    for (size_t i = 0; i < n; i++)
        wanted[(uint16_t)(words[i] + offset)] = 1;
    mic_marker marker = mic_marker_open(seen, (uint16_t)(words[0] + offset));
    k->mark(words, split, offset, &marker);
    k->mark(words + split, n - split, offset, &marker);
    CHECK(same((const uint8_t *)seen, wanted, VALUES), "n %zu split %zu pattern %d offset %u", n, split, p,
          offset);
    CHECK(guarded_intact(&in_words), "n %zu pattern %d", n, p);
}

/* Long enough for stretches to be found, joined and replaced. */
static void test_mark(const mic_kernels *k)
{
    for_each_input(k, check_mark);
    for (pattern p = 0; p < N_PATTERNS; p++)
        check_mark(k, p, 20000 + random_u32() % 50000, true);
}

/* ---- three channels of bytes -------------------------------------------- */

/* Three planes in one buffer, one after the other; samples are in another. */
static void check_interleave(const mic_kernels *k, pattern p, size_t n, bool at_end)
{
    const uint8_t bias = (uint8_t)random_u32();
    uint16_t *words = place(&in_words, p, 3 * n, at_end), *planes[] = {words, words + n, words + 2 * n};
    uint8_t *samples = guarded_place(&out_words, 3 * n, at_end, at_end ? 0 : random_u32() % 17);
    uint8_t *wanted = (uint8_t *)expected;
    for (size_t i = 0; i < 3 * n; i++)
        wanted[i] = (uint8_t)(planes[i % 3][i / 3] ^ bias);
    k->interleave(planes, n, bias, samples);
    CHECK(same(samples, wanted, 3 * n), "n %zu pattern %d bias %u", n, p, bias);
    CHECK(guarded_intact(&out_words), "n %zu pattern %d", n, p);
    uint16_t *back = guarded_place(&in_words, 3 * n * sizeof *back, at_end,
                                   at_end ? 0 : 2 * (random_u32() % 17));
    uint16_t *parted[] = {back, back + n, back + 2 * n};
    for (size_t i = 0; i < 3 * n; i++)
        expected[i / 3 + i % 3 * n] = samples[i] ^ bias;
    k->deinterleave(samples, n, bias, parted);
    CHECK(same(back, expected, 3 * n * sizeof *back), "n %zu pattern %d bias %u", n, p, bias);
    CHECK(guarded_intact(&in_words), "n %zu pattern %d", n, p);
}

/* ---- FSE ---------------------------------------------------------------- */

/* Through their coders: the same bytes as by the scalar loops, and the same words back. */
static void test_fse(const mic_kernels *k)
{
    enum { N = 3000 };
    uint16_t words[N], back[N];
    uint8_t bytes[3 * N], first[3 * N];
    for (unsigned trial = 0; trial < 64; trial++) {
        const int n_states = 1 << trial % 4;
        const unsigned bits = 2 + trial / 4;
        size_t n_bytes, n_first, n_back;
        for (size_t i = 0; i < N; i++)
            words[i] = (uint16_t)((random_u32() & random_u32() & ((1u << bits) - 1)) >> random_u32() % 3);
        mic_use_isa(MIC_ISA_SCALAR, NULL);
        const mic_status wanted = mic_fse_encode(words, N, n_states, first, sizeof first, &n_first, NULL);
        mic_use_isa(k->isa, NULL);
        const mic_status status = mic_fse_encode(words, N, n_states, bytes, sizeof bytes, &n_bytes, NULL);
        CHECK(status == wanted, "%d states, %u bits: status %d", n_states, bits, status);
        if (status != MIC_OK)
            continue;
        CHECK(n_bytes == n_first && same(bytes, first, n_bytes), "%d states, %u bits", n_states, bits);
        CHECK(mic_fse_decode(bytes, n_bytes, back, N, &n_back, NULL) == MIC_OK && n_back == N &&
                  same(back, words, sizeof words),
              "%d states, %u bits", n_states, bits);
    }
}

/* ---- all of them -------------------------------------------------------- */

/* The kernels of the wavefront codec are tested in test_wavefront. */
_Static_assert(sizeof(mic_kernels) == 24 * sizeof(void *), "a kernel was added: test it, here or there");

static void test_kernels(const mic_kernels *k)
{
    test_histogram(k);
    test_crc32c(k);
    for_each_input(k, check_both_finds);
    test_rle(k);
    for_each_input(k, check_rle_hostile);
    for_each_input(k, check_delta_forward);
    for_each_input(k, check_delta_inverse);
    for_each_input(k, check_add);
    for_each_input(k, check_look_up);
    test_mark(k);
    for_each_input(k, check_interleave);
    test_fse(k);
}

/* Behind the field `isa` there are pointers only: all of them are to be set. */
static bool is_full(const mic_kernels *k)
{
    static const unsigned char empty[sizeof k->largest];
    const unsigned char *bytes = (const unsigned char *)k;
    for (size_t at = offsetof(mic_kernels, histogram); at < sizeof *k; at += sizeof empty)
        if (memcmp(bytes + at, empty, sizeof empty) == 0)
            return false;
    return true;
}

int main(void)
{
    const size_t n_bytes = 2 * mic_rle_bound(MOST_WORDS);
    in_words = guarded_new(n_bytes);
    above_words = guarded_new(n_bytes);
    out_words = guarded_new(n_bytes);
    expected = need(malloc(n_bytes));
    valid = need(malloc(n_bytes));
    CHECK(mic_kernels_for(MIC_ISA_SCALAR) == &mic_kernels_scalar, "scalar is always there");
    CHECK((mic_best_isa() == MIC_ISA_SCALAR) == (*mic_scalar_reason() != '\0'),
          "the best is %s because \"%s\"", mic_isa_name(mic_best_isa()), mic_scalar_reason());
    for (mic_isa isa = MIC_ISA_SCALAR; isa <= MIC_ISA_NEON; isa++) {
        const mic_kernels *k = mic_kernels_for(isa);
        CHECK(!k || k->isa == isa, "the table of %s", mic_isa_name(isa));
        CHECK(!k || mic_isa_is_compiled(isa), "%s runs but is not compiled", mic_isa_name(isa));
        CHECK(!k || is_full(k), "the table of %s has an empty place", mic_isa_name(isa));
        CHECK((mic_use_isa(isa, NULL) == MIC_OK) == (k != NULL), "%s", mic_isa_name(isa));
        if (k) {
            CHECK(mic_active_isa() == isa, "%s", mic_isa_name(isa));
            test_kernels(k);
            printf("%-16s %9lu checks so far\n", mic_isa_name(isa), n_checks);
        }
    }
    free(expected);
    free(valid);
    guarded_free(&in_words);
    guarded_free(&above_words);
    guarded_free(&out_words);
    return report("test_kernels");
}
