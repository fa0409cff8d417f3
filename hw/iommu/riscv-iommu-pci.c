/*
 * The RISC-V IOMMU as a PCI function: it translates for all other functions of its bus.
 *
 * BAR 0 is the register page. Its table for messages is MSI-X's too: the formats are the same (IOMMU
 * specification, section "MSI configuration table"), and messages go out only while the guest has MSI-X on;
 * pending bits follow the registers. With fctl.WSI the interrupt pin is driven instead. The numbers of the
 * function are those that drivers know. Locking: the machine lock.
 */
#include "hw/iommu/iommu-devices.h"
#include "hw/iommu/riscv-iommu.h"
#include "hw/pci/pci.h"
#include "softmmu/base/error.h"
#include <linux/pci_regs.h>
#include <string.h>

#define VENDOR_ID 0x1b36
#define DEVICE_ID 0x0014
#define CLASS_IOMMU 0x080600 /* base system peripheral, IOMMU */
#define REVISION 1
#define VECTORS 4
#define PENDING_AT (REG_MSI_CFG_TBL + 256)
#define DEFAULT_CACHE 1024

typedef struct RiscvIommuPci {
    PciDevice pci;
    RiscvIommu core;
} RiscvIommuPci;

static RiscvIommuPci *to_iommu(Device *dev)
{
    return container_of(dev, RiscvIommuPci, pci.dev);
}

static bool is_message_table(uint64_t offset)
{
    return offset >= REG_MSI_CFG_TBL && offset < PENDING_AT + PCI_MSIX_MAX_VECTORS / 8;
}

static uint64_t bar_read(void *opaque, uint64_t offset, unsigned size)
{
    RiscvIommuPci *iommu = opaque;

    return is_message_table(offset) ? pci_msix_read(&iommu->pci, offset, size)
                                    : riscv_iommu_read(&iommu->core, offset, size);
}

static void bar_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    RiscvIommuPci *iommu = opaque;

    if (is_message_table(offset)) {
        pci_msix_write(&iommu->pci, offset, value, size);
    } else {
        riscv_iommu_write(&iommu->core, offset, value, size);
    }
}

static const MmioOps bar_ops = {
    .read = bar_read,
    .write = bar_write,
    .min_access = 4,
    .max_access = 8,
};

static void send_msi(Device *dev, unsigned vector)
{
    pci_msix_notify(&to_iommu(dev)->pci, vector);
}

static void set_wire(Device *dev, bool level)
{
    pci_set_intx(&to_iommu(dev)->pci, level);
}

static void msi_failed(PciDevice *pci, uint64_t addr)
{
    riscv_iommu_msi_failed(&to_iommu(&pci->dev)->core, addr);
}

static void iommu_reset(PciDevice *pci)
{
    riscv_iommu_reset(&to_iommu(&pci->dev)->core);
}

static void iommu_finalize(Device *dev)
{
    RiscvIommuPci *iommu = to_iommu(dev);

    iommu->pci.bus->iommu = NULL;
    iommu->pci.bus->iommu_function = NULL;
    riscv_iommu_finalize(&iommu->core);
    pci_device_finalize(dev);
}

static const VmField iommu_fields[] = {
    VM_FIELD_STRUCT(RiscvIommuPci, pci, &pci_vmstate),
    VM_FIELD_STRUCT(RiscvIommuPci, core, &riscv_iommu_vmstate),
    VM_FIELD_END(),
};

static const VmDesc iommu_vmstate = {.name = "riscv-iommu-pci", .fields = iommu_fields};

static const PciOps iommu_ops = {
    .device =
        {
            .name = "riscv-iommu-pci",
            .reset = pci_device_reset,
            .vmstate = &iommu_vmstate,
            .finalize = iommu_finalize,
        },
    .reset = iommu_reset,
    .msi_failed = msi_failed,
};

static bool parse_config(Options *opts, RiscvIommuConfig *config, GError **error)
{
    bool ats = false;

    *config = (RiscvIommuConfig){
        .off = true,
        .s_stage = true,
        .g_stage = true,
        .msi_flat = true,
        .cache_limit = DEFAULT_CACHE,
    };
    if (!options_get_bool(opts, "off", &config->off, error) ||
        !options_get_bool(opts, "s-stage", &config->s_stage, error) ||
        !options_get_bool(opts, "g-stage", &config->g_stage, error) ||
        !options_get_bool(opts, "intremap", &config->msi_flat, error) ||
        !options_get_bool(opts, "ats", &ats, error) ||
        !options_get_u64(opts, "ioatc-limit", &config->cache_limit, error)) {
        return false;
    }
    return ats ? error_set(error, "riscv-iommu-pci: there is no ATS; leave out ats=on") : true;
}

static bool create_riscv_iommu(Machine *machine, Options *opts, GError **error)
{
    static const PciIds ids = {
        .vendor = VENDOR_ID,
        .device = DEVICE_ID,
        .subsystem_vendor = VENDOR_ID,
        .subsystem = DEVICE_ID,
        .revision = REVISION,
        .class_code = CLASS_IOMMU,
    };
    RiscvIommuConfig config;
    RiscvIommuPci *iommu;
    uint8_t devfn;
    PciBus *bus;

    if (!parse_config(opts, &config, error) ||
        !device_check_id(machine, options_get(opts, "id", NULL), error) ||
        !pci_parse_address(machine, opts, &bus, &devfn, error)) {
        return false;
    }
    if (bus->parent) {
        return error_set(error, "riscv-iommu-pci: '%s' is no root bus; use bus=pcie.0",
                         bus->config.name);
    }
    if (bus->iommu) {
        return error_set(error, "riscv-iommu-pci: PCI bus '%s' has an IOMMU already",
                         bus->config.name);
    }
    iommu = pci_device_new(bus, devfn, &iommu_ops, sizeof(*iommu), options_get(opts, "id", NULL),
                           &ids, true);
    iommu->core.send_msi = send_msi;
    iommu->core.set_wire = set_wire;
    riscv_iommu_init(&iommu->core, machine, &iommu->pci.dev, &config);
    pci_add_bar(&iommu->pci, 0, PCI_BAR_MEM64, REG_BLOCK_SIZE, &bar_ops, iommu);
    pci_add_msix_at(&iommu->pci, VECTORS, 0, REG_MSI_CFG_TBL, PENDING_AT);
    pci_device_ready(&iommu->pci);
    bus->iommu = &iommu->core.iommu;
    bus->iommu_function = &iommu->pci;
    return true;
}

const HwDeviceType iommu_device_types[] = {
    {"riscv-iommu-pci", "PCI", "RISC-V IOMMU", create_riscv_iommu},
    {NULL, NULL, NULL, NULL},
};
