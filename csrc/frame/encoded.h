/* SPDX-License-Identifier: MIT
 *
 * What an encoder gives: pieces of a stream, each in memory of its own, so that none is
 * copied before the stream is written.
 */
#ifndef MIC_ENCODED_H
#define MIC_ENCODED_H

#include "../base/internal.h"

/* Bytes that mic_encoded_write() puts down, in order. */
struct mic_encoded {
    size_t n_parts;
    mic_encoded *without_sharing; /* the frame again if it borrows shared models; owned */
    struct encoded_part {
        uint8_t *bytes; /* owned */
        size_t n_bytes;
    } parts[];
};

mic_encoded *mic_encoded_new(size_t n_parts);

#endif
