/*
 * Small PCI functions: edu (edu.c), pci-testdev (pci-testdev.c), pvpanic-pci (pvpanic.c).
 */
#ifndef AMPHI_HW_PCI_MISC_H
#define AMPHI_HW_PCI_MISC_H

#include "hw/hw.h"
#include "hw/pci/pci.h"

/* Makers for -device, as HwDeviceType has them. */
bool edu_create(Machine *machine, Options *opts, GError **error);
bool pci_testdev_create(Machine *machine, Options *opts, GError **error);
bool pvpanic_pci_create(Machine *machine, Options *opts, GError **error);

extern const HwDeviceType misc_device_types[];

#endif
