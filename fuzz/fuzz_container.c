/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a stream of any container, read as the Python layer does it.  In a native
 * stream the checksums of header, index, heads and strips are mended first, or no fuzzer
 * would get past them.  That of the samples is not mended, because no code comes after it.
 * Published streams have no checksums.
 *
 *     byte 0    bits 0 and 1: which instruction set; bit 2: leave checksums as they
 *               are; bit 3: rescue; bit 4: the lower half of the rows only; bit 5:
 *               the index is written anew from the frames; bit 6: two threads
 *     the rest  the stream
 *
 * Data and output lie in blocks of their exact size.
 */
#include "mend.h"
#include "reading.h"

enum { MOST_BYTES = 1 << 19 };

static void decode_frame(const mic_layout *layout, const mic_shared_models *shared, const uint8_t *in,
                         uint64_t first, uint64_t end, unsigned how)
{
    const size_t n_row = (size_t)mic_frame_bytes(layout) / layout->rows;
    mic_error error = {.status = MIC_OK};
    uint8_t *frame = copy_of(in + first, (size_t)(end - first));
    mic_decode_job job = {.layout = layout,
                          .shared = shared,
                          .in = frame,
                          .n_bytes = (size_t)(end - first),
                          .base_offset = first,
                          .n_rows = layout->rows,
                          .row_stride = (ptrdiff_t)n_row};
    if (how & 16) {
        job.first_row = layout->rows / 2;
        job.n_rows -= job.first_row;
    }
    job.out = allocate(job.n_rows * n_row);
    if (how & 8)
        job.intact = allocate(job.n_rows);
    mic_status status = mic_decode(&job, 1, how & 64 ? 2 : 1, &error);
    check_error(status, &error);
    demand(status == MIC_OK || !job.intact, "rescue", "fails");
    check_rescued(&job, n_row);
    free(job.intact);
    free(job.out);
    free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const mic_isa isas[4] = {MIC_ISA_SCALAR, MIC_ISA_AVX2, MIC_ISA_AVX512, MIC_ISA_NEON};
    if (size < 2)
        return 0;
    const unsigned how = data[0];
    mic_use_isa(isas[how & 3], NULL); /* if it is missing, the previous one stays */
    uint8_t *in = copy_of(data + 1, --size);
    if (!(how & 4))
        mend(in, size, how & 32);
    mic_layout layout;
    if (read_layout(in, size, &layout) == MIC_OK && mic_frame_bytes(&layout) <= MOST_BYTES &&
        layout.n_parts <= MOST_BYTES) {
        uint64_t *offsets = locate(in, size, &layout);
        mic_shared_models *shared = open_shared(in, size, &layout);
        for (uint64_t i = 0; offsets && i < layout.n_frames && i < MOST_FRAMES; i++)
            decode_frame(&layout, shared, in, offsets[i], offsets[i + 1], how);
        mic_shared_models_free(shared);
        free(offsets);
    }
    free(in);
    return 0;
}
