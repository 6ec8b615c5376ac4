/* SPDX-License-Identifier: MIT
 *
 * What the published containers share: streams made into memory of their own,
 * images put together from encoded pieces, rows handed to a decode job.
 *
 * None of them has a checksum, so their tables are held to what the published
 * writers write: pieces one after the other, without gaps.
 */
#ifndef MIC_PUBLISHED_H
#define MIC_PUBLISHED_H

#include "container.h"
#include "../frame/frame.h"

/* The maximum that a file is coded for. */
unsigned mic_published_maximum(const mic_layout *layout, const void *samples,
                               const mic_encode_options *options);

/* A stream in a block of exactly its size. */
mic_status mic_published_stream(mic_stream_kind kind, const uint16_t *pixels, size_t width, size_t height,
                                unsigned max_value, int n_states, struct encoded_part *part,
                                mic_error *error);
/* What becomes of the block that an encoder wrote into: cut to its n_bytes and a part if
 * that succeeded, freed if not.  Returns the encoder's status. */
mic_status mic_published_fit(mic_status status, uint8_t *block, size_t n_bytes, struct encoded_part *part);

/* Room for a header (with its table) of n_header bytes and n more parts. */
mic_status mic_published_new(size_t n_header, size_t n, mic_encoded **encoded, mic_error *error);
/* Bytes of all parts behind the header; refused if a table of 32-bit numbers
 * cannot say them. */
mic_status mic_published_check_size(const mic_encoded *encoded, mic_error *error);
/* Fail with the header's length if it is not there. */
mic_status mic_published_check_header(size_t n_bytes, size_t expected, const char *name, mic_error *error);

/* Rows [first_row, first_row + n_rows) of a frame, coded on their own. */
typedef struct coded_rows {
    const uint8_t *in;
    size_t n_bytes;
    uint32_t first_row, n_rows;
    mic_stream_kind kind;
    bool is_difference; /* instead of a stream of that kind */
} coded_rows;

/* Decode what the job wants of them; where the job rescues, damage clears and
 * flags those rows. */
mic_status mic_published_decode(const mic_decode_job *job, const coded_rows *rows, mic_error *error);

/* What becomes of a job whose frame is damaged as a whole: its status, or all rows
 * cleared and flagged if it rescues. */
mic_status mic_published_give_up(const mic_decode_job *job, mic_status status);

#endif
