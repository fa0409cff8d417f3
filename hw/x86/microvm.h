/*
 * Between microvm.c, microvm-power.c and microvm-acpi.c.
 */
#ifndef AMPHI_HW_X86_MICROVM_H
#define AMPHI_HW_X86_MICROVM_H

#include "hw/x86/boot.h"

#define MICROVM_SLOTS 8u
#define MICROVM_VIRTIO_BASE 0xfeb00000u
#define MICROVM_VIRTIO_STRIDE 0x200u
#define MICROVM_VIRTIO_IRQ 5u
#define MICROVM_GED_IRQ 16u /* generic events: the power button */

/* Ports of the power block. */
#define MICROVM_POWER_PORT 0x600u
enum { POWER_SLEEP_CONTROL, POWER_SLEEP_STATUS, POWER_RESET, POWER_EVENT, POWER_PORTS };
#define POWER_RESET_VALUE 0x42
#define POWER_S5 5

extern const LoaderArch microvm_arch;

/* Makes the power block; @irq tells of the power button, which is connected. */
void microvm_power_new(Machine *machine, IrqLine irq);

/* Adds the ACPI tables at X86_BOOT_TABLES. */
bool microvm_acpi_add(Machine *machine, X86Boot *boot, GError **error);

#endif
