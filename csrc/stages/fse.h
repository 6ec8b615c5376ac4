/* SPDX-License-Identifier: MIT
 *
 * The model shared by the FSE coder and decoder: normalised counts, the header that carries
 * them and the symbol table built from them.  docs/format.md, "FSE".
 *
 * A model gives every present symbol a whole number of the 2^table_log states.  Example:
 * for the five words 4 4 7 4 4 at table log 5, norm[4] = 26, norm[7] = 6 and all others are
 * 0.  A 4 then costs log2(32/26) = 0.3 bits and a 7 costs 2.4.  A norm of -1 also means one
 * state, for a symbol too rare to deserve even that; such states lie at the end of the
 * table.
 */
#ifndef MIC_FSE_H
#define MIC_FSE_H

#include "../base/bitstream.h"
#include "../base/internal.h"

enum {
    FSE_MIN_LOG = 5,
    FSE_MAX_LOG = 16,
    FSE_MAX_STATES = 8,
    FSE_PREFIX_BYTES = 6, /* FF, kind, number of words (u32) */
    FSE_MARK = 0xFF,      /* first byte of all kinds but the 1-state one */
    FSE_KIND_2 = 0x02,
    FSE_KIND_4 = 0x04,
    FSE_KIND_8 = 0x84,
    FSE_KIND_RANS = 0x08,
};

#define FSE_MAX_SYMBOLS 65536u

typedef struct fse_model {
    unsigned table_log;
    uint32_t n_symbols; /* largest present symbol + 1 */
    int32_t *norm;      /* n_symbols entries, sum of |norm| = 2^table_log */
    bool rans;          /* the states of a symbol are adjacent, see rans.c */
} fse_model;

/* The table log that the published coder chooses; n_words >= 3, n_symbols >= 2. */
unsigned mic_fse_choose_log(uint32_t n_words, uint32_t n_symbols);

/* Fill model->norm from the counts, whose sum is n_words.  The caller has set table_log and
 * n_symbols and made room for norm.  Refuses (MIC_ERROR_UNSUPPORTED) whatever the published
 * normalisation cannot do. */
mic_status mic_fse_normalize(const uint32_t *counts, uint32_t n_words, fse_model *model, mic_error *error);

/* Append the header; the caller closes the writer, which pads to a byte. */
mic_status mic_fse_write_header(const fse_model *model, lsb_writer *writer, mic_error *error);

/* Read a header from in[start..n_bytes).  model->norm must have room for FSE_MAX_SYMBOLS
 * entries.  *end is the offset of the first byte after the header.  On success the model is
 * sound: |norm| sums to 2^table_log over at least two symbols. */
mic_status mic_fse_read_header(const uint8_t *in, size_t n_bytes, size_t start, fse_model *model, size_t *end,
                               mic_error *error);

/* Fill symbols[0..2^table_log), one per state, from a sound model: scattered for FSE,
 * ascending for rANS. */
void mic_fse_spread(const fse_model *model, uint16_t *symbols);
void mic_rans_spread(const fse_model *model, uint16_t *symbols);

/* The work of mic_fse_encode, _count and _decode or, with `rans`, the same for the block of
 * rans.c, which has 8 states.  Neither decoder accepts the other's blocks. */
mic_status mic_fse_encode_block(const uint16_t *words, size_t n_words, int n_states, bool rans, uint8_t *out,
                                size_t capacity, size_t *n_bytes, mic_error *error);
mic_status mic_fse_count_block(const uint8_t *in, size_t n_bytes, size_t max_words, bool rans,
                               size_t *n_words, mic_error *error);
mic_status mic_fse_decode_block(const uint8_t *in, size_t n_bytes, uint16_t *words, size_t capacity,
                                bool rans, size_t *n_words, mic_error *error);

#endif
