/*
 * CPUID as data: what an engine can give, and what a model comes to.
 */
#ifndef AMPHI_X86_CPUID_H
#define AMPHI_X86_CPUID_H

#include "cpu/x86/x86.h"

enum { X86_EAX, X86_EBX, X86_ECX, X86_EDX };

typedef struct X86CpuidEntry {
    uint32_t leaf, subleaf;
    bool indexed; /* the leaf depends on ECX */
    uint32_t reg[4];
} X86CpuidEntry;

#define X86_CPUID_MAX 160

typedef struct X86Cpuid X86Cpuid;

struct X86Cpuid {
    unsigned n;
    X86CpuidEntry entries[X86_CPUID_MAX];
};

/* The entry for @leaf and @subleaf (which counts for indexed ones only), or NULL. */
const X86CpuidEntry *x86_cpuid_find(const X86Cpuid *cpuid, uint32_t leaf, uint32_t subleaf);

/* Sets an entry, which is added if there is none; nothing if the table is full. */
void x86_cpuid_set(X86Cpuid *cpuid, uint32_t leaf, uint32_t subleaf, bool indexed,
                   const uint32_t reg[4]);

/* All that the guest of @vcpu sees; belongs to the vCPU. */
const X86Cpuid *x86_cpu_cpuid_table(const Vcpu *vcpu);

/* Frequency that the time-stamp counter is to have, in kHz; 0: whatever there is. */
uint64_t x86_cpu_wanted_tsc_khz(const Vcpu *vcpu);

/* Whether the guest is to have only those of Hyper-V's enlightenments that CPUID shows (hv_enforce_cpuid). */
bool x86_cpu_enforces_hyperv(const Vcpu *vcpu);

#endif
