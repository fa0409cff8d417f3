/*
 * ACPI tables: building them, and handing them to firmware or straight to a kernel.
 *
 * Tables go one after the other into a blob; where one holds the address of another, or a checksum, it is
 * noted, because the blob's address is known only to who places it: firmware, by the commands of fw_cfg's
 * "etc/table-loader" (QEMU's docs/specs/fw_cfg and include of the BIOS linker loader), or the board itself for a
 * kernel that is started directly. Lengths do not depend on values, so a blob can be made again
 * later with other values for the same commands.
 */
#ifndef AMPHI_HW_ACPI_H
#define AMPHI_HW_ACPI_H

#include "hw/misc/fw-cfg.h"

typedef struct AcpiTables AcpiTables;

#define ACPI_TABLES_ALIGN 64

AcpiTables *acpi_tables_new(void);
void acpi_tables_free(AcpiTables *t);

/* Begins a table with a header: signature of 4 characters, revision. Returns its offset. */
unsigned acpi_begin(AcpiTables *t, const char *signature, uint8_t revision);
/* Ends the table that begins at @start: length and checksum. With @listed it will be in the root tables. */
void acpi_end(AcpiTables *t, unsigned start, bool listed);

/* Appends little-endian numbers of @size bytes, bytes, and zeros. */
void acpi_put(AcpiTables *t, uint64_t value, unsigned size);
void acpi_put_bytes(AcpiTables *t, const void *data, size_t len);
void acpi_put_zeros(AcpiTables *t, unsigned n);
/* Appends zeros up to a multiple of @align, which is at most ACPI_TABLES_ALIGN; returns the offset. */
unsigned acpi_align(AcpiTables *t, unsigned align);
/* Appends the address of what is at @offset of the blob, of @size bytes. */
void acpi_put_pointer(AcpiTables *t, unsigned offset, unsigned size);
/* Appends a generic address structure (ACPI 6.4 section 5.2.3.2): @space 0 is memory, 1 are ports. */
void acpi_put_address(AcpiTables *t, uint8_t space, uint8_t bits, uint8_t access, uint64_t addr);
/* Adds a whole table, header and all, as it is. */
void acpi_add_table(AcpiTables *t, const uint8_t *data, size_t len, bool listed);

/* Adds root tables and root pointer; nothing can be added afterwards. */
void acpi_finish(AcpiTables *t);

/* The blob and the root pointer with addresses as if at @tables_base and @rsdp_base; new references. */
GBytes *acpi_get_tables(const AcpiTables *t, uint64_t tables_base);
GBytes *acpi_get_rsdp(const AcpiTables *t, uint64_t tables_base);

/* Adds the three files for firmware; @again(@opaque) is called before they are read (may be NULL). */
void acpi_add_to_fw_cfg(const AcpiTables *t, FwCfg *fw_cfg, void (*again)(void *opaque),
                        void *opaque);
/* Replaces them. */
void acpi_update_fw_cfg(const AcpiTables *t, FwCfg *fw_cfg);

#endif
