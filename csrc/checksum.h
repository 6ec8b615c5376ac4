/* SPDX-License-Identifier: MIT
 *
 * CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), the checksum of the
 * native container: it detects every single-bit error and processors have an
 * instruction for it.
 */
#ifndef MIC_CHECKSUM_H
#define MIC_CHECKSUM_H

#include "internal.h"

uint32_t mic_crc32c_scalar(uint32_t crc, const void *data, size_t n);
/* The checksum of A followed by B, from that of each and B's length. */
uint32_t mic_crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t n_bytes_b);

#endif
