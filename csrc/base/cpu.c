/* SPDX-License-Identifier: MIT
 *
 * What the processor can do, and what the operating system lets it do: wide
 * registers may be used only if the system saves them (XCR0).
 */
#include "internal.h"

#if defined(MIC_X86)
#include <cpuid.h>

static uint64_t read_xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32) | low;
}

mic_isa mic_best_isa(void)
{
    enum { XMM_YMM = 0x6, ZMM = 0xE0 };
    enum { OSXSAVE = 1 << 27, AVX = 1 << 28, SSE42 = 1 << 20, POPCNT = 1 << 23, PCLMUL = 1 << 1 };
    enum { AVX2 = 1 << 5, BMI1 = 1 << 3, BMI2 = 1 << 8 };
    enum { LZCNT = 1 << 5 }; /* without it the instruction is another one */
    const unsigned avx512_f_dq_cd_bw_vl = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31;
    const unsigned vbmi_vbmi2_vpclmul = 1u << 1 | 1u << 6 | 1u << 10;
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return MIC_ISA_SCALAR;
    const unsigned needed = OSXSAVE | AVX | SSE42 | POPCNT | PCLMUL;
    if ((c & needed) != needed)
        return MIC_ISA_SCALAR;
    if (!__get_cpuid(0x80000001u, &a, &b, &c, &d) || !(c & LZCNT))
        return MIC_ISA_SCALAR;
    uint64_t saved = read_xcr0();
    if ((saved & XMM_YMM) != XMM_YMM || !__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return MIC_ISA_SCALAR;
    const unsigned avx2_set = AVX2 | BMI1 | BMI2;
    if ((b & avx2_set) != avx2_set)
        return MIC_ISA_SCALAR;
    if ((saved & ZMM) != ZMM || (b & avx512_f_dq_cd_bw_vl) != avx512_f_dq_cd_bw_vl ||
        (c & vbmi_vbmi2_vpclmul) != vbmi_vbmi2_vpclmul)
        return MIC_ISA_AVX2;
    return MIC_ISA_AVX512;
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

#if defined(MIC_NEON) /* every such processor has it */
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
