/* SPDX-License-Identifier: MIT
 *
 * The wavefront codec without its container, by scalar code and by another instruction set
 * of this machine: they must agree on every input, good or bad.
 *
 *     byte 0      mod 3: 0 decode the rest as model and strip; 1 words to a model
 *                 and a strip and back; 2 the same, and then the eight bytes at the
 *                 end of the input are damage: places (two bytes) and what to flip
 *                 there; above that, effort - 1, and above that, which instruction set
 *     byte 1      width - 1
 *     byte 2      0: height - 1 (up to 128); otherwise rows of a strip - 1
 *     bytes 3, 4  1 and 2: the largest word
 *     the rest    words are two bytes, low one first
 *
 * Data and output lie in blocks of their exact size, so that the sanitizer sees a step
 * outside by one byte.
 */
#include "fuzz.h"
#include "wavefront/wavefront.h"

enum { HEAD = 5 };

static const mic_kernels *isas[2];
static size_t n_isas;

static void choose_isas(unsigned which)
{
    const mic_isa others[] = {MIC_ISA_AVX2, MIC_ISA_AVX512, MIC_ISA_NEON};
    n_isas = 1;
    isas[0] = mic_kernels_for(MIC_ISA_SCALAR);
    for (unsigned i = 0; i < 3 && n_isas == 1; i++)
        if ((isas[1] = mic_kernels_for(others[(which + i) % 3])) != NULL)
            n_isas = 2;
}

static void check(mic_status status, const mic_error *error)
{
    check_sentence(status, error);
    demand(status == MIC_OK || status == MIC_ERROR_TRUNCATED || status == MIC_ERROR_CORRUPT, "status",
           "not of data");
}

/* Two strips in one call run in one loop; each must decode as it does alone. */
static void decode_pair(const mic_kernels *k, const wf_decoder *decoder, const uint8_t *strip, size_t n_bytes,
                        size_t width, size_t height, mic_status wanted, const uint16_t *words)
{
    wf_strip_job jobs[2];
    uint8_t *in[2] = {copy_of(strip, n_bytes), copy_of(strip, n_bytes)};
    for (int i = 0; i < 2; i++)
        jobs[i] = (wf_strip_job){.in = in[i],
                                 .n_bytes = n_bytes,
                                 .words = allocate(2 * width * height),
                                 .height = height};
    mic_error error = {.status = MIC_OK};
    mic_status status = k->wavefront_decode(decoder, jobs, 2, width, &error);
    check(status, &error);
    demand(status == wanted, mic_isa_name(k->isa), "another status for two strips than for one");
    for (int i = 0; i < 2; i++) {
        demand(status != MIC_OK || !memcmp(words, jobs[i].words, 2 * width * height), mic_isa_name(k->isa),
               "other words in two strips than in one");
        free(jobs[i].words);
        free(in[i]);
    }
}

/* Return the words that all instruction sets agree on, NULL if all refuse the strip. */
static uint16_t *decode(const wf_decoder *decoder, const uint8_t *strip, size_t n_bytes, size_t width,
                        size_t height)
{
    uint16_t *first = NULL;
    mic_status wanted = MIC_OK;
    mic_error first_error = {.status = MIC_OK};
    for (size_t i = 0; i < n_isas; i++) {
        mic_error error = {.status = MIC_OK};
        uint8_t *in = copy_of(strip, n_bytes);
        wf_strip_job job = {.in = in,
                            .n_bytes = n_bytes,
                            .words = allocate(2 * width * height),
                            .height = height};
        mic_status status = isas[i]->wavefront_decode(decoder, &job, 1, width, &error);
        check(status, &error);
        free(in);
        decode_pair(isas[i], decoder, strip, n_bytes, width, height, status, job.words);
        if (i == 0) {
            first = job.words;
            wanted = status;
            first_error = error;
            continue;
        }
        demand(status == wanted && !strcmp(error.message, first_error.message), mic_isa_name(isas[i]->isa),
               "another status than scalar");
        demand(status != MIC_OK || !memcmp(first, job.words, 2 * width * height), mic_isa_name(isas[i]->isa),
               "other words than scalar");
        free(job.words);
    }
    if (wanted == MIC_OK)
        return first;
    free(first);
    return NULL;
}

static void decode_bytes(const uint8_t *data, size_t size, size_t width, size_t height)
{
    wf_decoder decoder = {.table = NULL};
    mic_error error = {.status = MIC_OK};
    size_t n_used = 0;
    uint8_t *in = copy_of(data, size);
    mic_status status = mic_wf_decoder_open(in, size, &decoder, &n_used, &error);
    check(status, &error);
    if (status == MIC_OK) {
        demand(n_used <= size, "model", "more bytes than there are");
        free(decode(&decoder, in + n_used, size - n_used, width, height));
    }
    mic_wf_decoder_free(&decoder);
    free(in);
}

typedef struct image {
    uint16_t *words;
    size_t width, height, strip_rows;
    unsigned max_value;
} image;

/* Choose a model as a frame does. */
static void choose_model(const image *im, int effort, wf_model *model)
{
    wf_plane_encoder *plane;
    demand(mic_wf_plane_open(im->words, 0, im->width, im->height, im->strip_rows, im->max_value, effort,
                             &plane, NULL) == MIC_OK,
           "plane", "not opened");
    for (size_t strip = 0; strip * im->strip_rows < im->height; strip++)
        demand(mic_wf_plane_analyse(plane, strip, NULL) == MIC_OK, "plane", "a strip is not analysed");
    demand(mic_wf_plane_choose(plane, model, NULL) == MIC_OK, "model", "not built");
    mic_wf_plane_free(plane);
}

/* Write the model of the image; all instruction sets must agree on it. */
static uint8_t *build(const image *im, int effort, wf_model *model, size_t *n_bytes)
{
    uint8_t *bytes = allocate(WF_MODEL_BOUND), *again = allocate(WF_MODEL_BOUND);
    for (size_t i = 0; i < n_isas; i++) {
        size_t n = 0;
        mic_use_isa(isas[i]->isa, NULL);
        choose_model(im, effort, model);
        demand(mic_wf_write_model(model, i ? again : bytes, WF_MODEL_BOUND, &n, NULL) == MIC_OK, "model",
               "not written");
        demand(i == 0 || (n == *n_bytes && !memcmp(bytes, again, n)), mic_isa_name(isas[i]->isa),
               "another model than scalar");
        *n_bytes = n;
    }
    free(again);
    return bytes;
}

static uint8_t *encode(const image *im, const wf_model *model, size_t top, size_t height, size_t *n_bytes)
{
    const size_t bound = mic_wf_strip_bound(im->width, height);
    uint8_t *bytes = allocate(bound), *again = allocate(bound);
    wf_scratch scratch = {0};
    for (size_t i = 0; i < n_isas; i++) {
        size_t n = 0;
        mic_use_isa(isas[i]->isa, NULL);
        mic_status status = mic_wf_encode_strip(model, im->words + top * im->width, im->width, height,
                                                &scratch, i ? again : bytes, bound, &n, NULL);
        demand(status == MIC_OK, mic_isa_name(isas[i]->isa), "a strip is not encoded");
        demand(i == 0 || (n == *n_bytes && !memcmp(bytes, again, n)), mic_isa_name(isas[i]->isa),
               "another strip than scalar");
        *n_bytes = n;
    }
    mic_wf_scratch_free(&scratch);
    free(again);
    return bytes;
}

static void round_trip(const image *im, int effort, const uint8_t *how)
{
    wf_model model;
    size_t n_model = 0;
    uint8_t *model_bytes = build(im, effort, &model, &n_model);
    for (size_t top = 0; top < im->height; top += im->strip_rows) {
        const size_t height = min_size(im->strip_rows, im->height - top);
        size_t n_strip = 0, n_used = 0;
        uint8_t *strip = encode(im, &model, top, height, &n_strip);
        if (how) {
            uint8_t *both = allocate(n_model + n_strip);
            memcpy(both, model_bytes, n_model);
            memcpy(both + n_model, strip, n_strip);
            damage(how, both, n_model + n_strip);
            decode_bytes(both, n_model + n_strip, im->width, height);
            free(both);
        } else {
            wf_decoder decoder;
            uint8_t *in = copy_of(model_bytes, n_model);
            demand(mic_wf_decoder_open(in, n_model, &decoder, &n_used, NULL) == MIC_OK && n_used == n_model,
                   "model", "does not come back");
            uint16_t *back = decode(&decoder, strip, n_strip, im->width, height);
            demand(back && !memcmp(back, im->words + top * im->width, 2 * im->width * height), "strip",
                   "other words came back");
            mic_wf_decoder_free(&decoder);
            free(back);
            free(in);
        }
        free(strip);
    }
    free(model_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD)
        return 0;
    choose_isas(data[0] / 27);
    const unsigned mode = data[0] % 3;
    const int effort = 1 + data[0] / 3 % 9;
    image im = {.width = data[1] + 1u,
                .strip_rows = data[2] + 1u,
                .max_value = data[3] | (unsigned)data[4] << 8};
    if (mode == 0) {
        decode_bytes(data + HEAD, size - HEAD, im.width, data[2] % 128 + 1u);
        return 0;
    }
    const uint8_t *how = mode == 2 && size >= HEAD + DAMAGE ? data + size - DAMAGE : NULL;
    im.height = (size - HEAD - (how ? DAMAGE : 0)) / 2 / im.width;
    if (im.height == 0 || im.max_value == 0)
        return 0;
    im.words = allocate(2 * im.width * im.height);
    for (size_t i = 0; i < im.width * im.height; i++)
        im.words[i] = (uint16_t)((data[HEAD + 2 * i] | data[HEAD + 2 * i + 1] << 8) % (im.max_value + 1));
    round_trip(&im, effort, how);
    free(im.words);
    return 0;
}
