/*
 * Conversions between floating-point formats and between those and integers, and rounding to
 * integral values.
 *
 * To integers, the host gives its "integer indefinite" (the smallest) with the invalid flag alone
 * for NaN and for what is out of range; the op saturates, and NaN gives the largest.
 */
#include "tcg/x86_64/emit.h"

#include <math.h>
#include <xmmintrin.h>

static unsigned fp_op(const IrInsn *in, unsigned single)
{
    return in->type == IR_F64 ? x_sd(single) : single;
}

/* ---- Formats. ---- */

static void convert(Emit *e, const IrInsn *in, unsigned op)
{
    unsigned ra = reg_use_raw(e, in->arg[0]), d = reg_def(e, ra, NOREG);

    if (e->avx) {
        v_rrr(&e->as, op, d, ra, ra);
    } else {
        x_rr(&e->as, op, d, ra);
    }
    reg_bind(e, d, 0);
}

void op_fcvt_sd(Emit *e, const IrInsn *in)
{
    convert(e, in, X_CVTSS2SD);
}

void op_fcvt_ds(Emit *e, const IrInsn *in)
{
    convert(e, in, X_CVTSD2SS);
}

/* ---- From integers. ---- */

/* Writes all of @d, so that it does not wait for its old value. */
static void cvt_from(Emit *e, const IrInsn *in, unsigned w, unsigned d, unsigned r)
{
    fp_rrr(e, X_XORPS, d, d, d);
    if (e->avx) {
        v_rrr(&e->as, fp_op(in, X_CVTSI2SS) | w, d, d, r);
    } else {
        x_rr(&e->as, fp_op(in, X_CVTSI2SS) | w, d, r);
    }
}

/* 2^63 and above: half of it with the lost bit kept as a sticky one rounds the same, doubling is
 * exact. */
static void cold_from_u64(Emit *e, const Cold *c)
{
    const IrInsn *in = &e->insns[c->insn];
    unsigned d = c->reg[0];

    x_mov(&e->as, X_W, RAX, c->reg[1]);
    x_mov(&e->as, 0, RCX, RAX);
    x_shift_imm(&e->as, SHIFT_SHR, X_W, RAX, 1);
    x_alu_imm(&e->as, ALU_AND, 0, RCX, 1);
    x_alu(&e->as, ALU_OR, X_W, RAX, RCX);
    cvt_from(e, in, X_W, d, RAX);
    fp_rrr(e, fp_op(in, X_ADDSS), d, d, d);
    x_jmp_back(&e->as, c->back);
}

void op_fcvt_fi(Emit *e, const IrInsn *in)
{
    unsigned ra = reg_use(e, in->arg[0]), d = reg_def(e, NOREG, NOREG);
    Cold *c;

    switch (in->aux & 3) {
    case IR_INT_S32: cvt_from(e, in, 0, d, ra); break;
    case IR_INT_U32:
        x_mov(&e->as, 0, RAX, ra);
        cvt_from(e, in, X_W, d, RAX);
        break;
    case IR_INT_S64: cvt_from(e, in, X_W, d, ra); break;
    default:
        x_rr(&e->as, X_TEST | X_W, ra, ra);
        c = cold_new(e, cold_from_u64, x_jcc32(&e->as, CC_S));
        c->reg[0] = d;
        c->reg[1] = ra;
        cvt_from(e, in, X_W, d, ra);
        c->back = e->as.p;
        break;
    }
    reg_bind(e, d, 0);
}

/* ---- To integers. ---- */

/* The integer indefinite: right for what is too small, the largest for NaN and what is too large.
 * reg: result, operand. */
static void cold_to_signed(Emit *e, const Cold *c)
{
    const IrInsn *in = &e->insns[c->insn];
    unsigned d = c->reg[0];
    bool s64 = (in->aux & 3) == IR_INT_S64;
    uint8_t *positive, *nan;

    fp_rrr(e, X_XORPS, XMM0, XMM0, XMM0);
    fp_rr(e, X_UCOMISS | (in->type == IR_F64 ? X_66 : 0), c->reg[1], XMM0);
    x_mov_imm(&e->as, d, s64 ? (uint64_t)INT64_MAX : INT32_MAX);
    nan = x_jcc8(&e->as, CC_P);
    positive = x_jcc8(&e->as, CC_AE);
    x_mov_imm(&e->as, d, s64 ? (uint64_t)INT64_MIN : (uint64_t)INT32_MIN);
    asm_patch8(&e->as, nan);
    asm_patch8(&e->as, positive);
    x_jmp_back(&e->as, c->back);
}

static void cvt_signed(Emit *e, const IrInsn *in, unsigned op, unsigned d, unsigned ra)
{
    bool s64 = (in->aux & 3) == IR_INT_S64;
    unsigned w = s64 ? X_W : 0;
    Cold *c;

    fp_rr(e, op | w, RAX, ra);
    x_alu_imm(&e->as, ALU_CMP, w, RAX, 1); /* overflows for the smallest integer alone */
    x_rr(&e->as, s64 ? X_MOV | X_W : X_MOVSXD, d, RAX);
    c = cold_new(e, cold_to_signed, x_jcc32(&e->as, CC_O));
    c->reg[0] = d;
    c->reg[1] = ra;
    c->back = e->as.p;
}

/* The exact conversion to unsigned of a double (to which an f32 converts exactly) in C, for the
 * rare operands. Called by translated code; sets flags in MXCSR. */
static uint64_t math_to_unsigned(uint64_t aux, uint64_t bits)
{
    /* By pointer, so that the compiler does not expand it for round-to-nearest only. */
    double (*volatile to_integral)(double) = aux & IR_CVT_TRUNC ? trunc : nearbyint;
    double v, limit = (aux & 3) == IR_INT_U32 ? 0x1p32 : 0x1p64, r;
    unsigned csr = _mm_getcsr();
    uint64_t result;

    memcpy(&v, &bits, 8);
    r = to_integral(v);
    if (!(r >= 0 && r < limit)) { /* -0 is in range */
        _mm_setcsr(csr | _MM_EXCEPT_INVALID);
        return r < 0 ? 0 : UINT64_MAX;
    }
    result =
        r < 0x1p63 ? (uint64_t)(int64_t)r : (uint64_t)(int64_t)(r - 0x1p63) | UINT64_C(1) << 63;
    _mm_setcsr(csr | (r != v ? _MM_EXCEPT_INEXACT : 0));
    return (aux & 3) == IR_INT_U32 ? (uint64_t)(int32_t)result : result;
}

static void cold_to_unsigned(Emit *e, const Cold *c)
{
    const IrInsn *in = &e->insns[c->insn];

    if (in->type == IR_F64) {
        fp_rr(e, X_MOVD_R | X_W, c->reg[1], RDX);
    } else {
        fp_rrr(e, X_CVTSS2SD, XMM0, XMM0, c->reg[1]);
        fp_rr(e, X_MOVD_R | X_W, XMM0, RDX);
    }
    x_mov_imm(&e->as, RCX, in->aux);
    x_mov_imm(&e->as, RAX, (uintptr_t)math_to_unsigned);
    x_call(&e->as, e->stubs->math[e->vectors]);
    x_mov(&e->as, X_W, c->reg[0], RAX);
    x_jmp_back(&e->as, c->back);
}

/* Positive numbers that cannot round out of the range of a signed conversion of the next larger
 * width are converted by it; sign and exponent tell them. */
static void cvt_unsigned(Emit *e, const IrInsn *in, unsigned op, unsigned d, unsigned ra)
{
    bool u32 = (in->aux & 3) == IR_INT_U32, f64 = in->type == IR_F64;
    unsigned bias = f64 ? 0x3ff : 0x7f;
    Cold *c;

    fp_rr(e, X_MOVD_R | (f64 ? X_W : 0), ra, RAX);
    x_shift_imm(&e->as, SHIFT_SHR, f64 ? X_W : 0, RAX, f64 ? 52 : 23);
    x_alu_imm(&e->as, ALU_CMP, 0, RAX, bias + (u32 ? 31 : 63));
    c = cold_new(e, cold_to_unsigned, x_jcc32(&e->as, CC_AE));
    c->reg[0] = d;
    c->reg[1] = ra;
    fp_rr(e, op | X_W, d, ra);
    if (u32) {
        x_rr(&e->as, X_MOVSXD, d, d); /* rounding may give 2^31 */
    }
    c->back = e->as.p;
}

void op_fcvt_if(Emit *e, const IrInsn *in)
{
    unsigned op = fp_op(in, in->aux & IR_CVT_TRUNC ? X_CVTTSS2SI : X_CVTSS2SI);
    unsigned ra = reg_use_raw(e, in->arg[0]), d = reg_def(e, NOREG, NOREG), kind = in->aux & 3;

    if (kind == IR_INT_S32 || kind == IR_INT_S64) {
        cvt_signed(e, in, op, d, ra);
    } else {
        cvt_unsigned(e, in, op, d, ra);
    }
    reg_bind(e, d, 0);
}

/* ---- To integral values. ---- */

void op_fround(Emit *e, const IrInsn *in)
{
    unsigned ra = reg_use_raw(e, in->arg[0]), d = reg_def(e, ra, NOREG);
    bool f64 = in->type == IR_F64;

    if (e->f->sse41) {
        /* Bit 2: the mode of MXCSR; bit 3: no inexact flag. */
        fp_rrr(e, f64 ? X_ROUNDSD : X_ROUNDSS, d, d, ra);
        asm_u8(&e->as, in->aux ? 12 : 4);
    } else {
        emit_mov(e, XMM0, ra);
        x_mov_imm(&e->as, RAX,
                  f64 ? (uintptr_t)(in->aux ? nearbyint : rint)
                      : (uintptr_t)(in->aux ? nearbyintf : rintf));
        x_call(&e->as, e->stubs->math[e->vectors]);
        emit_mov(e, d, XMM0);
    }
    reg_bind(e, d, 0);
}
