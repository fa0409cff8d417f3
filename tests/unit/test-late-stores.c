/*
 * Stores to code that go unnoticed, because the vCPU that stores looked at its TLB before the page became one with
 * code (accel/late-stores.c). Translated code of the second vCPU is played by the test: it says that it is
 * in there, and writes to the guest's memory behind everyone's back.
 */
#include "accel/accel.h"
#include "cpu/vcpu.h"
#include "hw/riscv/boards.h"
#include <string.h>

#define RAM UINT64_C(0x80000000)
#define FUNCTION (RAM + 0x1000)
#define LI_A0(n) (0x00000513 + ((uint32_t)(n) << 20))
#define LOOP_INSNS 6 /* up to the next fence.i */

static Machine *machine_with(const char *accel)
{
    /* The first two give s0 the function's address, the others call it after a fence, for ever. */
    static const uint32_t loop[] = {0x00001417 /* auipc s0, 1 */, 0x00040413 /* mv s0, s0 */,
                                    0x0000100f /* fence.i */, 0x000400e7 /* jalr s0 */,
                                    0xff9ff06f /* j .-8 */};
    const uint32_t function[] = {LI_A0(1), 0x00000013 /* nop */, 0x00008067 /* ret */};
    const char *const list[] = {accel, NULL};
    MachineConfig config = {.cpus = 2, .ram_size = 2 * MIB, .bios = "none"};
    GError *error = NULL;
    Machine *machine = machine_alloc(&riscv_spike_machine, true);

    if (!accel_new(machine, list, &error) || !machine_init(machine, &config, &error) ||
        !machine_complete(machine, &error)) {
        g_error("%s", error->message);
    }
    memcpy(machine->ram->host, loop, sizeof(loop));
    memcpy(machine->ram->host + (FUNCTION - RAM), function, sizeof(function));
    for (unsigned i = 0; i < 2; i++) {
        machine->cpus[i]->halted = false;
        machine->cpus[i]->arch->set_pc(machine->cpus[i], RAM);
    }
    return machine;
}

/* Kicks, of which there may be some, end a run early. */
static void run(Vcpu *vcpu, int64_t insns)
{
    while (insns > 0) {
        __atomic_store_n(&vcpu->kick, 0, __ATOMIC_RELAXED);
        accel_run_for(vcpu, insns);
        insns = vcpu->budget;
    }
}

/* What the function returns when vCPU 0 calls it after a fence. */
static uint64_t call(Machine *machine)
{
    Vcpu *vcpu = machine->cpus[0];
    uint64_t a0;

    run(vcpu, LOOP_INSNS);
    memcpy(&a0, (char *)vcpu_state(vcpu) + vcpu->arch->vars[10].offset, sizeof(a0));
    return a0;
}

static void store_late(Machine *machine, uint32_t insn)
{
    memcpy(machine->ram->host + (FUNCTION - RAM), &insn, sizeof(insn));
}

static void store(Machine *machine, unsigned cpu, uint32_t insn)
{
    vcpu_store(machine->cpus[cpu], FUNCTION, insn, 4);
}

static void test_late(gconstpointer accel)
{
    Machine *machine = machine_with(accel);
    Vcpu *other = machine->cpus[1];

    vcpu_store(other, FUNCTION + 0x800, 1, 8); /* from now on it can write there */
    __atomic_store_n(&other->epoch, 1, __ATOMIC_SEQ_CST);
    run(machine->cpus[0], 2);
    g_assert_cmpuint(call(machine), ==, 1);
    store_late(machine, LI_A0(2));
    g_assert_cmpuint(call(machine), ==, 2);
    /* One that is noticed, then another that is not: it may have been on its way as long. */
    store(machine, 0, LI_A0(3));
    g_assert_cmpuint(call(machine), ==, 3);
    store_late(machine, LI_A0(4));
    g_assert_cmpuint(call(machine), ==, 4);

    /* It has been outside: whatever it stores is noticed, and nobody compares. */
    __atomic_store_n(&other->epoch, 0, __ATOMIC_SEQ_CST);
    g_assert_cmpuint(call(machine), ==, 4);
    store_late(machine, LI_A0(5));
    g_assert_cmpuint(call(machine), ==, 4);
    store(machine, 1, LI_A0(6));
    g_assert_cmpuint(call(machine), ==, 6);
    machine_free(machine);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/late-stores/jit", "jit", test_late);
    g_test_add_data_func("/late-stores/interp", "interp", test_late);
    return g_test_run();
}
