/* Several harts: interrupts between them and timers end every wait; memory and code written by one hart is seen by
 * the others. A wake-up that is lost shows as a time limit. options: -smp 4 */
#define SECONDARY secondary
#include "tests/guest/test.h"

#define HARTS 4
#define MSIP 0x2000000
#define MTIMECMP 0x2004000
#define MTIME 0x200bff8

#define MIP_MSIP 0x8
#define MIP_MTIP 0x80

#define RING_ROUNDS 400
#define CALL_ROUNDS 400
#define TIMER_ROUNDS 300
#define LOCK_ROUNDS 1000
#define CODE_ROUNDS 60

/* s0: own hart id, s1: own msip, s2: own mtimecmp in all of this. */
#define HART_SETUP csrr s0, mhartid; slli t0, s0, 2; li s1, MSIP; add s1, s1, t0; \
    slli t0, s0, 3; li s2, MTIMECMP; add s2, s2, t0; li t0, -1; sd t0, (s2); \
    csrw mie, zero; la t0, stacks; addi t1, s0, 1; slli t1, t1, 9; add sp, t0, t1

/* Waits until memory at @symbol is @value, by interrupts that announce a change. Interrupts are
 * disabled: wfi ends when one is pending. Uses t0-t2. */
#define WAIT_WORD(symbol, value) \
    1: la t0, symbol; li t2, value; 2: lw t1, (t0); fence; beq t1, t2, 3f; wfi; sw zero, (s1); fence; j 2b; 3:

/* All harts are here: by spinning, to have them begin at the same time. Uses t0-t2. */
#define BARRIER \
    la t0, arrived; li t1, 1; amoadd.w t2, t1, (t0); fence; addi t2, t2, HARTS; \
    li t1, -HARTS; and t2, t2, t1; \
    7: lw t1, (t0); fence; blt t1, t2, 7b

secondary:
    HART_SETUP
    j all

test:
    HART_SETUP
all:
    BARRIER
    call ring
    BARRIER
    call calls
    BARRIER
    call timers
    BARRIER
    call locks
    BARRIER
    call codes
    BARRIER
    bnez s0, sleep
    lw a0, failures
    CHECK(a0, 0)
    j test_pass
sleep:
    csrw mie, zero
    wfi
    j sleep

/* A token goes around: each hart waits for its turn and wakes the next one. */
ring:
    li t0, MIP_MSIP
    csrw mie, t0
    mv s4, s0 /* the turns that are this hart's: s0, s0 + HARTS, ... */
    li s5, RING_ROUNDS
    addi t3, s0, 1
    andi t3, t3, HARTS - 1
    slli t3, t3, 2
    li t0, MSIP
    add s6, t0, t3 /* the next hart's msip */
ring_turn:
    la t0, token
1:  lw t1, (t0)
    fence
    beq t1, s4, 2f
    wfi
    sw zero, (s1)
    fence
    j 1b
2:  addi t1, t1, 1
    sw t1, (t0)
    fence
    li t1, 1
    sw t1, (s6)
    addi s4, s4, HARTS
    addi s5, s5, -1
    bnez s5, ring_turn
    sw zero, (s1)
    csrw mie, zero
    ret

/* Hart 0 asks the others by interrupts, taken as traps, and waits for the last answer. */
calls:
    bnez s0, called
    li t0, MIP_MSIP
    csrw mie, t0
    li s5, CALL_ROUNDS
call_round:
    la t0, answers
    sw zero, (t0)
    la t0, question
    sw s5, (t0)
    fence
    li t0, MSIP
    li t1, 1
    sw t1, 4(t0)
    sw t1, 8(t0)
    sw t1, 12(t0)
    WAIT_WORD(answers, HARTS - 1)
    addi s5, s5, -1
    bnez s5, call_round
    sw zero, (s1)
    csrw mie, zero
    ret

called:
    la t0, on_call
    csrw mtvec, t0
    li s5, CALL_ROUNDS
    li t0, MIP_MSIP
    csrw mie, t0
    csrsi mstatus, MSTATUS_MIE
1:  wfi
    bnez s5, 1b
    csrci mstatus, MSTATUS_MIE
    csrw mie, zero
    la t0, test_trap
    csrw mtvec, t0
    ret

    .balign 4
on_call: /* s5: what the question has to be */
    sw zero, (s1)
    fence
    lw t0, question
    bne t0, s5, 1f
    addi s5, s5, -1
    la t0, answers
    li t1, 1
    amoadd.w t2, t1, (t0)
    fence
    li t0, HARTS - 2
    bne t2, t0, 1f
    li t0, MSIP /* the last one wakes the asker */
    sw t1, (t0)
1:  mret

/* Each hart sleeps for short times, to be woken by its own timer. */
timers:
    li t0, MIP_MTIP
    csrw mie, t0
    li s5, TIMER_ROUNDS
    li s6, MTIME
1:  ld t0, (s6)
    andi t1, s5, 63 /* 0 to 6.3 us */
    add t0, t0, t1
    sd t0, (s2)
    wfi
    csrr t1, mip
    andi t1, t1, MIP_MTIP
    beqz t1, 2f /* it may end for other reasons */
    ld t1, (s6)
    bltu t1, t0, early
    addi s5, s5, -1
    bnez s5, 1b
    j 3f
2:  ld t1, (s6)
    bltu t1, t0, 2b
    j 1b
3:  li t0, -1
    sd t0, (s2)
    csrw mie, zero
    ret
early:
    la t0, failures
    li t1, 1
    amoadd.w zero, t1, (t0)
    j 3b

/* A lock by LR and SC around a plain counter. */
locks:
    li s5, LOCK_ROUNDS
    la a0, lock
    la a1, counter
1:  li t1, 1
2:  lr.w.aq t0, (a0)
    bnez t0, 2b
    sc.w.aq t0, t1, (a0)
    bnez t0, 2b
    lw t0, (a1)
    addi t0, t0, 1
    sw t0, (a1)
    amoswap.w.rl zero, zero, (a0)
    addi s5, s5, -1
    bnez s5, 1b
    mv s8, ra
    BARRIER
    lw t0, (a1)
    li t1, HARTS * LOCK_ROUNDS
    beq t0, t1, 3f
    la t0, failures
    amoadd.w zero, t1, (t0)
3:  jr s8

/* Hart 0 writes a function that returns a number, all call it; another one on the page of the first counts,
 * and is executed all the time. */
codes:
    mv s8, ra
    li s5, CODE_ROUNDS
code_round:
    bnez s0, 1f
    slli t0, s5, 20 /* li a0, s5; ret */
    li t1, 0x00000513
    or t0, t0, t1
    la t1, code
    sw t0, (t1)
    fence
1:  BARRIER
    fence.i
    call code
    beq a0, s5, 2f
    la t0, failures
    li t1, 1
    amoadd.w zero, t1, (t0)
2:  li a0, 0
    li a1, 20
3:  call count
    bne a0, a1, 3b
    BARRIER
    addi s5, s5, -1
    bnez s5, code_round
    jr s8

    .balign 4096
code:
    .4byte 0
    .option push
    .option norvc
    ret
    .option pop
count:
    addi a0, a0, 1
    ret

    .section .data
    .balign 64
arrived: .4byte 0
    .balign 64
token: .4byte 0
    .balign 64
question: .4byte 0
answers: .4byte 0
    .balign 64
lock: .4byte 0
counter: .4byte 0
failures: .4byte 0
    .balign 16
stacks: .skip 512 * HARTS
