/* SPDX-License-Identifier: MIT
 *
 * The containers behind mic_read_header, mic_encode and mic_decode.  Each defines its
 * magic, its header and the coding of one frame.
 */
#ifndef MIC_CONTAINER_FORMAT_H
#define MIC_CONTAINER_FORMAT_H

#include "../base/internal.h"
#include "../base/layout.h"
#include "container_frames.h"

enum { MAGIC_BYTES = 4, MIC1_HEADER_BYTES = 20 };

typedef struct container_format {
    uint8_t magic[MAGIC_BYTES];
    /* What a published container can hold.  The native container, with 0 channels here,
     * holds everything. */
    mic_sample_type sample_type;
    unsigned channels, n_axes;
    const char *name, *holds;

    mic_status (*read_header)(const uint8_t *in, size_t n_bytes, mic_layout *layout, mic_error *error);
    mic_status (*encode)(const mic_layout *layout, const void *samples, const mic_encode_options *options,
                         mic_encoded **encoded, mic_error *error);
    /* For streams that are written frame by frame; NULL if arrays are written whole. */
    frame_encode_fn *encode_frame;
    mic_status (*write_header)(const mic_layout *layout, uint8_t out[MIC_HEADER_BOUND], size_t *n_bytes,
                               mic_error *error);
    /* Where frames are: their sizes or, if there are axes, an index. */
    mic_status (*frame_size)(const mic_layout *layout, const uint8_t *in, size_t n_bytes,
                             uint64_t *frame_size, mic_error *error);
    uint64_t (*index_bytes)(const mic_layout *layout);
    mic_status (*read_index)(const mic_layout *layout, const uint8_t *in, uint64_t *frame_offsets,
                             mic_error *error);
    /* NULL if the container has no parts. */
    mic_status (*read_parts)(const mic_layout *layout, const uint8_t *in, size_t n_bytes, mic_part *parts,
                             mic_error *error);
    mic_status (*decode)(const mic_decode_job *job, int n_threads, mic_error *error);
} container_format;

extern const container_format mic_native_format, mic_mic1_format, mic_mic2_format, mic_pics_format,
    mic_pica_format, mic_micr_format, mic_mic3_format;

/* For slides: check that the levels fit together and have as many tiles as there are
 * frames. */
mic_status mic_check_levels(const mic_layout *layout, mic_error *error);
/* Content of the native block that holds the levels, at most TILE_BLOCK_BOUND bytes.
 * Reading needs all of it. */
enum { TILE_BLOCK_BOUND = 1 + 8 * MIC_MAX_LEVELS };
extern const uint8_t mic_tile_block_type[4];
size_t mic_write_tile_block(const mic_layout *layout, uint8_t out[TILE_BLOCK_BOUND]);
mic_status mic_read_tile_block(const uint8_t *in, size_t n_bytes, mic_layout *layout, mic_error *error);

#endif
