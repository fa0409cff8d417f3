/* Loops that walk through memory: over pages and across their boundaries, into pages that fault, through a page that
 * is unmapped by a handler meanwhile, and over a page of which another hart executes code.
 * options: -smp 2 */
#define SECONDARY other
#include "tests/guest/test.h"

#define LOAD_FAULT 5
#define LOAD_PAGE_FAULT 13
#define STORE_PAGE_FAULT 15
#define LOCK_PAGE(page) la a0, page; srli a0, a0, 2; ori a0, a0, 0x1ff; \
    csrw pmpaddr0, a0; li a0, 0x98; csrs pmpcfg0, a0

#define CLINT 0x02000000
#define MTIMECMP 0x4000
#define MTIME 0xbff8
#define MTI (1 << 63 | 7)

/* Page tables: code at itself, and 16 pages at VA. */
#define VA 0x40000000
#define PTE_LEAF 0xcf /* V R W X A D */
#define PAGES 16

#define ROUNDS 40 /* of the other hart */

test:
    /* Bytes 0, 1, 2... of three pages and a bit, from an odd address. */
    la a0, area + 3
    li a1, 3 * 4096 + 100
    add a2, a0, a1
    li a3, 0
fill:
    sb a3, (a0)
    addi a0, a0, 1
    addi a3, a3, 1
    bne a0, a2, fill
    la a0, area + 3
    li a4, 0
    li a3, 0
check:
    lbu a5, (a0)
    addi a0, a0, 1
    andi a6, a3, 255
    addi a3, a3, 1
    sub a5, a5, a6
    snez a5, a5
    add a4, a4, a5
    bne a0, a2, check
    CHECK(a4, 0)
    lbu a5, (a2)
    CHECK(a5, 0)

    /* Doublewords at odd addresses: each page boundary is crossed by one. */
    la a0, area + 3
    li a1, 1536
    li a4, 0
wide:
    ld a5, (a0)
    addi a1, a1, -1
    add a4, a4, a5
    sd a1, (a0)
    addi a0, a0, 8
    bnez a1, wide
    la a0, area + 3
    li a1, 1536
    li a6, 0
again:
    ld a5, (a0)
    addi a1, a1, -1
    sub a5, a5, a1
    snez a5, a5
    add a6, a6, a5
    addi a0, a0, 8
    bnez a1, again
    CHECK(a6, 0)
    CHECK(a4, 0x0f0902fcf6f0e800)

    /* Another hart executes code of the page that is written here, doubleword by doubleword: each is a function
     * that returns the number of the round. */
    la s0, round
    la s1, functions
    li s2, 1
1:  slli a1, s2, 20
    ori a1, a1, 0x513 /* li a0, round */
    li a2, 0x8067     /* ret */
    slli a2, a2, 32
    or a1, a1, a2
    mv a0, s1
    li a3, 4096
    add a3, a0, a3
2:  sd a1, (a0)
    addi a0, a0, 8
    bne a0, a3, 2b
    fence rw, rw
    sw s2, (s0)
3:  lw a4, 4(s0)
    bne a4, s2, 3b
    lw a5, 8(s0)
    CHECK(a5, 0) /* wrong results */
    addi s2, s2, 1
    li a4, ROUNDS
    bne s2, a4, 1b

    /* A page is unmapped while a loop in S mode stores, and reads, all over. */
    li t6, -1
    csrw pmpaddr1, t6
    li t6, 0x1f00
    csrw pmpcfg0, t6
    la t0, root
    la t1, _start
    srli t1, t1, 2
    ori t1, t1, PTE_LEAF
    sd t1, 16(t0)
    la t1, level1
    srli t1, t1, 2
    ori t1, t1, 1
    sd t1, 8(t0)
    la t2, level1
    la t1, level0
    srli t1, t1, 2
    ori t1, t1, 1
    sd t1, (t2)
    srli t0, t0, 12
    li t1, 8
    slli t1, t1, 60
    or t0, t0, t1
    csrw satp, t0
    li t0, CLINT + MTIMECMP
    li t1, -1
    sd t1, (t0)
    li t0, 1 << 7
    csrw mie, t0

    li s3, 0
unmapped:
    la t0, level0
    la t1, area
    srli t1, t1, 2
    ori t1, t1, PTE_LEAF
    li t2, PAGES
1:  sd t1, (t0)
    addi t0, t0, 8
    addi t1, t1, 1 << 10
    addi t2, t2, -1
    bnez t2, 1b
    sfence.vma
    la tp, on_timer
    li t0, CLINT + MTIME
    ld t1, (t0)
    li t2, 20000
    add t1, t1, t2
    li t0, CLINT + MTIMECMP
    sd t1, (t0)
    li s4, VA
    li a2, VA + PAGES * 4096
    ENTER_MODE(1)
    bnez s3, 3f
1:  mv a0, s4
2:  sb a3, (a0)
    addi a0, a0, 1
    bne a0, a2, 2b
    j 1b
3:  mv a0, s4
4:  lbu a3, (a0)
    addi a0, a0, 1
    bne a0, a2, 4b
    j 3b

on_timer:
    csrr t6, mcause
    CHECK(t6, MTI)
    li t0, CLINT + MTIMECMP
    li t1, -1
    sd t1, (t0)
    la t0, level0
    sd zero, 5 * 8(t0)
    sfence.vma
    la tp, on_fault
    mret

on_fault:
    csrr t6, mcause
    xori t6, t6, STORE_PAGE_FAULT
    beqz s3, 1f
    xori t6, t6, STORE_PAGE_FAULT ^ LOAD_PAGE_FAULT
1:  CHECK(t6, 0)
    csrr t6, mtval
    sub t5, t6, a0
    CHECK(t5, 0)
    srli t6, t6, 12
    CHECK(t6, (VA >> 12) + 5)
    addi s3, s3, 1
    li t6, 6
    bne s3, t6, unmapped

    /* Into a page that faults. */
    csrw satp, zero
    li s3, 0
    la a0, area + 3
    LOCK_PAGE(area + 2 * 4096)
locked:
    la a0, area + 3
    EXPECT_TRAP(LOAD_FAULT, 5: lb a5, 1(a0); addi a0, a0, 1; addi s3, s3, 1; j 5b)
    CHECK_ADDRESS(t6, area + 2 * 4096)
    CHECK_ADDRESS(a0, area + 2 * 4096 - 1)
    CHECK(s3, 2 * 4096 - 4)
    j test_pass

/* Hart 1: calls the functions of the page in turn, also while they are written; when a round is complete, its
 * number is what they must return. */
other:
    csrr t0, mhartid
    addi t0, t0, -1
1:  bnez t0, 1b
    la s0, round
    la s1, functions
    li s2, 0
    li s3, 0
2:  addi s3, s3, 8 * 37
    slli s4, s3, 52
    srli s4, s4, 52
    add s4, s1, s4
    fence.i
    lw s5, (s0)
    lwu a1, 4(s4)
    li a2, 0x8067
    bne a1, a2, 2b /* nothing written yet */
    fence.i
    jalr s4
    beq s5, s2, 2b
    /* The first call since the round is complete. */
    mv s2, s5
    li s6, 16
3:  addi s3, s3, 8 * 37
    slli s4, s3, 52
    srli s4, s4, 52
    add s4, s1, s4
    fence.i
    jalr s4
    beq a0, s2, 4f
    lw a1, 8(s0)
    addi a1, a1, 1
    sw a1, 8(s0)
4:  addi s6, s6, -1
    bnez s6, 3b
    fence rw, rw
    sw s2, 4(s0)
    j 2b

    .data
    .balign 4096
area: .space PAGES * 4096
functions: .space 4096
root: .space 4096
level1: .space 4096
level0: .space 4096
round: .space 64 /* words: of the writer; of the executor; wrong results */
