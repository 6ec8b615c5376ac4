/* SPDX-License-Identifier: MIT
 *
 * Basics that the stages share: error reporting, checks, unaligned loads, small bit
 * arithmetic.  No stage includes another stage's header; only frame.c and the containers
 * know the order in which stages run.
 */
#ifndef MIC_INTERNAL_H
#define MIC_INTERNAL_H

#include "../mic.h"
#include "bits.h"

#include <stdbool.h>
#include <string.h>

#if defined(__GNUC__) || defined(__clang__)
#define MIC_LIKELY(x) __builtin_expect(!!(x), 1)
#define MIC_UNLIKELY(x) __builtin_expect(!!(x), 0)
#if defined(__MINGW32__) && !defined(__clang__)
/* "printf" would stand for Microsoft's old library, which lacks %zu; mingw's own has it. */
#define MIC_PRINTF(a, b) __attribute__((format(gnu_printf, a, b)))
#else
#define MIC_PRINTF(a, b) __attribute__((format(printf, a, b)))
#endif
#if !defined(MIC_TARGET) /* ci/avx512.sh emulates instructions and defines it as nothing */
#define MIC_TARGET(isa) __attribute__((target(isa)))
#endif
#define MIC_INLINE static inline __attribute__((always_inline))
#elif defined(_MSC_VER)
#define MIC_LIKELY(x) (x)
#define MIC_UNLIKELY(x) (x)
#define MIC_PRINTF(a, b)
#define MIC_TARGET(isa) /* any function may use any intrinsic */
#define MIC_INLINE static __forceinline
#else
#define MIC_LIKELY(x) (x)
#define MIC_UNLIKELY(x) (x)
#define MIC_PRINTF(a, b)
#define MIC_TARGET(isa)
#define MIC_INLINE static inline
#endif

/* The kernels that are compiled in.  MIC_SCALAR_ONLY leaves out all but the scalar ones. */
#if !defined(MIC_SCALAR_ONLY) && (defined(__GNUC__) || defined(__clang__) || defined(_MSC_VER))
#if (defined(__x86_64__) || defined(_M_X64)) && !defined(_M_ARM64EC)
#define MIC_X86 1
#if defined(_MSC_VER) && defined(__clang__) && __clang_major__ < 19
#error "clang-cl before version 19 hides the intrinsics that the kernels need; use a newer one, or cl"
#endif
#elif (defined(__aarch64__) && defined(__AARCH64EL__)) || defined(_M_ARM64)
#define MIC_NEON 1 /* little-endian only: the kernels view words as bytes in memory order */
#endif
#endif

/* No size that this library derives from an image takes more bytes per sample. */
enum { MIC_MOST_BYTES_PER_SAMPLE = 32 };

/* Fill in `error` (if given) and return `status`.  The message is one sentence. */
mic_status mic_fail(mic_error *error, mic_status status, const char *stage, int64_t offset,
                    const char *format, ...) MIC_PRINTF(5, 6);
/* Add a remedy to the error that mic_fail has just filled in, and return its status. */
mic_status mic_advise(mic_status status, mic_error *error, mic_remedy remedy);

/* Return from the function if a callee failed; the callee has filled in the error. */
#define TRY(call)                            \
    do {                                     \
        mic_status status_ = (call);         \
        if (MIC_UNLIKELY(status_ != MIC_OK)) \
            return status_;                  \
    } while (0)

/* Little-endian loads and stores at any address.  memcpy compiles to one move; bytes are
 * swapped on big-endian machines only. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define MIC_LE16(x) __builtin_bswap16(x)
#define MIC_LE32(x) __builtin_bswap32(x)
#define MIC_LE64(x) __builtin_bswap64(x)
#define MIC_BIG_ENDIAN 1
#else
#define MIC_LE16(x) (x)
#define MIC_LE32(x) (x)
#define MIC_LE64(x) (x)
#define MIC_BIG_ENDIAN 0
#endif

static inline uint16_t load_u16(const void *p)
{
    uint16_t v;
    memcpy(&v, p, 2);
    return MIC_LE16(v);
}
static inline uint32_t load_u32(const void *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return MIC_LE32(v);
}
static inline uint64_t load_u64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return MIC_LE64(v);
}
static inline void store_u16(void *p, uint16_t v)
{
    v = MIC_LE16(v);
    memcpy(p, &v, 2);
}
static inline void store_u32(void *p, uint32_t v)
{
    v = MIC_LE32(v);
    memcpy(p, &v, 4);
}
static inline void store_u64(void *p, uint64_t v)
{
    v = MIC_LE64(v);
    memcpy(p, &v, 8);
}

/* Bits needed to hold v: 0 for 0. */
static inline unsigned bit_depth(uint32_t v) { return v ? highest_bit(v) + 1 : 0; }

/* Fold a difference mod 2^16, so that small ones of either sign are small words (0, -1, 1,
 * -2, ... become 0, 1, 2, 3, ...), and unfold it. */
static inline uint16_t fold_u16(uint16_t difference)
{
    return (uint16_t)(difference << 1 ^ (difference & 0x8000 ? 0xFFFF : 0));
}
static inline uint16_t unfold_u16(uint16_t word) { return (uint16_t)(word >> 1 ^ (word & 1 ? 0xFFFF : 0)); }

static inline size_t min_size(size_t a, size_t b) { return a < b ? a : b; }

#endif
