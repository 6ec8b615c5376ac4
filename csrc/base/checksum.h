/* SPDX-License-Identifier: MIT
 *
 * CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), the checksum of the native
 * container.  It detects every single-bit error, and processors have an instruction for it.
 */
#ifndef MIC_CHECKSUM_H
#define MIC_CHECKSUM_H

#include "internal.h"

uint32_t mic_crc32c_scalar(uint32_t crc, const void *data, size_t n);
/* The checksum of A followed by B, from the checksums of A and B and the length of B. */
uint32_t mic_crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t n_bytes_b);

/* Carry-less multiplication moves 128 bits of the message d bits further down: low half
 * times x^(d+32), high half times x^(d-32), mod the polynomial.  This leaves the remainder
 * of the whole unchanged (Gopal and others, "Fast CRC computation", 2009).  The constants
 * are those powers, bit-reversed; tests compare the result with the tables. */
#define CRC32C_FOLD_2048 0xdcb17aa4ull, 0xb9e02b86ull
#define CRC32C_FOLD_512 0x740eef02ull, 0x9e4addf8ull
#define CRC32C_FOLD_128 0xf20c0dfeull, 0x14cd00bd6ull

#endif
