/* SPDX-License-Identifier: MIT
 *
 * Strips to words: rows are turned into codes (bucket and symbol), each in the
 * order in which its lane meets it; then the states of the lanes take them in the
 * reverse of the decoder's order.
 */
#include "wavefront_encode.h"

#include <stdlib.h>

size_t mic_wf_strip_bound(size_t width, size_t height)
{
    return 4 * min_size(height, WF_LANES) + 4 * width * height; /* two words a sample at most */
}

/* ---- steps ------------------------------------------------------------- */

static void give_word(wf_encoder *e, unsigned lane)
{
    e->next -= 2;
    store_u16(e->next, (uint16_t)e->states[lane]);
    e->states[lane] >>= 16;
}

/* x becomes (x / f) 2^table_log + x % f + start.  The reciprocal is rounded down,
 * so the product's high half is the quotient or one less. */
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

/* The reverse of one decoder step: raw bits, then symbols, last lane first. */
static void encode_step(wf_encoder *e, size_t t)
{
    const unsigned table_log = e->model->table_log;
    for (unsigned i = WF_LANES; i-- > 0;) {
        unsigned n = e->entries[e->code[i * e->stride + t]] >> WF_ENTRY_RAW_BITS & 15;
        if (n == 0)
            continue;
        if (e->states[i] >> (32 - n))
            give_word(e, i);
        e->states[i] = e->states[i] << n | e->raw[i * e->stride + t];
    }
    for (unsigned i = WF_LANES; i-- > 0;) {
        uint64_t entry = e->entries[e->code[i * e->stride + t]];
        if (entry == 0)
            continue;
        if (e->states[i] >= (uint32_t)(entry >> WF_ENTRY_FREQUENCY & 0xFFF) << (32 - table_log)) /* f < 2^table_log: fits */
            give_word(e, i);
        e->states[i] = push_symbol(e->states[i], entry, table_log);
    }
}

void mic_wf_encode_steps_scalar(wf_encoder *e)
{
    for (size_t t = e->n_steps; t-- > 0;)
        encode_step(e, t);
}

static wf_encode_steps_fn *active_encode_steps(void)
{
#if defined(MIC_X86)
    if (mic_active_isa() == MIC_ISA_AVX512)
        return mic_wf_encode_steps_avx512;
#endif
    return mic_wf_encode_steps_scalar;
}

/* ---- strip ------------------------------------------------------------- */

/* Entries of one context; returns how many symbols it has. */
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

/* By code, not by context and symbol: one look-up less for each sample. */
static void fill_tables(wf_encoder *e)
{
    const wf_model *model = e->model;
    unsigned n_symbols = 0;
    for (unsigned b = 0; b < WF_BUCKETS; b++) {
        uint64_t *entries = e->entries + (b << WF_CODE_BUCKET_SHIFT);
        if (b == 0 || model->context[b] != model->context[b - 1])
            n_symbols = fill_context(model, model->context[b], entries);
        else
            memcpy(entries, entries - (1 << WF_CODE_BUCKET_SHIFT), n_symbols * sizeof *entries);
    }
    e->entries[WF_IDLE] = 0;
}

/* Row kernels write padded rows; what they write beyond the row is idle again
 * before the lane's next row comes. */
static void close_row(uint16_t *code, size_t width, size_t padded)
{
    for (size_t x = width; x < padded; x++)
        code[x] = WF_IDLE;
}

static mic_status code_rows(wf_encoder *e, const uint16_t *words, mic_error *error)
{
    const wf_row_kernels *kernels = mic_wf_row_kernels_active();
    wf_rows rows;
    TRY(mic_wf_rows_open(&rows, e->width, error));
    for (size_t i = 0; i < WF_LANES * e->stride; i++)
        e->code[i] = WF_IDLE;
    for (size_t y = 0; y < e->height; y++) {
        size_t lane = y % WF_LANES, first = y / WF_LANES * e->period + WF_SKEW * lane;
        wf_row_codes codes = {e->code + lane * e->stride + first, e->raw + lane * e->stride + first};
        mic_wf_rows_next(&rows, kernels, e->model, words, y);
        kernels->predict(e->model, &rows);
        mic_wf_rows_close_errors(&rows);
        kernels->classify(e->model, &rows, &codes);
        close_row(codes.code, rows.width, rows.padded);
    }
    mic_wf_rows_close(&rows);
    return MIC_OK;
}

static size_t write_strip(wf_encoder *e, uint8_t *end)
{
    for (unsigned i = 0; i < WF_LANES; i++)
        e->states[i] = WF_STATE_LOW;
    e->next = end;
    active_encode_steps()(e);
    for (size_t i = min_size(e->height, WF_LANES); i-- > 0;) {
        e->next -= 4;
        store_u32(e->next, e->states[i]);
    }
    return (size_t)(end - e->next);
}

void mic_wf_scratch_free(wf_scratch *scratch)
{
    free(scratch->memory);
    *scratch = (wf_scratch){0};
}

static bool reserve(wf_scratch *scratch, size_t n_bytes)
{
    if (scratch->n_bytes >= n_bytes)
        return true;
    mic_wf_scratch_free(scratch);
    scratch->memory = malloc(n_bytes);
    scratch->n_bytes = scratch->memory ? n_bytes : 0;
    return scratch->memory != NULL;
}

/* Tables, codes, raw bits and words, one after the other. */
static mic_status divide_scratch(wf_encoder *e, wf_scratch *scratch, uint8_t **end, mic_error *error)
{
    const size_t n_entries = WF_N_ENTRIES, n_codes = WF_LANES * e->stride;
    const size_t bound = mic_wf_strip_bound(e->width, e->height);
    const size_t n_bytes = n_entries * sizeof *e->entries + 2 * n_codes * sizeof *e->code + bound;
    if (!reserve(scratch, n_bytes))
        return mic_fail(error, MIC_ERROR_MEMORY, "wavefront", -1, "no memory to encode a strip");
    e->entries = scratch->memory;
    e->code = (uint16_t *)(e->entries + n_entries);
    e->raw = e->code + n_codes;
    *end = (uint8_t *)scratch->memory + n_bytes;
    return MIC_OK;
}

mic_status mic_wf_encode_strip(const wf_model *model, const uint16_t *words, size_t width, size_t height,
                           wf_scratch *scratch, uint8_t *out, size_t capacity, size_t *n_bytes,
                           mic_error *error)
{
    wf_encoder e = {.model = model, .width = width, .height = height};
    uint8_t *end = NULL;
    e.period = width < WF_MIN_PERIOD ? WF_MIN_PERIOD : width;
    e.n_steps = (height + WF_LANES - 1) / WF_LANES * e.period + WF_SKEW * (WF_LANES - 1);
    e.stride = (e.n_steps + WF_ROW_BLOCK + WF_CODE_BLOCK - 1) / WF_CODE_BLOCK * WF_CODE_BLOCK;
    TRY(divide_scratch(&e, scratch, &end, error));
    fill_tables(&e);
    TRY(code_rows(&e, words, error));
    *n_bytes = write_strip(&e, end);
    if (*n_bytes > capacity)
        return mic_fail(error, MIC_ERROR_CAPACITY, "wavefront", -1,
                        "a strip takes %zu bytes, there is room for %zu", *n_bytes, capacity);
    memcpy(out, e.next, *n_bytes);
    return MIC_OK;
}
