/*
 * Starting a program without firmware: what the formats have in common.
 *
 * The formats differ in the structure that tells the program about memory, modules and its command line, and in
 * the mode of the processor; both are set up here as a boot loader would leave them. Used while the machine is
 * made and reset: no locking.
 */
#include "hw/x86/boot-internal.h"
#include "softmmu/base/error.h"
#include <elf.h>
#include <inttypes.h>
#include <string.h>

#define MAX_FILE UINT64_C(0x7f000000)

static const LoaderArch x86_arch = {"x86-64", EM_X86_64, 0x8664};

bool boot_add_bytes(X86Boot *boot, const char *what, uint64_t addr, const void *data, size_t size,
                    GError **error)
{
    GBytes *bytes = g_bytes_new(data, size);
    bool ok = loader_add(boot->loader, what, addr, bytes, size, error);
    g_bytes_unref(bytes);
    return ok;
}

bool x86_boot_add(X86Boot *boot, const char *what, uint64_t addr, GBytes *data, GError **error)
{
    return loader_add(boot->loader, what, addr, data, g_bytes_get_size(data), error);
}

bool boot_place(X86Boot *boot, GBytes *data, uint64_t limit, uint64_t *addr, GError **error)
{
    uint64_t size = g_bytes_get_size(data);
    limit = MIN(limit, boot->config.low_ram);
    if (size > limit || align_down(limit - size, 4096) < boot->kernel_end) {
        return error_set(error,
                         "-initrd of %" PRIu64 " MiB does not fit behind the kernel; give more "
                         "RAM with -m",
                         size / MIB);
    }
    *addr = align_down(limit - size, 4096);
    return loader_add(boot->loader, "-initrd", *addr, data, size, error);
}

bool boot_place_initrd(X86Boot *boot, uint64_t limit, GError **error)
{
    return !boot->initrd || boot_place(boot, boot->initrd, limit, &boot->initrd_addr, error);
}

uint32_t boot_add_text(X86Boot *boot, const char *string)
{
    uint32_t addr = BOOT_TEXT + boot->text->len;
    g_string_append_len(boot->text, string, strlen(string) + 1);
    return addr;
}

/* Flat code of 32 or 64 bits, and flat data. */
static bool add_gdt(X86Boot *boot, X86Start *start, GError **error)
{
    const uint64_t code64 = 0x00af9b000000ffff, code32 = 0x00cf9b000000ffff;
    const uint64_t gdt[] = {0, 0, start->bits == 64 ? code64 : code32, 0x00cf93000000ffff};

    start->gdt = BOOT_GDT;
    start->gdt_limit = sizeof(gdt) - 1;
    return boot_add_bytes(boot, "descriptors", BOOT_GDT, gdt, sizeof(gdt), error);
}

/* The first 4 GiB at their own addresses, in pages of 2 MiB. */
static bool add_page_tables(X86Boot *boot, X86Start *start, GError **error)
{
    enum { PRESENT = 3, LARGE = 0x83 };
    uint64_t *tables = g_new0(uint64_t, 6 * 512);

    tables[0] = (BOOT_PAGES + 0x1000) | PRESENT;
    for (unsigned i = 0; i < 4; i++) {
        tables[512 + i] = (BOOT_PAGES + 0x2000 + 0x1000 * i) | PRESENT;
    }
    for (unsigned i = 0; i < 4 * 512; i++) {
        tables[2 * 512 + i] = (uint64_t)i << 21 | LARGE;
    }
    start->cr3 = BOOT_PAGES;
    bool ok = boot_add_bytes(boot, "page tables", BOOT_PAGES, tables, 6 * 4096, error);
    g_free(tables);
    return ok;
}

/* Multiboot programs read their modules by themselves. */
static bool read_files(X86Boot *boot, GError **error)
{
    const MachineConfig *config = &boot->machine->config;
    uint64_t offset;

    boot->kernel = loader_read_file(boot->loader, "-kernel", config->kernel, MAX_FILE, error);
    if (boot->kernel && boot_find_multiboot(boot->kernel, &offset)) {
        return true;
    }
    if (boot->kernel && config->initrd) {
        boot->initrd = loader_read_file(boot->loader, "-initrd", config->initrd, MAX_FILE, error);
    }
    return boot->kernel && (boot->initrd || !config->initrd);
}

static bool lay_out(X86Boot *boot, GError **error)
{
    X86Start start = {0};
    uint64_t offset;
    bool ok;

    if (loader_peek(boot->kernel, 0, 4) == 0x464c457f ||
        boot_find_multiboot(boot->kernel, &offset)) {
        ok = boot_elf(boot, &start, error);
    } else {
        ok = boot_linux(boot, &start, error);
    }
    if (ok && boot->text->len > BOOT_TEXT_MAX) {
        return error_set(error, "-append: the command line has more than %u characters",
                         BOOT_TEXT_MAX);
    }
    if (!ok || !add_gdt(boot, &start, error) ||
        (start.bits == 64 && !add_page_tables(boot, &start, error)) ||
        !boot_add_bytes(boot, "command line", BOOT_TEXT, boot->text->str, boot->text->len, error)) {
        return false;
    }
    x86_cpu_set_start(boot->machine->cpus[0], &start);
    return true;
}

X86Boot *x86_boot_new(Machine *machine, const X86BootConfig *config, GError **error)
{
    X86Boot *boot = g_new0(X86Boot, 1);

    boot->machine = machine;
    boot->config = *config;
    boot->append = config->append           ? config->append
                   : machine->config.append ? machine->config.append
                                            : "";
    boot->loader = loader_new(machine, &x86_arch);
    boot->text = g_string_new(NULL);
    if (!read_files(boot, error) || !lay_out(boot, error)) {
        x86_boot_free(boot);
        return NULL;
    }
    return boot;
}

/* A bzImage in its two parts, boot.rst, "Memory layout"; anything else whole. */
static void offer_kernel(FwCfg *fw_cfg, GBytes *kernel)
{
    uint64_t len = g_bytes_get_size(kernel), sectors = loader_peek(kernel, 0x1f1, 1), setup = 0;

    if (loader_peek(kernel, 0x202, 4) == BOOT_LINUX_MAGIC) {
        setup = MIN((1 + (sectors ? sectors : 4)) * UINT64_C(512), len);
    }
    if (setup) {
        GBytes *part = g_bytes_new_from_bytes(kernel, 0, setup);
        fw_cfg_add_bytes(fw_cfg, FW_CFG_SETUP_SIZE, FW_CFG_SETUP_DATA, part);
        g_bytes_unref(part);
    }
    GBytes *rest = g_bytes_new_from_bytes(kernel, setup, len - setup);
    fw_cfg_add_bytes(fw_cfg, FW_CFG_KERNEL_SIZE, FW_CFG_KERNEL_DATA, rest);
    g_bytes_unref(rest);
}

bool x86_boot_offer(Machine *machine, FwCfg *fw_cfg, GError **error)
{
    const MachineConfig *config = &machine->config;
    const char *append = config->append ? config->append : "";

    if (!config->kernel) {
        return true;
    }
    GBytes *kernel = loader_read_file(NULL, "-kernel", config->kernel, MAX_FILE, error);
    if (!kernel) {
        return false;
    }
    offer_kernel(fw_cfg, kernel);
    g_bytes_unref(kernel);
    if (config->initrd) {
        GBytes *initrd = loader_read_file(NULL, "-initrd", config->initrd, MAX_FILE, error);
        if (!initrd) {
            return false;
        }
        fw_cfg_add_bytes(fw_cfg, FW_CFG_INITRD_SIZE, FW_CFG_INITRD_DATA, initrd);
        g_bytes_unref(initrd);
    }
    GBytes *text = g_bytes_new(append, strlen(append) + 1);
    fw_cfg_add_bytes(fw_cfg, FW_CFG_CMDLINE_SIZE, FW_CFG_CMDLINE_DATA, text);
    g_bytes_unref(text);
    return true;
}

void x86_boot_free(X86Boot *boot)
{
    if (boot) {
        g_clear_pointer(&boot->kernel, g_bytes_unref);
        g_clear_pointer(&boot->initrd, g_bytes_unref);
        loader_free(boot->loader);
        g_string_free(boot->text, true);
        g_free(boot);
    }
}

void x86_boot_reset(X86Boot *boot)
{
    loader_reset(boot->loader);
}
