/*
 * Starting a program on an x86 board without firmware: Linux's bzImage by the 64-bit boot protocol, ELF files
 * by PVH or Multiboot. See boot.c.
 */
#ifndef AMPHI_HW_X86_BOOT_H
#define AMPHI_HW_X86_BOOT_H

#include "cpu/x86/x86.h"
#include "hw/loader.h"
#include "hw/misc/fw-cfg.h"

/* E820 types. */
enum { X86_RAM = 1, X86_RESERVED = 2, X86_ACPI = 3 };

#define X86_BOOT_MAX_MEMORY 32

typedef struct X86BootMemory {
    uint64_t addr, size;
    uint32_t type;
} X86BootMemory;

/* What the board tells the program. */
typedef struct X86BootConfig {
    X86BootMemory memory[X86_BOOT_MAX_MEMORY]; /* ascending */
    unsigned nmemory;
    uint64_t low_ram;   /* end of RAM below 4 GiB */
    uint64_t rsdp;      /* of ACPI; 0: none */
    const char *append; /* command line; NULL: machine->config.append */
} X86BootConfig;

typedef struct X86Boot X86Boot;

/* Where a board may put tables of its own for the program: reserved in its memory map. */
#define X86_BOOT_TABLES 0xe0000u
#define X86_BOOT_TABLES_SIZE 0x20000u

/* Reads -kernel and -initrd, checks them and lays them out; the first processor will start there. NULL with
 * @error. The board frees it. */
X86Boot *x86_boot_new(Machine *machine, const X86BootConfig *config, GError **error);
void x86_boot_free(X86Boot *boot);

/* Instead: -kernel, -initrd and -append as items of @fw_cfg, where firmware that knows them (OVMF) finds a kernel to
 * start. Nothing if there is no -kernel. False with @error: a file cannot be read. */
bool x86_boot_offer(Machine *machine, FwCfg *fw_cfg, GError **error);

/* Adds data of the board's at @addr, before the first reset. */
bool x86_boot_add(X86Boot *boot, const char *what, uint64_t addr, GBytes *data, GError **error);

/* Copies everything into memory, at each reset. */
void x86_boot_reset(X86Boot *boot);

#endif
