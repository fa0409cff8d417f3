/* Calls and returns in code that has become hot: the optimizing tier takes what is called into the caller's
 * region, and a return compares its target with where the calls there return to.
 * (Of the engines, jit,tier2=always is the one to find mistakes: others do not reach that tier.) */
#include "tests/guest/test.h"

#define ROUNDS 500
#define LOAD_FAULT 5

test:
    /* A function that calls itself twice. */
    li s0, 20
fibonacci_again:
    li a0, 12
    call fibonacci
    CHECK(a0, 144)
    addi s0, s0, -1
    bnez s0, fibonacci_again

    /* Two that call each other. */
    li s0, 20
parity_again:
    li a0, 21
    call is_even
    CHECK(a0, 0)
    li a0, 30
    call is_even
    CHECK(a0, 1)
    addi s0, s0, -1
    bnez s0, parity_again

    /* One function from several places of a loop; others that lie on another page, that use the other link
     * register, and that end in a jump to a third. */
    li s0, ROUNDS
    li s1, 0
    li s2, 0
    li s3, 0
    li s4, 0
    la s5, plus_one
calls:
    mv a0, s1
    call plus_one
    call plus_one
    mv s1, a0
    mv a0, s3
    jal t0, plus_three
    mv s3, a0
    mv a0, s4
    call far_plus_one
    call jump_plus_one
    mv s4, a0
    addi s0, s0, -1
    bnez s0, calls
    CHECK(s1, 2 * ROUNDS)
    CHECK(s3, 3 * ROUNDS)
    CHECK(s4, 2 * ROUNDS)

    /* One that now and then returns to somewhere else, and one whose callee is known only at run time. */
    li s0, ROUNDS
elsewhere:
    mv a0, s2
    andi a1, s0, 1
    call maybe_skip
    c.addi a0, 16 /* not if it skips */
    mv s2, a0
    addi s0, s0, -1
    bnez s0, elsewhere
    CHECK(s2, 8 * ROUNDS)
    li s0, ROUNDS
    li s2, 0
indirect:
    mv a0, s2
    call indirect_plus_one
    mv s2, a0
    addi s0, s0, -1
    bnez s0, indirect
    CHECK(s2, ROUNDS)

    /* Through a register that changes. */
    li s0, ROUNDS
    li s1, 0
    la s6, far_plus_one
through:
    mv a0, s1
    jalr s5
    mv s1, a0
    xor s2, s5, s6
    andi s3, s0, 63
    bnez s3, 1f
    xor s5, s5, s2 /* s5 and s6 swap */
    xor s6, s6, s2
1:  addi s0, s0, -1
    bnez s0, through
    CHECK(s1, ROUNDS)

    /* Returns to where no call was: a loop of them alone. */
    li s0, ROUNDS
    la ra, returned
returned:
    addi s0, s0, -1
    beqz s0, 1f
    ret
1:  CHECK(s0, 0)

    /* A fault in what is called. */
    la a0, locked
    srli a0, a0, 2
    ori a0, a0, 0x1ff
    csrw pmpaddr0, a0
    li a0, 0x98
    csrs pmpcfg0, a0
    li s0, ROUNDS
    li s1, 0
    la s2, data
loads:
    mv a0, s2
    call load
load_mark:
    add s1, s1, a0
    addi s0, s0, -1
    bnez s0, loads
    CHECK(s1, 7 * ROUNDS)
    la s2, locked
    li s0, 1
    li s1, 1234
    EXPECT_TRAP(LOAD_FAULT, j loads)
    CHECK_ADDRESS(t6, locked)
    csrr t6, mepc
    CHECK_ADDRESS(t6, load_here)
    CHECK_ADDRESS(ra, load_mark)
    CHECK_ADDRESS(a1, locked)
    CHECK(s1, 1234)

    /* What is called changes. */
    li s3, 4
    la s4, changing
change:
    li s0, ROUNDS
    li s1, 0
sum:
    call changing
    add s1, s1, a0
    addi s0, s0, -1
    bnez s0, sum
    lw a1, (s4)
    srli a1, a1, 20 /* what it returns */
    li a2, ROUNDS
    mul a1, a1, a2
    sub a1, a1, s1
    CHECK(a1, 0)
    lw a1, (s4)
    li a2, 1 << 20
    add a1, a1, a2
    sw a1, (s4)
    fence.i
    addi s3, s3, -1
    bnez s3, change
    j test_pass

fibonacci:
    li a1, 2
    bltu a0, a1, 1f
    addi sp, sp, -32
    sd ra, 24(sp)
    sd s0, 16(sp)
    sd s1, 8(sp)
    mv s0, a0
    addi a0, a0, -1
    call fibonacci
    mv s1, a0
    addi a0, s0, -2
    call fibonacci
    add a0, a0, s1
    ld ra, 24(sp)
    ld s0, 16(sp)
    ld s1, 8(sp)
    addi sp, sp, 32
1:  ret

is_even:
    beqz a0, 1f
    addi sp, sp, -16
    sd ra, 8(sp)
    addi a0, a0, -1
    call is_odd
    ld ra, 8(sp)
    addi sp, sp, 16
    ret
1:  li a0, 1
    ret

is_odd:
    beqz a0, 1f
    addi sp, sp, -16
    sd ra, 8(sp)
    addi a0, a0, -1
    call is_even
    ld ra, 8(sp)
    addi sp, sp, 16
1:  ret

plus_one:
    addi a0, a0, 1
    ret

maybe_skip: /* a compressed addi */
    slli a1, a1, 1
    add ra, ra, a1
    ret

plus_three:
    addi a0, a0, 3
    jr t0

jump_plus_one:
    j plus_one

indirect_plus_one:
    mv s6, ra
    jalr s5
    mv ra, s6
    ret

load:
    mv a1, a0
load_here:
    lw a0, (a0)
    ret

    .balign 8
    .option push
    .option norvc
changing:
    addi a0, zero, 1
    ret
    .option pop

    .balign 4096
far_plus_one:
    addi a0, a0, 1
    ret

    .data
    .balign 4096
data:
    .4byte 7
    .balign 4096
locked:
    .zero 4096
    .zero 64
