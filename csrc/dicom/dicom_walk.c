/* SPDX-License-Identifier: MIT
 *
 * Walks a DICOM file from element to element.  A file (PS3.10, section 7.1) is
 *
 *     preamble 128    "DICM"    file meta information    data set
 *
 * of which only the data set is always there.  The file meta information is explicit and
 * little-endian, and all its groups are 0002.  Its Transfer Syntax UID says how the data set
 * is written, but some writers put another label on it, so the first bytes of the data set
 * have the last word.
 *
 * Lengths come from the file: each is compared with the bytes that are left before it is
 * used.  Nested sequences are passed over with a stack of fixed size.
 */
#include "dicom_head.h"

enum { PREAMBLE_BYTES = 128, PREFIX_BYTES = 4 };
enum { MOST_LEVELS = 128 }; /* of items in sequences in items; real files have less than 20 */
enum { META_GROUP = 0x0002, IDENTIFYING_GROUP = 0x0008 };

#define TRANSFER_SYNTAX 0x00020010u

typedef struct walker {
    const uint8_t *in;
    uint64_t n_bytes;
    mic_dicom_element *elements;
    size_t capacity;
    mic_dicom_file *file;
    bool until_pixels;
    mic_error *error;
} walker;

/* ---- passing over values ------------------------------------------------ */

static mic_status fail_beyond(const walker *w, uint64_t offset, const dicom_head *head, uint64_t left)
{
    return mic_fail(w->error, MIC_ERROR_TRUNCATED, "dicom", (int64_t)offset,
                    "(%04X,%04X) at byte %llu has %u bytes, only %llu follow (truncated file?)",
                    head->tag >> 16, head->tag & 0xFFFF, (unsigned long long)offset, head->length,
                    (unsigned long long)left);
}

/* Advance over a value of defined length. */
static mic_status pass_over(const walker *w, const dicom_head *head, uint64_t *offset)
{
    const uint64_t left = w->n_bytes - *offset - head->n_bytes;
    if (head->length > left)
        return fail_beyond(w, *offset, head, left);
    *offset += (uint64_t)head->n_bytes + head->length;
    return MIC_OK;
}

/* The value of an unknown (UN) element of undefined length is implicit and little-endian,
 * whatever surrounds it (PS3.5, section 6.2.2). */
static mic_dicom_encoding encoding_within(const dicom_head *head, mic_dicom_encoding encoding)
{
    return head->vr[0] == 'U' && head->vr[1] == 'N' ? MIC_DICOM_IMPLICIT : encoding;
}

/* One open sequence, or one open item of undefined length. */
typedef struct level {
    uint8_t is_item, encoding;
} level;

static mic_status fail_unexpected(const walker *w, uint64_t offset, const dicom_head *head, bool in_item)
{
    return mic_fail(w->error, MIC_ERROR_CORRUPT, "dicom", (int64_t)offset,
                    "byte %llu has the tag (%04X,%04X), %s is expected (damaged file?)",
                    (unsigned long long)offset, head->tag >> 16, head->tag & 0xFFFF,
                    in_item ? "an element or the end of the item" : "an item or the end of the sequence");
}

/* Advance from the first byte of a value of undefined length to its delimiter, or to the end
 * of the data if only the delimiter is missing. */
static mic_status find_delimiter(const walker *w, mic_dicom_encoding encoding, uint64_t *offset)
{
    level levels[MOST_LEVELS] = {{false, (uint8_t)encoding}};
    for (size_t depth = 1; depth > 1 || *offset < w->n_bytes;) {
        const level top = levels[depth - 1];
        const mic_dicom_encoding here = (mic_dicom_encoding)top.encoding;
        dicom_head head;
        TRY(mic_dicom_read_head(w->in, w->n_bytes, *offset, here, &head, w->error));
        if (head.tag == (top.is_item ? DICOM_ITEM_END : DICOM_SEQUENCE_END)) {
            if (--depth == 0)
                break;
            *offset += DICOM_HEAD_BYTES;
            continue;
        }
        if (top.is_item ? dicom_is_item(head.tag) : head.tag != DICOM_ITEM)
            return fail_unexpected(w, *offset, &head, top.is_item);
        if (head.length != DICOM_UNDEFINED) {
            TRY(pass_over(w, &head, offset));
            continue;
        }
        if (depth == MOST_LEVELS)
            return mic_fail(w->error, MIC_ERROR_LIMIT, "dicom", (int64_t)*offset,
                            "the sequences at byte %llu are nested more than %d deep (damaged file?)",
                            (unsigned long long)*offset, MOST_LEVELS);
        levels[depth++] = (level){!top.is_item, (uint8_t)encoding_within(&head, here)};
        *offset += head.n_bytes;
    }
    return MIC_OK;
}

/* ---- elements ----------------------------------------------------------- */

static void add(walker *w, const mic_dicom_element *element)
{
    if (w->file->n_elements < w->capacity)
        w->elements[w->file->n_elements] = *element;
    w->file->n_elements++;
}

/* Measure a value of undefined length; *offset is advanced past its delimiter. */
static mic_status measure_items(const walker *w, mic_dicom_element *element, mic_dicom_encoding encoding,
                                uint64_t *offset)
{
    const uint64_t first = *offset;
    mic_status status = MIC_OK;
    if (w->until_pixels && dicom_is_pixels(element->tag))
        *offset = w->n_bytes;
    else
        status = find_delimiter(w, encoding, offset);
    element->flags = MIC_DICOM_ITEMS;
    if (status != MIC_OK || *offset == w->n_bytes)
        element->flags |= MIC_DICOM_UNENDED;
    element->n_bytes = element->declared = *offset - first;
    if (!(element->flags & MIC_DICOM_UNENDED))
        *offset += DICOM_HEAD_BYTES;
    return status;
}

/* List the element at *offset, and advance past it.  A truncated one is listed too. */
static mic_status take_element(walker *w, const dicom_head *head, mic_dicom_encoding encoding,
                               uint64_t *offset)
{
    const uint64_t left = w->n_bytes - *offset - head->n_bytes;
    mic_dicom_element element = {.tag = head->tag,
                                 .vr = {head->vr[0], head->vr[1]},
                                 .head_bytes = head->n_bytes,
                                 .offset = *offset,
                                 .n_bytes = head->length,
                                 .declared = head->length};
    mic_status status = MIC_OK;
    if (head->length == DICOM_UNDEFINED && dicom_is_item(head->tag)) {
        return fail_unexpected(w, *offset, head, true);
    } else if (head->length == DICOM_UNDEFINED) {
        *offset += head->n_bytes;
        status = measure_items(w, &element, encoding_within(head, encoding), offset);
    } else if (head->length > left) {
        element.n_bytes = left;
        element.flags = MIC_DICOM_TRUNCATED;
        status = fail_beyond(w, *offset, head, left);
    } else {
        *offset += head->n_bytes + element.n_bytes;
    }
    add(w, &element);
    return status;
}

/* ---- the file meta information ------------------------------------------ */

/* The length of the group is often wrong, so it is not used. */
static mic_status walk_meta(walker *w, uint64_t *offset)
{
    while (w->n_bytes - *offset >= DICOM_HEAD_BYTES && load_u16(w->in + *offset) == META_GROUP) {
        const uint64_t begin = *offset;
        dicom_head head;
        TRY(mic_dicom_read_head(w->in, w->n_bytes, begin, MIC_DICOM_EXPLICIT, &head, w->error));
        TRY(take_element(w, &head, MIC_DICOM_EXPLICIT, offset));
        w->file->n_meta = w->file->n_elements;
        if (head.tag == TRANSFER_SYNTAX && head.length != DICOM_UNDEFINED)
            dicom_copy_text(w->in + begin + head.n_bytes, head.length, w->file->syntax,
                            sizeof w->file->syntax);
    }
    return MIC_OK;
}

/* ---- the data set ------------------------------------------------------- */

static mic_dicom_encoding labelled(const char *syntax)
{
    if (strcmp(syntax, "1.2.840.10008.1.2") == 0)
        return MIC_DICOM_IMPLICIT;
    if (strcmp(syntax, "1.2.840.10008.1.2.2") == 0)
        return MIC_DICOM_BIG_ENDIAN;
    return strcmp(syntax, "1.2.840.10008.1.2.1.99") == 0 ? MIC_DICOM_DEFLATED : MIC_DICOM_EXPLICIT;
}

/* How the data set is written.  Two letters after the first tag name its value
 * representation; as a length, they would be over 16 kB.  The first group is a low number,
 * which read in the wrong byte order becomes a high one. */
static mic_dicom_encoding encoding_of(const walker *w, uint64_t offset)
{
    const mic_dicom_encoding label = labelled(w->file->syntax);
    if (w->n_bytes - offset < DICOM_HEAD_BYTES)
        return label;
    const uint8_t *first = w->in + offset;
    const uint16_t little = dicom_u16(first, MIC_DICOM_EXPLICIT),
                   big = dicom_u16(first, MIC_DICOM_BIG_ENDIAN);
    if (label == MIC_DICOM_DEFLATED && !(little == IDENTIFYING_GROUP && dicom_is_vr(first + 4)))
        return label;
    if (!dicom_is_vr(first + 4))
        return MIC_DICOM_IMPLICIT;
    if (little == big)
        return label == MIC_DICOM_BIG_ENDIAN ? label : MIC_DICOM_EXPLICIT;
    return big < little ? MIC_DICOM_BIG_ENDIAN : MIC_DICOM_EXPLICIT;
}

/* Whether only zeros, or too few bytes for an element, are left: some writers fill up their
 * last block.  `zeros_end` keeps the search linear if the zeros turn out to be elements. */
static bool only_padding_left(const walker *w, uint64_t offset, uint64_t *zeros_end)
{
    if (w->n_bytes - offset < DICOM_HEAD_BYTES)
        return true;
    if (load_u64(w->in + offset) != 0)
        return false;
    if (*zeros_end < offset)
        *zeros_end = offset;
    while (*zeros_end < w->n_bytes && w->in[*zeros_end] == 0)
        ++*zeros_end;
    return *zeros_end == w->n_bytes;
}

static mic_status walk_data_set(walker *w, uint64_t offset)
{
    const mic_dicom_encoding encoding = w->file->encoding;
    uint64_t zeros_end = 0;
    while (!only_padding_left(w, offset, &zeros_end)) {
        dicom_head head;
        TRY(mic_dicom_read_head(w->in, w->n_bytes, offset, encoding, &head, w->error));
        TRY(take_element(w, &head, encoding, &offset));
        w->file->end = offset;
        if (w->until_pixels && dicom_is_pixels(head.tag))
            break;
    }
    return MIC_OK;
}

mic_status mic_dicom_walk(const uint8_t *in, size_t n_bytes, int until_pixels, mic_dicom_element *elements,
                          size_t capacity, mic_dicom_file *file, mic_error *error)
{
    walker w = {in, n_bytes, elements, capacity, file, until_pixels != 0, error};
    uint64_t offset = 0;
    *file = (mic_dicom_file){.encoding = MIC_DICOM_EXPLICIT};
    if (n_bytes >= PREAMBLE_BYTES + PREFIX_BYTES && memcmp(in + PREAMBLE_BYTES, "DICM", PREFIX_BYTES) == 0) {
        file->has_prefix = 1;
        offset = PREAMBLE_BYTES + PREFIX_BYTES;
    }
    mic_status status = walk_meta(&w, &offset);
    file->data_set = file->end = offset;
    TRY(status);
    file->encoding = encoding_of(&w, offset);
    if (file->encoding == MIC_DICOM_DEFLATED)
        return MIC_OK;
    return walk_data_set(&w, offset);
}
