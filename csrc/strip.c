/* SPDX-License-Identifier: MIT
 *
 * Method and fall-back of one piece; see strip.h.  Whatever the published
 * coders refuse (constant strips, noise, a handful of pixels) has a form here:
 * FSE, else Huffman, and raw words where neither is smaller.
 */
#include "strip.h"

enum { SMALLEST_MAXIMUM = 8 }; /* run lengths need a depth of 4 */

static size_t raw_word_bytes(uint32_t n_values) { return n_values <= 256 ? 1 : 2; }

size_t mic_strip_raw_bytes(size_t n_words, uint32_t n_values)
{
    return 1 + n_words * raw_word_bytes(n_values);
}

size_t mic_strip_bound(size_t n_words)
{
    return 1 + mic_stream_bound(n_words);
}

static size_t encode_raw(const uint16_t *words, size_t n, uint32_t n_values, uint8_t *out)
{
    *out++ = STRIP_RAW;
    if (raw_word_bytes(n_values) == 1) {
        for (size_t i = 0; i < n; i++)
            out[i] = (uint8_t)words[i];
    } else {
        for (size_t i = 0; i < n; i++)
            store_u16(out + 2 * i, words[i]);
    }
    return mic_strip_raw_bytes(n, n_values);
}

static mic_status decode_raw(const uint8_t *in, size_t n_bytes, size_t n, uint32_t n_values,
                             uint16_t *words, mic_error *error)
{
    if (n_bytes != n * raw_word_bytes(n_values))
        return mic_fail(error, MIC_ERROR_CORRUPT, "strip", -1,
                        "a raw strip of %zu words has %zu bytes, %zu are expected (damaged stream?)", n,
                        n_bytes, n * raw_word_bytes(n_values));
    if (raw_word_bytes(n_values) == 1) {
        for (size_t i = 0; i < n; i++)
            words[i] = in[i];
    } else {
        for (size_t i = 0; i < n; i++)
            words[i] = load_u16(in + 2 * i);
    }
    return MIC_OK;
}

/* UNSUPPORTED is the coder's refusal, not a failure of the strip. */
static mic_status try_stream(mic_stream_kind kind, const uint16_t *words, size_t width, size_t height,
                             uint32_t n_values, int n_states, uint8_t *out, size_t capacity,
                             size_t *n_bytes, mic_error *error)
{
    unsigned max_value = n_values - 1 > SMALLEST_MAXIMUM ? n_values - 1 : SMALLEST_MAXIMUM;
    out[0] = kind == MIC_STREAM_FSE ? STRIP_FSE : STRIP_HUFFMAN;
    *n_bytes = 0;
    TRY(mic_stream_encode(kind, words, width, height, max_value, n_states, out + 1, capacity - 1,
                          n_bytes, error));
    *n_bytes += 1;
    return MIC_OK;
}

mic_status mic_strip_encode(const uint16_t *words, size_t width, size_t height, uint32_t n_values,
                            const mic_encode_options *options, uint8_t *out, size_t capacity,
                            size_t *n_bytes, mic_error *error)
{
    mic_status status = MIC_ERROR_UNSUPPORTED;
    if (options->codec == MIC_CODEC_FSE)
        status = try_stream(MIC_STREAM_FSE, words, width, height, n_values, options->n_states, out,
                            capacity, n_bytes, error);
    if (status == MIC_ERROR_UNSUPPORTED)
        status = try_stream(MIC_STREAM_HUFFMAN, words, width, height, n_values, 0, out, capacity,
                            n_bytes, error);
    if (status == MIC_ERROR_UNSUPPORTED ||
        (status == MIC_OK && *n_bytes >= mic_strip_raw_bytes(width * height, n_values))) {
        *n_bytes = encode_raw(words, width * height, n_values, out);
        return MIC_OK;
    }
    return status;
}

mic_status mic_strip_decode(const uint8_t *in, size_t n_bytes, size_t width, size_t height,
                            uint32_t n_values, uint16_t *words, mic_error *error)
{
    if (n_bytes == 0)
        return mic_fail(error, MIC_ERROR_CORRUPT, "strip", 0,
                        "the strip is empty, at least a method byte is expected (damaged stream?)");
    const uint8_t *payload = in + 1;
    switch (in[0]) {
    case STRIP_RAW: return decode_raw(payload, n_bytes - 1, width * height, n_values, words, error);
    case STRIP_FSE: return mic_stream_decode(MIC_STREAM_FSE, payload, n_bytes - 1, width, height, words, error);
    case STRIP_HUFFMAN:
        return mic_stream_decode(MIC_STREAM_HUFFMAN, payload, n_bytes - 1, width, height, words, error);
    }
    return mic_fail(error, MIC_ERROR_UNSUPPORTED, "strip", 0,
                    "strip method %u is unknown, 0 to 2 are expected; a newer version of mic may read it",
                    in[0]);
}
