/*
 * Between the files of cpu/x86.
 */
#ifndef AMPHI_X86_PRIV_H
#define AMPHI_X86_PRIV_H

#include "cpu/x86/state.h"

struct X86Cpuid;

/* Models (model.c). */
extern const char *const x86_cpu_models[];

/* A processor among those of its machine: -smp's numbers (0: not given) and its index. */
typedef struct X86Place {
    unsigned cpus, cores, threads, index;
} X86Place;

/* @host: what the engine can give, or NULL. */
X86Model *x86_model_new(const char *model, const struct X86Cpuid *host, const X86Place *place,
                        GError **error);
void x86_model_free(X86Model *model);
/* EDX after reset: CPUID leaf 1 EAX. */
uint32_t x86_model_signature(const X86Model *model);
uint32_t x86_model_apic_id(const X86Model *model);
/* All that its processor shows; belongs to the model. */
const struct X86Cpuid *x86_model_cpuid(const X86Model *model);
const char *x86_model_name(const X86Model *model);
/* Equal for models with the same CPUID, whatever the processor's own number. */
uint64_t x86_model_checksum(const X86Model *model);

/* The registers of a local APIC after reset, in apic_page. */
void x86_apic_page_reset(X86State *s);

bool x86_debug_translate(Vcpu *vcpu, uint64_t addr, uint64_t *gpa);
unsigned x86_disassemble(Vcpu *vcpu, uint64_t pc, const uint8_t *code, size_t len, GString *out);
void x86_dump(Vcpu *vcpu, GString *out);

extern const GuestGdb x86_gdb;
extern const VmDesc x86_vmstate;

#endif
