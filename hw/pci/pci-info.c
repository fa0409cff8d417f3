/*
 * What `info pci` and `info qtree` print.
 */
#include "hw/pci/bridge.h"
#include <inttypes.h>
#include <linux/pci_regs.h>

static void print_bar(const PciDevice *pci, unsigned n, GString *out)
{
    static const char *const types[] = {
        [PCI_BAR_IO] = "I/O",
        [PCI_BAR_MEM32] = "32 bit memory",
        [PCI_BAR_MEM32_PREFETCH] = "32 bit prefetchable memory",
        [PCI_BAR_MEM64] = "64 bit memory",
        [PCI_BAR_MEM64_PREFETCH] = "64 bit prefetchable memory",
    };
    const PciBar *bar = &pci->bars[n];
    uint64_t addr = pci_bar_address(pci, n);

    g_string_append_printf(out,
                           "      BAR%u: %s at 0x%" G_GINT64_MODIFIER "x [0x%" G_GINT64_MODIFIER
                           "x].\n",
                           n, types[bar->type], addr, addr + bar->size - 1);
}

void pci_describe(const Device *dev, unsigned indent, GString *out)
{
    const PciDevice *pci = container_of((Device *)dev, PciDevice, dev);
    const uint8_t *config = pci->config;

    g_string_append_printf(out, "%*sclass %02x%02x, addr %02x:%02x.%u, pci id %04x:%04x", indent,
                           "", config[PCI_CLASS_DEVICE + 1], config[PCI_CLASS_DEVICE],
                           pci_bus_number(pci->bus), pci->devfn >> 3, pci->devfn & 7,
                           pci_get16(config, PCI_VENDOR_ID), pci_get16(config, PCI_DEVICE_ID));
    if (!pci->secondary) {
        g_string_append_printf(out, " (sub %04x:%04x)", pci_get16(config, PCI_SUBSYSTEM_VENDOR_ID),
                               pci_get16(config, PCI_SUBSYSTEM_ID));
    }
    g_string_append_c(out, '\n');
    for (unsigned n = 0; n < PCI_BARS; n++) {
        const PciBar *bar = &pci->bars[n];
        uint64_t addr = bar->size ? pci_bar_address(pci, n) : 0;
        if (bar->size) {
            g_string_append_printf(out, "%*sbar %u: %s at 0x%" PRIx64 " [0x%" PRIx64 "]\n", indent,
                                   "", n, bar->type == PCI_BAR_IO ? "i/o" : "mem", addr,
                                   addr + bar->size - 1);
        }
    }
}

PciDevice *pci_function_nth(Machine *machine, unsigned n, int *number)
{
    for (PciBus *bus = machine->pci; bus; bus = bus->next) {
        for (unsigned i = 0; i < PCI_DEVFNS; i++) {
            if (bus->devices[i] && n-- == 0) {
                *number = pci_bus_number(bus);
                return bus->devices[i];
            }
        }
    }
    return NULL;
}

void pci_print_all(Machine *machine, GString *out)
{
    const PciDevice *pci;
    int bus = 0;

    for (unsigned i = 0; (pci = pci_function_nth(machine, i, &bus)) != NULL; i++) {
        g_string_append_printf(out, "  Bus %2d, device %3u, function %u:\n", bus, pci->devfn >> 3,
                               pci->devfn & 7);
        g_string_append_printf(out, "    %s: PCI device %04x:%04x\n", pci->dev.ops->name,
                               pci_get16(pci->config, PCI_VENDOR_ID),
                               pci_get16(pci->config, PCI_DEVICE_ID));
        if (pci->config[PCI_INTERRUPT_PIN]) {
            g_string_append_printf(out, "      IRQ %u, pin %c\n", pci->config[PCI_INTERRUPT_LINE],
                                   '@' + pci->config[PCI_INTERRUPT_PIN]);
        }
        for (unsigned n = 0; n < PCI_BARS; n++) {
            if (pci->bars[n].size) {
                print_bar(pci, n, out);
            }
        }
        g_string_append_printf(out, "      id \"%s\"\n", pci->dev.id);
    }
}
