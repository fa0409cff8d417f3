/*
 * Vectors: of 128 bits, on SSE2 or AVX, and of 256, on AVX2.
 */
#include "tcg/interp.h"
#include "tcg/x86_64/emit.h"
#include <immintrin.h>
#include <string.h>

void vec_binary(Emit *e, const IrInsn *in, unsigned op, bool commutes)
{
    unsigned ra = reg_use(e, in->arg[0]), rb = reg_use(e, in->arg[1]);
    unsigned d = reg_def(e, ra, commutes || e->avx ? rb : NOREG);

    op |= vec_width(in);
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

/* The lowest lane to all. */
static void emit_broadcast(Emit *e, const IrInsn *in, unsigned d)
{
    static const unsigned broadcast[4] = {X_VPBROADCASTB, X_VPBROADCASTW, X_VPBROADCASTD,
                                          X_VPBROADCASTQ};
    unsigned lane = lane_log2(in);

    if (e->f->avx2) {
        v_rrr(&e->as, broadcast[lane] | vec_width(in), d, 0, d);
        return;
    }
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

void emit_splat_const(Emit *e, unsigned d, const IrInsn *in, uint64_t v)
{
    unsigned bits = 8u << lane_log2(in);

    v &= UINT64_MAX >> (64 - bits);
    if (v == 0) {
        fp_rrr(e, X_XORPS, d, d, d);
    } else if (v == UINT64_MAX >> (64 - bits)) {
        fp_rrr(e, X_PCMPEQD | vec_width(in), d, d, d);
    } else {
        x_mov_imm(&e->as, RAX, v);
        fp_rr(e, X_MOVD_X | X_W, d, RAX);
        emit_broadcast(e, in, d);
    }
}

void op_vsplat(Emit *e, const IrInsn *in)
{
    if (e->insns[in->arg[0]].op == IR_const) {
        return; /* reg_use() makes it where it is wanted */
    }
    unsigned ra = reg_use(e, in->arg[0]), d = reg_def(e, NOREG, NOREG);

    fp_rr(e, X_MOVD_X | X_W, d, ra);
    emit_broadcast(e, in, d);
    reg_bind(e, d, 0);
}

/* ---- Operations that not every host has: else by a function, on the interpreter's terms. ---- */

/* @what: op, aux, bytes of a vector. @c: the third operand's words, if there is one. */
#define EVAL_WHAT(op, aux, bytes) ((op) | (uint64_t)(aux) << 8 | (bytes) << 16)
static void eval_vector(uint64_t ab[2][4], uint64_t what, uint64_t c)
{
    ir_eval_vec((IrOp)(what & 0xff), (unsigned)(what >> 16), (unsigned)(what >> 8 & 0xff), ab[0],
                ab[0], ab[1], (const uint64_t *)(uintptr_t)c);
}

static void call_function(Emit *e, VectorFn *fn)
{
    x_mov_imm(&e->as, RAX, (uintptr_t)fn);
    x_call(&e->as, e->stubs->vector_math[e->vectors]);
}

/* Evaluates @in of (x or y)mm0 and 1 to the first of them. rdx: where its third operand is. */
void emit_call_eval(Emit *e, const IrInsn *in)
{
    unsigned bytes = in->type == IR_V256 ? 32 : 16;

    x_mov_imm(&e->as, RCX, EVAL_WHAT(in->op, in->aux, bytes));
    call_function(e, eval_vector);
}

static void call_binary(Emit *e, const IrInsn *in)
{
    unsigned ra = reg_use(e, in->arg[0]), rb = reg_use(e, in->arg[1]);
    unsigned d = reg_def(e, NOREG, NOREG);

    emit_mov(e, XMM0, ra);
    emit_mov(e, XMM1, rb);
    emit_call_eval(e, in);
    emit_mov(e, d, XMM0);
    reg_bind(e, d, 0);
}

void op_vint(Emit *e, const IrInsn *in)
{
    if (!emit_vint(e, in)) {
        call_binary(e, in);
    }
}

/* ---- Floating point: NaNs are made canonical out of line. ---- */

static bool is_f64(const IrInsn *in)
{
    return (in->aux & 15) == 8;
}

/* The form of a packed op for the instruction's lanes and width. */
static unsigned fp_form(const IrInsn *in, unsigned op)
{
    return op | (is_f64(in) ? X_66 : 0) | vec_width(in);
}

/* Compares the sign bits of @r's lanes with 0. */
static void emit_test_signs(Emit *e, const IrInsn *in, unsigned r)
{
    v_rrr(&e->as, (is_f64(in) ? X_VTESTPD : X_VTESTPS) | vec_width(in), r, 0, r);
}

/* 0 in infinite lanes for both factors? See cold_vfma(). */
static void inf_times_zero(uint64_t ab[2][4], uint64_t lane, uint64_t bytes)
{
    for (unsigned i = 0; i < bytes / lane; i++) {
        uint64_t la = 0, lb = 0,
                 infinity = lane == 8 ? UINT64_C(0x7ff) << 53 : UINT64_C(0xff) << 24;
        memcpy(&la, (char *)ab[0] + i * lane, lane);
        memcpy(&lb, (char *)ab[1] + i * lane, lane);
        la = lane == 8 ? la << 1 : (uint32_t)(la << 1);
        lb = lane == 8 ? lb << 1 : (uint32_t)(lb << 1);
        if ((la == infinity && lb == 0) || (la == 0 && lb == infinity)) {
            _mm_setcsr(_mm_getcsr() | _MM_EXCEPT_INVALID);
        }
    }
}

/* Lanes of reg[0] that are NaN, as the mask in xmm0 says, become the canonical one. */
static void cold_vec_nan(Emit *e, const Cold *c)
{
    const IrInsn *in = &e->insns[c->insn];
    const uint8_t *nan = e->stubs->pool + (is_f64(in) ? POOL_VNAN64 : POOL_VNAN32);

    v_rrr(&e->as, X_ANDNPS | vec_width(in), c->reg[0], XMM0, c->reg[0]);
    v_rip(&e->as, X_ANDPS | vec_width(in), XMM0, XMM0, nan);
    v_rrr(&e->as, X_ORPS | vec_width(in), c->reg[0], c->reg[0], XMM0);
    x_jmp_back(&e->as, c->back);
}

/* d = d + a * b, with signs. */
static void fma_231(Emit *e, const IrInsn *in, unsigned d, unsigned a, unsigned b)
{
    static const unsigned forms[4] = {X_VFMADD231PS, X_VFNMADD231PS, X_VFMSUB231PS, X_VFNMSUB231PS};

    v_rrr(&e->as, forms[in->aux >> 4 & 3] | (is_f64(in) ? X_W : 0) | vec_width(in), d, a, b);
}

/* The host does not call infinity times zero invalid if a quiet NaN is added. reg: result, factors,
 * addend. A result in xmm1 does not survive the call and is computed again. */
static void cold_vfma(Emit *e, const Cold *c)
{
    const IrInsn *in = &e->insns[c->insn];

    emit_mov(e, XMM0, c->reg[1]);
    emit_mov(e, XMM1, c->reg[2]);
    x_mov_imm(&e->as, RCX, in->aux & 15);
    x_mov_imm(&e->as, RDX, ir_type_bytes(in->type));
    call_function(e, inf_times_zero);
    if (c->reg[0] == XMM1) {
        emit_mov(e, XMM1, c->reg[3]);
        fma_231(e, in, XMM1, c->reg[1], c->reg[2]);
    }
    v_rrr(&e->as, fp_form(in, X_CMPPS), XMM0, c->reg[0], c->reg[0]);
    asm_u8(&e->as, 3);
    cold_vec_nan(e, c);
}

static Cold *check_nan(Emit *e, const IrInsn *in, unsigned d, void (*cold)(Emit *, const Cold *))
{
    v_rrr(&e->as, fp_form(in, X_CMPPS), XMM0, d, d);
    asm_u8(&e->as, 3); /* unordered */
    emit_test_signs(e, in, XMM0);
    Cold *c = cold_new(e, cold, x_jcc32(&e->as, CC_NE));
    c->reg[0] = d;
    c->back = e->as.p;
    return c;
}

void emit_check_nan(Emit *e, const IrInsn *in, unsigned d)
{
    check_nan(e, in, d, cold_vec_nan);
}

/* A NaN among the operands, whose comparison has raised what is to be raised. reg: result, a, b. */
static void cold_vec_minmax(Emit *e, const Cold *c)
{
    emit_mov(e, XMM0, c->reg[1]);
    emit_mov(e, XMM1, c->reg[2]);
    emit_call_eval(e, &e->insns[c->insn]);
    emit_mov(e, c->reg[0], XMM0);
    x_jmp_back(&e->as, c->back);
}

/* Of equal operands the host gives the second: both ways, and of zeros the one with the right sign is
 * made of the two by or (minimum) or and. */
static void vec_minmax(Emit *e, const IrInsn *in)
{
    bool max = (in->aux & 0xf0) == IR_VEC_FMAX;
    unsigned op = fp_form(in, max ? X_MAXPS : X_MINPS);
    unsigned ra = reg_use(e, in->arg[0]), rb = reg_use(e, in->arg[1]);
    unsigned d = reg_def(e, NOREG, NOREG);

    v_rrr(&e->as, fp_form(in, X_CMPPS), XMM0, ra, rb);
    asm_u8(&e->as, 3); /* unordered */
    emit_test_signs(e, in, XMM0);
    Cold *c = cold_new(e, cold_vec_minmax, x_jcc32(&e->as, CC_NE));
    c->reg[0] = d;
    c->reg[1] = ra;
    c->reg[2] = rb;
    v_rrr(&e->as, op, XMM0, ra, rb);
    v_rrr(&e->as, op, XMM1, rb, ra);
    v_rrr(&e->as, (max ? X_ANDPS : X_ORPS) | vec_width(in), d, XMM0, XMM1);
    c->back = e->as.p;
    reg_bind(e, d, 0);
}

void op_vfp(Emit *e, const IrInsn *in)
{
    static const unsigned ops[4] = {X_ADDPS, X_SUBPS, X_MULPS, X_DIVPS};

    if (!e->avx) {
        call_binary(e, in);
        return;
    }
    if ((in->aux & 0xf0) >= IR_VEC_FMIN) {
        vec_minmax(e, in);
        return;
    }
    unsigned ra = reg_use(e, in->arg[0]), rb = reg_use(e, in->arg[1]), d = reg_def(e, ra, rb);
    v_rrr(&e->as, fp_form(in, ops[in->aux >> 4 & 3]), d, ra, rb);
    check_nan(e, in, d, cold_vec_nan);
    reg_bind(e, d, 0);
}

void op_vfma(Emit *e, const IrInsn *in)
{
    unsigned ra = reg_use(e, in->arg[0]), rb = reg_use(e, in->arg[1]), rc = reg_use(e, in->arg[2]);
    unsigned d;

    if (!e->avx || !e->f->fma) {
        unsigned slot = slot_take(e, in->type);

        slot_store(e, in->type, slot, rc);
        d = reg_def(e, NOREG, NOREG);
        emit_mov(e, XMM0, ra);
        emit_mov(e, XMM1, rb);
        x_rm(&e->as, X_LEA | X_W, RDX, ENV, slot_disp(e, slot));
        emit_call_eval(e, in);
        emit_mov(e, d, XMM0);
        reg_bind(e, d, 0);
        slot_give(e, in->type, slot);
        return;
    }
    /* The factors are looked at again if a result is a NaN. */
    d = reg_def(e, rc, NOREG);
    unsigned to = d == ra || d == rb ? XMM1 : d;
    emit_mov(e, to, rc);
    fma_231(e, in, to, ra, rb);
    Cold *c = check_nan(e, in, to, cold_vfma);
    c->reg[1] = ra;
    c->reg[2] = rb;
    c->reg[3] = rc;
    emit_mov(e, d, to);
    reg_bind(e, d, 0);
}
