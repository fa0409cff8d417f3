/* Physical memory protection: entries of each kind, priorities, locks, partial matches. */
#include "tests/guest/test.h"

#define R 1
#define W 2
#define X 4
#define TOR 8
#define NA4 16
#define NAPOT 24
#define L 128

/* In S mode: instructions that work, or fault at tval. */
#define S_OK(...) ENTER_MODE(1); __VA_ARGS__; EXPECT_TRAP(9, ecall)
#define S_FAULT(cause, ...) ENTER_MODE(1); EXPECT_TRAP(cause, __VA_ARGS__)
#define CFG(bits) li t0, bits; csrw pmpcfg0, t0
#define ADDR(n, symbol) la t0, symbol; srli t0, t0, 2; csrw pmpaddr##n, t0

/* Entry 7 opens everything; entries before it have priority. */
#define ALL (0x1f << 56)

test:
    /* Without entries, S and U mode may nothing; machine mode all. */
    csrw pmpcfg0, zero
    la s0, data
    ld a0, (s0)
    la tp, 8f
    ENTER_MODE(1)
    nop
    j test_not_trapped
8:  csrr a0, mcause
    CHECK(a0, 1)

    li t0, -1
    csrw pmpaddr7, t0
    CFG(ALL)
    S_OK(ld a0, (s0))

    /* NAPOT, 4096 bytes at data. */
    la t0, data
    srli t0, t0, 2
    ori t0, t0, 0x1ff
    csrw pmpaddr0, t0
    CFG(ALL | NAPOT | R)
    S_OK(ld a0, (s0))
    S_FAULT(7, sd a0, (s0))
    S_FAULT(1, jr s0)
    CFG(ALL | NAPOT | R | W)
    S_OK(sd a0, (s0); ld a0, (s0))
    CFG(ALL | NAPOT)
    S_FAULT(5, ld a0, (s0))
    CHECK_ADDRESS(t6, data)
    S_FAULT(7, amoadd.d a0, a0, (s0))
    ld a0, (s0) /* machine mode may */
    addi s1, s0, -8
    S_OK(ld a0, (s1))
    la s1, data + 4096
    S_OK(ld a0, (s1))

    /* Reserved W without R: cannot be set. TOR between two addresses, in the same page. */
    ADDR(0, data + 64)
    ADDR(1, data + 128)
    CFG(ALL | ((TOR) << 8))
    la s0, data + 56
    S_OK(ld a0, (s0); sd a0, (s0))
    la s0, data + 64
    S_FAULT(5, ld a0, (s0))
    la s0, data + 120
    S_FAULT(5, lb a0, 7(s0))
    la s0, data + 128
    S_OK(ld a0, (s0); sd a0, (s0))
    /* An access that is partly inside faults. */
    la s0, data + 60
    S_FAULT(5, ld a0, (s0))
    S_OK(lw a0, (s0))
    la s0, data + 124
    S_FAULT(7, sd a0, (s0))
    S_OK(ld a0, 4(s0))
    /* TOR with nothing between matches nothing. */
    ADDR(0, data + 128)
    la s0, data + 100
    S_OK(ld a0, (s0))

    /* NA4. */
    ADDR(0, data + 16)
    CFG(ALL | NA4)
    la s0, data + 16
    S_FAULT(5, lw a0, (s0))
    S_OK(lw a0, 4(s0); lw a0, -4(s0))

    /* Code: the second half of an instruction. */
    la t0, data + 30
    li t1, 0x00000513
    sh t1, (t0)
    srli t1, t1, 16
    sh t1, 2(t0)
    li t1, 0x8082
    sh t1, 4(t0)
    fence.i
    ADDR(0, data + 32)
    CFG(ALL | NA4)
    la s0, data + 30
    S_FAULT(1, jalr s0)
    CFG(ALL | NA4 | X)
    S_OK(jalr s0)

    /* The first entry that matches decides. */
    la t0, data
    srli t0, t0, 2
    ori t0, t0, 0x1ff
    csrw pmpaddr1, t0
    csrw pmpaddr0, t0
    la s0, data
    CFG(ALL | ((NAPOT | R) << 8) | NAPOT)
    S_FAULT(5, ld a0, (s0))
    CFG(ALL | ((NAPOT) << 8) | NAPOT | R)
    S_OK(ld a0, (s0))

    /* MPRV: machine mode's data accesses as S mode's. */
    CFG(ALL | NAPOT)
    li t0, MSTATUS_MPP
    csrc mstatus, t0
    li t0, 1 << 11 | 1 << 17
    csrs mstatus, t0
    EXPECT_TRAP(5, ld a0, (s0))
    li t0, 1 << 17
    csrc mstatus, t0
    ld a0, (s0)

    /* Locked: for machine mode too, and no longer to be changed. */
    CFG(ALL | NAPOT | R | L)
    ld a0, (s0)
    EXPECT_TRAP(7, sd a0, (s0))
    EXPECT_TRAP(1, jr s0)
    CFG(ALL)
    csrr a0, pmpcfg0
    andi a0, a0, 0xff
    CHECK(a0, NAPOT | R | L)
    csrr a1, pmpaddr0
    csrw pmpaddr0, zero
    csrr a0, pmpaddr0
    sub a0, a0, a1
    CHECK(a0, 0)
    EXPECT_TRAP(7, sd a0, (s0))
    j test_pass

    .section .bss
    .balign 4096
    .space 4096
data:
    .space 8192
