/*
 * The IOMMU of the q35 machine. See pc-iommu.c.
 */
#ifndef AMPHI_HW_X86_PC_IOMMU_H
#define AMPHI_HW_X86_PC_IOMMU_H

#include "hw/acpi/acpi.h"
#include "hw/hw.h"
#include "hw/pci/pci.h"
#include "hw/x86/pc-irq.h"

/* Makes the IOMMU that -device intel-iommu asks for, in front of the functions of @pci and of the I/O APIC; none
 * if there is no such -device. To be called when both are there. */
bool pc_iommu_new(Machine *machine, PciBus *pci, PcIrq *irqs, GError **error);

/* Adds the table that describes it (DMAR); nothing if there is none. For PcAcpiConfig.more. */
void pc_iommu_add_table(AcpiTables *t, Machine *machine);

/* Ends with a NULL name. */
extern const HwDeviceType pc_iommu_device_types[];

#endif
