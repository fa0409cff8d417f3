/*
 * Machine "microvm": a PC reduced to what a kernel needs that is started directly: RAM, interrupt controllers, a
 * serial port, and virtio devices over MMIO. No firmware (but -bios FILE runs one), no PCI, for the fastest
 * start. Addresses and interrupts are those of QEMU's machine of that name.
 *
 * The kernel finds the virtio devices by ACPI, or with -machine acpi=off by virtio_mmio.device= on its command
 * line. Everything is made at init, nothing changes later: no locking.
 */
#include "cpu/x86/x86.h"
#include "hw/char/ns16550.h"
#include "hw/timer/i8254.h"
#include "hw/virtio/virtio-mmio.h"
#include "hw/x86/boards.h"
#include "hw/x86/boot.h"
#include "hw/x86/microvm.h"
#include "hw/x86/pc-irq.h"
#include "softmmu/base/error.h"
#include <inttypes.h>
#include <string.h>

#define LOW_RAM_MAX UINT64_C(0xc0000000)
#define HIGH_RAM (4 * GIB)
#define LOW_MEMORY_END 0x9fc00u /* with the BIOS's data area behind it */
#define BIOS_MAX (16 * MIB)
#define BIOS_SHADOW 0x20000u /* below 1 MiB: the last so many bytes of the firmware */
#define SERIAL_PORT 0x3f8
#define SERIAL_IRQ 4

typedef struct Microvm {
    Machine *machine;
    uint64_t low_ram, high_ram;
    PcIrq *irqs;
    X86Boot *boot;
    bool acpi;
    char *append;
    Loader *firmware;
} Microvm;

/* ---- Memory ---- */

static bool make_ram(Microvm *m, GError **error)
{
    Machine *machine = m->machine;
    uint64_t size = machine->config.ram_size;

    if (size < 2 * MIB) {
        return error_set(error, "machine 'microvm' has at least 2 MiB of memory; change -m");
    }
    if (!machine_make_ram(machine, size, error)) {
        return false;
    }
    m->low_ram = MIN(machine->ram->size, LOW_RAM_MAX);
    m->high_ram = machine->ram->size - m->low_ram;
    memory_map_add_ram(machine->memory, "ram-low", 0, m->low_ram, 0, machine->ram, 0, false, NULL,
                       NULL);
    if (m->high_ram) {
        memory_map_add_ram(machine->memory, "ram-high", HIGH_RAM, m->high_ram, 0, machine->ram,
                           m->low_ram, false, NULL, NULL);
    }
    return true;
}

/* Firmware ends at 4 GiB, where the processor starts, and its end is below 1 MiB as well. */
static bool map_firmware(Microvm *m, GBytes *file, GError **error)
{
    MemoryMap *map = m->machine->memory;
    uint64_t size = align_up(g_bytes_get_size(file), 4096), shadow = MIN(size, BIOS_SHADOW);
    RamBlock *rom = ram_block_new(map, "bios", size, error);

    if (!rom) {
        return false;
    }
    memory_map_add_ram(map, "bios", 4 * GIB - size, size, 1, rom, 0, true, NULL, NULL);
    memory_map_add_ram(map, "bios-shadow", MIB - shadow, shadow, 1, rom, size - shadow, true, NULL,
                       NULL);
    m->firmware = loader_new(m->machine, &microvm_arch);
    return loader_add(m->firmware, "-bios", 4 * GIB - g_bytes_get_size(file), file, 0, error);
}

static bool load_firmware(Microvm *m, GError **error)
{
    const char *path = m->machine->config.bios;

    if (!path || !strcmp(path, "none") || !strcmp(path, "default")) {
        return true;
    }
    GBytes *file = loader_read_file(NULL, "-bios", path, BIOS_MAX, error);
    bool ok = file && map_firmware(m, file, error);
    if (file) {
        g_bytes_unref(file);
    }
    return ok;
}

/* ---- Devices ---- */

static void make_devices(Microvm *m)
{
    Machine *machine = m->machine;

    m->irqs = pc_irq_new(machine, true);
    if (!pc_irq_in_engine(m->irqs)) {
        i8254_new(machine, pc_irq_line(m->irqs, 0));
    }
    for (unsigned i = 0; i < MICROVM_SLOTS; i++) {
        virtio_mmio_new(machine, MICROVM_VIRTIO_BASE + i * MICROVM_VIRTIO_STRIDE,
                        pc_irq_line(m->irqs, MICROVM_VIRTIO_IRQ + i));
    }
    ns16550_new_pio(machine, SERIAL_PORT, pc_irq_line(m->irqs, SERIAL_IRQ),
                    machine->config.serial[0]);
    microvm_power_new(machine, pc_irq_line(m->irqs, MICROVM_GED_IRQ));
}

/* ---- Starting the kernel ---- */

static void add_memory(X86BootConfig *config, uint64_t addr, uint64_t size, uint32_t type)
{
    if (size) {
        config->memory[config->nmemory++] = (X86BootMemory){addr, size, type};
    }
}

static void fill_boot_config(Microvm *m, X86BootConfig *config)
{
    config->low_ram = m->low_ram;
    add_memory(config, 0, LOW_MEMORY_END, X86_RAM);
    add_memory(config, LOW_MEMORY_END, 0xa0000 - LOW_MEMORY_END, X86_RESERVED);
    add_memory(config, X86_BOOT_TABLES, X86_BOOT_TABLES_SIZE, X86_RESERVED);
    add_memory(config, MIB, m->low_ram - MIB, X86_RAM);
    add_memory(config, HIGH_RAM, m->high_ram, X86_RAM);
}

/* Which slots are taken is known when all devices are there, which is later: names all of them; drivers pass
 * over empty ones silently. */
static char *command_line(Microvm *m)
{
    GString *text = g_string_new(m->machine->config.append);

    for (unsigned i = 0; !m->acpi && i < MICROVM_SLOTS; i++) {
        g_string_append_printf(text, " virtio_mmio.device=%u@0x%x:%u", MICROVM_VIRTIO_STRIDE,
                               MICROVM_VIRTIO_BASE + i * MICROVM_VIRTIO_STRIDE,
                               MICROVM_VIRTIO_IRQ + i);
    }
    return g_string_free(text, false);
}

static bool load_kernel(Microvm *m, GError **error)
{
    X86BootConfig config = {0};
    Machine *machine = m->machine;

    if (!machine->config.kernel) {
        return m->firmware ||
               error_set(error, "machine 'microvm' has no firmware: give -kernel FILE "
                                "(a Linux bzImage, or ELF with PVH), or -bios FILE");
    }
    m->append = command_line(m);
    config.append = m->append;
    config.rsdp = m->acpi ? X86_BOOT_TABLES : 0;
    fill_boot_config(m, &config);
    m->boot = x86_boot_new(machine, &config, error);
    return m->boot && (!m->acpi || microvm_acpi_add(machine, m->boot, error));
}

/* ---- The machine ---- */

static bool read_options(Microvm *m, GError **error)
{
    Options *opts = m->machine->config.machine_opts;

    m->acpi = true;
    if (!opts) {
        return true;
    }
    options_get(opts, "kernel_irqchip", NULL); /* the engine's, which may be one without */
    options_get(opts, "accel", NULL);
    return options_get_bool(opts, "acpi", &m->acpi, error) && options_check_unused(opts, error);
}

static bool make_cpus(Microvm *m, GError **error)
{
    for (unsigned i = 0; i < m->machine->config.cpus; i++) {
        if (!x86_cpu_new(m->machine, m->machine->config.cpu_model, error)) {
            return false;
        }
    }
    return true;
}

static bool microvm_init(Machine *machine, GError **error)
{
    Microvm *m = g_new0(Microvm, 1);

    machine->board = m;
    m->machine = machine;
    if (!read_options(m, error) || !make_ram(m, error) || !make_cpus(m, error)) {
        return false;
    }
    make_devices(m);
    return load_firmware(m, error) && load_kernel(m, error);
}

static void microvm_reset(Machine *machine)
{
    Microvm *m = machine->board;

    if (m->firmware) {
        loader_reset(m->firmware);
    }
    if (m->boot) {
        x86_boot_reset(m->boot);
    }
}

static void microvm_finalize(Machine *machine)
{
    Microvm *m = machine->board;

    if (m) {
        x86_boot_free(m->boot);
        loader_free(m->firmware);
        g_free(m->append);
    }
}

const MachineClass x86_microvm_machine = {
    .name = "microvm",
    .desc = "minimal PC for kernels that are started directly",
    .arch = &x86_64_guest,
    .max_cpus = MACHINE_MAX_CPUS,
    .default_ram = 128 * MIB,
    .default_cpu = "max",
    .init = microvm_init,
    .reset = microvm_reset,
    .finalize = microvm_finalize,
};
