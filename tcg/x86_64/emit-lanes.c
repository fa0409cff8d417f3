/*
 * Vectors: comparisons and masks, single lanes, lanes of other sizes, square roots, conversion.
 *
 * On AVX; hosts without it call the interpreter's function, but for what SSE2 can do. Where a function
 * takes an integer, that is the low word of the vector argument.
 */
#include "tcg/x86_64/emit.h"

/* The mask register of AVX-512 that is used. */
enum { MASK = 1 };

static unsigned lane_size(const IrInsn *in)
{
    return in->aux & 15;
}

static unsigned lane_log2(const IrInsn *in)
{
    return __builtin_ctz(lane_size(in)) & 3;
}

/* The operand as a vector in @xmm, for a function. */
static void load_argument(Emit *e, IrRef ref, unsigned xmm)
{
    unsigned r = reg_use(e, ref);

    if (is_xmm(r)) {
        emit_mov(e, xmm, r);
    } else {
        fp_rr(e, X_MOVD_X | X_W, xmm, r);
    }
}

static void call_eval(Emit *e, const IrInsn *in)
{
    unsigned d;

    load_argument(e, in->arg[0], XMM0);
    if (in->arg[1] != IR_NOREF) {
        load_argument(e, in->arg[1], XMM1);
    }
    d = reg_def(e, NOREG, NOREG);
    emit_call_eval(e, in);
    emit_mov(e, d, XMM0);
    reg_bind(e, d, 0);
}

/* The upper half of @from in the lower one of @d, for @from of 256 bits. */
static void emit_upper_half(Emit *e, unsigned d, unsigned from)
{
    v_rrr(&e->as, X_VEXTRACTI128, from, 0, d);
    asm_u8(&e->as, 1);
}

/* The same for the width of @in. */
static void emit_upper(Emit *e, const IrInsn *in, unsigned d, unsigned from)
{
    if (in->type == IR_V256) {
        emit_upper_half(e, d, from);
    } else {
        v_rrr(&e->as, X_PSHUFD, d, 0, from);
        asm_u8(&e->as, 0xee);
    }
}

/* What 256-bit packing has left in the order of its 128-bit halves: a, b, a, b. */
static void emit_order_packed(Emit *e, const IrInsn *in, unsigned d)
{
    if (in->type == IR_V256) {
        v_rrr(&e->as, X_VPERMQ, d, 0, d);
        asm_u8(&e->as, 0xd8);
    }
}

/* ---- Comparison and choice ---- */

/* d = a > b, as integers with a sign, or without: then both are offset by half the range. */
static void emit_greater(Emit *e, const IrInsn *in, unsigned d, unsigned a, unsigned b)
{
    static const unsigned ops[4] = {X_PCMPGTB, X_PCMPGTW, X_PCMPGTD, X_PCMPGTQ};
    unsigned lane = lane_log2(in);

    if ((in->aux & 0xf0) == IR_VEC_GTU) {
        fp_rip(e, X_PXOR | vec_width(in), XMM0, a, POOL_TOP + 32 * lane);
        fp_rip(e, X_PXOR | vec_width(in), XMM1, b, POOL_TOP + 32 * lane);
        a = XMM0;
        b = XMM1;
    }
    v_rrr(&e->as, ops[lane] | vec_width(in), d, a, b);
}

void op_vcmp(Emit *e, const IrInsn *in)
{
    static const unsigned equal[4] = {X_PCMPEQB, X_PCMPEQW, X_PCMPEQD, X_PCMPEQQ};

    if (!e->avx) {
        call_eval(e, in);
        return;
    }
    unsigned ra = reg_use(e, in->arg[0]), rb = reg_use(e, in->arg[1]), d = reg_def(e, ra, rb);

    if ((in->aux & 0xf0) == IR_VEC_EQ) {
        v_rrr(&e->as, equal[lane_log2(in)] | vec_width(in), d, ra, rb);
    } else {
        emit_greater(e, in, d, ra, rb);
    }
    reg_bind(e, d, 0);
}

void op_vfcmp(Emit *e, const IrInsn *in)
{
    if (!e->avx) {
        call_eval(e, in);
        return;
    }
    unsigned ra = reg_use(e, in->arg[0]), rb = reg_use(e, in->arg[1]), d = reg_def(e, ra, rb);

    v_rrr(&e->as, X_CMPPS | (lane_size(in) == 8 ? X_66 : 0) | vec_width(in), d, ra, rb);
    asm_u8(&e->as, in->aux >> 4 & 3); /* equal (quiet), less, less or equal (signaling) */
    reg_bind(e, d, 0);
}

/* By bits of an integer, which vmask would have made lanes of. */
static void select_by_bits(Emit *e, const IrInsn *in, const IrInsn *mask)
{
    unsigned ra = reg_use(e, in->arg[0]), rb = reg_use(e, in->arg[1]),
             rc = reg_use(e, mask->arg[0]);
    unsigned d = reg_def(e, rb, ra), lane = lane_log2(mask);

    v_rrr(&e->as, X_KMOVD_K, MASK, 0, rc);
    e_merge(&e->as, (lane < 2 ? X_VPBLENDMB : X_VPBLENDMD) | (lane & 1 ? X_W : 0) | vec_width(in),
            MASK, d, rb, ra);
    reg_bind(e, d, 0);
}

void op_vsel(Emit *e, const IrInsn *in)
{
    if (e->vals[in->arg[2]].flags & VALUE_FUSED) {
        select_by_bits(e, in, &e->insns[in->arg[2]]);
        return;
    }
    unsigned ra = reg_use(e, in->arg[0]), rb = reg_use(e, in->arg[1]), rc = reg_use(e, in->arg[2]);
    unsigned d = reg_def(e, e->avx ? rb : NOREG, e->avx ? ra : NOREG);

    if (e->avx) {
        v_rrr(&e->as, X_VPBLENDVB | vec_width(in), d, rb, ra);
        asm_u8(&e->as, (rc & 15) << 4);
    } else {
        fp_rrr(e, X_PAND, XMM0, ra, rc);
        fp_rrr(e, X_PANDN, XMM1, rc, rb);
        fp_rrr(e, X_POR, d, XMM0, XMM1);
    }
    reg_bind(e, d, 0);
}

/* ---- Masks ---- */

/* The bits in each lane, then the lane's own bit alone, compared with that bit. */
void op_vmask(Emit *e, const IrInsn *in)
{
    static const unsigned equal[4] = {X_PCMPEQB, X_PCMPEQW, X_PCMPEQD, X_PCMPEQD};
    unsigned lane = lane_log2(in), pool = POOL_BITS + 32 * lane;

    if (!e->avx) {
        call_eval(e, in);
        return;
    }
    unsigned ra = reg_use(e, in->arg[0]), d = reg_def(e, NOREG, NOREG);

    if (e->f->avx512) {
        v_rrr(&e->as, X_KMOVD_K, MASK, 0, ra);
        e_rrr(&e->as, (lane < 2 ? X_VPMOVM2B : X_VPMOVM2D) | (lane & 1 ? X_W : 0) | vec_width(in),
              0, d, 0, MASK);
        reg_bind(e, d, 0);
        return;
    }
    v_rrr(&e->as, X_MOVD_X, d, 0, ra);
    if (in->type == IR_V256) {
        v_rrr(&e->as, (lane == 1 ? X_VPBROADCASTW : X_VPBROADCASTD) | X_L, d, 0, d);
    } else if (lane == 1) {
        v_rrr(&e->as, X_PSHUFLW, d, 0, d);
        asm_u8(&e->as, 0);
    }
    if (lane == 0) {
        fp_rip(e, X_PSHUFB | vec_width(in), d, d, POOL_SPREAD);
    } else if (in->type == IR_V128) {
        v_rrr(&e->as, X_PSHUFD, d, 0, d);
        asm_u8(&e->as, 0);
    }
    fp_rip(e, X_PAND | vec_width(in), d, d, pool);
    fp_rip(e, equal[lane] | vec_width(in), d, d, pool);
    reg_bind(e, d, 0);
}

/* Of a comparison of the same lanes. */
static void compare_to_bits(Emit *e, const IrInsn *in, const IrInsn *cmp)
{
    unsigned ra = reg_use(e, cmp->arg[0]), rb = reg_use(e, cmp->arg[1]);
    unsigned d = reg_def(e, NOREG, NOREG), lane = lane_log2(cmp), kind = cmp->aux & 0xf0;
    unsigned op = kind == IR_VEC_GTU ? (lane < 2 ? X_VPCMPUB : X_VPCMPUD)
                  : lane < 2         ? X_VPCMPB
                                     : X_VPCMPD;

    e_rrr(&e->as, op | (lane & 1 ? X_W : 0) | vec_width(in), 0, MASK, ra, rb);
    asm_u8(&e->as, kind == IR_VEC_EQ ? 0 : 6 /* not less or equal */);
    v_rrr(&e->as, X_KMOVD_R, d, 0, MASK);
    reg_bind(e, d, VALUE_ZX);
}

void op_vbits(Emit *e, const IrInsn *in)
{
    if (e->vals[in->arg[0]].flags & VALUE_FUSED) {
        compare_to_bits(e, in, &e->insns[in->arg[0]]);
        return;
    }
    unsigned ra = reg_use(e, in->arg[0]), d = reg_def(e, NOREG, NOREG);

    switch (lane_size(in)) {
    case 1: fp_rr(e, X_PMOVMSKB | vec_width(in), d, ra); break;
    case 2:
        if (e->f->avx512) {
            e_rrr(&e->as, X_VPMOVB2M | X_W | vec_width(in), 0, MASK, 0, ra);
            v_rrr(&e->as, X_KMOVD_R, d, 0, MASK);
        } else if (in->type == IR_V256) {
            emit_upper_half(e, XMM0, ra);
            v_rrr(&e->as, X_PACKSSWB, XMM0, ra, XMM0);
            v_rrr(&e->as, X_PMOVMSKB, d, 0, XMM0);
        } else {
            fp_rrr(e, X_PACKSSWB, XMM0, ra, ra);
            fp_rr(e, X_PMOVMSKB, d, XMM0);
            x_rr(&e->as, X_MOVZX8, d, d);
        }
        break;
    case 4: fp_rr(e, X_MOVMSKPS | vec_width(in), d, ra); break;
    default: fp_rr(e, X_MOVMSKPS | X_66 | vec_width(in), d, ra); break;
    }
    reg_bind(e, d, VALUE_ZX);
}

/* ---- Halves ---- */

static void emit_join(Emit *e, unsigned d, unsigned low, unsigned high)
{
    v_rrr(&e->as, X_VINSERTI128, d, low, high);
    asm_u8(&e->as, 1);
}

/* The low half is where it is: ops on v128 do not look above it. */
void op_vhalf(Emit *e, const IrInsn *in)
{
    if (in->aux == 0) {
        reg_alias(e, in->arg[0], 0);
        return;
    }
    unsigned ra = reg_use(e, in->arg[0]), d = reg_def(e, ra, NOREG);

    emit_upper_half(e, d, ra);
    reg_bind(e, d, 0);
}

void op_vjoin(Emit *e, const IrInsn *in)
{
    unsigned ra = reg_use(e, in->arg[0]), rb = reg_use(e, in->arg[1]), d = reg_def(e, ra, rb);

    emit_join(e, d, ra, rb);
    reg_bind(e, d, 0);
}

/* ---- Single lanes ---- */

void op_vget(Emit *e, const IrInsn *in)
{
    unsigned ra = reg_use(e, in->arg[0]), d = reg_def(e, NOREG, NOREG), size = lane_size(in);
    unsigned bytes = (in->aux >> 4) * size;

    if (bytes) {
        if (e->avx) {
            v_rrr(&e->as, X_PSRLDQ, 3, XMM0, ra);
        } else {
            emit_mov(e, XMM0, ra);
            x_rr(&e->as, X_PSRLDQ, 3, XMM0);
        }
        asm_u8(&e->as, bytes);
        ra = XMM0;
    }
    fp_rr(e, X_MOVD_R | (size == 8 ? X_W : 0), ra, d);
    if (size < 4) {
        x_rr(&e->as, size == 1 ? X_MOVZX8 : X_MOVZX16, d, d);
    }
    reg_bind(e, d, size < 8 ? VALUE_ZX : 0);
}

void op_vset(Emit *e, const IrInsn *in)
{
    static const unsigned ops[4] = {X_PINSRB, X_PINSRW, X_PINSRD, X_PINSRD | X_W};

    if (!e->avx) {
        call_eval(e, in);
        return;
    }
    unsigned ra = reg_use(e, in->arg[0]), rb = reg_use(e, in->arg[1]), d = reg_def(e, ra, NOREG);

    v_rrr(&e->as, ops[lane_log2(in)], d, ra, rb);
    asm_u8(&e->as, in->aux >> 4);
    reg_bind(e, d, 0);
}

/* By pairs of neighbouring halves: the host aligns within 128 bits. */
static void align_wide(Emit *e, unsigned from, unsigned d, unsigned a, unsigned b)
{
    if (from == 0) {
        emit_mov(e, d, a);
        return;
    }
    v_rrr(&e->as, X_VPERM2I128, from == 16 ? d : XMM0, a, b);
    asm_u8(&e->as, 0x21); /* the upper half of a, the lower of b */
    if (from != 16) {
        v_rrr(&e->as, X_PALIGNR | X_L, d, from < 16 ? XMM0 : b, from < 16 ? a : XMM0);
        asm_u8(&e->as, from & 15);
    }
}

void op_valign(Emit *e, const IrInsn *in)
{
    if (!e->avx) {
        call_eval(e, in);
        return;
    }
    unsigned ra = reg_use(e, in->arg[0]), rb = reg_use(e, in->arg[1]), d = reg_def(e, ra, rb);

    if (in->type == IR_V256) {
        align_wide(e, in->aux, d, ra, rb);
    } else {
        v_rrr(&e->as, X_PALIGNR, d, rb, ra);
        asm_u8(&e->as, in->aux);
    }
    reg_bind(e, d, 0);
}

/* Of each half of @a, and bit 4 chooses. @d is neither operand's. */
static void shuffle_wide(Emit *e, unsigned d, unsigned a, unsigned b)
{
    if (e->f->vbmi) {
        e_rrr(&e->as, X_VPMOVB2M | X_L, 0, MASK, 0, b);
        v_rrr(&e->as, X_KNOTD, MASK, 0, MASK);
        e_rrr(&e->as, X_VPERMB | X_L, MASK, d, b, a);
        return;
    }
    v_rrr(&e->as, X_VPERMQ, XMM0, 0, a);
    asm_u8(&e->as, 0x44);
    v_rrr(&e->as, X_PSHUFB | X_L, XMM0, XMM0, b);
    v_rrr(&e->as, X_VPERMQ, XMM1, 0, a);
    asm_u8(&e->as, 0xee);
    v_rrr(&e->as, X_PSHUFB | X_L, XMM1, XMM1, b);
    v_rrr(&e->as, X_PSHIFTW_I | X_L, 6, d, b);
    asm_u8(&e->as, 3); /* to bit 7 */
    v_rrr(&e->as, X_VPBLENDVB | X_L, d, XMM0, XMM1);
    asm_u8(&e->as, (d & 15) << 4);
}

void op_vshuffle(Emit *e, const IrInsn *in)
{
    if (!e->avx) {
        call_eval(e, in);
        return;
    }
    unsigned ra = reg_use(e, in->arg[0]), rb = reg_use(e, in->arg[1]);
    unsigned d = in->type == IR_V256 ? reg_def(e, NOREG, NOREG) : reg_def(e, ra, rb);

    if (in->type == IR_V256) {
        shuffle_wide(e, d, ra, rb);
    } else {
        v_rrr(&e->as, X_PSHUFB, d, ra, rb);
    }
    reg_bind(e, d, 0);
}

/* ---- Lanes of other sizes ---- */

void op_vext(Emit *e, const IrInsn *in)
{
    static const unsigned ops[2][3] = {{X_PMOVZXBW, X_PMOVZXWD, X_PMOVZXDQ},
                                       {X_PMOVSXBW, X_PMOVSXWD, X_PMOVSXDQ}};

    if (!e->avx) {
        call_eval(e, in);
        return;
    }
    unsigned ra = reg_use(e, in->arg[0]), d = reg_def(e, ra, NOREG);

    if (in->aux & IR_VEC_UPPER) {
        emit_upper(e, in, XMM0, ra);
        ra = XMM0;
    }
    v_rrr(&e->as, ops[!!(in->aux & IR_VEC_SIGNED)][lane_log2(in)] | vec_width(in), d, 0, ra);
    reg_bind(e, d, 0);
}

void op_vnarrow(Emit *e, const IrInsn *in)
{
    if (!e->avx) {
        call_eval(e, in);
        return;
    }
    unsigned ra = reg_use(e, in->arg[0]), rb = reg_use(e, in->arg[1]), d = reg_def(e, ra, rb);

    if (lane_size(in) == 4) {
        v_rrr(&e->as, X_SHUFPS | vec_width(in), d, ra, rb);
        asm_u8(&e->as, 0x88);
    } else {
        unsigned pool = lane_size(in) == 2 ? POOL_LOW16 : POOL_LOW8;

        /* The halves alone, so that packing does not saturate. */
        fp_rip(e, X_PAND | vec_width(in), XMM0, ra, pool);
        fp_rip(e, X_PAND | vec_width(in), XMM1, rb, pool);
        v_rrr(&e->as, (lane_size(in) == 2 ? X_PACKUSDW : X_PACKUSWB) | vec_width(in), d, XMM0,
              XMM1);
    }
    emit_order_packed(e, in, d);
    reg_bind(e, d, 0);
}

void op_vfsqrt(Emit *e, const IrInsn *in)
{
    if (!e->avx) {
        call_eval(e, in);
        return;
    }
    unsigned ra = reg_use(e, in->arg[0]), d = reg_def(e, ra, NOREG);

    v_rrr(&e->as, X_SQRTPS | (lane_size(in) == 8 ? X_66 : 0) | vec_width(in), d, 0, ra);
    emit_check_nan(e, in, d);
    reg_bind(e, d, 0);
}

/* ---- Conversion ---- */

/* The instruction of AVX-512 for a conversion that only that has, or 0. */
static unsigned evex_convert(const Emit *e, const IrInsn *in)
{
    static const unsigned ops[2][6] = {
        {0, X_VCVTUDQ2PS, 0, X_VCVTPS2UDQ, 0, X_VCVTTPS2UDQ},
        {X_VCVTQQ2PD, X_VCVTUQQ2PD, X_VCVTPD2QQ, X_VCVTPD2UQQ, X_VCVTTPD2QQ, X_VCVTTPD2UQQ},
    };
    unsigned kind = in->aux >> 4;

    return e->f->avx512 && kind < 6 ? ops[lane_size(in) == 8][kind] : 0;
}

/* A lane that may be out of range: the host gives all of them the same. The result is in xmm1. reg: operand. */
static void cold_vfcvt(Emit *e, const Cold *c)
{
    emit_mov(e, XMM0, c->reg[0]);
    emit_call_eval(e, &e->insns[c->insn]);
    emit_mov(e, XMM1, XMM0);
    x_jmp_back(&e->as, c->back);
}

static void float_to_int(Emit *e, const IrInsn *in, unsigned op)
{
    unsigned ra = reg_use(e, in->arg[0]), d = reg_def(e, NOREG, NOREG);
    Cold *c;

    /* The result may go where the operand is, which the code out of line wants. */
    v_rrr(&e->as, op | vec_width(in), XMM1, 0, ra);
    fp_rip(e, X_PCMPEQD | vec_width(in), XMM0, XMM1, POOL_TOP + 32 * 2);
    v_rrr(&e->as, X_VTESTPS | vec_width(in), XMM0, 0, XMM0);
    c = cold_new(e, cold_vfcvt, x_jcc32(&e->as, CC_NE));
    c->reg[0] = ra;
    c->back = e->as.p;
    emit_mov(e, d, XMM1);
    reg_bind(e, d, 0);
}

/* Integers of 64 bits, and those without a sign. */
static void convert_evex(Emit *e, const IrInsn *in, unsigned op)
{
    unsigned ra = reg_use(e, in->arg[0]), kind = in->aux & 0xf0, wide = vec_width(in);
    Cold *c;

    if (kind <= IR_VEC_U_TO_F) {
        unsigned d = reg_def(e, ra, NOREG);

        e_rrr(&e->as, op | wide, 0, d, 0, ra);
        reg_bind(e, d, 0);
        return;
    }
    unsigned d = reg_def(e, NOREG, NOREG);
    e_rrr(&e->as, op | wide, 0, XMM1, 0, ra);
    if (kind == IR_VEC_F_TO_S || kind == IR_VEC_TRUNC_S) {
        fp_rip(e, X_PCMPEQQ | wide, XMM0, XMM1, POOL_TOP + 32 * 3);
    } else {
        v_rrr(&e->as, X_PCMPEQD | wide, XMM0, XMM0, XMM0);
        v_rrr(&e->as, (lane_size(in) == 8 ? X_PCMPEQQ : X_PCMPEQD) | wide, XMM0, XMM1, XMM0);
    }
    v_rrr(&e->as, X_VTESTPS | wide, XMM0, 0, XMM0);
    c = cold_new(e, cold_vfcvt, x_jcc32(&e->as, CC_NE));
    c->reg[0] = ra;
    c->back = e->as.p;
    emit_mov(e, d, XMM1);
    reg_bind(e, d, 0);
}

static void change_width(Emit *e, const IrInsn *in)
{
    unsigned ra = reg_use(e, in->arg[0]), rb = reg_use(e, in->arg[1]);
    unsigned d = reg_def(e, ra, rb);

    if ((in->aux & 0xf0) == IR_VEC_NARROW) {
        v_rrr(&e->as, X_CVTPD2PS | vec_width(in), XMM0, 0, ra);
        v_rrr(&e->as, X_CVTPD2PS | vec_width(in), XMM1, 0, rb);
        if (in->type == IR_V256) {
            emit_join(e, d, XMM0, XMM1);
        } else {
            v_rrr(&e->as, X_PUNPCKLQDQ, d, XMM0, XMM1);
        }
    } else {
        if ((in->aux & 0xf0) == IR_VEC_WIDEN_UPPER) {
            emit_upper(e, in, XMM0, ra);
            ra = XMM0;
        }
        v_rrr(&e->as, X_CVTPS2PD | vec_width(in), d, 0, ra);
    }
    emit_check_nan(e, in, d);
    reg_bind(e, d, 0);
}

void op_vfcvt(Emit *e, const IrInsn *in)
{
    unsigned kind = in->aux & 0xf0;

    if (evex_convert(e, in)) {
        convert_evex(e, in, evex_convert(e, in));
    } else if (e->avx && kind >= IR_VEC_WIDEN) {
        change_width(e, in);
    } else if (e->avx && in->aux == (IR_VEC_S_TO_F | 4)) {
        unsigned ra = reg_use(e, in->arg[0]), d = reg_def(e, ra, NOREG);

        v_rrr(&e->as, X_CVTDQ2PS | vec_width(in), d, 0, ra);
        reg_bind(e, d, 0);
    } else if (e->avx && lane_size(in) == 4 && (kind == IR_VEC_F_TO_S || kind == IR_VEC_TRUNC_S)) {
        float_to_int(e, in, kind == IR_VEC_F_TO_S ? X_CVTPS2DQ : X_CVTTPS2DQ);
    } else {
        call_eval(e, in);
    }
}
