/*
 * Machine "spike": what the Spike simulator offers bare-metal programs, with QEMU's memory map.
 *
 *   0x00001000  boot ROM
 *   0x01000000  HTIF (fromhost, tohost), unless the program has the symbols tohost and fromhost
 *   0x02000000  CLINT
 *   0x80000000  RAM
 *
 * Everything is made at init, nothing changes later: no locking.
 */
#include "cpu/riscv/riscv.h"
#include "hw/char/htif.h"
#include "hw/riscv/boards.h"
#include "hw/riscv/boot.h"
#include "softmmu/base/error.h"

#define ROM_BASE 0x1000
#define HTIF_BASE 0x1000000
#define CLINT_BASE 0x2000000
#define RAM_BASE 0x80000000

static FdtTree *make_fdt(Machine *machine, bool htif_in_program)
{
    FdtTree *tree = fdt_tree_new();
    uint32_t intc[MACHINE_MAX_CPUS];
    fdt_tree_u32(tree, "/", "#address-cells", 2);
    fdt_tree_u32(tree, "/", "#size-cells", 2);
    fdt_tree_string(tree, "/", "compatible", "ucbbar,spike-bare-dev");
    fdt_tree_string(tree, "/", "model", "ucbbar,spike-bare,qemu");
    fdt_tree_node(tree, "/htif");
    fdt_tree_string(tree, "/htif", "compatible", "ucb,htif0");
    if (!htif_in_program) {
        fdt_tree_reg(tree, "/htif", HTIF_BASE, 0x1000);
    }
    fdt_tree_node(tree, "/soc");
    fdt_tree_u32(tree, "/soc", "#address-cells", 2);
    fdt_tree_u32(tree, "/soc", "#size-cells", 2);
    fdt_tree_string(tree, "/soc", "compatible", "simple-bus");
    fdt_tree_flag(tree, "/soc", "ranges");
    riscv_boot_add_cpus(machine, tree, intc);
    riscv_boot_add_clint(machine, tree, CLINT_BASE, intc);
    fdt_tree_node(tree, "/memory@80000000");
    fdt_tree_string(tree, "/memory@80000000", "device_type", "memory");
    fdt_tree_reg(tree, "/memory@80000000", RAM_BASE, machine->ram->size);
    fdt_tree_node(tree, "/chosen");
    fdt_tree_string(tree, "/chosen", "stdout-path", "/htif");
    return tree;
}

/* Where HTIF is: at the symbols of the program, of the firmware, or at its fixed place. */
static bool make_htif(RiscvBoot *boot, bool *in_program)
{
    const LoadedImage *images[] = {&boot->kernel, &boot->firmware};
    Chardev *chr = boot->machine->config.serial[0];
    for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
        if (images[i]->tohost) {
            uint64_t fromhost = images[i]->fromhost ? images[i]->fromhost : images[i]->tohost + 8;
            htif_new(boot->machine, images[i]->tohost, fromhost, chr);
            *in_program = true;
            return true;
        }
    }
    htif_new(boot->machine, HTIF_BASE + 8, HTIF_BASE, chr); /* as firmware reads "reg" */
    *in_program = false;
    return true;
}

static bool spike_init(Machine *machine, GError **error)
{
    RiscvBoot *boot = g_new0(RiscvBoot, 1);
    bool htif_in_program;
    machine->board = boot;
    *boot = (RiscvBoot){
        .machine = machine,
        .ram_base = RAM_BASE,
        .rom_base = ROM_BASE,
        .entry_from_elf = true,
    };
    if (!riscv_boot_check_options(machine, error) ||
        !riscv_boot_make_ram(machine, RAM_BASE, 16 * GIB, error) ||
        !riscv_boot_make_harts(machine, ROM_BASE, error)) {
        return false;
    }
    riscv_boot_make_aclint(machine, CLINT_BASE);
    return riscv_boot_load(boot, error) && make_htif(boot, &htif_in_program) &&
           riscv_boot_finish(boot, make_fdt(machine, htif_in_program), error);
}

static void spike_reset(Machine *machine)
{
    riscv_boot_reset(machine->board);
}

static void spike_finalize(Machine *machine)
{
    if (machine->board) {
        riscv_boot_free(machine->board);
    }
}

const MachineClass riscv_spike_machine = {
    .name = "spike",
    .desc = "RISC-V Spike board",
    .arch = &riscv64_guest,
    .max_cpus = MACHINE_MAX_CPUS,
    .default_ram = 128 * MIB,
    .default_cpu = "rv64",
    .init = spike_init,
    .reset = spike_reset,
    .finalize = spike_finalize,
};
