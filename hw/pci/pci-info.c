/*
 * What `info pci` prints.
 */
#include "hw/pci/pci.h"
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
    uint64_t addr = pci_get32(pci->config, PCI_BASE_ADDRESS_0 + 4 * n);

    if (bar->type == PCI_BAR_MEM64 || bar->type == PCI_BAR_MEM64_PREFETCH) {
        addr |= (uint64_t)pci_get32(pci->config, PCI_BASE_ADDRESS_0 + 4 * n + 4) << 32;
    }
    addr &= ~(bar->size - 1);
    g_string_append_printf(out,
                           "      BAR%u: %s at 0x%" G_GINT64_MODIFIER "x [0x%" G_GINT64_MODIFIER
                           "x].\n",
                           n, types[bar->type], addr, addr + bar->size - 1);
}

void pci_print_all(Machine *machine, GString *out)
{
    PciBus *bus = pci_find_bus(machine, NULL);

    for (unsigned i = 0; bus && i < PCI_DEVFNS; i++) {
        const PciDevice *pci = bus->devices[i];

        if (!pci) {
            continue;
        }
        g_string_append_printf(out, "  Bus  0, device %3u, function %u:\n", i >> 3, i & 7);
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
