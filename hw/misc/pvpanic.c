/*
 * pvpanic: QEMU's docs/specs/pvpanic. One byte: reading gives the events that can be reported, writing reports.
 * The same at a port (hw/x86/isa-devices.c) and here in a PCI function's BAR. Locking: the machine lock.
 */
#include "hw/misc/pvpanic.h"
#include "hw/misc/pci-misc.h"
#include "softmmu/base/log.h"

#define VENDOR 0x1b36
#define DEVICE 0x0011
#define CLASS_SYSTEM_OTHER 0x088000
#define BAR_SIZE 16 /* the smallest; the byte is the first */

enum { PANICKED = 1, CRASH_LOADED = 2 };

uint8_t pvpanic_events(void)
{
    return PANICKED | CRASH_LOADED;
}

void pvpanic_report(Machine *machine, uint8_t value)
{
    if (value & ~(PANICKED | CRASH_LOADED)) {
        log_guest_error("pvpanic: unknown events 0x%02x\n", value);
    }
    if (value & PANICKED) {
        machine_guest_panicked(machine);
    } else if (value & CRASH_LOADED) {
        machine_guest_crashloaded(machine);
    }
}

static uint64_t bar_read(void *opaque, uint64_t offset, unsigned size)
{
    return offset == 0 ? pvpanic_events() : 0;
}

static void bar_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    const PciDevice *pci = opaque;
    if (offset == 0) {
        pvpanic_report(pci->dev.machine, value);
    }
}

static const MmioOps bar_ops = {bar_read, bar_write, 1, 1, false};

static const PciOps pvpanic_ops = {
    .device =
        {
            .name = "pvpanic-pci",
            .reset = pci_device_reset,
            .vmstate = &pci_vmstate,
            .finalize = pci_device_finalize,
        },
};

bool pvpanic_pci_create(Machine *machine, Options *opts, GError **error)
{
    static const PciIds ids = {
        .vendor = VENDOR,
        .device = DEVICE,
        .subsystem_vendor = 0x1af4,
        .subsystem = 0x1100,
        .revision = 1,
        .class_code = CLASS_SYSTEM_OTHER,
    };
    PciBus *bus;
    uint8_t devfn;
    const char *id = options_get(opts, "id", NULL);
    if (!pci_parse_address(machine, opts, &bus, &devfn, error) ||
        !device_check_id(machine, id, error)) {
        return false;
    }
    PciDevice *pci = pci_device_new(bus, devfn, &pvpanic_ops, sizeof(*pci), id, &ids, false);
    pci_add_bar(pci, 0, PCI_BAR_MEM32, BAR_SIZE, &bar_ops, pci);
    pci_device_ready(pci);
    return true;
}

const HwDeviceType misc_device_types[] = {
    {"edu", "PCI", "device for learning to write drivers", edu_create},
    {"pci-testdev", "PCI", "counts writes, for tests of I/O", pci_testdev_create},
    {"pvpanic-pci", "PCI", "takes the report of a panic", pvpanic_pci_create},
    {NULL, NULL, NULL, NULL},
};
