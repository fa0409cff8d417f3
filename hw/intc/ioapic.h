/*
 * The I/O APIC of a PC. See ioapic.c.
 */
#ifndef AMPHI_HW_IOAPIC_H
#define AMPHI_HW_IOAPIC_H

#include "softmmu/machine.h"

#define IOAPIC_BASE 0xfec00000u
#define IOAPIC_PINS 24

/* Where interrupts go: messages as devices send them. */
typedef struct IoApicOps {
    void (*send)(void *opaque, uint64_t addr, uint32_t data);
    /* What input @pin sends from now on; may be NULL. */
    void (*route)(void *opaque, unsigned pin, uint64_t addr, uint32_t data, bool masked);
} IoApicOps;

/* Makes an I/O APIC at @base. */
Device *ioapic_new(Machine *machine, uint64_t base, const IoApicOps *ops, void *opaque);

IrqLine ioapic_input(Device *dev, unsigned pin);

/* Calls IoApicOps.route for all inputs. */
void ioapic_announce(Device *dev);

/* A processor has ended the level-triggered interrupt @vector: for apic_bus_set_eoi(). */
void ioapic_end_of_interrupt(void *dev, uint8_t vector);

#endif
