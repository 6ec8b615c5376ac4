/* SPDX-License-Identifier: MIT
 *
 * cpu.c on a processor whose AVX-512 is emulated: this is the best that it has.
 */
#define mic_best_isa mic_best_isa_without_emulation
#include "../../../csrc/base/cpu.c"
#undef mic_best_isa

mic_isa mic_best_isa(void);
mic_isa mic_best_isa(void) { return MIC_ISA_AVX512; }
