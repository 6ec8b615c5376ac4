/* SPDX-License-Identifier: MIT
 *
 * The encoder's choice of a model: predictor weights by least squares (at effort 9 refined
 * by trial), the predictor by trial on a few rows, contexts by merging neighbouring buckets
 * while the coded size falls.  All arithmetic is in integers, so that every machine makes
 * the same choice.
 */
#include "wavefront_build.h"
#include "wavefront_cost.h"
#include "wavefront_count.h"

#include <stdlib.h>

/* ---- cost of a context ------------------------------------------------- */

typedef struct context_counts {
    uint32_t total, last; /* last: highest symbol in use */
    uint64_t cost;        /* coded bits including the table, in units of 2^-12 */
    unsigned first_bucket;
    uint32_t counts[WF_SYMBOLS];
} context_counts;

/* The highest symbol in use, 0 if there is none.  Most tables end early, so this searches
 * from the end in blocks. */
static unsigned last_used(const uint32_t *counts)
{
    enum { BLOCK = 16 };
    unsigned end = WF_SYMBOLS;
    for (; end > BLOCK; end -= BLOCK) {
        uint32_t any = 0;
        for (unsigned s = 1; s <= BLOCK; s++)
            any |= counts[end - s];
        if (any)
            break;
    }
    while (end > 1 && counts[end - 1] == 0)
        end--;
    return end - 1;
}

static const uint32_t no_counts[WF_SYMBOLS];

static uint64_t merged_cost(const context_counts *a, const context_counts *b, unsigned precision)
{
    uint32_t last = a->last > b->last ? a->last : b->last;
    return mic_wf_cost(a->counts, b->counts, last + 1, precision);
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

/* Start with contexts of `width` buckets each.  Small images use whole octaves: they want
 * few contexts anyway, and merging would take most of their time. */
static size_t gather_buckets(const uint32_t *histogram, unsigned width, unsigned precision,
                             context_counts *contexts)
{
    size_t n = 0;
    for (unsigned b = 0; b < WF_BUCKETS; b += width) {
        context_counts *c = &contexts[n];
        const uint32_t *counts = histogram + b * WF_CODE_SYMBOLS;
        c->first_bucket = b;
        c->total = 0;
        for (unsigned s = 0; s < WF_SYMBOLS; s++)
            c->total += c->counts[s] = counts[s] + (width > 1 ? counts[WF_CODE_SYMBOLS + s] : 0);
        c->last = last_used(c->counts);
        if (c->total == 0)
            continue; /* empty buckets join the context below them */
        c->cost = mic_wf_cost(c->counts, no_counts, c->last + 1, precision);
        n++;
    }
    return n;
}

/* Merge neighbours, best saving first; returns how many contexts are left. */
static size_t merge_contexts(context_counts *contexts[WF_BUCKETS], size_t n, size_t max_contexts,
                             unsigned precision)
{
    uint64_t together[WF_BUCKETS];
    for (size_t i = 0; i + 1 < n; i++)
        together[i] = merged_cost(contexts[i], contexts[i + 1], precision);
    while (n > 1) {
        size_t best = 0;
        int64_t best_gain = INT64_MIN;
        for (size_t i = 0; i + 1 < n; i++) {
            int64_t gain = (int64_t)(contexts[i]->cost + contexts[i + 1]->cost - together[i]);
            if (gain > best_gain) {
                best = i;
                best_gain = gain;
            }
        }
        if (best_gain < 0 && n <= max_contexts)
            break;
        merge_pair(contexts[best], contexts[best + 1], together[best]);
        memmove(&contexts[best + 1], &contexts[best + 2], (n - best - 2) * sizeof *contexts);
        memmove(&together[best], &together[best + 1], (n - 1 - best) * sizeof *together);
        n--;
        if (best + 1 < n)
            together[best] = merged_cost(contexts[best], contexts[best + 1], precision);
        if (best > 0)
            together[best - 1] = merged_cost(contexts[best - 1], contexts[best], precision);
    }
    return n;
}

/* Give a count to symbols that other images may have: all up to a little beyond the last. */
static void expect_rare(context_counts *c, const wf_model *model)
{
    const unsigned largest = 2 * ((1u << model->direct_log) + 4 * (16 - model->direct_log) - 1);
    const unsigned end = (unsigned)min_size(c->last + 2, largest);
    for (unsigned s = 0; s <= end; s++)
        c->counts[s] += c->counts[s] == 0;
}

mic_status mic_wf_choose_contexts(const uint32_t *histogram, const wf_image *image, int effort,
                                  bool for_others, wf_model *model, mic_error *error)
{
    const size_t max_contexts = effort < 8 ? 16 : WF_BUCKETS;
    const unsigned width = effort < 6 && image->width * image->height < 1 << 15 ? 2 : 1;
    context_counts *memory = malloc((WF_BUCKETS + 1) * sizeof *memory), *contexts[WF_BUCKETS];
    if (!memory)
        return mic_fail(error, MIC_ERROR_MEMORY, "wavefront", -1, "no memory to choose contexts");
    size_t n = gather_buckets(histogram, width, model->precision, memory);
    for (size_t i = 0; i < n; i++)
        contexts[i] = &memory[i];
    n = merge_contexts(contexts, n, max_contexts, model->precision);
    model->n_contexts = (unsigned)n;
    for (size_t c = 0; c < n; c++) {
        unsigned first = c ? contexts[c]->first_bucket : 0;
        unsigned end = c + 1 < n ? contexts[c + 1]->first_bucket : WF_BUCKETS;
        memset(model->context + first, (int)c, end - first);
        if (for_others)
            expect_rare(contexts[c], model);
        mic_wf_normalise(contexts[c]->counts, model, model->frequency[c]);
    }
    free(memory);
    return MIC_OK;
}

/* ---- the predictor ----------------------------------------------------- */

/* Bits that a model takes for the visited rows, by the entropy of its buckets. */
static uint64_t trial_cost(const uint32_t histogram[WF_N_CODES], const wf_model *model)
{
    uint64_t cost = 0;
    for (unsigned b = 0; b < WF_BUCKETS; b++) {
        const uint32_t *counts = histogram + b * WF_CODE_SYMBOLS;
        unsigned last = last_used(counts);
        cost += mic_wf_cost(counts, no_counts, last + 1, 2);
        for (unsigned s = 2u << model->direct_log; s <= last; s++)
            cost += (uint64_t)counts[s] * wf_raw_bits(s, model->direct_log) << WF_COST_BITS;
    }
    return cost;
}

/* The rows on which models compete: `taken` out of `every`. */
typedef struct trial {
    const wf_image *image;
    size_t taken, every;
    wf_rows rows;
    wf_row_codes codes;
} trial;

/* Count the codes of the trial's places, or of every other one from row `first` on.  Each
 * place starts afresh.  Its first rows are predicted from less, in contexts of larger
 * errors, so they do not count. */
static void count_places(trial *t, const wf_model *model, size_t first, size_t every, wf_counter *counter)
{
    const mic_kernels *kernels = mic_kernels_active();
    const wf_image *image = t->image;
    enum { WARM_ROWS = 2 };
    for (; first < image->height; first += every) {
        mic_wf_rows_rewind(&t->rows);
        for (size_t y = 0; y < min_size(t->taken, image->height - first); y++) {
            mic_wf_rows_next(&t->rows, kernels, model, image->words + first * image->width, y);
            kernels->code(model, &t->rows, &t->codes);
            if (y >= WARM_ROWS || image->height <= WARM_ROWS)
                mic_wf_count_row(counter, kernels, t->codes.code, image->width);
        }
    }
}

/* The cost of the codes of all places. */
static uint64_t try_model(trial *t, const wf_model *model, wf_counter *counter)
{
    mic_wf_counter_clear(counter);
    count_places(t, model, 0, t->every, counter);
    return trial_cost(counter->exact, model);
}

/* Change the weights one by one in smaller and smaller steps where that saves something.
 * Least squares only come close to the smallest coded size.  The trial covers a small image
 * entirely and enough rows of a large one not to mislead. */
static void refine_weights(trial *t, wf_model *model, wf_counter *counter)
{
    enum { UNIT = 256, LIMIT = 127 * UNIT, FIRST_STEP = 8, ENOUGH = 1 << 18, ROWS = 64 };
    const size_t share = t->image->width * t->image->height / ENOUGH;
    t->taken = share > 1 ? ROWS : t->image->height;
    t->every = share > 1 ? share * ROWS : t->image->height;
    uint64_t cost = try_model(t, model, counter);
    for (int step = FIRST_STEP * UNIT; step >= UNIT; step /= 2) {
        for (unsigned i = 0; i < 2 * WF_WEIGHTS; i++) {
            const int16_t before = model->weights[i / 2];
            const int tried = before + (i % 2 ? -step : step);
            if (tried < -LIMIT || tried > LIMIT)
                continue;
            model->weights[i / 2] = (int16_t)tried;
            const uint64_t tried_cost = try_model(t, model, counter);
            if (tried_cost < cost)
                cost = tried_cost;
            else
                model->weights[i / 2] = before;
        }
    }
}

/* Choose linear or median.  If places lie apart, try every other one first: if one
 * predictor is clearly cheaper there, the other places will hardly change that. */
static wf_predictor choose_by_trial(trial *t, wf_model *model, wf_counter counters[2])
{
    enum { CLEAR_LINEAR = 80, CLEAR_MEDIAN = 16 }; /* as fractions of the cost */
    const size_t n_parts = t->every < 2 * t->taken ? 1 : 2;
    uint64_t costs[2];
    for (size_t part = 0; part < n_parts; part++) {
        for (int p = WF_MEDIAN; p <= WF_LINEAR; p++) {
            model->predictor = (wf_predictor)p;
            count_places(t, model, part * t->every, n_parts * t->every, &counters[p]);
            costs[p] = trial_cost(counters[p].exact, model);
        }
        if (costs[WF_MEDIAN] >= costs[WF_LINEAR] + costs[WF_LINEAR] / CLEAR_LINEAR)
            return WF_LINEAR;
        if (costs[WF_MEDIAN] <= costs[WF_LINEAR] - costs[WF_LINEAR] / CLEAR_MEDIAN)
            return WF_MEDIAN;
    }
    /* The costs come from a few rows only.  If the median predictor is worth using, it wins
     * by much more than their error. */
    const uint64_t margin = t->every > t->taken ? costs[WF_LINEAR] / 64 : 0;
    return costs[WF_LINEAR] - margin <= costs[WF_MEDIAN] ? WF_LINEAR : WF_MEDIAN;
}

static mic_status try_predictors(const wf_image *image, size_t taken, size_t every, bool refine,
                                 wf_model *model, wf_counter counters[2], mic_error *error)
{
    trial t = {.image = image, .taken = taken, .every = every};
    size_t padded = image->width + WF_ROW_BLOCK;
    uint16_t *memory = malloc(2 * padded * sizeof *memory);
    if (!memory)
        return mic_fail(error, MIC_ERROR_MEMORY, "wavefront", -1, "no memory for a row of codes");
    t.codes = (wf_row_codes){memory, memory + padded};
    mic_status status = mic_wf_rows_open(&t.rows, image->width, image->offset, error);
    if (status == MIC_OK) {
        model->predictor = choose_by_trial(&t, model, counters);
        if (refine && model->predictor == WF_LINEAR)
            refine_weights(&t, model, &counters[0]);
        mic_wf_rows_close(&t.rows);
    }
    free(memory);
    return status;
}

static void choose_sizes(const wf_image *image, int effort, wf_model *model)
{
    const size_t n_pixels = image->width * image->height;
    model->direct_log = effort < 8 ? 5 : 4; /* fewer symbols take less space, raw bits are slower */
    model->precision = n_pixels < 1 << 15 ? 2 : effort < 8 ? 3 : 4;
    model->table_log = n_pixels < 1 << 15 ? 10 : effort < 8 ? 11 : 12;
}

/* How many rows to look at: places all over the image, and rows at each. */
typedef struct sample_size {
    uint16_t fit_rows, places, rows;
} sample_size;

mic_status mic_wf_choose_predictor(const wf_image *image, int effort, wf_model *model, mic_error *error)
{
    static const sample_size sizes[10] = {{32, 5, 4},
                                          {32, 5, 4},
                                          {32, 6, 4},
                                          {48, 6, 5},
                                          {64, 8, 5},
                                          {64, 10, 5},
                                          {48, 12, 6},
                                          {64, 12, 6},
                                          {UINT16_MAX, UINT16_MAX, 6},
                                          {UINT16_MAX, UINT16_MAX, 6}};
    const sample_size size = sizes[effort < 1 ? 1 : effort > 9 ? 9 : effort];
    const size_t every = image->height / size.places < size.rows ? size.rows : image->height / size.places;
    wf_counter counters[2];
    model->fraction_bits = wf_fraction_bits(model->max_value);
    choose_sizes(image, effort, model);
    TRY(mic_wf_fit_weights(image, size.fit_rows, model, error));
    uint32_t *memory = malloc(2 * WF_N_CODES * sizeof *memory);
    if (!memory)
        return mic_fail(error, MIC_ERROR_MEMORY, "wavefront", -1, "no memory for a histogram");
    for (size_t i = 0; i < 2; i++)
        mic_wf_counter_open_exact(&counters[i], memory + i * WF_N_CODES);
    mic_status status = try_predictors(image, size.rows, every, effort > 8, model, counters, error);
    free(memory);
    if (model->predictor == WF_MEDIAN)
        memset(model->weights, 0, sizeof model->weights);
    return status;
}
