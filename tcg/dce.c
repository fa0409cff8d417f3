/*
 * Dead code: what nothing uses, stores that are overwritten unseen, blocks that nothing reaches.
 *
 * The forward pass has counted uses. One walk backward drops instructions without uses, and thereby
 * uses of their operands, which come before them; one walk forward closes the gaps.
 */
#include "tcg/interp.h"
#include "tcg/optimize.h"
#include <string.h>

static bool is_removable(const IrRegion *ir, const IrInsn *insn)
{
    switch (insn->op) {
    case IR_get_var:
    case IR_ld_env:
    case IR_probe:
    case IR_fflags:
    case IR_ld_host: return true;
    case IR_call: return ir->helpers[insn->imm].flags & IR_HELPER_PURE;
    default:
        /* FP arithmetic sets sticky flags. */
        return (ir_op_info[insn->op].flags & IR_FLAG_PURE) && !ir_fp_has_flags((IrOp)insn->op);
    }
}

static void mark_dead(IrOptScratch *o)
{
    for (uint32_t i = o->n; i-- > 0;) {
        IrInsn *insn = &o->out[i];

        if (!(insn->flags & IR_INSN_DEAD)) {
            if (o->uses[i] != 0 || !is_removable(o->ir, insn)) {
                continue;
            }
            insn->flags |= IR_INSN_DEAD;
        }
        for (unsigned k = 0; k < 4 && insn->arg[k] != IR_NOREF; k++) {
            o->uses[insn->arg[k]]--;
        }
    }
}

/* Marks what the entry leads to; drops the blocks of the rest by giving the others new numbers. */
static void remove_unreachable(IrOptScratch *o)
{
    IrRegion *ir = o->ir;
    uint16_t *stack = o->order, *number = o->preds;
    unsigned depth = 0, kept = 0;

    memset(o->mark, 0, ir->nblocks);
    stack[depth++] = 0;
    o->mark[0] = 1;
    while (depth) {
        const IrBlock *block = &ir->blocks[stack[--depth]];
        const IrInsn *last = &o->out[block->first + block->count - 1];
        unsigned ntargets = last->op == IR_br ? 1 : last->op == IR_brcond ? 2 : 0;

        for (unsigned i = 0; i < ntargets; i++) {
            unsigned target = last->target[i];

            if (!o->mark[target]) {
                o->mark[target] = 1;
                stack[depth++] = (uint16_t)target;
            }
        }
    }
    for (unsigned b = 0; b < ir->nblocks; b++) {
        if (o->mark[b]) {
            number[b] = (uint16_t)kept;
            ir->blocks[kept++] = ir->blocks[b];
        }
    }
    if (kept == ir->nblocks) {
        return;
    }
    ir->nblocks = kept;
    for (unsigned b = 0; b < kept; b++) {
        IrInsn *last = &o->out[ir->blocks[b].first + ir->blocks[b].count - 1];

        if (last->op == IR_br || last->op == IR_brcond) {
            last->target[0] = number[last->target[0]];
        }
        if (last->op == IR_brcond) {
            last->target[1] = number[last->target[1]];
        }
    }
}

/* Moves what is left together. Blocks are in the order of their instructions. */
static void compact(IrOptScratch *o)
{
    IrRegion *ir = o->ir;
    uint32_t n = 0;

    for (unsigned b = 0; b < ir->nblocks; b++) {
        IrBlock *block = &ir->blocks[b];
        uint32_t first = block->first, end = first + block->count;

        block->first = n;
        for (uint32_t i = first; i < end; i++) {
            IrInsn *insn = &o->out[i];

            if (insn->flags & IR_INSN_DEAD) {
                continue;
            }
            for (unsigned k = 0; k < 4 && insn->arg[k] != IR_NOREF; k++) {
                insn->arg[k] = o->map[insn->arg[k]];
            }
            o->map[i] = (IrRef)n;
            o->out[n++] = *insn;
        }
        block->count = n - block->first;
    }
    o->n = n;
}

void opt_remove_dead(IrOptScratch *o)
{
    mark_dead(o);
    if (o->ir->nblocks > 1) {
        remove_unreachable(o);
    }
    compact(o);
}
