/*
 * The ACPI and SMBIOS tables of the q35 machine. See pc-acpi.c and smbios.c.
 */
#ifndef AMPHI_HW_X86_PC_ACPI_H
#define AMPHI_HW_X86_PC_ACPI_H

#include "hw/acpi/acpi.h"
#include "hw/x86/smbios-options.h"

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

/* SMBIOS: what the structures say. */
typedef struct SmbiosConfig {
    Machine *machine;
    uint64_t address;           /* of the structures; 0: firmware will put them somewhere */
    uint64_t low_ram, high_ram; /* bytes of RAM from 0 and from 4 GiB */
    const SmbiosOptions *options;
    bool version3; /* the entry point is that of version 3 (64 bits), not of 2.1 */
} SmbiosConfig;

/* The structures; *@entry_point: the entry point, both to be unreferenced. NULL with @error if they are too long. */
GBytes *smbios_make(const SmbiosConfig *config, GBytes **entry_point, GError **error);

#endif
