/*
 * What the emulator itself computes while it translates leaves no trace in fflags (unprivileged manual,
 * 11.2: flags are raised by the hart's own floating-point instructions). Code in 1024 pages, all of them
 * new, runs with the flags clear, so that the tables of translated code grow meanwhile.
 */
#include "tests/guest/test.h"

done:
    CHECK_FLAGS(0)
    j test_pass

test:
    csrwi fflags, 0
    fmv.d.x fa0, zero
    la t0, first
    jr t0
    .align 12
first:
    .rept 1024
    fadd.d fa1, fa0, fa0 # exact
    j 9f
    .align 12
9:
    .endr
    la t0, done
    jr t0
