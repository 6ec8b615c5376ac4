/* SPDX-License-Identifier: MIT
 *
 * Fits the weights of the linear predictor: least squares over a sample of rows, in
 * integers.  Each sample counts by 1 / activity^2.  What matters is the error relative to
 * the error that the context expects, because the coded size grows by the logarithm of that
 * ratio.
 */
#include "wavefront_fit.h"

#include <stdlib.h>

enum {
    SCALE_BITS = 30, /* size of the largest sum while solving, so that products fit 62 bits */
};

typedef int64_t sums[WF_TERMS][WF_TERMS];

static int32_t clamp(int32_t v, int32_t limit) { return v < -limit ? -limit : v > limit ? limit : v; }

/* Scale so that the largest sum has SCALE_BITS bits, and add a little to the diagonal so
 * that no direction is without cost. */
static void condition(sums a)
{
    int64_t largest = 1;
    for (int i = 0; i < WF_TERMS; i++)
        largest = a[i][i] > largest ? a[i][i] : largest;
    unsigned drop = 0;
    while (largest >> drop >> SCALE_BITS)
        drop++;
    for (int i = 0; i < WF_TERMS; i++)
        for (int j = i; j < WF_TERMS; j++)
            a[j][i] = a[i][j] = a[i][j] >> drop;
    for (int i = 0; i < WF_WEIGHTS; i++)
        a[i][i] += (a[i][i] >> 12) + (largest >> drop >> 16) + 1;
}

/* Gaussian elimination.  The matrix is symmetric and positive definite, so every remaining
 * entry stays below the largest diagonal entry. */
static void solve(sums a, int16_t weights[WF_WEIGHTS])
{
    for (int i = 0; i < WF_WEIGHTS; i++)
        for (int j = i + 1; j < WF_WEIGHTS; j++)
            for (int k = WF_TERMS - 1; k >= j; k--) {
                a[j][k] -= a[i][j] * a[i][k] / a[i][i];
                if (k < WF_WEIGHTS)
                    a[k][j] = a[j][k];
            }
    int64_t q15[WF_WEIGHTS];
    for (int i = WF_WEIGHTS - 1; i >= 0; i--) {
        int64_t rest = a[i][WF_WEIGHTS] * 32768;
        for (int j = i + 1; j < WF_WEIGHTS; j++)
            rest -= a[i][j] * q15[j];
        int64_t pivot = a[i][i] > 1 ? a[i][i] : 1;
        q15[i] = rest / pivot;
        q15[i] = q15[i] > 32512 ? 32512 : q15[i] < -32512 ? -32512 : q15[i];
    }
    for (int i = 0; i < WF_WEIGHTS; i++) /* the header holds multiples of 256 */
        weights[i] = (int16_t)clamp((int32_t)((q15[i] + 128) >> 8), 127) * 256;
}

mic_status mic_wf_fit_weights(const wf_image *image, size_t max_rows, wf_model *model, mic_error *error)
{
    const mic_kernels *kernels = mic_kernels_active();
    size_t every = image->height <= max_rows ? 1 : image->height / max_rows;
    wf_rows rows;
    wf_products products;
    memset(&products, 0, sizeof products);
    TRY(mic_wf_rows_open(&rows, image->width, image->offset, error));
    for (size_t y = 2; y < image->height; y += every) {
        mic_wf_rows_seek(&rows, kernels, model, image->words, y);
        kernels->add_products(&rows, &products);
    }
    mic_wf_rows_close(&rows);
    mic_wf_join_products(&products);
    condition(products.total);
    solve(products.total, model->weights);
    return MIC_OK;
}
