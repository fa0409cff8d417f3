/*
 * The q35 host bridge: PCI root bus, memory controller's view of the first megabyte. See mch.c.
 */
#ifndef AMPHI_HW_X86_MCH_H
#define AMPHI_HW_X86_MCH_H

#include "hw/pci/pci.h"

#define MCH_ECAM_DEFAULT 0xb0000000u /* where boards without firmware put configuration space */
#define MCH_ECAM_SIZE 0x10000000u

typedef struct MchConfig {
    uint64_t low_ram;      /* bytes of RAM from 0 up, below 4 GiB */
    uint64_t high_ram;     /* bytes from 4 GiB up */
    unsigned address_bits; /* of the processors: firmware may put functions as high as that */
    /* its last 128 KiB are seen below 1 MiB until firmware shadows them; NULL: none */
    RamBlock *bios;
    IrqLine pirq[PCI_MAX_LINES];
    /* Port 0xcf9, which is among the ports of configuration accesses. */
    uint8_t (*read_reset)(void *opaque);
    void (*write_reset)(void *opaque, uint8_t value);
    void *reset_opaque;
} MchConfig;

/* Makes the bridge and bus "pcie.0" with configuration accesses at ports 0xcf8 to 0xcff. The machine's RAM is
 * mapped already. */
PciBus *mch_new(Machine *machine, const MchConfig *config);

/* As firmware leaves it, for a kernel that is started without: RAM everywhere below 1 MiB but for the VGA
 * window, configuration space at MCH_ECAM_DEFAULT. */
void mch_set_up(PciBus *bus);

/* Where configuration space is in memory; 0: nowhere. */
uint64_t mch_ecam_base(PciBus *bus);

/* Where PCI's memory windows are: [0] below 4 GiB, [1] above. */
void mch_windows(PciBus *bus, uint64_t base[2], uint64_t size[2]);

#endif
