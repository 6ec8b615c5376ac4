/* SPDX-License-Identifier: MIT
 *
 * One frame of the native container.  Encoding runs the stages in this order:
 *
 *     samples            8 or 16 bits, signed or not, 1 or 3 channels
 *       -> planes        one per channel, of 16-bit values
 *       -> colour        makes three planes cheaper, reversibly
 *       -> sample map    per plane: words from 0, used values numbered if sparse
 *       -> model         per plane, wavefront only: predictor, contexts, tables
 *       -> strips        groups of rows that can be decoded alone
 *       -> strip coder   the smallest of wavefront, FSE, Huffman and raw words
 *
 * Decoding (frame_decode.c) runs them backwards.  The steps up to the sample map are in
 * frame_planes.c, the strip coder and the head in frame_pieces.c.  This file calls them in
 * order and decides what to try again when the result is too large.
 *
 * A frame is its head (frame_head.h), followed by its pieces: one for each strip and plane,
 * plane by plane within a strip; a constant plane has none.
 */
#include "frame_encoder.h"
#include "frame.h"

#include "../base/large_memory.h"
#include "../base/threads.h"

#include <stdlib.h>

static bool is_wavefront(const frame_encoder *e, unsigned plane)
{
    return e->codec[plane] == MIC_CODEC_WAVEFRONT && e->head.maps[plane].kind != MAP_CONSTANT;
}

/* Choose predictors from a sample of rows.  Called for all planes at once. */
static mic_status open_wavefront(void *context, size_t plane, mic_error *error)
{
    frame_encoder *e = context;
    const mic_layout *layout = e->layout;
    if (!is_wavefront(e, (unsigned)plane))
        return MIC_OK;
    return mic_wf_plane_open(e->planes[plane].values, e->planes[plane].offset, layout->columns, layout->rows,
                             layout->strip_rows, e->head.maps[plane].n_values - 1, e->options->effort,
                             &e->wavefronts[plane], error);
}

static mic_status analyse_strip(void *context, size_t strip, mic_error *error)
{
    frame_encoder *e = context;
    for (unsigned c = 0; c < e->layout->channels; c++)
        if (e->wavefronts[c])
            TRY(mic_wf_plane_analyse(e->wavefronts[c], strip, error));
    return MIC_OK;
}

/* Put the model of a wavefront plane into the head. */
static mic_status choose_model(void *context, size_t plane, mic_error *error)
{
    frame_encoder *e = context;
    frame_model *model = &e->head.models[plane];
    wf_model chosen;
    if (!e->wavefronts[plane])
        return MIC_OK;
    TRY(mic_wf_plane_choose(e->wavefronts[plane], &chosen, error));
    uint8_t *bytes = malloc(WF_MODEL_BOUND);
    if (!bytes)
        return mic_frame_no_memory(WF_MODEL_BOUND, error);
    model->owned = bytes;
    model->bytes = bytes;
    return mic_wf_write_model(&chosen, bytes, WF_MODEL_BOUND, &model->n_bytes, error);
}

static mic_status build_models(frame_encoder *e, mic_error *error)
{
    const int n_threads = e->options->n_threads;
    TRY(mic_parallel_for(e->layout->channels, n_threads, open_wavefront, e, error));
    TRY(mic_parallel_for(e->head.n_strips, n_threads, analyse_strip, e, error));
    return mic_parallel_for(e->layout->channels, n_threads, choose_model, e, error);
}

static mic_status encode_strip(void *context, size_t strip, mic_error *error)
{
    frame_encoder *e = context;
    for (unsigned c = 0; c < e->layout->channels; c++) {
        if (e->head.maps[c].kind == MAP_CONSTANT)
            continue;
        TRY(mic_frame_encode_plane(e, strip, c, error));
        e->head.strips[strip].n_bytes[c] = (uint32_t)mic_frame_piece(e, strip, c)->n_bytes;
    }
    return MIC_OK;
}

static bool any_piece_has_model(const frame_encoder *e, unsigned plane)
{
    for (size_t strip = 0; strip < e->head.n_strips; strip++)
        if (mic_frame_piece(e, strip, plane)->bytes[0] == STRIP_WAVEFRONT)
            return true;
    return false;
}

static mic_status encode_again(frame_encoder *e, unsigned plane, mic_codec codec, mic_error *error)
{
    e->codec[plane] = codec;
    e->head.models[plane].n_bytes = 0;
    TRY(mic_frame_need_words(e, plane, error));
    for (size_t strip = 0; strip < e->head.n_strips; strip++) {
        TRY(mic_frame_encode_plane(e, strip, plane, error));
        e->head.strips[strip].n_bytes[plane] = (uint32_t)mic_frame_piece(e, strip, plane)->n_bytes;
    }
    return MIC_OK;
}

/* Try the classic stages on a small plane of one strip, and keep the result if it is
 * smaller. */
static mic_status try_classic(frame_encoder *e, unsigned plane, mic_error *error)
{
    struct encoded_part *piece = mic_frame_piece(e, 0, plane), wavefront = *piece;
    const frame_model model = e->head.models[plane];
    const size_t n_bytes = mic_frame_plane_bytes(e, plane);
    *piece = (struct encoded_part){0};
    mic_status status = encode_again(e, plane, MIC_CODEC_FSE, error);
    if (status == MIC_OK && mic_frame_plane_bytes(e, plane) < n_bytes) {
        free(wavefront.bytes);
        return MIC_OK;
    }
    free(piece->bytes);
    *piece = wavefront;
    e->codec[plane] = MIC_CODEC_WAVEFRONT;
    e->head.models[plane] = model;
    e->head.strips[0].n_bytes[plane] = (uint32_t)wavefront.n_bytes;
    return status;
}

/* Models and tables must earn their bytes: on thumbnails the classic stages may be smaller,
 * and noise ends up raw in any case.  The classic stages have a table too, with more
 * symbols and no contexts.  Where the model is a small part of a plane that is not tiny,
 * they have never been smaller. */
static mic_status settle_plane(frame_encoder *e, unsigned plane, mic_error *error)
{
    enum { SMALL_PLANE = 1 << 14, TINY_PLANE = 1 << 12, LARGE_MODEL = 16 };
    const size_t n_pixels = (size_t)e->layout->rows * e->layout->columns;
    sample_map *map = &e->head.maps[plane];
    if (map->kind == MAP_CONSTANT)
        return MIC_OK;
    if (!any_piece_has_model(e, plane))
        e->head.models[plane].n_bytes = 0;
    const bool is_small = n_pixels <= SMALL_PLANE && e->head.n_strips == 1;
    const bool is_model_small = n_pixels >= TINY_PLANE &&
                                e->head.models[plane].n_bytes * LARGE_MODEL < mic_frame_plane_bytes(e, plane);
    if (e->codec[plane] == MIC_CODEC_WAVEFRONT && is_small && !is_model_small)
        TRY(try_classic(e, plane, error));
    if (mic_frame_plane_bytes(e, plane) <= mic_strip_raw_bytes(n_pixels, mic_map_span(map)))
        return MIC_OK;
    if (map->kind == MAP_PACKED) {
        TRY(mic_map_inverse(map, e->planes[plane].owned, n_pixels, error));
        mic_map_unpack(map);
        mic_map_forward(map, e->planes[plane].owned, n_pixels);
    }
    return encode_again(e, plane, MIC_CODEC_HUFFMAN, error);
}

/* From planes as loaded to pieces. */
static mic_status encode_planes(frame_encoder *e, mic_error *error)
{
    TRY(mic_frame_map_planes(e, e->options->codec, error));
    TRY(build_models(e, error));
    TRY(mic_parallel_for(e->head.n_strips, e->options->n_threads, encode_strip, e, error));
    for (unsigned c = 0; c < e->layout->channels; c++)
        TRY(settle_plane(e, c, error));
    return MIC_OK;
}

/* Go back to the state before the planes were loaded. */
static void forget_planes(frame_encoder *e)
{
    const size_t n_strips = e->head.n_strips;
    memset((uint8_t *)e->seen, 0, e->layout->channels * SAMPLE_VALUES);
    for (unsigned c = 0; c < e->layout->channels; c++) {
        mic_map_free(&e->head.maps[c]);
        free(e->head.models[c].owned);
        e->head.models[c] = (frame_model){0};
        mic_wf_plane_free(e->wavefronts[c]);
        e->wavefronts[c] = NULL;
        for (size_t strip = 0; strip < n_strips; strip++) {
            struct encoded_part *part = mic_frame_piece(e, strip, c);
            free(part->bytes);
            *part = (struct encoded_part){0};
            e->head.strips[strip].n_bytes[c] = 0;
        }
    }
}

static uint64_t coded_bytes(const frame_encoder *e)
{
    uint64_t n = 0;
    for (unsigned c = 0; c < e->layout->channels; c++)
        if (e->head.maps[c].kind != MAP_CONSTANT)
            n += mic_frame_plane_bytes(e, c);
    return n;
}

static mic_status run_encoder(frame_encoder *e, mic_error *error)
{
    TRY(mic_frame_load(e, error));
    TRY(encode_planes(e, error));
    /* Noise grows by a bit when differences are taken, so without them it is no larger than
     * it was. */
    if (e->head.colour != COLOUR_NONE && coded_bytes(e) >= mic_frame_bytes(e->layout)) {
        forget_planes(e);
        e->head.colour = COLOUR_NONE;
        TRY(mic_frame_load_planes(e, error));
        TRY(encode_planes(e, error));
    }
    TRY(mic_frame_write_head(e, error));
    return e->options->shared ? mic_frame_share_models(e, error) : MIC_OK;
}

/* Return the smallest width that holds every sample.  Colour differences do not tell it, so
 * for colour this returns the width of the sample type. */
static unsigned width_in_bits(const mic_layout *layout, const frame_head *head)
{
    const mic_sample_type type = layout->sample_type;
    const int bias = type == MIC_INT16 ? 32768 : type == MIC_INT8 ? 128 : 0;
    unsigned bits = 0;
    if (head->colour != COLOUR_NONE)
        return 8 * (unsigned)mic_sample_bytes(type);
    for (unsigned c = 0; c < layout->channels; c++) {
        int low = head->maps[c].minimum - bias, high = low + (int)mic_map_span(&head->maps[c]) - 1;
        unsigned low_bits = bit_depth((unsigned)(low < 0 ? ~low : low)) + (bias != 0);
        unsigned high_bits = bit_depth((unsigned)(high < 0 ? ~high : high)) + (bias != 0);
        bits = bits > low_bits ? bits : low_bits;
        bits = bits > high_bits ? bits : high_bits;
    }
    return bits;
}

static bool allocate_encoder(frame_encoder *e)
{
    const mic_layout *layout = e->layout;
    const size_t n_strips = (size_t)mic_strips_per_frame(layout), n_pieces = n_strips * layout->channels;
    e->head.n_strips = n_strips;
    e->head.strips = calloc(n_strips, sizeof *e->head.strips);
    e->seen = calloc(layout->channels, SAMPLE_VALUES);
    e->strip_crcs = calloc(n_strips, sizeof *e->strip_crcs);
    e->encoded = mic_encoded_new(1 + n_pieces);
    return e->head.strips && e->seen && e->strip_crcs && e->encoded;
}

/* Free everything but the encoded result. */
static void free_encoder(frame_encoder *e)
{
    mic_frame_head_free(&e->head);
    for (unsigned c = 0; c < MAX_PLANES; c++) {
        mic_large_free(e->planes[c].owned);
        mic_wf_plane_free(e->wavefronts[c]);
    }
    free(e->seen);
    free(e->strip_crcs);
}

mic_status mic_native_frame_encode(const mic_layout *layout, const void *samples,
                                   const mic_encode_options *options, mic_encoded **encoded,
                                   unsigned *bits_used, mic_error *error)
{
    frame_encoder e = {.layout = layout, .samples = samples, .options = options};
    mic_status status = allocate_encoder(&e)
                            ? run_encoder(&e, error)
                            : mic_frame_no_memory((size_t)mic_frame_bytes(layout) * 2, error);
    if (status == MIC_OK) {
        *bits_used = width_in_bits(layout, &e.head);
        *encoded = e.encoded;
    } else {
        mic_encoded_free(e.encoded);
    }
    free_encoder(&e);
    return status;
}

mic_status mic_native_frame_words(const mic_layout *layout, const void *samples, uint16_t *const planes[],
                                  uint32_t n_values[], mic_error *error)
{
    const mic_encode_options options = {.n_threads = 1};
    frame_encoder e = {.layout = layout, .samples = samples, .options = &options};
    mic_status status = allocate_encoder(&e)
                            ? mic_frame_load(&e, error)
                            : mic_frame_no_memory((size_t)mic_frame_bytes(layout) * 2, error);
    if (status == MIC_OK)
        status = mic_frame_map_planes(&e, MIC_CODEC_WAVEFRONT, error);
    for (unsigned c = 0; status == MIC_OK && c < layout->channels; c++) {
        n_values[c] = e.head.maps[c].n_values;
        if (e.head.maps[c].kind == MAP_CONSTANT)
            continue;
        status = mic_frame_need_words(&e, c, error);
        if (status == MIC_OK)
            memcpy(planes[c], e.planes[c].owned, (size_t)layout->rows * layout->columns * sizeof *planes[c]);
    }
    mic_encoded_free(e.encoded);
    free_encoder(&e);
    return status;
}
