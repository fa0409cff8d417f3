/*
 * Loading ELF64 files: program headers at their physical addresses, and the symbols that HTIF uses.
 * System V ABI, chapters 4 and 5. Everything in the file is checked before it is used.
 */
#include "hw/loader-internal.h"
#include "softmmu/base/error.h"
#include <elf.h>
#include <inttypes.h>
#include <string.h>

/* More than any real program has; bounds the work for a hostile file. */
#define MAX_SEGMENTS 64

static const struct {
    uint16_t machine;
    const char *name;
} elf_machines[] = {
    {EM_386, "i386"},    {EM_X86_64, "x86-64"},   {EM_ARM, "arm"},     {EM_AARCH64, "aarch64"},
    {EM_PPC, "ppc"},     {EM_PPC64, "ppc64"},     {EM_S390, "s390x"},  {EM_MIPS, "mips"},
    {EM_SPARC, "sparc"}, {EM_SPARCV9, "sparc64"}, {EM_68K, "m68k"},    {EM_IA_64, "ia64"},
    {EM_SH, "sh4"},      {EM_PARISC, "hppa"},     {EM_ALPHA, "alpha"}, {258, "loongarch64"},
};

static bool check_machine(Loader *loader, ImageName name, GBytes *data, GError **error)
{
    const LoaderArch *arch = loader_arch(loader);
    bool big = loader_peek(data, EI_DATA, 1) == ELFDATA2MSB;
    bool is64 = loader_peek(data, EI_CLASS, 1) == ELFCLASS64;
    uint16_t machine = loader_peek(data, 18, 2);
    machine = big ? GUINT16_SWAP_LE_BE(machine) : machine;
    if (machine == arch->elf_machine && is64 && !big) {
        return true;
    }
    if (machine == EM_RISCV) {
        return loader_wrong_arch(loader, name, is64 ? "riscv64" : "riscv32", error);
    }
    for (size_t i = 0; i < ARRAY_SIZE(elf_machines); i++) {
        if (elf_machines[i].machine == machine) {
            return loader_wrong_arch(loader, name, elf_machines[i].name, error);
        }
    }
    char text[64];
    g_snprintf(text, sizeof(text), "an unknown architecture (ELF machine %u)", machine);
    return loader_wrong_arch(loader, name, text, error);
}

static bool check_header(ImageName name, GBytes *data, Elf64_Ehdr *header, GError **error)
{
    size_t len;
    const void *p = g_bytes_get_data(data, &len);
    if (len < sizeof(*header)) {
        return error_set(error, "%s '%s': ELF file is cut short", name.what, name.path);
    }
    memcpy(header, p, sizeof(*header));
    if (header->e_type != ET_EXEC && header->e_type != ET_DYN) {
        return error_set(error, "%s '%s' is an ELF file that is not linked; link it first",
                         name.what, name.path);
    }
    if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phoff > len ||
        (len - header->e_phoff) / sizeof(Elf64_Phdr) < header->e_phnum) {
        return error_set(error, "%s '%s': ELF program headers are outside of the file", name.what,
                         name.path);
    }
    return true;
}

/* A program linked without a script for a board's RAM has the ELF headers in front of its code, in the page
 * below RAM. Nobody misses them: drops what lies below the first memory, if it is within those headers'
 * page. */
static void trim_headers(Loader *loader, const Elf64_Ehdr *header, Elf64_Phdr *ph)
{
    uint64_t headers = header->e_phoff + (uint64_t)header->e_phnum * sizeof(*ph);
    uint64_t trim = align_up(ph->p_paddr + 1, 4096) - ph->p_paddr;
    if (ph->p_offset == 0 && headers <= trim && trim < ph->p_filesz &&
        !loader_is_memory(loader, ph->p_paddr)) {
        ph->p_offset += trim;
        ph->p_vaddr += trim;
        ph->p_paddr += trim;
        ph->p_filesz -= trim;
        ph->p_memsz -= trim;
    }
}

/* Adds one segment; extends @image. */
static bool add_segment(Loader *loader, ImageName name, GBytes *data, const Elf64_Phdr *ph,
                        LoadedImage *image, GError **error)
{
    size_t len = g_bytes_get_size(data);
    if (ph->p_offset > len || ph->p_filesz > len - ph->p_offset || ph->p_memsz < ph->p_filesz ||
        ph->p_paddr + ph->p_memsz < ph->p_paddr) {
        return error_set(error, "%s '%s': an ELF segment is outside of the file", name.what,
                         name.path);
    }
    GBytes *part = g_bytes_new_from_bytes(data, ph->p_offset, ph->p_filesz);
    bool ok = loader_add(loader, name.what, ph->p_paddr, part, ph->p_memsz, error);
    g_bytes_unref(part);
    image->low = MIN(image->low, ph->p_paddr);
    image->high = MAX(image->high, ph->p_paddr + ph->p_memsz);
    return ok;
}

/* The physical address of @vaddr by the LOAD segments; false if it is in none. */
static bool to_physical(GBytes *data, const Elf64_Ehdr *header, uint64_t vaddr, uint64_t *paddr)
{
    const uint8_t *p = g_bytes_get_data(data, NULL);
    for (unsigned i = 0; i < header->e_phnum; i++) {
        Elf64_Phdr ph;
        memcpy(&ph, p + header->e_phoff + i * sizeof(ph), sizeof(ph));
        if (ph.p_type == PT_LOAD && vaddr - ph.p_vaddr < ph.p_memsz) {
            *paddr = vaddr - ph.p_vaddr + ph.p_paddr;
            return true;
        }
    }
    return false;
}

/* Section header @index; false if there is none. */
static bool get_section(GBytes *data, const Elf64_Ehdr *header, unsigned index, Elf64_Shdr *sh)
{
    size_t len;
    const uint8_t *p = g_bytes_get_data(data, &len);
    if (header->e_shentsize != sizeof(*sh) || header->e_shoff > len || index >= header->e_shnum ||
        (len - header->e_shoff) / sizeof(*sh) <= index) {
        return false;
    }
    memcpy(sh, p + header->e_shoff + index * sizeof(*sh), sizeof(*sh));
    return sh->sh_type == SHT_NOBITS ||
           (sh->sh_offset <= len && sh->sh_size <= len - sh->sh_offset);
}

/* Looks the HTIF symbols up in symbol table @table. */
static void find_symbols(GBytes *data, const Elf64_Ehdr *header, const Elf64_Shdr *table,
                         LoadedImage *image)
{
    const uint8_t *p = g_bytes_get_data(data, NULL);
    Elf64_Shdr strings;
    if (!get_section(data, header, table->sh_link, &strings) || strings.sh_type != SHT_STRTAB) {
        return;
    }
    for (uint64_t i = 0; i < table->sh_size / sizeof(Elf64_Sym); i++) {
        Elf64_Sym sym;
        memcpy(&sym, p + table->sh_offset + i * sizeof(sym), sizeof(sym));
        if (sym.st_name >= strings.sh_size || sym.st_shndx == SHN_UNDEF) {
            continue;
        }
        const char *text = (const char *)p + strings.sh_offset + sym.st_name;
        size_t room = strings.sh_size - sym.st_name;
        uint64_t paddr;
        if (!to_physical(data, header, sym.st_value, &paddr)) {
            paddr = sym.st_value;
        }
        if (room >= sizeof("tohost") && !memcmp(text, "tohost", sizeof("tohost"))) {
            image->tohost = paddr;
        } else if (room >= sizeof("fromhost") && !memcmp(text, "fromhost", sizeof("fromhost"))) {
            image->fromhost = paddr;
        }
    }
}

bool loader_add_elf(Loader *loader, ImageName name, GBytes *data, LoadedImage *image,
                    GError **error)
{
    Elf64_Ehdr header;
    if (!check_machine(loader, name, data, error) || !check_header(name, data, &header, error)) {
        return false;
    }
    const uint8_t *p = g_bytes_get_data(data, NULL);
    unsigned segments = 0;
    image->elf = true;
    image->low = UINT64_MAX;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr ph;
        memcpy(&ph, p + header.e_phoff + i * sizeof(ph), sizeof(ph));
        if (ph.p_type != PT_LOAD || !ph.p_memsz) {
            continue;
        }
        if (++segments > MAX_SEGMENTS) {
            return error_set(error, "%s '%s': ELF file with more than %u segments", name.what,
                             name.path, MAX_SEGMENTS);
        }
        trim_headers(loader, &header, &ph);
        if (!add_segment(loader, name, data, &ph, image, error)) {
            return false;
        }
    }
    if (!segments) {
        return error_set(error, "%s '%s': ELF file has nothing to load", name.what, name.path);
    }
    if (!to_physical(data, &header, header.e_entry, &image->entry)) {
        image->entry = header.e_entry >= image->low && header.e_entry < image->high ? header.e_entry
                                                                                    : image->low;
    }
    for (unsigned i = 0; i < header.e_shnum; i++) {
        Elf64_Shdr sh;
        if (get_section(data, &header, i, &sh) && sh.sh_type == SHT_SYMTAB) {
            find_symbols(data, &header, &sh, image);
            break;
        }
    }
    return true;
}
