/*
 * Between boot.c, boot-linux.c and boot-elf.c.
 */
#ifndef AMPHI_HW_X86_BOOT_INTERNAL_H
#define AMPHI_HW_X86_BOOT_INTERNAL_H

#include "hw/loader-internal.h"
#include "hw/x86/boot.h"

/* The first 640 KiB while the program starts. */
#define BOOT_GDT 0x500u
#define BOOT_INFO 0x7000u  /* boot_params, start info of PVH or information of Multiboot; 4 KiB */
#define BOOT_PAGES 0x9000u /* page tables: 6 pages */
#define BOOT_TEXT 0x20000u /* command line */
#define BOOT_TEXT_MAX 0x10000u
#define BOOT_LINUX_MAGIC 0x53726448u /* HdrS, at 0x202 of a bzImage */
#define BOOT_PROGRAM 0x100000u

struct X86Boot {
    Machine *machine;
    X86BootConfig config;
    Loader *loader;
    GBytes *kernel, *initrd; /* initrd may be NULL */
    const char *append;
    GString *text; /* what will be at BOOT_TEXT: the command line first, each piece with its end */
    uint64_t initrd_addr;
    uint64_t kernel_end; /* end of the memory that the kernel needs */
};

/* Adds @size bytes at @data. */
bool boot_add_bytes(X86Boot *boot, const char *what, uint64_t addr, const void *data, size_t size,
                    GError **error);

/* Puts @data, of -initrd, as high as it goes below @limit, above the kernel; its address in *@addr. */
bool boot_place(X86Boot *boot, GBytes *data, uint64_t limit, uint64_t *addr, GError **error);
/* The same for the initrd, if there is one. */
bool boot_place_initrd(X86Boot *boot, uint64_t limit, GError **error);
/* Adds @string to boot->text and returns its address. The first is the command line. */
uint32_t boot_add_text(X86Boot *boot, const char *string);

/* The formats. False with @error. */
bool boot_linux(X86Boot *boot, X86Start *start, GError **error);
bool boot_elf(X86Boot *boot, X86Start *start, GError **error);
/* Whether the kernel has a Multiboot header; its offset. */
bool boot_find_multiboot(GBytes *kernel, uint64_t *offset);

#endif
