/*
 * Algebra on multiplication and division by constants. See fold.h.
 */
#include "tcg/fold.h"

/* When the copy is longer, nothing expands any more, so that values keep to 16 bits. */
#define MAX_COPY 40000

IrRef fold_mul(IrOptScratch *o, IrInsn *insn)
{
    IrType type = (IrType)insn->type;
    uint64_t c;

    if (!opt_is_const(o, insn->arg[1], &c)) {
        return IR_NOREF;
    }
    if (c == 0) {
        return insn->arg[1];
    }
    if (c == 1) {
        return insn->arg[0];
    }
    if (c == mask_of(type)) {
        set_op1(insn, IR_neg, 0, insn->arg[0]);
        return opt_fold_int(o, insn);
    }
    if (is_pow2(c)) {
        set_op2(insn, IR_shl, insn->arg[0], opt_const(o, type, (uint64_t)__builtin_ctzll(c)));
        return opt_fold_int(o, insn);
    }
    return IR_NOREF;
}

/* High halves of products with 0, 1 and, unsigned, powers of two. */
IrRef fold_mulh(IrOptScratch *o, IrInsn *insn)
{
    IrType type = (IrType)insn->type;
    unsigned width = width_of(type);
    uint64_t c;

    if (!opt_is_const(o, insn->arg[1], &c)) {
        return IR_NOREF;
    }
    if (c == 0 || (c == 1 && insn->op == IR_mulhu)) {
        return opt_const(o, type, 0);
    }
    if (c == 1) {
        set_op2(insn, IR_sar, insn->arg[0], opt_const(o, type, width - 1));
        return opt_fold_int(o, insn);
    }
    if (is_pow2(c) && insn->op == IR_mulhu) {
        set_op2(insn, IR_shr, insn->arg[0],
                opt_const(o, type, width - (unsigned)__builtin_ctzll(c)));
        return opt_fold_int(o, insn);
    }
    return IR_NOREF;
}

/* What rounds a negative dividend up when it is shifted right by @k: 2^k - 1 if negative, else
 * 0. */
static IrRef rounding_bias(IrOptScratch *o, IrType type, IrRef a, unsigned k)
{
    unsigned width = width_of(type);
    IrRef sign = opt_int(o, IR_sar, type, 0, a, opt_const(o, type, width - 1));

    return opt_int(o, IR_shr, type, 0, sign, opt_const(o, type, width - k));
}

static IrRef fold_signed_by_pow2(IrOptScratch *o, IrInsn *insn, unsigned k)
{
    IrType type = (IrType)insn->type;
    IrRef a = insn->arg[0];
    IrRef biased = opt_int(o, IR_add, type, 0, a, rounding_bias(o, type, a, k));
    uint64_t high = ALL_BITS << k & mask_of(type);

    if (insn->op == IR_divs) {
        return opt_int(o, IR_sar, type, 0, biased, opt_const(o, type, k));
    }
    biased = opt_int(o, IR_and, type, 0, biased, opt_const(o, type, high));
    return opt_int(o, IR_sub, type, 0, a, biased);
}

IrRef fold_div(IrOptScratch *o, IrInsn *insn)
{
    IrType type = (IrType)insn->type;
    bool is_signed = insn->op == IR_divs || insn->op == IR_rems;
    bool rem = insn->op == IR_rems || insn->op == IR_remu;
    uint64_t c;
    unsigned k;

    if (!opt_is_const(o, insn->arg[1], &c)) {
        return IR_NOREF;
    }
    if (c == 0) {
        return rem ? insn->arg[0]
                   : opt_const(o, type, insn->aux == IR_DIV0_ONES ? mask_of(type) : 0);
    }
    if (c == 1) {
        return rem ? opt_const(o, type, 0) : insn->arg[0];
    }
    if (is_signed && c == mask_of(type)) {
        /* By -1; the overflow gives the same as negation. */
        if (rem) {
            return opt_const(o, type, 0);
        }
        set_op1(insn, IR_neg, 0, insn->arg[0]);
        return opt_fold_int(o, insn);
    }
    if (!is_pow2(c) || (is_signed && c == sign_bit(type))) {
        return IR_NOREF;
    }
    k = (unsigned)__builtin_ctzll(c);
    if (is_signed && !(o->facts[insn->arg[0]].zeros & sign_bit(type))) {
        if (o->n > MAX_COPY) {
            return IR_NOREF;
        }
        return fold_signed_by_pow2(o, insn, k);
    }
    if (rem) {
        set_op2(insn, IR_and, insn->arg[0], opt_const(o, type, c - 1));
        return opt_fold_int(o, insn);
    }
    set_op2(insn, IR_shr, insn->arg[0], opt_const(o, type, k));
    return opt_fold_int(o, insn);
}
