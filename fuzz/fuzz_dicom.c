/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a DICOM file: the walk, the attributes of its pixels, and its frames.
 *
 *     byte 0    bit 0: the walk ends at the pixels; bits 1 to 3: capacity for elements;
 *               bits 4 to 7: frames that are asked for beside those that the file declares
 *     the rest  the file
 *
 * The data and the list of elements lie in blocks of their exact size.
 */
#include "fuzz.h"

enum { MOST_FRAMES = 1 << 12 };

static void check_elements(const mic_dicom_file *file, const mic_dicom_element *elements, size_t n_listed,
                           size_t n_bytes)
{
    uint64_t end = 0;
    demand(file->data_set <= file->end && file->end <= n_bytes, "walk", "passes the end of the data");
    demand(file->n_meta <= file->n_elements, "walk", "more meta elements than elements");
    demand(file->n_elements <= n_bytes / 8, "walk", "more elements than heads fit in");
    for (size_t i = 0; i < n_listed; i++) {
        const mic_dicom_element *e = &elements[i];
        demand(e->offset >= end && e->offset + e->head_bytes <= n_bytes, "element", "is not behind the last");
        end = e->offset + e->head_bytes + e->n_bytes;
        demand(e->n_bytes <= e->declared && end >= e->offset && end <= n_bytes, "element", "passes the end");
        demand(e->flags || e->n_bytes == e->declared, "element", "is truncated without a flag");
    }
}

static void find_frames(const uint8_t *in, const mic_dicom_pixels *pixels, const mic_dicom_element *elements,
                        uint64_t n_frames)
{
    const mic_dicom_element *data = &elements[pixels->pixel_data];
    const mic_dicom_element none = {0}, *table = pixels->offsets < 0 ? &none : &elements[pixels->offsets];
    const size_t n_value = (size_t)data->n_bytes;
    uint8_t *value = copy_of(in + data->offset + data->head_bytes, n_value);
    uint8_t *offsets = copy_of(in + table->offset + table->head_bytes, (size_t)table->n_bytes);
    mic_dicom_frame *frames = allocate((size_t)n_frames * sizeof *frames);
    mic_error error = {.status = MIC_OK};
    memset(frames, 0, (size_t)n_frames * sizeof *frames);
    mic_status status = mic_dicom_find_frames(value, n_value, offsets, table->n_bytes, n_frames, frames,
                                              &error);
    check_error(status, &error);
    for (uint64_t i = 0, end = 8; status == MIC_OK && i < n_frames; i++) {
        demand(frames[i].n_fragments > 0 && frames[i].begin >= end && frames[i].end >= frames[i].begin + 8,
               "frames", "are not one behind the other");
        end = frames[i].end;
        demand(end <= n_value, "frames", "pass the pixel data");
    }
    free(frames);
    free(offsets);
    free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const unsigned how = data[0];
    const uint8_t *bytes = copy_of(data + 1, --size);
    const size_t capacity = how & 14 ? how >> 1 & 7 : size / 8;
    mic_dicom_element *elements = allocate(capacity * sizeof *elements);
    mic_dicom_file file;
    mic_dicom_pixels pixels;
    mic_error error = {.status = MIC_OK};
    mic_status status = mic_dicom_walk(bytes, size, how & 1, elements, capacity, &file, &error);
    check_error(status, &error);
    const size_t n_listed = min_size(file.n_elements, capacity);
    check_elements(&file, elements, n_listed, size);
    mic_dicom_read_pixels(bytes, &file, elements, n_listed, &pixels);
    if (pixels.pixel_data >= 0 && elements[pixels.pixel_data].flags & MIC_DICOM_ITEMS) {
        const int64_t declared = pixels.numbers[MIC_DICOM_NUMBER_OF_FRAMES];
        find_frames(bytes, &pixels, elements, how >> 4);
        if (declared >= 0 && declared < MOST_FRAMES)
            find_frames(bytes, &pixels, elements, (uint64_t)declared);
    }
    free(elements);
    free((void *)(uintptr_t)bytes);
    return 0;
}
