/* SPDX-License-Identifier: MIT
 *
 * Strips to words.  Rows are turned into codes (bucket and symbol), each stored in the
 * order in which its lane meets it.  Then the states of the lanes take the codes in the
 * reverse of the decoder's order.
 */
#include "wavefront_encode.h"

size_t mic_wf_strip_bound(size_t width, size_t height)
{
    return 4 * min_size(height, WF_LANES) + 4 * width * height; /* at most two words a sample */
}

/* ---- steps ------------------------------------------------------------- */

/* Store the low half of a state if it has to go.  The store is harmless if not, because
 * there is room for the word; a branch taken half of the time would be slower. */
static uint32_t give_word_if(wf_encoder *e, uint32_t state, bool has_to)
{
    store_u16(e->next - 2, (uint16_t)state);
    e->next -= 2 * (unsigned)has_to;
    return state >> (has_to ? 16 : 0);
}

/* x becomes (x / f) 2^table_log + x % f + start.  The reciprocal is rounded down, so the
 * high half of the product is the quotient or one less. */
static uint32_t push_symbol(uint32_t x, uint64_t entry, unsigned table_log)
{
    uint32_t frequency = entry >> WF_ENTRY_FREQUENCY & 0xFFF, start = (uint32_t)(entry >> WF_ENTRY_START);
    uint32_t quotient = (uint32_t)(((uint64_t)x * (uint32_t)entry) >> 32), rest = x - quotient * frequency;
    if (rest >= frequency) {
        quotient++;
        rest -= frequency;
    }
    return (quotient << table_log) + rest + start;
}

/* Push the raw bits of the escapes, last lane first. */
static void push_raw_bits(wf_encoder *e, const uint64_t entries[WF_LANES], size_t t)
{
    for (unsigned i = WF_LANES; i-- > 0;) {
        const unsigned n = entries[i] >> WF_ENTRY_RAW_BITS & 15;
        if (n == 0)
            continue;
        const uint32_t state = give_word_if(e, e->states[i], e->states[i] >> (32 - n));
        e->states[i] = state << n | e->raw[i * e->stride + t];
    }
}

/* Reverse one decoder step: raw bits, then symbols, last lane first. */
static void encode_step(wf_encoder *e, size_t t)
{
    const unsigned table_log = e->model->table_log;
    uint64_t entries[WF_LANES], all = 0;
    for (size_t i = 0; i < WF_LANES; i++) {
        entries[i] = e->entries[e->code[i * e->stride + t]];
        all |= entries[i];
    }
    if (all >> WF_ENTRY_RAW_BITS & 15)
        push_raw_bits(e, entries, t);
    for (unsigned i = WF_LANES; i-- > 0;) {
        const uint64_t entry = entries[i];
        if (entry == 0)
            continue;
        const uint32_t limit = (uint32_t)(entry >> WF_ENTRY_FREQUENCY & 0xFFF)
                               << (32 - table_log); /* fits, because f < 2^table_log */
        e->states[i] = push_symbol(give_word_if(e, e->states[i], e->states[i] >= limit), entry, table_log);
    }
}

void mic_wf_encode_steps_scalar(wf_encoder *e)
{
    for (size_t t = e->n_steps; t-- > 0;)
        encode_step(e, t);
}

/* ---- strip ------------------------------------------------------------- */

/* Fill in the entries of one context; returns the number of its symbols. */
static unsigned fill_context(const wf_model *model, unsigned context, uint64_t entries[WF_SYMBOLS])
{
    const uint16_t *frequency = model->frequency[context];
    unsigned n_symbols = 0;
    uint32_t start = 0;
    for (unsigned s = 0; s < WF_SYMBOLS && start < 1u << model->table_log; s++) {
        uint32_t f = frequency[s];
        entries[s] = 0;
        if (f == 0)
            continue;
        uint64_t reciprocal = f > 1 ? ((uint64_t)1 << 32) / f : UINT32_MAX;
        entries[s] = (uint64_t)start << WF_ENTRY_START | (uint64_t)f << WF_ENTRY_FREQUENCY | reciprocal |
                     (uint64_t)wf_raw_bits(s, model->direct_log) << WF_ENTRY_RAW_BITS;
        start += f;
        n_symbols = s + 1;
    }
    return n_symbols;
}

/* The table is indexed by code, not by context and symbol, which saves one look-up per
 * sample. */
void mic_wf_fill_entries(const wf_model *model, uint64_t *table)
{
    unsigned n_symbols = 0;
    for (unsigned b = 0; b < WF_BUCKETS; b++) {
        uint64_t *entries = table + (b << WF_CODE_BUCKET_SHIFT);
        if (b == 0 || model->context[b] != model->context[b - 1])
            n_symbols = fill_context(model, model->context[b], entries);
        else
            memcpy(entries, entries - (1 << WF_CODE_BUCKET_SHIFT), n_symbols * sizeof *entries);
    }
    table[WF_IDLE] = 0;
}

size_t mic_wf_encoder_shape(wf_encoder *e, size_t width, size_t height)
{
    e->width = width;
    e->height = height;
    e->period = width < WF_MIN_PERIOD ? WF_MIN_PERIOD : width;
    e->n_steps = (height + WF_LANES - 1) / WF_LANES * e->period + WF_SKEW * (WF_LANES - 1);
    /* an odd number of cache lines, so that the 32 lanes do not share a cache set */
    e->stride = ((e->n_steps + WF_ROW_BLOCK + WF_CODE_BLOCK - 1) / WF_CODE_BLOCK | 1) * WF_CODE_BLOCK;
    return WF_LANES * e->stride;
}

wf_row_codes mic_wf_encoder_row(const wf_encoder *e, size_t y)
{
    size_t lane = y % WF_LANES, at = lane * e->stride + y / WF_LANES * e->period + WF_SKEW * lane;
    return (wf_row_codes){e->code + at, e->raw + at};
}

static void make_idle(uint16_t *code, size_t n)
{
    for (size_t i = 0; i < n; i++)
        code[i] = WF_IDLE;
}

/* Clears only what no row covers: before a lane's first row, after its last, and between
 * the end of a narrow row and the next. */
void mic_wf_encoder_clear(const wf_encoder *e)
{
    for (size_t lane = 0; lane < WF_LANES; lane++) {
        uint16_t *code = e->code + lane * e->stride;
        size_t n_rows = lane < e->height ? (e->height - lane + WF_LANES - 1) / WF_LANES : 0;
        size_t end = WF_SKEW * lane + n_rows * e->period;
        if (e->width < e->period) {
            make_idle(code, e->stride);
            continue;
        }
        make_idle(code, WF_SKEW * lane);
        make_idle(code + end, e->stride - end);
    }
}

/* Row kernels write padded rows.  This makes what they wrote past the end of the row idle
 * again, before the lane's next row comes. */
void mic_wf_encoder_close_row(const wf_encoder *e, wf_row_codes row)
{
    make_idle(row.code + e->width, -e->width % WF_ROW_BLOCK);
}

size_t mic_wf_encoder_write(wf_encoder *e, uint8_t *end)
{
    for (unsigned i = 0; i < WF_LANES; i++)
        e->states[i] = WF_STATE_LOW;
    e->next = end;
    mic_kernels_active()->encode_steps(e);
    for (size_t i = min_size(e->height, WF_LANES); i-- > 0;) {
        e->next -= 4;
        store_u32(e->next, e->states[i]);
    }
    return (size_t)(end - e->next);
}
