/*
 * Firmware configuration device of QEMU's machines. See fw-cfg.c.
 */
#ifndef AMPHI_HW_FW_CFG_H
#define AMPHI_HW_FW_CFG_H

#include "softmmu/machine.h"

#define FW_CFG_SIZE 0x18

/* Keys of items with a fixed meaning. */
enum {
    FW_CFG_SIGNATURE = 0x00,
    FW_CFG_ID = 0x01,
    FW_CFG_UUID = 0x02,
    FW_CFG_RAM_SIZE = 0x03,
    FW_CFG_NOGRAPHIC = 0x04,
    FW_CFG_NB_CPUS = 0x05,
    FW_CFG_KERNEL_SIZE = 0x08,
    FW_CFG_INITRD_SIZE = 0x0b,
    FW_CFG_BOOT_MENU = 0x0e,
    FW_CFG_MAX_CPUS = 0x0f,
    FW_CFG_KERNEL_DATA = 0x11,
    FW_CFG_INITRD_DATA = 0x12,
    FW_CFG_CMDLINE_SIZE = 0x14,
    FW_CFG_CMDLINE_DATA = 0x15,
    /* the real-mode part of a bzImage; the kernel's data is then the rest */
    FW_CFG_SETUP_SIZE = 0x17,
    FW_CFG_SETUP_DATA = 0x18,
    FW_CFG_FILE_DIR = 0x19,
    FW_CFG_FILE_FIRST = 0x20,
    FW_CFG_ARCH_LOCAL = 0x8000, /* of the guest's architecture: 16 from there */
    FW_CFG_X86_IRQ0_OVERRIDE = 0x8002,
    FW_CFG_X86_E820 = 0x8003,
};

typedef struct FwCfg FwCfg;

FwCfg *fw_cfg_new(Machine *machine, uint64_t base);

/* The same at the ports from @port on, as x86 has it. */
#define FW_CFG_PIO_SIZE 12
FwCfg *fw_cfg_new_pio(Machine *machine, uint16_t port);

/* Items by key, while the machine is made; an item of the same key is replaced. Numbers are
 * little-endian. */
void fw_cfg_add_u16(FwCfg *s, unsigned key, uint16_t value);
void fw_cfg_add_u32(FwCfg *s, unsigned key, uint32_t value);
void fw_cfg_add_u64(FwCfg *s, unsigned key, uint64_t value);

/* @data as item @data_key and its length as item @size_key. Keeps a reference. */
void fw_cfg_add_bytes(FwCfg *s, unsigned size_key, unsigned data_key, GBytes *data);

/* A file, found by guests through the directory: "etc/..." or "opt/...", at most 55 characters.
 * False if there is no room or the name is taken. Keeps a reference to @data. */
bool fw_cfg_add_file(FwCfg *s, const char *name, GBytes *data);

/* Calls @fn(@opaque) each time before the guest begins to read file @name, so that it can be replaced by
 * fw_cfg_replace_file() with what is true by then, of the same length. */
void fw_cfg_watch_file(FwCfg *s, const char *name, void (*fn)(void *opaque), void *opaque);
void fw_cfg_replace_file(FwCfg *s, const char *name, GBytes *data);

/* Adds a file or gives it other contents, of any length, while the guest is not reading: at a reset. */
void fw_cfg_set_file(FwCfg *s, const char *name, GBytes *data);

#endif
