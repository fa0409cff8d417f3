/*
 * The ACPI tables of the microvm machine: hardware-reduced (ACPI 6.4 section 4.1), that is, without the fixed
 * registers and timers of a PC, so a kernel does not look for them. FADT: section 5.2.9; MADT: 5.2.12.
 */
#include "cpu/x86/x86.h"
#include "hw/acpi/acpi.h"
#include "hw/intc/apic.h"
#include "hw/intc/ioapic.h"
#include "hw/x86/microvm.h"

extern const uint8_t microvm_dsdt[], microvm_dsdt_end[];

#define TABLES (X86_BOOT_TABLES + 0x1000)

enum { SPACE_IO = 1, ACCESS_BYTE = 1 };
enum { BOOT_NO_VGA = 1 << 2, BOOT_NO_RTC = 1 << 5 };
enum {
    FLAG_WBINVD = 1 << 0,
    FLAG_C1 = 1 << 2,
    FLAG_NO_POWER_BUTTON = 1 << 4,
    FLAG_NO_SLEEP_BUTTON = 1 << 5,
    FLAG_RESET = 1 << 10,
    FLAG_REDUCED = 1 << 20
};
enum { MADT_LAPIC, MADT_IOAPIC };
#define MADT_HAS_8259 1

static void put_port(AcpiTables *t, unsigned offset)
{
    acpi_put_address(t, SPACE_IO, 8, ACCESS_BYTE, MICROVM_POWER_PORT + offset);
}

static void add_fadt(AcpiTables *t, unsigned dsdt)
{
    unsigned start = acpi_begin(t, "FACP", 6);

    acpi_put(t, 0, 4); /* no FACS */
    acpi_put_pointer(t, dsdt, 4);
    acpi_put_zeros(t, 65); /* fixed registers that are not there */
    acpi_put(t, BOOT_NO_VGA | BOOT_NO_RTC, 2);
    acpi_put(t, 0, 1);
    acpi_put(t,
             FLAG_WBINVD | FLAG_C1 | FLAG_NO_POWER_BUTTON | FLAG_NO_SLEEP_BUTTON | FLAG_RESET |
                 FLAG_REDUCED,
             4);
    put_port(t, POWER_RESET);
    acpi_put(t, POWER_RESET_VALUE, 1);
    acpi_put(t, 0, 2);
    acpi_put(t, 0, 1); /* minor version */
    acpi_put(t, 0, 8);
    acpi_put_pointer(t, dsdt, 8);
    acpi_put_zeros(t, 8 * 12);
    put_port(t, POWER_SLEEP_CONTROL);
    put_port(t, POWER_SLEEP_STATUS);
    acpi_put(t, 0, 8);
    acpi_end(t, start, true);
}

static void add_madt(AcpiTables *t, const Machine *machine)
{
    unsigned start = acpi_begin(t, "APIC", 5);

    acpi_put(t, APIC_BASE_ADDRESS, 4);
    acpi_put(t, MADT_HAS_8259, 4);
    for (unsigned i = 0; i < machine->ncpus; i++) {
        acpi_put(t, MADT_LAPIC, 1);
        acpi_put(t, 8, 1);
        acpi_put(t, i, 1);
        acpi_put(t, x86_cpu_apic_id(machine->cpus[i]), 1);
        acpi_put(t, 1, 4); /* enabled */
    }
    acpi_put(t, MADT_IOAPIC, 1);
    acpi_put(t, 12, 1);
    acpi_put(t, 0, 2);
    acpi_put(t, IOAPIC_BASE, 4);
    acpi_put(t, 0, 4);
    acpi_end(t, start, true);
}

static bool add_blob(X86Boot *boot, const char *what, uint64_t addr, GBytes *data, GError **error)
{
    bool ok = x86_boot_add(boot, what, addr, data, error);
    g_bytes_unref(data);
    return ok;
}

bool microvm_acpi_add(Machine *machine, X86Boot *boot, GError **error)
{
    AcpiTables *t = acpi_tables_new();
    unsigned dsdt = acpi_align(t, 16);

    acpi_add_table(t, microvm_dsdt, microvm_dsdt_end - microvm_dsdt, false);
    add_fadt(t, dsdt);
    add_madt(t, machine);
    acpi_finish(t);
    bool ok = add_blob(boot, "ACPI tables", TABLES, acpi_get_tables(t, TABLES), error) &&
              add_blob(boot, "ACPI root pointer", X86_BOOT_TABLES, acpi_get_rsdp(t, TABLES), error);
    acpi_tables_free(t);
    return ok;
}
