/* SPDX-License-Identifier: MIT
 *
 * One piece of a native frame: the words of one plane of one strip, coded by
 * whichever method makes them smallest.
 */
#ifndef MIC_STRIP_H
#define MIC_STRIP_H

#include "internal.h"

/* The first byte of a piece. */
typedef enum strip_method {
    STRIP_RAW = 0,     /* the words, one byte each if n_values <= 256, else two */
    STRIP_FSE = 1,     /* a published stream: average predictor, runs, FSE */
    STRIP_HUFFMAN = 2, /* a published stream: average predictor, runs, Huffman */
} strip_method;

size_t mic_strip_bound(size_t n_words);
/* Size of a raw piece: no piece is larger. */
size_t mic_strip_raw_bytes(size_t n_words, uint32_t n_values);
/* `words` are below n_values. */
mic_status mic_strip_encode(const uint16_t *words, size_t width, size_t height, uint32_t n_values,
                            const mic_encode_options *options, uint8_t *out, size_t capacity,
                            size_t *n_bytes, mic_error *error);
mic_status mic_strip_decode(const uint8_t *in, size_t n_bytes, size_t width, size_t height,
                            uint32_t n_values, uint16_t *words, mic_error *error);

#endif
