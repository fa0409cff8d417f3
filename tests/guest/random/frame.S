/*
 * Frame around random instructions: sets all registers from the image, runs its code, and writes
 * the registers and the data as hexadecimal numbers, one a line. As a Linux program if LINUX is
 * defined, else bare-metal for machine spike with the system calls of HTIF. Not a guest test by
 * itself: tests/fuzz/test-riscv-random.c fills the image in.
 *
 * The image: 16 bytes by which it is found in the file, x0..x31, f0..f31, 4096 bytes of data and
 * 16 more (tests/fuzz/riscv-random.h), code.
 */
    .text
    .globl _start
_start:
#ifndef LINUX
    la t0, trap
    csrw mtvec, t0
    li t0, 0x2000
    csrs mstatus, t0
#endif
    la x1, image + 16
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fld f\n, (256 + \n * 8)(x1)
    .endr
    fscsr zero
    .irp n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld x\n, (\n * 8)(x1)
    .endr
    ld x1, 8(x1)
    la x30, code
    jr x30

/* Random code ends with a jump to here. x30 is free. */
    .org 0x1000
finish:
    la x30, dump
    .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,31
    sd x\n, (\n * 8)(x30)
    .endr
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fsd f\n, (256 + \n * 8)(x30)
    .endr
    frcsr a0
    sd a0, (x30)

/* Hexadecimal numbers of the dump and of the data. */
    la s1, text
    la s2, dump
    li s3, 64
    call convert
    la s2, data
    li s3, 514
    call convert

    la a1, text
    sub a2, s1, a1
#ifdef LINUX
    li a0, 1
    li a7, 64
    ecall
    li a0, 0
    li a7, 93
    ecall
#else
    la a3, call_block
    li a0, 64
    sd a0, (a3)
    li a0, 1
    sd a0, 8(a3)
    sd a1, 16(a3)
    sd a2, 24(a3)
    la a0, tohost
    sd a3, (a0)
1:  ld a1, (a3) /* done when the number is the result */
    li a2, 64
    beq a1, a2, 1b
    li a1, 1
exit:
    la a0, tohost
    sd a1, (a0)
1:  j 1b

    .balign 4
trap:
    li a1, 3
    j exit
#endif

convert: /* s2: numbers, s3: how many, s1: text, advanced */
    ld a0, (s2)
    li a1, 60
1:  srl a2, a0, a1
    andi a2, a2, 15
    addi a2, a2, 48
    li a3, 58
    blt a2, a3, 2f
    addi a2, a2, 39
2:  sb a2, (s1)
    addi s1, s1, 1
    addi a1, a1, -4
    bgez a1, 1b
    li a2, 10
    sb a2, (s1)
    addi s1, s1, 1
    addi s2, s2, 8
    addi s3, s3, -1
    bnez s3, convert
    ret

    .section .tohost, "aw"
    .balign 64
    .globl tohost, fromhost
    .type tohost, @object
    .size tohost, 8
tohost: .8byte 0
    .balign 64
    .type fromhost, @object
    .size fromhost, 8
fromhost: .8byte 0

    .bss
    .balign 64
call_block: .space 64
dump: .space 512
text: .space 65536

    .section .image, "awx"
image:
    .ascii "amphi image here"
    .space 512
data:
    .space 4112
code:
    .space 131072
