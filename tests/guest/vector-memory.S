/*
 * Vector loads and stores at the end of what may be accessed: what was done before the fault, vstart,
 * fault-only-first, elements that are not active; and over the boundary of two pages of RAM.
 * cpu: rv64,v=on
 * march: rv64gcv
 */
#include "tests/guest/test.h"

#define LOAD_FAULT 5
#define STORE_FAULT 7

/* v8 as two words in a1 and a2, whatever vl is; vl is 16 bytes then. */
#define GET_V8 la a0, out; vsetivli zero, 16, e8, m1, ta, ma; vse8.v v8, (a0); ld a1, (a0); ld a2, 8(a0)
#define CHECK_V8(low, high) GET_V8; CHECK(a1, low); CHECK(a2, high)
#define CLEAR_V8 vsetivli zero, 16, e8, m1, ta, ma; vmv.v.i v8, 0; vmv.v.i v9, 0

/* tval and vstart after a trap; vstart becomes 0. */
#define CHECK_AT(symbol, element) CHECK_ADDRESS(t6, symbol); csrr t6, vstart; CHECK(t6, element); csrwi vstart, 0

test:
    li t0, 0x600 /* VS */
    csrs mstatus, t0
    la a0, locked
    srli a0, a0, 2
    ori a0, a0, 0x1ff
    csrw pmpaddr0, a0
    li a0, 0x98 /* locked, no access for machine mode either */
    csrw pmpcfg0, a0
    la s0, locked - 5

    /* Elements before the one that faults are loaded, others keep their values. */
    CLEAR_V8
    vsetivli zero, 9, e8, m1, ta, ma
    EXPECT_TRAP(LOAD_FAULT, vle8.v v8, (s0))
    CHECK_AT(locked, 5)
    CHECK_V8(0x0504030201, 0)

    /* From vstart on. */
    CLEAR_V8
    vsetivli zero, 9, e8, m1, ta, ma
    csrwi vstart, 3
    EXPECT_TRAP(LOAD_FAULT, vle8.v v8, (s0))
    CHECK_AT(locked, 5)
    CHECK_V8(0x0504000000, 0)

    /* Not the elements that are masked off, nor those from vl on. */
    CLEAR_V8
    vsetivli zero, 9, e8, m1, ta, ma
    li a0, 0x15
    vmv.s.x v0, a0
    vle8.v v8, (s0), v0.t
    vsetivli zero, 1, e64, m1, ta, ma
    li a0, 0x125
    vmv.s.x v0, a0
    vsetivli zero, 9, e8, m1, ta, ma
    EXPECT_TRAP(LOAD_FAULT, vle8.v v8, (s0), v0.t)
    CHECK_ADDRESS(t6, locked)
    csrr t6, vstart
    CHECK(t6, 5)
    csrwi vstart, 0
    CHECK_V8(0x0500030001, 0)
    CLEAR_V8
    vsetivli zero, 5, e8, m1, ta, ma
    vle8.v v8, (s0)
    CHECK_V8(0x0504030201, 0)

    /* Fault-only-first makes vl less. */
    CLEAR_V8
    vsetivli zero, 9, e8, m1, ta, ma
    vle8ff.v v8, (s0)
    csrr a0, vl
    CHECK(a0, 5)
    CHECK_V8(0x0504030201, 0)
    vsetivli zero, 9, e8, m1, ta, ma
    la a0, locked
    EXPECT_TRAP(LOAD_FAULT, vle8ff.v v8, (a0))
    CHECK_AT(locked, 0)

    /* Also where the boundary is within a segment. */
    CLEAR_V8
    vsetivli zero, 4, e16, m1, ta, ma
    addi a0, s0, -1
    vlseg2e16ff.v v8, (a0)
    csrr a0, vl
    CHECK(a0, 1)
    CHECK_V8(0x0100, 0)
    CLEAR_V8
    vsetivli zero, 4, e16, m1, ta, ma
    addi a0, s0, -1
    EXPECT_TRAP(LOAD_FAULT, vlseg2e16.v v8, (a0))
    CHECK_AT(locked, 1)

    /* All elements: segments in whole pieces, the second of which goes over the boundary. */
    vsetvli t0, zero, e8, m1, ta, ma
    addi a0, s0, -16
    EXPECT_TRAP(LOAD_FAULT, vlseg2e8.v v8, (a0))
    CHECK_ADDRESS(t6, locked)
    csrwi vstart, 0
    addi a0, s0, -27
    vlseg2e8.v v8, (a0)
    CHECK_V8(0, 0x0402000000000000)

    /* Stores. */
    vsetivli zero, 16, e8, m1, ta, ma
    vid.v v8
    vadd.vi v8, v8, 9
    vsetivli zero, 9, e8, m1, ta, ma
    EXPECT_TRAP(STORE_FAULT, vse8.v v8, (s0))
    CHECK_AT(locked, 5)
    lwu a0, (s0)
    CHECK(a0, 0x0c0b0a09)
    lbu a0, 4(s0)
    CHECK(a0, 0x0d)

    /* From one page to the next, which is not accessed by a vector of no elements. */
    la s0, boundary - 3
    vsetivli zero, 9, e8, m1, ta, ma
    vse8.v v8, (s0)
    ld a0, (s0)
    CHECK(a0, 0x100f0e0d0c0b0a09)
    lwu a0, 8(s0)
    CHECK(a0, 0x11)
    CLEAR_V8
    vsetivli zero, 7, e8, m1, ta, ma
    vle8.v v8, (s0)
    CHECK_V8(0x0f0e0d0c0b0a09, 0)
    vsetivli zero, 0, e8, m1, ta, ma
    la a0, locked
    vle8.v v8, (a0)
    CHECK_V8(0x0f0e0d0c0b0a09, 0)
    j test_pass

    .data
    .balign 4096
    .space 4096 - 5
    .byte 1, 2, 3, 4, 5
locked:
    .space 4096
    .space 4096
boundary:
    .space 4096
    .balign 16
out:
    .space 16
