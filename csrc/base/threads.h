/* SPDX-License-Identifier: MIT
 *
 * Runs work on several threads without a pool.  Threads live for one call, so nothing has
 * to survive a fork, and an idle process has no threads of ours.
 */
#ifndef MIC_THREADS_H
#define MIC_THREADS_H

#include "internal.h"

/* One item of work; `error` is private to the item until the call returns. */
typedef mic_status mic_task(void *context, size_t index, mic_error *error);

/* Run task(context, i) for all i in [0, n) on up to n_threads threads, including the
 * calling one.  Every item is tried, whatever the others return.  Returns the status and
 * the error of the failing item with the lowest index, so the answer does not depend on the
 * number of threads. */
mic_status mic_parallel_for(size_t n, int n_threads, mic_task *task, void *context, mic_error *error);

#endif
