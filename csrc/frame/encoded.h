/* SPDX-License-Identifier: MIT
 *
 * The output of an encoder: pieces of a stream, each in memory of its own, so that none is
 * copied before the stream is written.
 */
#ifndef MIC_ENCODED_H
#define MIC_ENCODED_H

#include "../base/internal.h"

/* The bytes that mic_encoded_write() writes, in order. */
struct mic_encoded {
    size_t n_parts;
    mic_encoded *without_sharing; /* the same frame without shared models, if it borrows any; owned */
    struct encoded_part {
        uint8_t *bytes; /* owned */
        size_t n_bytes;
    } parts[];
};

mic_encoded *mic_encoded_new(size_t n_parts);

#endif
