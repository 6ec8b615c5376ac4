/* SPDX-License-Identifier: MIT
 *
 * Encapsulated pixel data (PS3.5, annex A.4): which fragments belong to which frame.
 *
 *     Basic Offset Table item    fragment item    fragment item ...    delimiter
 *
 * Offsets in tables count from the first fragment item.
 */
#include "dicom_head.h"

/* Where the fragments are, and what tells which ones begin a frame. */
typedef struct fragments {
    const uint8_t *in;
    uint64_t begin, end;
    const uint8_t *table; /* offsets of frames, NULL if there is no table */
    uint64_t n_table;     /* bytes */
    unsigned entry_bytes;
    const char *table_name;
    uint64_t n;
    uint64_t n_marked; /* fragments that begin with a marker */
    mic_error *error;
} fragments;

/* The start of a JPEG or JPEG-LS image (FFD8), or of a JPEG 2000 codestream (FF4F). */
static bool begins_codestream(const uint8_t *item, uint32_t n_bytes)
{
    return n_bytes >= 2 && item[DICOM_HEAD_BYTES] == 0xFF &&
           (item[DICOM_HEAD_BYTES + 1] == 0xD8 || item[DICOM_HEAD_BYTES + 1] == 0x4F);
}

static mic_status next_fragment(const fragments *f, uint64_t *offset, bool *is_marked)
{
    dicom_head head;
    TRY(mic_dicom_read_item(f->in, f->end, *offset, &head, f->error));
    *is_marked = begins_codestream(f->in + *offset, head.length);
    *offset += DICOM_HEAD_BYTES + (uint64_t)head.length;
    return MIC_OK;
}

static bool is_delimiter(const fragments *f, uint64_t offset)
{
    return f->end - offset >= DICOM_HEAD_BYTES &&
           dicom_tag(f->in + offset, MIC_DICOM_EXPLICIT) == DICOM_SEQUENCE_END;
}

/* A walk that ended at the pixels does not know where they end. */
static mic_status count_fragments(fragments *f)
{
    uint64_t offset = f->begin;
    for (; offset < f->end && !is_delimiter(f, offset); f->n++) {
        bool is_marked;
        TRY(next_fragment(f, &offset, &is_marked));
        f->n_marked += is_marked;
    }
    f->end = offset;
    return MIC_OK;
}

static uint64_t table_entry(const fragments *f, uint64_t frame)
{
    const uint8_t *entry = f->table + frame * f->entry_bytes;
    return f->entry_bytes == 8 ? load_u64(entry) : load_u32(entry);
}

/* Whether a fragment begins the next frame.  All frames have at least one fragment. */
static bool begins_frame(const fragments *f, uint64_t n_frames, uint64_t frame, uint64_t offset,
                         bool is_marked)
{
    if (f->n == n_frames)
        return true;
    if (f->table)
        return frame < n_frames && table_entry(f, frame) == offset - f->begin;
    return frame == 0 || (n_frames > 1 && is_marked);
}

static mic_status fail_count(const fragments *f, uint64_t n_frames, uint64_t n_found, const char *by)
{
    return mic_fail(
        f->error, MIC_ERROR_CORRUPT, "dicom", (int64_t)f->begin,
        "%llu fragments hold %llu frames by %s, Number of Frames (0028,0008) says %llu (damaged file, "
        "or a wrong attribute?)",
        (unsigned long long)f->n, (unsigned long long)n_found, by, (unsigned long long)n_frames);
}

/* A table that is needed must have an entry for each frame. */
static mic_status check_need(const fragments *f, uint64_t n_frames)
{
    if (f->n == n_frames)
        return MIC_OK;
    if (f->n < n_frames)
        return fail_count(f, n_frames, f->n, "their number");
    if (f->table)
        return f->n_table / f->entry_bytes == n_frames && f->n_table % f->entry_bytes == 0
                   ? MIC_OK
                   : fail_count(f, n_frames, f->n_table / f->entry_bytes, f->table_name);
    return n_frames == 1 || f->n_marked == n_frames
               ? MIC_OK
               : fail_count(f, n_frames, f->n_marked, "the markers at their beginning");
}

/* Fill in the frames; check_need has seen to it that the fragments are at least as many. */
static mic_status assign_fragments(const fragments *f, uint64_t n_frames, mic_dicom_frame *frames)
{
    uint64_t frame = 0;
    for (uint64_t offset = f->begin; offset < f->end;) {
        const uint64_t begin = offset;
        bool is_marked;
        TRY(next_fragment(f, &offset, &is_marked));
        if (begins_frame(f, n_frames, frame, begin, is_marked)) {
            if (frame == n_frames) /* the first fragment is unmarked, and all others count */
                return fail_count(f, n_frames, frame + 1, "the markers at their beginning");
            frames[frame++] = (mic_dicom_frame){.begin = begin};
        } else if (frame == 0) {
            return fail_count(f, n_frames, 0, f->table_name);
        }
        frames[frame - 1].end = offset;
        frames[frame - 1].n_fragments++;
    }
    return frame == n_frames ? MIC_OK
                             : fail_count(f, n_frames, frame, f->table ? f->table_name : "their order");
}

static mic_status open_fragments(const uint8_t *value, uint64_t n_bytes, const uint8_t *offsets,
                                 uint64_t n_offset_bytes, fragments *f)
{
    dicom_head basic;
    f->in = value;
    f->end = n_bytes;
    TRY(mic_dicom_read_item(value, n_bytes, 0, &basic, f->error));
    f->begin = DICOM_HEAD_BYTES + (uint64_t)basic.length;
    if (n_offset_bytes) {
        f->table = offsets;
        f->n_table = n_offset_bytes;
        f->entry_bytes = 8;
        f->table_name = "the Extended Offset Table (7FE0,0001)";
    } else if (basic.length) {
        f->table = value + DICOM_HEAD_BYTES;
        f->n_table = basic.length;
        f->entry_bytes = 4;
        f->table_name = "the Basic Offset Table";
    }
    return count_fragments(f);
}

mic_status mic_dicom_find_frames(const uint8_t *value, uint64_t n_bytes, const uint8_t *offsets,
                                 uint64_t n_offset_bytes, uint64_t n_frames, mic_dicom_frame *frames,
                                 mic_error *error)
{
    fragments f = {.error = error};
    TRY(open_fragments(value, n_bytes, offsets, n_offset_bytes, &f));
    TRY(check_need(&f, n_frames));
    return assign_fragments(&f, n_frames, frames);
}
