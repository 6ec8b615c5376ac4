/* SPDX-License-Identifier: MIT
 *
 * See stdlib.h.
 */
#ifndef MIC_MSVC_WINDOWS_H
#define MIC_MSVC_WINDOWS_H

typedef void *HANDLE;
typedef unsigned long DWORD;
typedef int BOOL;
#define INFINITE 0xFFFFFFFFul
#define near /* these two are names that nobody may use */
#define far

DWORD __stdcall WaitForSingleObject(HANDLE handle, DWORD milliseconds);
BOOL __stdcall CloseHandle(HANDLE handle);
BOOL __stdcall IsProcessorFeaturePresent(DWORD feature);

#endif
