/*
 * From guest code to IR: second-tier regions, which join the basic blocks around a hot loop head. See
 * translate.h.
 *
 * Blocks are added breadth first along direct edges from the head, but only blocks that the first tier has
 * translated: code that never ran stays outside, behind an exit. Exits to blocks that are inside become
 * edges; so do calls of functions that are inside (hot-calls.c). A block on another page than the head's begins
 * with a check that the page is mapped as it was, unless all edges to it come from its page.
 */
#include "accel/hot.h"
#include "softmmu/debug.h"
#include <string.h>

#define HOT_MAX_IR 4000u
#define HOT_MAX_DEPTH 3
#define HOT_SHORT_BRANCH 8 /* bytes */

int hot_find_block(const HotRegion *hot, uint64_t pc)
{
    for (unsigned i = 0; i < hot->nblocks; i++) {
        if (hot->blocks[i].pc == pc) {
            return (int)i;
        }
    }
    return -1;
}

int hot_consider(HotRegion *hot, uint64_t pc, unsigned frame)
{
    Vcpu *vcpu = hot->vcpu;
    int known = hot_find_block(hot, pc);
    CodePage page;

    if (known >= 0) {
        hot_merge_frames(hot, hot->blocks[known].frame, frame);
        return known;
    }
    if (!tlb_code_page_cached(vcpu, pc, &page) || debug_breakpoint_at(vcpu->machine, pc)) {
        return -1;
    }
    const Region *r =
        regions_find(accel_vcpu(vcpu)->accel, pc, page.ram_page, hot->head->flags, hot->head->mode);
    if (!r) {
        return -1;
    }
    if (hot->nblocks == HOT_MAX_BLOCKS || r->second_page != REGION_NO_PAGE) {
        hot->frames[hot_frame(hot, frame)].open = true;
        return -1;
    }
    hot->blocks[hot->nblocks] = (HotBlock){.pc = pc, .page = page, .frame = (uint8_t)frame};
    return (int)hot->nblocks++;
}

/* Where translation of a block ends at the latest: where another one begins that is only a few instructions on, so that a
 * short branch around them stays one (tcg/branches.c) and what follows is there once. */
static uint64_t block_limit(const HotRegion *hot, const HotBlock *b)
{
    uint64_t limit = debug_next_breakpoint(hot->vcpu->machine, b->pc, TLB_PAGE_SIZE);

    for (unsigned i = 0; i < hot->nblocks; i++) {
        uint64_t pc = hot->blocks[i].pc;

        if (pc > b->pc && pc - b->pc <= HOT_SHORT_BRANCH && (!limit || pc < limit) &&
            hot->blocks[i].frame == b->frame) {
            limit = pc;
        }
    }
    return limit;
}

static void translate_into(HotRegion *hot, unsigned index)
{
    IrRegion *ir = hot->ir;
    HotBlock *b = &hot->blocks[index];
    TranslateReq req = {.pc = b->pc,
                        .flags = hot->head->flags,
                        .max_insns = REGION_MAX_INSNS,
                        .end_pc = block_limit(hot, b)};

    b->ir_block = ir_block_begin(ir, b->pc);
    if (b->page.exec_id != hot->head->exec_id) {
        IrRef n =
            ir_emit(ir, IR_check_page, IR_NONE, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF, b->pc);
        ir->insns[n].len = b->page.exec_id;
    }
    hot->vcpu->arch->translate(hot->vcpu, ir, &req);
    b->ir_end = ir->nblocks;
    b->bytes = req.bytes;
    translate_log(hot->vcpu, LOG_IN_ASM, b->pc, req.bytes);
    if (ir->overflow) {
        return;
    }
    hot_note_calls(hot, index);
    for (unsigned k = b->ir_block; k < b->ir_end; k++) {
        if (hot_last(ir, k)->op == IR_exit_direct && !hot_is_call(ir, k)) {
            hot_consider(hot, (uint64_t)hot_last(ir, k)->imm, b->frame);
        }
    }
}

bool hot_gather(HotRegion *hot)
{
    while (hot->done < hot->nblocks && hot->ir->ninsns < HOT_MAX_IR && !hot->ir->overflow) {
        translate_into(hot, hot->done++);
    }
    for (unsigned i = hot->done; i < hot->nblocks; i++) {
        hot->frames[hot_frame(hot, hot->blocks[i].frame)].open = true;
    }
    return hot->done == hot->nblocks;
}

/* ---- Edges ---- */

/* Turns exits to blocks inside into edges. */
static void join_jumps(HotRegion *hot)
{
    IrRegion *ir = hot->ir;

    for (unsigned i = 0; i < hot->nblocks; i++) {
        const HotBlock *b = &hot->blocks[i];
        for (unsigned k = b->ir_block; k < b->ir_end; k++) {
            IrInsn *last = hot_last(ir, k);
            int target = last->op == IR_exit_direct && !hot_is_call(ir, k)
                             ? hot_find_block(hot, (uint64_t)last->imm)
                             : -1;
            if (target >= 0) {
                last->op = IR_br;
                last->imm = 0;
                last->target[0] = (uint16_t)hot->blocks[target].ir_block;
                hot->jumps[i] |= UINT64_C(1) << target;
            }
        }
    }
}

/* The blocks that IR blocks [from, end) jump to. */
static uint64_t targets_of(const HotRegion *hot, unsigned from, unsigned end)
{
    uint64_t set = 0;

    for (unsigned k = from; k < end; k++) {
        const IrInsn *last = hot_last(hot->ir, k);
        for (unsigned i = 0; last->op == IR_br && i < hot->nblocks; i++) {
            if (hot->blocks[i].ir_block == last->target[0]) {
                set |= UINT64_C(1) << i;
            }
        }
    }
    return set;
}

static void find_successors(HotRegion *hot)
{
    for (unsigned i = 0; i < hot->nblocks; i++) {
        const HotBlock *b = &hot->blocks[i];
        hot->successors[i] =
            targets_of(hot, b->ir_block, b->ir_end) | targets_of(hot, b->ir_choice, b->ir_last);
    }
}

/* Takes away the page checks of blocks that are only entered from blocks that have made the same: what changes
 * mappings leaves the region. */
static void drop_checks(HotRegion *hot)
{
    for (unsigned i = 0; i < hot->nblocks; i++) {
        IrInsn *first = &hot->ir->insns[hot->ir->blocks[hot->blocks[i].ir_block].first];
        bool other = first->op != IR_check_page;
        for (unsigned p = 0; p < hot->nblocks && !other; p++) {
            other = (hot->successors[p] >> i & 1) &&
                    hot->blocks[p].page.exec_id != hot->blocks[i].page.exec_id;
        }
        if (!other) {
            first->op = IR_insn_start; /* of the same pc */
            first->len = 0;
        }
    }
}

/* ---- Loops ---- */

/* Code from the target of a backward jump to the last such jump there is taken for a loop: that tells loops that
 * begin with the same instruction apart. */
static void note_loop(HotRegion *hot, unsigned target)
{
    uint64_t last = 0;

    for (unsigned i = 0; i < hot->nblocks; i++) {
        if (hot->jumps[i] >> target & 1) {
            last = MAX(last, hot->blocks[i].pc);
        }
    }
    for (unsigned i = 0; i < hot->nblocks; i++) {
        HotBlock *b = &hot->blocks[i];
        if (b->pc >= hot->blocks[target].pc && b->pc <= last && b->depth < HOT_MAX_DEPTH) {
            b->depth++;
        }
    }
}

/* Tells the IR blocks how many loops they are in. */
static void find_loops(HotRegion *hot)
{
    IrRegion *ir = hot->ir;

    for (unsigned i = 0; i < hot->nblocks; i++) {
        note_loop(hot, i);
    }
    hot_deepen_called(hot, HOT_MAX_DEPTH);
    for (unsigned i = 0; i < hot->nblocks; i++) {
        const HotBlock *b = &hot->blocks[i];
        for (unsigned k = b->ir_block; k < b->ir_end; k++) {
            ir->blocks[k].loop_depth = b->depth;
        }
        for (unsigned k = b->ir_choice; k < b->ir_last; k++) {
            ir->blocks[k].loop_depth = b->depth;
        }
    }
}

/* ---- Regions ---- */

static Region *region_for(Accel *accel, const HotRegion *hot)
{
    const Region *head = hot->head;
    Region *region = regions_new(accel, head->pc, head->ram_page, head->flags, head->mode);

    region->exec_id = head->exec_id;
    region->tier = 2;
    for (unsigned i = 0; i < hot->nblocks; i++) {
        const HotBlock *b = &hot->blocks[i];
        unsigned first = b->pc & ~TLB_PAGE_MASK;
        if (b->bytes) {
            regions_add_span(region, b->page.ram_page, first, first + b->bytes - 1);
        }
    }
    return region;
}

Region *translate_hot(Vcpu *vcpu, const Region *head)
{
    IrRegion *ir = &accel_vcpu(vcpu)->accel->ir;
    HotRegion hot = {.vcpu = vcpu, .ir = ir, .head = head, .nframes = 1};

    if (head->second_page != REGION_NO_PAGE || !head->exec_id) {
        return NULL;
    }
    ir_region_reset(ir);
    hot_consider(&hot, head->pc, 0);
    if (hot_gather(&hot)) {
        hot_follow_calls(&hot);
    }
    hot.nblocks = hot.done; /* the rest stays outside */
    if (!hot.done || ir->overflow) {
        return NULL;
    }
    join_jumps(&hot);
    hot_join_calls(&hot);
    hot_join_returns(&hot);
    if (ir->overflow) {
        return NULL;
    }
    find_successors(&hot);
    drop_checks(&hot);
    find_loops(&hot);
    Region *region = region_for(accel_vcpu(vcpu)->accel, &hot);
    translate_log(vcpu, LOG_IR, head->pc, 0);
    ir_optimize(ir, 2);
    translate_log(vcpu, LOG_IR_OPT, head->pc, 0);
    return region;
}
