/*
 * The ACPI tables of the q35 machine, but for the DSDT, which is compiled from q35.asl. ACPI 6.4 chapter 5;
 * MCFG: PCI Firmware 3.0 section 4.1.2; HPET: IA-PC HPET 1.0a section 3.2.4; WAET: Microsoft's "Windows ACPI
 * Emulated Devices Table".
 */
#include "hw/x86/pc-acpi.h"
#include "cpu/x86/x86.h"
#include "hw/intc/apic.h"
#include "hw/intc/ioapic.h"
#include "hw/timer/hpet.h"
#include "hw/x86/ich9.h"
#include <string.h>

extern const uint8_t q35_dsdt[], q35_dsdt_end[];

enum { SPACE_MEMORY = 0, SPACE_IO = 1 };
enum { ACCESS_BYTE = 1, ACCESS_WORD = 2, ACCESS_DWORD = 3 };

/* FADT */
enum { BOOT_LEGACY_DEVICES = 1 << 0, BOOT_8042 = 1 << 1 };
enum {
    FLAG_WBINVD = 1 << 0,
    FLAG_C1 = 1 << 2,
    FLAG_NO_SLEEP_BUTTON = 1 << 5,
    FLAG_RESET = 1 << 10
};
#define NO_C_STATE 0xfff
#define RTC_CENTURY 0x32

/* MADT */
enum { MADT_LAPIC, MADT_IOAPIC, MADT_OVERRIDE, MADT_LAPIC_NMI = 4 };
#define MADT_HAS_8259 1
#define MPS_LEVEL_HIGH 0xd

#define WAET_RTC_GOOD 1
#define WAET_TIMER_GOOD 2

/* ---- FACS and FADT ---- */

static unsigned add_facs(AcpiTables *t)
{
    unsigned start = acpi_align(t, 64);
    acpi_put_bytes(t, "FACS", 4);
    acpi_put(t, 64, 4);
    acpi_put_zeros(t, 24);
    acpi_put(t, 1, 1); /* version */
    acpi_put_zeros(t, 31);
    return start;
}

/* The blocks of fixed registers by their old, 32-bit addresses. */
static void put_blocks32(AcpiTables *t, uint16_t pm)
{
    acpi_put(t, pm, 4);        /* PM1a events */
    acpi_put(t, 0, 4);         /* PM1b events */
    acpi_put(t, pm + 4, 4);    /* PM1a control */
    acpi_put_zeros(t, 8);      /* PM1b, PM2 control */
    acpi_put(t, pm + 8, 4);    /* timer */
    acpi_put(t, pm + 0x20, 4); /* general purpose events */
    acpi_put(t, 0, 4);
    acpi_put_bytes(t, (const uint8_t[]){4, 2, 0, 4, 16, 0, 0, 0}, 8); /* their lengths */
}

static void put_blocks64(AcpiTables *t, uint16_t pm)
{
    acpi_put_address(t, SPACE_IO, 32, ACCESS_WORD, pm);
    acpi_put_zeros(t, 12);
    acpi_put_address(t, SPACE_IO, 16, ACCESS_WORD, pm + 4);
    acpi_put_zeros(t, 24);
    acpi_put_address(t, SPACE_IO, 32, ACCESS_DWORD, pm + 8);
    acpi_put_address(t, SPACE_IO, 128, ACCESS_BYTE, pm + 0x20);
    acpi_put_zeros(t, 12);
}

static void add_fadt(AcpiTables *t, unsigned facs, unsigned dsdt)
{
    unsigned start = acpi_begin(t, "FACP", 3);
    acpi_put_pointer(t, facs, 4);
    acpi_put_pointer(t, dsdt, 4);
    acpi_put(t, 0, 2); /* model, profile */
    acpi_put(t, ICH9_SCI_IRQ, 2);
    acpi_put(t, ICH9_SMI_PORT, 4);
    acpi_put(t, ICH9_ACPI_ENABLE, 1);
    acpi_put(t, ICH9_ACPI_DISABLE, 1);
    acpi_put(t, 0, 2);
    put_blocks32(t, ICH9_PM_BASE_DEFAULT);
    acpi_put(t, NO_C_STATE, 2);
    acpi_put(t, NO_C_STATE, 2);
    acpi_put_zeros(t, 8); /* cache flushing, duty cycle, alarms of the RTC */
    acpi_put(t, RTC_CENTURY, 1);
    acpi_put(t, BOOT_LEGACY_DEVICES | BOOT_8042, 2);
    acpi_put(t, 0, 1);
    acpi_put(t, FLAG_WBINVD | FLAG_C1 | FLAG_NO_SLEEP_BUTTON | FLAG_RESET, 4);
    acpi_put_address(t, SPACE_IO, 8, ACCESS_BYTE, ICH9_RESET_PORT);
    acpi_put(t, ICH9_RESET_VALUE, 1);
    acpi_put_zeros(t, 3);
    acpi_put(t, 0, 8); /* the FACS is below 4 GiB */
    acpi_put_pointer(t, dsdt, 8);
    put_blocks64(t, ICH9_PM_BASE_DEFAULT);
    acpi_end(t, start, true);
}

/* ---- MADT ---- */

static void put_override(AcpiTables *t, uint8_t irq, uint32_t gsi, uint16_t flags)
{
    acpi_put(t, MADT_OVERRIDE, 1);
    acpi_put(t, 10, 1);
    acpi_put(t, 0, 1); /* ISA */
    acpi_put(t, irq, 1);
    acpi_put(t, gsi, 4);
    acpi_put(t, flags, 2);
}

static void add_madt(AcpiTables *t, const Machine *machine)
{
    static const uint8_t level_irqs[] = {5, ICH9_SCI_IRQ, 10, 11};
    unsigned start = acpi_begin(t, "APIC", 3);
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
    put_override(t, 0, 2, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(level_irqs); i++) {
        put_override(t, level_irqs[i], level_irqs[i], MPS_LEVEL_HIGH);
    }
    acpi_put(t, MADT_LAPIC_NMI, 1);
    acpi_put(t, 6, 1);
    acpi_put(t, 0xff, 1); /* all processors */
    acpi_put(t, 0, 2);
    acpi_put(t, 1, 1);
    acpi_end(t, start, true);
}

/* ---- The small ones ---- */

/* Of the root bridge, also in q35.asl. Linux looks for devices on all buses that it is told of, through two ports, so that 256 of
 * them are 16000 exits. */
#define LAST_BUS 63

static void add_mcfg(AcpiTables *t, const PcAcpiConfig *config)
{
    /* Without it the table stays, so that lengths do not change, under a name that nobody looks for. */
    unsigned start = acpi_begin(t, config->ecam_size ? "MCFG" : "OEM0", 1);
    acpi_put_zeros(t, 8);
    acpi_put(t, config->ecam_base, 8);
    acpi_put(t, 0, 2);
    acpi_put(t, 0, 1);
    acpi_put(t, config->ecam_size ? LAST_BUS : 0, 1);
    acpi_put_zeros(t, 4);
    acpi_end(t, start, true);
}

static void add_hpet(AcpiTables *t)
{
    unsigned start = acpi_begin(t, "HPET", 1);
    acpi_put(t, HPET_BLOCK_ID, 4);
    acpi_put_address(t, SPACE_MEMORY, 0, 0, HPET_BASE);
    acpi_put(t, 0, 1);
    acpi_put(t, 100, 2); /* shortest period in ticks without lost interrupts */
    acpi_put(t, 0, 1);
    acpi_end(t, start, true);
}

static void add_waet(AcpiTables *t)
{
    unsigned start = acpi_begin(t, "WAET", 1);
    acpi_put(t, WAET_RTC_GOOD | WAET_TIMER_GOOD, 4);
    acpi_end(t, start, true);
}

/* Sets Name (@name, 64-bit number) in the table. */
static void set_name(uint8_t *aml, size_t len, const char *name, uint64_t value)
{
    const uint8_t op_name = 0x08, prefix_qword = 0x0e;
    for (size_t at = 0; at + 14 <= len; at++) {
        if (aml[at] == op_name && !memcmp(aml + at + 1, name, 4) && aml[at + 5] == prefix_qword) {
            value = GUINT64_TO_LE(value);
            memcpy(aml + at + 6, &value, sizeof(value));
            return;
        }
    }
    g_assert_not_reached(); /* a name that q35.asl does not have */
}

static void add_dsdt(AcpiTables *t, const PcAcpiConfig *config)
{
    const uint64_t *base = config->window_base, *size = config->window_size;
    const struct {
        const char *name;
        uint64_t value;
    } values[] = {
        {"AM3B", base[0]},
        {"AM3L", base[0] + size[0] - 1},
        {"AM6B", base[1]},
        {"AM6L", base[1] + size[1] - 1},
        {"AECB", config->ecam_base},
        {"AECL", config->ecam_size},
        {"ACPU", config->machine->ncpus},
        {"ACOM", config->serial_ports},
        {"AHPT", config->hpet},
        {"APVP", config->pvpanic_port},
    };
    size_t len = q35_dsdt_end - q35_dsdt;
    uint8_t *aml = g_memdup2(q35_dsdt, len);
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        set_name(aml, len, values[i].name, values[i].value);
    }
    acpi_add_table(t, aml, len, false);
    g_free(aml);
}

AcpiTables *pc_acpi_make(const PcAcpiConfig *config)
{
    AcpiTables *t = acpi_tables_new();
    unsigned facs = add_facs(t), dsdt = acpi_align(t, 8);
    add_dsdt(t, config);
    add_fadt(t, facs, dsdt);
    add_madt(t, config->machine);
    if (config->hpet) {
        add_hpet(t);
    }
    add_mcfg(t, config);
    add_waet(t);
    if (config->more) {
        config->more(t, config->machine);
    }
    acpi_finish(t);
    return t;
}
