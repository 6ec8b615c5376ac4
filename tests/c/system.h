/* SPDX-License-Identifier: MIT
 *
 * What the C suite asks of the system: pages that can be closed to access, and threads.
 */
#ifndef SYSTEM_H
#define SYSTEM_H

#if !defined(_WIN32)
#define _DEFAULT_SOURCE /* for MAP_ANONYMOUS in spite of -std=c11 */
#define _DARWIN_C_SOURCE
#endif

#include <stdbool.h>
#include <stddef.h>

typedef void thread_work(void *argument);

#if defined(_WIN32)

#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <process.h>
#include <windows.h>

static inline size_t page_bytes(void)
{
    SYSTEM_INFO system;
    GetSystemInfo(&system);
    return system.dwPageSize;
}

static inline void *pages_new(size_t n_bytes) /* NULL if there is no room */
{
    return VirtualAlloc(NULL, n_bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

static inline bool pages_close(void *pages, size_t n_bytes)
{
    DWORD before;
    return VirtualProtect(pages, n_bytes, PAGE_NOACCESS, &before);
}

static inline void pages_free(void *pages, size_t n_bytes)
{
    (void)n_bytes;
    VirtualFree(pages, 0, MEM_RELEASE);
}

typedef struct thread { /* stays where it is until it is joined */
    HANDLE handle;
    thread_work *work;
    void *argument;
} thread;

static inline unsigned __stdcall thread_entry(void *self)
{
    ((thread *)self)->work(((thread *)self)->argument);
    return 0;
}

static inline bool thread_start(thread *self, thread_work *work, void *argument)
{
    self->work = work;
    self->argument = argument;
    self->handle = (HANDLE)_beginthreadex(NULL, 0, thread_entry, self, 0, NULL);
    return self->handle != NULL;
}

static inline void thread_join(thread *self)
{
    WaitForSingleObject(self->handle, INFINITE);
    CloseHandle(self->handle);
}

#else

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

static inline size_t page_bytes(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static inline void *pages_new(size_t n_bytes) /* NULL if there is no room */
{
    void *pages = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

static inline bool pages_close(void *pages, size_t n_bytes)
{
    return mprotect(pages, n_bytes, PROT_NONE) == 0;
}

static inline void pages_free(void *pages, size_t n_bytes) { munmap(pages, n_bytes); }

typedef struct thread { /* stays where it is until it is joined */
    pthread_t handle;
    thread_work *work;
    void *argument;
} thread;

static inline void *thread_entry(void *self)
{
    ((thread *)self)->work(((thread *)self)->argument);
    return NULL;
}

static inline bool thread_start(thread *self, thread_work *work, void *argument)
{
    self->work = work;
    self->argument = argument;
    return pthread_create(&self->handle, NULL, thread_entry, self) == 0;
}

static inline void thread_join(thread *self) { pthread_join(self->handle, NULL); }

#endif

#endif
