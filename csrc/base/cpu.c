/* SPDX-License-Identifier: MIT
 *
 * Which features the processor has and the operating system supports: wide registers may be
 * used only if the system saves them (XCR0).  The features that the kernels need are listed
 * in target.h.
 */
#include "target.h"

#if defined(MIC_X86)
#include <cpuid.h>

static uint64_t read_xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32) | low;
}

/* A leaf that the processor lacks reads as 0, which means no features. */
static void read_features(uint32_t words[CPUID_WORDS])
{
    unsigned a, b, c, d;
    memset(words, 0, CPUID_WORDS * sizeof *words);
    if (__get_cpuid(1, &a, &b, &c, &d))
        words[CPUID_1_ECX] = c;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        words[CPUID_7_EBX] = b;
        words[CPUID_7_ECX] = c;
    }
    if (__get_cpuid(0x80000001u, &a, &b, &c, &d))
        words[CPUID_80000001_ECX] = c;
}

#define HAS_AND(name, word, bit) (words[word] >> (bit) & 1) &&
static bool has_avx2(const uint32_t words[CPUID_WORDS]) { return MIC_AVX2_FEATURES(HAS_AND) true; }
static bool has_avx512(const uint32_t words[CPUID_WORDS]) { return MIC_AVX512_FEATURES(HAS_AND) true; }

mic_isa mic_best_isa(void)
{
    enum { OSXSAVE = 1 << 27 }; /* without it XCR0 cannot be read */
    enum { XMM_YMM = 0x6, XMM_YMM_ZMM = 0xE6 };
    uint32_t words[CPUID_WORDS];
    read_features(words);
    if (!(words[CPUID_1_ECX] & OSXSAVE) || !has_avx2(words))
        return MIC_ISA_SCALAR;
    const uint64_t saved = read_xcr0();
    if ((saved & XMM_YMM) != XMM_YMM)
        return MIC_ISA_SCALAR;
    return has_avx512(words) && (saved & XMM_YMM_ZMM) == XMM_YMM_ZMM ? MIC_ISA_AVX512 : MIC_ISA_AVX2;
}

void mic_cpu_model(char model[MIC_CPU_MODEL_SIZE])
{
    unsigned registers[12];
    model[0] = '\0';
    for (unsigned i = 0; i < 3; i++)
        if (!__get_cpuid(0x80000002u + i, &registers[4 * i], &registers[4 * i + 1], &registers[4 * i + 2],
                         &registers[4 * i + 3]))
            return;
    memcpy(model, registers, sizeof registers);
    model[MIC_CPU_MODEL_SIZE - 1] = '\0';
}

#else

#if defined(MIC_NEON) /* every AArch64 processor has it */
mic_isa mic_best_isa(void) { return MIC_ISA_NEON; }
#else
mic_isa mic_best_isa(void) { return MIC_ISA_SCALAR; }
#endif

void mic_cpu_model(char model[MIC_CPU_MODEL_SIZE]) { model[0] = '\0'; }

#endif

const char *mic_compiler(void)
{
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#else
    return "unknown";
#endif
}

const char *mic_isa_name(mic_isa isa)
{
    switch (isa) {
    case MIC_ISA_SCALAR: return "scalar";
    case MIC_ISA_AVX2: return "avx2";
    case MIC_ISA_AVX512: return "avx512";
    case MIC_ISA_NEON: return "neon";
    }
    return "unknown";
}
