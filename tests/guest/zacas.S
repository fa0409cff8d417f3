/* Zacas: compare-and-swap of 4, 8 and 16 bytes. */
#include "tests/guest/test.h"

/* amocas.w, .d or .q a2, a4, (s0) with @size 2, 3 or 4: funct5 is 00101. */
#define AMOCAS(size) .4byte 0x28e4062f | (size) << 12

/* One of w and d: memory before, a2 before, a4, a2 after, memory after. */
#define CASE(size, memory, expected, desired, result, memory_after) \
    li a0, memory; sd a0, (s0); li a2, expected; li a4, desired; AMOCAS(size); \
    CHECK(a2, result); ld a0, (s0); CHECK(a0, memory_after); CHECK(a4, desired)

/* 16 bytes: a2 and a3 are compared, a4 and a5 stored. */
#define CASE_Q(low, high, e_low, e_high, d_low, d_high, after_low, after_high) \
    li a0, low; sd a0, (s0); li a0, high; sd a0, 8(s0); li a2, e_low; li a3, e_high; \
    li a4, d_low; li a5, d_high; AMOCAS(4); CHECK(a2, low); CHECK(a3, high); \
    ld a0, (s0); CHECK(a0, after_low); ld a0, 8(s0); CHECK(a0, after_high)

test:
    la s0, words
    CASE(2, 0x1111111122222222, 0x22222222, 0x33333333, 0x22222222, 0x1111111133333333)
    CASE(2, 0x1111111122222222, 0x5555555522222222, -1, 0x22222222, 0x11111111ffffffff)
    CASE(2, 0x1111111182222222, 0x82222222, 1, 0xffffffff82222222, 0x1111111100000001)
    CASE(2, 0x1111111122222222, 0x22222223, 0x33333333, 0x22222222, 0x1111111122222222)
    CASE(2, 0x1111111182222222, 0, 0x33333333, 0xffffffff82222222, 0x1111111182222222)
    CASE(3, 0x1111111122222222, 0x1111111122222222, 0x3333333344444444, 0x1111111122222222, \
         0x3333333344444444)
    CASE(3, 0x1111111122222222, 0x22222222, 0x3333333344444444, 0x1111111122222222, \
         0x1111111122222222)

    CASE_Q(1, 2, 1, 2, 3, 4, 3, 4)
    CASE_Q(1, 2, 1, 3, 3, 4, 1, 2)
    CASE_Q(1, 2, 2, 2, 3, 4, 1, 2)
    CASE_Q(-1, 0x8000000000000000, -1, 0x8000000000000000, 0, 7, 0, 7)

    /* x0 as a pair is two zeroes; as destination, both are dropped. */
    sd zero, (s0)
    sd zero, 8(s0)
    li a4, 5
    li a5, 6
    .4byte 0x28e4402f /* amocas.q zero, a4, (s0) */
    CHECK(zero, 0)
    CHECK(ra, 0)
    ld a0, (s0)
    CHECK(a0, 5)
    ld a0, 8(s0)
    CHECK(a0, 6)
    li a2, 5
    li a3, 6
    .4byte 0x2804462f /* amocas.q a2, zero, (s0) */
    CHECK(a2, 5)
    CHECK(a3, 6)
    ld a0, 8(s0)
    CHECK(a0, 0)

    /* Pairs begin with an even register. */
    EXPECT_ILLEGAL(0x28e446af) /* rd = a3 */
    EXPECT_ILLEGAL(0x28f4462f) /* rs2 = a5 */

    /* Natural alignment. */
    addi s0, s0, 8
    EXPECT_TRAP(6, AMOCAS(4))
    CHECK_ADDRESS(t6, words + 8)
    addi s0, s0, 2
    EXPECT_TRAP(6, AMOCAS(3))
    EXPECT_TRAP(6, AMOCAS(2))
    j test_pass

    .data
    .balign 16
words:
    .8byte 0, 0, 0, 0
