/* SPDX-License-Identifier: MIT
 *
 * Mends the checksums of header, shared models, index, heads and strips of a possible
 * native stream, or no fuzzer would get past them.  The checksum of the samples stays as it
 * is, because no code comes after it.
 */
#ifndef MEND_H
#define MEND_H

#include "base/checksum.h"
#include "fuzz.h"
#include "base/varint.h"

enum { CRC = 4, MOST_FRAMES = 64 };

typedef struct cursor {
    uint8_t *at, *end;
} cursor;

static inline bool skip(cursor *c, size_t n)
{
    if (n > (size_t)(c->end - c->at))
        return false;
    c->at += n;
    return true;
}

static inline bool number(cursor *c, uint32_t *value)
{
    const uint8_t *behind = varint_read(c->at, c->end, value);
    if (behind)
        c->at += behind - c->at;
    return behind != NULL;
}

/* Write the checksum of everything from `start` to here. */
static inline bool seal(cursor *c, const uint8_t *start)
{
    if (c->end - c->at < CRC)
        return false;
    store_u32(c->at, mic_crc32c_scalar(0, start, (size_t)(c->at - start)));
    c->at += CRC;
    return true;
}

static inline bool mend_header(cursor *c, uint8_t **index_offset)
{
    uint8_t *start = c->at;
    uint32_t value;
    *index_offset = NULL;
    if (!skip(c, 8) || !number(c, &value) || !number(c, &value) || !number(c, &value))
        return false;
    if (start[5] & 8) {
        if (!skip(c, 1) || !skip(c, 4u * c->at[-1] + 8))
            return false;
        *index_offset = c->at - 8;
    }
    if (start[5] & 16 && (!skip(c, 4) || !skip(c, load_u32(c->at - 4))))
        return false;
    return seal(c, start);
}

static inline bool skip_map(cursor *c, bool *is_constant)
{
    uint32_t value;
    if (!skip(c, 3))
        return false;
    const uint8_t kind = c->at[-3];
    *is_constant = kind == 0;
    if (kind == 1)
        return skip(c, 2);
    return kind != 2 || (number(c, &value) && number(c, &value) && skip(c, value));
}

static inline bool mend_frame(cursor *c, const mic_layout *layout)
{
    uint8_t *start = c->at;
    unsigned n_moving = 0;
    if (!skip(c, layout->channels == 3 ? 5 : 4))
        return false;
    for (unsigned i = 0; i < layout->channels; i++) {
        bool is_constant;
        if (!skip_map(c, &is_constant))
            return false;
        n_moving += !is_constant;
    }
    uint32_t n;
    for (unsigned i = 0; i < n_moving; i++)
        if (!number(c, &n) || !skip(c, n))
            return false;
    /* Read the lengths first, to find the end of the head; then the strips. */
    uint8_t *lengths = c->at;
    const uint64_t n_strips = n_moving ? mic_strips_per_frame(layout) : 0;
    for (uint64_t s = 0; s < n_strips; s++) {
        for (unsigned i = 0; i < n_moving; i++)
            if (!number(c, &n))
                return false;
        if (!skip(c, CRC))
            return false;
    }
    cursor head = {lengths, c->at}, pieces = {c->at, c->end};
    bool complete = skip(&pieces, CRC);
    for (uint64_t s = 0; s < n_strips && complete; s++) {
        const uint8_t *first = pieces.at;
        for (unsigned i = 0; i < n_moving && complete; i++)
            complete = number(&head, &n) && skip(&pieces, n);
        if (complete) {
            store_u32(head.at, mic_crc32c_scalar(0, first, (size_t)(pieces.at - first)));
            head.at += CRC;
        }
    }
    if (!seal(c, start))
        return false;
    c->at = pieces.at;
    return complete;
}

/* Shared models have a single checksum, at their end. */
static inline bool mend_shared(cursor *c, const mic_layout *layout)
{
    uint8_t *start = c->at;
    return layout->shared_bytes == 0 || (skip(c, layout->shared_bytes - CRC) && seal(c, start));
}

static inline void mend(uint8_t *bytes, size_t n_bytes, bool write_index)
{
    cursor c = {bytes, bytes + n_bytes};
    uint8_t *index_offset;
    uint64_t offsets[MOST_FRAMES];
    mic_layout layout;
    if (!mend_header(&c, &index_offset) || mic_read_header(bytes, n_bytes, &layout, NULL) != MIC_OK ||
        layout.container != MIC_CONTAINER_NATIVE || !mend_shared(&c, &layout))
        return;
    for (uint64_t i = 0; i < layout.n_frames && i < MOST_FRAMES; i++) {
        offsets[i] = (uint64_t)(c.at - bytes);
        if (!mend_frame(&c, &layout))
            return;
    }
    if (!index_offset || layout.n_frames > MOST_FRAMES)
        return;
    if (write_index)
        store_u64(index_offset, (uint64_t)(c.at - bytes));
    const uint64_t at = load_u64(index_offset), n_index = 8 * layout.n_frames;
    if (at <= n_bytes && n_bytes - at >= n_index + CRC) {
        for (uint64_t i = 0; i < layout.n_frames && write_index; i++)
            store_u64(bytes + at + 8 * i, offsets[i]);
        c.at = bytes + at + n_index;
        seal(&c, bytes + at);
    }
    c = (cursor){bytes, bytes + n_bytes};
    mend_header(&c, &index_offset);
}

#endif
