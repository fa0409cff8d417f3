/*
 * The hop test: one guest program under jit, under interp, under both tiers, and hopping between engines every n
 * instructions, must end in the same registers, CSRs and memory.
 */
#include "accel/accel.h"
#include "cpu/vcpu.h"
#include "hw/riscv/boards.h"
#include <string.h>

/* Where a run ended. */
typedef struct Outcome {
    GByteArray *state; /* of the vCPU, as a snapshot has it */
    uint8_t *ram;
    int status;
} Outcome;

#define RAM_SIZE (2 * MIB)
#define PROGRAM_SIZE (64 * KIB) /* what is compared: the device tree further up has a random seed */

static char *program(void)
{
    const char *build = g_getenv("AMPHI_BUILD");
    return g_build_filename(build ? build : "build", "tests/guest/hop.elf", NULL);
}

/* Halting changes nothing that is compared: the vCPU spins in the program's last instruction. */
static Outcome run(const char *accel)
{
    const char *const list[] = {accel, NULL};
    char *kernel = program();
    MachineConfig config = {.cpus = 1, .ram_size = RAM_SIZE, .kernel = kernel, .bios = "none"};
    GError *error = NULL;
    Machine *machine = machine_alloc(&riscv_spike_machine, false);
    Outcome out;

    g_assert_true(accel_new(machine, list, &error));
    if (!machine_init(machine, &config, &error) || !machine_complete(machine, &error)) {
        g_error("%s", error->message);
    }
    machine_lock(machine);
    machine_start(machine);
    machine_unlock(machine);
    out.status = machine_main_loop(machine);
    machine_lock(machine);
    machine_stop(machine, RUN_STATE_PAUSED);
    machine_unlock(machine);
    out.state = g_byte_array_new();
    vmstate_save(out.state, machine->cpus[0]->arch->vmstate, vcpu_state(machine->cpus[0]));
    out.ram = g_memdup2(machine->ram->host, PROGRAM_SIZE);
    machine_free(machine);
    g_free(kernel);
    return out;
}

static void outcome_free(Outcome *out)
{
    g_byte_array_unref(out->state);
    g_free(out->ram);
}

static void check_same(const char *accel)
{
    Outcome want = run("interp"), got = run(accel);

    g_assert_cmpint(want.status, ==, 0);
    g_assert_cmpint(got.status, ==, 0);
    g_assert_cmpmem(want.ram, PROGRAM_SIZE, got.ram, PROGRAM_SIZE);
    g_assert_cmpmem(want.state->data, want.state->len, got.state->data, got.state->len);
    outcome_free(&want);
    outcome_free(&got);
}

static void test_engine(gconstpointer accel)
{
    check_same(accel);
}

int main(int argc, char **argv)
{
    static const char *const cases[] = {
        "interp",
        "jit",
        "jit,tier2=off",
        "jit,tier2=always",
        "jit,tb-size=4",
        "interp,hop=interp,hop-insns=1",
        "jit,hop=interp,hop-insns=1",
        "jit,hop=interp,hop-insns=7",
        "jit,hop=interp,hop-insns=1000",
        "jit,hop=jit,hop-insns=1",
        "jit,hop=jit,hop-insns=7",
        "jit,features-off=bmi1:bmi2:lzcnt:popcnt:movbe:sse41:avx:avx2:fma:f16c:avx512",
    };

    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        char *path = g_strdup_printf("/hop/%s", cases[i]);
        g_test_add_data_func(path, cases[i], test_engine);
        g_free(path);
    }
    return g_test_run();
}
