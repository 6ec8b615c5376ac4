/* SPDX-License-Identifier: MIT
 *
 * One piece of a native frame: the words of one plane of one strip, coded by
 * whichever method makes them smallest.
 */
#ifndef MIC_STRIP_H
#define MIC_STRIP_H

#include "shared_models.h"

/* The first byte of a piece. */
typedef enum strip_method {
    STRIP_RAW = 0,       /* the words, one byte each if n_values <= 256, else two */
    STRIP_FSE = 1,       /* a published stream: average predictor, runs, FSE */
    STRIP_HUFFMAN = 2,   /* a published stream: average predictor, runs, Huffman */
    STRIP_WAVEFRONT = 3, /* lanes, with the plane's own model */
    STRIP_SHARED = 4,    /* lanes, with the stream's model for the plane */
} strip_method;

/* How a plane is to be coded. */
typedef struct strip_coder {
    mic_codec codec;
    int n_states;                  /* FSE */
    uint32_t n_values;             /* words are below this */
    const wf_plane_encoder *plane; /* wavefront: the plane; `strip` is the number of the strip in it */
    size_t strip;
} strip_coder;

size_t mic_strip_bound(size_t width, size_t height);
/* Size of a raw piece.  No piece is larger except a wavefront piece encoded without words. */
size_t mic_strip_raw_bytes(size_t n_words, uint32_t n_values);
/* Wavefront has seen the words already.  For it, `words` may be NULL, and then no other
 * method is tried. */
mic_status mic_strip_encode(const uint16_t *words, size_t width, size_t height, const strip_coder *coder,
                            uint8_t *out, size_t capacity, size_t *n_bytes, mic_error *error);

typedef struct strip_piece {
    const uint8_t *in;
    size_t n_bytes;
    size_t height;
    uint16_t *words;
} strip_piece;

/* Pieces of one plane that are decoded at once: one loop over two wavefront strips is
 * faster than one strip after the other. */
enum { STRIP_GROUP = 2 };

/* The models that pieces of a plane may use. */
typedef struct strip_models {
    const wf_decoder *own;           /* NULL if the plane has none */
    const mic_shared_models *shared; /* models of the stream, or NULL */
    unsigned plane;
} strip_models;

/* Decode up to STRIP_GROUP pieces; on failure *failed is the number of the faulty one. */
mic_status mic_strip_decode(const strip_piece *pieces, size_t n_pieces, size_t width, uint32_t n_values,
                            const strip_models *models, size_t *failed, mic_error *error);

#endif
