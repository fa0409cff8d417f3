/* A hart without C: jumps to odd halfwords raise, 16-bit instructions are illegal.
 * march: rv64imafd
 * cpu: rv64,c=off
 */
#include "tests/guest/test.h"

test:
    la s0, target + 2
    /* The fault is the jump's, with the target as tval; the link is not written. */
    li ra, 55
    EXPECT_TRAP(0, 6: jalr s0)
    CHECK_ADDRESS(t6, target + 2)
    CHECK(ra, 55)
    csrr a0, mepc
    CHECK_ADDRESS(a0, 6b)
    EXPECT_TRAP(0, 6: jr 1(s0))
    CHECK_ADDRESS(t6, target + 2)
    EXPECT_TRAP(0, 6: .4byte 0x006000ef) /* jal ra, 6 */
    CHECK_ADDRESS(t6, 6b + 6)
    CHECK(ra, 55)
    csrr a0, mepc
    CHECK_ADDRESS(a0, 6b)
    li a0, 1
    EXPECT_TRAP(0, 6: .4byte 0x00051363) /* bnez a0, 6 */
    CHECK_ADDRESS(t6, 6b + 6)
    csrr a1, mepc
    CHECK_ADDRESS(a1, 6b)
    .4byte 0x00050363 /* beqz a0, 6: not taken */
    /* Bit 0 of a jump's target is dropped. */
    la s0, target + 1
    jalr s0
    CHECK(a0, 77)

    EXPECT_TRAP(2, 6: .2byte 0x0001; .2byte 0x0001)
    csrr a1, mepc
    CHECK_ADDRESS(a1, 6b)
    EXPECT_TRAP(2, 6: .2byte 0x8082; .2byte 0x0001)

    /* Nor can a return go there. */
    li a0, -1
    csrw mepc, a0
    csrr a0, mepc
    CHECK(a0, -4)
    csrsi sepc, 3
    csrr a0, sepc
    CHECK(a0, 0)

    /* misa says so. */
    csrr a0, misa
    andi a0, a0, 4
    CHECK(a0, 0)
    j test_pass

    .balign 4
target:
    li a0, 77
    ret
