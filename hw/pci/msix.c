/*
 * MSI-X: interrupts as memory writes, by a table of addresses and data in a BAR.
 *
 * Source: PCI Local Bus 3.0 section 6.8.2. A message is written through the function's own address space, so
 * it needs bus mastering, and goes to whatever interrupt controller is at its address; where a machine has
 * none, drivers do not switch MSI-X on and use the interrupt pin. Locking: the machine lock.
 */
#include "hw/pci/msix-direct.h"
#include <linux/pci_regs.h>
#include <string.h>

#define PENDING_OFFSET 2048
#define BAR_SIZE 4096
#define CAP_SIZE 12

static uint16_t flags(const PciDevice *pci)
{
    return pci->msix.vectors ? pci_get16(pci->config, pci->msix.cap + PCI_MSIX_FLAGS) : 0;
}

bool pci_msix_enabled(const PciDevice *pci)
{
    return flags(pci) & PCI_MSIX_FLAGS_ENABLE;
}

static bool is_masked(const PciDevice *pci, unsigned vector)
{
    return (flags(pci) & PCI_MSIX_FLAGS_MASKALL) ||
           (pci_get32(pci->msix.table, vector * PCI_MSIX_ENTRY_SIZE + PCI_MSIX_ENTRY_VECTOR_CTRL) &
            PCI_MSIX_ENTRY_CTRL_MASKBIT);
}

/* The entry's message to where the function's address space leads it. */
static bool send_entry(PciDevice *pci, unsigned vector, uint64_t addr)
{
    uint32_t data = pci_get32(pci->msix.table, vector * PCI_MSIX_ENTRY_SIZE + PCI_MSIX_ENTRY_DATA);

    if (!pci->dma.remap_msi(&pci->dma, &addr, &data)) {
        return false;
    }
    pci_msix_direct_set(pci, vector, addr, data);
    return pci_msix_direct_send(pci, vector) ||
           dma_write_msi(&pci->dev.machine->dma, addr, data) == MEM_OK;
}

static void send(PciDevice *pci, unsigned vector)
{
    unsigned at = vector * PCI_MSIX_ENTRY_SIZE;

    if (pci_msix_direct_send(pci, vector)) {
        return;
    }
    uint64_t addr = pci_get32(pci->msix.table, at + PCI_MSIX_ENTRY_LOWER_ADDR) |
                    (uint64_t)pci_get32(pci->msix.table, at + PCI_MSIX_ENTRY_UPPER_ADDR) << 32;

    addr &= ~UINT64_C(3);
    if (!send_entry(pci, vector, addr) && pci->ops->msi_failed) {
        pci->ops->msi_failed(pci, addr);
    }
}

void pci_msix_notify(PciDevice *pci, unsigned vector)
{
    if (vector >= pci->msix.vectors || !pci_msix_enabled(pci)) {
        return;
    }
    if (is_masked(pci, vector)) {
        pci->msix.pending[vector / 8] |= 1u << (vector % 8);
    } else {
        send(pci, vector);
    }
}

/* Sends what is pending and not masked any more. */
static void send_pending(PciDevice *pci)
{
    for (unsigned v = 0; pci_msix_enabled(pci) && v < pci->msix.vectors; v++) {
        if ((pci->msix.pending[v / 8] >> (v % 8) & 1) && !is_masked(pci, v)) {
            pci->msix.pending[v / 8] &= ~(1u << (v % 8));
            send(pci, v);
        }
    }
}

void pci_msix_config_written(PciDevice *pci)
{
    send_pending(pci);
}

void pci_msix_reset(PciDevice *pci)
{
    memset(pci->msix.table, 0, sizeof(pci->msix.table));
    memset(pci->msix.pending, 0, sizeof(pci->msix.pending));
    for (unsigned v = 0; v < pci->msix.vectors; v++) {
        pci_put32(pci->msix.table, v * PCI_MSIX_ENTRY_SIZE + PCI_MSIX_ENTRY_VECTOR_CTRL,
                  PCI_MSIX_ENTRY_CTRL_MASKBIT);
        pci_msix_direct_changed(pci, v);
    }
}

/* Whether an access of @size bytes at *@offset of the BAR is one to @len bytes at @start; makes *@offset
 * relative to that. */
static bool lies_in(uint64_t *offset, unsigned size, unsigned start, unsigned len)
{
    if (*offset < start || *offset - start >= len || size > len - (*offset - start)) {
        return false;
    }
    *offset -= start;
    return true;
}

uint64_t pci_msix_read(PciDevice *pci, uint64_t offset, unsigned size)
{
    const PciMsix *msix = &pci->msix;
    uint64_t value = 0;

    if (lies_in(&offset, size, msix->table_at, msix->vectors * PCI_MSIX_ENTRY_SIZE)) {
        memcpy(&value, msix->table + offset, size);
    } else if (lies_in(&offset, size, msix->pending_at, sizeof(msix->pending))) {
        memcpy(&value, msix->pending + offset, size);
    }
    return value;
}

void pci_msix_write(PciDevice *pci, uint64_t offset, uint64_t value, unsigned size)
{
    PciMsix *msix = &pci->msix;

    if (lies_in(&offset, size, msix->table_at, msix->vectors * PCI_MSIX_ENTRY_SIZE)) {
        memcpy(msix->table + offset, &value, size); /* pending bits are read-only */
        pci_msix_direct_changed(pci, offset / PCI_MSIX_ENTRY_SIZE);
        send_pending(pci);
    }
}

static uint64_t bar_read(void *opaque, uint64_t offset, unsigned size)
{
    return pci_msix_read(opaque, offset, size);
}

static void bar_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    pci_msix_write(opaque, offset, value, size);
}

static const MmioOps bar_ops = {
    .read = bar_read,
    .write = bar_write,
    .min_access = 4,
    .max_access = 8,
};

void pci_add_msix_at(PciDevice *pci, unsigned vectors, unsigned bar, unsigned table,
                     unsigned pending)
{
    unsigned cap = pci_add_capability(pci, PCI_CAP_ID_MSIX, CAP_SIZE);

    g_assert(vectors && vectors <= PCI_MSIX_MAX_VECTORS);
    pci->msix.vectors = vectors;
    pci->msix.cap = cap;
    pci->msix.table_at = table;
    pci->msix.pending_at = pending;
    pci_put16(pci->config, cap + PCI_MSIX_FLAGS, vectors - 1);
    pci_put16(pci->wmask, cap + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
    pci_put32(pci->config, cap + PCI_MSIX_TABLE, table | bar);
    pci_put32(pci->config, cap + PCI_MSIX_PBA, pending | bar);
    pci_msix_reset(pci);
}

void pci_add_msix(PciDevice *pci, unsigned vectors, unsigned bar)
{
    pci_add_msix_at(pci, vectors, bar, 0, PENDING_OFFSET);
    pci_add_bar(pci, bar, PCI_BAR_MEM32, BAR_SIZE, &bar_ops, pci);
}

static const VmField msix_fields[] = {
    VM_ARRAY_U8(PciMsix, table),
    VM_ARRAY_U8(PciMsix, pending),
    VM_FIELD_END(),
};

const VmDesc pci_msix_vmstate = {.name = "msix", .fields = msix_fields};
