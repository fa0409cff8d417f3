/* RV64I computation: all pairs of corner values, against the assembler's arithmetic. */
#include "tests/guest/test.h"

#define CORNERS 0, 1, -1, 2, 0x7fffffff, 0x80000000, -0x80000000, 0xffffffff, 0x123456789abcdef, \
    0x7fffffffffffffff, -0x8000000000000000, 31, 63

/* op a0, a1, a2 for all pairs; @expected is an expression of \a and \b. */
#define ALL_PAIRS(op, expected) \
    .irp a, CORNERS; .irp b, CORNERS; \
    li a1, \a; li a2, \b; op a0, a1, a2; CHECK(a0, expected); \
    .endr; .endr

/* The W form of @op must be the sign-extended low word of it. */
#define ALL_PAIRS_W(opw, op) \
    .irp a, CORNERS; .irp b, CORNERS; \
    li a1, \a; li a2, \b; opw a0, a1, a2; op a3, a1, a2; slli a3, a3, 32; srai a3, a3, 32; \
    mv s10, a0; mv s11, a3; CHECKED; \
    .endr; .endr

/* A destination that is also a source, and x0. */
#define ALIASES(op, a, b, expected_ab, expected_aa) \
    li a0, a; li a1, b; op a0, a0, a1; CHECK(a0, expected_ab); \
    li a0, b; li a1, a; op a0, a1, a0; CHECK(a0, expected_ab); \
    li a0, a; op a0, a0, a0; CHECK(a0, expected_aa); \
    op zero, a0, a1; CHECK(zero, 0)

#define RR(op, a, b, expected) li a1, a; li a2, b; op a0, a1, a2; CHECK(a0, expected)
#define RI(op, a, imm, expected) li a1, a; op a0, a1, imm; CHECK(a0, expected)

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
    ALIASES(add, 3, 4, 7, 6)
    ALIASES(sub, 3, 4, -1, 0)
    ALIASES(sll, 3, 4, 48, 24)
    ALIASES(xor, 3, 4, 7, 0)
    ALIASES(slt, 3, 4, 1, 0)
    ALIASES(subw, 3, 4, -1, 0)
    ALIASES(addw, 0x7fffffff, 1, -0x80000000, -2)

    RR(sltu, 0, 0, 0)
    RR(sltu, 0, 1, 1)
    RR(sltu, 0, -1, 1)
    RR(sltu, -1, 0, 0)
    RR(sltu, 0x7fffffffffffffff, 0x8000000000000000, 1)
    RR(sltu, 0x8000000000000000, 0x7fffffffffffffff, 0)
    RR(sltu, 0xffffffff, 0x100000000, 1)

    RR(srl, -1, 0, -1)
    RR(srl, -1, 1, 0x7fffffffffffffff)
    RR(srl, -1, 63, 1)
    RR(srl, -1, 64, -1)
    RR(srl, -1, 65, 0x7fffffffffffffff)
    RR(srl, 0x123456789abcdef0, 20, 0x123456789ab)
    RR(sra, -1, 63, -1)
    RR(sra, 0x8000000000000000, 63, -1)
    RR(sra, 0x8000000000000000, 62, -2)
    RR(sra, 0x7fffffffffffffff, 62, 1)
    RR(sra, 0x8000000000000000, -1, -1)
    RR(sra, 0xf23456789abcdef0, 20, 0xffffff23456789ab)
    RR(sllw, 1, 31, -0x80000000)
    RR(sllw, 1, 32, 1)
    RR(sllw, 0x123456789abcdef0, 4, 0xffffffffabcdef00)
    RR(sllw, 0xffffffff00000001, 63, -0x80000000)
    RR(srlw, -1, 0, -1)
    RR(srlw, -1, 1, 0x7fffffff)
    RR(srlw, 0x7fffffff80000000, 31, 1)
    RR(srlw, 0x80000000, 32, -0x80000000)
    RR(srlw, 0x123456789abcdef0, 8, 0x9abcde)
    RR(sraw, 0x80000000, 31, -1)
    RR(sraw, 0x7fffffff, 30, 1)
    RR(sraw, 0xffffffff7fffffff, 30, 1)
    RR(sraw, 0x123456789abcdef0, 40, 0xffffffffff9abcde)

    RI(addi, 0, 2047, 2047)
    RI(addi, 0, -2048, -2048)
    RI(addi, 0x7fffffffffffffff, 1, -0x8000000000000000)
    RI(addiw, 0x7fffffff, 1, -0x80000000)
    RI(addiw, 0x1ffffffff, 0, -1)
    RI(addiw, 0x180000000, -1, 0x7fffffff)
    RI(slti, -1, 0, 1)
    RI(slti, 0, -1, 0)
    RI(slti, -2048, -2047, 1)
    RI(sltiu, 0, -1, 1)
    RI(sltiu, -1, -1, 0)
    RI(sltiu, 0, 1, 1)
    RI(sltiu, 0xfffffffffffff7ff, -2048, 1)
    RI(sltiu, 0xfffffffffffff800, -2048, 0)
    RI(xori, 0x123456789abcdef0, -1, ~0x123456789abcdef0)
    RI(ori, 0x1000, -2048, -2048)
    RI(andi, 0xfedcba9876543210, -256, 0xfedcba9876543200)
    RI(andi, 0xfedcba9876543210, 255, 0x10)
    RI(slli, 0x123456789abcdef, 32, 0x89abcdef00000000)
    RI(slli, 3, 63, -0x8000000000000000)
    RI(slli, 3, 0, 3)
    RI(srli, -1, 63, 1)
    RI(srli, -1, 0, -1)
    RI(srai, 0x8000000000000000, 63, -1)
    RI(srai, 0x4000000000000000, 62, 1)
    RI(slliw, 0x40000000, 1, -0x80000000)
    RI(slliw, 0xffffffff, 0, -1)
    RI(srliw, 0xffffffff80000000, 31, 1)
    RI(srliw, 0x80000000, 0, -0x80000000)
    RI(sraiw, 0x80000000, 31, -1)
    RI(sraiw, 0x180000000, 4, 0xfffffffff8000000)

    lui a0, 0x80000
    CHECK(a0, -0x80000000)
    lui a0, 0x7ffff
    CHECK(a0, 0x7ffff000)
    lui a0, 0
    CHECK(a0, 0)
1:  auipc a0, 0
    CHECK_ADDRESS(a0, 1b)
1:  auipc a0, 0x80000
    la a1, 1b
    sub a0, a0, a1
    CHECK(a0, -0x80000000)
1:  auipc a0, 0x7ffff
    la a1, 1b
    sub a0, a0, a1
    CHECK(a0, 0x7ffff000)

    /* x0 stays 0, whatever is written to it. */
    li a1, 5
    add zero, a1, a1
    lui zero, 0x12345
    auipc zero, 0
    addi zero, a1, 1
    ld zero, (sp)
    mv a0, zero
    CHECK(a0, 0)
    j test_pass
