/* Loads, stores and floating-point loads and stores: sizes, signs, offsets, all misalignments, within
 * a page and over a page's end. */
#include "tests/guest/test.h"

#define LOAD(op, offset, expected) op a0, offset(s0); CHECK(a0, expected)

/* A store of each size at @offset from s1, read back by bytes around it. */
#define STORE(op, offset, expected_before, expected_after) \
    li a1, -1; sd a1, (offset)(s1); sd a1, (offset + 8)(s1); sd a1, (offset - 8)(s1); \
    li a0, 0x0123456789abcdef; op a0, offset(s1); \
    ld a0, (offset - 8)(s1); CHECK(a0, -1); \
    ld a0, offset(s1); CHECK(a0, expected_before); \
    ld a0, (offset + 8)(s1); CHECK(a0, expected_after)

    /* All offsets 0..15 before the end of a page, so that some cross it. */
    .macro walk store, load, value, loaded
    li s2, 0
1:  la s0, page + 4096 - 16
    add s0, s0, s2
    sd zero, -8(s0)
    sd zero, (s0)
    sd zero, 8(s0)
    li a0, \value
    \store a0, (s0)
    \load a1, (s0)
    CHECK(a1, \loaded)
    ld a1, -8(s0)
    CHECK(a1, 0)
    ld a1, 8(s0)
    CHECK(a1, 0)
    addi s2, s2, 1
    li a2, 16
    bne s2, a2, 1b
    .endm

test:
    la s0, values
    LOAD(lb, 0, 0xfffffffffffffff0)
    LOAD(lb, 7, 0x12)
    LOAD(lbu, 0, 0xf0)
    LOAD(lh, 0, 0xffffffffffffdef0)
    LOAD(lhu, 0, 0xdef0)
    LOAD(lhu, 6, 0x1234)
    LOAD(lw, 0, 0xffffffff9abcdef0)
    LOAD(lwu, 0, 0x9abcdef0)
    LOAD(lw, 4, 0x12345678)
    LOAD(ld, 0, 0x123456789abcdef0)
    LOAD(lh, 1, 0xffffffffffffbcde)
    LOAD(lhu, 3, 0x789a)
    LOAD(lw, 1, 0x789abcde)
    LOAD(lwu, 3, 0x3456789a)
    LOAD(ld, 1, 0x88123456789abcde)
    LOAD(ld, 7, 0x2233445566778812)
    LOAD(lb, -1, 0x77)
    LOAD(lw, -8, 0x55555555)

    /* The ends of the offset's range, and an address that wraps around zero. */
    la a1, values - 2047
    ld a0, 2047(a1)
    CHECK(a0, 0x123456789abcdef0)
    la a1, values + 2048
    ld a0, -2048(a1)
    CHECK(a0, 0x123456789abcdef0)

    /* A base that is the destination. */
    la a0, values
    ld a0, (a0)
    CHECK(a0, 0x123456789abcdef0)

    la s1, buffer + 64
    STORE(sb, 0, 0xffffffffffffffef, -1)
    STORE(sb, 5, 0xffffffffffffffef, -1)
    STORE(sh, 0, 0xffffffffffffcdef, -1)
    STORE(sh, 3, 0xffffffffffffcdef, -1)
    STORE(sw, 0, 0xffffffff89abcdef, -1)
    STORE(sw, 2, 0xffffffff89abcdef, -1)
    STORE(sd, 0, 0x0123456789abcdef, -1)
    STORE(sd, 1, 0x0123456789abcdef, -1)
    sd zero, (s1)
    ld a0, (s1)
    CHECK(a0, 0)

    walk sb, lb, 0x87, 0xffffffffffffff87
    walk sb, lbu, 0x87, 0x87
    walk sh, lh, 0x8765, 0xffffffffffff8765
    walk sh, lhu, 0x8765, 0x8765
    walk sw, lw, 0x87654321, 0xffffffff87654321
    walk sw, lwu, 0x87654321, 0x87654321
    walk sd, ld, 0x8765432112345678, 0x8765432112345678

    /* Part of what was stored, and more than was stored. */
    la s1, buffer
    li a0, 0x1122334455667788
    sd a0, (s1)
    lhu a1, 2(s1)
    CHECK(a1, 0x5566)
    li a0, 0xaa
    sb a0, 3(s1)
    ld a1, (s1)
    CHECK(a1, 0x11223344aa667788)
    lw a1, 1(s1)
    CHECK(a1, 0x44aa6677)

    /* Floating point: f registers keep all bits of what is loaded; narrow ones are boxed. */
    la s0, values
    fld ft0, (s0)
    CHECK_F(ft0, 0x123456789abcdef0)
    flw ft0, (s0)
    CHECK_F(ft0, 0xffffffff9abcdef0)
    flw ft0, 2(s0)
    CHECK_F(ft0, 0xffffffff56789abc)
    li a0, 0x7ff0000000000001 /* a signaling NaN is moved as it is */
    fmv.d.x ft1, a0
    fsd ft1, (s1)
    ld a0, (s1)
    CHECK(a0, 0x7ff0000000000001)
    fsw ft1, 3(s1)
    ld a0, (s1)
    CHECK(a0, 0x7f00000001000001)
    la a1, page + 4096 - 3
    fsd ft0, (a1)
    fld ft2, (a1)
    CHECK_F(ft2, 0xffffffff56789abc)
    CHECK_FLAGS(0)

    /* A copy loop, forward, byte by byte and by words, with a check of the sum. */
    la a0, page
    la a1, buffer
    li a2, 4096
    li a3, 0
1:  sb a3, (a0)
    addi a0, a0, 1
    addi a3, a3, 7
    addi a2, a2, -1
    bnez a2, 1b
    la a0, page
    li a2, 512
2:  ld a4, (a0)
    sd a4, (a1)
    addi a0, a0, 8
    addi a1, a1, 8
    addi a2, a2, -1
    bnez a2, 2b
    la a1, buffer
    li a2, 4096
    li a3, 0
3:  lbu a4, (a1)
    add a3, a3, a4
    addi a1, a1, 1
    addi a2, a2, -1
    bnez a2, 3b
    CHECK(a3, 4096 / 256 * 255 * 128)

    /* No memory there: access faults, with the address. */
    li a1, 0x700000000
    EXPECT_TRAP_HERE(5, 0x700000000, ld a0, (a1))
    EXPECT_TRAP_HERE(7, 0x700000008, sd a0, 8(a1))
    EXPECT_TRAP_HERE(7, 0x700000000, fsw ft0, (a1))
    li a0, 5
    la tp, 8f
6:  lw a0, (a1)
    j test_not_trapped
8:  CHECK(a0, 5) /* what faults writes nothing */
    EXPECT_TRAP(1, jr a1)
    CHECK(t6, 0x700000000)
    j test_pass

    .data
    .balign 16
    .8byte 0x7777777755555555
values:
    .8byte 0x123456789abcdef0, 0x1122334455667788
    .bss
    .balign 4096
    .space 4096
page:
    .space 8192
buffer:
    .space 8192
