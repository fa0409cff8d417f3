/*
 * Booting RISC-V boards: where firmware, kernel, initial RAM disk and device tree go, and the first
 * instructions. Addresses are those of QEMU's boards, which OpenSBI and U-Boot are built for.
 *
 *   firmware    at the start of RAM (OpenSBI's fw_dynamic unless -bios says otherwise)
 *   kernel      2 MiB aligned after the firmware, or where its ELF headers say
 *   initrd      half of RAM but at most 128 MiB after the kernel's start; further if the kernel is larger
 *   device tree 2 MiB aligned below the end of RAM or 3 GiB, whichever is lower
 *
 * The reset vector enters the first program in machine mode with a0 = hart id, a1 = device tree,
 * a2 = struct fw_dynamic_info (OpenSBI, docs/firmware/fw_dynamic.md), which tells the firmware to go on at
 * the kernel in supervisor mode.
 */
#include "hw/riscv/boot.h"
#include "cpu/riscv/riscv.h"
#include "hw/intc/aclint.h"
#include "softmmu/base/error.h"
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#define ROM_SIZE 0xf000
#define FDT_LIMIT (UINT64_C(3) * GIB) /* 32-bit firmware can reach it below */
#define FW_DYNAMIC_MAGIC 0x4942534f   /* "OSBI" */
#define FW_DYNAMIC_VERSION 2
#define FW_NEXT_MODE_S 1
#define SEED_SIZE 32

static const LoaderArch riscv64_arch = {"riscv64", EM_RISCV, 0x5064};

/* ---- Firmware, kernel, initial RAM disk ---- */

/* The file that -bios means, in a new string; NULL: none. */
static char *firmware_path(const MachineConfig *config)
{
    const char *bios = config->bios;
    if (bios && !strcmp(bios, "none")) {
        return NULL;
    }
    if (!bios || !strcmp(bios, "default")) {
        return g_strdup(RISCV_DEFAULT_FIRMWARE);
    }
    if (!strchr(bios, '/') && !g_file_test(bios, G_FILE_TEST_EXISTS)) {
        static const char *const dirs[] = {
            "/usr/share/qemu",
            "/usr/lib/riscv64-linux-gnu/opensbi/generic",
        };
        for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
            char *path = g_build_filename(dirs[i], bios, NULL);
            if (g_file_test(path, G_FILE_TEST_EXISTS)) {
                return path;
            }
            g_free(path);
        }
    }
    return g_strdup(bios);
}

/* Reads @path for option @what and adds it at @addr. *@kept gets the file if not NULL. */
static bool load_program(RiscvBoot *boot, const char *what, const char *path, uint64_t addr,
                         LoadedImage *image, GBytes **kept, GError **error)
{
    GBytes *file = loader_read_file(boot->loader, what, path, boot->machine->ram->size, error);
    if (!file) {
        return false;
    }
    bool ok = loader_add_program(boot->loader, what, path, file, addr, image, error);
    if (kept) {
        *kept = file;
    } else {
        g_bytes_unref(file);
    }
    return ok;
}

static bool load_firmware(RiscvBoot *boot, GError **error)
{
    const MachineConfig *config = &boot->machine->config;
    bool in_flash = boot->flash_base && (!config->bios || !strcmp(config->bios, "none"));
    char *path = in_flash ? NULL : firmware_path(config);
    boot->start = in_flash ? boot->flash_base : boot->ram_base;
    if (!path) {
        return true;
    }
    if (!strcmp(path, RISCV_DEFAULT_FIRMWARE) && !g_file_test(path, G_FILE_TEST_EXISTS)) {
        error_set(error,
                  "the default firmware %s is missing; install Debian's package opensbi, or "
                  "give -bios FILE or -bios none",
                  path);
        g_free(path);
        return false;
    }
    bool ok = load_program(boot, "-bios", path, boot->ram_base, &boot->firmware, NULL, error);
    boot->has_firmware = ok;
    if (ok && boot->firmware.elf) {
        boot->start = boot->firmware.entry;
    }
    g_free(path);
    return ok;
}

static bool load_kernel(RiscvBoot *boot, GError **error)
{
    const MachineConfig *config = &boot->machine->config;
    if (boot->flash_base && boot->has_firmware) {
        boot->next = boot->flash_base; /* flash holds what runs in supervisor mode */
    }
    if (!config->kernel) {
        return true;
    }
    uint64_t addr = boot->has_firmware ? align_up(boot->firmware.high, 2 * MIB) : boot->ram_base;
    if (boot->flash_base && !boot->has_firmware) {
        addr = boot->ram_base + 2 * MIB; /* leaves room for the firmware that is in flash */
    }
    if (!load_program(boot, "-kernel", config->kernel, addr, &boot->kernel, &boot->kernel_file,
                      error)) {
        return false;
    }
    if (!boot->next) {
        boot->next = boot->kernel.entry;
    }
    bool at_ram_base = boot->kernel.low <= boot->ram_base && boot->ram_base < boot->kernel.high;
    if (!boot->has_firmware && !boot->flash_base && (boot->entry_from_elf || !at_ram_base)) {
        boot->start = boot->kernel.entry;
    }
    return true;
}

static bool load_initrd(RiscvBoot *boot, GError **error)
{
    Machine *machine = boot->machine;
    const char *path = machine->config.initrd;
    if (!path) {
        return true;
    }
    if (!machine->config.kernel) {
        return error_set(error, "-initrd needs a -kernel to go with it");
    }
    uint64_t ram_size = machine->ram->size, ram_end = boot->ram_base + ram_size;
    boot->initrd_file = loader_read_file(boot->loader, "-initrd", path, ram_size, error);
    if (!boot->initrd_file) {
        return false;
    }
    uint64_t size = g_bytes_get_size(boot->initrd_file);
    uint64_t kernel = MAX(boot->kernel.low, boot->ram_base);
    uint64_t addr = kernel + align_down(MIN(ram_size / 2, 128 * MIB), 4096);
    if (addr < boot->kernel.high) {
        addr = align_up(boot->kernel.high, 2 * MIB);
    }
    /* What does not fit there goes as low as it can. */
    if (addr + size > ram_end - MIN(ram_size, 2 * MIB)) {
        addr = align_up(MAX(boot->kernel.high, boot->firmware.high), 2 * MIB);
    }
    if (addr < boot->ram_base || addr >= ram_end || size > ram_end - addr) {
        return error_set(error,
                         "-initrd '%s' (%" PRIu64 " MiB) does not fit into %" PRIu64
                         " MiB of RAM beside the kernel; give more with -m",
                         path, size / MIB + 1, ram_size / MIB);
    }
    boot->initrd = (LoadedImage){.entry = addr, .low = addr, .high = addr + size};
    return loader_add(boot->loader, "-initrd", addr, boot->initrd_file, size, error);
}

bool riscv_boot_load(RiscvBoot *boot, GError **error)
{
    boot->loader = loader_new(boot->machine, &riscv64_arch);
    if (boot->machine->config.append && !boot->machine->config.kernel && !boot->flash_base) {
        return error_set(error, "-append needs a -kernel to go with it");
    }
    return load_firmware(boot, error) && load_kernel(boot, error) && load_initrd(boot, error);
}

/* ---- Device tree ---- */

static void add_cpu(Vcpu *cpu, FdtTree *tree, unsigned index, uint32_t phandle, uint32_t intc)
{
    char *path = g_strdup_printf("/cpus/cpu@%x", index);
    char *isa = riscv_isa_string(cpu);
    char **extensions = riscv_isa_extensions(cpu);
    fdt_tree_node(tree, path);
    fdt_tree_string(tree, path, "device_type", "cpu");
    fdt_tree_u32(tree, path, "reg", index);
    fdt_tree_string(tree, path, "status", "okay");
    fdt_tree_string(tree, path, "compatible", "riscv");
    fdt_tree_string(tree, path, "riscv,isa", isa);
    fdt_tree_string(tree, path, "riscv,isa-base", "rv64i");
    fdt_tree_strings(tree, path, "riscv,isa-extensions", (const char *const *)extensions);
    fdt_tree_string(tree, path, "mmu-type", riscv_mmu_type(cpu));
    fdt_tree_u32(tree, path, "phandle", phandle);
    unsigned block = riscv_cbo_block_size(cpu);
    if (block) {
        fdt_tree_u32(tree, path, "riscv,cbom-block-size", block);
        fdt_tree_u32(tree, path, "riscv,cboz-block-size", block);
        fdt_tree_u32(tree, path, "riscv,cbop-block-size", block);
    }
    char *controller = g_strconcat(path, "/interrupt-controller", NULL);
    fdt_tree_node(tree, controller);
    fdt_tree_u32(tree, controller, "#interrupt-cells", 1);
    fdt_tree_flag(tree, controller, "interrupt-controller");
    fdt_tree_string(tree, controller, "compatible", "riscv,cpu-intc");
    fdt_tree_u32(tree, controller, "phandle", intc);
    g_free(controller);
    g_strfreev(extensions);
    g_free(isa);
    g_free(path);
}

void riscv_boot_add_cpus(Machine *machine, FdtTree *tree, uint32_t *intc)
{
    fdt_tree_node(tree, "/cpus");
    fdt_tree_u32(tree, "/cpus", "#address-cells", 1);
    fdt_tree_u32(tree, "/cpus", "#size-cells", 0);
    fdt_tree_u32(tree, "/cpus", "timebase-frequency", RISCV_TIMEBASE_HZ);
    fdt_tree_node(tree, "/cpus/cpu-map");
    fdt_tree_node(tree, "/cpus/cpu-map/cluster0");
    for (unsigned i = machine->ncpus; i-- > 0;) {
        uint32_t phandle = fdt_tree_new_phandle(tree);
        intc[i] = fdt_tree_new_phandle(tree);
        add_cpu(machine->cpus[i], tree, i, phandle, intc[i]);
        char *core = g_strdup_printf("/cpus/cpu-map/cluster0/core%u", i);
        fdt_tree_node(tree, core);
        fdt_tree_u32(tree, core, "cpu", phandle);
        g_free(core);
    }
}

void riscv_boot_add_clint(Machine *machine, FdtTree *tree, uint64_t base, const uint32_t *intc)
{
    char *path = g_strdup_printf("/soc/clint@%" PRIx64, base);
    uint32_t cells[4 * MACHINE_MAX_CPUS];
    for (unsigned i = 0; i < machine->ncpus; i++) {
        cells[4 * i] = cells[4 * i + 2] = intc[i];
        cells[4 * i + 1] = RISCV_IRQ_MSI;
        cells[4 * i + 3] = RISCV_IRQ_MTI;
    }
    fdt_tree_node(tree, path);
    fdt_tree_strings(tree, path, "compatible",
                     (const char *const[]){"sifive,clint0", "riscv,clint0", NULL});
    fdt_tree_reg(tree, path, base, ACLINT_SIZE);
    fdt_tree_cells(tree, path, "interrupts-extended", cells, 4 * machine->ncpus);
    g_free(path);
}

/* Adds what depends on the command line to /chosen. */
static void add_chosen(RiscvBoot *boot, FdtTree *tree)
{
    const char *append = boot->machine->config.append;
    uint8_t seed[SEED_SIZE] = {0};
    fdt_tree_node(tree, "/chosen");
    fdt_tree_bytes(tree, "/chosen", "rng-seed", seed, sizeof(seed));
    if (append && *append) {
        fdt_tree_string(tree, "/chosen", "bootargs", append);
    }
    if (boot->initrd.high) {
        fdt_tree_u64(tree, "/chosen", "linux,initrd-start", boot->initrd.low);
        fdt_tree_u64(tree, "/chosen", "linux,initrd-end", boot->initrd.high);
    }
}

/* @tree with a fresh seed. */
static GBytes *reseed(GBytes *tree)
{
    size_t len;
    const void *data = g_bytes_get_data(tree, &len);
    void *copy = g_memdup2(data, len);
    uint32_t seed[SEED_SIZE / 4];
    for (size_t i = 0; i < ARRAY_SIZE(seed); i++) {
        seed[i] = g_random_int();
    }
    int chosen = fdt_path_offset(copy, "/chosen");
    if (chosen >= 0) {
        fdt_setprop_inplace(copy, chosen, "rng-seed", seed, sizeof(seed));
    }
    return g_bytes_new_take(copy, len);
}

/* Where a device tree of @size bytes goes; 0: there is no room. */
static uint64_t place_fdt(RiscvBoot *boot, uint64_t size)
{
    static const uint64_t alignments[] = {2 * MIB, 4096};
    uint64_t end = MIN(boot->ram_base + boot->machine->ram->size, FDT_LIMIT);
    for (size_t i = 0; i < ARRAY_SIZE(alignments); i++) {
        uint64_t addr = align_down(end - MIN(size, end), alignments[i]);
        if (addr >= boot->ram_base && loader_range_free(boot->loader, addr, size)) {
            return addr;
        }
    }
    return 0;
}

static bool dump_fdt(const char *path, const void *data, size_t len, GError **error)
{
    FILE *file = fopen(path, "we");
    bool ok = file && fwrite(data, 1, len, file) == len;
    if (file && fclose(file) != 0) {
        ok = false;
    }
    return ok || error_set_errno(error, errno, "cannot write the device tree to '%s'", path);
}

static bool finish_fdt(RiscvBoot *boot, FdtTree *tree, GError **error)
{
    const MachineConfig *config = &boot->machine->config;
    if (config->dtb) {
        fdt_tree_free(tree);
        tree = fdt_tree_load(config->dtb, error);
        if (!tree) {
            return false;
        }
    }
    add_chosen(boot, tree);
    GBytes *blob = fdt_tree_finish(tree, error);
    if (!blob) {
        return false;
    }
    size_t len;
    const char *data = g_bytes_get_data(blob, &len);
    bool ok = true;
    if (config->dumpdtb) {
        ok = dump_fdt(config->dumpdtb, data, len, error);
        machine_request_quit(boot->machine, 0);
    }
    if (ok) {
        boot->fdt_addr = place_fdt(boot, len);
        ok = boot->fdt_addr
                 ? loader_add(boot->loader, "device tree", boot->fdt_addr, blob, len, error)
                 : error_set(error,
                             "no room for the device tree in %" PRIu64
                             " MiB of RAM; give more with -m",
                             boot->machine->ram->size / MIB);
    }
    g_bytes_unref(blob);
    return ok;
}

/* ---- The reset vector ---- */

typedef struct ResetVector {
    uint32_t code[6];
    uint64_t start, fdt_addr;
    struct {
        uint64_t magic, version, next_addr, next_mode, options, boot_hart;
    } info;
} ResetVector;

static bool make_rom(RiscvBoot *boot, GError **error)
{
    ResetVector vector = {
        .code =
            {
                0x00000297, /* auipc t0, 0 */
                0x02828613, /* addi  a2, t0, 0x28: info */
                0xf1402573, /* csrr  a0, mhartid */
                0x0202b583, /* ld    a1, 0x20(t0): fdt_addr */
                0x0182b283, /* ld    t0, 0x18(t0): start */
                0x00028067, /* jr    t0 */
            },
        .start = boot->start,
        .fdt_addr = boot->fdt_addr,
        .info = {FW_DYNAMIC_MAGIC, FW_DYNAMIC_VERSION, boot->next, FW_NEXT_MODE_S, 0, 0},
    };
    G_STATIC_ASSERT(offsetof(ResetVector, start) == 0x18);
    G_STATIC_ASSERT(offsetof(ResetVector, info) == 0x28);

    Machine *machine = boot->machine;
    RamBlock *rom = ram_block_new(machine->memory, "boot-rom", ROM_SIZE, error);
    if (!rom) {
        return false;
    }
    memory_map_add_ram(machine->memory, "boot-rom", boot->rom_base, ROM_SIZE, 0, rom, 0, true, NULL,
                       NULL);
    GBytes *data = g_bytes_new(&vector, sizeof(vector));
    bool ok = loader_add(boot->loader, "reset vector", boot->rom_base, data, sizeof(vector), error);
    g_bytes_unref(data);
    return ok;
}

bool riscv_boot_finish(RiscvBoot *boot, FdtTree *tree, GError **error)
{
    return finish_fdt(boot, tree, error) && make_rom(boot, error);
}

void riscv_boot_reset(RiscvBoot *boot)
{
    loader_transform(boot->loader, "device tree", reseed);
    loader_reset(boot->loader);
}

void riscv_boot_free(RiscvBoot *boot)
{
    loader_free(boot->loader);
    g_clear_pointer(&boot->kernel_file, g_bytes_unref);
    g_clear_pointer(&boot->initrd_file, g_bytes_unref);
}

/* ---- Machine options, harts, RAM, ACLINT ---- */

bool riscv_boot_check_options(Machine *machine, GError **error)
{
    Options *opts = machine->config.machine_opts;
    if (!opts) {
        return true;
    }
    /* Of QEMU's properties, those whose default is all there is. */
    static const char *const off_only[] = {"aclint", "usb", "acpi"};
    for (size_t i = 0; i < ARRAY_SIZE(off_only); i++) {
        bool on = false;
        if (!options_get_bool(opts, off_only[i], &on, error)) {
            return false;
        }
        if (on) {
            return error_set(error, "-machine %s=on is not available; leave it out", off_only[i]);
        }
    }
    const char *aia = options_get(opts, "aia", "none");
    if (strcmp(aia, "none")) {
        return error_set(error, "-machine aia=%s is not available; only aia=none is", aia);
    }
    return options_check_unused(opts, error);
}

bool riscv_boot_make_harts(Machine *machine, uint64_t reset_pc, GError **error)
{
    const MachineConfig *config = &machine->config;
    for (unsigned i = 0; i < config->cpus; i++) {
        Vcpu *cpu = riscv_cpu_new(machine, config->cpu_model, i, RISCV_TIMEBASE_HZ, error);
        if (!cpu) {
            return false;
        }
        riscv_cpu_set_reset_pc(cpu, reset_pc);
    }
    return true;
}

bool riscv_boot_make_ram(Machine *machine, uint64_t base, uint64_t max_size, GError **error)
{
    uint64_t size = machine->config.ram_size;
    if (size > max_size) {
        return error_set(error,
                         "machine '%s' has at most %" PRIu64 " GiB of RAM; give a smaller -m",
                         machine->cls->name, max_size / GIB);
    }
    if (!machine_make_ram(machine, size, error)) {
        return false;
    }
    memory_map_add_ram(machine->memory, "ram", base, machine->ram->size, 0, machine->ram, 0, false,
                       NULL, NULL);
    return true;
}

static uint64_t hart_time(void *opaque)
{
    return riscv_time(opaque);
}

static void set_hart_time(void *opaque, uint64_t value)
{
    riscv_set_time(opaque, value);
}

Device *riscv_boot_make_aclint(Machine *machine, uint64_t base)
{
    IrqLine msip[MACHINE_MAX_CPUS], mtip[MACHINE_MAX_CPUS];
    for (unsigned i = 0; i < machine->ncpus; i++) {
        msip[i] = riscv_cpu_irq(machine->cpus[i], RISCV_IRQ_MSI);
        mtip[i] = riscv_cpu_irq(machine->cpus[i], RISCV_IRQ_MTI);
    }
    AclintTime time = {hart_time, set_hart_time, machine->cpus[0], RISCV_TIMEBASE_HZ};
    return aclint_new(machine, base, machine->ncpus, &time, msip, mtip);
}
