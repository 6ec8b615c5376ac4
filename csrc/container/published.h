/* SPDX-License-Identifier: MIT
 *
 * Code that the published containers share: it encodes streams into newly allocated memory,
 * assembles images from encoded pieces and hands rows to a decode job.
 *
 * None of these containers has a checksum.  So a table is accepted only as the published
 * writers write it: pieces one after the other, without gaps.
 */
#ifndef MIC_PUBLISHED_H
#define MIC_PUBLISHED_H

#include "container_format.h"
#include "../frame/encoded.h"

/* The maximum with which a file is coded. */
unsigned mic_published_maximum(const mic_layout *layout, const void *samples,
                               const mic_encode_options *options);

/* Encode a stream into a block of exactly its size. */
mic_status mic_published_stream(mic_stream_kind kind, const uint16_t *pixels, size_t width, size_t height,
                                unsigned max_value, int n_states, struct encoded_part *part,
                                mic_error *error);
/* Take over the block that an encoder wrote to.  If that succeeded, the block is cut to its
 * n_bytes and becomes a part; otherwise it is freed.  Returns the encoder's status. */
mic_status mic_published_fit(mic_status status, uint8_t *block, size_t n_bytes, struct encoded_part *part);

/* Make room for a header (with its table) of n_header bytes and n more parts. */
mic_status mic_published_new(size_t n_header, size_t n, mic_encoded **encoded, mic_error *error);
/* Check the total size of all parts after the header; fails if a table of 32-bit numbers
 * cannot express it. */
mic_status mic_published_check_size(const mic_encoded *encoded, mic_error *error);
/* Fail and name the expected length if the header is not complete. */
mic_status mic_published_check_header(size_t n_bytes, size_t expected, const char *name, mic_error *error);

/* Rows [first_row, first_row + n_rows) of a frame, coded on their own. */
typedef struct coded_rows {
    const uint8_t *in;
    size_t n_bytes;
    uint32_t first_row, n_rows;
    mic_stream_kind kind;
    bool is_difference; /* a difference instead of a stream of that kind */
} coded_rows;

/* Decode the rows that the job wants.  If the job is a rescue, damage clears and flags
 * these rows. */
mic_status mic_published_decode(const mic_decode_job *job, const coded_rows *rows, mic_error *error);

/* Finish a job whose frame is damaged as a whole: return its status or, if it is a rescue,
 * clear and flag all rows. */
mic_status mic_published_give_up(const mic_decode_job *job, mic_status status);

#endif
