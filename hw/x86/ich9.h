/*
 * The ICH9 south bridge of the q35 machine: LPC bridge with interrupt routing (ich9-lpc.c) and power management
 * (ich9-pm.c).
 */
#ifndef AMPHI_HW_X86_ICH9_H
#define AMPHI_HW_X86_ICH9_H

#include "hw/pci/pci.h"

#define ICH9_PM_SIZE 128
#define ICH9_PM_BASE_DEFAULT \
    0x600 /* where firmware, and boards without, put the power management block */
#define ICH9_PM_TIMER_HZ 3579545
#define ICH9_ACPI_ENABLE 2 /* written to port ICH9_SMI_PORT: the operating system takes over */
#define ICH9_ACPI_DISABLE 3
#define ICH9_SMI_PORT 0xb2
#define ICH9_RESET_PORT 0xcf9
#define ICH9_RESET_VALUE 0x0e
#define ICH9_SCI_IRQ 9
#define ICH9_LPC_SLOT 0x1f

typedef struct Ich9Lpc Ich9Lpc;
typedef struct Ich9Pm Ich9Pm;

/* Makes the bridge as function 1f.0 of @bus, with the power management block; @isa are lines IRQ0..15, @apic
 * the I/O APIC's inputs 16..23. */
Ich9Lpc *ich9_lpc_new(PciBus *bus, const IrqLine isa[16], const IrqLine apic[8]);

/* PCI interrupt line @n, 0 for PIRQA, and the reset register, for the host bridge that is made before. */
void ich9_lpc_set_pirq(Ich9Lpc *s, unsigned n, bool level);
uint8_t ich9_lpc_read_reset(Ich9Lpc *s);
void ich9_lpc_write_reset(Ich9Lpc *s, uint8_t value);

/* As firmware leaves it: the block at ICH9_PM_BASE_DEFAULT, PCI interrupts on IRQ 10 and 11. */
void ich9_lpc_set_up(Ich9Lpc *s);

/* ---- Power management ---- */

/* Makes the block with the APM ports; the board's power button is connected. */
Ich9Pm *ich9_pm_new(Machine *machine, IrqLine sci);

/* Shows the block at @base of the ports, or hides it. */
void ich9_pm_map(Ich9Pm *s, uint16_t base, bool enabled);

#endif
