/* SPDX-License-Identifier: MIT
 *
 * The head of a data element (PS3.5, section 7.1): its tag, its value representation if the
 * encoding names it, and its length.
 *
 *     implicit, and all items      tag 4                     length 4
 *     explicit                     tag 4   VR 2              length 2
 *     explicit, large values       tag 4   VR 2   zeros 2    length 4
 */
#ifndef MIC_DICOM_HEAD_H
#define MIC_DICOM_HEAD_H

#include "../base/internal.h"

#define DICOM_ITEM 0xFFFEE000u
#define DICOM_ITEM_END 0xFFFEE00Du
#define DICOM_SEQUENCE_END 0xFFFEE0DDu
#define DICOM_UNDEFINED UINT32_MAX

enum { DICOM_HEAD_BYTES = 8, DICOM_LONG_HEAD_BYTES = 12 };

typedef struct dicom_head {
    uint32_t tag, length;
    char vr[2]; /* two zeros if the element does not name it */
    uint8_t n_bytes;
} dicom_head;

/* Read the head at `offset`, which is at most n_bytes. */
mic_status mic_dicom_read_head(const uint8_t *in, uint64_t n_bytes, uint64_t offset,
                               mic_dicom_encoding encoding, dicom_head *head, mic_error *error);

/* Read the head of an item, and check that all of the item is there. */
mic_status mic_dicom_read_item(const uint8_t *in, uint64_t n_bytes, uint64_t offset, dicom_head *head,
                               mic_error *error);

/* Items and delimiters; they have no value representation in any encoding. */
static inline bool dicom_is_item(uint32_t tag) { return tag >> 16 == DICOM_ITEM >> 16; }

/* Pixel Data, Float Pixel Data or Double Float Pixel Data. */
static inline bool dicom_is_pixels(uint32_t tag)
{
    return tag == 0x7FE00010u || tag == 0x7FE00008u || tag == 0x7FE00009u;
}

/* Whether the bytes can be a value representation. */
static inline bool dicom_is_vr(const uint8_t *bytes)
{
    return bytes[0] >= 'A' && bytes[0] <= 'Z' && bytes[1] >= 'A' && bytes[1] <= 'Z';
}

static inline uint16_t dicom_u16(const uint8_t *in, mic_dicom_encoding encoding)
{
    const uint16_t v = load_u16(in);
    return encoding == MIC_DICOM_BIG_ENDIAN ? (uint16_t)(v << 8 | v >> 8) : v;
}

static inline uint32_t dicom_u32(const uint8_t *in, mic_dicom_encoding encoding)
{
    const uint32_t first = dicom_u16(in, encoding), second = dicom_u16(in + 2, encoding);
    return encoding == MIC_DICOM_BIG_ENDIAN ? first << 16 | second : second << 16 | first;
}

/* A tag is two numbers of 16 bits; the group comes first in either byte order. */
static inline uint32_t dicom_tag(const uint8_t *in, mic_dicom_encoding encoding)
{
    return (uint32_t)dicom_u16(in, encoding) << 16 | dicom_u16(in + 2, encoding);
}

/* Copy a text without the padding behind it, as far as there is room. */
static inline void dicom_copy_text(const uint8_t *value, uint64_t n_bytes, char *text, size_t capacity)
{
    size_t n = (size_t)(n_bytes < capacity - 1 ? n_bytes : capacity - 1);
    while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == 0))
        n--;
    memcpy(text, value, n);
    text[n] = 0;
}

#endif
