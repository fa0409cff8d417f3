/* Code that changes: patched functions, code copied about, data beside code, loops that patch
 * themselves, a page that becomes other code by its mapping. */
#include "tests/guest/test.h"

/* addi a0, zero, n */
#define LI_A0(n) (0x00000513 + ((n) << 20))

test:
    /* A function that is patched before each call. */
    la s0, patched
    li s1, 200
    li s2, 0
    li s3, LI_A0(0)
1:  sw s3, (s0)
    fence.i
    jalr s0
    bne a0, s2, bad
    addi s2, s2, 1
    li t0, 1 << 20
    add s3, s3, t0
    addi s1, s1, -1
    bnez s1, 1b

    /* A byte of an instruction; the same function has been called often before. */
    li s3, LI_A0(5)
    sw s3, (s0)
    fence.i
    li s1, 5000
2:  jalr s0
    addi s1, s1, -1
    bnez s1, 2b
    CHECK(a0, 5)
    li a1, 0x01
    sb a1, 3(s0)
    fence.i
    jalr s0
    CHECK(a0, 0x15)

    /* A loop that patches an instruction of itself, forward, in the same block of code. */
    li s1, 300
    li s2, 0
    li s4, 0
    la s0, 4f
3:  li t0, 0x00190913 /* addi s2, s2, 1 */
    andi t1, s1, 1
    beqz t1, 5f
    li t0, 0x00290913 /* addi s2, s2, 2 */
5:  sw t0, (s0)
    fence.i
    .option norvc
    .balign 4
4:  addi s2, s2, 100
    .option rvc
    addi s1, s1, -1
    bnez s1, 3b
    CHECK(s2, 450)

    /* Data in the same page as hot code, and in the same words' neighbourhood. */
    la s0, beside
    li s1, 3000
    li s2, 0
    j 6f
    .balign 8
beside: .8byte 0
6:  ld t0, (s0)
    addi t0, t0, 1
    sd t0, (s0)
    add s2, s2, t0
    addi s1, s1, -1
    bnez s1, 6b
    CHECK(s2, 3000 * 3001 / 2)

    /* A function copied to many places, called from each, in one page and over several. */
    la s0, area
    li s1, 600
    li s2, 0
7:  la t0, copied
    ld t1, (t0)
    sd t1, (s0)
    lw t1, 8(t0)
    sw t1, 8(s0)
    fence.i
    jalr s0
    addi s0, s0, 22
    addi s1, s1, -1
    bnez s1, 7b
    CHECK(s2, 600 * 3)
    /* Again, now that all of them are there. */
    la s0, area
    li s1, 600
8:  jalr s0
    addi s0, s0, 22
    addi s1, s1, -1
    bnez s1, 8b
    CHECK(s2, 1200 * 3)
    /* All of them destroyed and made anew with another value. */
    la s0, area
    li s1, 600
1:  li t0, 0x0949 /* c.addi s2, 18 */
    sh t0, (s0)
    addi s0, s0, 22
    addi s1, s1, -1
    bnez s1, 1b
    fence.i
    la s0, area
    li s1, 600
    li s2, 0
2:  jalr s0
    addi s0, s0, 22
    addi s1, s1, -1
    bnez s1, 2b
    CHECK(s2, 600 * (18 + 2))

    /* An instruction over the end of a page, whose second half is patched. */
    la s0, area + 4096 - 2
    li t0, LI_A0(1) & 0xffff
    sh t0, (s0)
    li t0, LI_A0(1) >> 16
    sh t0, 2(s0)
    li t0, 0x8082
    sh t0, 4(s0)
    fence.i
    jalr s0
    CHECK(a0, 1)
    li s1, 100
3:  slli t0, s1, 4
    sh t0, 2(s0)
    fence.i
    jalr s0
    bne a0, s1, bad
    addi s1, s1, -1
    bnez s1, 3b

    /* The same virtual page, two physical ones with different code. */
    OPEN_PMP
    la t0, page_a
    li t1, LI_A0(0x11)
    sw t1, (t0)
    li t1, 0x8082
    sw t1, 4(t0)
    la t0, page_b
    li t1, LI_A0(0x22)
    sw t1, (t0)
    li t1, 0x8082
    sw t1, 4(t0)
    fence.i
    la t0, root
    li t1, 0x200000cf /* 0x80000000, all rights of S */
    sd t1, 16(t0)
    la t1, level1
    srli t1, t1, 2
    ori t1, t1, 1
    sd t1, 8(t0)
    la t0, level1
    la t1, level0
    srli t1, t1, 2
    ori t1, t1, 1
    sd t1, (t0)
    la t0, root
    srli t0, t0, 12
    li t1, 8
    slli t1, t1, 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    la s3, level0
    la s4, page_a
    srli s4, s4, 2
    ori s4, s4, 0xcf
    la s5, page_b
    srli s5, s5, 2
    ori s5, s5, 0xcf
    li s0, 0x40000000
    li s1, 200
    li s2, 0
    ENTER_MODE(1)
4:  sd s4, (s3)
    sfence.vma s0
    jalr s0
    add s2, s2, a0
    sd s5, (s3)
    sfence.vma s0
    jalr s0
    add s2, s2, a0
    addi s1, s1, -1
    bnez s1, 4b
    /* Code written through another mapping of it. */
    la t0, page_b
    li t1, LI_A0(0x33)
    sw t1, (t0)
    fence.i
    jalr s0
    EXPECT_TRAP(9, ecall)
    CHECK(s2, 200 * 0x33)
    CHECK(a0, 0x33)
    j test_pass

bad:
    mv s10, a0
    mv s11, s1
    j test_failed

    .balign 4
patched:
    .4byte 0
    ret
    .balign 8
copied:
    c.addi s2, 1
    c.addi s2, 2
    ret
    .balign 8
    .8byte 0

    .section .bss
    .balign 4096
area:
    .space 32768
page_a: .space 4096
page_b: .space 4096
root: .space 4096
level1: .space 4096
level0: .space 4096
