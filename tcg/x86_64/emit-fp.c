/*
 * Scalar floating point on SSE or AVX. Rounding mode and sticky flags are those of MXCSR; what the
 * host does not do as the op's definition says (NaN rules, conversions out of range) goes out of
 * line.
 *
 * Values of type f32 are the low 32 bits of a vector register; what is above is undefined, and so
 * are the upper 64 bits of an f64.
 */
#include "tcg/x86_64/emit.h"

#include <math.h>

/* ---- Forms. ---- */

void fp_rr(Emit *e, unsigned op, unsigned reg, unsigned rm)
{
    if (e->avx) {
        v_rrr(&e->as, op, reg, 0, rm);
    } else {
        x_rr(&e->as, op, reg, rm);
    }
}

void fp_rm(Emit *e, unsigned op, unsigned reg, unsigned base, int32_t disp)
{
    if (e->avx) {
        v_rrm(&e->as, op, reg, 0, base, disp);
    } else {
        x_rm(&e->as, op, reg, base, disp);
    }
}

void fp_rrr(Emit *e, unsigned op, unsigned d, unsigned a, unsigned b)
{
    if (e->avx) {
        v_rrr(&e->as, op, d, a, b);
        return;
    }
    if (d == b && d != a) {
        x_rr(&e->as, X_MOVAPS, XMM0, b);
        b = XMM0;
    }
    if (d != a) {
        x_rr(&e->as, X_MOVAPS, d, a);
    }
    x_rr(&e->as, op, d, b);
}

/* d = a op a constant of the pool. */
void fp_rip(Emit *e, unsigned op, unsigned d, unsigned a, unsigned pool)
{
    const uint8_t *p = e->stubs->pool + pool;

    if (e->avx) {
        v_rip(&e->as, op, d, a, p);
    } else {
        emit_mov(e, d, a);
        x_rip(&e->as, op, d, p);
    }
}

/* Loads a constant of the pool. */
void fp_rip_load(Emit *e, unsigned op, unsigned d, unsigned pool)
{
    const uint8_t *p = e->stubs->pool + pool;

    if (e->avx) {
        v_rip(&e->as, op, d, 0, p);
    } else {
        x_rip(&e->as, op, d, p);
    }
}

static bool is_double(const IrInsn *in)
{
    return in->type == IR_F64;
}

/* The form of a scalar op for the instruction's type. */
static unsigned fp_op(const IrInsn *in, unsigned single)
{
    return is_double(in) ? x_sd(single) : single;
}

static void fp_compare(Emit *e, const IrInsn *in, unsigned single, unsigned a, unsigned b)
{
    fp_rr(e, single | (is_double(in) ? X_66 : 0), a, b);
}

/* ---- Arithmetic. ---- */

static void fp_binary(Emit *e, const IrInsn *in, unsigned single, bool commutes)
{
    unsigned ra = reg_use_raw(e, in->arg[0]), rb = reg_use_raw(e, in->arg[1]);
    unsigned d = reg_def(e, ra, commutes || e->avx ? rb : NOREG);

    if (commutes && d == rb) {
        fp_rrr(e, fp_op(in, single), d, rb, ra);
    } else {
        fp_rrr(e, fp_op(in, single), d, ra, rb);
    }
    reg_bind(e, d, 0);
}

void op_fadd(Emit *e, const IrInsn *in)
{
    fp_binary(e, in, X_ADDSS, true);
}

void op_fsub(Emit *e, const IrInsn *in)
{
    fp_binary(e, in, X_SUBSS, false);
}

void op_fmul(Emit *e, const IrInsn *in)
{
    fp_binary(e, in, X_MULSS, true);
}

void op_fdiv(Emit *e, const IrInsn *in)
{
    fp_binary(e, in, X_DIVSS, false);
}

void op_fsqrt(Emit *e, const IrInsn *in)
{
    unsigned ra = reg_use_raw(e, in->arg[0]), d = reg_def(e, ra, NOREG);

    if (e->avx) {
        v_rrr(&e->as, fp_op(in, X_SQRTSS), d, ra, ra);
    } else {
        x_rr(&e->as, fp_op(in, X_SQRTSS), d, ra);
    }
    reg_bind(e, d, 0);
}

/* Called by translated code on hosts without FMA3: the library's functions round once, as MXCSR
 * says, and set the flags. The third operand comes as bits. */
static double math_fma(uint64_t neg, uint64_t c_bits, double a, double b)
{
    double c;

    memcpy(&c, &c_bits, 8);
    return fma(neg & IR_FMA_NEG_MUL ? -a : a, b, neg & IR_FMA_NEG_ADD ? -c : c);
}

static float math_fmaf(uint64_t neg, uint64_t c_bits, float a, float b)
{
    uint32_t bits = c_bits;
    float c;

    memcpy(&c, &bits, 4);
    return fmaf(neg & IR_FMA_NEG_MUL ? -a : a, b, neg & IR_FMA_NEG_ADD ? -c : c);
}

/* Calls @fn through the stub that keeps the registers; arguments are in place. */
static void call_math(Emit *e, const void *fn)
{
    x_mov_imm(&e->as, RAX, (uintptr_t)fn);
    x_call(&e->as, e->stubs->math[e->vectors]);
}

static void fma_call(Emit *e, const IrInsn *in, unsigned d, const unsigned r[3])
{
    fp_rr(e, X_MOVD_R | X_W, r[2], RDX);
    x_mov_imm(&e->as, RCX, in->aux);
    emit_mov(e, XMM0, r[0]);
    emit_mov(e, XMM1, r[1]);
    call_math(e, is_double(in) ? (void *)math_fma : (void *)math_fmaf);
    emit_mov(e, d, XMM0);
}

/* ---- NaN rules. ---- */

static void load_pool(Emit *e, const IrInsn *in, unsigned d, unsigned pool64, unsigned pool32)
{
    bool wide = is_double(in);

    fp_rip_load(e, wide ? X_MOVSD : X_MOVSS, d, wide ? pool64 : pool32);
}

/* The NaN that fcanon gives. */
static void load_nan(Emit *e, const IrInsn *in, unsigned d)
{
    load_pool(e, in, d, POOL_NAN64, POOL_NAN32);
}

/* A NaN from IR_FMA_INF_ZERO: the host does not call infinity times zero invalid if a quiet NaN is
 * added. If a factor is zero, multiplying sets just that flag. reg: result, factors. */
static void cold_fma_nan(Emit *e, const Cold *c)
{
    const IrInsn *in = &e->insns[c->insn];
    uint8_t *done[3], *multiply;

    fp_rrr(e, X_XORPS, XMM1, XMM1, XMM1);
    fp_compare(e, in, X_UCOMISS, c->reg[1], XMM1);
    done[0] = x_jcc8(&e->as, CC_P);
    multiply = x_jcc8(&e->as, CC_E);
    fp_compare(e, in, X_UCOMISS, c->reg[2], XMM1);
    done[1] = x_jcc8(&e->as, CC_P);
    done[2] = x_jcc8(&e->as, CC_NE);
    asm_patch8(&e->as, multiply);
    fp_rrr(e, fp_op(in, X_MULSS), XMM1, c->reg[1], c->reg[2]);
    for (unsigned k = 0; k < 3; k++) {
        asm_patch8(&e->as, done[k]);
    }
    load_nan(e, in, c->reg[0]);
    x_jmp_back(&e->as, c->back);
}

/* d = a fused operation of the factors r[0], r[1] and the addend r[2]. */
static void fma_hardware(Emit *e, const IrInsn *in, unsigned d, const unsigned r[3])
{
    static const unsigned forms[4] = {
        [0] = X_FMADD231SS,
        [IR_FMA_NEG_ADD] = X_FMSUB231SS,
        [IR_FMA_NEG_MUL] = X_FNMADD231SS,
        [IR_FMA_NEG_MUL | IR_FMA_NEG_ADD] = X_FNMSUB231SS,
    };
    unsigned op = forms[in->aux & 3] | (is_double(in) ? X_W : 0);

    /* 231: d = a * b + d; 213 (opcode - 16): d = b * d + c. */
    if (d == r[0] && d != r[2]) {
        v_rrr(&e->as, op - 0x10, d, r[1], r[2]);
    } else if (d == r[1] && d != r[2]) {
        v_rrr(&e->as, op - 0x10, d, r[0], r[2]);
    } else {
        emit_mov(e, d, r[2]);
        v_rrr(&e->as, op, d, r[0], r[1]);
    }
}

void op_fma(Emit *e, const IrInsn *in)
{
    unsigned r[3], d, to;

    for (unsigned k = 0; k < 3; k++) {
        r[k] = reg_use_raw(e, in->arg[k]);
    }
    d = reg_def(e, r[2], NOREG);
    /* The factors are looked at again if the result is a NaN. */
    to = (in->aux & IR_FMA_INF_ZERO) && (d == r[0] || d == r[1]) ? XMM0 : d;
    if (e->f->fma) {
        fma_hardware(e, in, to, r);
    } else {
        fma_call(e, in, to, r);
    }
    if (in->aux & IR_FMA_INF_ZERO) {
        Cold *c;

        fp_compare(e, in, X_UCOMISS, to, to);
        c = cold_new(e, cold_fma_nan, x_jcc32(&e->as, CC_P));
        c->reg[0] = to;
        c->reg[1] = r[0];
        c->reg[2] = r[1];
        c->back = e->as.p;
        emit_mov(e, d, to);
    }
    reg_bind(e, d, 0);
}

static void cold_canon(Emit *e, const Cold *c)
{
    load_nan(e, &e->insns[c->insn], c->reg[0]);
    x_jmp_back(&e->as, c->back);
}

/* Whether the result of an op cannot be a signaling NaN, so that comparing it sets no flag. */
static bool never_signals(const IrInsn *def)
{
    switch (def->op) {
    case IR_fadd:
    case IR_fsub:
    case IR_fmul:
    case IR_fdiv:
    case IR_fsqrt:
    case IR_fma:
    case IR_fcvt_sd:
    case IR_fcvt_ds:
    case IR_fround: return true;
    default: return false;
    }
}

/* Jumps if @r is a NaN, without touching flags: shifted left by one, it is above infinity. */
static uint8_t *jump_if_nan(Emit *e, const IrInsn *in, unsigned r)
{
    unsigned w = is_double(in) ? X_W : 0;

    fp_rr(e, X_MOVD_R | w, r, RAX);
    x_alu(&e->as, ALU_ADD, w, RAX, RAX);
    if (w) {
        x_mov_imm(&e->as, RCX, UINT64_C(0xffe0000000000000));
        x_alu(&e->as, ALU_CMP, w, RAX, RCX);
    } else {
        x_alu_imm(&e->as, ALU_CMP, w, RAX, (int32_t)0xff000000);
    }
    return x_jcc32(&e->as, CC_A);
}

void op_fcanon(Emit *e, const IrInsn *in)
{
    const IrInsn *def = &e->insns[in->arg[0]];

    if (def->op == IR_fcanon || (def->op == IR_fma && (def->aux & IR_FMA_INF_ZERO))) {
        reg_alias(e, in->arg[0], 0);
        return;
    }
    if (is_double(in) && never_signals(def)) {
        unsigned r = reg_use_raw(e, in->arg[0]);

        reg_alias(e, in->arg[0], 0);
        e->raw_mask |= 1u << r;
        return;
    }
    unsigned ra = reg_use(e, in->arg[0]), d = reg_def(e, ra, NOREG);
    Cold *c;

    emit_mov(e, d, ra);
    if (never_signals(def)) {
        fp_compare(e, in, X_UCOMISS, d, d);
        c = cold_new(e, cold_canon, x_jcc32(&e->as, CC_P));
    } else {
        c = cold_new(e, cold_canon, jump_if_nan(e, in, d));
    }
    c->reg[0] = d;
    c->back = e->as.p;
    reg_bind(e, d, 0);
}

/* Operands equal (zeros of either sign among them) or unordered. reg: result, a, b. */
static void cold_minmax(Emit *e, const Cold *c)
{
    const IrInsn *in = &e->insns[c->insn];
    unsigned d = c->reg[0], a = c->reg[1], b = c->reg[2];
    uint8_t *nan = x_jcc8(&e->as, CC_P), *a_nan, *both;

    /* Of two zeros, or picks the negative one and and the positive one. */
    emit_mov(e, XMM0, a);
    fp_rrr(e, in->op == IR_fminnum ? X_ORPS : X_ANDPS, XMM0, XMM0, b);
    emit_mov(e, d, XMM0);
    x_jmp_back(&e->as, c->back);

    asm_patch8(&e->as, nan);
    emit_mov(e, XMM0, a);
    emit_mov(e, XMM1, b);
    /* The comparison before has raised invalid for a signaling NaN, so these may do it again. */
    fp_compare(e, in, X_UCOMISS, XMM0, XMM0);
    a_nan = x_jcc8(&e->as, CC_P);
    emit_mov(e, d, XMM0);
    x_jmp_back(&e->as, c->back);
    asm_patch8(&e->as, a_nan);
    fp_compare(e, in, X_UCOMISS, XMM1, XMM1);
    both = x_jcc8(&e->as, CC_P);
    emit_mov(e, d, XMM1);
    x_jmp_back(&e->as, c->back);
    asm_patch8(&e->as, both);
    load_nan(e, in, d);
    x_jmp_back(&e->as, c->back);
}

static void fp_minmax(Emit *e, const IrInsn *in, unsigned single)
{
    unsigned ra = reg_use_raw(e, in->arg[0]), rb = reg_use_raw(e, in->arg[1]);
    unsigned d = reg_def(e, ra, rb);
    Cold *c;

    fp_compare(e, in, X_UCOMISS, ra, rb);
    c = cold_new(e, cold_minmax, x_jcc32(&e->as, CC_E)); /* also if unordered */
    c->reg[0] = d;
    c->reg[1] = ra;
    c->reg[2] = rb;
    if (d == rb) {
        fp_rrr(e, fp_op(in, single), d, rb, ra);
    } else {
        fp_rrr(e, fp_op(in, single), d, ra, rb);
    }
    c->back = e->as.p;
    reg_bind(e, d, 0);
}

void op_fminnum(Emit *e, const IrInsn *in)
{
    fp_minmax(e, in, X_MINSS);
}

void op_fmaxnum(Emit *e, const IrInsn *in)
{
    fp_minmax(e, in, X_MAXSS);
}

/* ---- Signs. ---- */

static unsigned pool_sign(const IrInsn *in)
{
    return is_double(in) ? POOL_SIGN64 : POOL_SIGN32;
}

static void fp_mask(Emit *e, const IrInsn *in, unsigned op, unsigned pool)
{
    unsigned ra = reg_use(e, in->arg[0]), d = reg_def(e, ra, NOREG);

    fp_rip(e, op, d, ra, pool);
    reg_bind(e, d, 0);
}

void op_fabs(Emit *e, const IrInsn *in)
{
    fp_mask(e, in, X_ANDPS, is_double(in) ? POOL_ABS64 : POOL_ABS32);
}

void op_fneg(Emit *e, const IrInsn *in)
{
    fp_mask(e, in, X_XORPS, pool_sign(in));
}

void op_fsgnj(Emit *e, const IrInsn *in)
{
    unsigned ra = reg_use(e, in->arg[0]), rb = reg_use(e, in->arg[1]), d = reg_def(e, ra, NOREG);

    fp_rip(e, X_ANDPS, XMM0, rb, pool_sign(in));
    if (in->op == IR_fsgnjn) {
        fp_rip(e, X_XORPS, XMM0, XMM0, pool_sign(in));
    }
    fp_rip(e, X_ANDPS, XMM1, ra, is_double(in) ? POOL_ABS64 : POOL_ABS32);
    fp_rrr(e, X_ORPS, XMM1, XMM1, XMM0);
    emit_mov(e, d, XMM1);
    reg_bind(e, d, 0);
}

void op_fsgnjn(Emit *e, const IrInsn *in)
{
    op_fsgnj(e, in);
}

void op_fsgnjx(Emit *e, const IrInsn *in)
{
    unsigned ra = reg_use(e, in->arg[0]), rb = reg_use(e, in->arg[1]), d = reg_def(e, ra, NOREG);

    fp_rip(e, X_ANDPS, XMM0, rb, pool_sign(in));
    fp_rrr(e, X_XORPS, d, ra, XMM0);
    reg_bind(e, d, 0);
}

/* ---- Comparison. ---- */

/* Unordered, without a flag. reg: result. */
static void cold_unordered(Emit *e, const Cold *c)
{
    x_mov_imm(&e->as, c->reg[0], 0);
    x_jmp_back(&e->as, c->back);
}

/* Comparison without any flag: signaling NaNs do not get to the host's. */
static void fcmp_silent(Emit *e, const IrInsn *in)
{
    unsigned r[2] = {reg_use_raw(e, in->arg[0]), reg_use_raw(e, in->arg[1])};
    unsigned d = reg_def(e, NOREG, NOREG), n = 0;
    uint8_t *nan[2] = {NULL, NULL};

    for (unsigned k = 0; k < 2; k++) {
        const IrInsn *def = &e->insns[in->arg[k]];

        if (!(e->raw_mask & 1u << r[k]) &&
            !never_signals(def->op == IR_fcanon ? &e->insns[def->arg[0]] : def)) {
            nan[n++] = jump_if_nan(e, in, r[k]);
        }
    }
    x_alu(&e->as, ALU_XOR, 0, d, d);
    fp_compare(e, in, X_UCOMISS, r[1], r[0]);
    if (in->aux == IR_FEQ_SILENT) {
        uint8_t *unordered = x_jcc8(&e->as, CC_P);

        x_rr(&e->as, X_SETCC + CC_E, 0, d);
        asm_patch8(&e->as, unordered);
    } else {
        x_rr(&e->as, X_SETCC + (in->aux == IR_FLT_SILENT ? CC_A : CC_AE), 0, d);
    }
    if (n) {
        Cold *c = cold_new(e, cold_unordered, nan[0]);

        c->from[1] = nan[1];
        c->reg[0] = d;
        c->back = e->as.p;
    }
    reg_bind(e, d, VALUE_ZX);
}

void op_fcmp(Emit *e, const IrInsn *in)
{
    if (in->aux >= IR_FEQ_SILENT) {
        fcmp_silent(e, in);
        return;
    }
    unsigned ra = reg_use_raw(e, in->arg[0]), rb = reg_use_raw(e, in->arg[1]);
    unsigned d = reg_def(e, NOREG, NOREG);

    if (in->aux == IR_FEQ_QUIET) {
        if (e->avx) {
            v_rrr(&e->as, fp_op(in, X_CMPSS), XMM0, ra, rb);
        } else {
            x_rr(&e->as, X_MOVAPS, XMM0, ra);
            x_rr(&e->as, fp_op(in, X_CMPSS), XMM0, rb);
        }
        asm_u8(&e->as, 0); /* equal, ordered, quiet */
        fp_rr(e, X_MOVD_R, XMM0, d);
        x_alu_imm(&e->as, ALU_AND, 0, d, 1);
    } else {
        bool quiet = in->aux == IR_FLT_QUIET || in->aux == IR_FLE_QUIET;
        bool strict = in->aux == IR_FLT_SIGNAL || in->aux == IR_FLT_QUIET;

        /* b above a, which is false for unordered operands. */
        x_alu(&e->as, ALU_XOR, 0, d, d);
        fp_compare(e, in, quiet ? X_UCOMISS : X_COMISS, rb, ra);
        x_rr(&e->as, X_SETCC + (strict ? CC_A : CC_AE), 0, d);
    }
    reg_bind(e, d, VALUE_ZX);
}

/* By way of a spill slot: MXCSR goes to memory only. */
void op_fflags(Emit *e, const IrInsn *in)
{
    unsigned d = reg_def(e, NOREG, NOREG);
    int32_t disp;

    if (!e->slots_free) {
        emit_fail(e);
        return;
    }
    disp = slot_disp(e, __builtin_ctzll(e->slots_free));
    x_rm(&e->as, X_STMXCSR, 3, ENV, disp);
    x_rm(&e->as, X_MOV, RAX, ENV, disp);
    x_alu_imm(&e->as, ALU_AND, 0, RAX, 0x3f);
    x_rip(&e->as, X_LEA | X_W, RCX, e->stubs->pool + POOL_FLAGS);
    x_rmx(&e->as, X_MOVZX8, d, RCX, RAX, 0, 0);
    reg_bind(e, d, VALUE_ZX);
}

/* ---- Moves between representations. ---- */

void op_fconst(Emit *e, const IrInsn *in)
{
    /* reg_use() makes it where it is wanted. */
}

void op_fbox(Emit *e, const IrInsn *in)
{
    fp_mask(e, in, X_ORPS, POOL_BOX);
}

/* reg: result, operand. */
static void cold_unboxed(Emit *e, const Cold *c)
{
    load_pool(e, &e->insns[c->insn], c->reg[0], POOL_NAN32, POOL_NAN32);
    x_jmp_back(&e->as, c->back);
}

void op_funbox(Emit *e, const IrInsn *in)
{
    unsigned ra = reg_use(e, in->arg[0]), d = reg_def(e, ra, NOREG);
    Cold *c;

    fp_rr(e, X_MOVD_R | X_W, ra, RAX);
    emit_mov(e, d, ra);
    x_shift_imm(&e->as, SHIFT_SHR, X_W, RAX, 32);
    x_alu_imm(&e->as, ALU_ADD, 0, RAX, 1);
    c = cold_new(e, cold_unboxed, x_jcc32(&e->as, CC_NE));
    c->reg[0] = d;
    c->back = e->as.p;
    reg_bind(e, d, 0);
}

void op_flow(Emit *e, const IrInsn *in)
{
    reg_use(e, in->arg[0]); /* canonical */
    reg_alias(e, in->arg[0], 0);
}

static void bits_to_int(Emit *e, const IrInsn *in, unsigned w, unsigned flags)
{
    unsigned ra = reg_use(e, in->arg[0]), d = reg_def(e, NOREG, NOREG);

    fp_rr(e, X_MOVD_R | w, ra, d);
    reg_bind(e, d, flags);
}

static void bits_from_int(Emit *e, const IrInsn *in, unsigned w)
{
    unsigned ra = reg_use(e, in->arg[0]), d = reg_def(e, NOREG, NOREG);

    fp_rr(e, X_MOVD_X | w, d, ra);
    reg_bind(e, d, 0);
}

void op_bits_fi(Emit *e, const IrInsn *in)
{
    bits_to_int(e, in, X_W, 0);
}

void op_bits_if(Emit *e, const IrInsn *in)
{
    bits_from_int(e, in, X_W);
}

void op_bits_si(Emit *e, const IrInsn *in)
{
    bits_to_int(e, in, 0, VALUE_ZX);
}

void op_bits_is(Emit *e, const IrInsn *in)
{
    bits_from_int(e, in, 0);
}
