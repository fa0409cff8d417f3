/*
 * A PC's interrupt controllers: those that the engine does not have, wired together. See pc-irq.c.
 */
#ifndef AMPHI_HW_X86_PC_IRQ_H
#define AMPHI_HW_X86_PC_IRQ_H

#include "softmmu/iommu.h"
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

/* The same line for pc-testdev: it is raised while either its device or the test raises it. */
IrqLine pc_irq_test_line(PcIrq *s, unsigned n);

/* Whether the engine has 8259s, I/O APIC and 8254. */
bool pc_irq_in_engine(const PcIrq *s);

/* The I/O APIC's messages go through @iommu's remapping, with PC_IRQ_IOAPIC_SOURCE as their sender: a function of a
 * bus that has none. Only where the I/O APIC is a device. */
#define PC_IRQ_IOAPIC_SOURCE 0xff00u
void pc_irq_set_iommu(PcIrq *s, Iommu *iommu);

#endif
