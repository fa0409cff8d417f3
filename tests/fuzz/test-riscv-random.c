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
#include "tests/fuzz/random-rig.h"
#include <stdlib.h>
#include <string.h>

static const RandomRig rig = {
    .frame = "tests/guest/random/frame.S",
    .march = "rv64gc",
    .qemu_cpu = "rv64,zba=true,zbb=true,zbc=true,zbs=true,zbkb=true,Zfh=true",
};

static const char *const engines[] = {"interp", "jit", "jit,hop=interp,hop-insns=7",
                                      "jit,hop=interp,hop-insns=1000"};

/* ---- The program as a subject ---- */

static void write_prefix(const void *program, unsigned units)
{
    RandomProgram *p = g_memdup2(program, sizeof(*p));
    random_program_cut(p, units);
    rig_write(&p->image, sizeof(p->image));
    g_free(p);
}

static char *name_line(unsigned line)
{
    if (line == 0) {
        return g_strdup("fcsr");
    }
    return line < 64 ? g_strdup_printf("%c%u", line < 32 ? 'x' : 'f', line % 32)
                     : g_strdup_printf("data+%u", (line - 64) * 8);
}

static void disassemble_unit(const void *program, unsigned unit)
{
    const RandomProgram *p = program;
    uint32_t at = g_array_index(p->units, uint32_t, unit);
    uint32_t end = g_array_index(p->units, uint32_t, unit + 1);
    while (at < end) {
        GString *text = g_string_new(NULL);
        at += riscv_disassemble(NULL, RANDOM_CODE + at, p->image.code + at, 4, text);
        g_test_message("    %s", text->str);
        g_string_free(text, TRUE);
    }
}

static void check_engines(const RandomProgram *p, const char *want, bool qemu)
{
    const RandomSubject subject = {p, p->units->len - 1, write_prefix, disassemble_unit, name_line};
    for (unsigned i = 0; i < G_N_ELEMENTS(engines) && !g_test_failed(); i++) {
        char *have = rig_run(&rig, engines[i]);
        if (!have || strcmp(want, have)) {
            rig_narrow(&rig, &subject, engines[i], qemu);
            rig_keep_files();
            g_test_fail();
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
    if (!rig_available(kind->qemu)) {
        return;
    }
    for (int n = count ? atoi(count) : 6; n && !g_test_failed(); n--) {
        GRand *rand = g_rand_new_with_seed((guint32)g_test_rand_int());
        RandomProgram *p =
            random_program_new(rand, kind->flavour, ext, kind->qemu ? qemu_bugs : none, 1500);
        rig_write(&p->image, sizeof(p->image));
        char *want = kind->qemu ? rig_run_qemu(&rig) : rig_run(&rig, "interp");
        g_assert_nonnull(want);
        g_assert_cmpuint(strlen(want), >, 4096);
        check_engines(p, want, kind->qemu);
        g_free(want);
        random_program_free(p);
        g_rand_free(rand);
    }
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
    rig_set_up(&rig);
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_test_add_data_func(kinds[i].path, &kinds[i], test_kind);
    }
    int status = g_test_run();
    rig_clean_up();
    return status;
}
