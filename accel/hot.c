/*
 * From guest code to IR: second-tier regions, which join the basic blocks around a hot loop head. See
 * translate.h.
 *
 * Blocks are added breadth first along direct edges from the head, but only blocks that the first tier has
 * translated: code that never ran stays outside, behind an exit. Exits to blocks that are inside become
 * edges. A block on another page than the head's begins with a check that the page is mapped as it was.
 */
#include "accel/translate.h"
#include "softmmu/debug.h"
#include <string.h>

#define HOT_MAX_BLOCKS REGION_MAX_SPANS
#define HOT_MAX_IR 4000u
#define HOT_MAX_DEPTH 3

typedef struct HotBlock {
    uint64_t pc;
    CodePage page;
    unsigned ir_block, ir_end; /* IR blocks [ir_block, ir_end) */
    unsigned bytes;
    uint64_t last_back; /* pc of the last block with a backward edge to this one, 0: none */
    unsigned depth;
} HotBlock;

typedef struct HotRegion {
    HotBlock blocks[HOT_MAX_BLOCKS];
    unsigned nblocks;
} HotRegion;

static int find_block(const HotRegion *hot, uint64_t pc)
{
    for (unsigned i = 0; i < hot->nblocks; i++) {
        if (hot->blocks[i].pc == pc) {
            return (int)i;
        }
    }
    return -1;
}

/* Adds the block at @pc if the first tier knows it in the current mapping. */
static void consider(Vcpu *vcpu, HotRegion *hot, uint64_t pc, const Region *head)
{
    Accel *accel = accel_vcpu(vcpu)->accel;
    CodePage page;

    if (hot->nblocks == HOT_MAX_BLOCKS || find_block(hot, pc) >= 0 ||
        !tlb_code_page_cached(vcpu, pc, &page) || debug_breakpoint_at(vcpu->machine, pc)) {
        return;
    }
    const Region *r = regions_find(accel, pc, page.ram_page, head->flags, head->mode);
    if (r && r->second_page == REGION_NO_PAGE) {
        hot->blocks[hot->nblocks++] = (HotBlock){.pc = pc, .page = page};
    }
}

/* Whether instruction @n is an exit that can become an edge. */
static bool is_edge(const IrRegion *ir, unsigned n)
{
    return ir->insns[n].op == IR_exit_direct && !(n && ir->insns[n - 1].op == IR_call_mark);
}

static void translate_into(Vcpu *vcpu, HotRegion *hot, HotBlock *b, const Region *head)
{
    IrRegion *ir = &accel_vcpu(vcpu)->accel->ir;
    TranslateReq req = {.pc = b->pc,
                        .flags = head->flags,
                        .max_insns = REGION_MAX_INSNS,
                        .end_pc = debug_next_breakpoint(vcpu->machine, b->pc, TLB_PAGE_SIZE)};
    unsigned from = ir->ninsns;

    b->ir_block = ir_block_begin(ir, b->pc);
    if (b->page.exec_id != head->exec_id) {
        IrRef n =
            ir_emit(ir, IR_check_page, IR_NONE, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF, b->pc);
        ir->insns[n].len = b->page.exec_id;
    }
    vcpu->arch->translate(vcpu, ir, &req);
    b->ir_end = ir->nblocks;
    b->bytes = req.bytes;
    translate_log(vcpu, LOG_IN_ASM, b->pc, req.bytes);
    for (unsigned n = from; n < ir->ninsns; n++) {
        if (is_edge(ir, n)) {
            consider(vcpu, hot, ir->insns[n].imm, head);
        }
    }
}

/* Blocks from the target of backward edges to the last of their sources are taken for a loop. */
static void note_loop(HotRegion *hot, uint64_t from, uint64_t to)
{
    for (unsigned i = 0; i < hot->nblocks; i++) {
        HotBlock *b = &hot->blocks[i];
        if (b->pc >= to && b->pc <= from && b->depth < HOT_MAX_DEPTH) {
            b->depth++;
        }
    }
}

/* Turns exits to blocks inside into edges. */
static void join(HotRegion *hot, IrRegion *ir)
{
    for (unsigned i = 0; i < hot->nblocks; i++) {
        const HotBlock *b = &hot->blocks[i];
        for (unsigned k = b->ir_block; k < b->ir_end; k++) {
            unsigned last = ir->blocks[k].first + ir->blocks[k].count - 1;
            if (!is_edge(ir, last)) {
                continue;
            }
            int target = find_block(hot, ir->insns[last].imm);
            if (target < 0) {
                continue;
            }
            if (hot->blocks[target].pc <= b->pc) {
                hot->blocks[target].last_back = MAX(hot->blocks[target].last_back, b->pc);
            }
            ir->insns[last].op = IR_br;
            ir->insns[last].imm = 0;
            ir->insns[last].target[0] = hot->blocks[target].ir_block;
        }
    }
    for (unsigned i = 0; i < hot->nblocks; i++) {
        if (hot->blocks[i].last_back) {
            note_loop(hot, hot->blocks[i].last_back, hot->blocks[i].pc);
        }
    }
    for (unsigned i = 0; i < hot->nblocks; i++) {
        for (unsigned k = hot->blocks[i].ir_block; k < hot->blocks[i].ir_end; k++) {
            ir->blocks[k].loop_depth = hot->blocks[i].depth;
        }
    }
}

/* Whether every edge to @to comes from its own page. */
static bool is_entered_from_own_page(const HotRegion *hot, const IrRegion *ir, unsigned to)
{
    for (unsigned i = 0; i < hot->nblocks; i++) {
        for (unsigned k = hot->blocks[i].ir_block; k < hot->blocks[i].ir_end; k++) {
            const IrInsn *last = &ir->insns[ir->blocks[k].first + ir->blocks[k].count - 1];
            if (last->op == IR_br && last->target[0] == hot->blocks[to].ir_block &&
                hot->blocks[i].page.exec_id != hot->blocks[to].page.exec_id) {
                return false;
            }
        }
    }
    return true;
}

/* Takes away the page checks of blocks that are only entered from blocks that have made the same: what changes
 * mappings leaves the region. */
static void drop_checks(const HotRegion *hot, IrRegion *ir)
{
    for (unsigned i = 0; i < hot->nblocks; i++) {
        IrInsn *first = &ir->insns[ir->blocks[hot->blocks[i].ir_block].first];
        if (first->op == IR_check_page && is_entered_from_own_page(hot, ir, i)) {
            first->op = IR_insn_start; /* of the same pc */
            first->len = 0;
        }
    }
}

static Region *region_for(Accel *accel, const HotRegion *hot, const Region *head)
{
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
    HotRegion hot = {0};

    if (head->second_page != REGION_NO_PAGE || !head->exec_id) {
        return NULL;
    }
    ir_region_reset(ir);
    consider(vcpu, &hot, head->pc, head);
    unsigned done = 0;
    for (; done < hot.nblocks && ir->ninsns < HOT_MAX_IR; done++) {
        translate_into(vcpu, &hot, &hot.blocks[done], head);
    }
    hot.nblocks = done; /* the rest stays outside */
    if (!done || ir->overflow) {
        return NULL;
    }
    join(&hot, ir);
    drop_checks(&hot, ir);
    Region *region = region_for(accel_vcpu(vcpu)->accel, &hot, head);
    translate_log(vcpu, LOG_IR, head->pc, 0);
    ir_optimize(ir, 2);
    translate_log(vcpu, LOG_IR_OPT, head->pc, 0);
    return region;
}
