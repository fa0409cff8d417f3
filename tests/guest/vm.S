/* Sv39 (and Sv48, Sv57): permissions, U, SUM, MXR, MPRV, A and D, large pages, faults of each kind
 * with their addresses, fences, address spaces. */
#include "tests/guest/test.h"

#define V 1
#define R 2
#define W 4
#define X 8
#define U 16
#define G 32
#define A 64
#define D 128
#define RWAD (V | R | W | A | D)
#define SUM (1 << 18)
#define MXR (1 << 19)
#define MPRV (1 << 17)

/* Virtual addresses: code is mapped at itself for S mode, at CODE_U above it for U mode; test pages
 * are at VA, by the entries of level0. */
#define VA 0x40000000
#define CODE_U 0x40000000

/* Entry @index of @table: a page of symbol @page, or the next table, with @flags. */
#define ENTRY(table, index, page, flags) \
    la t0, page; srli t0, t0, 2; ori t0, t0, (flags) & 0x7ff; \
    la t1, table; li t2, (index) * 8; add t1, t1, t2; sd t0, (t1)
#define PAGE(index, page, flags) ENTRY(level0, index, page, flags); sfence.vma

/* In S mode: instructions that work, or fault at tval. */
#define S_OK(...) ENTER_MODE(1); __VA_ARGS__; EXPECT_TRAP(9, ecall)
#define S_FAULT(cause, tval, ...) ENTER_MODE(1); EXPECT_TRAP_HERE(cause, tval, __VA_ARGS__)

#define S_FETCH_FAULT(cause, tval, reg) \
    ENTER_MODE(1); EXPECT_TRAP(cause, jr reg); CHECK(t6, tval); csrr t6, mepc; CHECK(t6, tval)

/* In U mode, by the alias of the code. */
#define ENTER_U \
    li t6, MSTATUS_MPP; csrc mstatus, t6; la t6, 7f; li t5, CODE_U; add t6, t6, t5; csrw mepc, t6; \
    mret; 7:
#define U_OK(...) la tp, 8f; ENTER_U; __VA_ARGS__; ecall; 8: csrr t6, mcause; CHECK(t6, 8)
#define U_FAULT(cause, tval, ...) la tp, 8f; ENTER_U; __VA_ARGS__; ecall; \
    8: csrr t6, mcause; CHECK(t6, cause); csrr t6, mtval; CHECK(t6, tval)

test:
    OPEN_PMP
    ENTRY(root, 2, _start, V | R | W | X | A | D | G)
    ENTRY(root, 3, _start, V | R | W | X | A | D | U)
    ENTRY(root, 1, level1, V)
    ENTRY(level1, 0, level0, V)
    la t0, root
    srli t0, t0, 12
    li t1, 8
    slli t1, t1, 60
    or t0, t0, t1
    csrw satp, t0
    csrr t1, satp
    sub t1, t1, t0
    CHECK(t1, 0)
    sfence.vma
    li s0, VA
    li s1, 0x1234
    la t0, data1
    sd s1, 8(t0)

    /* Machine mode does not translate; MPRV makes its data accesses do. */
    EXPECT_TRAP_HERE(5, VA, ld a0, (s0))
    PAGE(0, data1, RWAD)
    li a0, 1 << 11
    csrw mstatus, a0 /* MPP = S, FS = off */
    li a1, MPRV
    csrs mstatus, a1
    ld a0, 8(s0)
    csrc mstatus, a1
    CHECK(a0, 0x1234)
    li a0, MSTATUS_FS_INITIAL
    csrs mstatus, a0

    /* Permissions. */
    S_OK(ld a0, 8(s0); sd a0, 16(s0))
    CHECK(a0, 0x1234)
    S_FETCH_FAULT(12, VA, s0)
    PAGE(0, data1, V | R | A | D)
    S_OK(ld a0, 16(s0))
    CHECK(a0, 0x1234)
    S_FAULT(15, VA + 16, sd a0, 16(s0))
    addi s2, s0, 16
    S_FAULT(15, VA + 16, amoadd.d a0, a0, (s2))
    PAGE(0, data1, V | X | A | D)
    S_FAULT(13, VA, ld a0, (s0))
    li a1, MXR
    csrs mstatus, a1
    S_OK(ld a0, 8(s0))
    csrc mstatus, a1
    S_FAULT(13, VA + 8, ld a0, 8(s0))
    PAGE(0, data1, V | W | A | D) /* reserved */
    S_FAULT(13, VA, ld a0, (s0))
    S_FAULT(15, VA, sd a0, (s0))
    PAGE(0, data1, V | W | X | A | D)
    S_FAULT(13, VA, ld a0, (s0))
    PAGE(0, data1, R | W | A | D) /* not valid */
    S_FAULT(13, VA, lb a0, (s0))
    S_FAULT(15, VA, sb a0, (s0))
    S_FETCH_FAULT(12, VA, s0)
    PAGE(0, data1, V | A | D) /* a pointer at the last level */
    S_FAULT(13, VA, ld a0, (s0))
    PAGE(0, data1, V | R | W | A | D | (1 << 9) | (1 << 8)) /* software's bits */
    S_OK(ld a0, 8(s0))

    /* U pages. */
    PAGE(0, data1, RWAD | U)
    S_FAULT(13, VA + 8, ld a0, 8(s0))
    S_FAULT(15, VA + 8, sd a0, 8(s0))
    li a1, SUM
    csrs mstatus, a1
    S_OK(ld a0, 8(s0); sd a0, 24(s0))
    csrc mstatus, a1
    U_OK(ld a0, 8(s0); sd a0, 32(s0))
    CHECK(a0, 0x1234)
    PAGE(0, data1, RWAD)
    U_FAULT(13, VA + 8, ld a0, 8(s0))
    U_FAULT(15, VA + 9, sb a0, 9(s0))
    U_FAULT(12, VA, jr s0)
    /* S mode never executes U pages, SUM or not. */
    li a1, SUM
    csrs mstatus, a1
    la a2, 1f
    li a3, CODE_U
    add a2, a2, a3
    ENTER_MODE(1)
    EXPECT_TRAP(12, jr a2)
1:  csrr a0, mepc
    sub a0, a0, a2
    CHECK(a0, 0)
    li a1, SUM
    csrc mstatus, a1

    /* A and D clear fault, as menvcfg.ADUE is off. */
    PAGE(0, data1, V | R | W | D)
    S_FAULT(13, VA + 8, ld a0, 8(s0))
    S_FAULT(15, VA + 8, sd a0, 8(s0))
    PAGE(0, data1, V | R | W | A)
    S_OK(ld a0, 8(s0))
    S_FAULT(15, VA + 8, sd a0, 8(s0))
    ld a0, level0
    andi a0, a0, A | D
    CHECK(a0, A)

    /* Two pages: an access over the border faults at the part that does. */
    PAGE(0, data1, RWAD)
    PAGE(1, data2, RWAD)
    li s1, VA + 4092
    li a1, 0x1122334455667788
    S_OK(sd a1, (s1); ld a0, (s1))
    CHECK(a0, 0x1122334455667788)
    lwu a0, data2
    CHECK(a0, 0x11223344)
    PAGE(1, data2, V | R | A | D)
    li a1, 0x99
    S_FAULT(15, VA + 4096, sd a1, (s1))
    PAGE(1, data2, 0)
    S_FAULT(13, VA + 4096, ld a0, (s1))
    la a2, data1 + 4092
    lwu a0, (a2) /* nothing was stored */
    CHECK(a0, 0x55667788)
    PAGE(1, data2, RWAD)
    PAGE(0, data1, 0)
    S_FAULT(13, VA + 4092, ld a0, (s1))
    S_FAULT(15, VA + 4092, sd a0, (s1))

    /* An instruction over the border. */
    la a0, data1 + 4094
    li a1, 0x0513 /* addi a0, zero, 0x123 in two halves, and ret */
    sh a1, (a0)
    la a0, data2
    li a1, 0x80821230
    sw a1, (a0)
    fence.i
    PAGE(0, data1, V | X | A | D)
    PAGE(1, data2, V | X | A | D)
    li s1, VA + 4094
    S_OK(jalr s1)
    CHECK(a0, 0x123)
    PAGE(1, data2, RWAD)
    ENTER_MODE(1)
    EXPECT_TRAP(12, jalr s1)
    CHECK(t6, VA + 4096)
    csrr a0, mepc
    CHECK(a0, VA + 4094)

    /* Without a fence an entry may be stale, with one it is not. The same page twice is one memory. */
    PAGE(0, data1, RWAD)
    PAGE(1, data1, RWAD)
    li s1, VA + 4096
    li a1, 77
    S_OK(sd a1, 64(s0); ld a0, 64(s1))
    CHECK(a0, 77)
    la a1, data2
    li a2, 88
    sd a2, 64(a1)
    PAGE(1, data2, RWAD)
    S_OK(ld a0, 64(s1))
    CHECK(a0, 88)
    /* By address. */
    ENTRY(level0, 1, data1, RWAD)
    sfence.vma s1
    S_OK(ld a0, 64(s1))
    CHECK(a0, 77)
    ENTRY(level0, 1, data2, RWAD)
    .4byte 0x16048073 /* sinval.vma s1 */
    S_OK(ld a0, 64(s1))
    CHECK(a0, 88)

    /* Large pages: aligned, and not. */
    ENTRY(level1, 1, _start + 0x200000, RWAD)
    sfence.vma
    li s2, VA + 0x200000
    li a0, 0x80200000
    li a1, 99
    sd a1, 0x7f8(a0)
    S_OK(ld a0, 0x7f8(s2))
    CHECK(a0, 99)
    ENTRY(level1, 1, data1, RWAD)
    sfence.vma
    S_FAULT(13, VA + 0x200000, ld a0, (s2))
    ENTRY(root, 0, _start + 0x200000, RWAD)
    sfence.vma
    li s2, 0x1000
    S_FAULT(13, 0x1000, ld a0, (s2))

    /* Reserved bits; addresses that are not canonical. */
    ld a0, level0
    li a1, 1
    slli a1, a1, 54
    or a0, a0, a1
    sd a0, level0, t0
    sfence.vma
    S_FAULT(13, VA, ld a0, (s0))
    PAGE(0, data1, RWAD)
    li s2, 0x4000000000
    S_FAULT(13, 0x4000000000, ld a0, (s2))
    li s2, 0x8000000000000000
    S_FAULT(15, 0x8000000000000000, sd a0, (s2))
    S_FETCH_FAULT(12, 0x8000000000000000, s2)
    li s2, VA | 0x8000000000
    S_FAULT(13, 0x8040000000, ld a0, (s2))

    /* A table where there is no memory: an access fault. */
    la t0, level1
    li t1, 0x1c0000001 /* address 0x700000000 */
    sd t1, 16(t0)
    sfence.vma
    li s2, VA + 0x400000
    S_FAULT(5, VA + 0x400000, ld a0, (s2))
    S_FAULT(7, VA + 0x400000, sd a0, (s2))
    S_FETCH_FAULT(1, VA + 0x400000, s2)
    /* A page where there is none. */
    li t1, 0x1c00000c7
    la t0, level0
    sd t1, 16(t0)
    sfence.vma
    li s2, VA + 0x2000
    S_FAULT(5, VA + 0x2000, ld a0, (s2))
    S_FAULT(7, VA + 0x2000, sd a0, (s2))

    /* Address spaces: the same address in two, without a fence between. */
    la t0, root
    la t1, root2
    li t2, 512
1:  ld t3, (t0)
    sd t3, (t1)
    addi t0, t0, 8
    addi t1, t1, 8
    addi t2, t2, -1
    bnez t2, 1b
    ENTRY(root2, 1, level1b, V)
    ENTRY(level1b, 0, level0b, V)
    ENTRY(level0b, 0, data2, RWAD)
    la t0, data1
    li t1, 11
    sd t1, 128(t0)
    la t0, data2
    li t1, 22
    sd t1, 128(t0)
    csrr s3, satp
    li t0, 1
    slli t0, t0, 44
    or s3, s3, t0 /* ASID 1: root */
    la s4, root2
    srli s4, s4, 12
    li t1, 0x80002
    slli t1, t1, 44
    or s4, s4, t1 /* ASID 2: root2 */
    sfence.vma
    li s5, 100
    li a0, 0
    ENTER_MODE(1)
2:  csrw satp, s3
    ld a1, 128(s0)
    csrw satp, s4
    ld a2, 128(s0)
    slli a2, a2, 16
    add a0, a0, a1
    add a0, a0, a2
    addi s5, s5, -1
    bnez s5, 2b
    EXPECT_TRAP(9, ecall)
    CHECK(a0, 100 * (11 + (22 << 16)))

    /* A fence for one address space leaves the change visible there; modes that satp does not know
     * change nothing. */
    ENTRY(level0, 0, data2, RWAD)
    li t0, 1
    sfence.vma zero, t0
    csrw satp, s3
    S_OK(ld a0, 128(s0))
    CHECK(a0, 22)
    csrr a0, satp
    li t0, 7
    slli t0, t0, 60
    csrw satp, t0
    csrr a1, satp
    sub a0, a0, a1
    CHECK(a0, 0)

    /* More levels: the root as the second of them (Sv48), the third (Sv57). */
    .irp mode, 9, 10
    ENTRY(root3, 0, root, V)
    ENTRY(root4, 0, root3, V)
    .if \mode == 9
    la t0, root3
    .else
    la t0, root4
    .endif
    srli t0, t0, 12
    li t1, \mode
    slli t1, t1, 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    ENTRY(level0, 0, data1, RWAD)
    sfence.vma
    S_OK(ld a0, 128(s0))
    CHECK(a0, 11)
    .if \mode == 9
    li s2, 0x800000000000
    S_FAULT(13, 0x800000000000, ld a0, (s2))
    .else
    li s2, 0x100000000000000
    S_FAULT(13, 0x100000000000000, ld a0, (s2))
    .endif
    .endr

    /* Off again. */
    csrw satp, zero
    sfence.vma
    la s0, data1
    S_OK(ld a0, 128(s0))
    CHECK(a0, 11)
    j test_pass

    .bss
    .balign 4096
root: .space 4096
root2: .space 4096
root3: .space 4096
root4: .space 4096
level1: .space 4096
level1b: .space 4096
level0: .space 4096
level0b: .space 4096
data1: .space 4096
data2: .space 4096
