/* SPDX-License-Identifier: MIT
 *
 * Mistakes that a caller of the header can make, and input that is too large for a format:
 * each is refused before anything is read or written.
 */
#include "check.h"

#include "container/rgb_planes.h"
#include "streams.h"

static void check_refusal(mic_status status, mic_status wanted, const mic_error *error, const char *what)
{
    CHECK(status == wanted, "%s: %d", what, status);
    CHECK(error->status == wanted && error->message[0], "%s: '%s'", what, error->message);
}

static mic_status encode_layout(mic_layout layout, mic_error *error)
{
    static const uint16_t samples[64];
    const mic_encode_options options = {.codec = FSE, .n_states = 4, .effort = 5, .n_threads = 1};
    mic_encoded *encoded = NULL;
    mic_status status = mic_encode(&layout, samples, &options, &encoded, error);
    mic_encoded_free(encoded);
    return status;
}

static void test_layouts(void)
{
    const mic_layout good = {.container = NATIVE,
                             .sample_type = MIC_UINT16,
                             .codec = FSE,
                             .channels = 1,
                             .rows = 3,
                             .columns = 3,
                             .n_frames = 1};
    mic_error error;
    mic_layout bad = good;
    CHECK(encode_layout(good, &error) == MIC_OK, "%s", error.message);
    bad.channels = 2;
    check_refusal(encode_layout(bad, &error), MIC_ERROR_ARGUMENT, &error, "two channels");
    bad = good;
    bad.n_axes = MIC_MAX_AXES + 1;
    check_refusal(encode_layout(bad, &error), MIC_ERROR_ARGUMENT, &error, "too many axes");
    bad = good;
    bad.container = (mic_container)99;
    check_refusal(encode_layout(bad, &error), MIC_ERROR_ARGUMENT, &error, "no container");
    bad = good;
    bad.container = MIC1;
    bad.sample_type = MIC_INT16;
    check_refusal(encode_layout(bad, &error), MIC_ERROR_UNSUPPORTED, &error, "signed samples in MIC1");
}

static void test_jobs(void)
{
    static const uint32_t rows[][2] = {{0, 0}, {12, 1}, {0, 13}, {5, UINT32_MAX}};
    stream s = make_stream(&stream_cases[0]);
    uint8_t *out = need(malloc(s.n_sample_bytes));
    mic_error error;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const mic_decode_job job = {.layout = &s.layout,
                                    .in = s.bytes,
                                    .n_bytes = s.n_bytes,
                                    .first_row = rows[i][0],
                                    .n_rows = rows[i][1],
                                    .out = out,
                                    .row_stride = 34};
        check_refusal(mic_decode(&job, 1, 1, &error), MIC_ERROR_ARGUMENT, &error, "rows outside the frame");
    }
    free(out);
    stream_free(&s);
}

/* Without an index, nobody knows where these frames end. */
static void test_frames_without_sizes(void)
{
    static const mic_container containers[] = {MIC2, MIC_CONTAINER_MIC3};
    for (size_t i = 0; i < COUNT_OF(containers); i++) {
        const mic_layout layout = {
            .container = containers[i], .n_axes = 1, .n_frames = 1, .rows = 1, .columns = 1};
        uint64_t size;
        mic_error error;
        check_refusal(mic_frame_size(&layout, (const uint8_t *)"", 0, &size, &error), MIC_ERROR_UNSUPPORTED,
                      &error, "the size of a frame");
    }
}

static void test_frames_too_large(void)
{
    static const struct {
        uint32_t rows, columns;
        bool only_32_bits;
    } cases[] = {{1, 1u << 31, false}, {UINT32_MAX, UINT32_MAX, false}, {1u << 16, 1u << 15, false},
                 {0, 5, false},        {1u << 14, 1u << 14, true},      {1u << 22, 1, true},
                 {1, 1u << 28, true}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t header[20] = {'M', 'I', 'C', '1'};
        const bool fits = cases[i].only_32_bits && SIZE_MAX > 0xFFFFFFFF;
        mic_layout layout;
        mic_error error;
        store_u32(header + 4, cases[i].columns);
        store_u32(header + 8, cases[i].rows);
        header[12] = 1;
        if (fits)
            CHECK(mic_read_header(header, sizeof header, &layout, &error) == MIC_OK, "case %zu: %s", i,
                  error.message);
        else
            check_refusal(mic_read_header(header, sizeof header, &layout, &error),
                          cases[i].only_32_bits ? MIC_ERROR_UNSUPPORTED : MIC_ERROR_CORRUPT, &error,
                          "a frame too large");
    }
    const mic_layout layout = {.sample_type = MIC_UINT16,
                               .codec = FSE,
                               .channels = 1,
                               .rows = 1u << 16,
                               .columns = 1u << 15,
                               .strip_rows = 64,
                               .n_frames = 1};
    const mic_encode_options options = {.codec = FSE, .n_states = 4, .effort = 5, .n_threads = 1};
    mic_encoded *encoded;
    unsigned bits_used;
    mic_error error;
    check_refusal(mic_encode_frame(&layout, "", &options, &encoded, &bits_used, &error), MIC_ERROR_CORRUPT,
                  &error, "a frame too large to be read back");
}

static void test_containers_written_whole(void)
{
    mic_layout layout = {.sample_type = MIC_UINT16, .channels = 1, .rows = 1, .columns = 1, .strip_rows = 1};
    const mic_encode_options options = {.codec = FSE, .n_states = 4, .effort = 5, .n_threads = 1};
    const mic_container whole[] = {MIC_CONTAINER_MIC1, MIC_CONTAINER_MIC2, MIC_CONTAINER_PICS,
                                   MIC_CONTAINER_PICA, MIC_CONTAINER_MICR, (mic_container)99};
    for (size_t i = 0; i < COUNT_OF(whole); i++) {
        const uint16_t sample = 0;
        uint8_t header[MIC_HEADER_BOUND];
        mic_encoded *encoded;
        unsigned bits_used;
        size_t n;
        mic_error error;
        layout.container = whole[i];
        check_refusal(mic_encode_frame(&layout, &sample, &options, &encoded, &bits_used, &error),
                      MIC_ERROR_ARGUMENT, &error, "a frame of a container that is written whole");
        check_refusal(mic_write_header(&layout, header, &n, &error), MIC_ERROR_ARGUMENT, &error,
                      "a header of a container that is written whole");
    }
}

#if SIZE_MAX > 0xFFFFFFFF
static void test_more_than_32_bits(void)
{
    const size_t n = (size_t)UINT32_MAX + 1;
    uint16_t word = 0;
    uint8_t byte;
    size_t n_out;
    mic_error error;
    check_refusal(mic_fse_encode(&word, n, 4, &byte, 1, &n_out, &error), MIC_ERROR_UNSUPPORTED, &error,
                  "FSE");
    check_refusal(mic_huffman_encode(&word, n, &byte, 1, &n_out, &error), MIC_ERROR_UNSUPPORTED, &error,
                  "Huffman");
    check_refusal(mic_rle_encode(&word, n, 8, 1, &word, &n_out, &error), MIC_ERROR_UNSUPPORTED, &error,
                  "runs");
}
#endif

static void test_wavelets(void)
{
    uint16_t pixels[4] = {1, 2, 3, 4};
    uint8_t out[4];
    size_t n;
    mic_error error;
    for (mic_wavelet variant = MIC_WAVELET_V2; variant <= MIC_WAVELET_V1_RUNS; variant++) {
        check_refusal(mic_wavelet_encode(variant, pixels, 2, 2, 4, 0, out, sizeof out, &n, &error),
                      MIC_ERROR_UNSUPPORTED, &error, "no levels");
        check_refusal(mic_wavelet_encode(variant, pixels, 2, 2, 4, 9, out, sizeof out, &n, &error),
                      MIC_ERROR_UNSUPPORTED, &error, "nine levels");
        check_refusal(mic_wavelet_encode(variant, pixels, 0, 2, 4, 1, out, sizeof out, &n, &error),
                      MIC_ERROR_UNSUPPORTED, &error, "no columns");
        check_refusal(mic_wavelet_encode(variant, pixels, 1u << 20, 1u << 20, 4, 1, out, sizeof out, &n,
                                         &error),
                      MIC_ERROR_UNSUPPORTED, &error, "2^40 pixels");
        check_refusal(mic_wavelet_encode(variant, pixels, 2, 2, 4, 1, out, sizeof out, &n, &error),
                      MIC_ERROR_CAPACITY, &error, "no room");
    }
}

static void test_room(void)
{
    const uint16_t plane[4] = {1, 2, 3, 4};
    const uint8_t rgb[12] = {0};
    uint8_t out[1];
    size_t n;
    mic_error error;
    check_refusal(mic_plane_encode(plane, 2, 2, 4, out, sizeof out, &n, &error), MIC_ERROR_CAPACITY, &error,
                  "plane");
    check_refusal(mic_rgb_encode(rgb, 2, 2, 4, 1, out, sizeof out, &n, &error), MIC_ERROR_CAPACITY, &error,
                  "RGB");
}

/* The code says what to do, and only where there is something to do. */
static void test_remedies(void)
{
    const uint16_t plane[4] = {0};
    const uint8_t no_magic[8] = "GIF89a";
    uint16_t words[16];
    size_t n;
    mic_layout layout;
    mic_error error;
    mic_read_header(no_magic, sizeof no_magic, &layout, &error);
    CHECK(error.remedy == MIC_REMEDY_BARE_STREAM, "no magic: %d", error.remedy);
    mic_read_header(no_magic, 2, &layout, &error);
    CHECK(error.remedy == MIC_REMEDY_NONE, "two bytes: %d", error.remedy);
    mic_delta_encode(MIC_PREDICT_AVERAGE, plane, 2, 2, 0, words, &n, &error);
    CHECK(error.remedy == MIC_REMEDY_ANY_MAXIMUM, "maximum 0: %d", error.remedy);
    CHECK(mic_read_header(no_magic, sizeof no_magic, &layout, NULL) == MIC_ERROR_FORMAT, "no error wanted");
}

int main(void)
{
    test_layouts();
    test_jobs();
    test_frames_without_sizes();
    test_frames_too_large();
    test_containers_written_whole();
#if SIZE_MAX > 0xFFFFFFFF
    test_more_than_32_bits();
#endif
    test_wavelets();
    test_room();
    test_remedies();
    CHECK(strcmp(mic_isa_name((mic_isa)99), "unknown") == 0, "a set that is none");
    return report("test_refusals");
}
