/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a MIC3 slide, which has no checksum: header, tile table, and each tile as a
 * whole and in part, with and without rescue.
 *
 *     byte 0    bit 0: two threads; bit 1: rescue; bit 2: a part of each tile only;
 *               bit 3: the table is written anew, so that tiles are reached
 *     the rest  the file
 *
 * Data and output lie in blocks of their exact size.
 */
#include "fuzz.h"

enum { MOST_BYTES = 1 << 19, MOST_TILES = 64 };

/* Rewrite the table: all tiles have the same number of bytes, one after the other. */
static void mend_table(const mic_layout *layout, uint8_t *in, size_t n_bytes)
{
    const uint64_t n = layout->n_frames, each = (n_bytes - layout->header_bytes) / n;
    for (uint64_t i = 0; i < n; i++) {
        store_u64(in + layout->index_offset + 16 * i, i * each);
        store_u64(in + layout->index_offset + 16 * i + 8, each);
    }
}

static void decode_tile(const mic_layout *layout, const uint8_t *in, size_t n_bytes, uint64_t number,
                        unsigned how)
{
    const size_t n_pixel = layout->channels * mic_sample_bytes(layout->sample_type);
    mic_decode_job job = {.layout = layout,
                          .n_bytes = n_bytes,
                          .frame = (int64_t)number,
                          .n_rows = layout->rows,
                          .n_columns = layout->columns};
    if (how & 4) {
        job.first_row = layout->rows / 2;
        job.n_rows -= job.first_row;
        job.first_column = layout->columns / 3;
        job.n_columns -= job.first_column;
    }
    const size_t n_row = job.n_columns * n_pixel;
    uint8_t *coded = copy_of(in, n_bytes), *out = allocate(job.n_rows * n_row), *intact = NULL;
    if (how & 2)
        intact = allocate(job.n_rows);
    job.in = coded;
    job.out = out;
    job.row_stride = (ptrdiff_t)n_row;
    job.intact = intact;
    mic_error error = {.status = MIC_OK};
    mic_status status = mic_decode(&job, 1, how & 1 ? 2 : 1, &error);
    check_error(status, &error);
    demand(status == MIC_OK || (error.frame == (int64_t)number && !intact), "tile",
           "an error that does not name it");
    check_rescued(&job, n_row);
    free(coded);
    free(out);
    free(intact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const unsigned how = data[0];
    uint8_t *in = copy_of(data + 1, --size);
    mic_layout layout;
    if (read_layout(in, size, &layout) != MIC_OK || layout.container != MIC_CONTAINER_MIC3) {
        free(in);
        return 0;
    }
    mic_error error = {.status = MIC_OK};
    mic_status status = mic_check_index(&layout, size, &error);
    check_error(status, &error);
    if (status == MIC_OK) { /* so the table is complete, and it is smaller than the data */
        if (how & 8 && size - layout.header_bytes >= layout.n_frames)
            mend_table(&layout, in, size);
        uint64_t *offsets = allocate((size_t)(layout.n_frames + 1) * sizeof *offsets);
        status = mic_read_index(&layout, in + layout.index_offset, size - (size_t)layout.index_offset,
                                offsets, &error);
        check_error(status, &error);
        for (uint64_t i = 0; status == MIC_OK && i < layout.n_frames && i < MOST_TILES; i++)
            if (offsets[i + 1] <= size && mic_frame_bytes(&layout) <= MOST_BYTES)
                decode_tile(&layout, in + offsets[i], (size_t)(offsets[i + 1] - offsets[i]), i, how);
        free(offsets);
    }
    free(in);
    return 0;
}
