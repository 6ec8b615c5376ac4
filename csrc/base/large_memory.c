/* SPDX-License-Identifier: MIT
 *
 * Memory for whole images and strips: malloc, a few blocks kept between calls, advice to
 * the system about the largest.
 */
#if defined(__linux__)
#define _DEFAULT_SOURCE /* madvise, which is not in the C standard that we compile for */
#include <sys/mman.h>
#include <unistd.h>
#endif

#include "large_memory.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define MIC_KEEPS_BLOCKS 0 /* every block of its own size, and gone when it is freed */
#elif defined(__has_feature)
#define MIC_KEEPS_BLOCKS !__has_feature(address_sanitizer)
#else
#define MIC_KEEPS_BLOCKS 1
#endif

/* What is kept is at most N_KEPT * LARGEST_KEPT bytes; smaller blocks than SMALLEST_KEPT
 * the C library keeps anyway. */
enum { N_KEPT = 8, SMALLEST_KEPT = 1 << 16, LARGEST_KEPT = 1 << 23 };
enum { HUGE_FROM = 1 << 22 }; /* two huge pages of x86-64: less may not hold a whole one */

typedef struct block {
    size_t n_bytes;
    alignas(uint64_t) uint8_t bytes[]; /* nothing needs more, and malloc may not give more */
} block;

/* Each either NULL or a block that belongs to nobody: who exchanges it owns it, so no
 * lock is held that a fork could leave behind. */
static _Atomic(block *) kept[N_KEPT];
static atomic_uint next_to_go;

#if defined(__linux__) && defined(MADV_HUGEPAGE)
/* The whole pages of a block.  The advice changes nothing but speed, also for
 * neighbours on the heap; a system that refuses it is as good as before. */
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
    for (unsigned i = 0; i < N_KEPT; i++) {
        block *none = NULL;
        if (atomic_compare_exchange_strong(&kept[i], &none, b))
            return;
    }
    free(atomic_exchange(&kept[atomic_fetch_add(&next_to_go, 1) % N_KEPT], b));
}

/* A kept block that is large enough, but not four times too large. */
static block *take(size_t n_bytes)
{
    for (unsigned i = 0; i < N_KEPT; i++) {
        block *b = atomic_exchange(&kept[i], NULL);
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
