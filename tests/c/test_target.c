/* SPDX-License-Identifier: MIT
 *
 * The features that target.h names, against what <cpuid.h> says of them: each stands at
 * its own bit, so that what a kernel may use is what cpu.c has looked for.
 */
#include "check.h"

#include "base/target.h"

#if defined(MIC_X86)
#include <cpuid.h>

typedef struct feature {
    const char *name;
    int word;
    unsigned bit;
} feature;

static const feature published[] = {
    {"pclmul", CPUID_1_ECX, bit_PCLMUL},
    {"sse4.2", CPUID_1_ECX, bit_SSE4_2},
    {"crc32", CPUID_1_ECX, bit_SSE4_2}, /* the instruction belongs to it */
    {"popcnt", CPUID_1_ECX, bit_POPCNT},
    {"avx", CPUID_1_ECX, bit_AVX},
    {"bmi", CPUID_7_EBX, bit_BMI},
    {"bmi2", CPUID_7_EBX, bit_BMI2},
    {"avx2", CPUID_7_EBX, bit_AVX2},
    {"lzcnt", CPUID_80000001_ECX, bit_LZCNT},
    {"avx512f", CPUID_7_EBX, bit_AVX512F},
    {"avx512dq", CPUID_7_EBX, bit_AVX512DQ},
    {"avx512cd", CPUID_7_EBX, bit_AVX512CD},
    {"avx512bw", CPUID_7_EBX, bit_AVX512BW},
    {"avx512vl", CPUID_7_EBX, bit_AVX512VL},
    {"avx512vbmi", CPUID_7_ECX, bit_AVX512VBMI},
    {"avx512vbmi2", CPUID_7_ECX, bit_AVX512VBMI2},
    {"vpclmulqdq", CPUID_7_ECX, bit_VPCLMULQDQ},
};

#define FEATURE(name, word, bit) {name, word, 1u << (bit)},
static const feature ours[] = {MIC_AVX512_FEATURES(FEATURE)}; /* the others are parts of it */

static void check_feature(const feature *f)
{
    for (size_t i = 0; i < COUNT_OF(published); i++)
        if (strcmp(published[i].name, f->name) == 0) {
            CHECK(f->word == published[i].word, "%s: word %d", f->name, f->word);
            CHECK(f->bit == published[i].bit, "%s: bit %08x", f->name, f->bit);
            return;
        }
    CHECK(false, "%s: add it to the published features above", f->name);
}

static void check_features(void)
{
    for (size_t i = 0; i < COUNT_OF(ours); i++)
        check_feature(&ours[i]);
}

#else
static void check_features(void) {}
#endif

int main(void)
{
    check_features();
    return report("test_target");
}
