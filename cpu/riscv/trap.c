/*
 * Exceptions and interrupts (Privileged Architecture 3.1.6-3.1.15, 3.3, 10.1), and the supervisor timer
 * of Sstc.
 *
 * The level of STIP under Sstc is never stored: it is `time >= stimecmp`, evaluated on the hart's thread
 * when it matters. The timer's callback runs on the main thread; all it does is to set the hint that
 * makes the evaluation worth a look at the clock, and to kick the hart. So no order of the callback and
 * a write to stimecmp can lose an interrupt or leave a stale one.
 *
 * Bits of mip driven from outside are in mip_lines, changed atomically by any thread.
 */
#include "cpu/riscv/priv.h"
#include "softmmu/base/log.h"
#include <inttypes.h>

uint64_t riscv_mstatus(RiscvState *s)
{
    if (s->fs_dirty) {
        s->fs_dirty = 0;
        s->mstatus |= MSTATUS_FS;
    }
    if (s->vs_dirty) {
        s->vs_dirty = 0;
        s->mstatus |= MSTATUS_VS;
    }
    bool dirty = (s->mstatus & MSTATUS_FS) == MSTATUS_FS || (s->mstatus & MSTATUS_VS) == MSTATUS_VS;
    return s->mstatus | (dirty ? MSTATUS_SD : 0);
}

void riscv_set_status(Vcpu *vcpu, RiscvPriv priv, uint64_t mstatus)
{
    RiscvState *s = riscv_state(vcpu);

    s->priv = priv;
    s->mstatus = mstatus & ~MSTATUS_SD;
    vcpu_mmu_changed(vcpu);
}

/* ---- Time ---- */

uint64_t riscv_time_now(const RiscvState *s)
{
    uint64_t ticks =
        muldiv64((uint64_t)clock_now(s->stimer.clock), s->config.timebase, NS_PER_SECOND);
    return ticks + __atomic_load_n(&s->time_offset, __ATOMIC_RELAXED);
}

static bool stimer_reached(const RiscvState *s)
{
    return riscv_time_now(s) >= __atomic_load_n(&s->stimecmp, __ATOMIC_RELAXED);
}

void riscv_stimer_fired(void *state)
{
    RiscvState *s = state;

    __atomic_store_n(&s->stimer_due, true, __ATOMIC_RELEASE);
    vcpu_kick(vcpu_of_state(s));
}

/* The first virtual time, in ns, at which time >= stimecmp. */
static int64_t stimer_deadline(const RiscvState *s)
{
    uint64_t ticks = s->stimecmp - __atomic_load_n(&s->time_offset, __ATOMIC_RELAXED);
    unsigned __int128 ns = (unsigned __int128)ticks * NS_PER_SECOND;

    ns = (ns + s->config.timebase - 1) / s->config.timebase;
    return ns < TIMER_NEVER ? (int64_t)ns : TIMER_NEVER;
}

void riscv_stimer_update(RiscvState *s)
{
    timer_cancel(&s->stimer);
    __atomic_store_n(&s->stimer_due, false, __ATOMIC_RELAXED);
    if (!(s->menvcfg & MENVCFG_STCE)) {
        return;
    }
    if (stimer_reached(s)) {
        __atomic_store_n(&s->stimer_due, true, __ATOMIC_RELAXED);
        return;
    }
    int64_t deadline = stimer_deadline(s);
    if (deadline != TIMER_NEVER) {
        timer_arm(&s->stimer, deadline);
    }
}

/* ---- Pending interrupts ---- */

/* mip, with STIP as @stip_reached says under Sstc. */
static uint64_t mip_with(const RiscvState *s, bool stip_reached)
{
    uint64_t mip = __atomic_load_n(&s->mip_lines, __ATOMIC_ACQUIRE) | s->mip_soft;

    if (s->menvcfg & MENVCFG_STCE) {
        mip = (mip & ~MIP_STIP) | (stip_reached ? MIP_STIP : 0);
    }
    return mip;
}

uint64_t riscv_mip(const RiscvState *s)
{
    return mip_with(s, (s->menvcfg & MENVCFG_STCE) && stimer_reached(s));
}

/* mip & mie; looks at the clock only when the hint says so. */
static uint64_t pending(const RiscvState *s)
{
    bool reached = (s->mie & MIP_STIP) && __atomic_load_n(&s->stimer_due, __ATOMIC_ACQUIRE) &&
                   stimer_reached(s);
    return mip_with(s, reached) & s->mie;
}

/* Those that interrupt now: the machine level's go first. */
static uint64_t deliverable(const RiscvState *s)
{
    uint64_t all = pending(s);

    if (all == 0) {
        return 0;
    }
    uint64_t machine = all & ~s->mideleg;
    if (machine && (s->priv < RISCV_PRIV_M || (s->mstatus & MSTATUS_MIE))) {
        return machine;
    }
    bool supervisor =
        s->priv < RISCV_PRIV_S || (s->priv == RISCV_PRIV_S && (s->mstatus & MSTATUS_SIE));
    return supervisor ? all & s->mideleg : 0;
}

bool riscv_has_work(const Vcpu *vcpu)
{
    return pending(riscv_state(vcpu)) != 0;
}

void riscv_check_interrupts(Vcpu *vcpu)
{
    if (deliverable(riscv_state(vcpu))) {
        vcpu_kick_self(vcpu);
    }
}

bool riscv_take_interrupt(Vcpu *vcpu)
{
    static const uint8_t order[] = {
        RISCV_IRQ_MEI, RISCV_IRQ_MSI, RISCV_IRQ_MTI, RISCV_IRQ_SEI,
        RISCV_IRQ_SSI, RISCV_IRQ_STI, RISCV_IRQ_COF,
    };
    uint64_t bits = deliverable(riscv_state(vcpu));

    for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
        if ((bits >> order[i]) & 1) {
            riscv_enter_trap(vcpu, true, order[i], 0);
            return true;
        }
    }
    return false;
}

/* ---- Traps ---- */

static const char *cause_name(bool interrupt, unsigned cause)
{
    static const char *const exceptions[] = {
        "fetch misaligned",
        "fetch access fault",
        "illegal instruction",
        "breakpoint",
        "load misaligned",
        "load access fault",
        "store misaligned",
        "store access fault",
        "ecall from U",
        "ecall from S",
        NULL,
        "ecall from M",
        "fetch page fault",
        "load page fault",
        NULL,
        "store page fault",
    };
    static const char *const interrupts[] = {
        [RISCV_IRQ_SSI] = "supervisor software", [RISCV_IRQ_MSI] = "machine software",
        [RISCV_IRQ_STI] = "supervisor timer",    [RISCV_IRQ_MTI] = "machine timer",
        [RISCV_IRQ_SEI] = "supervisor external", [RISCV_IRQ_MEI] = "machine external",
        [RISCV_IRQ_COF] = "counter overflow",
    };
    const char *name = NULL;

    if (interrupt) {
        name = cause < ARRAY_SIZE(interrupts) ? interrupts[cause] : NULL;
    } else {
        name = cause < ARRAY_SIZE(exceptions) ? exceptions[cause] : NULL;
    }
    return name ? name : "unknown";
}

static uint64_t vector_address(uint64_t tvec, bool interrupt, unsigned cause)
{
    bool vectored = (tvec & 3) == 1 && interrupt;
    return (tvec & ~UINT64_C(3)) + (vectored ? 4 * (uint64_t)cause : 0);
}

static void enter_supervisor(Vcpu *vcpu, bool interrupt, unsigned cause, uint64_t tval)
{
    RiscvState *s = riscv_state(vcpu);
    uint64_t status = riscv_mstatus(s);

    s->scause = ((uint64_t)interrupt << 63) | cause;
    s->sepc = s->pc;
    s->stval = tval;
    s->pc = vector_address(s->stvec, interrupt, cause);
    bool sie = status & MSTATUS_SIE;
    status &= ~(MSTATUS_SPP | MSTATUS_SPIE | MSTATUS_SIE);
    status |= (sie ? MSTATUS_SPIE : 0) | (s->priv == RISCV_PRIV_S ? MSTATUS_SPP : 0);
    riscv_set_status(vcpu, RISCV_PRIV_S, status);
}

static void enter_machine(Vcpu *vcpu, bool interrupt, unsigned cause, uint64_t tval)
{
    RiscvState *s = riscv_state(vcpu);
    uint64_t status = riscv_mstatus(s);

    s->mcause = ((uint64_t)interrupt << 63) | cause;
    s->mepc = s->pc;
    s->mtval = tval;
    s->pc = vector_address(s->mtvec, interrupt, cause);
    bool mie = status & MSTATUS_MIE;
    status &= ~(MSTATUS_MPP | MSTATUS_MPIE | MSTATUS_MIE);
    status |= (mie ? MSTATUS_MPIE : 0) | ((uint64_t)s->priv << MSTATUS_MPP_SHIFT);
    riscv_set_status(vcpu, RISCV_PRIV_M, status);
}

void riscv_enter_trap(Vcpu *vcpu, bool interrupt, unsigned cause, uint64_t tval)
{
    RiscvState *s = riscv_state(vcpu);
    uint64_t delegated = interrupt ? s->mideleg : s->medeleg;

    if (log_enabled(LOG_INT)) {
        log_printf(LOG_INT,
                   "hart %u: %s %u (%s), priv %u, pc %016" PRIx64 ", tval %016" PRIx64 "\n",
                   vcpu->index, interrupt ? "interrupt" : "exception", cause,
                   cause_name(interrupt, cause), s->priv, s->pc, tval);
    }
    vcpu->reserve_addr = RESERVE_NONE;
    s->vain_waits = 0;
    if (s->priv <= RISCV_PRIV_S && ((delegated >> cause) & 1)) {
        enter_supervisor(vcpu, interrupt, cause, tval);
    } else {
        enter_machine(vcpu, interrupt, cause, tval);
    }
}

void riscv_raise(Vcpu *vcpu, RiscvCause cause, uint64_t tval)
{
    vcpu_sync(vcpu);
    riscv_enter_trap(vcpu, false, cause, tval);
    vcpu_unwind(vcpu, VCPU_EXIT_EXCEPTION);
}

void riscv_illegal(Vcpu *vcpu, uint64_t insn)
{
    riscv_raise(vcpu, RISCV_ILLEGAL, insn);
}

void riscv_deliver_fault(Vcpu *vcpu, uint64_t addr, MmuAccess access, MmuFault fault)
{
    static const uint8_t causes[3][3] = {
        /* page fault, access fault, misaligned */
        [MMU_READ] = {RISCV_LOAD_PAGE, RISCV_LOAD_ACCESS, RISCV_LOAD_MISALIGNED},
        [MMU_WRITE] = {RISCV_STORE_PAGE, RISCV_STORE_ACCESS, RISCV_STORE_MISALIGNED},
        [MMU_FETCH] = {RISCV_FETCH_PAGE, RISCV_FETCH_ACCESS, RISCV_FETCH_MISALIGNED},
    };

    riscv_enter_trap(vcpu, false, causes[access][fault - MMU_PAGE_FAULT], addr);
}
