/* Random programs under several emulators; see random-rig.h. */
#include "tests/fuzz/random-rig.h"
#include <glib/gstdio.h>
#include <string.h>

#define LINK "tests/guest/random/link.ld"
#define MARK "amphi image here" /* where a frame wants the image; as long as the image's magic */
#define MAX_SHOWN 10            /* differing lines */

typedef struct Elf {
    char *path;  /* where programs are put */
    char *frame; /* contents without program */
    gsize size;
} Elf;

static char *directory;
static Elf bare, linux_user;

/* Output of a command, or NULL if it fails. */
static char *run(const char *command)
{
    char *out = NULL;
    int status = 1;
    char *limited = g_strdup_printf("timeout 20 %s", command);
    bool ok = g_spawn_command_line_sync(limited, &out, NULL, &status, NULL) && status == 0;
    g_free(limited);
    if (!ok) {
        g_test_message("%s: status %d", command, status);
        g_clear_pointer(&out, g_free);
    }
    return out;
}

static bool has_program(const char *name)
{
    char *path = g_find_program_in_path(name);
    g_free(path);
    return path != NULL;
}

static bool has_tools(void)
{
    return has_program("clang") && has_program("ld.lld");
}

bool rig_available(bool qemu)
{
    if (!g_getenv("AMPHI") || !has_tools()) {
        g_test_skip("needs the binary (AMPHI), clang and lld");
        return false;
    }
    if (qemu && !has_program("qemu-riscv64")) {
        g_test_skip("needs qemu-riscv64 (package qemu-user)");
        return false;
    }
    return true;
}

/* ---- The ELF files ---- */

static void elf_build(Elf *elf, const RandomRig *rig, const char *name, const char *define)
{
    elf->path = g_build_filename(directory, name, NULL);
    char *command = g_strdup_printf("clang --target=riscv64 -march=%s -mabi=lp64d -mno-relax "
                                    "-nostdlib -static -fuse-ld=lld -Wl,-T," LINK " %s -o %s %s",
                                    rig->march, define, elf->path, rig->frame);
    char *out = run(command);
    g_assert_nonnull(out);
    g_free(out);
    g_free(command);
    g_assert_true(g_file_get_contents(elf->path, &elf->frame, &elf->size, NULL));
}

static void elf_free(Elf *elf, bool unlink_it)
{
    if (unlink_it && elf->path) {
        g_remove(elf->path);
    }
    g_free(elf->path);
    g_free(elf->frame);
    *elf = (Elf){0};
}

static void elf_write(const Elf *elf, const void *image, gsize size)
{
    char *copy = g_memdup2(elf->frame, elf->size);
    char *place = memmem(copy, elf->size, MARK, strlen(MARK));
    g_assert_nonnull(place);
    g_assert_cmpuint((gsize)(place - copy) + size, <=, elf->size);
    memcpy(place, image, size);
    g_assert_true(g_file_set_contents(elf->path, copy, (gssize)elf->size, NULL));
    g_free(copy);
    g_chmod(elf->path, 0755);
}

void rig_set_up(const RandomRig *rig)
{
    directory = g_dir_make_tmp("amphi-random.XXXXXX", NULL);
    g_assert_nonnull(directory);
    if (has_tools()) {
        elf_build(&bare, rig, "bare.elf", "");
        elf_build(&linux_user, rig, "linux.elf", "-DLINUX");
    }
}

void rig_clean_up(void)
{
    elf_free(&bare, directory != NULL);
    elf_free(&linux_user, directory != NULL);
    if (directory) {
        g_rmdir(directory);
        g_clear_pointer(&directory, g_free);
    }
}

void rig_keep_files(void)
{
    if (directory) {
        g_test_message("  files are in %s", directory);
        g_clear_pointer(&directory, g_free);
    }
}

void rig_write(const void *image, gsize size)
{
    elf_write(&bare, image, size);
    elf_write(&linux_user, image, size);
}

/* ---- Running ---- */

char *rig_run(const RandomRig *rig, const char *accel)
{
    char *command = g_strdup_printf("%s -machine spike %s %s -bios none -display none "
                                    "-monitor none -serial stdio -accel %s -kernel %s",
                                    g_getenv("AMPHI"), rig->cpu ? "-cpu" : "",
                                    rig->cpu ? rig->cpu : "", accel, bare.path);
    char *out = run(command);
    g_free(command);
    return out;
}

char *rig_run_qemu(const RandomRig *rig)
{
    char *command = g_strdup_printf("qemu-riscv64 -cpu %s %s", rig->qemu_cpu, linux_user.path);
    char *out = run(command);
    g_free(command);
    return out;
}

/* ---- Comparing ---- */

static void describe(const RandomSubject *subject, const char *want, const char *have)
{
    char **a = g_strsplit(want, "\n", -1), **b = g_strsplit(have, "\n", -1);
    for (unsigned i = 0, shown = 0; a[i] && b[i] && shown < MAX_SHOWN; i++) {
        if (strcmp(a[i], b[i])) {
            char *name = subject->name_line(i);
            g_test_message("    %s is %s, should be %s", name, b[i], a[i]);
            g_free(name);
            shown++;
        }
    }
    g_strfreev(a);
    g_strfreev(b);
}

/* Whether the first @units units give the same under both. Leaves the outputs. */
static bool same_prefix(const RandomRig *rig, const RandomSubject *subject, unsigned units,
                        const char *accel, bool qemu, char **want, char **have)
{
    subject->write(subject->program, units);
    g_free(*want);
    g_free(*have);
    *want = qemu ? rig_run_qemu(rig) : rig_run(rig, "interp");
    *have = rig_run(rig, accel);
    return *want && *have && !strcmp(*want, *have);
}

void rig_narrow(const RandomRig *rig, const RandomSubject *subject, const char *accel, bool qemu)
{
    unsigned good = 0, bad = subject->units;
    char *want = NULL, *have = NULL;
    while (bad - good > 1) {
        unsigned middle = (good + bad) / 2;
        if (same_prefix(rig, subject, middle, accel, qemu, &want, &have)) {
            good = middle;
        } else {
            bad = middle;
        }
    }
    same_prefix(rig, subject, good, accel, qemu, &want, &have);
    char *before = g_steal_pointer(&want);
    same_prefix(rig, subject, bad, accel, qemu, &want, &have);
    g_test_message("  %s differs from %s, first in unit %u:", accel, qemu ? "QEMU" : "interp",
                   good);
    subject->disassemble(subject->program, good);
    if (want && have) {
        describe(subject, want, have);
    }
    if (before && want) {
        g_test_message("  what it does:");
        describe(subject, want, before);
    }
    g_free(before);
    g_free(want);
    g_free(have);
}
