/*
 * RISC-V control and status registers, traps, interrupts and returns, and saved state.
 */
#include "tests/unit/riscv-hart.h"
#include "softmmu/base/vmstate.h"
#include <string.h>
#include <xmmintrin.h>

/* ---- Who may access what ---- */

static void test_access(void)
{
    static const struct {
        uint16_t csr;
        RiscvPriv min; /* least privilege, in a hart just reset */
        bool read_only;
    } rows[] = {
        {CSR_SSTATUS, RISCV_PRIV_S, false},   {CSR_SATP, RISCV_PRIV_S, false},
        {CSR_SSCRATCH, RISCV_PRIV_S, false},  {CSR_SENVCFG, RISCV_PRIV_M, false},
        {CSR_STIMECMP, RISCV_PRIV_M, false},  {CSR_MSTATUS, RISCV_PRIV_M, false},
        {CSR_MISA, RISCV_PRIV_M, false},      {CSR_MSCRATCH, RISCV_PRIV_M, false},
        {CSR_PMPCFG0, RISCV_PRIV_M, false},   {CSR_PMPADDR0 + 63, RISCV_PRIV_M, false},
        {CSR_TSELECT, RISCV_PRIV_M, false},   {CSR_TSELECT + 1, RISCV_PRIV_M, false},
        {CSR_MCYCLE, RISCV_PRIV_M, false},    {CSR_MHPMCOUNTER3 + 28, RISCV_PRIV_M, false},
        {CSR_CYCLE, RISCV_PRIV_M, true},      {CSR_TIME, RISCV_PRIV_M, true},
        {CSR_MHARTID, RISCV_PRIV_M, true},    {CSR_MCONFIGPTR, RISCV_PRIV_M, true},
        {CSR_MSTATEEN0, RISCV_PRIV_M, false}, {CSR_SSTATEEN0, RISCV_PRIV_M, false},
    };
    static const RiscvPriv privs[] = {RISCV_PRIV_U, RISCV_PRIV_S, RISCV_PRIV_M};
    Vcpu *vcpu = hart_new("rv64");

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        for (unsigned p = 0; p < ARRAY_SIZE(privs); p++) {
            hart_set_priv(vcpu, privs[p]);
            bool allowed = privs[p] >= rows[i].min;
            g_assert_cmpint(hart_csr_readable(vcpu, rows[i].csr), ==, allowed);
            g_assert_cmpint(hart_csr_writable(vcpu, rows[i].csr), ==,
                            allowed && !rows[i].read_only);
        }
    }
    hart_free(vcpu);
}

/* Of all numbers: none is accessible below the privilege it names, and those that do not exist trap. */
static void test_all_numbers(void)
{
    Vcpu *vcpu = hart_new("max");

    for (unsigned csr = 0; csr < 4096; csr++) {
        if (csr == 0xb02 || csr == 0xc02) {
            continue; /* instret asks the engine, which there is none */
        }
        for (unsigned priv = 0; priv <= 3; priv += priv == 1 ? 2 : 1) {
            hart_set_priv(vcpu, priv);
            bool readable = hart_csr_readable(vcpu, csr);
            if (priv < bits_get(csr, 8, 2) || !riscv_csr_find(csr)) {
                g_assert_false(readable);
            }
            if (bits_get(csr, 10, 2) == 3) {
                g_assert_false(hart_csr_writable(vcpu, csr));
            }
        }
    }
    hart_free(vcpu);
}

static void test_absent(void)
{
    Vcpu *vcpu = hart_new("rv64,pmp=off,sstc=off,smstateen=off,zicntr=off,zihpm=off,f=off");
    static const uint16_t absent[] = {
        CSR_FCSR,      CSR_PMPCFG0, CSR_PMPADDR0, CSR_STIMECMP,    CSR_MSTATEEN0,
        CSR_SSTATEEN0, CSR_CYCLE,   CSR_TIME,     CSR_HPMCOUNTER3, CSR_MHPMCOUNTER3,
        0x3a1,         0x747,       0x008,        0x600,           0x7b0,
        0x015,         0xda0,
    };

    for (unsigned i = 0; i < ARRAY_SIZE(absent); i++) {
        g_assert_false(hart_csr_readable(vcpu, absent[i]));
    }
    hart_csr_write(vcpu, CSR_MSTATUS, MSTATUS_FS);
    g_assert_cmphex(hart_csr_read(vcpu, CSR_MSTATUS) & MSTATUS_FS, ==, 0);
    hart_free(vcpu);
}

/* ---- Fields that hold only what is legal ---- */

static void test_warl(void)
{
    static const struct {
        uint16_t csr;
        uint64_t write, expect;
    } rows[] = {
        {CSR_MTVEC, 0x80000003, 0x80000001},
        {CSR_STVEC, 0x80000002, 0x80000000},
        {CSR_MEPC, 0x80000003, 0x80000002},
        {CSR_SEPC, ~UINT64_C(0), ~UINT64_C(1)},
        {CSR_MEDELEG, ~UINT64_C(0), 0xb3ff},
        {CSR_MIDELEG, ~UINT64_C(0), 0x222},
        {CSR_MIE, ~UINT64_C(0), 0xaaa},
        {CSR_MCOUNTEREN, ~UINT64_C(0), 0xffffffff},
        {CSR_MENVCFG, ~UINT64_C(0), UINT64_C(7) << 61 | 0xf1},
        {CSR_MENVCFG, 0x20, 0x30}, /* reserved CBIE: stays */
        {CSR_MENVCFG, 0, 0},
        {CSR_SENVCFG, ~UINT64_C(0), 0xf1},
        {CSR_MCOUNTINHIBIT, 1, 1},
        {CSR_MCOUNTINHIBIT, 0, 0},
        {CSR_MSTATEEN0, ~UINT64_C(0), UINT64_C(3) << 62},
        {CSR_MSTATEEN0 + 1, ~UINT64_C(0), UINT64_C(1) << 63},
        {CSR_MISA, 0, UINT64_C(2) << 62 | 0x14112d},
        {CSR_TSELECT, 1, 0},
        {CSR_SATP, UINT64_C(8) << 60 | 0x80000, UINT64_C(8) << 60 | 0x80000},
        {CSR_SATP, UINT64_C(7) << 60, UINT64_C(8) << 60 | 0x80000},
        {CSR_SATP, UINT64_C(0xa) << 60 | UINT64_C(0xffff) << 44,
         UINT64_C(0xa) << 60 | UINT64_C(0xffff) << 44},
        {CSR_SATP, 0, 0},
        {CSR_PMPADDR0, ~UINT64_C(0), (UINT64_C(1) << 54) - 1},
        {CSR_PMPADDR0 + 16, ~UINT64_C(0), 0},
        {CSR_PMPCFG0, 0x7f, 0x1f},
        {CSR_PMPCFG0, 0x02, 0},
        {CSR_SCAUSE, ~UINT64_C(0), ~UINT64_C(0)},
    };
    Vcpu *vcpu = hart_new("rv64");

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        hart_csr_write(vcpu, rows[i].csr, rows[i].write);
        g_assert_cmphex(hart_csr_read(vcpu, rows[i].csr), ==, rows[i].expect);
    }
    hart_free(vcpu);

    vcpu = hart_new("rv64,sv48=off,svpbmt=off,svadu=off,zicbom=off,zicboz=off,sstc=off");
    hart_csr_write(vcpu, CSR_SATP, UINT64_C(9) << 60 | 1);
    g_assert_cmphex(hart_csr_read(vcpu, CSR_SATP), ==, 0);
    hart_csr_write(vcpu, CSR_MENVCFG, ~UINT64_C(0));
    g_assert_cmphex(hart_csr_read(vcpu, CSR_MENVCFG), ==, 1);
    hart_free(vcpu);
}

static void test_status(void)
{
    Vcpu *vcpu = hart_new("rv64");
    RiscvState *s = riscv_state(vcpu);
    uint64_t fixed = MSTATUS_UXL_64 | MSTATUS_SXL_64;

    g_assert_cmphex(hart_csr_read(vcpu, CSR_MSTATUS), ==, fixed);
    hart_csr_write(vcpu, CSR_MSTATUS, ~UINT64_C(0));
    g_assert_cmphex(hart_csr_read(vcpu, CSR_MSTATUS), ==, fixed | MSTATUS_SD | 0x7e79aa);
    hart_csr_write(vcpu, CSR_MSTATUS, UINT64_C(2) << 11); /* reserved MPP: stays */
    g_assert_cmphex(hart_csr_read(vcpu, CSR_MSTATUS), ==, fixed | MSTATUS_MPP);
    hart_csr_write(vcpu, CSR_SSTATUS, ~UINT64_C(0));
    g_assert_cmphex(hart_csr_read(vcpu, CSR_SSTATUS), ==, MSTATUS_UXL_64 | MSTATUS_SD | 0xc6122);
    hart_csr_write(vcpu, CSR_SSTATUS, 0);
    g_assert_cmphex(hart_csr_read(vcpu, CSR_MSTATUS), ==, fixed | MSTATUS_MPP);

    /* What translated code does to f registers shows as Dirty. */
    hart_csr_write(vcpu, CSR_SSTATUS, UINT64_C(1) << MSTATUS_FS_SHIFT);
    s->fs_dirty = 1;
    g_assert_cmphex(hart_csr_read(vcpu, CSR_SSTATUS), ==, MSTATUS_UXL_64 | MSTATUS_SD | MSTATUS_FS);
    hart_csr_write(vcpu, CSR_SSTATUS, UINT64_C(2) << MSTATUS_FS_SHIFT);
    g_assert_cmphex(hart_csr_read(vcpu, CSR_SSTATUS), ==,
                    MSTATUS_UXL_64 | UINT64_C(2) << MSTATUS_FS_SHIFT);
    hart_free(vcpu);
}

/* ---- Floating-point CSRs ---- */

static void test_fcsr(void)
{
    Vcpu *vcpu = hart_new("rv64");

    g_assert_false(hart_csr_readable(vcpu, CSR_FCSR)); /* FS is off */
    hart_csr_write(vcpu, CSR_MSTATUS, UINT64_C(1) << MSTATUS_FS_SHIFT);
    _mm_setcsr(0x1f80);
    hart_csr_write(vcpu, CSR_FCSR, 0x7f); /* RUP and all flags */
    g_assert_cmphex(hart_csr_read(vcpu, CSR_FRM), ==, 3);
    g_assert_cmphex(hart_csr_read(vcpu, CSR_FFLAGS), ==, 0x1f);
    g_assert_cmphex(hart_csr_read(vcpu, CSR_MSTATUS) & MSTATUS_FS, ==, MSTATUS_FS);
    g_assert_cmphex(_mm_getcsr(), ==, 0x1f80 | 2 << 13);
    g_assert_cmphex(riscv64_guest.tb_flags(vcpu), ==,
                    RISCV_PRIV_M | RISCV_TB_FS | 3 << RISCV_TB_FRM_SHIFT);

    /* Flags that the host's unit has collected. */
    hart_csr_write(vcpu, CSR_FFLAGS, FFLAGS_NV);
    _mm_setcsr(_mm_getcsr() | 0x24); /* divide by zero, precision */
    g_assert_cmphex(hart_csr_read(vcpu, CSR_FFLAGS), ==, FFLAGS_NV | FFLAGS_DZ | FFLAGS_NX);
    g_assert_cmphex(hart_csr_clear(vcpu, CSR_FFLAGS, FFLAGS_DZ), ==,
                    FFLAGS_NV | FFLAGS_DZ | FFLAGS_NX);
    g_assert_cmphex(hart_csr_read(vcpu, CSR_FCSR), ==, 0x60 | FFLAGS_NV | FFLAGS_NX);
    g_assert_cmphex(_mm_getcsr() & 0x3f, ==, 0);
    for (unsigned frm = 0; frm < 8; frm++) {
        static const uint8_t rc[] = {0, 3, 1, 2, 0, 0, 0, 0};
        hart_csr_write(vcpu, CSR_FRM, frm);
        g_assert_cmphex(_mm_getcsr() >> 13 & 3, ==, rc[frm]);
        g_assert_cmphex(riscv64_guest.fp_enter(vcpu), ==, 0x1f80u | (uint32_t)rc[frm] << 13);
    }
    _mm_setcsr(0x1f80);
    riscv64_guest.fp_leave(vcpu, 0x1f80 | 0x18); /* overflow, underflow */
    g_assert_cmphex(riscv_state(vcpu)->fflags, ==, 0x17);
    hart_free(vcpu);
}

/* ---- Counters ---- */

static void test_counters(void)
{
    Vcpu *vcpu = hart_new("rv64");
    RiscvState *s = riscv_state(vcpu);

    hart_step(vcpu, 1000);
    g_assert_cmpuint(hart_csr_read(vcpu, CSR_MCYCLE), ==, 1000);
    g_assert_cmpuint(hart_csr_read(vcpu, CSR_TIME), ==, 10);
    hart_csr_write(vcpu, CSR_MCYCLE, 5);
    hart_step(vcpu, 100);
    g_assert_cmpuint(hart_csr_read(vcpu, CSR_CYCLE), ==, 105);
    hart_csr_write(vcpu, CSR_MCOUNTINHIBIT, 1);
    hart_step(vcpu, 100);
    g_assert_cmpuint(hart_csr_read(vcpu, CSR_CYCLE), ==, 105);
    hart_csr_write(vcpu, CSR_MCYCLE, 7);
    hart_csr_write(vcpu, CSR_MCOUNTINHIBIT, 0);
    hart_step(vcpu, 100);
    g_assert_cmpuint(hart_csr_read(vcpu, CSR_CYCLE), ==, 107);
    riscv_set_time(vcpu, 5000);
    hart_step(vcpu, 1000);
    g_assert_cmpuint(hart_csr_read(vcpu, CSR_TIME), ==, 5010);

    for (unsigned n = 0; n < 4; n++) {
        s->mcounteren = n & 1 ? 0xf : 0;
        s->scounteren = n & 2 ? 0xf : 0;
        hart_set_priv(vcpu, RISCV_PRIV_S);
        g_assert_cmpint(hart_csr_readable(vcpu, CSR_TIME), ==, n & 1);
        g_assert_cmpint(hart_csr_readable(vcpu, CSR_HPMCOUNTER3), ==, n & 1);
        hart_set_priv(vcpu, RISCV_PRIV_U);
        g_assert_cmpint(hart_csr_readable(vcpu, CSR_TIME), ==, n == 3);
    }
    hart_free(vcpu);
}

/* ---- Traps ---- */

static void test_trap_machine(void)
{
    Vcpu *vcpu = hart_new("rv64");
    RiscvState *s = riscv_state(vcpu);

    s->mtvec = 0x80001001; /* vectored: exceptions go to the base all the same */
    s->mstatus = MSTATUS_MIE;
    vcpu->reserve_addr = 0x80002000;
    hart_set_priv(vcpu, RISCV_PRIV_U);
    s->pc = 0x1234;
    g_assert_true(HART_TRAPS(vcpu, riscv_raise(vcpu, RISCV_LOAD_PAGE, 0x55)));
    g_assert_cmphex(s->pc, ==, 0x80001000);
    g_assert_cmphex(s->mepc, ==, 0x1234);
    g_assert_cmphex(s->mcause, ==, RISCV_LOAD_PAGE);
    g_assert_cmphex(s->mtval, ==, 0x55);
    g_assert_cmphex(s->mstatus, ==, MSTATUS_MPIE);
    g_assert_cmpuint(s->priv, ==, RISCV_PRIV_M);
    g_assert_cmphex(vcpu->reserve_addr, ==, RESERVE_NONE);

    s->mstatus |= MSTATUS_MPRV;
    riscv_helper_mret(vcpu, 0x30200073);
    g_assert_cmphex(s->pc, ==, 0x1234);
    g_assert_cmphex(s->mstatus, ==, MSTATUS_MIE | MSTATUS_MPIE);
    g_assert_cmpuint(s->priv, ==, RISCV_PRIV_U);
    g_assert_true(HART_TRAPS(vcpu, riscv_helper_mret(vcpu, 0x30200073)));
    g_assert_cmphex(s->mtval, ==, 0x30200073);
    hart_free(vcpu);
}

static void test_trap_supervisor(void)
{
    Vcpu *vcpu = hart_new("rv64");
    RiscvState *s = riscv_state(vcpu);

    s->medeleg = 1 << RISCV_ECALL_U | 1 << RISCV_ILLEGAL;
    s->stvec = 0x80004000;
    s->mtvec = 0x80008000;
    s->mstatus = MSTATUS_SIE;
    hart_set_priv(vcpu, RISCV_PRIV_U);
    s->pc = 0x4000;
    riscv_helper_ecall(vcpu);
    g_assert_cmphex(s->pc, ==, 0x80004000);
    g_assert_cmphex(s->scause, ==, RISCV_ECALL_U);
    g_assert_cmphex(s->sepc, ==, 0x4000);
    g_assert_cmphex(s->mstatus, ==, MSTATUS_SPIE);
    riscv_helper_ecall(vcpu); /* of S is not delegated */
    g_assert_cmphex(s->pc, ==, 0x80008000);
    g_assert_cmphex(s->mcause, ==, RISCV_ECALL_S);
    g_assert_true(HART_TRAPS(vcpu, riscv_illegal(vcpu, 0))); /* nor is what happens in M */
    g_assert_cmphex(s->mcause, ==, RISCV_ILLEGAL);

    hart_set_priv(vcpu, RISCV_PRIV_S);
    s->mstatus = MSTATUS_SPIE | MSTATUS_MPRV;
    riscv_helper_sret(vcpu, 0x10200073);
    g_assert_cmphex(s->pc, ==, 0x4000);
    g_assert_cmphex(s->mstatus, ==, MSTATUS_SPIE | MSTATUS_SIE);
    g_assert_cmpuint(s->priv, ==, RISCV_PRIV_U);
    hart_set_priv(vcpu, RISCV_PRIV_S);
    s->mstatus |= MSTATUS_TSR;
    g_assert_true(HART_TRAPS(vcpu, riscv_helper_sret(vcpu, 0x10200073)));
    hart_free(vcpu);
}

/* What TVM, TW and privilege forbid. */
static void test_trapping(void)
{
    enum { SFENCE = 0x12000073, WFI = 0x10500073 };
    Vcpu *vcpu = hart_new("rv64");
    RiscvState *s = riscv_state(vcpu);

    hart_set_priv(vcpu, RISCV_PRIV_U);
    g_assert_true(HART_TRAPS(vcpu, riscv_helper_sfence_vma(vcpu, 0, 0, SFENCE)));
    hart_set_priv(vcpu, RISCV_PRIV_U);
    g_assert_true(HART_TRAPS(vcpu, riscv_helper_wfi(vcpu, WFI)));
    hart_set_priv(vcpu, RISCV_PRIV_U);
    g_assert_true(HART_TRAPS(vcpu, riscv_helper_sinval_check(vcpu, 0)));
    hart_set_priv(vcpu, RISCV_PRIV_S);
    g_assert_false(HART_TRAPS(vcpu, riscv_helper_sfence_vma(vcpu, 0, 0, SFENCE)));
    g_assert_false(HART_TRAPS(vcpu, riscv_helper_wfi(vcpu, WFI)));
    g_assert_true(vcpu->halted);
    s->mstatus |= MSTATUS_TVM | MSTATUS_TW;
    g_assert_false(hart_csr_readable(vcpu, CSR_SATP));
    g_assert_false(HART_TRAPS(vcpu, riscv_helper_sinval_check(vcpu, 0)));
    g_assert_true(HART_TRAPS(vcpu, riscv_helper_sfence_vma(vcpu, 0, 0, SFENCE)));
    hart_set_priv(vcpu, RISCV_PRIV_S);
    g_assert_true(HART_TRAPS(vcpu, riscv_helper_wfi(vcpu, WFI)));
    hart_free(vcpu);
}

/* ---- Interrupts ---- */

static void test_interrupt_order(void)
{
    static const uint8_t order[] = {11, 3, 7, 9, 1, 5};
    Vcpu *vcpu = hart_new("rv64");
    RiscvState *s = riscv_state(vcpu);

    s->mtvec = 0x80001001;
    s->mie = 0xaaa;
    s->mip_soft = MIP_S_BITS;
    s->mip_lines = MIP_M_BITS;
    g_assert_false(riscv_take_interrupt(vcpu)); /* MIE is off */
    for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
        s->mstatus |= MSTATUS_MIE;
        g_assert_true(riscv_take_interrupt(vcpu));
        g_assert_cmphex(s->mcause, ==, UINT64_C(1) << 63 | order[i]);
        g_assert_cmphex(s->pc, ==, 0x80001000 + 4 * order[i]);
        s->mie &= ~(UINT64_C(1) << order[i]);
    }
    s->mstatus |= MSTATUS_MIE;
    g_assert_false(riscv_take_interrupt(vcpu));
    g_assert_false(riscv_has_work(vcpu));
    hart_free(vcpu);
}

static void test_interrupt_delegation(void)
{
    Vcpu *vcpu = hart_new("rv64");
    RiscvState *s = riscv_state(vcpu);
    IrqLine sei = riscv_cpu_irq(vcpu, RISCV_IRQ_SEI);

    hart_csr_write(vcpu, CSR_MIDELEG, MIP_S_BITS);
    hart_csr_write(vcpu, CSR_SIE, ~UINT64_C(0));
    g_assert_cmphex(s->mie, ==, MIP_S_BITS);
    vcpu->kick = 0;
    irq_set(&sei, true);
    g_assert_cmpuint(vcpu->kick, !=, 0);
    g_assert_cmphex(hart_csr_read(vcpu, CSR_SIP), ==, MIP_SEIP);
    s->mstatus |= MSTATUS_MIE | MSTATUS_SIE;
    g_assert_true(riscv_has_work(vcpu));
    g_assert_false(riscv_take_interrupt(vcpu)); /* not in M */
    hart_set_priv(vcpu, RISCV_PRIV_S);
    s->mstatus &= ~MSTATUS_SIE;
    g_assert_false(riscv_take_interrupt(vcpu));
    vcpu->kick = 0;
    hart_csr_set(vcpu, CSR_SSTATUS, MSTATUS_SIE);
    g_assert_cmpuint(vcpu->kick, !=, 0); /* enabling makes it look */
    g_assert_true(riscv_take_interrupt(vcpu));
    g_assert_cmphex(s->scause, ==, UINT64_C(1) << 63 | RISCV_IRQ_SEI);

    /* Setting another bit must not make the line's level a software one. */
    hart_set_priv(vcpu, RISCV_PRIV_M);
    g_assert_cmphex(hart_csr_set(vcpu, CSR_MIP, MIP_SSIP), ==, MIP_SEIP);
    irq_set(&sei, false);
    g_assert_cmphex(hart_csr_read(vcpu, CSR_MIP), ==, MIP_SSIP);
    hart_csr_write(vcpu, CSR_SIP, 0);
    g_assert_cmphex(hart_csr_read(vcpu, CSR_MIP), ==, 0);
    hart_csr_write(vcpu, CSR_MIP, ~UINT64_C(0));
    g_assert_cmphex(hart_csr_read(vcpu, CSR_MIP), ==, MIP_S_BITS);
    hart_free(vcpu);
}

static void test_stimecmp(void)
{
    Vcpu *vcpu = hart_new("rv64");
    RiscvState *s = riscv_state(vcpu);

    s->mcounteren = 2;
    hart_csr_write(vcpu, CSR_STIMECMP, ~UINT64_C(0));
    hart_csr_write(vcpu, CSR_MENVCFG, MENVCFG_STCE);
    hart_csr_write(vcpu, CSR_MIE, MIP_STIP);
    hart_csr_write(vcpu, CSR_MIP, MIP_STIP); /* read-only now */
    g_assert_cmphex(hart_csr_read(vcpu, CSR_MIP), ==, 0);
    hart_set_priv(vcpu, RISCV_PRIV_S);
    hart_csr_write(vcpu, CSR_STIMECMP, 100);
    g_assert_true(timer_armed(&s->stimer));
    hart_step(vcpu, 9999);
    g_assert_false(riscv_has_work(vcpu));
    vcpu->kick = 0;
    hart_step(vcpu, 1);
    g_assert_cmpuint(vcpu->kick, !=, 0);
    g_assert_true(riscv_has_work(vcpu));
    g_assert_true(riscv_take_interrupt(vcpu));
    g_assert_cmphex(s->mcause, ==, UINT64_C(1) << 63 | RISCV_IRQ_STI);
    hart_csr_write(vcpu, CSR_STIMECMP, 101);
    g_assert_false(riscv_has_work(vcpu));
    hart_step(vcpu, 100);
    g_assert_true(riscv_has_work(vcpu));
    hart_csr_write(vcpu, CSR_STIMECMP, 0);
    g_assert_true(riscv_has_work(vcpu));
    hart_csr_write(vcpu, CSR_MENVCFG, 0);
    g_assert_false(riscv_has_work(vcpu));
    hart_set_priv(vcpu, RISCV_PRIV_S);
    g_assert_false(hart_csr_readable(vcpu, CSR_STIMECMP));
    hart_free(vcpu);
}

/* ---- Environment configuration, state enable, PMP ---- */

static void test_stateen(void)
{
    Vcpu *vcpu = hart_new("rv64");

    hart_set_priv(vcpu, RISCV_PRIV_S);
    g_assert_false(hart_csr_readable(vcpu, CSR_SENVCFG));
    g_assert_false(hart_csr_readable(vcpu, CSR_SSTATEEN0));
    riscv_state(vcpu)->mstateen[0] = MSTATEEN_ENVCFG | MSTATEEN_SE;
    g_assert_true(hart_csr_readable(vcpu, CSR_SENVCFG));
    g_assert_cmphex(hart_csr_read(vcpu, CSR_SSTATEEN0), ==, 0);
    hart_free(vcpu);
}

static void test_pmp_locks(void)
{
    Vcpu *vcpu = hart_new("rv64");

    hart_csr_write(vcpu, CSR_PMPADDR0, 0x100);
    hart_csr_write(vcpu, CSR_PMPADDR0 + 1, 0x200);
    hart_csr_write(vcpu, CSR_PMPCFG0, 0x8f00); /* entry 1: locked, top of range, rwx */
    hart_csr_write(vcpu, CSR_PMPCFG0, 0x1f1f);
    g_assert_cmphex(hart_csr_read(vcpu, CSR_PMPCFG0), ==, 0x8f1f);
    hart_csr_write(vcpu, CSR_PMPADDR0, 0);
    hart_csr_write(vcpu, CSR_PMPADDR0 + 1, 0);
    g_assert_cmphex(hart_csr_read(vcpu, CSR_PMPADDR0), ==, 0x100);
    g_assert_cmphex(hart_csr_read(vcpu, CSR_PMPADDR0 + 1), ==, 0x200);
    hart_csr_write(vcpu, CSR_PMPCFG0 + 2, 0x0f); /* entry 8 */
    g_assert_cmphex(riscv_state(vcpu)->pmpcfg[8], ==, 0x0f);
    hart_free(vcpu);
}

/* ---- Saved state ---- */

static void test_vmstate(void)
{
    Vcpu *a = hart_new("rv64"), *b = hart_new("rv64");
    RiscvState *s = riscv_state(a), *t = riscv_state(b);
    GByteArray *first = g_byte_array_new(), *second = g_byte_array_new();
    GError *error = NULL;

    for (unsigned i = 1; i < 32; i++) {
        s->x[i] = i * UINT64_C(0x0101010101010101);
        s->f[i] = ~s->x[i];
    }
    s->pc = 0x80001234;
    s->mie = MIP_STIP;
    s->menvcfg = MENVCFG_STCE;
    s->stimecmp = 1000;
    s->mstatus = UINT64_C(1) << MSTATUS_FS_SHIFT;
    s->fs_dirty = 1;
    s->frm = 2;
    s->pmpcfg[15] = 0x9f;
    vmstate_save(first, riscv64_guest.vmstate, s);
    memset(t->x, 0xa5, sizeof(t->x));
    const uint8_t *data = first->data;
    size_t len = first->len;
    g_assert_true(vmstate_load(&data, &len, riscv64_guest.vmstate, t, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(len, ==, 0);
    g_assert_true(timer_armed(&t->stimer));
    g_assert_cmphex(t->mstatus & MSTATUS_FS, ==, MSTATUS_FS);
    vmstate_save(second, riscv64_guest.vmstate, t);
    g_assert_cmpmem(first->data, first->len, second->data, second->len);

    /* Damaged, and of another CPU. */
    s->priv = 2;
    g_byte_array_set_size(second, 0);
    vmstate_save(second, riscv64_guest.vmstate, s);
    data = second->data;
    len = second->len;
    g_assert_false(vmstate_load(&data, &len, riscv64_guest.vmstate, t, &error));
    g_clear_error(&error);
    Vcpu *other = hart_new("rv64,zba=off");
    data = first->data;
    len = first->len;
    g_assert_false(vmstate_load(&data, &len, riscv64_guest.vmstate, riscv_state(other), &error));
    g_clear_error(&error);
    g_byte_array_unref(first);
    g_byte_array_unref(second);
    hart_free(a);
    hart_free(b);
    hart_free(other);
}

/* ---- Models ---- */

static void expect_error(const char *model, const char *text)
{
    RiscvCpuConfig config;
    GError *error = NULL;

    g_assert_false(riscv_config_parse(model, &config, &error));
    g_assert_nonnull(strstr(error->message, text));
    g_error_free(error);
}

static void test_models(void)
{
    RiscvCpuConfig config = {0};
    RiscvState s = {0};

    expect_error("rv46", "did you mean 'rv64'");
    expect_error("rv64,zbx=off", "did you mean 'zb");
    expect_error("rv64,zba=perhaps", "on or off");
    expect_error("rv64,f=off,d=on", "'d' needs 'f'");
    expect_error("rv64,i=off", "cannot be turned off");
    g_assert_true(riscv_config_parse("rv64,f=off,sv48=off,a=off", &config, NULL));
    s.config = config;
    g_assert_false(riscv_has(&s, RISCV_EXT_D) || riscv_has(&s, RISCV_EXT_ZFH));
    g_assert_false(riscv_has(&s, RISCV_EXT_SV57) || riscv_has(&s, RISCV_EXT_ZACAS));
    g_assert_true(riscv_has(&s, RISCV_EXT_ZBA));

    /* What command lines made for QEMU say. */
    g_assert_true(riscv_config_parse(
        "rv64,h=false,Zfh=false,v=true,vlen=256,elen=64,vext_spec=v1.0", &config, NULL));
    s.config = config;
    g_assert_true(riscv_has(&s, RISCV_EXT_V) && !riscv_has(&s, RISCV_EXT_ZFH));
    expect_error("rv64,h=on", "there is no 'h'");
    expect_error("rv64,zbkx", "there is no 'zbkx'");
    expect_error("rv64,elen=32", "is 64 here");

    Vcpu *vcpu = hart_new("rva22s64");
    g_autofree char *isa = riscv_isa_string(vcpu);
    g_assert_cmpstr(isa, ==,
                    "rv64imafdc_zic64b_zicbom_zicbop_zicboz_ziccamoa_ziccif_zicclsm_ziccrse_zicntr_"
                    "zicsr_zifencei_zihintpause_zihpm_za64rs_zfhmin_zba_zbb_zbs_zkt_ssccptr_"
                    "sscounterenw_sstvala_sstvecd_svade_svinval_svpbmt");
    g_assert_cmpstr(riscv_mmu_type(vcpu), ==, "riscv,sv39");
    g_assert_cmpuint(riscv_cbo_block_size(vcpu), ==, 64);
    hart_free(vcpu);
    vcpu = hart_new("rv64,zicbom=off,zicboz=off,zicbop=off");
    g_assert_cmpstr(riscv_mmu_type(vcpu), ==, "riscv,sv57");
    g_assert_cmpuint(riscv_cbo_block_size(vcpu), ==, 0);
    hart_free(vcpu);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/riscv/csr/access", test_access);
    g_test_add_func("/riscv/csr/all-numbers", test_all_numbers);
    g_test_add_func("/riscv/csr/absent", test_absent);
    g_test_add_func("/riscv/csr/warl", test_warl);
    g_test_add_func("/riscv/csr/status", test_status);
    g_test_add_func("/riscv/csr/fcsr", test_fcsr);
    g_test_add_func("/riscv/csr/counters", test_counters);
    g_test_add_func("/riscv/csr/stateen", test_stateen);
    g_test_add_func("/riscv/csr/pmp-locks", test_pmp_locks);
    g_test_add_func("/riscv/trap/machine", test_trap_machine);
    g_test_add_func("/riscv/trap/supervisor", test_trap_supervisor);
    g_test_add_func("/riscv/trap/trapping", test_trapping);
    g_test_add_func("/riscv/interrupt/order", test_interrupt_order);
    g_test_add_func("/riscv/interrupt/delegation", test_interrupt_delegation);
    g_test_add_func("/riscv/interrupt/stimecmp", test_stimecmp);
    g_test_add_func("/riscv/vmstate", test_vmstate);
    g_test_add_func("/riscv/models", test_models);
    return g_test_run();
}
