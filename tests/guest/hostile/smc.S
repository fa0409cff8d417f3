/* Code that rewrites itself for ever, with and without fence.i. */
#include "tests/guest/hostile/hostile.h"

test:
    la s0, patch
    li s1, 0x00000513 /* li a0, n */
    li s2, 0
1:  slli t0, s2, 20
    or t0, t0, s1
    sw t0, (s0)
    andi t0, s2, 1
    bnez t0, 2f
    fence.i
2:  addi s2, s2, 1
    andi s2, s2, 0x7ff
    .balign 4
patch:
    li a0, 0
    sw s1, 8(s0)
    nop
    j 1b
