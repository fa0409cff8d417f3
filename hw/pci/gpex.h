/*
 * The generic PCI Express host bridge: configuration space in memory (ECAM), windows for memory and ports,
 * four interrupt lines. What "pci-host-ecam-generic" in a device tree describes.
 */
#ifndef AMPHI_GPEX_H
#define AMPHI_GPEX_H

#include "hw/pci/pci.h"

typedef struct GpexConfig {
    uint64_t ecam_base, ecam_size;
    uint64_t mmio32_base, mmio32_size; /* the bus has the same addresses */
    uint64_t mmio64_base, mmio64_size;
    uint64_t pio_base, pio_size; /* where the CPU sees ports 0 and up */
    IrqLine intx[PCI_PINS];      /* INTA to INTD */
} GpexConfig;

/* Makes the host bridge and the root bus "pcie.0". */
PciBus *gpex_new(Machine *machine, const GpexConfig *config);

/* Properties of the host bridge's device-tree node as cells in the tree's byte order. Node
 * "pci@ECAM_BASE": compatible "pci-host-ecam-generic", device_type "pci", #address-cells 3, #size-cells
 * 2, #interrupt-cells 1, linux,pci-domain 0, bus-range, dma-coherent, reg, ranges, interrupt-map-mask and
 * interrupt-map. Without msi-parent: message-signalled interrupts need a controller for them. */
typedef struct GpexFdt {
    uint32_t bus_range[2];
    uint32_t reg[4];
    uint32_t ranges[3 * 7];
    uint32_t interrupt_map_mask[4];
    uint32_t interrupt_map[PCI_PINS * PCI_PINS * 6];
} GpexFdt;

/* Fills in @fdt. INTA of slot 0 is input @first_irq of the interrupt controller with @irq_phandle, which
 * has one interrupt cell and no address cells. */
void gpex_fdt(const GpexConfig *config, uint32_t irq_phandle, uint32_t first_irq, GpexFdt *fdt);

#endif
