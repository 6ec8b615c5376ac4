/* SPDX-License-Identifier: MIT
 *
 * FSE (tANS) decoder: bytes in, 16-bit words out, with 1, 2, 4 or 8 states.
 *
 * A state gives a word, a number of bits and a base.  The next state is the base plus that
 * many bits, which are taken from the end of the bit string towards its start.  Word i
 * comes from state i mod k.  The string starts (at its end) with a mark, the highest bit
 * set, followed by k initial states.
 *
 * Example: 10 66 A7 03 B8 01, one state.  The header gives table log 5, 26 states to word 4
 * and 6 to word 7.  The mark is bit 0 of 01; the state after it is 10111 = 23: a 4, no
 * bits, state 12: a 4, no bits, state 4: a 7, 3 bits, state 16: a 4, no bits, state 7: a 4,
 * no bits, state 0.  No bits are left and the state is 0, as it must be at the end.
 *
 * Input may be hostile: no read leaves in[0..n_bytes), no count is believed beyond the
 * caller's capacity, all bits must be used and all states must end at 0.  This finds most
 * damage but not all; containers add a checksum.
 * Format: docs/format.md, "FSE".
 */
#include "fse.h"
#include "stage_kernels.h"
#include "../base/target.h"

#include <stdlib.h>

#define STAGE "fse"

/* What the first bytes of a block say. */
typedef struct block_info {
    unsigned n_states;
    bool rans;
    size_t n_words; /* 0 for 1 state: such a block stores no count */
    size_t header;  /* offset of the model's header */
} block_info;

typedef struct tables {
    int32_t norm[FSE_MAX_SYMBOLS];
    uint16_t symbols[1 << FSE_MAX_LOG];
    uint32_t steps[1 << FSE_MAX_LOG]; /* base << 16 | 64 - number of bits */
} tables;

typedef struct fse_reader {
    const tables *tables;
    bool narrow;         /* every step reads 1 to 14 bits */
    const uint8_t *bits; /* start of the bit string */
    size_t left;         /* bits not read yet */
    size_t n_bytes;      /* size of the bit string, end mark included */
    uint32_t state[FSE_MAX_STATES];
} reader;

/* ---- tables --------------------------------------------------------------- */

/* The f states of a symbol get y = f..2f-1 in ascending order.  As many bits are read as
 * bring y into 2^L..2^(L+1)-1.  Hence 0 <= base and base + bits < 2^L: no input leads out
 * of the table.  A state without bits has y >= 2^L, and its next state is y - 2^L.  Its
 * symbol then has f > 2^(L-1) states but (mic_fse_read_header) not all, and its i-th state,
 * which is at least i, leads to f + i - 2^L < i.  So steps without bits go down, and they
 * end.  Returns whether every step reads 1 to 14 bits. */
static bool build_steps(const fse_model *model, tables *t)
{
    const uint32_t n_states = (uint32_t)1 << model->table_log;
    bool narrow = model->table_log <= 14;
    for (uint32_t s = 0; s < model->n_symbols; s++) {
        if (model->norm[s] < 0)
            model->norm[s] = 1;
        narrow &= (uint32_t)model->norm[s] <= n_states / 2;
    }
    for (uint32_t u = 0; u < n_states; u++) {
        const uint32_t y = (uint32_t)model->norm[t->symbols[u]]++;
        const unsigned bits = model->table_log - highest_bit(y);
        t->steps[u] = (((y << bits) - n_states) << 16) | (64 - bits);
    }
    return narrow;
}

static unsigned bits_of(uint32_t step) { return 64 - (step & 127); }

/* ---- bits ----------------------------------------------------------------- */

/* The next n bits, n <= min(16, left), which are the last of the string. */
static uint32_t take_bits(reader *r, unsigned n)
{
    r->left -= n;
    const size_t byte = r->left >> 3;
    uint64_t window = 0;
    for (size_t i = 0; i < 3 && byte + i < r->n_bytes; i++)
        window |= (uint64_t)r->bits[byte + i] << (8 * i);
    return (uint32_t)(window >> (r->left & 7)) & ((1u << n) - 1);
}

/* ---- the loop -------------------------------------------------------------- */

/* Decode up to n words while bits abound; returns how many, a multiple of k.
 *
 * The window is the 8 bytes before `end`; the next bit to read is its bit 63 - used.
 * `used` is at most 7 after a slide, so four fields of up to 14 bits leave it below 64.  So
 * do three of up to 16 bits, and a fourth if there is room.  The low bits of a step are
 * -bits mod 64: subtracting whole steps counts the bits mod 64, and shifts accept such a
 * count unchanged.
 *
 * A slide takes the bytes below from a load whose address has long been known, so only a
 * few subtractions and shifts link one window to the next.  With 4 states that takes 2.3
 * cycles a word (Zen 5), against 2.7 with a load in that chain and 3.2 with a bit position.
 * Keeping steps and symbols together in one table lost 3 to 16 percent to cache misses.
 *
 * k and `narrow` are constants in each copy, so u[] stays in registers. */
MIC_INLINE size_t read_fast(reader *r, uint16_t *words, size_t n, const unsigned k, const bool narrow)
{
    const uint32_t *steps = r->tables->steps;
    const uint16_t *symbols = r->tables->symbols;
    const size_t group = k == 8 ? 8 : 4;
    /* A slide reads the 16 bytes before `end` and moves it by at most 7.  There is one
     * slide for four words, or for two. */
    const ptrdiff_t margin = (ptrdiff_t)(narrow ? 4 * group : 8 * group);
    const uint8_t *end = r->bits + (r->left + 7) / 8;
    uint32_t used = (uint32_t)(0 - r->left) & 7;
    uint16_t *out = words;
    uint32_t u[FSE_MAX_STATES];
    uint64_t window;

    if (end - r->bits < margin)
        return 0;
    window = load_u64(end - 8);
    for (unsigned j = 0; j < k; j++)
        u[j] = r->state[j];

#define SLIDE()                                                     \
    do {                                                            \
        const uint64_t below_ = load_u64(end - 16);                 \
        const uint32_t whole_ = used & 56;                          \
        window = window << whole_ | (below_ >> 1) >> (63 - whole_); \
        end -= whole_ >> 3;                                         \
        used &= 7;                                                  \
    } while (0)
/* Makes room for 16 more bits.  They rarely lack it, so the branch is well predicted. */
#define SLIDE_IF_WIDE()                  \
    do {                                 \
        if (!narrow && (used & 63) > 47) \
            SLIDE();                     \
    } while (0)
/* A shift by 64 - 0 bits takes two shifts; narrow tables have no such steps. */
#define WORD(j)                                                                                       \
    do {                                                                                              \
        const uint32_t step_ = steps[u[(j) % k]];                                                     \
        const uint64_t bits_ = window << (used & 63);                                                 \
        out[j] = symbols[u[(j) % k]];                                                                 \
        u[(j) % k] = (step_ >> 16) +                                                                  \
                     (uint32_t)(narrow ? bits_ >> (step_ & 63) : (bits_ >> 1) >> ((step_ - 1) & 63)); \
        used -= step_;                                                                                \
    } while (0)

    for (; n >= group && end - r->bits >= margin; n -= group, out += group) {
        WORD(0);
        WORD(1);
        WORD(2);
        SLIDE_IF_WIDE();
        WORD(3);
        SLIDE();
        if (k == 8) {
            WORD(4);
            WORD(5);
            WORD(6);
            SLIDE_IF_WIDE();
            WORD(7);
            SLIDE();
        }
    }
#undef WORD
#undef SLIDE_IF_WIDE
#undef SLIDE
    for (unsigned j = 0; j < k; j++)
        r->state[j] = u[j];
    r->left = (size_t)(end - r->bits) * 8 - used;
    return (size_t)(out - words);
}

MIC_INLINE size_t read_fast_any(reader *r, uint16_t *words, size_t n, unsigned k)
{
    const bool narrow = r->narrow;
    switch (k) {
    case 1: return narrow ? read_fast(r, words, n, 1, true) : read_fast(r, words, n, 1, false);
    case 2: return narrow ? read_fast(r, words, n, 2, true) : read_fast(r, words, n, 2, false);
    case 4: return narrow ? read_fast(r, words, n, 4, true) : read_fast(r, words, n, 4, false);
    default: return narrow ? read_fast(r, words, n, 8, true) : read_fast(r, words, n, 8, false);
    }
}

size_t mic_fse_read_plain(reader *r, uint16_t *words, size_t n, unsigned k)
{
    return read_fast_any(r, words, n, k);
}

#if defined(MIC_X86)
/* The same code; its shifts take their count from any register. */
MIC_BMI2
size_t mic_fse_read_bmi2(reader *r, uint16_t *words, size_t n, unsigned k)
{
    return read_fast_any(r, words, n, k);
}
#endif

/* Decode up to n words; stops earlier only if too few bits are left for the step after the
 * next word.  In calls after the first, state 0 is next. */
static size_t read_words(reader *r, uint16_t *words, size_t n, unsigned k)
{
    size_t i = mic_kernels_active()->fse_read(r, words, n, k);
    for (; i < n; i++) {
        uint32_t *u = &r->state[i % k];
        const uint32_t step = r->tables->steps[*u];
        if (bits_of(step) > r->left)
            break;
        words[i] = r->tables->symbols[*u];
        *u = (step >> 16) + take_bits(r, bits_of(step));
    }
    return i;
}

/* ---- the block ------------------------------------------------------------- */

static mic_status read_info(const uint8_t *in, size_t n_bytes, bool rans, block_info *info, mic_error *error)
{
    *info = (block_info){.n_states = 1};
    if (n_bytes == 0)
        return mic_fail(error, MIC_ERROR_TRUNCATED, STAGE, 0, "the FSE data are empty");
    if (in[0] != FSE_MARK && !rans)
        return MIC_OK;
    if (n_bytes < FSE_PREFIX_BYTES)
        return mic_fail(error, MIC_ERROR_TRUNCATED, STAGE, (int64_t)n_bytes,
                        "the FSE data end after %zu bytes, expected a prefix of %d", n_bytes,
                        FSE_PREFIX_BYTES);
    if (rans != (in[1] == FSE_KIND_RANS) || in[0] != FSE_MARK)
        return mic_fail(error, MIC_ERROR_CORRUPT, STAGE, 0,
                        "the data start with %02X %02X, which is no block of %s", in[0], in[1],
                        rans ? "rANS (FF 08)" : "FSE (FF 02, FF 04 or FF 84)");
    switch (in[1]) {
    case FSE_KIND_2: info->n_states = 2; break;
    case FSE_KIND_4: info->n_states = 4; break;
    case FSE_KIND_8: info->n_states = 8; break;
    case FSE_KIND_RANS:
        info->n_states = 8;
        info->rans = true;
        break;
    default:
        return mic_fail(error, MIC_ERROR_CORRUPT, STAGE, 1,
                        "the FSE data start with FF %02X, expected FF 02, FF 04 or FF 84", in[1]);
    }
    info->n_words = load_u32(in + 2);
    info->header = FSE_PREFIX_BYTES;
    return MIC_OK;
}

/* Build the tables of the block and read its initial states. */
static mic_status reader_open(reader *r, tables *t, const uint8_t *in, size_t n_bytes, const block_info *info,
                              mic_error *error)
{
    fse_model model = {.norm = t->norm, .rans = info->rans};
    size_t start;

    TRY(mic_fse_read_header(in, n_bytes, info->header, &model, &start, error));
    if (start >= n_bytes)
        return mic_fail(error, MIC_ERROR_TRUNCATED, STAGE, (int64_t)n_bytes,
                        "the FSE data end at byte %zu, behind the header (truncated data?)", n_bytes);
    if (in[n_bytes - 1] == 0)
        return mic_fail(error, MIC_ERROR_CORRUPT, STAGE, (int64_t)n_bytes - 1,
                        "the last byte of the FSE data is 0, expected an end mark (truncated data?)");

    r->tables = t;
    r->bits = in + start;
    r->left = 8 * (n_bytes - start) - 8 + highest_bit(in[n_bytes - 1]);
    r->n_bytes = n_bytes - start;
    if (r->left < (size_t)info->n_states * model.table_log)
        return mic_fail(error, MIC_ERROR_TRUNCATED, STAGE, (int64_t)start,
                        "the FSE data have %zu bits behind the header, expected %u states of %u "
                        "(truncated data?)",
                        r->left, info->n_states, model.table_log);
    for (unsigned j = 0; j < info->n_states; j++)
        r->state[j] = take_bits(r, model.table_log);
    (model.rans ? mic_rans_spread : mic_fse_spread)(&model, t->symbols);
    r->narrow = build_steps(&model, t);
    return MIC_OK;
}

/* Check the end: all bits are used and all states are 0. */
static mic_status check_end(const reader *r, const uint8_t *in, unsigned k, size_t n_words, mic_error *error)
{
    if (r->left != 0)
        return mic_fail(error, MIC_ERROR_CORRUPT, STAGE, (int64_t)(r->bits - in) + (int64_t)(r->left >> 3),
                        "%zu bits of the FSE data are left after word %zu, expected none "
                        "(damaged data?)",
                        r->left, n_words);
    for (unsigned j = 0; j < k; j++)
        if (r->state[j] != 0)
            return mic_fail(error, MIC_ERROR_CORRUPT, STAGE, (int64_t)(r->bits - in),
                            "FSE state %u ends at %lu after word %zu, expected 0 (damaged data?)", j,
                            (unsigned long)r->state[j], n_words);
    return MIC_OK;
}

/* A 1-state block ends where its bits end, in state 0, which always takes bits (steps
 * without bits go down, see build_steps).  If there was too little room, the next word's
 * step is still possible. */
static bool more_words(const reader *r) { return r->left > 0 || bits_of(r->tables->steps[r->state[0]]) == 0; }

static mic_status decode_counted(reader *r, const uint8_t *in, const block_info *info, uint16_t *words,
                                 mic_error *error)
{
    const size_t n = read_words(r, words, info->n_words, info->n_states);
    if (n < info->n_words)
        return mic_fail(error, MIC_ERROR_CORRUPT, STAGE, (int64_t)(r->bits - in),
                        "the bits of the FSE data end at word %zu of %zu (damaged data?)", n, info->n_words);
    return check_end(r, in, info->n_states, n, error);
}

static mic_status open_tables(tables **t, mic_error *error)
{
    *t = malloc(sizeof **t);
    if (!*t)
        return mic_fail(error, MIC_ERROR_MEMORY, STAGE, -1, "no memory for the FSE tables of %zu bytes",
                        sizeof **t);
    return MIC_OK;
}

static mic_status too_many(mic_error *error, mic_status status, size_t limit)
{
    return mic_fail(error, status, STAGE, -1, "the FSE data hold more than %zu words, which is the %s", limit,
                    status == MIC_ERROR_LIMIT ? "limit given" : "room in the output buffer");
}

mic_status mic_fse_decode_block(const uint8_t *in, size_t n_bytes, uint16_t *words, size_t capacity,
                                bool rans, size_t *n_words, mic_error *error)
{
    block_info info;
    tables *t;
    reader r;

    TRY(read_info(in, n_bytes, rans, &info, error));
    if (info.n_words > capacity)
        return mic_fail(error, MIC_ERROR_CAPACITY, STAGE, 2,
                        "the FSE data hold %zu words, the output buffer has room for %zu", info.n_words,
                        capacity);
    TRY(open_tables(&t, error));
    mic_status status = reader_open(&r, t, in, n_bytes, &info, error);
    if (status == MIC_OK && info.n_states > 1) {
        status = decode_counted(&r, in, &info, words, error);
        *n_words = info.n_words;
    } else if (status == MIC_OK) {
        *n_words = read_words(&r, words, capacity, 1);
        status = *n_words == capacity && more_words(&r) ? too_many(error, MIC_ERROR_CAPACITY, capacity)
                                                        : check_end(&r, in, 1, *n_words, error);
    }
    free(t);
    return status;
}

/* Decode into a small buffer again and again, only to count. */
static mic_status count_words(reader *r, const uint8_t *in, size_t max_words, size_t *n_words,
                              mic_error *error)
{
    uint16_t scratch[1024];
    const size_t room = sizeof scratch / sizeof scratch[0];
    size_t n = 0, got;
    do {
        got = read_words(r, scratch, min_size(room, max_words - n), 1);
        n += got;
    } while (got == room);
    if (n == max_words && more_words(r))
        return too_many(error, MIC_ERROR_LIMIT, max_words);
    *n_words = n;
    return check_end(r, in, 1, n, error);
}

mic_status mic_fse_count_block(const uint8_t *in, size_t n_bytes, size_t max_words, bool rans,
                               size_t *n_words, mic_error *error)
{
    block_info info;
    tables *t;
    reader r;

    TRY(read_info(in, n_bytes, rans, &info, error));
    if (info.n_words > max_words)
        return mic_fail(error, MIC_ERROR_LIMIT, STAGE, 2, "the FSE data hold %zu words, the limit is %zu",
                        info.n_words, max_words);
    *n_words = info.n_words;
    if (info.n_states > 1)
        return MIC_OK;
    TRY(open_tables(&t, error));
    mic_status status = reader_open(&r, t, in, n_bytes, &info, error);
    if (status == MIC_OK)
        status = count_words(&r, in, max_words, n_words, error);
    free(t);
    return status;
}

mic_status mic_fse_decode(const uint8_t *in, size_t n_bytes, uint16_t *words, size_t capacity,
                          size_t *n_words, mic_error *error)
{
    return mic_fse_decode_block(in, n_bytes, words, capacity, false, n_words, error);
}

mic_status mic_fse_count(const uint8_t *in, size_t n_bytes, size_t max_words, size_t *n_words,
                         mic_error *error)
{
    return mic_fse_count_block(in, n_bytes, max_words, false, n_words, error);
}
