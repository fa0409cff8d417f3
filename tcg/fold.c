/*
 * Algebra on integer ops: simplification, strength reduction, and what known bits make superfluous.
 *
 * Each function gets an instruction with operands of the new copy. It returns the value that stands
 * for the result, or IR_NOREF after changing the instruction, or not, to what shall be appended.
 * Constant results are not looked for here: known bits give them (ir_facts_set()). A constant
 * operand of a commutative op or a comparison stands second, where the host's instructions take
 * immediates.
 */
#include "tcg/fold.h"

/* ---- Extension and masks ---- */

static IrRef fold_ext(IrOptScratch *o, IrInsn *insn)
{
    IrRef a = insn->arg[0];
    const IrFacts *f = &o->facts[a];
    unsigned bits = 8 * ir_memop_bytes(insn->aux), width = width_of((IrType)insn->type);
    bool is_signed = insn->aux & IR_SIGNED;
    const IrInsn *d = def(o, a);
    uint64_t high = ALL_BITS << bits, c;

    if (is_signed ? f->sign > width - bits : (f->zeros & high) == high) {
        return a;
    }
    /* What happens above the bits that are kept does not matter. */
    if (is_near_op(o, a, IR_ext) && 8 * ir_memop_bytes(d->aux) >= bits) {
        insn->arg[0] = d->arg[0];
    } else if (d->op == IR_and && opt_is_const(o, d->arg[1], &c) && (c | high) == ALL_BITS &&
               is_op(o, a, IR_and)) {
        insn->arg[0] = d->arg[0];
    }
    if (is_signed && (f->zeros >> (bits - 1) & 1)) {
        insn->aux &= ~IR_SIGNED;
    }
    return IR_NOREF;
}

static IrRef fold_trunc(IrOptScratch *o, IrInsn *insn)
{
    IrRef a = insn->arg[0];
    const IrInsn *d = def(o, a);
    uint64_t c;

    if (d->op == IR_sext || d->op == IR_zext) {
        return d->arg[0];
    }
    if (is_near_op(o, a, IR_ext) && (d->aux & IR_SIZE_MASK) == IR_U32) {
        insn->arg[0] = d->arg[0];
    } else if (d->op == IR_and && opt_is_const(o, d->arg[1], &c) && (uint32_t)c == UINT32_MAX &&
               is_op(o, a, IR_and)) {
        insn->arg[0] = d->arg[0];
    }
    return IR_NOREF;
}

/* The i64 of which an i32 is the low half, for trunc and constants; IR_NOREF for others. */
static IrRef wide_operand(IrOptScratch *o, IrRef ref)
{
    uint64_t c;

    if (opt_is_const(o, ref, &c)) {
        return opt_const(o, IR_I64, (uint64_t)(int32_t)c);
    }
    return def(o, ref)->op == IR_trunc ? def(o, ref)->arg[0] : IR_NOREF;
}

/* Arithmetic on low halves, then sign extension: computed in 64 bits, there is less to move. */
static bool widen_arithmetic(IrOptScratch *o, IrInsn *insn)
{
    IrInsn wide = *def(o, insn->arg[0]);
    uint64_t c;

    switch (wide.op) {
    case IR_shl:
        if (!opt_is_const(o, wide.arg[1], &c) || c > 31) {
            return false;
        }
        break;
    case IR_add:
    case IR_sub:
    case IR_mul:
    case IR_and:
    case IR_or:
    case IR_xor: break;
    default: return false;
    }
    for (unsigned i = 0; i < 2; i++) {
        wide.arg[i] = wide_operand(o, wide.arg[i]);
        if (wide.arg[i] == IR_NOREF) {
            return false;
        }
    }
    insn->type = IR_I64;
    set_op1(insn, IR_ext, IR_S32, opt_int(o, (IrOp)wide.op, IR_I64, 0, wide.arg[0], wide.arg[1]));
    return true;
}

/* sext, zext. */
static IrRef fold_widen(IrOptScratch *o, IrInsn *insn)
{
    const IrInsn *d = def(o, insn->arg[0]);

    if (insn->op == IR_sext && (o->facts[insn->arg[0]].zeros >> 31 & 1)) {
        insn->op = IR_zext;
    }
    if (d->op == IR_trunc) {
        insn->type = IR_I64;
        set_op1(insn, IR_ext, insn->op == IR_sext ? IR_S32 : IR_U32, d->arg[0]);
        return fold_ext(o, insn);
    }
    if (insn->op == IR_sext && widen_arithmetic(o, insn)) {
        return fold_ext(o, insn);
    }
    return IR_NOREF;
}

static IrRef fold_and(IrOptScratch *o, IrInsn *insn)
{
    IrRef a = insn->arg[0];
    const IrFacts *f = &o->facts[a];
    uint64_t in_type = mask_of((IrType)insn->type), c, inner;

    if (a == insn->arg[1]) {
        return a;
    }
    if (!opt_is_const(o, insn->arg[1], &c)) {
        if (is_near_op(o, insn->arg[1], IR_not)) {
            set_op2(insn, IR_andn, a, def(o, insn->arg[1])->arg[0]);
        } else if (is_near_op(o, a, IR_not)) {
            set_op2(insn, IR_andn, insn->arg[1], def(o, a)->arg[0]);
        }
        return IR_NOREF;
    }
    if ((f->zeros | c) == ALL_BITS || c == in_type) {
        return a;
    }
    if (is_op(o, a, IR_and) && opt_is_const(o, def(o, a)->arg[1], &inner)) {
        insn->arg[0] = def(o, a)->arg[0];
        c &= inner;
        insn->arg[1] = opt_const(o, (IrType)insn->type, c);
    }
    /* A move with zero extension needs no second operand. */
    if (c == UINT8_MAX || c == UINT16_MAX || (c == UINT32_MAX && insn->type == IR_I64)) {
        set_op1(insn, IR_ext,
                c == UINT8_MAX    ? IR_U8
                : c == UINT16_MAX ? IR_U16
                                  : IR_U32,
                insn->arg[0]);
        return fold_ext(o, insn);
    }
    return IR_NOREF;
}

/* ---- Other bitwise ops ---- */

/* What the low half of @ref is the low half of. */
static IrRef low_source(const IrOptScratch *o, IrRef ref)
{
    while (def(o, ref)->op == IR_trunc ||
           (def(o, ref)->op == IR_ext && (def(o, ref)->aux & IR_SIZE_MASK) == IR_U32)) {
        ref = def(o, ref)->arg[0];
    }
    return ref;
}

/* A shift by a constant: its count, or 0. */
static unsigned shift_count(const IrOptScratch *o, IrRef ref, IrOp op)
{
    uint64_t c;

    return def(o, ref)->op == op && opt_is_const(o, def(o, ref)->arg[1], &c) ? (unsigned)c : 0;
}

/* x << n | x >> (width - n), of all bits or of the low half, whose rotation comes sign-extended:
 * zext(x >> m) | ext s32(x << n), m + n = 32. */
static bool fold_rotation(IrOptScratch *o, IrInsn *insn, IrRef left, IrRef right)
{
    unsigned n = shift_count(o, left, IR_shl), width = width_of((IrType)insn->type);
    IrRef low;

    if (n && n + shift_count(o, right, IR_shr) == width &&
        def(o, left)->arg[0] == def(o, right)->arg[0]) {
        set_op2(insn, IR_rotl, def(o, left)->arg[0], def(o, left)->arg[1]);
        return true;
    }
    if (def(o, left)->op != IR_ext || def(o, left)->aux != IR_S32 || def(o, right)->op != IR_zext) {
        return false;
    }
    left = def(o, left)->arg[0];
    right = def(o, right)->arg[0];
    n = shift_count(o, left, IR_shl);
    if (n == 0 || n > 31 || n + shift_count(o, right, IR_shr) != 32) {
        return false;
    }
    low = def(o, right)->arg[0];
    if (low_source(o, def(o, left)->arg[0]) != low_source(o, low)) {
        return false;
    }
    set_op1(insn, IR_sext, 0, opt_int(o, IR_rotl, IR_I32, 0, low, opt_const(o, IR_I32, n)));
    return true;
}

static IrRef fold_or_xor(IrOptScratch *o, IrInsn *insn)
{
    IrRef a = insn->arg[0];
    uint64_t in_type = mask_of((IrType)insn->type), c, inner;
    const IrInsn *d = def(o, a);

    if (a == insn->arg[1]) {
        return insn->op == IR_or ? a : opt_const(o, (IrType)insn->type, 0);
    }
    if (!opt_is_const(o, insn->arg[1], &c)) {
        if (insn->op == IR_or && !fold_rotation(o, insn, a, insn->arg[1])) {
            fold_rotation(o, insn, insn->arg[1], a);
        }
        return IR_NOREF;
    }
    if (c == 0 || (insn->op == IR_or && (c & ~o->facts[a].ones) == 0)) {
        return a;
    }
    if (insn->op == IR_xor && c == in_type) {
        if (d->op == IR_not) {
            return d->arg[0];
        }
        set_op1(insn, IR_not, 0, a);
        return IR_NOREF;
    }
    if (insn->op == IR_xor && c == 1 && d->op == IR_setcond && is_op(o, a, IR_setcond)) {
        insn->aux = (uint8_t)ir_cond_invert((IrCond)d->aux);
        insn->op = IR_setcond;
        insn->arg[0] = d->arg[0];
        insn->arg[1] = d->arg[1];
        return IR_NOREF;
    }
    if (is_op(o, a, (IrOp)insn->op) && opt_is_const(o, d->arg[1], &inner)) {
        c = insn->op == IR_or ? c | inner : c ^ inner;
        insn->arg[0] = d->arg[0];
        insn->arg[1] = opt_const(o, (IrType)insn->type, c);
    }
    return IR_NOREF;
}

static IrRef fold_andn(IrOptScratch *o, IrInsn *insn)
{
    uint64_t c;

    if (insn->arg[0] == insn->arg[1]) {
        return opt_const(o, (IrType)insn->type, 0);
    }
    if (opt_is_const(o, insn->arg[1], &c)) {
        set_op2(insn, IR_and, insn->arg[0],
                opt_const(o, (IrType)insn->type, ~c & mask_of((IrType)insn->type)));
        return fold_and(o, insn);
    }
    return IR_NOREF;
}

/* neg, not, bswap are their own inverses. */
static IrRef fold_involution(IrOptScratch *o, IrInsn *insn)
{
    const IrInsn *d = def(o, insn->arg[0]);

    if (d->op == insn->op) {
        return d->arg[0];
    }
    if (insn->op == IR_neg && is_op(o, insn->arg[0], IR_sub)) {
        set_op2(insn, IR_sub, d->arg[1], d->arg[0]);
    }
    return IR_NOREF;
}

/* ---- Sums ---- */

static IrRef fold_add(IrOptScratch *o, IrInsn *insn)
{
    IrRef a = insn->arg[0];
    const IrInsn *d = def(o, a);
    uint64_t c, inner;

    if (!opt_is_const(o, insn->arg[1], &c)) {
        /* x + -y */
        if (is_op(o, insn->arg[1], IR_neg)) {
            set_op2(insn, IR_sub, a, def(o, insn->arg[1])->arg[0]);
        }
        return IR_NOREF;
    }
    if (c == 0) {
        return a;
    }
    if (is_op(o, a, IR_add) && opt_is_const(o, d->arg[1], &inner)) {
        c = (c + inner) & mask_of((IrType)insn->type);
        if (c == 0) {
            return d->arg[0];
        }
        insn->arg[0] = d->arg[0];
        insn->arg[1] = opt_const(o, (IrType)insn->type, c);
    }
    return IR_NOREF;
}

static IrRef fold_sub(IrOptScratch *o, IrInsn *insn)
{
    IrRef a = insn->arg[0], b = insn->arg[1];
    uint64_t c;

    if (a == b) {
        return opt_const(o, (IrType)insn->type, 0);
    }
    if (opt_is_const(o, b, &c)) {
        set_op2(insn, IR_add, a,
                opt_const(o, (IrType)insn->type, -c & mask_of((IrType)insn->type)));
        return fold_add(o, insn);
    }
    if (opt_is_value(o, a, 0)) {
        set_op1(insn, IR_neg, 0, b);
        return fold_involution(o, insn);
    }
    if (is_op(o, b, IR_neg)) {
        set_op2(insn, IR_add, a, def(o, b)->arg[0]);
    }
    return IR_NOREF;
}

/* ---- Shifts ---- */

/* (x << n) >> n is an extension for the sizes that the host has. */
static bool shift_pair_is_ext(IrOptScratch *o, IrInsn *insn, unsigned n)
{
    const IrInsn *d = def(o, insn->arg[0]);
    unsigned bits = width_of((IrType)insn->type) - n;
    uint64_t left;

    if (!is_op(o, insn->arg[0], IR_shl) || !opt_is_const(o, d->arg[1], &left) ||
        (left & (width_of((IrType)insn->type) - 1)) != n ||
        (bits != 8 && bits != 16 && bits != 32)) {
        return false;
    }
    set_op1(insn, IR_ext,
            (bits == 8    ? IR_U8
             : bits == 16 ? IR_U16
                          : IR_U32) |
                (insn->op == IR_sar ? IR_SIGNED : 0),
            d->arg[0]);
    return true;
}

static IrRef fold_shift(IrOptScratch *o, IrInsn *insn)
{
    IrRef a = insn->arg[0];
    IrType type = (IrType)insn->type;
    unsigned width = width_of(type), n;
    const IrInsn *d = def(o, a);
    uint64_t c, inner;

    if (!opt_is_const(o, insn->arg[1], &c)) {
        /* The count is taken modulo the width anyway. */
        d = def(o, insn->arg[1]);
        if (is_op(o, insn->arg[1], IR_and) && opt_is_const(o, d->arg[1], &inner) &&
            (inner & (width - 1)) == width - 1) {
            insn->arg[1] = d->arg[0];
        }
        return IR_NOREF;
    }
    n = c & (width - 1);
    if (n == 0) {
        return a;
    }
    if (insn->op != IR_shl && shift_pair_is_ext(o, insn, n)) {
        return fold_ext(o, insn);
    }
    if (insn->op == IR_sar && (o->facts[a].zeros & sign_bit(type))) {
        insn->op = IR_shr;
    }
    if (d->op == insn->op && is_op(o, a, (IrOp)insn->op) && opt_is_const(o, d->arg[1], &inner)) {
        inner = (inner & (width - 1)) + n;
        if (inner >= width && insn->op != IR_sar) {
            return opt_const(o, type, 0);
        }
        insn->arg[0] = d->arg[0];
        c = MIN(inner, width - 1);
        insn->arg[1] = opt_const(o, type, c);
    } else if (c != n) {
        insn->arg[1] = opt_const(o, type, n);
    }
    return IR_NOREF;
}

static IrRef fold_rotate(IrOptScratch *o, IrInsn *insn)
{
    unsigned width = width_of((IrType)insn->type);
    uint64_t c;

    if (opt_is_const(o, insn->arg[1], &c)) {
        if ((c & (width - 1)) == 0) {
            return insn->arg[0];
        }
        if (c >= width) {
            insn->arg[1] = opt_const(o, (IrType)insn->type, c & (width - 1));
        }
    }
    return IR_NOREF;
}

IrRef opt_fold_int(IrOptScratch *o, IrInsn *insn)
{
    if ((ir_op_info[insn->op].flags & IR_FLAG_COMMUTES) &&
        ir_facts_is_const(&o->facts[insn->arg[0]]) && !ir_facts_is_const(&o->facts[insn->arg[1]])) {
        IrRef a = insn->arg[0];

        insn->arg[0] = insn->arg[1];
        insn->arg[1] = a;
    }
    switch (insn->op) {
    case IR_add: return fold_add(o, insn);
    case IR_sub: return fold_sub(o, insn);
    case IR_mul: return fold_mul(o, insn);
    case IR_mulhs:
    case IR_mulhu:
    case IR_mulhsu: return fold_mulh(o, insn);
    case IR_divs:
    case IR_divu:
    case IR_rems:
    case IR_remu: return fold_div(o, insn);
    case IR_and: return fold_and(o, insn);
    case IR_or:
    case IR_xor: return fold_or_xor(o, insn);
    case IR_andn: return fold_andn(o, insn);
    case IR_neg:
    case IR_not:
    case IR_bswap: return fold_involution(o, insn);
    case IR_shl:
    case IR_shr:
    case IR_sar: return fold_shift(o, insn);
    case IR_rotl:
    case IR_rotr: return fold_rotate(o, insn);
    case IR_ext: return fold_ext(o, insn);
    case IR_trunc: return fold_trunc(o, insn);
    case IR_sext:
    case IR_zext: return fold_widen(o, insn);
    case IR_setcond: return fold_setcond(o, insn);
    case IR_select: return fold_select(o, insn);
    default: return IR_NOREF;
    }
}
