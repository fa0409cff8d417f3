/*
 * Linux's bzImage by the 64-bit boot protocol (Linux, Documentation/arch/x86/boot.rst and zero-page.rst): the part
 * behind the real-mode code goes to its preferred address and is entered 0x200 after its start in long mode, with
 * boot_params at RSI. asm/bootparam.h has the structures.
 */
#include "hw/x86/boot-internal.h"
#include "softmmu/base/error.h"
#include <asm/bootparam.h>
#include <inttypes.h>
#include <string.h>

#define ENTRY_64 0x200
#define LOADER_UNDEFINED 0xff
#define VERSION_64 0x20c /* boot protocol 2.12, with Linux 3.8 */
#define SETUP_HEADER 0x1f1

/* The setup header of @kernel, as much of it as the file says there is. */
static bool read_header(X86Boot *boot, struct setup_header *header, GError **error)
{
    const char *path = boot->machine->config.kernel;
    size_t len;
    const uint8_t *data = g_bytes_get_data(boot->kernel, &len);

    if (loader_peek(boot->kernel, 0x202, 4) != BOOT_LINUX_MAGIC) {
        return error_set(error,
                         "-kernel '%s' is neither a Linux bzImage nor an ELF file with a PVH or "
                         "Multiboot header",
                         path);
    }
    size_t size = 0x202 + loader_peek(boot->kernel, 0x201, 1) - SETUP_HEADER;
    memset(header, 0, sizeof(*header));
    memcpy(header, data + SETUP_HEADER, MIN(MIN(size, sizeof(*header)), len - SETUP_HEADER));
    if (header->version < VERSION_64 || !(header->xloadflags & XLF_KERNEL_64)) {
        return error_set(error,
                         "-kernel '%s' is a 32-bit or very old Linux; give a 64-bit one "
                         "from 3.8 on",
                         path);
    }
    return true;
}

/* The kernel proper. Returns where it starts, 0 with @error. */
static uint64_t add_kernel(X86Boot *boot, const struct setup_header *header, GError **error)
{
    uint64_t len = g_bytes_get_size(boot->kernel);
    uint64_t skip = (1 + (header->setup_sects ? header->setup_sects : 4)) * UINT64_C(512);
    uint64_t addr = header->pref_address ? header->pref_address : BOOT_PROGRAM;

    if (skip >= len) {
        error_set(error, "-kernel '%s' is cut off", boot->machine->config.kernel);
        return 0;
    }
    uint64_t need = MAX(len - skip, header->init_size);
    if (addr + need > boot->config.low_ram || addr + need < addr) {
        error_set(error, "-kernel '%s' needs %" PRIu64 " MiB of memory to start; give more with -m",
                  boot->machine->config.kernel, (addr + need) / MIB + 1);
        return 0;
    }
    GBytes *code = g_bytes_new_from_bytes(boot->kernel, skip, len - skip);
    bool ok = loader_add(boot->loader, "-kernel", addr, code, len - skip, error);
    g_bytes_unref(code);
    boot->kernel_end = addr + need;
    return ok ? addr : 0;
}

static void fill_memory(X86Boot *boot, struct boot_params *params)
{
    for (unsigned i = 0; i < boot->config.nmemory; i++) {
        const X86BootMemory *m = &boot->config.memory[i];
        params->e820_table[i] = (struct boot_e820_entry){m->addr, m->size, m->type};
    }
    params->e820_entries = boot->config.nmemory;
}

bool boot_linux(X86Boot *boot, X86Start *start, GError **error)
{
    struct boot_params params = {0};
    struct setup_header *header = &params.hdr;

    if (!read_header(boot, header, error)) {
        return false;
    }
    if (header->cmdline_size && strlen(boot->append) > header->cmdline_size) {
        return error_set(error, "-append: this kernel takes at most %u characters",
                         header->cmdline_size);
    }
    uint64_t addr = add_kernel(boot, header, error);
    if (!addr || !boot_place_initrd(boot, (uint64_t)header->initrd_addr_max + 1, error)) {
        return false;
    }
    header->type_of_loader = LOADER_UNDEFINED;
    header->loadflags |= LOADED_HIGH;
    header->cmd_line_ptr = boot_add_text(boot, boot->append);
    header->ramdisk_image = boot->initrd_addr;
    header->ramdisk_size = boot->initrd ? g_bytes_get_size(boot->initrd) : 0;
    params.acpi_rsdp_addr = boot->config.rsdp;
    fill_memory(boot, &params);
    start->bits = 64;
    start->entry = addr + ENTRY_64;
    start->rsi = BOOT_INFO;
    return boot_add_bytes(boot, "boot parameters", BOOT_INFO, &params, sizeof(params), error);
}
