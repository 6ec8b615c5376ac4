/* SPDX-License-Identifier: MIT
 *
 * What the core uses of the C library, as Windows declares it.  These headers stand in for
 * Microsoft's where ci/compile.sh only compiles; see there.
 */
#ifndef MIC_MSVC_STDLIB_H
#define MIC_MSVC_STDLIB_H

#include <stddef.h>

void *__cdecl malloc(size_t size);
void *__cdecl calloc(size_t count, size_t size);
void *__cdecl realloc(void *block, size_t size);
void __cdecl free(void *block);
char *__cdecl getenv(const char *name);

#endif
