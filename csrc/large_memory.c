/* SPDX-License-Identifier: MIT
 *
 * Memory for whole images: malloc, and advice to the kernel.
 */
#if defined(__linux__)
#define _DEFAULT_SOURCE /* madvise, which is not in the C standard that we compile for */
#include <sys/mman.h>
#include <unistd.h>
#endif

#include "large_memory.h"

#include <stdint.h>
#include <stdlib.h>

#if defined(__linux__) && defined(MADV_HUGEPAGE)
/* The whole pages of a block.  The advice changes nothing but speed, also for
 * neighbours on the heap; a kernel that refuses it is as good as before. */
static void advise_huge_pages(void *block, size_t n_bytes)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t first = ((uintptr_t)block + page - 1) & ~(page - 1), end = ((uintptr_t)block + n_bytes) & ~(page - 1);
    if (first < end)
        (void)madvise((void *)first, end - first, MADV_HUGEPAGE);
}
#else
static void advise_huge_pages(void *block, size_t n_bytes)
{
    (void)block;
    (void)n_bytes;
}
#endif

void *mic_large_malloc(size_t n_bytes)
{
    enum { LARGE = 1 << 22 }; /* two huge pages of x86-64: less seldom holds a whole one */
    void *block = malloc(n_bytes);
    if (block && n_bytes >= LARGE)
        advise_huge_pages(block, n_bytes);
    return block;
}
