/*
 * For tests of the RISC-V CPU's state: see riscv-hart.h.
 */
#include "tests/unit/riscv-hart.h"
#include "softmmu/tlb.h"

static bool hart_machine_init(Machine *machine, GError **error)
{
    machine->ram = ram_block_new(machine->memory, "ram", HART_RAM_SIZE, error);
    if (!machine->ram) {
        return false;
    }
    memory_map_add_ram(machine->memory, "ram", HART_RAM_BASE, HART_RAM_SIZE, 0, machine->ram, 0,
                       false, NULL, NULL);
    return riscv_cpu_new(machine, machine->config.cpu_model, 0, HART_TIMEBASE, error) != NULL;
}

static const MachineClass hart_class = {
    .name = "hart",
    .desc = "one RISC-V hart and RAM",
    .arch = &riscv64_guest,
    .max_cpus = 1,
    .default_ram = HART_RAM_SIZE,
    .init = hart_machine_init,
};

Vcpu *hart_new(const char *model)
{
    GError *error = NULL;
    MachineConfig config = {.cpu_model = model, .cpus = 1};
    Machine *machine = machine_new(&hart_class, &config, true, &error);

    g_assert_no_error(error);
    tlb_system_new(machine);
    machine_lock(machine);
    clock_start(machine->clock);
    machine_unlock(machine);
    Vcpu *vcpu = machine->cpus[0];
    tlb_vcpu_init(machine->tlb_system, vcpu);
    riscv_cpu_set_reset_pc(vcpu, HART_RAM_BASE);
    riscv64_guest.reset(vcpu);
    return vcpu;
}

void hart_free(Vcpu *vcpu)
{
    Machine *machine = vcpu->machine;

    tlb_vcpu_free(vcpu);
    tlb_system_free(machine->tlb_system);
    machine->tlb_system = NULL;
    machine_free(machine);
}

void hart_step(Vcpu *vcpu, int64_t ns)
{
    machine_lock(vcpu->machine);
    clock_step(vcpu->machine->clock, ns);
    machine_unlock(vcpu->machine);
}

void hart_set_priv(Vcpu *vcpu, RiscvPriv priv)
{
    riscv_set_status(vcpu, priv, riscv_mstatus(riscv_state(vcpu)));
}

void hart_poke(Vcpu *vcpu, uint64_t addr, uint64_t value)
{
    g_assert_cmpint(memory_map_write(vcpu->machine->memory, addr, value, 8), ==, MEM_OK);
}

uint64_t hart_peek(Vcpu *vcpu, uint64_t addr)
{
    uint64_t value = 0;

    g_assert_cmpint(memory_map_read(vcpu->machine->memory, addr, &value, 8), ==, MEM_OK);
    return value;
}

uint64_t hart_csr_read(Vcpu *vcpu, unsigned csr)
{
    volatile uint64_t value = 0;

    g_assert_false(HART_TRAPS(vcpu, value = riscv_helper_csr_read(vcpu, csr, 0)));
    return value;
}

void hart_csr_write(Vcpu *vcpu, unsigned csr, uint64_t value)
{
    g_assert_false(HART_TRAPS(vcpu, riscv_helper_csr_write(vcpu, csr | 1 << 12, value, 0)));
}

uint64_t hart_csr_set(Vcpu *vcpu, unsigned csr, uint64_t mask)
{
    volatile uint64_t old = 0;

    g_assert_false(HART_TRAPS(vcpu, old = riscv_helper_csr_set(vcpu, csr, mask, 0)));
    return old;
}

uint64_t hart_csr_clear(Vcpu *vcpu, unsigned csr, uint64_t mask)
{
    volatile uint64_t old = 0;

    g_assert_false(HART_TRAPS(vcpu, old = riscv_helper_csr_clear(vcpu, csr, mask, 0)));
    return old;
}

static bool read_traps(Vcpu *vcpu, unsigned csr)
{
    return HART_TRAPS(vcpu, riscv_helper_csr_read(vcpu, csr, 0x1234));
}

/* With the value it has, so that little changes. */
static bool write_traps(Vcpu *vcpu, unsigned csr)
{
    return HART_TRAPS(vcpu, riscv_helper_csr_set(vcpu, csr, 0, 0x1234));
}

/* Whether the access is legal; state is put back. */
static bool try_access(Vcpu *vcpu, unsigned csr, bool write)
{
    RiscvState *s = riscv_state(vcpu);
    RiscvState saved = *s;

    s->medeleg = 0;
    bool legal = !(write ? write_traps : read_traps)(vcpu, csr);
    if (!legal) {
        g_assert_cmpuint(s->mcause, ==, RISCV_ILLEGAL);
        g_assert_cmphex(s->mtval, ==, 0x1234);
    }
    Timer timer = s->stimer; /* as it is armed now */
    *s = saved;
    s->stimer = timer;
    riscv_stimer_update(s);
    vcpu_mmu_changed(vcpu);
    return legal;
}

bool hart_csr_readable(Vcpu *vcpu, unsigned csr)
{
    return try_access(vcpu, csr, false);
}

bool hart_csr_writable(Vcpu *vcpu, unsigned csr)
{
    return try_access(vcpu, csr, true);
}
