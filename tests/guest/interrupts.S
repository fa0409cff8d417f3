/* Interrupts of the CLINT and of stimecmp: out of the tightest loops, out of wfi, in the order of
 * priority, and in every mode. */
#include "tests/guest/test.h"

#define CLINT 0x02000000
#define MSIP 0
#define MTIMECMP 0x4000
#define MTIME 0xbff8
#define MTI (1 << 63 | 7)
#define MSI (1 << 63 | 3)
#define STI (1 << 63 | 5)
#define SSI (1 << 63 | 1)

/* The machine timer goes off soon. */
#define ARM_TIMER(ticks) \
    li t0, CLINT + MTIME; ld t1, (t0); addi t1, t1, ticks; li t0, CLINT + MTIMECMP; sd t1, (t0)
#define DISARM_TIMER li t0, CLINT + MTIMECMP; li t1, -1; sd t1, (t0)

/* The instructions, which loop for ever, are left by the machine timer. */
#define INTERRUPTED(...) \
    ARM_TIMER(500); la tp, 8f; csrsi mstatus, MSTATUS_MIE; __VA_ARGS__; j test_not_trapped; \
    8: DISARM_TIMER; csrr t6, mcause; CHECK(t6, MTI)

test:
    OPEN_PMP
    DISARM_TIMER
    li t0, 1 << 7
    csrw mie, t0
    INTERRUPTED(6: j 6b)
    csrr a0, mepc
    CHECK_ADDRESS(a0, 6b)
    INTERRUPTED(6: beqz zero, 6b)
    la a0, 6f
    INTERRUPTED(6: jr a0)
    csrr a1, mepc
    sub a1, a1, a0
    CHECK(a1, 0)
    INTERRUPTED(6: addi a0, a0, 1; j 6b)
    la s0, function
    INTERRUPTED(6: jalr s0; j 6b)
    la s0, word
    INTERRUPTED(6: ld a0, (s0); addi a0, a0, 1; sd a0, (s0); bnez a0, 6b; j 6b)
    INTERRUPTED(6: lr.d a0, (s0); sc.d a1, a0, (s0); j 6b)
    INTERRUPTED(6: fence.i; j 6b)
    INTERRUPTED(6: csrr a0, mscratch; csrw mscratch, a0; j 6b)
    INTERRUPTED(6: csrr a0, mcycle; j 6b)
    INTERRUPTED(li a0, 100; 5: li a1, 1000; 6: addi a1, a1, -1; bnez a1, 6b; j 5b)

    /* wfi waits for it; with interrupts off it goes on behind. */
    INTERRUPTED(6: wfi; j 6b)
    csrci mstatus, MSTATUS_MIE
    ARM_TIMER(1000)
    wfi
    li t0, CLINT + MTIME
    ld a0, (t0)
    li t0, CLINT + MTIMECMP
    ld a1, (t0)
    sltu a2, a0, a1
    CHECK(a2, 0)
    csrr a0, mip
    andi a0, a0, 1 << 7
    CHECK(a0, 1 << 7)
    DISARM_TIMER
    csrr a0, mip
    CHECK(a0, 0)

    /* A software interrupt; it is pending until its word is cleared. */
    li t0, 1 << 3 | 1 << 7
    csrw mie, t0
    li a0, CLINT
    li a1, 1
    sw a1, MSIP(a0)
    csrr a2, mip
    CHECK(a2, 8)
    la tp, 8f
    csrsi mstatus, MSTATUS_MIE
    nop
    j test_not_trapped
8:  csrr t6, mcause
    CHECK(t6, MSI)
    /* Before the timer, when both are pending. */
    li t0, CLINT + MTIMECMP
    sd zero, (t0)
    csrr a2, mip
    CHECK(a2, 0x88)
    la tp, 8f
    csrsi mstatus, MSTATUS_MIE
    j test_not_trapped
8:  csrr t6, mcause
    CHECK(t6, MSI)
    li a0, CLINT
    sw zero, MSIP(a0)
    la tp, 8f
    csrsi mstatus, MSTATUS_MIE
    j test_not_trapped
8:  csrr t6, mcause
    CHECK(t6, MTI)
    DISARM_TIMER

    /* Machine interrupts are taken in lower modes whatever MIE says. */
    csrci mstatus, MSTATUS_MIE
    la tp, 8f
    ARM_TIMER(500)
    ENTER_MODE(1)
6:  j 6b
8:  csrr t6, mcause
    CHECK(t6, MTI)
    DISARM_TIMER
    la tp, 8f
    ARM_TIMER(500)
    ENTER_MODE(0)
6:  j 6b
8:  csrr t6, mcause
    CHECK(t6, MTI)
    DISARM_TIMER

    /* stimecmp, delegated: taken in S mode, by its own vector. */
    li a0, 1 << 63
    csrw 0x30a, a0 /* menvcfg.STCE */
    li a0, -1
    csrw 0x14d, a0
    csrwi mcounteren, 7
    li a0, 1 << 5
    csrw mideleg, a0
    csrw mie, a0
    la a0, supervisor
    csrw stvec, a0
    li s0, 0
    ENTER_MODE(1)
    csrsi sstatus, 2
    rdtime a0
    addi a0, a0, 500
    csrw 0x14d, a0
6:  beqz s0, 6b
    CHECK(s0, STI)
    /* Off until behind the wfi: taken before it, nothing would end it. */
    li s0, 0
    csrci sstatus, 2
    rdtime a0
    addi a0, a0, 500
    csrw 0x14d, a0
    wfi
    CHECK(s0, 0)
    csrsi sstatus, 2
    CHECK(s0, STI)
    EXPECT_TRAP(9, ecall)
    /* In U mode. */
    li s0, 0
    csrci mstatus, 2
    ENTER_MODE(1)
    csrci sstatus, 2
    rdtime a0
    addi a0, a0, 500
    csrw 0x14d, a0
    la a0, 6f
    csrw sepc, a0
    li a0, 0x100
    csrc sstatus, a0
    sret
6:  beqz s0, 6b
    CHECK(s0, STI)
    EXPECT_TRAP(8, ecall)
    j test_pass

function:
    ret

    .balign 4
supervisor:
    csrr s0, scause
    li s1, -1
    csrw 0x14d, s1
    sret

    .data
    .balign 8
word:
    .8byte 0
