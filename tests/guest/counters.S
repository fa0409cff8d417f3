/*
 * Counters: instret counts every instruction from its first use on, writes take effect with the next
 * instruction, inhibited counters stand still, and access from below needs to be enabled.
 */
#include "tests/guest/test.h"

test:
    OPEN_PMP
    /* Counting may begin with a counter that is let go. */
    csrwi mcountinhibit, 5
    csrw minstret, zero
    csrwi mcountinhibit, 0
    nop
    csrr s0, minstret
    nop
    csrr s1, minstret
    sub s1, s1, s0
    CHECK(s1, 2)
    CHECK(s0, 2)

    la t0, 1f /* before the first read nothing is known */
    jr t0
1:  csrr s0, minstret
    nop
    nop
    nop
    csrr s1, minstret
    sub s1, s1, s0
    CHECK(s1, 4)

    csrw minstret, zero
    csrr s0, minstret
    CHECK(s0, 0)
    csrw minstret, zero
    nop
    c.nop
    csrrs s0, minstret, zero
    CHECK(s0, 2)
    li s0, 1000
    csrrw s1, minstret, s0
    csrr s1, minstret
    CHECK(s1, 1000)

    /* A loop, and a block with a branch out of its middle. */
    li s2, 1000
    csrr s0, minstret
2:  addi s2, s2, -1
    bnez s2, 2b
    csrr s1, minstret
    sub s1, s1, s0
    CHECK(s1, 2001)
    csrr s0, minstret
    nop
    beqz zero, 3f
    nop
3:  csrr s1, minstret
    sub s1, s1, s0
    CHECK(s1, 3)

    /* An instruction that traps does not retire: the frame's beqz, mv, li and jr do, and the read. */
    la tp, 8f
    csrr s0, minstret
    .4byte 0
8:  csrr s1, minstret
    sub s1, s1, s0
    CHECK(s1, 5)

    /* Inhibited. */
    csrwi mcountinhibit, 5
    csrr s0, minstret
    csrr s1, mcycle
    nop
    csrr s2, minstret
    csrr s3, mcycle
    sub s2, s2, s0
    CHECK(s2, 0)
    sub s3, s3, s1
    CHECK(s3, 0)
    li s0, 77
    csrw minstret, s0
    csrw mcycle, s0
    csrr s1, minstret
    CHECK(s1, 77)
    csrr s1, mcycle
    CHECK(s1, 77)
    csrwi mcountinhibit, 0
    csrr s1, mcycle
    sltiu s1, s1, 77
    CHECK(s1, 0)

    /* Time and cycles go on. */
    rdtime s0
4:  rdtime s1
    beq s0, s1, 4b
    sltu s2, s0, s1
    CHECK(s2, 1)
    rdcycle s0
5:  rdcycle s1
    beq s0, s1, 5b
    sltu s2, s0, s1
    CHECK(s2, 1)

    /* The other counters are zero. */
    li s0, -1
    csrw mhpmcounter3, s0
    csrr s0, mhpmcounter3
    CHECK(s0, 0)
    csrr s0, hpmcounter31
    CHECK(s0, 0)

    /* From user mode: not enabled, enabled for supervisor mode only, enabled. rdtime s0 is 0xc0102473. */
    csrwi mcounteren, 0
    csrwi scounteren, 7
    ENTER_MODE(0)
    EXPECT_TRAP_HERE(2, 0xc0102473, rdtime s0)
    csrwi mcounteren, 7
    csrwi scounteren, 0
    ENTER_MODE(1)
    rdtime s0
    EXPECT_TRAP(9, ecall)
    ENTER_MODE(0)
    EXPECT_TRAP_HERE(2, 0xc0102473, rdtime s0)
    csrwi scounteren, 7
    ENTER_MODE(0)
    rdtime s0
    rdcycle s0
    rdinstret s0
    EXPECT_TRAP_HERE(2, 0xb0202473, csrr s0, minstret)
    j test_pass
