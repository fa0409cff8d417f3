/*
 * Frame of the hostile guests: bare-metal programs for machine virt that do to the devices and to
 * the hart what no sane program does. They succeed if amphi goes on or ends in order, whatever
 * becomes of the program itself. Included once, at the top; the program begins at `test:`.
 *
 * Only 4-byte instructions, so that the trap handler can skip the one that trapped. s11 is the
 * state of random(), which gives a0; t5 and t6 are the handler's.
 */
    .option norvc
    .section .text.start, "ax"
    .globl _start
_start:
    csrr t0, mhartid
1:  bnez t0, 1b
    la sp, stack_top
    la t0, skip
    csrw mtvec, t0
    li s11, 0x9e3779b97f4a7c15
    j test

    .balign 4
skip:
    csrr t5, mepc
    addi t5, t5, 4
    csrw mepc, t5
    li t5, 0x1800 /* MPP: back to machine mode */
    csrs mstatus, t5
    mret

random: /* xorshift64 */
    slli a0, s11, 13
    xor s11, s11, a0
    srli a0, s11, 7
    xor s11, s11, a0
    slli a0, s11, 17
    xor s11, s11, a0
    mv a0, s11
    ret

/* Ends amphi with status 0. */
done:
    li t0, 0x100000
    li t1, 0x5555
    sw t1, (t0)
1:  j 1b

    .bss
    .balign 16
    .space 4096
stack_top:
    .text
