/*
 * A bit of everything, for the hop test: the same program under each engine, and hopping between them every
 * n instructions, must end in the same registers, CSRs and memory. Also run by itself as a guest test.
 *
 * Nothing here depends on time or on instruction counters.
 */
        .section .text.init, "ax"
        .globl _start
_start:
        la      sp, stack_top
        la      t0, trap
        csrw    mtvec, t0
        li      t0, 0x2000              /* FS = Initial */
        csrs    mstatus, t0
        csrw    fcsr, zero
        la      s0, buffer
        li      s1, 0                   /* checksum */
        li      s2, 0                   /* traps taken */

        /* Integers: a linear congruential generator over memory, with sizes and signs mixed. */
        li      t0, 0x12345678
        li      t1, 6364136223846793005
        li      t2, 300
1:      mul     t0, t0, t1
        addi    t0, t0, 1442
        andi    t3, t0, 0x7f8
        add     t3, s0, t3
        ld      t4, 0(t3)
        xor     t4, t4, t0
        sd      t4, 0(t3)
        lh      t5, 2(t3)
        lbu     t6, 5(t3)
        sb      t5, 1(t3)
        lwu     a0, 4(t3)
        add     s1, s1, t5
        add     s1, s1, t6
        addw    s1, s1, a0
        rol     s1, s1, t6
        addi    t2, t2, -1
        bnez    t2, 1b

        /* Division, shifts, word forms, bit manipulation. */
        li      t2, 100
2:      ld      t3, 0(s0)
        ld      t4, 8(s0)
        div     t5, t3, t4
        rem     t6, t3, t4
        divuw   a0, t3, t4
        remw    a1, t3, t4
        sraw    a2, t3, t2
        sll     a3, t4, t2
        mulhu   a4, t3, t4
        mulhsu  a5, t3, t4
        cpop    a6, t5
        clzw    a7, t6
        xor     t5, t5, t6
        sub     t5, t5, a0
        add     t5, t5, a1
        xor     t5, t5, a2
        add     t5, t5, a3
        xor     t5, t5, a4
        add     t5, t5, a5
        xor     t5, t5, a6
        sh3add  t5, t5, a7
        sd      t5, 0(s0)
        sd      t3, 8(s0)
        add     s1, s1, t5
        addi    t2, t2, -1
        bnez    t2, 2b

        /* Floating point with all its flags, both precisions. */
        li      t0, 3
        fcvt.d.l ft0, t0
        li      t0, 7
        fcvt.d.l ft1, t0
        fcvt.s.l ft2, t0
        li      t2, 60
3:      fdiv.d  ft3, ft0, ft1
        fmadd.d ft0, ft3, ft1, ft0
        fsqrt.d ft4, ft0
        fcvt.s.d ft5, ft4
        fmul.s  ft2, ft2, ft5
        fcvt.w.s a0, ft2, rtz
        fle.d   a1, ft3, ft4
        fmin.d  ft6, ft3, ft4
        fclass.d a2, ft6
        frflags a3
        add     s1, s1, a0
        add     s1, s1, a1
        add     s1, s1, a2
        add     s1, s1, a3
        fmv.x.d a4, ft4
        xor     s1, s1, a4
        fsrm    a5, t2
        fsrmi   0
        addi    t2, t2, -1
        bnez    t2, 3b

        /* Calls, recursion, indirect jumps. */
        li      a0, 15
        call    fibonacci
        add     s1, s1, a0
        la      t0, table
        li      t2, 64
4:      andi    t3, t2, 3
        sh3add  t3, t3, t0
        ld      t3, 0(t3)
        jalr    t3
        addi    t2, t2, -1
        bnez    t2, 4b

        /* Atomics. */
        li      t2, 20
5:      amoadd.d t3, t2, (s0)
        amoxor.w t4, t3, (s0)
        amomaxu.d t5, t4, (s0)
        lr.d    t6, (s0)
        addi    t6, t6, 3
        sc.d    a0, t6, (s0)
        add     s1, s1, t5
        add     s1, s1, a0
        addi    t2, t2, -1
        bnez    t2, 5b

        /* Traps: from the middle of a block, and a misaligned and a wild access. */
        li      t2, 10
6:      add     s1, s1, t2
        ecall
        addi    s1, s1, 1
        .word   0
        addi    s1, s1, 2
        ebreak
        li      t3, 0x40000000000
        ld      t4, 0(t3)
        ld      t4, 1(s0)
        add     s1, s1, t4
        csrrw   t4, mscratch, s1
        xor     s1, s1, t4
        addi    t2, t2, -1
        bnez    t2, 6b

        /* Code that changes itself. */
        la      t0, patched
        lw      t1, 0(t0)
        li      t3, 1 << 20
        li      t2, 8
7:      call    patched
        add     s1, s1, a0
        add     t1, t1, t3
        sw      t1, 0(t0)
        fence.i
        addi    t2, t2, -1
        bnez    t2, 7b

        sd      s1, 16(s0)
        sd      s2, 24(s0)
        li      t0, 40
        bne     s2, t0, failed
        li      t0, 1
        j       end
failed: li      t0, (1 << 1) | 1
end:    la      t1, tohost
        sd      t0, 0(t1)
8:      j       8b

fibonacci:
        li      t0, 2
        blt     a0, t0, 9f
        addi    sp, sp, -32
        sd      ra, 0(sp)
        sd      a0, 8(sp)
        addi    a0, a0, -1
        call    fibonacci
        sd      a0, 16(sp)
        ld      a0, 8(sp)
        addi    a0, a0, -2
        call    fibonacci
        ld      t0, 16(sp)
        add     a0, a0, t0
        ld      ra, 0(sp)
        addi    sp, sp, 32
9:      ret

        .balign 4
        .option push
        .option norvc
patched:
        addi    a0, zero, 1
        ret
f0:     addi    s1, s1, 5
        ret
f1:     xori    s1, s1, 0x55
        ret
f2:     slli    a0, s1, 3
        xor     s1, s1, a0
        ret
f3:     neg     s1, s1
        ret

trap:   csrr    a0, mcause
        add     s1, s1, a0
        csrr    a0, mtval
        xor     s1, s1, a0
        addi    s2, s2, 1
        csrr    a0, mepc
        lhu     a1, 0(a0)
        andi    a1, a1, 3
        li      a2, 3
        addi    a0, a0, 4
        beq     a1, a2, 10f
        lhu     a1, -4(a0)              /* the zero word, or a compressed one */
        beqz    a1, 10f
        addi    a0, a0, -2
10:     csrw    mepc, a0
        mret
        .option pop

        .section .tohost, "aw", @progbits
        .balign 64
        .globl tohost
tohost: .dword 0
        .balign 64
        .globl fromhost
fromhost: .dword 0

        .data
        .balign 8
table:  .dword f0, f1, f2, f3
        .balign 64
buffer: .fill 4096, 1, 0x5a
stack:  .fill 4096, 1, 0
stack_top:
