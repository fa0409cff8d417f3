/* Faults in loops that have become hot: the optimizing tier checks several accesses off one base at
 * once, and yet the access that faults, its address, and what was done before it must be exact.
 * (Of the engines, jit,tier2=always is the one to find mistakes: others do not reach that tier.) */
#include "tests/guest/test.h"

#define ROUNDS 1000
#define LOAD_FAULT 5
#define STORE_FAULT 7

/* Makes a page inaccessible, for machine mode too, or readable only: a locked PMP entry. */
#define PMP_READ 0x99
#define PMP_NONE 0x98
#define LOCK(entry, page, config) la a0, page; srli a0, a0, 2; ori a0, a0, 0x1ff; \
    csrw pmpaddr##entry, a0; li a0, (config) << (8 * entry); csrs pmpcfg0, a0

test:
    /* Loads, the first not at the lowest address. */
    la a0, data
    li a2, ROUNDS
    li s0, 0
loads:
    lw a3, 8(a0)
    lw a4, 0(a0)
    lw a5, 4(a0)
    addi a2, a2, -1
    bnez a2, loads
    bnez s0, loads_done

    LOCK(0, locked, PMP_NONE)
    la a0, locked
    li a2, 2
    li s0, 1
    li a3, 1
    li a4, 2
    EXPECT_TRAP(LOAD_FAULT, j loads)
    CHECK_ADDRESS(t6, locked + 8)
    csrr t6, mepc
    CHECK_ADDRESS(t6, loads)
    CHECK(a3, 1)
    CHECK(a4, 2)

    /* Over the boundary to the locked page: the second load is the one. */
    la a0, locked - 8
    EXPECT_TRAP(LOAD_FAULT, j loads)
    CHECK_ADDRESS(t6, locked)
    la a0, locked - 4
    EXPECT_TRAP(LOAD_FAULT, j loads)
    CHECK_ADDRESS(t6, locked + 4)
    la a0, locked - 12
    li a2, 1
    j loads
loads_done:
    CHECK(a3, 0x33333333)
    CHECK(a4, 0x11111111)
    CHECK(a5, 0x22222222)

    /* Stores, and a load after them. */
    la a0, data
    li a2, ROUNDS
    li s0, 0
stores:
    sw a2, 8(a0)
    sw a2, 4(a0)
    addi a1, a1, 1
    sw a2, 0(a0)
    lw a3, 4(a0)
    addi a2, a2, -1
    bnez a2, stores
    bnez s0, stores_done

    LOCK(1, readable, PMP_READ)
    la a0, readable
    li a2, 2
    li a1, 0
    li s0, 1
    EXPECT_TRAP(STORE_FAULT, j stores)
    CHECK_ADDRESS(t6, readable + 8)
    CHECK(a1, 0)
    la a0, readable - 8 /* the first store is on the next page */
    EXPECT_TRAP(STORE_FAULT, j stores)
    CHECK_ADDRESS(t6, readable)
    la a0, after - 4 /* the last one is on the page before */
    EXPECT_TRAP(STORE_FAULT, j stores)
    CHECK_ADDRESS(t6, after - 4)
    CHECK(a1, 1)
    la a0, after
    lw a3, 4(a0)
    CHECK(a3, 2)
    lw a3, 0(a0)
    CHECK(a3, 2)
    la a0, readable
    lw a3, 8(a0)
    CHECK(a3, 0)
    la a0, data
    li a2, 1
    j stores
stores_done:
    CHECK(a3, 1)
    j test_pass

    .data
    .balign 4096
data:
    .zero 4096 - 12
    .4byte 0x11111111, 0x22222222, 0x33333333
locked:
    .zero 4096
    .zero 4096
readable:
    .zero 4096
after:
    .zero 64
