/* Random values into random CSRs, PMP most of all, until the hart has locked itself out; then it
 * traps for ever. */
#include "tests/guest/hostile/hostile.h"

test:
    li s10, 20000
1:  call random
    srli s1, a0, 8
    andi t0, a0, 1
    beqz t0, 2f
    andi s1, s1, 0x5f /* pmpcfg0 to pmpaddr63 */
    addi s1, s1, 0x3a0
2:  li t0, 0xfff
    and s1, s1, t0
    li t0, 0x305 /* but not mtvec */
    beq s1, t0, 1b
    slli s1, s1, 20
    li t0, 0x51073 /* csrw 0, a0 */
    or s1, s1, t0
    la t0, patch
    sw s1, (t0)
    fence.i
    call random
    .balign 4
patch:
    nop
    addi s10, s10, -1
    bnez s10, 1b
    j done
