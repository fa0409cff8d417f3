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
static void pass_hint(Emit *e, const IrInsn *in, const Value *v)
{
    Value *arg = &e->vals[in->arg[0]];

    if (arg->last == 0) {
        arg->hint = v->hint;
        arg->hint_at = v->hint_at;
    }
}

static void scan_var(Emit *e, const IrInsn *in, unsigned i)
{
    e->next_touch[in->imm] = i;
    if (e->var_last[in->imm] == 0) {
        e->var_last[in->imm] = i;
    }
    if (in->op == IR_set_var) {
        scan_set_var(e, in, i);
    }
}

static void scan_fused(Emit *e, const IrInsn *in, unsigned i)
{
    IrRef fused = fusable_operand(e, in);

    if (fused != IR_NOREF) {
        e->vals[fused].flags |= VALUE_FUSED;
        for (unsigned k = 0; k < 4 && e->insns[fused].arg[k] != IR_NOREF; k++) {
            scan_arg(e, e->insns[fused].arg[k], i);
        }
    }
}

/* What there is to see in an op beside its operands. */
typedef enum ScanKind { SCAN_OTHER, SCAN_SKIP, SCAN_VAR, SCAN_PASS, SCAN_CALL } ScanKind;
static const uint8_t scan_kind[IR_NOPS] = {
    [IR_insn_start] = SCAN_SKIP, [IR_const] = SCAN_SKIP, [IR_get_var] = SCAN_VAR,
    [IR_set_var] = SCAN_VAR,     [IR_mov] = SCAN_PASS,   [IR_fcanon] = SCAN_PASS,
    [IR_fbox] = SCAN_PASS,       [IR_call] = SCAN_CALL,
};

void scan_block(Emit *e, const IrBlock *block)
{
    unsigned barrier = UINT16_MAX, i = block->first + block->count;
    const IrInsn *first = &e->insns[block->first], *in = &e->insns[i];
    Value *vals = e->vals, *v = &vals[i];

    memset(e->next_touch, 0xff, e->ir->nvars * sizeof(e->next_touch[0]));
    memset(e->var_last, 0, e->ir->nvars * sizeof(e->var_last[0]));
    while (in-- > first) {
        ScanKind kind = scan_kind[in->op];

        i--;
        v--;
        if (kind == SCAN_SKIP) {
            continue;
        }
        if (v->hint && !hint_holds(e, v, barrier)) {
            v->hint = 0;
        }
        if (kind == SCAN_VAR) {
            scan_var(e, in, i);
            continue;
        }
        if (v->last == 0 && op_is_skippable[in->op]) {
            continue; /* dead: its operands are not used here */
        }
        if (kind == SCAN_PASS && v->hint) {
            pass_hint(e, in, v);
        } else if (!(v->flags & VALUE_FUSED)) {
            scan_fused(e, in, i);
        }
        for (unsigned k = 0; k < 4 && in->arg[k] != IR_NOREF; k++) {
            Value *arg = &vals[in->arg[k]];

            arg->last = arg->last ? arg->last : i;
        }
        if (kind == SCAN_CALL || (ir_op_info[in->op].flags & IR_FLAG_FAULT)) {
            barrier = i;
        }
    }
}
