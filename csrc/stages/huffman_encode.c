/* SPDX-License-Identifier: MIT
 *
 * Canonical Huffman encoder: 16-bit words in, bytes out.
 *
 *   count -> keep the most frequent words whose tree is no deeper than 14
 *         -> add the escape, which stands for all others
 *         -> code lengths -> canonical codes -> list of words, then the codes
 *
 * Words without a code, and the escape itself, are written as the code of the escape
 * followed by the plain word.  The escape is all ones, as wide as the largest word; the
 * prediction stage often uses that value too.
 *
 * Example: the six words 4 4 4 4 5 9.  The largest takes 4 bits, so the escape is 15.
 * Rarest first: 15 (never), 5, 9, 4; lengths 3 3 2 1; codes 110 111 10 0.  The bits after
 * the list are 0 0 0 0 111 10, then 3 + 4 zeros.
 *
 * The published encoder uses an unstable sort, so its order among words of equal frequency
 * is accidental.  Here the larger word counts as the more frequent one: that changes bits,
 * but no length, and every decoder reads it.
 * Format: docs/format.md, "Huffman".  Decoder: huffman_decode.c.
 */
#include "../base/bitstream.h"
#include "huffman.h"
#include "../base/kernels.h"

#include <stdlib.h>

#define STAGE "huffman"

/* The bits to write for a word: its code, or the escape's code and the word itself. */
typedef struct word_bits {
    uint32_t bits;
    uint32_t length;
} word_bits;

/* Listed words are keys, count << 16 | word, in ascending order: rarest first. */
typedef struct encoder {
    uint16_t maximum; /* largest word */
    uint16_t escape;
    unsigned depth; /* bits of the largest word */
    size_t n_listed;
    unsigned longest; /* longest code length */
    uint32_t *counts; /* per word, 65536 of them */
    uint64_t *listed;
    uint64_t *spare; /* scratch of the same size, for sorting */
    uint32_t *tree;
    uint8_t *lengths; /* code lengths of the listed words */
    word_bits *codes; /* per word up to the largest */
    void *block;      /* the memory of the five above */
} encoder;

static uint32_t count_of(uint64_t key) { return (uint32_t)(key >> 16); }
static uint16_t word_of(uint64_t key) { return (uint16_t)key; }

/* ---- which words, which lengths ------------------------------------------ */

/* Sort by count, one byte of the count at a time from the lowest.  Words of equal count
 * keep their order, which is ascending. */
static void sort_by_count(uint64_t *keys, uint64_t *spare, size_t n, uint32_t largest_count)
{
    uint64_t *from = keys, *to = spare;
    for (unsigned shift = 16; shift < 16 + bit_depth(largest_count); shift += 8) {
        size_t start[257] = {0};
        for (size_t i = 0; i < n; i++)
            start[(from[i] >> shift & 255) + 1]++;
        for (unsigned digit = 0; digit < 256; digit++)
            start[digit + 1] += start[digit];
        for (size_t i = 0; i < n; i++)
            to[start[from[i] >> shift & 255]++] = from[i];
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != keys)
        memcpy(keys, from, n * sizeof *keys);
}

/* Build the minimum-redundancy tree of n >= 2 keys.  Nodes are created lightest first, so
 * leaves and nodes are two queues, and a merge takes the lighter head twice.  If both heads
 * are equal, it takes the leaf: the published lengths demand it, and it keeps the tree as
 * low as possible.  A node holds its weight until it is merged, then the number of its
 * parent, and in the end its depth.  Returns the depth of the deepest leaf.  That leaf
 * hangs from node 0: parents of later nodes are never earlier, so depths do not grow along
 * the nodes. */
static unsigned build_tree(const uint64_t *keys, size_t n, uint32_t *tree)
{
    const size_t n_nodes = n - 1;
    size_t leaf = 0, node = 0;
    for (size_t parent = 0; parent < n_nodes; parent++) {
        uint32_t weight = 0;
        for (int child = 0; child < 2; child++) {
            if (leaf < n && (node == parent || count_of(keys[leaf]) <= tree[node])) {
                weight += count_of(keys[leaf++]);
            } else {
                weight += tree[node];
                tree[node++] = (uint32_t)parent;
            }
        }
        tree[parent] = weight;
    }
    tree[n_nodes - 1] = 0;
    for (size_t i = n_nodes - 1; i-- > 0;)
        tree[i] = tree[tree[i]] + 1;
    return tree[0] + 1;
}

static unsigned longest_code(const uint64_t *keys, size_t n, uint32_t *tree)
{
    return n < 2 ? 0 : build_tree(keys, n, tree);
}

/* Count the most frequent words whose tree is no deeper than the cut.  This follows the
 * published search probe by probe, because the number must be the same and it is not
 * certain that the depth grows with every word. */
static size_t count_to_keep(const uint64_t *keys, size_t n, uint32_t *tree)
{
    size_t low = 0, high = n;
    while (low < high) {
        const size_t middle = (low + high + 1) / 2;
        if (longest_code(keys + n - middle, middle, tree) <= HUFFMAN_CUT)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* Go level by level from the root.  Of the places on a level, nodes take what they need;
 * leaves, most frequent first, take the rest. */
static unsigned code_lengths(const uint64_t *keys, size_t n, uint32_t *tree, uint8_t *lengths)
{
    if (n < 2) {
        lengths[0] = 0;
        return 0;
    }
    const unsigned longest = build_tree(keys, n, tree);
    size_t node = n - 1, leaf = n, places = 1;
    for (unsigned depth = 0; depth <= longest; depth++) {
        size_t n_nodes = 0;
        for (; node > 0 && tree[node - 1] == depth; node--)
            n_nodes++;
        for (size_t i = n_nodes; i < places; i++)
            lengths[--leaf] = (uint8_t)depth;
        places = 2 * n_nodes;
    }
    return longest;
}

/* ---- the list ------------------------------------------------------------- */

static mic_status no_memory(mic_error *error)
{
    return mic_fail(error, MIC_ERROR_MEMORY, STAGE, -1, "no memory for the Huffman tables");
}

/* Allocate memory for at most n_words words, the escape among them. */
static mic_status encoder_allocate(encoder *e, size_t n_listed, mic_error *error)
{
    const size_t n_codes = (size_t)e->maximum + 1;
    e->block = malloc(n_listed * (2 * sizeof *e->listed + sizeof *e->tree + sizeof *e->lengths) +
                      n_codes * sizeof *e->codes);
    if (!e->block)
        return no_memory(error);
    e->listed = e->block;
    e->spare = e->listed + n_listed;
    e->codes = (word_bits *)(e->spare + n_listed);
    e->tree = (uint32_t *)(e->codes + n_codes);
    e->lengths = (uint8_t *)(e->tree + n_listed);
    return MIC_OK;
}

static uint32_t list_present(encoder *e)
{
    uint32_t largest_count = 0;
    e->n_listed = 0;
    for (uint32_t word = 0; word <= e->maximum; word++) {
        const uint32_t count = e->counts[word];
        if (count == 0 || word == e->escape)
            continue;
        e->listed[e->n_listed++] = (uint64_t)count << 16 | word;
        largest_count = count > largest_count ? count : largest_count;
    }
    return largest_count;
}

/* Drop all but the last n keys and insert the escape, which stands for the dropped words
 * and for itself. */
static void cut_list(encoder *e, size_t n, size_t n_words)
{
    uint64_t escaped = n_words;
    e->listed += e->n_listed - n;
    for (size_t i = 0; i < n; i++)
        escaped -= count_of(e->listed[i]);
    const uint64_t key = escaped << 16 | e->escape;
    size_t i = n;
    for (; i > 0 && e->listed[i - 1] > key; i--)
        e->listed[i] = e->listed[i - 1];
    e->listed[i] = key;
    e->n_listed = n + 1;
}

static mic_status make_list(encoder *e, size_t n_words, mic_error *error)
{
    size_t n_present = 0;
    for (uint32_t word = 0; word <= e->maximum; word++)
        n_present += e->counts[word] != 0;
    TRY(encoder_allocate(e, n_present + 1, error));
    const uint32_t largest_count = list_present(e);
    sort_by_count(e->listed, e->spare, e->n_listed, largest_count);
    cut_list(e, count_to_keep(e->listed, e->n_listed, e->tree), n_words);
    e->longest = code_lengths(e->listed, e->n_listed, e->tree, e->lengths);
    if (e->longest + e->depth > HUFFMAN_MAX_BITS)
        return mic_fail(error, MIC_ERROR_UNSUPPORTED, STAGE, -1,
                        "the longest Huffman code takes %u bits and a word %u, the format allows %d "
                        "together; store the words raw or use another coder",
                        e->longest, e->depth, HUFFMAN_MAX_BITS);
    return MIC_OK;
}

/* ---- codes ---------------------------------------------------------------- */

/* Codes of one length ascend in list order.  The shortest length starts at 0, each longer
 * one after the last code of the length before. */
static void assign_codes(encoder *e)
{
    uint32_t next[HUFFMAN_MAX_BITS + 2] = {0};
    word_bits escape = {0, 0};

    for (size_t i = 0; i < e->n_listed; i++)
        next[e->lengths[i]]++;
    for (uint32_t length = 0, code = 0; length <= e->longest; length++) {
        const uint32_t n = next[length];
        next[length] = code;
        code = (code + n) << 1;
    }
    memset(e->codes, 0, ((size_t)e->maximum + 1) * sizeof *e->codes);
    for (size_t i = 0; i < e->n_listed; i++) {
        const word_bits code = {next[e->lengths[i]]++, e->lengths[i]};
        if (word_of(e->listed[i]) == e->escape)
            escape = code;
        else
            e->codes[word_of(e->listed[i])] = code;
    }
    /* Only the escape can be alone in the list, so the code of any other word has bits. */
    for (uint32_t word = 0; word <= e->maximum; word++)
        if (e->codes[word].length == 0)
            e->codes[word] = (word_bits){escape.bits << e->depth | word, escape.length + e->depth};
}

static uint64_t total_bits(const encoder *e)
{
    uint64_t n = HUFFMAN_HEAD_BITS + e->longest + e->depth;
    n += e->n_listed * (uint64_t)(e->depth + bit_depth(e->longest));
    for (size_t i = 0; i < e->n_listed; i++) {
        const bool escaped = word_of(e->listed[i]) == e->escape;
        n += (uint64_t)count_of(e->listed[i]) * (e->lengths[i] + (escaped ? e->depth : 0));
    }
    return n;
}

/* ---- bits ----------------------------------------------------------------- */

static void put(msb_writer *w, uint32_t value, unsigned n)
{
    if (n > 0)
        msb_put(w, value, n);
    msb_flush(w);
}

static void write_head(const encoder *e, size_t n_words, msb_writer *w)
{
    put(w, (uint32_t)n_words, 32);
    put(w, e->maximum, 16);
    put(w, e->longest, 8);
    put(w, (uint32_t)e->n_listed, 16);
    for (size_t i = 0; i < e->n_listed; i++)
        put(w, word_of(e->listed[i]), e->depth);
    for (size_t i = 0; i < e->n_listed; i++)
        put(w, e->lengths[i], bit_depth(e->longest));
}

/* Write two words per flush where 2 x 28 bits are enough: 1.35 times as fast as one on Zen
 * 5. */
MIC_INLINE void write_words(const word_bits *codes, const uint16_t *words, size_t n_words,
                            const bool in_pairs, msb_writer *out)
{
    msb_writer w = *out;
    size_t i = 0;
    for (; in_pairs && i + 2 <= n_words; i += 2) {
        const word_bits first = codes[words[i]], second = codes[words[i + 1]];
        msb_put(&w, first.bits, first.length);
        msb_put(&w, second.bits, second.length);
        msb_flush(&w);
    }
    for (; i < n_words; i++) {
        const word_bits code = codes[words[i]];
        msb_put(&w, code.bits, code.length);
        msb_flush(&w);
    }
    *out = w;
}

static void write_all(const encoder *e, const uint16_t *words, size_t n_words, msb_writer *w)
{
    write_head(e, n_words, w);
    /* If all words are 0, they take no bits; otherwise each takes at least one. */
    if (e->depth > 0) {
        unsigned most = e->longest;
        for (size_t i = 0; i < e->n_listed; i++)
            if (word_of(e->listed[i]) == e->escape)
                most = e->lengths[i] + e->depth > most ? e->lengths[i] + e->depth : most;
        if (most <= 28)
            write_words(e->codes, words, n_words, true, w);
        else
            write_words(e->codes, words, n_words, false, w);
    }
    put(w, 0, e->longest + e->depth);
}

/* ---- the whole ------------------------------------------------------------ */

/* The cut leaves at most 2^14 words and the escape.  One bit for the escape and 1 + 14 for
 * the others would be a code, and the best code is no worse.  So words take at most 1 + 16
 * bits on average. */
size_t mic_huffman_bound(size_t n_words)
{
    const size_t n_listed = min_size(n_words, (size_t)1 << HUFFMAN_CUT) + 1;
    const size_t list_bits = n_listed * (16 + 5);
    return 2 * n_words + n_words / 8 + (HUFFMAN_HEAD_BITS + list_bits + HUFFMAN_MAX_BITS) / 8 + 2;
}

static mic_status encode(encoder *e, const uint16_t *words, size_t n_words, uint8_t *out, size_t capacity,
                         size_t *n_bytes, mic_error *error)
{
    e->maximum = mic_kernels_active()->histogram(words, n_words, e->counts);
    e->depth = bit_depth(e->maximum);
    e->escape = (uint16_t)((1u << e->depth) - 1);
    TRY(make_list(e, n_words, error));

    const uint64_t size = (total_bits(e) + 7) / 8;
    if (size > capacity)
        return mic_fail(error, MIC_ERROR_CAPACITY, STAGE, -1,
                        "the output buffer of %zu bytes is too small for %zu Huffman words, "
                        "expected %llu",
                        capacity, n_words, (unsigned long long)size);
    assign_codes(e);
    msb_writer w;
    msb_open(&w, out, (size_t)size);
    write_all(e, words, n_words, &w);
    *n_bytes = (size_t)(msb_close(&w) - out);
    return MIC_OK;
}

mic_status mic_huffman_encode(const uint16_t *words, size_t n_words, uint8_t *out, size_t capacity,
                              size_t *n_bytes, mic_error *error)
{
    if (n_words > UINT32_MAX)
        return mic_fail(error, MIC_ERROR_UNSUPPORTED, STAGE, -1,
                        "a Huffman stream cannot count %zu words in 32 bits; code them in parts", n_words);
    encoder e = {0};
    e.counts = calloc(65536, sizeof *e.counts);
    if (!e.counts)
        return no_memory(error);
    mic_status status = encode(&e, words, n_words, out, capacity, n_bytes, error);
    free(e.block);
    free(e.counts);
    return status;
}
