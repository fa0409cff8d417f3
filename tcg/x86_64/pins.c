/*
 * Pinned variables: which variables keep a host register (their home) through a region that has
 * joins, and what is known about them where paths join.
 *
 * The gain of a pin is what blocks would otherwise load and store at their ends, weighted by how
 * often they run; its cost is a load at the entry and a store at exits, and a register less for
 * everything else. Then two data-flow problems over the blocks, on sets of homes: which may be
 * dirty (forward) and which are read before they are written (backward). At a join, those that are
 * either hold the variable; an edge to the join loads them if they do not.
 */
#include "tcg/x86_64/emit.h"

/* Registers left to values: no op needs more at once. */
#define TEMP_GPRS (1u << RSI | 1u << RDI | 1u << R8)
#define TEMP_XMMS (1u << XMM2 | 1u << XMM3 | 1u << XMM4 | 1u << XMM5 | 1u << XMM6)
#define MAX_DEPTH 4
#define MIN_GAIN 4

typedef struct BlockSets {
    uint32_t set;     /* written after the last flush of the block */
    uint32_t flushed; /* stored by a call */
    uint32_t read;    /* read before written */
    uint32_t killed;  /* written, or made stale by a call, before read */
    uint32_t live_in;
} BlockSets;

static uint64_t block_weight(const IrBlock *block)
{
    unsigned depth = MIN(block->loop_depth, MAX_DEPTH);

    return block->cold ? 0 : (uint64_t)MAX(block->weight, 1u) << (3 * depth);
}

/* Adds up per variable what a block that begins with nothing in registers has to load and store. */
static void count_block(const Emit *e, const IrBlock *block, uint64_t *gain)
{
    uint64_t weight = block_weight(block);
    unsigned nvars = e->ir->nvars;
    uint8_t seen[nvars];

    memset(seen, 0, nvars);
    for (unsigned i = block->first; i < block->first + block->count; i++) {
        const IrInsn *in = &e->insns[i];
        unsigned bit = in->op == IR_get_var ? 1 : 2;

        if (in->op != IR_get_var && in->op != IR_set_var) {
            continue;
        }
        /* A read after a write finds the value in a register. */
        if (!(seen[in->imm] & bit) && !(bit == 1 && seen[in->imm])) {
            gain[in->imm] += weight;
        }
        seen[in->imm] |= bit;
    }
}

static unsigned home_for(uint32_t *free, uint32_t cls, uint32_t prefer)
{
    uint32_t mask = *free & cls;
    unsigned r;

    if (!mask) {
        return NOREG;
    }
    r = __builtin_ctz(mask & prefer ? mask & prefer : mask);
    *free &= ~(1u << r);
    return r;
}

/* Gives homes to the variables with the largest gain. */
static void assign_homes(Emit *e, uint64_t *gain)
{
    uint32_t free = (ALLOC_GPRS & ~TEMP_GPRS) | (ALLOC_XMMS & ~TEMP_XMMS);

    for (;;) {
        unsigned best = 0, home;

        for (unsigned v = 1; v < e->ir->nvars; v++) {
            best = gain[v] > gain[best] ? v : best;
        }
        if (gain[best] < MIN_GAIN) {
            return;
        }
        gain[best] = 0;
        /* Calls leave the callee-saved ones alone. */
        home = home_for(&free, type_is_int(e->ir->vars[best].type) ? GPR_MASK : XMM_MASK,
                        CALLEE_SAVED);
        if (home == NOREG) {
            continue;
        }
        e->home[best] = home;
        e->pin_mask |= 1u << home;
        if (is_xmm(home)) {
            regs_note_vector(e, e->ir->vars[best].type);
        }
    }
}

static void scan_sets(const Emit *e, const IrBlock *block, BlockSets *s)
{
    for (unsigned i = block->first; i < block->first + block->count; i++) {
        const IrInsn *in = &e->insns[i];

        if (in->op == IR_get_var || in->op == IR_set_var) {
            unsigned home = e->home[in->imm];

            if (home == NOREG) {
                continue;
            }
            if (in->op == IR_set_var) {
                s->set |= 1u << home;
                s->killed |= 1u << home & ~s->read;
            } else {
                s->read |= 1u << home & ~s->killed;
            }
        } else if (in->op == IR_call) {
            unsigned flags = e->ir->helpers[in->imm].flags;

            if (flags & (IR_HELPER_READS_STATE | IR_HELPER_WRITES_STATE | IR_HELPER_MAY_FAULT)) {
                s->flushed = e->pin_mask;
                s->set = 0;
            }
            if (flags & IR_HELPER_WRITES_STATE) {
                s->killed |= e->pin_mask & ~s->read;
            }
        }
    }
}

/* Successors of a block: 0 to 2. */
unsigned block_successors(const Emit *e, const IrBlock *block, unsigned out[2])
{
    const IrInsn *end = &e->insns[block->first + block->count - 1];

    if (end->op != IR_br && end->op != IR_brcond) {
        return 0;
    }
    out[0] = end->target[0];
    out[1] = end->target[1];
    return end->op == IR_br ? 1 : 2;
}

static void solve(Emit *e, BlockSets *sets)
{
    unsigned nblocks = e->ir->nblocks, out[2];
    bool changed;

    do {
        changed = false;
        for (unsigned b = 0; b < nblocks; b++) {
            uint32_t dirty = sets[b].set | (e->blocks[b].dirty_in & ~sets[b].flushed);
            unsigned n = block_successors(e, &e->ir->blocks[b], out);

            for (unsigned k = 0; k < n; k++) {
                BlockInfo *to = &e->blocks[out[k]];

                changed |= (dirty & ~to->dirty_in) != 0;
                to->dirty_in |= dirty;
            }
        }
        for (unsigned b = nblocks; b-- > 0;) {
            unsigned n = block_successors(e, &e->ir->blocks[b], out);
            uint32_t live = sets[b].read;

            for (unsigned k = 0; k < n; k++) {
                live |= sets[out[k]].live_in & ~sets[b].killed;
            }
            changed |= live != sets[b].live_in;
            sets[b].live_in = live;
        }
    } while (changed);
    for (unsigned b = 0; b < nblocks; b++) {
        e->blocks[b].valid_in = e->blocks[b].dirty_in | sets[b].live_in;
    }
}

static bool has_joins(const Emit *e)
{
    for (unsigned b = 0; b < e->ir->nblocks; b++) {
        if (e->blocks[b].canonical) {
            return true;
        }
    }
    return false;
}

void pins_choose(Emit *e)
{
    uint64_t gain[e->ir->nvars];
    BlockSets *sets;

    if (!e->how->optimize || e->ir->nvars == 0 || !has_joins(e)) {
        return;
    }
    memset(gain, 0, sizeof(gain));
    for (unsigned b = 0; b < e->ir->nblocks; b++) {
        count_block(e, &e->ir->blocks[b], gain);
    }
    assign_homes(e, gain);
    if (!e->pin_mask) {
        return;
    }
    e->alloc_mask &= ~e->pin_mask;
    sets = g_new0(BlockSets, e->ir->nblocks);
    for (unsigned b = 0; b < e->ir->nblocks; b++) {
        scan_sets(e, &e->ir->blocks[b], &sets[b]);
    }
    solve(e, sets);
    g_free(sets);
    nan_plan(e);
}
