/* SPDX-License-Identifier: MIT
 *
 * Threads, mainly for ThreadSanitizer: the parallel loop runs every item once and answers
 * with the lowest failing one, and any number of callers work at once, from the first use
 * of the library on.
 */
#include "check.h"

#include "base/kernels.h"
#include "streams.h"
#include "base/threads.h"

#include <stdatomic.h>

/* ---- the loop ----------------------------------------------------------- */

enum { MOST_ITEMS = 1000 };

typedef struct items {
    atomic_uint runs[MOST_ITEMS];
    bool fails[MOST_ITEMS];
} items;

static mic_status run_item(void *context, size_t i, mic_error *error)
{
    items *all = context;
    atomic_fetch_add(&all->runs[i], 1);
    for (volatile unsigned k = 0; k < (unsigned)(i * 7 % 50); k++) /* items take unequal time */
        ;
    if (!all->fails[i])
        return MIC_OK;
    return mic_fail(error, i % 2 ? MIC_ERROR_CORRUPT : MIC_ERROR_TRUNCATED, "test", (int64_t)i, "item %zu",
                    i);
}

static void check_loop(items *all, size_t n, int n_threads)
{
    size_t lowest = 0;
    while (lowest < n && !all->fails[lowest])
        lowest++;
    const mic_status wanted = lowest == n ? MIC_OK : lowest % 2 ? MIC_ERROR_CORRUPT : MIC_ERROR_TRUNCATED;
    mic_error error = {.offset = -7};
    for (size_t i = 0; i < MOST_ITEMS; i++)
        atomic_store(&all->runs[i], 0);
    mic_status status = mic_parallel_for(n, n_threads, run_item, all, &error);
    CHECK(status == wanted, "status %d, %d expected: n %zu threads %d", status, wanted, n, n_threads);
    CHECK(error.offset == (lowest == n ? -7 : (int64_t)lowest), "item %lld, %zu expected: n %zu threads %d",
          (long long)error.offset, lowest, n, n_threads);
    for (size_t i = 0; i < MOST_ITEMS; i++)
        CHECK(atomic_load(&all->runs[i]) == (i < n), "item %zu of %zu ran %u times, %d threads", i, n,
              atomic_load(&all->runs[i]), n_threads);
    CHECK(mic_parallel_for(n, n_threads, run_item, all, NULL) == wanted, "without an error to fill");
}

static void test_loop(void)
{
    static const int threads[] = {-1, 0, 1, 2, 3, 8, 40, 300};
    static const size_t sizes[] = {0, 1, 2, 7, 100, MOST_ITEMS};
    static items all;
    for (size_t t = 0; t < COUNT_OF(threads); t++)
        for (size_t k = 0; k < COUNT_OF(sizes); k++)
            for (unsigned one_in = 0; one_in < 30; one_in += 14) {
                for (size_t i = 0; i < MOST_ITEMS; i++)
                    all.fails[i] = one_in && random_u32() % one_in == 0;
                check_loop(&all, sizes[k], threads[t]);
            }
}

/* ---- a damaged frame among many ----------------------------------------- */

/* The message names the first damaged frame, however many threads there are. */
static void test_lowest_frame(void)
{
    static const stream_case volume = {"volume", NATIVE, MIC_UINT16, 1, 1,      {12}, 20,
                                       20,       0,      FSE,        4, SKEWED, 1};
    stream s = make_stream(&volume);
    uint64_t *offsets = NULL;
    uint8_t *out = need(malloc(s.n_sample_bytes));
    CHECK(locate_frames(s.bytes, s.n_bytes, &s.layout, &offsets, NULL) == MIC_OK, "volume");
    s.bytes[offsets[11] - 1] ^= 1;
    s.bytes[offsets[5] - 1] ^= 1; /* the last bytes of frames 10 and 4 */
    for (int n_threads = 1; n_threads <= 16; n_threads++) {
        mic_error error = {.frame = -1};
        mic_status status = decode_stream(s.bytes, s.n_bytes, n_threads, out, s.n_sample_bytes, NULL, &error);
        CHECK(status == MIC_ERROR_CHECKSUM && error.frame == 4 && error.strip == 0,
              "status %d frame %lld strip %lld, %d threads", status, (long long)error.frame,
              (long long)error.strip, n_threads);
    }
    free(out);
    free(offsets);
    stream_free(&s);
}

/* ---- many callers ------------------------------------------------------- */

enum { CALLERS = 16, ROUNDS = 2 };

static stream streams[COUNT_OF(stream_cases)];

typedef struct caller {
    thread thread;
    int number;
    bool found_kernels;
} caller;

static void call(void *argument)
{
    caller *self = argument;
    for (size_t i = 0; i < ROUNDS * COUNT_OF(streams); i++) {
        const size_t which = (i + (size_t)self->number * 3) % COUNT_OF(streams);
        const stream *s = &streams[which];
        const char *name = stream_cases[which].name;
        uint8_t *out = need(malloc(s->n_sample_bytes));
        mic_error error;
        mic_status status = decode_stream(s->bytes, s->n_bytes, 1 + self->number % 3, out, s->n_sample_bytes,
                                          NULL, &error);
        CHECK(status == MIC_OK && same(out, s->samples, s->n_sample_bytes), "%s by caller %d", name,
              self->number);
        status = decode_stream(s->bytes, s->n_bytes / 2, 2, out, s->n_sample_bytes, NULL, &error);
        CHECK(status != MIC_OK, "half of %s by caller %d", name, self->number);
        free(out);
        const mic_encode_options options = asked_options(&stream_cases[which], 2);
        const mic_layout layout = asked_layout(&stream_cases[which]);
        mic_encoded *encoded = NULL;
        status = mic_encode(&layout, s->samples, &options, &encoded, &error);
        if (!CHECK(status == MIC_OK, "%s by caller %d", name, self->number))
            continue;
        size_t n_again;
        uint8_t *again = take_encoded(encoded, &n_again);
        CHECK(stream_cases[which].strip_rows || (n_again == s->n_bytes && same(again, s->bytes, n_again)),
              "%s by caller %d", name, self->number);
        free(again);
    }
}

static void first_use(void *argument)
{
    ((caller *)argument)->found_kernels = mic_kernels_active()->isa == mic_active_isa();
}

/* All callers at once. */
static void run_callers(caller *callers, thread_work *work)
{
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (caller){.number = i};
        if (!thread_start(&callers[i].thread, work, &callers[i]))
            need(NULL);
    }
    for (int i = 0; i < CALLERS; i++)
        thread_join(&callers[i].thread);
}

static void test_callers(void)
{
    caller callers[CALLERS];
    run_callers(callers, call);
}

/* Runs before anything else has chosen the kernels. */
static void test_first_use(void)
{
    caller callers[CALLERS];
    run_callers(callers, first_use);
    for (int i = 0; i < CALLERS; i++)
        CHECK(callers[i].found_kernels, "caller %d", i);
}

int main(void)
{
    test_first_use();
    test_loop();
    test_lowest_frame();
    for (size_t i = 0; i < COUNT_OF(streams); i++)
        streams[i] = make_stream(&stream_cases[i]);
    test_callers();
    for (size_t i = 0; i < COUNT_OF(streams); i++)
        stream_free(&streams[i]);
    return report("test_threads");
}
