/* virtio-mmio: every slot's queues at addresses in device windows, past RAM and around the end of
 * the address space, with descriptors that loop, overlap the registers or claim 4 GiB. */
#include "tests/guest/hostile/hostile.h"

#define SLOTS 0x10001000

test:
    li s10, 3000
again:
    call random
    andi s0, a0, 7
    slli s0, s0, 12
    li t0, SLOTS
    add s0, s0, t0
    sw zero, 0x70(s0) /* reset */
    li t0, 3
    sw t0, 0x70(s0)
    li t0, 1          /* VERSION_1 alone, or with whatever the random word has */
    sw t0, 0x24(s0)
    sw t0, 0x20(s0)
    sw zero, 0x24(s0)
    call random
    sw a0, 0x20(s0)
    li t0, 11
    sw t0, 0x70(s0)

    li s1, 0
queue:
    sw s1, 0x30(s0)
    li t0, 8
    call random
    andi t1, a0, 3
    bnez t1, 1f
    mv t0, a0
1:  sw t0, 0x38(s0)
    call pick
    sw a0, 0x80(s0)
    srli a0, a0, 32
    sw a0, 0x84(s0)
    call pick
    sw a0, 0x90(s0)
    srli a0, a0, 32
    sw a0, 0x94(s0)
    call pick
    sw a0, 0xa0(s0)
    srli a0, a0, 32
    sw a0, 0xa4(s0)
    li t0, 1
    sw t0, 0x44(s0)
    addi s1, s1, 1
    li t0, 4
    bltu s1, t0, queue

    /* A ring in RAM: heads and descriptors at random. */
    la s2, table
    li s3, 8
1:  call pick
    sd a0, (s2)
    call random
    sw a0, 8(s2)
    call random
    andi a0, a0, 7
    sh a0, 12(s2)
    call random
    andi a0, a0, 15
    sh a0, 14(s2)
    addi s2, s2, 16
    addi s3, s3, -1
    bnez s3, 1b
    la s2, available
    call random
    sw a0, (s2)
    call random
    sd a0, 4(s2)
    li t0, 15
    sw t0, 0x70(s0)
    li s1, 4
1:  addi s1, s1, -1
    sw s1, 0x50(s0)
    bnez s1, 1b
    lw t0, 0x60(s0)
    sw t0, 0x64(s0)
    lw t0, 0x70(s0)
    addi s10, s10, -1
    bnez s10, again
    j done

/* An address of the list, in a0. */
pick:
    mv t4, ra
    call random
    andi a0, a0, 15
    slli a0, a0, 3
    la t0, addresses
    add t0, t0, a0
    ld a0, (t0)
    mv ra, t4
    ret

    .balign 8
addresses:
    .dword table, available, used, table, available, used, table, available
    .dword 0x10001000, 0x100000, 0xc000000, 0x87fffff8, 0x88000000, 0xfffffffffffffff8
    .dword 0x30000000, 1

    .bss
    .balign 4096
table: .space 4096
available: .space 4096
used: .space 4096
