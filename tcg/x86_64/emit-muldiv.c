/*
 * Multiplication and division. The host's forms with fixed registers use the scratch registers rax,
 * rdx and rcx.
 */
#include "tcg/x86_64/emit.h"

static unsigned width_flag(const IrInsn *in)
{
    return in->type == IR_I64 ? X_W : 0;
}

static unsigned zx_flag(const IrInsn *in)
{
    return in->type == IR_I64 ? 0 : VALUE_ZX;
}

void op_mul(Emit *e, const IrInsn *in)
{
    unsigned w = width_flag(in), ra, rb, d;
    IrRef a = in->arg[0], b = in->arg[1];
    uint64_t v;
    int32_t imm;

    if (value_const(e, a, &v)) {
        a = in->arg[1];
        b = in->arg[0];
    }
    ra = reg_use(e, a);
    if (value_imm32(e, b, in->type, &imm)) {
        d = reg_def(e, ra, NOREG);
        x_rr(&e->as, (fits_s8(imm) ? X_IMUL_I8 : X_IMUL_I) | w, d, ra);
        if (fits_s8(imm)) {
            asm_u8(&e->as, imm);
        } else {
            asm_u32(&e->as, imm);
        }
    } else {
        rb = reg_use(e, b);
        d = reg_def(e, ra, rb);
        if (d == rb) {
            x_rr(&e->as, X_IMUL | w, d, ra);
        } else {
            if (d != ra) {
                x_mov(&e->as, w, d, ra);
            }
            x_rr(&e->as, X_IMUL | w, d, rb);
        }
    }
    reg_bind(e, d, zx_flag(in));
}

/* High half of a 32-bit product, from a 64-bit one. */
static void mul_high32(Emit *e, unsigned d, unsigned ra, unsigned rb, bool a_signed, bool b_signed)
{
    x_rr(&e->as, a_signed ? X_MOVSXD : X_MOV, RAX, ra);
    x_rr(&e->as, b_signed ? X_MOVSXD : X_MOV, RDX, rb);
    x_rr(&e->as, X_IMUL | X_W, RAX, RDX);
    x_shift_imm(&e->as, SHIFT_SHR, X_W, RAX, 32);
    x_mov(&e->as, 0, d, RAX);
}

static void mul_high(Emit *e, const IrInsn *in, bool a_signed, bool b_signed)
{
    unsigned ra = reg_use(e, in->arg[0]), rb = reg_use(e, in->arg[1]);
    unsigned d = reg_def(e, ra, rb);

    if (in->type == IR_I32) {
        mul_high32(e, d, ra, rb, a_signed, b_signed);
    } else if (!a_signed && !b_signed && e->f->bmi2) {
        x_mov(&e->as, X_W, RDX, ra);
        v_rrr(&e->as, X_MULX | X_W, d, RAX, rb);
    } else {
        x_mov(&e->as, X_W, RAX, ra);
        x_rr(&e->as, X_GROUP3 | X_W, b_signed ? 5 : 4, rb);
        if (a_signed && !b_signed) {
            /* a = unsigned a - 2^64 if negative. */
            x_mov(&e->as, X_W, RCX, ra);
            x_shift_imm(&e->as, SHIFT_SAR, X_W, RCX, 63);
            x_alu(&e->as, ALU_AND, X_W, RCX, rb);
            x_alu(&e->as, ALU_SUB, X_W, RDX, RCX);
        }
        x_mov(&e->as, X_W, d, RDX);
    }
    reg_bind(e, d, zx_flag(in));
}

void op_mulhs(Emit *e, const IrInsn *in)
{
    mul_high(e, in, true, true);
}

void op_mulhu(Emit *e, const IrInsn *in)
{
    mul_high(e, in, false, false);
}

void op_mulhsu(Emit *e, const IrInsn *in)
{
    mul_high(e, in, true, false);
}

/* ---- Division. ---- */

/* Divisors 0 and -1, for which the host's instruction would trap. reg: result, dividend,
 * divisor. */
static void cold_div(Emit *e, const Cold *c)
{
    const IrInsn *in = &e->insns[c->insn];
    bool rem = in->op == IR_rems || in->op == IR_remu;
    bool is_signed = in->op == IR_divs || in->op == IR_rems;
    unsigned w = width_flag(in), d = c->reg[0], a = c->reg[1], b = c->reg[2];
    uint8_t *zero = NULL;

    if (is_signed) {
        x_rr(&e->as, X_TEST | w, b, b);
        zero = x_jcc8(&e->as, CC_E);
        if (rem) {
            x_alu(&e->as, ALU_XOR, 0, d, d);
        } else {
            if (d != a) {
                x_mov(&e->as, w, d, a);
            }
            x_rr(&e->as, X_GROUP3 | w, 3, d);
        }
        x_jmp_back(&e->as, c->back);
        asm_patch8(&e->as, zero);
    }
    if (rem) {
        x_mov(&e->as, w, d, a);
    } else if (in->aux == IR_DIV0_ONES) {
        x_alu_imm(&e->as, ALU_OR, w, d, -1);
    } else {
        x_alu(&e->as, ALU_XOR, 0, d, d);
    }
    x_jmp_back(&e->as, c->back);
}

static void div_op(Emit *e, const IrInsn *in, bool is_signed, bool rem)
{
    unsigned w = width_flag(in), ra = reg_use(e, in->arg[0]), rb = reg_use(e, in->arg[1]);
    unsigned d = reg_def(e, ra, rb);
    uint64_t v;
    Cold *c = NULL;

    if (!value_const(e, in->arg[1], &v) || (w ? v + 1 : (uint32_t)v + 1u) <= 1 || v == 0) {
        uint8_t *jump;

        if (is_signed) {
            x_rm(&e->as, X_LEA | w, RCX, rb, 1);
            x_alu_imm(&e->as, ALU_CMP, w, RCX, 1);
            jump = x_jcc32(&e->as, CC_BE);
        } else {
            x_rr(&e->as, X_TEST | w, rb, rb);
            jump = x_jcc32(&e->as, CC_E);
        }
        c = cold_new(e, cold_div, jump);
        c->reg[0] = d;
        c->reg[1] = ra;
        c->reg[2] = rb;
    }
    x_mov(&e->as, w, RAX, ra);
    if (is_signed) {
        x_opcode(&e->as, 0x99 | w, 0, 0, 0); /* sign of rax to rdx */
    } else {
        x_alu(&e->as, ALU_XOR, 0, RDX, RDX);
    }
    x_rr(&e->as, X_GROUP3 | w, is_signed ? 7 : 6, rb);
    x_mov(&e->as, w, d, rem ? RDX : RAX);
    if (c) {
        c->back = e->as.p;
    }
    reg_bind(e, d, zx_flag(in));
}

void op_divs(Emit *e, const IrInsn *in)
{
    div_op(e, in, true, false);
}

void op_divu(Emit *e, const IrInsn *in)
{
    div_op(e, in, false, false);
}

void op_rems(Emit *e, const IrInsn *in)
{
    div_op(e, in, true, true);
}

void op_remu(Emit *e, const IrInsn *in)
{
    div_op(e, in, false, true);
}
