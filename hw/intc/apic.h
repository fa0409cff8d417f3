/*
 * The local APICs of a PC's processors, and the bus of messages between them, the I/O APIC and devices. See
 * apic.c (registers), apic-timer.c and apic-bus.c (messages).
 *
 * A vCPU and its APIC know each other by hooks: the APIC says through ApicCpu what happens, the vCPU asks for
 * vectors and forwards its MSRs and CR8. All functions want the machine lock, except the one that says
 * otherwise.
 */
#ifndef AMPHI_HW_APIC_H
#define AMPHI_HW_APIC_H

#include "softmmu/machine.h"

#define APIC_BASE_ADDRESS 0xfee00000u
#define APIC_MSI_SIZE 0x100000u /* messages go to the megabyte from there */

#define APIC_BASE_BSP (1u << 8)
#define APIC_BASE_X2APIC (1u << 10)
#define APIC_BASE_ENABLE (1u << 11)

#define APIC_X2APIC_MSR 0x800u /* first of 0x100 MSRs */

typedef struct Apic Apic;
typedef struct ApicBus ApicBus;

/* What an APIC tells its vCPU. Any thread. */
typedef struct ApicCpu {
    /* Whether an interrupt waits for the vCPU, which fetches it by apic_acknowledge() as soon as it may. */
    void (*interrupt)(void *opaque, bool pending);
    void (*nmi)(void *opaque);
    void (*smi)(void *opaque);
    void (*init)(void *opaque);
    void (*sipi)(void *opaque, uint8_t vector); /* start at vector * 4096, if it waits for that */
    uint64_t (*tsc)(void *opaque);              /* the guest's time stamp counter now */
    uint64_t tsc_hz;                            /* 0: no TSC deadline timer */
    void *opaque;
} ApicCpu;

/* ---- The bus ---- */

/* Makes the bus, maps the APICs' registers at APIC_BASE_ADDRESS and takes devices' messages there. */
ApicBus *apic_bus_new(Machine *machine);

/* Sends the message @data to @addr: of a device, or of the I/O APIC. Bits 63..40 are bits 31..8 of the
 * destination, as in Linux's KVM_CAP_X2APIC_API. */
void apic_bus_message(ApicBus *bus, uint64_t addr, uint32_t data);

/* Calls @eoi(@opaque, vector) when a processor has ended a level-triggered interrupt: the I/O APIC. */
void apic_bus_set_eoi(ApicBus *bus, void (*eoi)(void *opaque, uint8_t vector), void *opaque);

/* Where the vector of an interrupt in ExtINT mode comes from: the 8259. */
void apic_bus_set_pic(ApicBus *bus, uint8_t (*acknowledge)(void *opaque), void *opaque);

/* ---- A processor's APIC ---- */

/* Adds the APIC with @id to the processor with @index on @bus. */
Apic *apic_new(ApicBus *bus, unsigned index, uint32_t id, const ApicCpu *cpu);

/* Pin @n (0 or 1) of the processor. The 8259's output is pin 0 of all of them. */
IrqLine apic_lint(Apic *apic, unsigned n);

/* Whether an interrupt waits. No lock; any thread. */
bool apic_pending(const Apic *apic);

/* Takes the interrupt that waits, of the highest priority; -1 if there is none (any more). */
int apic_acknowledge(Apic *apic);

/* CR8: the task priority's high four bits. */
uint8_t apic_get_cr8(const Apic *apic);
void apic_set_cr8(Apic *apic, uint8_t cr8);

/* MSR IA32_APIC_BASE. False: the value is not allowed (#GP). @x2apic: whether CPUID has it. */
uint64_t apic_get_base(const Apic *apic);
bool apic_set_base(Apic *apic, uint64_t value, bool x2apic);

/* The x2APIC's MSRs, APIC_X2APIC_MSR and up. False: #GP. */
bool apic_read_msr(Apic *apic, uint32_t msr, uint64_t *value);
bool apic_write_msr(Apic *apic, uint32_t msr, uint64_t value);

/* MSR IA32_TSC_DEADLINE. */
uint64_t apic_get_tsc_deadline(const Apic *apic);
void apic_set_tsc_deadline(Apic *apic, uint64_t value);

/* To the state after INIT; the identity and IA32_APIC_BASE stay. */
void apic_init(Apic *apic);

/* The registers as the hardware's page has them, each of 32 bits at its offset, for engines with an APIC of
 * their own: @page has 1024 bytes. Timer counts come as they are now. */
void apic_get_page(Apic *apic, uint8_t *page);
void apic_set_page(Apic *apic, const uint8_t *page);

#endif
