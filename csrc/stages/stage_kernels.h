/* SPDX-License-Identifier: MIT
 *
 * The scalar kernels of the published stages; each is in the file of its stage.  Those of
 * FSE are compiled a second time, for processors that can shift by a count in any register.
 */
#ifndef MIC_STAGE_KERNELS_H
#define MIC_STAGE_KERNELS_H

#include "../base/kernels.h"

size_t mic_find_triple_scalar(const uint16_t *words, size_t n);
size_t mic_rle_encode_scalar(const uint16_t *words, size_t n, size_t run_limit, uint16_t *out,
                             size_t out_room);
rle_outcome mic_rle_decode_scalar(const uint16_t *in, size_t *n_in, size_t run_limit, uint16_t *out,
                                  size_t capacity, size_t *n_out);
bool mic_delta_forward_row_scalar(const uint16_t *row, const uint16_t *above, size_t n, uint16_t threshold,
                                  uint16_t *words);
void mic_delta_inverse_rows_scalar(const uint16_t *words, const uint16_t *above, size_t width,
                                   uint16_t threshold, uint16_t *rows);
fse_read_fn mic_fse_read_plain, mic_fse_read_bmi2;
fse_write_fn mic_fse_write_plain, mic_fse_write_bmi2;

#endif
