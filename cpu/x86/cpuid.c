/*
 * Tables of CPUID; see cpuid.h.
 */
#include "cpu/x86/cpuid.h"
#include <string.h>

const X86CpuidEntry *x86_cpuid_find(const X86Cpuid *cpuid, uint32_t leaf, uint32_t subleaf)
{
    for (unsigned i = 0; i < cpuid->n; i++) {
        const X86CpuidEntry *e = &cpuid->entries[i];
        if (e->leaf == leaf && (!e->indexed || e->subleaf == subleaf)) {
            return e;
        }
    }
    return NULL;
}

void x86_cpuid_set(X86Cpuid *cpuid, uint32_t leaf, uint32_t subleaf, bool indexed,
                   const uint32_t reg[4])
{
    X86CpuidEntry *e = (X86CpuidEntry *)x86_cpuid_find(cpuid, leaf, subleaf);

    if (!e) {
        if (cpuid->n == X86_CPUID_MAX) {
            return;
        }
        e = &cpuid->entries[cpuid->n++];
    }
    *e = (X86CpuidEntry){.leaf = leaf, .subleaf = subleaf, .indexed = indexed};
    memcpy(e->reg, reg, sizeof(e->reg));
}
