/* SPDX-License-Identifier: MIT
 *
 * Code that all targets share: assertions, blocks of their exact size, words from bytes, a
 * check of errors and their messages, and the instruction sets of this machine.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "base/kernels.h"

#include <stdio.h>
#include <stdlib.h>

/* The one function of a target; libFuzzer or replay.c calls it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void demand(bool promise, const char *who, const char *what)
{
    if (!promise) {
        fprintf(stderr, "broken promise: %s: %s\n", who, what);
        abort();
    }
}

/* A block of exactly that size, so that the sanitizer sees a step outside by one byte.  It
 * is filled with a byte that must not leak into results. */
static inline void *allocate_filled(size_t n_bytes, int filling)
{
    void *block = malloc(n_bytes ? n_bytes : 1);
    demand(block != NULL, "malloc", "no memory");
    memset(block, filling, n_bytes ? n_bytes : 1);
    return block;
}

static inline void *allocate(size_t n_bytes) { return allocate_filled(n_bytes, 0xA5); }

static inline void *copy_of(const void *data, size_t n_bytes)
{
    void *copy = allocate(n_bytes);
    if (n_bytes)
        memcpy(copy, data, n_bytes);
    return copy;
}

/* memcmp that accepts NULL for no bytes. */
static inline bool equal(const void *a, const void *b, size_t n_bytes)
{
    return n_bytes == 0 || memcmp(a, b, n_bytes) == 0;
}

/* Words of two bytes each, low one first. */
static inline uint16_t *words_of(const uint8_t *data, size_t n_words)
{
    uint16_t *words = allocate(n_words * sizeof *words);
    for (size_t i = 0; i < n_words; i++)
        words[i] = load_u16(data + 2 * i);
    return words;
}

static inline void check_sentence(mic_status status, const mic_error *error)
{
    if (status == MIC_OK)
        return;
    demand(error->status == status && error->stage != NULL, "error", "without status or stage");
    demand(memchr(error->message, 0, sizeof error->message) != NULL && error->message[0] != 0, "error",
           "without a sentence");
}

/* If any bytes are decoded and there is enough room, errors are about the data.
 * UNSUPPORTED is an unknown method or a required block, LIMIT a size that a stage's words
 * cannot have. */
static inline void check_error(mic_status status, const mic_error *error)
{
    check_sentence(status, error);
    demand(status < MIC_ERROR_ARGUMENT || status == MIC_ERROR_UNSUPPORTED || status == MIC_ERROR_LIMIT,
           "error", "that is not about data");
}

/* Read the header of a stream, or find out why it has none. */
static inline mic_status read_layout(const uint8_t *in, size_t n_bytes, mic_layout *layout)
{
    mic_error error = {.status = MIC_OK};
    mic_status status = mic_read_header(in, n_bytes, layout, &error);
    check_error(status, &error);
    return status;
}

/* Rows that a rescue does not mark intact must be 0. */
static inline void check_rescued(const mic_decode_job *job, size_t n_row)
{
    for (size_t y = 0; job->intact && y < job->n_rows; y++) {
        demand(job->intact[y] <= 1, "rescue", "a flag is neither 0 nor 1");
        for (size_t x = 0; !job->intact[y] && x < n_row; x++)
            demand(job->out[y * n_row + x] == 0, "rescue", "a damaged row is not 0");
    }
}

/* Two places (two bytes each), and the bits to flip there and in the next byte. */
enum { DAMAGE = 8 };

static inline void damage(const uint8_t how[DAMAGE], uint8_t *bytes, size_t n_bytes)
{
    for (size_t k = 0; k + 4 <= DAMAGE && n_bytes; k += 4) {
        const size_t at = load_u16(how + k) % n_bytes;
        bytes[at] ^= how[k + 2];
        bytes[(at + 1) % n_bytes] ^= how[k + 3];
    }
}

/* The instruction sets of this machine, the scalar code first. */
static inline size_t available_isas(mic_isa isas[4])
{
    static const mic_isa all[4] = {MIC_ISA_SCALAR, MIC_ISA_AVX2, MIC_ISA_AVX512, MIC_ISA_NEON};
    size_t n = 0;
    for (size_t i = 0; i < 4; i++)
        if (mic_kernels_for(all[i]))
            isas[n++] = all[i];
    return n;
}

#endif
