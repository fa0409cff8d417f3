/*
 * MSI-X by eventfd: where the engine has the local APICs, a vector that was sent once has a descriptor whose write is the
 * message (softmmu/irqchip.h), without a walk through the IOMMU's tables and without an exit to the memory map.
 *
 * What the descriptor sends is worked out again after anything that it depends on has changed: the entry, and what
 * pci_msi_epoch() is about. Locking: the machine lock.
 */
#include "hw/pci/msix-direct.h"
#include "softmmu/irqchip.h"
#include <unistd.h>

struct PciMsixDirect {
    int fd; /* -1: not opened yet, or there are no more */
    unsigned n;
    bool refused; /* there are no more */
    bool valid;   /* sends what it should, if @epoch is that of now */
    uint32_t epoch;
};

bool pci_msix_direct_send(PciDevice *pci, unsigned vector)
{
    const PciMsixDirect *d = pci->msix.direct ? &pci->msix.direct[vector] : NULL;
    const uint64_t one = 1;

    return d && d->valid && d->epoch == pci_msi_epoch(pci) &&
           write(d->fd, &one, sizeof(one)) == sizeof(one);
}

/* The descriptor of @vector, which is opened the first time; NULL: it gets none. */
static PciMsixDirect *open_direct(PciDevice *pci, unsigned vector)
{
    PciMsix *msix = &pci->msix;

    if (!pci->dev.machine->irqchip) {
        return NULL;
    }
    if (!msix->direct) {
        msix->direct = g_new0(PciMsixDirect, msix->vectors);
        for (unsigned i = 0; i < msix->vectors; i++) {
            msix->direct[i].fd = -1;
        }
    }
    PciMsixDirect *d = &msix->direct[vector];
    if (d->fd < 0 && !d->refused) {
        d->fd = irqchip_open_msi(pci->dev.machine, &d->n);
        d->refused = d->fd < 0;
    }
    return d->refused ? NULL : d;
}

void pci_msix_direct_set(PciDevice *pci, unsigned vector, uint64_t addr, uint32_t data)
{
    PciMsixDirect *d = dma_is_msi(pci->dma.map, addr) ? open_direct(pci, vector) : NULL;

    if (d) {
        d->valid = irqchip_set_msi(pci->dev.machine, d->n, addr, data);
        d->epoch = pci_msi_epoch(pci);
    }
}

void pci_msix_direct_changed(PciDevice *pci, unsigned vector)
{
    if (pci->msix.direct) {
        pci->msix.direct[vector].valid = false;
    }
}

void pci_msix_direct_close(PciDevice *pci)
{
    PciMsix *msix = &pci->msix;

    for (unsigned i = 0; msix->direct && i < msix->vectors; i++) {
        if (msix->direct[i].fd >= 0) {
            irqchip_close_msi(pci->dev.machine, msix->direct[i].n);
        }
    }
    g_free(msix->direct);
    msix->direct = NULL;
}
