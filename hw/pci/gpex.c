/*
 * The generic PCI Express host bridge. See gpex.h.
 *
 * Configuration space is memory-mapped (ECAM, PCI Express Base 4.0 section 7.2.2): bus, slot, function and
 * register are fields of the address. Memory windows are identical on both sides; ports are at an offset.
 * BARs outside the windows are not visible. The bridge itself is function 0 of the bus.
 */
#include "hw/pci/gpex.h"
#include <arpa/inet.h>
#include <string.h>

#define ROOT_VENDOR 0x1b36 /* ids that other generic host bridges of this kind use */
#define ROOT_DEVICE 0x0008
#define ROOT_SUBSYSTEM_VENDOR 0x1af4
#define ROOT_SUBSYSTEM 0x1100
#define CLASS_HOST_BRIDGE 0x060000

/* First cells of a ranges entry. */
#define RANGE_IO 0x01000000
#define RANGE_MEM32 0x02000000
#define RANGE_MEM64 0x03000000

typedef struct Gpex {
    Device dev;
    PciBus bus;
} Gpex;

static uint64_t ecam_read(Device *dev, uint64_t offset, unsigned size)
{
    Gpex *gpex = container_of(dev, Gpex, dev);

    return pci_config_read(&gpex->bus, offset >> 20, bits_get(offset, 12, 8),
                           bits_get(offset, 0, 12), size);
}

static void ecam_write(Device *dev, uint64_t offset, uint64_t value, unsigned size)
{
    Gpex *gpex = container_of(dev, Gpex, dev);

    pci_config_write(&gpex->bus, offset >> 20, bits_get(offset, 12, 8), bits_get(offset, 0, 12),
                     value, size);
}

static const DeviceOps gpex_ops = {
    .name = "gpex-pcihost",
    .read = ecam_read,
    .write = ecam_write,
    .min_access = 1,
    .max_access = 4,
};

static const PciOps root_ops = {
    .device =
        {
            .name = "gpex-root",
            .reset = pci_device_reset,
            .vmstate = &pci_vmstate,
            .finalize = pci_device_finalize,
        },
};

PciBus *gpex_new(Machine *machine, const GpexConfig *config)
{
    static const PciIds root_ids = {
        .vendor = ROOT_VENDOR,
        .device = ROOT_DEVICE,
        .subsystem_vendor = ROOT_SUBSYSTEM_VENDOR,
        .subsystem = ROOT_SUBSYSTEM,
        .class_code = CLASS_HOST_BRIDGE,
    };
    Gpex *gpex = device_new(machine, &gpex_ops, sizeof(*gpex), NULL);
    PciBusConfig bus = {
        .name = "pcie.0",
        .io = {0, config->pio_base, config->pio_size},
        .mem32 = {config->mmio32_base, config->mmio32_base, config->mmio32_size},
        .mem64 = {config->mmio64_base, config->mmio64_base, config->mmio64_size},
    };

    memcpy(bus.intx, config->intx, sizeof(config->intx));
    pci_bus_init(&gpex->bus, &gpex->dev, &bus);
    device_map_mmio(&gpex->dev, config->ecam_base, config->ecam_size);
    pci_device_new(&gpex->bus, PCI_DEVFN(0, 0), &root_ops, sizeof(PciDevice), NULL, &root_ids,
                   false);
    return &gpex->bus;
}

/* ---- Device tree ---- */

static void put_cells(uint32_t **cells, unsigned n, const uint32_t *values)
{
    for (unsigned i = 0; i < n; i++) {
        *(*cells)++ = htonl(values[i]);
    }
}

static uint32_t high(uint64_t v)
{
    return v >> 32;
}

static void put_range(uint32_t **cells, uint32_t space, uint64_t pci, uint64_t cpu, uint64_t size)
{
    put_cells(cells, 7, (uint32_t[]){space, high(pci), pci, high(cpu), cpu, high(size), size});
}

void gpex_fdt(const GpexConfig *config, uint32_t irq_phandle, uint32_t first_irq, GpexFdt *fdt)
{
    uint32_t *cells = fdt->bus_range;

    put_cells(&cells, 2, (uint32_t[]){0, (config->ecam_size >> 20) - 1});
    cells = fdt->reg;
    put_cells(&cells, 4,
              (uint32_t[]){high(config->ecam_base), config->ecam_base, high(config->ecam_size),
                           config->ecam_size});
    cells = fdt->ranges;
    put_range(&cells, RANGE_IO, 0, config->pio_base, config->pio_size);
    put_range(&cells, RANGE_MEM32, config->mmio32_base, config->mmio32_base, config->mmio32_size);
    put_range(&cells, RANGE_MEM64, config->mmio64_base, config->mmio64_base, config->mmio64_size);
    /* The low two bits of the slot and the pin choose the line; see line_of() in pci.c. */
    cells = fdt->interrupt_map_mask;
    put_cells(&cells, 4, (uint32_t[]){PCI_DEVFN(PCI_PINS - 1, 0) << 8, 0, 0, 7});
    cells = fdt->interrupt_map;
    for (unsigned slot = 0; slot < PCI_PINS; slot++) {
        for (unsigned pin = 1; pin <= PCI_PINS; pin++) {
            put_cells(&cells, 6,
                      (uint32_t[]){PCI_DEVFN(slot, 0) << 8, 0, 0, pin, irq_phandle,
                                   first_irq + (slot + pin - 1) % PCI_PINS});
        }
    }
}
