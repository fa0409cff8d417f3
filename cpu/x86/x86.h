/*
 * The x86-64 processor as boards see it.
 *
 * Interrupts reach it in one of two ways. Where the local APIC is a device, that drives the line
 * X86_LINE_INTR and is asked for the vector when the processor is ready (X86ApicOps). Where the engine has
 * the local APIC (softmmu/irqchip.h), boards make none and send messages to the engine.
 */
#ifndef AMPHI_X86_H
#define AMPHI_X86_H

#include "cpu/vcpu.h"
#include "softmmu/irq.h"

extern const GuestArch x86_64_guest;

/* Makes the next processor of @machine, of @model ("max", "x86-64-v2,+avx,-aes"; NULL: "max"). The first one
 * starts at reset, the others wait for INIT and SIPI. Sockets, cores and threads are those of the machine's
 * config; the APIC id follows from them. */
Vcpu *x86_cpu_new(Machine *machine, const char *model, GError **error);

/* Where a processor begins after a reset if a board starts a program without firmware. */
typedef struct X86Start {
    unsigned bits; /* 64: long mode; 32: protected mode without paging; 0: at the reset vector */
    uint64_t entry;
    uint64_t rax, rbx, rsi;
    uint64_t cr3; /* 64 bits: page tables */
    uint64_t gdt; /* flat code at selector 0x10, flat data at 0x18 */
    uint16_t gdt_limit;
} X86Start;

/* Takes effect with the next reset. */
void x86_cpu_set_start(Vcpu *vcpu, const X86Start *start);

unsigned x86_cpu_apic_id(const Vcpu *vcpu);

/* Prints the models and the features for -cpu help. */
void x86_cpu_help(GString *out);

/* What @model comes to: calls @each for every feature that is on or off. */
bool x86_cpu_expand(const char *model, void (*each)(void *opaque, const char *name, bool on),
                    void *opaque, GError **error);

/* CPUID as the guest sees it: EAX, EBX, ECX, EDX of @leaf and @subleaf. Zeros if there is no such leaf. */
void x86_cpu_cpuid(const Vcpu *vcpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

/* Cores of a package and threads of a core, as CPUID has them. */
void x86_cpu_topology(const Vcpu *vcpu, unsigned *cores, unsigned *threads);

/* Frequency of the time-stamp counter in kHz; 0 if not known. */
uint64_t x86_cpu_tsc_khz(const Vcpu *vcpu);

/* Lines into the processor. INTR is a level: the local APIC (or, without one, the 8259) has an interrupt that
 * the processor would take with IF set. NMI and SMI take effect when they rise. Safe from any thread. */
typedef enum X86Line { X86_LINE_INTR, X86_LINE_NMI, X86_LINE_SMI } X86Line;
IrqLine x86_cpu_irq(Vcpu *vcpu, X86Line line);

/* Messages of the APIC bus. Safe from any thread. */
void x86_cpu_init(Vcpu *vcpu);
void x86_cpu_sipi(Vcpu *vcpu, uint8_t vector);

/* A local APIC that is a device, as its processor uses it. Called with the machine lock held, on the
 * processor's thread or while it is stopped. */
typedef struct X86ApicOps {
    /* The vector to deliver now, which goes from requested to in service (for ExtINT: what the 8259
     * answers to the acknowledge cycle). -1: there is nothing any more. */
    int (*acknowledge)(void *apic);
    /* CR8: task priority bits 7:4. */
    uint8_t (*get_cr8)(void *apic);
    void (*set_cr8)(void *apic, uint8_t value);
    /* IA32_APIC_BASE. set_base(): false is #GP(0). */
    uint64_t (*get_base)(void *apic);
    bool (*set_base)(void *apic, uint64_t value);
    /* RDMSR and WRMSR of 0x800..0x8ff and of IA32_TSC_DEADLINE. False is #GP(0). */
    bool (*read_msr)(void *apic, uint32_t msr, uint64_t *value);
    bool (*write_msr)(void *apic, uint32_t msr, uint64_t value);
    /* The registers at their architectural offsets, 4 bytes every 16, as X86State.apic_page: for a hop
     * between an engine with a local APIC and one without. @page has 1024 bytes. */
    void (*save)(void *apic, uint8_t *page);
    void (*load)(void *apic, const uint8_t *page);
} X86ApicOps;

/* Connects the local APIC @apic. It outlives the vCPU's last run. */
void x86_cpu_set_apic(Vcpu *vcpu, const X86ApicOps *ops, void *apic);

#endif
