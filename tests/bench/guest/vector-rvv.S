/*
 * march: rv64gcv
 * The vector kernels' loops for the vector extension, for any VLEN. See vector-loops.h. By hand:
 * what is measured shall not depend on the compiler's vectoriser.
 */
    .text

/* saxpy(y, x, a, count) */
    .globl loop_saxpy
loop_saxpy:
    vsetvli a3, a2, e32, m8, ta, ma
    vle32.v v0, (a0)
    vle32.v v8, (a1)
    vfmacc.vf v0, fa0, v8
    vse32.v v0, (a0)
    sub a2, a2, a3
    slli a3, a3, 2
    add a0, a0, a3
    add a1, a1, a3
    bnez a2, loop_saxpy
    ret

/* dot(x, y, count); a sum for each element, added up at the end */
    .globl loop_dot
loop_dot:
    vsetvli a3, zero, e32, m8, ta, ma
    vmv.v.i v16, 0
1:  vsetvli a3, a2, e32, m8, tu, ma
    vle32.v v0, (a0)
    vle32.v v8, (a1)
    vfmacc.vv v16, v0, v8
    sub a2, a2, a3
    slli a3, a3, 2
    add a0, a0, a3
    add a1, a1, a3
    bnez a2, 1b
    vsetvli a3, zero, e32, m8, ta, ma
    vmv.s.x v0, zero
    vfredusum.vs v0, v16, v0
    vfmv.f.s fa0, v0
    ret

/* fir(out, in, taps, count) */
    .globl loop_fir
loop_fir:
    flw fa0, 0(a2)
    flw fa1, 4(a2)
    flw fa2, 8(a2)
    flw fa3, 12(a2)
    flw fa4, 16(a2)
    flw fa5, 20(a2)
    flw fa6, 24(a2)
    flw fa7, 28(a2)
1:  vsetvli a4, a3, e32, m4, ta, ma
    vle32.v v0, (a1)
    addi t0, a1, 4
    vle32.v v4, (t0)
    vfmul.vf v16, v0, fa0
    addi t0, a1, 8
    vle32.v v8, (t0)
    vfmacc.vf v16, fa1, v4
    addi t0, a1, 12
    vle32.v v12, (t0)
    vfmacc.vf v16, fa2, v8
    addi t0, a1, 16
    vle32.v v0, (t0)
    vfmacc.vf v16, fa3, v12
    addi t0, a1, 20
    vle32.v v4, (t0)
    vfmacc.vf v16, fa4, v0
    addi t0, a1, 24
    vle32.v v8, (t0)
    vfmacc.vf v16, fa5, v4
    addi t0, a1, 28
    vle32.v v12, (t0)
    vfmacc.vf v16, fa6, v8
    vfmacc.vf v16, fa7, v12
    vse32.v v16, (a0)
    sub a3, a3, a4
    slli a4, a4, 2
    add a0, a0, a4
    add a1, a1, a4
    bnez a3, 1b
    ret

/* blend(to, from, alpha, count) */
    .globl loop_blend
loop_blend:
    li t0, 255
    sub t0, t0, a2
1:  vsetvli a4, a3, e8, m4, ta, ma
    vle8.v v0, (a0)
    vle8.v v4, (a1)
    vwmulu.vx v8, v0, t0
    vwmaccu.vx v8, a2, v4
    vnsrl.wi v0, v8, 8
    vse8.v v0, (a0)
    sub a3, a3, a4
    add a0, a0, a4
    add a1, a1, a4
    bnez a3, 1b
    ret

/* count(data, value, count) */
    .globl loop_count
loop_count:
    li a4, 0
1:  vsetvli a3, a2, e8, m8, ta, ma
    vle8.v v8, (a0)
    vmseq.vx v0, v8, a1
    vcpop.m t0, v0
    add a4, a4, t0
    sub a2, a2, a3
    add a0, a0, a3
    bnez a2, 1b
    mv a0, a4
    ret

/* add_max(to, from, count) */
    .globl loop_add_max
loop_add_max:
    vsetvli a3, zero, e8, m8, ta, ma
    vmv.v.i v16, 0
1:  vsetvli a3, a2, e8, m8, tu, ma
    vle8.v v0, (a0)
    vle8.v v8, (a1)
    vsaddu.vv v0, v0, v8
    vse8.v v0, (a0)
    vmaxu.vv v16, v16, v0
    sub a2, a2, a3
    add a0, a0, a3
    add a1, a1, a3
    bnez a2, 1b
    vsetvli a3, zero, e8, m8, ta, ma
    vmv.s.x v0, zero
    vredmaxu.vs v0, v16, v0
    vmv.x.s a0, v0
    andi a0, a0, 255
    ret
