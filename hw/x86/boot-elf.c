/*
 * ELF programs: by PVH (a note names the entry: Xen, public/arch-x86/hvm/start_info.h and public/elfnote.h), or by
 * Multiboot (the GNU specification, version 0.6.96). Both are entered in protected mode without paging, with a
 * structure at EBX. Multiboot files may also give their addresses in the header and be no ELF at all.
 */
#include "hw/x86/boot-internal.h"
#include "softmmu/base/error.h"
#include <elf.h>
#include <inttypes.h>
#include <string.h>

/* ---- PVH ---- */

#define NOTE_PHYS32_ENTRY 18
#define START_MAGIC 0x336ec578

typedef struct PvhStart {
    uint32_t magic, version, flags, nr_modules;
    uint64_t modlist, cmdline, rsdp, memmap;
    uint32_t memmap_entries, reserved;
} PvhStart;

typedef struct PvhModule {
    uint64_t addr, size, cmdline, reserved;
} PvhModule;

typedef struct PvhMemory {
    uint64_t addr, size;
    uint32_t type, reserved;
} PvhMemory;

typedef struct PvhInfo {
    PvhStart start;
    PvhModule module;
    PvhMemory memory[X86_BOOT_MAX_MEMORY];
} PvhInfo;

/* ---- Multiboot ---- */

#define MULTIBOOT_HEADER 0x1badb002
#define MULTIBOOT_LOADED 0x2badb002
#define MULTIBOOT_SEARCH 8192
#define MAX_MODULES 64
#define FLAG_ADDRESSES (1u << 16)
#define FLAGS_UNKNOWN 0xfff8u /* requirements (low half) that are not known here */

enum { INFO_MEMORY = 1, INFO_CMDLINE = 4, INFO_MODULES = 8, INFO_MMAP = 64, INFO_NAME = 512 };

typedef struct MultibootInfo {
    uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
    uint32_t mmap_length, mmap_addr, drives[2], config_table, loader_name, apm, vbe[4];
} MultibootInfo;

typedef struct __attribute__((packed)) MultibootMemory {
    uint32_t size; /* of what follows */
    uint64_t addr, len;
    uint32_t type;
} MultibootMemory;

typedef struct MultibootModule {
    uint32_t start, end, string, reserved;
} MultibootModule;

typedef struct MultibootBlock {
    MultibootInfo info;
    MultibootModule modules[MAX_MODULES];
    MultibootMemory memory[X86_BOOT_MAX_MEMORY];
    char name[8];
} MultibootBlock;

bool boot_find_multiboot(GBytes *kernel, uint64_t *offset)
{
    uint64_t end = MIN(g_bytes_get_size(kernel), MULTIBOOT_SEARCH);

    for (uint64_t at = 0; at + 12 <= end; at += 4) {
        uint32_t flags = loader_peek(kernel, at + 4, 4), sum = loader_peek(kernel, at + 8, 4);
        if (loader_peek(kernel, at, 4) == MULTIBOOT_HEADER &&
            (uint32_t)(MULTIBOOT_HEADER + flags + sum) == 0) {
            *offset = at;
            return true;
        }
    }
    return false;
}

/* ---- Segments, of 32- and 64-bit files ---- */

typedef struct Segment {
    uint32_t type;
    uint64_t offset, addr, file_size, size, align;
} Segment;

typedef struct Elf {
    GBytes *data;
    bool is64;
    uint64_t entry, phoff;
    unsigned phnum, phentsize;
} Elf;

static bool read_elf(X86Boot *boot, Elf *elf, GError **error)
{
    GBytes *d = elf->data = boot->kernel;
    unsigned class = loader_peek(d, EI_CLASS, 1), machine = loader_peek(d, 18, 2);

    elf->is64 = class == ELFCLASS64;
    if ((class != ELFCLASS32 && !elf->is64) || loader_peek(d, EI_DATA, 1) != ELFDATA2LSB ||
        machine != (elf->is64 ? EM_X86_64 : EM_386)) {
        return error_set(error,
                         "-kernel '%s' is an ELF file for another architecture; this machine is "
                         "x86-64",
                         boot->machine->config.kernel);
    }
    elf->entry = elf->is64 ? loader_peek(d, 24, 8) : loader_peek(d, 24, 4);
    elf->phoff = elf->is64 ? loader_peek(d, 32, 8) : loader_peek(d, 28, 4);
    elf->phentsize = loader_peek(d, elf->is64 ? 54 : 42, 2);
    elf->phnum = loader_peek(d, elf->is64 ? 56 : 44, 2);
    if (elf->phentsize != (elf->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr))) {
        return error_set(error, "-kernel '%s': damaged ELF program headers",
                         boot->machine->config.kernel);
    }
    return true;
}

/* Header @n; all zeros if it is outside of the file. */
static Segment read_segment(const Elf *elf, unsigned n)
{
    uint64_t at = elf->phoff + (uint64_t)n * elf->phentsize;
    GBytes *d = elf->data;

    if (elf->is64) {
        return (Segment){loader_peek(d, at, 4),      loader_peek(d, at + 8, 8),
                         loader_peek(d, at + 24, 8), loader_peek(d, at + 32, 8),
                         loader_peek(d, at + 40, 8), loader_peek(d, at + 48, 8)};
    }
    return (Segment){loader_peek(d, at, 4),      loader_peek(d, at + 4, 4),
                     loader_peek(d, at + 12, 4), loader_peek(d, at + 16, 4),
                     loader_peek(d, at + 20, 4), loader_peek(d, at + 28, 4)};
}

static bool in_file(const Elf *elf, uint64_t offset, uint64_t size)
{
    uint64_t len = g_bytes_get_size(elf->data);
    return offset <= len && size <= len - offset;
}

static bool add_part(X86Boot *boot, uint64_t addr, uint64_t offset, uint64_t file_size,
                     uint64_t size, GError **error)
{
    GBytes *part = g_bytes_new_from_bytes(boot->kernel, offset, file_size);
    bool ok = loader_add(boot->loader, "-kernel", addr, part, size, error);

    g_bytes_unref(part);
    boot->kernel_end = MAX(boot->kernel_end, addr + size);
    return ok;
}

static bool add_segments(X86Boot *boot, const Elf *elf, GError **error)
{
    unsigned loaded = 0;

    for (unsigned i = 0; i < elf->phnum; i++) {
        Segment s = read_segment(elf, i);
        if (s.type != PT_LOAD || !s.size) {
            continue;
        }
        if (!in_file(elf, s.offset, s.file_size) || s.size < s.file_size ||
            s.addr + s.size < s.addr) {
            return error_set(error, "-kernel '%s': an ELF segment is outside of the file",
                             boot->machine->config.kernel);
        }
        if (!add_part(boot, s.addr, s.offset, s.file_size, s.size, error)) {
            return false;
        }
        loaded++;
    }
    return loaded || error_set(error, "-kernel '%s' has no ELF segments to load",
                               boot->machine->config.kernel);
}

/* Looks for Xen's note with the 32-bit entry among notes at [@at, @end). */
static bool find_note(const Elf *elf, uint64_t at, uint64_t end, uint64_t align, uint64_t *entry)
{
    align = align == 8 ? 8 : 4;
    while (at + 12 <= end) {
        uint64_t name_size = loader_peek(elf->data, at, 4);
        uint64_t size = loader_peek(elf->data, at + 4, 4);
        uint64_t name = at + 12, desc = align_up(name + name_size, align);
        if (loader_peek(elf->data, at + 8, 4) == NOTE_PHYS32_ENTRY && name_size == 4 &&
            loader_peek(elf->data, name, 4) == 0x006e6558 /* Xen */ && size >= 4) {
            *entry = loader_peek(elf->data, desc, 4);
            return true;
        }
        at = align_up(desc + size, align);
    }
    return false;
}

static bool find_pvh(const Elf *elf, uint64_t *entry)
{
    for (unsigned i = 0; i < elf->phnum; i++) {
        Segment s = read_segment(elf, i);
        if (s.type == PT_NOTE && in_file(elf, s.offset, s.file_size) &&
            find_note(elf, s.offset, s.offset + s.file_size, s.align, entry)) {
            return true;
        }
    }
    return false;
}

/* ---- What the programs are told ---- */

static bool tell_pvh(X86Boot *boot, uint64_t entry, X86Start *start, GError **error)
{
    PvhInfo *info = g_new0(PvhInfo, 1);

    info->start = (PvhStart){
        .magic = START_MAGIC,
        .version = 1,
        .nr_modules = boot->initrd ? 1 : 0,
        .modlist = BOOT_INFO + offsetof(PvhInfo, module),
        .cmdline = boot_add_text(boot, boot->append),
        .rsdp = boot->config.rsdp,
        .memmap = BOOT_INFO + offsetof(PvhInfo, memory),
        .memmap_entries = boot->config.nmemory,
    };
    info->module.addr = boot->initrd_addr;
    info->module.size = boot->initrd ? g_bytes_get_size(boot->initrd) : 0;
    for (unsigned i = 0; i < boot->config.nmemory; i++) {
        const X86BootMemory *m = &boot->config.memory[i];
        info->memory[i] = (PvhMemory){m->addr, m->size, m->type, 0};
    }
    start->entry = entry;
    start->rbx = BOOT_INFO;
    bool ok = boot_add_bytes(boot, "start info", BOOT_INFO, info, sizeof(*info), error);
    g_free(info);
    return ok;
}

/* -initrd of a Multiboot program: "FILE ARGUMENTS,FILE ARGUMENTS", a comma in a name doubled, as QEMU has it. */
static GPtrArray *split_modules(const char *text)
{
    GPtrArray *modules = g_ptr_array_new_with_free_func(g_free);
    GString *one = g_string_new(NULL);

    for (const char *p = text ? text : ""; *p; p++) {
        if (*p == ',' && p[1] != ',') {
            g_ptr_array_add(modules, g_strdup(one->str));
            g_string_truncate(one, 0);
        } else {
            p += *p == ',';
            g_string_append_c(one, *p);
        }
    }
    if (text) {
        g_ptr_array_add(modules, g_strdup(one->str));
    }
    g_string_free(one, true);
    return modules;
}

/* Below *@limit, which becomes its address. Its string is all of @text, the file's name included. */
static bool add_module(X86Boot *boot, const char *text, MultibootModule *module, uint64_t *limit,
                       GError **error)
{
    char *path = g_strndup(text, strcspn(text, " "));
    GBytes *data = loader_read_file(boot->loader, "-initrd", path, UINT32_MAX, error);
    bool ok = data && boot_place(boot, data, *limit, limit, error);

    if (ok) {
        module->start = *limit;
        module->end = *limit + g_bytes_get_size(data);
        module->string = boot_add_text(boot, text);
    }
    g_clear_pointer(&data, g_bytes_unref);
    g_free(path);
    return ok;
}

/* In ascending order, up to the end of memory. */
static bool add_modules(X86Boot *boot, MultibootBlock *block, GError **error)
{
    GPtrArray *modules = split_modules(boot->machine->config.initrd);
    uint64_t limit = boot->config.low_ram;
    unsigned n = modules->len;
    bool ok = n <= MAX_MODULES ||
              error_set(error, "-initrd: a Multiboot program has at most %u modules", MAX_MODULES);

    block->info.mods_count = n;
    block->info.flags |= n ? INFO_MODULES : 0;
    for (; ok && n; n--) {
        ok = add_module(boot, modules->pdata[n - 1], &block->modules[n - 1], &limit, error);
    }
    g_ptr_array_free(modules, true);
    return ok;
}

/* The command line begins with the program's name, as boot loaders have it. */
static uint32_t add_command_line(X86Boot *boot)
{
    char *line = g_strdup_printf("%s %s", boot->machine->config.kernel, boot->append);
    uint32_t addr = boot_add_text(boot, line);
    g_free(line);
    return addr;
}

static bool tell_multiboot(X86Boot *boot, uint64_t entry, X86Start *start, GError **error)
{
    MultibootBlock *block = g_new0(MultibootBlock, 1);
    MultibootInfo *info = &block->info;

    info->flags = INFO_MEMORY | INFO_CMDLINE | INFO_MMAP | INFO_NAME;
    info->mem_lower = 639;
    info->mem_upper = boot->config.low_ram / 1024 - 1024;
    info->cmdline = add_command_line(boot);
    info->mods_addr = BOOT_INFO + offsetof(MultibootBlock, modules);
    info->mmap_addr = BOOT_INFO + offsetof(MultibootBlock, memory);
    info->mmap_length = boot->config.nmemory * sizeof(MultibootMemory);
    info->loader_name = BOOT_INFO + offsetof(MultibootBlock, name);
    memcpy(block->name, "amphi", 6);
    for (unsigned i = 0; i < boot->config.nmemory; i++) {
        const X86BootMemory *m = &boot->config.memory[i];
        block->memory[i] =
            (MultibootMemory){sizeof(MultibootMemory) - 4, m->addr, m->size, m->type};
    }
    start->entry = entry;
    start->rax = MULTIBOOT_LOADED;
    start->rbx = BOOT_INFO;
    bool ok = add_modules(boot, block, error) &&
              boot_add_bytes(boot, "boot information", BOOT_INFO, block, sizeof(*block), error);
    g_free(block);
    return ok;
}

/* By the addresses in the Multiboot header at @at: where the header is, where the file's part from the
 * header's distance on begins and ends, the end with zeros, the entry. */
static bool add_by_addresses(X86Boot *boot, uint64_t at, uint64_t *entry, GError **error)
{
    uint64_t header = loader_peek(boot->kernel, at + 12, 4);
    uint64_t load = loader_peek(boot->kernel, at + 16, 4);
    uint64_t load_end = loader_peek(boot->kernel, at + 20, 4);
    uint64_t bss = loader_peek(boot->kernel, at + 24, 4);
    uint64_t len = g_bytes_get_size(boot->kernel), skip = at - (header - load);

    *entry = loader_peek(boot->kernel, at + 28, 4);
    if (load > header || header - load > at || (load_end && load_end < load)) {
        return error_set(error, "-kernel '%s': the addresses in its Multiboot header make no sense",
                         boot->machine->config.kernel);
    }
    uint64_t size = load_end ? MIN(load_end - load, len - skip) : len - skip;
    return add_part(boot, load, skip, size, MAX(size, bss > load ? bss - load : 0), error);
}

static bool boot_multiboot(X86Boot *boot, uint64_t at, X86Start *start, GError **error)
{
    uint32_t flags = loader_peek(boot->kernel, at + 4, 4);
    uint64_t entry;
    Elf elf;

    if (flags & FLAGS_UNKNOWN) {
        return error_set(error,
                         "-kernel '%s': its Multiboot header wants what is not offered "
                         "(flags 0x%x)",
                         boot->machine->config.kernel, flags);
    }
    if (flags & FLAG_ADDRESSES) {
        if (!add_by_addresses(boot, at, &entry, error)) {
            return false;
        }
    } else if (!read_elf(boot, &elf, error) || !add_segments(boot, &elf, error)) {
        return false;
    } else {
        entry = elf.entry;
    }
    return tell_multiboot(boot, entry, start, error);
}

bool boot_elf(X86Boot *boot, X86Start *start, GError **error)
{
    uint64_t at, entry;
    Elf elf;

    start->bits = 32;
    if (boot_find_multiboot(boot->kernel, &at)) {
        return boot_multiboot(boot, at, start, error);
    }
    if (!read_elf(boot, &elf, error)) {
        return false;
    }
    if (!find_pvh(&elf, &entry)) {
        return error_set(error,
                         "-kernel '%s' has neither a PVH note nor a Multiboot header, so it cannot "
                         "be started without firmware",
                         boot->machine->config.kernel);
    }
    return add_segments(boot, &elf, error) &&
           boot_place_initrd(boot, boot->config.low_ram, error) &&
           tell_pvh(boot, entry, start, error);
}
