/* Page tables that lead to themselves, to devices and past RAM, with every reserved bit; loads and
 * stores at random through them, in each translation mode. */
#include "tests/guest/hostile/hostile.h"

test:
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    li s9, 3000
again:
    /* 512 entries: to this page, to a device, past RAM, or random. */
    la s0, root
    li s1, 512
1:  call random
    andi t0, a0, 3
    la t1, root
    srli t1, t1, 12
    slli t1, t1, 10
    ori t1, t1, 1
    beqz t0, 2f
    addi t0, t0, -1
    li t1, 0x40000cf /* a leaf in the device windows */
    beqz t0, 2f
    addi t0, t0, -1
    li t1, 0x3ffffffffffcf
    beqz t0, 2f
    mv t1, a0
2:  sd t1, (s0)
    addi s0, s0, 8
    addi s1, s1, -1
    bnez s1, 1b
    call random
    andi t0, a0, 3
    addi t0, t0, 7 /* bare or a reserved mode, Sv39, Sv48, Sv57 */
    slli t0, t0, 60
    la t1, root
    srli t1, t1, 12
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    li s1, 16
1:  call random
    srai a0, a0, 20
    li t0, 0x20000 /* MPRV, with supervisor mode as the previous one */
    li t1, 0x1800
    csrc mstatus, t1
    li t1, 0x800
    csrs mstatus, t1
    csrs mstatus, t0
    ld a1, (a0)
    csrs mstatus, t0
    sw a1, (a0)
    li t0, 0x20000
    csrc mstatus, t0
    addi s1, s1, -1
    bnez s1, 1b
    addi s9, s9, -1
    bnez s9, again
    j done

    .bss
    .balign 4096
root: .space 4096
