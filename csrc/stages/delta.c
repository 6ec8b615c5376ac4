/* SPDX-License-Identifier: MIT
 *
 * Prediction.  Pixels in, words out:  max_value, then for each pixel in raster order its
 * residual, or the escape and the raw pixel.
 *
 * With d = depth(max_value), the threshold is T = 2^(d-1) - 1 and the escape is
 * D = 2^d - 1.  A residual with |residual| < T is stored as T + residual (zigzag: folded to
 * unsigned), any other residual as D and the pixel.  Example: max_value 15 (T 7, D 15), one
 * row, predicted from the left:
 *
 *     4 5 5 15 2    ->    15  11 8 7  15 15  15 2
 *
 * Prediction and reconstruction are mod 2^16, so every pixel is recovered even if max_value
 * was too small.
 */
#include "stage_kernels.h"

typedef struct delta_code {
    uint16_t threshold;
    uint16_t escape;
} delta_code;

static delta_code code_of(unsigned max_value)
{
    unsigned depth = bit_depth(max_value);
    return (delta_code){(uint16_t)((1u << (depth - 1)) - 1), (uint16_t)((1u << depth) - 1)};
}

size_t mic_delta_bound(size_t n_pixels) { return 2 * n_pixels + 1; }

/* ---- predictors -------------------------------------------------------- */

static int predict_average(int w, int n) { return (w + n) >> 1; }

static int predict_gradient(int w, int n, int nw, int ne)
{
    int average = (w + n) >> 1;
    int activity = (w > nw ? w - nw : nw - w) + (n > nw ? n - nw : nw - n);
    int limit = activity >> 1;
    int correction = (ne - nw) >> 3;
    if (activity == 0)
        return average;
    correction = correction > limit ? limit : correction;
    correction = correction < -limit ? -limit : correction;
    return average + correction;
}

static int predict_median(int w, int n, int nw)
{
    int low = w < n ? w : n, high = w < n ? n : w;
    return nw >= high ? low : nw <= low ? high : w + n - nw;
}

/* The prediction of pixel x of a row; `above` is NULL in the first row. */
MIC_INLINE int predict(mic_predictor predictor, const uint16_t *row, const uint16_t *above, size_t x,
                       size_t width)
{
    if (predictor == MIC_PREDICT_ZIGZAG)
        return x ? row[x - 1] : 0;
    if (!above)
        return x ? row[x - 1] : 0;
    if (x == 0)
        return above[0];
    if (predictor == MIC_PREDICT_GRADIENT)
        return predict_gradient(row[x - 1], above[x], above[x - 1], above[x + 1 < width ? x + 1 : x - 1]);
    if (predictor == MIC_PREDICT_MEDIAN)
        return predict_median(row[x - 1], above[x], above[x - 1]);
    return predict_average(row[x - 1], above[x]);
}

/* ---- encoding ---------------------------------------------------------- */

static unsigned fold(int residual) { return (unsigned)(residual >= 0 ? 2 * residual : -2 * residual - 1); }

static int unfold(unsigned folded) { return folded & 1 ? -(int)(folded >> 1) - 1 : (int)(folded >> 1); }

/* Encode one row with any predictor; returns the number of words written. */
MIC_INLINE size_t encode_row(mic_predictor predictor, delta_code code, const uint16_t *row,
                             const uint16_t *above, size_t width, uint16_t *words)
{
    uint16_t *next = words;
    for (size_t x = 0; x < width; x++) {
        int residual = row[x] - predict(predictor, row, above, x, width);
        /* The gradient predictor can leave the 16-bit range; the published encoder compares
         * the distance mod 2^16. */
        uint16_t distance = (uint16_t)(residual < 0 ? -residual : residual);
        if (distance >= code.threshold) {
            *next++ = code.escape;
            *next++ = row[x];
        } else if (predictor == MIC_PREDICT_ZIGZAG) {
            *next++ = (uint16_t)fold(residual);
        } else {
            *next++ = (uint16_t)(code.threshold + residual);
        }
    }
    return (size_t)(next - words);
}

/* The predictor is a constant in each call, so each one gets its own loop. */
static size_t encode_row_with(mic_predictor predictor, delta_code code, const uint16_t *row,
                              const uint16_t *above, size_t width, uint16_t *words)
{
    switch (predictor) {
    case MIC_PREDICT_ZIGZAG: return encode_row(MIC_PREDICT_ZIGZAG, code, row, above, width, words);
    case MIC_PREDICT_GRADIENT: return encode_row(MIC_PREDICT_GRADIENT, code, row, above, width, words);
    case MIC_PREDICT_MEDIAN: return encode_row(MIC_PREDICT_MEDIAN, code, row, above, width, words);
    case MIC_PREDICT_AVERAGE: break;
    }
    return encode_row(MIC_PREDICT_AVERAGE, code, row, above, width, words);
}

/* Nearly every row of an ordinary image has no escapes; it then takes one word per pixel
 * and no branch.  If the kernel finds an escape, the row is done again pixel by pixel. */
static size_t encode_average_row(const mic_kernels *kernels, delta_code code, const uint16_t *row,
                                 const uint16_t *above, size_t width, uint16_t *words)
{
    int first = row[0] - above[0];
    bool escape = (first < 0 ? -first : first) >= code.threshold;
    if (!escape) {
        words[0] = (uint16_t)(code.threshold + first);
        escape = kernels->delta_forward_row(row, above, width, code.threshold, words);
    }
    return escape ? encode_row(MIC_PREDICT_AVERAGE, code, row, above, width, words) : width;
}

mic_status mic_delta_encode(mic_predictor predictor, const uint16_t *pixels, size_t width, size_t height,
                            unsigned max_value, uint16_t *words, size_t *n_words, mic_error *error)
{
    if (max_value == 0 || max_value > 65535)
        return mic_advise(
            mic_fail(error, MIC_ERROR_UNSUPPORTED, "delta", -1,
                     "max_value is %u, 1 to 65535 is expected: the published formats cannot hold an "
                     "all-zero image",
                     max_value),
            error, MIC_REMEDY_ANY_MAXIMUM);
    const mic_kernels *kernels = mic_kernels_active();
    delta_code code = code_of(max_value);
    uint16_t *next = words;
    *next++ = (uint16_t)max_value;
    for (size_t y = 0; y < height; y++) {
        const uint16_t *row = pixels + y * width;
        const uint16_t *above = y ? row - width : NULL;
        if (predictor == MIC_PREDICT_AVERAGE && above && width)
            next += encode_average_row(kernels, code, row, above, width, next);
        else
            next += encode_row_with(predictor, code, row, above, width, next);
    }
    *n_words = (size_t)(next - words);
    return MIC_OK;
}

/* ---- decoding ---------------------------------------------------------- */

/* Decode one row from at most n words; returns the number of words read, 0 if they ran out. */
MIC_INLINE size_t decode_row(mic_predictor predictor, delta_code code, const uint16_t *words, size_t n,
                             const uint16_t *above, size_t width, uint16_t *row)
{
    size_t i = 0;
    for (size_t x = 0; x < width; x++) {
        if (MIC_UNLIKELY(i >= n))
            return 0;
        uint16_t word = words[i++];
        if (MIC_UNLIKELY(word == code.escape)) {
            if (i >= n)
                return 0;
            row[x] = words[i++];
            continue;
        }
        int residual = predictor == MIC_PREDICT_ZIGZAG ? unfold(word) : word - code.threshold;
        row[x] = (uint16_t)(predict(predictor, row, above, x, width) + residual);
    }
    return i;
}

static size_t decode_row_with(mic_predictor predictor, delta_code code, const uint16_t *words, size_t n,
                              const uint16_t *above, size_t width, uint16_t *row)
{
    switch (predictor) {
    case MIC_PREDICT_ZIGZAG: return decode_row(MIC_PREDICT_ZIGZAG, code, words, n, above, width, row);
    case MIC_PREDICT_GRADIENT: return decode_row(MIC_PREDICT_GRADIENT, code, words, n, above, width, row);
    case MIC_PREDICT_MEDIAN: return decode_row(MIC_PREDICT_MEDIAN, code, words, n, above, width, row);
    case MIC_PREDICT_AVERAGE: break;
    }
    return decode_row(MIC_PREDICT_AVERAGE, code, words, n, above, width, row);
}

mic_status mic_delta_decode(mic_predictor predictor, const uint16_t *words, size_t n_words, size_t width,
                            size_t height, uint16_t *pixels, mic_error *error)
{
    enum { GROUP = 4 }; /* rows that delta_inverse_rows takes at once */
    if (n_words == 0 || words[0] == 0)
        return mic_fail(error, n_words ? MIC_ERROR_CORRUPT : MIC_ERROR_TRUNCATED, "delta", 0,
                        "the residual data start with %s, a maximum of 1 to 65535 is expected "
                        "(damaged stream?)",
                        n_words ? "maximum 0" : "nothing");
    const mic_kernels *kernels = mic_kernels_active();
    delta_code code = code_of(words[0]);
    const size_t group_words = GROUP * width;
    size_t i = 1;
    for (size_t y = 0; width && y < height;) {
        uint16_t *row = pixels + y * width;
        const uint16_t *above = y ? row - width : NULL;
        if (predictor == MIC_PREDICT_AVERAGE && above && height - y >= GROUP && n_words - i >= group_words &&
            kernels->find_word(words + i, group_words, code.escape) == group_words) {
            kernels->delta_inverse_rows(words + i, above, width, code.threshold, row);
            i += group_words;
            y += GROUP;
            continue;
        }
        size_t used = decode_row_with(predictor, code, words + i, n_words - i, above, width, row);
        if (used == 0)
            return mic_fail(error, MIC_ERROR_TRUNCATED, "delta", (int64_t)(n_words * sizeof *words),
                            "the residuals end in row %zu of %zu (truncated stream, or wrong dimensions?)", y,
                            height);
        i += used;
        y++;
    }
    if (i != n_words)
        return mic_fail(error, MIC_ERROR_CORRUPT, "delta", (int64_t)(i * sizeof *words),
                        "%zu words are left after the last pixel, none is expected (damaged stream, or "
                        "wrong dimensions?)",
                        n_words - i);
    return MIC_OK;
}

/* ---- scalar kernels ---------------------------------------------------- */

bool mic_delta_forward_row_scalar(const uint16_t *row, const uint16_t *above, size_t n, uint16_t threshold,
                                  uint16_t *words)
{
    bool escape = false;
    for (size_t x = 1; x < n; x++) {
        int biased = row[x] - ((row[x - 1] + above[x]) >> 1) + threshold;
        escape |= biased <= 0 || biased >= 2 * threshold;
        words[x] = (uint16_t)biased;
    }
    return escape;
}

/* Reconstruct one pixel of the average predictor and make it the row's left neighbour. */
MIC_INLINE void inverse_step(unsigned *left, unsigned above, uint16_t word, unsigned threshold,
                             uint16_t *pixel)
{
    *left = (uint16_t)(((*left + above) >> 1) + word - threshold);
    *pixel = (uint16_t)*left;
}

/* Each pixel waits for its left neighbour.  Four rows, each one column behind the row above
 * it, give the processor four independent chains. */
void mic_delta_inverse_rows_scalar(const uint16_t *words, const uint16_t *above, size_t width,
                                   uint16_t threshold, uint16_t *rows)
{
    const uint16_t *w0 = words, *w1 = w0 + width, *w2 = w1 + width, *w3 = w2 + width;
    uint16_t *r0 = rows, *r1 = r0 + width, *r2 = r1 + width, *r3 = r2 + width;
    unsigned l0 = (uint16_t)(above[0] + w0[0] - threshold);
    unsigned l1 = (uint16_t)(l0 + w1[0] - threshold);
    unsigned l2 = (uint16_t)(l1 + w2[0] - threshold);
    unsigned l3 = (uint16_t)(l2 + w3[0] - threshold);
    r0[0] = (uint16_t)l0;
    r1[0] = (uint16_t)l1;
    r2[0] = (uint16_t)l2;
    r3[0] = (uint16_t)l3;
    /* Step t computes column t - k of row k; in the middle all four exist. */
    for (size_t t = 1; t < width + 3; t++) {
        for (; t >= 4 && t < width; t++) {
            unsigned n3 = l2, n2 = l1, n1 = l0;
            inverse_step(&l3, n3, w3[t - 3], threshold, &r3[t - 3]);
            inverse_step(&l2, n2, w2[t - 2], threshold, &r2[t - 2]);
            inverse_step(&l1, n1, w1[t - 1], threshold, &r1[t - 1]);
            inverse_step(&l0, above[t], w0[t], threshold, &r0[t]);
        }
        if (t > 3 && t - 3 < width)
            inverse_step(&l3, r2[t - 3], w3[t - 3], threshold, &r3[t - 3]);
        if (t > 2 && t - 2 < width)
            inverse_step(&l2, r1[t - 2], w2[t - 2], threshold, &r2[t - 2]);
        if (t > 1 && t - 1 < width)
            inverse_step(&l1, r0[t - 1], w1[t - 1], threshold, &r1[t - 1]);
        if (t < width)
            inverse_step(&l0, above[t], w0[t], threshold, &r0[t]);
    }
}
