/*
 * Lockstep: two machines boot Debian's kernel, one under interp and one under jit, the same number of
 * instructions at a time, in virtual time that the test steps. After each stretch registers and CSRs must be
 * equal, at the end all of memory.
 *
 * The environment may ask for more: AMPHI_LOCKSTEP_INSNS (instructions in all), AMPHI_LOCKSTEP_STEP.
 */
#include "accel/accel.h"
#include "cpu/vcpu.h"
#include "hw/riscv/boards.h"
#include <stdlib.h>
#include <string.h>

#define RAM_SIZE (256 * MIB)
#define NS_PER_INSN 2

static Machine *machine_with(const char *accel, const char *kernel)
{
    const char *const list[] = {accel, NULL};
    MachineConfig config = {
        .cpus = 1, .ram_size = RAM_SIZE, .kernel = kernel, .append = "earlycon"};
    GError *error = NULL;
    Machine *machine = machine_alloc(&riscv_virt_machine, true);

    if (!accel_new(machine, list, &error) || !machine_init(machine, &config, &error) ||
        !machine_complete(machine, &error)) {
        g_error("%s", error->message);
    }
    return machine;
}

static void step_clock(Machine *machine, int64_t ns)
{
    machine_lock(machine);
    clock_step(machine->clock, ns);
    machine_unlock(machine);
}

/* Exactly @insns instructions. A halted vCPU sleeps in steps of virtual time. */
static void run(Machine *machine, uint64_t insns)
{
    Vcpu *vcpu = machine->cpus[0];

    while (insns > 0) {
        __atomic_store_n(&vcpu->kick, 0, __ATOMIC_RELAXED); /* the sampler sets it, too */
        if (accel_run_for(vcpu, insns) == VCPU_EXIT_HALT) {
            while (!vcpu->arch->has_work(vcpu)) {
                step_clock(machine, 100 * 1000);
            }
            vcpu->halted = false;
        }
        insns = vcpu->budget;
    }
}

static GByteArray *state_of(Machine *machine)
{
    GByteArray *state = g_byte_array_new();

    vmstate_save(state, machine->cpus[0]->arch->vmstate, vcpu_state(machine->cpus[0]));
    return state;
}

static void compare(Machine *a, Machine *b, uint64_t done)
{
    GByteArray *sa = state_of(a), *sb = state_of(b);

    if (sa->len != sb->len || memcmp(sa->data, sb->data, sa->len)) {
        GString *text = g_string_new(NULL);
        a->cpus[0]->arch->dump(a->cpus[0], text);
        g_string_append(text, "---- and ----\n");
        b->cpus[0]->arch->dump(b->cpus[0], text);
        g_error("states differ after %" G_GUINT64_FORMAT " instructions:\n%s", done, text->str);
    }
    g_byte_array_unref(sa);
    g_byte_array_unref(sb);
}

static uint64_t setting(const char *name, uint64_t fallback)
{
    const char *text = g_getenv(name);
    return text ? g_ascii_strtoull(text, NULL, 0) : fallback;
}

static void test_boot(gconstpointer accel)
{
    const char *dir = g_getenv("AMPHI_GUEST");
    char *kernel = g_build_filename(dir ? dir : "build/guest/riscv64", "kernel", NULL);
    uint64_t total = setting("AMPHI_LOCKSTEP_INSNS", 12 * 1000 * 1000);
    uint64_t step = setting("AMPHI_LOCKSTEP_STEP", 9973);

    if (!g_file_test(kernel, G_FILE_TEST_EXISTS)) {
        g_test_skip("no guest kernel; `make check` fetches it");
        g_free(kernel);
        return;
    }
    Machine *a = machine_with("interp", kernel), *b = machine_with(accel, kernel);
    memcpy(b->ram->host, a->ram->host, a->ram->size); /* the random seed in the device tree */
    for (uint64_t done = 0; done < total; done += step) {
        run(a, step);
        run(b, step);
        step_clock(a, step * NS_PER_INSN);
        step_clock(b, step * NS_PER_INSN);
        compare(a, b, done + step);
    }
    g_assert_true(!memcmp(a->ram->host, b->ram->host, a->ram->size));
    machine_free(a);
    machine_free(b);
    g_free(kernel);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/lockstep/jit", "jit", test_boot);
    g_test_add_data_func(
        "/lockstep/jit-without-host-features",
        "jit,features-off=bmi1:bmi2:lzcnt:popcnt:movbe:sse41:avx:avx2:fma:f16c:avx512", test_boot);
    return g_test_run();
}
