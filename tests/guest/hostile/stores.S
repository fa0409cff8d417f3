/* Loads and stores of every size, aligned or not, over every device window, in order and at
 * random, with patterns and random values. */
#include "tests/guest/hostile/hostile.h"

#define ACCESS(address, value) \
    sb value, (address); lb t0, (address); sh value, (address); lh t0, (address); \
    sw value, (address); lw t0, (address); sd value, (address); ld t0, (address)

test:
    la s0, windows
next_window:
    ld s1, (s0)   /* first address */
    ld s2, 8(s0)  /* end */
    ld s3, 16(s0) /* step */
    beqz s2, at_random
    addi s0, s0, 24
1:  call random
    ACCESS(s1, a0)
    not a1, zero
    ACCESS(s1, a1)
    ACCESS(s1, zero)
    addi a2, s1, 1
    ACCESS(a2, a0)
    add s1, s1, s3
    bltu s1, s2, 1b
    j next_window

at_random:
    li s4, 20000
1:  la s0, windows
    call random
    andi t0, a0, 15
    li t1, 24
    mul t0, t0, t1
    add s0, s0, t0
    ld s1, (s0)
    ld s2, 8(s0)
    beqz s2, 2f
    sub s2, s2, s1
    srli a0, a0, 8
    remu a0, a0, s2
    add s1, s1, a0
    call random
    sb a0, (s1)
    sd a0, (s1)
    sw a0, (s1)
    lw a1, (s1)
2:  addi s4, s4, -1
    bnez s4, 1b
    j done

    .balign 8
windows: /* the finisher's register, which would end the program, is left out */
    .dword 0x0, 0x2000, 8
    .dword 0x100008, 0x101000, 8
    .dword 0x101000, 0x102000, 4
    .dword 0x2000000, 0x2000040, 4
    .dword 0x2003ff0, 0x2004040, 4
    .dword 0x200bff0, 0x2010000, 64
    .dword 0x3000000, 0x3010000, 512
    .dword 0xc000000, 0xc002200, 4
    .dword 0xc1ffff0, 0xc600000, 4092
    .dword 0x10000000, 0x10000010, 1
    .dword 0x10001000, 0x10009000, 4
    .dword 0x20000000, 0x24000000, 0xffff4
    .dword 0x30000000, 0x30100000, 4
    .dword 0x40000000, 0x80000000, 0x7fff4
    .dword 0x400000000, 0x800000000, 0xffffff4
    .dword 0x10100000, 0x10100018, 1
    .dword 0, 0, 0
