/* SPDX-License-Identifier: MIT
 *
 * Memory for whole images and strips.
 */
#ifndef MIC_LARGE_MEMORY_H
#define MIC_LARGE_MEMORY_H

#include <stdint.h>

/* malloc and free for blocks that may be as large as an image.  Some are kept for the next
 * call instead of being returned to the system, and the largest ask for huge pages, because
 * the first touch of each page of 4 KB takes longer than coding the samples on it.  Sizes
 * are 64-bit because on 32-bit machines their products may not fit in size_t. */
void *mic_large_malloc(uint64_t n_bytes);
void mic_large_free(void *bytes); /* a block of mic_large_malloc, or NULL */

#endif
