/*
 * MSI-X by eventfd, for msix.c. See msix-direct.c.
 */
#ifndef AMPHI_PCI_MSIX_DIRECT_H
#define AMPHI_PCI_MSIX_DIRECT_H

#include "hw/pci/pci.h"

/* Sends the message of @vector. False: it does not go by eventfd, or not at present. */
bool pci_msix_direct_send(PciDevice *pci, unsigned vector);

/* From now on @vector sends @data to @addr, an address on the system bus; nothing if it cannot by eventfd. */
void pci_msix_direct_set(PciDevice *pci, unsigned vector, uint64_t addr, uint32_t data);

/* What @vector sends may be something else. */
void pci_msix_direct_changed(PciDevice *pci, unsigned vector);

void pci_msix_direct_close(PciDevice *pci);

#endif
