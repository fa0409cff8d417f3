/* Jumps to everywhere: devices, ROM, holes, RAM with random contents, odd addresses; each trap
 * leads to the next jump. */
#include "tests/guest/hostile/hostile.h"

test:
    la s0, rubbish
    li s1, 8192
1:  call random
    sd a0, (s0)
    addi s0, s0, 8
    addi s1, s1, -1
    bnez s1, 1b
    la t0, next
    csrw mtvec, t0
    li s10, 100000
    .balign 4
next: /* whatever was executed may have changed any register: start from memory */
    la t0, state
    ld s11, (t0)
    call random
    sd s11, (t0)
    ld t1, 8(t0)
    addi t1, t1, -1
    sd t1, 8(t0)
    bltz t1, finished
    andi t1, a0, 15
    slli t1, t1, 4
    la t2, places
    add t2, t2, t1
    ld t3, (t2)
    ld t4, 8(t2)
    srli a0, a0, 8
    and a0, a0, t4
    add t3, t3, a0
    jr t3
finished:
    j done

    .balign 8
places: /* address, mask of what is added */
    .dword rubbish, 0xfffe, rubbish, 0xffff, rubbish, 0xfffe, rubbish, 0xfffe
    .dword 0, 0xffffffffffffffff, 0, 0xffffffff, 0x1000, 0xfff, 0x100000, 0xffe
    .dword 0x2000000, 0xfffe, 0xc000000, 0x3ffffe, 0x10000000, 0xfffe, 0x20000000, 0x1ffffe
    .dword 0x30000000, 0xfffffe, 0x40000000, 0xfffffffe, 0x87fff000, 0x1ffe, 0x80000000, 0xfffffffe
    .data
    .balign 8
state: .dword 88172645463325252, 100000
    .bss
    .balign 4096
rubbish: .space 0x11000
