/* SPDX-License-Identifier: MIT
 *
 * Searches for single bits, as every compiler offers them: GNU C by its builtins, MSVC by
 * its intrinsics.  None of them needs more than the oldest processor of an architecture.
 */
#ifndef MIC_BITS_H
#define MIC_BITS_H

#include <stdint.h>

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

/* Position of the highest set bit; v must not be 0. */
static inline unsigned highest_bit(uint32_t v)
{
#if defined(__GNUC__) || defined(__clang__)
    return 31u - (unsigned)__builtin_clz(v);
#elif defined(_MSC_VER)
    unsigned long position;
    _BitScanReverse(&position, v);
    return (unsigned)position;
#else
    unsigned n = 0;
    while (v >>= 1)
        n++;
    return n;
#endif
}

/* Position of the lowest set bit; v must not be 0. */
static inline unsigned lowest_bit(uint32_t v)
{
#if defined(__GNUC__) || defined(__clang__)
    return (unsigned)__builtin_ctz(v);
#elif defined(_MSC_VER)
    unsigned long position;
    _BitScanForward(&position, v);
    return (unsigned)position;
#else
    return highest_bit(v & (0u - v));
#endif
}

static inline unsigned lowest_bit_u64(uint64_t v)
{
#if defined(__GNUC__) || defined(__clang__)
    return (unsigned)__builtin_ctzll(v);
#elif defined(_MSC_VER) && defined(_WIN64)
    unsigned long position;
    _BitScanForward64(&position, v);
    return (unsigned)position;
#else
    return (uint32_t)v ? lowest_bit((uint32_t)v) : 32 + lowest_bit((uint32_t)(v >> 32));
#endif
}

#endif
