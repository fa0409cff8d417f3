/*
 * NaNs in loops, and comparisons between reading fflags and putting them back (unprivileged manual,
 * 11.3: results that are NaN are the canonical one, except for moves, loads, stores and sign injection;
 * 11.2: flt and fle of any NaN, and everything of a signaling one, raise NV).
 */
#include "tests/guest/test.h"

#define CANONICAL 0x7ff8000000000000
#define QUIET 0xfff8000000000123
#define SIGNALING 0x7ff0000000000001
#define INFINITY 0x7ff0000000000000
#define ONE 0x3ff0000000000000
#define SET(freg, value) li t6, value; fmv.d.x freg, t6

/* The three instructions, with flags as they were; result and flags are checked. */
#define SILENT(flags, result, ...) \
    csrwi fflags, flags; frflags t1; __VA_ARGS__; fsflags t1; CHECK(a0, result); CHECK(t1, flags); \
    CHECK_FLAGS(flags)

/* Ten times: fa0 = fa0 op fa1, with a copy, a store and what it was before. */
#define LOOP(op, first, second, result, previous, stored) \
    SET(fa0, first); SET(fa1, second); fmv.d fa2, fa0; li s0, 10; la s1, buffer; csrwi fflags, 0; \
1:  fmv.d fa3, fa2; op fa0, fa0, fa1; fmv.d fa2, fa0; andi t0, s0, 1; beqz t0, 2f; fsd fa2, (s1); \
2:  addi s0, s0, -1; bnez s0, 1b; \
    CHECK_F(fa0, result); CHECK_F(fa2, result); CHECK_F(fa3, previous); \
    ld t0, (s1); CHECK(t0, stored)

test:
    li s2, 3 # first pass, later ones by code that is there already
again:
    SET(fa0, ONE)
    fmv.d.x fa1, zero
    SET(fa2, QUIET)
    SET(fa3, SIGNALING)
    fmv.d.x fa4, zero # as a float: badly boxed
    SILENT(0, 1, flt.d a0, fa1, fa0)
    SILENT(0, 0, flt.d a0, fa0, fa1)
    SILENT(9, 1, fle.d a0, fa0, fa0)
    SILENT(0, 1, feq.d a0, fa0, fa0)
    SILENT(0, 0, feq.d a0, fa0, fa1)
    SILENT(0, 0, flt.d a0, fa2, fa0)
    SILENT(0, 0, flt.d a0, fa0, fa3)
    SILENT(1, 0, fle.d a0, fa3, fa3)
    SILENT(0, 0, feq.d a0, fa3, fa3)
    SILENT(0, 0, feq.d a0, fa2, fa2)
    SILENT(0, 0, fle.s a0, fa4, fa4)
    SILENT(16, 0, flt.d a0, fa3, fa0)

    /* Like it, but not it. */
    csrwi fflags, 1
    li t2, 6
    frflags t1
    flt.d a0, fa3, fa0
    fsflags t2
    CHECK_FLAGS(6)
    csrwi fflags, 0
    frflags t1
    flt.d a0, fa3, fa0
    fsflags a1, t1
    CHECK(a1, 16)
    CHECK_FLAGS(0)
    frflags t1
    flt.d t1, fa1, fa0
    fsflags t1
    CHECK_FLAGS(1)
    csrwi fflags, 0
    frflags t1
    flt.d a0, fa3, fa0
    nop
    frflags t3
    CHECK(t3, 16)

    li t0, 0x65
    csrw fcsr, t0
    frcsr t1
    CHECK(t1, 0x65)
    frrm t1
    CHECK(t1, 3)
    csrwi fcsr, 0

    LOOP(fadd.d, QUIET, ONE, CANONICAL, CANONICAL, CANONICAL)
    CHECK_FLAGS(0)
    LOOP(fadd.d, SIGNALING, ONE, CANONICAL, CANONICAL, CANONICAL)
    CHECK_FLAGS(16)
    LOOP(fadd.d, ONE, QUIET, CANONICAL, CANONICAL, CANONICAL)
    CHECK_FLAGS(0)
    LOOP(fmul.d, INFINITY, 0, CANONICAL, CANONICAL, CANONICAL)
    CHECK_FLAGS(16)
    LOOP(fdiv.d, 0, 0, CANONICAL, CANONICAL, CANONICAL)
    CHECK_FLAGS(16)
    LOOP(fsub.d, ONE, ONE, 0xc022000000000000, 0xc020000000000000, 0xc022000000000000)
    CHECK_FLAGS(0)
    LOOP(fsgnj.d, QUIET, ONE, 0x7ff8000000000123, 0x7ff8000000000123, 0x7ff8000000000123)
    CHECK_FLAGS(0)

    /* Signs and bits of a result that is NaN. */
    SET(fa0, INFINITY)
    li s0, 5
3:  fsub.d fa1, fa0, fa0
    fneg.d fa2, fa1
    fabs.d fa3, fa1
    fmv.x.d t0, fa1
    fcvt.s.d fa4, fa1
    fcvt.l.d t1, fa1
    fmin.d fa5, fa1, fa0
    fmax.d fa6, fa1, fa1
    addi s0, s0, -1
    bnez s0, 3b
    CHECK(t0, CANONICAL)
    CHECK(t1, 0x7fffffffffffffff)
    CHECK_F(fa1, CANONICAL)
    CHECK_F(fa2, 0xfff8000000000000)
    CHECK_F(fa3, CANONICAL)
    CHECK_F(fa4, 0xffffffff7fc00000)
    CHECK_F(fa5, INFINITY)
    CHECK_F(fa6, CANONICAL)

    addi s2, s2, -1
    bnez s2, again
    j test_pass

    .data
    .balign 8
buffer:
    .8byte 0
