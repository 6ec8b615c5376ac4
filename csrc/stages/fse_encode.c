/* SPDX-License-Identifier: MIT
 *
 * FSE (tANS) encoder: 16-bit words in, bytes out, with 1, 2, 4 or 8 states.
 *
 * The coder is in one of 2^L states, u.  To code a word with f of these, it writes the
 * lowest bits of 2^L + u, as many as leave between f and 2f - 1; what is left selects the
 * next state among the f of that word.  Words are coded from the last to the first, so that
 * the decoder, which reads the bits backwards, gets them in order.  With k states, word i
 * belongs to state i mod k: the k chains are independent, and a processor runs them at
 * once.
 *
 * Example: words 4 4 7 4 4, one state, L = 5, f(4) = 26, f(7) = 6.  The coder goes
 * backwards from u = 0 through u = 7, 16, 4 (writing 3 bits for the 7; a 4 seldom needs
 * any) and 12 to 23; 5 bits of that state and the end mark follow.  The block: 10 66 A7 03
 * (header) B8 01.
 *
 * The bytes equal the published coder's, and this coder refuses what that one refuses.
 * Unlike the published coder, it never hangs or panics.  Format: docs/format.md, "FSE".
 */
#include "fse.h"
#include "stage_kernels.h"
#include "../base/target.h"

#include <stdlib.h>

#define STAGE "fse"

/* How to leave state x = 2^L + u by a word with f states.  The number of bits to write is
 * (x + add) >> 16, where `add` makes the sum carry into bit 16 exactly where one more bit
 * is due.  The next state is next[(x >> bits) + offset]; the index is never negative, so it
 * may wrap on the way.
 *
 * x needs 17 bits at L = 16 and next[] has 16: a wide coder keeps u there and adds 2^L each
 * time, a narrow one keeps x. */
typedef struct transform {
    uint32_t add;
    uint32_t offset;
} transform;

typedef struct fse_encoder {
    fse_model model;
    bool wide;             /* L > 14, see code_words */
    transform *transforms; /* per symbol; set for present symbols only */
    uint16_t *symbols;     /* per state */
    uint16_t *next;        /* states grouped by symbol, ascending */
    void *block;           /* the memory of all of them */
} encoder;

static mic_status encoder_open(encoder *e, uint32_t n_symbols, unsigned table_log, mic_error *error)
{
    const size_t n_states = (size_t)1 << table_log;
    const size_t per_symbol = sizeof(transform) + sizeof(int32_t);
    e->block = malloc(n_symbols * per_symbol + n_states * 2 * sizeof(uint16_t));
    if (!e->block)
        return mic_fail(error, MIC_ERROR_MEMORY, STAGE, -1, "no memory for the FSE tables of %lu symbols",
                        (unsigned long)n_symbols);
    e->transforms = e->block;
    e->model.table_log = table_log;
    e->wide = table_log > 14;
    e->model.n_symbols = n_symbols;
    e->model.norm = (int32_t *)(e->transforms + n_symbols);
    e->symbols = (uint16_t *)(e->model.norm + n_symbols);
    e->next = e->symbols + n_states;
    return MIC_OK;
}

/* A word with f states in state x takes, with h = floor(log2(f - 1)), L - h bits if x is at
 * least f << (L - h), otherwise one fewer; always L for f = 1.  The distance of x from that
 * limit is at most 2^16, so the carry is right up to L = 16. */
static uint32_t transform_add(uint32_t f, unsigned table_log)
{
    const unsigned bits = f == 1 ? table_log : table_log - highest_bit(f - 1);
    return ((uint32_t)bits << 16) - (f << bits);
}

static void encoder_build(encoder *e)
{
    const fse_model *model = &e->model;
    const uint32_t n_states = (uint32_t)1 << model->table_log;
    const uint32_t lift = e->wide ? 0 : n_states;
    uint32_t first = 0;

    (model->rans ? mic_rans_spread : mic_fse_spread)(model, e->symbols);
    for (uint32_t s = 0; s < model->n_symbols; s++) {
        const uint32_t f = model->norm[s] < 0 ? 1 : (uint32_t)model->norm[s];
        if (f == 0)
            continue;
        e->transforms[s].add = transform_add(f, model->table_log);
        e->transforms[s].offset = first;
        first += f;
    }
    /* `offset` runs through the slots of the symbol.  It is then set back by f for those,
     * and by f again because the index counts from f. */
    for (uint32_t u = 0; u < n_states; u++)
        e->next[e->transforms[e->symbols[u]].offset++] = (uint16_t)(u + lift);
    for (uint32_t s = 0; s < model->n_symbols; s++)
        if (model->norm[s] != 0)
            e->transforms[s].offset -= model->norm[s] < 0 ? 2 : 2 * (uint32_t)model->norm[s];
}

/* ---- the loop ------------------------------------------------------------ */

/* low_mask[n] = 2^n - 1.  One load replaces three instructions for shift and decrement,
 * which saves 0.3 cycles a word on Zen 5. */
static const uint32_t low_mask[FSE_MAX_LOG + 1] = {
    0x0000, 0x0001, 0x0003, 0x0007, 0x000F, 0x001F, 0x003F, 0x007F, 0x00FF,
    0x01FF, 0x03FF, 0x07FF, 0x0FFF, 0x1FFF, 0x3FFF, 0x7FFF, 0xFFFF,
};

/* `lift` is 2^L in a wide coder, which stores its states without it. */
MIC_INLINE uint32_t code_word(const encoder *e, uint32_t lift, uint32_t state, uint16_t word, lsb_writer *w)
{
    const transform t = e->transforms[word];
    const uint32_t x = state + lift;
    const uint32_t bits = (x + t.add) >> 16;
    w->bits |= (uint64_t)(x & low_mask[bits]) << (w->count & 63);
    w->count += bits;
    return e->next[(x >> (bits & 31)) + t.offset];
}

/* Code words[0..n_words) from the last to the first; n_words is a multiple of the group,
 * and the writer has room for 2 bytes a word and 8 more.  k and `wide` are constants in
 * each copy, so u[] stays in registers.  A flush leaves at most 7 bits pending: four words
 * may follow up to L = 14 (7 + 56 < 64), two above (`wide`). */
MIC_INLINE void code_groups(const encoder *e, const uint16_t *words, size_t n_words, const unsigned k,
                            const bool wide, uint32_t *state, lsb_writer *out)
{
    const encoder local = *e; /* a copy: the stores below cannot change its pointers */
    const uint32_t lift = wide ? (uint32_t)1 << e->model.table_log : 0;
    uint32_t u[FSE_MAX_STATES] = {0};
    lsb_writer w = *out;

    for (unsigned j = 0; j < k; j++)
        u[j] = state[j];
#define CODE(j) u[(j) % k] = code_word(&local, lift, u[(j) % k], words[n_words + (j)], &w)
    while (n_words > 0) {
        n_words -= k == 8 ? 8 : 4;
        if (k == 8) {
            CODE(7);
            CODE(6);
            if (wide)
                lsb_flush_roomy(&w);
            CODE(5);
            CODE(4);
            lsb_flush_roomy(&w);
        }
        CODE(3);
        CODE(2);
        if (wide)
            lsb_flush_roomy(&w);
        CODE(1);
        CODE(0);
        lsb_flush_roomy(&w);
    }
#undef CODE
    for (unsigned j = 0; j < k; j++)
        state[j] = u[j];
    *out = w;
}

/* Code in groups while there is room whatever they cost, then word by word with a check
 * each. */
MIC_INLINE void code_words(const encoder *e, const uint16_t *words, size_t n_words, const unsigned k,
                           const bool wide, uint32_t *state, lsb_writer *w)
{
    const size_t group = k == 8 ? 8 : 4;
    const uint32_t lift = wide ? (uint32_t)1 << e->model.table_log : 0;

    while (n_words > 0) {
        const size_t room = (size_t)(w->end - w->next);
        const size_t safe = room < 8 ? 0 : min_size(n_words, (room - 8) / 2) / group * group;
        if (n_words % group == 0 && safe > 0) {
            code_groups(e, words + n_words - safe, safe, k, wide, state, w);
            n_words -= safe;
        } else {
            n_words--;
            uint32_t *u = &state[n_words % k];
            *u = code_word(e, lift, *u, words[n_words], w);
            lsb_flush(w);
        }
    }
}

MIC_INLINE void code_all(const encoder *e, const uint16_t *words, size_t n_words, int k, uint32_t *state,
                         lsb_writer *w)
{
    const bool wide = e->wide;
    switch (k) {
    case 1:
        wide ? code_words(e, words, n_words, 1, true, state, w)
             : code_words(e, words, n_words, 1, false, state, w);
        break;
    case 2:
        wide ? code_words(e, words, n_words, 2, true, state, w)
             : code_words(e, words, n_words, 2, false, state, w);
        break;
    case 4:
        wide ? code_words(e, words, n_words, 4, true, state, w)
             : code_words(e, words, n_words, 4, false, state, w);
        break;
    default:
        wide ? code_words(e, words, n_words, 8, true, state, w)
             : code_words(e, words, n_words, 8, false, state, w);
        break;
    }
}

void mic_fse_write_plain(const encoder *e, const uint16_t *words, size_t n_words, int k, uint32_t *state,
                         lsb_writer *w)
{
    code_all(e, words, n_words, k, state, w);
}

#if defined(MIC_X86)
/* The same code; its shifts take their count from any register. */
MIC_BMI2
void mic_fse_write_bmi2(const encoder *e, const uint16_t *words, size_t n_words, int k, uint32_t *state,
                        lsb_writer *w)
{
    code_all(e, words, n_words, k, state, w);
}
#endif

static uint8_t *write_bits(const encoder *e, const uint16_t *words, size_t n_words, int k, uint8_t *out,
                           size_t capacity)
{
    uint32_t state[FSE_MAX_STATES];
    lsb_writer w;

    for (int j = 0; j < k; j++)
        state[j] = e->wide ? 0 : (uint32_t)1 << e->model.table_log;
    lsb_open(&w, out, capacity);
    mic_kernels_active()->fse_write(e, words, n_words, k, state, &w);
    for (int j = k - 1; j >= 0; j--) {
        lsb_put(&w, state[j], e->model.table_log);
        lsb_flush(&w);
    }
    lsb_put(&w, 1, 1);
    return lsb_close(&w);
}

/* ---- the whole block ------------------------------------------------------ */

static size_t prefix_bytes(int n_states) { return n_states == 1 ? 0 : FSE_PREFIX_BYTES; }

static void write_prefix(uint8_t *out, size_t n_words, int n_states, bool rans)
{
    out[0] = FSE_MARK;
    out[1] = rans ? FSE_KIND_RANS : n_states == 2 ? FSE_KIND_2 : n_states == 4 ? FSE_KIND_4 : FSE_KIND_8;
    store_u32(out + 2, (uint32_t)n_words);
}

/* A block must stay below 2 bytes a word or it is refused; the rest lets the last fast
 * store pass the end. */
size_t mic_fse_bound(size_t n_words) { return 2 * n_words + FSE_PREFIX_BYTES + 8; }

static mic_status not_smaller(mic_error *error, size_t n_words)
{
    return mic_fail(error, MIC_ERROR_UNSUPPORTED, STAGE, -1,
                    "the published coder cannot make these %zu words smaller than %zu bytes; "
                    "store them raw or use another coder",
                    n_words, 2 * n_words);
}

static mic_status check_count(size_t n_words, int n_states, mic_error *error)
{
    const size_t least = n_states < 4 ? 2 : (size_t)n_states;
    if (n_states != 1 && n_states != 2 && n_states != 4 && n_states != 8)
        return mic_fail(error, MIC_ERROR_ARGUMENT, STAGE, -1, "n_states is %d, expected 1, 2, 4 or 8",
                        n_states);
    if (n_words < least)
        return mic_fail(error, MIC_ERROR_UNSUPPORTED, STAGE, -1,
                        "the published coder cannot code %zu words with %d states, it needs %zu; "
                        "use fewer states or store them raw",
                        n_words, n_states, least);
    if (n_words > UINT32_MAX)
        return mic_fail(error, MIC_ERROR_UNSUPPORTED, STAGE, -1,
                        "the published coder cannot count %zu words in 32 bits; "
                        "code them in parts",
                        n_words);
    return MIC_OK;
}

static mic_status check_spread(const uint32_t *counts, uint32_t n_symbols, size_t n_words, mic_error *error)
{
    uint32_t most = 0;
    for (uint32_t s = 0; s < n_symbols; s++)
        most = counts[s] > most ? counts[s] : most;
    if (most == n_words)
        return mic_fail(error, MIC_ERROR_UNSUPPORTED, STAGE, -1,
                        "the published coder cannot code %zu words that all are %lu; "
                        "store the value once",
                        n_words, (unsigned long)n_symbols - 1);
    if (most == 1 || most < n_words >> 15)
        return mic_fail(error, MIC_ERROR_UNSUPPORTED, STAGE, -1,
                        "the published coder cannot make %zu words smaller of which the most "
                        "frequent occurs %lu times; store them raw or use another coder",
                        n_words, (unsigned long)most);
    return MIC_OK;
}

static mic_status write_block(encoder *e, const uint32_t *counts, const uint16_t *words, size_t n_words,
                              int n_states, uint8_t *out, size_t capacity, size_t *n_bytes, mic_error *error)
{
    const size_t prefix = prefix_bytes(n_states);
    lsb_writer header;
    uint8_t *end = NULL;

    TRY(mic_fse_normalize(counts, (uint32_t)n_words, &e->model, error));
    if (capacity > prefix) {
        lsb_open(&header, out + prefix, capacity - prefix);
        TRY(mic_fse_write_header(&e->model, &header, error));
        end = lsb_close(&header);
    }
    if (end) {
        encoder_build(e);
        end = write_bits(e, words, n_words, n_states, end, (size_t)(out + capacity - end));
    }
    if (!end && capacity >= mic_fse_bound(n_words))
        return not_smaller(error, n_words);
    if (!end)
        return mic_fail(error, MIC_ERROR_CAPACITY, STAGE, -1,
                        "the output buffer of %zu bytes is too small for %zu FSE words, "
                        "expected up to %zu",
                        capacity, n_words, mic_fse_bound(n_words));
    if ((size_t)(end - out) - prefix >= 2 * n_words)
        return not_smaller(error, n_words);
    if (prefix)
        write_prefix(out, n_words, n_states, e->model.rans);
    *n_bytes = (size_t)(end - out);
    return MIC_OK;
}

mic_status mic_fse_encode_block(const uint16_t *words, size_t n_words, int n_states, bool rans, uint8_t *out,
                                size_t capacity, size_t *n_bytes, mic_error *error)
{
    TRY(check_count(n_words, n_states, error));

    uint32_t *counts = calloc(FSE_MAX_SYMBOLS, sizeof *counts);
    if (!counts)
        return mic_fail(error, MIC_ERROR_MEMORY, STAGE, -1, "no memory for the FSE symbol counts");
    const uint32_t n_symbols = mic_kernels_active()->histogram(words, n_words, counts) + 1u;
    encoder e = {.model.rans = rans};
    mic_status status = check_spread(counts, n_symbols, n_words, error);
    /* Not all words are equal, so there are two symbols, and three words because one symbol
     * occurs twice. */
    if (status == MIC_OK)
        status = encoder_open(&e, n_symbols, mic_fse_choose_log((uint32_t)n_words, n_symbols), error);
    if (status == MIC_OK)
        status = write_block(&e, counts, words, n_words, n_states, out, capacity, n_bytes, error);
    free(e.block);
    free(counts);
    return status;
}

mic_status mic_fse_encode(const uint16_t *words, size_t n_words, int n_states, uint8_t *out, size_t capacity,
                          size_t *n_bytes, mic_error *error)
{
    return mic_fse_encode_block(words, n_words, n_states, false, out, capacity, n_bytes, error);
}
