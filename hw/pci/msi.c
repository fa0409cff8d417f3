/*
 * MSI: interrupts as one memory write, whose address and data are in configuration space.
 *
 * Source: PCI Local Bus 3.0 section 6.8.1. One message, 64-bit addresses, no masking: what a function with one
 * interrupt needs. All of its state is in configuration space. Locking: the machine lock.
 */
#include "hw/pci/pci.h"
#include <linux/pci_regs.h>

#define CAP_SIZE 14

bool pci_msi_enabled(const PciDevice *pci)
{
    return pci->msi_cap &&
           (pci_get16(pci->config, pci->msi_cap + PCI_MSI_FLAGS) & PCI_MSI_FLAGS_ENABLE);
}

void pci_msi_notify(PciDevice *pci)
{
    const uint8_t *cap = pci->config + pci->msi_cap;
    uint64_t addr =
        pci_get32(cap, PCI_MSI_ADDRESS_LO) | (uint64_t)pci_get32(cap, PCI_MSI_ADDRESS_HI) << 32;

    if (pci_msi_enabled(pci) &&
        dma_write_msi(&pci->dma, addr, pci_get16(cap, PCI_MSI_DATA_64)) != MEM_OK &&
        pci->ops->msi_failed) {
        pci->ops->msi_failed(pci, addr);
    }
}

void pci_add_msi(PciDevice *pci)
{
    unsigned cap = pci_add_capability(pci, PCI_CAP_ID_MSI, CAP_SIZE);

    pci->msi_cap = cap;
    pci_put16(pci->config, cap + PCI_MSI_FLAGS, PCI_MSI_FLAGS_64BIT);
    pci_put16(pci->wmask, cap + PCI_MSI_FLAGS, PCI_MSI_FLAGS_ENABLE);
    pci_put32(pci->wmask, cap + PCI_MSI_ADDRESS_LO, ~3u);
    pci_put32(pci->wmask, cap + PCI_MSI_ADDRESS_HI, UINT32_MAX);
    pci_put16(pci->wmask, cap + PCI_MSI_DATA_64, UINT16_MAX);
}
