/*
 * Algebra on FP ops that only move bits: boxing, signs, moves between register files.
 *
 * Arithmetic, comparisons and conversions stay as they are, even on constants: they set sticky
 * flags and depend on the rounding mode, which is the guest's at run time. For the same reason
 * nothing removes them when their results are unused (dce.c).
 */
#include "tcg/interp.h"
#include "tcg/optimize.h"

static const IrInsn *def(const IrOptScratch *o, IrRef ref)
{
    return &o->out[ref];
}

static IrRef become_unary(IrInsn *insn, IrOp op)
{
    insn->op = (uint8_t)op;
    insn->arg[1] = IR_NOREF;
    return IR_NOREF;
}

/* fsgnj a, a is a move; fsgnjn a, a negates; fsgnjx a, a takes the sign away. */
static IrRef fold_sign(IrOptScratch *o, IrInsn *insn)
{
    if (insn->arg[0] != insn->arg[1]) {
        return IR_NOREF;
    }
    return insn->op == IR_fsgnj ? insn->arg[0]
                                : become_unary(insn, insn->op == IR_fsgnjn ? IR_fneg : IR_fabs);
}

static IrRef fold_abs_neg(IrOptScratch *o, IrInsn *insn)
{
    const IrInsn *d = def(o, insn->arg[0]);

    if (insn->op == IR_fneg) {
        return d->op == IR_fneg ? d->arg[0] : IR_NOREF;
    }
    if (d->op == IR_fabs) {
        return insn->arg[0];
    }
    if (d->op == IR_fneg) {
        insn->arg[0] = d->arg[0];
    }
    return IR_NOREF;
}

/* Results that are never a NaN other than the canonical one. */
static IrRef fold_canon(IrOptScratch *o, IrInsn *insn)
{
    const IrInsn *d = def(o, insn->arg[0]);
    const IrFacts *f = &o->facts[insn->arg[0]];
    uint64_t exponent = insn->type == IR_F32 ? 0x7f800000 : UINT64_C(0x7ff0000000000000);

    switch (d->op) {
    case IR_fcanon:
    case IR_fcvt_fi: return insn->arg[0];
    default: return f->zeros & exponent ? insn->arg[0] : IR_NOREF;
    }
}

static IrRef fold_unbox(IrOptScratch *o, IrInsn *insn)
{
    IrRef a = insn->arg[0];
    const IrInsn *d = def(o, a);

    if (d->op == IR_fbox) {
        return d->arg[0];
    }
    if (insn->op == IR_funbox && ir_facts_boxed(&o->facts[a])) {
        insn->op = IR_flow;
    }
    return IR_NOREF;
}

static IrRef fold_box(IrOptScratch *o, IrInsn *insn)
{
    const IrInsn *d = def(o, insn->arg[0]);

    if ((d->op == IR_flow || d->op == IR_funbox) && ir_facts_boxed(&o->facts[d->arg[0]])) {
        return d->arg[0];
    }
    return IR_NOREF;
}

/* Moves between register files that undo each other. */
static IrRef fold_bits(IrOptScratch *o, IrInsn *insn)
{
    static const uint8_t inverse[] = {
        [IR_bits_fi - IR_bits_fi] = IR_bits_if,
        [IR_bits_if - IR_bits_fi] = IR_bits_fi,
        [IR_bits_si - IR_bits_fi] = IR_bits_is,
        [IR_bits_is - IR_bits_fi] = IR_bits_si,
    };
    const IrInsn *d = def(o, insn->arg[0]);

    return d->op == inverse[insn->op - IR_bits_fi] ? d->arg[0] : IR_NOREF;
}

IrRef opt_fold_fp(IrOptScratch *o, IrInsn *insn)
{
    switch (insn->op) {
    case IR_fsgnj:
    case IR_fsgnjn:
    case IR_fsgnjx: return fold_sign(o, insn);
    case IR_fabs:
    case IR_fneg: return fold_abs_neg(o, insn);
    case IR_fcanon: return fold_canon(o, insn);
    case IR_funbox:
    case IR_flow: return fold_unbox(o, insn);
    case IR_fbox: return fold_box(o, insn);
    case IR_bits_fi:
    case IR_bits_if:
    case IR_bits_si:
    case IR_bits_is: return fold_bits(o, insn);
    default: return IR_NOREF;
    }
}
