/*
 * Vectors of 128 bits, on SSE2 or AVX.
 */
#include "tcg/x86_64/emit.h"

static void vec_binary(Emit *e, const IrInsn *in, unsigned op, bool commutes)
{
    unsigned ra = reg_use(e, in->arg[0]), rb = reg_use(e, in->arg[1]);
    unsigned d = reg_def(e, ra, commutes || e->avx ? rb : NOREG);

    if (commutes && d == rb) {
        fp_rrr(e, op, d, rb, ra);
    } else {
        fp_rrr(e, op, d, ra, rb);
    }
    reg_bind(e, d, 0);
}

void op_vzero(Emit *e, const IrInsn *in)
{
    /* reg_use() makes it where it is wanted. */
}

void op_vand(Emit *e, const IrInsn *in)
{
    vec_binary(e, in, X_PAND, true);
}

void op_vor(Emit *e, const IrInsn *in)
{
    vec_binary(e, in, X_POR, true);
}

void op_vxor(Emit *e, const IrInsn *in)
{
    vec_binary(e, in, X_PXOR, true);
}

/* Index of a lane size of 1, 2, 4 or 8 bytes. */
static unsigned lane_log2(const IrInsn *in)
{
    return __builtin_ctz(in->aux) & 3;
}

void op_vadd(Emit *e, const IrInsn *in)
{
    static const unsigned ops[4] = {X_PADDB, X_PADDW, X_PADDD, X_PADDQ};

    vec_binary(e, in, ops[lane_log2(in)], true);
}

void op_vsub(Emit *e, const IrInsn *in)
{
    static const unsigned ops[4] = {X_PSUBB, X_PSUBW, X_PSUBD, X_PSUBQ};

    vec_binary(e, in, ops[lane_log2(in)], false);
}

static void shuffle_imm(Emit *e, unsigned op, unsigned d, unsigned imm)
{
    fp_rr(e, op, d, d);
    asm_u8(&e->as, imm);
}

void op_vsplat(Emit *e, const IrInsn *in)
{
    static const unsigned broadcast[4] = {X_VPBROADCASTB, X_VPBROADCASTW, X_VPBROADCASTD,
                                          X_VPBROADCASTQ};
    unsigned ra = reg_use(e, in->arg[0]), d = reg_def(e, NOREG, NOREG), lane = lane_log2(in);

    fp_rr(e, X_MOVD_X | X_W, d, ra);
    if (e->f->avx2) {
        v_rrr(&e->as, broadcast[lane], d, 0, d);
    } else {
        if (lane == 0) {
            fp_rrr(e, X_PUNPCKLBW, d, d, d);
        }
        if (lane <= 1) {
            shuffle_imm(e, X_PSHUFLW, d, 0);
        }
        if (lane == 3) {
            fp_rrr(e, X_PUNPCKLQDQ, d, d, d);
        } else {
            shuffle_imm(e, X_PSHUFD, d, 0);
        }
    }
    reg_bind(e, d, 0);
}
