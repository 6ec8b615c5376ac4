/* SPDX-License-Identifier: MIT
 *
 * The published 8-state rANS block (FF 08).
 *
 * It is the 8-state FSE block with another layout of the states: those of a symbol are
 * adjacent, in ascending order, where FSE scatters them.  Both leave state x = 2^L + u by
 * writing the bits that bring it to f..2f-1 and take the symbol's state of that rank.  So
 * the coder, its header and its checks are those of FSE, and only the symbol table differs:
 * see mic_rans_spread in fse_table.c.
 */
#include "fse.h"

mic_status mic_rans_encode(const uint16_t *words, size_t n_words, uint8_t *out, size_t capacity,
                           size_t *n_bytes, mic_error *error)
{
    return mic_fse_encode_block(words, n_words, FSE_MAX_STATES, true, out, capacity, n_bytes, error);
}

mic_status mic_rans_count(const uint8_t *in, size_t n_bytes, size_t max_words, size_t *n_words,
                          mic_error *error)
{
    return mic_fse_count_block(in, n_bytes, max_words, true, n_words, error);
}

mic_status mic_rans_decode(const uint8_t *in, size_t n_bytes, uint16_t *words, size_t capacity,
                           size_t *n_words, mic_error *error)
{
    return mic_fse_decode_block(in, n_bytes, words, capacity, true, n_words, error);
}
