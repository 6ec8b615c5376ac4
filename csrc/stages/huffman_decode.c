/* SPDX-License-Identifier: MIT
 *
 * Canonical Huffman decoder: bytes in, 16-bit words out.
 *
 * The first bits of the stream index a table that gives the word and the length of its
 * code.  Longer codes take a slower path, and so does the escape, which is followed by the
 * word itself.  Codes are canonical: padded to 64 bits, all codes of one length are less
 * than all of the next, so comparing with the last code of each length finds the code.
 *
 * Example: listed 15 5 9 4 with lengths 3 3 2 1 (15 is the escape).  Codes of 1 bit end at
 * 0, of 2 bits at 10, of 3 at 111.  The bits 0 111 10 ... are 4 5 9, and 110 0111 is an
 * escaped 7.
 *
 * Input may be hostile: no read leaves in[0..n_bytes), and no count is believed beyond the
 * data or the caller's capacity.  Whatever no encoder writes is refused: lengths that grow
 * along the list or do not make a complete code, words above the maximum, anything but
 * zeros at the end.
 * Format: docs/format.md, "Huffman".  Encoder: huffman_encode.c.
 */
#include "../base/bitstream.h"
#include "huffman.h"

#include <stdlib.h>

#define STAGE "huffman"

/* The table has 2^13 entries of 4 bytes, of which few are used often.  At 9 bits a word, 13
 * bits are 10 percent faster than 12 on Zen 5; 14 are 15 percent slower. */
enum { QUICK_BITS = 13 };

/* An entry of the table: word << 16 | length of its code, or SLOW | the length at which to
 * start the search. */
#define SLOW 0x80u

typedef struct head {
    size_t n_words;
    uint16_t maximum;
    uint16_t escape;
    unsigned depth;   /* bits of the largest word */
    unsigned longest; /* code length */
    size_t n_listed;
} head;

typedef struct decoder {
    head head;
    unsigned quick_bits; /* 1 to QUICK_BITS */
    /* Arrays per code length, from the shortest on.  A length that does not occur repeats
     * the last code of the length before, so the search never stops there. */
    unsigned shortest;
    uint64_t last[HUFFMAN_MAX_BITS];   /* last code, in the high bits, 1s below */
    uint32_t offset[HUFFMAN_MAX_BITS]; /* code + offset = place in the list */
    uint32_t quick[1 << QUICK_BITS];
    uint16_t listed[];
} decoder;

typedef struct reader {
    const decoder *decoder;
    const uint8_t *in;
    size_t n_bytes;
    uint64_t position; /* in bits */
    uint64_t end;      /* the codes end here at the latest: zeros must follow */
} reader;

/* ---- the head -------------------------------------------------------------- */

static mic_status truncated(mic_error *error, size_t n_bytes, uint64_t expected)
{
    return mic_fail(error, MIC_ERROR_TRUNCATED, STAGE, (int64_t)n_bytes,
                    "the Huffman data end after %zu bytes, expected at least %llu (truncated data?)", n_bytes,
                    (unsigned long long)expected);
}

/* Refuse a head that cannot be followed by a list or has too few bits after it. */
static mic_status check_head(const head *h, size_t n_bytes, mic_error *error)
{
    if (h->longest + h->depth > HUFFMAN_MAX_BITS)
        return mic_fail(error, MIC_ERROR_CORRUPT, STAGE, 4,
                        "the longest Huffman code takes %u bits and a word %u, expected at most %d "
                        "together (damaged data?)",
                        h->longest, h->depth, HUFFMAN_MAX_BITS);
    /* A code of some length has a shorter code or a twin on each level above.  So words of
     * no bits leave room only for the code of no bits, and no code has HUFFMAN_MAX_BITS
     * bits. */
    const size_t fewest = h->longest + 1;
    const size_t most = min_size((size_t)1 << h->depth, h->longest < 16 ? (size_t)1 << h->longest : 65535);
    if (h->n_listed < fewest || h->n_listed > most)
        return mic_fail(error, MIC_ERROR_CORRUPT, STAGE, 7,
                        "the Huffman data list %zu words, expected %zu to %zu where words have %u "
                        "bits and codes up to %u (damaged data?)",
                        h->n_listed, fewest, most, h->depth, h->longest);
    /* With two or more codes, each takes at least one bit.  A lone escape is followed by
     * its word, so words take no bits only if all are 0. */
    const uint64_t least = h->longest > 0 ? 1 : h->depth;
    const uint64_t bits = HUFFMAN_HEAD_BITS + h->n_listed * (uint64_t)(h->depth + bit_depth(h->longest)) +
                          h->n_words * least + h->longest + h->depth;
    return bits <= 8 * (uint64_t)n_bytes ? MIC_OK : truncated(error, n_bytes, (bits + 7) / 8);
}

static mic_status read_head(const uint8_t *in, size_t n_bytes, head *h, mic_error *error)
{
    *h = (head){0};
    if (n_bytes < HUFFMAN_HEAD_BITS / 8)
        return truncated(error, n_bytes, HUFFMAN_HEAD_BITS / 8);
    const uint64_t first = msb_load(in);
    h->n_words = (size_t)(first >> 32);
    h->maximum = (uint16_t)(first >> 16);
    h->depth = bit_depth(h->maximum);
    h->escape = (uint16_t)((1u << h->depth) - 1);
    h->longest = (unsigned)(first >> 8 & 255);
    h->n_listed = (size_t)(first & 255) << 8 | in[8];
    return MIC_OK;
}

/* ---- the list -------------------------------------------------------------- */

/* The next n <= 32 bits; check_head has made sure that they are there. */
static uint32_t take_bits(reader *r, unsigned n)
{
    const uint64_t window = msb_peek(r->in, r->n_bytes, r->position);
    r->position += n;
    return (uint32_t)(window >> 1 >> (63 - n));
}

static mic_status read_listed(reader *r, decoder *d, mic_error *error)
{
    const head *h = &d->head;
    bool has_escape = false;
    for (size_t i = 0; i < h->n_listed; i++) {
        d->listed[i] = (uint16_t)take_bits(r, h->depth);
        has_escape |= d->listed[i] == h->escape;
        if (d->listed[i] > h->maximum && d->listed[i] != h->escape)
            return mic_fail(error, MIC_ERROR_CORRUPT, STAGE, (int64_t)(r->position >> 3),
                            "the Huffman data list the word %u, expected at most %u (damaged data?)",
                            d->listed[i], h->maximum);
    }
    if (!has_escape)
        return mic_fail(error, MIC_ERROR_CORRUPT, STAGE, HUFFMAN_HEAD_BITS / 8,
                        "the escape %u is missing in the list of %zu Huffman words (damaged data?)",
                        h->escape, h->n_listed);
    return MIC_OK;
}

/* Count the codes of each length.  The lengths of a complete code fill the space of codes
 * exactly: the sum of 2^-length is 1. */
static mic_status read_lengths(reader *r, const head *h, uint32_t *counts, mic_error *error)
{
    const unsigned field = bit_depth(h->longest);
    unsigned before = h->longest;
    uint64_t space = 0;
    for (size_t i = 0; i < h->n_listed; i++) {
        const unsigned length = take_bits(r, field);
        if (length > before || (i == 0 && length < h->longest))
            return mic_fail(error, MIC_ERROR_CORRUPT, STAGE, (int64_t)(r->position >> 3),
                            "Huffman code %zu has the length %u after %u, expected lengths that fall "
                            "from %u (damaged data?)",
                            i, length, before, h->longest);
        before = length;
        counts[length]++;
        space += (uint64_t)1 << (h->longest - length);
    }
    if (space != (uint64_t)1 << h->longest)
        return mic_fail(error, MIC_ERROR_CORRUPT, STAGE, (int64_t)(r->position >> 3),
                        "the lengths of the %zu Huffman codes do not make a complete code "
                        "(damaged data?)",
                        h->n_listed);
    return MIC_OK;
}

/* ---- tables ----------------------------------------------------------------- */

/* Lengths fall along the list, so the codes of a length are adjacent there and the shortest
 * come last.  The code is complete, hence no sum overflows its length and the last of the
 * longest codes is all ones. */
static void set_ranges(decoder *d, const uint32_t *counts)
{
    uint32_t code = 0;
    size_t listed = d->head.n_listed;
    uint64_t last = UINT64_MAX;
    d->shortest = 0;
    while (counts[d->shortest] == 0)
        d->shortest++;
    d->last[0] = last; /* the code of a lone escape */
    d->offset[0] = 0;
    for (unsigned length = d->shortest; length > 0 && length <= d->head.longest; length++) {
        code <<= 1;
        listed -= counts[length];
        d->offset[length] = (uint32_t)listed - code;
        code += counts[length];
        if (counts[length] > 0)
            last = ((uint64_t)code << (64 - length)) - 1;
        d->last[length] = last;
    }
}

/* Codes in ascending order fill the table from its start.  Entries at its end are prefixes
 * of longer codes, or stand for the only code, which has no bits. */
static void fill_quick(decoder *d, const uint32_t *counts)
{
    const unsigned longest = d->head.longest;
    const unsigned longer = d->shortest > QUICK_BITS || longest == 0 ? d->shortest : QUICK_BITS + 1;
    size_t listed = d->head.n_listed, entry = 0;
    d->quick_bits = longest == 0 ? 1 : (unsigned)min_size(longest, QUICK_BITS);
    for (unsigned length = 1; length <= longest && length <= QUICK_BITS; length++) {
        const size_t n_entries = (size_t)1 << (d->quick_bits - length);
        listed -= counts[length];
        for (size_t i = 0; i < counts[length]; i++) {
            const uint16_t word = d->listed[listed + i];
            const uint32_t value = word == d->head.escape ? SLOW | length : (uint32_t)word << 16 | length;
            for (size_t stop = entry + n_entries; entry < stop; entry++)
                d->quick[entry] = value;
        }
    }
    for (; entry < (size_t)1 << d->quick_bits; entry++)
        d->quick[entry] = SLOW | longer;
}

static mic_status read_tables(reader *r, decoder *d, mic_error *error)
{
    uint32_t counts[HUFFMAN_MAX_BITS] = {0};
    r->position = HUFFMAN_HEAD_BITS;
    TRY(read_listed(r, d, error));
    TRY(read_lengths(r, &d->head, counts, error));
    set_ranges(d, counts);
    fill_quick(d, counts);
    return MIC_OK;
}

/* ---- words ------------------------------------------------------------------- */

/* Read one word of any kind from a window of 32 bits or more.  Adds the bits used to
 * *position; returns false if the word is above the maximum.  Lengths that occur end at
 * `longest`, whose last code is all ones: the search stops there. */
MIC_INLINE bool read_any(const decoder *d, uint64_t window, uint64_t *position, uint16_t *word)
{
    const uint32_t entry = d->quick[window >> (64 - d->quick_bits)];
    unsigned length = entry & 63;
    *word = (uint16_t)(entry >> 16);
    if (entry & SLOW) {
        while (window > d->last[length])
            length++;
        *word = d->listed[(uint32_t)(window >> 1 >> (63 - length)) + d->offset[length]];
    }
    *position += length;
    if (!(entry & SLOW) || *word != d->head.escape)
        return true;
    /* The depth is not 0, see read_words, and length + depth is at most 32. */
    *word = (uint16_t)(window << length >> (64 - d->head.depth));
    *position += d->head.depth;
    return *word <= d->head.maximum;
}

/* Read words while 128 bits remain, up to four quick ones per window.  At least 57 bits of
 * the window are left after the shift, and the words take at most 52.  Returns how many
 * were read. */
MIC_INLINE size_t read_fast(reader *r, uint16_t *words, size_t n)
{
    const decoder *d = r->decoder;
    const uint8_t *in = r->in;
    const uint32_t *quick = d->quick;
    const unsigned shift = 64 - d->quick_bits;
    const uint64_t end = r->end;
    uint64_t position = r->position;
    size_t i = 0;

#define WINDOW() (msb_load(in + (position >> 3)) << (position & 7))
#define WORD(k)                               \
    entry = quick[window >> shift];           \
    if (MIC_UNLIKELY(entry & SLOW)) {         \
        i += (k);                             \
        break;                                \
    }                                         \
    words[i + (k)] = (uint16_t)(entry >> 16); \
    window <<= entry & 63;                    \
    position += entry & 63

    while (n - i >= 4 && position + 128 <= end) {
        uint32_t entry;
        do {
            uint64_t window = WINDOW();
            WORD(0);
            WORD(1);
            WORD(2);
            WORD(3);
            i += 4;
        } while (n - i >= 4 && position + 128 <= end);
        if (entry & SLOW) {
            uint64_t next = position;
            if (!read_any(d, WINDOW(), &next, &words[i]))
                break; /* read_words finds the error again */
            position = next;
            i++;
        }
    }
#undef WORD
#undef WINDOW
    r->position = position;
    return i;
}

static mic_status read_words(reader *r, uint16_t *words, mic_error *error)
{
    const head *h = &r->decoder->head;
    if (h->maximum == 0 && h->n_words > 0)
        memset(words, 0, h->n_words * sizeof *words); /* they took no bits */
    if (h->maximum == 0)
        return MIC_OK;
    for (size_t i = read_fast(r, words, h->n_words); i < h->n_words; i++) {
        const uint64_t before = r->position;
        const bool fits = read_any(r->decoder, msb_peek(r->in, r->n_bytes, before), &r->position, &words[i]);
        if (r->position > r->end)
            return mic_fail(error, MIC_ERROR_TRUNCATED, STAGE, (int64_t)r->n_bytes,
                            "the bits of the Huffman data end at word %zu of %zu (truncated data?)", i,
                            h->n_words);
        if (!fits)
            return mic_fail(error, MIC_ERROR_CORRUPT, STAGE, (int64_t)(before >> 3),
                            "Huffman word %zu of %zu is %u, expected at most %u (damaged data?)", i,
                            h->n_words, words[i], h->maximum);
    }
    return MIC_OK;
}

/* The end is zeros: as many as the longest code and a word have bits, and up to a byte. */
static mic_status check_end(const reader *r, mic_error *error)
{
    const head *h = &r->decoder->head;
    const uint64_t stop = (r->position + h->longest + h->depth + 7) / 8;
    if (stop < r->n_bytes)
        return mic_fail(error, MIC_ERROR_CORRUPT, STAGE, (int64_t)stop,
                        "the Huffman data are %zu bytes, expected to end after %llu (damaged data?)",
                        r->n_bytes, (unsigned long long)stop);
    if (msb_peek(r->in, r->n_bytes, r->position) != 0)
        return mic_fail(error, MIC_ERROR_CORRUPT, STAGE, (int64_t)(r->position >> 3),
                        "bits are set behind the last of %zu Huffman words, expected zeros "
                        "(damaged data?)",
                        h->n_words);
    return MIC_OK;
}

/* ---- the whole ---------------------------------------------------------------- */

mic_status mic_huffman_count(const uint8_t *in, size_t n_bytes, size_t max_words, size_t *n_words,
                             mic_error *error)
{
    head h;
    TRY(read_head(in, n_bytes, &h, error));
    if (h.n_words > max_words)
        return mic_fail(error, MIC_ERROR_LIMIT, STAGE, 0, "the Huffman data hold %zu words, the limit is %zu",
                        h.n_words, max_words);
    *n_words = h.n_words;
    return check_head(&h, n_bytes, error);
}

mic_status mic_huffman_decode(const uint8_t *in, size_t n_bytes, uint16_t *words, size_t capacity,
                              size_t *n_words, mic_error *error)
{
    head h;
    TRY(read_head(in, n_bytes, &h, error));
    if (h.n_words > capacity)
        return mic_fail(error, MIC_ERROR_CAPACITY, STAGE, 0,
                        "the Huffman data hold %zu words, the output buffer has room for %zu", h.n_words,
                        capacity);
    TRY(check_head(&h, n_bytes, error));
    decoder *d = malloc(sizeof *d + h.n_listed * sizeof d->listed[0]);
    if (!d)
        return mic_fail(error, MIC_ERROR_MEMORY, STAGE, -1, "no memory for the Huffman tables");
    d->head = h;
    reader r = {d, in, n_bytes, 0, 8 * (uint64_t)n_bytes - h.longest - h.depth};
    mic_status status = read_tables(&r, d, error);
    if (status == MIC_OK)
        status = read_words(&r, words, error);
    if (status == MIC_OK)
        status = check_end(&r, error);
    free(d);
    *n_words = h.n_words;
    return status;
}
