/*
 * What the RISC-V boards have in common: firmware, kernel, initial RAM disk, device tree, reset vector. See
 * boot.c.
 */
#ifndef AMPHI_HW_RISCV_BOOT_H
#define AMPHI_HW_RISCV_BOOT_H

#include "hw/fdt.h"
#include "hw/loader.h"

#define RISCV_TIMEBASE_HZ 10000000
#define RISCV_DEFAULT_FIRMWARE "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin"

/* A board's boot set-up. The board fills in the first part, riscv_boot_*() the second. */
typedef struct RiscvBoot {
    Machine *machine;
    uint64_t ram_base;
    uint64_t rom_base;   /* of the reset vector */
    uint64_t flash_base; /* to start in flash memory unless -bios names a firmware, which then
                               goes on there; 0: no drive is behind the flash */
    bool entry_from_elf; /* without firmware, start at an ELF kernel's entry even if something is
                               loaded at the start of RAM */

    Loader *loader;
    bool has_firmware;
    LoadedImage firmware, kernel, initrd; /* high 0: none */
    GBytes *kernel_file, *initrd_file;    /* as read */
    uint64_t start;                       /* first instruction after the reset vector */
    uint64_t next;                        /* where the firmware goes on */
    uint64_t fdt_addr;
} RiscvBoot;

/* Checks -machine for properties that neither the core nor the board knows. */
bool riscv_boot_check_options(Machine *machine, GError **error);

/* Makes the harts; @cpu_model and their number come from the machine's configuration. */
bool riscv_boot_make_harts(Machine *machine, uint64_t reset_pc, GError **error);

/* Allocates RAM of the configured size and maps it at @base. */
bool riscv_boot_make_ram(Machine *machine, uint64_t base, uint64_t max_size, GError **error);

/* Adds /cpus with one node per hart; @intc gets the phandles of the harts' interrupt controllers. */
void riscv_boot_add_cpus(Machine *machine, FdtTree *tree, uint32_t *intc);

/* Adds the ACLINT's node as a "sifive,clint0" at @base. */
void riscv_boot_add_clint(Machine *machine, FdtTree *tree, uint64_t base, const uint32_t *intc);

/* Makes the ACLINT at @base, wired to the harts. */
Device *riscv_boot_make_aclint(Machine *machine, uint64_t base);

/* Reads and places firmware, kernel and initial RAM disk as of -bios, -kernel, -initrd. */
bool riscv_boot_load(RiscvBoot *boot, GError **error);

/* Completes @tree (freed; with -dtb, replaced by the file), places it, writes it to the file of
 * dumpdtb= and then ends the process, and makes the ROM with the reset vector. */
bool riscv_boot_finish(RiscvBoot *boot, FdtTree *tree, GError **error);

/* At each reset: puts all images into memory, with a new seed for the guest's random numbers. */
void riscv_boot_reset(RiscvBoot *boot);

void riscv_boot_free(RiscvBoot *boot);

#endif
