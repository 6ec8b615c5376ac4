/* SPDX-License-Identifier: MIT
 *
 * The table of scalar kernels.  Each kernel is next to the code it belongs to.  The table
 * is in the highest folder that has kernels, so that it refers only downwards.
 */
#include "../base/checksum.h"
#include "../base/kernels_scalar.h"
#include "../stages/stage_kernels.h"
#include "wavefront_cost.h"
#include "wavefront_encode.h"

const mic_kernels mic_kernels_scalar = {
    .isa = MIC_ISA_SCALAR,
    .histogram = mic_histogram_scalar,
    .largest = mic_largest_scalar,
    .crc32c = mic_crc32c_scalar,
    .find_word = mic_find_word_scalar,
    .find_triple = mic_find_triple_scalar,
    .rle_encode = mic_rle_encode_scalar,
    .rle_decode = mic_rle_decode_scalar,
    .delta_forward_row = mic_delta_forward_row_scalar,
    .delta_inverse_rows = mic_delta_inverse_rows_scalar,
    .look_up = mic_look_up_scalar,
    .add = mic_add_scalar,
    .mark = mic_mark_scalar,
    .interleave = mic_interleave_scalar,
    .deinterleave = mic_deinterleave_scalar,
    .fse_read = mic_fse_read_plain,
    .fse_write = mic_fse_write_plain,
    .scale = mic_wf_scale_scalar,
    .code = mic_wf_code_scalar,
    .find_rare = mic_wf_find_rare_scalar,
    .add_products = mic_wf_add_products_scalar,
    .sum_logs = mic_wf_sum_logs_scalar,
    .encode_steps = mic_wf_encode_steps_scalar,
    .wavefront_decode = mic_wf_decode_strips_scalar,
};
