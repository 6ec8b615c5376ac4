/* SPDX-License-Identifier: MIT
 *
 * Layout arithmetic: sizes, limits on shapes, and the division of a frame into strips.
 */
#include "layout.h"

size_t mic_sample_bytes(mic_sample_type type) { return type == MIC_UINT8 || type == MIC_INT8 ? 1 : 2; }

uint64_t mic_frame_bytes(const mic_layout *layout)
{
    return (uint64_t)layout->rows * layout->columns * layout->channels *
           mic_sample_bytes(layout->sample_type);
}

uint64_t mic_strips_per_frame(const mic_layout *layout)
{
    return ((uint64_t)layout->rows + layout->strip_rows - 1) / layout->strip_rows;
}

enum { FEWEST_COLUMNS = 64 };

/* A frame has fewer than 2^31 samples and a stream fewer than 2^31 frames, so no product of
 * sizes in this library exceeds 2^63.  Where size_t has 32 bits, none exceeds 2^32 either:
 * a sample takes at most 16 bytes (wf_upper of a single row, twice).  The wavefront codec
 * takes as long for a row as if it had at least 64 columns, so narrower rows count as 64
 * here. */
mic_status mic_check_frame_shape(const mic_layout *layout, mic_error *error)
{
    const uint64_t limit = (uint64_t)1 << 31;
    const uint64_t columns = layout->columns < FEWEST_COLUMNS ? FEWEST_COLUMNS : layout->columns;
    if (layout->rows == 0 || layout->columns == 0 || (uint64_t)layout->rows * layout->columns >= limit ||
        (uint64_t)layout->rows * layout->columns * layout->channels >= limit)
        return mic_fail(error, MIC_ERROR_CORRUPT, "header", -1,
                        "a frame of %u rows x %u columns is announced, 1 to 2^31 - 1 samples are expected "
                        "(damaged file?)",
                        layout->rows, layout->columns);
    if (layout->rows * columns * layout->channels > SIZE_MAX / MIC_MOST_BYTES_PER_SAMPLE)
        return mic_fail(
            error, MIC_ERROR_UNSUPPORTED, "header", -1,
            "a frame of %u rows x %u columns is more than a 32-bit process can take; use a 64-bit one",
            layout->rows, layout->columns);
    return MIC_OK;
}

mic_status mic_check_shape(mic_layout *layout, mic_error *error)
{
    const uint64_t limit = (uint64_t)1 << 31;
    uint64_t n_frames = 1;
    TRY(mic_check_frame_shape(layout, error));
    for (unsigned i = 0; i < layout->n_axes; i++) {
        n_frames *= layout->axes[i];
        if (n_frames == 0 || n_frames >= limit)
            return mic_fail(error, MIC_ERROR_CORRUPT, "header", -1,
                            "axis %u has length %u, which makes no frame or more than 2^31 - 1 of them "
                            "(damaged or unfinished file?)",
                            i, layout->axes[i]);
    }
    layout->n_frames = n_frames;
    return MIC_OK;
}

/* A strip has about half a million pixels: large enough that its tables and first rows cost
 * little (0.1-0.2 %), small enough that two threads finish together and a strip stays in
 * the cache.
 *
 * Wavefront decodes two strips in one loop and shares the model among all strips.  It
 * therefore divides frames from 65536 pixels on, always into pairs of strips, at multiples
 * of its 32 lanes; if there are several pairs, their number is even, for two threads.  The
 * classic codecs have one table for each strip, so dividing does not pay up to 1.5 million
 * pixels. */
void mic_plan_strips(mic_layout *layout)
{
    enum { LANES = 32 };
    const uint64_t n_pixels = (uint64_t)layout->rows * layout->columns;
    const uint64_t target = (uint64_t)1 << 19;
    const bool lanes = layout->codec == MIC_CODEC_WAVEFRONT;
    const uint64_t smallest = lanes ? 65536 : 3 * target;
    uint64_t pairs = (n_pixels + target) / (2 * target);
    pairs = pairs < 2 ? 1 : pairs + pairs % 2;
    const uint64_t n_strips = n_pixels < smallest ? 1 : 2 * pairs;
    uint64_t strip_rows = (layout->rows + n_strips - 1) / n_strips;
    if (lanes && n_strips > 1)
        strip_rows = (strip_rows + LANES - 1) / LANES * LANES;
    layout->strip_rows = strip_rows < layout->rows ? (uint32_t)strip_rows : layout->rows;
}
