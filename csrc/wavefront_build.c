/* SPDX-License-Identifier: MIT
 *
 * The encoder's choice of a model: predictor weights by least squares, the
 * predictor by trial on a few rows, contexts by merging neighbouring buckets
 * while the coded size falls.  All arithmetic is in integers, so that every
 * machine makes the same choice.
 */
#include "wavefront_build.h"

#include <stdlib.h>

/* ---- logarithms -------------------------------------------------------- */

enum { LOG_BITS = 12 }; /* fraction bits of a logarithm, and so of a cost in bits */

/* log2(1 + i/64) in units of 2^-12, rounded. */
static const uint16_t log_table[65] = {
    0, 92, 182, 271, 358, 445, 530, 613, 696, 778, 858, 937, 1016,
    1093, 1169, 1244, 1319, 1392, 1465, 1536, 1607, 1677, 1746, 1814, 1882, 1949,
    2015, 2080, 2145, 2208, 2272, 2334, 2396, 2457, 2518, 2578, 2637, 2696, 2754,
    2812, 2869, 2926, 2982, 3037, 3092, 3146, 3200, 3254, 3307, 3359, 3412, 3463,
    3514, 3565, 3615, 3665, 3715, 3764, 3812, 3861, 3908, 3956, 4003, 4050, 4096,
};

static uint32_t log2_q12(uint32_t v)
{
    unsigned exponent = highest_bit(v);
    uint32_t mantissa = exponent >= 16 ? v >> (exponent - 16) : v << (16 - exponent);
    uint32_t i = mantissa >> 10 & 63, part = mantissa & 1023;
    uint32_t between = ((uint32_t)(log_table[i + 1] - log_table[i]) * part + 512) >> 10;
    return (exponent << LOG_BITS) + log_table[i] + between;
}

/* ---- cost of a context ------------------------------------------------- */

typedef struct context_counts {
    uint32_t total, last; /* last: highest symbol in use */
    uint64_t cost;        /* coded bits with the table, in units of 2^-12 */
    unsigned first_bucket;
    uint32_t counts[WF_SYMBOLS];
} context_counts;

/* An optimal code for the counts, plus what a table costs to send. */
static uint64_t cost_of(const uint32_t *a, const uint32_t *b, uint32_t last, unsigned precision)
{
    enum { TABLE_BITS = 10 }; /* last symbol; the frequency of one symbol costs about 2 + precision */
    uint64_t sum = 0, total = 0, n_used = 0;
    for (uint32_t s = 0; s <= last; s++) {
        uint32_t n = a[s] + b[s];
        if (n == 0)
            continue;
        total += n;
        sum += (uint64_t)n * log2_q12(n);
        n_used++;
    }
    if (total == 0)
        return 0;
    return total * log2_q12((uint32_t)total) - sum + ((TABLE_BITS + n_used * (2 + precision) + last) << LOG_BITS);
}

static const uint32_t no_counts[WF_SYMBOLS];

static uint64_t merged_cost(const context_counts *a, const context_counts *b, unsigned precision)
{
    uint32_t last = a->last > b->last ? a->last : b->last;
    return cost_of(a->counts, b->counts, last, precision);
}

/* ---- merging ----------------------------------------------------------- */

static void merge_pair(context_counts *a, const context_counts *b, uint64_t cost)
{
    for (unsigned s = 0; s < WF_SYMBOLS; s++)
        a->counts[s] += b->counts[s];
    a->total += b->total;
    a->last = a->last > b->last ? a->last : b->last;
    a->cost = cost;
}

static size_t gather_buckets(const uint32_t *histogram, unsigned precision,
                             context_counts *contexts)
{
    size_t n = 0;
    for (unsigned b = 0; b < WF_BUCKETS; b++) {
        context_counts *c = &contexts[n];
        *c = (context_counts){.first_bucket = b};
        for (unsigned s = 0; s < WF_SYMBOLS; s++)
            if ((c->counts[s] = histogram[b * WF_CODE_SYMBOLS + s]) != 0) {
                c->total += c->counts[s];
                c->last = s;
            }
        if (c->total == 0)
            continue; /* empty buckets join the context below them */
        c->cost = cost_of(c->counts, no_counts, c->last, precision);
        n++;
    }
    return n;
}

/* Merge neighbours, the pair that saves most first; returns what is left. */
static size_t merge_contexts(context_counts *contexts, size_t n, size_t max_contexts, unsigned precision)
{
    uint64_t together[WF_BUCKETS];
    for (size_t i = 0; i + 1 < n; i++)
        together[i] = merged_cost(&contexts[i], &contexts[i + 1], precision);
    while (n > 1) {
        size_t best = 0;
        int64_t best_gain = INT64_MIN;
        for (size_t i = 0; i + 1 < n; i++) {
            int64_t gain = (int64_t)(contexts[i].cost + contexts[i + 1].cost - together[i]);
            if (gain > best_gain) {
                best = i;
                best_gain = gain;
            }
        }
        if (best_gain < 0 && n <= max_contexts)
            break;
        merge_pair(&contexts[best], &contexts[best + 1], together[best]);
        memmove(&contexts[best + 1], &contexts[best + 2], (n - best - 2) * sizeof *contexts);
        memmove(&together[best], &together[best + 1], (n - 1 - best) * sizeof *together);
        n--;
        if (best + 1 < n)
            together[best] = merged_cost(&contexts[best], &contexts[best + 1], precision);
        if (best > 0)
            together[best - 1] = merged_cost(&contexts[best - 1], &contexts[best], precision);
    }
    return n;
}

static mic_status choose_contexts(const uint32_t *histogram, size_t max_contexts,
                              wf_model *model, mic_error *error)
{
    context_counts *contexts = malloc((WF_BUCKETS + 1) * sizeof *contexts);
    if (!contexts)
        return mic_fail(error, MIC_ERROR_MEMORY, "wavefront", -1, "no memory to choose contexts");
    size_t n = gather_buckets(histogram, model->precision, contexts);
    n = merge_contexts(contexts, n, max_contexts, model->precision);
    model->n_contexts = (unsigned)n;
    for (size_t c = 0; c < n; c++) {
        unsigned first = c ? contexts[c].first_bucket : 0;
        unsigned end = c + 1 < n ? contexts[c + 1].first_bucket : WF_BUCKETS;
        memset(model->context + first, (int)c, end - first);
        mic_wf_normalise(contexts[c].counts, model, model->frequency[c]);
    }
    free(contexts);
    return MIC_OK;
}

/* ---- statistics of an image -------------------------------------------- */

enum { N_CODES = WF_BUCKETS * WF_CODE_SYMBOLS };

/* Neighbours often have the same code: two tables in turn, for an increment waits
 * for the last one of the same entry. */
typedef uint32_t wf_counts[2][N_CODES];

static void count_row(const uint16_t *code, size_t n, wf_counts counts)
{
    size_t x = 0;
    for (; x + 4 <= n; x += 4) {
        uint64_t four = load_u64(code + x);
        counts[0][four & 0xFFFF]++;
        counts[1][four >> 16 & 0xFFFF]++;
        counts[0][four >> 32 & 0xFFFF]++;
        counts[1][four >> 48]++;
    }
    for (; x < n; x++)
        counts[0][code[x]]++;
}

/* Runs a model over rows of the image and counts codes.  Strips of `strip_rows`
 * begin afresh, as they will when they are coded; of each, only blocks of
 * `taken` rows out of `every` are visited. */
static mic_status count_codes(const wf_image *image, const wf_model *model, size_t taken, size_t every,
                              wf_counts counts, mic_error *error)
{
    const wf_row_kernels *kernels = mic_wf_row_kernels_active();
    wf_rows rows;
    size_t padded = image->width + WF_ROW_BLOCK;
    uint16_t *memory = malloc(2 * padded * sizeof *memory);
    if (!memory)
        return mic_fail(error, MIC_ERROR_MEMORY, "wavefront", -1, "no memory for a row of codes");
    wf_row_codes codes = {memory, memory + padded};
    mic_status status = mic_wf_rows_open(&rows, image->width, error);
    memset(counts, 0, sizeof(wf_counts));
    size_t block = every == taken ? image->strip_rows : taken;
    for (size_t first = 0; status == MIC_OK && first < image->height; first += every == taken ? block : every) {
        mic_wf_rows_rewind(&rows);
        size_t n = min_size(block, image->height - first);
        for (size_t y = 0; y < n; y++) {
            mic_wf_rows_next(&rows, kernels, model, image->words + first * image->width, y);
            kernels->predict(model, &rows);
            mic_wf_rows_close_errors(&rows);
            kernels->classify(model, &rows, &codes);
            count_row(codes.code, image->width, counts);
        }
    }
    if (status == MIC_OK)
        mic_wf_rows_close(&rows);
    for (size_t i = 0; i < N_CODES; i++)
        counts[0][i] += counts[1][i];
    free(memory);
    return status;
}

/* Bits that a model takes for the visited rows, by the entropy of its buckets. */
static uint64_t trial_cost(const uint32_t histogram[N_CODES], const wf_model *model)
{
    uint64_t cost = 0;
    for (unsigned b = 0; b < WF_BUCKETS; b++) {
        cost += cost_of(histogram + b * WF_CODE_SYMBOLS, no_counts, WF_SYMBOLS - 1, 0);
        for (unsigned s = 2u << model->direct_log; s < WF_SYMBOLS; s++)
            cost += (uint64_t)histogram[b * WF_CODE_SYMBOLS + s] * wf_raw_bits(s, model->direct_log) << LOG_BITS;
    }
    return cost;
}

/* ---- the choice -------------------------------------------------------- */

static mic_status choose_predictor(const wf_image *image, bool thorough, wf_model *model, wf_counts counts, mic_error *error)
{
    enum { TRIAL_ROWS = 6, PLACES = 12 }; /* blocks of rows all over the image */
    size_t every = image->height / PLACES < TRIAL_ROWS ? TRIAL_ROWS : image->height / PLACES;
    if (thorough)
        every = TRIAL_ROWS;
    uint64_t costs[2];
    for (int p = WF_MEDIAN; p <= WF_LINEAR; p++) {
        model->predictor = (wf_predictor)p;
        TRY(count_codes(image, model, TRIAL_ROWS, every, counts, error));
        costs[p] = trial_cost(counts[0], model);
    }
    model->predictor = costs[WF_LINEAR] <= costs[WF_MEDIAN] ? WF_LINEAR : WF_MEDIAN;
    return MIC_OK;
}

/* Enough for a smooth prediction of most images; what the lowest efforts use. */
static const int16_t usual_weights[WF_WEIGHTS] = {80 * 256, -24 * 256, 28 * 256, -8 * 256, -2 * 256, 0};

static void choose_sizes(const wf_image *image, int effort, wf_model *model)
{
    const size_t n_pixels = image->width * image->height;
    model->direct_log = effort < 8 ? 5 : 4; /* fewer symbols are smaller, raw bits are slower */
    model->precision = n_pixels < 1 << 15 ? 2 : effort < 8 ? 3 : 4;
    model->table_log = n_pixels < 1 << 15 ? 10 : effort < 8 ? 11 : 12;
}

static mic_status choose_parameters(const wf_image *image, int effort, wf_model *model, wf_counts counts,
                                    mic_error *error)
{
    memcpy(model->weights, usual_weights, sizeof usual_weights);
    if (effort >= 2) {
        TRY(mic_wf_fit_weights(image, effort >= 8, model, error));
        TRY(choose_predictor(image, effort >= 8, model, counts, error));
    }
    if (model->predictor == WF_MEDIAN)
        memset(model->weights, 0, sizeof model->weights);
    TRY(count_codes(image, model, 1, 1, counts, error));
    return choose_contexts(counts[0], effort < 8 ? 16 : WF_BUCKETS, model, error);
}

mic_status mic_wf_build_model(const uint16_t *words, size_t width, size_t height, size_t strip_rows,
                          unsigned max_value, int effort, wf_model *model, mic_error *error)
{
    const wf_image image = {words, width, height, strip_rows};
    uint32_t (*counts)[N_CODES] = malloc(sizeof(wf_counts));
    if (!counts)
        return mic_fail(error, MIC_ERROR_MEMORY, "wavefront", -1, "no memory for a histogram");
    *model = (wf_model){.predictor = WF_LINEAR, .max_value = max_value};
    model->fraction_bits = wf_fraction_bits(max_value);
    choose_sizes(&image, effort, model);
    mic_status status = choose_parameters(&image, effort, model, counts, error);
    free(counts);
    return status;
}
