/* SPDX-License-Identifier: MIT
 *
 * The processor features that the kernels for x86 need.  Each set of features is listed
 * once and used on both sides: the kernels get it as their target attribute, and cpu.c gets
 * it as the bits to check before it allows them.  So no kernel can contain an instruction
 * that was not checked for.
 */
#ifndef MIC_TARGET_H
#define MIC_TARGET_H

#include "internal.h"

#if defined(MIC_X86)

/* The words of CPUID output that show features, named by leaf and register. */
enum { CPUID_1_ECX, CPUID_7_EBX, CPUID_7_ECX, CPUID_80000001_ECX, CPUID_WORDS };

/* The CRC instruction came with SSE4.2, but newer compilers can switch it off on its own.
 * Older ones do not know its name. */
#if (defined(__clang__) && __clang_major__ >= 14) || (!defined(__clang__) && __GNUC__ >= 9)
#define MIC_CRC32 "crc32"
#else
#define MIC_CRC32 "sse4.2"
#endif

/* F(the feature's name for compilers, the word that shows it, its bit there) */

/* For the loops that need only shifts by any register.  They are compiled without the rest
 * of the next set, so that no wide registers get into them. */
#define MIC_BMI2_FEATURES(F) F("bmi2", CPUID_7_EBX, 8)

/* Without "lzcnt" the same encoding is another instruction, which gives other results.  The
 * best known name comes first: mic_scalar_reason tells the first one that is missing. */
#define MIC_AVX2_FEATURES(F)      \
    F("avx2", CPUID_7_EBX, 5)     \
    F("pclmul", CPUID_1_ECX, 1)   \
    F("sse4.2", CPUID_1_ECX, 20)  \
    F(MIC_CRC32, CPUID_1_ECX, 20) \
    F("popcnt", CPUID_1_ECX, 23)  \
    F("avx", CPUID_1_ECX, 28)     \
    F("bmi", CPUID_7_EBX, 3)      \
    MIC_BMI2_FEATURES(F)          \
    F("lzcnt", CPUID_80000001_ECX, 5)

#define MIC_AVX512_FEATURES(F)       \
    MIC_AVX2_FEATURES(F)             \
    F("avx512f", CPUID_7_EBX, 16)    \
    F("avx512dq", CPUID_7_EBX, 17)   \
    F("avx512cd", CPUID_7_EBX, 28)   \
    F("avx512bw", CPUID_7_EBX, 30)   \
    F("avx512vl", CPUID_7_EBX, 31)   \
    F("avx512vbmi", CPUID_7_ECX, 1)  \
    F("avx512vbmi2", CPUID_7_ECX, 6) \
    F("vpclmulqdq", CPUID_7_ECX, 10)

/* Every x86-64 processor has SSE2, so the string starts with it and each other name follows
 * a comma. */
#define MIC_AFTER_COMMA(name, word, bit) "," name
#define MIC_BMI2 MIC_TARGET("sse2" MIC_BMI2_FEATURES(MIC_AFTER_COMMA))
#define MIC_AVX2 MIC_TARGET("sse2" MIC_AVX2_FEATURES(MIC_AFTER_COMMA))
#define MIC_AVX512 MIC_TARGET("sse2" MIC_AVX512_FEATURES(MIC_AFTER_COMMA))
#define MIC_AVX2_INLINE MIC_AVX2 MIC_INLINE
#define MIC_AVX512_INLINE MIC_AVX512 MIC_INLINE

#endif
#endif
