/*
 * Helpers of system instructions: environment calls and returns, waiting, fences, LR/SC, 128-bit
 * compare-and-swap, cache-block operations. (Privileged Architecture 3.3, 10.2, 11; A, Zacas, Zawrs,
 * Zicbom, Zicboz.)
 *
 * When a helper is called, state is exact and pc is that of the instruction. Those that end the
 * translation leave pc at the instruction to go on with.
 */
#include "cpu/riscv/helpers.h"
#include "cpu/riscv/priv.h"
#include <sched.h>
#include <string.h>

static void next_insn(Vcpu *vcpu)
{
    riscv_state(vcpu)->pc += 4;
}

/* ---- Traps and returns ---- */

void riscv_helper_raise(Vcpu *vcpu, uint64_t cause, uint64_t tval)
{
    riscv_raise(vcpu, cause, tval);
}

void riscv_helper_ecall(Vcpu *vcpu)
{
    static const uint8_t causes[4] = {RISCV_ECALL_U, RISCV_ECALL_S, 0, RISCV_ECALL_M};

    riscv_enter_trap(vcpu, false, causes[riscv_state(vcpu)->priv & 3], 0);
}

/* The instructions before and after an ebreak that is a semihosting call (RISC-V Semihosting 0.4, chapter 2):
 * slli x0, x0, 0x1f and srai x0, x0, 7. None of the three is compressed, and all are in one page. */
#define SEMIHOSTING_BEFORE 0x01f01013
#define SEMIHOSTING_AFTER 0x40705013
#define PAGE_MASK UINT64_C(4095)

static bool is_semihosting_call(Vcpu *vcpu, uint64_t pc)
{
    uint32_t insns[3];

    return ((pc - 4) & ~PAGE_MASK) == ((pc + 7) & ~PAGE_MASK) &&
           vcpu_peek_code(vcpu, pc - 4, (uint8_t *)insns, sizeof(insns)) == sizeof(insns) &&
           insns[0] == SEMIHOSTING_BEFORE && insns[2] == SEMIHOSTING_AFTER;
}

void riscv_helper_ebreak(Vcpu *vcpu)
{
    RiscvState *s = riscv_state(vcpu);

    vcpu_sync(vcpu);
    if (!is_semihosting_call(vcpu, s->pc)) {
        riscv_raise(vcpu, RISCV_BREAKPOINT, s->pc);
    }
    s->x[10] = vcpu_semihosting(vcpu, s->x[10], s->x[11]);
    s->pc += 4;
}

void riscv_helper_mret(Vcpu *vcpu, uint64_t insn)
{
    RiscvState *s = riscv_state(vcpu);

    if (s->priv != RISCV_PRIV_M) {
        riscv_illegal(vcpu, insn);
    }
    uint64_t status = riscv_mstatus(s);
    RiscvPriv to = (status & MSTATUS_MPP) >> MSTATUS_MPP_SHIFT;
    bool mie = status & MSTATUS_MPIE;
    status &= ~(MSTATUS_MPP | MSTATUS_MIE);
    status |= MSTATUS_MPIE | (mie ? MSTATUS_MIE : 0);
    if (to != RISCV_PRIV_M) {
        status &= ~MSTATUS_MPRV;
    }
    s->pc = s->mepc;
    riscv_set_status(vcpu, to, status);
    riscv_check_interrupts(vcpu);
    vcpu_handled(vcpu);
}

void riscv_helper_sret(Vcpu *vcpu, uint64_t insn)
{
    RiscvState *s = riscv_state(vcpu);
    uint64_t status = riscv_mstatus(s);

    if (s->priv == RISCV_PRIV_U || (s->priv == RISCV_PRIV_S && (status & MSTATUS_TSR))) {
        riscv_illegal(vcpu, insn);
    }
    RiscvPriv to = status & MSTATUS_SPP ? RISCV_PRIV_S : RISCV_PRIV_U;
    bool sie = status & MSTATUS_SPIE;
    status &= ~(MSTATUS_SPP | MSTATUS_SIE | MSTATUS_MPRV);
    status |= MSTATUS_SPIE | (sie ? MSTATUS_SIE : 0);
    s->pc = s->sepc;
    riscv_set_status(vcpu, to, status);
    riscv_check_interrupts(vcpu);
    vcpu_handled(vcpu);
}

/* ---- Waiting ---- */

/* Without TW, supervisor mode may wait; user mode never, as it may not within a bounded time. */
static bool may_wait(const RiscvState *s)
{
    return s->priv == RISCV_PRIV_M || (s->priv == RISCV_PRIV_S && !(s->mstatus & MSTATUS_TW));
}

/* A loop around wfi that an interrupt ends at once, time after time, as it is pending but not taken. OpenSBI 1.1
 * waits so for a hart to be started, its IPI never cleared; spinning, it would take the host's processors from
 * the hart that it waits for. */
#define VAIN_WAITS 16      /* end at once */
#define VAIN_WAIT_US 10000 /* the next ones last so long, or until something happens */

void riscv_helper_wfi(Vcpu *vcpu, uint64_t insn)
{
    RiscvState *s = riscv_state(vcpu);

    if (!may_wait(s)) {
        riscv_illegal(vcpu, insn);
    }
    next_insn(vcpu);
    if (!riscv_has_work(vcpu)) {
        vcpu->halted = true;
        s->vain_waits = 0;
    } else if (s->vain_waits < VAIN_WAITS) {
        s->vain_waits++;
    } else {
        vcpu->halted = true;
        vcpu->nap_us = VAIN_WAIT_US;
    }
}

/* Looks for some us whether the word that is reserved has changed (of a doubleword, the lower one). If not, the
 * wait ends, as it may for any reason, but lets another hart run: whoever is to change it may be waiting for
 * its turn. */
#define WRS_LOOKS 500 /* with a pause each */

static bool reservation_holds(Vcpu *vcpu)
{
    const uint32_t *word = NULL;

    if (vcpu->reserve_addr != RESERVE_NONE) {
        word = vcpu_direct(vcpu, vcpu->reserve_addr, sizeof(*word), false);
    }
    return word && __atomic_load_n(word, __ATOMIC_RELAXED) == (uint32_t)vcpu->reserve_value;
}

void riscv_helper_wrs(Vcpu *vcpu, uint64_t insn)
{
    unsigned looks = 0;

    next_insn(vcpu);
    while (reservation_holds(vcpu) && looks++ < WRS_LOOKS &&
           !__atomic_load_n(&vcpu->kick, __ATOMIC_RELAXED)) {
        __builtin_ia32_pause();
    }
    if (looks > WRS_LOOKS) {
        sched_yield();
    }
}

/* ---- Fences ---- */

void riscv_helper_fence_i(Vcpu *vcpu)
{
    next_insn(vcpu);
    vcpu_sync_code(vcpu);
}

/* sfence.vma, sinval.vma. */
void riscv_helper_sfence_vma(Vcpu *vcpu, uint64_t vaddr, uint64_t asid, uint64_t insn)
{
    const RiscvState *s = riscv_state(vcpu);
    bool all_addresses = bits_get(insn, 15, 5) == 0, all_asids = bits_get(insn, 20, 5) == 0;

    if (s->priv == RISCV_PRIV_U || (s->priv == RISCV_PRIV_S && (s->mstatus & MSTATUS_TVM))) {
        riscv_illegal(vcpu, insn);
    }
    riscv_tlb_fence(vcpu, all_addresses ? NULL : &vaddr, all_asids ? NULL : &asid);
    next_insn(vcpu);
}

/* sfence.w.inval, sfence.inval.ir: sinval.vma has done it all. */
void riscv_helper_sinval_check(Vcpu *vcpu, uint64_t insn)
{
    if (riscv_state(vcpu)->priv == RISCV_PRIV_U) {
        riscv_illegal(vcpu, insn);
    }
}

/* ---- Atomics ---- */

static uint64_t sign_extend(uint64_t value, unsigned size)
{
    return size == 4 ? (uint64_t)(int32_t)value : value;
}

uint64_t riscv_helper_lr(Vcpu *vcpu, uint64_t addr, uint64_t size)
{
    if (addr & (size - 1)) {
        riscv_raise(vcpu, RISCV_LOAD_MISALIGNED, addr);
    }
    uint64_t value = sign_extend(vcpu_load(vcpu, addr, size), size);
    vcpu->reserve_addr = addr;
    vcpu->reserve_value = value;
    return value;
}

/* Succeeds if memory still has the value that LR saw. A value that was changed and changed back goes
 * unnoticed: all that real code relies on is a compare-and-swap. */
uint64_t riscv_helper_sc(Vcpu *vcpu, uint64_t addr, uint64_t value, uint64_t size)
{
    uint64_t expected = vcpu->reserve_value;
    bool reserved = vcpu->reserve_addr == addr;

    vcpu->reserve_addr = RESERVE_NONE;
    if (addr & (size - 1)) {
        riscv_raise(vcpu, RISCV_STORE_MISALIGNED, addr);
    }
    if (!reserved) {
        return 1;
    }
    return sign_extend(vcpu_cas(vcpu, addr, expected, value, size), size) !=
           sign_extend(expected, size);
}

/* The pair of registers that begins at even @reg; the pair at x0 is zero. */
static uint64_t pair_value(const RiscvState *s, uint64_t reg, unsigned half)
{
    return reg ? s->x[(reg + half) & 31] : 0;
}

void riscv_helper_amocas128(Vcpu *vcpu, uint64_t addr, uint64_t rd, uint64_t rs2)
{
    RiscvState *s = riscv_state(vcpu);
    uint64_t old[2] = {pair_value(s, rd, 0), pair_value(s, rd, 1)};
    const uint64_t desired[2] = {pair_value(s, rs2, 0), pair_value(s, rs2, 1)};

    vcpu_cas128(vcpu, addr, old, desired);
    if (rd) {
        s->x[rd & 31] = old[0];
        s->x[(rd + 1) & 31] = old[1];
    }
}

/* ---- Cache blocks ---- */

enum { CBO_INVAL = 0, CBO_CLEAN = 1, CBO_FLUSH = 2, CBO_ZERO = 4 };

/* Whether the enables of the levels above allow operation @op here. */
static bool cbo_enabled(const RiscvState *s, unsigned op)
{
    uint64_t bits = op == CBO_ZERO ? ENVCFG_CBZE : op == CBO_INVAL ? ENVCFG_CBIE : ENVCFG_CBCFE;

    if (s->priv < RISCV_PRIV_M && !(s->menvcfg & bits)) {
        return false;
    }
    return s->priv != RISCV_PRIV_U || (s->senvcfg & bits);
}

/* Checks that the whole block around @addr may be accessed: a fault is a store's, at the address as given
 * (CMO 2.5.2). Of what only reads caches, whoever may read may do it too (2.4). */
static void cbo_check(Vcpu *vcpu, uint64_t addr, MmuAccess access)
{
    MmuMapping mapping;
    MmuFault fault =
        riscv_walk(vcpu, align_down(addr, RISCV_CBO_BLOCK), RISCV_CBO_BLOCK, access, &mapping);

    if (fault == MMU_PAGE_FAULT) {
        riscv_raise(vcpu, RISCV_STORE_PAGE, addr);
    }
    if (fault != MMU_OK || !vcpu_phys_exists(vcpu, mapping.gpa)) {
        riscv_raise(vcpu, RISCV_STORE_ACCESS, addr);
    }
}

static void cbo_zero(Vcpu *vcpu, uint64_t addr)
{
    uint64_t block = align_down(addr, RISCV_CBO_BLOCK);
    void *host = vcpu_direct(vcpu, block, RISCV_CBO_BLOCK, true);

    if (host) {
        memset(host, 0, RISCV_CBO_BLOCK);
        return;
    }
    cbo_check(vcpu, addr, MMU_WRITE);
    for (unsigned i = 0; i < RISCV_CBO_BLOCK; i += 8) {
        vcpu_store(vcpu, block + i, 0, 8);
    }
}

void riscv_helper_cbo(Vcpu *vcpu, uint64_t addr, uint64_t insn)
{
    unsigned op = bits_get(insn, 20, 12);

    if (!cbo_enabled(riscv_state(vcpu), op)) {
        riscv_illegal(vcpu, insn);
    }
    if (op == CBO_ZERO) {
        cbo_zero(vcpu, addr);
    } else {
        cbo_check(vcpu, addr, MMU_READ); /* caches are coherent: there is nothing more to do */
    }
}
