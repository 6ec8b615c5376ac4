/* SPDX-License-Identifier: MIT
 *
 * Cycles per pixel of each stage, for every instruction set of this machine:
 *
 *     cycles WIDTH HEIGHT FILE     16-bit samples, little-endian, row by row
 *
 * Prints "ISA stage cycles" lines, the least of many runs: what the stage costs
 * when nothing else runs.  Counted in ticks of the time stamp counter (x86), which
 * run at the nominal clock; elsewhere in nanoseconds.
 */
#include "../csrc/base/checksum.h"
#include "../csrc/base/kernels.h"
#include "../csrc/wavefront/wavefront.h"

#include <stdio.h>
#include <time.h>

#if defined(MIC_X86)
#include <x86intrin.h>
static uint64_t now(void) { return __rdtsc(); }
#else
static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
#endif

enum { RUNS = 15 };

typedef struct image {
    size_t width, height, n_pixels, strip_rows, n_strips;
    uint16_t *pixels, *words, *runs, *back;
    uint8_t *bytes;
    size_t capacity, n_words, n_runs, n_bytes;
    uint8_t **strips;
    size_t *strip_bytes;
    uint8_t model_bytes[WF_MODEL_BOUND];
    size_t n_model;
    uint16_t largest;
} image;

static void check(mic_status status, const char *stage)
{
    if (status == MIC_OK)
        return;
    fprintf(stderr, "cycles: %s failed with status %d\n", stage, (int)status);
    exit(1);
}

static void stage_delta_encode(image *i)
{
    check(mic_delta_encode(MIC_PREDICT_AVERAGE, i->pixels, i->width, i->height, i->largest, i->words,
                           &i->n_words, NULL),
          "delta");
}
static void stage_delta_decode(image *i)
{
    check(mic_delta_decode(MIC_PREDICT_AVERAGE, i->words, i->n_words, i->width, i->height, i->back, NULL),
          "delta");
}
static void stage_rle_encode(image *i)
{
    check(mic_rle_encode(i->words, i->n_words, i->words[0], 0, i->runs, &i->n_runs, NULL), "rle");
}
static void stage_rle_decode(image *i)
{
    size_t n;
    check(mic_rle_decode(i->runs, i->n_runs, 0, i->back, mic_rle_bound(i->n_words), &n, NULL), "rle");
}
static void stage_fse_encode(image *i)
{
    check(mic_fse_encode(i->runs, i->n_runs, 4, i->bytes, i->capacity, &i->n_bytes, NULL), "fse");
}
static void stage_fse_decode(image *i)
{
    size_t n;
    check(mic_fse_decode(i->bytes, i->n_bytes, i->back, i->n_runs, &n, NULL), "fse");
}
static void stage_largest(image *i) { i->largest = mic_kernels_active()->largest(i->pixels, i->n_pixels); }
static void stage_histogram(image *i)
{
    static uint32_t counts[65536];
    memset(counts, 0, sizeof counts);
    mic_kernels_active()->histogram(i->pixels, i->n_pixels, counts);
}
static void stage_checksum(image *i)
{
    volatile uint32_t crc = mic_kernels_active()->crc32c(0, i->pixels, 2 * i->n_pixels);
    (void)crc;
}

static size_t rows_of(const image *i, size_t strip)
{
    size_t first = strip * i->strip_rows, left = i->height - first;
    return left < i->strip_rows ? left : i->strip_rows;
}

static void wavefront_encode(image *i, int effort)
{
    wf_plane_encoder *plane;
    static wf_model model;
    check(mic_wf_plane_open(i->pixels, 0, i->width, i->height, i->strip_rows, i->largest, effort, &plane,
                            NULL),
          "wavefront");
    for (size_t s = 0; s < i->n_strips; s++)
        check(mic_wf_plane_analyse(plane, s, NULL), "wavefront");
    check(mic_wf_plane_choose(plane, &model, NULL), "wavefront");
    check(mic_wf_write_model(&model, i->model_bytes, sizeof i->model_bytes, &i->n_model, NULL), "model");
    for (size_t s = 0; s < i->n_strips; s++)
        check(mic_wf_plane_encode(plane, s, i->strips[s], mic_wf_strip_bound(i->width, rows_of(i, s)),
                                  &i->strip_bytes[s], NULL),
              "wavefront");
    mic_wf_plane_free(plane);
}
static void stage_wavefront_encode_1(image *i) { wavefront_encode(i, 1); }
static void stage_wavefront_encode_5(image *i) { wavefront_encode(i, 5); }

static wf_decoder *open_decoder(const image *i)
{
    static wf_decoder decoder;
    size_t n_used;
    check(mic_wf_decoder_open(i->model_bytes, i->n_model, &decoder, &n_used, NULL), "model");
    return &decoder;
}
static void stage_wavefront_tables(image *i) { mic_wf_decoder_free(open_decoder(i)); }
static void stage_wavefront_decode(image *i)
{
    wf_decoder *decoder = open_decoder(i);
    wf_strip_job *jobs = calloc(i->n_strips, sizeof *jobs);
    for (size_t s = 0; s < i->n_strips; s++)
        jobs[s] = (wf_strip_job){i->strips[s], i->strip_bytes[s], i->back + s * i->strip_rows * i->width,
                                 rows_of(i, s)};
    check(mic_kernels_active()->wavefront_decode(decoder, jobs, i->n_strips, i->width, NULL), "wavefront");
    free(jobs);
    mic_wf_decoder_free(decoder);
}

static const struct {
    const char *name;
    void (*run)(image *);
    int decodes; /* `back` must hold the pixels after it */
} stages[] = {
    {"largest", stage_largest, 0},
    {"histogram", stage_histogram, 0},
    {"checksum", stage_checksum, 0},
    {"delta encode", stage_delta_encode, 0},
    {"delta decode", stage_delta_decode, 1},
    {"run lengths encode", stage_rle_encode, 0},
    {"run lengths decode", stage_rle_decode, 0},
    {"FSE encode, 4 states", stage_fse_encode, 0},
    {"FSE decode, 4 states", stage_fse_decode, 0},
    {"wavefront encode, effort 1", stage_wavefront_encode_1, 0},
    {"wavefront encode, effort 5", stage_wavefront_encode_5, 0},
    {"wavefront tables", stage_wavefront_tables, 0},
    {"wavefront decode", stage_wavefront_decode, 1},
};

static void measure(image *i, mic_isa isa)
{
    if (mic_use_isa(isa, NULL) != MIC_OK)
        return;
    for (size_t s = 0; s < sizeof stages / sizeof *stages; s++) {
        uint64_t least = UINT64_MAX;
        for (int run = 0; run < RUNS; run++) {
            uint64_t start = now();
            stages[s].run(i);
            uint64_t taken = now() - start;
            least = taken < least ? taken : least;
        }
        if (stages[s].decodes && memcmp(i->back, i->pixels, 2 * i->n_pixels) != 0)
            check(MIC_ERROR_VERIFY, stages[s].name);
        printf("%s\t%s\t%.4f\n", mic_isa_name(isa), stages[s].name, (double)least / (double)i->n_pixels);
    }
}

static image load(size_t width, size_t height, const char *path)
{
    image i = {.width = width, .height = height, .n_pixels = width * height, .strip_rows = 64};
    i.n_strips = (height + i.strip_rows - 1) / i.strip_rows;
    size_t room = mic_rle_bound(mic_delta_bound(i.n_pixels));
    i.capacity = mic_fse_bound(room);
    i.pixels = calloc(i.n_pixels, 2);
    i.words = calloc(room, 2), i.runs = calloc(room, 2), i.back = calloc(room, 2);
    i.bytes = calloc(i.capacity, 1);
    i.strips = calloc(i.n_strips, sizeof *i.strips);
    i.strip_bytes = calloc(i.n_strips, sizeof *i.strip_bytes);
    for (size_t s = 0; s < i.n_strips; s++)
        i.strips[s] = calloc(mic_wf_strip_bound(width, i.strip_rows), 1);
    FILE *file = fopen(path, "rb");
    if (file == NULL || fread(i.pixels, 2, i.n_pixels, file) != i.n_pixels)
        check(MIC_ERROR_TRUNCATED, path);
    fclose(file);
    return i;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: cycles WIDTH HEIGHT FILE\n");
        return 2;
    }
    image i = load(strtoul(argv[1], NULL, 10), strtoul(argv[2], NULL, 10), argv[3]);
    for (int isa = MIC_ISA_SCALAR; isa <= MIC_ISA_NEON; isa++)
        measure(&i, (mic_isa)isa);
    return 0;
}
