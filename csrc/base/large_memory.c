/* SPDX-License-Identifier: MIT
 *
 * Memory for whole images and strips: malloc, with a few blocks kept between calls and
 * advice to the system about the largest.
 */
#if defined(__linux__)
#define _DEFAULT_SOURCE /* for madvise, which is not in the C standard that we compile for */
#include <sys/mman.h>
#include <unistd.h>
#endif

#include "large_memory.h"

#include "atomics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define MIC_KEEPS_BLOCKS 0 /* every block has its own size and is gone once freed */
#elif defined(__has_feature)
#define MIC_KEEPS_BLOCKS !__has_feature(address_sanitizer)
#else
#define MIC_KEEPS_BLOCKS 1
#endif

/* At most N_KEPT * LARGEST_KEPT bytes are kept.  The C library itself keeps blocks smaller
 * than SMALLEST_KEPT. */
enum { N_KEPT = 8, SMALLEST_KEPT = 1 << 16, LARGEST_KEPT = 1 << 23 };
enum { HUGE_FROM = 1 << 22 }; /* two huge pages of x86-64: a smaller block may not hold a whole one */

typedef struct block {
    uint64_t n_bytes; /* 8 bytes, so that those behind are aligned to 8: nothing needs more */
    uint8_t bytes[];
} block;

/* Each is NULL or a block without an owner.  Whoever exchanges it owns it, so there is no
 * lock that a fork could leave locked. */
static mic_atomic_pointer kept[N_KEPT];
static mic_atomic_counter next_to_go;

#if defined(__linux__) && defined(MADV_HUGEPAGE)
/* Advise the system about the whole pages of a block.  The advice affects only speed, also
 * for neighbours on the heap; if the system refuses it, nothing is lost. */
static void advise_huge_pages(block *b)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)b->bytes;
    const uintptr_t first = (start + page - 1) & ~(page - 1), end = (start + b->n_bytes) & ~(page - 1);
    (void)madvise((void *)first, end - first, MADV_HUGEPAGE);
}
#else
static void advise_huge_pages(block *b) { (void)b; }
#endif

static bool is_kept(size_t n_bytes)
{
    return MIC_KEEPS_BLOCKS && n_bytes >= SMALLEST_KEPT && n_bytes <= LARGEST_KEPT;
}

static void keep(block *b)
{
    for (unsigned i = 0; i < N_KEPT; i++)
        if (!pointer_set_if_null(&kept[i], b))
            return;
    free(pointer_exchange(&kept[counter_next(&next_to_go) % N_KEPT], b));
}

/* Take a kept block that is large enough but not over four times too large. */
static block *take(size_t n_bytes)
{
    for (unsigned i = 0; i < N_KEPT; i++) {
        block *b = pointer_exchange(&kept[i], NULL);
        if (b && b->n_bytes >= n_bytes && b->n_bytes / 4 <= n_bytes)
            return b;
        if (b)
            keep(b);
    }
    return NULL;
}

void *mic_large_malloc(uint64_t n)
{
    if (n > SIZE_MAX - sizeof(block))
        return NULL;
    const size_t n_bytes = (size_t)n;
    block *b = is_kept(n_bytes) ? take(n_bytes) : NULL;
    if (b)
        return b->bytes;
    b = malloc(sizeof *b + n_bytes);
    if (!b)
        return NULL;
    b->n_bytes = n_bytes;
    if (n_bytes >= HUGE_FROM)
        advise_huge_pages(b);
    return b->bytes;
}

void mic_large_free(void *bytes)
{
    if (!bytes)
        return;
    block *b = (block *)((uint8_t *)bytes - offsetof(block, bytes));
    if (is_kept(b->n_bytes))
        keep(b);
    else
        free(b);
}
