/*
 * Machine "q35": a PC with PCI Express, of the shape that SeaBIOS, OVMF and operating systems know from QEMU.
 *
 *   0           RAM, but for the VGA window, and ROM below 1 MiB until firmware shadows it
 *   low RAM end PCI's memory window, up to the I/O APIC at 4 GiB - 20 MiB; in it configuration space (ECAM)
 *   4 GiB - x   firmware, as ROM (-bios) or in flash (-drive if=pflash): it ends at 4 GiB
 *   4 GiB       the rest of RAM, then PCI's high window
 *
 * Everything is made at init, nothing changes later: no locking.
 */
#include "cpu/x86/x86.h"
#include "hw/acpi/acpi.h"
#include "hw/block/drive.h"
#include "hw/block/pflash-cfi01.h"
#include "hw/char/ns16550.h"
#include "hw/display/vga.h"
#include "hw/ide/ahci.h"
#include "hw/input/i8042.h"
#include "hw/loader.h"
#include "hw/misc/fw-cfg.h"
#include "hw/timer/hpet.h"
#include "hw/timer/i8254.h"
#include "hw/timer/mc146818.h"
#include "hw/x86/boards.h"
#include "hw/x86/boot.h"
#include "hw/x86/ich9.h"
#include "hw/x86/isa-devices.h"
#include "hw/x86/mch.h"
#include "hw/x86/pc-acpi.h"
#include "hw/x86/pc-boot-order.h"
#include "hw/x86/pc-iommu.h"
#include "hw/x86/pc-irq.h"
#include "softmmu/base/error.h"
#include "softmmu/irqchip.h"
#include <inttypes.h>
#include <string.h>

#define MAX_RAM (UINT64_C(256) * GIB)
#define MAX_LOW_RAM UINT64_C(0xb0000000) /* as much as fits below configuration space */
#define SPLIT_LOW_RAM UINT64_C(0x80000000)
#define MAX_BIOS (16 * MIB)
#define DEFAULT_BIOS "/usr/share/seabios/bios-256k.bin"
#define FW_CFG_PORT 0x510
#define IRQ_TIMER 0
#define IRQ_KEYBOARD 1
#define IRQ_RTC 8
#define IRQ_MOUSE 12

/* For a kernel that is started directly. */
#define LOW_MEMORY_END 0x9fc00u /* with the BIOS's data area behind it */
#define ACPI_RSDP X86_BOOT_TABLES
#define ACPI_TABLES (X86_BOOT_TABLES + ACPI_TABLES_ALIGN)
#define SMBIOS_ENTRY 0xf0000u
#define SMBIOS_TABLES 0xf0040u

typedef struct Q35 {
    Machine *machine;
    uint64_t low_ram, high_ram;
    PcIrq *irqs;
    PciBus *pci;
    Ich9Lpc *lpc;
    Device *pit, *rtc; /* pit: NULL where the engine has it */
    bool rtc_level, hpet_legacy;
    FwCfg *fw_cfg;
    RamBlock *bios;
    bool in_flash;     /* bios is flash */
    uint8_t shared[2]; /* levels of the serial ports, two on each of two lines */
    IrqLine serial_lines[2];
    X86Boot *boot; /* NULL: firmware starts */
    PcBootOrder boot_order;
    SmbiosOptions *smbios;
    bool smbios3; /* its entry point is that of version 3 */
} Q35;

/* ---- Memory and firmware ---- */

static bool make_ram(Q35 *q, GError **error)
{
    Machine *machine = q->machine;
    uint64_t size = machine->config.ram_size;
    if (size > MAX_RAM || size < 2 * MIB) {
        return error_set(error, "machine 'q35' has 2 MiB to %" PRIu64 " GiB of memory; change -m",
                         MAX_RAM / GIB);
    }
    if (!machine_make_ram(machine, size, error)) {
        return false;
    }
    q->low_ram = machine->ram->size <= MAX_LOW_RAM ? machine->ram->size : SPLIT_LOW_RAM;
    q->high_ram = machine->ram->size - q->low_ram;
    memory_map_add_ram(machine->memory, "ram", 0, q->low_ram, 0, machine->ram, 0, false, NULL,
                       NULL);
    if (q->high_ram) {
        memory_map_add_ram(machine->memory, "ram-high", 4 * GIB, q->high_ram, 0, machine->ram,
                           q->low_ram, false, NULL, NULL);
    }
    return true;
}

/* The file that -bios means; a name without directory is looked for where packages put firmware. */
static char *bios_path(const Machine *machine)
{
    static const char *const dirs[] = {"/usr/share/seabios", "/usr/share/qemu", "/usr/share/ovmf"};
    const char *bios = machine->config.bios;
    if (!bios || !strcmp(bios, "default")) {
        return g_strdup(DEFAULT_BIOS);
    }
    for (size_t i = 0; !strchr(bios, '/') && i < ARRAY_SIZE(dirs); i++) {
        char *path = g_build_filename(dirs[i], bios, NULL);
        if (!g_file_test(bios, G_FILE_TEST_EXISTS) && g_file_test(path, G_FILE_TEST_EXISTS)) {
            return path;
        }
        g_free(path);
    }
    return g_strdup(bios);
}

static bool map_bios(Q35 *q, const char *path, GBytes *file, GError **error)
{
    Machine *machine = q->machine;
    uint64_t size = g_bytes_get_size(file);
    if (size % (64 * KIB) != 0) {
        return error_set(error,
                         "-bios: '%s' is no PC firmware: its size, %" PRIu64
                         " bytes, is not a multiple of 64 KiB",
                         path, size);
    }
    q->bios = ram_block_new(machine->memory, "bios", size, error);
    if (!q->bios) {
        return false;
    }
    memcpy(q->bios->host, g_bytes_get_data(file, NULL), size);
    memory_map_add_ram(machine->memory, "bios", 4 * GIB - size, size, 0, q->bios, 0, true, NULL,
                       NULL);
    return true;
}

static bool load_bios(Q35 *q, GError **error)
{
    char *path = bios_path(q->machine);
    bool ok;
    if (!strcmp(path, DEFAULT_BIOS) && !g_file_test(path, G_FILE_TEST_EXISTS)) {
        ok = error_set(error,
                       "the default firmware %s is missing; install Debian's package seabios, "
                       "or give -bios FILE or -kernel FILE",
                       path);
    } else {
        GBytes *file = loader_read_file(NULL, "-bios", path, MAX_BIOS, error);
        ok = file && map_bios(q, path, file, error);
        g_clear_pointer(&file, g_bytes_unref);
    }
    g_free(path);
    return ok;
}

/* Flash banks one below the other, unit 0 ending at 4 GiB: that is the firmware, q->bios. */
static bool make_flash(Q35 *q, GError **error)
{
    uint64_t end = 4 * GIB;
    for (unsigned unit = 0; unit < 2; unit++) {
        GError *failed = NULL;
        BlockDev *blk = drive_by_unit(q->machine, "pflash", unit, &failed);
        bool backed;
        if (!blk) {
            if (failed) {
                g_propagate_error(error, failed);
            }
            return !failed;
        }
        uint64_t size = blockdev_size(blk);
        if (size % (4 * KIB) || size > MAX_BIOS || !size) {
            return error_set(error,
                             "flash drive '%s' is %" PRIu64 " bytes; it must be a multiple "
                             "of 4 KiB and at most %" PRIu64 " MiB",
                             blockdev_id(blk), size, MAX_BIOS / MIB);
        }
        end -= size;
        PflashConfig config = {.chips = &pflash_one_x8, .base = end, .size = size, .unit = unit};
        RamBlock *ram = pflash_cfi01_new(q->machine, &config, &backed, error);
        if (!ram) {
            return false;
        }
        q->bios = q->bios ? q->bios : ram;
    }
    return true;
}

static bool has_no_firmware(const Machine *machine)
{
    return !g_strcmp0(machine->config.bios, "none");
}

/* A kernel is started without firmware, unless that is in flash or asked for by -bios: then it is offered to it. Debian's
 * SeaBIOS would not see it there (QEMU gives it an option ROM for that), so it is not needed. */
static bool starts_directly(const Q35 *q)
{
    const Machine *machine = q->machine;
    char *path = bios_path(machine);
    bool plain = !strcmp(path, DEFAULT_BIOS);
    g_free(path);
    return machine->config.kernel && (has_no_firmware(machine) || (!q->in_flash && plain));
}

static bool make_firmware(Q35 *q, GError **error)
{
    if (!make_flash(q, error)) {
        return false;
    }
    q->in_flash = q->bios != NULL;
    return q->bios || has_no_firmware(q->machine) || starts_directly(q) || load_bios(q, error);
}

/* ---- Devices ---- */

/* Two serial ports share a line. */
static void set_serial(void *opaque, unsigned port, bool level)
{
    Q35 *q = opaque;
    uint8_t bit = 1u << (port / 2), *levels = &q->shared[port % 2];
    *levels = level ? *levels | bit : *levels & ~bit;
    irq_set(&q->serial_lines[port % 2], *levels != 0);
}

static uint8_t serial_ports(const Machine *machine)
{
    uint8_t ports = 1; /* the first is always there */
    for (unsigned i = 1; i < machine->config.nserial; i++) {
        ports |= (machine->config.serial[i] != NULL) << i;
    }
    return ports;
}

static void make_serial(Q35 *q)
{
    static const uint16_t ports[MACHINE_MAX_SERIAL] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
    static const uint8_t irqs[2] = {4, 3};
    for (unsigned i = 0; i < 2; i++) {
        q->serial_lines[i] = pc_irq_line(q->irqs, irqs[i]);
    }
    for (unsigned i = 0; i < MACHINE_MAX_SERIAL; i++) {
        if (serial_ports(q->machine) >> i & 1) {
            ns16550_new_pio(q->machine, ports[i], irq_line(set_serial, q, i),
                            q->machine->config.serial[i]);
        }
    }
}

static void set_pirq(void *opaque, unsigned n, bool level)
{
    Q35 *q = opaque;
    if (q->lpc) {
        ich9_lpc_set_pirq(q->lpc, n, level);
    }
}

static uint8_t read_reset(void *opaque)
{
    return ich9_lpc_read_reset(((Q35 *)opaque)->lpc);
}

static void write_reset(void *opaque, uint8_t value)
{
    ich9_lpc_write_reset(((Q35 *)opaque)->lpc, value);
}

/* Bits of physical addresses: CPUID 0x80000008. 40 is what a processor that does not say has at most. */
static unsigned address_bits(const Q35 *q)
{
    uint32_t cpuid[4];
    x86_cpu_cpuid(q->machine->cpus[0], 0x80000008, 0, cpuid);
    unsigned bits = cpuid[0] & 0xff;
    return bits >= 36 && bits <= 52 ? bits : 40;
}

static void make_chipset(Q35 *q)
{
    MchConfig config = {
        .low_ram = q->low_ram,
        .high_ram = q->high_ram,
        .address_bits = address_bits(q),
        .bios = q->bios,
        .read_reset = read_reset,
        .write_reset = write_reset,
        .reset_opaque = q,
    };
    IrqLine isa[16], apic[PCI_MAX_LINES];
    for (unsigned i = 0; i < PCI_MAX_LINES; i++) {
        config.pirq[i] = irq_line(set_pirq, q, i);
        apic[i] = pc_irq_line(q->irqs, 16 + i);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(isa); i++) {
        isa[i] = pc_irq_line(q->irqs, i);
    }
    q->pci = mch_new(q->machine, &config);
    q->lpc = ich9_lpc_new(q->pci, isa, apic);
}

static void set_rtc(void *opaque, unsigned n, bool level)
{
    Q35 *q = opaque;
    q->rtc_level = level;
    if (!q->hpet_legacy) {
        IrqLine line = pc_irq_line(q->irqs, IRQ_RTC);
        irq_set(&line, level);
    }
}

/* The HPET takes over from the 8254 and the RTC, or gives back. */
static void hpet_legacy(void *opaque, bool on)
{
    Q35 *q = opaque;
    IrqLine line = pc_irq_line(q->irqs, IRQ_RTC);
    if (q->hpet_legacy != on) {
        q->hpet_legacy = on;
        irq_set(&line, q->rtc_level && !on);
    }
    if (q->pit) {
        i8254_set_irq_enabled(q->pit, !on);
    } else {
        irqchip_connect_pit(q->machine, !on);
    }
}

static void make_hpet(Q35 *q)
{
    HpetConfig hpet = {.legacy = hpet_legacy, .opaque = q};
    for (unsigned i = 0; i < ARRAY_SIZE(hpet.gsi); i++) {
        hpet.gsi[i] = pc_irq_line(q->irqs, i);
    }
    /* Input 2 of the I/O APIC is line 0. */
    hpet.gsi[2] = hpet.gsi[0];
    hpet_new(q->machine, HPET_BASE, &hpet);
}

/* What has been on the ISA bus since the first PCs. */
static void make_isa_devices(Q35 *q)
{
    Machine *machine = q->machine;
    unsigned n = machine->devices->len;
    if (!pc_irq_in_engine(q->irqs)) {
        q->pit = i8254_new(machine, pc_irq_line(q->irqs, IRQ_TIMER));
    }
    q->rtc =
        mc146818_new(machine, irq_line(set_rtc, q, 0), machine_real_time(machine) / G_USEC_PER_SEC);
    make_serial(q);
    i8042_new(machine, pc_irq_line(q->irqs, IRQ_KEYBOARD), pc_irq_line(q->irqs, IRQ_MOUSE));
    for (; n < machine->devices->len; n++) {
        isa_attach(machine->devices->pdata[n]);
    }
}

static uint64_t silent_read(void *opaque, uint64_t offset, unsigned size)
{
    return UINT64_MAX;
}

static void silent_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
}

/* Ports of the ISA DMA controllers, which nothing uses but firmware resets, and the one that programs write to
 * for a pause. */
static void add_silent_ports(Machine *machine)
{
    static const MmioOps ops = {silent_read, silent_write, 1, 1, false};
    memory_map_add_mmio(machine->io, "dma", 0, 0x10, -1, &ops, NULL, NULL);
    memory_map_add_mmio(machine->io, "dma-page", 0x80, 0x10, -1, &ops, NULL, NULL);
    memory_map_add_mmio(machine->io, "dma2", 0xc0, 0x20, -1, &ops, NULL, NULL);
}

static bool make_devices(Q35 *q, GError **error)
{
    Machine *machine = q->machine;
    for (unsigned i = 0; i < machine->config.cpus; i++) {
        if (!x86_cpu_new(machine, machine->config.cpu_model, error)) {
            return false;
        }
    }
    if (!make_firmware(q, error)) {
        return false;
    }
    q->irqs = pc_irq_new(machine, true);
    make_chipset(q);
    if (!pc_iommu_new(machine, q->pci, q->irqs, error)) {
        return false;
    }
    make_isa_devices(q);
    make_hpet(q);
    add_silent_ports(machine);
    q->fw_cfg = fw_cfg_new_pio(machine, FW_CFG_PORT);
    bool vga = !machine->config.nodefaults && !machine->config.no_vga;
    return (!vga || vga_new(q->pci, PCI_DEVFN(1, 0), NULL, VGA_DEFAULT_MEMORY, error)) &&
           ahci_new(q->pci, PCI_DEVFN(ICH9_LPC_SLOT, 2), NULL, true, error);
}

/* ---- What firmware is told ---- */

static AcpiTables *make_acpi(const Q35 *q)
{
    PcAcpiConfig config = {
        .machine = q->machine,
        .ecam_base = mch_ecam_base(q->pci),
        .hpet = true,
        .serial_ports = serial_ports(q->machine),
        .pvpanic_port = isa_pvpanic_port(q->machine),
        .more = pc_iommu_add_table,
    };
    config.ecam_size = config.ecam_base ? MCH_ECAM_SIZE : 0;
    mch_windows(q->pci, config.window_base, config.window_size);
    uint64_t end = config.window_base[0] + config.window_size[0];
    uint64_t ecam_end = config.ecam_base + config.ecam_size;
    if (config.ecam_size && ecam_end > config.window_base[0] && ecam_end < end) {
        config.window_base[0] = ecam_end; /* what is below is left to configuration space */
        config.window_size[0] = end - ecam_end;
    }
    return pc_acpi_make(&config);
}

/* The guest is about to read the tables: firmware has set PCI up. */
static void refresh_acpi(void *opaque)
{
    Q35 *q = opaque;
    AcpiTables *t = make_acpi(q);
    acpi_update_fw_cfg(t, q->fw_cfg);
    acpi_tables_free(t);
}

static void add_file(FwCfg *fw_cfg, const char *name, const void *data, size_t len)
{
    GBytes *bytes = g_bytes_new(data, len);
    fw_cfg_add_file(fw_cfg, name, bytes);
    g_bytes_unref(bytes);
}

static void add_e820(Q35 *q)
{
    struct __attribute__((packed)) {
        uint64_t addr, len;
        uint32_t type;
    } map[] = {{0, q->low_ram, 1}, {4 * GIB, q->high_ram, 1}};
    add_file(q->fw_cfg, "etc/e820", map, sizeof(map[0]) * (q->high_ram ? 2 : 1));
}

static GBytes *make_smbios(const Q35 *q, uint64_t address, GBytes **entry, GError **error)
{
    SmbiosConfig config = {
        .machine = q->machine,
        .address = address,
        .low_ram = q->low_ram,
        .high_ram = q->high_ram,
        .options = q->smbios,
        .version3 = q->smbios3,
    };
    return smbios_make(&config, entry, error);
}

static bool add_smbios(Q35 *q, GError **error)
{
    GBytes *entry, *tables = make_smbios(q, 0, &entry, error);
    if (!tables) {
        return false;
    }
    fw_cfg_add_file(q->fw_cfg, "etc/smbios/smbios-tables", tables);
    fw_cfg_add_file(q->fw_cfg, "etc/smbios/smbios-anchor", entry);
    g_bytes_unref(tables);
    g_bytes_unref(entry);
    return true;
}

static void fill_fw_cfg(Q35 *q)
{
    /* Sleep states with their types; bit 7: it is there. Only S0 and S5 are. */
    static const uint8_t states[6] = {0x80, 0, 0, 1, 2, 0x80};
    Machine *machine = q->machine;
    AcpiTables *t = make_acpi(q);
    fw_cfg_add_u64(q->fw_cfg, FW_CFG_RAM_SIZE, machine->ram->size);
    fw_cfg_add_u16(q->fw_cfg, FW_CFG_NB_CPUS, machine->ncpus);
    fw_cfg_add_u16(q->fw_cfg, FW_CFG_MAX_CPUS, machine->ncpus);
    fw_cfg_add_u32(q->fw_cfg, FW_CFG_X86_IRQ0_OVERRIDE, 1);
    add_file(q->fw_cfg, "etc/system-states", states, sizeof(states));
    add_e820(q);
    acpi_add_to_fw_cfg(t, q->fw_cfg, refresh_acpi, q);
    pc_boot_order_fill(&q->boot_order, q->fw_cfg);
    acpi_tables_free(t);
}

/* The CMOS bytes that firmware reads where it does not ask fw_cfg. */
static void fill_cmos(Q35 *q)
{
    uint64_t low_kib = MIN(q->low_ram / KIB, 640), above_1m = q->low_ram / KIB - 1024;
    uint64_t above_16m = q->low_ram > 16 * MIB ? (q->low_ram - 16 * MIB) / (64 * KIB) : 0;
    uint64_t above_4g = q->high_ram / (64 * KIB);
    mc146818_set_byte(q->rtc, 0x15, low_kib);
    mc146818_set_byte(q->rtc, 0x16, low_kib >> 8);
    for (unsigned at = 0x17; at <= 0x30; at += 0x30 - 0x17) {
        mc146818_set_byte(q->rtc, at, MIN(above_1m, 65535) & 0xff);
        mc146818_set_byte(q->rtc, at + 1, MIN(above_1m, 65535) >> 8);
    }
    mc146818_set_byte(q->rtc, 0x34, MIN(above_16m, 65535) & 0xff);
    mc146818_set_byte(q->rtc, 0x35, MIN(above_16m, 65535) >> 8);
    for (unsigned i = 0; i < 3; i++) {
        mc146818_set_byte(q->rtc, 0x5b + i, above_4g >> 8 * i);
    }
    mc146818_set_byte(q->rtc, 0x5f, q->machine->ncpus - 1);
    mc146818_set_byte(q->rtc, 0x14, 0x06); /* equipment: a coprocessor, a mouse */
}

/* ---- Starting a kernel without firmware ---- */

static void add_memory(X86BootConfig *config, uint64_t addr, uint64_t size, uint32_t type)
{
    if (size) {
        config->memory[config->nmemory++] = (X86BootMemory){addr, size, type};
    }
}

/* Adds @data (freed) at @addr. */
static bool add_table(Q35 *q, const char *what, uint64_t addr, GBytes *data, GError **error)
{
    bool ok = x86_boot_add(q->boot, what, addr, data, error);
    g_bytes_unref(data);
    return ok;
}

static bool add_tables(Q35 *q, GError **error)
{
    AcpiTables *t = make_acpi(q);
    GBytes *entry = NULL, *smbios = make_smbios(q, SMBIOS_TABLES, &entry, error);
    bool ok = smbios &&
              add_table(q, "ACPI tables", ACPI_TABLES, acpi_get_tables(t, ACPI_TABLES), error) &&
              add_table(q, "ACPI root pointer", ACPI_RSDP, acpi_get_rsdp(t, ACPI_TABLES), error);
    acpi_tables_free(t);
    if (!ok) {
        g_clear_pointer(&smbios, g_bytes_unref);
        g_clear_pointer(&entry, g_bytes_unref);
        return false;
    }
    ok = add_table(q, "SMBIOS", SMBIOS_TABLES, smbios, error);
    return add_table(q, "SMBIOS entry point", SMBIOS_ENTRY, entry, ok ? error : NULL) && ok;
}

/* The chip set as firmware leaves it. */
static void set_up_chipset(Q35 *q)
{
    mch_set_up(q->pci);
    ich9_lpc_set_up(q->lpc);
}

static bool load_kernel(Q35 *q, GError **error)
{
    X86BootConfig config = {.low_ram = q->low_ram, .rsdp = ACPI_RSDP};
    add_memory(&config, 0, LOW_MEMORY_END, X86_RAM);
    add_memory(&config, LOW_MEMORY_END, 0xa0000 - LOW_MEMORY_END, X86_RESERVED);
    add_memory(&config, X86_BOOT_TABLES, X86_BOOT_TABLES_SIZE, X86_RESERVED);
    add_memory(&config, MIB, q->low_ram - MIB, X86_RAM);
    add_memory(&config, MCH_ECAM_DEFAULT, MCH_ECAM_SIZE, X86_RESERVED);
    add_memory(&config, 4 * GIB, q->high_ram, X86_RAM);
    set_up_chipset(q);
    q->boot = x86_boot_new(q->machine, &config, error);
    return q->boot && add_tables(q, error);
}

/* ---- The machine ---- */

/* -machine smbios-entry-point-type=: 32 as in version 2.1, or 64 as in 3.0. */
static bool parse_entry_point(Options *opts, bool *version3, GError **error)
{
    const char *text = options_get(opts, "smbios-entry-point-type", "32");
    *version3 = !strcmp(text, "64");
    return *version3 || !strcmp(text, "32") || !strcmp(text, "auto") ||
           error_set(error, "-machine smbios-entry-point-type= is 32, 64 or auto");
}

static bool check_options(Q35 *q, Options *opts, GError **error)
{
    bool on = true;
    if (!opts) {
        return true;
    }
    options_mark_used(opts, "kernel_irqchip"); /* the engine's */
    if (!options_get_bool(opts, "acpi", &on, error)) {
        return false;
    }
    if (!on) {
        return error_set(error, "-machine acpi=off is not available for 'q35'; use 'microvm'");
    }
    return parse_entry_point(opts, &q->smbios3, error) && options_check_unused(opts, error);
}

static bool q35_init(Machine *machine, GError **error)
{
    Q35 *q = g_new0(Q35, 1);
    machine->board = q;
    q->machine = machine;
    q->smbios = smbios_options_new(machine->config.smbios, error);
    if (!q->smbios || !check_options(q, machine->config.machine_opts, error) ||
        !pc_boot_order_parse(machine, &q->boot_order, error) || !make_ram(q, error) ||
        !make_devices(q, error)) {
        return false;
    }
    fill_fw_cfg(q);
    fill_cmos(q);
    if (!add_smbios(q, error)) {
        return false;
    }
    return starts_directly(q) ? load_kernel(q, error) : x86_boot_offer(machine, q->fw_cfg, error);
}

static void q35_reset(Machine *machine)
{
    Q35 *q = machine->board;
    pc_boot_order_reset(&q->boot_order, machine, q->fw_cfg, q->rtc);
    if (q->boot) {
        set_up_chipset(q);
        x86_boot_reset(q->boot);
    }
}

static void q35_finalize(Machine *machine)
{
    Q35 *q = machine->board;
    if (q) {
        pc_boot_order_clear(&q->boot_order);
        x86_boot_free(q->boot);
        smbios_options_free(q->smbios);
    }
}

const MachineClass x86_q35_machine = {
    .name = "q35",
    .desc = "Standard PC (Q35 + ICH9, 2009)",
    .arch = &x86_64_guest,
    .max_cpus = MACHINE_MAX_CPUS,
    .default_ram = 128 * MIB,
    .default_cpu = "max",
    .drive_interface = "ide",
    .smbios = true,
    .init = q35_init,
    .reset = q35_reset,
    .finalize = q35_finalize,
};
