/* SPDX-License-Identifier: MIT
 *
 * Kernels for x86-64 that are defined outside the file of their table, or used by two
 * tables.
 */
#ifndef MIC_KERNELS_X86_H
#define MIC_KERNELS_X86_H

#include "../base/kernels.h"
#include "../wavefront/wavefront_cost.h"
#include "../wavefront/wavefront_encode.h"

void mic_interleave_avx2(uint16_t *const planes[3], size_t n, uint8_t bias, uint8_t *samples);
void mic_deinterleave_avx2(const uint8_t *samples, size_t n, uint8_t bias, uint16_t *const planes[3]);
uint32_t mic_crc32c_pclmul(uint32_t crc, const void *data, size_t n);

wf_scale_fn mic_wf_scale_avx2, mic_wf_scale_avx512;
wf_code_fn mic_wf_code_avx2, mic_wf_code_avx512;
wf_find_rare_fn mic_wf_find_rare_avx2, mic_wf_find_rare_avx512;
wf_add_products_fn mic_wf_add_products_avx2, mic_wf_add_products_avx512;
wf_sum_logs_fn mic_wf_sum_logs_avx512;
wf_encode_steps_fn mic_wf_encode_steps_avx2, mic_wf_encode_steps_avx512;
wf_decode_strips_fn mic_wf_decode_strips_avx2, mic_wf_decode_strips_avx512;

#endif
