/* Zicbom, Zicboz, Zicbop: what cbo.zero clears, faults, and who may, by menvcfg and senvcfg. Zawrs. */
#include "tests/guest/test.h"

/* Of s0: inval, clean, flush, zero; and prefetches. */
#define CBO(n) .4byte 0x0004200f | (n) << 20
#define PREFETCH(n) .4byte 0x00046013 | (n) << 20
#define WRS_NTO .4byte 0x00d00073
#define WRS_STO .4byte 0x01d00073
#define CBIE_INVAL (3 << 4)
#define CBIE_FLUSH (1 << 4)
#define CBCFE (1 << 6)
#define CBZE (1 << 7)
#define S_OK(...) ENTER_MODE(1); __VA_ARGS__; EXPECT_TRAP(9, ecall)
#define U_OK(...) ENTER_MODE(0); __VA_ARGS__; EXPECT_TRAP(8, ecall)
#define ILLEGAL(mode, bits) ENTER_MODE(mode); EXPECT_ILLEGAL(bits)
#define BITS(n) 0x0004200f | (n) << 20

test:
    /* cbo.zero clears the block of 64 bytes that the address is in. */
    la s1, blocks
    li t0, -1
    .irp n, 0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120, 128, 136
    sd t0, \n(s1)
    .endr
    addi s0, s1, 64 + 13
    CBO(4)
    .irp n, 64, 72, 80, 88, 96, 104, 112, 120
    ld a0, \n(s1)
    CHECK(a0, 0)
    .endr
    ld a0, 56(s1)
    CHECK(a0, -1)
    ld a0, 128(s1)
    CHECK(a0, -1)
    /* The others change nothing. */
    la s0, blocks
    CBO(0)
    CBO(1)
    CBO(2)
    PREFETCH(0)
    PREFETCH(1)
    PREFETCH(3)
    ld a0, (s1)
    CHECK(a0, -1)

    /* Where no memory is; prefetches never fault. */
    li s0, 0x700000021
    .irp n, 0, 1, 2, 4
    EXPECT_TRAP(7, CBO(\n))
    CHECK(t6, 0x700000021)
    .endr
    PREFETCH(0)
    PREFETCH(1)
    PREFETCH(3)

    /* Lower modes need the permission of each above. */
    OPEN_PMP
    la s0, blocks
    csrw 0x30a, zero
    csrw 0x10a, zero
    ILLEGAL(1, BITS(0))
    ILLEGAL(1, BITS(1))
    ILLEGAL(1, BITS(2))
    ILLEGAL(1, BITS(4))
    ILLEGAL(0, BITS(4))
    li a0, CBIE_INVAL | CBCFE | CBZE
    csrw 0x30a, a0
    S_OK(CBO(0); CBO(1); CBO(2); CBO(4))
    ld a0, (s0)
    CHECK(a0, 0)
    ILLEGAL(0, BITS(0))
    ILLEGAL(0, BITS(1))
    ILLEGAL(0, BITS(2))
    ILLEGAL(0, BITS(4))
    li a0, CBIE_FLUSH | CBCFE | CBZE
    csrw 0x10a, a0
    U_OK(CBO(0); CBO(1); CBO(2); CBO(4))
    csrw 0x30a, zero
    ILLEGAL(0, BITS(4))

    /* The whole block counts: one word of it that may not be accessed, and nothing is written. */
    li a0, CBIE_INVAL | CBCFE | CBZE
    csrw 0x30a, a0
    la s0, blocks + 13
    li t0, -1
    sd t0, -13(s0)
    la t0, blocks + 60
    srli t0, t0, 2
    csrw pmpaddr0, t0
    li t0, -1
    csrw pmpaddr1, t0
    li t0, 0x1f10 /* NA4 without rights, then everything */
    csrw pmpcfg0, t0
    .irp n, 0, 1, 2, 4
    ENTER_MODE(1)
    EXPECT_TRAP(7, CBO(\n))
    CHECK_ADDRESS(t6, blocks + 13)
    .endr
    ld a0, -13(s0)
    CHECK(a0, -1)
    la t0, blocks
    srli t0, t0, 2
    ori t0, t0, 7
    csrw pmpaddr0, t0
    li t0, 0x1f19 /* NAPOT, 64 bytes that may be read */
    csrw pmpcfg0, t0
    S_OK(CBO(0); CBO(1); CBO(2))
    ENTER_MODE(1)
    EXPECT_TRAP(7, CBO(4))
    ld a0, -13(s0)
    CHECK(a0, -1)

    /* Pages: what may be read may be cleaned; faults are a store's. */
    OPEN_PMP
    la t0, root
    li t1, 0x2000004b /* 1 GiB at 0x80000000: V R X A */
    sd t1, 16(t0)
    srli t0, t0, 12
    li t1, 8 << 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    S_OK(CBO(0); CBO(1); CBO(2))
    ENTER_MODE(1)
    EXPECT_TRAP(15, CBO(4))
    CHECK_ADDRESS(t6, blocks + 13)
    li s0, 0x40000007
    .irp n, 0, 1, 2, 4
    ENTER_MODE(1)
    EXPECT_TRAP(15, CBO(\n))
    CHECK(t6, 0x40000007)
    .endr
    csrw satp, zero
    la s0, blocks

    /* wrs ends, with a reservation and without. */
    WRS_NTO
    WRS_STO
    lr.w a0, (s0)
    WRS_STO
    j test_pass

    .section .bss
    .balign 4096
root:
    .space 4096
blocks:
    .space 256
