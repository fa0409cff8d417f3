/*
 * The optimizer's driver and its forward pass.
 *
 * Translation time dominates a guest's boot, so the first tier gets one pass forward over the
 * region, which does everything that needs no look ahead, and one backward, which drops what turned
 * out to be unused. The second tier lets facts flow over block boundaries first, and groups memory
 * accesses last.
 *
 * The forward pass copies instructions (see optimize.h), with operands replaced by their copies:
 * folded algebraically, read from what is known of guest state, or as they were. A block that only
 * one jump leads to becomes part of the block that ends with the jump.
 */
#include "tcg/optimize.h"
#include "tcg/interp.h"
#include <string.h>

/* Regions beyond this are left alone: the copy might not fit into 16-bit references. */
#define MAX_OPTIMIZED_INSNS 8000u

/* The most that one instruction becomes. */
#define MAX_EXPANSION 24u

/* Short branches that one after the other become selects. */
#define MAX_ROUNDS 6

/* ---- Scratch memory ---- */

void ir_opt_scratch_free(IrOptScratch *o)
{
    if (o) {
        g_free(o->out);
        g_free(o->map);
        g_free(o->uses);
        g_free(o->facts);
        g_free(o->vars);
        g_free(o->preds);
        g_free(o->mark);
        g_free(o->order);
        g_free(o->stack);
        g_free(o->flow);
        g_free(o->groups);
        g_free(o);
    }
}

/* Room for the copy of @ninsns instructions. It grows on the way, too: see opt_reserve(). */
static void grow(IrOptScratch *o, uint32_t cap)
{
    if (o->cap < cap) {
        o->cap = MIN(MAX(cap, o->cap * 2), UINT16_MAX);
        o->out = g_renew(IrInsn, o->out, o->cap);
        o->map = g_renew(IrRef, o->map, o->cap);
        o->uses = g_renew(uint16_t, o->uses, o->cap);
        o->facts = g_renew(IrFacts, o->facts, o->cap);
    }
}

void opt_reserve(IrOptScratch *o)
{
    if (unlikely(o->n + MAX_EXPANSION > o->cap)) {
        grow(o, o->n + 2 * MAX_EXPANSION);
    }
}

static IrOptScratch *prepare(IrRegion *ir, int level)
{
    IrOptScratch *o = ir->scratch;

    if (!o) {
        o = ir->scratch = g_new0(IrOptScratch, 1);
    }
    o->ir = ir;
    o->level = level;
    o->n = 0;
    o->entry = NULL;
    grow(o, MAX(ir->cap_insns, ir->ninsns + 2 * MAX_EXPANSION));
    if (o->cap_blocks < ir->nblocks) {
        o->cap_blocks = ir->cap_blocks;
        o->preds = g_renew(uint16_t, o->preds, o->cap_blocks);
        o->mark = g_renew(uint8_t, o->mark, o->cap_blocks);
        o->order = g_renew(uint16_t, o->order, o->cap_blocks);
        o->stack = g_renew(uint16_t, o->stack, o->cap_blocks);
    }
    opt_state_reserve(o);
    return o;
}

/* ---- The copy ---- */

/* The caller adds what is known of its result. */
static IrRef append(IrOptScratch *o, const IrInsn *insn)
{
    IrRef ref = (IrRef)o->n++;

    o->out[ref] = *insn;
    o->out[ref].flags = 0;
    o->uses[ref] = 0;
    for (unsigned i = 0; i < 4 && insn->arg[i] != IR_NOREF; i++) {
        o->uses[insn->arg[i]]++;
    }
    return ref;
}

IrRef opt_put(IrOptScratch *o, const IrInsn *insn)
{
    opt_reserve(o);
    o->out[o->n] = *insn;
    return (IrRef)o->n++;
}

IrRef opt_emit(IrOptScratch *o, const IrInsn *insn)
{
    IrRef ref = append(o, insn);

    ir_facts_set(&o->facts[ref], insn, o->facts);
    return ref;
}

IrRef opt_const(IrOptScratch *o, IrType type, uint64_t v)
{
    IrInsn insn = {.op = IR_const,
                   .type = (uint8_t)type,
                   .imm = (int64_t)v,
                   .arg = {IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF}};

    return opt_emit(o, &insn);
}

/* An integer op with operands of the copy. */
static IrRef emit_int(IrOptScratch *o, IrInsn *insn)
{
    IrRef ref = opt_fold_int(o, insn);
    IrFacts *facts;

    if (ref != IR_NOREF) {
        return ref;
    }
    facts = &o->facts[o->n]; /* of what comes next */
    ir_facts_set(facts, insn, o->facts);
    if (ir_facts_is_const(facts)) {
        return opt_const(o, ir_result_type(insn), facts->ones);
    }
    return append(o, insn);
}

IrRef opt_int(IrOptScratch *o, IrOp op, IrType type, unsigned aux, IrRef a, IrRef b)
{
    IrInsn insn = {.op = (uint8_t)op,
                   .type = (uint8_t)type,
                   .aux = (uint8_t)aux,
                   .arg = {a, b, IR_NOREF, IR_NOREF}};

    return emit_int(o, &insn);
}

static IrRef emit_fp(IrOptScratch *o, IrInsn *insn)
{
    IrRef ref = opt_fold_fp(o, insn);

    return ref != IR_NOREF ? ref : opt_emit(o, insn);
}

/* Sums with a constant go into the offset. */
static void fold_address(IrOptScratch *o, IrInsn *insn)
{
    for (;;) {
        const IrInsn *d = &o->out[insn->arg[0]];
        uint64_t c;
        int64_t offset;

        if (d->op != IR_add || !opt_is_const(o, d->arg[1], &c) ||
            !opt_may_bypass(o, insn->arg[0], d->arg[0])) {
            return;
        }
        offset = (int64_t)((uint64_t)insn->imm + c);
        if (offset != (int32_t)offset) {
            return;
        }
        insn->arg[0] = d->arg[0];
        insn->imm = offset;
    }
}

/* Halves of what was joined, and the other way round. */
static IrRef fold_halves(const IrOptScratch *o, const IrInsn *insn)
{
    const IrInsn *a = &o->out[insn->arg[0]], *b;

    if (insn->op == IR_vhalf) {
        return a->op == IR_vjoin ? a->arg[insn->aux] : IR_NOREF;
    }
    b = &o->out[insn->arg[1]];
    return a->op == IR_vhalf && b->op == IR_vhalf && a->arg[0] == b->arg[0] && a->aux == 0 &&
                   b->aux == 1
               ? a->arg[0]
               : IR_NOREF;
}

/* ---- The forward pass ---- */

static IrRef forward_insn(IrOptScratch *o, IrInsn *insn)
{
    unsigned flags;
    IrRef ref;

    if (insn->op >= IR_add && insn->op <= IR_select) {
        return emit_int(o, insn);
    }
    if (insn->op >= IR_fadd && insn->op <= IR_bits_is) {
        return emit_fp(o, insn);
    }
    switch (insn->op) {
    case IR_mov: return insn->arg[0];
    case IR_get_var: return opt_get_var(o, insn);
    case IR_set_var: opt_set_var(o, insn); return IR_NOREF;
    case IR_ld_env: return opt_ld_env(o, insn);
    case IR_st_env: opt_st_env(o, insn); return IR_NOREF;
    case IR_ld:
    case IR_st: fold_address(o, insn); break;
    case IR_brcond: opt_fold_condition(o, insn); break;
    case IR_vhalf:
    case IR_vjoin:
        ref = fold_halves(o, insn);
        if (ref != IR_NOREF) {
            return ref;
        }
        break;
    default: break;
    }
    flags = ir_insn_flags(o->ir, insn);
    opt_state_effects(o, flags);
    return opt_emit(o, insn);
}

/* Copies the instructions of one of the original's blocks. */
static void forward_insns(IrOptScratch *o, uint32_t first, uint32_t count)
{
    const IrInsn *in = o->ir->insns;

    for (uint32_t i = first; i < first + count; i++) {
        IrInsn insn = in[i];

        opt_reserve(o);
        for (unsigned k = 0; k < 4 && insn.arg[k] != IR_NOREF; k++) {
            insn.arg[k] = o->map[insn.arg[k]];
        }
        o->map[i] = forward_insn(o, &insn);
    }
}

/* The only block that the copy's last instruction leads to, if nothing else leads there. */
static int sole_successor(const IrOptScratch *o)
{
    const IrInsn *last = &o->out[o->n - 1];
    unsigned target;

    if (last->op != IR_br) {
        return -1;
    }
    target = last->target[0];
    return o->preds[target] == 1 && !o->mark[target] ? (int)target : -1;
}

static bool leads_to(const IrOptScratch *o, unsigned block)
{
    const IrInsn *last;

    if (o->n == 0) {
        return false;
    }
    last = &o->out[o->n - 1];
    return (last->op == IR_br && last->target[0] == block) ||
           (last->op == IR_brcond && (last->target[0] == block || last->target[1] == block));
}

static void forward_block(IrOptScratch *o, unsigned index)
{
    IrBlock *block = &o->ir->blocks[index], *part = block;
    uint32_t start = o->n;
    int next = (int)index;

    opt_state_block(o, index, o->preds[index] == 1 && leads_to(o, index));
    for (;;) {
        uint32_t first = part->first, count = part->count;

        o->mark[next] = 1;
        part->first = o->n;
        part->count = 0;
        forward_insns(o, first, count);
        next = sole_successor(o);
        if (next < 0) {
            break;
        }
        o->n--; /* the jump */
        part = &o->ir->blocks[next];
    }
    block->first = start;
    block->count = o->n - start;
}

/* Marks the blocks that can be reached. */
static void mark_reached(IrOptScratch *o)
{
    uint16_t *stack = o->stack, out[2];
    unsigned depth = 0;

    memset(o->mark, 0, o->ir->nblocks);
    stack[depth++] = 0;
    o->mark[0] = 1;
    while (depth) {
        unsigned n = opt_successors(o->ir, stack[--depth], out);

        for (unsigned k = 0; k < n; k++) {
            if (!o->mark[out[k]]) {
                o->mark[out[k]] = 1;
                stack[depth++] = out[k];
            }
        }
    }
}

void opt_count_preds(IrOptScratch *o)
{
    const IrRegion *ir = o->ir;

    memset(o->preds, 0, ir->nblocks * sizeof(o->preds[0]));
    mark_reached(o);
    o->preds[0] = 1;
    for (unsigned b = 0; b < ir->nblocks; b++) {
        const IrInsn *last = &ir->insns[ir->blocks[b].first + ir->blocks[b].count - 1];

        if (!o->mark[b]) {
            continue;
        }
        if (last->op == IR_br || last->op == IR_brcond) {
            o->preds[last->target[0]]++;
        }
        if (last->op == IR_brcond) {
            o->preds[last->target[1]]++;
        }
    }
}

/* A block that nothing leads to: dce.c drops it. */
static void forward_unreachable(IrOptScratch *o, unsigned index)
{
    IrInsn br = {.op = IR_br, .arg = {IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF}};

    br.target[0] = (uint16_t)index;
    opt_reserve(o);
    o->ir->blocks[index].first = o->n;
    o->ir->blocks[index].count = 1;
    opt_emit(o, &br);
}

static void forward(IrOptScratch *o)
{
    IrRegion *ir = o->ir;

    memset(o->mark, 0, ir->nblocks);
    opt_state_init(o);
    for (unsigned b = 0; b < ir->nblocks; b++) {
        if (!o->preds[b]) {
            forward_unreachable(o, b);
        } else if (!o->mark[b]) {
            forward_block(o, b);
        }
    }
}

/* The copy takes the original's place. */
static void exchange(IrOptScratch *o)
{
    IrInsn *insns = o->ir->insns;
    uint32_t cap = o->ir->cap_insns;

    o->ir->insns = o->out;
    o->ir->ninsns = o->n;
    o->ir->cap_insns = MIN(o->cap, IR_MAX_INSNS);
    o->out = insns;
    /* All arrays of the copy have one capacity. */
    if (cap < o->cap) {
        o->out = g_renew(IrInsn, o->out, o->cap);
    }
}

static void check(const IrRegion *ir, const char *pass)
{
#ifdef AMPHI_DEBUG
    GString *why = g_string_new(NULL);

    if (!ir_verify(ir, why)) {
        g_string_prepend(why, "\n");
        ir_print(ir, why);
        g_error("after %s: %s", pass, why->str);
    }
    g_string_free(why, TRUE);
#endif
}

/* Facts, the forward pass, and what it leaves dead. */
static IrOptScratch *simplify(IrRegion *ir, int level)
{
    IrOptScratch *o = prepare(ir, level);

    opt_count_preds(o);
    if (level >= 2) {
        opt_flow(o);
    }
    forward(o);
    opt_remove_dead(o);
    exchange(o);
    check(ir, "the forward pass");
    return o;
}

void ir_optimize(IrRegion *ir, int level)
{
    IrOptScratch *o;

    if (level <= 0 || ir->overflow || ir->nblocks == 0 || ir->ninsns > MAX_OPTIMIZED_INSNS) {
        return;
    }
    check(ir, "the front end");
    o = simplify(ir, level);
    for (unsigned round = 0; level >= 2 && round < MAX_ROUNDS && opt_short_branches(o); round++) {
        exchange(o);
        o = simplify(ir, level);
    }
    if (level >= 2 && ir->scratch_vars && opt_stream_loops(o)) {
        exchange(o);
        check(ir, "streams");
        if (ir->ninsns <= MAX_OPTIMIZED_INSNS) {
            o = simplify(ir, level);
        }
    }
    if (level >= 2 && !ir->no_groups && opt_group_accesses(o)) {
        exchange(o);
        check(ir, "grouping");
    }
}
