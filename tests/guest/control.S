/* Branches, jumps, calls, loops, jump tables; code on both sides of a page's end. */
#include "tests/guest/test.h"

/* @op must be taken as @taken says, forward and backward. */
#define BRANCH(op, a, b, taken) \
    li a1, a; li a2, b; li a0, 0; \
    op a1, a2, 2f; li a0, 1; \
    2: xori a0, a0, 1; CHECK(a0, taken); \
    li a3, 0; j 4f; \
    3: li a3, 1; j 5f; \
    4: op a1, a2, 3b; \
    5: CHECK(a3, taken)

    .macro nops count
    .rept \count
    nop
    .endr
    .endm

test:
    BRANCH(beq, 0, 0, 1)
    BRANCH(beq, 0, 1, 0)
    BRANCH(beq, 0x100000000, 0, 0)
    BRANCH(bne, 0, 0, 0)
    BRANCH(bne, -1, 0xffffffff, 1)
    BRANCH(blt, 0, 1, 1)
    BRANCH(blt, 1, 1, 0)
    BRANCH(blt, -1, 0, 1)
    BRANCH(blt, 0, -1, 0)
    BRANCH(blt, 0x8000000000000000, 0x7fffffffffffffff, 1)
    BRANCH(bge, 0, 1, 0)
    BRANCH(bge, 1, 1, 1)
    BRANCH(bge, 0, -1, 1)
    BRANCH(bge, 0x8000000000000000, 0x7fffffffffffffff, 0)
    BRANCH(bltu, 0, 1, 1)
    BRANCH(bltu, 1, 1, 0)
    BRANCH(bltu, 0, -1, 1)
    BRANCH(bltu, 0x8000000000000000, 0x7fffffffffffffff, 0)
    BRANCH(bgeu, 1, 1, 1)
    BRANCH(bgeu, -1, 0, 1)
    BRANCH(bgeu, 0, -1, 0)

    /* A branch to itself is a loop only while it is taken. */
    li a0, 1
1:  beqz a0, 1b

    /* Links. */
    jal a0, 2f
1:  j test_bad
2:  CHECK_ADDRESS(a0, 1b)
    la a1, 3f
    jalr a0, 8(a1)
2:  j test_bad
    nop
3:  .4byte 0x00000013
    .4byte 0x00000013
    CHECK_ADDRESS(a0, 2b)

    /* jalr with the same register; the lowest bit of the target is dropped. */
    la a0, 3f + 1
    .4byte 0x00050567 /* jalr a0, 0(a0) */
2:  j test_bad
3:  CHECK_ADDRESS(a0, 2b)
    la a0, 3f + 2047
    jr -2047(a0)
    j test_bad
3:

    /* Calls by both link registers, nested; coroutines that swap them. */
    li a0, 0
    li a4, 100
1:  call function_ra
    la t1, function_t0
    jalr t0, 0(t1)
    addi a4, a4, -1
    bnez a4, 1b
    CHECK(a0, 100 * (1 + 10 + 1))
    la t0, coroutine
    li a0, 0
    jalr ra, 0(t0)
    addi a0, a0, 1
    jalr ra, 0(t0)
    addi a0, a0, 2
    CHECK(a0, 1103)

    /* Deep recursion, more than any return stack holds: 2000 calls. */
    li a0, 2000
    call sum
    CHECK(a0, 2000 * 2001 / 2)

    /* A return to elsewhere. */
    la a1, 4f
    call return_to_a1
    j test_bad
4:

    /* An indirect jump with several targets. */
    li a0, 0
    li a1, 0
    li a5, 1000
5:  andi a2, a1, 3
    slli a2, a2, 3
    la a3, table
    add a2, a2, a3
    ld a2, (a2)
    jr a2
case0:
    addi a0, a0, 1
    j 6f
case1:
    addi a0, a0, 2
    j 6f
case2:
    addi a0, a0, 4
    j 6f
case3:
    addi a0, a0, 8
6:  addi a1, a1, 1
    blt a1, a5, 5b
    CHECK(a0, 250 * 15)

    /* Nested loops, hot enough for any tier. */
    li a0, 0
    li a1, 300
7:  li a2, 200
8:  add a0, a0, a2
    addi a2, a2, -1
    bnez a2, 8b
    addi a1, a1, -1
    bnez a1, 7b
    CHECK(a0, 300 * 200 * 201 / 2)

    /* A 32-bit instruction that straddles two pages, entered from above and by a jump. */
    li a0, 0
    li a1, 50
    la a2, straddling
1:  jalr ra, 0(a2)
    addi a1, a1, -1
    bnez a1, 1b
    CHECK(a0, 50 * 0x123)
    la a2, before_straddling
    li a0, 0
    jalr ra, 0(a2)
    CHECK(a0, 0x124)
    j test_pass

test_bad:
    li s10, 0
    li s11, 0
    j test_failed

function_ra:
    addi a0, a0, 1
    ret
function_t0:
    mv s0, t0
    call function_ra
    addi a0, a0, 10
    mv t0, s0
    jr t0
coroutine:
    addi a0, a0, 100
    jalr t0, 0(ra)
    addi a0, a0, 1000
    ret
return_to_a1:
    mv ra, a1
    ret
sum:
    beqz a0, 1f
    addi sp, sp, -16
    sd ra, (sp)
    sd a0, 8(sp)
    addi a0, a0, -1
    call sum
    ld a1, 8(sp)
    ld ra, (sp)
    add a0, a0, a1
    addi sp, sp, 16
1:  ret

    .balign 4096
    .space 4092
before_straddling:
    c.addi a0, 1
straddling:
    .option norvc
    addi a0, a0, 0x123
    .option rvc
    ret

    .section .rodata
    .balign 8
table:
    .8byte case0, case1, case2, case3
