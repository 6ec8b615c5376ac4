/* SPDX-License-Identifier: MIT
 *
 * Any words through any stage and back.  The words that come back must equal those that
 * went in, a second encoding, by scalar code, must give the same bytes, and the announced
 * bound must hold.  An encoder may refuse (MIC_ERROR_UNSUPPORTED); Huffman may not.
 *
 *     byte 0    width - 1 of the picture that prediction makes of the words
 *     byte 1    low half: how many bits of each word count, - 1; high half, mod
 *               10: the stage (all in turn would be eight times as slow)
 *     the rest  words, two bytes each, low one first
 */
#include "fuzz.h"

typedef struct words {
    uint16_t *at;
    size_t n;
    unsigned largest;
} words;

/* An entropy coder under test, which turns words into bytes and back. */
typedef struct coder {
    const char *name;
    int n_states; /* FSE only */
    size_t (*bound)(size_t);
    mic_status (*encode)(const struct coder *, const words *, uint8_t *, size_t, size_t *, mic_error *);
    mic_status (*decode)(const uint8_t *, size_t, uint16_t *, size_t, size_t *, mic_error *);
} coder;

/* The second time, scalar code does everything. */
static void use_scalar(bool now)
{
    static mic_isa before;
    static bool is_known;
    if (!is_known)
        before = mic_active_isa();
    is_known = true;
    mic_use_isa(now ? MIC_ISA_SCALAR : before, NULL);
}

static mic_status encode_fse(const coder *c, const words *in, uint8_t *out, size_t capacity, size_t *n,
                             mic_error *error)
{
    return mic_fse_encode(in->at, in->n, c->n_states, out, capacity, n, error);
}

static mic_status encode_huffman(const coder *c, const words *in, uint8_t *out, size_t capacity, size_t *n,
                                 mic_error *error)
{
    (void)c;
    return mic_huffman_encode(in->at, in->n, out, capacity, n, error);
}

static mic_status encode_gap(const coder *c, const words *in, uint8_t *out, size_t capacity, size_t *n,
                             mic_error *error)
{
    (void)c;
    return mic_gap_encode(in->at, in->n, out, capacity, n, error);
}

static mic_status encode_rans(const coder *c, const words *in, uint8_t *out, size_t capacity, size_t *n,
                              mic_error *error)
{
    (void)c;
    return mic_rans_encode(in->at, in->n, out, capacity, n, error);
}

static void try_coder(const coder *c, const words *in)
{
    const size_t capacity = c->bound(in->n);
    uint8_t *first = allocate_filled(capacity, 0x00), *second = allocate_filled(capacity, 0xFF);
    size_t n_first = 0, n_second = 0, n_words = 0;
    mic_error error;
    mic_status status = c->encode(c, in, first, capacity, &n_first, &error);
    if (status != MIC_OK) {
        demand(status == MIC_ERROR_UNSUPPORTED && c->encode != encode_huffman, c->name, error.message);
    } else {
        demand(n_first <= capacity, c->name, "more bytes than the bound");
        use_scalar(true);
        status = c->encode(c, in, second, capacity, &n_second, &error);
        use_scalar(false);
        demand(status == MIC_OK && n_first == n_second && equal(first, second, n_first), c->name,
               "the second encoding differs");
        uint16_t *back = allocate(in->n * sizeof *back);
        status = c->decode(first, n_first, back, in->n, &n_words, &error);
        demand(status == MIC_OK, c->name, error.message);
        demand(n_words == in->n && equal(back, in->at, 2 * in->n), c->name, "other words came back");
        free(back);
    }
    free(first);
    free(second);
}

static void try_runs(const words *in, unsigned initial, int with_length)
{
    const size_t room = mic_rle_bound(in->n);
    uint16_t *first = allocate_filled(2 * room, 0x00), *second = allocate_filled(2 * room, 0xFF);
    uint16_t *back = allocate(2 * in->n);
    size_t n_first = 0, n_second = 0, n_words = 0;
    mic_error error;
    mic_status status = mic_rle_encode(in->at, in->n, initial, with_length, first, &n_first, &error);
    demand(status == MIC_OK, "runs", error.message);
    demand(n_first <= room, "runs", "more words than the bound");
    use_scalar(true);
    status = mic_rle_encode(in->at, in->n, initial, with_length, second, &n_second, &error);
    use_scalar(false);
    demand(status == MIC_OK && n_first == n_second && equal(first, second, 2 * n_first), "runs",
           "the second encoding differs");
    status = mic_rle_decode(first, n_first, with_length, back, in->n, &n_words, &error);
    demand(status == MIC_OK, "runs", error.message);
    demand(n_words == in->n && equal(back, in->at, 2 * in->n), "runs", "other words came back");
    free(first);
    free(second);
    free(back);
}

static void try_all_runs(const words *in)
{
    try_runs(in, in->largest < 8 ? 8 : in->largest, 0);
    try_runs(in, 8, 1);
}

static void try_prediction(mic_predictor predictor, const words *in, size_t width)
{
    const size_t height = in->n / width, n_pixels = width * height;
    const unsigned max_value = in->largest < 8 ? 8 : in->largest;
    uint16_t *first = allocate_filled(2 * mic_delta_bound(n_pixels), 0x00);
    uint16_t *second = allocate_filled(2 * mic_delta_bound(n_pixels), 0xFF);
    uint16_t *back = allocate(2 * n_pixels);
    size_t n_first = 0, n_second = 0;
    mic_error error;
    mic_status status = mic_delta_encode(predictor, in->at, width, height, max_value, first, &n_first,
                                         &error);
    if (status != MIC_OK) {
        /* The published zigzag encoder has no room for a picture that is all escapes. */
        demand(status == MIC_ERROR_UNSUPPORTED && predictor == MIC_PREDICT_ZIGZAG, "prediction",
               error.message);
    } else {
        demand(n_first <= mic_delta_bound(n_pixels), "prediction", "more words than the bound");
        use_scalar(true);
        status = mic_delta_encode(predictor, in->at, width, height, max_value, second, &n_second, &error);
        use_scalar(false);
        demand(status == MIC_OK && n_first == n_second && equal(first, second, 2 * n_first), "prediction",
               "the second encoding differs");
        status = mic_delta_decode(predictor, first, n_first, width, height, back, &error);
        demand(status == MIC_OK, "prediction", error.message);
        demand(equal(back, in->at, 2 * n_pixels), "prediction", "other pixels came back");
    }
    free(first);
    free(second);
    free(back);
}

static void try_predictors(const words *in, size_t width)
{
    try_prediction(MIC_PREDICT_AVERAGE, in, width);
    try_prediction(MIC_PREDICT_ZIGZAG, in, width);
    try_prediction(MIC_PREDICT_GRADIENT, in, width);
    try_prediction(MIC_PREDICT_MEDIAN, in, width);
}

static void try_wavelet(mic_wavelet variant, const words *in, size_t width)
{
    const size_t height = in->n / width, n_pixels = width * height, capacity = mic_wavelet_bound(n_pixels);
    const unsigned levels = variant == MIC_WAVELET_V2 ? 5 : 3;
    uint8_t *first = allocate_filled(capacity, 0x00), *second = allocate_filled(capacity, 0xFF);
    size_t n_first = 0, n_second = 0;
    mic_error error;
    mic_status status = mic_wavelet_encode(variant, in->at, width, height, in->largest, levels, first,
                                           capacity, &n_first, &error);
    if (status != MIC_OK) {
        demand(status == MIC_ERROR_UNSUPPORTED, "wavelet", error.message);
    } else {
        use_scalar(true);
        status = mic_wavelet_encode(variant, in->at, width, height, in->largest, levels, second, capacity,
                                    &n_second, &error);
        use_scalar(false);
        demand(status == MIC_OK && n_first == n_second && equal(first, second, n_first), "wavelet",
               "the second encoding differs");
        uint16_t *back = allocate(n_pixels * sizeof *back);
        status = mic_wavelet_decode(variant, first, n_first, back, n_pixels, &error);
        demand(status == MIC_OK, "wavelet", error.message);
        demand(equal(back, in->at, n_pixels * sizeof *back), "wavelet", "other pixels came back");
        free(back);
    }
    free(first);
    free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const coder coders[] = {
        {"FSE, 1 state", 1, mic_fse_bound, encode_fse, mic_fse_decode},
        {"FSE, 2 states", 2, mic_fse_bound, encode_fse, mic_fse_decode},
        {"FSE, 4 states", 4, mic_fse_bound, encode_fse, mic_fse_decode},
        {"FSE, 8 states", 8, mic_fse_bound, encode_fse, mic_fse_decode},
        {"Huffman", 0, mic_huffman_bound, encode_huffman, mic_huffman_decode},
        {"gap removal", 0, mic_gap_bound, encode_gap, mic_gap_decode},
        {"rANS", 0, mic_fse_bound, encode_rans, mic_rans_decode},
    };
    if (size < 2)
        return 0;
    const size_t width = data[0] + 1u;
    const unsigned mask = (2u << data[1] % 16) - 1;
    words in = {.n = (size - 2) / 2};
    in.at = allocate(2 * in.n);
    for (size_t i = 0; i < in.n; i++) {
        in.at[i] = (uint16_t)((data[2 + 2 * i] | data[3 + 2 * i] << 8) & mask);
        in.largest = in.at[i] > in.largest ? in.at[i] : in.largest;
    }
    const size_t stage = data[1] / 16 % 10, n_coders = sizeof coders / sizeof coders[0];
    if (stage < n_coders)
        try_coder(&coders[stage], &in);
    else if (stage == n_coders)
        try_all_runs(&in);
    else if (in.n < width)
        ;
    else if (stage == n_coders + 1)
        try_predictors(&in, width);
    else
        try_wavelet((mic_wavelet)(in.n % 3), &in, width);
    free(in.at);
    return 0;
}
