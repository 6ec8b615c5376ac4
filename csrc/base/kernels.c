/* SPDX-License-Identifier: MIT
 *
 * Selects one of the tables of kernels.  This file is a registry, and the only one that
 * refers to folders above its own: it knows that the tables exist, not what they contain.
 * To add an instruction set, add a file with its table and a line in `tables`.
 */
#include "kernels.h"

#include "atomics.h"

#include <stdlib.h>

/* A processor that supports one of these also supports those before it. */
static const mic_kernels *const tables[] = {
    &mic_kernels_scalar,
#if defined(MIC_X86)
    &mic_kernels_avx2,
    &mic_kernels_avx512,
#elif defined(MIC_NEON)
    &mic_kernels_neon,
#endif
};

enum { N_TABLES = sizeof tables / sizeof tables[0] };

const mic_kernels *mic_kernels_for(mic_isa isa)
{
    const mic_isa best = mic_best_isa();
    for (size_t i = 0; i < N_TABLES; i++) {
        if (tables[i]->isa == isa)
            return tables[i];
        if (tables[i]->isa == best)
            break;
    }
    return NULL;
}

int mic_isa_is_compiled(mic_isa isa)
{
    for (size_t i = 0; i < N_TABLES; i++)
        if (tables[i]->isa == isa)
            return 1;
    return 0;
}

/* Set before the first use by whichever thread comes first, unless mic_use_isa has set it
 * already.  If several threads get here, all of them would store the same pointer. */
static mic_atomic_pointer active_kernels; /* leads to a constant table */

static mic_isa requested_isa(void)
{
    const char *name = getenv("MIC_CPU");
    for (size_t i = 0; name && i < N_TABLES; i++) {
        const mic_isa isa = tables[i]->isa;
        if (strcmp(name, mic_isa_name(isa)) == 0 && mic_kernels_for(isa))
            return isa;
    }
    return mic_best_isa();
}

const mic_kernels *mic_kernels_active(void)
{
    const mic_kernels *kernels = pointer_load(&active_kernels);
    if (MIC_UNLIKELY(!kernels)) {
        const mic_kernels *requested = mic_kernels_for(requested_isa());
        kernels = pointer_set_if_null(&active_kernels, (void *)requested);
        return kernels ? kernels : requested;
    }
    return kernels;
}

mic_isa mic_active_isa(void) { return mic_kernels_active()->isa; }

mic_status mic_use_isa(mic_isa isa, mic_error *error)
{
    const mic_kernels *kernels = mic_kernels_for(isa);
    if (!kernels)
        return mic_fail(error, MIC_ERROR_UNSUPPORTED, "cpu", -1,
                        "this machine has no %s; the best it has is %s", mic_isa_name(isa),
                        mic_isa_name(mic_best_isa()));
    pointer_store(&active_kernels, (void *)kernels);
    return MIC_OK;
}
