/*
 * virtio over PCI: a PCI function in front of a virtio device.
 */
#ifndef AMPHI_VIRTIO_PCI_H
#define AMPHI_VIRTIO_PCI_H

#include "hw/pci/pci.h"
#include "hw/virtio/virtio.h"

#define VIRTIO_PCI_VECTORS_AUTO UINT32_MAX

/* Makes and returns a function named @id (NULL: made up) at @devfn of @bus in front of @vdev, with
 * @vectors for MSI-X (0: none; AUTO: one for each queue and one for the configuration). */
PciDevice *virtio_pci_new(PciBus *bus, uint8_t devfn, VirtioDevice *vdev, const char *id,
                          uint32_t vectors);

#endif
