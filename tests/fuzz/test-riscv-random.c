/*
 * Random RISC-V programs under amphi's engines, compared with QEMU's user-mode emulation where it
 * has the instructions, else with the interpreter. A difference is narrowed down to the first unit
 * of the program that shows it, and the ELF files are kept.
 *
 * AMPHI names the binary (skipped without it), AMPHI_FUZZ_PROGRAMS how many programs of each kind
 * (default 6), --seed= repeats a run.
 */
#include "tests/fuzz/riscv-random.h"
#include "cpu/riscv/translate.h"
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME "tests/guest/random/frame.S"
#define LINK "tests/guest/random/link.ld"
#define QEMU "qemu-riscv64 -cpu rv64,zba=true,zbb=true,zbc=true,zbs=true,zbkb=true,Zfh=true "

typedef struct Setup {
    char *dir;
    char *linux_frame, *bare_frame; /* contents of the ELF files */
    gsize linux_size, bare_size;
    char *linux_path, *bare_path; /* where programs are put */
} Setup;

static Setup setup;

static const struct {
    const char *name, *accel;
} engines[] = {
    {"interp", "interp"},
    {"jit", "jit"},
    {"hop-7", "jit,hop=interp,hop-insns=7"},
    {"hop-1000", "jit,hop=interp,hop-insns=1000"},
};

/* ---- Running ---- */

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
        g_free(out);
        return NULL;
    }
    return out;
}

static bool find_program(const char *name)
{
    char *path = g_find_program_in_path(name);
    g_free(path);
    return path != NULL;
}

static void build_frame(const char *defines, const char *path, char **contents, gsize *size)
{
    char *command =
        g_strdup_printf("clang --target=riscv64 -march=rv64gc -mabi=lp64d -mno-relax "
                        "-nostdlib -static -fuse-ld=lld -Wl,-T," LINK " %s -o %s " FRAME,
                        defines, path);
    char *out = run(command);
    g_assert_nonnull(out);
    g_free(out);
    g_free(command);
    g_assert_true(g_file_get_contents(path, contents, size, NULL));
}

static void write_elf(const char *frame, gsize size, const RandomImage *image, const char *path)
{
    char *copy = g_malloc(size);
    memcpy(copy, frame, size);
    char *place = memmem(copy, size, "amphi image here", 16);
    g_assert_nonnull(place);
    g_assert_cmpuint((gsize)(place - copy) + sizeof(*image), <=, size);
    memcpy(place, image, sizeof(*image));
    g_assert_true(g_file_set_contents(path, copy, (gssize)size, NULL));
    g_free(copy);
    g_chmod(path, 0755);
}

static char *run_amphi(const char *accel)
{
    char *command = g_strdup_printf("%s -machine spike -bios none -display none -monitor none "
                                    "-serial stdio -accel %s -kernel %s",
                                    g_getenv("AMPHI"), accel, setup.bare_path);
    char *out = run(command);
    g_free(command);
    return out;
}

static char *run_qemu(void)
{
    char *command = g_strconcat(QEMU, setup.linux_path, NULL);
    char *out = run(command);
    g_free(command);
    return out;
}

/* ---- Comparing ---- */

static void name_line(unsigned line, GString *name)
{
    if (line == 0) {
        g_string_assign(name, "fcsr");
    } else if (line < 64) {
        g_string_printf(name, "%c%u", line < 32 ? 'x' : 'f', line % 32);
    } else {
        g_string_printf(name, "data+%u", (line - 64) * 8);
    }
}

static void describe(const char *want, const char *have)
{
    char **a = g_strsplit(want, "\n", -1), **b = g_strsplit(have, "\n", -1);
    GString *name = g_string_new(NULL);
    unsigned shown = 0;
    for (unsigned i = 0; a[i] && b[i] && shown < 8; i++) {
        if (strcmp(a[i], b[i])) {
            name_line(i, name);
            g_test_message("    %s is %s, should be %s", name->str, b[i], a[i]);
            shown++;
        }
    }
    g_string_free(name, TRUE);
    g_strfreev(a);
    g_strfreev(b);
}

static void disassemble_unit(const RandomProgram *p, unsigned unit)
{
    uint32_t at = g_array_index(p->units, uint32_t, unit);
    uint32_t end = g_array_index(p->units, uint32_t, unit + 1);
    while (at < end) {
        GString *text = g_string_new(NULL);
        at += riscv_disassemble(NULL, RANDOM_CODE + at, p->image.code + at, 4, text);
        g_test_message("    %s", text->str);
        g_string_free(text, TRUE);
    }
}

/* Whether the first @units units give the same under both. Leaves the outputs. */
static bool same_prefix(const RandomProgram *whole, unsigned units, bool qemu, const char *accel,
                        char **want, char **have)
{
    RandomProgram *p = g_memdup2(whole, sizeof(*whole));
    random_program_cut(p, units);
    write_elf(setup.bare_frame, setup.bare_size, &p->image, setup.bare_path);
    write_elf(setup.linux_frame, setup.linux_size, &p->image, setup.linux_path);
    g_free(p);
    g_free(*want);
    g_free(*have);
    *want = qemu ? run_qemu() : run_amphi("interp");
    *have = run_amphi(accel);
    return *want && *have && !strcmp(*want, *have);
}

/* Finds the unit that makes the difference, by bisection, and says what it is. */
static void narrow(const RandomProgram *p, bool qemu, const char *accel)
{
    unsigned good = 0, bad = p->units->len - 1;
    char *want = NULL, *have = NULL;
    while (bad - good > 1) {
        unsigned middle = (good + bad) / 2;
        if (same_prefix(p, middle, qemu, accel, &want, &have)) {
            good = middle;
        } else {
            bad = middle;
        }
    }
    same_prefix(p, good, qemu, accel, &want, &have);
    char *before = g_steal_pointer(&want);
    same_prefix(p, bad, qemu, accel, &want, &have);
    g_test_message("  first seen in unit %u, at 0x%x:", good,
                   RANDOM_CODE + g_array_index(p->units, uint32_t, good));
    disassemble_unit(p, good);
    if (want && have) {
        describe(want, have);
    }
    if (before && want) {
        g_test_message("  what it does:");
        describe(want, before);
    }
    g_free(before);
    g_free(want);
    g_free(have);
}

static void keep_files(void)
{
    g_test_message("  files are in %s", setup.dir);
    setup.dir = NULL;
}

static void check_engines(const RandomProgram *p, const char *want, bool qemu)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(engines); i++) {
        char *have = run_amphi(engines[i].accel);
        if (!have || strcmp(want, have)) {
            g_test_message("%s differs from %s", engines[i].name, qemu ? "qemu" : "interp");
            narrow(p, qemu, engines[i].accel);
            keep_files();
            g_test_fail();
            g_free(have);
            return;
        }
        g_free(have);
    }
}

/* ---- Tests ---- */

typedef struct Kind {
    const char *path;
    RandomFlavour flavour;
    bool qemu;
} Kind;

static const uint64_t everything = ~UINT64_C(0) & ~(UINT64_C(1) << RISCV_EXT_V);
#define EXT(name) (UINT64_C(1) << RISCV_EXT_##name)

/* What QEMU 7.2 does not do as the manual says: ctzw of a register whose low word is 0. */
static const char *const qemu_bugs[] = {"ctzw", NULL};
static const char *const none[] = {NULL};

static void test_kind(const void *data)
{
    const Kind *kind = data;
    uint64_t ext = kind->qemu ? everything & ~(EXT(ZFA) | EXT(ZICOND) | EXT(ZACAS)) : everything;
    const char *count = g_getenv("AMPHI_FUZZ_PROGRAMS");
    if (!g_getenv("AMPHI") || !find_program("clang") || !find_program("ld.lld")) {
        g_test_skip("needs the binary (AMPHI), clang and lld");
        return;
    }
    if (kind->qemu && !find_program("qemu-riscv64")) {
        g_test_skip("needs qemu-riscv64 (package qemu-user)");
        return;
    }
    for (int n = count ? atoi(count) : 6; n && !g_test_failed(); n--) {
        GRand *rand = g_rand_new_with_seed((guint32)g_test_rand_int());
        RandomProgram *p =
            random_program_new(rand, kind->flavour, ext, kind->qemu ? qemu_bugs : none, 1500);
        write_elf(setup.bare_frame, setup.bare_size, &p->image, setup.bare_path);
        write_elf(setup.linux_frame, setup.linux_size, &p->image, setup.linux_path);
        char *want = kind->qemu ? run_qemu() : run_amphi("interp");
        g_assert_nonnull(want);
        g_assert_cmpuint(strlen(want), >, 4096);
        check_engines(p, want, kind->qemu);
        g_free(want);
        random_program_free(p);
        g_rand_free(rand);
    }
}

static void set_up(void)
{
    setup.dir = g_dir_make_tmp("amphi-random.XXXXXX", NULL);
    setup.bare_path = g_build_filename(setup.dir, "bare.elf", NULL);
    setup.linux_path = g_build_filename(setup.dir, "linux.elf", NULL);
    if (find_program("clang") && find_program("ld.lld")) {
        build_frame("", setup.bare_path, &setup.bare_frame, &setup.bare_size);
        build_frame("-DLINUX", setup.linux_path, &setup.linux_frame, &setup.linux_size);
    }
}

static void clean_up(void)
{
    if (setup.dir) {
        g_remove(setup.bare_path);
        g_remove(setup.linux_path);
        g_rmdir(setup.dir);
        g_free(setup.dir);
    }
    g_free(setup.bare_path);
    g_free(setup.linux_path);
    g_free(setup.bare_frame);
    g_free(setup.linux_frame);
}

int main(int argc, char **argv)
{
    static const Kind kinds[] = {
        {"/riscv/random/integer", RANDOM_INTEGER, true},
        {"/riscv/random/mixed", RANDOM_MIXED, true},
        {"/riscv/random/fp", RANDOM_FP, true},
        {"/riscv/random/all-extensions", RANDOM_MIXED, false},
        {"/riscv/random/fp-all-extensions", RANDOM_FP, false},
    };
    g_test_init(&argc, &argv, NULL);
    set_up();
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_test_add_data_func(kinds[i].path, &kinds[i], test_kind);
    }
    int status = g_test_run();
    clean_up();
    return status;
}
