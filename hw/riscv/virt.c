/*
 * Machine "virt": paravirtual RISC-V board with QEMU's memory map, interrupt numbers and device tree, so
 * that firmware and kernels made for that run unchanged.
 *
 * Everything is made at init, nothing changes later: no locking.
 */
#include "cpu/riscv/riscv.h"
#include "hw/block/pflash-cfi01.h"
#include "hw/char/ns16550.h"
#include "hw/intc/plic.h"
#include "hw/misc/fw-cfg.h"
#include "hw/misc/syscon.h"
#include "hw/pci/gpex.h"
#include "hw/riscv/boards.h"
#include "hw/riscv/boot.h"
#include "hw/timer/goldfish-rtc.h"
#include "hw/virtio/virtio-mmio.h"
#include "softmmu/base/error.h"
#include <inttypes.h>
#include <linux/pci_regs.h>

#define ROM_BASE 0x1000
#define TEST_BASE 0x100000
#define RTC_BASE 0x101000
#define CLINT_BASE 0x2000000
#define PIO_BASE 0x3000000
#define PIO_SIZE 0x10000
#define PLIC_BASE 0xc000000
#define PLIC_SIZE 0x600000
#define UART_BASE 0x10000000
#define VIRTIO_BASE 0x10001000
#define VIRTIO_STRIDE 0x1000
#define FW_CFG_BASE 0x10100000
#define FLASH_BASE 0x20000000
#define FLASH_SIZE 0x2000000
#define ECAM_BASE 0x30000000
#define ECAM_SIZE 0x10000000
#define MMIO_BASE 0x40000000
#define MMIO_SIZE 0x40000000
#define RAM_BASE 0x80000000
#define HIGH_MMIO_SIZE (16 * GIB)

#define PLIC_SOURCES 96
#define VIRTIO_SLOTS 8

enum { IRQ_VIRTIO = 1, IRQ_UART = 10, IRQ_RTC = 11, IRQ_PCI = 32 };

typedef struct Virt {
    RiscvBoot boot;
    Device *plic;
    FwCfg *fw_cfg;
    GpexConfig pci;
    PciBus *pci_bus;
} Virt;

/* ---- Devices ---- */

static Device *make_plic(Machine *machine)
{
    IrqLine outputs[2 * MACHINE_MAX_CPUS];
    for (unsigned i = 0; i < machine->ncpus; i++) {
        outputs[2 * i] = riscv_cpu_irq(machine->cpus[i], RISCV_IRQ_MEI);
        outputs[2 * i + 1] = riscv_cpu_irq(machine->cpus[i], RISCV_IRQ_SEI);
    }
    return plic_new(machine, PLIC_BASE, PLIC_SIZE, PLIC_SOURCES, 2 * machine->ncpus, outputs);
}

/* Addresses on the PCI bus that no device claims: reads are all ones, no fault. */
static uint64_t unclaimed_read(void *opaque, uint64_t offset, unsigned size)
{
    return UINT64_MAX;
}

static void unclaimed_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
}

static void add_pci_window(Machine *machine, const char *name, uint64_t base, uint64_t size)
{
    static const MmioOps unclaimed = {unclaimed_read, unclaimed_write, 1, 8, true};
    memory_map_add_mmio(machine->memory, name, base, size, -1, &unclaimed, NULL, NULL);
}

static void make_pci(Machine *machine, Virt *virt)
{
    virt->pci = (GpexConfig){
        .ecam_base = ECAM_BASE,
        .ecam_size = ECAM_SIZE,
        .mmio32_base = MMIO_BASE,
        .mmio32_size = MMIO_SIZE,
        .mmio64_base = align_up(RAM_BASE + machine->ram->size, HIGH_MMIO_SIZE),
        .mmio64_size = HIGH_MMIO_SIZE,
        .pio_base = PIO_BASE,
        .pio_size = PIO_SIZE,
    };
    for (unsigned i = 0; i < ARRAY_SIZE(virt->pci.intx); i++) {
        virt->pci.intx[i] = plic_input(virt->plic, IRQ_PCI + i);
    }
    virt->pci_bus = gpex_new(machine, &virt->pci);
    add_pci_window(machine, "pci-ports", PIO_BASE, PIO_SIZE);
    add_pci_window(machine, "pci-mmio", MMIO_BASE, MMIO_SIZE);
    add_pci_window(machine, "pci-mmio-high", virt->pci.mmio64_base, HIGH_MMIO_SIZE);
}

static bool make_flash(Machine *machine, RiscvBoot *boot, GError **error)
{
    for (unsigned unit = 0; unit < 2; unit++) {
        PflashConfig config = {
            .chips = &pflash_two_x16,
            .base = FLASH_BASE + unit * FLASH_SIZE,
            .size = FLASH_SIZE,
            .unit = unit,
        };
        bool backed;
        if (!pflash_cfi01_new(machine, &config, &backed, error)) {
            return false;
        }
        if (unit == 0 && backed) {
            boot->flash_base = FLASH_BASE;
        }
    }
    return true;
}

static bool make_devices(Machine *machine, Virt *virt, GError **error)
{
    riscv_boot_make_aclint(machine, CLINT_BASE);
    virt->plic = make_plic(machine);
    syscon_new(machine, TEST_BASE);
    for (unsigned i = 0; i < VIRTIO_SLOTS; i++) {
        virtio_mmio_new(machine, VIRTIO_BASE + i * VIRTIO_STRIDE,
                        plic_input(virt->plic, IRQ_VIRTIO + i));
    }
    make_pci(machine, virt);
    ns16550_new(machine, UART_BASE, plic_input(virt->plic, IRQ_UART), machine->config.serial[0]);
    goldfish_rtc_new(machine, RTC_BASE, plic_input(virt->plic, IRQ_RTC));
    virt->fw_cfg = fw_cfg_new(machine, FW_CFG_BASE);
    return make_flash(machine, &virt->boot, error);
}

/* ---- Device tree ---- */

static void add_irq(FdtTree *tree, const char *path, uint32_t plic, unsigned irq)
{
    fdt_tree_u32(tree, path, "interrupt-parent", plic);
    fdt_tree_u32(tree, path, "interrupts", irq);
}

/* Adds /soc/@name@base with its registers and, if @irq, its interrupt. */
static void add_soc_device(FdtTree *tree, const char *name, uint64_t base, uint64_t size,
                           const char *compatible, uint32_t plic, unsigned irq)
{
    char *path = g_strdup_printf("/soc/%s@%" PRIx64, name, base);
    fdt_tree_node(tree, path);
    fdt_tree_string(tree, path, "compatible", compatible);
    fdt_tree_reg(tree, path, base, size);
    if (irq) {
        add_irq(tree, path, plic, irq);
    }
    g_free(path);
}

static uint32_t add_plic(Machine *machine, FdtTree *tree, const uint32_t *intc)
{
    static const char path[] = "/soc/plic@c000000";
    uint32_t phandle = fdt_tree_new_phandle(tree), cells[4 * MACHINE_MAX_CPUS];
    for (unsigned i = 0; i < machine->ncpus; i++) {
        cells[4 * i] = cells[4 * i + 2] = intc[i];
        cells[4 * i + 1] = RISCV_IRQ_MEI;
        cells[4 * i + 3] = RISCV_IRQ_SEI;
    }
    fdt_tree_node(tree, path);
    fdt_tree_u32(tree, path, "#interrupt-cells", 1);
    fdt_tree_u32(tree, path, "#address-cells", 0);
    fdt_tree_strings(tree, path, "compatible",
                     (const char *const[]){"sifive,plic-1.0.0", "riscv,plic0", NULL});
    fdt_tree_flag(tree, path, "interrupt-controller");
    fdt_tree_cells(tree, path, "interrupts-extended", cells, 4 * machine->ncpus);
    fdt_tree_reg(tree, path, PLIC_BASE, PLIC_SIZE);
    fdt_tree_u32(tree, path, "riscv,ndev", PLIC_SOURCES);
    fdt_tree_u32(tree, path, "phandle", phandle);
    return phandle;
}

/* A property whose cells are in the tree's byte order already. */
#define ADD_RAW(tree, path, name, array) fdt_tree_bytes(tree, path, name, array, sizeof(array))

/*
 * An IOMMU is a function of the bus at @pci that it translates for, all but itself. Source: the Linux kernel's bindings
 * pci/pci-iommu.txt and iommu/riscv,iommu.yaml.
 */
static void add_iommu(const PciDevice *iommu, FdtTree *tree, const char *pci)
{
    char *path = g_strdup_printf("%s/iommu@%x,%x", pci, iommu->devfn >> 3, iommu->devfn & 7);
    char *ids = g_strdup_printf("pci%x,%x", pci_get16(iommu->config, PCI_VENDOR_ID),
                                pci_get16(iommu->config, PCI_DEVICE_ID));
    uint32_t phandle = fdt_tree_new_phandle(tree), next = iommu->devfn + 1;
    fdt_tree_node(tree, path);
    fdt_tree_strings(tree, path, "compatible", (const char *const[]){ids, "riscv,pci-iommu", NULL});
    fdt_tree_u32(tree, path, "#iommu-cells", 1);
    FDT_CELLS(tree, path, "reg", (uint32_t)iommu->devfn << 8, 0, 0, 0, 0);
    fdt_tree_u32(tree, path, "phandle", phandle);
    FDT_CELLS(tree, pci, "iommu-map", 0, phandle, 0, iommu->devfn, next, phandle, next,
              0x10000 - next);
    g_free(ids);
    g_free(path);
}

static void add_pci(Virt *virt, FdtTree *tree, uint32_t plic)
{
    static const char path[] = "/soc/pci@30000000";
    GpexFdt fdt;
    gpex_fdt(&virt->pci, plic, IRQ_PCI, &fdt);
    fdt_tree_node(tree, path);
    fdt_tree_u32(tree, path, "#address-cells", 3);
    fdt_tree_u32(tree, path, "#interrupt-cells", 1);
    fdt_tree_u32(tree, path, "#size-cells", 2);
    fdt_tree_string(tree, path, "compatible", "pci-host-ecam-generic");
    fdt_tree_string(tree, path, "device_type", "pci");
    fdt_tree_u32(tree, path, "linux,pci-domain", 0);
    ADD_RAW(tree, path, "bus-range", fdt.bus_range);
    fdt_tree_flag(tree, path, "dma-coherent");
    ADD_RAW(tree, path, "reg", fdt.reg);
    ADD_RAW(tree, path, "ranges", fdt.ranges);
    ADD_RAW(tree, path, "interrupt-map-mask", fdt.interrupt_map_mask);
    ADD_RAW(tree, path, "interrupt-map", fdt.interrupt_map);
    if (virt->pci_bus->iommu_function) {
        add_iommu(virt->pci_bus->iommu_function, tree, path);
    }
}

/* The test finisher, and the ways to power off and reboot through it. */
static void add_syscon(FdtTree *tree)
{
    static const char path[] = "/soc/test@100000";
    uint32_t phandle = fdt_tree_new_phandle(tree);
    fdt_tree_node(tree, path);
    fdt_tree_strings(tree, path, "compatible",
                     (const char *const[]){"sifive,test1", "sifive,test0", "syscon", NULL});
    fdt_tree_reg(tree, path, TEST_BASE, 0x1000);
    fdt_tree_u32(tree, path, "phandle", phandle);

    fdt_tree_node(tree, "/reboot");
    fdt_tree_string(tree, "/reboot", "compatible", "syscon-reboot");
    fdt_tree_u32(tree, "/reboot", "regmap", phandle);
    fdt_tree_u32(tree, "/reboot", "offset", 0);
    fdt_tree_u32(tree, "/reboot", "value", SYSCON_RESET);
    fdt_tree_node(tree, "/poweroff");
    fdt_tree_string(tree, "/poweroff", "compatible", "syscon-poweroff");
    fdt_tree_u32(tree, "/poweroff", "regmap", phandle);
    fdt_tree_u32(tree, "/poweroff", "offset", 0);
    fdt_tree_u32(tree, "/poweroff", "value", SYSCON_PASS);
}

static void add_soc(Virt *virt, FdtTree *tree, const uint32_t *intc)
{
    Machine *machine = virt->boot.machine;
    fdt_tree_node(tree, "/soc");
    fdt_tree_u32(tree, "/soc", "#address-cells", 2);
    fdt_tree_u32(tree, "/soc", "#size-cells", 2);
    fdt_tree_string(tree, "/soc", "compatible", "simple-bus");
    fdt_tree_flag(tree, "/soc", "ranges");
    riscv_boot_add_clint(machine, tree, CLINT_BASE, intc);
    uint32_t plic = add_plic(machine, tree, intc);
    for (unsigned i = 0; i < VIRTIO_SLOTS; i++) {
        add_soc_device(tree, "virtio_mmio", VIRTIO_BASE + i * VIRTIO_STRIDE, 0x1000, "virtio,mmio",
                       plic, IRQ_VIRTIO + i);
    }
    add_pci(virt, tree, plic);
    add_syscon(tree);
    add_soc_device(tree, "serial", UART_BASE, 0x100, "ns16550a", plic, IRQ_UART);
    fdt_tree_u32(tree, "/soc/serial@10000000", "clock-frequency", NS16550_CLOCK_HZ);
    add_soc_device(tree, "rtc", RTC_BASE, 0x1000, "google,goldfish-rtc", plic, IRQ_RTC);
}

static void add_flash(FdtTree *tree)
{
    static const char path[] = "/flash@20000000";
    fdt_tree_node(tree, path);
    fdt_tree_string(tree, path, "compatible", "cfi-flash");
    FDT_CELLS(tree, path, "reg", 0, FLASH_BASE, 0, FLASH_SIZE, 0, FLASH_BASE + FLASH_SIZE, 0,
              FLASH_SIZE);
    fdt_tree_u32(tree, path, "bank-width", 4);
}

static void add_fw_cfg(FdtTree *tree)
{
    static const char path[] = "/fw-cfg@10100000";
    fdt_tree_node(tree, path);
    fdt_tree_string(tree, path, "compatible", "qemu,fw-cfg-mmio");
    fdt_tree_reg(tree, path, FW_CFG_BASE, FW_CFG_SIZE);
    fdt_tree_flag(tree, path, "dma-coherent");
}

static FdtTree *make_fdt(Virt *virt)
{
    Machine *machine = virt->boot.machine;
    FdtTree *tree = fdt_tree_new();
    uint32_t intc[MACHINE_MAX_CPUS];
    fdt_tree_u32(tree, "/", "#address-cells", 2);
    fdt_tree_u32(tree, "/", "#size-cells", 2);
    fdt_tree_string(tree, "/", "compatible", "riscv-virtio");
    fdt_tree_string(tree, "/", "model", "riscv-virtio,qemu");
    riscv_boot_add_cpus(machine, tree, intc);
    fdt_tree_node(tree, "/memory@80000000");
    fdt_tree_string(tree, "/memory@80000000", "device_type", "memory");
    fdt_tree_reg(tree, "/memory@80000000", RAM_BASE, machine->ram->size);
    add_soc(virt, tree, intc);
    fdt_tree_node(tree, "/chosen");
    fdt_tree_string(tree, "/chosen", "stdout-path", "/soc/serial@10000000");
    add_flash(tree);
    add_fw_cfg(tree);
    return tree;
}

/* ---- The machine ---- */

/* What firmware finds in fw_cfg: the size of the machine, and kernel and initrd for firmware in flash. */
static void fill_fw_cfg(Virt *virt)
{
    Machine *machine = virt->boot.machine;
    FwCfg *fw_cfg = virt->fw_cfg;
    fw_cfg_add_u64(fw_cfg, FW_CFG_RAM_SIZE, machine->ram->size);
    fw_cfg_add_u16(fw_cfg, FW_CFG_NB_CPUS, machine->ncpus);
    fw_cfg_add_u16(fw_cfg, FW_CFG_MAX_CPUS, machine->ncpus);
    if (!virt->boot.flash_base) {
        return;
    }
    if (virt->boot.kernel_file) {
        fw_cfg_add_bytes(fw_cfg, FW_CFG_KERNEL_SIZE, FW_CFG_KERNEL_DATA, virt->boot.kernel_file);
    }
    if (virt->boot.initrd_file) {
        fw_cfg_add_bytes(fw_cfg, FW_CFG_INITRD_SIZE, FW_CFG_INITRD_DATA, virt->boot.initrd_file);
    }
    if (machine->config.append) {
        const char *append = machine->config.append;
        GBytes *data = g_bytes_new(append, strlen(append) + 1);
        fw_cfg_add_bytes(fw_cfg, FW_CFG_CMDLINE_SIZE, FW_CFG_CMDLINE_DATA, data);
        g_bytes_unref(data);
    }
}

static bool virt_init(Machine *machine, GError **error)
{
    Virt *virt = g_new0(Virt, 1);
    machine->board = virt;
    virt->boot = (RiscvBoot){.machine = machine, .ram_base = RAM_BASE, .rom_base = ROM_BASE};
    if (!riscv_boot_check_options(machine, error) ||
        !riscv_boot_make_ram(machine, RAM_BASE, 16 * GIB, error) ||
        !riscv_boot_make_harts(machine, ROM_BASE, error) || !make_devices(machine, virt, error) ||
        !riscv_boot_load(&virt->boot, error)) {
        return false;
    }
    fill_fw_cfg(virt);
    return true;
}

static bool virt_complete(Machine *machine, GError **error)
{
    Virt *virt = machine->board;
    return riscv_boot_finish(&virt->boot, make_fdt(virt), error);
}

static void virt_reset(Machine *machine)
{
    Virt *virt = machine->board;
    riscv_boot_reset(&virt->boot);
}

static void virt_finalize(Machine *machine)
{
    Virt *virt = machine->board;
    if (virt) {
        riscv_boot_free(&virt->boot);
    }
}

const MachineClass riscv_virt_machine = {
    .name = "virt",
    .desc = "RISC-V VirtIO board",
    .arch = &riscv64_guest,
    .max_cpus = MACHINE_MAX_CPUS,
    .default_ram = 128 * MIB,
    .default_cpu = "rv64",
    .init = virt_init,
    .complete = virt_complete,
    .reset = virt_reset,
    .finalize = virt_finalize,
};
