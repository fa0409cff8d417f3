/*
 * Second-tier regions: calls. See hot.h.
 *
 * A loop that calls small functions, or a function that calls itself, stays in one region: the call is a jump to
 * the callee's blocks, and the callee's return compares the guest's return address with those of the calls that
 * lead there. Nothing is pushed for the prediction of such returns, so one that takes place outside of the
 * region after all is a slow one. Therefore a call stays a call if anything in the function may leave the region
 * on the usual way: by a call to something else, an indirect jump, or into blocks for which there is no room.
 * A call through a register is tried with the register's current value, and compares when it is made.
 */
#include "accel/hot.h"
#include <string.h>

#define MAX_RETURNS 4    /* calls that one return compares with */
#define MAX_COPY_DEPTH 3 /* operations that compute the target of a return */

unsigned hot_frame(const HotRegion *hot, unsigned frame)
{
    while (hot->frames[frame].parent != frame) {
        frame = hot->frames[frame].parent;
    }
    return frame;
}

void hot_merge_frames(HotRegion *hot, unsigned a, unsigned b)
{
    a = hot_frame(hot, a);
    b = hot_frame(hot, b);
    hot->frames[a].parent = (uint8_t)b;
    hot->frames[b].open |= hot->frames[a].open;
}

static void open_frame(HotRegion *hot, unsigned frame)
{
    hot->frames[hot_frame(hot, frame)].open = true;
}

/* Whether the target of a jump can be computed again: the operations are pure, on a variable that is not
 * changed after it was read. */
static bool can_copy(const IrRegion *ir, IrRef ref, unsigned end, unsigned depth)
{
    const IrInsn *in = &ir->insns[ref];

    switch (in->op) {
    case IR_const: return true;
    case IR_add:
    case IR_and:
        return depth < MAX_COPY_DEPTH && can_copy(ir, in->arg[0], end, depth + 1) &&
               can_copy(ir, in->arg[1], end, depth + 1);
    case IR_get_var:
        for (unsigned n = ref; n < end; n++) {
            if (ir->insns[n].op == IR_set_var && ir->insns[n].imm == in->imm) {
                return false;
            }
        }
        return true;
    default: return false;
    }
}

static IrRef copy_value(IrRegion *ir, IrRef ref)
{
    IrInsn in = ir->insns[ref];

    for (unsigned k = 0; k < 4 && in.arg[k] != IR_NOREF; k++) {
        in.arg[k] = copy_value(ir, in.arg[k]);
    }
    return ir_emit(ir, (IrOp)in.op, (IrType)in.type, in.aux, in.arg[0], in.arg[1], in.arg[2],
                   in.arg[3], in.imm);
}

/* What it is in the current state; of what can_copy() says. */
static uint64_t current_value(const HotRegion *hot, IrRef ref)
{
    const IrInsn *in = &hot->ir->insns[ref];
    uint64_t value;

    switch (in->op) {
    case IR_const: return (uint64_t)in->imm;
    case IR_add: return current_value(hot, in->arg[0]) + current_value(hot, in->arg[1]);
    case IR_and: return current_value(hot, in->arg[0]) & current_value(hot, in->arg[1]);
    default:
        memcpy(&value, (const uint8_t *)vcpu_state(hot->vcpu) + hot->ir->vars[in->imm].offset,
               sizeof(value));
        return value;
    }
}

/* A call through a register at the end of block @b: what that has at the head is most often what it has here, if
 * it is a function pointer that a loop was given. */
static void guess_call(HotRegion *hot, unsigned b, const IrInsn *exit)
{
    if (hot->ncalls < HOT_MAX_CALLS &&
        can_copy(hot->ir, exit->arg[0], (unsigned)(exit - hot->ir->insns), 0)) {
        hot->calls[hot->ncalls++] = (HotCall){.block = (uint8_t)b,
                                              .guessed = true,
                                              .target = current_value(hot, exit->arg[0]),
                                              .mark = (uint64_t)exit[-1].imm};
    }
}

void hot_note_calls(HotRegion *hot, unsigned b)
{
    const IrRegion *ir = hot->ir;
    const HotBlock *block = &hot->blocks[b];

    for (unsigned k = block->ir_block; k < block->ir_end; k++) {
        const IrInsn *last = hot_last(ir, k);
        bool call = hot_is_call(ir, k);

        if (last->op == IR_exit_direct && call && hot->ncalls < HOT_MAX_CALLS) {
            hot->calls[hot->ncalls++] = (HotCall){.block = (uint8_t)b,
                                                  .target = (uint64_t)last->imm,
                                                  .mark = (uint64_t)last[-1].imm};
            continue;
        }
        if (call && last->op == IR_exit_indirect) {
            guess_call(hot, b, last);
        }
        if (call || last->op == IR_exit_lookup || last->op == IR_exit_reason ||
            (last->op == IR_exit_indirect && last->aux != IR_JUMP_RETURN)) {
            open_frame(hot, block->frame);
        }
    }
}

/* The IR block that ends with the return of a hot block, or -1. */
static int return_of(const HotRegion *hot, const HotBlock *b)
{
    for (unsigned k = b->ir_block; k < b->ir_end; k++) {
        const IrInsn *last = hot_last(hot->ir, k);

        if (last->op == IR_exit_indirect && last->aux == IR_JUMP_RETURN &&
            !hot_is_call(hot->ir, k)) {
            return (int)k;
        }
    }
    return -1;
}

/* Whether all returns of a frame can be made edges, and there is one. */
static bool returns(const HotRegion *hot, unsigned frame)
{
    bool any = false;

    for (unsigned i = 0; i < hot->done; i++) {
        const HotBlock *b = &hot->blocks[i];
        int k = hot_frame(hot, b->frame) == frame ? return_of(hot, b) : -1;

        if (k >= 0) {
            const IrInsn *last = hot_last(hot->ir, (unsigned)k);

            any = true;
            if (!can_copy(hot->ir, last->arg[0], (unsigned)(last - hot->ir->insns), 0)) {
                return false;
            }
        }
    }
    return any;
}

/* Takes in the function that @call calls; false: it stays outside, or not all of it is inside. */
static bool follow(HotRegion *hot, HotCall *call)
{
    int target = hot_find_block(hot, call->target);

    if (target < 0) {
        if (hot->nframes == HOT_MAX_FRAMES || hot->nblocks == HOT_MAX_BLOCKS) {
            return false;
        }
        hot->frames[hot->nframes] = (HotFrame){.parent = (uint8_t)hot->nframes};
        target = hot_consider(hot, call->target, hot->nframes++);
        if (target < 0 || !hot_gather(hot)) {
            return false;
        }
    }
    call->frame = hot->blocks[target].frame;
    return !hot->frames[hot_frame(hot, call->frame)].open &&
           hot_consider(hot, call->mark, hot->blocks[call->block].frame) >= 0 && hot_gather(hot);
}

/* Whether a call still may be an edge. */
static bool holds(const HotRegion *hot, const HotCall *call)
{
    unsigned frame = hot_frame(hot, call->frame), returns_here = 0;

    for (unsigned i = 0; i < hot->ncalls; i++) {
        returns_here += hot->calls[i].inside && hot_frame(hot, hot->calls[i].frame) == frame;
    }
    return !hot->frames[frame].open && returns_here <= MAX_RETURNS && returns(hot, frame);
}

void hot_follow_calls(HotRegion *hot)
{
    bool changed = true;

    for (unsigned i = 0; i < hot->ncalls; i++) { /* there may be more on the way */
        hot->calls[i].inside = follow(hot, &hot->calls[i]);
        if (!hot->calls[i].inside) {
            open_frame(hot, hot->blocks[hot->calls[i].block].frame);
        }
    }
    while (changed) {
        changed = false;
        for (unsigned i = 0; i < hot->ncalls; i++) {
            HotCall *call = &hot->calls[i];

            if (call->inside && !holds(hot, call)) {
                call->inside = false;
                open_frame(hot, hot->blocks[call->block].frame);
                changed = true;
            }
        }
    }
}

/* ---- Edges ---- */

static unsigned ir_block_at(const HotRegion *hot, uint64_t pc)
{
    return hot->blocks[hot_find_block(hot, pc)].ir_block;
}

/* The guest address of the instruction that ends an IR block. */
static uint64_t last_pc(const IrRegion *ir, unsigned block)
{
    const IrInsn *in = hot_last(ir, block);

    while (in > &ir->insns[ir->blocks[block].first] && in->op != IR_insn_start) {
        in--;
    }
    return in->op == IR_insn_start ? (uint64_t)in->imm : ir->blocks[block].pc;
}

static void make_branch(IrInsn *insn, unsigned to)
{
    *insn = (IrInsn){.op = IR_br, .arg = {IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF}};
    insn->target[0] = (uint16_t)to;
}

/* Goes on with a new block from the instruction at @end of an IR block of @b, the guest's at @pc. */
static void begin_choice(HotRegion *hot, HotBlock *b, IrInsn *end, uint64_t pc)
{
    b->ir_choice = hot->ir->nblocks;
    make_branch(end, hot->ir->nblocks);
    ir_block_begin(hot->ir, b->pc);
    ir_insn_start(hot->ir, pc);
}

/* If @target, computed again, is @value: goes on with the block there. */
static void add_choice(HotRegion *hot, const HotBlock *b, uint64_t pc, IrRef target, uint64_t value)
{
    IrRegion *ir = hot->ir;
    unsigned yes = ir_block_new(ir), no = ir_block_new(ir);
    IrRef v = copy_value(ir, target);

    ir_brcond(ir, IR_I64, IR_EQ, v, ir_const(ir, IR_I64, (int64_t)value), yes, no);
    ir_block_place(ir, yes, b->pc);
    if (value <= pc) {
        ir_emit(ir, IR_poll, IR_NONE, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF, (int64_t)value);
    }
    ir_br(ir, ir_block_at(hot, value));
    ir_block_place(ir, no, b->pc);
}

/* The call at the end of IR block @block, if its target is what was guessed; else as it was. */
static void expand_guess(HotRegion *hot, const HotCall *call, unsigned block)
{
    IrRegion *ir = hot->ir;
    HotBlock *b = &hot->blocks[call->block];
    IrRef target = hot_last(ir, block)->arg[0];
    uint64_t pc = last_pc(ir, block);

    ir->blocks[block].count--; /* the mark becomes the end */
    begin_choice(hot, b, hot_last(ir, block), pc);
    add_choice(hot, b, pc, target, call->target);
    target = copy_value(ir, target);
    ir_call_mark(ir, call->mark);
    ir_exit_indirect(ir, target, IR_JUMP_CALL);
    b->ir_last = ir->nblocks;
}

void hot_join_calls(HotRegion *hot)
{
    IrRegion *ir = hot->ir;

    for (unsigned i = 0; i < hot->ncalls; i++) {
        const HotCall *call = &hot->calls[i];
        const HotBlock *b = &hot->blocks[call->block];

        for (unsigned k = b->ir_block; call->inside && k < b->ir_end; k++) {
            if (!hot_is_call(ir, k)) {
                continue;
            }
            if (call->guessed) {
                expand_guess(hot, call, k);
            } else {
                ir->blocks[k].count--; /* the mark becomes the end */
                make_branch(hot_last(ir, k), ir_block_at(hot, call->target));
            }
        }
    }
}

/* Compares the target of a return with where the calls of its frame return to. */
static void expand_return(HotRegion *hot, HotBlock *b, unsigned block)
{
    IrRegion *ir = hot->ir;
    IrRef target = hot_last(ir, block)->arg[0];
    uint64_t pc = last_pc(ir, block);

    begin_choice(hot, b, hot_last(ir, block), pc);
    for (unsigned i = 0; i < hot->ncalls; i++) {
        const HotCall *call = &hot->calls[i];

        if (call->inside && hot_frame(hot, call->frame) == hot_frame(hot, b->frame)) {
            add_choice(hot, b, pc, target, call->mark);
        }
    }
    ir_exit_indirect(ir, copy_value(ir, target), IR_JUMP_RETURN);
    b->ir_last = ir->nblocks;
}

static bool is_called(const HotRegion *hot, unsigned frame)
{
    for (unsigned i = 0; i < hot->ncalls; i++) {
        if (hot->calls[i].inside && hot_frame(hot, hot->calls[i].frame) == frame) {
            return true;
        }
    }
    return false;
}

void hot_join_returns(HotRegion *hot)
{
    for (unsigned i = 0; i < hot->done; i++) {
        HotBlock *b = &hot->blocks[i];
        int k = is_called(hot, hot_frame(hot, b->frame)) ? return_of(hot, b) : -1;

        if (k >= 0) {
            expand_return(hot, b, (unsigned)k);
        }
    }
}

/* A function that calls itself is a loop. */
void hot_deepen_called(HotRegion *hot, unsigned max)
{
    unsigned extra[HOT_MAX_FRAMES] = {0};

    for (unsigned round = 0; round < max; round++) {
        for (unsigned i = 0; i < hot->ncalls; i++) {
            const HotCall *call = &hot->calls[i];
            const HotBlock *from = &hot->blocks[call->block];
            unsigned frame = hot_frame(hot, call->frame), caller = hot_frame(hot, from->frame);

            if (call->inside) {
                unsigned depth = frame == caller ? 1 : from->depth + extra[caller];
                extra[frame] = MAX(extra[frame], MIN(depth, max));
            }
        }
    }
    for (unsigned i = 0; i < hot->nblocks; i++) {
        HotBlock *b = &hot->blocks[i];
        b->depth = (uint8_t)MIN(b->depth + extra[hot_frame(hot, b->frame)], max);
    }
}
