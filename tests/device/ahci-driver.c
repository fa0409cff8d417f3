/*
 * A driver of q35's SATA controller: see ahci-driver.h.
 */
#include "tests/device/ahci-driver.h"
#include "tests/device/harness.h"
#include <linux/pci_regs.h>
#include <string.h>

#define FIS 0x101000 /* received ones */
#define ECAM_ON (UINT64_C(0xb0000000) | 1)

void ahci_driver_start(Machine *machine)
{
    machine_pio_write(machine, 0xcf8, 0x80000060, 4);
    machine_pio_write(machine, 0xcfc, ECAM_ON, 4);
    wr32(machine, AHCI_CONFIG + PCI_BASE_ADDRESS_5, AHCI_ABAR);
    wr32(machine, AHCI_CONFIG + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    wr32(machine, AHCI_ABAR + 4, 0x80000002);
}

void ahci_driver_start_port(Machine *machine, unsigned port)
{
    wr32(machine, AHCI_PORT(port) + AHCI_CLB, AHCI_LIST);
    wr32(machine, AHCI_PORT(port) + AHCI_FB, FIS);
    wr32(machine, AHCI_PORT(port) + AHCI_IS, 0xffffffff);
    wr32(machine, AHCI_PORT(port) + AHCI_IE, 0xffffffff);
    wr32(machine, AHCI_PORT(port) + AHCI_CMD, 0x11);
}

uint8_t *ahci_driver_put(Machine *machine, unsigned slot, const AhciCommand *c)
{
    uint8_t *ram = machine->ram->host, *table = ram + AHCI_TABLE(slot);
    uint32_t header[8] = {5 | (c->write ? 0x40 : 0) | (c->packet ? 0x20 : 0) | c->regions << 16, 0,
                          AHCI_TABLE(slot)};
    uint8_t fis[20] = {0x27,        0x80,         c->command, c->features, c->lba,
                       c->lba >> 8, c->lba >> 16, 0x40,       c->lba >> 24};

    fis[12] = c->count;
    fis[13] = c->count >> 8;
    memcpy(ram + AHCI_LIST + 32 * slot, header, sizeof(header));
    memset(table, 0, 0x80);
    memcpy(table, fis, sizeof(fis));
    return table;
}

void ahci_driver_put_region(uint8_t *table, unsigned n, uint32_t addr, uint32_t len)
{
    uint32_t prd[4] = {addr, 0, 0, len - 1};

    memcpy(table + 0x80 + 16 * n, prd, sizeof(prd));
}
