/* Traps and returns: environment calls, breakpoints, delegation, the status stack, vectors, and what
 * each mode may not do. */
#include "tests/guest/test.h"

#define MPIE 0x80
#define SPIE 0x20
#define SPP 0x100
#define SIE 2
#define TVM (1 << 20)
#define TW (1 << 21)
#define TSR (1 << 22)

/* All bits of @bits in mstatus must be set, or clear. */
#define STATUS_SET(bits) csrr a0, mstatus; li a1, bits; and a0, a0, a1; CHECK(a0, bits)
#define STATUS_CLEAR(bits) csrr a0, mstatus; li a1, bits; and a0, a0, a1; CHECK(a0, 0)

/* A trap to the supervisor's handler, from @mode: sets s0 to 1, and s1 to scause. */
#define DELEGATED(mode, cause, ...) \
    li s0, 0; ENTER_MODE(mode); 6: __VA_ARGS__; CHECK(s0, 1); CHECK(s1, cause); \
    EXPECT_TRAP(8 + (mode), ecall)

test:
    OPEN_PMP
    /* Calls; mepc is the ecall, mtval 0; mstatus.MPP is where it came from. */
    EXPECT_TRAP_HERE(11, 0, ecall)
    STATUS_SET(0x1800)
    ENTER_MODE(1)
    EXPECT_TRAP_HERE(9, 0, ecall)
    csrr a0, mstatus
    srli a0, a0, 11
    andi a0, a0, 3
    CHECK(a0, 1)
    ENTER_MODE(0)
    EXPECT_TRAP_HERE(8, 0, ecall)
    STATUS_CLEAR(0x1800)
    EXPECT_TRAP(3, 6: ebreak)
    CHECK_ADDRESS(t6, 6b)

    /* The stack of interrupt enables; mret to a lower mode clears MPRV. */
    csrsi mstatus, 8
    EXPECT_TRAP(11, ecall)
    STATUS_CLEAR(8)
    STATUS_SET(MPIE)
    EXPECT_TRAP(11, ecall)
    STATUS_CLEAR(8 | MPIE)
    li a0, MPIE
    csrs mstatus, a0
    li a0, 1 << 17
    csrs mstatus, a0
    ENTER_MODE(1)
    EXPECT_TRAP(9, ecall)
    STATUS_CLEAR(1 << 17)
    STATUS_SET(MPIE)
    csrci mstatus, 8
    /* mret leaves the least privileged mode in MPP. */
    ENTER_MODE(3)
    STATUS_CLEAR(0x1800)

    /* What U and S mode may not do. */
    ENTER_MODE(0)
    EXPECT_ILLEGAL(0x30200073) /* mret */
    ENTER_MODE(0)
    EXPECT_ILLEGAL(0x10200073) /* sret */
    ENTER_MODE(0)
    EXPECT_ILLEGAL(0x12000073) /* sfence.vma */
    ENTER_MODE(0)
    EXPECT_ILLEGAL(0x16000073) /* sinval.vma */
    ENTER_MODE(0)
    EXPECT_ILLEGAL(0x18000073) /* sfence.w.inval */
    ENTER_MODE(0)
    EXPECT_ILLEGAL(0x18100073) /* sfence.inval.ir */
    ENTER_MODE(1)
    EXPECT_ILLEGAL(0x30200073) /* mret */
    ENTER_MODE(1)
    sfence.vma
    sfence.vma a0, a1
    .4byte 0x16000073
    .4byte 0x18000073
    .4byte 0x18100073
    EXPECT_TRAP(9, ecall)
    sfence.vma
    .4byte 0x16b50073

    /* TVM, TSR, TW. */
    li a0, TVM | TSR | TW
    csrs mstatus, a0
    ENTER_MODE(1)
    EXPECT_ILLEGAL(0x12000073) /* sfence.vma */
    ENTER_MODE(1)
    EXPECT_ILLEGAL(0x16000073) /* sinval.vma */
    ENTER_MODE(1)
    EXPECT_ILLEGAL(0x18002573) /* csrr satp */
    ENTER_MODE(1)
    EXPECT_ILLEGAL(0x10200073) /* sret */
    ENTER_MODE(1)
    EXPECT_ILLEGAL(0x10500073) /* wfi */
    li a0, TVM | TSR | TW
    csrc mstatus, a0

    /* Delegation of exceptions other than calls. */
    li a0, 0xb0ff
    csrw medeleg, a0
    la a0, supervisor_trap
    csrw stvec, a0
    DELEGATED(0, 3, .4byte 0x00100073)
    csrr a0, stval
    CHECK_ADDRESS(a0, 6b)
    csrr a0, sepc
    CHECK_ADDRESS(a0, 6b + 4)
    DELEGATED(0, 2, .4byte 0xffffffff)
    csrr a0, stval
    CHECK(a0, 0xffffffff)
    DELEGATED(1, 3, .4byte 0x00100073)
    STATUS_SET(SPIE)
    DELEGATED(1, 2, .4byte 0xffffffff)
    /* Not from machine mode. */
    EXPECT_TRAP(2, .4byte 0xffffffff)
    /* A call of U mode, delegated, too: back in U mode, the next call is not. */
    li s0, 0
    li a0, 0x100
    csrs medeleg, a0
    ENTER_MODE(0)
    ecall
    CHECK(s0, 1)
    CHECK(s1, 8)
    li a7, 1
    ecall /* the handler calls on to machine mode */
resume_m:
    csrw medeleg, zero

    /* sret: to U mode, with SPIE; from machine mode too. */
    li a0, SPP | SIE
    csrc sstatus, a0
    li a0, SPIE
    csrs sstatus, a0
    la a0, 1f
    csrw sepc, a0
    sret
1:  EXPECT_TRAP(8, ecall)
    STATUS_SET(SIE | SPIE)
    csrci sstatus, SIE
    li a0, SPP
    csrs sstatus, a0
    la a0, 1f
    csrw sepc, a0
    sret
1:  EXPECT_TRAP(9, ecall)
    STATUS_CLEAR(SPP)

    /* Vectored mode leaves exceptions at the base, and takes interrupts beyond it. */
    la a0, vectors
    ori a0, a0, 1
    csrrw s2, mtvec, a0
    la tp, 8f
    .4byte 0xffffffff
    j test_not_trapped
8:  CHECK(s3, 100)
    la tp, 8f
    csrwi mie, 2
    csrwi mip, 2 /* SSIP */
    csrsi mstatus, 8
    nop
    j test_not_trapped
8:  CHECK(s3, 101)
    csrr a0, mcause
    CHECK(a0, 0x8000000000000001)
    csrwi mip, 0
    csrwi mie, 0
    csrw mtvec, s2

    /* Delegated to S, the same interrupt is not taken in machine mode, but at once in S mode. */
    csrwi mideleg, 2
    csrwi mie, 2
    csrwi mip, 2
    csrsi mstatus, 8
    nop
    nop
    li s0, 0
    la a0, supervisor_trap
    csrw stvec, a0
    csrsi sstatus, SIE
    ENTER_MODE(1)
    CHECK(s0, 1)
    CHECK(s1, 0x8000000000000001)
    EXPECT_TRAP(9, ecall)
    /* And in U mode even with SIE clear. */
    csrci sstatus, SIE
    csrwi mip, 2
    li s0, 0
    ENTER_MODE(1)
    nop
    CHECK(s0, 0)
    EXPECT_TRAP(9, ecall)
    ENTER_MODE(0)
    CHECK(s0, 1)
    EXPECT_TRAP(8, ecall)
    csrwi mie, 0
    csrwi mideleg, 0

    /* wfi goes on when an interrupt is pending and enabled, though not taken. */
    csrci mstatus, 8
    csrwi mie, 2
    csrwi mip, 2
    wfi
    csrwi mip, 0
    csrwi mie, 0
    j test_pass

    .balign 4
supervisor_trap:
    li s0, 1
    csrr s1, scause
    bltz s1, 2f
    li t6, 1
    bne a7, t6, 1f
    la tp, resume_m
    ecall
1:  csrr t6, sepc
    addi t6, t6, 4
    csrw sepc, t6
    sret
2:  csrci sip, 2
    sret

    .balign 256
vectors:
    j 1f
    .balign 4
    j 2f
    .balign 4
    j 3f
1:  li s3, 100
    jr tp
2:  li s3, 101
    jr tp
3:  li s3, 102
    jr tp
