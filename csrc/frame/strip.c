/* SPDX-License-Identifier: MIT
 *
 * Method and fall-back of one piece; see strip.h.  Whatever the published coders refuse
 * (constant strips, noise, a handful of pixels) can be coded here: by FSE, else by Huffman,
 * and as raw words if neither is smaller.
 */
#include "strip.h"

#include "../base/kernels.h"

enum { SMALLEST_MAXIMUM = 8 }; /* run lengths need a depth of 4 */

static size_t raw_word_bytes(uint32_t n_values) { return n_values <= 256 ? 1 : 2; }

size_t mic_strip_raw_bytes(size_t n_words, uint32_t n_values)
{
    return 1 + n_words * raw_word_bytes(n_values);
}

size_t mic_strip_bound(size_t width, size_t height)
{
    size_t stream = mic_stream_bound(width * height), wavefront = mic_wf_strip_bound(width, height);
    return 1 + (stream > wavefront ? stream : wavefront);
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

static mic_status decode_raw(const uint8_t *in, size_t n_bytes, size_t n, uint32_t n_values, uint16_t *words,
                             mic_error *error)
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

/* UNSUPPORTED means that the coder refuses, not that the strip fails. */
static mic_status try_stream(mic_stream_kind kind, const uint16_t *words, size_t width, size_t height,
                             uint32_t n_values, int n_states, uint8_t *out, size_t capacity, size_t *n_bytes,
                             mic_error *error)
{
    unsigned max_value = n_values - 1 > SMALLEST_MAXIMUM ? n_values - 1 : SMALLEST_MAXIMUM;
    out[0] = kind == MIC_STREAM_FSE ? STRIP_FSE : STRIP_HUFFMAN;
    *n_bytes = 0;
    TRY(mic_stream_encode(kind, words, width, height, max_value, n_states, out + 1, capacity - 1, n_bytes,
                          error));
    *n_bytes += 1;
    return MIC_OK;
}

static mic_status try_wavefront(const strip_coder *coder, uint8_t *out, size_t capacity, size_t *n_bytes,
                                mic_error *error)
{
    out[0] = STRIP_WAVEFRONT;
    *n_bytes = 0;
    TRY(mic_wf_plane_encode(coder->plane, coder->strip, out + 1, capacity - 1, n_bytes, error));
    *n_bytes += 1;
    return MIC_OK;
}

mic_status mic_strip_encode(const uint16_t *words, size_t width, size_t height, const strip_coder *coder,
                            uint8_t *out, size_t capacity, size_t *n_bytes, mic_error *error)
{
    mic_status status = MIC_ERROR_UNSUPPORTED;
    if (coder->codec == MIC_CODEC_WAVEFRONT)
        status = try_wavefront(coder, out, capacity, n_bytes, error);
    if (!words)
        return status;
    if (coder->codec == MIC_CODEC_FSE)
        status = try_stream(MIC_STREAM_FSE, words, width, height, coder->n_values, coder->n_states, out,
                            capacity, n_bytes, error);
    if (status == MIC_ERROR_UNSUPPORTED)
        status = try_stream(MIC_STREAM_HUFFMAN, words, width, height, coder->n_values, 0, out, capacity,
                            n_bytes, error);
    if (status == MIC_ERROR_UNSUPPORTED ||
        (status == MIC_OK && *n_bytes >= mic_strip_raw_bytes(width * height, coder->n_values))) {
        *n_bytes = encode_raw(words, width * height, coder->n_values, out);
        return MIC_OK;
    }
    return status;
}

/* ---- decoding ---------------------------------------------------------- */

/* All pieces use the method of the first. */
static mic_status decode_wavefront(const strip_piece *pieces, size_t n, size_t width, uint32_t n_values,
                                   const strip_models *models, mic_error *error)
{
    wf_strip_job jobs[STRIP_GROUP];
    const wf_decoder *decoder = models->own;
    if (pieces[0].in[0] == STRIP_SHARED)
        TRY(mic_shared_models_borrow(models->shared, models->plane, n_values, &decoder, error));
    else if (!decoder)
        return mic_fail(error, MIC_ERROR_CORRUPT, "strip", 0,
                        "the strip is coded by wavefront, but its plane has no model (damaged stream?)");
    for (size_t i = 0; i < n; i++)
        jobs[i] = (wf_strip_job){.in = pieces[i].in + 1,
                                 .n_bytes = pieces[i].n_bytes - 1,
                                 .words = pieces[i].words,
                                 .height = pieces[i].height};
    return mic_kernels_active()->wavefront_decode(decoder, jobs, n, width, error);
}

/* Published streams may hold rANS instead of FSE.  The native format forbids it, so that
 * its decoders need not know it. */
static mic_status decode_fse(const strip_piece *piece, size_t width, mic_error *error)
{
    const uint8_t *payload = piece->in + 1;
    const size_t n_bytes = piece->n_bytes - 1;
    if (n_bytes >= 2 && payload[0] == 0xFF && payload[1] == 0x08)
        return mic_fail(
            error, MIC_ERROR_CORRUPT, "strip", 1,
            "the strip starts with FF 08 (rANS), FSE (FF 02, FF 04 or FF 84) is expected (damaged stream?)");
    return mic_stream_decode(MIC_STREAM_FSE, payload, n_bytes, width, piece->height, piece->words, error);
}

static mic_status decode_piece(const strip_piece *piece, size_t width, uint32_t n_values,
                               const strip_models *models, mic_error *error)
{
    const size_t n_words = width * piece->height;
    if (piece->n_bytes == 0)
        return mic_fail(error, MIC_ERROR_CORRUPT, "strip", 0,
                        "the strip is empty, at least a method byte is expected (damaged stream?)");
    const uint8_t *payload = piece->in + 1;
    const size_t n_bytes = piece->n_bytes - 1;
    switch (piece->in[0]) {
    case STRIP_RAW: return decode_raw(payload, n_bytes, n_words, n_values, piece->words, error);
    case STRIP_FSE: return decode_fse(piece, width, error);
    case STRIP_HUFFMAN:
        return mic_stream_decode(MIC_STREAM_HUFFMAN, payload, n_bytes, width, piece->height, piece->words,
                                 error);
    case STRIP_WAVEFRONT:
    case STRIP_SHARED: return decode_wavefront(piece, 1, width, n_values, models, error);
    }
    return mic_fail(error, MIC_ERROR_UNSUPPORTED, "strip", 0,
                    "strip method %u is unknown, 0 to 4 are expected; a newer version of mic may read it",
                    piece->in[0]);
}

/* Whether all pieces are wavefront pieces that use the same model. */
static bool all_wavefront(const strip_piece *pieces, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (pieces[i].n_bytes == 0 || pieces[i].in[0] != pieces[0].in[0])
            return false;
    return pieces[0].in[0] == STRIP_WAVEFRONT || pieces[0].in[0] == STRIP_SHARED;
}

mic_status mic_strip_decode(const strip_piece *pieces, size_t n_pieces, size_t width, uint32_t n_values,
                            const strip_models *models, size_t *failed, mic_error *error)
{
    if (n_pieces > 1 && all_wavefront(pieces, n_pieces) &&
        decode_wavefront(pieces, n_pieces, width, n_values, models, error) == MIC_OK)
        return MIC_OK;
    /* Decode one by one, which also finds the faulty one of a group. */
    for (*failed = 0; *failed < n_pieces; ++*failed)
        TRY(decode_piece(&pieces[*failed], width, n_values, models, error));
    return MIC_OK;
}
