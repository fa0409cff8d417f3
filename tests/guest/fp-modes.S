/*
 * Every F, D and Zfh computation in every rounding mode, static and dynamic, on 200 sets of operands each:
 * corner cases, NaNs, badly boxed values, and random ones. The registers and fcsr that result are hashed;
 * the hashes in the table are those of QEMU 7.2 (-machine spike -cpu rv64,Zfh=on,Zfhmin=on), which prints
 * them when this is assembled with -DPRINT_HASHES.
 *
 * A failing check prints the row's number as its line. Each instruction is written into a stub, so this
 * also exercises translation of code that changes.
 */
#include "tests/guest/test.h"

#define CASES 200

/* A row: the operands' format (s, d, h; i: an integer), the kind of result (f or x register), whether the
 * instruction has a rounding mode to go through (rm or no), the hash, the instruction. */
    .equ format_s, 0
    .equ format_d, 1
    .equ format_h, 2
    .equ format_i, 3
    .equ result_f, 0
    .equ result_x, 1
    .equ modes_no, 0
    .equ modes_rm, 1

    .macro row format, result, modes, hash, insn:vararg
    \insn
    .byte format_\format, result_\result, modes_\modes, 0
    .8byte \hash
    .endm

/*
 * s0 row, s1 its number, s2 rounding mode, s3 hash, s4 cases left, s5 state of the random numbers, s6-s8
 * the instruction and what the row says of it.
 */
test:
    la s0, table
    li s1, 0
next_row:
    ld t0, (s0)
    beqz t0, done
    lwu s6, (s0)
    lbu s7, 5(s0)
    lbu s8, 6(s0)
    li s2, 0
    li s3, 0xcbf29ce484222325 /* FNV-1a */
    li s5, 88172645463325252
    beqz s8, one_mode
    li t0, 7 << 12
    not t0, t0
    and s6, s6, t0
next_mode:
    slli t0, s2, 12
    or t0, t0, s6
    la t1, stub
    sw t0, (t1)
    fence.i
    call run_cases
    addi s2, s2, 1
    li t0, 5
    bne s2, t0, 1f
    li s2, 7
1:  li t0, 8
    bne s2, t0, next_mode
    j check_row
one_mode:
    la t1, stub
    sw s6, (t1)
    fence.i
    call run_cases
check_row:
#ifdef PRINT_HASHES
    mv a0, s3
    call test_put_hex
    li a0, 10
    call test_putc
#else
    ld s11, 8(s0)
    mv s10, s3
    mv gp, s1
    bne s10, s11, failed
#endif
    addi s0, s0, 16
    addi s1, s1, 1
    j next_row
failed:
    csrwi fcsr, 0
    j test_failed
done:
    csrwi fcsr, 0
    j test_pass

/* Runs the stub on CASES sets of operands, hashing what it leaves. */
run_cases:
    mv s9, ra
    li s4, CASES
1:  call operand
    mv t4, a0
    call operand
    fmv.d.x fa2, a0
    call operand
    fmv.d.x fa3, a0
    fmv.d.x fa1, t4
    call random
    li t0, 5
    remu t1, a0, t0
    slli t1, t1, 5
    srli t0, a0, 61 /* one time in eight, some flags are set already */
    bnez t0, 2f
    srli t0, a0, 40
    andi t0, t0, 31
    or t1, t1, t0
2:  csrw fcsr, t1
    mv a1, t4
    li a0, 0
    fmv.d.x fa0, zero
stub:
    .4byte 0
    csrr a2, fcsr
    csrwi fcsr, 0
    bnez s7, 3f
    fmv.x.d a0, fa0
3:  li t0, 0x100000001b3
    xor s3, s3, a0
    mul s3, s3, t0
    xor s3, s3, a2
    mul s3, s3, t0
    addi s4, s4, -1
    bnez s4, 1b
    jr s9

/* a0: a random number; uses t0. */
random:
    slli t0, s5, 13
    xor s5, s5, t0
    srli t0, s5, 7
    xor s5, s5, t0
    slli t0, s5, 17
    xor s5, s5, t0
    li t0, 0x2545f4914f6cdd1d
    mul a0, s5, t0
    ret

/* a0: the image of an operand of the row's format; uses a2-a5, t0-t3. */
operand:
    mv a5, ra
    call random
    srli a2, a0, 60 /* the kind */
    call random
    lbu t1, 4(s0)
    li t0, format_i
    beq t1, t0, integer
    slli t1, t1, 6
    la t2, formats
    add t2, t2, t1 /* its numbers */
    li t0, 8
    bltu a2, t0, corner
    li t0, 13
    bltu a2, t0, boxed
    ld t0, 24(t2) /* an exponent near the middle */
    not t1, t0
    and a4, a0, t1
    ld t1, 32(t2)
    andi t3, a0, 1
    bnez t3, 1f
    sub t1, t0, t1
1:  or a0, a4, t1
    j boxed
corner:
    ld t0, 8(t2)
    srli t1, a0, 8
    remu t1, t1, t0
    slli t1, t1, 3
    ld t0, 0(t2)
    add t0, t0, t1
    ld t0, (t0)
    srli t1, a0, 63
    ld t3, 16(t2)
    sll t1, t1, t3
    xor a4, t0, t1
    srli t0, a0, 32
    slli t0, t0, 32
    ld t1, 40(t2)
    and t0, t0, t1
    or a0, a4, t0 /* random above, in case it is not boxed */
boxed:
    srli t0, a0, 56
    andi t0, t0, 31
    beqz t0, 1f
    ld t0, 40(t2)
    or a0, a0, t0
1:  jr a5
integer:
    mv a4, a0
    call random
    srl a4, a4, a0 /* of any size */
    bltz a0, 1f
    neg a4, a4
1:  mv a0, a4
    jr a5

    .section .rodata
    .balign 8
/* Of each format: corner cases and their number; bit number of the sign; the upper exponent bits, and one
 * of the two middle values of these; the bits of boxing. */
formats:
    .8byte corners_s, (corners_d - corners_s) / 8, 31, 0x7c000000, 0x3c000000, 0xffffffff00000000, 0, 0
    .8byte corners_d, (corners_h - corners_d) / 8, 63, 0x7e00000000000000, 0x3e00000000000000, 0, 0, 0
    .8byte corners_h, (corners_end - corners_h) / 8, 15, 0x6000, 0x2000, 0xffffffffffff0000, 0, 0
corners_s:
    .8byte 0, 1, 2, 0x007fffff, 0x00800000, 0x00800001, 0x33000000, 0x33800000, 0x3effffff, 0x3f000000
    .8byte 0x3f000001, 0x3f7fffff, 0x3f800000, 0x3f800001, 0x3fc00000, 0x40000000, 0x40200000
    .8byte 0x4effffff, 0x4f000000, 0x4f7fffff, 0x5effffff, 0x5f000000, 0x5f7fffff, 0x5f800000
    .8byte 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fc00000, 0x7fc12345, 0x38800000, 0x387fffff
    .8byte 0x387fe000, 0x387ff000, 0x33000001, 0x477fe000, 0x477fefff, 0x477ff000
corners_d:
    .8byte 0, 1, 2, 0x000fffffffffffff, 0x0010000000000000, 0x0010000000000001, 0x3ca0000000000000
    .8byte 0x3fdfffffffffffff, 0x3fe0000000000000, 0x3fe0000000000001, 0x3fefffffffffffff
    .8byte 0x3ff0000000000000, 0x3ff0000000000001, 0x3ff8000000000000, 0x4000000000000000
    .8byte 0x4004000000000000, 0x41dfffffffc00000, 0x41e0000000000000, 0x41e0000000200000
    .8byte 0x41efffffffe00000, 0x43dfffffffffffff, 0x43e0000000000000, 0x43efffffffffffff
    .8byte 0x43f0000000000000, 0x47efffffe0000000, 0x47efffffefffffff, 0x47effffff0000000
    .8byte 0x380fffffffffffff, 0x3810000000000000, 0x380ffffff0000000, 0x36a0000000000000
    .8byte 0x3690000000000000, 0x3690000000000001, 0x3f10000000000000, 0x40effc0000000000
    .8byte 0x3e60000000000000, 0x7fefffffffffffff, 0x7ff0000000000000, 0x7ff0000000000001
    .8byte 0x7ff8000000000000, 0x7ff8000000001234
corners_h:
    .8byte 0, 1, 2, 0x3ff, 0x400, 0x401, 0x37ff, 0x3800, 0x3801, 0x3c00, 0x3c01, 0x3e00, 0x4000, 0x7bff
    .8byte 0x7c00, 0x7c01, 0x7e00, 0x7e12
corners_end:

table:
    row s, f, rm, 0xd94fc9caeeae9329, fadd.s fa0, fa1, fa2
    row s, f, rm, 0x23d0b19118599094, fsub.s fa0, fa1, fa2
    row s, f, rm, 0xe627bd399120d9e9, fmul.s fa0, fa1, fa2
    row s, f, rm, 0xc64b2c4408aac2ac, fdiv.s fa0, fa1, fa2
    row s, f, rm, 0x2ed6600aca00730f, fsqrt.s fa0, fa1
    row s, f, rm, 0x6b68b67f89f6698c, fmadd.s fa0, fa1, fa2, fa3
    row s, f, rm, 0x272c62b0c14d5454, fmsub.s fa0, fa1, fa2, fa3
    row s, f, rm, 0xc66ad22ad24769dd, fnmsub.s fa0, fa1, fa2, fa3
    row s, f, rm, 0x79f15c14a055b4b7, fnmadd.s fa0, fa1, fa2, fa3
    row s, x, rm, 0x7f9afc2decd3b0b2, fcvt.w.s a0, fa1
    row s, x, rm, 0x8ae1d48a0e8ff5f5, fcvt.wu.s a0, fa1
    row s, x, rm, 0xe376b01a0f570682, fcvt.l.s a0, fa1
    row s, x, rm, 0x07635ef73e45e1f1, fcvt.lu.s a0, fa1
    row i, f, rm, 0xa8dc5145be8eef51, fcvt.s.w fa0, a1
    row i, f, rm, 0xac66c5f9c8eccf46, fcvt.s.wu fa0, a1
    row i, f, rm, 0xe8183930e67b2b3e, fcvt.s.l fa0, a1
    row i, f, rm, 0xf8f2486e9e371ad2, fcvt.s.lu fa0, a1
    row d, f, rm, 0xd628fe158a0d2c53, fcvt.s.d fa0, fa1
    row h, f, no, 0xe6188abc16f98656, fcvt.s.h fa0, fa1
    row s, f, no, 0x84cb40196adcf8be, fsgnj.s fa0, fa1, fa2
    row s, f, no, 0x502ce6c26adcf8be, fsgnjn.s fa0, fa1, fa2
    row s, f, no, 0x0db71406eadcf8be, fsgnjx.s fa0, fa1, fa2
    row s, f, no, 0xe89ead1d68f60485, fmin.s fa0, fa1, fa2
    row s, f, no, 0x1e2639b5ba5d899f, fmax.s fa0, fa1, fa2
    row s, x, no, 0x77ae972910f4a773, feq.s a0, fa1, fa2
    row s, x, no, 0xedb1f4e9632c826f, flt.s a0, fa1, fa2
    row s, x, no, 0x38f67fccbc247e1a, fle.s a0, fa1, fa2
    row s, x, no, 0x2c2ff012cc44ccc8, fclass.s a0, fa1
    row s, x, no, 0x9772a6385e69d352, fmv.x.w a0, fa1
    row i, f, no, 0x3a6ed5cb72cff41c, fmv.w.x fa0, a1
    row d, f, rm, 0xa44266f42e1fa577, fadd.d fa0, fa1, fa2
    row d, f, rm, 0xda987f95ccbe5c70, fsub.d fa0, fa1, fa2
    row d, f, rm, 0x4bc430cdd148efbe, fmul.d fa0, fa1, fa2
    row d, f, rm, 0xb489e36bb52dd507, fdiv.d fa0, fa1, fa2
    row d, f, rm, 0x6fad3ef26bf1af7e, fsqrt.d fa0, fa1
    row d, f, rm, 0x79c85979ba873491, fmadd.d fa0, fa1, fa2, fa3
    row d, f, rm, 0x1d667d72a766eef0, fmsub.d fa0, fa1, fa2, fa3
    row d, f, rm, 0xa18ba3012e864ded, fnmsub.d fa0, fa1, fa2, fa3
    row d, f, rm, 0x0e86b599c30700af, fnmadd.d fa0, fa1, fa2, fa3
    row d, x, rm, 0xa44a9feae40d5ef6, fcvt.w.d a0, fa1
    row d, x, rm, 0x9cedebf9eba2392f, fcvt.wu.d a0, fa1
    row d, x, rm, 0x5cc909bac22a18c2, fcvt.l.d a0, fa1
    row d, x, rm, 0xfd338d8a66b67bfc, fcvt.lu.d a0, fa1
    row i, f, no, 0x626ea0b0a1864412, fcvt.d.w fa0, a1
    row i, f, no, 0x56652ded41464412, fcvt.d.wu fa0, a1
    row i, f, rm, 0x45c2391a09f442eb, fcvt.d.l fa0, a1
    row i, f, rm, 0x47ba61ef2d8b493b, fcvt.d.lu fa0, a1
    row s, f, no, 0x661c6eb31fc14156, fcvt.d.s fa0, fa1
    row h, f, no, 0x0fc6261d8c700656, fcvt.d.h fa0, fa1
    row d, f, no, 0x500be59e05917c0f, fsgnj.d fa0, fa1, fa2
    row d, f, no, 0x500be59e05917c0f, fsgnjn.d fa0, fa1, fa2
    row d, f, no, 0xd00be59e05917c0f, fsgnjx.d fa0, fa1, fa2
    row d, f, no, 0x6e45c7c275c86fd8, fmin.d fa0, fa1, fa2
    row d, f, no, 0x96de94abf7d14915, fmax.d fa0, fa1, fa2
    row d, x, no, 0x1bfcd65ad1193036, feq.d a0, fa1, fa2
    row d, x, no, 0xa44c30f05e802533, flt.d a0, fa1, fa2
    row d, x, no, 0xa44c30f05e802533, fle.d a0, fa1, fa2
    row d, x, no, 0x716acfcc3c752245, fclass.d a0, fa1
    row d, x, no, 0xd00be59e05917c0f, fmv.x.d a0, fa1
    row i, f, no, 0xa3e2fc1072cff41c, fmv.d.x fa0, a1
    row h, f, rm, 0xf7abfe492d312892, fadd.h fa0, fa1, fa2
    row h, f, rm, 0x7176f8dc0c03bc8e, fsub.h fa0, fa1, fa2
    row h, f, rm, 0x8b0b070ac5806b75, fmul.h fa0, fa1, fa2
    row h, f, rm, 0xcca304be6ac84ff4, fdiv.h fa0, fa1, fa2
    row h, f, rm, 0xc1c6c36903de0947, fsqrt.h fa0, fa1
    row h, f, rm, 0x3eae4331bd022b68, fmadd.h fa0, fa1, fa2, fa3
    row h, f, rm, 0x38d1625d1e6bfaaf, fmsub.h fa0, fa1, fa2, fa3
    row h, f, rm, 0xb5fefe23e19d43d2, fnmsub.h fa0, fa1, fa2, fa3
    row h, f, rm, 0x416754a21ef62cfa, fnmadd.h fa0, fa1, fa2, fa3
    row h, x, rm, 0xf7a5587344b13d1f, fcvt.w.h a0, fa1
    row h, x, rm, 0x6945f0497bd4011c, fcvt.wu.h a0, fa1
    row h, x, rm, 0x52e8757144b13d1f, fcvt.l.h a0, fa1
    row h, x, rm, 0x6945f0497bd4011c, fcvt.lu.h a0, fa1
    row i, f, rm, 0xb8331e27715c09d2, fcvt.h.w fa0, a1
    row i, f, rm, 0x37e1dc5d0c8f3d12, fcvt.h.wu fa0, a1
    row i, f, rm, 0xedfdb462e13d595a, fcvt.h.l fa0, a1
    row i, f, rm, 0x37e1dc5d0c8f3d12, fcvt.h.lu fa0, a1
    row s, f, rm, 0x4aacf099519c3d26, fcvt.h.s fa0, fa1
    row d, f, rm, 0x69af88f876b605b7, fcvt.h.d fa0, fa1
    row h, f, no, 0x0fc92ed0f5620bf8, fsgnj.h fa0, fa1, fa2
    row h, f, no, 0x7468478e90fd0bf8, fsgnjn.h fa0, fa1, fa2
    row h, f, no, 0xf83526de99000bf8, fsgnjx.h fa0, fa1, fa2
    row h, f, no, 0xc2ee46cb844f855d, fmin.h fa0, fa1, fa2
    row h, f, no, 0xd3436215546365b1, fmax.h fa0, fa1, fa2
    row h, x, no, 0xce6de1ee76672982, feq.h a0, fa1, fa2
    row h, x, no, 0x21accf4705241156, flt.h a0, fa1, fa2
    row h, x, no, 0x90685bb331fc9142, fle.h a0, fa1, fa2
    row h, x, no, 0xf74b24dc7d9cc1bf, fclass.h a0, fa1
    row h, x, no, 0xdceac287a9e28da1, fmv.x.h a0, fa1
    row i, f, no, 0x87744f726aedf41c, fmv.h.x fa0, a1
    .8byte 0
