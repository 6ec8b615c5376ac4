/* SPDX-License-Identifier: MIT
 *
 * Those of MSVC's intrinsics that the core uses, for a compiler that takes its dialect but
 * is not MSVC.  They are defined by the builtins of clang, so that the code can be run; the
 * prototypes are those of Microsoft's documentation.
 */
#ifndef MIC_MSVC_INTRIN_H
#define MIC_MSVC_INTRIN_H

static inline unsigned char _BitScanReverse(unsigned long *position, unsigned long v)
{
    *position = v ? 31 - (unsigned long)__builtin_clz((unsigned)v) : 0;
    return v != 0;
}
static inline unsigned char _BitScanForward(unsigned long *position, unsigned long v)
{
    *position = v ? (unsigned long)__builtin_ctz((unsigned)v) : 0;
    return v != 0;
}
static inline unsigned char _BitScanForward64(unsigned long *position, unsigned long long v)
{
    *position = v ? (unsigned long)__builtin_ctzll(v) : 0;
    return v != 0;
}

static inline void *_InterlockedExchangePointer(void *volatile *target, void *value)
{
    return __atomic_exchange_n(target, value, __ATOMIC_SEQ_CST);
}
static inline void *_InterlockedCompareExchangePointer(void *volatile *target, void *value, void *expected)
{
    __atomic_compare_exchange_n(target, &expected, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return expected;
}
static inline long long _InterlockedExchangeAdd64(long long volatile *target, long long addend)
{
    return __atomic_fetch_add(target, addend, __ATOMIC_SEQ_CST);
}
static inline long _InterlockedExchangeAdd(long volatile *target, long addend)
{
    return __atomic_fetch_add(target, addend, __ATOMIC_SEQ_CST);
}

#if defined(_M_X64) && !defined(_M_ARM64EC)
static inline void __cpuidex(int registers[4], int leaf, int subleaf)
{
    __asm__ volatile("cpuid"
                     : "=a"(registers[0]), "=b"(registers[1]), "=c"(registers[2]), "=d"(registers[3])
                     : "a"(leaf), "c"(subleaf));
}
static inline unsigned long long _xgetbv(unsigned index)
{
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(index));
    return (unsigned long long)high << 32 | low;
}
#elif defined(_M_ARM64)
static inline unsigned __crc32cb(unsigned crc, unsigned v)
{
    __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"(v));
    return crc;
}
static inline unsigned __crc32cd(unsigned crc, unsigned long long v)
{
    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(v));
    return crc;
}
#endif

#endif
