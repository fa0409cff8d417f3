/* A: read-modify-write operations, load-reserved and store-conditional, alignment. */
#include "tests/guest/test.h"

#define AMO_W(op, memory, operand, result) \
    li a0, memory; sd a0, (s0); li a1, operand; op a2, a1, (s0); \
    CHECK(a2, ((memory) << 32) >> 31 >> 1 | -(((memory) >> 31) & 1) << 32); \
    ld a3, (s0); CHECK(a3, result)
#define AMO_D(op, memory, operand, result) \
    li a0, memory; sd a0, (s0); li a1, operand; op a2, a1, (s0); CHECK(a2, memory); \
    ld a3, (s0); CHECK(a3, result)

test:
    la s0, word
    AMO_W(amoswap.w, 0x1111111122222222, 0x33333333, 0x1111111133333333)
    AMO_W(amoadd.w, 0x111111117fffffff, 1, 0x1111111180000000)
    AMO_W(amoadd.w, 0x11111111ffffffff, 1, 0x1111111100000000)
    AMO_W(amoxor.w, 0x11111111ff00ff00, 0x0ff00ff0, 0x11111111f0f0f0f0)
    AMO_W(amoand.w, 0x11111111ff00ff00, 0x0ff00ff0, 0x111111110f000f00)
    AMO_W(amoor.w, 0x11111111ff00ff00, 0x0ff00ff0, 0x11111111fff0fff0)
    AMO_W(amomin.w, 0x1111111180000000, 1, 0x1111111180000000)
    AMO_W(amomin.w, 0x1111111100000001, -1, 0x11111111ffffffff)
    AMO_W(amomax.w, 0x1111111180000000, 1, 0x1111111100000001)
    AMO_W(amomax.w, 0x1111111100000001, -1, 0x1111111100000001)
    AMO_W(amominu.w, 0x1111111180000000, 1, 0x1111111100000001)
    AMO_W(amomaxu.w, 0x1111111180000000, 1, 0x1111111180000000)
    AMO_W(amomaxu.w, 0x1111111100000001, 0x1ffffffff, 0x11111111ffffffff)
    AMO_D(amoswap.d, 0x1111111122222222, 0x3333333344444444, 0x3333333344444444)
    AMO_D(amoadd.d, 0x7fffffffffffffff, 1, 0x8000000000000000)
    AMO_D(amoxor.d, 0xff00ff00ff00ff00, 0x0ff00ff00ff00ff0, 0xf0f0f0f0f0f0f0f0)
    AMO_D(amoand.d, 0xff00ff00ff00ff00, 0x0ff00ff00ff00ff0, 0x0f000f000f000f00)
    AMO_D(amoor.d, 0xff00ff00ff00ff00, 0x0ff00ff00ff00ff0, 0xfff0fff0fff0fff0)
    AMO_D(amomin.d, 0x8000000000000000, 1, 0x8000000000000000)
    AMO_D(amomax.d, 0x8000000000000000, 1, 1)
    AMO_D(amominu.d, 0x8000000000000000, 1, 1)
    AMO_D(amomaxu.d, 0x8000000000000000, 1, 0x8000000000000000)
    AMO_D(amoadd.d.aqrl, 5, 6, 11)

    /* The upper word of a doubleword; x0 as source and destination; the base as destination. */
    li a0, -1
    sd a0, (s0)
    addi s1, s0, 4
    amoadd.w a2, zero, (s1)
    CHECK(a2, -1)
    amoswap.w zero, zero, (s1)
    ld a0, (s0)
    CHECK(a0, 0xffffffff)
    la s1, word
    amoswap.d s1, s1, (s1)
    CHECK(s1, 0xffffffff)
    ld a0, (s0)
    CHECK_ADDRESS(a0, word)

    /* LR and SC: success once, failure without a reservation, after another address, other size. */
    li a0, 0x180000000
    sd a0, (s0)
    lr.w a1, (s0)
    CHECK(a1, -0x80000000)
    li a2, 7
    sc.w a3, a2, (s0)
    CHECK(a3, 0)
    ld a0, (s0)
    CHECK(a0, 0x100000007)
    sc.w a3, a2, (s0)
    CHECK(a3, 1)
    lr.d.aq a1, (s0)
    CHECK(a1, 0x100000007)
    li a2, 0x123456789
    sc.d.rl a3, a2, (s0)
    CHECK(a3, 0)
    ld a0, (s0)
    CHECK(a0, 0x123456789)
    lr.d a1, (s0)
    addi s1, s0, 64
    sc.d a3, a2, (s1)
    CHECK(a3, 1)
    sc.d a3, a2, (s0) /* any SC ends the reservation */
    CHECK(a3, 1)

    /* A counter, incremented by LR/SC. */
    sd zero, (s0)
    li a4, 1000
1:  lr.d a0, (s0)
    addi a0, a0, 1
    sc.d a1, a0, (s0)
    bnez a1, 1b
    addi a4, a4, -1
    bnez a4, 1b
    ld a0, (s0)
    CHECK(a0, 1000)

    /* Misaligned: SC and AMOs are stores, LR is a load. Registers and memory stay as they are. */
    li a2, 55
    addi s1, s0, 2
    la tp, 8f
    amoadd.w a2, a2, (s1)
    j test_not_trapped
8:  csrr t6, mcause
    CHECK(t6, 6)
    csrr t6, mtval
    CHECK_ADDRESS(t6, word + 2)
    CHECK(a2, 55)
    ld a0, (s0)
    CHECK(a0, 1000)
    addi s1, s0, 4
    EXPECT_TRAP(6, amoswap.d a2, a2, (s1))
    EXPECT_TRAP(4, lr.d a2, (s1))
    EXPECT_TRAP(6, sc.d a2, a2, (s1))
    addi s1, s0, 1
    EXPECT_TRAP(4, lr.w a2, (s1))
    CHECK_ADDRESS(t6, word + 1)

    /* No memory there. */
    li s1, 0x700000000
    EXPECT_TRAP_HERE(7, 0x700000000, amoadd.w a2, a2, (s1))
    EXPECT_TRAP_HERE(5, 0x700000000, lr.w a2, (s1))
    j test_pass

    .data
    .balign 64
word:
    .space 128
