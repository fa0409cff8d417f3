/*
 * Integers to floating point where the host's usual ways go wrong: zero becomes +0 in every rounding mode (a
 * subtraction of what was added makes -0 when it rounds down), and the largest become exact.
 * cpu: rv64,v=on
 * march: rv64gcv
 */
#include "tests/guest/test.h"

#define RDN 2

/* The two doubles from element @n of v8:v9 on. */
#define CHECK_V8(n, first, second)                                                          \
    la a0, out; vsetivli zero, 8, e64, m4, ta, ma; vse64.v v8, (a0);                        \
    ld a1, 8 * (n)(a0); ld a2, 8 * (n) + 8(a0); CHECK(a1, first); CHECK(a2, second)

test:
    li t0, 0x2600 /* FS, VS */
    csrs mstatus, t0
    csrwi frm, RDN

    /* Eight of 32 bits: 0, 1, 0, 2^32 - 1, and so on. */
    la a0, words
    vsetivli zero, 8, e32, m2, ta, ma
    vle32.v v4, (a0)
    vfwcvt.f.xu.v v8, v4
    CHECK_V8(0, 0, 0x3ff0000000000000)
    CHECK_V8(2, 0, 0x41efffffffe00000)
    CHECK_V8(6, 0, 0x41efffffffe00000)
    la a0, words
    vsetivli zero, 8, e32, m2, ta, ma
    vle32.v v4, (a0)
    vfwcvt.f.x.v v8, v4
    CHECK_V8(0, 0, 0x3ff0000000000000)
    CHECK_V8(2, 0, 0xbff0000000000000)

    /* Of 64 bits: to as many, and to 32. */
    la a0, longs
    vsetivli zero, 8, e64, m4, ta, ma
    vle64.v v4, (a0)
    vfcvt.f.xu.v v8, v4
    CHECK_V8(0, 0, 0x43dfffffffffffff)
    CHECK_V8(2, 0, 0x43efffffffffffff)
    la a0, longs
    vsetivli zero, 8, e64, m4, ta, ma
    vle64.v v4, (a0)
    vfcvt.f.x.v v8, v4
    CHECK_V8(0, 0, 0x43dfffffffffffff)
    CHECK_V8(2, 0, 0xbff0000000000000)
    la a0, longs
    vsetivli zero, 8, e64, m4, ta, ma
    vle64.v v4, (a0)
    vsetivli zero, 8, e32, m2, ta, ma
    vfncvt.f.xu.w v8, v4
    CHECK_V8(0, 0x5effffff00000000, 0x5f7fffff00000000)
    la a0, longs
    vsetivli zero, 8, e64, m4, ta, ma
    vle64.v v4, (a0)
    vsetivli zero, 8, e32, m2, ta, ma
    vfncvt.f.x.w v8, v4
    CHECK_V8(0, 0x5effffff00000000, 0xbf80000000000000)
    j test_pass

    .data
    .balign 8
words:
    .word 0, 1, 0, 0xffffffff, 0, 1, 0, 0xffffffff
longs:
    .dword 0, 0x7fffffffffffffff, 0, -1, 0, 0x7fffffffffffffff, 0, -1
    .balign 8
out:
    .zero 64
