/*
 * Facts that hold at block entries: what is known of each variable's bits whichever way a block is
 * reached. So a constant set up before a loop is one inside of it, and FP registers that hold boxed
 * values need no check.
 *
 * A forward dataflow analysis over known bits (facts.c). It is optimistic: blocks start as
 * unreached, edges join what they bring, and blocks are walked in reverse postorder until nothing
 * changes. A block whose facts keep changing (a counter) loses the changing ones soon, so that few
 * rounds suffice. Only variables that the region reads take part.
 */
#include "tcg/optimize.h"
#include <string.h>

/* Changes of one block's entry before what changes is dropped. */
#define PATIENCE 2

/* Rounds before the analysis gives up; with PATIENCE, loops nested four deep converge. */
#define MAX_ROUNDS 16

/* o->mark of a block. */
enum { UNREACHED, REACHED };

typedef struct Flow {
    IrOptScratch *o;
    unsigned n;   /* variables that take part */
    IrFacts *now; /* of the place that is looked at */
    uint8_t *age; /* of blocks: changes of the entry */
    bool changed;
} Flow;

static void number_variables(Flow *f)
{
    IrOptScratch *o = f->o;
    const IrRegion *ir = o->ir;

    for (unsigned v = 0; v < ir->nvars; v++) {
        o->vars[v].column = OPT_NO_COLUMN;
    }
    for (uint32_t i = 0; i < ir->ninsns; i++) {
        const IrInsn *insn = &ir->insns[i];

        if (insn->op == IR_get_var && o->vars[insn->imm].column == OPT_NO_COLUMN) {
            o->vars[insn->imm].column = (uint16_t)f->n++;
        }
    }
}

/* Blocks in an order in which predecessors come first, but for loops. Returns their number. */
static unsigned reverse_postorder(IrOptScratch *o)
{
    const IrRegion *ir = o->ir;
    uint16_t *stack = o->stack;
    unsigned depth = 0, at = ir->nblocks;

    memset(o->mark, 0, ir->nblocks);
    stack[depth++] = 0;
    o->mark[0] = 1;
    while (depth) {
        unsigned b = stack[depth - 1];
        const IrInsn *last = &ir->insns[ir->blocks[b].first + ir->blocks[b].count - 1];
        unsigned ntargets = last->op == IR_br ? 1 : last->op == IR_brcond ? 2 : 0;

        /* mark - 1 targets have been followed. */
        if (o->mark[b] <= ntargets) {
            unsigned target = last->target[o->mark[b]++ - 1];

            if (!o->mark[target]) {
                o->mark[target] = 1;
                stack[depth++] = (uint16_t)target;
            }
        } else {
            o->order[--at] = (uint16_t)b;
            depth--;
        }
    }
    memmove(o->order, o->order + at, (ir->nblocks - at) * sizeof(o->order[0]));
    return ir->nblocks - at;
}

static bool same(const IrFacts *a, const IrFacts *b)
{
    return a->zeros == b->zeros && a->ones == b->ones && a->sign == b->sign;
}

/* An edge to @block brings f->now. */
static void flow_into(Flow *f, unsigned block)
{
    IrOptScratch *o = f->o;
    IrFacts *entry = o->entry + (size_t)block * f->n;
    bool changed = false;

    if (o->mark[block] == UNREACHED) {
        o->mark[block] = REACHED;
        memcpy(entry, f->now, f->n * sizeof(IrFacts));
        f->changed = true;
        return;
    }
    for (unsigned i = 0; i < f->n; i++) {
        IrFacts joined = ir_facts_join(&entry[i], &f->now[i]);

        if (!same(&joined, &entry[i])) {
            /* Bits first; how far the sign reaches shrinks by few steps. */
            if (f->age[block] >= PATIENCE) {
                joined.zeros = joined.ones = 0;
                if (joined.sign != entry[i].sign && f->age[block] > 2 * PATIENCE) {
                    joined.sign = 1;
                }
            }
            entry[i] = joined;
            changed = true;
        }
    }
    if (changed) {
        f->age[block] += f->age[block] < UINT8_MAX;
        f->changed = true;
    }
}

static void flow_insn(Flow *f, uint32_t index)
{
    IrOptScratch *o = f->o;
    const IrInsn *insn = &o->ir->insns[index];
    unsigned column;

    switch (insn->op) {
    case IR_get_var: o->facts[index] = f->now[o->vars[insn->imm].column]; break;
    case IR_set_var:
        column = o->vars[insn->imm].column;
        if (column != OPT_NO_COLUMN) {
            f->now[column] = o->facts[insn->arg[0]];
        }
        break;
    case IR_call:
        if (ir_insn_flags(o->ir, insn) & IR_FLAG_WRITES_STATE) {
            for (unsigned i = 0; i < f->n; i++) {
                f->now[i] = ir_facts_none;
            }
        }
        ir_facts_set(&o->facts[index], insn, o->facts);
        break;
    default:
        if (ir_op_info[insn->op].result != '_') {
            ir_facts_set(&o->facts[index], insn, o->facts);
        }
        break;
    }
}

static void flow_block(Flow *f, unsigned b)
{
    IrOptScratch *o = f->o;
    const IrBlock *block = &o->ir->blocks[b];
    const IrInsn *last = &o->ir->insns[block->first + block->count - 1];
    const IrFacts *x, *y;

    memcpy(f->now, o->entry + (size_t)b * f->n, f->n * sizeof(IrFacts));
    for (uint32_t i = block->first; i < block->first + block->count; i++) {
        flow_insn(f, i);
    }
    if (last->op == IR_br) {
        flow_into(f, last->target[0]);
    } else if (last->op == IR_brcond) {
        x = &o->facts[last->arg[0]];
        y = &o->facts[last->arg[1]];
        if (ir_facts_is_const(x) && ir_facts_is_const(y)) {
            bool yes = ir_eval_cond((IrCond)last->aux, (IrType)last->type, x->ones, y->ones);

            flow_into(f, last->target[!yes]);
        } else {
            flow_into(f, last->target[0]);
            flow_into(f, last->target[1]);
        }
    }
}

/* Storage for entries, f->now, and ages. */
static void allocate(Flow *f)
{
    IrOptScratch *o = f->o;
    size_t entries = ((size_t)o->ir->nblocks + 1) * MAX(f->n, 1);
    size_t size = entries * sizeof(IrFacts) + o->ir->nblocks;

    if (o->cap_flow < size) {
        o->cap_flow = 2 * size;
        g_free(o->flow);
        o->flow = g_malloc(o->cap_flow);
    }
    o->entry = o->flow;
    f->now = o->flow + (size_t)o->ir->nblocks * f->n;
    f->age = (uint8_t *)(o->flow + entries);
    memset(f->age, 0, o->ir->nblocks);
}

void opt_flow(IrOptScratch *o)
{
    Flow f = {.o = o, .changed = true};
    unsigned n, rounds = 0;

    if (o->ir->nblocks < 2) {
        return;
    }
    number_variables(&f);
    allocate(&f);
    n = reverse_postorder(o);
    memset(o->mark, UNREACHED, o->ir->nblocks);
    o->mark[0] = REACHED;
    for (unsigned i = 0; i < f.n; i++) {
        o->entry[i] = ir_facts_none;
    }
    while (f.changed && rounds++ < MAX_ROUNDS) {
        f.changed = false;
        for (unsigned i = 0; i < n; i++) {
            if (o->mark[o->order[i]] == REACHED) {
                flow_block(&f, o->order[i]);
            }
        }
    }
    o->ncolumns = f.n;
    if (f.changed) {
        o->entry = NULL; /* no fixed point: the facts are not facts */
        return;
    }
    /* Nothing is known of a block that cannot be reached, but the forward pass copies it. */
    for (unsigned b = 0; b < o->ir->nblocks; b++) {
        for (unsigned i = 0; o->mark[b] == UNREACHED && i < f.n; i++) {
            o->entry[(size_t)b * f.n + i] = ir_facts_none;
        }
    }
}
