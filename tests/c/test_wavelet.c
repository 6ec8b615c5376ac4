/* SPDX-License-Identifier: MIT
 *
 * The wavelet: any coefficients are restored, whatever wraps; streams of every variant,
 * size and level, damaged and truncated, in blocks of exactly their size.
 */
#include "check.h"

#include "stages/wavelet.h"

enum { SIDE = 33, VARIANTS = 3 };

static const char *const names[VARIANTS] = {"V2", "V1", "V1 with runs"};

/* ---- the transform ------------------------------------------------------ */

static void check_transform(size_t width, size_t height, unsigned levels, bool interleaved, bool wide)
{
    const size_t n = width * height;
    wavelet_plan plan;
    wavelet_band bands[WAVELET_MAX_BANDS];
    int32_t *image = need(malloc(n * sizeof *image)), *copy = need(malloc(n * sizeof *copy));
    int32_t *scratch = need(malloc(n * sizeof *scratch));
    mic_wavelet_plan(&plan, width, height, levels, interleaved);
    for (size_t i = 0; i < n; i++)
        copy[i] = image[i] = (int32_t)(wide ? random_u32() : random_u32() & 0xFFFF);
    mic_wavelet_forward(&plan, image, scratch);
    mic_wavelet_inverse(&plan, image, scratch);
    CHECK(same(image, copy, n * sizeof *image), "%zu x %zu, %u levels, V%d", width, height, levels,
          interleaved ? 1 : 2);
    size_t n_covered = 0;
    for (size_t b = 0, n_bands = mic_wavelet_bands(&plan, bands); b < n_bands; b++)
        n_covered += bands[b].rows * bands[b].columns;
    CHECK(n_covered == n, "%zu x %zu, %u levels: %zu coefficients", width, height, levels, n_covered);
    free(image);
    free(copy);
    free(scratch);
}

/* One level of a row by hand.  10 12 20 14 has the odd samples 12 - 15 = -3 and 14 - 20 =
 * -6, and the even ones 10 + (-6 + 2 >> 2) = 9 and 20 + (-9 + 2 >> 2) = 18.  The row below
 * is a copy, which makes the vertical differences 0. */
static void test_example(void)
{
    int32_t image[8] = {10, 12, 20, 14, 10, 12, 20, 14}, scratch[8];
    static const int32_t parted[8] = {9, 18, -3, -6, 0, 0, 0, 0};
    wavelet_plan plan;
    mic_wavelet_plan(&plan, 4, 2, 1, false);
    mic_wavelet_forward(&plan, image, scratch);
    for (size_t i = 0; i < 8; i++)
        CHECK(image[i] == parted[i], "coefficient %zu is %d", i, (int)image[i]);
}

/* ---- streams ------------------------------------------------------------ */

typedef struct coded {
    uint16_t pixels[SIDE * SIDE];
    size_t width, height, n_bytes;
    uint8_t *bytes;
} coded;

static mic_status encode(coded *c, mic_wavelet variant, unsigned levels)
{
    const size_t bound = mic_wavelet_bound(c->width * c->height);
    c->bytes = need(malloc(bound));
    mic_error error = {.status = MIC_OK};
    mic_status status = mic_wavelet_encode(variant, c->pixels, c->width, c->height, 255, levels, c->bytes,
                                           bound, &c->n_bytes, &error);
    CHECK(status == MIC_OK || (status == MIC_ERROR_UNSUPPORTED && error.message[0]), "%s: %d", names[variant],
          status);
    return status;
}

/* Any answer is right, but nothing outside the buffers may be touched, and pixels come only
 * at the right size. */
static mic_status decode(const coded *c, mic_wavelet variant, const uint8_t *bytes, size_t n_bytes,
                         uint16_t *out)
{
    uint8_t *in = exact_copy(bytes, n_bytes);
    mic_error error = {.status = MIC_OK};
    mic_status status = mic_wavelet_decode(variant, in, n_bytes, out, c->width * c->height, &error);
    CHECK(status == MIC_OK || (error.status == status && error.stage && error.message[0]), "%s",
          names[variant]);
    CHECK(status < MIC_ERROR_ARGUMENT || status == MIC_ERROR_CAPACITY, "%s: %d", names[variant], status);
    free(in);
    return status;
}

static void check_damage(const coded *c, mic_wavelet variant)
{
    uint16_t *out = need(malloc(c->width * c->height * sizeof *out));
    for (size_t n = 0; n < c->n_bytes; n++)
        CHECK(decode(c, variant, c->bytes, n, out) != MIC_OK, "%s cut at %zu of %zu", names[variant], n,
              c->n_bytes);
    for (size_t bit = 0; bit < 8 * c->n_bytes; bit++) {
        c->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        decode(c, variant, c->bytes, c->n_bytes, out);
        c->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t other = 0; other < VARIANTS; other++)
        decode(c, (mic_wavelet)other, c->bytes, c->n_bytes, out);
    free(out);
}

static void check_stream(pattern p, size_t width, size_t height, mic_wavelet variant, unsigned levels,
                         bool damage)
{
    coded c = {.width = width, .height = height};
    fill_words(p, c.pixels, width * height);
    mic_status status = encode(&c, variant, levels);
    CHECK(status == MIC_OK || !damage, "%s refuses %zu x %zu", names[variant], width, height);
    if (status == MIC_OK) {
        uint16_t *out = need(malloc(width * height * sizeof *out));
        size_t w = 0, h = 0;
        CHECK(mic_wavelet_read_header(variant, c.bytes, c.n_bytes, &w, &h, NULL) == MIC_OK && w == width &&
                  h == height,
              "%s: %zu x %zu", names[variant], w, h);
        status = decode(&c, variant, c.bytes, c.n_bytes, out);
        CHECK(status == MIC_OK && same(out, c.pixels, width * height * sizeof *out),
              "%s: %d, %zu x %zu pattern %d", names[variant], status, width, height, p);
        free(out);
        if (damage)
            check_damage(&c, variant);
    }
    free(c.bytes);
}

static void test_streams(mic_wavelet variant)
{
    for (size_t n = 0; n < SIDE * SIDE; n += 2)
        check_stream((pattern)(n % N_PATTERNS), 1 + n % SIDE, 1 + n / SIDE, variant, 1 + n % 4, false);
    check_stream(SKEWED, SIDE, SIDE, variant, 3, true);
    check_stream(RUNS, SIDE, SIDE - 2, variant, 1, true);
}

static void test_arguments(void)
{
    uint8_t header[15] = {0};
    uint16_t pixel = 1;
    size_t w, h, n;
    CHECK(mic_wavelet_encode(MIC_WAVELET_V1, &pixel, 1, 1, 9, 5, header, sizeof header, &n, NULL) ==
              MIC_ERROR_UNSUPPORTED,
          "five levels");
    CHECK(mic_wavelet_read_header(MIC_WAVELET_V2, header, sizeof header, &w, &h, NULL) == MIC_ERROR_CORRUPT,
          "no pixels");
    memset(header, 0xFF, sizeof header);
    CHECK(mic_wavelet_read_header(MIC_WAVELET_V2, header, sizeof header, &w, &h, NULL) == MIC_ERROR_CORRUPT,
          "2^64 pixels");
}

int main(void)
{
    test_example();
    for (size_t n = 1; n <= 40; n++)
        for (unsigned levels = 1; levels <= WAVELET_MAX_LEVELS; levels++)
            for (unsigned how = 0; how < 4; how++)
                check_transform(n, 1 + 7 * n % 30, levels, how & 1, how & 2);
    for (size_t variant = 0; variant < VARIANTS; variant++)
        test_streams((mic_wavelet)variant);
    test_arguments();
    return report("test_wavelet");
}
