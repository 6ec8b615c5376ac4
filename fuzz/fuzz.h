/* SPDX-License-Identifier: MIT
 *
 * What all targets share: promises, blocks of their exact size, words from bytes,
 * errors with a sentence, and the instruction sets of this machine.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "kernels.h"

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

/* A block of exactly that size: the sanitizer sees a step outside by one byte.  It is
 * filled with a byte that must not leak into results. */
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

/* memcmp, which may not be asked about no bytes at NULL. */
static inline bool equal(const void *a, const void *b, size_t n_bytes)
{
    return n_bytes == 0 || memcmp(a, b, n_bytes) == 0;
}

/* Two bytes each, low one first. */
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

/* Errors of who decodes any bytes with room enough are about data.  UNSUPPORTED is an
 * unknown method or a required block, LIMIT a size that the words of a stage cannot have. */
static inline void check_error(mic_status status, const mic_error *error)
{
    check_sentence(status, error);
    demand(status < MIC_ERROR_ARGUMENT || status == MIC_ERROR_UNSUPPORTED || status == MIC_ERROR_LIMIT, "error",
           "that is not about data");
}

/* Instruction sets of this machine, the scalar code first. */
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
