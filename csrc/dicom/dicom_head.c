/* SPDX-License-Identifier: MIT */
#include "dicom_head.h"

/* Value representations whose length takes four bytes (PS3.5, table 7.1-1). */
static bool has_long_length(const char vr[2])
{
    static const char names[][3] = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ",
                                    "SV", "UC", "UN", "UR", "UT", "UV"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (vr[0] == names[i][0] && vr[1] == names[i][1])
            return true;
    return false;
}

static mic_status cut_off(uint64_t n_bytes, uint64_t offset, unsigned expected, mic_error *error)
{
    return mic_fail(
        error, MIC_ERROR_TRUNCATED, "dicom", (int64_t)offset,
        "the element at byte %llu is cut off after %llu bytes, its head takes %u (truncated file?)",
        (unsigned long long)offset, (unsigned long long)(n_bytes - offset), expected);
}

mic_status mic_dicom_read_head(const uint8_t *in, uint64_t n_bytes, uint64_t offset,
                               mic_dicom_encoding encoding, dicom_head *head, mic_error *error)
{
    if (n_bytes - offset < DICOM_HEAD_BYTES)
        return cut_off(n_bytes, offset, DICOM_HEAD_BYTES, error);
    const uint8_t *at = in + offset;
    *head = (dicom_head){.tag = dicom_tag(at, encoding), .n_bytes = DICOM_HEAD_BYTES};
    /* Some writers switch to implicit elements within explicit data sets; then there are no letters. */
    if (encoding == MIC_DICOM_IMPLICIT || dicom_is_item(head->tag) || !dicom_is_vr(at + 4)) {
        head->length = dicom_u32(at + 4, encoding);
        return MIC_OK;
    }
    memcpy(head->vr, at + 4, sizeof head->vr);
    if (!has_long_length(head->vr)) {
        head->length = dicom_u16(at + 6, encoding);
        return MIC_OK;
    }
    head->n_bytes = DICOM_LONG_HEAD_BYTES;
    if (n_bytes - offset < DICOM_LONG_HEAD_BYTES)
        return cut_off(n_bytes, offset, DICOM_LONG_HEAD_BYTES, error);
    head->length = dicom_u32(at + 8, encoding);
    return MIC_OK;
}

mic_status mic_dicom_read_item(const uint8_t *in, uint64_t n_bytes, uint64_t offset, dicom_head *head,
                               mic_error *error)
{
    TRY(mic_dicom_read_head(in, n_bytes, offset, MIC_DICOM_EXPLICIT, head, error));
    if (head->tag != DICOM_ITEM || head->length == DICOM_UNDEFINED)
        return mic_fail(
            error, MIC_ERROR_CORRUPT, "dicom", (int64_t)offset,
            "byte %llu has the tag (%04X,%04X) and the length %u, an item (FFFE,E000) with a defined "
            "length is expected (damaged file, or pixel data that are not encapsulated?)",
            (unsigned long long)offset, head->tag >> 16, head->tag & 0xFFFF, head->length);
    if (head->length > n_bytes - offset - DICOM_HEAD_BYTES)
        return mic_fail(error, MIC_ERROR_TRUNCATED, "dicom", (int64_t)offset,
                        "the item at byte %llu has %u bytes, only %llu follow (truncated file?)",
                        (unsigned long long)offset, head->length,
                        (unsigned long long)(n_bytes - offset - DICOM_HEAD_BYTES));
    return MIC_OK;
}
