/*
 * The RV64 hart as an object: creation, reset, what the neutral vCPU interface asks for, saved state.
 *
 * Time comes from the machine's clock through the supervisor timer, which every hart has. Locking: as
 * cpu/vcpu.h says; interrupt lines are set from any thread.
 */
#include "cpu/riscv/priv.h"
#include "cpu/riscv/translate.h"
#include "softmmu/base/error.h"
#include "softmmu/machine.h"
#include <inttypes.h>
#include <string.h>
#include <xmmintrin.h>

/* ---- FP environment ---- */

enum {
    MXCSR_IE = 1 << 0,
    MXCSR_ZE = 1 << 2,
    MXCSR_OE = 1 << 3,
    MXCSR_UE = 1 << 4,
    MXCSR_PE = 1 << 5,
    MXCSR_FLAGS = 0x3f,
    MXCSR_ALL_MASKED = 0x1f80,
    MXCSR_RC_SHIFT = 13,
    MXCSR_RC = 3 << MXCSR_RC_SHIFT,
};

static uint8_t flags_of_mxcsr(uint32_t mxcsr)
{
    return (mxcsr & MXCSR_IE ? FFLAGS_NV : 0) | (mxcsr & MXCSR_ZE ? FFLAGS_DZ : 0) |
           (mxcsr & MXCSR_OE ? FFLAGS_OF : 0) | (mxcsr & MXCSR_UE ? FFLAGS_UF : 0) |
           (mxcsr & MXCSR_PE ? FFLAGS_NX : 0);
}

/* The host's rounding control for frm. The host cannot round to nearest with ties away (RMM), and the
 * reserved modes trap: both get to-nearest-even, and translations do without the host's arithmetic. */
static uint32_t rounding_control(const RiscvState *s)
{
    static const uint8_t rc[8] = {0, 3, 1, 2, 0, 0, 0, 0}; /* RNE RTZ RDN RUP */
    return (uint32_t)rc[s->frm & 7] << MXCSR_RC_SHIFT;
}

static uint32_t fp_enter(const Vcpu *vcpu)
{
    return MXCSR_ALL_MASKED | rounding_control(riscv_state(vcpu));
}

static void fp_leave(Vcpu *vcpu, uint32_t mxcsr)
{
    riscv_state(vcpu)->fflags |= flags_of_mxcsr(mxcsr);
}

/* Guest code runs only between setting up and tearing down the landing point of unwinding. */
static bool in_guest_code(const Vcpu *vcpu)
{
    return vcpu->unwind_valid;
}

unsigned riscv_fp_pending(const Vcpu *vcpu)
{
    return in_guest_code(vcpu) ? flags_of_mxcsr(_mm_getcsr()) : 0;
}

void riscv_fp_drop_pending(const Vcpu *vcpu)
{
    if (in_guest_code(vcpu)) {
        _mm_setcsr(_mm_getcsr() & ~MXCSR_FLAGS);
    }
}

void riscv_fp_apply_mode(const Vcpu *vcpu)
{
    if (in_guest_code(vcpu)) {
        _mm_setcsr((_mm_getcsr() & ~MXCSR_RC) | rounding_control(riscv_state(vcpu)));
    }
}

/* ---- The neutral interface ---- */

static uint64_t get_pc(const Vcpu *vcpu)
{
    return riscv_state(vcpu)->pc;
}

static void set_pc(Vcpu *vcpu, uint64_t pc)
{
    riscv_state(vcpu)->pc = pc;
}

static uint32_t tb_flags(const Vcpu *vcpu)
{
    const RiscvState *s = riscv_state(vcpu);
    uint32_t flags = s->priv;

    if (s->mstatus & MSTATUS_FS) {
        flags |= RISCV_TB_FS | ((uint32_t)s->frm << RISCV_TB_FRM_SHIFT);
    }
    if (s->mstatus & MSTATUS_VS) {
        flags |= riscv_vec_flags(s);
    }
    return flags;
}

/* State was replaced as a whole. A vCPU that is new, or in a machine without engines, has no TLB. */
static void translations_changed(Vcpu *vcpu)
{
    if (vcpu->tlbs) {
        vcpu_tlb_flush(vcpu, ~UINT64_C(0), NULL, 0, false);
        vcpu_mmu_changed(vcpu);
    }
}

static void reset(Vcpu *vcpu)
{
    RiscvState *s = riscv_state(vcpu);

    memset(s, 0, offsetof(RiscvState, hartid));
    s->pc = s->reset_pc;
    s->priv = RISCV_PRIV_M;
    s->vtype = RISCV_VILL;
    if (riscv_has(s, RISCV_EXT_SVADU) && !riscv_has(s, RISCV_EXT_SVADE)) {
        /* Software that knows of no faults for A and D must not get any. */
        s->menvcfg = MENVCFG_ADUE;
    }
    s->time_offset = 0;
    riscv_stimer_update(s);
    vcpu->reserve_addr = RESERVE_NONE;
    vcpu->halted = false;
    translations_changed(vcpu);
}

static void dump_csrs(const RiscvState *s, GString *out)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"mhartid", s->hartid},
        {"mstatus", riscv_mstatus((RiscvState *)s)},
        {"mip", riscv_mip(s)},
        {"mie", s->mie},
        {"mideleg", s->mideleg},
        {"medeleg", s->medeleg},
        {"mtvec", s->mtvec},
        {"stvec", s->stvec},
        {"mepc", s->mepc},
        {"sepc", s->sepc},
        {"mcause", s->mcause},
        {"scause", s->scause},
        {"mtval", s->mtval},
        {"stval", s->stval},
        {"mscratch", s->mscratch},
        {"sscratch", s->sscratch},
        {"satp", s->satp},
        {"menvcfg", s->menvcfg},
        {"fcsr", (uint64_t)s->frm << 5 | s->fflags},
    };

    g_string_append_printf(out, " %-8s %016" PRIx64 "  priv %c\n", "pc", s->pc,
                           "US?M"[s->priv & 3]);
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        g_string_append_printf(out, " %-8s %016" PRIx64 "%s", rows[i].name, rows[i].value,
                               i % 3 == 2 || i + 1 == ARRAY_SIZE(rows) ? "\n" : "");
    }
}

static void dump_registers(const char *const *names, const uint64_t *values, GString *out)
{
    for (unsigned i = 0; i < 32; i++) {
        g_string_append_printf(out, " %-8s %016" PRIx64 "%s", names[i], values[i],
                               i % 4 == 3 ? "\n" : "");
    }
}

static void dump(Vcpu *vcpu, GString *out)
{
    static const char *const x_names[32] = {
        "x0/zero", "x1/ra",  "x2/sp",   "x3/gp",   "x4/tp",  "x5/t0",  "x6/t1",  "x7/t2",
        "x8/s0",   "x9/s1",  "x10/a0",  "x11/a1",  "x12/a2", "x13/a3", "x14/a4", "x15/a5",
        "x16/a6",  "x17/a7", "x18/s2",  "x19/s3",  "x20/s4", "x21/s5", "x22/s6", "x23/s7",
        "x24/s8",  "x25/s9", "x26/s10", "x27/s11", "x28/t3", "x29/t4", "x30/t5", "x31/t6",
    };
    static const char *const f_names[32] = {
        "f0/ft0",  "f1/ft1",  "f2/ft2",   "f3/ft3",   "f4/ft4",  "f5/ft5",  "f6/ft6",   "f7/ft7",
        "f8/fs0",  "f9/fs1",  "f10/fa0",  "f11/fa1",  "f12/fa2", "f13/fa3", "f14/fa4",  "f15/fa5",
        "f16/fa6", "f17/fa7", "f18/fs2",  "f19/fs3",  "f20/fs4", "f21/fs5", "f22/fs6",  "f23/fs7",
        "f24/fs8", "f25/fs9", "f26/fs10", "f27/fs11", "f28/ft8", "f29/ft9", "f30/ft10", "f31/ft11",
    };
    const RiscvState *s = riscv_state(vcpu);

    dump_csrs(s, out);
    dump_registers(x_names, s->x, out);
    if (riscv_has(s, RISCV_EXT_F)) {
        dump_registers(f_names, s->f, out);
    }
}

/* ---- Saved state ---- */

static void pre_save(void *opaque)
{
    RiscvState *s = opaque;

    riscv_mstatus(s);
    s->saved_ext = s->config.ext;
    s->saved_vlenb = s->vlenb;
}

static bool post_load(void *opaque, GError **error)
{
    RiscvState *s = opaque;
    Vcpu *vcpu = vcpu_of_state(s);

    if (!riscv_config_same(s, s->saved_ext, s->saved_vlenb, error)) {
        return false;
    }
    bool priv_valid = s->priv == RISCV_PRIV_U || s->priv == RISCV_PRIV_S || s->priv == RISCV_PRIV_M;
    if (!priv_valid || bits_get(s->mstatus, MSTATUS_MPP_SHIFT, 2) == 2 || s->x[0] != 0 ||
        s->frm > 7 || s->fflags > 31 || !riscv_vec_state_valid(s) ||
        !riscv_satp_mode_valid(s, s->satp >> SATP_MODE_SHIFT)) {
        return error_set(error, "the snapshot's CPU state is damaged; take a new one");
    }
    s->fs_dirty = 0;
    s->vs_dirty = 0;
    vcpu->reserve_addr = RESERVE_NONE;
    riscv_stimer_update(s);
    translations_changed(vcpu);
    return true;
}

static const VmField state_fields[] = {
    VM_FIELD_U64(RiscvState, saved_ext),
    VM_ARRAY_U64(RiscvState, x),
    VM_FIELD_U64(RiscvState, pc),
    VM_ARRAY_U64(RiscvState, f),
    VM_FIELD_U64(RiscvState, mstatus),
    VM_FIELD_U8(RiscvState, priv),
    VM_FIELD_U8(RiscvState, fflags),
    VM_FIELD_U8(RiscvState, frm),
    VM_FIELD_U64(RiscvState, mip_lines),
    VM_FIELD_U64(RiscvState, mip_soft),
    VM_FIELD_U64(RiscvState, mie),
    VM_FIELD_U64(RiscvState, mideleg),
    VM_FIELD_U64(RiscvState, medeleg),
    VM_FIELD_U64(RiscvState, mtvec),
    VM_FIELD_U64(RiscvState, mepc),
    VM_FIELD_U64(RiscvState, mcause),
    VM_FIELD_U64(RiscvState, mtval),
    VM_FIELD_U64(RiscvState, mscratch),
    VM_FIELD_U64(RiscvState, mcounteren),
    VM_FIELD_U64(RiscvState, menvcfg),
    VM_FIELD_U64(RiscvState, stvec),
    VM_FIELD_U64(RiscvState, sepc),
    VM_FIELD_U64(RiscvState, scause),
    VM_FIELD_U64(RiscvState, stval),
    VM_FIELD_U64(RiscvState, sscratch),
    VM_FIELD_U64(RiscvState, scounteren),
    VM_FIELD_U64(RiscvState, senvcfg),
    VM_FIELD_U64(RiscvState, satp),
    VM_FIELD_U64(RiscvState, stimecmp),
    VM_ARRAY_U64(RiscvState, mstateen),
    VM_ARRAY_U64(RiscvState, sstateen),
    VM_FIELD_U64(RiscvState, mcountinhibit),
    VM_FIELD_U64(RiscvState, mseccfg),
    VM_FIELD_U64(RiscvState, mcycle_offset),
    VM_FIELD_U64(RiscvState, minstret_offset),
    VM_ARRAY_U8(RiscvState, pmpcfg),
    VM_ARRAY_U64(RiscvState, pmpaddr),
    VM_FIELD_U32(RiscvState, saved_vlenb),
    VM_FIELD_U64(RiscvState, vl),
    VM_FIELD_U64(RiscvState, vtype),
    VM_FIELD_U64(RiscvState, vstart),
    VM_FIELD_U8(RiscvState, vxrm),
    VM_FIELD_U8(RiscvState, vxsat),
    VM_ARRAY_U8(RiscvState, v),
    VM_FIELD_U64(RiscvState, reset_pc),
    VM_FIELD_U64(RiscvState, time_offset),
    VM_FIELD_END(),
};

static const VmDesc state_desc = {
    .name = "riscv-cpu",
    .fields = state_fields,
    .pre_save = pre_save,
    .post_load = post_load,
};

const GuestArch riscv64_guest = {
    .name = "riscv64",
    .state_size = sizeof(RiscvState),
    .vars = riscv_vars,
    .nvars = RISCV_NVARS,
    .helpers = riscv_helpers,
    .nhelpers = RISCV_NHELPERS,
    .min_insn_bytes = 2,
    .max_insn_bytes = 4,
    .pc_offset = offsetof(RiscvState, pc),
    .get_pc = get_pc,
    .set_pc = set_pc,
    .tb_flags = tb_flags,
    .translate = riscv_translate,
    .walk = riscv_walk,
    .debug_translate = riscv_debug_translate,
    .print_mem = riscv_print_mem,
    .mmu_key = riscv_mmu_key,
    .mmu_shares_globals = riscv_mmu_shares_globals,
    .deliver_fault = riscv_deliver_fault,
    .take_interrupt = riscv_take_interrupt,
    .has_work = riscv_has_work,
    .reset = reset,
    .disassemble = riscv_disassemble,
    .dump = dump,
    .fp_enter = fp_enter,
    .fp_leave = fp_leave,
    .gdb = &riscv_gdb,
    .vmstate = &state_desc,
    .cpu_models = riscv_cpu_models,
};

/* ---- For boards ---- */

Vcpu *riscv_cpu_new(Machine *machine, const char *model, unsigned hartid, uint64_t timebase,
                    GError **error)
{
    RiscvCpuConfig config = {.timebase = timebase};

    if (!riscv_config_parse(model, &config, error)) {
        return NULL;
    }
    Vcpu *vcpu = vcpu_new(machine, &riscv64_guest);
    RiscvState *s = riscv_state(vcpu);
    s->config = config;
    s->vlenb = config.vlenb;
    s->hartid = hartid;
    s->priv = RISCV_PRIV_M;
    timer_init(&s->stimer, machine->clock, riscv_stimer_fired, s);
    reset(vcpu);
    vcpu->halted = true;
    return vcpu;
}

static void set_line(void *opaque, unsigned irq, bool level)
{
    Vcpu *vcpu = opaque;
    RiscvState *s = riscv_state(vcpu);
    uint64_t bit = UINT64_C(1) << irq;

    if (level) {
        uint64_t old = __atomic_fetch_or(&s->mip_lines, bit, __ATOMIC_SEQ_CST);
        if (!(old & bit)) {
            vcpu_kick(vcpu);
            if (irq == RISCV_IRQ_MSI) { /* another hart's doing */
                vcpu_await_handled(vcpu);
            }
        }
    } else {
        __atomic_fetch_and(&s->mip_lines, ~bit, __ATOMIC_SEQ_CST);
    }
}

IrqLine riscv_cpu_irq(Vcpu *vcpu, unsigned irq)
{
    return irq_line(set_line, vcpu, irq);
}

void riscv_cpu_set_reset_pc(Vcpu *vcpu, uint64_t pc)
{
    riscv_state(vcpu)->reset_pc = pc;
}

uint64_t riscv_time(Vcpu *vcpu)
{
    return riscv_time_now(riscv_state(vcpu));
}

void riscv_set_time(Vcpu *vcpu, uint64_t value)
{
    Machine *machine = vcpu->machine;
    uint64_t change = value - riscv_time(vcpu);

    for (unsigned i = 0; i < machine->ncpus; i++) {
        RiscvState *s = riscv_state(machine->cpus[i]);
        __atomic_fetch_add(&s->time_offset, change, __ATOMIC_RELAXED);
        riscv_stimer_update(s);
        vcpu_kick(machine->cpus[i]);
    }
}
