/*
 * The IOMMU of the q35 machine: -device intel-iommu, and the ACPI table that tells of it.
 *
 * It is a part of the chip set, whose table firmware and kernels want before -device is looked at, so
 * the board makes it from the command line; the -device itself then only checks that this was so. The table: VT-d
 * Architecture Specification 4.1, chapter 8. Everything is made at init: no locking.
 */
#include "hw/x86/pc-iommu.h"
#include "hw/iommu/intel-iommu.h"
#include "softmmu/base/error.h"
#include "softmmu/irqchip.h"
#include <string.h>

#define NAME "intel-iommu"

/* DMAR */
enum { FLAG_INTERRUPTS = 1 };
enum { UNIT_DRHD = 0, DRHD_ALL_PCI = 1 };
enum { SCOPE_IOAPIC = 3 };
#define DRHD_SIZE 16
#define SCOPE_SIZE 8

/* ---- The device ---- */

/* on, off, or what auto is: *@out as it comes. */
static bool get_switch(Options *opts, const char *key, bool *out, GError **error)
{
    const char *text = options_get(opts, key, "auto");
    return !strcmp(text, "auto") || options_get_bool(opts, key, out, error);
}

/* What others have and this one has not. */
static bool check_off(Options *opts, const char *key, GError **error)
{
    bool on = false;

    if (!options_get_bool(opts, key, &on, error)) {
        return false;
    }
    return !on || error_set(error, "-device " NAME ": there is no %s; leave it out", key);
}

static bool parse_config(Machine *machine, Options *opts, IntelIommuConfig *config, GError **error)
{
    bool in_engine = irqchip_mode(machine) == IRQCHIP_ON, eim = true;
    uint64_t bits = 48;

    config->intremap = !in_engine;
    if (!get_switch(opts, "intremap", &config->intremap, error) ||
        !get_switch(opts, "eim", &eim, error) || !options_get_u64(opts, "aw-bits", &bits, error) ||
        !check_off(opts, "caching-mode", error) || !check_off(opts, "device-iotlb", error)) {
        return false;
    }
    if (config->intremap && in_engine) {
        return error_set(error, "-device " NAME
                                ": intremap=on needs an I/O APIC that is no part of KVM; add "
                                "-machine kernel_irqchip=split");
    }
    if (bits != 39 && bits != 48) {
        return error_set(error, "-device " NAME ": aw-bits is 39 or 48");
    }
    config->eim = eim && config->intremap;
    config->aw_bits = bits;
    return true;
}

static Options *find_option(const Machine *machine)
{
    const GPtrArray *devices = machine->config.devices;

    for (unsigned i = 0; devices && i < devices->len; i++) {
        if (!strcmp(options_get(devices->pdata[i], "driver", ""), NAME)) {
            return devices->pdata[i];
        }
    }
    return NULL;
}

bool pc_iommu_new(Machine *machine, PciBus *pci, PcIrq *irqs, GError **error)
{
    Options *opts = find_option(machine);
    IntelIommuConfig config;

    if (!opts) {
        return true;
    }
    if (!parse_config(machine, opts, &config, error)) {
        return false;
    }
    pci->iommu = intel_iommu_new(machine, &config);
    if (config.intremap) {
        pc_irq_set_iommu(irqs, pci->iommu);
    }
    return true;
}

static bool create(Machine *machine, Options *opts, GError **error)
{
    IntelIommuConfig config;

    if (!intel_iommu_find(machine)) {
        return error_set(error,
                         "-device " NAME ": machine '%s' has no place for it; use -machine q35",
                         machine->cls->name);
    }
    if (opts != find_option(machine)) {
        return error_set(error,
                         "-device " NAME ": there is one already; a machine has at most one");
    }
    options_mark_used(opts, "id");
    return parse_config(machine, opts, &config, error); /* again, for what is a known option */
}

const HwDeviceType pc_iommu_device_types[] = {
    {NAME, "System", "Intel's IOMMU (VT-d)", create},
    {NULL, NULL, NULL, NULL},
};

/* ---- Its table ---- */

void pc_iommu_add_table(AcpiTables *t, Machine *machine)
{
    const IntelIommuConfig *config = intel_iommu_find(machine);

    if (!config) {
        return;
    }
    unsigned start = acpi_begin(t, "DMAR", 1);
    acpi_put(t, config->aw_bits - 1, 1);
    acpi_put(t, config->intremap ? FLAG_INTERRUPTS : 0, 1);
    acpi_put_zeros(t, 10);
    acpi_put(t, UNIT_DRHD, 2);
    acpi_put(t, DRHD_SIZE + SCOPE_SIZE, 2);
    acpi_put(t, DRHD_ALL_PCI, 1);
    acpi_put(t, 0, 1);
    acpi_put(t, 0, 2); /* segment */
    acpi_put(t, INTEL_IOMMU_BASE, 8);
    acpi_put(t, SCOPE_IOAPIC, 1);
    acpi_put(t, SCOPE_SIZE, 1);
    acpi_put(t, 0, 2);
    acpi_put(t, 0, 1); /* the I/O APIC's number in the MADT */
    acpi_put(t, PC_IRQ_IOAPIC_SOURCE >> 8, 1);
    acpi_put(t, PC_IRQ_IOAPIC_SOURCE >> 3 & 31, 1);
    acpi_put(t, PC_IRQ_IOAPIC_SOURCE & 7, 1);
    acpi_end(t, start, true);
}
