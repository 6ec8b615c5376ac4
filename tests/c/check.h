/* SPDX-License-Identifier: MIT
 *
 * The harness of the C suite, to be included first.  It has checks that count, words that
 * look like the codec's input, and buffers that end (or start) exactly at an inaccessible
 * page, with guard bytes on the other side.
 */
#ifndef CHECK_H
#define CHECK_H

#include "system.h"

#include "base/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* ---- checks ------------------------------------------------------------- */

static _Atomic unsigned long n_checks, n_failures; /* atomic because threads check too */

/* CHECK(condition, format, ...): the message tells which input failed. */
#define CHECK(condition, ...) check(condition, #condition, __FILE__, __LINE__, __VA_ARGS__)

MIC_PRINTF(5, 6)
static inline bool check(bool holds, const char *condition, const char *file, int line, const char *format,
                         ...)
{
    enum { MOST = 20 };
    n_checks++;
    if (holds)
        return true;
    va_list arguments;
    fprintf(stderr, "%s:%d: %s fails: ", file, line, condition);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    if (++n_failures == MOST) {
        fprintf(stderr, "stopped after %d failures\n", MOST);
        exit(1);
    }
    return false;
}

/* The exit status of main(). */
static inline int report(const char *name)
{
    printf("%-16s %9lu checks, %lu failures (%s)\n", name, n_checks, n_failures,
           mic_isa_name(mic_active_isa()));
    return n_failures != 0;
}

static inline void *need(void *memory)
{
    if (!memory) {
        fputs("out of memory\n", stderr);
        exit(2);
    }
    return memory;
}

/* A copy in a block of exactly its size (one byte if it is empty). */
static inline void *exact_copy(const void *data, size_t n_bytes)
{
    void *copy = need(malloc(n_bytes ? n_bytes : 1));
    if (n_bytes)
        memcpy(copy, data, n_bytes);
    return copy;
}

/* memcmp that accepts NULL for no bytes. */
static inline bool same(const void *a, const void *b, size_t n_bytes)
{
    return n_bytes == 0 || memcmp(a, b, n_bytes) == 0;
}

/* ---- random words ------------------------------------------------------- */

static uint64_t random_state = 0x9E3779B97F4A7C15u;

static inline uint32_t random_u32(void) /* xorshift64*: the same on every machine */
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (uint32_t)((random_state * 0x2545F4914F6CDD1Du) >> 32);
}

typedef enum pattern {
    SKEWED, /* small steps around 100, as residuals are */
    RUNS,   /* runs of 1 to 40 of few values */
    NOISE,
    FEW, /* four values */
    CONSTANT,
    EXTREMES, /* 0 and 65535 */
    RAMP,
    SPARSE, /* one value, and rarely 65535 or 32767: escapes */
    N_PATTERNS
} pattern;

static inline uint16_t skewed_word(void)
{
    unsigned r = random_u32();
    return (uint16_t)(100 + __builtin_ctz(r | 1u << 20) * (r >> 31 ? 1 : -1));
}

static inline void fill_words(pattern p, uint16_t *words, size_t n)
{
    uint16_t base = (uint16_t)random_u32();
    size_t left = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t r = random_u32();
        if (p == RUNS && left-- == 0) {
            left = r % 40;
            base = (uint16_t)(r >> 16 & 7);
        }
        words[i] = (uint16_t)(p == SKEWED     ? skewed_word()
                              : p == RUNS     ? base
                              : p == NOISE    ? r
                              : p == FEW      ? r & 3
                              : p == CONSTANT ? base
                              : p == EXTREMES ? 0 - (r & 1)
                              : p == RAMP     ? base + 3 * i
                              : r % 29        ? base
                              : r & 32        ? 65535
                                              : 32767);
    }
}

/* ---- guarded buffers ---------------------------------------------------- */

enum { GUARD_BYTES = 256, GUARD = 0xA5 };

/* [no access] [room] [no access] */
typedef struct guarded {
    uint8_t *room;
    size_t n_room;
    uint8_t *data; /* the most recent buffer */
    size_t n;
} guarded;

static inline guarded guarded_new(size_t max_bytes)
{
    const size_t page = page_bytes();
    const size_t n_room = (max_bytes + GUARD_BYTES + page - 1) / page * page;
    uint8_t *pages = need(pages_new(n_room + 2 * page));
    need(pages_close(pages, page) && pages_close(pages + page + n_room, page) ? pages : NULL);
    return (guarded){.room = pages + page, .n_room = n_room};
}

static inline void guarded_free(guarded *g)
{
    const size_t page = page_bytes();
    pages_free(g->room - page, g->n_room + 2 * page);
}

/* A buffer of n bytes that ends where access ends, or starts where it starts; `skip` bytes
 * in between give other alignments. */
static inline void *guarded_place(guarded *g, size_t n, bool at_end, size_t skip)
{
    need(n + skip + GUARD_BYTES <= g->n_room ? g->room : NULL);
    uint8_t *low = at_end ? g->room + g->n_room - skip - n - GUARD_BYTES : g->room;
    memset(low, GUARD, n + skip + GUARD_BYTES);
    g->data = at_end ? low + GUARD_BYTES : low + skip;
    g->n = n;
    return g->data;
}

static inline void *guarded_end(guarded *g, size_t n) { return guarded_place(g, n, true, 0); }

static inline void *guarded_copy(guarded *g, const void *data, size_t n)
{
    guarded_end(g, n);
    if (n)
        memcpy(g->data, data, n);
    return g->data;
}

static inline bool guarded_intact(const guarded *g)
{
    const uint8_t *end = g->room + g->n_room, *p;
    for (p = g->data; p > g->room && p > g->data - GUARD_BYTES; p--)
        if (p[-1] != GUARD)
            return false;
    for (p = g->data + g->n; p < end && p < g->data + g->n + GUARD_BYTES; p++)
        if (*p != GUARD)
            return false;
    return true;
}

#endif
