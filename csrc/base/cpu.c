/* SPDX-License-Identifier: MIT
 *
 * Which features the processor has and the operating system supports: wide registers may be
 * used only if the system saves them (XCR0).  The features that the kernels need are listed
 * in target.h.
 */
#include "target.h"

#if defined(MIC_X86)
enum { EAX, EBX, ECX, EDX, REGISTERS };

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>

static uint64_t read_xcr0(void) { return _xgetbv(0); }

/* Return false if the processor lacks the leaf: it answers with another one. */
static bool read_cpuid(uint32_t leaf, uint32_t registers[REGISTERS])
{
    int answer[REGISTERS];
    __cpuidex(answer, (int)(leaf & 0x80000000u), 0); /* EAX: the last leaf of this range */
    if ((uint32_t)answer[EAX] < leaf)
        return false;
    __cpuidex(answer, (int)leaf, 0);
    memcpy(registers, answer, sizeof answer);
    return true;
}
#else
#include <cpuid.h>

static uint64_t read_xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32) | low;
}

/* Return false if the processor lacks the leaf. */
static bool read_cpuid(uint32_t leaf, uint32_t registers[REGISTERS])
{
    return __get_cpuid_count(leaf, 0, &registers[EAX], &registers[EBX], &registers[ECX], &registers[EDX]);
}
#endif

/* A leaf that the processor lacks means no features. */
static void read_features(uint32_t words[CPUID_WORDS])
{
    uint32_t registers[REGISTERS];
    memset(words, 0, CPUID_WORDS * sizeof *words);
    if (read_cpuid(1, registers))
        words[CPUID_1_ECX] = registers[ECX];
    if (read_cpuid(7, registers)) {
        words[CPUID_7_EBX] = registers[EBX];
        words[CPUID_7_ECX] = registers[ECX];
    }
    if (read_cpuid(0x80000001u, registers))
        words[CPUID_80000001_ECX] = registers[ECX];
}

/* Does the system save these registers? */
static bool saves(const uint32_t words[CPUID_WORDS], uint64_t registers)
{
    enum { OSXSAVE = 1 << 27 }; /* without it XCR0 cannot be read */
    return (words[CPUID_1_ECX] & OSXSAVE) && (read_xcr0() & registers) == registers;
}

#define XMM_YMM UINT64_C(0x06)
#define XMM_YMM_ZMM UINT64_C(0xE6)

#define RETURN_IF_LACKING(name, word, bit) \
    if (!(words[word] >> (bit) & 1))       \
        return "this processor lacks " name;

const char *mic_scalar_reason(void)
{
    uint32_t words[CPUID_WORDS];
    read_features(words);
    MIC_AVX2_FEATURES(RETURN_IF_LACKING)
    return saves(words, XMM_YMM) ? "" : "the operating system does not save the registers of AVX2";
}

#define HAS_AND(name, word, bit) (words[word] >> (bit) & 1) &&
static bool has_avx512(const uint32_t words[CPUID_WORDS]) { return MIC_AVX512_FEATURES(HAS_AND) true; }

mic_isa mic_best_isa(void)
{
    uint32_t words[CPUID_WORDS];
    if (*mic_scalar_reason())
        return MIC_ISA_SCALAR;
    read_features(words);
    return has_avx512(words) && saves(words, XMM_YMM_ZMM) ? MIC_ISA_AVX512 : MIC_ISA_AVX2;
}

void mic_cpu_model(char model[MIC_CPU_MODEL_SIZE])
{
    enum { PARTS = 3 };
    uint32_t registers[PARTS * REGISTERS];
    model[0] = '\0';
    for (uint32_t i = 0; i < PARTS; i++)
        if (!read_cpuid(0x80000002u + i, registers + REGISTERS * i))
            return;
    memcpy(model, registers, sizeof registers);
    model[MIC_CPU_MODEL_SIZE - 1] = '\0';
}

#else

#if defined(MIC_NEON) /* every AArch64 processor has it */
mic_isa mic_best_isa(void) { return MIC_ISA_NEON; }
const char *mic_scalar_reason(void) { return ""; }
#else
mic_isa mic_best_isa(void) { return MIC_ISA_SCALAR; }
const char *mic_scalar_reason(void)
{
#if defined(MIC_SCALAR_ONLY)
    return "mic was built with MIC_SCALAR_ONLY";
#elif !defined(__GNUC__) && !defined(__clang__) && !defined(_MSC_VER)
    return "mic was built by a compiler for which it has no other kernels";
#else
    return "mic has no other kernels for this architecture";
#endif
}
#endif

void mic_cpu_model(char model[MIC_CPU_MODEL_SIZE]) { model[0] = '\0'; }

#endif

#if defined(_MSC_VER) && !defined(__clang__)
/* Its version comes as a number only: 1939 is 19.39. */
#define DIGITS(n) (char)('0' + (n) / 10 % 10), (char)('0' + (n) % 10)
static const char msvc[] = {'M', 'S', 'V', 'C', ' ', DIGITS(_MSC_VER / 100), '.', DIGITS(_MSC_VER), 0};
#endif

const char *mic_compiler(void)
{
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#elif defined(_MSC_VER)
    return msvc;
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
