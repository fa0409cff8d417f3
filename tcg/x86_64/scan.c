/*
 * The backward scan of a block before it is emitted: where each value is used last, which values
 * are about to become a variable (the hint), and which definitions their only user takes over
 * (emit-int.c).
 */
#include "tcg/x86_64/emit.h"

/* Gives @ref its last use if this is it. */
static void scan_arg(Emit *e, IrRef ref, unsigned user)
{
    if (e->vals[ref].last == 0) {
        e->vals[ref].last = user;
    }
}

/* Whether the value goes to its variable before anything can look at that variable. */
static bool hint_holds(const Emit *e, const Value *v, unsigned barrier)
{
    return v->hint_at < barrier && e->next_touch[v->hint - 1] == v->hint_at;
}

static void scan_set_var(Emit *e, const IrInsn *in, unsigned i)
{
    Value *v = &e->vals[in->arg[0]];

    scan_arg(e, in->arg[0], i);
    if (!v->hint && in->imm < 255) {
        v->hint = in->imm + 1;
        v->hint_at = i;
    }
}

/* An op that mostly hands on its operand: the operand goes where the result goes. */
static void pass_hint(Emit *e, const IrInsn *in, unsigned i)
{
    const Value *v = &e->vals[i];
    Value *arg;

    if (!v->hint || (in->op != IR_fcanon && in->op != IR_fbox && in->op != IR_mov)) {
        return;
    }
    arg = &e->vals[in->arg[0]];
    if (arg->last == 0) {
        arg->hint = v->hint;
        arg->hint_at = v->hint_at;
    }
}

void scan_block(Emit *e, const IrBlock *block)
{
    unsigned barrier = UINT16_MAX;

    memset(e->next_touch, 0xff, e->ir->nvars * sizeof(e->next_touch[0]));
    memset(e->var_last, 0, e->ir->nvars * sizeof(e->var_last[0]));
    for (unsigned i = block->first + block->count; i-- > block->first;) {
        const IrInsn *in = &e->insns[i];
        Value *v = &e->vals[i];
        IrRef fused;

        if (v->hint && !hint_holds(e, v, barrier)) {
            v->hint = 0;
        }
        if (in->op == IR_insn_start || in->op == IR_const) {
            continue;
        }
        if (in->op == IR_get_var || in->op == IR_set_var) {
            e->next_touch[in->imm] = i;
            if (e->var_last[in->imm] == 0) {
                e->var_last[in->imm] = i;
            }
            if (in->op == IR_set_var) {
                scan_set_var(e, in, i);
            }
            continue;
        }
        if (v->last == 0 && op_is_skippable[in->op]) {
            continue; /* dead: its operands are not used here */
        }
        fused = v->flags & VALUE_FUSED ? IR_NOREF : fusable_operand(e, in);
        if (fused != IR_NOREF) {
            e->vals[fused].flags |= VALUE_FUSED;
            for (unsigned k = 0; k < 4 && e->insns[fused].arg[k] != IR_NOREF; k++) {
                scan_arg(e, e->insns[fused].arg[k], i);
            }
        }
        pass_hint(e, in, i);
        for (unsigned k = 0; k < 4 && in->arg[k] != IR_NOREF; k++) {
            scan_arg(e, in->arg[k], i);
        }
        if ((ir_op_info[in->op].flags & IR_FLAG_FAULT) || in->op == IR_call) {
            barrier = i;
        }
    }
}
