/*
 * `amphi run FILE`: see verbs.h. What a file is, is seen from its first bytes: Linux images by their headers
 * (Documentation/arch/riscv/boot-image-header.rst, Documentation/arch/x86/boot.rst), programs by ELF's; everything else
 * is a disk. Which machine a disk is for nothing says but its name.
 */
#include "softmmu/verbs.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/error.h"
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define UBOOT "/usr/lib/u-boot/qemu-riscv64_smode/uboot.elf" /* Debian's u-boot-qemu */

typedef enum FileKind { FILE_DISK, FILE_RISCV_KERNEL, FILE_X86_KERNEL } FileKind;

static bool has_text(const uint8_t *head, size_t len, size_t at, const char *text)
{
    return at + strlen(text) <= len && !memcmp(head + at, text, strlen(text));
}

static FileKind kind_of(const uint8_t *head, size_t len)
{
    Elf64_Ehdr elf;
    if (has_text(head, len, 0, ELFMAG) && len >= sizeof(elf)) {
        memcpy(&elf, head, sizeof(elf));
        return elf.e_machine == EM_X86_64 ? FILE_X86_KERNEL : FILE_RISCV_KERNEL;
    }
    if (has_text(head, len, 0x202, "HdrS")) {
        return FILE_X86_KERNEL;
    }
    /* An Image, plain, with an EFI stub around a packed one, or packed by gzip. */
    if (has_text(head, len, 0x38, "RSC\x05") || has_text(head, len, 4, "zimg") ||
        has_text(head, len, 0, "\x1f\x8b")) {
        return FILE_RISCV_KERNEL;
    }
    return FILE_DISK;
}

static bool read_kind(const char *path, FileKind *kind, GError **error)
{
    uint8_t head[1024];
    if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
        return error_set(error, "run: '%s' is a directory; give a kernel or a disk", path);
    }
    FILE *file = fopen(path, "rb");
    if (!file) {
        return error_set_errno(error, errno, "run: cannot read '%s'", path);
    }
    *kind = kind_of(head, fread(head, 1, sizeof(head), file));
    fclose(file);
    return true;
}

static void add(GPtrArray *out, const char *option, const char *value)
{
    g_ptr_array_add(out, g_strdup(option));
    if (value) {
        g_ptr_array_add(out, g_strdup(value));
    }
}

/* Whether one of @argv's options begins with @name ("-ni" for -nic). */
static bool has_option(int argc, char **argv, const char *name)
{
    for (int i = 3; i < argc; i++) {
        if (g_str_has_prefix(argv[i] + (argv[i][0] == '-' && argv[i][1] == '-'), name)) {
            return true;
        }
    }
    return false;
}

static void add_disk(GPtrArray *out, const char *path)
{
    bool riscv = strstr(path, "riscv") != NULL;
    GString *escaped = g_string_new(path);
    g_string_replace(escaped, ",", ",,", 0);
    g_string_prepend(escaped, "if=virtio,file=");
    add(out, "-machine", riscv ? "virt" : "q35");
    if (riscv) {
        add(out, "-kernel", UBOOT);
    }
    add(out, "-drive", escaped->str);
    g_string_free(escaped, true);
}

char **verb_run(int argc, char **argv, GError **error)
{
    FileKind kind;
    if (argc < 3 || argv[2][0] == '-') {
        error_set(error, "run what? amphi run KERNEL|DISK [OPTION]...");
        return NULL;
    }
    if (!read_kind(argv[2], &kind, error)) {
        return NULL;
    }
    GPtrArray *out = g_ptr_array_new();
    char *cpus = g_strdup_printf("%u", CLAMP(g_get_num_processors(), 1, 4));
    add(out, argv[0], NULL);
    if (kind == FILE_DISK) {
        add_disk(out, argv[2]);
    } else {
        add(out, "-machine", kind == FILE_X86_KERNEL ? "q35" : "virt");
        add(out, "-kernel", argv[2]);
        add(out, "-append", "console=ttyS0");
    }
    add(out, "-smp", cpus);
    add(out, "-m", "1G");
    add(out, "-nographic", NULL);
    if (!has_option(argc, argv, "-ni") && !has_option(argc, argv, "-net") &&
        !has_option(argc, argv, "-nodef")) {
        add(out, "-nic", "user");
    }
    for (int i = 3; i < argc; i++) {
        add(out, argv[i], NULL);
    }
    g_free(cpus);
    g_ptr_array_add(out, NULL);
    return (char **)g_ptr_array_free(out, false);
}
