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
    li s0, 0x700000020
    EXPECT_TRAP(7, CBO(4))
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

    /* wrs ends, with a reservation and without. */
    WRS_NTO
    WRS_STO
    lr.w a0, (s0)
    WRS_STO
    j test_pass

    .section .bss
    .balign 64
blocks:
    .space 256
