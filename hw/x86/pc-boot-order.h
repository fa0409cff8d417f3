/*
 * -boot: what the firmware of a PC starts. See pc-boot-order.c.
 */
#ifndef AMPHI_HW_X86_PC_BOOT_ORDER_H
#define AMPHI_HW_X86_PC_BOOT_ORDER_H

#include "hw/misc/fw-cfg.h"

typedef struct PcBootOrder {
    const char *order, *once; /* of the letters a c d n; once: until the first reset, or NULL */
    bool menu, strict;
    int32_t menu_wait, fail_wait; /* ms; negative: the firmware's own */
    GBytes *splash;               /* NULL: none */
    bool splash_is_jpeg;
} PcBootOrder;

/* Reads -boot. The result's strings are the machine's. False with @error. */
bool pc_boot_order_parse(Machine *machine, PcBootOrder *boot, GError **error);
void pc_boot_order_clear(PcBootOrder *boot);

/* What never changes goes to fw_cfg; the order of devices and the CMOS's letters are set at each reset. */
void pc_boot_order_fill(const PcBootOrder *boot, FwCfg *fw_cfg);
void pc_boot_order_reset(const PcBootOrder *boot, Machine *machine, FwCfg *fw_cfg, Device *rtc);

#endif
