/*
 * Frame around random vector instructions: as frame.S, for tests/fuzz/test-riscv-vector.c. Illegal
 * instructions are skipped and counted in x27, by a signal handler or the trap handler.
 *
 * The image: 16 bytes by which it is found, x0..x31, f0..f31, 2048 bytes of vector registers, 65536
 * bytes of data, code.
 */
    .text
    .globl _start
_start:
#ifdef LINUX
    li a0, 4 /* SIGILL */
    la a1, action
    li a2, 0
    li a3, 8
    li a7, 134
    ecall
#else
    la t0, trap
    csrw mtvec, t0
    li t0, 0x6600
    csrs mstatus, t0
#endif
    la x1, image + 16
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fld f\n, (256 + \n * 8)(x1)
    .endr
    addi x2, x1, 512
    csrr x4, vlenb
    slli x4, x4, 3
    .irp n, 0,8,16,24
    vl8re8.v v\n, (x2)
    add x2, x2, x4
    .endr
    vsetvli x0, x0, e8, m1, ta, ma
    fscsr zero
    csrw vcsr, zero
    .irp n, 3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld x\n, (\n * 8)(x1)
    .endr
    ld x1, 8(x1)
    la x2, text + 65536 /* for signals */
    la x30, code
    jr x30

/* Random code ends with a jump to here. x30 is free. */
    .org 0x1000
finish:
    li x3, 0 /* of the trap handler */
    la x30, dump
    .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,31
    sd x\n, (\n * 8)(x30)
    .endr
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fsd f\n, (256 + \n * 8)(x30)
    .endr
    .macro save csr, at
    csrr a0, \csr
    sd a0, \at(x30)
    .endm
    save fcsr, 512
    save vstart, 520
    save vl, 528
    save vtype, 536
    save vcsr, 544
    addi x2, x30, 576
    csrr x4, vlenb
    slli x4, x4, 3
    .irp n, 0,8,16,24
    vs8r.v v\n, (x2)
    add x2, x2, x4
    .endr
    la a0, data
    li a1, 65536
    add a1, a1, a0
    li a2, 0
    li a3, 0x9e3779b97f4a7c15
1:  ld a4, (a0)
    xor a2, a2, a4
    mul a2, a2, a3
    srli a4, a2, 29
    xor a2, a2, a4
    addi a0, a0, 8
    bltu a0, a1, 1b
    sd a2, 552(x30)

    la s1, text
    la s2, dump
    csrr s3, vlenb
    slli s3, s3, 2
    addi s3, s3, 72
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
#endif

    .balign 4
#ifdef LINUX
handler: /* a2: ucontext; the pc and the registers are at 176 */
    ld a0, 176(a2)
    addi a0, a0, 4
    sd a0, 176(a2)
    ld a0, (176 + 27 * 8)(a2)
    addi a0, a0, 1
    sd a0, (176 + 27 * 8)(a2)
    ret
#else
trap:
    csrr x3, mcause
    addi x3, x3, -2
    bnez x3, 1f
    csrr x3, mepc
    addi x3, x3, 4
    csrw mepc, x3
    addi x27, x27, 1
    mret
1:  li a1, 3
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

#ifdef LINUX
    .balign 8
action:
    .8byte handler, 0x40000000, 0 /* SA_NODEFER */
#endif

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
dump: .space 4096
text: .space 65536

    .section .image, "awx"
image:
    .ascii "amphi image here"
    .space 512
    .space 2048
data:
    .space 65536
code:
    .space 65536
