/*
 * Fuzzer of decoder, translator and optimizer: the input is guest code, which runs for some hundred
 * instructions under the interpreter and under the optimizing translator. Registers, CSRs and memory must end
 * equal.
 *
 * Input: a byte for the privilege and what is switched on, 8 bytes that seed registers, then code. The machines
 * are made once; the code arrives by DMA, as new code does. PMP keeps the guest from changing it: without
 * FENCE.I nobody says when a change is seen.
 *
 * libFuzzer: -detect_leaks=0 -max_len=1033
 * (what is translated in one round serves in the next)
 */
#include "accel/accel.h"
#include "cpu/riscv/priv.h"
#include "cpu/riscv/translate.h"
#include "hw/riscv/boards.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

#define RAM_BASE UINT64_C(0x80000000)
#define CODE (RAM_BASE + 0x1000)
#define CODE_SIZE 0x2000u /* with the handler */
#define DATA (RAM_BASE + 0x3000)
#define COMPARED (64 * KIB)
#define MAX_CODE 1024
#define STEP 97
#define STEPS 4
#define NS_PER_STEP 1000

/* Skips the parcel that trapped: csrw mscratch, t6; csrr t6, mepc; addi t6, t6, 2; csrw mepc, t6; csrr
 * t6, mscratch; mret */
static const uint32_t handler[] = {0x340f9073, 0x34102ff3, 0x002f8f93,
                                   0x341f9073, 0x34002ff3, 0x30200073};

static Machine *machine_with(const char *accel)
{
    const char *const list[] = {accel, NULL};
    MachineConfig config = {
        .cpus = 1, .ram_size = 2 * MIB, .bios = "none", .cpu_model = "max,vlen=128"};
    GError *error = NULL;
    Machine *machine = machine_alloc(&riscv_spike_machine, true);

    if (!accel_new(machine, list, &error) || !machine_init(machine, &config, &error) ||
        !machine_complete(machine, &error)) {
        g_error("%s", error->message);
    }
    return machine;
}

static void write_ram(Machine *machine, uint64_t addr, const void *data, size_t size)
{
    g_assert_cmpint(dma_write(&machine->dma, addr, data, size), ==, MEM_OK);
}

/* Registers are small numbers, addresses of data and random bits. */
static void set_registers(RiscvState *s, uint64_t seed)
{
    GRand *rand = g_rand_new_with_seed(seed ^ seed >> 32);

    for (unsigned i = 1; i < 32; i++) {
        uint64_t bits = (uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand);
        s->x[i] = i % 3 == 0 ? bits >> (bits & 63) : i % 3 == 1 ? DATA + (bits & 0x7ff) : bits;
        s->f[i] = i % 2 ? bits : bits | UINT64_C(0xffffffff) << 32;
    }
    g_rand_free(rand);
}

static void begin(Machine *machine, unsigned how, uint64_t seed, const uint8_t *code, size_t size)
{
    static const uint8_t zeros[COMPARED];
    Vcpu *vcpu = machine->cpus[0];
    RiscvState *s = riscv_state(vcpu);

    machine_lock(machine);
    machine_reset(machine);
    write_ram(machine, RAM_BASE, zeros, sizeof(zeros));
    write_ram(machine, RAM_BASE, handler, sizeof(handler));
    write_ram(machine, CODE, code, size);
    machine_unlock(machine);
    set_registers(s, seed);
    s->pc = CODE;
    s->mtvec = RAM_BASE;
    s->pmpcfg[0] = 0x9d; /* code: read and execute, the rest: read and write, for all modes */
    s->pmpaddr[0] = RAM_BASE >> 2 | (CODE_SIZE / 8 - 1);
    s->pmpcfg[1] = 0x9b;
    s->pmpaddr[1] = UINT64_MAX >> 10;
    s->menvcfg = UINT64_C(0xf0);
    s->mcounteren = s->scounteren = 7;
    riscv_set_status(vcpu, how & 1 ? RISCV_PRIV_U : RISCV_PRIV_M,
                     (how & 2 ? MSTATUS_FS : 0) | (how & 4 ? MSTATUS_VS : 0));
    vcpu_tlb_flush(vcpu, ~UINT64_C(0), NULL, 0, false);
    vcpu_sync_code(vcpu);
    vcpu->insn_count = 0;
    vcpu->budget = vcpu->budget_set = 0;
    vcpu->halted = false;
}

static void run(Machine *machine)
{
    Vcpu *vcpu = machine->cpus[0];

    for (uint64_t left = STEP; left > 0; left = vcpu->budget > 0 ? vcpu->budget : 0) {
        __atomic_store_n(&vcpu->kick, 0, __ATOMIC_RELAXED); /* the sampler sets it, too */
        accel_run_for(vcpu, left);
        vcpu->halted = false; /* a wait for interrupts may end at any time */
    }
    machine_lock(machine);
    clock_step(machine->clock, NS_PER_STEP);
    machine_unlock(machine);
}

static GByteArray *save(const Machine *machine)
{
    const Vcpu *vcpu = machine->cpus[0];
    GByteArray *state = g_byte_array_new();

    vmstate_save(state, vcpu->arch->vmstate, vcpu_state(vcpu));
    return state;
}

static void fail(Machine *a, Machine *b, const uint8_t *code, size_t size)
{
    GString *text = g_string_new(NULL);
    unsigned bytes = 1;

    a->cpus[0]->arch->dump(a->cpus[0], text);
    b->cpus[0]->arch->dump(b->cpus[0], text);
    for (size_t at = 0; at + 2 <= size && bytes; at += bytes) {
        g_string_append_printf(text, "%zx: ", (size_t)CODE + at);
        bytes = riscv_disassemble(NULL, CODE + at, code + at, size - at, text);
        g_string_append_c(text, '\n');
    }
    g_error("interp and jit differ:\n%s", text->str);
}

static void compare(Machine *a, Machine *b, const uint8_t *code, size_t size)
{
    GByteArray *sa = save(a), *sb = save(b);

    if (sa->len != sb->len || memcmp(sa->data, sb->data, sa->len) ||
        memcmp(a->ram->host, b->ram->host, COMPARED)) {
        fail(a, b, code, size);
    }
    g_byte_array_unref(sa);
    g_byte_array_unref(sb);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Machine *machines[2];
    FuzzInput in = {data, size};
    unsigned how = fuzz_take(&in, 1);
    uint64_t seed = fuzz_take(&in, 8);

    if (!machines[0]) {
        machines[0] = machine_with("interp");
        machines[1] = machine_with("jit,tier2=always,tb-size=4");
    }
    size = MIN(in.left, MAX_CODE);
    for (unsigned i = 0; i < 2; i++) {
        begin(machines[i], how, seed, in.data, size);
        for (unsigned n = 0; n < STEPS; n++) {
            run(machines[i]);
        }
    }
    compare(machines[0], machines[1], in.data, size);
    return 0;
}

/* Instructions of the tables, half of which share registers. */
static void make_input(GRand *rand, GByteArray *input)
{
    fuzz_random_bytes(rand, input, 9);
    input->data[0] = g_rand_int(rand);
    for (int n = g_rand_int_range(rand, 1, 100); n > 0; n--) {
        const RiscvPattern *p = &riscv_patterns[g_rand_int_range(rand, 0, RISCV_INSN_COUNT)];
        uint32_t insn = p->match | (g_rand_int(rand) & ~p->mask);
        g_byte_array_append(input, (const guint8 *)&insn, p->bytes);
    }
}

FUZZ_MAIN(1500, make_input)
