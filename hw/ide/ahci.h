/*
 * SATA host controller with disks and CD-ROM drives. See ahci.c.
 */
#ifndef AMPHI_HW_AHCI_H
#define AMPHI_HW_AHCI_H

#include "hw/hw.h"
#include "hw/pci/pci.h"

#define AHCI_PORTS 6

/* Makes the controller at @devfn of @bus and attaches the drives with if=ide: unit n at port n. */
bool ahci_new(PciBus *bus, uint8_t devfn, const char *id, bool with_drives, GError **error);

/* -device ahci, ide-hd, ide-cd. */
extern const HwDeviceType ahci_device_types[];

#endif
