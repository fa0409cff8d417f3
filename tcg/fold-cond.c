/*
 * Algebra on conditions: of setcond, select and brcond. See fold.h.
 */
#include "tcg/fold.h"

/* 1 or 0 if known, -1 if not. */
static int decide(IrOptScratch *o, IrType type, IrCond cond, IrRef a, IrRef b)
{
    const IrFacts *fa = &o->facts[a], *fb = &o->facts[b];

    if (ir_facts_is_const(fa) && ir_facts_is_const(fb)) {
        return ir_eval_cond(cond, type, fa->ones, fb->ones);
    }
    if (a == b) {
        return ir_eval_cond(cond, type, 0, 0);
    }
    if ((fa->zeros & fb->ones) || (fa->ones & fb->zeros)) { /* differ */
        if (cond == IR_EQ || cond == IR_NE) {
            return cond == IR_NE;
        }
    }
    if (opt_is_value(o, b, 0)) {
        if (cond == IR_LTU || cond == IR_GEU) {
            return cond == IR_GEU;
        }
        if ((fa->zeros & sign_bit(type)) && (cond == IR_LT || cond == IR_GE)) {
            return cond == IR_GE;
        }
    }
    /* Ranges: bits that may be set give the largest value, those that must be, the smallest. */
    if (cond == IR_LTU || cond == IR_GEU) {
        if (~fa->zeros < fb->ones) {
            return cond == IR_LTU;
        }
        if (fa->ones >= ~fb->zeros) {
            return cond == IR_GEU;
        }
    }
    return -1;
}

/* Comparisons with constants at the edge of the range. */
static void narrow_condition(IrOptScratch *o, IrInsn *insn)
{
    IrType type = (IrType)insn->type;
    uint64_t c;

    if (!opt_is_const(o, insn->arg[1], &c)) {
        return;
    }
    if (c == 0 && (insn->aux == IR_LEU || insn->aux == IR_GTU)) {
        insn->aux = insn->aux == IR_LEU ? IR_EQ : IR_NE;
    } else if (c == 1 && (insn->aux == IR_LTU || insn->aux == IR_GEU)) {
        insn->aux = insn->aux == IR_LTU ? IR_EQ : IR_NE;
        insn->arg[1] = opt_const(o, type, 0);
    } else if (c == 1 && (insn->aux == IR_LT || insn->aux == IR_GE)) {
        insn->aux = insn->aux == IR_LT ? IR_LE : IR_GT;
        insn->arg[1] = opt_const(o, type, 0);
    } else if (c == mask_of(type) && (insn->aux == IR_GT || insn->aux == IR_LE)) {
        insn->aux = insn->aux == IR_GT ? IR_GE : IR_LT;
        insn->arg[1] = opt_const(o, type, 0);
    }
}

/* (a cond b) compared with 0 or 1, a - b and a ^ b with 0, x + c with a constant. */
static bool look_through(IrOptScratch *o, IrInsn *insn)
{
    IrRef a = insn->arg[0];
    const IrInsn *d = def(o, a);
    uint64_t c, inner;

    if ((insn->aux != IR_EQ && insn->aux != IR_NE) || !opt_is_const(o, insn->arg[1], &c)) {
        return false;
    }
    if (d->op == IR_setcond && c <= 1) {
        bool inverted = (insn->aux == IR_EQ) == (c == 0);

        insn->aux = (uint8_t)(inverted ? ir_cond_invert((IrCond)d->aux) : d->aux);
        insn->arg[0] = d->arg[0];
        insn->arg[1] = d->arg[1];
        return true;
    }
    if (c == 0 && (is_op(o, a, IR_sub) || is_op(o, a, IR_xor))) {
        insn->arg[0] = d->arg[0];
        insn->arg[1] = d->arg[1];
        return true;
    }
    if (is_op(o, a, IR_add) && opt_is_const(o, d->arg[1], &inner)) {
        insn->arg[0] = d->arg[0];
        insn->arg[1] = opt_const(o, (IrType)insn->type, (c - inner) & mask_of((IrType)insn->type));
        return true;
    }
    return false;
}

void opt_fold_condition(IrOptScratch *o, IrInsn *insn)
{
    do {
        if (ir_facts_is_const(&o->facts[insn->arg[0]]) &&
            !ir_facts_is_const(&o->facts[insn->arg[1]])) {
            IrRef a = insn->arg[0];

            insn->arg[0] = insn->arg[1];
            insn->arg[1] = a;
            insn->aux = (uint8_t)ir_cond_swap((IrCond)insn->aux);
        }
        narrow_condition(o, insn);
    } while (look_through(o, insn));
    if (insn->op == IR_brcond) {
        int known = decide(o, (IrType)insn->type, (IrCond)insn->aux, insn->arg[0], insn->arg[1]);

        if (known >= 0 || insn->target[0] == insn->target[1]) {
            insn->op = IR_br;
            insn->target[0] = insn->target[known == 0];
            insn->type = IR_NONE;
            insn->aux = 0;
            insn->arg[0] = insn->arg[1] = IR_NOREF;
            insn->target[1] = 0;
        }
    }
}

IrRef fold_setcond(IrOptScratch *o, IrInsn *insn)
{
    int known;

    opt_fold_condition(o, insn);
    known = decide(o, (IrType)insn->type, (IrCond)insn->aux, insn->arg[0], insn->arg[1]);
    if (known >= 0) {
        return opt_const(o, (IrType)insn->type, (uint64_t)known);
    }
    /* One bit compared with 0 is that bit. */
    if ((insn->aux == IR_EQ || insn->aux == IR_NE) && opt_is_value(o, insn->arg[1], 0) &&
        ~o->facts[insn->arg[0]].zeros == 1) {
        if (insn->aux == IR_NE) {
            return insn->arg[0];
        }
        set_op2(insn, IR_xor, insn->arg[0], opt_const(o, (IrType)insn->type, 1));
    }
    return IR_NOREF;
}

IrRef fold_select(IrOptScratch *o, IrInsn *insn)
{
    IrType type = (IrType)insn->type;
    int known;

    opt_fold_condition(o, insn);
    known = decide(o, type, (IrCond)insn->aux, insn->arg[0], insn->arg[1]);
    if (known >= 0) {
        return insn->arg[known ? 2 : 3];
    }
    if (insn->arg[2] == insn->arg[3]) {
        return insn->arg[2];
    }
    /* a == b ? a : b */
    if ((insn->aux == IR_EQ && insn->arg[0] == insn->arg[2] && insn->arg[1] == insn->arg[3]) ||
        (insn->aux == IR_NE && insn->arg[0] == insn->arg[3] && insn->arg[1] == insn->arg[2])) {
        return insn->arg[insn->aux == IR_EQ ? 3 : 2];
    }
    if ((opt_is_value(o, insn->arg[2], 1) && opt_is_value(o, insn->arg[3], 0)) ||
        (opt_is_value(o, insn->arg[2], 0) && opt_is_value(o, insn->arg[3], 1))) {
        if (opt_is_value(o, insn->arg[2], 0)) {
            insn->aux = (uint8_t)ir_cond_invert((IrCond)insn->aux);
        }
        insn->op = IR_setcond;
        insn->arg[2] = insn->arg[3] = IR_NOREF;
        return fold_setcond(o, insn);
    }
    return IR_NOREF;
}
