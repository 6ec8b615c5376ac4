/* SPDX-License-Identifier: MIT
 *
 * Memory for whole images.
 */
#ifndef MIC_LARGE_MEMORY_H
#define MIC_LARGE_MEMORY_H

#include <stddef.h>

/* malloc for blocks that may be as large as an image; free() gives them back.  Blocks of
 * some megabytes ask for huge pages: a first touch of each of their 4 KB pages takes longer
 * than coding the samples on it. */
void *mic_large_malloc(size_t n_bytes);

#endif
