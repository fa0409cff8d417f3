/* C: every instruction, hints, and what is reserved. Written as numbers where the assembler would
 * choose, or would refuse. */
#include "tests/guest/test.h"

test:
    /* Stack-pointer based, and c.addi16sp. */
    la sp, buffer + 512
    c.addi16sp sp, -512
    CHECK_ADDRESS(sp, buffer)
    c.addi16sp sp, 496
    CHECK_ADDRESS(sp, buffer + 496)
    c.addi16sp sp, -496
    c.addi4spn a0, sp, 4
    CHECK_ADDRESS(a0, buffer + 4)
    c.addi4spn s1, sp, 1020
    CHECK_ADDRESS(s1, buffer + 1020)
    li t3, 0x8877665544332211
    c.sdsp t3, 0(sp)
    c.sdsp t3, 504(sp)
    c.ldsp t4, 504(sp)
    CHECK(t4, 0x8877665544332211)
    c.lwsp t4, 4(sp)
    CHECK(t4, 0xffffffff88776655)
    c.swsp t3, 252(sp)
    c.lwsp t5, 252(sp)
    CHECK(t5, 0x44332211)
    c.fsdsp ft8, 8(sp)
    c.fldsp ft0, 0(sp)
    CHECK_F(ft0, 0x8877665544332211)
    c.fsdsp ft0, 16(sp)
    c.ldsp a0, 16(sp)
    CHECK(a0, 0x8877665544332211)

    /* Register based; all eight registers as base, destination and source. */
    la a5, buffer + 1024
    .irp r, s0, s1, a0, a1, a2, a3, a4
    c.mv \r, a5
    c.sd \r, 0(\r)
    c.ld \r, 0(\r)
    CHECK_ADDRESS(\r, buffer + 1024)
    .endr
    li a4, 0x8877665544332211
    c.sd a4, 248(a5)
    c.ld a3, 248(a5)
    CHECK(a3, 0x8877665544332211)
    c.lw a3, 124(a5)
    CHECK(a3, 0)
    c.sw a4, 124(a5)
    c.lw a3, 124(a5)
    CHECK(a3, 0x44332211)
    ld a3, 120(a5)
    CHECK(a3, 0x4433221100000000)
    c.sw a4, 4(a5)
    c.sw a4, 64(a5)
    c.lw a3, 64(a5)
    CHECK(a3, 0x44332211)
    c.fld fa0, 248(a5)
    CHECK_F(fa0, 0x8877665544332211)
    c.fsd fa0, 8(a5)
    c.ld a3, 8(a5)
    CHECK(a3, 0x8877665544332211)

    /* Immediates. */
    c.li a0, -32
    CHECK(a0, -32)
    c.li t6, 31
    CHECK(t6, 31)
    c.lui a0, 1
    CHECK(a0, 0x1000)
    c.lui a0, 31
    CHECK(a0, 0x1f000)
    c.lui t0, 0xfffe0
    CHECK(t0, -0x20000)
    li a0, 100
    c.addi a0, -32
    CHECK(a0, 68)
    c.addi a0, 31
    CHECK(a0, 99)
    li a0, 0x7fffffff
    c.addiw a0, 1
    CHECK(a0, -0x80000000)
    li a0, 0x17fffffff
    c.addiw a0, 0
    CHECK(a0, 0x7fffffff)
    li a0, -1
    c.andi a0, 31
    CHECK(a0, 31)
    c.andi a0, -2
    CHECK(a0, 30)
    li a0, 0x8000000000000000
    c.srai a0, 63
    CHECK(a0, -1)
    c.srli a0, 63
    CHECK(a0, 1)
    c.slli a0, 63
    CHECK(a0, 0x8000000000000000)
    c.srli a0, 1
    CHECK(a0, 0x4000000000000000)
    c.slli a0, 1
    c.srai a0, 32
    CHECK(a0, 0xffffffff80000000)

    /* Registers. */
    li a0, 0x0f0f
    li a1, 0x00ff
    c.sub a0, a1
    CHECK(a0, 0xe10)
    c.xor a0, a1
    CHECK(a0, 0xeef)
    c.or a0, a1
    CHECK(a0, 0xeff)
    c.and a0, a1
    CHECK(a0, 0xff)
    li a0, -0x80000000
    li a1, 1
    c.subw a0, a1
    CHECK(a0, 0x7fffffff)
    c.addw a0, a1
    CHECK(a0, -0x80000000)
    c.mv t3, a0
    CHECK(t3, -0x80000000)
    c.add t3, a1
    CHECK(t3, -0x7fffffff)
    c.add t3, t3
    CHECK(t3, -0xfffffffe)

    /* Jumps and branches, both ways. */
    li a0, 3
1:  c.addi a0, -1
    c.bnez a0, 1b
    c.beqz a0, 2f
    j test_bad
3:  c.j 4f
    j test_bad
2:  c.beqz a0, 3b
    j test_bad
4:  c.bnez a0, 3b
    la t0, 5f
    c.jr t0
    j test_bad
5:  la t0, 6f
    c.jalr t0
7:  j test_bad
6:  CHECK_ADDRESS(ra, 7b)

    /* Hints change nothing. */
    li a0, 77
    .2byte 0x0001 /* c.nop */
    .2byte 0x1005 /* c.nop -31 */
    .2byte 0x0501 /* c.addi a0, 0 */
    .2byte 0x4015 /* c.li zero, 5 */
    .2byte 0x6015 /* c.lui zero, 5 */
    .2byte 0x0502 /* c.slli a0, 0 */
    .2byte 0x000a /* c.slli zero, 2 */
    .2byte 0x8101 /* c.srli a0, 0 */
    .2byte 0x8501 /* c.srai a0, 0 */
    .2byte 0x802a /* c.mv zero, a0 */
    .2byte 0x902a /* c.add zero, a0 */
    CHECK(a0, 77)
    CHECK(zero, 0)

    EXPECT_TRAP(3, 6: .2byte 0x9002) /* c.ebreak: tval is its address */
    CHECK_ADDRESS(t6, 6b)
    j test_pass

test_bad:
    li s10, 0
    li s11, 0
    j test_failed

    .bss
    .balign 16
buffer:
    .space 4096
