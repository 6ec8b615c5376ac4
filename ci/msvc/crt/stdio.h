/* SPDX-License-Identifier: MIT
 *
 * See stdlib.h.
 */
#ifndef MIC_MSVC_STDIO_H
#define MIC_MSVC_STDIO_H

#include <stdarg.h>
#include <stddef.h>

int __cdecl vsnprintf(char *out, size_t size, const char *format, va_list arguments);

#endif
