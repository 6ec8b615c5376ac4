/* SPDX-License-Identifier: MIT
 *
 * The attributes that describe pixel data (PS3.3, section C.7.6.3), as far as they are plain
 * numbers.  What is unusual is left to the caller, who knows more about values than this file.
 */
#include "dicom_head.h"

#define EXTENDED_OFFSETS 0x7FE00001u
#define EXTENDED_LENGTHS 0x7FE00002u
#define PHOTOMETRIC 0x00280004u

/* The attribute with this tag, MIC_DICOM_N_NUMBERS if it is none of them. */
static mic_dicom_attribute attribute_of(uint32_t tag)
{
    switch (tag) {
    case 0x00280002: return MIC_DICOM_SAMPLES_PER_PIXEL;
    case 0x00280006: return MIC_DICOM_PLANAR_CONFIGURATION;
    case 0x00280008: return MIC_DICOM_NUMBER_OF_FRAMES;
    case 0x00280010: return MIC_DICOM_ROWS;
    case 0x00280011: return MIC_DICOM_COLUMNS;
    case 0x00280100: return MIC_DICOM_BITS_ALLOCATED;
    case 0x00280101: return MIC_DICOM_BITS_STORED;
    case 0x00280102: return MIC_DICOM_HIGH_BIT;
    case 0x00280103: return MIC_DICOM_PIXEL_REPRESENTATION;
    }
    return MIC_DICOM_N_NUMBERS;
}

/* Number of Frames is text: digits, and spaces or a zero around them. */
static int64_t number_in_text(const uint8_t *value, uint64_t n_bytes)
{
    enum { MOST_DIGITS = 12 };
    uint64_t i = 0;
    while (n_bytes > 0 && (value[n_bytes - 1] == ' ' || value[n_bytes - 1] == 0))
        n_bytes--;
    while (i < n_bytes && value[i] == ' ')
        i++;
    if (i == n_bytes)
        return MIC_DICOM_ABSENT;
    int64_t number = 0;
    if (n_bytes - i > MOST_DIGITS)
        return MIC_DICOM_UNUSUAL;
    for (; i < n_bytes; i++) {
        if (value[i] < '0' || value[i] > '9')
            return MIC_DICOM_UNUSUAL;
        number = 10 * number + (value[i] - '0');
    }
    return number;
}

static bool has_vr(const mic_dicom_element *element, const char *expected)
{
    return element->vr[0] == 0 || memcmp(element->vr, expected, 2) == 0;
}

static int64_t number_of(const uint8_t *value, const mic_dicom_element *element,
                         mic_dicom_attribute attribute, mic_dicom_encoding encoding)
{
    if (element->flags)
        return MIC_DICOM_UNUSUAL;
    if (element->n_bytes == 0)
        return MIC_DICOM_ABSENT;
    if (attribute == MIC_DICOM_NUMBER_OF_FRAMES)
        return has_vr(element, "IS") ? number_in_text(value, element->n_bytes) : MIC_DICOM_UNUSUAL;
    if (element->n_bytes != 2 || !has_vr(element, "US"))
        return MIC_DICOM_UNUSUAL;
    return dicom_u16(value, encoding);
}

void mic_dicom_read_pixels(const uint8_t *in, const mic_dicom_file *file, const mic_dicom_element *elements,
                           size_t n_elements, mic_dicom_pixels *pixels)
{
    *pixels = (mic_dicom_pixels){.pixel_data = -1, .offsets = -1, .lengths = -1};
    for (size_t i = 0; i < MIC_DICOM_N_NUMBERS; i++)
        pixels->numbers[i] = MIC_DICOM_ABSENT;
    for (size_t i = file->n_meta; i < n_elements; i++) {
        const mic_dicom_element *element = &elements[i];
        const uint8_t *value = in + element->offset + element->head_bytes;
        const mic_dicom_attribute attribute = attribute_of(element->tag);
        if (attribute != MIC_DICOM_N_NUMBERS)
            pixels->numbers[attribute] = number_of(value, element, attribute, file->encoding);
        else if (element->tag == PHOTOMETRIC)
            dicom_copy_text(value, element->n_bytes, pixels->photometric, sizeof pixels->photometric);
        else if (element->tag == EXTENDED_OFFSETS)
            pixels->offsets = (int64_t)i;
        else if (element->tag == EXTENDED_LENGTHS)
            pixels->lengths = (int64_t)i;
        else if (dicom_is_pixels(element->tag))
            pixels->pixel_data = (int64_t)i;
    }
}
