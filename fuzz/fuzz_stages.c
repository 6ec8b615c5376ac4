/* SPDX-License-Identifier: MIT
 *
 * Any bytes into the stage decoders: each must answer with words or with an error and its
 * message, and touch nothing outside its buffers.
 *
 *     byte 0    which decoder, mod 8: FSE, Huffman, runs, prediction, gap, rANS,
 *               wavelet, frame differences
 *     byte 1    runs: bit 0, is the length given?  prediction: bits 0 and 1, the
 *               predictor, and above them the width - 1; wavelet: mod 3, the
 *               variant; differences: the pixels - 1
 *     the rest  the data; words are two bytes, low one first
 *
 * Data and output lie in blocks of their exact size, so that the sanitizer sees a step
 * outside by one byte.
 */
#include "fuzz.h"
#include "stages/stream.h"

enum { CAPACITY = 1 << 16 }; /* in words: a stream may claim any number of them */

typedef mic_status decoder(const uint8_t *, size_t, uint16_t *, size_t, size_t *, mic_error *);
typedef mic_status counter(const uint8_t *, size_t, size_t, size_t *, mic_error *);

/* Decode bytes; `count`, if not NULL, counts the words in advance. */
static void decode_bytes(decoder *decode, counter *count, const uint8_t *data, size_t n_bytes)
{
    size_t n_words = 0, announced = 0;
    mic_error error;
    uint8_t *in = copy_of(data, n_bytes);

    mic_status counted = count ? count(in, n_bytes, CAPACITY, &announced, &error) : MIC_ERROR_LIMIT;
    if (count)
        check_sentence(counted, &error);
    const size_t capacity = counted == MIC_OK ? announced : CAPACITY;
    demand(capacity <= CAPACITY, "count", "more words than the limit");
    uint16_t *words = allocate(capacity * sizeof *words);
    mic_status decoded = decode(in, n_bytes, words, capacity, &n_words, &error);
    check_sentence(decoded, &error);
    if (decoded == MIC_OK)
        demand(n_words <= capacity && (!count || (counted == MIC_OK && n_words == announced)), "decode",
               "another number of words than announced");
    free(words);
    free(in);
}

static void decode_runs(int with_length, const uint8_t *data, size_t n_in)
{
    size_t n_words = 0, announced = 0;
    mic_error error;
    uint16_t *in = words_of(data, n_in);
    mic_status status = mic_rle_count(in, n_in, with_length, &announced, &error);
    check_sentence(status, &error);
    const size_t capacity = status == MIC_OK && announced <= CAPACITY ? announced : CAPACITY;
    uint16_t *words = allocate(capacity * sizeof *words);
    mic_status decoded = mic_rle_decode(in, n_in, with_length, words, capacity, &n_words, &error);
    check_sentence(decoded, &error);
    if (decoded == MIC_OK)
        demand(status == MIC_OK && n_words == announced && n_words <= capacity, "runs",
               "another number of words than announced");
    free(words);
    free(in);
}

/* Decode as many rows as the words could fill. */
static void decode_prediction(mic_predictor predictor, size_t width, const uint8_t *data, size_t n_in)
{
    mic_error error;
    const size_t height = n_in > width ? (n_in - 1) / width : 1;
    uint16_t *in = words_of(data, n_in);
    uint16_t *pixels = allocate(width * height * sizeof *pixels);
    check_sentence(mic_delta_decode(predictor, in, n_in, width, height, pixels, &error), &error);
    free(pixels);
    free(in);
}

static void decode_wavelet(mic_wavelet variant, const uint8_t *data, size_t n_bytes)
{
    size_t width, height;
    mic_error error;
    uint8_t *in = copy_of(data, n_bytes);
    mic_status status = mic_wavelet_read_header(variant, in, n_bytes, &width, &height, &error);
    check_sentence(status, &error);
    if (status == MIC_OK && width * height <= CAPACITY) {
        uint16_t *pixels = allocate(width * height * sizeof *pixels);
        check_sentence(mic_wavelet_decode(variant, in, n_bytes, pixels, width * height, &error), &error);
        free(pixels);
    }
    free(in);
}

static void decode_difference(size_t n_pixels, const uint8_t *data, size_t n_bytes)
{
    mic_error error;
    uint8_t *in = copy_of(data, n_bytes);
    uint16_t *pixels = allocate(n_pixels * sizeof *pixels);
    check_sentence(mic_difference_decode(in, n_bytes, n_pixels, pixels, &error), &error);
    free(pixels);
    free(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const uint8_t choice = data[0], parameter = data[1];
    data += 2;
    size -= 2;
    switch (choice % 8) {
    case 0: decode_bytes(mic_fse_decode, mic_fse_count, data, size); break;
    case 1: decode_bytes(mic_huffman_decode, mic_huffman_count, data, size); break;
    case 2: decode_runs(parameter & 1, data, size / 2); break;
    case 3: decode_prediction((mic_predictor)(parameter & 3), (parameter >> 2) + 1u, data, size / 2); break;
    case 4: decode_bytes(mic_gap_decode, NULL, data, size); break;
    case 5: decode_bytes(mic_rans_decode, mic_rans_count, data, size); break;
    case 6: decode_wavelet((mic_wavelet)(parameter % 3), data, size); break;
    default: decode_difference(parameter + 1u, data, size); break;
    }
    return 0;
}
