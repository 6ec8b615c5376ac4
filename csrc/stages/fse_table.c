/* SPDX-License-Identifier: MIT
 *
 * FSE, the model: from symbol counts to normalised counts (norm), the header that carries
 * them, and the table of symbols per state.
 *
 * Example: for the words 4 4 7 4 4, counts[4] = 4 and counts[7] = 1 become, at table log 5,
 * norm[4] = 26 and norm[7] = 6.  The header is table log - 5 in 4 bits, then norm + 1 of
 * each symbol from 0 on, in as few bits as the remainder of the 32 states needs.  After a
 * norm of 0 comes the number of further zeros, three per pair of bits.  The table gives 26
 * of the 32 states to 4, scattered evenly.
 *
 * The published coder is imitated to the byte, so the rounding below follows it even where
 * another would be better.  Format: docs/format.md, "FSE".
 */
#include "fse.h"

#define STAGE "fse"

static uint32_t states_of(int32_t norm) { return norm < 0 ? 1u : (uint32_t)norm; }

static mic_status refuse(mic_error *error, const char *what, uint32_t value, const fse_model *model)
{
    return mic_fail(error, MIC_ERROR_UNSUPPORTED, STAGE, -1,
                    "the published coder cannot %s (%lu; table of %lu states); "
                    "use fewer distinct values or another coder",
                    what, (unsigned long)value, 1ul << model->table_log);
}

/* ---- table log ---------------------------------------------------------- */

unsigned mic_fse_choose_log(uint32_t n_words, uint32_t n_symbols)
{
    unsigned word_bits = highest_bit(n_words - 1);
    /* The published coder computes this in 8 bits: 254 or 255 for n <= 4. */
    unsigned max_log = (word_bits - 2) & 0xFF;
    unsigned min_log = word_bits + 1;
    if (min_log > highest_bit(n_symbols - 1) + 2)
        min_log = highest_bit(n_symbols - 1) + 2;

    unsigned log = 11;
    if (log > max_log)
        log = max_log;
    if (log < min_log)
        log = min_log;

    uint32_t density = n_words / n_symbols;
    if (n_symbols > 512 && density > 16 && log < 13)
        log = 13;
    else if (n_symbols > 256 && density > 64 && log < 12)
        log = 12;
    else if (n_symbols > 128 && density > 32 && log < 12)
        log = 12;

    /* This may undo min_log.  There are then more symbols than states, which
     * mic_fse_normalize refuses. */
    if (log > max_log)
        log = max_log;
    if (log < FSE_MIN_LOG)
        log = FSE_MIN_LOG;
    return log > FSE_MAX_LOG ? FSE_MAX_LOG : log;
}

/* ---- normalisation ------------------------------------------------------- */

/* Scale each count in proportion.  Small shares are rounded by a table, and the rounding
 * error goes to the most frequent symbol.  Returns false if that symbol cannot bear it. */
static bool normalize_simple(const uint32_t *counts, uint32_t n_words, fse_model *model)
{
    /* The remainder, in units of 2^-20, above which a share of 0..7 states is rounded up. */
    static const uint32_t round_above[8] = {0, 473195, 504333, 520860, 550000, 700000, 750000, 830000};
    const unsigned scale = 62 - model->table_log;
    const uint64_t step = ((uint64_t)1 << 62) / n_words;
    const uint32_t low = n_words >> model->table_log;
    int64_t left = (int64_t)1 << model->table_log;
    uint32_t largest = 0;
    uint64_t largest_share = 0;

    for (uint32_t s = 0; s < model->n_symbols; s++) {
        const uint32_t count = counts[s];
        if (count == 0) {
            model->norm[s] = 0;
        } else if (count <= low) {
            model->norm[s] = -1;
            left--;
        } else {
            /* count <= n_words, so the product is at most 2^62. */
            const uint64_t exact = count * step;
            uint64_t share = exact >> scale;
            if (share < 8 && exact - (share << scale) > (uint64_t)round_above[share] << (scale - 20))
                share++;
            if (share > largest_share) {
                largest_share = share;
                largest = s;
            }
            model->norm[s] = (int32_t)share;
            left -= (int64_t)share;
        }
    }
    /* If no count was above `low`, largest is still symbol 0, present or not: the published
     * coder does the same. */
    const int32_t half = model->norm[largest] < 0 ? -1 : model->norm[largest] / 2;
    if (-left >= half)
        return false;
    model->norm[largest] += (int32_t)left;
    return true;
}

/* Marks a symbol whose share the second method has yet to settle. */
#define OPEN (-2)

/* Give one state to each open symbol with a count up to `limit`. */
static void settle_rare(const uint32_t *counts, uint32_t limit, fse_model *model, uint32_t *total,
                        uint32_t *settled)
{
    for (uint32_t s = 0; s < model->n_symbols; s++) {
        if (model->norm[s] == OPEN && counts[s] <= limit) {
            model->norm[s] = 1;
            ++*settled;
            *total -= counts[s];
        }
    }
}

/* All symbols are settled: deal the remaining states out to the positive norms in turn. */
static mic_status deal_out(fse_model *model, uint32_t to_deal, mic_error *error)
{
    bool any = false;
    for (uint32_t s = 0; s < model->n_symbols; s++)
        any |= model->norm[s] > 0;
    if (!any && to_deal > 0) /* the published coder would never return */
        return refuse(error, "share out the states that rare symbols leave", to_deal, model);
    for (uint32_t s = 0; to_deal > 0; s = s + 1 == model->n_symbols ? 0 : s + 1) {
        if (model->norm[s] > 0) {
            model->norm[s]++;
            to_deal--;
        }
    }
    return MIC_OK;
}

/* Rare symbols get one state each; the others share the rest in proportion.  The 32-bit
 * wrap of 3 * n_words beyond 1.4e9 words imitates the published coder.  Its special case
 * `settled == n_symbols + 1` cannot occur. */
static mic_status normalize_rare(const uint32_t *counts, uint32_t n_words, fse_model *model, mic_error *error)
{
    const uint32_t n_states = (uint32_t)1 << model->table_log;
    const uint32_t low = n_words >> model->table_log;
    uint32_t limit = (n_words * 3u) >> (model->table_log + 1);
    uint32_t total = n_words, settled = 0;

    for (uint32_t s = 0; s < model->n_symbols; s++) {
        model->norm[s] = counts[s] ? OPEN : 0;
        if (counts[s] && counts[s] <= low) {
            model->norm[s] = -1;
            settled++;
            total -= counts[s];
        }
    }
    settle_rare(counts, limit, model, &total, &settled);

    /* settled <= distinct symbols <= n_states, so this does not wrap. */
    uint32_t to_share = n_states - settled;
    if (to_share == 0) /* the published coder divides by it */
        return refuse(error, "give all states to rare symbols", settled, model);
    if (total / to_share > limit) {
        limit = (total * 3u) / (to_share * 2u);
        settle_rare(counts, limit, model, &total, &settled);
        to_share = n_states - settled;
    }
    if (total == 0)
        return deal_out(model, to_share, error);

    const unsigned scale = 62 - model->table_log;
    const uint64_t half = ((uint64_t)1 << (scale - 1)) - 1;
    const uint64_t step = (((uint64_t)to_share << scale) + half) / total;
    uint64_t from = half;
    for (uint32_t s = 0; s < model->n_symbols; s++) {
        if (model->norm[s] != OPEN)
            continue;
        const uint64_t to = from + counts[s] * step;
        const uint32_t share = (uint32_t)(to >> scale) - (uint32_t)(from >> scale);
        if (share < 1 || share > n_states)
            return refuse(error, "give a state to every symbol: share of symbol", s, model);
        model->norm[s] = (int32_t)share;
        from = to;
    }
    return MIC_OK;
}

mic_status mic_fse_normalize(const uint32_t *counts, uint32_t n_words, fse_model *model, mic_error *error)
{
    const uint32_t n_states = (uint32_t)1 << model->table_log;
    uint32_t distinct = 0;
    for (uint32_t s = 0; s < model->n_symbols; s++)
        distinct += counts[s] != 0;
    /* The published coder hangs, panics or fails here, in several ways. */
    if (distinct > n_states)
        return refuse(error, "code more distinct values than states", distinct, model);

    if (!normalize_simple(counts, n_words, model))
        TRY(normalize_rare(counts, n_words, model, error));

    uint64_t sum = 0;
    for (uint32_t s = 0; s < model->n_symbols; s++) {
        if (counts[s] && model->norm[s] == 0)
            return refuse(error, "give a state to every symbol: share of symbol", s, model);
        sum += states_of(model->norm[s]);
    }
    if (sum != n_states)
        return refuse(error, "make the shares add up", (uint32_t)sum, model);
    return MIC_OK;
}

/* ---- header -------------------------------------------------------------- */

/* `remaining` is the number of states not yet given out, plus 1; it sets the field width.
 * Invariant between fields: threshold <= remaining < 2 * threshold, threshold = 2^(width -
 * 1).  Values below `short_limit` take width - 1 bits. */
typedef struct header_state {
    uint32_t remaining;
    uint32_t threshold;
    unsigned width;
} header_state;

static header_state header_start(unsigned table_log)
{
    const uint32_t n_states = (uint32_t)1 << table_log;
    return (header_state){n_states + 1, n_states, table_log + 1};
}

static uint32_t short_limit(const header_state *h) { return 2 * h->threshold - 1 - h->remaining; }

/* `used` <= remaining - 1. */
static void header_advance(header_state *h, uint32_t used)
{
    h->remaining -= used;
    while (h->remaining < h->threshold) {
        h->width--;
        h->threshold >>= 1;
    }
}

/* The published writer gathers bits in a 32-bit word.  `fill` tracks how many are pending
 * there, to find the one case in which it loses a bit. */
static unsigned fill_after(unsigned fill, unsigned bits)
{
    fill += bits;
    return fill > 16 ? fill - 16 : fill;
}

/* Write `zeros` further symbols with norm 0, three per pair of bits.  Eight pairs (24
 * zeros) leave the published fill unchanged. */
static unsigned write_zeros(lsb_writer *writer, uint32_t zeros, unsigned fill)
{
    for (; zeros >= 24; zeros -= 24) {
        lsb_put(writer, 0xFFFF, 16);
        lsb_flush(writer);
    }
    const unsigned pairs = zeros / 3;
    lsb_put(writer, 0xFFFF, 2 * pairs);
    lsb_put(writer, zeros % 3, 2);
    lsb_flush(writer);
    return fill_after(fill, 2 * pairs + 2);
}

mic_status mic_fse_write_header(const fse_model *model, lsb_writer *writer, mic_error *error)
{
    header_state h = header_start(model->table_log);
    unsigned fill = 4;
    uint32_t s = 0;

    lsb_put(writer, model->table_log - FSE_MIN_LOG, 4);
    lsb_flush(writer);
    while (h.remaining > 1) {
        const int32_t norm = model->norm[s++];
        const uint32_t limit = short_limit(&h);
        uint32_t value = (uint32_t)(norm + 1);
        if (value >= h.threshold)
            value += limit;
        const unsigned width = value < limit ? h.width - 1 : h.width;
        /* At table log 16, with one symbol that has all states but one and comes after
         * zeros, the published bytes cannot be decoded. */
        if (fill + width > 32 && value >> (32 - fill) != 0)
            return refuse(error, "write the share of the most frequent symbol without losing a bit",
                          (uint32_t)norm, model);
        lsb_put(writer, value, width);
        lsb_flush(writer);
        fill = fill_after(fill, width);
        header_advance(&h, states_of(norm));

        if (norm == 0) { /* remaining > 1: a present symbol still follows */
            const uint32_t first = s;
            while (model->norm[s] == 0)
                s++;
            fill = write_zeros(writer, s - first, fill);
        }
    }
    return MIC_OK;
}

/* At least 56 bits from bit offset `bit` on; bits past the end are 0. */
static uint64_t peek_bits(const uint8_t *in, size_t n_bytes, size_t bit)
{
    const size_t byte = bit >> 3;
    uint64_t bits = 0;
    if (byte < n_bytes && n_bytes - byte >= 8)
        bits = load_u64(in + byte);
    else
        for (size_t i = byte; i < n_bytes; i++)
            bits |= (uint64_t)in[i] << (8 * (i - byte));
    return bits >> (bit & 7);
}

/* Length of a run of zeros; the bits past the end read as 0, which ends it. */
static uint32_t read_zeros(const uint8_t *in, size_t n_bytes, size_t *bit)
{
    uint32_t zeros = 0;
    for (;;) {
        const uint32_t bits = (uint32_t)peek_bits(in, n_bytes, *bit);
        if ((bits & 0xFFFF) == 0xFFFF) {
            zeros += 24;
            *bit += 16;
            if (zeros >= FSE_MAX_SYMBOLS)
                return zeros; /* too many already, and the sum stays small */
            continue;
        }
        *bit += 2;
        zeros += bits & 3;
        if ((bits & 3) != 3)
            return zeros;
    }
}

static mic_status header_truncated(mic_error *error, size_t n_bytes, uint32_t symbol)
{
    return mic_fail(error, MIC_ERROR_TRUNCATED, STAGE, (int64_t)n_bytes,
                    "the FSE header ends at byte %zu, in the share of symbol %lu (truncated data?)", n_bytes,
                    (unsigned long)symbol);
}

mic_status mic_fse_read_header(const uint8_t *in, size_t n_bytes, size_t start, fse_model *model, size_t *end,
                               mic_error *error)
{
    if (start >= n_bytes)
        return header_truncated(error, n_bytes, 0);
    model->table_log = (in[start] & 15u) + FSE_MIN_LOG;
    if (model->table_log > FSE_MAX_LOG)
        return mic_fail(error, MIC_ERROR_CORRUPT, STAGE, (int64_t)start,
                        "the FSE header asks for table log %u, expected %d to %d", model->table_log,
                        FSE_MIN_LOG, FSE_MAX_LOG);

    header_state h = header_start(model->table_log);
    size_t bit = 8 * start + 4;
    uint32_t s = 0;
    while (h.remaining > 1) {
        /* A value is at most h.remaining, hence norm <= remaining - 1: the sum of the
         * shares cannot pass 2^table_log and ends exactly there. */
        const uint32_t limit = short_limit(&h);
        const uint32_t bits = (uint32_t)peek_bits(in, n_bytes, bit);
        uint32_t value = bits & (h.threshold - 1);
        if (value < limit) {
            bit += h.width - 1;
        } else {
            value = bits & (2 * h.threshold - 1);
            if (value >= h.threshold)
                value -= limit;
            bit += h.width;
        }
        if (bit > 8 * n_bytes)
            return header_truncated(error, n_bytes, s);
        const int32_t norm = (int32_t)value - 1;
        model->norm[s++] = norm;
        header_advance(&h, states_of(norm));

        uint32_t zeros = norm == 0 ? read_zeros(in, n_bytes, &bit) : 0;
        if (h.remaining > 1 && s + zeros >= FSE_MAX_SYMBOLS)
            return mic_fail(error, MIC_ERROR_CORRUPT, STAGE, (int64_t)(bit >> 3),
                            "the FSE header names symbol %lu, expected none above 65535",
                            (unsigned long)(s + zeros));
        for (; zeros > 0; zeros--)
            model->norm[s++] = 0;
    }
    /* If one symbol had all states, it would need no bits at all, and a decoder could loop
     * for ever. */
    if (model->norm[s - 1] == (int32_t)1 << model->table_log)
        return mic_fail(error, MIC_ERROR_CORRUPT, STAGE, (int64_t)start,
                        "the FSE header has symbol %lu only, expected at least 2 symbols",
                        (unsigned long)(s - 1));
    model->n_symbols = s;
    *end = (bit + 7) >> 3;
    return MIC_OK;
}

/* ---- symbols per state --------------------------------------------------- */

/* The step is odd, so pos visits every state once before it returns to 0.  States from
 * `free_states` on belong to norms of -1 and are skipped.  As the shares add up to
 * 2^table_log, exactly the free states are filled. */
void mic_fse_spread(const fse_model *model, uint16_t *symbols)
{
    const uint32_t n_states = (uint32_t)1 << model->table_log;
    const uint32_t mask = n_states - 1;
    const uint32_t step = (n_states >> 1) + (n_states >> 3) + 3;
    uint32_t free_states = n_states;

    for (uint32_t s = 0; s < model->n_symbols; s++)
        if (model->norm[s] < 0)
            symbols[--free_states] = (uint16_t)s;

    uint32_t pos = 0;
    for (uint32_t s = 0; s < model->n_symbols; s++) {
        for (int32_t i = 0; i < model->norm[s]; i++) {
            symbols[pos] = (uint16_t)s;
            do
                pos = (pos + step) & mask;
            while (pos >= free_states);
        }
    }
}

void mic_rans_spread(const fse_model *model, uint16_t *symbols)
{
    for (uint32_t s = 0; s < model->n_symbols; s++)
        for (int32_t i = 0; i < model->norm[s]; i++)
            *symbols++ = (uint16_t)s;
    for (uint32_t s = 0; s < model->n_symbols; s++)
        if (model->norm[s] < 0)
            *symbols++ = (uint16_t)s;
}
