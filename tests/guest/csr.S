/* Zicsr: every form of access, read-only and missing registers, privilege, side effects. */
#include "tests/guest/test.h"

test:
    /* Old values and new ones; rd and rs1 the same; x0 as either. */
    li a0, 0x123456789abcdef0
    csrw mscratch, a0
    csrrw a1, mscratch, zero
    CHECK(a1, 0x123456789abcdef0)
    csrr a1, mscratch
    CHECK(a1, 0)
    csrrw a0, mscratch, a0
    CHECK(a0, 0)
    csrr a0, mscratch
    CHECK(a0, 0x123456789abcdef0)
    li a1, 0xff
    csrrs a2, mscratch, a1
    CHECK(a2, 0x123456789abcdef0)
    csrrc a2, mscratch, a1
    CHECK(a2, 0x123456789abcdeff)
    csrr a2, mscratch
    CHECK(a2, 0x123456789abcde00)
    li a1, 1
    csrrs a1, mscratch, a1
    CHECK(a1, 0x123456789abcde00)
    csrrs zero, mscratch, zero
    csrrwi a1, mscratch, 31
    CHECK(a1, 0x123456789abcde01)
    csrrsi a1, mscratch, 0
    CHECK(a1, 31)
    csrrci a1, mscratch, 3
    CHECK(a1, 31)
    csrrsi a1, mscratch, 1
    CHECK(a1, 28)
    csrrwi zero, mscratch, 5
    csrrci a1, mscratch, 0
    CHECK(a1, 5)

    /* Bits that cannot be set. */
    li a0, -1
    csrw mepc, a0
    csrr a1, mepc
    CHECK(a1, -2)
    csrw sepc, a0
    csrr a1, sepc
    CHECK(a1, -2)
    csrw stvec, a0
    csrr a1, stvec
    andi a1, a1, 2
    CHECK(a1, 0)
    csrsi sepc, 1
    csrr a1, sepc
    CHECK(a1, -2)
    li a0, 0x8000000000000005
    csrw mcause, a0
    csrr a1, mcause
    CHECK(a1, 0x8000000000000005)
    csrw scause, a0
    csrr a1, scause
    CHECK(a1, 0x8000000000000005)

    /* fcsr, frm and fflags are one register. */
    csrwi fcsr, 0
    li a0, 0xe7
    csrw fcsr, a0
    csrr a1, frm
    CHECK(a1, 7)
    csrr a1, fflags
    CHECK(a1, 7)
    csrwi frm, 2
    csrr a1, fcsr
    CHECK(a1, 0x47)
    csrsi fflags, 16
    csrr a1, fcsr
    CHECK(a1, 0x57)
    li a0, -1
    csrw fcsr, a0
    csrr a1, fcsr
    CHECK(a1, 0xff)
    csrwi fcsr, 0
    /* Flags of what was computed before, and after, an access. */
    li a0, 0x3ff0000000000000
    fmv.d.x ft1, a0
    li a0, 0x4008000000000000
    fmv.d.x ft3, a0
    fdiv.d ft2, ft1, ft3
    csrr a1, fflags
    CHECK(a1, 1)
    fmv.d.x ft0, zero
    fdiv.d ft2, ft1, ft0
    csrr a1, fcsr
    CHECK(a1, 9)
    csrrwi a1, fflags, 16
    CHECK(a1, 9)
    fdiv.d ft2, ft1, ft3
    csrrci a1, fflags, 16
    CHECK(a1, 17)
    CHECK_FLAGS(1)

    /* Missing registers, writes to read-only ones; a read-only one can be read. */
    EXPECT_TRAP_HERE(2, 0x00002573, .4byte 0x00002573)
    EXPECT_ILLEGAL(0x5c002573)
    EXPECT_ILLEGAL(0x80002573)
    EXPECT_ILLEGAL(0xc0051073) /* csrw cycle, a0 */
    EXPECT_ILLEGAL(0xc0052073) /* csrs cycle, a0 */
    EXPECT_ILLEGAL(0xc000e073) /* csrsi cycle, 1 */
    EXPECT_ILLEGAL(0xf1451073) /* csrw mhartid, a0 */
    EXPECT_ILLEGAL(0xf1405073) /* csrwi mhartid, 0 */
    csrrsi a0, mhartid, 0
    CHECK(a0, 0)
    csrrc a0, mhartid, zero
    CHECK(a0, 0)

    /* A register that is not written when the access traps. */
    li a0, 7
    EXPECT_TRAP(2, .4byte 0x00002573)
    CHECK(a0, 7)

    /* Time and cycles go on; retired instructions are counted. */
    rdtime a0
    rdcycle a1
    li a2, 20000
1:  addi a2, a2, -1
    bnez a2, 1b
    rdtime a3
    rdcycle a4
    sltu a5, a1, a4
    CHECK(a5, 1)
    sltu a5, a3, a0
    CHECK(a5, 0)
    rdinstret a0
    nop
    nop
    rdinstret a1
    sub a1, a1, a0
    CHECK(a1, 3)

    /* Supervisor's registers are seen by both, machine's only by machine mode. */
    OPEN_PMP
    li a0, 0x77
    csrw sscratch, a0
    ENTER_MODE(1)
    csrr a0, sscratch
    CHECK(a0, 0x77)
    li a0, 0x1234
    csrw sepc, a0
    csrrs a1, sepc, zero
    CHECK(a1, 0x1234)
    EXPECT_TRAP_HERE(2, 0x34002573, csrr a0, mscratch)
    ENTER_MODE(1)
    EXPECT_TRAP_HERE(2, 0x30051073, csrw mstatus, a0)
    ENTER_MODE(0)
    EXPECT_TRAP_HERE(2, 0x14002573, csrr a0, sscratch)
    ENTER_MODE(0)
    EXPECT_TRAP_HERE(2, 0x14051073, csrw sscratch, a0)
    csrr a0, sscratch
    CHECK(a0, 0x77)

    /* Counters in lower modes as mcounteren and scounteren allow. */
    csrwi mcounteren, 0
    csrwi scounteren, 0
    ENTER_MODE(1)
    EXPECT_TRAP_HERE(2, 0xc0102573, rdtime a0)
    csrwi mcounteren, 2
    ENTER_MODE(1)
    rdtime a0
    EXPECT_TRAP_HERE(2, 0xc0002573, rdcycle a0)
    ENTER_MODE(0)
    EXPECT_TRAP_HERE(2, 0xc0102573, rdtime a0)
    csrwi scounteren, 7
    ENTER_MODE(0)
    rdtime a0
    EXPECT_TRAP_HERE(2, 0xc0202573, rdinstret a0)
    csrwi mcounteren, 7
    ENTER_MODE(0)
    rdinstret a0
    rdcycle a0
    EXPECT_TRAP_HERE(8, 0, ecall)
    j test_pass
