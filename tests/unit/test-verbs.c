/*
 * `amphi run FILE`: what kinds of file become.
 */
#include "softmmu/verbs.h"
#include <elf.h>
#include <string.h>
#include <unistd.h>

/* A file of 1024 bytes with @text at @at, in @directory under @name. */
static char *make_file(const char *directory, const char *name, const void *text, size_t len,
                       size_t at)
{
    char bytes[1024] = {0}, *path = g_build_filename(directory, name, NULL);
    memcpy(bytes + at, text, len);
    g_assert_true(g_file_set_contents(path, bytes, sizeof(bytes), NULL));
    return path;
}

static void expect(const char *path, const char *start, const char *end, const char *more)
{
    char *argv[] = {"amphi", "run", (char *)path, (char *)more, NULL};
    GError *error = NULL;
    char **line = verb_run(more ? 4 : 3, argv, &error);
    g_assert_no_error(error);
    char *text = g_strjoinv(" ", line);
    g_test_message("%s", text);
    g_assert_true(g_str_has_prefix(text, start));
    g_assert_true(g_str_has_suffix(text, end));
    g_free(text);
    g_strfreev(line);
}

static void test_kinds(void)
{
    char *dir = g_dir_make_tmp("amphi-verbs-XXXXXX", NULL);
    Elf64_Ehdr elf = {.e_ident = ELFMAG, .e_machine = EM_X86_64};
    char *files[] = {
        make_file(dir, "Image", "RSC\x05", 4, 0x38),
        make_file(dir, "bzImage", "HdrS", 4, 0x202),
        make_file(dir, "vmlinux", &elf, sizeof(elf), 0),
        make_file(dir, "a,b-riscv64.qcow2", "QFI\xfb", 4, 0),
        make_file(dir, "disk.img", "", 0, 0),
    };
    static const char *const machines[] = {"virt -kernel", "q35 -kernel", "q35 -kernel",
                                           "virt -kernel /usr/lib/u-boot/",
                                           "q35 -drive if=virtio,file="};
    for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
        char *start = g_strdup_printf("amphi -machine %s", machines[i]);
        expect(files[i], start, " -m 1G -nographic -nic user", NULL);
        expect(files[i], start, " -nographic -netdev", "-netdev");
        g_free(start);
    }
    char *drive = g_strdup_printf(
        "amphi -machine virt -kernel /usr/lib/u-boot/qemu-riscv64_smode/uboot.elf -drive "
        "if=virtio,file=%s/a,,b-riscv64.qcow2 -smp ",
        dir);
    expect(files[3], drive, " -nic user -S", "-S");
    g_free(drive);
    for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
        unlink(files[i]);
        g_free(files[i]);
    }
    rmdir(dir);
    g_free(dir);
}

static void test_bad(void)
{
    char *none[] = {"amphi", "run", NULL}, *option[] = {"amphi", "run", "-m", NULL};
    char *missing[] = {"amphi", "run", "/nowhere/Image", NULL};
    GError *error = NULL;
    g_assert_null(verb_run(2, none, &error));
    g_clear_error(&error);
    g_assert_null(verb_run(3, option, &error));
    g_assert_cmpstr(error->message, ==, "run what? amphi run KERNEL|DISK [OPTION]...");
    g_clear_error(&error);
    g_assert_null(verb_run(3, missing, &error));
    g_assert_cmpstr(error->message, ==,
                    "run: cannot read '/nowhere/Image': No such file or directory");
    g_clear_error(&error);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/verbs/kinds", test_kinds);
    g_test_add_func("/verbs/bad", test_bad);
    return g_test_run();
}
