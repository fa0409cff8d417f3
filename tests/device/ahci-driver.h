/*
 * What a driver of q35's SATA controller does, for its tests and its fuzzer: Serial ATA AHCI 1.3.1.
 */
#ifndef AMPHI_TEST_AHCI_DRIVER_H
#define AMPHI_TEST_AHCI_DRIVER_H

#include "softmmu/machine.h"

#define AHCI_CONFIG (UINT64_C(0xb0000000) + (0x1f << 15) + (2 << 12))
#define AHCI_ABAR UINT64_C(0xc0000000)
#define AHCI_PORT(n) (AHCI_ABAR + 0x100 + 0x80 * (n))

/* Where the driver has its lists, in memory. */
#define AHCI_LIST 0x100000
#define AHCI_TABLE(slot) (0x102000 + (slot)*256)
#define AHCI_DATA 0x110000

/* Registers of a port (3.3). */
enum {
    AHCI_CLB = 0x00,
    AHCI_FB = 0x08,
    AHCI_IS = 0x10,
    AHCI_IE = 0x14,
    AHCI_CMD = 0x18,
    AHCI_TFD = 0x20,
    AHCI_SIG = 0x24,
    AHCI_SACT = 0x34,
    AHCI_CI = 0x38
};

typedef struct AhciCommand {
    uint8_t command, features;
    bool write, packet;
    uint64_t lba;
    uint16_t count;
    unsigned regions; /* of data */
} AhciCommand;

/* Places the controller, with interrupts on. */
void ahci_driver_start(Machine *machine);

void ahci_driver_start_port(Machine *machine, unsigned port);

/* Writes slot @slot's header and the FIS of its table (4.2), which is returned. */
uint8_t *ahci_driver_put(Machine *machine, unsigned slot, const AhciCommand *command);

/* Data region @n of @table: @len bytes at @addr. */
void ahci_driver_put_region(uint8_t *table, unsigned n, uint32_t addr, uint32_t len);

#endif
