/* SPDX-License-Identifier: MIT
 *
 * See stdlib.h.
 */
#ifndef MIC_MSVC_STRING_H
#define MIC_MSVC_STRING_H

#include <stddef.h>

void *__cdecl memcpy(void *to, const void *from, size_t size);
void *__cdecl memmove(void *to, const void *from, size_t size);
void *__cdecl memset(void *block, int byte, size_t size);
int __cdecl memcmp(const void *a, const void *b, size_t size);
void *__cdecl memchr(const void *block, int byte, size_t size);
int __cdecl strcmp(const char *a, const char *b);

#endif
