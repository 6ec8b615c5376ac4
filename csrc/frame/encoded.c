/* SPDX-License-Identifier: MIT
 *
 * Creates, measures, writes and frees encoded pieces.  See encoded.h.
 */
#include "encoded.h"

#include <stdlib.h>

mic_encoded *mic_encoded_new(size_t n_parts)
{
    mic_encoded *encoded = calloc(1, sizeof *encoded + n_parts * sizeof encoded->parts[0]);
    if (encoded)
        encoded->n_parts = n_parts;
    return encoded;
}

uint64_t mic_encoded_size(const mic_encoded *encoded)
{
    uint64_t n = 0;
    for (size_t i = 0; i < encoded->n_parts; i++)
        n += encoded->parts[i].n_bytes;
    return n;
}

void mic_encoded_write(const mic_encoded *encoded, uint8_t *out)
{
    for (size_t i = 0; i < encoded->n_parts; i++) {
        if (encoded->parts[i].n_bytes)
            memcpy(out, encoded->parts[i].bytes, encoded->parts[i].n_bytes);
        out += encoded->parts[i].n_bytes;
    }
}

void mic_encoded_free(mic_encoded *encoded)
{
    if (!encoded)
        return;
    for (size_t i = 0; i < encoded->n_parts; i++)
        free(encoded->parts[i].bytes);
    mic_encoded_free(encoded->without_sharing);
    free(encoded);
}
