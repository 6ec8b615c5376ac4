/* SPDX-License-Identifier: MIT
 *
 * See stdlib.h.
 */
#ifndef MIC_MSVC_PROCESS_H
#define MIC_MSVC_PROCESS_H

#include <stdint.h>

uintptr_t __cdecl _beginthreadex(void *security, unsigned stack_size, unsigned(__stdcall *entry)(void *),
                                 void *argument, unsigned flags, unsigned *identifier);

#endif
