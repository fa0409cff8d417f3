/*
 * Short branches: a block that only computes a variable or two, and that a branch may go around, becomes part of the
 * block before, with selects for what it sets. So `if (x > most) most = x` costs no mispredictions, and a loop of one
 * block is left, on which other passes rest (stream-vector.c).
 *
 *     A: brcond c, T, F       A: ... T's ops; v = c ? T's v : v; br F
 *     T: v = ...; br F    =>
 *     F:                      F:
 *
 * Only in loops: elsewhere a branch that is hardly ever taken is cheaper than what it goes around.
 */
#include "tcg/optimize.h"

#define MAX_OPS 3  /* in the block */
#define MAX_SETS 2 /* of variables */

static bool is_cheap(const IrInsn *insn)
{
    switch (insn->op) {
    case IR_add:
    case IR_sub:
    case IR_and:
    case IR_or:
    case IR_xor:
    case IR_andn:
    case IR_neg:
    case IR_not:
    case IR_shl:
    case IR_shr:
    case IR_sar:
    case IR_ext:
    case IR_trunc:
    case IR_sext:
    case IR_zext:
    case IR_setcond:
    case IR_select: return true;
    default: return false;
    }
}

/* Whether the block does nothing that cannot be done for nothing. */
static bool is_short(const IrRegion *ir, const IrBlock *block)
{
    unsigned ops = 0, sets = 0;

    for (uint32_t i = block->first; i < block->first + block->count - 1; i++) {
        const IrInsn *insn = &ir->insns[i];

        switch (insn->op) {
        case IR_insn_start:
        case IR_const: break;
        case IR_get_var:
            if (sets) { /* it may read what has been set */
                return false;
            }
            break;
        case IR_set_var:
            if (insn->type != IR_I64 || ++sets > MAX_SETS) {
                return false;
            }
            break;
        default:
            if (!is_cheap(insn) || ++ops > MAX_OPS) {
                return false;
            }
            break;
        }
    }
    return true;
}

static const IrInsn *last_of(const IrRegion *ir, unsigned block)
{
    return &ir->insns[ir->blocks[block].first + ir->blocks[block].count - 1];
}

/* Where a branch to @block ends up: some only branch on. */
static unsigned thread(const IrRegion *ir, unsigned block)
{
    for (unsigned hops = 0;
         hops < 4 && ir->blocks[block].count == 1 && last_of(ir, block)->op == IR_br; hops++) {
        block = last_of(ir, block)->target[0];
    }
    return block;
}

/* Which target of block @b's branch is a short block, further on, that leads to where the other one does; -1: none.
 * o->order has where branches to blocks end up. */
static int short_side(const IrOptScratch *o, unsigned b)
{
    const IrRegion *ir = o->ir;
    const IrInsn *end = last_of(ir, b);

    for (unsigned side = 0; end->op == IR_brcond && ir->blocks[b].loop_depth && side < 2; side++) {
        unsigned t = end->target[side], f = end->target[!side];

        if (t > b && t != f && o->preds[t] == 1 && last_of(ir, t)->op == IR_br &&
            is_short(ir, &ir->blocks[t]) && o->order[f] == o->order[last_of(ir, t)->target[0]] &&
            o->order[f] != b) {
            return (int)side;
        }
    }
    return -1;
}

static void copy_insn(IrOptScratch *o, uint32_t index)
{
    IrInsn insn = o->ir->insns[index];
    IrRef ref;

    for (unsigned k = 0; k < 4 && insn.arg[k] != IR_NOREF; k++) {
        insn.arg[k] = o->map[insn.arg[k]];
    }
    ref = opt_put(o, &insn); /* may move the map */
    o->map[index] = ref;
}

/* Sets a variable as the short block does if the branch @end goes to it. */
static void put_choice(IrOptScratch *o, const IrInsn *end, unsigned side, const IrInsn *set)
{
    IrInsn get = {.op = IR_get_var,
                  .type = IR_I64,
                  .arg = {IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF},
                  .imm = set->imm};
    IrRef old = opt_put(o, &get), new = o->map[set->arg[0]];
    IrInsn choice = {.op = IR_select,
                     .type = end->type,
                     .aux = end->aux,
                     .arg = {o->map[end->arg[0]], o->map[end->arg[1]], side ? old : new,
                             side ? new : old}};
    IrInsn result = *set;

    result.arg[0] = opt_put(o, &choice);
    opt_put(o, &result);
}

static void put_br(IrOptScratch *o, unsigned target)
{
    IrInsn br = {.op = IR_br, .arg = {IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF}};

    br.target[0] = (uint16_t)target;
    opt_put(o, &br);
}

/* The short block at the end of block @b, which branches with @end. */
static void put_short(IrOptScratch *o, const IrInsn *end, unsigned side)
{
    const IrBlock *block = &o->ir->blocks[end->target[side]];

    for (uint32_t i = block->first; i < block->first + block->count - 1; i++) {
        const IrInsn *insn = &o->ir->insns[i];

        if (insn->op == IR_set_var) {
            put_choice(o, end, side, insn);
        } else if (insn->op != IR_insn_start) {
            copy_insn(o, i);
        }
    }
    put_br(o, o->order[end->target[!side]]);
}

static void copy_block(IrOptScratch *o, unsigned b)
{
    IrBlock *block = &o->ir->blocks[b];
    const IrInsn *end = last_of(o->ir, b);
    uint32_t first = block->first, last = first + block->count - 1;
    int side = short_side(o, b);

    block->first = o->n;
    for (uint32_t i = first; i < last; i++) {
        copy_insn(o, i);
    }
    if (side >= 0) {
        put_short(o, end, (unsigned)side);
    } else {
        copy_insn(o, last);
    }
    block->count = o->n - block->first;
}

bool opt_short_branches(IrOptScratch *o)
{
    IrRegion *ir = o->ir;
    bool any = false;

    opt_count_preds(o);
    for (unsigned b = 0; b < ir->nblocks; b++) {
        o->order[b] = (uint16_t)thread(ir, b);
    }
    for (unsigned b = 0; b < ir->nblocks && !any; b++) {
        any = short_side(o, b) >= 0;
    }
    if (!any) {
        return false;
    }
    o->n = 0;
    for (unsigned b = 0; b < ir->nblocks; b++) {
        copy_block(o, b);
    }
    return true;
}
