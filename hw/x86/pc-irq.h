/*
 * A PC's interrupt controllers: those that the engine does not have, wired together. See pc-irq.c.
 */
#ifndef AMPHI_HW_X86_PC_IRQ_H
#define AMPHI_HW_X86_PC_IRQ_H

#include "softmmu/machine.h"

#define PC_IRQS 24

typedef struct PcIrq PcIrq;

/* Makes local APICs for the vCPUs that the machine has, I/O APIC and, with @pic, 8259s, as far as the engine has
 * none (softmmu/irqchip.h). */
PcIrq *pc_irq_new(Machine *machine, bool pic);

/* The machine's, or NULL. */
PcIrq *pc_irq_find(Machine *machine);

/* Interrupt line @n: 0..15 are ISA's, which drive the 8259s' input and that of the I/O APIC (number 2 for
 * line 0); 16..23 only the I/O APIC's. */
IrqLine pc_irq_line(PcIrq *s, unsigned n);

/* Whether the engine has 8259s, I/O APIC and 8254. */
bool pc_irq_in_engine(const PcIrq *s);

/* Messages of devices and of the I/O APIC go through @remap first, which changes them or returns false to
 * drop them: interrupt remapping. @source is the sender's bus, device and function, PC_IRQ_IOAPIC_SOURCE for the
 * I/O APIC. */
#define PC_IRQ_IOAPIC_SOURCE 0xf0f8u
void pc_irq_set_remap(PcIrq *s,
                      bool (*remap)(void *opaque, uint16_t source, uint64_t *addr, uint32_t *data),
                      void *opaque);

#endif
