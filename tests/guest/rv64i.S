/* RV64I: arithmetic on all pairs of corner values, against the assembler's own arithmetic. */
#include "tests/guest/test.h"

/* op a0, a1, a2 for all pairs; @expected is an expression of \a and \b. */
#define CORNERS 0, 1, -1, 2, 0x7fffffff, 0x80000000, -0x80000000, 0xffffffff, 0x123456789abcdef, \
    0x7fffffffffffffff, -0x8000000000000000, 31, 63
#define ALL_PAIRS(op, expected) \
    .irp a, CORNERS; .irp b, CORNERS; \
    li a1, \a; li a2, \b; op a0, a1, a2; CHECK(a0, expected); \
    .endr; .endr
/* Results in the destination that is also a source, and in x0. */
#define ALIASES(op, expected_aa, expected_ab) \
    li a0, 0x123456789; li a1, 5; op a0, a0, a1; CHECK(a0, expected_ab); \
    li a0, 5; li a1, 0x123456789; op a0, a1, a0; CHECK(a0, expected_ab); \
    li a0, 7; op a0, a0, a0; CHECK(a0, expected_aa); \
    op zero, a0, a1; CHECK(zero, 0)
#define W(x) (((x) << 32) >> 32)

    .macro sext_word reg
    slli \reg, \reg, 32
    srai \reg, \reg, 32
    .endm

/* The W form of @op must be the sign-extended low word of it. */
#define ALL_PAIRS_W(opw, op) \
    .irp a, CORNERS; .irp b, CORNERS; \
    li a1, \a; li a2, \b; opw a0, a1, a2; op a3, a1, a2; sext_word a3; \
    mv s10, a0; mv s11, a3; CHECKED; \
    .endr; .endr

test:
    ALL_PAIRS(add, (\a) + (\b))
    ALL_PAIRS(sub, (\a) - (\b))
    ALL_PAIRS(and, (\a) & (\b))
    ALL_PAIRS(or, (\a) | (\b))
    ALL_PAIRS(xor, (\a) ^ (\b))
    ALL_PAIRS(slt, -((\a) < (\b)))
    ALL_PAIRS(sll, (\a) << ((\b) & 63))
    ALL_PAIRS_W(addw, add)
    ALL_PAIRS_W(subw, sub)
    ALIASES(add, 14, 0x12345678e)
    j test_pass
