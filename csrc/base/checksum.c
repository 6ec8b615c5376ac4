/* SPDX-License-Identifier: MIT
 *
 * CRC-32C with eight tables of 256 entries (eight bytes a step), and the combination of two
 * checksums, which lets threads check strips.
 */
#include "checksum.h"

#include "crc32c_tables.h"

/* Product of two polynomials mod the CRC polynomial; bit 31 is x^0. */
static uint32_t multiply_mod(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (uint32_t bit = 1u << 31; bit; bit >>= 1) {
        if (a & bit)
            product ^= b;
        b = b >> 1 ^ (b & 1 ? 0x82F63B78u : 0);
    }
    return product;
}

uint32_t mic_crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t n_bytes_b)
{
    if (crc_a == 0)
        return crc_b;
    uint32_t shift = 1u << 31;        /* x^0 */
    uint32_t square = 1u << (31 - 8); /* x^8: one byte */
    for (; n_bytes_b; n_bytes_b >>= 1) {
        if (n_bytes_b & 1)
            shift = multiply_mod(square, shift);
        square = multiply_mod(square, square);
    }
    return multiply_mod(shift, crc_a) ^ crc_b;
}

/* Continue a checksum by eight bytes. */
MIC_INLINE uint32_t take_bytes(uint32_t crc, const uint8_t *p)
{
    uint64_t v = load_u64(p) ^ crc;
    return crc32c_tables[7][v & 255] ^ crc32c_tables[6][v >> 8 & 255] ^ crc32c_tables[5][v >> 16 & 255] ^
           crc32c_tables[4][v >> 24 & 255] ^ crc32c_tables[3][v >> 32 & 255] ^
           crc32c_tables[2][v >> 40 & 255] ^ crc32c_tables[1][v >> 48 & 255] ^ crc32c_tables[0][v >> 56];
}

static uint32_t checksum_of_range(uint32_t crc, const uint8_t *p, size_t n)
{
    crc = ~crc;
    for (; n >= 8; n -= 8, p += 8)
        crc = take_bytes(crc, p);
    for (; n > 0; n--, p++)
        crc = crc >> 8 ^ crc32c_tables[0][(crc ^ *p) & 255];
    return ~crc;
}

/* The checksum of n bytes and the n after them, computed at once: each chain waits only for
 * itself. */
static uint32_t checksum_of_halves(uint32_t crc, const uint8_t *p, size_t n)
{
    uint32_t first = ~crc, second = ~0u;
    for (size_t i = 0; i < n; i += 8) {
        first = take_bytes(first, p + i);
        second = take_bytes(second, p + n + i);
    }
    return mic_crc32c_combine(~first, ~second, n);
}

uint32_t mic_crc32c_scalar(uint32_t crc, const void *data, size_t n)
{
    enum { LONG = 1 << 13 }; /* bytes from which combining checksums pays */
    const size_t half = n >= LONG ? n / 16 * 8 : 0;
    const uint8_t *p = data;
    if (half)
        crc = checksum_of_halves(crc, p, half);
    return checksum_of_range(crc, p + 2 * half, n - 2 * half);
}
