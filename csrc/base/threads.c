/* SPDX-License-Identifier: MIT
 *
 * A parallel loop: workers take the next index from a shared counter.
 */
#include "threads.h"

#include "atomics.h"

#include <stdlib.h>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <process.h>
#include <windows.h>
typedef HANDLE thread_handle;
typedef unsigned thread_result;
#define THREAD_CALL __stdcall
static bool thread_start(thread_handle *handle, thread_result(THREAD_CALL *entry)(void *), void *argument)
{
    *handle = (HANDLE)_beginthreadex(NULL, 0, entry, argument, 0, NULL);
    return *handle != NULL;
}
static void thread_join(thread_handle handle)
{
    WaitForSingleObject(handle, INFINITE);
    CloseHandle(handle);
}
#else
#include <pthread.h>
typedef pthread_t thread_handle;
typedef void *thread_result;
#define THREAD_CALL
static bool thread_start(thread_handle *handle, thread_result (*entry)(void *), void *argument)
{
    return pthread_create(handle, NULL, entry, argument) == 0;
}
static void thread_join(thread_handle handle) { pthread_join(handle, NULL); }
#endif

enum { MAX_THREADS = 256 };

typedef struct parallel_loop {
    mic_task *task;
    void *context;
    size_t n;
    mic_atomic_counter next;
} parallel_loop;

/* The first failure that one worker met.  Its indexes only increase, so this is the lowest. */
typedef struct worker {
    parallel_loop *loop;
    size_t failed_index;
    mic_status status;
    mic_error error;
} worker;

static void work(worker *self)
{
    parallel_loop *loop = self->loop;
    mic_error error;
    for (;;) {
        size_t i = counter_next(&loop->next);
        if (i >= loop->n)
            return;
        mic_status status = loop->task(loop->context, i, &error);
        if (status != MIC_OK && self->status == MIC_OK) {
            self->status = status;
            self->failed_index = i;
            self->error = error;
        }
    }
}

static thread_result THREAD_CALL worker_entry(void *argument)
{
    work(argument);
    return (thread_result)0;
}

mic_status mic_parallel_for(size_t n, int n_threads, mic_task *task, void *context, mic_error *error)
{
    parallel_loop loop = {.task = task, .context = context, .n = n};
    counter_reset(&loop.next);
    size_t n_workers = min_size(n, n_threads > MAX_THREADS ? MAX_THREADS
                                   : n_threads < 1         ? 1
                                                           : (size_t)n_threads);
    worker only = {.loop = &loop, .failed_index = n};
    worker *workers = n_workers > 1 ? calloc(n_workers, sizeof *workers) : NULL;
    thread_handle *handles = n_workers > 1 ? calloc(n_workers, sizeof *handles) : NULL;
    if (!workers || !handles) { /* only one thread was asked for, or memory allows only one */
        work(&only);
        free(workers);
        free(handles);
        if (only.status != MIC_OK && error)
            *error = only.error;
        return only.status;
    }
    /* A thread that cannot be started is not a failure, because the others do its work. */
    size_t n_started = 0;
    for (size_t i = 0; i < n_workers; i++)
        workers[i] = (worker){.loop = &loop, .failed_index = n};
    for (size_t i = 1; i < n_workers; i++)
        if (thread_start(&handles[n_started], worker_entry, &workers[i]))
            n_started++;
    work(&workers[0]);
    for (size_t i = 0; i < n_started; i++)
        thread_join(handles[i]);
    const worker *first = &workers[0];
    for (size_t i = 1; i < n_workers; i++)
        if (workers[i].failed_index < first->failed_index)
            first = &workers[i];
    mic_status status = first->status;
    if (status != MIC_OK && error)
        *error = first->error;
    free(workers);
    free(handles);
    return status;
}
