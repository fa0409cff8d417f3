/*
 * PCI-to-PCI bridges as pci.c and info see them, and the types that -device offers. See bridge.c.
 */
#ifndef AMPHI_PCI_BRIDGE_H
#define AMPHI_PCI_BRIDGE_H

#include "hw/hw.h"
#include "hw/pci/pci.h"

extern const HwDeviceType pci_bridge_device_types[];

/* The number that the guest gave @bus; 0 for a root bus. */
unsigned pci_bus_number(const PciBus *bus);

/* Function @devfn of bus @number below @root; NULL: there is none. */
PciDevice *pci_find_function(PciBus *root, unsigned number, uint8_t devfn);

/* Whether all bridges above @bus pass [@addr, +@size) of memory (@io: of ports) down. */
bool pci_bridges_pass(const PciBus *bus, bool io, uint64_t addr, uint64_t size);

/* The function on the root bus, and the number of its pin (0: INTA), that pin @pin of @pci comes out at. */
const PciDevice *pci_root_pin(const PciDevice *pci, unsigned *pin);

#endif
