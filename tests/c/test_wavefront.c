/* SPDX-License-Identifier: MIT
 *
 * The wavefront codec without its container: every instruction set against the scalar one,
 * on models that the encoder builds and on models that it never makes.  Input ends at an
 * inaccessible page, and output has the exact size.  All must report damage in the same
 * words and never leave the buffers.
 */
#include "check.h"

#include "frame/colour.h"
#include "base/kernels.h"
#include "wavefront/wavefront_cost.h"
#include "wavefront/wavefront_rows.h"

enum { MOST_WORDS = 1 << 16, MOST_STRIP = 4 * (MOST_WORDS + WF_LANES), MOST_ISAS = 4 };

static guarded in_bytes, out_words;
static const mic_kernels *isas[MOST_ISAS];
static size_t n_isas;
static uint16_t *words;
static uint8_t *strip, *other_strip;
static wf_scratch scratch;

typedef struct shape {
    size_t width, height;
} shape;

/* ---- models -------------------------------------------------------------- */

static unsigned n_symbols(unsigned direct_log)
{
    return 2 * ((1u << direct_log) + 4 * (16 - direct_log) - 1) + 1;
}

/* Any model that the header can express, with a code for every symbol. */
static wf_model random_model(unsigned max_value)
{
    wf_model m = {.predictor = (wf_predictor)(random_u32() & 1),
                  .max_value = max_value,
                  .fraction_bits = wf_fraction_bits(max_value),
                  .direct_log = 2 + random_u32() % 5,
                  .table_log = 8 + random_u32() % 5,
                  .precision = random_u32() % 16};
    const uint32_t starts = random_u32() & (random_u32() % 3 ? random_u32() : ~0u);
    for (unsigned b = 0; b < WF_BUCKETS; b++)
        m.context[b] = (uint8_t)(m.n_contexts += b == 0 || starts >> b & 1) - 1;
    for (unsigned i = 0; i < WF_WEIGHTS && m.predictor == WF_LINEAR; i++)
        m.weights[i] = (int16_t)(256 * (random_u32() % 4 ? (int)(random_u32() % 41) - 20
                                                         : (int)(random_u32() % 255) - 127));
    for (unsigned c = 0; c < m.n_contexts; c++) {
        uint32_t counts[WF_SYMBOLS] = {0};
        for (unsigned s = 0; s < n_symbols(m.direct_log); s++)
            counts[s] = 1 + (random_u32() % 1000 >> (random_u32() % 4 + s / 4 > 9 ? 9 : s / 4));
        mic_wf_normalise(counts, &m, m.frequency[c]);
    }
    return m;
}

static bool same_models(const wf_model *a, const wf_model *b)
{
    bool equal = a->predictor == b->predictor && a->max_value == b->max_value &&
                 a->fraction_bits == b->fraction_bits && a->direct_log == b->direct_log &&
                 a->table_log == b->table_log && a->precision == b->precision &&
                 a->n_contexts == b->n_contexts && same(a->context, b->context, sizeof a->context) &&
                 same(a->weights, b->weights, sizeof a->weights);
    for (unsigned c = 0; equal && c < a->n_contexts; c++)
        equal = same(a->frequency[c], b->frequency[c], sizeof a->frequency[c]);
    return equal;
}

/* Write a model, read it back where access ends, compare; every truncation is refused. */
static wf_decoder reread(const wf_model *m, bool with_cuts)
{
    static uint8_t bytes[WF_MODEL_BOUND];
    wf_decoder decoder = {.table = NULL}, cut;
    size_t n_bytes = 0, n_used = 0;
    CHECK(mic_wf_write_model(m, bytes, sizeof bytes, &n_bytes, NULL) == MIC_OK, "%zu bytes", n_bytes);
    mic_error error = {.status = MIC_OK};
    mic_status status = mic_wf_decoder_open(guarded_copy(&in_bytes, bytes, n_bytes), n_bytes, &decoder,
                                            &n_used, &error);
    CHECK(status == MIC_OK && n_used == n_bytes, "%d %s: %zu of %zu bytes", status, error.message, n_used,
          n_bytes);
    CHECK(same_models(m, &decoder.model), "%zu bytes", n_bytes);
    for (size_t n = 0; with_cuts && n < n_bytes; n++) {
        status = mic_wf_decoder_open(guarded_copy(&in_bytes, bytes, n), n, &cut, &n_used, &error);
        CHECK(status == MIC_ERROR_TRUNCATED || status == MIC_ERROR_CORRUPT, "status %d, cut at %zu of %zu",
              status, n, n_bytes);
        mic_wf_decoder_free(&cut);
    }
    return decoder;
}

/* Build the model that the encoder of a plane chooses for the words; its strips must equal
 * those of mic_wf_encode_strip with that model. */
static wf_model build(shape s, size_t strip_rows, unsigned max_value, int effort)
{
    wf_plane_encoder *plane = NULL;
    wf_model m;
    CHECK(mic_wf_plane_open(words, 0, s.width, s.height, strip_rows, max_value, effort, &plane, NULL) ==
              MIC_OK,
          "%zux%zu", s.width, s.height);
    const size_t n_strips = (s.height + strip_rows - 1) / strip_rows;
    for (size_t k = 0; k < n_strips; k++)
        CHECK(mic_wf_plane_analyse(plane, k, NULL) == MIC_OK, "strip %zu", k);
    CHECK(mic_wf_plane_choose(plane, &m, NULL) == MIC_OK, "%zux%zu", s.width, s.height);
    for (size_t k = 0; k < n_strips; k++) {
        const size_t first = k * strip_rows, height = min_size(strip_rows, s.height - first);
        size_t n = 0, n_other = 0;
        CHECK(mic_wf_plane_encode(plane, k, strip, MOST_STRIP, &n, NULL) == MIC_OK &&
                  mic_wf_encode_strip(&m, words + first * s.width, s.width, height, &scratch, other_strip,
                                      MOST_STRIP, &n_other, NULL) == MIC_OK &&
                  n == n_other && same(strip, other_strip, n),
              "strip %zu of %zux%zu", k, s.width, s.height);
    }
    mic_wf_plane_free(plane);
    return m;
}

/* ---- strips -------------------------------------------------------------- */

static void fill_image(pattern p, shape s, unsigned max_value)
{
    fill_words(p, words, s.width * s.height);
    for (size_t i = 0; i < s.width * s.height; i++)
        words[i] = (uint16_t)(words[i] % (max_value + 1));
    words[random_u32() % (s.width * s.height)] = (uint16_t)max_value;
}

/* Check that the encoders of all instruction sets write the same bytes. */
static size_t encode(const wf_model *m, shape s)
{
    size_t n_bytes = 0;
    for (size_t i = 0; i < n_isas; i++) {
        size_t n = 0;
        mic_use_isa(isas[i]->isa, NULL);
        mic_status status = mic_wf_encode_strip(m, words, s.width, s.height, &scratch,
                                                i ? other_strip : strip, MOST_STRIP, &n, NULL);
        CHECK(status == MIC_OK && n <= mic_wf_strip_bound(s.width, s.height), "status %d, %zu bytes", status,
              n);
        CHECK(i == 0 || (n == n_bytes && same(strip, other_strip, n)), "%zux%zu by %s", s.width, s.height,
              mic_isa_name(isas[i]->isa));
        n_bytes = n;
    }
    size_t n = 0;
    CHECK(mic_wf_encode_strip(m, words, s.width, s.height, &scratch, other_strip, n_bytes - 1, &n, NULL) ==
              MIC_ERROR_CAPACITY,
          "%zux%zu", s.width, s.height);
    return n_bytes;
}

static void check_decode(const wf_decoder *decoder, shape s, size_t n_bytes)
{
    const size_t n_out = s.width * s.height * sizeof *words;
    for (size_t i = 0; i < n_isas; i++) {
        wf_strip_job job = {.in = guarded_copy(&in_bytes, strip, n_bytes),
                            .n_bytes = n_bytes,
                            .words = guarded_end(&out_words, n_out),
                            .height = s.height};
        mic_error error = {.status = MIC_OK};
        mic_status status = isas[i]->wavefront_decode(decoder, &job, 1, s.width, &error);
        CHECK(status == MIC_OK && same(job.words, words, n_out), "%zux%zu by %s: %d %s", s.width, s.height,
              mic_isa_name(isas[i]->isa), status, error.message);
        CHECK(guarded_intact(&out_words), "%zux%zu by %s", s.width, s.height, mic_isa_name(isas[i]->isa));
    }
}

static void test_strips(void)
{
    static const size_t heights[] = {1, 2, 5, 31, 32, 33, 63, 64, 65, 97, 130};
    static const size_t widths[] = {1,  2,  3,  5,  17, 30, 31, 32,  33,  61,  62,  63,
                                    64, 65, 66, 67, 95, 96, 97, 127, 128, 129, 160, 257};
    static const unsigned maxima[] = {1,    2,     7,     255,   256,   511,   512,
                                      4095, 16383, 16384, 32767, 32768, 40000, 65535};
    unsigned turn = 0;
    for (size_t i = 0; i < COUNT_OF(heights); i++)
        for (size_t k = 0; k < COUNT_OF(widths); k++)
            for (pattern p = 0; p < N_PATTERNS; p++, turn++) {
                const shape s = {widths[k], heights[i]};
                const unsigned max_value = maxima[random_u32() % COUNT_OF(maxima)];
                fill_image(p, s, max_value);
                const wf_model m = turn % 2 ? random_model(max_value)
                                            : build(s, s.height, max_value, 1 + (int)(turn / 2 % 9));
                wf_decoder decoder = reread(&m, turn % 64 == 1);
                check_decode(&decoder, s, encode(&m, s));
                mic_wf_decoder_free(&decoder);
            }
}

/* Models are the same on every instruction set. */
static void test_builds(void)
{
    for (int trial = 0; trial < 60; trial++) {
        const shape s = {1 + random_u32() % 200, 1 + random_u32() % 200};
        const unsigned max_value = trial % 4 ? 1 + random_u32() % 65535 : 65535;
        const size_t strip_rows = 1 + random_u32() % s.height;
        wf_model first;
        fill_image((pattern)(trial % N_PATTERNS), s, max_value);
        for (size_t i = 0; i < n_isas; i++) {
            mic_use_isa(isas[i]->isa, NULL);
            const wf_model m = build(s, strip_rows, max_value, 1 + trial % 9);
            if (i == 0)
                first = m;
            CHECK(same_models(&first, &m), "%zux%zu effort %d by %s", s.width, s.height, 1 + trial % 9,
                  mic_isa_name(isas[i]->isa));
        }
        /* The model can code every strip of the frame. */
        for (size_t top = 0; top < s.height; top += strip_rows) {
            wf_decoder decoder = reread(&first, false);
            const shape part = {s.width, min_size(strip_rows, s.height - top)};
            uint16_t *all = words;
            words += top * s.width;
            check_decode(&decoder, part, encode(&first, part));
            words = all;
            mic_wf_decoder_free(&decoder);
        }
    }
}

/* Several strips in one call, of equal and of different heights. */
static void test_groups(void)
{
    enum { MOST_JOBS = 5, ROWS = 70 };
    for (unsigned trial = 0; trial < 100; trial++) {
        const size_t width = 1 + random_u32() % 150, n_jobs = 1 + trial % MOST_JOBS;
        const wf_model m = random_model(4095);
        wf_decoder decoder = reread(&m, false);
        size_t heights[MOST_JOBS], sizes[MOST_JOBS];
        uint8_t *coded[MOST_JOBS];
        fill_image((pattern)(trial % N_PATTERNS), (shape){width, MOST_JOBS * ROWS}, 4095);
        uint16_t *all = words;
        for (size_t k = 0; k < n_jobs; k++, words += width * ROWS) {
            heights[k] = k && trial % 3 ? heights[0] : 1 + random_u32() % ROWS;
            sizes[k] = encode(&m, (shape){width, heights[k]});
            coded[k] = exact_copy(strip, sizes[k]);
        }
        words = all;
        for (size_t i = 0; i < n_isas; i++) {
            wf_strip_job jobs[MOST_JOBS];
            for (size_t k = 0; k < n_jobs; k++)
                jobs[k] = (wf_strip_job){coded[k], sizes[k], need(malloc(2 * width * heights[k])),
                                         heights[k]};
            mic_status status = isas[i]->wavefront_decode(&decoder, jobs, n_jobs, width, NULL);
            CHECK(status == MIC_OK, "%zu strips: %d by %s", n_jobs, status, mic_isa_name(isas[i]->isa));
            for (size_t k = 0; k < n_jobs; k++) {
                CHECK(same(jobs[k].words, words + k * width * ROWS, 2 * width * heights[k]),
                      "strip %zu of %zu by %s", k, n_jobs, mic_isa_name(isas[i]->isa));
                free(jobs[k].words);
            }
            if (n_jobs > 1) { /* damage the last strip: the call fails */
                jobs[n_jobs - 1].n_bytes -= 2;
                for (size_t k = 0; k < n_jobs; k++)
                    jobs[k].words = need(malloc(2 * width * heights[k]));
                status = isas[i]->wavefront_decode(&decoder, jobs, n_jobs, width, NULL);
                CHECK(status == MIC_ERROR_TRUNCATED || status == MIC_ERROR_CORRUPT, "%d by %s", status,
                      mic_isa_name(isas[i]->isa));
                for (size_t k = 0; k < n_jobs; k++)
                    free(jobs[k].words);
            }
        }
        for (size_t k = 0; k < n_jobs; k++)
            free(coded[k]);
        mic_wf_decoder_free(&decoder);
    }
}

/* ---- damage -------------------------------------------------------------- */

/* All must agree on a strip that may be damaged; words are compared if decoding succeeds. */
static mic_status check_alike(const wf_decoder *decoder, shape s, const uint8_t *bytes, size_t n_bytes,
                              const char *what)
{
    const size_t n_out = s.width * s.height * sizeof *words;
    mic_status first = MIC_OK;
    mic_error errors[MOST_ISAS];
    static uint16_t wanted[MOST_WORDS];
    for (size_t i = 0; i < n_isas; i++) {
        errors[i] = (mic_error){.status = MIC_OK};
        wf_strip_job job = {.in = guarded_copy(&in_bytes, bytes, n_bytes),
                            .n_bytes = n_bytes,
                            .words = guarded_end(&out_words, n_out),
                            .height = s.height};
        mic_status status = isas[i]->wavefront_decode(decoder, &job, 1, s.width, &errors[i]);
        first = i ? first : status;
        CHECK(status == first && !strcmp(errors[i].message, errors[0].message),
              "%s, %zux%zu, %zu bytes by %s: %d, %d: %s", what, s.width, s.height, n_bytes,
              mic_isa_name(isas[i]->isa), status, first, errors[i].message);
        CHECK(status == MIC_OK || status == MIC_ERROR_TRUNCATED || status == MIC_ERROR_CORRUPT, "%s: %d",
              what, status);
        CHECK(guarded_intact(&out_words), "%s, %zux%zu by %s", what, s.width, s.height,
              mic_isa_name(isas[i]->isa));
        if (i == 0)
            memcpy(wanted, job.words, n_out);
        CHECK(status != MIC_OK || same(wanted, job.words, n_out), "%s, %zux%zu by %s", what, s.width,
              s.height, mic_isa_name(isas[i]->isa));
    }
    return first;
}

static void damage_strip(const wf_decoder *decoder, shape s, size_t n_bytes)
{
    const size_t n_states = 4 * min_size(s.height, WF_LANES);
    uint8_t *bytes = exact_copy(strip, n_bytes);
    for (size_t n = 0; n < n_bytes; n++) /* words missing, odd lengths, states missing */
        CHECK(check_alike(decoder, s, bytes, n, "cut") != MIC_OK, "%zux%zu at %zu", s.width, s.height, n);
    memcpy(other_strip, bytes, n_bytes);
    for (size_t more = 1; more <= 2 * WF_STEP_WORDS + 3; more++) { /* words left over */
        other_strip[n_bytes + more - 1] = (uint8_t)random_u32();
        CHECK(check_alike(decoder, s, other_strip, n_bytes + more, "longer") != MIC_OK, "%zux%zu", s.width,
              s.height);
    }
    for (size_t lane = 0; lane < n_states / 4; lane++) {
        const uint32_t low[] = {0, 1, 65535, random_u32() % 65536};
        for (size_t k = 0; k < COUNT_OF(low); k++) {
            store_u32(bytes + 4 * lane, low[k]);
            CHECK(check_alike(decoder, s, bytes, n_bytes, "low state") == MIC_ERROR_CORRUPT, "lane %zu",
                  lane);
        }
        memcpy(bytes + 4 * lane, strip + 4 * lane, 4);
    }
    for (int trial = 0; trial < 200; trial++) {
        for (unsigned k = 0; k <= random_u32() % 4; k++)
            bytes[random_u32() % n_bytes] ^= (uint8_t)(1u << random_u32() % 8);
        check_alike(decoder, s, bytes, n_bytes, "flips");
        memcpy(bytes, strip, n_bytes);
    }
    free(bytes);
}

/* If one of two strips decoded together is damaged, the call fails if that strip fails
 * alone, and the other strip decodes correctly. */
static void test_damaged_pairs(void)
{
    for (int trial = 0; trial < 400; trial++) {
        const shape s = {1 + random_u32() % 100, 1 + random_u32() % 70};
        const wf_model m = random_model(trial % 5 ? 4095 : 65535);
        wf_decoder decoder = reread(&m, false);
        fill_image(trial % 2 ? NOISE : SKEWED, s, m.max_value);
        const size_t n_bytes = encode(&m, s), n_out = s.width * s.height * sizeof *words,
                     victim = random_u32() % 2;
        size_t sizes[2] = {n_bytes, n_bytes};
        uint8_t *coded[2] = {exact_copy(strip, n_bytes), exact_copy(strip, n_bytes)};
        for (unsigned k = 0; k <= random_u32() % 3; k++)
            coded[victim][random_u32() % n_bytes] ^= (uint8_t)(1u << random_u32() % 8);
        sizes[victim] -= trial % 7 ? 0 : min_size(n_bytes, random_u32() % 200);
        mic_status alone = check_alike(&decoder, s, coded[victim], sizes[victim], "alone");
        for (size_t i = 0; i < n_isas; i++) {
            uint16_t *other = need(malloc(n_out));
            wf_strip_job jobs[2];
            for (size_t k = 0; k < 2; k++)
                jobs[k] = (wf_strip_job){coded[k], sizes[k],
                                         k == victim ? guarded_end(&out_words, n_out) : (void *)other,
                                         s.height};
            jobs[victim].in = guarded_copy(&in_bytes, coded[victim], sizes[victim]);
            mic_status status = isas[i]->wavefront_decode(&decoder, jobs, 2, s.width, NULL);
            CHECK((status == MIC_OK) == (alone == MIC_OK), "%zux%zu by %s: %d, %d alone", s.width, s.height,
                  mic_isa_name(isas[i]->isa), status, alone);
            CHECK(status != MIC_OK || same(other, words, n_out), "%zux%zu by %s", s.width, s.height,
                  mic_isa_name(isas[i]->isa));
            CHECK(guarded_intact(&out_words), "%zux%zu by %s", s.width, s.height, mic_isa_name(isas[i]->isa));
            free(other);
        }
        free(coded[0]);
        free(coded[1]);
        mic_wf_decoder_free(&decoder);
    }
}

/* Random words after random states: whatever a hostile writer can send. */
static void random_strip(const wf_decoder *decoder, shape s)
{
    const size_t n_states = 4 * min_size(s.height, WF_LANES),
                 n_bytes = n_states + 2 * (random_u32() % (2 * s.width * s.height + 1));
    for (size_t i = 0; i < n_bytes; i++)
        other_strip[i] = (uint8_t)random_u32();
    for (size_t i = 2; i < n_states; i += 4)
        other_strip[i] |= 1;
    check_alike(decoder, s, other_strip, n_bytes, "random");
}

static void test_damage(void)
{
    static const shape shapes[] = {{1, 1}, {3, 2}, {40, 3}, {64, 33}, {9, 40}, {130, 34}, {70, 64}, {1, 70}};
    for (unsigned trial = 0; trial < 4 * COUNT_OF(shapes); trial++) {
        const shape s = shapes[trial % COUNT_OF(shapes)];
        const unsigned max_value = trial & 1 ? 65535 : 3 + random_u32() % 1000;
        fill_image(trial & 2 ? NOISE : SKEWED, s, max_value);
        const wf_model m = random_model(max_value);
        wf_decoder decoder = reread(&m, false);
        const size_t n_bytes = encode(&m, s);
        if (n_bytes < 3000)
            damage_strip(&decoder, s, n_bytes);
        for (int k = 0; k < 40; k++)
            random_strip(&decoder, s);
        mic_wf_decoder_free(&decoder);
    }
}

/* Damaged models are refused, or they do no harm. */
static void test_damaged_models(void)
{
    static uint8_t bytes[WF_MODEL_BOUND], changed[WF_MODEL_BOUND];
    const shape s = {40, 35};
    size_t n_good = 0;
    for (int trial = 0; trial < 3000; trial++) {
        const wf_model m = random_model(trial % 3 ? 1 + random_u32() % 65535 : 255);
        size_t n_bytes, n_used;
        mic_wf_write_model(&m, bytes, sizeof bytes, &n_bytes, NULL);
        memcpy(changed, bytes, n_bytes);
        const bool only_head = trial % 2;
        for (unsigned k = 0; k <= random_u32() % 3; k++)
            changed[random_u32() % (only_head ? 8 : n_bytes)] ^= (uint8_t)(1u << random_u32() % 8);
        if (trial % 10 == 0)
            for (size_t i = 8; i < n_bytes; i++)
                changed[i] = (uint8_t)random_u32();
        wf_decoder decoder;
        mic_error error = {.status = MIC_OK};
        mic_status status = mic_wf_decoder_open(guarded_copy(&in_bytes, changed, n_bytes), n_bytes, &decoder,
                                                &n_used, &error);
        CHECK(status == MIC_OK ||
                  ((status == MIC_ERROR_CORRUPT || status == MIC_ERROR_TRUNCATED) && error.message[0]),
              "status %d", status);
        if (status == MIC_OK) {
            n_good++;
            CHECK(n_used <= n_bytes, "%zu of %zu", n_used, n_bytes);
            random_strip(&decoder, s);
        }
        mic_wf_decoder_free(&decoder);
    }
    CHECK(n_good > 100, "%zu models decode", n_good);
}

/* ---- colour --------------------------------------------------------------- */

static void test_colour(void)
{
    enum { PIXELS = 4096 };
    static uint16_t before[3][PIXELS], planes[3][PIXELS];
    static const uint16_t edges[] = {0, 1, 2, 32766, 32767, 32768, 32769, 65534, 65535};
    uint16_t *const at[3] = {planes[0], planes[1], planes[2]};
    for (int trial = 0; trial < 200; trial++)
        for (colour_transform t = COLOUR_NONE; t < COLOUR_TRANSFORMS; t++) {
            const size_t n = trial < 64 ? (size_t)trial : PIXELS;
            for (int c = 0; c < 3; c++)
                for (size_t i = 0; i < PIXELS; i++)
                    before[c][i] = planes[c][i] = trial % 2 ? (uint16_t)random_u32()
                                                            : edges[random_u32() % COUNT_OF(edges)];
            mic_colour_forward(t, at, n);
            for (size_t i = 0; i < n && t == COLOUR_YCOCG; i++) { /* the words as on the format page */
                int16_t co = (int16_t)(before[0][i] - before[2][i]);
                uint16_t y = (uint16_t)(before[2][i] + (co >> 1));
                int16_t cg = (int16_t)(before[1][i] - y);
                CHECK(planes[0][i] == (uint16_t)(y + (cg >> 1)) && planes[1][i] == (uint16_t)(co + 32768) &&
                          planes[2][i] == (uint16_t)(cg + 32768),
                      "pixel %zu", i);
            }
            for (size_t i = 0; i < n && t == COLOUR_GREEN; i++)
                CHECK(planes[0][i] == (uint16_t)(before[0][i] - before[1][i] + 32768) &&
                          planes[1][i] == before[1][i] &&
                          planes[2][i] == (uint16_t)(before[2][i] - before[1][i] + 32768),
                      "pixel %zu", i);
            CHECK(t != COLOUR_NONE || same(planes, before, sizeof before), "trial %d", trial);
            mic_colour_inverse(t, at, n);
            CHECK(same(planes, before, sizeof before), "transform %d of %zu pixels", t, n);
        }
}

/* ---- parts of the encoder ------------------------------------------------ */

/* Counts of any size, and realistic ones: mostly small, many 0. */
static void test_costs(void)
{
    uint32_t a[WF_SYMBOLS], b[WF_SYMBOLS];
    for (int trial = 0; trial < 2000; trial++) {
        const size_t n = trial < 2 * WF_SYMBOLS ? (size_t)trial / 2 : WF_SYMBOLS;
        const unsigned fewest = random_u32() % 20;
        for (size_t s = 0; s < n; s++) {
            a[s] = random_u32() >> (fewest + random_u32() % 12);
            b[s] = trial % 3 ? random_u32() >> 20 : 0;
        }
        const uint32_t *guarded_a = guarded_copy(&in_bytes, a, n * sizeof *a);
        const uint32_t *guarded_b = guarded_copy(&out_words, b, n * sizeof *b);
        const wf_log_sum first = mic_wf_sum_logs_scalar(a, b, n);
        for (size_t i = 0; i < n_isas; i++) {
            const wf_log_sum sum = isas[i]->sum_logs(guarded_a, guarded_b, n);
            CHECK(first.logs == sum.logs && first.total == sum.total && first.n_used == sum.n_used,
                  "%zu counts by %s", n, mic_isa_name(isas[i]->isa));
        }
    }
}

/* Products of a few rows, whose lanes fill up in the middle of a row, or not at all. */
static void test_products(void)
{
    enum { ROWS = 9 };
    const mic_kernels *scalar = &mic_kernels_scalar;
    for (int trial = 0; trial < 60; trial++) {
        const shape s = {1 + random_u32() % (trial % 2 ? 200 : MOST_WORDS / ROWS), ROWS};
        const wf_model m = random_model(1 + random_u32() % 65535);
        wf_products first, sums;
        wf_rows rows;
        fill_image((pattern)(trial % N_PATTERNS), s, m.max_value);
        for (size_t i = 0; i < n_isas; i++) {
            const mic_kernels *kernels = isas[i];
            wf_products *p = i ? &sums : &first;
            memset(p, 0, sizeof *p);
            CHECK(mic_wf_rows_open(&rows, s.width, 0, NULL) == MIC_OK, "trial %d", trial);
            for (size_t y = 2; y < s.height; y++) {
                mic_wf_rows_seek(&rows, scalar, &m, words, y);
                kernels->add_products(&rows, p);
            }
            mic_wf_rows_close(&rows);
            mic_wf_join_products(p);
            CHECK(same(first.total, p->total, sizeof p->total), "%zu columns by %s", s.width,
                  mic_isa_name(isas[i]->isa));
        }
    }
}

int main(void)
{
    in_bytes = guarded_new(MOST_STRIP);
    out_words = guarded_new(MOST_WORDS * sizeof *words);
    uint16_t *all = words = need(malloc(MOST_WORDS * sizeof *words));
    strip = need(malloc(MOST_STRIP));
    other_strip = need(malloc(MOST_STRIP));
    for (mic_isa isa = MIC_ISA_SCALAR; isa <= MIC_ISA_NEON; isa++)
        if (mic_kernels_for(isa))
            isas[n_isas++] = mic_kernels_for(isa);
    test_strips();
    test_builds();
    test_groups();
    test_damage();
    test_damaged_pairs();
    test_damaged_models();
    test_colour();
    test_costs();
    test_products();
    mic_use_isa(mic_best_isa(), NULL);
    mic_wf_scratch_free(&scratch);
    free(all);
    free(strip);
    free(other_strip);
    guarded_free(&in_bytes);
    guarded_free(&out_words);
    return report("test_wavefront");
}
