/*
 * The ACPI and SMBIOS tables of the q35 machine. See pc-acpi.c and smbios.c.
 */
#ifndef AMPHI_HW_X86_PC_ACPI_H
#define AMPHI_HW_X86_PC_ACPI_H

#include "hw/acpi/acpi.h"

typedef struct PcAcpiConfig {
    Machine *machine;                        /* for its vCPUs */
    uint64_t window_base[2], window_size[2]; /* of PCI: below and above 4 GiB */
    uint64_t ecam_base, ecam_size;           /* size 0: configuration space is not in memory */
    bool hpet;
    uint8_t serial_ports;  /* a bit for each that is there */
    uint16_t pvpanic_port; /* 0: none */
    /* Adds further tables. NULL: none. */
    void (*more)(AcpiTables *t, Machine *machine);
} PcAcpiConfig;

/* All tables, finished. To be freed. */
AcpiTables *pc_acpi_make(const PcAcpiConfig *config);

/* The SMBIOS structures and the entry point for them at @address; new references. */
GBytes *smbios_make(Machine *machine, uint64_t address, GBytes **entry_point);

#endif
